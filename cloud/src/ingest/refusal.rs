//! Why something that came on a terminal's topic is not believed, or could not be kept.

use limen_wire::jws::JwsError;
use limen_wire::topic::TopicError;
use uuid::Uuid;

use crate::downlink::DownlinkError;
use crate::store::StoreError;

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No topic of ours.
    #[error("the topic is none that terminals say anything on")]
    Topic(#[from] TopicError),
    /// A topic that terminals are told things on.
    #[error("{0} goes down to terminals, not up from them")]
    Down(&'static str),
    /// Not text.
    #[error("the message is no text, and so no JWS")]
    Text,
    /// No such terminal.
    #[error("no terminal {0} was ever claimed here")]
    Unknown(Uuid),
    /// It is nobody's any more.
    #[error("terminal {0} was revoked")]
    Revoked(Uuid),
    /// It does not hold.
    #[error(transparent)]
    Message(#[from] JwsError),
    /// Not of the terminal's current session, or older than what it has said in it.
    #[error(
        "the message is of session {0}, which is not the terminal's current one, or is an old one of it"
    )]
    Session(Uuid),
    /// Nobody asked for it.
    #[error("nobody asked the terminal for a {0}")]
    NotAsked(&'static str),
    /// Our own fault: it may hold, but could not be looked at or kept.
    #[error("it could not be kept")]
    Ours(#[from] DownlinkError),
    /// Our own fault: the write failed.
    #[error("the write failed")]
    NotWritten,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Ours(error.into())
    }
}

impl Refusal {
    /// Whether the fault is ours, so that the same message may well be taken another time.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Ours(_) | Self::NotWritten)
    }
}
