//! What terminals said: events, and what is concluded about each at its arrival.

use jiff::Timestamp;
use uuid::Uuid;

use super::{AccountId, Answer, Hash, PunchKey, TenantId};

/// An event whose signature held, as it is to be kept.
#[derive(Clone)]
pub struct NewEvent {
    /// Whose terminal.
    pub tenant: TenantId,
    /// The terminal.
    pub terminal: Uuid,
    /// Its outbox.
    pub outbox: Uuid,
    /// The event's number in the outbox, from 1.
    pub seq: u64,
    /// SHA-256 of the compact JWS.
    pub hash: Hash,
    /// The compact JWS as it came.
    pub compact: Vec<u8>,
    /// When it came.
    pub received: Timestamp,
    /// What attendance is concluded from, where the event says any of it.
    pub fact: Option<NewFact>,
    /// Why it can't be placed and goes to quarantine; `None` places it.
    pub quarantine: Option<String>,
    /// For the cloud's own events: the outbox must still stand at this event's number, or nothing of the
    /// batch is written ([`super::StoreError::Overtaken`]). Moves the head of the terminal `api`.
    pub own: bool,
}

/// What an event says that attendance is concluded from.
#[derive(Clone)]
pub struct NewFact {
    /// The event's kind: `punch`, `amend`, `clock` and so on.
    pub kind: String,
    /// When, by the terminal's clock.
    pub at: Timestamp,
    /// Who, for a punch.
    pub person: Option<AccountId>,
    /// Which event of the same outbox an `amend` is about.
    pub amends: Option<u64>,
    /// The claims as JSON.
    pub body: String,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Kept now.
    Stored,
    /// Was there already, byte for byte.
    Duplicate,
    /// Its number holds a different event: kept in quarantine, and the outbox is marked as forked.
    Fork,
    /// Kept in quarantine.
    Quarantined,
}

/// A fact as it is read back.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Where it comes from.
    pub key: PunchKey,
    /// The event's kind.
    pub kind: String,
    /// When, by the terminal's clock.
    pub at: Timestamp,
    /// When it came.
    pub received: Timestamp,
    /// Who, for a punch.
    pub person: Option<AccountId>,
    /// Which event of the same outbox an `amend` is about.
    pub amends: Option<u64>,
    /// The claims as JSON.
    pub body: String,
}

/// What terminals said.
pub trait Ledger {
    /// Keeps a batch of events in one transaction; the outcomes are in the batch's order.
    ///
    /// # Errors
    /// [`super::StoreError::Overtaken`] when an event of the cloud's own is not the next of its outbox: then
    /// nothing of the batch is kept.
    fn record_events(&self, batch: Vec<NewEvent>) -> Answer<Vec<Outcome>>;

    /// The facts of one person (with the amendments of their punches), or of everybody in the tenant, whose
    /// `at` lies in `from..to`; in order of `at`, terminal, outbox, number. Clock facts of the terminals
    /// are among them either way.
    fn facts(
        &self,
        tenant: TenantId,
        person: Option<AccountId>,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<Vec<Fact>>;
}
