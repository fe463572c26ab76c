//! What this machine knows about the time.
//!
//! A small computer without a battery clock may wake in the wrong year, so no event says a bare
//! time: it says how far the clock was believed, which boot it was and how long that had lasted.
//! What follows from it for pay is decided in the cloud.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use limen_wire::event::Clock as Worth;
use rtime_clock::adjtime::{Timex, adjtimex};
use uuid::Uuid;

use crate::config::Trust;

/// `STA_UNSYNC` of adjtimex(2): nobody disciplines the clock.
const UNSYNCHRONISED: i32 = 0x0040;

/// No event is older than this program: a clock before it was never set (2025-01-01).
const FLOOR_S: i64 = 1_735_689_600;
/// A clock past this is as wrong (2100-01-01).
const CEILING_S: i64 = 4_102_444_800;

/// The wall clock may drift from the time since boot by this much between two looks before it
/// counts as set by somebody.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// Why the time can't be told.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// A file below `/proc` is missing or is not as Linux writes it.
    #[error("cannot read {path}, which a terminal needs to tell its boots apart: {detail}")]
    Proc {
        /// The file.
        path: &'static str,
        /// What was wrong.
        detail: String,
    },
}

/// The time as an event states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub at: Timestamp,
    /// How far it is believed.
    pub clock: Worth,
    /// Which boot of the machine this is.
    pub boot: Uuid,
    /// Milliseconds since that boot.
    pub uptime_ms: u64,
}

/// The machine's clock.
pub struct Clock {
    trust: Trust,
    boot: Uuid,
    belief: Mutex<Belief>,
}

/// What speaks for a clock that nobody disciplines at the moment.
struct Belief {
    /// It was synchronised earlier in this boot, or a hardware clock carried it over; and it was
    /// not set by hand since.
    holds: bool,
    /// The last reading: the time, and milliseconds since the boot.
    last: Option<(Timestamp, u64)>,
    /// What an earlier boot showed: a clock that is behind that was wrong then, or is now.
    not_before: Option<Timestamp>,
}

impl Belief {
    /// How far the clock is believed that shows `at`.
    fn judge(
        &mut self,
        trust: Trust,
        kernel_says_synced: bool,
        at: Timestamp,
        up_ms: u64,
    ) -> Worth {
        let last = self.last.replace((at, up_ms));
        // Whoever sets a clock by hand takes its time from nowhere that is known.
        if last.is_some_and(|last| stepped(last, (at, up_ms)).is_some()) {
            self.holds = false;
        }
        if self.not_before.take().is_some_and(|earlier| at < earlier) {
            self.holds = false;
        }
        let worth = judge(trust, kernel_says_synced, self.holds, at);
        self.holds |= worth == Worth::Synced;
        worth
    }
}

impl Clock {
    /// The clock of this machine. `synced_boot` is the boot in which an earlier run of this
    /// program last saw it synchronised.
    ///
    /// # Errors
    /// When `/proc` does not tell the boot.
    pub fn new(trust: Trust, synced_boot: Option<Uuid>) -> Result<Self, ClockError> {
        let boot = boot()?;
        Ok(Self {
            trust,
            boot,
            belief: Mutex::new(Belief {
                holds: synced_boot == Some(boot) || has_battery(),
                last: None,
                not_before: None,
            }),
        })
    }

    /// The same clock, compared with what it showed when an earlier run of this program last wrote something: whether
    /// it was set meanwhile.
    #[must_use]
    pub fn after(self, last: Option<&Reading>) -> Self {
        let of_this_boot = last.filter(|last| last.boot == self.boot);
        let mut belief = self.belief.lock().unwrap_or_else(PoisonError::into_inner);
        belief.last = of_this_boot.map(|last| (last.at, last.uptime_ms));
        // A battery carries a clock on, never back.
        belief.not_before = last
            .filter(|last| last.boot != self.boot)
            .map(|last| last.at);
        drop(belief);
        self
    }

    /// The clock of a machine that was started in `boot`, with what a battery or an earlier run of the program makes
    /// it `hold`: for whoever gives it what it shows ([`Clock::shows`]).
    pub fn of_boot(trust: Trust, boot: Uuid, holds: bool) -> Self {
        Self {
            trust,
            boot,
            belief: Mutex::new(Belief {
                holds,
                last: None,
                not_before: None,
            }),
        }
    }

    /// Which boot of the machine this is.
    pub fn boot(&self) -> Uuid {
        self.boot
    }

    /// The time now.
    ///
    /// # Errors
    /// When `/proc/uptime` can't be read.
    pub fn read(&self) -> Result<Reading, ClockError> {
        let mut belief = self.belief.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, uptime_ms) = (Timestamp::now(), uptime_ms()?);
        Ok(self.reading(&mut belief, kernel_says_synced(), at, uptime_ms))
    }

    /// The reading of a clock that shows `at`, so many milliseconds after its boot.
    pub fn shows(&self, kernel_says_synced: bool, at: Timestamp, uptime_ms: u64) -> Reading {
        let mut belief = self.belief.lock().unwrap_or_else(PoisonError::into_inner);
        self.reading(&mut belief, kernel_says_synced, at, uptime_ms)
    }

    fn reading(
        &self,
        belief: &mut Belief,
        kernel_says_synced: bool,
        at: Timestamp,
        uptime_ms: u64,
    ) -> Reading {
        Reading {
            at,
            clock: belief.judge(self.trust, kernel_says_synced, at, uptime_ms),
            boot: self.boot,
            uptime_ms,
        }
    }
}

/// Whether this machine has a clock that goes on while it is off.
pub fn has_battery() -> bool {
    Path::new("/dev/rtc0").exists() || Path::new("/dev/rtc").exists()
}

/// Whether no clock that was ever set shows that time.
pub fn is_plainly_wrong(at: Timestamp) -> bool {
    !(FLOOR_S..CEILING_S).contains(&at.as_second())
}

/// How far a clock is believed that shows `at`.
fn judge(trust: Trust, kernel_says_synced: bool, holds: bool, at: Timestamp) -> Worth {
    if is_plainly_wrong(at) {
        Worth::Unsynced
    } else if kernel_says_synced || trust == Trust::System {
        Worth::Synced
    } else if holds {
        Worth::Holdover
    } else {
        Worth::Unsynced
    }
}

fn kernel_says_synced() -> bool {
    // An all-zero `modes` only asks. Where a sandbox forbids even that, systemd's own time client
    // says it by a file.
    let mut timex = Timex::new();
    match adjtimex(&mut timex) {
        Ok(_) => timex.0.status & UNSYNCHRONISED == 0,
        Err(_) => Path::new("/run/systemd/timesync/synchronized").exists(),
    }
}

fn boot() -> Result<Uuid, ClockError> {
    let path = "/proc/sys/kernel/random/boot_id";
    let failed = |detail| ClockError::Proc { path, detail };
    let text = fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    Uuid::parse_str(text.trim()).map_err(|e| failed(e.to_string()))
}

fn uptime_ms() -> Result<u64, ClockError> {
    let path = "/proc/uptime";
    let failed = |detail| ClockError::Proc { path, detail };
    let text = fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    parse_uptime_ms(&text).ok_or_else(|| failed(format!("found {text:?}")))
}

/// Reads `seconds.hundredths idle` without a detour over floating point.
fn parse_uptime_ms(text: &str) -> Option<u64> {
    let first = text.split_ascii_whitespace().next()?;
    let (seconds, hundredths) = first.split_once('.')?;
    let fraction = format!("{hundredths:0<3}");
    let seconds_ms = seconds.parse::<u64>().ok()?.checked_mul(1000)?;
    seconds_ms.checked_add(fraction.get(..3)?.parse().ok()?)
}

/// The wall clock was set between two readings of one boot: what it would have shown, and what
/// it shows.
pub fn step(before: &Reading, now: &Reading) -> Option<(Timestamp, Timestamp)> {
    if before.boot != now.boot {
        return None;
    }
    stepped((before.at, before.uptime_ms), (now.at, now.uptime_ms))
}

fn stepped(before: (Timestamp, u64), now: (Timestamp, u64)) -> Option<(Timestamp, Timestamp)> {
    let passed_ms = i64::try_from(now.1.checked_sub(before.1)?).ok()?;
    let expected = before
        .0
        .checked_add(SignedDuration::from_millis(passed_ms))
        .ok()?;
    let off = now.0.duration_since(expected);
    (off.abs() > STEP).then_some((expected, now.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_is_believed_as_far_as_somebody_vouches_for_it() {
        use Worth::{Holdover, Synced, Unsynced};
        let now = at("2026-11-24T08:00:00Z");
        let never_set = at("1970-01-01T00:05:00Z");
        let far = at("2136-01-01T00:00:00Z");
        for (trust, kernel, holds, shown, expected) in [
            (Trust::Check, true, false, now, Synced),
            (Trust::Check, false, true, now, Holdover),
            (Trust::Check, false, false, now, Unsynced),
            (Trust::System, false, false, now, Synced),
            (Trust::System, false, false, never_set, Unsynced),
            (Trust::System, true, true, far, Unsynced),
            (Trust::Check, true, true, never_set, Unsynced),
        ] {
            assert_eq!(
                judge(trust, kernel, holds, shown),
                expected,
                "{trust:?} kernel={kernel} holds={holds} {shown}"
            );
        }
    }

    #[test]
    fn a_clock_that_was_set_by_hand_is_not_believed_until_it_is_synchronised() {
        let mut belief = Belief {
            holds: false,
            last: None,
            not_before: None,
        };
        let mut shows =
            |kernel, shown: &str, up_ms| belief.judge(Trust::Check, kernel, at(shown), up_ms);
        assert_eq!(shows(true, "2026-11-24T08:00:00Z", 0), Worth::Synced);
        // The time server is away; the clock goes on by itself.
        assert_eq!(
            shows(false, "2026-11-24T09:00:00Z", 3_600_000),
            Worth::Holdover
        );
        // Two hours back, and the kernel knows of no time server.
        assert_eq!(
            shows(false, "2026-11-24T07:00:10Z", 3_610_000),
            Worth::Unsynced
        );
        assert_eq!(
            shows(false, "2026-11-24T07:00:20Z", 3_620_000),
            Worth::Unsynced
        );
        assert_eq!(
            shows(true, "2026-11-24T09:00:30Z", 3_630_000),
            Worth::Synced
        );
        assert_eq!(
            shows(false, "2026-11-24T09:00:40Z", 3_640_000),
            Worth::Holdover
        );
    }

    #[test]
    fn a_clock_that_was_set_while_the_terminal_was_off_is_not_believed() {
        let now = Clock::new(Trust::Check, None).unwrap();
        let boot = now.boot();
        let shown = now.read().unwrap();
        let holds = |last: Reading| {
            let clock = Clock::new(Trust::Check, Some(boot)).unwrap();
            let clock = clock.after(Some(&last));
            clock.read().unwrap();
            clock.belief.lock().unwrap().holds || kernel_says_synced()
        };
        assert!(holds(shown));
        let an_hour = SignedDuration::from_hours(1);
        let before = Reading {
            at: shown.at - an_hour,
            ..shown
        };
        assert_eq!(holds(before), kernel_says_synced());
        let of_another_boot = Reading {
            boot: Uuid::nil(),
            ..before
        };
        assert!(holds(of_another_boot));
        let later_in_another_boot = Reading {
            at: shown.at + an_hour,
            ..of_another_boot
        };
        assert_eq!(holds(later_in_another_boot), kernel_says_synced());
    }

    #[test]
    fn uptime_is_read_to_the_millisecond() {
        assert_eq!(parse_uptime_ms("660.54 240.39\n"), Some(660_540));
        assert_eq!(parse_uptime_ms("0.05 0.00\n"), Some(50));
        assert_eq!(parse_uptime_ms("7.5 1"), Some(7_500));
        assert_eq!(parse_uptime_ms(""), None);
        assert_eq!(parse_uptime_ms("soon later"), None);
    }

    #[test]
    fn a_clock_that_was_set_is_noticed_and_one_that_drifts_is_not() {
        let boot = Uuid::from_u128(1);
        let reading = |at: Timestamp, uptime_ms| Reading {
            at,
            clock: Worth::Synced,
            boot,
            uptime_ms,
        };
        let before = reading(at("2026-11-24T08:00:00Z"), 10_000);
        let drifted = reading(at("2026-11-24T08:01:01Z"), 70_000);
        assert_eq!(step(&before, &drifted), None);
        let back = reading(at("2026-11-24T07:01:00Z"), 70_000);
        assert_eq!(
            step(&before, &back),
            Some((at("2026-11-24T08:01:00Z"), at("2026-11-24T07:01:00Z")))
        );
        let elsewhere = Reading {
            boot: Uuid::from_u128(2),
            ..back
        };
        assert_eq!(step(&before, &elsewhere), None);
    }

    #[test]
    fn this_machine_tells_its_boot_and_its_uptime() {
        let clock = Clock::new(Trust::System, None).unwrap();
        let (first, second) = (clock.read().unwrap(), clock.read().unwrap());
        assert_eq!(first.boot, second.boot);
        assert!(first.uptime_ms <= second.uptime_ms && first.uptime_ms > 0);
        assert_eq!(second.clock, Worth::Synced);
    }
}
