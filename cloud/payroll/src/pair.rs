//! From one person's punches to sessions.
//!
//! A stated direction wins. `auto` is the other one than before: out for who is in, in for who
//! isn't, and "in" lasts at most `max_session`. What can't be paired is an exception and is paid
//! nothing; an hour is never invented.

use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    anomaly::{Anomaly, Kind},
    facts::{Placed, ReadAs, Reading},
    plan::Plan,
    punch::{Direction, PunchId},
    rules::{Pairing, Rulebook, Rules},
};

/// A punch's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Stamp {
    /// Which punch.
    pub punch: PunchId,
    /// When it was.
    pub at: Timestamp,
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The person is at work.
    Open,
    /// In and out are known: the only one that is paid.
    Closed,
    /// No out within the longest session: an exception.
    Forgotten,
    /// The next punch states in again: an exception.
    MissingOut,
}

/// A stretch of work of one person. It is never cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Whose.
    pub person: Uuid,
    /// The site where it began; its zone decides the day.
    pub site: Option<Uuid>,
    /// The working day on which it began.
    pub day: Date,
    /// Its beginning.
    pub check_in: Stamp,
    /// Its end; there is one when it is [`State::Closed`], never before the beginning.
    pub check_out: Option<Stamp>,
    /// How it stands.
    pub state: State,
    /// The version of the rules at its beginning, by which it was computed.
    pub rules: u32,
}

impl Session {
    /// The time that counts, in whole seconds, a begun second left out. Elapsed time between two
    /// instants: wall clocks and their changes have no part in it.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.check_out.map_or(0, |out| self.seconds_until(out.at))
    }

    /// Whole seconds from the beginning to that instant.
    pub(crate) fn seconds_until(&self, at: Timestamp) -> u64 {
        u64::try_from(at.duration_since(self.check_in.at).as_secs()).unwrap_or(0)
    }
}

/// What the punches of one person came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paired {
    /// By their beginning.
    pub sessions: Vec<Session>,
    /// One for each punch, in their order.
    pub readings: Vec<Reading>,
    /// About a punch, which is the first that each names.
    pub anomalies: Vec<Anomaly>,
    /// Before which punches, by number, nothing was going on: whoever begins to read there reads the same.
    pub rests: Vec<usize>,
    /// Whether something was going on after the last punch.
    pub open: bool,
}

/// A session that has begun.
struct Begun<'a> {
    check_in: Stamp,
    site: Option<Uuid>,
    day: Date,
    rules: &'a Rules,
    /// Only where the first in is paired with the last out.
    last_out: Option<Stamp>,
    /// Since when the person is in; `None` after `last_out`.
    inside: Option<Stamp>,
}

struct Pairer<'a> {
    person: Uuid,
    plan: &'a Plan,
    begun: Option<Begun<'a>>,
    paired: Paired,
}

/// Pairs the punches of one person, which are given by time, up to the first punch that nothing is going on before and
/// that `until` names; to the end where it names none.
pub(crate) fn pair(
    person: Uuid,
    punches: &[Placed],
    (rulebook, plan): (&Rulebook, &Plan),
    as_of: Timestamp,
    until: impl Fn(usize) -> bool,
) -> Paired {
    let mut pairer = Pairer {
        person,
        plan,
        begun: None,
        paired: Paired::default(),
    };
    let mut counted: Option<(Timestamp, Direction)> = None;
    for (n, punch) in punches.iter().enumerate() {
        let rules = rulebook.at(punch.at);
        let alone = counted.is_none_or(|(at, _)| punch.at.duration_since(at) >= rules.repunch());
        if alone && pairer.rests_before(punch, rules) {
            if until(n) {
                break;
            }
            pairer.paired.rests.push(n);
        }
        let double_read = counted.is_some_and(|(at, direction)| {
            punch.at.duration_since(at) < rules.repunch()
                && (punch.direction == Direction::Auto || punch.direction == direction)
        });
        if double_read {
            pairer.paired.readings.push(punch.reading(ReadAs::Ignored));
            continue;
        }
        let direction = pairer.count(punch, rules);
        counted = Some((punch.at, direction));
        let read_as = if direction == Direction::In {
            ReadAs::In
        } else {
            ReadAs::Out
        };
        pairer.paired.readings.push(punch.reading(read_as));
    }
    pairer.paired.open = pairer.begun.is_some();
    if let Some(begun) = pairer.begun.take() {
        let over = as_of.duration_since(begun.check_in.at) > begun.rules.max_session();
        pairer.finish(
            begun,
            if over { State::Forgotten } else { State::Open },
            None,
        );
    }
    pairer.paired
}

impl<'a> Pairer<'a> {
    /// Whether nobody is in, and nobody who comes in now goes on with a session that has an out already.
    fn rests_before(&self, punch: &Placed, rules: &Rules) -> bool {
        let day = || {
            self.plan
                .working_day(self.person, punch.site, punch.at, rules)
        };
        self.begun
            .as_ref()
            .is_none_or(|begun| begun.inside.is_none() && begun.day != day())
    }

    /// Takes a punch into account and says which way it went.
    fn count(&mut self, punch: &Placed, rules: &'a Rules) -> Direction {
        let (plan, person) = (self.plan, self.person);
        let day = || plan.working_day(person, punch.site, punch.at, rules);
        if let Some(begun) = self.begun.take() {
            let too_long = punch.at.duration_since(begun.check_in.at) > begun.rules.max_session();
            if too_long || (begun.inside.is_none() && begun.day != day()) {
                self.finish(begun, State::Forgotten, None);
            } else {
                self.begun = Some(begun);
            }
        }
        let direction = match punch.direction {
            Direction::Auto if self.begun.is_some() => Direction::Out,
            Direction::Auto => Direction::In,
            stated => stated,
        };
        let stamp = Stamp {
            punch: punch.id,
            at: punch.at,
        };
        match (direction, self.begun.take()) {
            (Direction::Out, None) => self.anomaly(stamp, Kind::MissingIn, vec![punch.id]),
            (Direction::Out, Some(mut begun)) => {
                begun.last_out = Some(stamp);
                begun.inside = None;
                match begun.rules.pairing {
                    Pairing::EveryValidPair => self.finish(begun, State::Closed, None),
                    Pairing::FirstInLastOut => self.begun = Some(begun),
                }
            }
            (_, Some(mut begun))
                if begun.rules.pairing == Pairing::FirstInLastOut && begun.day == day() =>
            {
                begun.inside.get_or_insert(stamp);
                self.begun = Some(begun);
            }
            (_, before) => {
                if let Some(begun) = before {
                    self.finish(begun, State::MissingOut, Some(punch.id));
                }
                self.begun = Some(Begun {
                    check_in: stamp,
                    site: punch.site,
                    day: day(),
                    rules,
                    last_out: None,
                    inside: Some(stamp),
                });
            }
        }
        direction
    }

    /// Ends a session. Who is still inside after the last out has begun one more, in the state
    /// that is given; `next` is the punch that shows it.
    fn finish(&mut self, begun: Begun<'_>, unpaired: State, next: Option<PunchId>) {
        if let Some(out) = begun.last_out {
            self.session(&begun, begun.check_in, Some(out), State::Closed);
        }
        if let Some(inside) = begun.inside {
            self.session(&begun, inside, None, unpaired);
            let kind = match unpaired {
                State::Forgotten => Kind::Forgotten,
                State::MissingOut => Kind::MissingOut,
                State::Open | State::Closed => return,
            };
            self.anomaly(
                inside,
                kind,
                std::iter::once(inside.punch).chain(next).collect(),
            );
        }
    }

    fn session(
        &mut self,
        begun: &Begun<'_>,
        check_in: Stamp,
        check_out: Option<Stamp>,
        state: State,
    ) {
        self.paired.sessions.push(Session {
            person: self.person,
            site: begun.site,
            day: begun.day,
            check_in,
            check_out,
            state,
            rules: begun.rules.version,
        });
    }

    fn anomaly(&mut self, stamp: Stamp, kind: Kind, punches: Vec<PunchId>) {
        self.paired.anomalies.push(Anomaly {
            person: Some(self.person),
            at: Some(stamp.at),
            kind,
            punches,
        });
    }
}
