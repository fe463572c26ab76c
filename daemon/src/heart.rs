//! Whether everything at this terminal still moves.
//!
//! Each stage says when it goes to work and when it is through ([`Heart::enter`]), each thread
//! that has to live says when it ends for a good reason ([`Life`]), and [`Heart::hang`] compares
//! that with the limits of the configuration. [`watch`] is the thread that asks it, and that
//! feeds systemd's watchdog as long as nothing hangs.
//!
//! Who is to blame: the stage that works within the time of another (an append within a look at
//! a frame) has that time for itself, and the outer one's clock stands still meanwhile. Waiting
//! for a lock belongs to the stage behind the lock. So whoever stands still because the disk
//! does, stands in the outbox, and the outbox is named.
//!
//! Waiting for something to do is no work. A stage with a loop of its own wakes up from it at
//! least every [`TURN`] and begins a new turn, so that a thread that doesn't wake is noticed too.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::config::Watchdog;

mod watch;

pub use watch::{Watch, watch};

/// The longest wait within a turn.
pub const TURN: Duration = Duration::from_secs(1);

/// What may hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The loop that waits for signals and looks at the clock.
    Main,
    /// One frame grabbed, or the camera opened.
    Camera,
    /// One look at a frame.
    Vision,
    /// One turn at the outbox's database.
    Outbox,
    /// One roster page applied, or the gallery exchanged.
    Roster,
    /// One turn of the uplink's loop.
    Uplink,
    /// One turn of the loop that makes the screen.
    Kiosk,
}

impl Stage {
    const COUNT: usize = Self::Kiosk as usize + 1;
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "main",
            Self::Camera => "camera",
            Self::Vision => "vision",
            Self::Outbox => "outbox",
            Self::Roster => "roster",
            Self::Uplink => "uplink",
            Self::Kiosk => "kiosk",
        })
    }
}

/// The main loop and the screen's do next to nothing themselves; this is for a machine that hardly
/// moves.
const MAIN: Duration = Duration::from_secs(60);

impl Watchdog {
    /// How long `stage` may be at one piece of work.
    pub fn limit(&self, stage: Stage) -> Duration {
        Duration::from_secs_f64(match stage {
            Stage::Main | Stage::Kiosk => return MAIN,
            Stage::Camera => self.camera_s,
            Stage::Vision => self.vision_s,
            Stage::Outbox => self.outbox_s,
            Stage::Roster => self.roster_s,
            Stage::Uplink => self.uplink_s,
        })
    }
}

/// A stage that does not move any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hang {
    /// Which.
    pub stage: Stage,
    /// For how long.
    pub lasts: Duration,
    /// How.
    pub how: How,
}

/// In which way a stage does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is over this limit.
    Stuck(Duration),
    /// Its thread ended though it should live.
    Ended,
}

impl fmt::Display for Hang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = self.stage;
        match self.how {
            How::Stuck(limit) => {
                let limit = limit.as_secs();
                write!(f, "{stage} hangs: at one thing for more than {limit} s")
            }
            How::Ended => write!(f, "{stage} hangs: its thread has ended"),
        }
    }
}

/// What every stage is at; clones are the same heart.
#[derive(Clone)]
pub struct Heart(Arc<Shared>);

struct Shared {
    began: Instant,
    beats: Mutex<Beats<ThreadId>>,
}

impl Default for Heart {
    fn default() -> Self {
        Self(Arc::new(Shared {
            began: Instant::now(),
            beats: Mutex::default(),
        }))
    }
}

impl Heart {
    /// This thread goes to work at `stage`, until the guard is dropped.
    pub fn enter(&self, stage: Stage) -> AtWork<'_> {
        let now = self.now();
        self.beats().enter(thread::current().id(), stage, now);
        AtWork(self, PhantomData)
    }

    /// Work at `stage` that takes long got further: whoever is at it, or waits for it, begins
    /// anew with its limit.
    pub fn progress(&self, stage: Stage) {
        let now = self.now();
        self.beats().progress(stage, now);
    }

    /// This thread is needed for `stage`.
    pub fn life(&self, stage: Stage) -> Life {
        Life {
            heart: self.clone(),
            stage,
            is_done: false,
        }
    }

    /// What hangs now: what is furthest over its limit.
    pub fn hang(&self, limits: &Watchdog) -> Option<Hang> {
        let now = self.now();
        self.beats().hang(now, |stage| limits.limit(stage))
    }

    fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    fn beats(&self) -> MutexGuard<'_, Beats<ThreadId>> {
        self.0.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As long as it exists, its thread is at work. It stays on that thread.
pub struct AtWork<'a>(&'a Heart, PhantomData<*const ()>);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let now = self.0.now();
        self.0.beats().leave(thread::current().id(), now);
    }
}

/// A thread that has to live. Dropped without [`Life::done`], in a panic for instance, its
/// stage hangs for good.
pub struct Life {
    heart: Heart,
    stage: Stage,
    is_done: bool,
}

impl Life {
    /// The thread ends because there is nothing left to do for it.
    pub fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if !self.is_done {
            let now = self.heart.now();
            self.heart.beats().ended(self.stage, now);
        }
    }
}

/// The same without a clock and without threads.
struct Beats<T> {
    /// In order of entry; of one thread, the last is the one that it is at.
    turns: Vec<Turn<T>>,
    progress: [Duration; Stage::COUNT],
    ended: Vec<(Stage, Duration)>,
}

struct Turn<T> {
    thread: T,
    stage: Stage,
    entered: Duration,
    /// Later than `entered` by the time that went to stages within this one.
    since: Duration,
}

impl<T> Default for Beats<T> {
    fn default() -> Self {
        Self {
            turns: Vec::new(),
            progress: [Duration::ZERO; Stage::COUNT],
            ended: Vec::new(),
        }
    }
}

impl<T: PartialEq> Beats<T> {
    fn enter(&mut self, thread: T, stage: Stage, now: Duration) {
        self.turns.push(Turn {
            thread,
            stage,
            entered: now,
            since: now,
        });
    }

    fn leave(&mut self, thread: T, now: Duration) {
        let Some(index) = self.turns.iter().rposition(|turn| turn.thread == thread) else {
            return;
        };
        let inner = self.turns.remove(index);
        if let Some(outer) = self.turns.iter_mut().rfind(|turn| turn.thread == thread) {
            outer.since += now.saturating_sub(inner.entered);
        }
    }

    fn progress(&mut self, stage: Stage, now: Duration) {
        self.progress[stage as usize] = now;
    }

    fn ended(&mut self, stage: Stage, now: Duration) {
        self.ended.push((stage, now));
    }

    fn hang(&self, now: Duration, limit: impl Fn(Stage) -> Duration) -> Option<Hang> {
        let ended = self.ended.first().map(|(stage, at)| Hang {
            stage: *stage,
            lasts: now.saturating_sub(*at),
            how: How::Ended,
        });
        let is_innermost = |index: usize, turn: &Turn<T>| {
            !self.turns[index + 1..]
                .iter()
                .any(|later| later.thread == turn.thread)
        };
        let stuck = || {
            self.turns
                .iter()
                .enumerate()
                .filter(|(index, turn)| is_innermost(*index, turn))
                .filter_map(|(_, turn)| {
                    let since = turn.since.max(self.progress[turn.stage as usize]);
                    let lasts = now.saturating_sub(since);
                    let limit = limit(turn.stage);
                    let over = lasts.checked_sub(limit).filter(|over| !over.is_zero())?;
                    let how = How::Stuck(limit);
                    let stage = turn.stage;
                    Some((over, Hang { stage, lasts, how }))
                })
                .max_by_key(|(over, _)| *over)
                .map(|(_, hang)| hang)
        };
        ended.or_else(stuck)
    }
}

#[cfg(test)]
mod tests;
