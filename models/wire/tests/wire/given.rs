//! A terminal, a site, and messages between them: the same in every test and at every run.

use std::convert::Infallible;

use jiff::Timestamp;
use limen_wire::event::{Clock, Direction, Grade, Method, OutboxHead, Punch, What};
use limen_wire::jws::{Chain, Expected, Header, sign};
use limen_wire::rand_core::{TryCryptoRng, TryRng};
use limen_wire::topic::{Down, Kind, Up};
use limen_wire::{Event, Hash, Message, SealingSecret, SecretKey, Topic, chain};
use uuid::Uuid;

pub const TERMINAL: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
pub const SITE: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002);
pub const SESSION: Uuid = Uuid::from_u128(0x5e55_0000_0000_0000_0000_0000_0000_0003);
pub const OUTBOX: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0004);
pub const EPOCH: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0005);
pub const ANNA: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0006);
pub const BEN: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0007);
pub const OTHER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00ff);

pub fn terminal_key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

pub fn site_key() -> SecretKey {
    SecretKey::from_seed([2; 32])
}

pub fn terminal_sealing() -> SealingSecret {
    SealingSecret::from_seed([3; 32])
}

pub fn site_sealing() -> SealingSecret {
    SealingSecret::from_seed([4; 32])
}

/// Randomness that is none. Only where what is made must be the same at every run.
pub struct Counter(pub u8);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn event(what: What) -> Event {
    Event {
        at: at("2026-11-24T08:00:00.25Z"),
        clock: Clock::Synced,
        boot: Uuid::from_u128(0xb007),
        uptime_ms: 61_234,
        what,
    }
}

pub fn punch(person: Uuid, direction: Direction) -> What {
    What::Punch(Punch {
        person,
        direction,
        method: Method::Face,
        grade: Grade::Clear,
        frames: 3,
        model: "dlib-resnet34-v1".to_owned(),
    })
}

/// The header of a message of that kind between the two.
pub fn header(kind: Kind) -> Header {
    let kid = match kind {
        Kind::Up(_) => terminal_key().kid(),
        Kind::Down(_) => site_key().kid(),
    };
    Header::new(
        Topic {
            terminal: TERMINAL,
            kind,
        },
        SITE,
        SESSION,
        kid,
    )
}

pub fn signed<M: Message>(message: &M) -> String {
    let key = match M::KIND {
        Kind::Up(_) => terminal_key(),
        Kind::Down(_) => site_key(),
    };
    sign(&key, &header(M::KIND), message).unwrap()
}

pub fn expected(kind: Kind) -> Expected {
    Expected {
        topic: Topic {
            terminal: TERMINAL,
            kind,
        },
        site: SITE,
        session: Some(SESSION),
    }
}

pub const EVENT: Kind = Kind::Up(Up::Event);
pub const ACK: Kind = Kind::Down(Down::Ack);

pub fn sign_event(chain: Chain, event: &Event) -> String {
    sign(&terminal_key(), &header(EVENT).at(chain), event).unwrap()
}

/// A day at the terminal, as its outbox has it.
pub fn log() -> Vec<String> {
    let start = What::Start {
        firmware: "0.1.0".to_owned(),
        after: None,
    };
    let whats = [
        start,
        punch(ANNA, Direction::Auto),
        punch(BEN, Direction::In),
        What::Rejected {
            why: limen_wire::event::Rejection::Unknown,
        },
        punch(ANNA, Direction::Out),
    ];
    let mut head = OutboxHead::start(OUTBOX);
    let mut log = Vec::new();
    for what in whats {
        let place = head.next();
        let compact = sign_event(place, &event(what));
        head = head.after(&place, chain::hash(&compact));
        log.push(compact);
    }
    log
}

pub fn hash(byte: u8) -> Hash {
    Hash([byte; 32])
}
