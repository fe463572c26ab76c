//! Night, weekend and holiday premiums: windows of local time, split at their borders. Ten dollars an hour.

use jiff::civil::date;
use limen_payroll::{Dates, Extra, Holiday, LineRounding, Premium, Rate, Rules, Stacking, Weekday};
use rstest::rstest;

use crate::{
    clerk::{Row, clock_face, row},
    pay::{factor, lines, rates, stated, sums, ten},
};

fn premium(name: &str, dates: Dates, window: &str, extra: Extra) -> Premium {
    let (from, to) = window.split_once('-').unwrap();
    Premium {
        name: name.into(),
        dates,
        from: clock_face(from),
        to: clock_face(to),
        extra,
        in_regular: true,
    }
}

/// A quarter more from 22:00 to 06:00, half more on Saturday and Sunday, as much again on public holidays, of which
/// Tuesday is one.
fn three(rules: &mut Rules) {
    let weekend = Dates::Weekdays(vec![Weekday::Saturday, Weekday::Sunday]);
    rules.pay.premiums = vec![
        premium(
            "night",
            Dates::Every,
            "22:00-06:00",
            Extra::Factor(factor("0.25")),
        ),
        premium(
            "weekend",
            weekend,
            "00:00-00:00",
            Extra::Factor(factor("0.5")),
        ),
        premium(
            "holiday",
            Dates::Holidays,
            "00:00-00:00",
            Extra::Factor(factor("1")),
        ),
    ];
}

fn with(zone: &str, punches: &str) -> Row {
    let mut row = row(zone, punches).with(three);
    row.holidays = vec![Holiday {
        date: date(2026, 6, 2),
        site: None,
        name: "Republic Day".into(),
    }];
    row
}

#[rstest]
#[case::none_by_day("Mon 08:00 in, Mon 16:00 out", "Mon work 8.0000 × 10 = 80.00")]
#[case::an_hour_of_night_at_each_end(
    "Thu 21:00 in, Fri 07:00 out",
    "Thu work 10.0000 × 10 = 100.00, Thu night 8.0000 × 10 × 0.25 = 20.00"
)]
#[case::into_the_weekend_at_midnight(
    "Fri 20:00 in, Sat 02:00 out",
    "Fri work 6.0000 × 10 = 60.00, Fri night 4.0000 × 10 × 0.25 = 10.00, Fri weekend 2.0000 × 10 × 0.5 = 10.00"
)]
#[case::out_of_the_weekend(
    "Sun 20:00 in, 2026-06-08 02:00 out",
    "Sun work 6.0000 × 10 = 60.00, Sun weekend 4.0000 × 10 × 0.5 = 20.00, Sun night 4.0000 × 10 × 0.25 = 10.00"
)]
#[case::both_weekend_days_are_one_line(
    "Sat 20:00 in, Sun 04:00 out",
    "Sat work 8.0000 × 10 = 80.00, Sat weekend 8.0000 × 10 × 0.5 = 40.00, Sat night 6.0000 × 10 × 0.25 = 15.00"
)]
#[case::into_a_holiday(
    "Mon 23:00 in, Tue 05:00 out",
    "Mon work 6.0000 × 10 = 60.00, Mon night 6.0000 × 10 × 0.25 = 15.00, Mon holiday 5.0000 × 10 = 50.00"
)]
fn added(#[case] punches: &str, #[case] outcome: &str) {
    assert_eq!(lines(&with("Europe/Berlin", punches), &ten()), outcome);
}

/// Where only the highest is paid, an hour has one.
#[rstest]
#[case::night_then_weekend(
    "Fri 20:00 in, Sat 02:00 out",
    "Fri work 6.0000 × 10 = 60.00, Fri night 2.0000 × 10 × 0.25 = 5.00, Fri weekend 2.0000 × 10 × 0.5 = 10.00"
)]
#[case::holiday_above_night(
    "Mon 23:00 in, Tue 05:00 out",
    "Mon work 6.0000 × 10 = 60.00, Mon night 1.0000 × 10 × 0.25 = 2.50, Mon holiday 5.0000 × 10 = 50.00"
)]
fn highest(#[case] punches: &str, #[case] outcome: &str) {
    let row = with("Europe/Berlin", punches).with(|rules| rules.pay.stacking = Stacking::Highest);
    assert_eq!(lines(&row, &ten()), outcome);
}

/// An amount an hour beside a part of the rate: which is higher depends on the rate.
#[rstest]
#[case::three_dollars_are_more_than_a_quarter_of_ten("10", "Mon late 2.0000 × 3 = 6.00")]
#[case::a_quarter_of_twenty_is_more("20", "Mon night 2.0000 × 20 × 0.25 = 10.00")]
fn an_amount_an_hour(#[case] per_hour: &str, #[case] outcome: &str) {
    let row = row("Europe/Berlin", "Mon 22:00 in, Tue 00:00 out").with(|rules| {
        rules.pay.stacking = Stacking::Highest;
        rules.pay.premiums = vec![
            premium(
                "night",
                Dates::Every,
                "22:00-06:00",
                Extra::Factor(factor("0.25")),
            ),
            premium(
                "late",
                Dates::Every,
                "18:00-06:00",
                Extra::PerHour("3".parse().unwrap()),
            ),
        ];
    });
    let lines = lines(&row, &rates(&[("2000-01-01", per_hour)]));
    assert!(lines.ends_with(outcome), "{lines}");
}

/// The window is one of local time, the time in it is lived: five hours on one night of the year, seven on another.
#[rstest]
#[case::berlin_forward("Europe/Berlin", "2026-03-28 20:00 in, 2026-03-29 08:00 out", "7.0000")]
#[case::berlin_back("Europe/Berlin", "2026-10-24 20:00 in, 2026-10-25 08:00 out", "9.0000")]
#[case::new_york_forward(
    "America/New_York",
    "2026-03-07 20:00 in, 2026-03-08 08:00 out",
    "7.0000"
)]
#[case::new_york_back(
    "America/New_York",
    "2026-10-31 20:00 in, 2026-11-01 08:00 out",
    "9.0000"
)]
#[case::london_back("Europe/London", "2026-10-24 20:00 in, 2026-10-25 08:00 out", "9.0000")]
#[case::london_forward("Europe/London", "2026-03-28 20:00 in, 2026-03-29 08:00 out", "7.0000")]
#[case::santiago_back(
    "America/Santiago",
    "2026-04-04 20:00 in, 2026-04-05 08:00 out",
    "9.0000"
)]
#[case::santiago_forward(
    "America/Santiago",
    "2026-09-05 20:00 in, 2026-09-06 08:00 out",
    "7.0000"
)]
#[case::lord_howe_back(
    "Australia/Lord_Howe",
    "2026-04-04 20:00 in, 2026-04-05 08:00 out",
    "8.5000"
)]
#[case::lord_howe_forward(
    "Australia/Lord_Howe",
    "2026-10-03 20:00 in, 2026-10-04 08:00 out",
    "7.5000"
)]
#[case::no_change_in_kolkata("Asia/Kolkata", "2026-03-28 20:00 in, 2026-03-29 08:00 out", "8.0000")]
#[case::into_the_day_that_samoa_skipped(
    "Pacific/Apia",
    "2011-12-29 20:00 in, 2011-12-31 08:00 out",
    "8.0000"
)]
fn nights_of_the_clocks(#[case] zone: &str, #[case] punches: &str, #[case] night: &str) {
    let row = row(zone, punches).with(|rules| {
        rules.pay.premiums = vec![premium(
            "night",
            Dates::Every,
            "22:00-06:00",
            Extra::Factor(factor("0.25")),
        )];
    });
    let sums = sums(&row, &ten());
    assert!(sums.contains(&format!("night {night} =")), "{sums}");
}

/// Friday 30 December 2011 was not in Samoa: nobody has its premium, and Saturday's begins after Thursday.
#[test]
fn a_date_that_never_was_has_no_premium() {
    let friday = |rules: &mut Rules| {
        let dates = Dates::Weekdays(vec![Weekday::Friday]);
        rules.pay.premiums = vec![premium(
            "friday",
            dates,
            "00:00-00:00",
            Extra::Factor(factor("1")),
        )];
    };
    let punches = "2011-12-29 20:00 in, 2011-12-31 04:00 out";
    let skipped = row("Pacific/Apia", punches).with(friday);
    assert_eq!(sums(&skipped, &ten()), "work 8.0000 = 80.00, total 80.00");
    // Nor is it read into the Saturday that came instead.
    let by_day = row("Pacific/Apia", "2011-12-31 08:00 in, 2011-12-31 16:00 out").with(|rules| {
        let dates = Dates::Weekdays(vec![Weekday::Friday]);
        let more = Extra::Factor(factor("1"));
        rules.pay.premiums = vec![premium("friday", dates, "08:00-16:00", more)];
    });
    assert_eq!(sums(&by_day, &ten()), "work 8.0000 = 80.00, total 80.00");
    // Next door, in what is American Samoa, there was a Friday.
    let next_door = row(
        "Pacific/Pago_Pago",
        "2011-12-29 20:00 in, 2011-12-30 04:00 out",
    )
    .with(friday);
    assert_eq!(
        sums(&next_door, &ten()),
        "work 8.0000 = 80.00, friday 4.0000 = 40.00, total 120.00"
    );
}

/// Another premium from Tuesday midnight on, in the middle of a session: each part has its own rules.
#[test]
fn rules_that_change_inside_a_session_split_it() {
    let row = row("Europe/Berlin", "Mon 22:00 in, Tue 04:00 out").with(|rules| {
        rules.pay.premiums = vec![premium(
            "night",
            Dates::Every,
            "22:00-06:00",
            Extra::Factor(factor("0.25")),
        )]
    });
    let mut more = row.rules.clone();
    more.version = 2;
    more.pay.premiums[0].extra = Extra::Factor(factor("0.5"));
    let book = row.book().with(row.instant("Tue 00:00"), more).unwrap();
    let plan = row.plan();
    let terms = limen_payroll::PayTerms {
        rules: &book,
        plan: &plan,
        rates: &ten(),
        approvals: &[],
    };
    let (statement, _) = limen_payroll::statement(&row.worked().0, &terms, date(2026, 6, 30));
    let said: Vec<_> = statement
        .lines
        .iter()
        .map(|line| format!("v{} {}", line.rules, crate::pay::line(line)))
        .collect();
    assert_eq!(
        said,
        [
            "v1 Mon work 2.0000 × 10 = 20.00",
            "v1 Mon night 2.0000 × 10 × 0.25 = 5.00",
            "v2 Mon work 4.0000 × 10 = 40.00",
            "v2 Mon night 4.0000 × 10 × 0.5 = 20.00",
        ]
    );
}

/// A raise inside a night: each part, and its premium, at its own rate.
#[test]
fn a_raise_inside_a_session_splits_it() {
    let row = with("Europe/Berlin", "Wed 22:00 in, Thu 06:00 out");
    assert_eq!(
        lines(&row, &rates(&[("2000-01-01", "10"), ("2026-06-04", "20")])),
        "Wed work 2.0000 × 10 = 20.00, Wed night 2.0000 × 10 × 0.25 = 5.00, Wed work 6.0000 × 20 = 120.00, \
         Wed night 6.0000 × 20 × 0.25 = 30.00"
    );
}

#[rstest]
// Half an hour at 0.09 is 4.5 cents, at 0.11 it is 5.5.
#[case::half_even("0.09", LineRounding::HalfEven, "0.04")]
#[case::half_even_above("0.11", LineRounding::HalfEven, "0.06")]
#[case::half_up("0.09", LineRounding::HalfUp, "0.05")]
#[case::down("0.11", LineRounding::Down, "0.05")]
fn a_line_is_rounded_once_as_the_rules_say(
    #[case] per_hour: &str,
    #[case] rounding: LineRounding,
    #[case] amount: &str,
) {
    let row =
        row("UTC", "Mon 08:00 in, Mon 08:30 out").with(|rules| rules.pay.line_rounding = rounding);
    let (statement, _) = stated(&row, &rates(&[("2000-01-01", per_hour)]), &[]);
    assert_eq!(
        statement.lines[0]
            .amount
            .major("USD".parse().unwrap())
            .to_string(),
        amount
    );
}

/// A shift that a holiday took is paid where the rules say so; who works on it gets the premium instead.
#[test]
fn holiday_pay() {
    let paid = |punches: &str| {
        with("Europe/Berlin", punches)
            .shift("08:00-16:00", |_| {})
            .with(|rules| rules.pay.holiday_pay = true)
            .seen("Sun 12:00")
    };
    assert_eq!(
        lines(&paid(""), &ten()),
        "Tue Republic Day 8.0000 × 10 = 80.00"
    );
    let unpaid = paid("").with(|rules| rules.pay.holiday_pay = false);
    assert_eq!(lines(&unpaid, &ten()), "");
    assert_eq!(lines(&paid(""), &[] as &[Rate]), "no_rate");
}
