//! Events: what happened at a terminal. Each is one row of an outbox, signed once and never changed.
//!
//! No similarity score is in an event: published scores help a forger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bytes::Hash;
use crate::message::{Invalid, Message, text, whole};
use crate::topic::{Kind, Up};

/// One event. Where it stands in its outbox is in the header ([`Chain`](crate::jws::Chain)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the terminal's clock.
    pub at: Timestamp,
    /// What that clock is worth.
    pub clock: Clock,
    /// The boot of the machine that `uptime_ms` counts from.
    pub boot: Uuid,
    /// Milliseconds since that boot, sleep included; it never jumps.
    pub uptime_ms: u64,
    /// What happened; `kind` and what belongs to it.
    #[serde(flatten)]
    pub what: What,
}

/// What a terminal's clock is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Held to a time server.
    Synced,
    /// Held to one earlier in this boot, or kept by a hardware clock.
    Holdover,
    /// Never set since the machine woke: `at` means nothing, only boot and uptime do.
    Unsynced,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// Somebody was known and meant it.
    Punch(Punch),
    /// A button of the screen after a punch of the same outbox. Nothing waits for it.
    Amend(Amend),
    /// Somebody was not known, or not let in. Nobody is named.
    Rejected {
        /// Why.
        why: Rejection,
    },
    /// Stands for a row that was found damaged, with the same `seq` and `prev`.
    Void {
        /// The hash of what the row was, as the next row's `prev` or the head still says it: it keeps the
        /// chain whole, and shows that a stored event with this hash is no fork.
        stands_for: Hash,
    },
    /// The door.
    Door {
        /// What it did.
        what: Door,
    },
    /// The case of the terminal.
    Tamper {
        /// What was done.
        what: Tamper,
    },
    /// The clock was set.
    Clock {
        /// What it said before.
        from: Timestamp,
        /// What it said then.
        to: Timestamp,
    },
    /// The camera.
    Camera {
        /// What it gives from now on.
        state: Camera,
    },
    /// The program began.
    Start {
        /// Its version.
        firmware: String,
        /// In the first event of an outbox that follows another one: that one's end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<OutboxHead>,
    },
    /// The program ended.
    Stop {
        /// Why.
        why: Stop,
    },
}

/// A person, at a door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Punch {
    /// Who.
    pub person: Uuid,
    /// Which way, as stated.
    pub direction: Direction,
    /// How they were known.
    pub method: Method,
    /// How clearly: a grade, never a score.
    pub grade: Grade,
    /// How many frames were looked at; 0 where none was.
    pub frames: u16,
    /// The model that compared; empty where none did.
    pub model: String,
}

/// Which way through the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Work begins.
    In,
    /// Work ends.
    Out,
    /// Not stated: the other one than before.
    Auto,
}

/// How a person was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By the face.
    Face,
    /// By a number typed in.
    Pin,
    /// By a badge.
    Badge,
    /// By a QR code.
    Qr,
    /// By a picture sent to the cloud.
    Upload,
}

/// How clearly a person was told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Nobody else comes near.
    Clear,
    /// Within the tolerance, but somebody else is near.
    Narrow,
}

/// What a person pressed after a punch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AmendClaims", into = "AmendClaims")]
pub struct Amend {
    /// The `seq` of the punch, earlier in the same outbox.
    pub of: u64,
    /// What changes.
    pub change: Change,
}

/// What an amendment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was the other way.
    Direction(Direction),
    /// It was somebody else.
    NotMe,
}

/// An amendment as JSON has it: `{"of": 12, "direction": "out"}` or `{"of": 12, "not_me": true}`.
#[derive(Serialize, Deserialize)]
struct AmendClaims {
    of: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    not_me: bool,
}

impl From<Amend> for AmendClaims {
    fn from(amend: Amend) -> Self {
        let (direction, not_me) = match amend.change {
            Change::Direction(direction) => (Some(direction), false),
            Change::NotMe => (None, true),
        };
        Self {
            of: amend.of,
            direction,
            not_me,
        }
    }
}

impl TryFrom<AmendClaims> for Amend {
    type Error = &'static str;

    fn try_from(claims: AmendClaims) -> Result<Self, Self::Error> {
        let change = match (claims.direction, claims.not_me) {
            (Some(direction), false) => Change::Direction(direction),
            (None, true) => Change::NotMe,
            _ => return Err("an amendment says either `direction` or `not_me`"),
        };
        Ok(Self {
            of: claims.of,
            change,
        })
    }
}

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// The face is nobody's.
    Unknown,
    /// The face may be more than one person's.
    Ambiguous,
    /// What was shown was taken for a picture, a screen or a mask.
    Presentation,
    /// Too small, too dark, too blurred, or too far from the front.
    Quality,
    /// The number belongs to nobody.
    Pin,
    /// The badge belongs to nobody.
    Badge,
    /// The code is none of ours, or not valid any more.
    Qr,
    /// The second factor did not follow, or was another person's.
    SecondFactor,
    /// Outside the opening hours.
    Closed,
    /// After too many failures.
    Paused,
}

/// What the door did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// It was released for somebody.
    Released,
    /// It was opened.
    Opened,
    /// It was closed.
    Closed,
    /// It was opened without having been released.
    Forced,
    /// It stayed open for too long.
    Held,
}

/// What was done to the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tamper {
    /// It was opened.
    Opened,
    /// It was closed.
    Closed,
    /// It was taken off the wall.
    Moved,
}

/// What the camera gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Camera {
    /// Pictures.
    Ok,
    /// Nothing: it is not there.
    Missing,
    /// The same picture again and again.
    Frozen,
    /// Darkness.
    Dark,
    /// Bytes that are no picture.
    Garbage,
    /// Nothing, by configuration.
    Off,
}

/// Why the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It was asked to.
    Asked,
    /// For a new version.
    Update,
    /// It could not go on.
    Fault,
}

/// The end of an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxHead {
    /// Which outbox.
    pub outbox: Uuid,
    /// Its last event; 0 where there is none.
    pub seq: u64,
    /// That event's hash; 32 zero bytes where there is none.
    pub hash: Hash,
}

impl Message for Event {
    const KIND: Kind = Kind::Up(Up::Event);

    fn check(&self) -> Result<(), Invalid> {
        whole("uptime_ms", self.uptime_ms, 0)?;
        match &self.what {
            What::Punch(punch) => text("model", &punch.model, 64),
            What::Amend(amend) => whole("of", amend.of, 1),
            What::Start { firmware, after } => {
                text("firmware", firmware, 64)?;
                match after {
                    Some(head) => whole("after.seq", head.seq, 0),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
