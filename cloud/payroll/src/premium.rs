//! Which premiums apply when: windows of local time, split at their borders.

use jiff::{Timestamp, ToSpan, civil::Date};
use uuid::Uuid;

use crate::{
    money::HourlyRate,
    plan::Plan,
    policy::{Dates, Extra, Premium, Stacking, Weekday},
    rules::Rules,
    zone::Zone,
};

/// A premium, and the seconds from the beginning of a stretch of time between which it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applied<'a> {
    pub premium: &'a Premium,
    pub from_s: u64,
    pub to_s: u64,
}

/// The premiums of a stretch of whole seconds at one rate, each as few and as long as can be, in the order of the
/// list.
pub(crate) fn applied<'a>(
    rules: &'a Rules,
    plan: &Plan,
    site: Option<Uuid>,
    (from, seconds): (Timestamp, u64),
    rate: HourlyRate,
) -> Vec<Applied<'a>> {
    let zone = rules.zone_of(site);
    let mut all = Vec::new();
    for premium in &rules.pay.premiums {
        let first = zone.local(from).date().saturating_sub(1.day());
        let last = zone.local(crate::work::after(from, seconds)).date();
        let mut date = first;
        while date <= last {
            if begins_on(premium, plan, site, zone, date) {
                let (begin, end) = window(premium, zone, date);
                let offset = |at: Timestamp| {
                    u64::try_from(at.duration_since(from).as_secs())
                        .unwrap_or(0)
                        .min(seconds)
                };
                extend(
                    &mut all,
                    Applied {
                        premium,
                        from_s: offset(begin),
                        to_s: offset(end),
                    },
                );
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
    }
    match rules.pay.stacking {
        Stacking::Add => all,
        Stacking::Highest => highest(&all, rate),
    }
}

/// Adds a stretch; one that begins where the same premium's last one ends makes that longer.
fn extend<'a>(all: &mut Vec<Applied<'a>>, one: Applied<'a>) {
    if one.to_s <= one.from_s {
        return;
    }
    match all.last_mut() {
        Some(last) if std::ptr::eq(last.premium, one.premium) && last.to_s >= one.from_s => {
            last.to_s = last.to_s.max(one.to_s);
        }
        _ => all.push(one),
    }
}

fn begins_on(premium: &Premium, plan: &Plan, site: Option<Uuid>, zone: &Zone, date: Date) -> bool {
    let such = match &premium.dates {
        Dates::Every => true,
        Dates::Weekdays(days) => days.contains(&Weekday::of(date)),
        Dates::Holidays => plan.holiday(site, date).is_some(),
    };
    // A date that the zone skipped has no windows.
    such && zone.has(date)
}

fn window(premium: &Premium, zone: &Zone, date: Date) -> (Timestamp, Timestamp) {
    let end = if premium.to <= premium.from {
        date.saturating_add(1.day())
    } else {
        date
    };
    (
        zone.day_begin(date, premium.from),
        zone.day_begin(end, premium.to),
    )
}

/// What an hour of a premium is worth, in millionths of millionths.
fn worth(premium: &Premium, rate: HourlyRate) -> i128 {
    match premium.extra {
        Extra::Factor(factor) => i128::from(rate.millionths()) * i128::from(factor.millionths()),
        Extra::PerHour(rate) => i128::from(rate.millionths()) * 1_000_000,
    }
}

fn highest<'a>(all: &[Applied<'a>], rate: HourlyRate) -> Vec<Applied<'a>> {
    let mut borders: Vec<u64> = all.iter().flat_map(|a| [a.from_s, a.to_s]).collect();
    borders.sort_unstable();
    borders.dedup();
    let mut chosen = Vec::new();
    for border in borders.windows(2) {
        let (from_s, to_s) = (border[0], border[1]);
        let here = all.iter().filter(|a| a.from_s <= from_s && to_s <= a.to_s);
        // `max_by_key` gives the last of equal ones, and the first is meant.
        if let Some(best) = here.rev().max_by_key(|a| worth(a.premium, rate)) {
            extend(
                &mut chosen,
                Applied {
                    premium: best.premium,
                    from_s,
                    to_s,
                },
            );
        }
    }
    chosen
}
