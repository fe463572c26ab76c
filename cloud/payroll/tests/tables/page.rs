//! The month that docs/payroll.md lets a clerk check by hand: the punches are read from the page, and the page's
//! numbers are what the library makes of them.

use jiff::civil::date;
use limen_payroll::{
    Accrual, Break, Change, Component, Correction, Dates, Direction, Explanation, Extra, Holiday,
    LeaveRequest, LeaveType, Overtime, OvertimeRate, Period, Premium, Tier, Weekday, When, explain,
    granted, hours,
};
use uuid::Uuid;

use crate::{
    clerk::{ANNA, CLERK, Row, clock_face, row},
    pay::{factor, stated},
};

const PAGE: &str = include_str!("../../../../docs/payroll.md");

const JUNE: Period = Period {
    first: date(2026, 6, 1),
    last: date(2026, 6, 30),
};

/// The rows of the table that follows a heading, without its head.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let after = PAGE
        .split_once(&format!("\n## {heading}\n"))
        .expect(heading)
        .1;
    let rows = after
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn anna() -> Row {
    let punches: Vec<String> = table("The punches")
        .iter()
        .flat_map(|row| {
            row[1]
                .split(", ")
                .filter(|p| !p.is_empty())
                .map(|punch| format!("{} {punch}", &row[0][..10]))
        })
        .collect();
    let mut anna = row("Europe/Berlin", &punches.join(", "))
        .seen("2026-07-10 12:00")
        .with(|rules| {
            rules.pay.overtime = Overtime {
                weekly: vec![Tier {
                    over_s: 40 * 3_600,
                    multiplier: factor("1.5"),
                }],
                rate: OvertimeRate::Regular,
                week_start: Weekday::Monday,
                ..Overtime::default()
            };
            let premium = |name: &str, dates, (from, to), more| Premium {
                name: name.into(),
                dates,
                from: clock_face(from),
                to: clock_face(to),
                extra: Extra::Factor(factor(more)),
                in_regular: true,
            };
            rules.pay.premiums = vec![
                premium("night", Dates::Every, ("22:00", "06:00"), "0.25"),
                premium(
                    "Sunday",
                    Dates::Weekdays(vec![Weekday::Sunday]),
                    ("00:00", "00:00"),
                    "0.5",
                ),
            ];
            rules.pay.holiday_pay = true;
        });
    anna = anna.shift("08:00-16:30", |shift| {
        let (from, to) = (clock_face("11:30"), clock_face("13:30"));
        shift.grace_s = 300;
        shift.breaks = vec![Break {
            from,
            to,
            seconds: 1_800,
            paid: false,
            deduct_after_s: None,
        }];
    });
    anna.holidays = vec![Holiday {
        date: date(2026, 6, 4),
        site: None,
        name: "Corpus Christi".into(),
    }];
    let leave = LeaveType {
        id: Uuid::from_u128(1),
        name: "annual leave".into(),
        paid: true,
        accrual: Accrual::Unlimited,
    };
    let request = LeaveRequest {
        id: Uuid::from_u128(2),
        person: ANNA,
        kind: leave.id,
        first: date(2026, 6, 5),
        last: date(2026, 6, 5),
        portion: factor("1"),
        asked_by: ANNA,
        decided: Some((CLERK, true)),
    };
    anna.away = granted(&[request], &[leave], &anna.plan(), &anna.book());
    anna.correct(Correction {
        id: Uuid::from_u128(0xc0),
        approved_by: Some(CLERK),
        person: ANNA,
        proposed_by: ANNA,
        reason: "I forgot to check out".into(),
        changes: vec![Change::Add {
            when: When::Local(date(2026, 6, 16).at(16, 30, 0, 0)),
            direction: Direction::Out,
            site: None,
        }],
    })
}

fn explained(row: &Row) -> Explanation {
    let rate = |from: &str, per_hour: &str| limen_payroll::Rate {
        currency: "EUR".parse().unwrap(),
        ..crate::pay::rates(&[(from, per_hour)])[0]
    };
    let (statement, anomalies) = stated(
        row,
        &[rate("2026-01-01", "18"), rate("2026-06-17", "19.50")],
        &[],
    );
    assert_eq!(anomalies, []);
    explain(&row.sheet().0, &row.worked().0, &statement, ANNA, JUNE)
}

#[test]
fn the_hours_of_each_day_are_those_of_its_punches() {
    let explained = explained(&anna());
    for row in table("The punches") {
        let day = explained
            .days
            .iter()
            .find(|day| day.date.to_string() == row[0][..10]);
        let worked = day.map_or(0, |day| day.session_s);
        assert_eq!(row[2], hours(worked).to_string(), "{}", row[0]);
    }
}

#[test]
fn the_statement_is_what_the_library_says() {
    let row = anna();
    let explained = explained(&row);
    let clock = |at| row.wall(at).rsplit_once(' ').unwrap().1.to_owned();
    let rows = explained
        .days
        .iter()
        .flat_map(|day| &day.lines)
        .map(|line| {
            let what = match &line.component {
                Component::Work => "work".to_owned(),
                Component::Leave { .. } => "annual leave".into(),
                Component::Holiday { name } => format!("holiday: {name}"),
                Component::Premium { name } => format!("premium: {name}"),
                Component::Overtime { .. } => "overtime".into(),
                Component::PaidBreak => "break".into(),
            };
            let times = [clock(line.from), clock(line.to)].join("–");
            [
                line.day.to_string(),
                what,
                times,
                hours(line.seconds).to_string(),
                line.per_hour.to_string(),
                line.factor.to_string(),
                line.amount.major(line.currency).to_string(),
            ]
            .to_vec()
        });
    let stated: Vec<Vec<&str>> = table("The statement");
    let computed: Vec<Vec<String>> = rows.collect();
    if stated != computed {
        let lines: Vec<_> = computed
            .iter()
            .map(|row| format!("| {} |", row.join(" | ")))
            .collect();
        panic!(
            "the page's statement is not this one:\n{}",
            lines.join("\n")
        );
    }
    let total = &explained.totals[0];
    let says = format!(
        "**{} hours, {} EUR gross**",
        hours(total.seconds),
        total.amount.major(total.currency)
    );
    assert!(PAGE.contains(&says), "the page doesn't say {says}");
    // The lines on the page, added up as a clerk would.
    let amounts = stated
        .iter()
        .map(|row| row[6].parse::<rust_decimal::Decimal>().unwrap());
    assert_eq!(
        amounts.sum::<rust_decimal::Decimal>(),
        total.amount.major(total.currency)
    );
}

/// Every multiplication that the page shows is right: `4 × 18 = 72.00`, rounded half to even.
#[test]
fn the_multiplications_on_the_page_are_right() {
    let mut shown = 0;
    for formula in PAGE
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains(" = "))
    {
        let (left, right) = formula.split_once(" = ").unwrap();
        let number = |text: &str| text.trim().parse::<rust_decimal::Decimal>().unwrap();
        let product = |text: &str| {
            text.split(" × ")
                .map(number)
                .product::<rust_decimal::Decimal>()
        };
        let sum = |text: &str| {
            text.trim_matches(['(', ')'])
                .split(" + ")
                .map(product)
                .sum::<rust_decimal::Decimal>()
        };
        let value = left
            .split_once(" ÷ ")
            .map_or_else(|| sum(left), |(over, under)| sum(over) / number(under));
        let right = number(right);
        let rounded = value.round_dp_with_strategy(
            right.scale(),
            rust_decimal::RoundingStrategy::MidpointNearestEven,
        );
        assert_eq!(rounded, right, "{formula}");
        shown += 1;
    }
    assert!(shown >= 8, "the page shows {shown} calculations");
}

/// What somebody has to look at in June: lateness, and nothing that withholds pay.
#[test]
fn what_the_page_says_about_lateness() {
    assert_eq!(
        anna().compared("2026-06-03"),
        "Wed due 8.0000 paid 7.8333, Wed 08:10 late 10 min, Wed 08:10 short_of_hours 10 min"
    );
    assert!(PAGE.contains("ten minutes late"));
}
