//! What the screen shows of the person at the door, for how long, and what may be changed about it.
//!
//! Pure: the time is passed in. A [`View`] names nobody beyond what the site allows, and knows no score.

use std::time::Duration;

use jiff::Timestamp;
use limen_face::pad::Ask;
use limen_face::quality::Flaw;
use limen_wire::event::{Change, Direction, Rejection};
use serde::Serialize;

use crate::door::AMENDABLE;
use crate::feedback::Guide;

/// How long other answers are shown.
const SHOWN: Duration = Duration::from_secs(5);

/// An answer that is older gives way to what the next person is asked to do.
const READ: Duration = Duration::from_secs(3);

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum View {
    /// The camera, the time.
    #[default]
    Idle,
    /// The same, and what to do to be recognised.
    Guide {
        /// What.
        guide: Hint,
    },
    /// A punch, which is durable.
    Punched(Punched),
    /// Recognised, and punched already.
    Again {
        /// Who.
        #[serde(flatten)]
        whom: Whom,
        /// Whether they are at work, and since when, as far as that is known.
        #[serde(flatten)]
        stands: Option<Stands>,
    },
    /// Recognised, but a punch would undo one of the last minutes.
    Reverses {
        /// Who.
        #[serde(flatten)]
        whom: Whom,
        /// Whether they are at work, and since when, as far as that is known.
        #[serde(flatten)]
        stands: Option<Stands>,
    },
    /// Not recognised, or not let in.
    Refused {
        /// Why.
        why: Why,
    },
}

/// A punch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Punched {
    /// The number by which it is changed.
    pub seq: u64,
    /// Who.
    #[serde(flatten)]
    pub whom: Whom,
    /// Which way, as it is shown and after what was changed.
    pub direction: Direction,
    /// When.
    pub at: Timestamp,
    /// Minutes worked today, where that is known and may be shown.
    pub minutes: Option<u32>,
    /// What the person said after it.
    pub amended: Option<Amended>,
}

/// A person as the site lets the screen greet them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Whom {
    /// What they are called here.
    pub name: Option<String>,
    /// The language that they read, where they have one of their own.
    pub language: Option<String>,
}

/// Where a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stands {
    /// At work.
    #[serde(rename = "in")]
    pub is_in: bool,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// What was changed about a punch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Amended {
    /// The direction.
    Direction,
    /// It was somebody else.
    NotMe,
}

/// What to do to be recognised: the words of it are the page's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    OneAtATime,
    Small,
    Cropped,
    Dark,
    Overexposed,
    Backlit,
    Occluded,
    Turned,
    Leaning,
    Blurred,
    TurnLeft,
    TurnRight,
}

impl From<Flaw> for Hint {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Small => Self::Small,
            Flaw::Cropped => Self::Cropped,
            Flaw::Dark => Self::Dark,
            Flaw::Overexposed => Self::Overexposed,
            Flaw::Backlit => Self::Backlit,
            Flaw::Occluded => Self::Occluded,
            Flaw::Turned => Self::Turned,
            Flaw::Leaning => Self::Leaning,
            Flaw::Blurred => Self::Blurred,
        }
    }
}

impl From<Guide> for Hint {
    fn from(guide: Guide) -> Self {
        match guide {
            Guide::OneAtATime => Self::OneAtATime,
            Guide::Mend(flaw) => flaw.into(),
            Guide::Turn(Ask::TurnLeft) => Self::TurnLeft,
            Guide::Turn(Ask::TurnRight) => Self::TurnRight,
        }
    }
}

/// Why there was no punch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Why {
    /// By what an event says of it.
    Rejected(Rejection),
    /// By what was wrong with the frames.
    Poor(Hint),
    /// By what is wrong with the terminal.
    Trouble(Trouble),
}

/// What is wrong with the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The punch could not be kept; they should try again.
    NotRecorded,
    /// Nor would it be the next time: there is no room.
    DiskFull,
}

/// What is shown now.
#[derive(Debug, Default)]
pub struct Board {
    view: View,
    /// Counts what was shown, so that the page tells two equal answers apart.
    number: u64,
    since: Duration,
    until: Option<Duration>,
}

impl Board {
    /// What is shown.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// How many were shown before.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How long it is still shown; `None` as long as nothing else happens.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        self.until.map(|until| until.saturating_sub(now))
    }

    /// The punch that is shown, to say more about it.
    pub fn punched_mut(&mut self) -> Option<&mut Punched> {
        match &mut self.view {
            View::Punched(punched) => Some(punched),
            _ => None,
        }
    }

    /// Shows an answer, in the place of any other.
    pub fn answer(&mut self, now: Duration, view: View) {
        let lasts = match view {
            View::Punched(_) | View::Reverses { .. } => AMENDABLE,
            _ => SHOWN,
        };
        self.show(now, view, Some(lasts));
    }

    /// What the person before the camera may do to be recognised. It waits while an answer is
    /// read, and is for somebody else than whom the answer was for.
    pub fn guide(&mut self, now: Duration, guide: Option<Hint>) {
        let reads = self.until.is_some() && now.saturating_sub(self.since) < READ;
        match (guide, &self.view) {
            (Some(_), _) if reads => {}
            (Some(guide), _) => self.show(now, View::Guide { guide }, None),
            (None, View::Guide { .. }) => self.show(now, View::Idle, None),
            (None, _) => {}
        }
    }

    /// Ends what was shown long enough. Says whether something was.
    pub fn tick(&mut self, now: Duration) -> bool {
        let is_over = self.until.is_some_and(|until| now >= until);
        if is_over {
            self.show(now, View::Idle, None);
        }
        is_over
    }

    /// The change of the punch `seq` is durable: shows it, where the punch is still shown.
    pub fn amended(&mut self, now: Duration, seq: u64, change: Change) {
        let Some(punched) = self.punched_mut().filter(|punched| punched.seq == seq) else {
            return;
        };
        match change {
            Change::Direction(direction) => {
                punched.direction = direction;
                punched.amended = Some(Amended::Direction);
            }
            Change::NotMe => {
                punched.amended = Some(Amended::NotMe);
                (punched.whom.name, punched.minutes) = (None, None);
                // Nothing can be changed any more.
                self.until = Some(now + SHOWN);
            }
        }
        self.number += 1;
    }

    fn show(&mut self, now: Duration, view: View, lasts: Option<Duration>) {
        if self.view == view && lasts.is_none() {
            return;
        }
        self.view = view;
        self.number += 1;
        self.since = now;
        self.until = lasts.map(|lasts| now + lasts);
    }
}

#[cfg(test)]
mod tests;
