//! Which hours are overtime, and what that adds. Ten dollars an hour unless a row says otherwise.

use jiff::civil::date;
use limen_payroll::{
    Dates, Extra, Overtime, OvertimeApproval, OvertimeRate, PayRules, Premium, RestDay, RulesError,
    Tier, Weekday,
};
use rstest::rstest;

use crate::{
    clerk::{ANNA, CLERK, Row, clock_face, row},
    pay::{due, factor, lines, rates, stated, sums, sums_of, ten, week},
};

fn tier(over_hours: u64, multiplier: &str) -> Tier {
    Tier {
        over_s: over_hours * 3_600,
        multiplier: factor(multiplier),
    }
}

/// Over eight hours a day time and a half, over twelve double; over forty a week time and a half.
fn both() -> Overtime {
    Overtime {
        daily: vec![tier(8, "1.5"), tier(12, "2")],
        weekly: vec![tier(40, "1.5")],
        ..Overtime::default()
    }
}

fn with(punches: &str, overtime: Overtime) -> Row {
    row("Europe/Berlin", punches).with(|rules| rules.pay.overtime = overtime)
}

#[rstest]
#[case::forty_hours_are_none(&[8, 8, 8, 8, 8], "work 40.0000 = 400.00, total 400.00")]
#[case::two_hours_over_the_day(&[10], "work 10.0000 = 100.00, over-day 1.5 2.0000 = 10.00, total 110.00")]
#[case::two_tiers_of_a_day(
    &[13],
    "work 13.0000 = 130.00, over-day 1.5 4.0000 = 20.00, over-day 2 1.0000 = 10.00, total 160.00"
)]
#[case::a_sixth_day(&[8, 8, 8, 8, 8, 4], "work 44.0000 = 440.00, over-week 1.5 4.0000 = 20.00, total 460.00")]
// 44 hours, but only 40 of them at straight time: what was overtime by the day is not overtime by the week again.
#[case::no_hour_counts_twice(&[9, 9, 9, 9, 8], "work 44.0000 = 440.00, over-day 1.5 4.0000 = 20.00, total 460.00")]
#[case::both_in_one_week(
    &[10, 8, 8, 8, 8, 3],
    "work 45.0000 = 450.00, over-day 1.5 2.0000 = 10.00, over-week 1.5 3.0000 = 15.00, total 475.00"
)]
// On Saturday the week is full: its first hours are the week's, those over twelve the day's, which is more.
#[case::the_higher_one_where_both_apply(
    &[8, 8, 8, 8, 8, 13],
    "work 53.0000 = 530.00, over-day 1.5 4.0000 = 20.00, over-day 2 1.0000 = 10.00, over-week 1.5 8.0000 = 40.00, \
     total 600.00"
)]
fn daily_and_weekly(#[case] hours: &[u32], #[case] outcome: &str) {
    assert_eq!(sums(&with(&week(hours), both()), &ten()), outcome);
}

#[test]
fn off_by_default() {
    assert_eq!(
        sums(&row("Europe/Berlin", &week(&[14; 7])), &ten()),
        "work 98.0000 = 980.00, total 980.00"
    );
}

/// Two sessions of a day are one day; the line says from when on it was overtime.
#[test]
fn the_day_is_all_its_sessions() {
    let row = with(
        "Mon 06:00 in, Mon 12:00 out, Mon 13:00 in, Mon 17:00 out",
        both(),
    );
    assert_eq!(
        lines(&row, &ten()),
        "Mon work 6.0000 × 10 = 60.00, Mon work 4.0000 × 10 = 40.00, Mon over-day 1.5 2.0000 × 10 × 0.5 = 10.00"
    );
    let (statement, _) = stated(&row, &ten(), &[]);
    assert_eq!(row.wall(statement.lines[2].from), "Mon 15:00");
}

/// On a night of nine hours the ninth is overtime, by the clock that was lived and not by the one on the wall.
#[test]
fn the_longer_night_has_overtime() {
    let row = with("2026-10-24 22:00 in, 2026-10-25 06:00 out", both());
    assert_eq!(
        sums(&row, &ten()),
        "work 9.0000 = 90.00, over-day 1.5 1.0000 = 5.00, total 95.00"
    );
}

#[rstest]
#[case::sunday(RestDay::Weekday(Weekday::Sunday), &[0, 0, 0, 0, 0, 0, 9], "work 9.0000 = 90.00, over-rest 1.5 8.0000 = 40.00, over-rest 2 1.0000 = 10.00, total 140.00")]
#[case::any_other_day(RestDay::Weekday(Weekday::Sunday), &[0, 0, 0, 0, 0, 9], "work 9.0000 = 90.00, over-day 1.5 1.0000 = 5.00, total 95.00")]
#[case::seventh_in_a_row(RestDay::SeventhInARow, &[2, 2, 2, 2, 2, 2, 9], "work 21.0000 = 210.00, over-rest 1.5 8.0000 = 40.00, over-rest 2 1.0000 = 10.00, total 260.00")]
#[case::one_of_the_six_was_free(RestDay::SeventhInARow, &[2, 0, 2, 2, 2, 2, 9], "work 19.0000 = 190.00, over-day 1.5 1.0000 = 5.00, total 195.00")]
#[case::no_shift_was_planned(RestDay::Unplanned, &[8, 0, 0, 0, 0, 3], "work 11.0000 = 110.00, over-rest 1.5 3.0000 = 15.00, total 125.00")]
fn rest_days(#[case] rest_day: RestDay, #[case] hours: &[u32], #[case] outcome: &str) {
    let overtime = Overtime {
        rest_day: Some(rest_day),
        rest_tiers: vec![tier(0, "1.5"), tier(8, "2")],
        ..both()
    };
    let row = with(&week(hours), overtime).shift("08:00-16:00", |_| {});
    assert_eq!(sums(&row, &ten()), outcome);
}

/// Hours of a rest day are paid as such and fill no week.
#[test]
fn rest_day_hours_do_not_fill_the_week() {
    let overtime = Overtime {
        rest_day: Some(RestDay::Weekday(Weekday::Monday)),
        rest_tiers: vec![tier(0, "1.5")],
        ..both()
    };
    assert_eq!(
        sums(&with(&week(&[8, 8, 8, 8, 8, 8]), overtime), &ten()),
        "work 48.0000 = 480.00, over-rest 1.5 8.0000 = 40.00, total 520.00"
    );
}

/// The regular rate is the week's straight-time pay with its premiums, divided by its hours.
#[rstest]
// 40 h at 10 and 10 h at 15, of which 10 are overtime: (400 + 150) ÷ 50 = 11; half of that for 10 hours is 55.
#[case::two_rates_in_one_week(
    &[10, 10, 10, 10, 10],
    &[("2000-01-01", "10"), ("2026-06-05", "15")],
    OvertimeRate::Regular,
    "work 50.0000 = 550.00, over-week 1.5 10.0000 = 55.00, total 605.00"
)]
// By the hour's own rate the same ten hours, all on Friday, bring half of 15 each.
#[case::the_hour_s_own_rate(
    &[10, 10, 10, 10, 10],
    &[("2000-01-01", "10"), ("2026-06-05", "15")],
    OvertimeRate::Base,
    "work 50.0000 = 550.00, over-week 1.5 10.0000 = 75.00, total 625.00"
)]
// (410 + 33) ÷ 43 = 10.302326 at six places; 3 × 10.302326 × 0.5 = 15.453489.
#[case::a_rate_that_does_not_end(
    &[10, 10, 10, 11, 2],
    &[("2000-01-01", "10"), ("2026-06-05", "16.50")],
    OvertimeRate::Regular,
    "work 43.0000 = 443.00, over-week 1.5 3.0000 = 15.45, total 458.45"
)]
fn regular_rate(
    #[case] hours: &[u32],
    #[case] given: &[(&str, &str)],
    #[case] rate: OvertimeRate,
    #[case] outcome: &str,
) {
    let overtime = Overtime {
        weekly: vec![tier(40, "1.5")],
        rate,
        ..Overtime::default()
    };
    assert_eq!(sums(&with(&week(hours), overtime), &rates(given)), outcome);
}

/// A premium of two dollars an hour on Monday: (420 + 20) ÷ 42 = 10.476190 where it counts, 10 where it doesn't.
#[rstest]
#[case::counts(true, "Fri over-week 1.5 2.0000 × 10.47619 × 0.5 = 10.48")]
#[case::does_not(false, "Fri over-week 1.5 2.0000 × 10 × 0.5 = 10.00")]
fn premiums_are_part_of_the_regular_rate(#[case] in_regular: bool, #[case] overtime_line: &str) {
    let overtime = Overtime {
        weekly: vec![tier(40, "1.5")],
        rate: OvertimeRate::Regular,
        ..Overtime::default()
    };
    let row = with(&week(&[10, 8, 8, 8, 8]), overtime).with(|rules| {
        rules.pay.premiums = vec![Premium {
            name: "monday".into(),
            dates: Dates::Weekdays(vec![Weekday::Monday]),
            from: clock_face("00:00"),
            to: clock_face("00:00"),
            extra: Extra::PerHour("2".parse().unwrap()),
            in_regular,
        }];
    });
    let lines = lines(&row, &ten());
    assert!(lines.ends_with(overtime_line), "{lines}");
    assert!(lines.contains("Mon monday 10.0000 × 2 = 20.00"), "{lines}");
}

/// A work week from Thursday to Wednesday: the same days are none where the week begins on Monday.
#[test]
fn the_work_week_has_a_beginning_of_its_own() {
    let punches = "2026-06-04 08:00 in, 2026-06-04 18:00 out, 2026-06-05 08:00 in, 2026-06-05 18:00 out, \
                   2026-06-06 08:00 in, 2026-06-06 18:00 out, 2026-06-08 08:00 in, 2026-06-08 18:00 out, \
                   2026-06-09 08:00 in, 2026-06-09 18:00 out";
    let weekly = |week_start| Overtime {
        weekly: vec![tier(40, "1.5")],
        week_start,
        ..Overtime::default()
    };
    let thursday = with(punches, weekly(Weekday::Thursday));
    assert_eq!(
        sums(&thursday, &ten()),
        "work 50.0000 = 500.00, over-week 1.5 10.0000 = 50.00, total 550.00"
    );
    let monday = with(punches, weekly(Weekday::Monday));
    assert_eq!(sums(&monday, &ten()), "work 50.0000 = 500.00, total 500.00");
}

/// The week of Monday 29 June ends in July: June pays June's hours, and what overtime adds follows in July.
#[test]
fn overtime_belongs_to_the_period_in_which_its_week_ends() {
    let days = ["06-29", "06-30", "07-01", "07-02", "07-03"];
    let punches = days
        .map(|day| format!("2026-{day} 08:00 in, 2026-{day} 17:00 out"))
        .join(", ");
    let overtime = Overtime {
        weekly: vec![tier(40, "1.5")],
        ..Overtime::default()
    };
    let (statement, _) = stated(&with(&punches, overtime), &ten(), &[]);
    assert_eq!(
        due(&statement, date(2026, 6, 1), date(2026, 6, 30)),
        "2026-06-29 work 9.0000 × 10 = 90.00, 2026-06-30 work 9.0000 × 10 = 90.00"
    );
    assert_eq!(
        due(&statement, date(2026, 7, 1), date(2026, 7, 31)),
        "2026-07-01 work 9.0000 × 10 = 90.00, 2026-07-02 work 9.0000 × 10 = 90.00, \
         2026-07-03 work 9.0000 × 10 = 90.00, 2026-07-03 over-week 1.5 5.0000 × 10 × 0.5 = 25.00"
    );
}

/// Where overtime waits for approval, its hours are paid at once and only what it adds waits.
#[rstest]
#[case::nobody_has(&[], "work 11.0000 = 110.00, total 110.00, overtime_unapproved 3.0000")]
#[case::all_of_it(&[(3, CLERK)], "work 11.0000 = 110.00, over-day 1.5 3.0000 = 15.00, total 125.00")]
#[case::a_part(&[(1, CLERK)], "work 11.0000 = 110.00, over-day 1.5 1.0000 = 5.00, total 115.00, overtime_unapproved 2.0000")]
#[case::in_two_parts(&[(1, CLERK), (2, CLERK)], "work 11.0000 = 110.00, over-day 1.5 3.0000 = 15.00, total 125.00")]
#[case::nobody_approves_their_own(&[(3, ANNA)], "work 11.0000 = 110.00, total 110.00, overtime_unapproved 3.0000")]
fn approval(#[case] given: &[(u64, uuid::Uuid)], #[case] outcome: &str) {
    let row = with(
        &week(&[11]),
        Overtime {
            approval: true,
            ..both()
        },
    );
    let approvals: Vec<_> = given
        .iter()
        .map(|&(hours, by)| OvertimeApproval {
            person: ANNA,
            day: date(2026, 6, 1),
            seconds: hours * 3_600,
            by,
        })
        .collect();
    assert_eq!(sums_of(&stated(&row, &ten(), &approvals)), outcome);
}

#[rstest]
#[case::out_of_order(vec![tier(12, "2"), tier(8, "1.5")], "rising over_s")]
#[case::less_than_the_rate(vec![tier(8, "0.5")], "give 1 or more")]
fn tiers_that_cannot_be_are_refused_in_words(#[case] daily: Vec<Tier>, #[case] words: &str) {
    let mut row = row("UTC", "");
    row.rules.pay = PayRules {
        overtime: Overtime {
            daily,
            ..Overtime::default()
        },
        ..PayRules::default()
    };
    let refused = limen_payroll::Rulebook::new(row.rules).unwrap_err();
    assert!(
        matches!(&refused, RulesError::Pay(said) if said.contains(words)),
        "{refused}"
    );
}

#[rstest]
#[case("-1")]
#[case("100.000001")]
#[case("1.0000001")]
#[case("half")]
fn factors_that_cannot_be_are_refused_in_words(#[case] given: &str) {
    let refused = given
        .parse::<limen_payroll::Factor>()
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains(given) && refused.contains("from 0 to 100"),
        "{refused}"
    );
}
