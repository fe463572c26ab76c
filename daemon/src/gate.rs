//! When a recognised person's punch is meant: one a visit, and not again too soon.
//!
//! Pure: the time is passed in, as the monotonic time since the camera's start, so that a clock
//! that is set can't open or shut the gate, and tests need no patience.

mod rules;

use std::collections::HashMap;
use std::time::Duration;

use limen_wire::event::{Change, Direction, Punch, Rejection};
use uuid::Uuid;

pub use rules::{Looks, Rules};

/// Proof that a punch survives a pulled plug: it was written and synced. Nothing turns green
/// without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durable {
    /// The outbox that it is in.
    pub outbox: Uuid,
    /// The event's number in its outbox.
    pub seq: u64,
}

/// Why a punch could not be recorded, in words for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Where punches are kept.
pub trait Punches: Send + Sync {
    /// Records a punch; comes back when it is durable.
    ///
    /// # Errors
    /// [`Refused`] when it is not, a full disk for instance: then there was no punch.
    fn punch(&self, punch: Punch) -> Result<Durable, Refused>;

    /// Records what was said on the screen about a punch; comes back when it is durable.
    ///
    /// # Errors
    /// [`Refused`] when it is not, or when another outbox was begun since that punch.
    fn amend(&self, of: Durable, change: Change) -> Result<(), Refused>;

    /// Records that somebody was not let in; told once per visit. Whoever keeps it logs what
    /// goes wrong.
    fn rejected(&self, why: Rejection);

    /// How a person came or went last at any terminal, as far as that is known.
    fn lately(&self, person: Uuid) -> Option<Lately>;

    /// Keeps whether faces are off until a person looked, also over a start of the program.
    fn set_face_off(&self, is_off: bool);

    /// What [`Punches::set_face_off`] was told last.
    fn face_is_off(&self) -> bool;
}

/// How a person came or went last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lately {
    /// How long ago.
    pub ago: Duration,
    /// [`Direction::In`] or [`Direction::Out`].
    pub way: Direction,
}

/// What a recognised person's arrival means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A visit of its own: punch.
    Punch,
    /// Was in sight less than `away` ago: still the visit that was punched.
    StillHere,
    /// A new visit, but sooner than `repunch` after the last punch.
    TooSoon,
    /// A new visit, but a punch without a stated direction would undo one that is younger than
    /// `reverse`: only who is asked and says so means that.
    Reverses,
}

/// Remembers who was punched and when each of them was last in sight.
#[derive(Debug, Default)]
pub struct Gate {
    punched: HashMap<Uuid, Last>,
}

#[derive(Debug)]
struct Last {
    punched: Duration,
    seen: Duration,
}

impl Gate {
    /// A gate that has seen nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// `person` was recognised at `now`, which never goes back, and came or went `lately` by what
    /// all terminals know: is it a punch? It counts as one only when [`Gate::punched`] follows, so
    /// that a punch that could not be recorded may be tried again.
    pub fn arrived(
        &mut self,
        person: Uuid,
        now: Duration,
        lately: Option<Duration>,
        rules: &Rules,
    ) -> Verdict {
        // Whoever all times have passed for would be punched like somebody never seen.
        let longest = rules.repunch.max(rules.reverse);
        self.punched.retain(|_, last| {
            now.saturating_sub(last.seen) < rules.away || now.saturating_sub(last.punched) < longest
        });
        let here = self.punched.get_mut(&person).map(|last| {
            let unseen = now.saturating_sub(last.seen);
            last.seen = last.seen.max(now);
            (unseen, now.saturating_sub(last.punched))
        });
        if here.is_some_and(|(unseen, _)| unseen < rules.away) {
            return Verdict::StillHere;
        }
        let since = here.map(|(_, since)| since).into_iter().chain(lately).min();
        match since {
            Some(since) if since < rules.repunch => Verdict::TooSoon,
            Some(since) if since < rules.reverse => Verdict::Reverses,
            _ => Verdict::Punch,
        }
    }

    /// The punch of `person` at `now` is durable.
    pub fn punched(&mut self, person: Uuid, now: Duration) {
        self.punched.insert(
            person,
            Last {
                punched: now,
                seen: now,
            },
        );
    }

    /// The last punch of `person` was not theirs.
    pub fn forget(&mut self, person: Uuid) {
        self.punched.remove(&person);
    }

    /// `person`, who was recognised before, is still before the camera at `now`.
    pub fn seen(&mut self, person: Uuid, now: Duration) {
        if let Some(last) = self.punched.get_mut(&person) {
            last.seen = last.seen.max(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::config;

    const ADA: Uuid = Uuid::from_u128(0xada);
    const BOB: Uuid = Uuid::from_u128(0xb0b);
    const AWAY: Duration = Duration::from_secs(10);
    const REPUNCH: Duration = Duration::from_secs(60);
    const REVERSE: Duration = Duration::from_secs(300);

    /// `reverse` in seconds; the others as by default.
    fn rules(reverse: u64) -> Rules {
        Rules {
            reverse: at(reverse),
            ..Rules::of(&config::Gate::default(), None)
        }
    }

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    /// What happened so far: A or B was punched (`A!`), was seen (`a`), at a second.
    #[rstest]
    #[case::nobody_yet(&[], 0, Verdict::Punch)]
    #[case::just_punched(&[("A!", 0)], 1, Verdict::StillHere)]
    #[case::not_quite_away(&[("A!", 0)], 9, Verdict::StillHere)]
    #[case::away_but_too_soon(&[("A!", 0)], 10, Verdict::TooSoon)]
    #[case::still_too_soon(&[("A!", 0)], 59, Verdict::TooSoon)]
    #[case::away_and_time_has_passed(&[("A!", 0)], 60, Verdict::Punch)]
    #[case::lingered_past_repunch(&[("A!", 0), ("a", 55), ("a", 64)], 65, Verdict::StillHere)]
    #[case::lingered_then_left(&[("A!", 0), ("a", 55)], 65, Verdict::Punch)]
    #[case::somebody_else(&[("A!", 0), ("B!", 3)], 5, Verdict::StillHere)]
    #[case::the_other_was_punched(&[("B!", 3)], 4, Verdict::Punch)]
    #[case::seen_but_never_punched(&[("a", 3)], 4, Verdict::Punch)]
    fn verdicts(#[case] before: &[(&str, u64)], #[case] now: u64, #[case] verdict: Verdict) {
        let mut gate = Gate::new();
        for (what, second) in before {
            match *what {
                "A!" => gate.punched(ADA, at(*second)),
                "B!" => gate.punched(BOB, at(*second)),
                _ => gate.seen(ADA, at(*second)),
            }
        }
        assert_eq!(gate.arrived(ADA, at(now), None, &rules(0)), verdict);
    }

    /// A punch here, what the cloud knows of other doors, in seconds before the arrival.
    #[rstest]
    #[case::neither(None, None, Verdict::Punch)]
    #[case::would_undo_the_one_here(Some(299), None, Verdict::Reverses)]
    #[case::long_enough(Some(300), None, Verdict::Punch)]
    #[case::double_read(Some(59), None, Verdict::TooSoon)]
    #[case::came_by_another_door(None, Some(30), Verdict::TooSoon)]
    #[case::would_undo_the_one_there(Some(4000), Some(120), Verdict::Reverses)]
    #[case::the_cloud_is_behind(Some(120), Some(4000), Verdict::Reverses)]
    #[case::came_this_morning(None, Some(14_400), Verdict::Punch)]
    fn a_punch_is_not_undone_in_passing(
        #[case] here: Option<u64>,
        #[case] anywhere: Option<u64>,
        #[case] verdict: Verdict,
    ) {
        let mut gate = Gate::new();
        let now = at(10_000);
        if let Some(here) = here {
            gate.punched(ADA, now - at(here));
        }
        let found = gate.arrived(ADA, now, anywhere.map(at), &rules(REVERSE.as_secs()));
        assert_eq!(found, verdict);
    }

    #[test]
    fn a_punch_that_was_not_recorded_is_tried_again() {
        let mut gate = Gate::new();
        assert_eq!(gate.arrived(ADA, at(0), None, &rules(0)), Verdict::Punch);
        assert_eq!(gate.arrived(ADA, at(1), None, &rules(0)), Verdict::Punch);
    }

    #[test]
    fn an_arrival_that_is_too_soon_is_a_sighting() {
        let mut gate = Gate::new();
        gate.punched(ADA, at(0));
        assert_eq!(gate.arrived(ADA, at(55), None, &rules(0)), Verdict::TooSoon);
        assert_eq!(
            gate.arrived(ADA, at(61), None, &rules(0)),
            Verdict::StillHere
        );
        assert_eq!(gate.arrived(ADA, at(71), None, &rules(0)), Verdict::Punch);
    }

    #[test]
    fn who_left_long_ago_is_forgotten() {
        let mut gate = Gate::new();
        for n in 0..100 {
            gate.punched(Uuid::from_u128(n), at(0));
        }
        assert_eq!(gate.arrived(ADA, at(60), None, &rules(0)), Verdict::Punch);
        assert!(gate.punched.is_empty());
    }

    proptest! {
        /// Whatever happens: two punches of a person lie `repunch` apart with a gap of `away`
        /// without sight between them, and whoever fulfils both is punched.
        #[test]
        fn punches_are_apart_and_nobody_is_kept_out(
            steps in prop::collection::vec((0_u64..25, 0_u128..3, any::<bool>()), 1..120),
        ) {
            let mut gate = Gate::new();
            let rules = rules(0);
            let mut now = Duration::ZERO;
            let mut history: HashMap<Uuid, (Duration, Duration)> = HashMap::new();
            for (wait, who, arrives) in steps {
                now += at(wait);
                let person = Uuid::from_u128(who);
                let allowed = history.get(&person).is_none_or(|(punched, seen)| {
                    now - *seen >= AWAY && now - *punched >= REPUNCH
                });
                if arrives {
                    let verdict = gate.arrived(person, now, None, &rules);
                    prop_assert_eq!(verdict == Verdict::Punch, allowed);
                    if verdict == Verdict::Punch {
                        gate.punched(person, now);
                        history.insert(person, (now, now));
                    }
                } else if history.get(&person).is_some_and(|(_, seen)| now - *seen < AWAY) {
                    // Only who arrived is followed; after a time out of sight they arrive anew.
                    gate.seen(person, now);
                } else {
                    continue;
                }
                if let Some((_, seen)) = history.get_mut(&person) {
                    *seen = now;
                }
            }
        }
    }
}
