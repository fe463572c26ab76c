//! Which seconds are overtime. A second is overtime once, by the highest multiplier that applies to it; and who has
//! overtime by the day does not reach the week's threshold by the same hours.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan, civil::Date};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    money::Rate,
    plan::Plan,
    policy::{Factor, RestDay, Tier, Weekday},
    rules::Rules,
    work::Piece,
};

/// Which threshold made it overtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The tiers of a rest day.
    RestDay,
    /// The hours of the working day.
    Day,
    /// The hours of the work week.
    Week,
}

/// Somebody else says that overtime was wanted. Of several for a day the seconds add up; one's own counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OvertimeApproval {
    /// Whose overtime.
    pub person: Uuid,
    /// Of which working day.
    pub day: Date,
    /// How much of it, in seconds.
    pub seconds: u64,
    /// Who approved it.
    pub by: Uuid,
}

/// Paid time at one rate under one version of the rules.
#[derive(Clone, Debug)]
pub(crate) struct Slice<'a> {
    pub piece: &'a Piece,
    pub from: Timestamp,
    pub seconds: u64,
    /// `None` where there is none.
    pub rate: Option<Rate>,
    pub rules: &'a Rules,
    /// The first date of its work week.
    pub week: Date,
}

/// Overtime within a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    /// Which slice.
    pub slice: usize,
    /// Seconds from its beginning.
    pub from_s: u64,
    pub seconds: u64,
    pub by: By,
    pub multiplier: Factor,
}

/// The overtime in one person's slices of whole work weeks, which are given by time; `worked` are all the days on
/// which the person worked.
pub(crate) fn overtime(slices: &[Slice<'_>], worked: &BTreeSet<Date>, plan: &Plan) -> Vec<Over> {
    let mut days: BTreeMap<Date, u64> = BTreeMap::new();
    let mut weeks: BTreeMap<Date, u64> = BTreeMap::new();
    let mut all: Vec<Over> = Vec::new();
    for (n, slice) in slices.iter().enumerate() {
        let settings = &slice.rules.pay.overtime;
        let rest: &[Tier] = if is_rest_day(slice, worked, plan) {
            &settings.rest_tiers
        } else {
            &[]
        };
        let day = days.entry(slice.piece.day).or_default();
        let week = weeks.entry(slice.week).or_default();
        let mut done = 0;
        while done < slice.seconds {
            let (by_rest, rest_left) = tier(rest, *day);
            let (by_day, day_left) = tier(&settings.daily, *day);
            let (by_week, week_left) = tier(&settings.weekly, *week);
            let of_day = by_rest > Factor::ONE || by_day > Factor::ONE;
            let mut seconds = (slice.seconds - done).min(rest_left).min(day_left);
            if !of_day {
                seconds = seconds.min(week_left);
                *week += seconds;
            }
            *day += seconds;
            let mut best = (By::RestDay, by_rest);
            for other in [(By::Day, by_day), (By::Week, by_week)] {
                if other.1 > best.1 {
                    best = other;
                }
            }
            if best.1 > Factor::ONE {
                push(
                    &mut all,
                    Over {
                        slice: n,
                        from_s: done,
                        seconds,
                        by: best.0,
                        multiplier: best.1,
                    },
                );
            }
            done += seconds;
        }
    }
    all
}

fn push(all: &mut Vec<Over>, one: Over) {
    match all.last_mut() {
        Some(last)
            if (last.slice, last.by, last.multiplier) == (one.slice, one.by, one.multiplier)
                && last.from_s + last.seconds == one.from_s =>
        {
            last.seconds += one.seconds;
        }
        _ => all.push(one),
    }
}

/// The multiplier after so many seconds, and how many more there are until the next tier begins.
fn tier(tiers: &[Tier], seconds: u64) -> (Factor, u64) {
    let next = tiers.partition_point(|tier| tier.over_s <= seconds);
    let multiplier = next
        .checked_sub(1)
        .map_or(Factor::ONE, |n| tiers[n].multiplier);
    (
        multiplier,
        tiers
            .get(next)
            .map_or(u64::MAX, |tier| tier.over_s - seconds),
    )
}

fn is_rest_day(slice: &Slice<'_>, worked: &BTreeSet<Date>, plan: &Plan) -> bool {
    let day = slice.piece.day;
    match slice.rules.pay.overtime.rest_day {
        None => false,
        Some(RestDay::Weekday(weekday)) => Weekday::of(day) == weekday,
        Some(RestDay::SeventhInARow) => {
            day == slice.week.saturating_add(6.days())
                && (0..6).all(|n| worked.contains(&slice.week.saturating_add(n.days())))
        }
        Some(RestDay::Unplanned) => {
            plan.knows(slice.piece.person)
                && plan.planned(slice.piece.person, day, slice.rules).is_none()
        }
    }
}
