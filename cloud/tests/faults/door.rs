//! A terminal without a camera: outbox, roster and uplink as the program has them.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use limen_daemon::clock::{Clock, Reading};
use limen_daemon::config::Trust;
use limen_daemon::database;
use limen_daemon::health::Vitals;
use limen_daemon::keys::{self, Keys, Site};
use limen_daemon::outbox::{Author, Durable, Outbox, OutboxError, RESERVE};
use limen_daemon::roster::{Roster, Vault};
use limen_daemon::salvage;
use limen_daemon::uplink::address::Address;
use limen_daemon::uplink::{Lines, Parts, Uplink};
use limen_wire::event::{Direction, Grade, Method, Punch, What};
use limen_wire::{SealingSecret, SecretKey};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::terminal::{Identity, PATIENCE};

/// The machine that most doors are.
pub const HERE: [u8; 32] = [1; 32];

pub struct Door {
    pub outbox: Arc<Outbox>,
    pub clock: Arc<Clock>,
    pub vitals: Arc<Vitals>,
    identity: Arc<keys::Identity>,
    pub roster: Arc<Roster>,
    data: PathBuf,
    uplink: Option<Uplink>,
}

/// What a claim gave, as the terminal's program keeps it.
fn identity(of: &Identity) -> keys::Identity {
    let claimed = &of.claimed;
    keys::Identity {
        keys: Keys {
            signing: SecretKey::from_seed(*of.key.to_seed()),
            sealing: SealingSecret::from_seed(*of.sealing.to_seed()),
            roster: Zeroizing::new([5; 32]),
        },
        site: Site {
            terminal: claimed.terminal,
            site: claimed.site,
            signing_key: claimed.site_signing,
            sealing_key: claimed.site_sealing,
            certificates: claimed.certificate.clone(),
            authority: claimed.authority.clone(),
            mqtt: String::new(),
        },
    }
}

impl Door {
    /// Starts on the data folder as the program does, without a line.
    pub fn open(data: &Path, of: &Identity, hardware: [u8; 32]) -> Self {
        Self::try_open(data, of, hardware, RESERVE).unwrap()
    }

    /// The same where the disk may not give it, of which so many bytes are not for punches.
    ///
    /// # Errors
    /// When the program would not start.
    pub fn try_open(
        data: &Path,
        of: &Identity,
        hardware: [u8; 32],
        reserve: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let identity = Arc::new(identity(of));
        salvage::mend(data, &identity)?;
        database::migrate(data)?;
        let clock = Arc::new(Clock::new(Trust::System, None).unwrap());
        let author = Author {
            identity: Arc::clone(&identity),
            session: Uuid::new_v4(),
        };
        let outbox = Outbox::open(data, author, hardware, &clock.read().unwrap())?;
        let outbox = outbox.with_reserve(reserve);
        let vault = Vault::new(&identity.keys.roster);
        let roster = Arc::new(Roster::open(data, identity.site.site, vault)?);
        Ok(Self {
            outbox: Arc::new(outbox),
            clock,
            vitals: Arc::new(Vitals::new(data)),
            identity,
            roster,
            data: data.to_owned(),
            uplink: None,
        })
    }

    pub fn id(&self) -> Uuid {
        self.identity.site.terminal
    }

    /// Begins to connect, and to send what waits.
    pub fn connect(&mut self, cloud: SocketAddr, keep_alive: Duration) {
        let address = Address::parse(&cloud.to_string()).unwrap();
        let lines = Lines::new(Arc::clone(&self.identity), address).unwrap();
        let uplink = Uplink::spawn(Parts {
            identity: Arc::clone(&self.identity),
            outbox: Arc::clone(&self.outbox),
            roster: Arc::clone(&self.roster),
            clock: Arc::clone(&self.clock),
            vitals: Arc::clone(&self.vitals),
            lines: lines.with_keep_alive(keep_alive),
            status_every: Duration::from_secs(60),
            on_roster: Box::new(|| Ok(())),
            on_settings: Box::new(|_| {}),
        });
        self.uplink = Some(uplink.unwrap());
    }

    /// Ends the line well.
    pub fn disconnect(&mut self) {
        self.uplink.take().unwrap().end();
    }

    pub fn now(&self) -> Reading {
        self.clock.read().unwrap()
    }

    /// So many punches in one transaction.
    ///
    /// # Errors
    /// When the light is red.
    pub fn try_punch(&self, count: usize) -> Result<Durable, OutboxError> {
        self.outbox.append(&self.now(), &vec![punch(7); count])
    }

    /// So many punches, for which the light is green.
    pub fn punch(&self, count: usize) -> Durable {
        self.try_punch(count).unwrap()
    }

    /// Waits until the cloud holds everything, by its own word.
    pub fn await_acknowledged(&self) {
        self.await_acknowledged_within(PATIENCE * 4);
    }

    /// The same, where there is much to hold.
    pub fn await_acknowledged_within(&self, patience: Duration) {
        let until = Instant::now() + patience;
        while self.outbox.waiting().unwrap() > 0 {
            assert!(Instant::now() < until, "not acknowledged");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The terminal's own log.
    pub fn database(&self) -> PathBuf {
        self.data.join(database::FILE)
    }
}

pub fn punch(person: u128) -> What {
    What::Punch(Punch {
        person: Uuid::from_u128(person),
        direction: Direction::Auto,
        method: Method::Face,
        grade: Grade::Clear,
        frames: 3,
        model: "m".to_owned(),
    })
}
