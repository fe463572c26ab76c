//! Where the cloud keeps what it knows: domain operations, one method = one transaction.
//!
//! [`Store`] is what every other module sees. It is the sum of twelve traits: [`House`] (who there is: tenants,
//! accounts, people, rates, templates, sessions, pay), [`Ledger`] (what terminals said: events, terminals, claims),
//! [`Register`] (their chains), [`Ways`] (PINs and badges), [`Places`] (sites), [`Agreements`] (what was agreed about pay, pay runs),
//! [`Staff`] (who helps an owner, links by e-mail), [`Consents`] (what people agreed to, what rests on it, and its
//! erasure), [`Enrolling`] (links by which people enrol themselves), [`Leaving`] (who leaves, and what is kept too
//! long), [`Alike`] (doubles and twins) and [`Audit`] (what was done). Each database has its own implementation; none
//! is visible here.
//!
//! The tenant stands first in every key and every query; the few look-ups without a tenant (an e-mail, a
//! session's key, a terminal's id) find the tenant and are unique in the installation.
//! Instants are microseconds since 1970 in UTC, money is integer minor units, rates are decimal text with
//! six places.

pub mod agreements;
pub mod alike;
pub mod audit;
pub mod consents;
pub mod enrolling;
mod forms;
pub mod leaving;
pub mod ledger;
pub mod moving;
pub mod places;
mod placing;
pub mod postgres;
pub mod register;
mod rosters;
pub mod sqlite;
pub mod staff;
pub mod ways;

use std::pin::Pin;

use jiff::Timestamp;
use rust_decimal::Decimal;
use uuid::Uuid;

pub use agreements::Agreements;
pub use alike::Alike;
pub use audit::Audit;
pub use consents::Consents;
pub use enrolling::Enrolling;
pub use leaving::Leaving;
pub use ledger::Ledger;
pub use places::Places;
pub use register::Register;
pub use staff::Staff;
pub use ways::Ways;

/// What a store's method gives: the future of its result.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// Everything that the cloud keeps.
pub trait Store:
    House
    + Ledger
    + Register
    + Ways
    + Places
    + Agreements
    + Staff
    + Consents
    + Enrolling
    + Leaving
    + Alike
    + Audit
    + Send
    + Sync
{
}

impl<S> Store for S where
    S: House
        + Ledger
        + Register
        + Ways
        + Places
        + Agreements
        + Staff
        + Consents
        + Enrolling
        + Leaving
        + Alike
        + Audit
        + Send
        + Sync
{
}

/// One employer's organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub Uuid);

/// Who can log in. An employee's account and the person who works are one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub Uuid);

/// Which kind of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sees and pays the people of the tenant.
    Employer,
    /// Sees its own hours.
    Employee,
}

impl Kind {
    /// `employer` or `employee`, as in the database and in tokens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Employer => "employer",
            Self::Employee => "employee",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "employer" => Some(Self::Employer),
            "employee" => Some(Self::Employee),
            _ => None,
        }
    }
}

/// What an account may do: `http::rights` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Everything.
    Owner,
    /// People, their hours and pay.
    Hr,
    /// Sees and settles the hours of the site.
    Manager,
    /// Sees everything, changes nothing.
    Auditor,
    /// Terminals.
    Technician,
    /// What is its own.
    Employee,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Owner,
        Self::Hr,
        Self::Manager,
        Self::Auditor,
        Self::Technician,
        Self::Employee,
    ];

    /// Its word in the database, the API and the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Hr => "hr",
            Self::Manager => "manager",
            Self::Auditor => "auditor",
            Self::Technician => "technician",
            Self::Employee => "employee",
        }
    }

    /// The role of that word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// A SHA-256 of a secret that is itself never stored.
pub type Hash = [u8; 32];

/// Who can log in.
#[derive(Clone)]
pub struct Account {
    /// Whose organisation.
    pub tenant: TenantId,
    /// This account.
    pub id: AccountId,
    /// Employer or employee: on which side of the old routes it stands.
    pub kind: Kind,
    /// What it may do.
    pub role: Role,
    /// Whether it is the account that the set-up made.
    pub owner: bool,
    /// The name to show.
    pub username: String,
    /// As it was given, without spaces around it.
    pub email: String,
    /// bcrypt.
    pub password_hash: String,
    /// Whether its holder has switched face login on.
    pub face_login: bool,
    /// Whether its holder proved to read the e-mail.
    pub verified: bool,
}

/// A new tenant with everything that it can't be without.
pub struct NewTenant {
    /// The organisation.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// Its default site.
    pub site: NewSite,
    /// The terminal `api`: the cloud itself, signing uploaded check-ins.
    pub api: NewApi,
    /// Its first account.
    pub employer: NewAccount,
    /// When.
    pub at: Timestamp,
}

/// A site's keys are sealed before they come here.
pub struct NewSite {
    /// The site.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// IANA zone.
    pub zone: String,
    /// Ed25519 seed, sealed.
    pub signing_sealed: Vec<u8>,
    /// X25519 private key, sealed.
    pub sealing_sealed: Vec<u8>,
}

/// The terminal `api` of a tenant.
pub struct NewApi {
    /// Its id.
    pub terminal: Uuid,
    /// Its outbox.
    pub outbox: Uuid,
    /// Ed25519 public key.
    pub public_key: [u8; 32],
    /// Ed25519 seed, sealed.
    pub seed_sealed: Vec<u8>,
}

/// An account to be.
pub struct NewAccount {
    /// Its id, a UUIDv7.
    pub id: AccountId,
    /// The name to show.
    pub username: String,
    /// Without spaces around it.
    pub email: String,
    /// bcrypt.
    pub password_hash: String,
    /// Face login, where its holder asked for it.
    pub face_login: bool,
    /// Its face, where it gave one.
    pub template: Option<SealedTemplate>,
}

/// An employee to be.
pub struct NewPerson {
    /// The account, whose id the person has.
    pub account: NewAccount,
    /// Currency units an hour, six places.
    pub hourly_rate: Decimal,
    /// The employer who attested the consent to the face's use.
    pub attested_by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// A stored face reference, sealed: bound to tenant, person, model and version.
#[derive(Clone)]
pub struct SealedTemplate {
    /// The embedding's model.
    pub model: String,
    /// Of the template's bytes.
    pub version: i64,
    /// How many photographs made it.
    pub photos: i64,
    /// Nonce and ciphertext.
    pub sealed: Vec<u8>,
}

/// Which right a new tenant is founded by.
pub enum Founding {
    /// Registration is open.
    Open,
    /// The one-time set-up link, by its token's hash. The account becomes the owner.
    SetUp(Hash),
    /// A single-use invitation, by its token's hash.
    Invited(Hash),
}

/// Which right a new employee is added by.
pub enum Adding {
    /// The tenant's employer is logged in.
    Employer(TenantId),
    /// A single-use invitation of the tenant, by its token's hash. It fixes the rate.
    Invited(TenantId, Hash),
}

/// A new invitation.
pub struct NewInvitation {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: Uuid,
    /// SHA-256 of its token.
    pub token_hash: Hash,
    /// Whom it lets in.
    pub kind: Kind,
    /// An employee's rate.
    pub hourly_rate: Option<Decimal>,
    /// Who invites.
    pub created_by: AccountId,
    /// When.
    pub created: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// An invitation that is still good.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Whose.
    pub tenant: TenantId,
    /// Whom it lets in.
    pub kind: Kind,
    /// Who invites.
    pub created_by: AccountId,
    /// An employee's rate.
    pub hourly_rate: Option<Decimal>,
}

/// How a session came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A bearer token, known by its `jti`.
    Token,
    /// A browser's cookie.
    Cookie,
}

/// A session to be.
pub struct NewSession {
    /// Whose.
    pub tenant: TenantId,
    /// Whose account.
    pub account: AccountId,
    /// SHA-256 of the `jti` or the cookie.
    pub key_hash: Hash,
    /// How it came to be.
    pub kind: SessionKind,
    /// From when.
    pub issued: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// A person who works.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Who.
    pub id: AccountId,
    /// Where.
    pub site: Uuid,
    /// The name to show.
    pub name: String,
    /// For letters and log-in.
    pub email: String,
    /// (valid from, currency units an hour), earliest first.
    pub rates: Vec<(Timestamp, Decimal)>,
}

/// A tenant's site.
#[derive(Clone)]
pub struct Site {
    /// Which.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// IANA zone.
    pub zone: String,
    /// Ed25519 seed, sealed.
    pub signing_sealed: Vec<u8>,
    /// X25519 private key, sealed.
    pub sealing_sealed: Vec<u8>,
}

/// A tenant with its default site.
#[derive(Clone)]
pub struct Tenant {
    /// Which.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// Its default site.
    pub site: Site,
}

/// A template and whose it is.
#[derive(Clone)]
pub struct OwnedTemplate {
    /// Whose organisation.
    pub tenant: TenantId,
    /// Whose face.
    pub person: AccountId,
    /// The sealed reference.
    pub template: SealedTemplate,
}

/// Where the outbox of the terminal `api` stands.
#[derive(Clone)]
pub struct ApiHead {
    /// The terminal `api`.
    pub terminal: Uuid,
    /// Its outbox.
    pub outbox: Uuid,
    /// The next event's number.
    pub next: u64,
    /// SHA-256 of the previous compact JWS, zeros before the first.
    pub prev: Hash,
    /// Ed25519 seed, sealed.
    pub seed_sealed: Vec<u8>,
}

/// The punch that opened a session: what a session is named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PunchKey {
    /// The terminal.
    pub terminal: Uuid,
    /// Its outbox.
    pub outbox: Uuid,
    /// The event's number.
    pub seq: u64,
}

/// A closed session to be marked as paid.
#[derive(Clone, Debug, PartialEq)]
pub struct PaidSession {
    /// Whose.
    pub person: AccountId,
    /// The punch that opened it.
    pub opened_by: PunchKey,
    /// When it began.
    pub check_in: Timestamp,
    /// When it ended.
    pub check_out: Timestamp,
    /// What was paid.
    pub amount_minor: i64,
    /// In which currency.
    pub currency: String,
}

/// Who there is, and what they are owed.
pub trait House {
    /// The epoch of this database: new after every restore or promotion.
    fn epoch(&self) -> Answer<Uuid>;

    /// Whether no tenant exists yet.
    fn is_empty(&self) -> Answer<bool>;

    /// Puts the hash of a new set-up token in the place of the old one.
    fn set_setup_token(&self, token_hash: Hash) -> Answer<()>;

    /// Founds a tenant with its site, its terminal `api` and its first account, and uses up the right that
    /// it is founded by.
    ///
    /// # Errors
    /// [`StoreError::EmailTaken`]; [`StoreError::NoSuchToken`] for a set-up link or an invitation that is
    /// unknown, used or expired.
    fn found_tenant(&self, tenant: NewTenant, by: Founding) -> Answer<()>;

    /// Adds an employee with rate, template and attested consent.
    ///
    /// # Errors
    /// [`StoreError::EmailTaken`]; [`StoreError::NoSuchToken`] for an invitation that is unknown, used,
    /// expired, another tenant's or for another rate.
    fn add_person(&self, person: NewPerson, by: Adding) -> Answer<()>;

    /// Keeps an invitation.
    fn invite(&self, invitation: NewInvitation) -> Answer<()>;

    /// The invitation with that token, if it is still good.
    fn invitation(&self, token_hash: Hash, now: Timestamp) -> Answer<Option<Invitation>>;

    /// The account with that e-mail, whatever its upper and lower case.
    fn account_by_email(&self, email: String) -> Answer<Option<Account>>;

    /// The account with that id.
    fn account(&self, tenant: TenantId, id: AccountId) -> Answer<Option<Account>>;

    /// Switches face login on or off for an account, and keeps its holder's consent or its withdrawal.
    fn set_face_login(
        &self,
        tenant: TenantId,
        id: AccountId,
        on: bool,
        now: Timestamp,
    ) -> Answer<()>;

    /// Whether its holder switched face login off, and so withdrew what was attested or confirmed.
    fn face_login_withdrawn(&self, tenant: TenantId, id: AccountId) -> Answer<bool>;

    /// Puts a bcrypt hash made with today's cost in the place of one made with another.
    fn set_password_hash(&self, tenant: TenantId, id: AccountId, hash: String) -> Answer<()>;

    /// Opens a session, and clears expired ones away.
    fn open_session(&self, session: NewSession) -> Answer<()>;

    /// Whose session that is, if it is open at `now` and its account is not disabled.
    fn session_account(&self, key_hash: Hash, now: Timestamp) -> Answer<Option<Account>>;

    /// Closes a session at once.
    fn close_session(&self, key_hash: Hash) -> Answer<()>;

    /// Closes all sessions of an account at once; how many there were.
    fn close_sessions_of(&self, tenant: TenantId, id: AccountId) -> Answer<usize>;

    /// The tenant with its default site.
    fn tenant(&self, tenant: TenantId) -> Answer<Option<Tenant>>;

    /// All tenants with their default sites: for the loops that serve everybody.
    fn tenants(&self) -> Answer<Vec<Tenant>>;

    /// The people of a tenant, by name.
    fn people(&self, tenant: TenantId) -> Answer<Vec<Person>>;

    /// One person of a tenant.
    fn person(&self, tenant: TenantId, id: AccountId) -> Answer<Option<Person>>;

    /// Sets the rate from an instant on.
    fn set_rate(
        &self,
        tenant: TenantId,
        person: AccountId,
        from: Timestamp,
        hourly_rate: Decimal,
    ) -> Answer<()>;

    /// The template of one account.
    fn template(
        &self,
        tenant: TenantId,
        person: AccountId,
        model: String,
    ) -> Answer<Option<SealedTemplate>>;

    /// The templates of a tenant's people who work: what its terminals hold.
    fn templates(&self, tenant: TenantId, model: String) -> Answer<Vec<OwnedTemplate>>;

    /// The templates of the accounts of one kind, or of both, whose holders switched face login on, in the
    /// whole installation: what a face without an e-mail is looked for among.
    fn face_login_templates(&self, kind: Option<Kind>, model: String)
    -> Answer<Vec<OwnedTemplate>>;

    /// The templates of all employers in the whole installation: a face is one employer, as an e-mail is.
    fn employer_templates(&self, model: String) -> Answer<Vec<OwnedTemplate>>;

    /// A setting of the tenant as JSON text; `None` where its default holds.
    fn setting(&self, tenant: TenantId, key: &'static str) -> Answer<Option<String>>;

    /// Sets a setting of the tenant.
    fn set_setting(
        &self,
        tenant: TenantId,
        key: &'static str,
        value: String,
        deed: Option<audit::Deed>,
    ) -> Answer<()>;

    /// Where the outbox of the tenant's terminal `api` stands.
    fn api_head(&self, tenant: TenantId) -> Answer<ApiHead>;

    /// The sessions of a person, or of everybody, that are marked as paid.
    fn paid_sessions(
        &self,
        tenant: TenantId,
        person: Option<AccountId>,
    ) -> Answer<Vec<PaidSession>>;

    /// Marks closed sessions as paid; those that are already, and those that overlap time of the person that
    /// is, are left alone. How many are new. `locked` is how many pay runs were locked when it was seen what is due.
    ///
    /// # Errors
    /// [`StoreError::Overtaken`] where a pay run was locked since.
    fn mark_paid(
        &self,
        tenant: TenantId,
        sessions: Vec<PaidSession>,
        locked: u64,
        by: AccountId,
        now: Timestamp,
    ) -> Answer<usize>;
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another account has that e-mail.
    #[error("another account has this e-mail")]
    EmailTaken,
    /// Somebody has that badge.
    #[error("the badge is somebody's already; revoke it there first")]
    BadgeTaken,
    /// As many as there may be.
    #[error("there are as many {0} as there may be")]
    TooMany(&'static str),
    /// A template would rest on nothing.
    #[error("no consent of this person stands")]
    NoConsent,
    /// Nobody else would be left who may do everything.
    #[error("this is the only owner: make somebody else one first")]
    LastOwner,
    /// A set-up link or an invitation that is unknown, used or expired.
    #[error("the link or invitation is unknown, used or expired")]
    NoSuchToken,
    /// Something that the operation is about does not exist in this tenant.
    #[error("there is no such {0} in this tenant")]
    Missing(&'static str),
    /// Somebody else's transaction came first; look again and try again.
    #[error("another transaction came first: {0}")]
    Overtaken(&'static str),
    /// A row that no version of this program writes.
    #[error("the database holds a damaged value in {0}")]
    Damaged(&'static str),
    /// The disk is full, or fails.
    #[error("the disk of the database takes no more: make room there, or look whether it fails")]
    Disk(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// SQLite refused.
    #[error("the database refused")]
    Sqlite(#[source] rusqlite::Error),
    /// PostgreSQL refused.
    #[error("the database refused")]
    Postgres(#[source] postgres::Refusal),
    /// The database server is not there, or ended the connection.
    #[error("the database server is not reached")]
    Unreachable(#[source] postgres::Refusal),
    /// The database server wants another user or password.
    #[error("the database server does not let this program into the database {database}")]
    NotLetIn {
        /// The database.
        database: String,
        /// The server's words.
        #[source]
        source: postgres::Refusal,
    },
    /// The same was tried several times, and others came between each time.
    #[error("other transactions came between too often")]
    Conflict(#[source] postgres::Refusal),
    /// The database is not one for this program.
    #[error("the database {database} can't be used: {why}")]
    Unfit {
        /// The database.
        database: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// A newer version of this program has written it.
    #[error(
        "the database was brought to its version {found} by a newer limen-cloud, and this one knows {known}; \
         run the newer program"
    )]
    Newer {
        /// The database's version.
        found: usize,
        /// The version of this program.
        known: usize,
    },
    /// The database is of a version that can't be brought up to date.
    #[error("the database cannot be migrated")]
    Migration(#[from] Box<refinery::Error>),
    /// The folder or file can't be opened.
    #[error("cannot open the database {path}")]
    Open {
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The thread that was to do it is gone.
    #[error("the database thread stopped")]
    Stopped,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DiskFull, SystemIoFailure};
        match error.sqlite_error_code() {
            Some(DiskFull | SystemIoFailure) => Self::Disk(Box::new(error)),
            _ => Self::Sqlite(error),
        }
    }
}
