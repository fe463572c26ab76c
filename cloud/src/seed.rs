//! The old backend's people and hours, out of the files that `mongoexport` writes.
//!
//! Three collections: employers, employees, attendance. Each employer becomes an organisation, with the same
//! identifiers ([`ids`]) and the same password hashes; an encoding becomes a template that only ever vouches for
//! its owner (1:1), since it was made of one squeezed picture. A stretch of work becomes two punches of the same
//! form as uploaded check-ins, signed by the terminal `api`: hours and pay come out of the one computation.
//!
//! [`Plan::of`] reads everything and writes nothing. [`Plan::commit`] writes what is not there yet, and a second
//! time nothing: a record is known again by its identifier. What can't be taken is told with its file, its line
//! and its identifier, and stops nothing else.

mod commit;
mod files;
pub mod ids;
mod plan;
mod records;
mod report;
mod work;

use std::path::PathBuf;

use crate::accounts::founding::NoPlace;
use crate::attendance::AttendanceError;
use crate::attendance::upload::NotRecorded;
use crate::store::StoreError;
use crate::vault::VaultError;

pub use plan::{Count, Plan, Verdict};
pub use records::Wrong;
pub use report::{Report, Row};

/// Why nothing more was imported.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A file can't be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// None of the files is there.
    #[error(
        "{0} holds none of employers.json, employees.json and attendance.json: export each collection there \
         with `mongoexport --collection employers --out employers.json`, and so on"
    )]
    Nothing(PathBuf),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template can't be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An organisation can't be founded.
    #[error(transparent)]
    Found(#[from] NoPlace),
    /// A punch can't be signed.
    #[error(transparent)]
    Sign(#[from] NotRecorded),
    /// Hours can't be computed.
    #[error(transparent)]
    Attendance(#[from] AttendanceError),
}
