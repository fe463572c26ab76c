//! The terminal at work: opens what it needs, starts its threads, and waits for the end.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use limen_face::pad::Ask;
use limen_face::{Calibration, Models, ZooError};
use limen_wire::event::{self, Clock as Worth, What};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use crate::camera;
use crate::clock::{self, Clock, ClockError, Reading};
use crate::config::Config;
use crate::database::{self, DatabaseError};
use crate::door::{self, Door};
use crate::feedback::{All, Feedback, LogFeedback};
use crate::gate::{Punches, Rules};
use crate::gpio;
use crate::health::Vitals;
use crate::heart::{self, Stage, Watch};
use crate::keys::{self, Identity, KeyError};
use crate::kiosk::{self, Kiosk, Screen};
use crate::mailbox::Latest;
use crate::outbox::{self, Author, Outbox, OutboxError};
use crate::reader;
use crate::roster::{self, Roster, RosterError, Vault};
use crate::salvage::{self, SalvageError};
use crate::stop::Stop;
use crate::systemd;
use crate::uplink::address::{Address, AddressError};
use crate::uplink::{Lines, Parts, TlsError, Uplink};
use crate::vision::{self, Eyes, GallerySlot, Slot, Touch};
use recorder::{Recorder, record};

mod recorder;

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
    /// A damaged database can't be salvaged.
    #[error(transparent)]
    Salvage(#[from] SalvageError),
    /// The database was found damaged while the terminal worked.
    #[error("the database is damaged; at the next start what can be read of it is salvaged")]
    Damaged,
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
    door: Arc<Door>,
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
    reader: Option<JoinHandle<()>>,
    /// Lamp and button.
    switches: Vec<JoinHandle<()>>,
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
        systemd::status("looking whether the database is whole");
        salvage::mend(data, &identity)?;
        database::migrate(data)?;
        let last = outbox::last(data, &identity)?;
        let clock = Clock::new(config.clock.trust, Outbox::synced_boot(data)?)?;
        let clock = Arc::new(clock.after(last.as_ref()));
        let now = clock.read()?;
        let author = Author {
            identity: Arc::clone(&identity),
            session: Uuid::from_bytes(keys::random()?),
        };
        let vitals = Arc::new(Vitals::new(data));
        if let Some(file) = salvage::set_aside(data).last() {
            let words = format!(
                "a damaged database was set aside ({}): exchange the card, and send the file to whoever repairs it",
                file.display()
            );
            vitals.fault("database", words);
        }
        let outbox = Outbox::open(data, author, outbox::hardware(), &now)?;
        let outbox = Arc::new(outbox.with_heart(vitals.heart().clone()));
        if let Some((from, to)) = last.and_then(|last| clock::step(&last, &now)) {
            tracing::warn!(%from, %to, "the clock was set while the terminal was off");
            outbox.append(&now, &[What::Clock { from, to }])?;
        }
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
            face_off: recorder::face_off(data),
        });
        recorder.say_face_off(recorder.face_is_off());
        let began = Instant::now();
        let (stop, touch) = (Stop::new(), Touch::default());
        let (lamp, switches) = gpio::spawn(&config.gpio, touch.clone(), &vitals, &stop)?;
        let (screen, events) = Screen::new();
        let door = Arc::new(Door::new(door::Parts {
            punches: Arc::clone(&recorder) as Arc<dyn Punches>,
            people: Arc::clone(&roster) as Arc<dyn door::People>,
            site: identity.site.signing_key,
            ways: config.ways.clone(),
            feedback: {
                let mut all: Vec<Box<dyn Feedback>> =
                    vec![Box::new(LogFeedback), Box::new(screen.clone())];
                all.extend(lamp.map(|lamp| Box::new(lamp) as Box<dyn Feedback>));
                Arc::new(All(all))
            },
            rules,
            heart: vitals.heart().clone(),
            clock: Box::new(move || began.elapsed()),
            time_of_day: {
                let recorder = Arc::clone(&recorder);
                Box::new(move || recorder.time_of_day())
            },
        }));
        let frames = Latest::new();
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
        let reader = match config.ways.reader.as_os_str().is_empty() {
            true => None,
            false => {
                let (door, vitals) = (Arc::clone(&door), Arc::clone(&vitals));
                let device = config.ways.reader.clone();
                Some(reader::spawn(device, door, vitals, stop.clone())?)
            }
        };
        let eyes = Eyes {
            models,
            gallery: Arc::clone(&gallery),
            door: Arc::clone(&door),
            touch: touch.clone(),
            asks: Box::new(a_side),
            heart: vitals.heart().clone(),
        };
        let open_eyes: OpenEyes = {
            let frames = frames.clone();
            Box::new(move || vision::spawn(eyes, frames))
        };
        let (tell, reports) = mpsc::unbounded_channel();
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
            door,
            stop,
            until,
            reports,
            frames,
            camera,
            open_eyes: Some(open_eyes),
            rostered,
            vision: None,
            reader,
            switches,
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
        let (mut camera_lost, mut was_full) = (None, false);
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
                    self.vitals.room(&self.outbox.keep_room());
                    self.door.recheck();
                    let is_full = self.vitals.is_full();
                    if is_full != was_full {
                        self.door.feedback().full(is_full);
                        was_full = is_full;
                    }
                    self.say_status(&mut said);
                    if self.vitals.is_damaged() {
                        return Err(RunError::Damaged);
                    }
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
        let threads = [
            (Some(self.camera), "camera"),
            (self.vision, "vision"),
            (self.reader, "reader"),
        ];
        let switches = self
            .switches
            .into_iter()
            .map(|thread| (Some(thread), "gpio"));
        for (thread, name) in threads.into_iter().chain(switches) {
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

/// A person looked at the terminal whose faces are off after too many failures: they are looked at again. Whether
/// they were off.
///
/// # Errors
/// When the data folder can't be written.
pub fn faces_on(data: &Path) -> Result<bool, RunError> {
    let path = recorder::face_off(data);
    recorder::forget(&path).map_err(|source| RunError::Data {
        path: data.to_owned(),
        source,
    })
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
