//! Facts as they are stored, read as what payroll computes with.

use jiff::Timestamp;
use limen_payroll::{Amend, Amendment, Clock, Direction, Method, Punch, PunchId, SyncMark};
use limen_wire::event::{self, Change, Event, What};
use uuid::Uuid;

use crate::store::ledger::Fact;

/// What a tenant's facts say.
#[derive(Debug, Default, PartialEq)]
pub struct Read {
    /// Who stood where, when.
    pub punches: Vec<Punch>,
    /// What was pressed afterwards.
    pub amendments: Vec<Amendment>,
    /// When a terminal's clock was known to be right.
    pub marks: Vec<SyncMark>,
    /// Attempts that named nobody, earliest first.
    pub rejected: Vec<Rejected>,
}

/// An attempt that named nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// When, by the terminal's clock; by its receipt where that clock was not set.
    pub at: Timestamp,
    /// Where.
    pub terminal: Uuid,
    /// Why.
    pub why: event::Rejection,
}

impl Read {
    /// Reads them. What can't be read was written by no version of this program: it is logged and left out.
    #[must_use]
    pub fn of(facts: &[Fact]) -> Self {
        let mut read = Self::default();
        for fact in facts {
            match serde_json::from_str::<Event>(&fact.body) {
                Ok(event) => read.take(fact, &event),
                Err(cause) => tracing::warn!(
                    terminal = %fact.key.terminal, outbox = %fact.key.outbox, seq = fact.key.seq, %cause,
                    "a stored fact cannot be read and does not count"
                ),
            }
        }
        read.rejected.sort_by_key(|rejected| rejected.at);
        read
    }

    fn take(&mut self, fact: &Fact, event: &Event) {
        let id = PunchId {
            outbox: fact.key.outbox,
            seq: fact.key.seq,
        };
        match &event.what {
            What::Punch(punch) => self.punches.push(Punch {
                id,
                person: punch.person,
                site: None,
                terminal: fact.key.terminal,
                at: event.at,
                received: fact.received,
                live: came_at_once(event.at, fact.received),
                clock: clock(event.clock),
                boot: event.boot,
                uptime_ms: event.uptime_ms,
                direction: direction(punch.direction),
                method: method(punch.method),
            }),
            What::Amend(amend) => self.amendments.push(Amendment {
                id,
                of: PunchId {
                    outbox: id.outbox,
                    seq: amend.of,
                },
                amend: match amend.change {
                    Change::Direction(way) => Amend::Direction(direction(way)),
                    Change::NotMe => Amend::NotMe,
                },
            }),
            What::Rejected { why } => self.rejected.push(Rejected {
                at: if event.clock == event::Clock::Unsynced {
                    fact.received
                } else {
                    event.at
                },
                terminal: fact.key.terminal,
                why: *why,
            }),
            _ => {}
        }
        self.marks.extend(super::mark(fact.key.terminal, event));
    }
}

/// Whether the clock of every punch was set when it was written.
#[must_use]
pub fn clocks_were_set(facts: &[Fact]) -> bool {
    let read = Read::of(facts);
    read.punches
        .iter()
        .all(|punch| punch.clock == Clock::Synced)
}

/// An event doesn't say whether it comes from a backlog. One that is late by more than a network's ordinary
/// life is taken to; one that is early is flagged either way.
fn came_at_once(at: Timestamp, received: Timestamp) -> bool {
    received.duration_since(at).unsigned_abs().as_secs() <= 60
}

fn clock(clock: event::Clock) -> Clock {
    match clock {
        event::Clock::Synced => Clock::Synced,
        event::Clock::Holdover => Clock::Holdover,
        event::Clock::Unsynced => Clock::Unsynced,
    }
}

fn direction(direction: event::Direction) -> Direction {
    match direction {
        event::Direction::In => Direction::In,
        event::Direction::Out => Direction::Out,
        event::Direction::Auto => Direction::Auto,
    }
}

fn method(method: event::Method) -> Method {
    match method {
        event::Method::Face => Method::Face,
        event::Method::Pin => Method::Pin,
        event::Method::Badge => Method::Badge,
        event::Method::Qr => Method::Qr,
        event::Method::Upload => Method::Upload,
    }
}
