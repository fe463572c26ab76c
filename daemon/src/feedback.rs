//! What the person at the door is shown.

use std::sync::Arc;

use limen_face::Frame;
use limen_face::detect::Bounds;
use limen_face::pad::Ask;
use limen_face::quality::Flaw;
use limen_wire::event::{Direction, Method, Rejection};
use uuid::Uuid;

use crate::gate::{Durable, Refused};

/// Lamp, sound and screen. Called by whichever way in is at work, while the door waits: an
/// implementation hands over and returns, and never calls the door.
pub trait Feedback: Send + Sync {
    /// The punch counts; there is no green without its proof.
    fn green(&self, accepted: &Accepted);

    /// Recognised, but the visit was punched already, or the last punch was a moment ago.
    fn again(&self, person: Uuid);

    /// Recognised, but a punch would undo one of the last minutes: a screen asks whether that is
    /// meant, without one it is refused like [`Feedback::again`].
    fn reverses(&self, person: Uuid);

    /// No punch.
    fn red(&self, why: Red<'_>);

    /// What the person before the camera may do to be recognised; `None` when there is nothing
    /// (any more). Told when it changes.
    fn guide(&self, guide: Option<Guide>);

    /// What is looked at, and the face that is meant: for a screen that shows people themselves.
    /// The frame stays in memory.
    fn sees(&self, _frame: &Arc<Frame>, _face: Option<&Bounds>) {}

    /// Whether the disk has no room for the next punch, before anybody makes it. Told when it
    /// changes.
    fn full(&self, _is_full: bool) {}
}

/// Several of them, told one after the other.
pub struct All(pub Vec<Box<dyn Feedback>>);

impl Feedback for All {
    fn green(&self, accepted: &Accepted) {
        self.0.iter().for_each(|one| one.green(accepted));
    }

    fn again(&self, person: Uuid) {
        self.0.iter().for_each(|one| one.again(person));
    }

    fn reverses(&self, person: Uuid) {
        self.0.iter().for_each(|one| one.reverses(person));
    }

    fn red(&self, why: Red<'_>) {
        self.0.iter().for_each(|one| one.red(why));
    }

    fn guide(&self, guide: Option<Guide>) {
        self.0.iter().for_each(|one| one.guide(guide));
    }

    fn sees(&self, frame: &Arc<Frame>, face: Option<&Bounds>) {
        self.0.iter().for_each(|one| one.sees(frame, face));
    }

    fn full(&self, is_full: bool) {
        self.0.iter().for_each(|one| one.full(is_full));
    }
}

/// A punch that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Whose.
    pub person: Uuid,
    /// Its proof.
    pub durable: Durable,
    /// How they were known.
    pub method: Method,
    /// Which way, as it was recorded.
    pub direction: Direction,
    /// Which way it is taken for, by what this terminal knows: in or out, never `Auto`.
    pub toward: Direction,
}

/// What is in the way of recognising somebody, while they stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guide {
    /// Two people are near: one at a time, please.
    OneAtATime,
    /// Something about the face as the camera sees it.
    Mend(Flaw),
    /// To show that they are no picture: turn the head to that side, their own left or right, and
    /// back.
    Turn(Ask),
}

/// Why the light is red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Red<'a> {
    /// Nobody was recognised.
    Rejected(Rejection),
    /// No frame was good enough; this was wrong most often.
    Poor(Flaw),
    /// Somebody was, but the punch could not be recorded; they should try again.
    NotRecorded(&'a Refused),
}

/// One line in the log per outcome: a person's id, never a score.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogFeedback;

impl Feedback for LogFeedback {
    fn green(&self, accepted: &Accepted) {
        let Accepted { person, method, .. } = accepted;
        tracing::info!(%person, seq = accepted.durable.seq, ?method, "punch accepted");
    }

    fn again(&self, person: Uuid) {
        tracing::info!(%person, "punched already");
    }

    fn reverses(&self, person: Uuid) {
        tracing::info!(%person, "punched a few minutes ago; the opposite is not taken for meant");
    }

    fn red(&self, why: Red<'_>) {
        match why {
            Red::Rejected(why) => tracing::info!(?why, "not recognised"),
            Red::Poor(flaw) => tracing::info!(why = %flaw, "not recognised"),
            Red::NotRecorded(refused) => {
                tracing::error!(why = %refused, "a punch could not be recorded");
            }
        }
    }

    fn guide(&self, guide: Option<Guide>) {
        match guide {
            Some(Guide::OneAtATime) => tracing::info!("one at a time, please"),
            Some(Guide::Mend(flaw)) => tracing::debug!(%flaw, "a face can't be looked at yet"),
            Some(Guide::Turn(ask)) => tracing::info!(?ask, "please turn your head, and back"),
            None => {}
        }
    }
}
