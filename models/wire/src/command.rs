//! What a terminal is asked to do, and what came of it. At most once: the id is stored before it is done.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::bytes::Blob;
use crate::message::{Invalid, Message, Sealable, list, text, whole};
use crate::roster::MAX_TEMPLATE_BYTES;
use crate::topic::{Down, Kind, Up};

/// Something to be done. It is read before it is understood, so that a terminal can answer also what a
/// later cloud asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Which one. What was done under an id is never done again.
    pub id: Uuid,
    /// What is to be done.
    pub name: String,
    /// With what.
    #[serde(default)]
    pub args: Value,
    /// Not after this, if the terminal's clock is worth anything.
    pub expires: Timestamp,
}

/// A command that this version understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "args", rename_all = "snake_case")]
pub enum Order {
    /// The chain has forked, or the cloud has more than the terminal: begin a new outbox, and send what
    /// comes after `after` of the old one again.
    BeginOutbox {
        /// The outbox to be left.
        outbox: Uuid,
        /// The last event on which both agree.
        after: u64,
    },
    /// Make templates of the person who stands there, and send them as [`Enrolled`].
    Enrol {
        /// Who stands there.
        person: Uuid,
        /// How many photos to take.
        photos: u8,
    },
    /// Release the door.
    OpenDoor {
        /// For how long, in seconds.
        seconds: u16,
    },
    /// End, and let the system begin again.
    Restart {},
}

/// A command that is not understood.
#[derive(Debug, thiserror::Error)]
#[error("the command {name:?} with these arguments is not known here")]
pub struct UnknownOrder {
    /// What was to be done.
    pub name: String,
    /// What does not fit.
    #[source]
    source: serde_json::Error,
}

impl Command {
    /// The command that does `order`.
    pub fn new(id: Uuid, order: &Order, expires: Timestamp) -> Self {
        let Ok(Value::Object(mut parts)) = serde_json::to_value(order) else {
            unreachable!("an order is an object with a name");
        };
        let name = match parts.remove("name") {
            Some(Value::String(name)) => name,
            _ => unreachable!("an order has a name"),
        };
        Self {
            id,
            name,
            args: parts.remove("args").unwrap_or_default(),
            expires,
        }
    }

    /// What is to be done.
    ///
    /// # Errors
    /// When this version doesn't know it. The answer is a [`CommandResult`] that says so.
    pub fn order(&self) -> Result<Order, UnknownOrder> {
        let parts = serde_json::json!({ "name": self.name, "args": self.args });
        serde_json::from_value(parts).map_err(|source| UnknownOrder {
            name: self.name.clone(),
            source,
        })
    }
}

impl Message for Command {
    const KIND: Kind = Kind::Down(Down::Command);

    fn check(&self) -> Result<(), Invalid> {
        text("name", &self.name, 64)
    }
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResult {
    /// Of which command.
    pub id: Uuid,
    /// Whether it was done.
    pub ok: bool,
    /// In words; empty where there is nothing to say.
    #[serde(default)]
    pub detail: String,
}

impl Message for CommandResult {
    const KIND: Kind = Kind::Up(Up::CommandResult);

    fn check(&self) -> Result<(), Invalid> {
        text("detail", &self.detail, 500)
    }
}

/// Templates that were made at a terminal, sealed to the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The command that asked for it.
    pub command: Uuid,
    /// Whose they are.
    pub person: Uuid,
    /// The model that made them.
    pub model: String,
    /// The templates.
    pub templates: Vec<Made>,
}

/// A template, and how good the pictures were that it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// In the form of the model.
    pub template: Blob,
    /// From how many photos.
    pub photos: u16,
    /// Of the worst of them, 0 to 100: about the picture, not about whom it resembles.
    pub quality: u8,
}

impl Sealable for Enrolled {
    const KIND: Kind = Kind::Up(Up::Enrolled);

    fn check(&self) -> Result<(), Invalid> {
        text("model", &self.model, 64)?;
        list("templates", &self.templates, 4)?;
        for made in &self.templates {
            if made.template.0.len() > MAX_TEMPLATE_BYTES {
                let why = format!("has one of more than {MAX_TEMPLATE_BYTES} bytes");
                return Err(Invalid::new("templates", why));
            }
            whole("photos", made.photos.into(), 1)?;
            if made.quality > 100 {
                return Err(Invalid::new("quality", "is more than 100"));
            }
        }
        Ok(())
    }
}
