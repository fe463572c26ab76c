//! What terminals are told: which line each has, and the signed messages that go down it.
//!
//! A terminal is reached by its connection to the built-in listener, or by the broker that the cloud is a
//! client of; whoever tells it something does not know which. Every message is signed by the site's key for
//! the terminal's current session. Nothing here waits and nothing is kept for later: what is lost is asked
//! for again by the next `hello`, or sent again when the next event comes.

mod news;
mod site;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};
use limen_wire::jws::{self, Header};
use limen_wire::topic::{Down, Kind, Topic};
use limen_wire::{Ack, Command, Message, Order, PublicKey};
use rumqttc::{AsyncClient, QoS};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::App;
use crate::store::StoreError;
use crate::store::ledger::{Standing, Terminal};
use crate::vault::VaultError;

pub use news::serve;
pub(crate) use news::{Told, applied, greet};
pub(crate) use site::SiteKeys;

/// How many messages may wait for a line that does not take them. Beyond it the line is cut: the terminal
/// comes back and says what it holds.
const WAITING: usize = 4096;

/// How long a terminal may take to obey a command.
const COMMAND_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// A message for a terminal, signed.
pub(crate) struct Said {
    /// What it is about.
    pub kind: Down,
    /// Where it is published.
    pub topic: String,
    /// The compact JWS.
    pub compact: String,
}

/// One terminal's connection to the listener.
#[derive(Clone)]
pub(crate) struct Line(Arc<LineParts>);

struct LineParts {
    number: u64,
    say: mpsc::Sender<Said>,
    cut: CancellationToken,
    /// One bit for each of [`Down::ALL`] that the terminal has subscribed to.
    hears: AtomicU8,
}

fn bit(kind: Down) -> u8 {
    let place = Down::ALL.iter().position(|other| *other == kind);
    place.map_or(0, |place| 1 << place)
}

impl Line {
    /// A new line with its end, and what cuts it.
    pub(crate) fn new(cut: CancellationToken) -> (Self, mpsc::Receiver<Said>) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (say, said) = mpsc::channel(WAITING);
        let line = Self(Arc::new(LineParts {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            say,
            cut,
            hears: AtomicU8::new(0),
        }));
        (line, said)
    }

    /// The terminal has subscribed to that topic of its own, or no longer is.
    pub(crate) fn hear(&self, kind: Down, on: bool) {
        if on {
            self.0.hears.fetch_or(bit(kind), Ordering::Relaxed);
        } else {
            self.0.hears.fetch_and(!bit(kind), Ordering::Relaxed);
        }
    }

    fn say(&self, said: Said) {
        if self.0.hears.load(Ordering::Relaxed) & bit(said.kind) == 0 {
            return;
        }
        if self.0.say.try_send(said).is_err() {
            self.0.cut.cancel();
        }
    }
}

/// A terminal whose identity was proved: what it is known by.
pub(crate) struct Known {
    /// As the store has it.
    pub terminal: Terminal,
    /// What its signatures are verified with.
    pub key: PublicKey,
    /// The keys of its site.
    pub site: Arc<SiteKeys>,
}

/// Why a terminal can't be told something.
#[derive(Debug, thiserror::Error)]
pub enum DownlinkError {
    /// The store gives no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The site's keys do not open.
    #[error("the keys of site {0} do not open")]
    Keys(Uuid, #[source] VaultError),
    /// A terminal of no site.
    #[error("there is no site {0}")]
    NoSite(Uuid),
    /// A stored key is none.
    #[error("terminal {0} has a stored key that is none")]
    Key(Uuid, #[source] limen_wire::KeyError),
    /// The message can't be signed.
    #[error("a message to terminal {0} cannot be signed")]
    Sign(Uuid, #[source] jws::JwsError),
    /// The message can't be sealed.
    #[error("a message to terminal {0} cannot be sealed")]
    Seal(Uuid, #[source] limen_wire::SealError),
    /// The roster can't be cut into pages.
    #[error("the roster of site {0} cannot be sent")]
    Pages(Uuid, #[source] limen_wire::roster::PagingError),
    /// The hours can't be concluded.
    #[error("the state of the people cannot be concluded")]
    Attendance(#[from] crate::attendance::AttendanceError),
}

/// Which line each terminal has.
#[derive(Default)]
pub struct Downlink {
    lines: Mutex<HashMap<Uuid, Line>>,
    told: Mutex<HashMap<Uuid, Told>>,
    sites: Mutex<HashMap<Uuid, Arc<SiteKeys>>>,
    link: OnceLock<AsyncClient>,
    epoch: tokio::sync::OnceCell<Uuid>,
    addresses: Mutex<Vec<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Downlink {
    /// The line that a terminal proved itself on takes the place of the one before, which is cut. `None`:
    /// it comes by the broker.
    pub(crate) fn attach(&self, terminal: Uuid, line: Option<Line>) {
        let before = {
            let mut lines = locked(&self.lines);
            match &line {
                Some(line) => lines.insert(terminal, line.clone()),
                None => lines.remove(&terminal),
            }
        };
        if let Some(before) = before
            && line.is_none_or(|line| line.0.number != before.0.number)
        {
            before.0.cut.cancel();
        }
    }

    /// The line has ended. Whether it was still the terminal's.
    pub(crate) fn detach(&self, terminal: Uuid, line: &Line) -> bool {
        let mut lines = locked(&self.lines);
        let current = lines
            .get(&terminal)
            .is_some_and(|held| held.0.number == line.0.number);
        if current {
            lines.remove(&terminal);
        }
        current
    }

    /// Cuts the terminal's line, if it has one.
    pub(crate) fn cut(&self, terminal: Uuid) {
        if let Some(line) = locked(&self.lines).remove(&terminal) {
            line.0.cut.cancel();
        }
        locked(&self.told).remove(&terminal);
    }

    /// What a terminal was told no longer holds: it is told everything when something rings.
    pub(crate) fn told_nothing(&self, terminal: Uuid) {
        locked(&self.told).remove(&terminal);
    }

    /// How many terminals are connected to the listener.
    pub fn connected(&self) -> usize {
        locked(&self.lines).len()
    }

    /// Whether the terminal can be reached at all.
    pub(crate) fn reaches(&self, terminal: Uuid) -> bool {
        self.link.get().is_some() || locked(&self.lines).contains_key(&terminal)
    }

    /// Terminals without a line of their own are reached by this broker.
    pub(crate) fn link(&self, client: AsyncClient) {
        if self.link.set(client).is_err() {
            tracing::error!("a second broker was linked; the first one stays");
        }
    }

    /// Terminals that are claimed from now on are told that address.
    pub(crate) fn reached_at(&self, address: String) {
        locked(&self.addresses).push(address);
    }

    /// Where terminals are to connect, TLS first.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let mut addresses = locked(&self.addresses).clone();
        addresses.sort_by_key(|address| !address.starts_with("mqtts:"));
        addresses.truncate(8);
        addresses
    }

    /// The epoch of the database: new after every restore.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn epoch(&self, app: &App) -> Result<Uuid, StoreError> {
        self.epoch
            .get_or_try_init(|| app.store.epoch())
            .await
            .copied()
    }

    fn say(&self, terminal: Uuid, said: Said) {
        if let Some(line) = locked(&self.lines).get(&terminal) {
            line.say(said);
            return;
        }
        let Some(client) = self.link.get() else {
            return;
        };
        if client
            .try_publish(said.topic, QoS::AtLeastOnce, false, said.compact)
            .is_err()
        {
            tracing::warn!(%terminal, "the broker takes no more; a message to the terminal was dropped");
        }
    }

    /// Tells a terminal how far its outbox has come.
    pub(crate) fn ack(&self, known: &Known, session: Uuid, ack: Ack) -> Result<(), DownlinkError> {
        self.tell(known, session, &ack)
    }

    /// Tells a terminal to begin a new outbox and to send what comes after `after` of the old one again.
    pub(crate) fn begin_outbox(
        &self,
        known: &Known,
        session: Uuid,
        standing: &Standing,
        after: u64,
        now: Timestamp,
    ) -> Result<(), DownlinkError> {
        let outbox = standing.key.outbox;
        let expires = now.saturating_add(COMMAND_LIFE).unwrap_or(now);
        // The same fork gives the same command, so that a terminal obeys it once however often it is told.
        let mut name = Vec::with_capacity(24);
        name.extend_from_slice(outbox.as_bytes());
        name.extend_from_slice(&after.to_be_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&crate::tokens::hash(&name)[..16]);
        let id = uuid::Builder::from_custom_bytes(id).into_uuid();
        let order = Order::BeginOutbox { outbox, after };
        self.tell(known, session, &Command::new(id, &order, expires))
    }

    fn header(known: &Known, session: Uuid, kind: Down) -> Header {
        let topic = Topic::down(known.terminal.id, kind);
        Header::new(
            topic,
            known.terminal.site,
            session,
            known.site.signing.kid(),
        )
    }

    fn tell<M: Message>(
        &self,
        known: &Known,
        session: Uuid,
        message: &M,
    ) -> Result<(), DownlinkError> {
        let terminal = known.terminal.id;
        let Kind::Down(kind) = M::KIND else {
            unreachable!("only what goes down is told");
        };
        let header = Self::header(known, session, kind);
        let compact = jws::sign(&known.site.signing, &header, message)
            .map_err(|error| DownlinkError::Sign(terminal, error))?;
        let topic = header.topic().to_string();
        let said = Said {
            kind,
            topic,
            compact,
        };
        self.say(terminal, said);
        Ok(())
    }
}
