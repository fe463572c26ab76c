//! What systemd is told, by sd_notify(3). Where systemd did not start this program, nobody
//! listens, and nothing here does anything.

use std::time::Duration;

use sd_notify::NotifyState;

/// Whether anybody listens.
pub fn listens() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Everything is open and every thread runs.
pub fn ready() {
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        tracing::warn!(%error, "systemd could not be told that the terminal is ready");
    }
}

/// The end has begun.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// One line for `systemctl status`.
pub fn status(line: &str) {
    tell(NotifyState::Status(line));
}

/// Nothing hangs. To be said more often than systemd's [`patience`].
pub fn alive() {
    tell(NotifyState::Watchdog);
}

/// How long systemd waits for a sign of life before it kills this process; `None` where it
/// doesn't, or means another process.
pub fn patience() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero())
}

/// What is not heard is said again by whatever comes next.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "systemd does not hear");
    }
}
