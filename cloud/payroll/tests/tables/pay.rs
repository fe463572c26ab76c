//! How a statement is written in a table: `Mon work 8.0000 × 10 = 80.00` is a line, `work 40.0000 = 400.00` the sum
//! of all lines of a kind.

use std::collections::BTreeMap;

use jiff::civil::Date;
use limen_payroll::{
    Anomaly, By, Component, Factor, Kind, OvertimeApproval, PayLine, PayTerms, Rate, Statement,
    hours, statement,
};

use crate::clerk::{ANNA, Row, name};

/// Anna's hourly rates: from which date, how much, in US dollars.
pub fn rates(given: &[(&str, &str)]) -> Vec<Rate> {
    given
        .iter()
        .map(|(from, per_hour)| Rate {
            person: ANNA,
            from: from.parse().unwrap(),
            per_hour: per_hour.parse().unwrap(),
            currency: "USD".parse().unwrap(),
        })
        .collect()
}

/// Ten dollars an hour, always.
pub fn ten() -> Vec<Rate> {
    rates(&[("2000-01-01", "10")])
}

pub fn factor(factor: &str) -> Factor {
    factor.parse().unwrap()
}

pub fn stated(
    row: &Row,
    rates: &[Rate],
    approvals: &[OvertimeApproval],
) -> (Statement, Vec<Anomaly>) {
    let (book, plan) = (row.book(), row.plan());
    let terms = PayTerms {
        rules: &book,
        plan: &plan,
        rates,
        approvals,
    };
    statement(&row.worked().0, &terms, row.zone.local(row.as_of).date())
}

pub fn component(line: &PayLine) -> String {
    match &line.component {
        Component::Work => "work".into(),
        Component::PaidBreak => "break".into(),
        Component::Leave { .. } => "leave".into(),
        Component::Holiday { name } | Component::Premium { name } => name.clone(),
        Component::Overtime { by, multiplier, .. } => {
            let by = match by {
                By::RestDay => "rest",
                By::Day => "day",
                By::Week => "week",
            };
            format!("over-{by} {multiplier}")
        }
    }
}

/// Line by line.
pub fn lines(row: &Row, rates: &[Rate]) -> String {
    let (statement, anomalies) = stated(row, rates, &[]);
    let mut words: Vec<String> = statement.lines.iter().map(line).collect();
    words.extend(
        anomalies
            .iter()
            .map(|anomaly| anomaly.kind.name().to_owned()),
    );
    words.join(", ")
}

pub fn line(line: &PayLine) -> String {
    let times = if line.factor == Factor::ONE {
        String::new()
    } else {
        format!(" × {}", line.factor)
    };
    format!(
        "{} {} {} × {}{times} = {}",
        name(line.day),
        component(line),
        hours(line.seconds),
        line.per_hour,
        line.amount.major(line.currency)
    )
}

/// Kind by kind, and the total.
pub fn sums(row: &Row, rates: &[Rate]) -> String {
    sums_of(&stated(row, rates, &[]))
}

pub fn sums_of((statement, anomalies): &(Statement, Vec<Anomaly>)) -> String {
    let mut sums: BTreeMap<_, (String, u64, i64)> = BTreeMap::new();
    for line in &statement.lines {
        let sum = sums
            .entry(line.component.clone())
            .or_insert((component(line), 0, 0));
        sum.1 += line.seconds;
        sum.2 += line.amount.0;
    }
    let money = |minor| limen_payroll::Minor(minor).major("USD".parse().unwrap());
    let mut words: Vec<String> = sums
        .into_values()
        .map(|(name, s, amount)| format!("{name} {} = {}", hours(s), money(amount)))
        .collect();
    words.extend(
        statement
            .totals
            .iter()
            .map(|total| format!("total {}", money(total.amount.0))),
    );
    for anomaly in anomalies {
        let seconds = match anomaly.kind {
            Kind::OvertimeUnapproved { seconds } | Kind::NoRate { seconds } => {
                hours(seconds).to_string()
            }
            _ => String::new(),
        };
        words.push(format!("{} {seconds}", anomaly.kind.name()));
    }
    words.join(", ")
}

/// A week of days from Monday on, each from 08:00 for so many hours: `8, 8, 12`. 0 is a free day.
pub fn week(hours: &[u32]) -> String {
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let worked = days.iter().zip(hours).filter(|(_, hours)| **hours > 0);
    let punches = worked.map(|(day, hours)| format!("{day} 08:00 in, {day} {}:00 out", 8 + hours));
    punches.collect::<Vec<_>>().join(", ")
}

/// Only the lines that are due between two dates.
pub fn due(statement: &Statement, first: Date, last: Date) -> String {
    statement
        .between(first, last)
        .lines
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join(", ")
}
