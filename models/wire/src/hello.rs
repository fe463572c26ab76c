//! How a session begins, and how the cloud says what it has.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bytes::Hash;
use crate::event::{Camera, Clock};
use crate::message::{Invalid, Message, text, whole};
use crate::topic::{Down, Kind, Up};

/// Which version of the roster or the settings a terminal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Held {
    /// The cloud's database that counted it.
    pub epoch: Uuid,
    /// From 1.
    pub version: u64,
}

/// The first message of every connection. The header's `session` is new.
///
/// It is answered by [`Ack`], and by roster, settings and states where the terminal is behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its outbox.
    pub outbox: Uuid,
    /// The lowest `seq` that it still keeps; `next` where it keeps none.
    pub oldest: u64,
    /// The `seq` that its next event will have.
    pub next: u64,
    /// The hash of its last event; 32 zero bytes where there is none.
    pub head: Hash,
    /// The roster that it holds.
    pub roster: Option<Held>,
    /// The settings that it holds.
    pub settings: Option<Held>,
    /// The program's version.
    pub firmware: String,
}

impl Message for Hello {
    const KIND: Kind = Kind::Up(Up::Hello);

    fn check(&self) -> Result<(), Invalid> {
        whole("next", self.next, 1)?;
        whole("oldest", self.oldest, 1)?;
        if self.oldest > self.next {
            return Err(Invalid::new("oldest", "is past `next`"));
        }
        if (self.next == 1) != (self.head == Hash::ZERO) {
            return Err(Invalid::new(
                "head",
                "is 32 zero bytes before the first event, and never after it",
            ));
        }
        for (field, held) in [
            ("roster.version", self.roster),
            ("settings.version", self.settings),
        ] {
            if let Some(held) = held {
                whole(field, held.version, 1)?;
            }
        }
        text("firmware", &self.firmware, 64)
    }
}

/// What the cloud has committed. Only this makes an event done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Of which outbox.
    pub outbox: Uuid,
    /// Every event up to this one is stored; 0 where none is.
    pub through: u64,
    /// The cloud's database. In another epoch than before a lower `through` is believed.
    pub epoch: Uuid,
}

impl Message for Ack {
    const KIND: Kind = Kind::Down(Down::Ack);

    fn check(&self) -> Result<(), Invalid> {
        whole("through", self.through, 0)
    }
}

/// How a terminal is: every 60 s, and when something changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Counts the statuses of a session from 1, so that one that comes late is known; 0 in the will.
    pub n: u64,
    /// `false` when it ends, and in the will: there a hint and never a fact.
    pub online: bool,
    /// When, by the terminal's clock. Of the will, when it was left with the broker.
    pub at: Timestamp,
    /// What that clock is worth.
    pub clock: Clock,
    /// Its outbox.
    pub outbox: Uuid,
    /// The `seq` that its next event will have.
    pub next: u64,
    /// Everything else.
    #[serde(flatten)]
    pub health: Health,
}

/// How a terminal's parts are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The program's version.
    #[serde(default)]
    pub firmware: String,
    /// The boot of the machine.
    #[serde(default)]
    pub boot: Uuid,
    /// Milliseconds since that boot.
    #[serde(default)]
    pub uptime_ms: u64,
    /// What the camera gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<Camera>,
    /// How many people it knows.
    #[serde(default)]
    pub people: u64,
    /// The model that it compares with.
    #[serde(default)]
    pub model: String,
    /// How many events are not acknowledged.
    #[serde(default)]
    pub waiting: u64,
    /// Room left where the database is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_mib: Option<u64>,
    /// Of the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<i16>,
    /// What a person should look at, in words; empty where nothing is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl Status {
    /// The same as a will: signed in advance, published by the endpoint when the terminal is gone.
    #[must_use]
    pub fn will(&self) -> Self {
        Self {
            n: 0,
            online: false,
            health: Health::default(),
            ..*self
        }
    }
}

impl Message for Status {
    const KIND: Kind = Kind::Up(Up::Status);

    fn check(&self) -> Result<(), Invalid> {
        whole("n", self.n, 0)?;
        if self.online && self.n == 0 {
            return Err(Invalid::new("n", "is counted from 1; only a will has 0"));
        }
        whole("next", self.next, 1)?;
        let health = &self.health;
        text("firmware", &health.firmware, 64)?;
        text("model", &health.model, 64)?;
        whole("uptime_ms", health.uptime_ms, 0)?;
        whole("people", health.people, 0)?;
        whole("waiting", health.waiting, 0)?;
        whole("free_mib", health.free_mib.unwrap_or_default(), 0)?;
        crate::message::list("faults", &health.faults, 16)?;
        health
            .faults
            .iter()
            .try_for_each(|fault| text("faults", fault, 200))
    }
}
