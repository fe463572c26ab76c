//! Hours, overtime, lateness, absence and cost, by whatever one asks: a person, a team, a site, a week.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    compare::Compared,
    money::{Currency, Minor},
    statement::{Component, PayLine},
};

/// Sums over some days of some people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// How many people there are.
    pub people: usize,
    /// The hours due, in seconds.
    pub due_s: u64,
    /// The hours of work and of paid breaks, in seconds.
    pub worked_s: u64,
    /// Those of them that were overtime.
    pub overtime_s: u64,
    /// The hours of paid leave and holidays, in seconds.
    pub leave_s: u64,
    /// On how many days somebody was late.
    pub late: u64,
    /// How late in all, in seconds.
    pub late_s: u64,
    /// On how many days somebody left early.
    pub left_early: u64,
    /// How early in all, in seconds.
    pub left_early_s: u64,
    /// How short of the hours due in all, in seconds.
    pub short_s: u64,
    /// On how many days somebody was absent.
    pub absent: u64,
    /// What all of it costs, gross, in each currency.
    pub cost: BTreeMap<Currency, Minor>,
}

/// Groups the lines of a statement and the days of [`compare`](crate::compare()) by what a key says of a person, a
/// working day and a site. The figures of all groups add up to those of one, except people, who may be in several.
///
/// Overtime stands on the day on which it was worked, whenever it is due.
pub fn figures<K: Ord>(
    lines: &[PayLine],
    days: &[Compared],
    key: impl Fn(Uuid, Date, Option<Uuid>) -> K,
) -> BTreeMap<K, Figures> {
    let mut groups: BTreeMap<K, (BTreeSet<Uuid>, Figures)> = BTreeMap::new();
    for line in lines {
        let (people, figures) = groups
            .entry(key(line.person, line.day, line.site))
            .or_default();
        people.insert(line.person);
        match line.component {
            Component::Work | Component::PaidBreak => figures.worked_s += line.seconds,
            Component::Leave { .. } | Component::Holiday { .. } => figures.leave_s += line.seconds,
            Component::Overtime { .. } => figures.overtime_s += line.seconds,
            Component::Premium { .. } => {}
        }
        let cost = figures.cost.entry(line.currency).or_default();
        *cost = [*cost, line.amount].into_iter().sum();
    }
    for day in days {
        let (people, figures) = groups
            .entry(key(day.person, day.date, day.site))
            .or_default();
        people.insert(day.person);
        figures.due_s += day.due_s;
        figures.late += u64::from(day.late_s > 0);
        figures.late_s += day.late_s;
        figures.left_early += u64::from(day.left_early_s > 0);
        figures.left_early_s += day.left_early_s;
        figures.short_s += day.short_s;
        figures.absent += u64::from(day.absent);
    }
    let counted = |(key, (people, figures)): (K, (BTreeSet<Uuid>, Figures))| {
        (
            key,
            Figures {
                people: people.len(),
                ..figures
            },
        )
    };
    groups.into_iter().map(counted).collect()
}
