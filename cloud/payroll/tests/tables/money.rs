//! From hours to gross pay: one rounding, at the line; the sum of the lines is the total.

use jiff::civil::date;
use limen_payroll::{Anomaly, Kind, Payout, Rate, payout};
use rstest::rstest;

use crate::clerk::{ANNA, Row, row};

fn rate(from: (i8, i8), per_hour: &str, currency: &str) -> Rate {
    Rate {
        person: ANNA,
        from: date(2026, from.0, from.1),
        per_hour: per_hour.parse().unwrap(),
        currency: currency.parse().unwrap(),
    }
}

fn pay(row: &Row, rates: &[Rate]) -> (Payout, Vec<Anomaly>) {
    payout(&row.sheet().0, &row.book(), rates)
}

/// The lines, `seconds × rate = amount`, and the totals.
fn statement(row: &Row, rates: &[Rate]) -> String {
    let (payout, anomalies) = pay(row, rates);
    let mut words: Vec<String> = Vec::new();
    for line in &payout.lines {
        words.push(format!(
            "{} × {} = {}",
            line.hours(),
            line.per_hour,
            line.earnings()
        ));
    }
    for total in &payout.totals {
        words.push(format!(
            "{} {}",
            total.amount.major(total.currency),
            total.currency
        ));
    }
    words.extend(anomalies.iter().map(|a| a.kind.name().to_owned()));
    words.join(", ")
}

#[rstest]
#[case::a_day(
    "Mon 08:00 in, Mon 16:30 out",
    "15.50",
    "USD",
    "8.5000 × 15.5 = 131.75, 131.75 USD"
)]
#[case::two_sessions_are_two_lines(
    "Mon 08:00 in, Mon 12:00 out, Mon 13:00 in, Mon 17:00 out",
    "12.34",
    "EUR",
    "4.0000 × 12.34 = 49.36, 4.0000 × 12.34 = 49.36, 98.72 EUR"
)]
#[case::a_third_of_a_cent_is_not_paid(
    "Mon 08:00 in, Mon 08:20 out",
    "10",
    "USD",
    "0.3333 × 10 = 3.33, 3.33 USD"
)]
#[case::two_thirds_are_a_cent(
    "Mon 08:00 in, Mon 08:40 out",
    "10",
    "USD",
    "0.6667 × 10 = 6.67, 6.67 USD"
)]
#[case::exactly_half_goes_to_the_even_cent_below(
    "Mon 08:00 in, Mon 08:30 out",
    "0.09",
    "USD",
    "0.5000 × 0.09 = 0.04, 0.04 USD"
)]
#[case::exactly_half_goes_to_the_even_cent_above(
    "Mon 08:00 in, Mon 08:30 out",
    "0.11",
    "USD",
    "0.5000 × 0.11 = 0.06, 0.06 USD"
)]
#[case::the_yen_has_no_cents(
    "Mon 08:00 in, Mon 08:30 out",
    "1001",
    "JPY",
    "0.5000 × 1001 = 500, 500 JPY"
)]
#[case::the_dinar_has_a_thousand_fils(
    "Mon 08:00 in, Mon 08:30 out",
    "1.001",
    "KWD",
    "0.5000 × 1.001 = 0.500, 0.500 KWD"
)]
#[case::a_rate_of_six_places(
    "Mon 08:00 in, Mon 18:00 out",
    "12.345678",
    "USD",
    "10.0000 × 12.345678 = 123.46, 123.46 USD"
)]
#[case::a_tenth_is_a_tenth(
    "Mon 08:00 in, Mon 11:00 out",
    "0.1",
    "USD",
    "3.0000 × 0.1 = 0.30, 0.30 USD"
)]
#[case::seconds_count(
    "Mon 08:00:00 in, Mon 08:00:01 out",
    "3600",
    "USD",
    "0.0003 × 3600 = 1.00, 1.00 USD"
)]
#[case::who_works_for_nothing_gets_a_line_that_says_so(
    "Mon 08:00 in, Mon 09:00 out",
    "0",
    "USD",
    "1.0000 × 0 = 0.00, 0.00 USD"
)]
#[case::forgotten_check_out("Mon 08:00 in", "15.50", "USD", "")]
fn one_rate(
    #[case] punches: &str,
    #[case] per_hour: &str,
    #[case] currency: &str,
    #[case] expected: &str,
) {
    let row = row("Europe/Berlin", punches);
    assert_eq!(
        statement(&row, &[rate((1, 1), per_hour, currency)]),
        expected
    );
}

/// Each line is rounded once and the total is their sum: 3 × 3.33, and not a third of 30 rounded.
#[test]
fn the_sum_of_the_lines_is_the_total() {
    let row = row(
        "Europe/Berlin",
        "Mon 08:00 in, Mon 08:20 out, Mon 09:00 in, Mon 09:20 out, Mon 10:00 in, Mon 10:20 out",
    );
    assert!(statement(&row, &[rate((1, 1), "10", "USD")]).ends_with(", 9.99 USD"));
}

#[rstest]
#[case::a_raise_at_midnight_splits_the_shift(
    "Mon 22:00 in, Tue 06:00 out",
    &[("10", (1, 1), "USD"), ("20", (6, 2), "USD")],
    "2.0000 × 10 = 20.00, 6.0000 × 20 = 120.00, 140.00 USD"
)]
#[case::the_same_rate_again_splits_nothing(
    "Mon 22:00 in, Tue 06:00 out",
    &[("10", (1, 1), "USD"), ("10.00", (6, 2), "USD")],
    "8.0000 × 10 = 80.00, 80.00 USD"
)]
#[case::of_one_date_the_last_stated_counts(
    "Mon 08:00 in, Mon 16:00 out",
    &[("10", (6, 1), "USD"), ("11", (6, 1), "USD")],
    "8.0000 × 11 = 88.00, 88.00 USD"
)]
#[case::later_rates_are_not_looked_at_yet(
    "Mon 08:00 in, Mon 16:00 out",
    &[("11", (6, 2), "USD"), ("10", (1, 1), "USD")],
    "8.0000 × 10 = 80.00, 80.00 USD"
)]
#[case::before_the_first_rate_nothing_is_paid_and_somebody_is_told(
    "Mon 22:00 in, Tue 06:00 out",
    &[("20", (6, 2), "USD")],
    "6.0000 × 20 = 120.00, 120.00 USD, no_rate"
)]
#[case::a_new_currency_has_a_total_of_its_own(
    "Mon 22:00 in, Tue 06:00 out",
    &[("10", (1, 1), "USD"), ("9", (6, 2), "EUR")],
    "2.0000 × 10 = 20.00, 6.0000 × 9 = 54.00, 54.00 EUR, 20.00 USD"
)]
#[case::no_rate_at_all("Mon 08:00 in, Mon 16:00 out", &[], "no_rate")]
fn effective_dated(
    #[case] punches: &str,
    #[case] rates: &[(&str, (i8, i8), &str)],
    #[case] expected: &str,
) {
    let rates: Vec<_> = rates
        .iter()
        .map(|&(rate_, from, currency)| rate(from, rate_, currency))
        .collect();
    assert_eq!(statement(&row("Europe/Berlin", punches), &rates), expected);
}

#[test]
fn a_raise_on_the_night_of_the_clocks_begins_at_that_nights_midnight() {
    let row = row("Europe/Berlin", "2026-03-28 22:00 in, 2026-03-29 06:00 out");
    assert_eq!(
        statement(
            &row,
            &[rate((1, 1), "10", "EUR"), rate((3, 29), "20", "EUR")]
        ),
        "2.0000 × 10 = 20.00, 5.0000 × 20 = 100.00, 120.00 EUR"
    );
}

#[test]
fn time_without_a_rate_is_named_to_the_second() {
    let (payout, anomalies) = pay(&row("Europe/Berlin", "Mon 08:00 in, Mon 16:00 out"), &[]);
    assert!(payout.lines.is_empty());
    assert_eq!(anomalies[0].kind, Kind::NoRate { seconds: 28_800 });
}

/// A line can be checked by hand.
#[test]
fn a_line_explains_itself() {
    let (payout, _) = pay(
        &row("Europe/Berlin", "Mon 08:00 in, Mon 16:30 out"),
        &[rate((1, 1), "15.50", "EUR")],
    );
    assert_eq!(
        payout.lines[0].to_string(),
        "2026-06-01T06:00:00Z to 2026-06-01T14:30:00Z: 30600 s at 15.5 EUR an hour, 30600 × 15.5 ÷ 3600 = 131.75 EUR, \
         rules 1, in 00000000-0000-0000-0000-00000000000b/1, out 00000000-0000-0000-0000-00000000000b/2"
    );
}

#[rstest]
#[case("-1", "out of range")]
#[case("1000000000.000001", "out of range")]
#[case("12.3456789", "at most 6 decimal places")]
#[case("twelve", "not a number")]
#[case("", "not a number")]
#[case("NaN", "not a number")]
fn rates_that_cannot_be_are_refused_in_words(#[case] rate: &str, #[case] word: &str) {
    let refused = rate
        .parse::<limen_payroll::HourlyRate>()
        .unwrap_err()
        .to_string();
    assert!(refused.contains(word), "{refused}");
}
