//! Messages as they are signed and sealed: written for the way up, verified on the way down.

use limen_wire::jws::{self, Expected, Header, JwsError};
use limen_wire::topic::{Down, Kind, TopicError};
use limen_wire::{
    Ack, Command, Message, RosterPage, SealError, Sealable, Sealed, Settings, State, Topic, open,
};
use uuid::Uuid;

use crate::keys::Identity;

/// Why a message is not believed. It changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// Not one of our topics.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// Not for this terminal, or not on the way down.
    #[error("the topic {0} is not one that this terminal is told on")]
    NotOurs(Topic),
    /// Not text.
    #[error("the message is not text")]
    NotText,
    /// The signature, the session, an end or a bound does not hold.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// It does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// What the cloud says: verified, of this session, and opened.
#[derive(Debug, PartialEq)]
pub enum Letter {
    /// What it holds.
    Ack(Ack),
    /// Whom the terminal knows.
    Roster(RosterPage),
    /// How the site wants its terminals.
    Settings(Settings),
    /// What the screen may say of somebody.
    State(State),
    /// What is to be done.
    Command(Command),
}

/// Signs a message of the terminal in its session.
///
/// # Errors
/// When it says what it may not say.
pub fn write<M: Message>(
    identity: &Identity,
    session: Uuid,
    message: &M,
) -> Result<String, JwsError> {
    let Identity { keys, site } = identity;
    let topic = Topic {
        terminal: site.terminal,
        kind: M::KIND,
    };
    let header = Header::new(topic, site.site, session, keys.signing.kid());
    jws::sign(&keys.signing, &header, message)
}

/// Reads what came on `topic`.
///
/// # Errors
/// Why it is not believed.
pub fn read(
    identity: &Identity,
    session: Uuid,
    topic: &str,
    payload: &[u8],
) -> Result<Letter, LetterError> {
    let topic: Topic = topic.parse()?;
    let Kind::Down(kind) = topic.kind else {
        return Err(LetterError::NotOurs(topic));
    };
    if topic.terminal != identity.site.terminal {
        return Err(LetterError::NotOurs(topic));
    }
    let compact = std::str::from_utf8(payload).map_err(|_| LetterError::NotText)?;
    let expected = Expected {
        topic,
        site: identity.site.site,
        session: Some(session),
    };
    let verified = jws::verify(compact, &identity.site.signing_key, &expected)?;
    Ok(match kind {
        Down::Ack => Letter::Ack(verified.claims()?),
        Down::Roster => Letter::Roster(opened(identity, &verified)?),
        Down::Settings => Letter::Settings(opened(identity, &verified)?),
        Down::State => Letter::State(opened(identity, &verified)?),
        Down::Command => Letter::Command(verified.claims()?),
    })
}

fn opened<M: Sealable>(identity: &Identity, verified: &jws::Verified) -> Result<M, LetterError> {
    let sealed: Sealed<M> = verified.claims()?;
    Ok(open(&sealed, &identity.keys.sealing, &verified.header)?)
}
