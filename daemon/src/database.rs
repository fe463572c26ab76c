//! `terminal.db`: one SQLite file for the outbox and the roster.
//!
//! Write-ahead log, and a COMMIT is on the disk when it returns (`synchronous=FULL`): on this
//! the green light rests. What is deleted is overwritten (`secure_delete`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use uuid::Uuid;

mod check;

pub use check::fault;

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// The file's name in the data folder.
pub const FILE: &str = "terminal.db";

/// How long a writer waits for the other one.
const BUSY: Duration = Duration::from_secs(10);

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file can't be opened or made.
    #[error(
        "cannot open the database {path}: {source}; if it is damaged, keep it elsewhere for whoever repairs it and start again: a new outbox begins"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: rusqlite::Error,
    },
    /// The file is of a newer program, or its history was changed.
    #[error("cannot bring the database {path} up to date: {source}")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<refinery::Error>,
    },
    /// There is no room for another row; nothing was written, and what is there stands.
    #[error(
        "the disk is full: nothing was recorded, and what was recorded before is safe; make room in the data folder"
    )]
    Full,
    /// Any other failure.
    #[error("the database failed: {0}")]
    Sql(#[source] rusqlite::Error),
    /// A value is not as this program wrote it.
    #[error("the database holds a damaged {0}")]
    Damaged(&'static str),
}

impl DatabaseError {
    /// Whether the file itself may be damaged: nothing of the machine around it is to blame.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Sql(source) => check::is_of_the_file(source),
            Self::Damaged(_) => true,
            Self::Migrate { .. } | Self::Full => false,
        }
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sql(error),
        }
    }
}

/// When a COMMIT is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// When it returns.
    Full,
    /// Some time later: for what costs only a repetition when it is lost.
    Lazy,
}

/// Opens another connection to the database in `data`, which [`migrate`] made.
///
/// # Errors
/// When the file can't be opened.
pub fn connect(data: &Path, sync: Sync) -> Result<Connection, DatabaseError> {
    let path = data.join(FILE);
    open(&path, sync).map_err(|source| DatabaseError::Open { path, source })
}

/// Opens the database in `data` to look into it: nothing is written, and a terminal may work with it meanwhile.
///
/// # Errors
/// When the file can't be opened.
pub fn look_into(data: &Path) -> Result<Connection, DatabaseError> {
    let path = data.join(FILE);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    };
    open().map_err(|source| DatabaseError::Open {
        path: path.clone(),
        source,
    })
}

fn open(path: &Path, sync: Sync) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(
        None,
        "synchronous",
        match sync {
            Sync::Full => "FULL",
            Sync::Lazy => "NORMAL",
        },
    )?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Makes the database where it is missing, readable by its owner alone, and brings it up to date.
///
/// # Errors
/// When the folder can't be written, or the file is of a version that this program doesn't know.
pub fn migrate(data: &Path) -> Result<(), DatabaseError> {
    let path = data.join(FILE);
    crate::keys::make_private(&path).map_err(|source| DatabaseError::Open {
        path: path.clone(),
        source: rusqlite::Error::ToSqlConversionFailure(Box::new(source)),
    })?;
    let mut connection = connect(data, Sync::Full)?;
    migrations::migrations::runner()
        .run(&mut connection)
        .map_err(|source| DatabaseError::Migrate {
            path,
            source: Box::new(source),
        })?;
    Ok(())
}

/// A UUID as it stands in a column.
pub fn id(id: Uuid) -> [u8; 16] {
    id.into_bytes()
}

/// A column of 16 bytes as a UUID.
///
/// # Errors
/// When it has another length.
pub fn uuid(bytes: &[u8], what: &'static str) -> Result<Uuid, DatabaseError> {
    Uuid::from_slice(bytes).map_err(|_| DatabaseError::Damaged(what))
}

/// A column of 32 bytes.
///
/// # Errors
/// When it has another length.
pub fn hash(bytes: &[u8], what: &'static str) -> Result<[u8; 32], DatabaseError> {
    bytes.try_into().map_err(|_| DatabaseError::Damaged(what))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_commit_is_on_the_disk_and_a_deletion_is_an_erasure() {
        let folder = tempfile::tempdir().unwrap();
        migrate(folder.path()).unwrap();
        migrate(folder.path()).unwrap();
        let connection = connect(folder.path(), Sync::Full).unwrap();
        let pragma = |name: &str| -> String {
            connection
                .pragma_query_value(None, name, |row| {
                    row.get::<_, rusqlite::types::Value>(0)
                        .map(|v| format!("{v:?}"))
                })
                .unwrap()
        };
        assert_eq!(pragma("synchronous"), "Integer(2)");
        assert_eq!(pragma("secure_delete"), "Integer(1)");
        assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
        let mode = std::fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), [0x5a; 8192]).unwrap();
        let said = migrate(folder.path()).unwrap_err().to_string();
        assert!(said.contains(FILE), "{said}");
    }
}
