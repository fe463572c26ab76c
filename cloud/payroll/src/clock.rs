//! What a terminal's clock is worth. A small computer without a battery clock may wake in the
//! wrong year; what it knows for certain is how long it has been awake.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{
    anomaly::Kind,
    punch::{Clock, Facts, Punch, SyncMark},
};

/// A quartz crystal is off by at most 100 parts in a million, so one in ten thousand.
const DRIFT_DIVISOR: u64 = 10_000;

/// An error bound or a gap up to this is the ordinary life of a network.
const TOLERATED: SignedDuration = SignedDuration::from_secs(60);

/// Where a punch stands in time, and what is doubtful about that.
#[derive(Debug)]
pub(crate) struct Placing {
    /// `None` when nothing says what the time was.
    pub at: Option<Timestamp>,
    pub flags: Vec<Kind>,
}

/// Every instant at which a terminal's clock was known to be right.
#[derive(Debug)]
pub(crate) struct Marks {
    /// By terminal, boot and uptime.
    by_boot: Vec<SyncMark>,
    /// By terminal and time.
    by_time: Vec<(Uuid, Timestamp)>,
    /// Of each boot in which the clock was set by more than the ordinary life of a network: when it began, in
    /// microseconds, by the earliest and by the latest of its marks.
    begun: BTreeMap<(Uuid, Uuid), (i64, i64)>,
}

impl Marks {
    pub fn new(facts: &Facts<'_>) -> Self {
        let synced = facts
            .punches
            .iter()
            .filter(|p| p.clock == Clock::Synced)
            .map(|p| SyncMark {
                terminal: p.terminal,
                boot: p.boot,
                uptime_ms: p.uptime_ms,
                at: p.at,
            });
        let mut by_boot: Vec<_> = facts.marks.iter().copied().chain(synced).collect();
        by_boot.sort_unstable();
        by_boot.dedup();
        let mut by_time: Vec<_> = by_boot.iter().map(|m| (m.terminal, m.at)).collect();
        by_time.sort_unstable();
        let mut begun = BTreeMap::new();
        for step in facts
            .steps
            .iter()
            .filter(|step| step.by_s > TOLERATED.unsigned_abs().as_secs())
        {
            let of = (step.terminal, step.boot);
            let from = by_boot.partition_point(|mark| (mark.terminal, mark.boot) < of);
            let marks = by_boot[from..]
                .iter()
                .take_while(|mark| (mark.terminal, mark.boot) == of);
            let begins = marks.map(|mark| begin_us(mark.at, mark.uptime_ms));
            let range = begins.fold(None, |range, begin| {
                let (first, last) = range.unwrap_or((begin, begin));
                Some((begin.min(first), begin.max(last)))
            });
            if let Some(range) = range {
                begun.insert(of, range);
            }
        }
        Self {
            by_boot,
            by_time,
            begun,
        }
    }

    /// The place of a punch in time, whatever its clock said.
    pub fn place(&self, punch: &Punch) -> Placing {
        let mut flags = Vec::new();
        let at = match punch.clock {
            Clock::Synced => {
                flags.extend(self.contradicted(punch));
                Some(punch.at)
            }
            Clock::Holdover => {
                let contradicted = self.contradicted(punch);
                flags.extend(contradicted.or_else(|| doubt(self.since_sync_ms(punch))));
                Some(punch.at)
            }
            Clock::Unsynced => self.mark_of_boot(punch).and_then(|mark| {
                flags.extend(doubt(Some(mark.uptime_ms.abs_diff(punch.uptime_ms))));
                shifted(
                    mark.at,
                    i128::from(punch.uptime_ms) - i128::from(mark.uptime_ms),
                )
            }),
        };
        if let Some(at) = at {
            let gap = punch.received.duration_since(at);
            // From a backlog anything may be late, but nothing can come before it was written.
            let late = punch.live && gap > TOLERATED;
            if late || gap < -TOLERATED {
                flags.push(Kind::ClockDisagrees {
                    received: punch.received,
                });
            }
        }
        Placing { at, flags }
    }

    /// A clock that was set within its boot, and that was believed before and after although both can't be right.
    fn contradicted(&self, punch: &Punch) -> Option<Kind> {
        let &(first, last) = self.begun.get(&(punch.terminal, punch.boot))?;
        let begin = begin_us(punch.at, punch.uptime_ms);
        let apart = last.max(begin).saturating_sub(first.min(begin));
        let bound_s = apart.unsigned_abs().div_ceil(1_000_000);
        (bound_s > TOLERATED.unsigned_abs().as_secs()).then_some(Kind::ClockUncertain {
            bound_s: Some(bound_s),
        })
    }

    /// Milliseconds from the terminal's last sync to the punch: by uptime in the same boot, else
    /// by the wall clock that a hardware clock carried over.
    fn since_sync_ms(&self, punch: &Punch) -> Option<u64> {
        let next = self.next_in_boot(punch);
        if let Some(mark) = self.in_boot(next.checked_sub(1), punch) {
            return Some(punch.uptime_ms - mark.uptime_ms);
        }
        let later = self
            .by_time
            .partition_point(|&entry| entry <= (punch.terminal, punch.at));
        let &(terminal, at) = self.by_time.get(later.checked_sub(1)?)?;
        (terminal == punch.terminal)
            .then(|| u64::try_from(punch.at.duration_since(at).as_millis()).unwrap_or(u64::MAX))
    }

    /// The mark that says what time an unsynced punch was: the next one of its boot, or for want
    /// of it the last one before.
    fn mark_of_boot(&self, punch: &Punch) -> Option<SyncMark> {
        let next = self.next_in_boot(punch);
        let at_once = next
            .checked_sub(1)
            .and_then(|n| self.in_boot(Some(n), punch));
        at_once
            .filter(|mark| mark.uptime_ms == punch.uptime_ms)
            .or_else(|| self.in_boot(Some(next), punch))
            .or(at_once)
    }

    /// The first mark that is after the punch in the order of boots and uptimes.
    fn next_in_boot(&self, punch: &Punch) -> usize {
        let key = (punch.terminal, punch.boot, punch.uptime_ms);
        self.by_boot
            .partition_point(|m| (m.terminal, m.boot, m.uptime_ms) <= key)
    }

    fn in_boot(&self, n: Option<usize>, punch: &Punch) -> Option<SyncMark> {
        let mark = *self.by_boot.get(n?)?;
        ((mark.terminal, mark.boot) == (punch.terminal, punch.boot)).then_some(mark)
    }
}

/// When the boot began by what the clock said at that uptime, in microseconds.
fn begin_us(at: Timestamp, uptime_ms: u64) -> i64 {
    let uptime_us = i64::try_from(uptime_ms)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000);
    at.as_microsecond().saturating_sub(uptime_us)
}

/// Whether that long without a time server makes a clock doubtful.
fn doubt(since_sync_ms: Option<u64>) -> Option<Kind> {
    let Some(since_ms) = since_sync_ms else {
        return Some(Kind::ClockUncertain { bound_s: None });
    };
    let bound_ms = since_ms / DRIFT_DIVISOR;
    (u128::from(bound_ms) > TOLERATED.as_millis().unsigned_abs()).then_some(Kind::ClockUncertain {
        bound_s: Some(bound_ms.div_ceil(1_000)),
    })
}

/// `None` beyond the years −9999 to 9999: then the uptime is not one.
fn shifted(at: Timestamp, by_ms: i128) -> Option<Timestamp> {
    at.checked_add(SignedDuration::from_millis(i64::try_from(by_ms).ok()?))
        .ok()
}
