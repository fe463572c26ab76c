//! What terminals and the cloud say to each other, byte for byte.
//!
//! A terminal and its site talk through something that is a postman and not a witness: a listener, a broker,
//! a queue. Nothing here depends on it keeping, ordering or hiding a message. Therefore
//!
//! 1. **every message is signed** ([`jws`]): a compact JWS whose protected header says the kind, who says it
//!    to whom, with which key and in which session. The receiver knows all of that before it reads, and
//!    [verifies](jws::verify) it against the [`topic`] that the message came on;
//! 2. **what names or shows a person is sealed** ([`seal`]), to one receiver, for one kind, terminal and
//!    session. [`Sealable`] messages can't be signed in the clear: they are no [`Message`];
//! 3. **events are a chain** ([`chain`]): each carries its number and the hash of the one before, so that a
//!    gap, a fork, or a row that was changed shows;
//! 4. **the first trust is proved** ([`claim`]): from twelve words that a person carries, without the words
//!    being sent.
//!
//! | Topic | Way | Message |
//! |---|---|---|
//! | `hello` | up | [`Hello`]: a session begins |
//! | `event` | up | [`Event`]: a punch, and whatever else happened |
//! | `status` | up | [`Status`] |
//! | `roster/applied` | up | [`RosterApplied`]: whom the terminal knows, proved by a [digest](roster::digest) |
//! | `enrolled` | up | [`Enrolled`], sealed to the site |
//! | `command/result` | up | [`CommandResult`] |
//! | `ack` | down | [`Ack`]: what the cloud has committed |
//! | `roster` | down | [`RosterPage`], sealed; an [`Assembly`](roster::Assembly) says when it may be applied |
//! | `settings` | down | [`Settings`], sealed |
//! | `state` | down | [`State`], sealed: what the screen may say of a person |
//! | `command` | down | [`Command`]: done at most once |
//!
//! What it refuses to know: clocks, randomness, files, sockets and databases. Times, seeds, nonces and the
//! randomness of sealing are arguments. Whatever is read is limited in length before it is looked at, and what
//! is wrong with it is said in words, without what it held.
//!
//! # Example
//!
//! A punch goes up, the ack comes down:
//!
//! ```
//! use limen_wire::event::{Clock, Direction, Grade, Method, OutboxHead, Punch, What};
//! use limen_wire::jws::{self, Expected, Header};
//! use limen_wire::topic::{Down, Topic, Up};
//! use limen_wire::{Ack, Event, SecretKey, chain};
//! use uuid::Uuid;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Both know the other's public key and id since the claim.
//! let (terminal_key, site_key) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
//! let (terminal, site) = (Uuid::from_u128(1), Uuid::from_u128(2));
//! let session = Uuid::from_u128(3);
//!
//! // The terminal appends to its outbox. What is signed now is sent until it is acknowledged.
//! let head = OutboxHead::start(Uuid::from_u128(4));
//! let event = Event {
//!     at: "2026-11-24T08:00:00+01:00".parse()?,
//!     clock: Clock::Synced,
//!     boot: Uuid::from_u128(5),
//!     uptime_ms: 61_234,
//!     what: What::Punch(Punch {
//!         person: Uuid::from_u128(6),
//!         direction: Direction::Auto,
//!         method: Method::Face,
//!         grade: Grade::Clear,
//!         frames: 3,
//!         model: "dlib-resnet34-v1".to_owned(),
//!     }),
//! };
//! let topic = Topic::up(terminal, Up::Event);
//! let header = Header::new(topic, site, session, terminal_key.kid()).at(head.next());
//! let compact = jws::sign(&terminal_key, &header, &event)?;
//!
//! // The cloud gets it on a topic, and looks at whose it is.
//! let topic: Topic = topic.to_string().parse()?;
//! let expected = Expected { topic, site, session: None };
//! let verified = jws::verify(&compact, &terminal_key.public(), &expected)?;
//! let place = verified.header.chain.ok_or("events have a place")?;
//! assert_eq!(head.place(&place, &chain::hash(&compact)), chain::Place::Next);
//! assert_eq!(verified.claims::<Event>()?, event);
//!
//! // It commits, and says so.
//! let topic = Topic::down(terminal, Down::Ack);
//! let ack = Ack { outbox: place.outbox, through: place.seq, epoch: Uuid::from_u128(7) };
//! let header = Header::new(topic, site, session, site_key.kid());
//! let compact = jws::sign(&site_key, &header, &ack)?;
//!
//! // The terminal believes it in this session, and in no other.
//! let expected = Expected { topic, site, session: Some(session) };
//! assert!(jws::verify(&compact, &site_key.public(), &expected).is_ok());
//! let later = Expected { session: Some(Uuid::from_u128(8)), ..expected };
//! assert!(jws::verify(&compact, &site_key.public(), &later).is_err());
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that fails there says where")
)]

pub mod badge;
pub mod bytes;
pub mod chain;
pub mod claim;
mod command;
pub mod event;
mod hello;
pub mod jws;
mod keys;
mod message;
pub mod roster;
mod seal;
mod settings;
pub mod topic;

pub use bytes::{Blob, Hash};
pub use command::{Command, CommandResult, Enrolled, Made, Order, UnknownOrder};
pub use event::Event;
pub use hello::{Ack, Health, Held, Hello, Status};
pub use hpke::rand_core;
pub use keys::{KeyError, Kid, PublicKey, SealingPublic, SealingSecret, SecretKey};
pub use message::{Invalid, MAX_WHOLE, Message, Sealable};
pub use roster::{Person, RosterApplied, RosterPage};
pub use seal::{SealError, Sealed, open, seal};
pub use settings::{Face, Name, Opening, Pad, Screen, Settings, State};
pub use topic::Topic;
