//! The chain of an outbox: each event carries the hash of the one before.
//!
//! Whoever holds the end of the chain can tell for any other event whether it follows, is already there,
//! leaves a gap, or shows that the chain has forked: two terminals with one identity, a restored card.

use uuid::Uuid;

use crate::bytes::Hash;
use crate::event::{Event, OutboxHead, What};
use crate::jws::Chain;

/// The hash of an event: SHA-256 of its compact JWS as it was signed and stored.
pub fn hash(compact: &str) -> Hash {
    Hash::of(compact.as_bytes())
}

/// Where an event stands, seen from the end of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It follows the end.
    Next,
    /// It is the end: already there.
    Duplicate,
    /// Its number is before the end: to be compared with what is stored under it.
    Earlier,
    /// It comes later; what is missing before it must come first.
    Gap {
        /// The first number that is missing.
        from: u64,
        /// The last number that is missing.
        to: u64,
    },
    /// It is not of the same history.
    Fork {
        /// The number of the first event that is known to differ.
        at: u64,
    },
    /// It is of another outbox.
    OtherOutbox,
}

impl OutboxHead {
    /// The end of an outbox in which nothing is yet.
    pub fn start(outbox: Uuid) -> Self {
        Self {
            outbox,
            seq: 0,
            hash: Hash::ZERO,
        }
    }

    /// The place of the next event.
    pub fn next(&self) -> Chain {
        Chain {
            outbox: self.outbox,
            seq: self.seq + 1,
            prev: self.hash,
        }
    }

    /// Where an event with `chain` and `hash` stands. `hash` is [`links_as`] of it.
    pub fn place(&self, chain: &Chain, hash: &Hash) -> Place {
        if chain.outbox != self.outbox {
            return Place::OtherOutbox;
        }
        match self.seq {
            end if chain.seq < end => Place::Earlier,
            end if chain.seq == end => {
                if *hash == self.hash {
                    Place::Duplicate
                } else {
                    Place::Fork { at: end }
                }
            }
            end if chain.seq == end + 1 => {
                if chain.prev == self.hash {
                    Place::Next
                } else {
                    Place::Fork { at: end }
                }
            }
            end => Place::Gap {
                from: end + 1,
                to: chain.seq - 1,
            },
        }
    }

    /// The end after an event that is [`Place::Next`].
    #[must_use]
    pub fn after(&self, chain: &Chain, hash: Hash) -> Self {
        Self {
            outbox: chain.outbox,
            seq: chain.seq,
            hash,
        }
    }
}

/// The hash by which an event is linked: its own, but a [`What::Void`] has the one of the row that it
/// stands for, because the row after it was signed over that.
pub fn links_as(compact: &str, event: Option<&Event>) -> Hash {
    match event {
        Some(Event {
            what: What::Void { stands_for },
            ..
        }) => *stands_for,
        _ => hash(compact),
    }
}
