//! The one place where somebody who was identified, in whatever way, becomes a punch.
//!
//! Whoever identifies people (the camera's thread, the PIN pad, a badge reader) says whom and how
//! ([`Door::arrived`]) or that it was nobody ([`Door::rejected`]); the door decides whether that is
//! a punch, which way, has it made durable and only then shows green. So every way in works the
//! same: the same gate, the same rules, the same lockout, the same ten seconds to change it.
//!
//! One thing at a time: two ways that know the same person at the same moment make one punch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::civil::Time;
use limen_face::quality::Flaw;
use limen_wire::PublicKey;
use limen_wire::badge::{self, NotABadge};
use limen_wire::event::{Change, Direction, Grade, Method, Punch, Rejection};
use uuid::Uuid;

use crate::config::{Scheduled, Ways};
use crate::feedback::{Accepted, Feedback, Red};
use crate::gate::{Durable, Gate, Lately, Punches, Refused, Rules, Verdict};
use crate::heart::{Heart, Stage};
use crate::roster::{Card, RosterError};
use crate::vision::Slot;
use lockout::{Lockout, Outcome};

mod lockout;
mod pin;

/// How long after a punch it may be changed, and how long whoever was asked may answer.
pub const AMENDABLE: Duration = Duration::from_secs(10);

/// Whoever worked for longer than that without a punch comes anew.
const LONGEST_SESSION: Duration = Duration::from_secs(16 * 60 * 60);

/// Somebody who was identified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who.
    pub person: Uuid,
    /// How.
    pub method: Method,
    /// How clearly.
    pub grade: Grade,
    /// How many frames that rests on; 0 where none was looked at.
    pub frames: u16,
    /// The model that compared; empty where none did.
    pub model: String,
}

impl Known {
    /// Somebody who was identified without a camera's frames.
    pub fn by(method: Method, person: Uuid) -> Self {
        Self {
            person,
            method,
            grade: Grade::Clear,
            frames: 0,
            model: String::new(),
        }
    }
}

/// Why a punch was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAmended {
    /// Not a punch of the last moments.
    #[error(
        "punch {0} was not made here in the last ten seconds; corrections are made in the dashboard"
    )]
    TooLate(u64),
    /// It could not be recorded.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Whom a terminal knows.
pub trait People: Send + Sync {
    /// The first person whose card is the one that is looked for.
    ///
    /// # Errors
    /// When that can't be looked up.
    fn find(&self, is_theirs: &dyn Fn(&Card) -> bool) -> Result<Option<(Uuid, Card)>, RosterError>;
}

/// What a door is made of.
pub struct Parts {
    /// Where punches are kept.
    pub punches: Arc<dyn Punches>,
    /// Whom this terminal knows by something else than the face.
    pub people: Arc<dyn People>,
    /// The site, which signs badges.
    pub site: PublicKey,
    /// Which ways in without a face there are.
    pub ways: Ways,
    /// What the person is shown. Called while the door is busy: it must not call back.
    pub feedback: Arc<dyn Feedback>,
    /// When somebody who is known is a punch.
    pub rules: Arc<Slot<Rules>>,
    /// Told of every wait for the outbox.
    pub heart: Heart,
    /// The monotonic time since the camera's thread began, on which frames' times are too.
    pub clock: Box<dyn Fn() -> Duration + Send + Sync>,
    /// The site's time of day, where the clock is believed and the zone is known.
    pub time_of_day: Box<dyn Fn() -> Option<Time> + Send + Sync>,
}

/// A door, shared by all ways in.
pub struct Door {
    parts: Parts,
    at_work: Mutex<AtWork>,
    /// One number is checked at a time, so that nobody tries many at once.
    keypad: Mutex<()>,
}

struct AtWork {
    gate: Gate,
    lockout: Lockout,
    /// Stated by a key for whoever is identified next.
    stated: Option<(Direction, Duration)>,
    /// Identified, but it was no punch; a stated direction may still make it one.
    asked: Option<(Known, Duration)>,
    /// Each person's last punch here, and which way it was taken for.
    ways: HashMap<Uuid, (Duration, Direction)>,
    /// Punches that may still be changed, and the last that was said of each.
    fresh: Vec<Fresh>,
}

struct Fresh {
    durable: Durable,
    person: Uuid,
    at: Duration,
    said: Option<Change>,
}

impl Door {
    /// A door that has seen nobody.
    pub fn new(parts: Parts) -> Self {
        let face_is_off = parts.punches.face_is_off();
        Self {
            parts,
            at_work: Mutex::new(AtWork {
                gate: Gate::new(),
                lockout: Lockout::new(face_is_off),
                stated: None,
                asked: None,
                ways: HashMap::new(),
                fresh: Vec::new(),
            }),
            keypad: Mutex::new(()),
        }
    }

    /// The time by which this door works: see [`Parts::clock`].
    pub fn now(&self) -> Duration {
        (self.parts.clock)()
    }

    /// Somebody was identified at `now`. Match → durable → green.
    pub fn arrived(&self, known: Known, now: Duration) {
        let mut work = self.work();
        work.lockout.succeeded(known.method, known.person);
        let stated = work.stated(now, &self.parts.rules.get());
        self.decide(&mut work, known, stated, now);
    }

    fn decide(&self, work: &mut AtWork, known: Known, stated: Option<Direction>, now: Duration) {
        let Parts {
            punches, feedback, ..
        } = &self.parts;
        let (person, rules) = (known.person, self.parts.rules.get());
        work.asked = None;
        let lately = punches.lately(person);
        let before = work.before(person, now, lately);
        let ago = lately.map(|lately| lately.ago);
        let verdict = work.gate.arrived(person, now, ago, &rules);
        // Who says so, and was taken for the other way, means it.
        let is_meant = stated.is_some_and(|way| before.is_some_and(|before| before != way));
        if verdict != Verdict::Punch && !is_meant {
            work.asked = Some((known, now));
            return match verdict {
                Verdict::Reverses => feedback.reverses(person),
                _ => feedback.again(person),
            };
        }
        // A key is stronger than the schedule, which only says which way a punch goes that is one anyway.
        let stated = stated.or_else(|| self.scheduled(&rules));
        let toward = stated.unwrap_or(match before {
            Some(Direction::In) => Direction::Out,
            _ => Direction::In,
        });
        let punch = Punch {
            person,
            direction: stated.unwrap_or(Direction::Auto),
            method: known.method,
            grade: known.grade,
            frames: known.frames,
            model: known.model,
        };
        let (method, direction) = (punch.method, punch.direction);
        match punches.punch(punch) {
            Ok(durable) => {
                feedback.green(&Accepted {
                    person,
                    durable,
                    method,
                    direction,
                    toward,
                });
                work.punched(person, durable, toward, now);
            }
            Err(refused) => feedback.red(Red::NotRecorded(&refused)),
        }
    }

    fn scheduled(&self, rules: &Rules) -> Option<Direction> {
        if rules.schedule.is_empty() {
            return None;
        }
        Scheduled::way(&rules.schedule, (self.parts.time_of_day)()?)
    }

    /// Somebody typed their number and PIN, in one. Comes back once it was checked, which takes a
    /// noticeable part of a second, and the person was told. Where there are no PINs, nothing is.
    pub fn pin(&self, typed: &str) {
        if !self.parts.ways.pin {
            return;
        }
        let _keypad = self.keypad.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        if !self.admits(Method::Pin, now) {
            return self.parts.feedback.red(Red::Rejected(Rejection::Paused));
        }
        let typed = pin::Typed::read(typed);
        let number = typed.as_ref().map_or("", |typed| typed.number());
        let is_theirs = |card: &Card| card.number.as_deref() == Some(number);
        let found = match self.parts.people.find(&is_theirs) {
            Ok(found) => found,
            Err(failed) => return self.cannot_look_up(&failed),
        };
        let person = found.as_ref().map(|(person, _)| *person);
        if person.is_some_and(|person| !self.work().lockout.admits_person(person, now)) {
            return self.parts.feedback.red(Red::Rejected(Rejection::Paused));
        }
        let verifier = found.and_then(|(_, card)| card.pin_verifier);
        // The same work for a number that is nobody's.
        let fits = pin::fits(typed.as_ref(), verifier.as_deref());
        match person {
            Some(person) if fits => self.arrived(Known::by(Method::Pin, person), now),
            _ => {
                if let Some(person) = person {
                    self.work().lockout.failed_person(person, now);
                }
                self.rejected(Method::Pin, Rejection::Pin, now);
            }
        }
    }

    /// A reader typed `text`: the number of a badge, or what a signed one says.
    pub fn badge(&self, text: &str) {
        let now = self.now();
        match badge::verify(text, &self.parts.site) {
            Err(NotABadge::Foreign) => {
                let listed = badge::is_reader_text(text).then_some(text);
                self.shown(Method::Badge, Rejection::Badge, listed, now);
            }
            read => self.signed(read, now),
        }
    }

    /// The camera saw a code at `now`. Whatever is no badge is nothing: people wear codes on shirts.
    pub fn code(&self, text: &str, now: Duration) {
        match badge::verify(text, &self.parts.site) {
            Err(NotABadge::Foreign) => {}
            read => self.signed(read, now),
        }
    }

    fn signed(&self, read: Result<Uuid, NotABadge>, now: Duration) {
        let listed = read.ok().map(badge::listed);
        self.shown(Method::Qr, Rejection::Qr, listed.as_deref(), now);
    }

    /// A badge that the roster lists as `listed`; `None` is nobody's.
    fn shown(&self, method: Method, why: Rejection, listed: Option<&str>, now: Duration) {
        if !self.admits(method, now) {
            return self.parts.feedback.red(Red::Rejected(Rejection::Paused));
        }
        let is_theirs = |card: &Card| {
            card.badges
                .iter()
                .any(|badge| Some(badge.as_str()) == listed)
        };
        match self.parts.people.find(&is_theirs) {
            Ok(Some((person, _))) => self.arrived(Known::by(method, person), now),
            Ok(None) => self.rejected(method, why, now),
            Err(failed) => self.cannot_look_up(&failed),
        }
    }

    fn cannot_look_up(&self, failed: &RosterError) {
        tracing::error!(%failed, "the roster can't be read");
        let refused = Refused("the roster can't be read".into());
        self.parts.feedback.red(Red::NotRecorded(&refused));
    }

    /// A key was pressed: [`Direction::In`] or [`Direction::Out`] for whoever was told in the last
    /// ten seconds that it was no punch, else for whoever is identified next, if that is soon;
    /// [`Direction::Auto`] takes the key back.
    pub fn state(&self, direction: Direction) {
        let now = self.now();
        let mut work = self.work();
        work.stated = None;
        if direction == Direction::Auto {
            return;
        }
        match work.asked.take() {
            Some((known, at)) if now.saturating_sub(at) < AMENDABLE => {
                self.decide(&mut work, known, Some(direction), now);
            }
            _ => work.stated = Some((direction, now)),
        }
    }

    /// Changes the punch `seq`, if it was made here in the last ten seconds.
    ///
    /// # Errors
    /// [`NotAmended`] when it was not, or the change could not be made durable.
    pub fn amend(&self, seq: u64, change: Change) -> Result<(), NotAmended> {
        let now = self.now();
        let mut work = self.work();
        let AtWork {
            fresh, ways, gate, ..
        } = &mut *work;
        fresh.retain(|one| now.saturating_sub(one.at) < AMENDABLE);
        let one = fresh
            .iter_mut()
            .find(|one| one.durable.seq == seq)
            .ok_or(NotAmended::TooLate(seq))?;
        if one.said == Some(change) {
            return Ok(());
        }
        self.parts.punches.amend(one.durable, change)?;
        one.said = Some(change);
        match change {
            Change::Direction(way @ (Direction::In | Direction::Out)) => {
                if let Some((_, taken)) = ways.get_mut(&one.person) {
                    *taken = way;
                }
            }
            Change::Direction(Direction::Auto) => {}
            // The person themselves may come any moment.
            Change::NotMe => {
                ways.remove(&one.person);
                gate.forget(one.person);
            }
        }
        Ok(())
    }

    /// Nobody was identified by `method` at `now`, for this reason; said once.
    pub fn rejected(&self, method: Method, why: Rejection, now: Duration) {
        let Parts {
            punches, feedback, ..
        } = &self.parts;
        let mut work = self.work();
        work.asked = None;
        feedback.red(Red::Rejected(why));
        punches.rejected(why);
        match work.lockout.failed(method, now) {
            Outcome::Free => return,
            Outcome::Paused => {
                tracing::warn!(?method, "five failures in a row: half a minute's pause")
            }
            Outcome::FaceOff => {
                tracing::error!(
                    "fifty failures in a row: no face is looked at until a person looked"
                );
                punches.set_face_off(true);
            }
        }
        feedback.red(Red::Rejected(Rejection::Paused));
        punches.rejected(Rejection::Paused);
    }

    /// Somebody stood before the camera, and no frame was good enough: no try, since they may mend
    /// it.
    pub fn poor(&self, flaw: Flaw) {
        self.parts.feedback.red(Red::Poor(flaw));
        self.parts.punches.rejected(Rejection::Quality);
    }

    /// Whether this way may be tried at `now`.
    pub fn admits(&self, method: Method, now: Duration) -> bool {
        self.work().lockout.admits(method, now)
    }

    /// Whether faces are off after too many failures, until a person looked.
    pub fn face_is_off(&self) -> bool {
        self.work().lockout.face_is_off()
    }

    /// Looks whether a person looked ([`Punches::face_is_off`]): then faces are looked at again.
    pub fn recheck(&self) {
        let mut work = self.work();
        if work.lockout.face_is_off() && !self.parts.punches.face_is_off() {
            work.lockout.unlock();
            tracing::info!("a person looked: faces are looked at again");
            self.parts.punches.set_face_off(false);
        }
    }

    /// `person`, who was identified before, is still there at `now`.
    pub fn seen(&self, person: Uuid, now: Duration) {
        self.work().gate.seen(person, now);
    }

    /// Which ways in without a face there are.
    pub fn ways(&self) -> &Ways {
        &self.parts.ways
    }

    /// The rules that hold now.
    pub fn rules(&self) -> Arc<Rules> {
        self.parts.rules.get()
    }

    /// What the person is shown.
    pub fn feedback(&self) -> &dyn Feedback {
        &*self.parts.feedback
    }

    fn work(&self) -> MutexGuard<'_, AtWork> {
        // Whoever holds it is at the outbox, or through in no time.
        let _wait = self.parts.heart.enter(Stage::Outbox);
        // A panic while it was held left nothing half done: each change is one insertion.
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AtWork {
    /// The key that was pressed for whoever comes now.
    fn stated(&mut self, now: Duration, rules: &Rules) -> Option<Direction> {
        self.stated
            .take()
            .filter(|(_, at)| now.saturating_sub(*at) < rules.touch)
            .map(|(direction, _)| direction)
    }

    /// Which way the person went last, by this door or, where that is newer, by what the cloud
    /// said; `None` where that is not known or too long ago to be believed.
    fn before(&self, person: Uuid, now: Duration, lately: Option<Lately>) -> Option<Direction> {
        let here = self
            .ways
            .get(&person)
            .map(|(at, way)| (now.saturating_sub(*at), *way));
        let told = lately.map(|lately| (lately.ago, lately.way));
        let newest = here.into_iter().chain(told).min_by_key(|(ago, _)| *ago);
        newest
            .filter(|(ago, _)| *ago < LONGEST_SESSION)
            .map(|(_, way)| way)
    }

    fn punched(&mut self, person: Uuid, durable: Durable, toward: Direction, now: Duration) {
        self.gate.punched(person, now);
        self.ways
            .retain(|_, (at, _)| now.saturating_sub(*at) < LONGEST_SESSION);
        self.ways.insert(person, (now, toward));
        self.fresh
            .retain(|one| now.saturating_sub(one.at) < AMENDABLE);
        self.fresh.push(Fresh {
            durable,
            person,
            at: now,
            said: None,
        });
    }
}

#[cfg(test)]
mod tests;
