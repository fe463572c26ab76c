//! Visits: whose frames belong together, when enough was seen for a decision, and when one ends.
//!
//! Pure: looks, embeddings and the time are passed in. The rate of strangers let in is promised
//! per visit, so a visit gets one decision and two more tries at most, and somebody who was turned
//! away and comes back before `away_s` has passed continues the visit of before.

use std::time::Duration;

use limen_face::{Embedding, Shot};
use limen_wire::event::Rejection;
use uuid::Uuid;

use super::look::Look;

/// Out of sight for longer, and the next face is looked at afresh, whoever it is. On a machine
/// that looks at less than two frames a second it is two frames.
const GONE: Duration = Duration::from_secs(1);

/// Decisions of one visit.
const TRIES: u32 = 3;

/// Between two tries, so that the second sees something else than the first.
const BETWEEN_TRIES: Duration = Duration::from_millis(700);

/// Whoever stood there for this long, and this many frames, and could not be looked at, is told
/// so; who just passed is not.
const STOOD: Duration = Duration::from_secs(2);
const STOOD_FRAMES: u32 = 6;

/// Two embeddings of one face, moments apart, are nearer than this (plain distance); farther, and
/// somebody else stepped in.
const SOMEBODY_ELSE: f32 = 0.6;

/// An embedding nearer than this to one of the same visit (plain distance) says nothing new. The
/// calibration's frames are of different moments, so it is not counted as one more of them.
const NOTHING_NEW: f32 = 0.1;

/// Two looks at a face that was turned away, at unit length, are nearer than this. Strict: who
/// merely resembles a stranger must get their own decision, while a stranger missed here is only
/// told twice.
const SAME_STRANGER: f32 = 0.28;

/// Strangers who are remembered at a time; for `away_s` at most.
const STRANGERS: usize = 16;

/// What became of an embedding.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Not enough yet.
    More,
    /// Somebody who was turned away a moment ago, for this reason: no further try.
    Same(Rejection),
    /// Enough for a decision on these, which [`Visits::decided`] is told.
    Decide(Vec<Shot>),
}

/// The gallery's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Person(Uuid),
    Nobody(Rejection),
}

/// The visit before the camera, and the strangers of the last moments.
pub(super) struct Visits {
    frames: usize,
    away: Duration,
    present: Option<Visit>,
    strangers: Vec<Stranger>,
    /// The frame before this one, and the time between it and its own predecessor.
    last: Option<Duration>,
    rhythm: Option<Duration>,
}

struct Visit {
    look: Look,
    began: Duration,
    seen: Duration,
    /// Frames in which the face was near and alone.
    stood: u32,
    /// Those that say something new.
    shots: Vec<Shot>,
    /// Embeddings so far, and how many the next decision waits for.
    looked: usize,
    enough: usize,
    /// No embedding before.
    not_before: Duration,
    tries: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not decided; why the last try failed.
    Open(Option<Rejection>),
    Person(Uuid),
    /// Turned away, and told.
    TurnedAway(Rejection),
}

struct Stranger {
    face: Embedding,
    seen: Duration,
    why: Rejection,
}

impl Visits {
    /// `frames`: embeddings for one decision. `away`: time out of sight that ends a visit.
    pub(super) fn new(frames: usize, away: Duration) -> Self {
        Self {
            frames,
            away,
            present: None,
            strangers: Vec::new(),
            last: None,
            rhythm: None,
        }
    }

    /// The near faces of a frame, and which of them is meant: the nearest, where no other is as
    /// near. Gives why somebody was not recognised whose visit ended by this.
    pub(super) fn see(
        &mut self,
        at: Duration,
        near: Vec<Look>,
        meant: Option<usize>,
    ) -> Option<Rejection> {
        let rhythm = self.rhythm.unwrap_or(Duration::MAX);
        let gone = GONE.max(rhythm.saturating_mul(2));
        self.rhythm = self.last.map(|last| at.saturating_sub(last));
        self.last = Some(at);
        let away = self.away;
        self.strangers
            .retain(|one| at.saturating_sub(one.seen) < away);
        let gone_on = self.present.as_ref().and_then(|visit| {
            let recent = at.saturating_sub(visit.seen) <= gone;
            near.iter()
                .position(|look| recent && visit.look.goes_on_as(look))
        });
        if let (Some(visit), Some(index)) = (&mut self.present, gone_on) {
            visit.look = near[index].clone();
            visit.seen = at;
            if let State::TurnedAway(_) = visit.state
                && let Some(stranger) = stranger(&mut self.strangers, &visit.shots)
            {
                stranger.seen = at;
            }
        }
        match meant {
            Some(index) if gone_on == Some(index) => {
                if let Some(visit) = &mut self.present {
                    visit.stood += 1;
                }
                None
            }
            Some(index) => {
                let left = self.end();
                self.present = Some(Visit::new(near[index].clone(), at, self.frames));
                left
            }
            None => {
                let left = |visit: &Visit| at.saturating_sub(visit.seen) > gone;
                if self.present.as_ref().is_some_and(left) {
                    self.end()
                } else {
                    None
                }
            }
        }
    }

    /// The recognised person who is before the camera in the last frame.
    pub(super) fn person(&self) -> Option<Uuid> {
        match self.present.as_ref()? {
            Visit {
                state: State::Person(person),
                seen,
                ..
            } if Some(*seen) == self.last => Some(*person),
            _ => None,
        }
    }

    /// Whether an embedding of the face that is meant would be of use.
    pub(super) fn wants(&self, at: Duration) -> bool {
        self.present
            .as_ref()
            .is_some_and(|visit| matches!(visit.state, State::Open(_)) && at >= visit.not_before)
    }

    /// An embedding of the face that is meant.
    pub(super) fn add(&mut self, at: Duration, shot: Shot) -> Step {
        let Some(visit) = &mut self.present else {
            return Step::More;
        };
        let distance = |one: &Shot| one.embedding.distance(&shot.embedding);
        if let Some(before) = visit.shots.last()
            && distance(before) > SOMEBODY_ELSE
        {
            // Somebody may have stepped in unnoticed: two people are never averaged. The tries
            // stay used, since it may as well have been one bad frame.
            visit.shots.clear();
            visit.looked = 0;
            visit.enough = self.frames;
        }
        visit.looked += 1;
        let known = |one: &Shot| distance(one) < NOTHING_NEW;
        if !visit.shots.iter().any(known) {
            visit.shots.push(shot);
        }
        if visit.tries == 0
            && let Some(stranger) = stranger(&mut self.strangers, &visit.shots)
        {
            stranger.seen = at;
            visit.state = State::TurnedAway(stranger.why);
            return Step::Same(stranger.why);
        }
        if visit.looked < visit.enough {
            return Step::More;
        }
        Step::Decide(visit.shots.clone())
    }

    /// The answer to [`Step::Decide`]. Gives why, when this was the last try.
    pub(super) fn decided(&mut self, at: Duration, answer: Answer) -> Option<Rejection> {
        let visit = self.present.as_mut()?;
        let why = match answer {
            Answer::Person(person) => {
                visit.state = State::Person(person);
                visit.shots = Vec::new();
                return None;
            }
            Answer::Nobody(why) => why,
        };
        visit.tries += 1;
        if visit.tries < TRIES {
            visit.state = State::Open(Some(why));
            visit.enough = visit.looked + self.frames;
            visit.not_before = at + BETWEEN_TRIES;
            return None;
        }
        visit.state = State::TurnedAway(why);
        remember(&mut self.strangers, visit, why);
        Some(why)
    }

    /// Ends the present visit. Gives why, when nobody was named and nobody was told.
    pub(super) fn end(&mut self) -> Option<Rejection> {
        let visit = self.present.take()?;
        match visit.state {
            State::Open(Some(why)) => {
                remember(&mut self.strangers, &visit, why);
                Some(why)
            }
            State::Open(None) => {
                let stood =
                    visit.stood >= STOOD_FRAMES && visit.seen.saturating_sub(visit.began) >= STOOD;
                stood.then_some(Rejection::Quality)
            }
            State::Person(_) | State::TurnedAway(_) => None,
        }
    }
}

impl Visit {
    fn new(look: Look, at: Duration, frames: usize) -> Self {
        Self {
            look,
            began: at,
            seen: at,
            stood: 1,
            shots: Vec::new(),
            looked: 0,
            enough: frames,
            not_before: at,
            tries: 0,
            state: State::Open(None),
        }
    }
}

/// Who of those turned away the last of `shots` shows.
fn stranger<'a>(strangers: &'a mut [Stranger], shots: &[Shot]) -> Option<&'a mut Stranger> {
    let face = shots.last()?.embedding.unit();
    strangers
        .iter_mut()
        .find(|one| one.face.distance(&face) <= SAME_STRANGER)
}

fn remember(strangers: &mut Vec<Stranger>, visit: &Visit, why: Rejection) {
    let Some(last) = visit.shots.last() else {
        return;
    };
    if strangers.len() == STRANGERS {
        strangers.remove(0);
    }
    strangers.push(Stranger {
        face: last.embedding.unit(),
        seen: visit.seen,
        why,
    });
}

#[cfg(test)]
mod tests {
    use limen_face::{Detection, Frame, detect::Bounds};
    use proptest::prelude::*;

    use super::*;

    const ADA: Uuid = Uuid::from_u128(0xada);
    const AWAY: Duration = Duration::from_secs(10);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A face at one of several places that don't overlap.
    fn look(place: u8) -> Look {
        let rgb = (0..200 * 20_u32)
            .flat_map(|n| [(n / 40) as u8; 3])
            .collect();
        let frame = Frame::from_rgb8(200, 20, rgb).unwrap();
        let left = f32::from(place) * 20.0;
        let bounds = Bounds {
            left,
            top: 0.0,
            right: left + 20.0,
            bottom: 20.0,
        };
        Look::of(
            &frame,
            &Detection {
                bounds,
                points: [[0.0; 2]; 6],
                score: 1.0,
                anchor: 0,
            },
        )
    }

    /// Somebody's embedding; different people are far apart, `shift` moves it a little.
    fn face(who: usize, shift: f32) -> Shot {
        let mut values = [0.0; 128];
        values[who] = 1.4;
        values[127] = shift;
        Shot {
            embedding: Embedding(values),
            weight: 1.0,
        }
    }

    /// Shows somebody at `place` for `frames` frames of 100 ms; gives rejections and how many
    /// embeddings were asked for.
    struct Door {
        visits: Visits,
        now: Duration,
        told: Vec<Rejection>,
        embeddings: usize,
        decisions: usize,
    }

    impl Door {
        fn new() -> Self {
            Self {
                visits: Visits::new(3, AWAY),
                now: Duration::ZERO,
                told: Vec::new(),
                embeddings: 0,
                decisions: 0,
            }
        }

        fn show(&mut self, who: usize, place: u8, frames: usize, answer: Answer) {
            for _ in 0..frames {
                self.told
                    .extend(self.visits.see(self.now, vec![look(place)], Some(0)));
                if self.visits.wants(self.now) {
                    self.embeddings += 1;
                    let shift = if self.embeddings.is_multiple_of(2) {
                        0.1
                    } else {
                        -0.1
                    };
                    if let Step::Decide(all) = self.visits.add(self.now, face(who, shift)) {
                        assert_eq!(all.len(), 2, "the third is like the first");
                        self.decisions += 1;
                        self.told.extend(self.visits.decided(self.now, answer));
                    }
                }
                self.now += ms(100);
            }
        }

        fn empty(&mut self, frames: usize) {
            for _ in 0..frames {
                self.told
                    .extend(self.visits.see(self.now, Vec::new(), None));
                self.now += ms(100);
            }
        }
    }

    const KNOWN: Answer = Answer::Person(ADA);
    const STRANGER: Answer = Answer::Nobody(Rejection::Unknown);

    #[test]
    fn a_decided_visit_is_not_looked_at_any_more() {
        let mut door = Door::new();
        door.show(0, 0, 300, KNOWN);
        assert_eq!((door.embeddings, door.decisions), (3, 1));
        assert_eq!(door.visits.person(), Some(ADA));
        door.empty(1);
        assert_eq!(door.visits.person(), None);
        assert_eq!(door.told, []);
    }

    #[test]
    fn a_short_look_away_is_the_same_visit_and_a_longer_one_is_not() {
        let mut door = Door::new();
        door.show(0, 0, 10, KNOWN);
        door.empty(5);
        door.show(0, 0, 10, KNOWN);
        assert_eq!(door.decisions, 1);
        door.empty(15);
        door.show(0, 0, 10, KNOWN);
        assert_eq!(door.decisions, 2);
    }

    #[test]
    fn a_stranger_has_three_tries_and_is_told_once() {
        let mut door = Door::new();
        door.show(1, 0, 200, STRANGER);
        assert_eq!((door.embeddings, door.decisions), (9, 3));
        assert_eq!(door.told, [Rejection::Unknown]);
    }

    #[test]
    fn a_stranger_who_leaves_after_the_first_try_is_told_at_the_end() {
        let mut door = Door::new();
        door.show(1, 0, 4, STRANGER);
        assert_eq!((door.decisions, &door.told), (1, &vec![]));
        door.empty(20);
        assert_eq!(door.told, [Rejection::Unknown]);
    }

    #[test]
    fn a_stranger_who_comes_back_soon_continues_the_visit() {
        let mut door = Door::new();
        door.show(1, 0, 60, STRANGER);
        door.empty(50);
        door.show(1, 3, 60, STRANGER);
        assert_eq!((door.decisions, door.embeddings), (3, 10));
        assert_eq!(door.told, [Rejection::Unknown]);
        door.empty(101);
        door.show(1, 0, 60, STRANGER);
        assert_eq!(door.decisions, 6);
        assert_eq!(door.told, [Rejection::Unknown; 2]);
    }

    #[test]
    fn who_comes_after_a_stranger_has_a_visit_of_their_own() {
        let mut door = Door::new();
        door.show(1, 0, 60, STRANGER);
        door.show(2, 3, 60, KNOWN);
        assert_eq!(door.decisions, 4);
        assert_eq!(door.visits.person(), Some(ADA));
        assert_eq!(door.told, [Rejection::Unknown]);
    }

    #[test]
    fn two_people_are_never_averaged() {
        let mut door = Door::new();
        door.show(1, 0, 2, KNOWN);
        door.show(2, 0, 2, KNOWN);
        assert_eq!(door.decisions, 0);
        door.show(2, 0, 1, KNOWN);
        assert_eq!(door.decisions, 1);
    }

    #[test]
    fn who_cannot_be_looked_at_is_told_so_and_who_passes_is_not() {
        let stand = |frames| {
            let mut door = Door::new();
            for _ in 0..frames {
                door.visits.see(door.now, vec![look(0)], Some(0));
                door.now += ms(100);
            }
            door.empty(20);
            door.told
        };
        assert_eq!(stand(30), [Rejection::Quality]);
        assert_eq!(stand(15), []);
    }

    #[test]
    fn while_two_are_near_nobody_is_looked_at_but_the_visit_stays() {
        let mut door = Door::new();
        door.show(0, 0, 10, KNOWN);
        for _ in 0..50 {
            door.visits.see(door.now, vec![look(3), look(0)], None);
            assert_eq!(door.visits.person(), Some(ADA));
            assert!(!door.visits.wants(door.now));
            door.now += ms(100);
        }
        door.show(0, 0, 10, KNOWN);
        assert_eq!(door.decisions, 1);
    }

    #[test]
    fn a_slow_machine_has_visits_too() {
        let mut visits = Visits::new(3, AWAY);
        let mut decisions = 0;
        for n in 0..4 {
            let now = ms(4000 * n);
            visits.see(now, vec![look(0)], Some(0));
            if visits.wants(now) && matches!(visits.add(now, face(0, 0.0)), Step::Decide(_)) {
                decisions += 1;
                visits.decided(now, KNOWN);
            }
        }
        assert_eq!(decisions, 1);
    }

    proptest! {
        /// However a stranger comes and goes: never more than three decisions in one visit, and
        /// never told twice without having been away in between.
        #[test]
        fn tries_are_bounded(steps in prop::collection::vec((1_usize..40, 0_usize..9, 0_u8..4), 1..30)) {
            let mut door = Door::new();
            for (frames, pause, place) in steps {
                // Away for less than a second: no end of the visit, unless by another place.
                door.show(1, place, frames, STRANGER);
                door.empty(pause);
            }
            door.empty(20);
            prop_assert!(door.told.len() <= 1, "{:?}", door.told);
            prop_assert!(door.decisions <= 3, "{}", door.decisions);
        }
    }
}
