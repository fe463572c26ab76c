//! What terminals and the cloud say to each other.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that fails there says where")
)]

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
