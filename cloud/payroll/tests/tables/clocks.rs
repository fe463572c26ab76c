//! What a terminal's clock is worth: which times count, which are flagged, and which are not known.

use jiff::{SignedDuration, Timestamp, ToSpan};
use limen_payroll::{Clock, Kind, Severity, SyncMark};
use rstest::rstest;
use uuid::Uuid;

use crate::clerk::{BOB, BOOT, DOOR, Row, punch, row};

const DAY: &str = "Mon 08:00 in, Mon 16:00 out";

/// A terminal that woke without a battery clock: it believes that it is 1970, and knows only how long it has
/// been awake. Minutes from its boot at 07:00 to the punches are given.
fn woke_at_seven(minutes: &[i64]) -> Row {
    let mut row = row("Europe/Berlin", "");
    let boot = row.instant("Mon 07:00");
    for (n, &minutes) in minutes.iter().enumerate() {
        let direction = [limen_payroll::Direction::In, limen_payroll::Direction::Out][n % 2];
        let punch = row.punch(boot + minutes.minutes(), direction);
        punch.at = Timestamp::UNIX_EPOCH + minutes.minutes();
        punch.clock = Clock::Unsynced;
        punch.uptime_ms = u64::try_from(minutes * 60_000).unwrap();
    }
    row.seen("Sun 00:00")
}

fn mark(row: &Row, at: &str, uptime_minutes: u64) -> SyncMark {
    SyncMark {
        terminal: DOOR,
        boot: BOOT,
        uptime_ms: uptime_minutes * 60_000,
        at: row.instant(at),
    }
}

#[test]
fn a_set_clock_counts() {
    assert_eq!(
        row("Europe/Berlin", DAY).outcome(),
        "Mon 08:00-16:00 8.0000"
    );
}

/// 100 parts in a million of the time since the last sync: a minute after a week.
#[rstest]
#[case::six_days(6 * 24 * 3_600, None)]
#[case::a_minute_exactly(600_000, None)]
#[case::a_week(7 * 24 * 3_600, Some(61))]
#[case::a_month(30 * 24 * 3_600, Some(260))]
fn holdover_counts_and_is_flagged_when_the_bound_passes_a_minute(
    #[case] since_sync_s: u64,
    #[case] bound_s: Option<u64>,
) {
    let mut row = row("Europe/Berlin", DAY);
    let (first, second) = (row.punches[0].uptime_ms, row.punches[1].at);
    row.punches[0].clock = Clock::Holdover;
    let synced =
        row.punches[0].at - SignedDuration::from_secs(i64::try_from(since_sync_s).unwrap());
    let uptime_ms = first - since_sync_s * 1_000;
    row.marks.push(SyncMark {
        terminal: DOOR,
        boot: BOOT,
        uptime_ms,
        at: synced,
    });
    let (sheet, anomalies) = row.sheet();
    assert_eq!(sheet.sessions[0].check_out.unwrap().at, second);
    assert_eq!(
        sheet.days[0].hours().to_string(),
        "8.0000",
        "it counts either way"
    );
    let kinds: Vec<_> = anomalies.iter().map(|a| a.kind).collect();
    let expected = bound_s.map(|bound| Kind::ClockUncertain {
        bound_s: Some(bound),
    });
    assert_eq!(kinds, Vec::from_iter(expected));
    assert!(anomalies.iter().all(|a| a.severity() == Severity::Flag));
}

#[test]
fn a_hardware_clock_is_bounded_by_the_wall_time_since_the_last_sync_of_any_boot() {
    let mut row = row(
        "Europe/Berlin",
        "2026-05-01 08:00 -, Mon 08:00 in, Mon 16:00 out",
    );
    for punch in &mut row.punches[1..] {
        (punch.boot, punch.uptime_ms) = (Uuid::from_u128(2), 5_000);
        punch.clock = Clock::Holdover;
    }
    // 31 days by the wall.
    assert_eq!(
        row.outcome(),
        "Mon 08:00-16:00 8.0000, 2026-05-01 08:00 forgotten, Mon 08:00 clock_uncertain, Mon 16:00 clock_uncertain"
    );
    let (_, anomalies) = row.sheet();
    assert_eq!(
        anomalies[1].kind,
        Kind::ClockUncertain { bound_s: Some(268) }
    );
}

#[test]
fn a_clock_that_was_never_set_counts_by_holdover_and_is_flagged() {
    let mut row = row("Europe/Berlin", DAY);
    row.punches
        .iter_mut()
        .for_each(|punch| punch.clock = Clock::Holdover);
    assert_eq!(
        row.sheet().1[0].kind,
        Kind::ClockUncertain { bound_s: None }
    );
    assert_eq!(
        row.outcome(),
        "Mon 08:00-16:00 8.0000, Mon 08:00 clock_uncertain, Mon 16:00 clock_uncertain"
    );
}

#[test]
fn without_a_sync_of_its_boot_an_unset_clock_is_paid_nothing() {
    let row = woke_at_seven(&[60, 540]);
    assert_eq!(row.outcome(), "no_time, no_time");
    assert!(row.sheet().0.sessions.is_empty());
    assert!(
        row.sheet()
            .1
            .iter()
            .all(|a| a.severity() == Severity::Exception)
    );
}

#[test]
fn a_later_sync_of_the_boot_says_what_the_time_was() {
    // Awake for 10 hours at 17:00: so it was 08:00 after one hour and 16:00 after nine.
    let mut row = woke_at_seven(&[60, 540]);
    row.marks.push(mark(&row, "Mon 17:00", 600));
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000");
}

#[test]
fn the_next_sync_decides_before_the_one_after_it() {
    let mut row = woke_at_seven(&[60, 540]);
    row.marks.push(mark(&row, "Mon 17:00", 600));
    row.marks.push(mark(&row, "Mon 20:00", 600 + 170));
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000");
}

#[test]
fn a_sync_of_another_boot_or_terminal_says_nothing() {
    let mut row = woke_at_seven(&[60, 540]);
    row.marks.push(SyncMark {
        boot: Uuid::from_u128(2),
        ..mark(&row, "Mon 17:00", 600)
    });
    row.marks.push(SyncMark {
        terminal: Uuid::from_u128(3),
        ..mark(&row, "Mon 17:00", 600)
    });
    assert_eq!(row.outcome(), "no_time, no_time");
}

#[test]
fn somebody_elses_punch_with_a_set_clock_is_such_a_sync() {
    let mut row = woke_at_seven(&[60, 540]);
    let at = row.instant("Mon 16:30");
    let bob = row.punch(at, limen_payroll::Direction::In);
    bob.person = BOB;
    bob.uptime_ms = 570 * 60_000;
    let row = row.seen("Mon 17:00");
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000, Mon 16:30- open");
}

#[test]
fn what_is_not_known_is_bounded_by_its_neighbours_in_the_chain() {
    let mut row = row("Europe/Berlin", "Mon 08:00 in, Mon 12:00 -, Mon 16:00 out");
    row.punches[1].clock = Clock::Unsynced;
    row.punches[1].boot = Uuid::from_u128(2);
    let (_, anomalies) = row.sheet();
    let kind = Kind::NoTime {
        after: Some(row.instant("Mon 08:00")),
        before: Some(row.instant("Mon 16:00")),
    };
    assert_eq!(anomalies.iter().map(|a| a.kind).collect::<Vec<_>>(), [kind]);
    assert_eq!(anomalies[0].punches, [punch(2)]);
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000, no_time");
}

/// A punch's own time against its receipt.
#[rstest]
#[case::a_minute_of_network_is_ordinary(true, 60, "Mon 08:00-16:00 8.0000")]
#[case::a_live_one_a_minute_late(true, 61, "Mon 08:00-16:00 8.0000, Mon 08:00 clock_disagrees")]
#[case::a_month_in_a_backlog_is_what_a_backlog_is_for(false, 2_592_000, "Mon 08:00-16:00 8.0000")]
#[case::nothing_comes_before_it_was_written(false, -61, "Mon 08:00-16:00 8.0000, Mon 08:00 clock_disagrees")]
fn receipt(#[case] live: bool, #[case] late_s: i64, #[case] outcome: &str) {
    let mut row = row("Europe/Berlin", DAY);
    row.punches[0].live = live;
    row.punches[0].received += SignedDuration::from_secs(late_s);
    assert_eq!(row.outcome(), outcome);
}
