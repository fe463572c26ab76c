//! Everything that follows from the facts, computed anew from the first one.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    anomaly::Anomaly,
    facts::{Reading, gather},
    pair::{Session, pair},
    plan::Plan,
    punch::{Facts, PunchId},
    rules::{Midnight, Rulebook, Rules},
};

/// Sessions, days and what became of each punch. The whole of it is ordered by person and time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timesheet {
    /// The instant for which it holds: what is open then may be closed by a later fact.
    pub as_of: Timestamp,
    /// Every stretch of work, also the ones that aren't paid.
    pub sessions: Vec<Session>,
    /// Closed work by day.
    pub days: Vec<Day>,
    /// What became of each punch.
    pub readings: Vec<Reading>,
}

/// One day of one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// Who.
    pub person: Uuid,
    /// The working day, or the date where sessions are split at midnight.
    pub date: Date,
    /// Closed work.
    pub seconds: u64,
    /// The beginnings of the sessions that it comes from.
    pub sessions: Vec<PunchId>,
}

impl Day {
    /// [`seconds`](Self::seconds) in hours, for display.
    #[must_use]
    pub fn hours(&self) -> Decimal {
        hours(self.seconds)
    }
}

/// Hours with four decimal places, half to even. For display only: nothing is computed from them.
///
/// ```
/// assert_eq!(limen_payroll::hours(20).to_string(), "0.0056");
/// ```
#[must_use]
pub fn hours(seconds: u64) -> Decimal {
    let mut hours = (Decimal::from(seconds) / Decimal::from(3_600))
        .round_dp_with_strategy(4, RoundingStrategy::MidpointNearestEven);
    hours.rescale(4);
    hours
}

/// The timesheet of the facts under the rules, as it stands at an instant, and what is
/// questionable about it.
///
/// It never fails. The order of the facts and duplicates among them make no difference, and one
/// person's punches make none to another person, except that any synced punch also vouches for
/// its terminal's clock. It takes O(n log n) steps.
#[must_use]
pub fn timesheet(
    facts: &Facts<'_>,
    rules: &Rulebook,
    as_of: Timestamp,
) -> (Timesheet, Vec<Anomaly>) {
    timesheet_planned(facts, rules, &Plan::default(), as_of)
}

/// The same where work is planned: the working day around a planned shift is that shift's, whatever its date.
#[must_use]
pub fn timesheet_planned(
    facts: &Facts<'_>,
    rules: &Rulebook,
    plan: &Plan,
    as_of: Timestamp,
) -> (Timesheet, Vec<Anomaly>) {
    let gathered = gather(facts, rules);
    let mut sheet = Timesheet {
        as_of,
        sessions: Vec::new(),
        days: Vec::new(),
        readings: gathered.readings,
    };
    let mut anomalies = gathered.anomalies;
    for punches in gathered.placed.chunk_by(|a, b| a.person == b.person) {
        let paired = pair(punches[0].person, punches, (rules, plan), as_of, |_| false);
        sheet.sessions.extend(paired.sessions);
        sheet.readings.extend(paired.readings);
        anomalies.extend(paired.anomalies);
    }
    sheet
        .readings
        .sort_unstable_by_key(|r| (r.person, r.at, r.punch));
    sheet.days = days(&sheet.sessions, rules);
    anomalies.sort_unstable();
    anomalies.dedup();
    (sheet, anomalies)
}

/// The rules that a session was computed by.
pub(crate) fn rules_of<'a>(session: &Session, rules: &'a Rulebook) -> &'a Rules {
    rules
        .version(session.rules)
        .unwrap_or_else(|| rules.at(session.check_in.at))
}

pub(crate) fn days(sessions: &[Session], rulebook: &Rulebook) -> Vec<Day> {
    let mut days: BTreeMap<(Uuid, Date), (u64, Vec<PunchId>)> = BTreeMap::new();
    for session in sessions {
        let Some(out) = session.check_out else {
            continue;
        };
        let rules = rules_of(session, rulebook);
        let parts = match rules.midnight {
            Midnight::DayOfStart => vec![(session.day, session.seconds())],
            Midnight::Split => split_at_midnight(session, out.at, rules),
        };
        for (date, seconds) in parts {
            let day = days.entry((session.person, date)).or_default();
            day.0 += seconds;
            day.1.push(session.check_in.punch);
        }
    }
    days.into_iter()
        .map(|((person, date), (seconds, sessions))| Day {
            person,
            date,
            seconds,
            sessions,
        })
        .collect()
}

/// The seconds of a session on each date; their sum is the session's.
fn split_at_midnight(session: &Session, out: Timestamp, rules: &Rules) -> Vec<(Date, u64)> {
    let zone = rules.zone_of(session.site);
    let mut parts = Vec::new();
    let mut date = zone.local(session.check_in.at).date();
    let mut counted = 0;
    while let Ok(tomorrow) = date.tomorrow() {
        let midnight = zone.midnight(tomorrow);
        if midnight >= out {
            break;
        }
        let until = session.seconds_until(midnight);
        if until > counted {
            parts.push((date, until - counted));
            counted = until;
        }
        date = tomorrow;
    }
    parts.push((date, session.seconds() - counted));
    parts
}
