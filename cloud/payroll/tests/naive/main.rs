//! A year of people at five sites, paid twice: by the library, and minute by minute by an implementation that shares
//! no code with it. Seconds, cents and the number of lines are equal, for every person and kind of line.
//!
//! `LIMEN_PAYROLL_PEOPLE` says how many people: 30 without it, 1,000 for the whole.

#![deny(clippy::float_arithmetic)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod minutes;
mod people;

use jiff::civil::date;
use limen_payroll::{By, Component, Facts, PayTerms, statement, timesheet_planned, worked};

use minutes::Sums;
use people::{Person, Site, YEAR, person, sites};

fn how_many() -> u128 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the whole takes minutes and is asked for"
    )]
    let given = std::env::var("LIMEN_PAYROLL_PEOPLE");
    given.map_or(30, |people| people.parse().unwrap())
}

/// What the library says, in the words of the other one.
fn library(site: &Site, people: &[Person]) -> Vec<Sums> {
    let (book, plan) = (people::book(site), people::plan(site, people));
    let punches: Vec<_> = people
        .iter()
        .flat_map(|person| person.punches.iter().cloned())
        .collect();
    let rates: Vec<_> = people
        .iter()
        .flat_map(|person| person.rates.iter().copied())
        .collect();
    let facts = Facts {
        punches: &punches,
        ..Facts::default()
    };
    let (sheet, _) = timesheet_planned(&facts, &book, &plan, "2027-01-15T00:00Z".parse().unwrap());
    let (paid, _) = worked(&sheet, &book, &plan);
    let terms = PayTerms {
        rules: &book,
        plan: &plan,
        rates: &rates,
        approvals: &[],
    };
    let (statement, anomalies) = statement(&paid, &terms, date(YEAR, 12, 31));
    assert_eq!(anomalies, []);
    let mut all = vec![Sums::new(); people.len()];
    for line in &statement.lines {
        let name = match &line.component {
            Component::Work => "work".to_owned(),
            Component::PaidBreak => "break".to_owned(),
            Component::Premium { name } => name.clone(),
            Component::Overtime { by, multiplier, .. } => {
                let by = match by {
                    By::RestDay => "rest",
                    By::Day => "day",
                    By::Week => "week",
                };
                format!("{by} {multiplier}")
            }
            other => panic!("nobody has {other:?}"),
        };
        let n = people
            .iter()
            .position(|person| person.id == line.person)
            .unwrap();
        let sum = all[n].entry(name).or_default();
        *sum = (
            sum.0 + line.seconds,
            sum.1 + line.amount.major(line.currency),
            sum.2 + 1,
        );
    }
    all
}

#[test]
fn a_year_of_people_is_paid_the_same_minute_by_minute() {
    let people = how_many();
    let (mut cents, mut lines) = (rust_decimal::Decimal::ZERO, 0);
    for (n, site) in (0_u128..).zip(sites()) {
        // In groups, since the library is given one after the other too.
        let numbers: Vec<u128> = (0..people).filter(|number| number % 5 == n).collect();
        for numbers in numbers.chunks(20) {
            let group: Vec<Person> = numbers
                .iter()
                .map(|&number| person(&site, number))
                .collect();
            for (person, quick) in group.iter().zip(library(&site, &group)) {
                let slow = minutes::pay(&site, person);
                assert_eq!(quick, slow, "{} at {}", person.id, site.zone);
                cents += quick
                    .values()
                    .map(|(_, amount, _)| amount)
                    .sum::<rust_decimal::Decimal>();
                lines += quick.values().map(|(_, _, count)| count).sum::<u64>();
            }
        }
    }
    assert!(
        lines > 300 * u64::try_from(people).unwrap(),
        "{lines} lines are too few for a year"
    );
    assert!(
        cents > rust_decimal::Decimal::from(5_000 * people),
        "{cents} is too little for a year"
    );
}

/// Every kind of line that the two agree on is there, so that the comparison is about all of them.
#[test]
fn the_year_has_every_kind_of_line() {
    let mut kinds = std::collections::BTreeSet::new();
    for (n, site) in (0_u128..).zip(sites()) {
        let group: Vec<Person> = (0..6).map(|k| person(&site, 5 * k + n)).collect();
        kinds.extend(library(&site, &group).into_iter().flat_map(Sums::into_keys));
    }
    let all = [
        "break", "day 1.5", "day 2", "holiday", "night", "rest 1.5", "rest 2", "saturday",
        "sunday", "week 1.5", "week 2", "work",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
}
