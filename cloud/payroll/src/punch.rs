//! The facts: what a terminal or a person stated. Nothing here is ever changed; corrections and
//! amendments are further facts beside the first.

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which fact: the outbox that it was written to, and its number there.
///
/// A punch that a correction added has the correction's id for an outbox, and the place of its
/// [`Change`] in the correction, from 0, for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PunchId {
    /// The outbox of the terminal.
    pub outbox: Uuid,
    /// The event's number in that outbox, from 1.
    pub seq: u64,
}

/// What the punch states about the way through the door.
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

/// How the person was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By the face, at a terminal.
    Face,
    /// By a number typed in.
    Pin,
    /// By a badge.
    Badge,
    /// By a QR code.
    Qr,
    /// By a picture sent to the cloud.
    Upload,
    /// Not by a machine: added by an approved correction.
    Correction,
}

/// What the terminal said about its own clock when it wrote the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Held to a time server.
    Synced,
    /// Held to one earlier, or kept by a hardware clock.
    Holdover,
    /// Never set since the machine woke: `at` means nothing, only boot and uptime do.
    Unsynced,
}

/// A fact: this person stood at that terminal at that instant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Punch {
    /// Which event it is.
    pub id: PunchId,
    /// Who.
    pub person: Uuid,
    /// The site of the terminal. `None`, or a site that the rules don't know, has the rules' own
    /// zone.
    pub site: Option<Uuid>,
    /// Where.
    pub terminal: Uuid,
    /// When, by the terminal's clock.
    pub at: Timestamp,
    /// When the cloud first had it. The same event received twice is one fact.
    pub received: Timestamp,
    /// Whether it came at once (and not from a backlog): then `at` and `received` must be close.
    pub live: bool,
    /// What the terminal's clock is worth.
    pub clock: Clock,
    /// The boot of the machine, which `uptime_ms` counts from.
    pub boot: Uuid,
    /// Milliseconds since that boot, sleep included; it never jumps.
    pub uptime_ms: u64,
    /// Which way.
    pub direction: Direction,
    /// How the person was known.
    pub method: Method,
}

/// What an amendment says of an earlier punch of its outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amend {
    /// The person chose another direction on the screen.
    Direction(Direction),
    /// The person said: that was not me.
    NotMe,
}

/// The buttons of the terminal's screen after a punch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Amendment {
    /// The event that amends. It is in the outbox of what it amends, and later.
    pub id: PunchId,
    /// The punch that is amended.
    pub of: PunchId,
    /// What changes. Of several the last counts, but `not_me` is final: only a person settles it.
    pub amend: Amend,
}

/// A time as a person states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// An instant.
    Instant(Timestamp),
    /// What the clock on the wall of the site showed. On two nights of the year such a time may
    /// not exist, or exist twice; it is resolved as the zone rules say, and flagged.
    Local(civil::DateTime),
}

/// One step of a [`Correction`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A punch that no machine saw.
    Add {
        /// When it was.
        when: When,
        /// Which way.
        direction: Direction,
        /// At which site.
        site: Option<Uuid>,
    },
    /// A punch that doesn't count. This also settles what was open about it.
    Remove {
        /// Which one.
        punch: PunchId,
    },
}

/// What people say about somebody's punches. It counts once approved, by neither the person whose
/// time it is nor the one who proposed it. The original stays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Correction {
    /// Which correction.
    pub id: Uuid,
    /// Who approved it, if anybody did.
    pub approved_by: Option<Uuid>,
    /// Whose punches.
    pub person: Uuid,
    /// Who proposed it.
    pub proposed_by: Uuid,
    /// In the proposer's words.
    pub reason: String,
    /// What it does, all or nothing.
    pub changes: Vec<Change>,
}

/// An instant at which a terminal's clock was known to be right: any event or status with a
/// `synced` clock. Synced punches are such marks by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SyncMark {
    /// Whose clock.
    pub terminal: Uuid,
    /// In which boot.
    pub boot: Uuid,
    /// Milliseconds since that boot.
    pub uptime_ms: u64,
    /// What the clock said then.
    pub at: Timestamp,
}

/// A terminal noticed that its clock had been set by more than it may drift: by a time server, or by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClockStep {
    /// Whose clock.
    pub terminal: Uuid,
    /// In which boot.
    pub boot: Uuid,
    /// Milliseconds since that boot, when it was noticed.
    pub uptime_ms: u64,
    /// By how many seconds, forward or back.
    pub by_s: u64,
}

/// All that is known, in any order, with or without duplicates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Of any number of people.
    pub punches: &'a [Punch],
    /// Of those punches.
    pub amendments: &'a [Amendment],
    /// Of those people.
    pub corrections: &'a [Correction],
    /// Of the terminals of those punches. What is missing here can leave an unsynced punch
    /// without a time.
    pub marks: &'a [SyncMark],
    /// Of the same terminals. What is missing here can leave a wrong time without a flag.
    pub steps: &'a [ClockStep],
}
