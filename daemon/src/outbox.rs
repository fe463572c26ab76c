//! What happened here, kept until the cloud says that it has it, and 35 days more.
//!
//! Each event is signed and chained to the one before when it is written, and is never changed.
//! [`Outbox::append`] returns only after the COMMIT is on the disk: the green light rests on
//! it. A new outbox is begun when this is not the machine that the old one was born on, when
//! the cloud holds more of it than was ever written here, and when the cloud says so; what the
//! old one still has to say goes out all the same.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use limen_wire::event::{Clock as Worth, Event, OutboxHead, What};
use limen_wire::jws::{self, Chain, Header, JwsError};
use limen_wire::topic::{Topic, Up};
use limen_wire::{Hash, chain};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::Reading;
use crate::database::{self, DatabaseError, Sync};
use crate::heart::{AtWork, Heart, Stage};
use crate::keys::Identity;
use crate::uplink::Stretch;

mod backlog;
mod damage;
mod repeat;
mod room;
mod rows;

pub use backlog::{Backlog, backlog, last};
pub(crate) use damage::lost_link;
pub use room::{RESERVE, Room, free_bytes, room_in};

/// The program's version, as it stands in events and statuses.
pub const FIRMWARE: &str = env!("CARGO_PKG_VERSION");

/// So many events are written between two signs of progress: a fork may say a month again.
const PORTION: usize = 1000;

/// Why an event was not written, or can't be read.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The event can't be signed.
    #[error("an event can't be signed: {0}")]
    Sign(#[from] JwsError),
    /// What is left on the disk is not for punches; nothing was written.
    #[error(
        "the disk is full but for {free_mib} MiB, which what was recorded before may need: nothing was recorded; make room in the data folder"
    )]
    NoRoom {
        /// MiB that are left.
        free_mib: u64,
    },
    /// An outbox that this terminal never had.
    #[error("there is no outbox {0} here")]
    Unknown(Uuid),
}

impl From<rusqlite::Error> for OutboxError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Who signs the events.
#[derive(Clone)]
pub struct Author {
    /// The terminal and its key.
    pub identity: Arc<Identity>,
    /// The run of the program in which they are signed.
    pub session: Uuid,
}

impl Author {
    fn sign(&self, chain: Chain, event: &Event) -> Result<String, JwsError> {
        let Identity { keys, site } = &*self.identity;
        let topic = Topic::up(site.terminal, Up::Event);
        let header = Header::new(topic, site.site, self.session, keys.signing.kid()).at(chain);
        jws::sign(&keys.signing, &header, event)
    }
}

/// Where the current outbox ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The current outbox.
    pub outbox: Uuid,
    /// The number that its next event will have.
    pub next: u64,
}

/// Events that are on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durable {
    /// In this outbox.
    pub outbox: Uuid,
    /// The number of the first.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
}

/// The terminal's outbox.
pub struct Outbox {
    /// Commits that the green light waits for.
    writer: Mutex<Connection>,
    /// The uplink's reading, and its marks, which cost only a repetition when they are lost.
    uplink: Mutex<Connection>,
    author: Author,
    hardware: [u8; 32],
    end: watch::Sender<End>,
    heart: Heart,
    disk: room::Disk,
}

/// A connection in the hands of one thread, who waits for it and works with it in the stage
/// `outbox`.
struct Held<'a> {
    connection: MutexGuard<'a, Connection>,
    _work: AtWork<'a>,
}

impl Deref for Held<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

fn event(now: &Reading, what: What) -> Event {
    Event {
        at: now.at,
        clock: now.clock,
        boot: now.boot,
        uptime_ms: now.uptime_ms,
        what,
    }
}

fn begin(connection: &mut Connection) -> Result<Transaction<'_>, rusqlite::Error> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

impl Outbox {
    /// Opens the outbox in `data`, whose database [`database::migrate`] made, and writes that the
    /// program started. `hardware` tells machines apart; on another one a new outbox is begun.
    ///
    /// # Errors
    /// When the database can't be opened or written.
    pub fn open(
        data: &Path,
        author: Author,
        hardware: [u8; 32],
        now: &Reading,
    ) -> Result<Self, OutboxError> {
        let mut writer = database::connect(data, Sync::Full)?;
        let uplink = database::connect(data, Sync::Lazy)?;
        let transaction = begin(&mut writer)?;
        let differ = rows::mend_marks(&transaction)?;
        if differ > 0 {
            tracing::error!(
                outboxes = differ,
                "the two copies of what the cloud acknowledged differ: the lower one is believed"
            );
        }
        let current = rows::current(&transaction)?;
        let stays = current.as_ref().is_some_and(|current| {
            current.hardware == hardware
                && current.terminal == author.identity.site.terminal
                && current.is_whole
        });
        let end = match current {
            Some(current) if stays => {
                let start = What::Start {
                    firmware: FIRMWARE.to_owned(),
                    after: None,
                };
                let head = append_to(&transaction, &author, now, &[start])?;
                tracing::info!(outbox = %current.head.outbox, next = head.seq + 1, "outbox opened");
                head
            }
            other => {
                let after = other.map(|current| current.head);
                begin_anew(&transaction, &author, hardware, now, after)?
            }
        };
        transaction.commit()?;
        Ok(Self {
            writer: Mutex::new(writer),
            uplink: Mutex::new(uplink),
            author,
            hardware,
            end: watch::Sender::new(End {
                outbox: end.outbox,
                next: end.seq + 1,
            }),
            heart: Heart::default(),
            disk: room::Disk::of(data),
        })
    }

    /// Has every turn at the database stamp this heart.
    #[must_use]
    pub fn with_heart(self, heart: Heart) -> Self {
        Self { heart, ..self }
    }

    /// Takes punches until so many bytes are left on the disk, instead of [`RESERVE`]; with 0 until SQLite can
    /// write no more.
    #[must_use]
    pub fn with_reserve(mut self, bytes: u64) -> Self {
        self.disk.reserve = bytes;
        self
    }

    /// How much more can be written. Deletes the oldest acknowledged events where that is getting short, some at
    /// each call: to be asked from time to time.
    pub fn keep_room(&self) -> Room {
        room::keep(&mut self.uplink(), &self.disk)
    }

    /// Where the current outbox ends; its receiver is woken by every append.
    pub fn end(&self) -> watch::Receiver<End> {
        self.end.subscribe()
    }

    /// Writes events, all or none, in one transaction. When it returns `Ok` they are on the disk.
    ///
    /// # Errors
    /// When there is no room or the database fails: then nothing was written, and what was
    /// written before stands. Somebody's punch is refused while there is still room for what the
    /// program says of itself ([`RESERVE`]).
    pub fn append(&self, now: &Reading, what: &[What]) -> Result<Durable, OutboxError> {
        let mut writer = self.writer();
        let somebodys = |what: &What| {
            matches!(
                what,
                What::Punch(_) | What::Amend(_) | What::Rejected { .. }
            )
        };
        if what.iter().any(somebodys) {
            let room = self.disk.room(&writer);
            if !room.is_enough() {
                let free_mib = room.free_mib().unwrap_or_default();
                return Err(OutboxError::NoRoom { free_mib });
            }
        }
        let written = match self.try_append(&mut writer, now, what) {
            Err(OutboxError::Database(DatabaseError::Full)) if room::make(&mut writer) => {
                self.try_append(&mut writer, now, what)
            }
            other => other,
        }?;
        self.end.send_replace(End {
            outbox: written.outbox,
            next: written.last + 1,
        });
        Ok(written)
    }

    fn try_append(
        &self,
        writer: &mut Connection,
        now: &Reading,
        what: &[What],
    ) -> Result<Durable, OutboxError> {
        let transaction = begin(writer)?;
        let head = append_to(&transaction, &self.author, now, what)?;
        transaction.commit()?;
        Ok(Durable {
            outbox: head.outbox,
            first: head.seq + 1 - what.len() as u64,
            last: head.seq,
        })
    }

    /// Leaves the outbox `old`, because the cloud holds other events than it under the numbers
    /// after `after`: begins a new one, whose first event names the old one and its end, and which
    /// says again what the old one said after `after`. Gives both, the old one as far as it goes
    /// from now on.
    ///
    /// # Errors
    /// As [`Outbox::append`], and when `old` is not the current one.
    pub fn leave(
        &self,
        old: Uuid,
        after: u64,
        now: &Reading,
    ) -> Result<(Stretch, Stretch), OutboxError> {
        let mut writer = self.writer();
        let terminal = self.author.identity.site.terminal;
        let transaction = begin(&mut writer)?;
        let head = match rows::current(&transaction)? {
            Some(current) if current.head.outbox == old => current.head,
            _ => return Err(OutboxError::Unknown(old)),
        };
        // What was deleted long ago can't be said again.
        let kept = rows::oldest(&transaction, old)?.unwrap_or(head.seq + 1);
        let after = after.max(kept - 1).min(head.seq);
        let again = repeat::after(&transaction, &self.author, old, after, now, &self.heart)?;
        let start = begin_anew(&transaction, &self.author, self.hardware, now, Some(head))?;
        rows::end_at(&transaction, old, after, again.prev)?;
        let mut end = start;
        for events in again.events(start.seq).chunks(PORTION) {
            end = write(&transaction, &self.author, events)?;
            self.heart.progress(Stage::Outbox);
        }
        // Read before the COMMIT: after it nothing may fail, since an outbox is left only once.
        let stretches = rows::stretches(&transaction, terminal)?;
        let found = |of: Uuid| stretches.iter().find(|s| s.outbox == of).copied();
        let new = found(end.outbox).ok_or(OutboxError::Unknown(end.outbox))?;
        transaction.commit()?;
        let next = end.seq + 1;
        self.end.send_replace(End {
            outbox: end.outbox,
            next,
        });
        let empty = Stretch {
            outbox: old,
            oldest: after + 1,
            next: after + 1,
            through: after,
        };
        Ok((found(old).unwrap_or(empty), new))
    }

    /// The outboxes of this terminal that keep events, in order of birth, the current one last.
    ///
    /// # Errors
    /// When the database fails.
    pub fn stretches(&self) -> Result<Vec<Stretch>, OutboxError> {
        rows::stretches(&self.uplink(), self.author.identity.site.terminal)
    }

    /// The last event of an outbox, for a hello.
    ///
    /// # Errors
    /// When this terminal never had it, or the database fails.
    pub fn head(&self, outbox: Uuid) -> Result<OutboxHead, OutboxError> {
        rows::head(&self.uplink(), outbox)?.ok_or(OutboxError::Unknown(outbox))
    }

    /// The compact JWS of the events `from` to `to`, both included, that are kept. A row that is
    /// found damaged is replaced by a `void` for good, and said.
    ///
    /// # Errors
    /// When this terminal never had the outbox, or the database fails.
    pub fn read(
        &self,
        outbox: Uuid,
        from: u64,
        to: u64,
        now: &Reading,
    ) -> Result<Vec<(u64, String)>, OutboxError> {
        let found = rows::read(&self.uplink(), outbox, from, to)?;
        found
            .into_iter()
            .map(|(seq, whole)| match whole {
                Some(compact) => Ok((seq, compact)),
                None => {
                    let mut writer = self.writer();
                    let transaction = begin(&mut writer)?;
                    let compact = damage::mend(&transaction, &self.author, outbox, seq, now)?;
                    transaction.commit()?;
                    Ok((seq, compact))
                }
            })
            .collect()
    }

    /// Remembers that the cloud holds everything of `outbox` up to `through`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn keep(&self, outbox: Uuid, through: u64, now: &Reading) -> Result<(), OutboxError> {
        // By a wrong clock it may look old already, and would be deleted once the clock is right.
        let at = (now.clock != Worth::Unsynced).then_some(now.at);
        rows::keep(&self.uplink(), outbox, through, at)
    }

    /// Remembers that the cloud holds no more of `outbox` than up to `through`, whatever it acknowledged before.
    ///
    /// # Errors
    /// When the database fails.
    pub fn lower(&self, outbox: Uuid, through: u64) -> Result<(), OutboxError> {
        let mut uplink = self.uplink();
        let transaction = begin(&mut uplink)?;
        rows::lower(&transaction, outbox, through)?;
        transaction.commit()?;
        Ok(())
    }

    /// The states of the cloud's database that were met, the believed one last.
    ///
    /// # Errors
    /// When the database fails.
    pub fn epochs(&self) -> Result<Vec<Uuid>, OutboxError> {
        rows::epochs(&self.uplink())
    }

    /// Remembers a new state of the cloud's database: what it acknowledged before is void.
    ///
    /// # Errors
    /// When the database fails.
    pub fn new_epoch(&self, epoch: Uuid) -> Result<(), OutboxError> {
        let mut uplink = self.uplink();
        let transaction = begin(&mut uplink)?;
        rows::new_epoch(&transaction, epoch)?;
        transaction.commit()?;
        Ok(())
    }

    /// How many events the cloud has not acknowledged.
    ///
    /// # Errors
    /// When the database fails.
    pub fn waiting(&self) -> Result<u64, OutboxError> {
        let waits = |s: &Stretch| s.next.saturating_sub(1).saturating_sub(s.through);
        Ok(self.stretches()?.iter().map(waits).sum())
    }

    /// Deletes what was acknowledged more than 35 days ago. To be asked only while the clock is
    /// believed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn prune(&self, now: &Reading) -> Result<usize, OutboxError> {
        room::prune(&mut self.uplink(), now.at, &self.heart)
    }

    /// The boot in which the clock was last seen synchronised.
    ///
    /// # Errors
    /// When the database fails.
    pub fn synced_boot(data: &Path) -> Result<Option<Uuid>, OutboxError> {
        rows::synced_boot(&database::look_into(data)?)
    }

    /// Remembers that the clock was seen synchronised in this boot.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_synced_boot(&self, boot: Uuid) -> Result<(), OutboxError> {
        rows::set_synced_boot(&self.uplink(), boot)
    }

    /// Writes down that a command is begun; `false` when it was begun before.
    ///
    /// # Errors
    /// As [`Outbox::append`].
    pub fn begin_command(&self, id: Uuid, now: &Reading) -> Result<bool, OutboxError> {
        rows::begin_command(&self.writer(), id, now.at)
    }

    fn writer(&self) -> Held<'_> {
        self.hold(&self.writer)
    }

    fn uplink(&self) -> Held<'_> {
        self.hold(&self.uplink)
    }

    fn hold<'a>(&'a self, connection: &'a Mutex<Connection>) -> Held<'a> {
        let _work = self.heart.enter(Stage::Outbox);
        // A panic inside a transaction rolled it back when it was dropped: the connection is good.
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        Held { connection, _work }
    }
}

fn append_to(
    transaction: &Transaction<'_>,
    author: &Author,
    now: &Reading,
    what: &[What],
) -> Result<OutboxHead, OutboxError> {
    let events: Vec<_> = what.iter().map(|what| event(now, what.clone())).collect();
    write(transaction, author, &events)
}

/// Signs events, chains them to the current outbox and inserts them.
fn write(
    transaction: &Transaction<'_>,
    author: &Author,
    events: &[Event],
) -> Result<OutboxHead, OutboxError> {
    let current = rows::current(transaction)?.ok_or(DatabaseError::Damaged("head"))?;
    let mut head = current.head;
    for event in events {
        let next = head.next();
        let compact = author.sign(next, event)?;
        let hash = chain::hash(&compact);
        rows::insert(transaction, &current, &next, &hash, &compact)?;
        head = head.after(&next, hash);
    }
    rows::set_head(transaction, current.number, &head)?;
    Ok(head)
}

fn begin_anew(
    transaction: &Transaction<'_>,
    author: &Author,
    hardware: [u8; 32],
    now: &Reading,
    after: Option<OutboxHead>,
) -> Result<OutboxHead, OutboxError> {
    let outbox = Uuid::now_v7();
    rows::begin(
        transaction,
        outbox,
        author.identity.site.terminal,
        hardware,
        now.at,
        after.as_ref(),
    )?;
    match &after {
        Some(old) => {
            tracing::warn!(%outbox, after = %old.outbox, seq = old.seq, "a new outbox begins")
        }
        None => tracing::info!(%outbox, "the first outbox begins"),
    }
    let start = What::Start {
        firmware: FIRMWARE.to_owned(),
        after,
    };
    append_to(transaction, author, now, &[start])
}

/// What tells this machine from one that holds a copy of its disk: the processor's serial number
/// where there is one, else the operating system's machine id.
pub fn hardware() -> [u8; 32] {
    let serial = [
        "/sys/firmware/devicetree/base/serial-number",
        "/sys/class/dmi/id/product_uuid",
    ]
    .iter()
    .find_map(|path| read_id(path));
    let text = match serial {
        Some(serial) => format!("serial {serial}"),
        None => format!("machine {}", read_id("/etc/machine-id").unwrap_or_default()),
    };
    Hash::of(format!("limen hardware {text}").as_bytes()).0
}

fn read_id(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let id = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests;
