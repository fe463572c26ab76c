//! Facts as they are stored, read as what payroll computes with.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use limen_payroll::{
    Amend, Amendment, Clock, ClockStep, Direction, Method, Punch, PunchId, SyncMark,
};
use limen_wire::event::{self, Change, Event, What};
use uuid::Uuid;

use crate::store::AccountId;
use crate::store::ledger::{self, Fact};
use crate::store::places::Placements;

/// What a tenant's facts say.
#[derive(Debug, Default, PartialEq)]
pub struct Read {
    /// Who stood where, when.
    pub punches: Vec<Punch>,
    /// What was pressed afterwards.
    pub amendments: Vec<Amendment>,
    /// When a terminal's clock was known to be right.
    pub marks: Vec<SyncMark>,
    /// When a terminal's clock was set.
    pub steps: Vec<ClockStep>,
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
    /// At which site, once that was looked up.
    pub site: Option<Uuid>,
    /// Why.
    pub why: event::Rejection,
}

impl Read {
    /// Reads them. What can't be read was written by no version of this program: it is logged and left out.
    #[must_use]
    pub fn of(facts: &[Fact], marks: &[ledger::SyncMark]) -> Self {
        let mut read = Self {
            marks: marks.iter().map(mark).collect(),
            ..Self::default()
        };
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
        read.said_once();
        read
    }

    /// A terminal whose outbox forked says in a new one what the cloud may hold already, amendments and all. It is
    /// the same punch by the boot and the millisecond in it; where it was said last it counts.
    fn said_once(&mut self) {
        let mut last: HashMap<(Uuid, Uuid, u64, Uuid), (Timestamp, PunchId)> = HashMap::new();
        let mut before = BTreeSet::new();
        for punch in &self.punches {
            let key = (punch.terminal, punch.boot, punch.uptime_ms, punch.person);
            let this = (punch.received, punch.id);
            let other = *last.entry(key).or_insert(this);
            if other.1.outbox != this.1.outbox {
                before.insert(this.min(other).1);
                last.insert(key, this.max(other));
            }
        }
        if !before.is_empty() {
            self.punches.retain(|punch| !before.contains(&punch.id));
            self.amendments
                .retain(|amendment| !before.contains(&amendment.of));
        }
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
                site: None,
                why: *why,
            }),
            What::Clock { from, to } => self.steps.push(ClockStep {
                terminal: fact.key.terminal,
                boot: event.boot,
                uptime_ms: event.uptime_ms,
                by_s: to.duration_since(*from).unsigned_abs().as_secs(),
            }),
            _ => {}
        }
        if event.clock == event::Clock::Synced {
            self.marks.push(SyncMark {
                terminal: fact.key.terminal,
                boot: event.boot,
                uptime_ms: event.uptime_ms,
                at: event.at,
            });
        }
    }

    /// Says of each punch and refusal at which site it was: where its terminal hung then.
    #[must_use]
    pub fn at_sites(mut self, places: &Placements) -> Self {
        for punch in &mut self.punches {
            punch.site = Some(places.site(punch.terminal, punch.at));
        }
        for rejected in &mut self.rejected {
            rejected.site = Some(places.site(rejected.terminal, rejected.at));
        }
        self
    }

    /// Whether the clock of every punch was set when it was written.
    #[must_use]
    pub fn clocks_were_set(&self) -> bool {
        self.punches
            .iter()
            .all(|punch| punch.clock != Clock::Unsynced)
    }

    /// Of facts that came at `since` or later: each person's from the first time on at which the person had
    /// been away for longer than `quiet`, so that no session could be going on. What was before makes no
    /// difference to what is left. Beside it those who were never away for so long: theirs are left out, and
    /// all of theirs are needed.
    ///
    /// `None` where a clock was not set: then everybody's facts are needed.
    #[must_use]
    pub fn from_a_quiet_time(
        mut self,
        since: Timestamp,
        quiet: SignedDuration,
    ) -> Option<(Self, Vec<AccountId>)> {
        if !self.clocks_were_set() {
            return None;
        }
        let mut times: BTreeMap<Uuid, Vec<Timestamp>> = BTreeMap::new();
        for punch in &self.punches {
            times.entry(punch.person).or_default().push(punch.at);
        }
        let mut begins = BTreeMap::new();
        let mut restless = Vec::new();
        for (person, mut times) in times {
            times.sort_unstable();
            // Everything that happened since is here; of what came late from before, some is.
            let mut last = since;
            let begin = times.into_iter().filter(|at| *at >= since).find(|at| {
                let away = at.duration_since(last);
                last = *at;
                away > quiet
            });
            match begin {
                Some(begin) => {
                    begins.insert(person, begin);
                }
                None => restless.push(AccountId(person)),
            }
        }
        self.punches.retain(|punch| {
            begins
                .get(&punch.person)
                .is_some_and(|begin| punch.at >= *begin)
        });
        let kept: BTreeSet<PunchId> = self.punches.iter().map(|punch| punch.id).collect();
        self.amendments
            .retain(|amendment| kept.contains(&amendment.of));
        Some((self, restless))
    }

    /// Takes in what somebody else's facts say.
    pub fn join(&mut self, other: Self) {
        self.punches.extend(other.punches);
        self.amendments.extend(other.amendments);
        self.marks.extend(other.marks);
        self.steps.extend(other.steps);
    }
}

fn mark(mark: &ledger::SyncMark) -> SyncMark {
    SyncMark {
        terminal: mark.terminal,
        boot: mark.boot,
        uptime_ms: mark.uptime_ms,
        at: mark.at,
    }
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
