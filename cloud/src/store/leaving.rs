//! Who leaves, and what is kept of people no longer than it may be.

use jiff::Timestamp;

use super::ways::Changing;
use super::{AccountId, Answer, Person, Role, TenantId};

/// Somebody who left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// Who.
    pub id: AccountId,
    /// Their name.
    pub name: String,
    /// Their e-mail.
    pub email: String,
    /// When they left.
    pub left: Timestamp,
}

/// Bounds of what may be kept, at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Templates of whoever left then or before.
    pub left: Timestamp,
    /// Templates that are older and were not used since.
    pub unused: Option<Timestamp>,
    /// Punches from before.
    pub punches: Option<Timestamp>,
}

/// What is kept for too long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overdue {
    /// Accounts whose templates are to go since their holder left.
    pub left: Vec<AccountId>,
    /// People whose templates were not used for too long.
    pub unused: Vec<AccountId>,
    /// How many punches are too old.
    pub punches: u64,
}

/// An account, also of whoever logs in no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEver {
    /// The name to show.
    pub name: String,
    /// Its e-mail.
    pub email: String,
    /// What it may do.
    pub role: Role,
    /// Whether its holder logs in by face.
    pub face_login: bool,
    /// Whether nobody logs in by it any more.
    pub disabled: bool,
    /// Since when it is there.
    pub created: Timestamp,
}

/// Leaving and keeping. What changes something is written down in its own transaction.
pub trait Leaving {
    /// A person leaves: they log in no more, and no PIN and no badge lets them in. Their templates are for
    /// [`super::Consents::erase`]. Their e-mail is free for somebody new.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`] where nobody of that id works here.
    fn leave(&self, changing: Changing) -> Answer<()>;

    /// Somebody who works here or did, as pay knows them.
    fn person_ever(&self, tenant: TenantId, person: AccountId) -> Answer<Option<Person>>;

    /// An account, also of whoever logs in no more.
    fn account_ever(&self, tenant: TenantId, account: AccountId) -> Answer<Option<AccountEver>>;

    /// Who left, the latest first.
    fn former(&self, tenant: TenantId) -> Answer<Vec<Former>>;

    /// What is kept for too long.
    fn overdue(&self, tenant: TenantId, bounds: Bounds) -> Answer<Overdue>;

    /// Deletes the punches of before `bound` with the signed events that say them, up to where each outbox is known
    /// to be whole. How many there were.
    fn delete_punches(
        &self,
        tenant: TenantId,
        bound: Timestamp,
        by: AccountId,
        at: Timestamp,
    ) -> Answer<u64>;
}
