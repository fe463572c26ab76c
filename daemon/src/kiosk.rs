//! The terminal's own screen: one page for a browser in kiosk mode on this machine.
//!
//! [`Screen`] is the [`Feedback`] that hands over what happens at the door; the kiosk's thread makes
//! of it what is shown (`desk`, by the pure `board` and `known`), and serves the page, what it shows and
//! what the camera sees on loopback (`http`, behind `guard`). What a person presses goes to the
//! [`Door`] like anything else that happens there.
//!
//! Frames are copied in memory when the page asks for one, and only those that were looked at. No
//! score and no picture is in what is shown, and nothing of it is logged. Who can start programs on
//! the terminal can ask like the page does: they can press its buttons, and still need a number or
//! a badge to be anybody.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use limen_face::Frame;
use limen_face::detect::Bounds;
use limen_wire::event::Change;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::clock::Clock;
use crate::config;
use crate::door::Door;
use crate::feedback::{Accepted, Feedback, Guide, Red};
use crate::health::Vitals;
use crate::heart::{Stage, TURN};
use crate::roster::Roster;
use crate::vision::Touch;
use board::{Board, Hint, Trouble, Why};
use desk::{Desk, Shown};
use known::Here;
use sight::Sight;

mod board;
mod desk;
mod guard;
mod http;
mod known;
mod sight;

/// When an address that is taken is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What happened, on its way to the kiosk's thread.
enum Happened {
    Punched(Accepted, Timestamp),
    Again(Uuid),
    Reverses(Uuid),
    Refused(Why),
    Guide(Option<Hint>),
    Amended(u64, Change),
}

/// The screen, as the rest of the terminal knows it.
#[derive(Clone)]
pub struct Screen {
    happened: mpsc::UnboundedSender<Happened>,
    sights: watch::Sender<Sight>,
}

/// What [`Screen`] hands over, until a kiosk is made of it.
pub struct Events(mpsc::UnboundedReceiver<Happened>);

impl Screen {
    /// A screen that nobody looks at yet.
    pub fn new() -> (Self, Events) {
        let (happened, events) = mpsc::unbounded_channel();
        let sights = watch::Sender::new(Sight::default());
        (Self { happened, sights }, Events(events))
    }

    fn tell(&self, happened: Happened) {
        // Nobody listens where there is no screen, or at the end.
        let _ = self.happened.send(happened);
    }
}

impl Feedback for Screen {
    fn green(&self, accepted: &Accepted) {
        self.tell(Happened::Punched(*accepted, Timestamp::now()));
    }

    fn again(&self, person: Uuid) {
        self.tell(Happened::Again(person));
    }

    fn reverses(&self, person: Uuid) {
        self.tell(Happened::Reverses(person));
    }

    fn red(&self, why: Red<'_>) {
        self.tell(Happened::Refused(match why {
            Red::Rejected(why) => Why::Rejected(why),
            Red::Poor(flaw) => Why::Poor(flaw.into()),
            Red::NotRecorded(_) => Why::Trouble(Trouble::NotRecorded),
        }));
    }

    fn guide(&self, guide: Option<Guide>) {
        self.tell(Happened::Guide(guide.map(Hint::from)));
    }

    fn sees(&self, frame: &Arc<Frame>, face: Option<&Bounds>) {
        self.sights.send_modify(|sight| {
            sight.number += 1;
            sight.frame = Some(Arc::clone(frame));
            sight.face = face.copied();
        });
    }
}

/// What the kiosk works with.
pub struct Parts {
    /// What happens.
    pub events: Events,
    /// What the camera sees.
    pub screen: Screen,
    /// Whom the cloud tells about.
    pub roster: Arc<Roster>,
    /// The time.
    pub clock: Arc<Clock>,
    /// How the terminal is.
    pub vitals: Arc<Vitals>,
    /// Where what is pressed goes to.
    pub door: Arc<Door>,
    /// A tap on the screen.
    pub touch: Touch,
}

/// The running kiosk.
pub struct Kiosk {
    thread: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Kiosk {
    /// Starts the kiosk's thread; `None` where the configuration wants no screen. An address that is
    /// taken is tried again, and said: a door works without its screen.
    ///
    /// # Errors
    /// When the thread or its event loop can't be made.
    pub fn spawn(parts: Parts, config: &config::Kiosk) -> io::Result<Option<Self>> {
        let Some(address) = config.listen.0 else {
            return Ok(None);
        };
        let config = config.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("kiosk".to_owned())
            .spawn(move || {
                let life = parts.vitals.heart().life(Stage::Kiosk);
                runtime.block_on(run(parts, config, address, stopped));
                runtime.shutdown_background();
                life.done();
            })?;
        Ok(Some(Self { thread, stop }))
    }

    /// Ends it.
    pub fn end(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the screen's thread panicked");
        }
    }
}

async fn run(
    parts: Parts,
    config: config::Kiosk,
    address: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) {
    let Parts {
        events: Events(mut events),
        screen,
        roster,
        clock,
        vitals,
        door,
        touch,
    } = parts;
    let heart = vitals.heart().clone();
    let shown = watch::Sender::new(Shown::default());
    let app = http::App {
        shown: shown.subscribe(),
        screen: screen.clone(),
        door: Arc::clone(&door),
        touch,
        preview: config.preview,
        vitals: Arc::clone(&vitals),
    };
    tokio::spawn(serve(address, app, Arc::clone(&vitals)));
    let mut desk = Desk {
        board: Board::default(),
        here: Here::default(),
        person: None,
        settings: None,
        seen: (0, Instant::now()),
        began: Instant::now(),
        config,
        roster,
        clock,
        vitals,
        door,
        sights: screen.sights,
    };
    loop {
        let _turn = heart.enter(Stage::Kiosk);
        desk.look();
        let changes_in = desk.publish(&shown).unwrap_or(TURN);
        tokio::select! {
            _ = stopped.changed() => break,
            Some(happened) = events.recv() => desk.take(happened),
            () = tokio::time::sleep(changes_in.min(TURN)) => {}
        }
    }
}

/// Serves the page as long as the kiosk lives.
async fn serve(address: SocketAddr, app: http::App, vitals: Arc<Vitals>) {
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => {
                let words = format!("the screen can't be served at {address}: {error}");
                tracing::error!("{words}; it is tried again, and the door works without it");
                vitals.fault("kiosk", words);
            }
        }
        tokio::time::sleep(RETRY).await;
    };
    vitals.well("kiosk");
    let served = match listener.local_addr() {
        Ok(here) => {
            tracing::info!("the screen is at http://{here}");
            axum::serve(listener, http::router(app, here)).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "the screen is served no more");
        vitals.fault("kiosk", format!("the screen is served no more: {error}"));
    }
}
