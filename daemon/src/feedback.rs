//! What the person at the door is shown.

use limen_wire::event::Rejection;
use uuid::Uuid;

use crate::gate::{Durable, Refused};

/// Lamp, sound and screen. Called on the vision thread: an implementation hands over and returns.
pub trait Feedback: Send + Sync {
    /// The punch counts; there is no green without its proof.
    fn green(&self, person: Uuid, durable: Durable);

    /// Recognised, but the visit was punched already, or the last punch was a moment ago.
    fn again(&self, person: Uuid);

    /// No punch.
    fn red(&self, why: Red<'_>);

    /// Two people are near: one at a time, please.
    fn one_at_a_time(&self);
}

/// Why the light is red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Red<'a> {
    /// Nobody was recognised.
    Rejected(Rejection),
    /// Somebody was, but the punch could not be recorded; they should try again.
    NotRecorded(&'a Refused),
}

/// One line in the log per outcome: a person's id, never a score.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogFeedback;

impl Feedback for LogFeedback {
    fn green(&self, person: Uuid, durable: Durable) {
        tracing::info!(%person, seq = durable.seq, "punch accepted");
    }

    fn again(&self, person: Uuid) {
        tracing::info!(%person, "punched already");
    }

    fn red(&self, why: Red<'_>) {
        match why {
            Red::Rejected(why) => tracing::info!(?why, "not recognised"),
            Red::NotRecorded(refused) => {
                tracing::error!(why = %refused, "a punch could not be recorded");
            }
        }
    }

    fn one_at_a_time(&self) {
        tracing::info!("one at a time, please");
    }
}
