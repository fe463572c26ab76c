//! The embedded default: one SQLite file.
//!
//! One writer connection, behind a lock, and readers beside it (WAL). A COMMIT is on the disk when it
//! returns (`synchronous=FULL`), and what is deleted is overwritten (`secure_delete`).

mod accounts;
mod agreements;
mod alike;
mod audit;
mod claims;
mod consents;
mod enrolling;
mod leaving;
mod ledger;
mod pay;
mod people;
mod places;
mod register;
mod roster;
mod rows;
mod staff;
mod terminals;
mod ways;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::audit::Deed;
use super::forms::Whom;
use super::{
    Account, AccountId, Adding, Answer, ApiHead, Founding, Hash, House, Invitation, Kind,
    NewInvitation, NewPerson, NewSession, NewTenant, OwnedTemplate, PaidSession, Person,
    SealedTemplate, StoreError, Tenant, TenantId,
};

mod migrations {
    refinery::embed_migrations!("migrations/sqlite");
}

/// The file's name in the data folder.
pub const FILE: &str = "limen.db";

/// How many idle reading connections are kept.
const READERS: usize = 4;

/// How long a connection waits for another.
const BUSY: Duration = Duration::from_secs(5);

/// A store in one SQLite file. Cloning gives another handle on the same file.
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// How many migrations the file has behind it.
fn applied(connection: &Connection) -> Result<usize, rusqlite::Error> {
    let is_new = connection.query_row(
        "SELECT count(*) = 0 FROM sqlite_schema WHERE name = 'refinery_schema_history'",
        [],
        |row| row.get(0),
    )?;
    if is_new {
        return Ok(0);
    }
    let applied = "SELECT count(*) FROM refinery_schema_history";
    let applied: i64 = connection.query_row(applied, [], |row| row.get(0))?;
    Ok(usize::try_from(applied).unwrap_or(usize::MAX))
}

impl Sqlite {
    /// Opens the file, makes it where it is missing, and brings it up to date. `epoch` names a new database.
    ///
    /// # Errors
    /// When the file can't be opened, or is of a version that this program doesn't know.
    pub fn open(path: &Path, epoch: Uuid, now: Timestamp) -> Result<Self, StoreError> {
        let opened = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut writer = connect(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(opened)?;
        writer
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(opened)?;
        let runner = migrations::migrations::runner();
        let (found, known) = (applied(&writer)?, runner.get_migrations().len());
        if found > known {
            return Err(StoreError::Newer { found, known });
        }
        runner.run(&mut writer).map_err(Box::new)?;
        writer.execute(
            "INSERT OR IGNORE INTO installation (only_row, epoch, created) VALUES (1, ?1, ?2)",
            (rows::id(epoch), now.as_microsecond()),
        )?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
        })))
    }

    /// Runs `work` on one consistent view of the database, here and now: on a thread that may wait.
    pub(super) fn look<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<rusqlite::Error>,
    {
        let mut reader = self.0.reader()?;
        let value = {
            let transaction = reader.transaction()?;
            work(&transaction)?
        };
        self.0.put_back(reader);
        Ok(value)
    }

    /// Opens the database of a data folder that a cloud has served from, as it is.
    ///
    /// # Errors
    /// When there is none, or it can't be opened.
    pub fn existing(data: &Path) -> Result<Self, StoreError> {
        let path = data.join(FILE);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let writer = connect(&path, flags).map_err(|source| StoreError::Open {
            path: path.clone(),
            source,
        })?;
        Ok(Self(Arc::new(Inner {
            path,
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
        })))
    }

    /// Runs `work` in a writing transaction on a blocking thread, and commits if it gave `Ok`.
    fn write<T, F>(&self, work: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            tokio::task::spawn_blocking(move || {
                // A panic inside a transaction rolled it back when it was dropped: the connection is good.
                let mut writer = inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
                let transaction =
                    writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let value = work(&transaction)?;
                transaction.commit()?;
                Ok(value)
            })
            .await
            .unwrap_or(Err(StoreError::Stopped))
        })
    }

    /// Runs `work` on one consistent view of the database on a blocking thread.
    fn read<T, F>(&self, work: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.clone();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || store.look(work))
                .await
                .unwrap_or(Err(StoreError::Stopped))
        })
    }
}

impl Inner {
    fn reader(&self) -> Result<Connection, rusqlite::Error> {
        let idle = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(reader) => Ok(reader),
            None => connect(
                &self.path,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            ),
        }
    }

    fn put_back(&self, reader: Connection) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS {
            readers.push(reader);
        }
    }
}

impl House for Sqlite {
    fn epoch(&self) -> Answer<Uuid> {
        self.read(accounts::epoch)
    }

    fn is_empty(&self) -> Answer<bool> {
        self.read(accounts::is_empty)
    }

    fn set_setup_token(&self, token_hash: Hash) -> Answer<()> {
        self.write(move |t| accounts::set_setup_token(t, &token_hash))
    }

    fn found_tenant(&self, tenant: NewTenant, by: Founding) -> Answer<()> {
        self.write(move |t| accounts::found_tenant(t, &tenant, &by))
    }

    fn add_person(&self, person: NewPerson, by: Adding) -> Answer<()> {
        self.write(move |t| people::add(t, &person, &by))
    }

    fn invite(&self, invitation: NewInvitation) -> Answer<()> {
        self.write(move |t| accounts::invite(t, &invitation))
    }

    fn invitation(&self, token_hash: Hash, now: Timestamp) -> Answer<Option<Invitation>> {
        self.read(move |t| accounts::invitation(t, &token_hash, now))
    }

    fn account_by_email(&self, email: String) -> Answer<Option<Account>> {
        self.read(move |t| accounts::by_email(t, &email))
    }

    fn account(&self, tenant: TenantId, id: AccountId) -> Answer<Option<Account>> {
        self.read(move |t| accounts::by_id(t, tenant, id))
    }

    fn set_face_login(
        &self,
        tenant: TenantId,
        id: AccountId,
        on: bool,
        now: Timestamp,
    ) -> Answer<()> {
        self.write(move |t| accounts::set_face_login(t, tenant, id, on, now))
    }

    fn face_login_withdrawn(&self, tenant: TenantId, id: AccountId) -> Answer<bool> {
        self.read(move |t| Ok(accounts::face_login_consent(t, tenant, id)?.is_withdrawn()))
    }

    fn set_password_hash(&self, tenant: TenantId, id: AccountId, hash: String) -> Answer<()> {
        self.write(move |t| accounts::set_password_hash(t, tenant, id, &hash))
    }

    fn open_session(&self, session: NewSession) -> Answer<()> {
        self.write(move |t| accounts::open_session(t, &session))
    }

    fn session_account(&self, key_hash: Hash, now: Timestamp) -> Answer<Option<Account>> {
        self.read(move |t| accounts::session_account(t, &key_hash, now))
    }

    fn close_session(&self, key_hash: Hash) -> Answer<()> {
        self.write(move |t| accounts::close_session(t, &key_hash))
    }

    fn close_sessions_of(&self, tenant: TenantId, id: AccountId) -> Answer<usize> {
        self.write(move |t| accounts::close_sessions_of(t, tenant, id))
    }

    fn tenant(&self, tenant: TenantId) -> Answer<Option<Tenant>> {
        self.read(move |t| Ok(people::tenants(t, Some(tenant))?.pop()))
    }

    fn tenants(&self) -> Answer<Vec<Tenant>> {
        self.read(|t| people::tenants(t, None))
    }

    fn people(&self, tenant: TenantId) -> Answer<Vec<Person>> {
        self.read(move |t| people::list(t, tenant, Whom::Everybody))
    }

    fn person(&self, tenant: TenantId, id: AccountId) -> Answer<Option<Person>> {
        self.read(move |t| Ok(people::list(t, tenant, Whom::Working(id))?.pop()))
    }

    fn set_rate(
        &self,
        tenant: TenantId,
        person: AccountId,
        from: Timestamp,
        hourly_rate: Decimal,
    ) -> Answer<()> {
        self.write(move |t| people::set_rate(t, tenant, person, from, hourly_rate))
    }

    fn template(
        &self,
        tenant: TenantId,
        person: AccountId,
        model: String,
    ) -> Answer<Option<SealedTemplate>> {
        self.read(move |t| people::template(t, tenant, person, &model))
    }

    fn templates(&self, tenant: TenantId, model: String) -> Answer<Vec<OwnedTemplate>> {
        self.read(move |t| people::templates(t, tenant, &model))
    }

    fn face_login_templates(
        &self,
        kind: Option<Kind>,
        model: String,
    ) -> Answer<Vec<OwnedTemplate>> {
        self.read(move |t| people::face_login_templates(t, kind, &model))
    }

    fn employer_templates(&self, model: String) -> Answer<Vec<OwnedTemplate>> {
        self.read(move |t| people::employer_templates(t, &model))
    }

    fn setting(&self, tenant: TenantId, key: &'static str) -> Answer<Option<String>> {
        self.read(move |t| people::setting(t, tenant, key))
    }

    fn set_setting(
        &self,
        tenant: TenantId,
        key: &'static str,
        value: String,
        deed: Option<Deed>,
    ) -> Answer<()> {
        self.write(move |t| people::set_setting(t, tenant, key, &value, deed))
    }

    fn api_head(&self, tenant: TenantId) -> Answer<ApiHead> {
        self.read(move |t| pay::api_head(t, tenant))
    }

    fn paid_sessions(
        &self,
        tenant: TenantId,
        person: Option<AccountId>,
    ) -> Answer<Vec<PaidSession>> {
        self.read(move |t| pay::paid_sessions(t, tenant, person))
    }

    fn mark_paid(
        &self,
        tenant: TenantId,
        sessions: Vec<PaidSession>,
        locked: u64,
        by: AccountId,
        now: Timestamp,
    ) -> Answer<usize> {
        self.write(move |t| pay::mark_paid(t, tenant, &sessions, locked, (by, now)))
    }
}
