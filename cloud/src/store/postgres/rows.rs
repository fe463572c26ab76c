//! How values look in columns.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::store::forms::count;
use crate::store::{Hash, StoreError};

/// The instant in a column of microseconds.
pub(super) fn instant(row: &Row, column: &'static str) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(row.try_get(column)?).map_err(|_| StoreError::Damaged(column))
}

/// The instant in a column of microseconds, where there is one.
pub(super) fn instant_or_none(
    row: &Row,
    column: &'static str,
) -> Result<Option<Timestamp>, StoreError> {
    let microseconds: Option<i64> = row.try_get(column)?;
    microseconds
        .map(|us| Timestamp::from_microsecond(us).map_err(|_| StoreError::Damaged(column)))
        .transpose()
}

/// A non-negative number in a column.
pub(super) fn number(row: &Row, column: &'static str) -> Result<u64, StoreError> {
    count(row.try_get(column)?, column)
}

/// 32 bytes in a column: a hash or a key.
pub(super) fn bytes32(row: &Row, column: &'static str) -> Result<Hash, StoreError> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Damaged(column))
}

/// 32 bytes in a column, where there are any.
pub(super) fn bytes32_or_none(row: &Row, column: &'static str) -> Result<Option<Hash>, StoreError> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    bytes
        .map(|bytes| bytes.try_into().map_err(|_| StoreError::Damaged(column)))
        .transpose()
}
