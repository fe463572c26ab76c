//! The uplink: what was written goes to the cloud, and what the cloud says comes in.
//!
//! [`state`] decides and touches nothing; `line` is rumqttc; `letters` sign and verify.
//! The loop here has no logic: it waits for whatever comes first, tells the state, and does what
//! the state answers. It runs in a thread of its own, and no other thread ever waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use limen_wire::event::Clock as Worth;
use limen_wire::topic::Up;
use limen_wire::{Command, CommandResult, Hello, Message, Order, RosterPage, Settings, Status};
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::{Clock, Reading};
use crate::health::Vitals;
use crate::heart::{Stage, TURN};
use crate::keys::{self, Identity};
use crate::outbox::{End, FIRMWARE, Outbox, OutboxError};
use crate::roster::{Roster, RosterError, Taken};

pub mod address;
mod letters;
mod line;
pub mod state;

pub use line::{Lines, TlsError, certificates, mutual_tls, provider};
pub use state::Stretch;

use letters::Letter;
use line::{Heard, Line};
use state::{Input, Output};

/// How long the end waits for the cloud to hold the last events.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// When a mark that could not be noted is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often old events are looked for.
const PRUNE: Duration = Duration::from_secs(6 * 3600);

/// What the uplink works with.
pub struct Parts {
    /// Who this terminal is.
    pub identity: Arc<Identity>,
    /// What is to be said.
    pub outbox: Arc<Outbox>,
    /// Whom the cloud tells about.
    pub roster: Arc<Roster>,
    /// The time.
    pub clock: Arc<Clock>,
    /// What statuses say.
    pub vitals: Arc<Vitals>,
    /// How lines are opened.
    pub lines: Lines,
    /// Between two statuses.
    pub status_every: Duration,
    /// Called after each change of the roster: exchanges the gallery. Only then is the change proved.
    pub on_roster: Box<dyn Fn() -> Result<(), RosterError> + Send>,
    /// Called when other settings are held.
    pub on_settings: Box<dyn Fn(&Settings) + Send>,
}

/// The running uplink.
pub struct Uplink {
    thread: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Uplink {
    /// Starts the uplink's thread.
    ///
    /// # Errors
    /// When the thread or its event loop can't be made, or the outbox can't be read.
    pub fn spawn(parts: Parts) -> io::Result<Self> {
        // Subscribed before anything is read, so that nothing is written unnoticed in between.
        let end = parts.outbox.end();
        let changes = parts.vitals.changes();
        let stretches = parts.outbox.stretches().map_err(io::Error::other)?;
        let epochs = parts.outbox.epochs().map_err(io::Error::other)?;
        let seed = u64::from_be_bytes(keys::random().map_err(io::Error::other)?);
        let state = state::Uplink::new(&stretches, epochs, parts.status_every, seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("uplink".to_owned())
            .spawn(move || {
                let life = parts.vitals.heart().life(Stage::Uplink);
                let mut work = Work {
                    parts,
                    state,
                    line: None,
                    begun: Instant::now(),
                    session: Uuid::nil(),
                    statuses: 0,
                    is_up: false,
                    is_away: false,
                    is_exchanged: true,
                    marks: BTreeMap::new(),
                    epoch: None,
                };
                runtime.block_on(work.run(end, changes, stopped));
                // Dropped, it would wait for a name server that may not answer for a minute.
                runtime.shutdown_background();
                life.done();
            })?;
        Ok(Self { thread, stop })
    }

    /// Ends it: what was written last still goes out where the cloud is there to take it, and
    /// the endpoint is told goodbye.
    pub fn end(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the uplink's thread panicked; nothing is lost, the outbox keeps it");
        }
    }
}

struct Work {
    parts: Parts,
    state: state::Uplink,
    line: Option<Line>,
    begun: Instant,
    session: Uuid,
    statuses: u64,
    is_up: bool,
    is_away: bool,
    /// Whether vision looks people up in the roster that is held.
    is_exchanged: bool,
    /// Marks that the state has moved and the database does not hold yet.
    marks: BTreeMap<Uuid, u64>,
    /// A state of the cloud's database that the state believes and the database does not know
    /// yet. No mark is noted before it.
    epoch: Option<Uuid>,
}

impl Work {
    async fn run(
        &mut self,
        mut end: watch::Receiver<End>,
        mut changes: watch::Receiver<u64>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut prune_at = Instant::now();
        let mut last_words: Option<Instant> = None;
        let heart = self.parts.vitals.heart().clone();
        loop {
            let _turn = heart.enter(Stage::Uplink);
            if let Some(until) = last_words
                && (Instant::now() >= until || !self.state.is_answered() || self.state.is_drained())
            {
                break;
            }
            if Instant::now() >= prune_at {
                prune_at = Instant::now() + PRUNE;
                self.prune();
            }
            if self.is_unkept() {
                self.keep_again();
            }
            let retry_at = match self.is_unkept() {
                false => prune_at,
                true => Instant::now() + RETRY,
            };
            let wake = self
                .begun
                .checked_add(self.state.wake_at())
                .unwrap_or(prune_at)
                .min(prune_at)
                .min(retry_at)
                .min(last_words.unwrap_or(prune_at))
                .min(Instant::now() + TURN);
            let input = tokio::select! {
                heard = hear(&mut self.line) => self.heard(heard),
                _ = end.changed() => {
                    let end = *end.borrow_and_update();
                    Some(Input::Written { outbox: end.outbox, next: end.next })
                }
                _ = changes.changed() => Some(Input::Changed),
                _ = stopped.changed(), if last_words.is_none() => {
                    last_words = Some(Instant::now() + LAST_WORDS);
                    let end = *end.borrow_and_update();
                    Some(Input::Written { outbox: end.outbox, next: end.next })
                }
                () = tokio::time::sleep_until(wake.into()) => Some(Input::Tick),
            };
            if let Some(input) = input {
                self.tell(input);
            }
        }
        self.farewell().await;
    }

    /// Tells the state what happened, does what it answers, and tells it what came of that.
    fn tell(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.state.handle(self.begun.elapsed(), input) {
                match self.perform(output) {
                    Ok(Some(input)) => inputs.push_back(input),
                    Ok(None) => {}
                    Err(failed) => {
                        tracing::error!(%failed, ?output, "the uplink could not do it; it is tried again");
                        self.parts.vitals.fault("uplink", failed.to_string());
                        if let Failed::Outbox(OutboxError::Database(failed))
                        | Failed::Roster(RosterError::Database(failed)) = &failed
                        {
                            self.parts.vitals.suspect(failed);
                        }
                        if output == Output::Prove {
                            inputs.push_back(Input::Misfit);
                        }
                    }
                }
            }
        }
    }

    fn perform(&mut self, output: Output) -> Result<Option<Input>, Failed> {
        let outbox = Arc::clone(&self.parts.outbox);
        let now = self.parts.clock.read()?;
        match output {
            Output::Connect => {
                if let Err(failed) = self.connect(&now) {
                    tracing::error!(%failed, "no connection can be begun; it is tried again");
                    return Ok(Some(Input::Lost));
                }
            }
            Output::Hello(of) => return self.hello(of),
            Output::Send {
                outbox: of,
                from,
                to,
            } => {
                for (_, compact) in outbox.read(of, from, to, &now)? {
                    if let Some(lost) = self.say(Up::Event, compact) {
                        return Ok(Some(lost));
                    }
                }
            }
            Output::Keep {
                outbox: of,
                through,
            } => {
                self.marks.insert(of, through);
                self.keep(&now)?;
            }
            Output::Lower {
                outbox: of,
                through,
            } => {
                tracing::error!(outbox = %of, through, "the cloud holds less than it acknowledged: was it restored from a backup? what is kept is sent again");
                self.marks.remove(&of);
                outbox.lower(of, through)?;
            }
            Output::Epoch(epoch) => {
                tracing::info!(%epoch, "the cloud's database is a new one");
                // What the one before it acknowledged is void.
                self.marks.clear();
                self.epoch = Some(epoch);
                self.keep(&now)?;
            }
            Output::Begin { old, after } => {
                tracing::warn!(outbox = %old, after, "the cloud holds other events under this outbox's numbers: was this disk restored, or copied?");
                let (old, new) = outbox.leave(old, after, &now)?;
                return Ok(Some(Input::Began { old, new }));
            }
            Output::Prove => {
                if !self.is_exchanged {
                    self.exchange()?;
                }
                if let Some(proof) = self.parts.roster.proof()? {
                    return self.write(&proof);
                }
            }
            Output::Status => return self.status(&now),
        }
        Ok(None)
    }

    /// Has vision look people up in the roster that is held now. Until it does, somebody who was forgotten is
    /// still known here, and no proof may say otherwise.
    fn exchange(&mut self) -> Result<(), Failed> {
        let _work = self.parts.vitals.heart().enter(Stage::Roster);
        self.is_exchanged = false;
        (self.parts.on_roster)()?;
        self.is_exchanged = true;
        Ok(())
    }

    /// Writes down the epoch and the marks that are not yet; what fails stays to be tried again.
    fn keep(&mut self, now: &Reading) -> Result<(), Failed> {
        if let Some(epoch) = self.epoch {
            self.parts.outbox.new_epoch(epoch)?;
            self.epoch = None;
        }
        while let Some((&of, &through)) = self.marks.first_key_value() {
            self.parts.outbox.keep(of, through, now)?;
            self.marks.remove(&of);
        }
        self.parts.vitals.well("uplink");
        Ok(())
    }

    fn is_unkept(&self) -> bool {
        self.epoch.is_some() || !self.marks.is_empty()
    }

    fn keep_again(&mut self) {
        let kept = self.parts.clock.read().map_err(Failed::from);
        // The first failure was said.
        if let Err(failed) = kept.and_then(|now| self.keep(&now)) {
            tracing::debug!(%failed, "what the cloud acknowledged still can't be noted");
        }
    }

    fn connect(&mut self, now: &Reading) -> Result<(), Failed> {
        self.session = Uuid::from_bytes(keys::random()?);
        self.statuses = 0;
        self.parts.roster.restart();
        let will = self.standing(now)?.will();
        let will = letters::write(&self.parts.identity, self.session, &will)?;
        self.line = Some(self.parts.lines.open(will));
        Ok(())
    }

    fn hello(&mut self, of: Uuid) -> Result<Option<Input>, Failed> {
        let stretches = self.parts.outbox.stretches()?;
        let Some(stretch) = stretches.iter().find(|stretch| stretch.outbox == of) else {
            return Ok(None);
        };
        let head = self.parts.outbox.head(of)?;
        let hello = Hello {
            outbox: of,
            oldest: stretch.oldest,
            next: head.seq + 1,
            head: head.hash,
            roster: self.parts.roster.held(),
            settings: self.parts.roster.settings_held()?,
            firmware: FIRMWARE.to_owned(),
        };
        self.write(&hello)
    }

    fn standing(&self, now: &Reading) -> Result<Status, Failed> {
        let end = *self.parts.outbox.end().borrow();
        let people = self.parts.roster.people()?;
        let waiting = self.parts.outbox.waiting()?;
        Ok(Status {
            n: self.statuses,
            online: true,
            at: now.at,
            clock: now.clock,
            outbox: end.outbox,
            next: end.next,
            health: self.parts.vitals.report(now, people, waiting),
        })
    }

    fn status(&mut self, now: &Reading) -> Result<Option<Input>, Failed> {
        self.statuses += 1;
        let status = self.standing(now)?;
        self.write(&status)
    }

    /// Signs and queues a message of this session.
    fn write<M: Message>(&mut self, message: &M) -> Result<Option<Input>, Failed> {
        let compact = letters::write(&self.parts.identity, self.session, message)?;
        Ok(match M::KIND {
            limen_wire::topic::Kind::Up(kind) => self.say(kind, compact),
            limen_wire::topic::Kind::Down(_) => None,
        })
    }

    fn say(&mut self, kind: Up, compact: String) -> Option<Input> {
        let line = self.line.as_ref()?;
        if line.say(kind, compact).is_err() {
            tracing::warn!("the line to the cloud is stuck; it is opened anew");
            self.line = None;
            self.parts.vitals.link(false);
            return Some(Input::Lost);
        }
        None
    }

    fn heard(&mut self, heard: Heard) -> Option<Input> {
        match heard {
            Heard::Open => {
                tracing::info!("connected to the cloud");
                (self.is_up, self.is_away) = (true, false);
                self.parts.vitals.link(true);
                Some(Input::Opened)
            }
            Heard::Lost(why) => {
                // The first failure is news; that it goes on failing is not.
                match (self.is_up, self.is_away) {
                    (true, _) => tracing::warn!(
                        why,
                        "the line to the cloud is gone; events are kept here and it is tried again"
                    ),
                    (false, false) => tracing::warn!(
                        why,
                        "the cloud can't be reached; events are kept here and it is tried again"
                    ),
                    (false, true) => tracing::debug!(why, "the cloud still can't be reached"),
                }
                (self.is_up, self.is_away) = (false, true);
                self.parts.vitals.link(false);
                self.line = None;
                Some(Input::Lost)
            }
            Heard::Message { topic, payload } => {
                match letters::read(&self.parts.identity, self.session, &topic, &payload) {
                    Ok(letter) => self.take(letter),
                    Err(refused) => {
                        tracing::warn!(topic, %refused, "a message is refused");
                        None
                    }
                }
            }
        }
    }

    fn take(&mut self, letter: Letter) -> Option<Input> {
        match letter {
            Letter::Ack(ack) => Some(Input::Ack {
                outbox: ack.outbox,
                through: ack.through,
                epoch: ack.epoch,
            }),
            Letter::Roster(page) => match self.apply(page) {
                Ok(Taken::Nothing) => None,
                Ok(Taken::Applied(proof)) => self.or_log(|work| {
                    work.exchange()?;
                    work.write(&proof)
                }),
                Err(refused) => {
                    tracing::warn!(%refused, "a roster page is refused");
                    // Applied all the same, when only the proof has to wait.
                    if !matches!(refused, RosterError::Refused(_)) {
                        self.or_log(|work| work.exchange().map(|()| None));
                    }
                    Some(Input::Misfit)
                }
            },
            Letter::Settings(settings) => {
                match self.parts.roster.set_settings(&settings) {
                    Ok(true) => {
                        (self.parts.on_settings)(&settings);
                        tracing::info!(version = settings.version, "settings applied");
                    }
                    Ok(false) => {}
                    Err(refused) => tracing::error!(%refused, "the settings can't be kept"),
                }
                None
            }
            Letter::State(state) => {
                self.parts.roster.set_state(state);
                None
            }
            Letter::Command(command) => self.or_log(|work| work.command(&command)),
        }
    }

    fn apply(&self, page: RosterPage) -> Result<Taken, RosterError> {
        let _work = self.parts.vitals.heart().enter(Stage::Roster);
        self.parts.roster.take(page)
    }

    /// At most once: the id is stored before anything is done. Leaving an outbox can be done once
    /// only as it is, and is tried again where the disk did not take it.
    fn command(&mut self, command: &Command) -> Result<Option<Input>, Failed> {
        let now = self.parts.clock.read()?;
        let is_new = self.parts.outbox.begin_command(command.id, &now)?;
        let order = command.order();
        if !is_new {
            return Ok(match order {
                Ok(Order::BeginOutbox { outbox, after }) => Some(Input::Forked { outbox, after }),
                _ => None,
            });
        }
        let is_late = now.clock != Worth::Unsynced && now.at > command.expires;
        let (input, ok, detail) = match order {
            _ if is_late => (None, false, "it came after it had expired".to_owned()),
            Ok(Order::BeginOutbox { outbox, after }) => {
                (Some(Input::Forked { outbox, after }), true, String::new())
            }
            Ok(_) => (
                None,
                false,
                format!("this terminal can't do {:?}", command.name),
            ),
            Err(unknown) => (None, false, unknown.to_string()),
        };
        tracing::info!(id = %command.id, name = command.name, ok, detail, "command");
        let detail = detail
            .chars()
            .filter(|c| !c.is_control())
            .take(500)
            .collect();
        let lost = self.write(&CommandResult {
            id: command.id,
            ok,
            detail,
        })?;
        Ok(lost.or(input))
    }

    fn or_log(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<Option<Input>, Failed>,
    ) -> Option<Input> {
        work(self).unwrap_or_else(|failed| {
            tracing::error!(%failed, "the uplink could not answer");
            None
        })
    }

    fn prune(&self) {
        let pruned = self
            .parts
            .clock
            .read()
            .map_err(Failed::from)
            .and_then(|now| {
                // By a wrong clock everything may look old.
                match now.clock {
                    Worth::Synced => Ok(self.parts.outbox.prune(&now)?),
                    _ => Ok(0),
                }
            });
        if let Err(failed) = pruned {
            tracing::warn!(%failed, "old events could not be deleted");
        }
    }

    /// What the will would say, said in person.
    async fn farewell(&mut self) {
        if self.is_up
            && let Ok(now) = self.parts.clock.read()
            && let Ok(standing) = self.standing(&now)
            && let Ok(compact) =
                letters::write(&self.parts.identity, self.session, &standing.will())
        {
            self.say(Up::Status, compact);
        }
        let Some(line) = &mut self.line else { return };
        line.close();
        let gone = async { while !matches!(line.hear().await, Heard::Lost(_)) {} };
        // Whoever does not take leave is left.
        let _ = tokio::time::timeout(FAREWELL, gone).await;
    }
}

async fn hear(line: &mut Option<Line>) -> Heard {
    match line {
        Some(line) => line.hear().await,
        None => std::future::pending().await,
    }
}

/// Why something could not be done now.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Roster(#[from] RosterError),
    #[error(transparent)]
    Clock(#[from] crate::clock::ClockError),
    #[error(transparent)]
    Keys(#[from] keys::KeyError),
    #[error(transparent)]
    Sign(#[from] limen_wire::jws::JwsError),
}

#[cfg(test)]
mod tests;
