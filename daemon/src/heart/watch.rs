//! The thread that looks whether something hangs, and feeds systemd's watchdog while nothing does.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::{Hang, How, Stage, TURN};
use crate::config::Watchdog;
use crate::health::Vitals;
use crate::stop::Stop;
use crate::systemd;

/// Under this name a hang stands in the statuses.
const PART: &str = "watchdog";

/// The running watch.
pub struct Watch {
    thread: JoinHandle<()>,
    stop: Stop,
}

/// Starts to watch the heart of `vitals`.
///
/// # Errors
/// When the operating system has no thread to give.
pub fn watch(vitals: Arc<Vitals>, limits: Watchdog) -> io::Result<Watch> {
    let stop = Stop::new();
    let stopped = stop.clone();
    let patience = systemd::patience();
    // At least four times within systemd's patience: two may come late.
    let every = patience.map_or(TURN, |patience| TURN.min(patience / 4));
    let thread = std::thread::Builder::new()
        .name("heart".into())
        .spawn(move || {
            let mut said = None;
            loop {
                let hang = vitals.heart().hang(&limits);
                if hang.is_none() && patience.is_some() {
                    systemd::alive();
                }
                tell(&vitals, &mut said, hang);
                if stopped.wait(every) {
                    return;
                }
            }
        })?;
    Ok(Watch { thread, stop })
}

impl Watch {
    /// Ends it.
    pub fn end(self) {
        self.stop.set();
        if self.thread.join().is_err() {
            tracing::error!(thread = "heart", "a thread panicked");
        }
    }
}

/// Says once what hangs, and once that it moves again.
fn tell(vitals: &Vitals, said: &mut Option<Stage>, hang: Option<Hang>) {
    let stage = hang.map(|hang| hang.stage);
    if *said == stage {
        return;
    }
    *said = stage;
    let Some(hang) = hang else {
        tracing::warn!("what hung moves again");
        systemd::status("what hung moves again");
        return vitals.well(PART);
    };
    let since = jiff::Timestamp::now()
        .checked_sub(jiff::SignedDuration::try_from(hang.lasts).unwrap_or_default());
    let since = since.map(|at| at.to_string()).unwrap_or_default();
    match hang.how {
        How::Stuck(limit) => tracing::error!(
            stage = %hang.stage,
            since,
            limit_s = limit.as_secs(),
            "a stage hangs; systemd's watchdog is not fed any more, so that it starts the terminal anew"
        ),
        How::Ended => tracing::error!(
            stage = %hang.stage,
            since,
            "a thread that should live has ended; systemd's watchdog is not fed any more, so that it starts the terminal anew"
        ),
    }
    // Here too, since the loop that tells systemd otherwise may be what hangs.
    systemd::status(&hang.to_string());
    vitals.fault(PART, hang.to_string());
}
