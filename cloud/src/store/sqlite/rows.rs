//! How values look in columns.

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use uuid::Uuid;

use crate::store::{AccountId, StoreError, TenantId};

/// A UUID as its 16 bytes.
pub(super) struct Id(pub(super) Uuid);

/// A UUID as its 16 bytes.
pub(super) fn id(uuid: Uuid) -> Id {
    Id(uuid)
}

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Uuid::from_slice(value.as_blob()?)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

impl ToSql for TenantId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for TenantId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Id::column_result(value).map(|id| Self(id.0))
    }
}

impl ToSql for AccountId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for AccountId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Id::column_result(value).map(|id| Self(id.0))
    }
}

/// The instant in a column of microseconds.
pub(super) fn instant(row: &Row<'_>, column: &'static str) -> Result<Timestamp, StoreError> {
    let microseconds = row.get(column)?;
    Timestamp::from_microsecond(microseconds).map_err(|_| StoreError::Damaged(column))
}

/// A non-negative number in a column.
pub(super) fn number(row: &Row<'_>, column: &'static str) -> Result<u64, StoreError> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| StoreError::Damaged(column))
}
