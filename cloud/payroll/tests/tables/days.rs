//! To which day an hour belongs, and the two nights on which the clocks change.

use jiff::civil::time;
use limen_payroll::Midnight;
use rstest::rstest;

use crate::clerk::{Row, row};

fn split(row: Row) -> Row {
    row.with(|rules| rules.midnight = Midnight::Split)
}

/// A session is never cut. It belongs to the day on which it began, or is split in reports.
#[rstest]
#[case::night_shift("Mon 22:00 in, Tue 06:00 out", "Mon 8.0000", "Mon 2.0000, Tue 6.0000")]
#[case::before_four_it_is_still_yesterday(
    "Tue 02:00 in, Tue 05:00 out",
    "Mon 3.0000",
    "Tue 3.0000"
)]
#[case::four_is_today("Tue 04:00 in, Tue 05:00 out", "Tue 1.0000", "Tue 1.0000")]
#[case::two_sessions_of_a_day(
    "Mon 08:00 in, Mon 12:00 out, Mon 13:00 in, Mon 17:00 out",
    "Mon 8.0000",
    "Mon 8.0000"
)]
#[case::until_midnight_sharp("Mon 20:00 in, Tue 00:00 out", "Mon 4.0000", "Mon 4.0000")]
#[case::a_second_after_midnight(
    "Mon 20:00 in, Tue 00:00:36 out",
    "Mon 4.0100",
    "Mon 4.0000, Tue 0.0100"
)]
fn midnight(#[case] punches: &str, #[case] of_start: &str, #[case] in_reports: &str) {
    assert_eq!(row("Europe/Berlin", punches).days(), of_start);
    let reports = split(row("Europe/Berlin", punches));
    assert_eq!(reports.days(), in_reports);
    // The session and its pay are the same either way.
    assert_eq!(reports.outcome(), row("Europe/Berlin", punches).outcome());
}

#[test]
fn the_beginning_of_the_day_is_a_setting() {
    let night = row("Europe/Berlin", "Tue 02:00 in, Tue 05:00 out");
    assert_eq!(
        night
            .with(|rules| rules.day_start = time(0, 0, 0, 0))
            .days(),
        "Tue 3.0000"
    );
    let early = row("Europe/Berlin", "Tue 05:00 in, Tue 06:00 out");
    assert_eq!(
        early
            .with(|rules| rules.day_start = time(6, 0, 0, 0))
            .days(),
        "Mon 1.0000"
    );
}

/// Elapsed time is the difference of instants: a night is as long as it was.
#[rstest]
#[case::berlin_forward_is_seven_hours(
    "Europe/Berlin",
    "2026-03-28 22:00 in, 2026-03-29 06:00 out",
    "2026-03-28 7.0000",
    "2026-03-28 2.0000, 2026-03-29 5.0000"
)]
#[case::berlin_back_is_nine_hours(
    "Europe/Berlin",
    "2026-10-24 22:00 in, 2026-10-25 06:00 out",
    "2026-10-24 9.0000",
    "2026-10-24 2.0000, 2026-10-25 7.0000"
)]
#[case::new_york_forward(
    "America/New_York",
    "2026-03-07 22:00 in, 2026-03-08 06:00 out",
    "2026-03-07 7.0000",
    "2026-03-07 2.0000, 2026-03-08 5.0000"
)]
#[case::new_york_back(
    "America/New_York",
    "2026-10-31 22:00 in, 2026-11-01 06:00 out",
    "2026-10-31 9.0000",
    "2026-10-31 2.0000, 2026-11-01 7.0000"
)]
#[case::half_an_hour_on_lord_howe(
    "Australia/Lord_Howe",
    "2026-04-04 22:00 in, 2026-04-05 06:00 out",
    "2026-04-04 8.5000",
    "2026-04-04 2.0000, 2026-04-05 6.5000"
)]
#[case::no_change_in_utc(
    "UTC",
    "2026-03-28 22:00 in, 2026-03-29 06:00 out",
    "2026-03-28 8.0000",
    "2026-03-28 2.0000, 2026-03-29 6.0000"
)]
#[case::in_and_out_within_the_hour_that_comes_twice(
    "America/New_York",
    "2026-11-01 01:40-04 in, 2026-11-01 01:20-05 out",
    "2026-10-31 0.6667",
    "2026-11-01 0.6667"
)]
#[case::midnight_itself_is_skipped_in_beirut(
    "Asia/Beirut",
    "2026-03-28 22:00 in, 2026-03-29 06:00 out",
    "2026-03-28 7.0000",
    "2026-03-28 2.0000, 2026-03-29 5.0000"
)]
#[case::the_day_that_samoa_skipped(
    "Pacific/Apia",
    "2011-12-29 22:00 in, 2011-12-31 06:00 out",
    "2011-12-29 8.0000",
    "2011-12-29 2.0000, 2011-12-31 6.0000"
)]
#[case::lord_howe_forward(
    "Australia/Lord_Howe",
    "2026-10-03 22:00 in, 2026-10-04 06:00 out",
    "2026-10-03 7.5000",
    "2026-10-03 2.0000, 2026-10-04 5.5000"
)]
#[case::london_forward(
    "Europe/London",
    "2026-03-28 22:00 in, 2026-03-29 06:00 out",
    "2026-03-28 7.0000",
    "2026-03-28 2.0000, 2026-03-29 5.0000"
)]
#[case::santiago_back_at_midnight(
    "America/Santiago",
    "2026-04-04 22:00 in, 2026-04-05 06:00 out",
    "2026-04-04 9.0000",
    "2026-04-04 3.0000, 2026-04-05 6.0000"
)]
#[case::santiago_forward_at_midnight(
    "America/Santiago",
    "2026-09-05 22:00 in, 2026-09-06 06:00 out",
    "2026-09-05 7.0000",
    "2026-09-05 2.0000, 2026-09-06 5.0000"
)]
fn clocks_change(
    #[case] zone: &str,
    #[case] punches: &str,
    #[case] day: &str,
    #[case] reports: &str,
) {
    assert_eq!(row(zone, punches).days(), day);
    assert_eq!(split(row(zone, punches)).days(), reports);
    assert!(row(zone, punches).sheet().1.is_empty());
}

#[test]
fn the_zone_of_the_site_decides_the_day() {
    // 23:00 in Berlin is the next morning in Tokyo.
    let mut row = row("Europe/Berlin", "Mon 23:00 in, Tue 01:00 out");
    assert_eq!(row.days(), "Mon 2.0000");
    let tokyo = uuid::Uuid::from_u128(0x70);
    row.rules
        .site_zones
        .insert(tokyo, limen_payroll::Zone::named("Asia/Tokyo").unwrap());
    for punch in &mut row.punches {
        punch.site = Some(tokyo);
    }
    assert_eq!(row.days(), "Tue 2.0000");
}

#[test]
fn a_setting_changed_today_computes_nothing_of_yesterday_anew() {
    let row = row(
        "Europe/Berlin",
        "Mon 08:00 in, Mon 20:00 out, Tue 08:00 in, Tue 20:00 out",
    );
    let mut strict = row.rules.clone();
    strict.version = 2;
    strict.max_session_s = 10 * 3_600;
    let book = row.book().with(row.instant("Tue 00:00"), strict).unwrap();
    let (sheet, anomalies) = limen_payroll::timesheet(&row.facts(), &book, row.as_of);
    let by: Vec<_> = sheet
        .sessions
        .iter()
        .map(|s| (s.rules, s.seconds() / 3_600))
        .collect();
    assert_eq!(by, [(1, 12), (2, 0)]);
    assert_eq!(
        anomalies.iter().map(|a| a.kind.name()).collect::<Vec<_>>(),
        ["forgotten", "missing_in"]
    );
}

/// Paid time is reported as sessions are, breaks and rounding included.
#[rstest]
#[case::of_the_start(Midnight::DayOfStart, "Mon 7.5000")]
#[case::split(Midnight::Split, "Mon 2.0000, Tue 5.5000")]
fn paid_time_by_date(#[case] midnight: Midnight, #[case] said: &str) {
    let row = row("Europe/Berlin", "Mon 22:04 in, Tue 05:56 out")
        .with(|rules| {
            rules.midnight = midnight;
            rules.pay.round_to_s = Some(900);
        })
        .shift("22:00-06:00", |shift| {
            shift.breaks = vec![limen_payroll::Break {
                from: time(2, 0, 0, 0),
                to: time(3, 0, 0, 0),
                seconds: 1_800,
                paid: false,
                deduct_after_s: Some(0),
            }];
        });
    let dates = row.worked().0.by_date(&row.book());
    let words = dates.iter().map(|((_, date), seconds)| {
        format!(
            "{} {}",
            crate::clerk::name(*date),
            limen_payroll::hours(*seconds)
        )
    });
    assert_eq!(words.collect::<Vec<_>>().join(", "), said);
}
