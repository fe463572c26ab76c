//! What every message has in common: the kind that it is, and the bounds that it keeps.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::topic::Kind;

/// Something that can be signed and sent on one topic.
///
/// Fields that the reader doesn't know are passed over: within version 1 a message may grow. A field
/// that is there says what it says, or the message is refused.
pub trait Message: Serialize + DeserializeOwned {
    /// The topic that it is sent on, and so the `typ` of its header.
    const KIND: Kind;

    /// Whether everything is within bounds. Asked before signing and after reading, so that no end
    /// sends what the other one refuses.
    ///
    /// # Errors
    /// Which field is out of bounds, and how.
    fn check(&self) -> Result<(), Invalid>;
}

/// What may only travel sealed. It is no [`Message`]; [`Sealed`](crate::Sealed) of it is.
pub trait Sealable: Serialize + DeserializeOwned {
    /// The topic that it is sent on.
    const KIND: Kind;

    /// Whether everything is within bounds. Asked before sealing and after opening.
    ///
    /// # Errors
    /// Which field is out of bounds, and how.
    fn check(&self) -> Result<(), Invalid>;
}

/// A field that says what it may not say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {why}")]
pub struct Invalid {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it, without what it holds.
    pub why: String,
}

impl Invalid {
    pub(crate) fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self {
            field,
            why: why.into(),
        }
    }
}

/// The largest whole number that every reader of JSON holds exactly.
pub const MAX_WHOLE: u64 = (1 << 53) - 1;

/// Text for people: at most `most` characters, and none of them a control character.
pub(crate) fn text(field: &'static str, value: &str, most: usize) -> Result<(), Invalid> {
    let length = value.chars().count();
    if length > most {
        return Err(Invalid::new(
            field,
            format!("is {length} characters long; at most {most} are allowed"),
        ));
    }
    if value.chars().any(char::is_control) {
        return Err(Invalid::new(field, "has a control character in it"));
    }
    Ok(())
}

/// A list of at most `most` things.
pub(crate) fn list<T>(field: &'static str, values: &[T], most: usize) -> Result<(), Invalid> {
    if values.len() > most {
        let length = values.len();
        return Err(Invalid::new(
            field,
            format!("has {length} entries; at most {most} are allowed"),
        ));
    }
    Ok(())
}

/// A whole number from `least` on that JSON can carry.
pub(crate) fn whole(field: &'static str, value: u64, least: u64) -> Result<(), Invalid> {
    if value < least || value > MAX_WHOLE {
        return Err(Invalid::new(
            field,
            format!("is {value}; {least} to 2^53 - 1 is allowed"),
        ));
    }
    Ok(())
}
