//! Planned against actual: who is late, early, short or absent, and to which day a punch belongs around a shift.

use jiff::civil::date;
use limen_payroll::{
    Assignment, Away, Factor, Holiday, Hours, Override, Plan, PlanError, Shift, Synced, Weekday,
};
use rstest::rstest;
use uuid::Uuid;

use crate::clerk::{ANNA, DOOR, MONDAY, clock_face, row};

const DAY: &str = "08:00-16:00";

/// A shift from 08:00 to 16:00 with five minutes' grace. Grace changes what is called late, never what is paid.
#[rstest]
#[case::on_time("Mon 08:00 in, Mon 16:00 out", "Mon due 8.0000 paid 8.0000")]
#[case::within_grace_it_is_not_called_late_and_not_paid_either(
    "Mon 08:05 in, Mon 16:00 out",
    "Mon due 8.0000 paid 7.9167"
)]
#[case::beyond_grace_all_of_it_is_late(
    "Mon 08:06 in, Mon 16:06 out",
    "Mon due 8.0000 paid 8.0000, Mon 08:06 late 6 min"
)]
#[case::left_early(
    "Mon 08:00 in, Mon 15:30 out",
    "Mon due 8.0000 paid 7.5000, Mon 08:00 short_of_hours 30 min, Mon 15:30 left_early 30 min"
)]
#[case::a_long_lunch_is_short_of_hours(
    "Mon 08:00 in, Mon 12:00 out, Mon 13:00 in, Mon 16:00 out",
    "Mon due 8.0000 paid 7.0000, Mon 08:00 short_of_hours 60 min"
)]
#[case::early_arrival_is_work("Mon 07:30 in, Mon 16:00 out", "Mon due 8.0000 paid 8.5000")]
#[case::nobody_came("", "Mon due 8.0000 paid 0.0000, Mon 08:00 absent")]
#[case::a_forgotten_check_out_is_not_absence("Mon 08:00 in", "Mon due 8.0000 paid 0.0000")]
#[case::nor_is_a_forgotten_check_in("Mon 16:00 out", "Mon due 8.0000 paid 0.0000")]
fn fixed(#[case] punches: &str, #[case] outcome: &str) {
    let row = row("Europe/Berlin", punches)
        .shift(DAY, |shift| shift.grace_s = 300)
        .seen("Sun 12:00");
    assert_eq!(row.compared("Mon"), outcome);
}

/// Missing data is not absence: only what every terminal of the site has told is decided.
#[rstest]
#[case::all_have_told(&[Some("Mon 16:01"), Some("Mon 20:00")], "Mon due 8.0000 paid 0.0000, Mon 08:00 absent")]
#[case::one_is_behind(&[Some("Mon 15:59"), Some("Mon 20:00")], "Mon due 8.0000 paid 0.0000")]
#[case::exactly_to_the_end_is_not_past_it(&[Some("Mon 16:00")], "Mon due 8.0000 paid 0.0000")]
#[case::one_has_never_told_anything(&[None, Some("Mon 20:00")], "Mon due 8.0000 paid 0.0000")]
#[case::a_site_without_terminals_decides_nothing(&[], "Mon due 8.0000 paid 0.0000")]
fn absence_waits_for_the_watermark(#[case] told: &[Option<&str>], #[case] outcome: &str) {
    let mut row = row("Europe/Berlin", "")
        .shift(DAY, |_| {})
        .seen("Sun 12:00");
    let terminals = told.iter().map(|to| Synced {
        terminal: DOOR,
        site: None,
        to: to.map(|when| row.instant(when)),
    });
    row.terminals = Some(terminals.collect());
    assert_eq!(row.compared("Mon"), outcome);
}

/// Seven hours are due between 06:00 and 20:00, with a core time from 10:00 to 15:00.
#[rstest]
#[case::early_bird("Mon 06:30 in, Mon 15:00 out", "Mon due 7.0000 paid 8.5000")]
#[case::late_riser("Mon 10:00 in, Mon 17:00 out", "Mon due 7.0000 paid 7.0000")]
#[case::late_for_the_core_time(
    "Mon 10:30 in, Mon 17:30 out",
    "Mon due 7.0000 paid 7.0000, Mon 10:30 late 30 min"
)]
#[case::gone_before_its_end(
    "Mon 06:00 in, Mon 14:00 out",
    "Mon due 7.0000 paid 8.0000, Mon 14:00 left_early 60 min"
)]
#[case::short_of_hours(
    "Mon 09:00 in, Mon 15:00 out",
    "Mon due 7.0000 paid 6.0000, Mon 09:00 short_of_hours 60 min"
)]
fn flexible(#[case] punches: &str, #[case] outcome: &str) {
    let row = row("Europe/Berlin", punches)
        .shift("06:00-20:00", |shift| {
            shift.hours = Hours::Flexible {
                earliest: clock_face("06:00"),
                latest: clock_face("20:00"),
                core: Some((clock_face("10:00"), clock_face("15:00"))),
                due_s: 7 * 3_600,
            };
        })
        .seen("Sun 12:00");
    assert_eq!(row.compared("Mon"), outcome);
}

/// A night shift's day is the one on which it began, also for who comes back after a break at 05:00.
#[rstest]
#[case::ordinary("Mon 22:00 in, Tue 06:00 out", "Mon", "Mon due 8.0000 paid 8.0000")]
#[case::a_break_after_the_site_s_day_start(
    "Mon 22:00 in, Tue 05:00 out, Tue 05:20 in, Tue 06:00 out",
    "Mon",
    "Mon due 8.0000 paid 7.6667, Mon 22:00 short_of_hours 20 min"
)]
#[case::late_after_midnight(
    "Tue 00:30 in, Tue 06:00 out",
    "Mon",
    "Mon due 8.0000 paid 5.5000, Tue 00:30 late 150 min, Tue 00:30 short_of_hours 150 min"
)]
#[case::the_next_evening_is_the_next_shift(
    "Mon 22:00 in, Tue 06:00 out, Tue 21:50 in, Wed 06:00 out",
    "Tue",
    "Tue due 8.0000 paid 8.1667"
)]
fn night(#[case] punches: &str, #[case] day: &str, #[case] outcome: &str) {
    let row = row("Europe/Berlin", punches)
        .shift("22:00-06:00", |_| {})
        .seen("Sun 12:00");
    assert_eq!(row.compared(day), outcome);
}

#[test]
fn without_the_shift_the_site_s_day_start_decides() {
    let punches = "Mon 22:00 in, Tue 05:00 out, Tue 05:20 in, Tue 06:00 out";
    assert_eq!(
        row("Europe/Berlin", punches).days(),
        "Mon 7.0000, Tue 0.6667"
    );
    let planned = row("Europe/Berlin", punches).shift("22:00-06:00", |_| {});
    assert_eq!(planned.days(), "Mon 7.6667");
}

/// Between two shifts whose windows meet the nearer one has the punch.
#[rstest]
#[case::nearer_to_the_end_of_the_night("Tue 07:00 in, Tue 07:30 out", "Mon 0.5000")]
#[case::nearer_to_the_beginning_of_the_evening("Tue 21:00 in, Tue 21:30 out", "Tue 0.5000")]
fn two_windows(#[case] punches: &str, #[case] days: &str) {
    let row = row("Europe/Berlin", punches).shift("22:00-06:00", |shift| {
        (shift.begin_before_s, shift.end_after_s) = (12 * 3_600, 12 * 3_600);
    });
    assert_eq!(row.days(), days);
}

/// Early, late, off, from Monday on: a cycle of three days doesn't know the week.
#[test]
fn rotating() {
    let mut row = row("Europe/Berlin", "")
        .shift("06:00-14:00", |_| {})
        .shift("14:00-22:00", |_| {})
        .seen("2026-06-30 00:00");
    let (early, late) = (row.shifts[0].id, row.shifts[1].id);
    row.assignments = vec![Assignment {
        person: ANNA,
        from: MONDAY,
        site: None,
        anchor: MONDAY,
        cycle: vec![Some(early), Some(late), None],
    }];
    let (plan, rules) = (row.plan(), row.rules.clone());
    let week: Vec<_> = (1..=7)
        .map(|day| {
            plan.planned(ANNA, date(2026, 6, day), &rules)
                .map_or("off", |p| &p.shift.name)
                .to_owned()
        })
        .collect();
    assert_eq!(
        week,
        [
            "06:00-14:00",
            "14:00-22:00",
            "off",
            "06:00-14:00",
            "14:00-22:00",
            "off",
            "06:00-14:00"
        ]
    );
    // Before the assignment begins there is nothing, whatever the cycle would say.
    assert!(plan.planned(ANNA, date(2026, 5, 31), &rules).is_none());
}

/// The shift is moved to 09:00 from Wednesday on: Tuesday's lateness stays what it was.
#[test]
fn a_shift_changed_from_a_date_on_changes_nothing_before_it() {
    let row = row(
        "Europe/Berlin",
        "Tue 08:30 in, Tue 16:00 out, Wed 08:30 in, Wed 17:00 out",
    )
    .shift(DAY, |_| {})
    .shift("09:00-17:00", |_| {})
    .seen("Sun 12:00");
    let mut row = row;
    (row.shifts[1].id, row.shifts[1].from) = (row.shifts[0].id, date(2026, 6, 3));
    assert_eq!(
        row.compared("Tue"),
        "Tue due 8.0000 paid 7.5000, Tue 08:30 late 30 min, Tue 08:30 short_of_hours 30 min"
    );
    assert_eq!(row.compared("Wed"), "Wed due 8.0000 paid 8.5000");
}

#[test]
fn one_day_may_be_other_than_the_cycle_says() {
    let row = row("Europe/Berlin", "").shift(DAY, |_| {});
    let free = Override {
        person: ANNA,
        date: MONDAY,
        shift: None,
    };
    let plan = Plan::new(row.shifts.clone(), Vec::new(), &[free], Vec::new()).unwrap();
    assert!(plan.planned(ANNA, MONDAY, &row.rules).is_none());
    let extra = Override {
        shift: Some(row.shifts[0].id),
        ..free
    };
    let plan = Plan::new(row.shifts.clone(), Vec::new(), &[extra], Vec::new()).unwrap();
    assert!(plan.planned(ANNA, MONDAY, &row.rules).is_some());
}

/// A public holiday or leave takes the planned shift: nobody is absent then.
#[test]
fn holidays_and_leave_are_not_absence() {
    let planned = || {
        row("Europe/Berlin", "")
            .shift(DAY, |_| {})
            .seen("Sun 12:00")
    };
    let mut holiday = planned();
    holiday.holidays.push(Holiday {
        date: MONDAY,
        site: None,
        name: "Whit Monday".into(),
    });
    assert_eq!(holiday.compared("Mon"), "");
    // Elsewhere it is none.
    holiday.holidays[0].site = Some(Uuid::from_u128(7));
    assert_eq!(
        holiday.compared("Mon"),
        "Mon due 8.0000 paid 0.0000, Mon 08:00 absent"
    );
    holiday.holidays[0].site = None;
    holiday.shifts[0].on_holidays = true;
    assert_eq!(
        holiday.compared("Mon"),
        "Mon due 8.0000 paid 0.0000, Mon 08:00 absent"
    );

    let mut leave = planned();
    leave.away.push(Away {
        person: ANNA,
        date: MONDAY,
        kind: Uuid::nil(),
        request: Uuid::nil(),
        portion: Factor::ONE,
        paid: true,
    });
    assert_eq!(leave.compared("Mon"), "");
    let mut worked = row("Europe/Berlin", "Mon 08:00 in, Mon 10:00 out").shift(DAY, |_| {});
    worked.away = leave.away;
    assert_eq!(
        worked.compared("Mon"),
        "Mon due 0.0000 paid 2.0000, Mon 08:00 worked_on_leave"
    );
}

/// Shifts on the nights of the clocks: what is due is what the night has. Planned times that didn't exist, or
/// existed twice, are flagged.
#[rstest]
#[case::forward("Europe/Berlin", "22:00-06:00", "2026-03-28", "due 7.0000")]
#[case::back("Europe/Berlin", "22:00-06:00", "2026-10-24", "due 9.0000")]
#[case::lord_howe_half_an_hour("Australia/Lord_Howe", "22:00-06:00", "2026-10-03", "due 7.5000")]
#[case::begins_when_there_is_no_such_time(
    "America/New_York",
    "02:30-10:30",
    "2026-03-08",
    "due 7.0000 skipped"
)]
#[case::begins_when_it_is_twice(
    "America/New_York",
    "01:30-09:30",
    "2026-11-01",
    "due 9.0000 repeated"
)]
#[case::a_night_into_the_skipped_day(
    "Pacific/Apia",
    "22:00-06:00",
    "2011-12-29",
    "due 8.0000 skipped"
)]
#[case::a_day_that_never_was("Pacific/Apia", "08:00-16:00", "2011-12-30", "free")]
#[case::the_day_after_it("Pacific/Apia", "08:00-16:00", "2011-12-31", "due 8.0000")]
fn clocks(#[case] zone: &str, #[case] hours: &str, #[case] day: &str, #[case] outcome: &str) {
    let mut row = row(zone, "").shift(hours, |_| {});
    row.assignments = vec![Assignment {
        person: ANNA,
        from: date(2000, 1, 1),
        site: None,
        anchor: MONDAY,
        cycle: vec![Some(row.shifts[0].id)],
    }];
    let plan = row.plan();
    let planned = plan.planned(ANNA, day.parse().unwrap(), &row.rules);
    let words = planned.map_or("free".to_owned(), |planned| {
        let doubt = match planned.existence {
            limen_payroll::LocalTime::Once => "",
            limen_payroll::LocalTime::Skipped => " skipped",
            limen_payroll::LocalTime::Repeated => " repeated",
        };
        format!("due {}{doubt}", limen_payroll::hours(planned.due_s))
    });
    assert_eq!(words, outcome);
}

#[test]
fn a_plan_that_cannot_be_is_refused_in_words() {
    let shift = row("UTC", "").shift(DAY, |_| {}).shifts.remove(0);
    let twice = Plan::new(
        vec![shift.clone(), shift.clone()],
        Vec::new(),
        &[],
        Vec::new(),
    );
    assert!(
        twice
            .unwrap_err()
            .to_string()
            .contains("two versions from 2000-01-01")
    );
    let nobodys = Override {
        person: ANNA,
        date: MONDAY,
        shift: Some(Uuid::from_u128(9)),
    };
    assert_eq!(
        Plan::new(vec![shift.clone()], Vec::new(), &[nobodys], Vec::new()),
        Err(PlanError::UnknownShift(Uuid::from_u128(9)))
    );
    let wide = Shift {
        begin_before_s: 43_201,
        ..shift
    };
    assert_eq!(
        Plan::new(vec![wide.clone()], Vec::new(), &[], Vec::new()),
        Err(PlanError::Window(wide.id))
    );
    let mut endless = wide;
    endless.begin_before_s = 0;
    endless.hours = Hours::Flexible {
        earliest: clock_face("06:00"),
        latest: clock_face("20:00"),
        core: None,
        due_s: 86_401,
    };
    assert_eq!(
        Plan::new(vec![endless.clone()], Vec::new(), &[], Vec::new()),
        Err(PlanError::Length(endless.id))
    );
}

#[rstest]
#[case(Weekday::Monday, (6, 7), (6, 1))]
#[case(Weekday::Sunday, (6, 7), (6, 7))]
#[case(Weekday::Sunday, (6, 6), (5, 31))]
#[case(Weekday::Wednesday, (6, 2), (5, 27))]
fn a_week_begins_when_it_is_said_to(
    #[case] start: Weekday,
    #[case] day: (i8, i8),
    #[case] begin: (i8, i8),
) {
    assert_eq!(
        start.week_of(date(2026, day.0, day.1)),
        date(2026, begin.0, begin.1)
    );
}
