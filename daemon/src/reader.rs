//! A badge reader that types like a keyboard: its keys become a text, and a line of text a badge.
//!
//! The device is grabbed, so that nothing of it reaches the console or the screen's browser. One
//! that is unplugged is opened again as soon as it is back.

mod keys;

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use evdev::{Device, EventSummary};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::door::Door;
use crate::health::Vitals;
use crate::stop::Stop;
use keys::Line;

/// Between two tries to open a reader that is not there.
const AGAIN: Duration = Duration::from_secs(2);

/// How often a silent reader's thread looks whether it is to end.
const TURN: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Starts the thread that reads `device` until `stop` is set.
///
/// # Errors
/// When the operating system has no thread to give.
pub fn spawn(
    device: PathBuf,
    door: Arc<Door>,
    vitals: Arc<Vitals>,
    stop: Stop,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("reader".into())
        .spawn(move || {
            while !stop.is_set() {
                if let Err(failed) = read(
                    &device,
                    &stop,
                    || vitals.well("reader"),
                    |text| door.badge(text),
                ) {
                    let device = device.display();
                    tracing::warn!(%device, %failed, "the badge reader can't be read");
                    vitals.fault("reader", format!("no badge reader at {device}: {failed}"));
                    stop.wait(AGAIN);
                }
            }
        })
}

/// Reads lines from `device` until `stop` is set or it fails.
fn read(
    device: &Path,
    stop: &Stop,
    opened: impl Fn(),
    mut told: impl FnMut(&str),
) -> io::Result<()> {
    let mut keyboard = Device::open(device)?;
    keyboard.grab()?;
    keyboard.set_nonblocking(true)?;
    opened();
    tracing::info!(device = %device.display(), "the badge reader is open");
    let began = Instant::now();
    let mut line = Line::default();
    while !stop.is_set() {
        let mut wait = [PollFd::from_borrowed_fd(keyboard.as_fd(), PollFlags::IN)];
        if poll(&mut wait, Some(&TURN))? == 0 {
            continue;
        }
        let mut lines = Vec::new();
        for event in keyboard.fetch_events()? {
            if let EventSummary::Key(_, key, value) = event.destructure() {
                lines.extend(line.key(key, value, began.elapsed()));
            }
        }
        lines.iter().for_each(|text| told(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_reader_is_refused() {
        for path in ["/nowhere/reader", "/dev/null"] {
            assert!(read(Path::new(path), &Stop::new(), || {}, |_| {}).is_err());
        }
    }
}
