//! The events as terminals signed them, in the order of their chains: what an inspector checks hours against.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Answer, Hash, PunchKey, TenantId};

/// An event's place in its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which event.
    pub key: PunchKey,
    /// SHA-256 of it, as it is stored.
    pub hash: Hash,
    /// What it says of the one before it.
    pub prev: Hash,
    /// What the next one has to say.
    pub links: Hash,
    /// The compact JWS.
    pub compact: Vec<u8>,
    /// When it came.
    pub received: Timestamp,
}

/// Reads chains.
pub trait Register {
    /// Events after one, by terminal, outbox and number, at most `most`.
    fn chain(&self, tenant: TenantId, after: (Uuid, Uuid, u64), most: u32) -> Answer<Vec<Link>>;

    /// The events of facts whose clock said an instant from the first to before the second one.
    fn chained_facts(&self, tenant: TenantId, from: Timestamp, to: Timestamp) -> Answer<Vec<Link>>;
}
