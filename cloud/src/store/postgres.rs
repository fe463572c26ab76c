//! PostgreSQL, for more than one machine or for whoever has one already.
//!
//! Any number of processes may share a database. Where SQLite's one writer keeps order, rows are locked here:
//! a terminal for what it says, a person for their pay and their ways in, a site for its versions, an account
//! for its consents. Each statement sees what is committed when it begins (READ COMMITTED), so what is read
//! after a lock is the last word; whoever reads only sees one moment (REPEATABLE READ). Transactions that the
//! server ends because they got in each other's way are done again, a bounded number of times.
//!
//! Every statement is prepared and its text is a constant of this program. What the server says of an error is
//! kept without its detail: that names values.

mod accounts;
mod agreements;
mod alike;
mod audit;
mod claims;
mod consents;
mod enrolling;
mod leaving;
mod ledger;
mod open;
mod pay;
mod people;
mod places;
mod record;
mod refusal;
mod register;
mod roster;
mod rows;
mod server;
mod staff;
mod standing;
mod terminals;
mod ways;

use std::pin::Pin;

use deadpool_postgres::{Client, Pool, Transaction};
use jiff::Timestamp;
use rust_decimal::Decimal;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

use super::audit::Deed;
use super::forms::Whom;
use super::{
    Account, AccountId, Adding, Answer, ApiHead, Founding, Hash, House, Invitation, Kind,
    NewInvitation, NewPerson, NewSession, NewTenant, OwnedTemplate, PaidSession, Person,
    SealedTemplate, StoreError, Tenant, TenantId,
};

pub use refusal::Refusal;
pub use server::{CREDENTIAL, Named, Server, ServerError};

type Result<T> = std::result::Result<T, StoreError>;

/// What a piece of work in a transaction gives.
type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// How often a transaction that got in another's way is done again.
const AGAIN: u32 = 8;

/// A store in a PostgreSQL database. Cloning gives another handle on the same connections.
#[derive(Clone)]
pub struct Postgres(Pool);

/// An open transaction.
struct Tx<'a>(Transaction<'a>);

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Tx<'_> {
    /// All rows of an answer.
    async fn rows(&self, sql: &'static str, values: Values<'_>) -> Result<Vec<Row>> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query(&statement, values).await?)
    }

    /// The row of an answer that has at most one.
    async fn row(&self, sql: &'static str, values: Values<'_>) -> Result<Option<Row>> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query_opt(&statement, values).await?)
    }

    /// The row of an answer that always has one.
    async fn one(&self, sql: &'static str, values: Values<'_>) -> Result<Row> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query_one(&statement, values).await?)
    }

    /// Changes rows; how many.
    async fn change(&self, sql: &'static str, values: Values<'_>) -> Result<u64> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.execute(&statement, values).await?)
    }
}

/// What a transaction is for.
#[derive(Clone, Copy)]
enum Purpose {
    Read,
    Write,
}

impl Postgres {
    /// A connection, for what is no operation of the store.
    pub(super) async fn client(&self) -> Result<Client> {
        Ok(self.0.get().await?)
    }

    /// Runs `work` in a writing transaction, and commits if it gave `Ok`. It may be run more than once.
    fn write<A, T>(&self, asked: A, work: for<'a> fn(&'a Tx<'a>, &'a A) -> Work<'a, T>) -> Answer<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run(Purpose::Write, asked, work)
    }

    /// Runs `work` on one consistent view of the database.
    fn read<A, T>(&self, asked: A, work: for<'a> fn(&'a Tx<'a>, &'a A) -> Work<'a, T>) -> Answer<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run(Purpose::Read, asked, work)
    }

    fn run<A, T>(
        &self,
        purpose: Purpose,
        asked: A,
        work: for<'a> fn(&'a Tx<'a>, &'a A) -> Work<'a, T>,
    ) -> Answer<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let store = self.clone();
        Box::pin(async move {
            let mut left = AGAIN;
            loop {
                match store.once(purpose, &asked, work).await {
                    Err(StoreError::Conflict(_)) if left > 0 => left -= 1,
                    other => return other,
                }
            }
        })
    }

    async fn once<A, T>(
        &self,
        purpose: Purpose,
        asked: &A,
        work: for<'a> fn(&'a Tx<'a>, &'a A) -> Work<'a, T>,
    ) -> Result<T> {
        let mut client = self.client().await?;
        let builder = client.build_transaction();
        let builder = match purpose {
            Purpose::Read => builder
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true),
            Purpose::Write => builder.isolation_level(IsolationLevel::ReadCommitted),
        };
        let t = Tx(builder.start().await?);
        // Where this fails or is given up half-way, dropping the transaction rolls it back.
        let value = work(&t, asked).await?;
        t.0.commit().await?;
        Ok(value)
    }
}

impl House for Postgres {
    fn epoch(&self) -> Answer<Uuid> {
        self.read((), |t, ()| Box::pin(accounts::epoch(t)))
    }

    fn is_empty(&self) -> Answer<bool> {
        self.read((), |t, ()| Box::pin(accounts::is_empty(t)))
    }

    fn set_setup_token(&self, token_hash: Hash) -> Answer<()> {
        self.write(token_hash, |t, token_hash| {
            Box::pin(accounts::set_setup_token(t, token_hash))
        })
    }

    fn found_tenant(&self, tenant: NewTenant, by: Founding) -> Answer<()> {
        self.write((tenant, by), |t, (tenant, by)| {
            Box::pin(accounts::found_tenant(t, tenant, by))
        })
    }

    fn add_person(&self, person: NewPerson, by: Adding) -> Answer<()> {
        self.write((person, by), |t, (person, by)| {
            Box::pin(people::add(t, person, by))
        })
    }

    fn invite(&self, invitation: NewInvitation) -> Answer<()> {
        self.write(invitation, |t, invitation| {
            Box::pin(accounts::invite(t, invitation))
        })
    }

    fn invitation(&self, token_hash: Hash, now: Timestamp) -> Answer<Option<Invitation>> {
        self.read((token_hash, now), |t, (token_hash, now)| {
            Box::pin(accounts::invitation(t, token_hash, *now))
        })
    }

    fn account_by_email(&self, email: String) -> Answer<Option<Account>> {
        self.read(email, |t, email| Box::pin(accounts::by_email(t, email)))
    }

    fn account(&self, tenant: TenantId, id: AccountId) -> Answer<Option<Account>> {
        self.read((tenant, id), |t, (tenant, id)| {
            Box::pin(accounts::by_id(t, *tenant, *id))
        })
    }

    fn set_face_login(
        &self,
        tenant: TenantId,
        id: AccountId,
        on: bool,
        now: Timestamp,
    ) -> Answer<()> {
        self.write((tenant, id, on, now), |t, (tenant, id, on, now)| {
            Box::pin(accounts::set_face_login(t, *tenant, *id, *on, *now))
        })
    }

    fn face_login_withdrawn(&self, tenant: TenantId, id: AccountId) -> Answer<bool> {
        let consent = self.read((tenant, id), |t, (tenant, id)| {
            Box::pin(accounts::face_login_consent(t, *tenant, *id))
        });
        Box::pin(async move { Ok(consent.await?.is_withdrawn()) })
    }

    fn set_password_hash(&self, tenant: TenantId, id: AccountId, hash: String) -> Answer<()> {
        self.write((tenant, id, hash), |t, (tenant, id, hash)| {
            Box::pin(accounts::set_password_hash(t, *tenant, *id, hash))
        })
    }

    fn open_session(&self, session: NewSession) -> Answer<()> {
        self.write(session, |t, session| {
            Box::pin(accounts::open_session(t, session))
        })
    }

    fn session_account(&self, key_hash: Hash, now: Timestamp) -> Answer<Option<Account>> {
        self.read((key_hash, now), |t, (key_hash, now)| {
            Box::pin(accounts::session_account(t, key_hash, *now))
        })
    }

    fn close_session(&self, key_hash: Hash) -> Answer<()> {
        self.write(key_hash, |t, key_hash| {
            Box::pin(accounts::close_session(t, key_hash))
        })
    }

    fn close_sessions_of(&self, tenant: TenantId, id: AccountId) -> Answer<usize> {
        self.write((tenant, id), |t, (tenant, id)| {
            Box::pin(accounts::close_sessions_of(t, *tenant, *id))
        })
    }

    fn tenant(&self, tenant: TenantId) -> Answer<Option<Tenant>> {
        let found = self.read(tenant, |t, tenant| {
            Box::pin(people::tenants(t, Some(*tenant)))
        });
        Box::pin(async move { Ok(found.await?.pop()) })
    }

    fn tenants(&self) -> Answer<Vec<Tenant>> {
        self.read((), |t, ()| Box::pin(people::tenants(t, None)))
    }

    fn people(&self, tenant: TenantId) -> Answer<Vec<Person>> {
        self.read(tenant, |t, tenant| {
            Box::pin(people::list(t, *tenant, Whom::Everybody))
        })
    }

    fn person(&self, tenant: TenantId, id: AccountId) -> Answer<Option<Person>> {
        let found = self.read((tenant, id), |t, (tenant, id)| {
            Box::pin(people::list(t, *tenant, Whom::Working(*id)))
        });
        Box::pin(async move { Ok(found.await?.pop()) })
    }

    fn set_rate(
        &self,
        tenant: TenantId,
        person: AccountId,
        from: Timestamp,
        hourly_rate: Decimal,
    ) -> Answer<()> {
        let asked = (tenant, person, from, hourly_rate);
        self.write(asked, |t, (tenant, person, from, hourly_rate)| {
            Box::pin(people::set_rate(t, *tenant, *person, *from, *hourly_rate))
        })
    }

    fn template(
        &self,
        tenant: TenantId,
        person: AccountId,
        model: String,
    ) -> Answer<Option<SealedTemplate>> {
        self.read((tenant, person, model), |t, (tenant, person, model)| {
            Box::pin(people::template(t, *tenant, *person, model))
        })
    }

    fn templates(&self, tenant: TenantId, model: String) -> Answer<Vec<OwnedTemplate>> {
        self.read((tenant, model), |t, (tenant, model)| {
            Box::pin(people::templates(t, *tenant, model))
        })
    }

    fn face_login_templates(
        &self,
        kind: Option<Kind>,
        model: String,
    ) -> Answer<Vec<OwnedTemplate>> {
        self.read((kind, model), |t, (kind, model)| {
            Box::pin(people::face_login_templates(t, *kind, model))
        })
    }

    fn employer_templates(&self, model: String) -> Answer<Vec<OwnedTemplate>> {
        self.read(model, |t, model| {
            Box::pin(people::employer_templates(t, model))
        })
    }

    fn setting(&self, tenant: TenantId, key: &'static str) -> Answer<Option<String>> {
        self.read((tenant, key), |t, (tenant, key)| {
            Box::pin(people::setting(t, *tenant, key))
        })
    }

    fn set_setting(
        &self,
        tenant: TenantId,
        key: &'static str,
        value: String,
        deed: Option<Deed>,
    ) -> Answer<()> {
        let asked = (tenant, key, value, deed);
        self.write(asked, |t, (tenant, key, value, deed)| {
            let deed = deed.as_ref();
            Box::pin(people::set_setting(t, *tenant, key, value, deed))
        })
    }

    fn api_head(&self, tenant: TenantId) -> Answer<ApiHead> {
        self.read(tenant, |t, tenant| Box::pin(pay::api_head(t, *tenant)))
    }

    fn paid_sessions(
        &self,
        tenant: TenantId,
        person: Option<AccountId>,
    ) -> Answer<Vec<PaidSession>> {
        self.read((tenant, person), |t, (tenant, person)| {
            Box::pin(pay::paid_sessions(t, *tenant, *person))
        })
    }

    fn mark_paid(
        &self,
        tenant: TenantId,
        sessions: Vec<PaidSession>,
        locked: u64,
        by: AccountId,
        now: Timestamp,
    ) -> Answer<usize> {
        let asked = (tenant, sessions, locked, (by, now));
        self.write(asked, |t, (tenant, sessions, locked, by)| {
            Box::pin(pay::mark_paid(t, *tenant, sessions, *locked, *by))
        })
    }
}
