//! What the server says when something fails, and what it means.

use std::error::Error;
use std::fmt;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// What the server said of an error, without the detail and the context: those name the values of rows.
#[derive(Debug)]
pub struct Refusal {
    /// The SQLSTATE, where the server said one.
    pub code: Option<SqlState>,
    said: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} (SQLSTATE {})", self.said, code.code()),
            None => f.write_str(&self.said),
        }
    }
}

impl Error for Refusal {}

impl Refusal {
    pub(super) fn new(error: &tokio_postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            return Self {
                code: Some(said.code().clone()),
                said: said.message().to_owned(),
            };
        }
        let mut said = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            said = format!("{said}: {error}");
            cause = error.source();
        }
        Self { code: None, said }
    }

    fn words(said: &str) -> Self {
        Self {
            code: None,
            said: said.to_owned(),
        }
    }

    /// What of the caller's it is about.
    fn meaning(self) -> StoreError {
        let Some(code) = &self.code else {
            return StoreError::Unreachable(self);
        };
        let class = &code.code()[..2];
        if *code == SqlState::DISK_FULL || *code == SqlState::IO_ERROR {
            StoreError::Disk(Box::new(self))
        } else if *code == SqlState::T_R_SERIALIZATION_FAILURE
            || *code == SqlState::T_R_DEADLOCK_DETECTED
        {
            StoreError::Conflict(self)
        } else if class == "08" || class == "57" || class == "53" {
            // The connection failed; somebody ended it or the server is ending; it has no more to give.
            StoreError::Unreachable(self)
        } else {
            StoreError::Postgres(self)
        }
    }
}

/// Whether it came from the line to the server, and not from a value that does not fit.
pub(super) fn is_of_the_line(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    error.is_closed()
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let refusal = Refusal::new(&error);
        if refusal.code.is_some() || is_of_the_line(&error) {
            refusal.meaning()
        } else {
            Self::Postgres(refusal)
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => match Self::from(error) {
                Self::Postgres(refusal) => Self::Unreachable(refusal),
                other => other,
            },
            PoolError::Timeout(TimeoutType::Wait) => {
                Self::Unreachable(Refusal::words("all connections were in use for too long"))
            }
            PoolError::Timeout(_) => {
                Self::Unreachable(Refusal::words("it took too long to connect"))
            }
            other => Self::Unreachable(Refusal::words(&other.to_string())),
        }
    }
}
