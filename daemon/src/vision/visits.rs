//! Visits: the faces that are followed, whose frames belong together, when enough was seen for a
//! decision, and when a visit ends.
//!
//! Pure: looks, frames, embeddings and the time are passed in.
//!
//! - A punch is meant by whoever stands before the camera alone, near and facing it, for `hold`
//!   without a break. That time is cut into as many slots as a decision wants embeddings, and of
//!   each slot only the best frame is embedded.
//! - The rate of strangers let in is promised per visit, so a visit gets one decision and two more
//!   tries at most, which share the rate ([`TRIES`]), and somebody who was turned away and comes
//!   back before `away` has passed continues the visit of before.
//! - Where pictures that are held into the camera are looked for, the last of these embeddings waits
//!   until it can be said whether the face is one, or enough was seen of it ([`WATCHED`]), and until
//!   a turn of the head that was asked for is made.
//! - Whoever was recognised is followed while they are in sight, near or not.

use std::time::Duration;

use limen_face::align::Landmarks;
use limen_face::pad::{Ask, Liveness, Tier, Verdict};
use limen_face::quality::Flaw;
use limen_face::{Detection, Embedding, Frame, Shot};
use limen_wire::event::Rejection;
use uuid::Uuid;

use super::look::Look;

/// Decisions of one visit.
pub(super) const TRIES: u32 = 3;

/// Out of sight for longer, and the next face is looked at afresh, whoever it is. Not before two
/// frames without them: while one is embedded, a slow machine looks at none.
const GONE: Duration = Duration::from_secs(1);

/// Beside somebody who is near, others are looked for once a second: they are not out of sight.
const GONE_BESIDE: Duration = Duration::from_millis(2500);

/// Lost or flawed for longer, and whoever stands there has to stand still anew.
const BREAK: Duration = Duration::from_millis(400);

/// Between two tries at least, so that the second sees something else than the first.
const BETWEEN_TRIES: Duration = Duration::from_millis(700);

/// Whoever stood there for this long, and this many frames, and could not be looked at, is told
/// so; who just passed is not.
const STOOD: Duration = Duration::from_secs(2);
const STOOD_FRAMES: usize = 6;

/// After so long no more is expected of whoever is watched for being a picture: what was said in
/// this time is what was measured (docs/presentation-attacks.md).
const WATCHED: Duration = Duration::from_millis(1500);

/// A face that was near stays near at this share of the width: nobody stands like a post.
const STAYS_NEAR: f32 = 0.85;

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

/// Strangers who are remembered at a time; for `away` at most.
const STRANGERS: usize = 16;

/// What a decision wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wants {
    /// Embeddings.
    pub(super) frames: usize,
    /// Time that somebody stands near and facing the camera.
    pub(super) hold: Duration,
    /// Time out of sight after which a stranger is a new one.
    pub(super) away: Duration,
}

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

/// The faces that are followed, and the strangers of the last moments. `T` is what the caller
/// keeps of a frame until it is embedded.
pub(super) struct Visits<T> {
    wants: Wants,
    visits: Vec<Visit<T>>,
    /// Which visit each face of the last frame belongs to, and which of them is meant.
    faces: Vec<usize>,
    meant: Option<usize>,
    strangers: Vec<Stranger>,
    /// The frame before this one.
    last: Option<Duration>,
}

struct Visit<T> {
    look: Look,
    seen: Duration,
    /// Frames since then.
    missed: u32,
    near: bool,
    /// Since when it is the one who is meant, without a break.
    stands: Option<Duration>,
    window: Window<T>,
    /// Whether it is a picture, and since when that is looked for.
    watched: Option<(Liveness, Duration)>,
    /// Those that say something new.
    shots: Vec<Shot>,
    /// What was wrong with the frames while none was good enough; told once.
    flaws: Vec<Flaw>,
    told: bool,
    tries: u32,
    state: State,
}

/// The time in which the frames of one try are taken, one from each of its slots.
struct Window<T> {
    begins: Option<Duration>,
    length: Duration,
    taken: usize,
    /// The best frame since the last that was taken, and its weight.
    best: Option<(f32, T)>,
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

impl<T> Visits<T> {
    pub(super) fn new(wants: Wants) -> Self {
        Self {
            wants,
            visits: Vec::new(),
            faces: Vec::new(),
            meant: None,
            strangers: Vec::new(),
            last: None,
        }
    }

    /// The faces of a frame, each with its width in shares of the least that is near. Gives which
    /// of them are near, and why somebody was not recognised whose visit ended by this.
    pub(super) fn follow(
        &mut self,
        at: Duration,
        faces: Vec<(Look, f32)>,
    ) -> (Vec<bool>, Vec<Rejection>) {
        let left = self.lose(at);
        self.faces.clear();
        let mut near = Vec::with_capacity(faces.len());
        for (look, width) in faces {
            // Of several whom it may be, the one who was seen last.
            let goes_on = (0..self.visits.len())
                .filter(|&n| !self.faces.contains(&n) && self.visits[n].look.goes_on_as(&look))
                .max_by_key(|&n| self.visits[n].seen);
            let number = goes_on.unwrap_or(self.visits.len());
            if goes_on.is_none() {
                self.visits
                    .push(Visit::new(look.clone(), at, self.wants.hold));
            }
            self.faces.push(number);
            let visit = &mut self.visits[number];
            visit.near = width >= if visit.near { STAYS_NEAR } else { 1.0 };
            near.push(visit.near);
            (visit.look, visit.seen, visit.missed) = (look, at, 0);
            if let State::TurnedAway(_) = visit.state
                && let Some(stranger) = stranger(&mut self.strangers, &visit.shots)
            {
                stranger.seen = at;
            }
        }
        (near, left)
    }

    /// Ends the visits of those who were not seen for too long.
    fn lose(&mut self, at: Duration) -> Vec<Rejection> {
        let before = self.last.replace(at);
        let away = self.wants.away;
        self.strangers
            .retain(|one| at.saturating_sub(one.seen) < away);
        let meant = self.meant.take();
        let (mut left, mut number) = (Vec::new(), 0);
        self.visits.retain_mut(|visit| {
            let beside = meant.is_some_and(|meant| meant != number);
            number += 1;
            visit.missed += u32::from(Some(visit.seen) != before);
            let unseen = |most| visit.missed > 1 && at.saturating_sub(visit.seen) > most;
            let (breaks, ends) = (
                unseen(BREAK),
                unseen(if beside { GONE_BESIDE } else { GONE }),
            );
            if breaks {
                visit.stands_no_more();
            }
            if ends {
                left.extend(visit.end(&mut self.strangers));
            }
            !ends
        });
        left
    }

    /// Which face of the last frame is meant: the nearest, where no other is as near. Gives why
    /// somebody was not recognised whose visit ended by this.
    pub(super) fn mean(&mut self, face: Option<usize>) -> Vec<Rejection> {
        self.meant = face.and_then(|face| self.faces.get(face).copied());
        let mut left = Vec::new();
        for (number, visit) in self.visits.iter_mut().enumerate() {
            if self.meant == Some(number) {
                visit.stands = visit.stands.or(Some(visit.seen));
                continue;
            }
            if Some(visit.seen) == self.last || self.meant.is_some() {
                visit.stands_no_more();
            }
            // Somebody else is there, or the same at another place: no fresh tries for them.
            if Some(visit.seen) != self.last && self.meant.is_some() {
                left.extend(visit.end(&mut self.strangers));
            }
        }
        left
    }

    /// Those who were recognised before and are in the last frame.
    pub(super) fn people(&self) -> impl Iterator<Item = Uuid> {
        let there = |visit: &&Visit<T>| Some(visit.seen) == self.last;
        self.visits
            .iter()
            .filter(there)
            .filter_map(|visit| match visit.state {
                State::Person(person) => Some(person),
                _ => None,
            })
    }

    /// Whether anything is still to be found out about the face that is meant.
    pub(super) fn is_open(&self) -> bool {
        let meant = self.meant.and_then(|number| self.visits.get(number));
        meant.is_some_and(|visit| matches!(visit.state, State::Open(_)))
    }

    fn meant(&mut self) -> Option<&mut Visit<T>> {
        self.visits.get_mut(self.meant?)
    }

    /// A frame of the face that is meant, for what it tells of a picture that is held into the
    /// camera; `tier` is what a visit must withstand that begins by it. Gives why, where it is one:
    /// then the visit is over, and nothing of it is remembered, since whoever is in the picture may
    /// come in person.
    pub(super) fn watch(
        &mut self,
        at: Duration,
        frame: &Frame,
        face: &Detection,
        landmarks: &Landmarks,
        tier: impl FnOnce() -> Tier,
    ) -> Option<Rejection> {
        let visit = self.meant()?;
        let begin = || (Liveness::new(tier()), at);
        let (liveness, _) = visit.watched.get_or_insert_with(begin);
        liveness.see(frame, face, landmarks, at);
        if !matches!(liveness.verdict(), Verdict::Attack(_)) {
            return None;
        }
        visit.state = State::TurnedAway(Rejection::Presentation);
        (visit.watched, visit.shots) = (None, Vec::new());
        visit.window.restart();
        Some(Rejection::Presentation)
    }

    /// The turn of the head that the face that is meant is still to make.
    pub(super) fn asks(&self) -> Option<Ask> {
        let (liveness, _) = self.visits.get(self.meant?)?.watched.as_ref()?;
        liveness.asks()
    }

    /// A frame in which the face that is meant is good enough, the better the larger its weight.
    /// Gives the frame to embed now: at the end of each slot the best of it.
    pub(super) fn offer(&mut self, at: Duration, weight: f32, frame: T) -> Option<T> {
        let frames = u32::try_from(self.wants.frames).unwrap_or(u32::MAX);
        let visit = self.meant()?;
        // What was wrong is mended.
        visit.flaws.clear();
        let window = &mut visit.window;
        let begins = *window.begins.get_or_insert(at);
        if window.best.as_ref().is_none_or(|(best, _)| weight > *best) {
            window.best = Some((weight, frame));
        }
        let slots = u32::try_from(window.taken).unwrap_or(u32::MAX) + 1;
        let waits = slots == frames && is_watched(visit.watched.as_ref(), at);
        if waits || at < begins + window.length * slots / frames {
            return None;
        }
        window.taken += 1;
        window.best.take().map(|(_, frame)| frame)
    }

    /// A frame in which the face that is meant is not good enough. Gives what was wrong all the
    /// time, when somebody has stood there for so long that they are to be told.
    pub(super) fn flawed(&mut self, at: Duration, flaw: Flaw) -> Option<Vec<Flaw>> {
        let visit = self.meant()?;
        if !is_meant_with(flaw) {
            visit.window.restart();
        }
        if visit.told || visit.tries > 0 {
            return None;
        }
        visit.flaws.push(flaw);
        let stood = visit
            .stands
            .is_some_and(|since| at.saturating_sub(since) >= STOOD);
        if !stood || visit.flaws.len() < STOOD_FRAMES {
            return None;
        }
        visit.told = true;
        Some(std::mem::take(&mut visit.flaws))
    }

    /// An embedding of the face that is meant.
    pub(super) fn add(&mut self, at: Duration, shot: Shot) -> Step {
        let frames = self.wants.frames;
        let Some(visit) = self.meant.and_then(|number| self.visits.get_mut(number)) else {
            return Step::More;
        };
        let distance = |one: &Shot| one.embedding.distance(&shot.embedding);
        if let Some(before) = visit.shots.last()
            && distance(before) > SOMEBODY_ELSE
        {
            // Somebody may have stepped in unnoticed: two people are never averaged. The tries
            // stay used, since it may as well have been one bad frame.
            visit.shots.clear();
            visit.watched = None;
            visit.window.restart();
            (visit.window.begins, visit.window.taken) = (Some(at), 1);
        }
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
        if visit.window.taken < frames {
            return Step::More;
        }
        Step::Decide(best(&visit.shots, frames))
    }

    /// The answer to [`Step::Decide`]. Gives why, when this was the last try.
    pub(super) fn decided(&mut self, at: Duration, answer: Answer) -> Option<Rejection> {
        let pause = self.wants.hold.max(BETWEEN_TRIES);
        let visit = self.visits.get_mut(self.meant?)?;
        let why = match answer {
            Answer::Person(person) => {
                visit.state = State::Person(person);
                (visit.watched, visit.shots) = (None, Vec::new());
                return None;
            }
            Answer::Nobody(why) => why,
        };
        visit.tries += 1;
        visit.state = State::Open(Some(why));
        visit.window = Window::new(pause);
        visit.window.begins = Some(at);
        if visit.tries < TRIES {
            return None;
        }
        visit.end(&mut self.strangers)
    }

    /// Ends all visits. Gives why, where nobody was named and nobody was told.
    pub(super) fn end(&mut self) -> Vec<Rejection> {
        let strangers = &mut self.strangers;
        let ended = self.visits.drain(..);
        ended.filter_map(|mut visit| visit.end(strangers)).collect()
    }
}

impl<T> Visit<T> {
    fn new(look: Look, at: Duration, hold: Duration) -> Self {
        Self {
            look,
            seen: at,
            missed: 0,
            near: false,
            stands: None,
            window: Window::new(hold),
            watched: None,
            shots: Vec::new(),
            flaws: Vec::new(),
            told: false,
            tries: 0,
            state: State::Open(None),
        }
    }

    fn stands_no_more(&mut self) {
        self.stands = None;
        self.flaws.clear();
        self.window.restart();
    }

    /// No more tries. Gives why, when there were some and nobody was told.
    fn end(&mut self, strangers: &mut Vec<Stranger>) -> Option<Rejection> {
        let State::Open(Some(why)) = self.state else {
            return None;
        };
        self.state = State::TurnedAway(why);
        if let Some(last) = self.shots.last() {
            if strangers.len() == STRANGERS {
                strangers.remove(0);
            }
            strangers.push(Stranger {
                face: last.embedding.unit(),
                seen: self.seen,
                why,
            });
        }
        Some(why)
    }
}

impl<T> Window<T> {
    fn new(length: Duration) -> Self {
        Self {
            begins: None,
            length,
            taken: 0,
            best: None,
        }
    }

    fn restart(&mut self) {
        *self = Self::new(self.length);
    }
}

/// Whether a face that is watched is to do something, or nothing can be said of it yet and still
/// may be.
fn is_watched(watched: Option<&(Liveness, Duration)>, at: Duration) -> bool {
    watched.is_some_and(|(liveness, since)| {
        let is_told = liveness.verdict() != Verdict::NotEnough;
        liveness.asks().is_some() || (!is_told && at.saturating_sub(*since) < WATCHED)
    })
}

/// Whether somebody whose face has this flaw may mean to punch: they are near, and look here.
fn is_meant_with(flaw: Flaw) -> bool {
    !matches!(
        flaw,
        Flaw::Small | Flaw::Cropped | Flaw::Turned | Flaw::Leaning
    )
}

/// The `most` that weigh most, of equal ones the newest: what the tolerance of a decision was
/// measured with is a number of frames.
fn best(shots: &[Shot], most: usize) -> Vec<Shot> {
    let mut order: Vec<&Shot> = shots.iter().rev().collect();
    order.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    order.into_iter().take(most).cloned().collect()
}

/// Who of those turned away the last of `shots` shows.
fn stranger<'a>(strangers: &'a mut [Stranger], shots: &[Shot]) -> Option<&'a mut Stranger> {
    let face = shots.last()?.embedding.unit();
    strangers
        .iter_mut()
        .find(|one| one.face.distance(&face) <= SAME_STRANGER)
}

#[cfg(test)]
mod tests;
