//! Moving a house from SQLite to PostgreSQL: copied in one transaction, then read again and compared.
//!
//! Nothing is believed of the copying: after it both databases are read through in the order of the keys, and
//! of each table the number of rows and a SHA-256 over all values have to be the same, or nothing stays.

mod tables;

use futures_util::pin_mut;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_postgres::Row;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::StoreError;
use super::postgres::Postgres;
use super::sqlite::Sqlite;

pub use tables::{Kind, TABLES, Table};

type Result<T> = std::result::Result<T, MoveError>;

/// How many rows are under way at once.
const PORTION: i32 = 1000;

/// Why a house was not moved. The target is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// One of the databases refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target is somebody's already.
    #[error(
        "the database server's database is not empty: it holds rows in {0}; nothing was copied"
    )]
    NotEmpty(&'static str),
    /// A value that is of another kind than its column.
    #[error("the database holds a damaged value in {table}.{column}; nothing was copied")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A text that PostgreSQL can't hold.
    #[error(
        "{table}.{column} holds a text with a NUL, which PostgreSQL can't hold; nothing was copied"
    )]
    Nul {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// What was read again is not what was copied.
    #[error("the copy of {0} is not equal to what it was copied from; nothing was kept")]
    NotEqual(&'static str),
    /// The thread that reads is gone.
    #[error("the reading thread stopped")]
    Stopped,
}

impl From<rusqlite::Error> for MoveError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<tokio_postgres::Error> for MoveError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What a table held when it was read through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// How many rows.
    pub rows: u64,
    /// SHA-256 over every value of every row in the order of the key: a byte for its kind, its length, itself.
    pub sha256: [u8; 32],
}

/// A value of a row.
enum Value {
    Null,
    Id(Uuid),
    Bytes(Vec<u8>),
    Text(String),
    Number(i64),
    Truth(bool),
}

impl Value {
    fn bind(&self, kind: Kind) -> &(dyn ToSql + Sync) {
        match (self, kind) {
            (Self::Null, Kind::Id) => &None::<Uuid>,
            (Self::Null, Kind::Bytes) => &None::<&[u8]>,
            (Self::Null, Kind::Text) => &None::<&str>,
            (Self::Null, Kind::Number) => &None::<i64>,
            (Self::Null, Kind::Truth) => &None::<bool>,
            (Self::Id(id), _) => id,
            (Self::Bytes(bytes), _) => bytes,
            (Self::Text(text), _) => text,
            (Self::Number(number), _) => number,
            (Self::Truth(truth), _) => truth,
        }
    }
}

/// Counts and hashes rows.
#[derive(Default)]
struct Reading {
    rows: u64,
    hash: Sha256,
}

impl Reading {
    fn row(&mut self, values: &[Value]) {
        self.rows += 1;
        for value in values {
            let number;
            let (kind, bytes): (u8, &[u8]) = match value {
                Value::Null => (0, &[]),
                Value::Id(id) => (1, id.as_bytes()),
                Value::Bytes(bytes) => (2, bytes),
                Value::Text(text) => (3, text.as_bytes()),
                Value::Number(n) => {
                    number = n.to_be_bytes();
                    (4, &number)
                }
                Value::Truth(truth) => (5, if *truth { &[1] } else { &[0] }),
            };
            self.hash.update([kind]);
            self.hash.update((bytes.len() as u64).to_be_bytes());
            self.hash.update(bytes);
        }
    }

    fn end(self) -> Read {
        Read {
            rows: self.rows,
            sha256: self.hash.finalize().into(),
        }
    }
}

/// Copies everything, and proves that it is the same; what each table held.
///
/// The source has to be at rest: whoever calls this holds the data folder's lock.
///
/// # Errors
/// When the target is not empty, a database refuses, or what arrived is not what was there.
pub async fn move_house(from: &Sqlite, to: &Postgres) -> Result<Vec<(&'static str, Read)>> {
    let mut client = to.client().await?;
    let transaction = client.transaction().await?;
    // A month of events takes longer than a statement of every day. Nobody else comes in meanwhile.
    transaction
        .batch_execute(
            "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
             LOCK TABLE installation, tenants IN ACCESS EXCLUSIVE MODE",
        )
        .await?;
    for table in TABLES.iter().filter(|table| table.name != "installation") {
        if transaction.query_one(table.holds, &[]).await?.try_get(0)? {
            return Err(MoveError::NotEmpty(table.name));
        }
    }
    // What the database was called while it was empty; it becomes the one that it is a copy of.
    transaction.execute("DELETE FROM installation", &[]).await?;
    let mut moved = Vec::new();
    for table in TABLES {
        let there = copy(from, &transaction, table).await?;
        if read_again(&transaction, table).await? != there {
            return Err(MoveError::NotEqual(table.name));
        }
        moved.push((table.name, there));
    }
    transaction.commit().await?;
    Ok(moved)
}

/// Copies a table; what it held.
async fn copy(
    from: &Sqlite,
    to: &tokio_postgres::Transaction<'_>,
    table: &'static Table,
) -> Result<Read> {
    let (send, mut rows) = mpsc::channel(PORTION as usize);
    let from = from.clone();
    let reading = tokio::task::spawn_blocking(move || read_source(&from, table, &send));
    let kinds: Vec<Type> = table
        .columns
        .iter()
        .map(|(_, kind)| sql_type(*kind))
        .collect();
    let sink = to.copy_in(table.copy).await?;
    let writer = BinaryCopyInWriter::new(sink, &kinds);
    pin_mut!(writer);
    while let Some(row) = rows.recv().await {
        let row: Vec<Value> = row;
        let values: Vec<_> = row
            .iter()
            .zip(table.columns)
            .map(|(value, (_, kind))| value.bind(*kind))
            .collect();
        writer.as_mut().write(&values).await?;
    }
    // Where the reading failed, this error is the one that counts, and the copy is never finished.
    let read = reading.await.map_err(|_| MoveError::Stopped)??;
    writer.finish().await?;
    Ok(read)
}

fn sql_type(kind: Kind) -> Type {
    match kind {
        Kind::Id => Type::UUID,
        Kind::Bytes => Type::BYTEA,
        Kind::Text => Type::TEXT,
        Kind::Number => Type::INT8,
        Kind::Truth => Type::BOOL,
    }
}

fn read_source(
    from: &Sqlite,
    table: &'static Table,
    send: &mpsc::Sender<Vec<Value>>,
) -> Result<Read> {
    let mut reading = Reading::default();
    from.look(|connection| -> Result<()> {
        let mut statement = connection.prepare(table.read)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(table.columns.len());
            for (n, (column, kind)) in table.columns.iter().enumerate() {
                values.push(value(row.get_ref(n)?, *kind, table.name, column)?);
            }
            reading.row(&values);
            // Nobody takes it any more where the target refused: its error is the one that counts.
            if send.blocking_send(values).is_err() {
                break;
            }
        }
        Ok(())
    })?;
    Ok(reading.end())
}

/// A value of SQLite's, which must be of its column's kind.
fn value(
    value: ValueRef<'_>,
    kind: Kind,
    table: &'static str,
    column: &'static str,
) -> Result<Value> {
    let damaged = || MoveError::Damaged { table, column };
    Ok(match (value, kind) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Blob(bytes), Kind::Id) => {
            Value::Id(Uuid::from_slice(bytes).map_err(|_| damaged())?)
        }
        (ValueRef::Blob(bytes), Kind::Bytes) => Value::Bytes(bytes.to_vec()),
        (ValueRef::Text(text), Kind::Text) => {
            let text = std::str::from_utf8(text).map_err(|_| damaged())?;
            if text.contains('\0') {
                return Err(MoveError::Nul { table, column });
            }
            Value::Text(text.to_owned())
        }
        (ValueRef::Integer(number), Kind::Number) => Value::Number(number),
        (ValueRef::Integer(truth @ 0..=1), Kind::Truth) => Value::Truth(truth == 1),
        _ => return Err(damaged()),
    })
}

/// Reads a table of the target through, a portion at a time.
async fn read_again(to: &tokio_postgres::Transaction<'_>, table: &'static Table) -> Result<Read> {
    let mut reading = Reading::default();
    let portal = to.bind(table.read, &[]).await?;
    loop {
        let rows = to.query_portal(&portal, PORTION).await?;
        if rows.is_empty() {
            return Ok(reading.end());
        }
        for row in &rows {
            let each = table.columns.iter().enumerate();
            let values = each.map(|(n, (_, kind))| kept(row, n, *kind));
            reading.row(&values.collect::<Result<Vec<_>>>()?);
        }
    }
}

fn kept(row: &Row, n: usize, kind: Kind) -> Result<Value> {
    let value = match kind {
        Kind::Id => row.try_get::<_, Option<Uuid>>(n)?.map(Value::Id),
        Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(n)?.map(Value::Bytes),
        Kind::Text => row.try_get::<_, Option<String>>(n)?.map(Value::Text),
        Kind::Number => row.try_get::<_, Option<i64>>(n)?.map(Value::Number),
        Kind::Truth => row.try_get::<_, Option<bool>>(n)?.map(Value::Truth),
    };
    Ok(value.unwrap_or(Value::Null))
}
