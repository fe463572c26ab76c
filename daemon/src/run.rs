//! The terminal at work: opens what it needs, starts its threads, and waits for the end.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use limen_face::pad::Ask;
use limen_face::{Calibration, Models, ZooError};
use limen_wire::event::{self, Amend, Clock as Worth, Direction, Punch, Rejection, What};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use crate::camera::{self, Change};
use crate::clock::{self, Clock, ClockError, Reading};
use crate::config::Config;
use crate::database::{self, DatabaseError};
use crate::door::{self, Door};
use crate::feedback::{All, LogFeedback};
use crate::gate::{Durable, Lately, Punches, Refused, Rules};
use crate::health::Vitals;
use crate::heart::{self, Stage, Watch};
use crate::keys::{self, Identity, KeyError};
use crate::kiosk::{self, Kiosk, Screen};
use crate::mailbox::Latest;
use crate::outbox::{self, Author, Outbox, OutboxError};
use crate::roster::{self, Roster, RosterError, Vault};
use crate::stop::Stop;
use crate::systemd;
use crate::uplink::address::{Address, AddressError};
use crate::uplink::{Lines, Parts, TlsError, Uplink};
use crate::vision::{self, Eyes, GallerySlot, Slot, Touch};

/// How often the clock is looked at.
const LOOK_AT_CLOCK: Duration = heart::TURN;

/// Why the terminal can't work.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nobody claimed it.
    #[error(
        "this terminal is not claimed yet: make a code in the dashboard and run `limen-daemon claim --config … --cloud … --words \"…\"`"
    )]
    NotClaimed,
    /// Another one works in the same data folder.
    #[error("another limen-daemon works with the data folder {0}; two would tear the outbox apart")]
    Taken(PathBuf),
    /// The data folder can't be used.
    #[error("cannot use the data folder {path}: {source}")]
    Data {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The identity can't be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The models can't be used.
    #[error("the models in {folder} can't be used")]
    Models {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: ZooError,
    },
    /// The database can't be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The outbox can't be used.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The roster can't be used.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The clock can't be read.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The cloud's address can't be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The certificates can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A thread, a signal handler or an event loop can't be made.
    #[error("the operating system refused a thread, a signal handler or an event loop: {0}")]
    System(#[from] io::Error),
    /// The pictures that were to be played to their end are not to be had.
    #[error("the camera was to be played to its end, but was lost: {0}")]
    Camera(String),
}

/// When the terminal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is asked to.
    Asked,
    /// When the camera's pictures are through and the cloud holds every event, or it is asked to.
    End,
}

/// Works until the end.
///
/// # Errors
/// [`RunError`] when the terminal can't work.
pub fn run(config: &Config, until: Until) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Before anything else, so that a signal that comes early is not lost.
    let (mut end, mut button) = {
        let _inside = runtime.enter();
        let end = End {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        (end, signal(SignalKind::user_defined1())?)
    };
    let terminal = Terminal::start(config, until)?;
    tracing::info!(
        terminal = %terminal.identity.site.terminal,
        camera = %config.camera.source,
        "limen-daemon is ready"
    );
    systemd::ready();
    runtime.block_on(terminal.wait(&mut end, &mut button))
}

/// A side to turn to, drawn by chance.
fn a_side() -> Ask {
    let [byte] = keys::random().expect("there was randomness when the terminal began");
    if byte & 1 == 0 {
        Ask::TurnLeft
    } else {
        Ask::TurnRight
    }
}

/// The signals that ask a terminal to end.
struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl End {
    /// Waits until one comes.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What the camera's thread reported, for the thread that waits.
enum Report {
    Through,
    Lost(String),
}

type OpenEyes = Box<dyn FnOnce() -> io::Result<JoinHandle<()>>>;

struct Terminal {
    identity: Arc<Identity>,
    outbox: Arc<Outbox>,
    clock: Arc<Clock>,
    vitals: Arc<Vitals>,
    stop: Stop,
    until: Until,
    reports: mpsc::UnboundedReceiver<Report>,
    frames: Latest<camera::Captured>,
    camera: JoinHandle<()>,
    /// Begins to look; gone once that was begun.
    open_eyes: Option<OpenEyes>,
    /// Rings when there is a roster.
    rostered: Arc<Notify>,
    vision: Option<JoinHandle<()>>,
    uplink: Uplink,
    kiosk: Option<Kiosk>,
    gallery: Arc<GallerySlot>,
    touch: Touch,
    watch: Watch,
    _alone: File,
}

impl Terminal {
    fn start(config: &Config, until: Until) -> Result<Self, RunError> {
        let data = &config.data;
        let identity = Arc::new(Identity::load(data)?.ok_or(RunError::NotClaimed)?);
        let alone = lock(data)?;
        let sealed = keys::seal(data)?;
        if sealed > 0 {
            tracing::info!(
                keys = sealed,
                "the terminal's keys are sealed with the storage key now"
            );
        }
        let address = match config.cloud.mqtt.as_str() {
            "" => Address::parse(&identity.site.mqtt)?,
            other => Address::parse(other)?,
        };
        let lines = Lines::new(Arc::clone(&identity), address)?;
        let unusable = |source| RunError::Models {
            folder: config.models.clone(),
            source,
        };
        systemd::status("loading the face models");
        let models = Arc::new(Models::load(&config.models).map_err(unusable)?);
        let calibration = Calibration::load(&config.models).map_err(unusable)?;
        database::migrate(data)?;
        let clock = Arc::new(Clock::new(config.clock.trust, Outbox::synced_boot(data)?)?);
        let now = clock.read()?;
        let author = Author {
            identity: Arc::clone(&identity),
            session: Uuid::from_bytes(keys::random()?),
        };
        let vitals = Arc::new(Vitals::new(data));
        let outbox = Outbox::open(data, author, outbox::hardware(), &now)?;
        let outbox = Arc::new(outbox.with_heart(vitals.heart().clone()));
        let vault = Vault::new(&identity.keys.roster);
        let roster = Arc::new(Roster::open(data, identity.site.site, vault)?);
        let gallery = roster::build(&roster, models.embedding_id(), calibration.clone())?;
        tracing::info!(people = gallery.len(), "roster opened");
        let gallery = Arc::new(GallerySlot::new(gallery));
        let rules = Rules::of(&config.gate, roster.settings()?.as_ref());
        let rules = Arc::new(Slot::new(rules));
        vitals.model(models.embedding_id());
        let rostered = Arc::new(Notify::new());
        if roster.held().is_some() {
            rostered.notify_one();
        } else {
            tracing::info!("no roster has come yet; nobody is looked at until one does");
        }

        let uplink = Uplink::spawn(Parts {
            identity: Arc::clone(&identity),
            outbox: Arc::clone(&outbox),
            roster: Arc::clone(&roster),
            clock: Arc::clone(&clock),
            vitals: Arc::clone(&vitals),
            lines,
            status_every: Duration::from_secs_f64(config.cloud.status_s),
            on_settings: {
                let (gate, rules) = (config.gate.clone(), Arc::clone(&rules));
                Box::new(move |settings| rules.set(Rules::of(&gate, Some(settings))))
            },
            on_roster: publish(
                Arc::clone(&roster),
                Arc::clone(&gallery),
                models.embedding_id().to_owned(),
                calibration,
                Arc::clone(&rostered),
            ),
        })?;
        let recorder = Arc::new(Recorder {
            outbox: Arc::clone(&outbox),
            clock: Arc::clone(&clock),
            vitals: Arc::clone(&vitals),
            roster: Arc::clone(&roster),
            face_off: data.join("face-off"),
        });
        recorder.say_face_off(recorder.face_is_off());
        let began = Instant::now();
        let (screen, events) = Screen::new();
        let door = Arc::new(Door::new(door::Parts {
            punches: Arc::clone(&recorder) as Arc<dyn Punches>,
            people: Arc::clone(&roster) as Arc<dyn door::People>,
            site: identity.site.signing_key,
            feedback: Arc::new(All(vec![Box::new(LogFeedback), Box::new(screen.clone())])),
            rules,
            heart: vitals.heart().clone(),
            clock: Box::new(move || began.elapsed()),
        }));
        let frames = Latest::new();
        let touch = Touch::default();
        let kiosk = kiosk::Parts {
            events,
            screen,
            roster,
            clock: Arc::clone(&clock),
            vitals: Arc::clone(&vitals),
            door: Arc::clone(&door),
            touch: touch.clone(),
        };
        let kiosk = Kiosk::spawn(kiosk, &config.kiosk)?;
        let eyes = Eyes {
            models,
            gallery: Arc::clone(&gallery),
            door,
            touch: touch.clone(),
            asks: Box::new(a_side),
            heart: vitals.heart().clone(),
        };
        let open_eyes: OpenEyes = {
            let frames = frames.clone();
            Box::new(move || vision::spawn(eyes, frames))
        };
        let (tell, reports) = mpsc::unbounded_channel();
        let stop = Stop::new();
        vitals.camera(event::Camera::Ok);
        let camera = camera::spawn(
            config.camera.clone(),
            frames.clone(),
            stop.clone(),
            vitals.heart().clone(),
            move |change| recorder.camera(change, &tell),
        )?;
        let watch = heart::watch(Arc::clone(&vitals), config.watchdog.clone())?;
        Ok(Self {
            identity,
            outbox,
            clock,
            vitals,
            stop,
            until,
            reports,
            frames,
            camera,
            open_eyes: Some(open_eyes),
            rostered,
            vision: None,
            uplink,
            kiosk,
            gallery,
            touch,
            watch,
            _alone: alone,
        })
    }

    async fn wait(mut self, end: &mut End, button: &mut Signal) -> Result<(), RunError> {
        let mut watch = ClockWatch::default();
        let mut said = String::new();
        let heart = self.vitals.heart().clone();
        let mut look = tokio::time::interval(LOOK_AT_CLOCK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut camera_lost = None;
        loop {
            let _turn = heart.enter(Stage::Main);
            tokio::select! {
                () = end.asked() => break,
                _ = button.recv() => self.touch.tap(),
                Some(report) = self.reports.recv() => match (self.until, report) {
                    (Until::Asked, _) => {}
                    (Until::End, Report::Through) => break,
                    (Until::End, Report::Lost(why)) => {
                        camera_lost = Some(why);
                        break;
                    }
                },
                // Who is unknown to an empty roster is no stranger: nobody is looked at before the first one.
                () = self.rostered.notified(), if self.open_eyes.is_some() => {
                    self.vision = self.open_eyes.take().map(|open| open()).transpose()?;
                }
                _ = look.tick() => {
                    watch.look(&self.clock, &self.outbox, &self.vitals);
                    self.say_status(&mut said);
                }
            }
        }
        systemd::stopping();
        self.stop.set();
        if self.open_eyes.take().is_some() {
            // Nobody ever took a frame: the camera must not wait for that.
            self.frames.close();
        }
        // Vision ends by itself once the frames that are there were looked at.
        for (thread, name) in [(Some(self.camera), "camera"), (self.vision, "vision")] {
            if thread.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!(thread = name, "a thread panicked");
            }
        }
        tracing::info!("ending");
        let stopped = What::Stop {
            why: match camera_lost {
                Some(_) => event::Stop::Fault,
                None => event::Stop::Asked,
            },
        };
        if let Err(failed) = record(&self.outbox, &self.clock, stopped) {
            tracing::error!(%failed, "the end could not be recorded");
        }
        if self.until == Until::End && camera_lost.is_none() {
            let mut poll = tokio::time::interval(Duration::from_millis(100));
            while self.outbox.waiting()? > 0 {
                tokio::select! {
                    () = end.asked() => break,
                    _ = poll.tick() => {}
                }
            }
        }
        if let Some(kiosk) = self.kiosk {
            kiosk.end();
        }
        self.uplink.end();
        self.watch.end();
        tracing::info!("ended");
        match camera_lost {
            Some(why) => Err(RunError::Camera(why)),
            None => Ok(()),
        }
    }
}

impl Terminal {
    /// Tells systemd how the terminal is, where that is something else than what it was `said`.
    fn say_status(&self, said: &mut String) {
        if !systemd::listens() {
            return;
        }
        let Ok(waiting) = self.outbox.waiting() else {
            return;
        };
        let line = self.vitals.line(self.gallery.get().len(), waiting);
        if line != *said {
            systemd::status(&line);
            *said = line;
        }
    }
}

/// Takes the data folder for this process alone, as long as the file is held.
///
/// # Errors
/// When another process holds it, or the folder can't be written.
pub fn lock(data: &Path) -> Result<File, RunError> {
    let path = data.join("lock");
    let failed = |source| RunError::Data {
        path: data.to_owned(),
        source,
    };
    keys::make_private(&path).map_err(failed)?;
    let file = File::open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RunError::Taken(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// What is called when the roster changed: vision looks people up in the new one.
fn publish(
    roster: Arc<Roster>,
    slot: Arc<GallerySlot>,
    model: String,
    calibration: Calibration,
    rostered: Arc<Notify>,
) -> Box<dyn Fn() -> Result<(), RosterError> + Send> {
    Box::new(move || {
        let gallery = roster::build(&roster, &model, calibration.clone())?;
        tracing::info!(people = gallery.len(), "the gallery is exchanged");
        slot.set(gallery);
        rostered.notify_one();
        Ok(())
    })
}

/// Writes what happens at the door.
struct Recorder {
    outbox: Arc<Outbox>,
    clock: Arc<Clock>,
    vitals: Arc<Vitals>,
    roster: Arc<Roster>,
    /// The file that is there while faces are off.
    face_off: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Clock(#[from] ClockError),
}

fn record(outbox: &Outbox, clock: &Clock, what: What) -> Result<outbox::Durable, RecordError> {
    Ok(outbox.append(&clock.read()?, &[what])?)
}

impl Recorder {
    fn record(&self, what: What) -> Result<outbox::Durable, RecordError> {
        let done = record(&self.outbox, &self.clock, what);
        match &done {
            Ok(_) => self.vitals.well("outbox"),
            Err(failed) => self.vitals.fault("outbox", failed.to_string()),
        }
        done
    }

    fn camera(&self, change: Change, tell: &mpsc::UnboundedSender<Report>) {
        let (state, report) = match change {
            Change::Lost { state, why } => {
                self.vitals.fault("camera", why.as_str());
                (state, Some(Report::Lost(why)))
            }
            Change::Back => {
                self.vitals.well("camera");
                (event::Camera::Ok, None)
            }
            Change::Ended => (event::Camera::Off, Some(Report::Through)),
        };
        self.vitals.camera(state);
        if let Err(failed) = self.record(What::Camera { state }) {
            tracing::error!(%failed, "a change of the camera could not be recorded");
        }
        if let Some(report) = report {
            // Nobody listens any more when the terminal is about to end.
            let _ = tell.send(report);
        }
    }
}

impl Recorder {
    fn say_face_off(&self, is_off: bool) {
        if is_off {
            let words = "faces are off after fifty failures in a row; PIN and badge work";
            self.vitals.fault("face", words);
        } else {
            self.vitals.well("face");
        }
    }
}

impl Punches for Recorder {
    fn punch(&self, punch: Punch) -> Result<Durable, Refused> {
        self.record(What::Punch(punch))
            .map(|durable| Durable {
                outbox: durable.outbox,
                seq: durable.last,
            })
            .map_err(|failed| Refused(failed.to_string()))
    }

    fn amend(&self, of: Durable, change: event::Change) -> Result<(), Refused> {
        if self.outbox.end().borrow().outbox != of.outbox {
            return Err(Refused("another outbox was begun since the punch".into()));
        }
        let amend = Amend { of: of.seq, change };
        self.record(What::Amend(amend))
            .map(|_| ())
            .map_err(|failed| Refused(failed.to_string()))
    }

    fn rejected(&self, why: Rejection) {
        if let Err(failed) = self.record(What::Rejected { why }) {
            tracing::error!(%failed, "that somebody was not recognised could not be recorded");
        }
    }

    fn lately(&self, person: Uuid) -> Option<Lately> {
        let state = self.roster.state(person)?;
        // A clock that nobody vouches for can't say how long ago that was.
        let now = self.clock.read().ok()?;
        if now.clock == Worth::Unsynced {
            return None;
        }
        Some(Lately {
            ago: now.at.duration_since(state.since?).try_into().ok()?,
            way: if state.is_in {
                Direction::In
            } else {
                Direction::Out
            },
        })
    }

    fn set_face_off(&self, is_off: bool) {
        let done = if is_off {
            keys::make_private(&self.face_off)
        } else {
            match std::fs::remove_file(&self.face_off) {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            }
        };
        if let Err(failed) = done {
            tracing::error!(%failed, "whether faces are off would be forgotten at the next start");
        }
        self.say_face_off(is_off);
    }

    fn face_is_off(&self) -> bool {
        self.face_off.exists()
    }
}

/// Notices that the clock was set, or became better or worse.
#[derive(Default)]
struct ClockWatch {
    before: Option<Reading>,
    was_synced: bool,
}

impl ClockWatch {
    fn look(&mut self, clock: &Clock, outbox: &Outbox, vitals: &Vitals) {
        let now = match clock.read() {
            Ok(now) => now,
            Err(failed) => return vitals.fault("clock", failed.to_string()),
        };
        if let Some((from, to)) = self.before.and_then(|before| clock::step(&before, &now)) {
            tracing::warn!(%from, %to, "the clock was set");
            if let Err(failed) = outbox.append(&now, &[What::Clock { from, to }]) {
                tracing::error!(%failed, "that the clock was set could not be recorded");
            }
        }
        match now.clock {
            Worth::Unsynced => vitals.fault("clock", "nobody vouches for the clock"),
            _ => vitals.well("clock"),
        }
        if now.clock == Worth::Synced && !self.was_synced {
            self.was_synced = true;
            if let Err(failed) = outbox.set_synced_boot(now.boot) {
                tracing::warn!(%failed, "that the clock is synchronised could not be kept");
            }
        }
        self.before = Some(now);
    }
}
