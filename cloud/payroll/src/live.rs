//! Who is in at this moment, and since when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    money::{Currency, Minor, Rate},
    pair::{Session, State},
    pay::Rates,
    rules::Rulebook,
    timesheet::{Timesheet, rules_of},
};

/// One person at one moment. Time that is still running is an estimate, not pay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whether the person is at work.
    pub inside: bool,
    /// The last check-in while inside, the last check-out otherwise.
    pub since: Option<Timestamp>,
    /// The last check-in, also of an exception.
    pub last_check_in: Option<Timestamp>,
    /// The last check-out.
    pub last_check_out: Option<Timestamp>,
    /// Work since the working day began, the session that is running included; exceptions are
    /// not.
    pub seconds_today: u64,
    /// What that comes to, in each currency that it was earned in; for nearly everybody one.
    pub earned_today: BTreeMap<Currency, Minor>,
}

/// The status of everybody who has a session, at an instant not before the timesheet's.
///
/// The working day is that of the site of the person's last session. A session that has grown
/// longer than the longest one there is counts as forgotten: nobody is inside by it.
#[must_use]
pub fn status_now(
    sheet: &Timesheet,
    rulebook: &Rulebook,
    rates: &[Rate],
    now: Timestamp,
) -> BTreeMap<Uuid, Status> {
    let rates = Rates::new(rates);
    let mut people = BTreeMap::new();
    for sessions in sheet.sessions.chunk_by(|a, b| a.person == b.person) {
        if let Some(last) = sessions.last() {
            people.insert(last.person, status(sessions, last, rulebook, &rates, now));
        }
    }
    people
}

fn status(
    sessions: &[Session],
    last: &Session,
    rulebook: &Rulebook,
    rates: &Rates,
    now: Timestamp,
) -> Status {
    let today = rulebook.at(now);
    let zone = today.zone_of(last.site);
    let day_start = today.day_start_of(last.site);
    let day_begin = zone.day_begin(zone.working_day(now, day_start), day_start);
    let running = |session: &Session| {
        session.state == State::Open
            && now.duration_since(session.check_in.at) <= rules_of(session, rulebook).max_session()
    };
    let inside = running(last);
    let last_check_out = sessions
        .iter()
        .filter_map(|s| s.check_out)
        .map(|out| out.at)
        .max();
    let mut status = Status {
        inside,
        since: if inside {
            Some(last.check_in.at)
        } else {
            last_check_out
        },
        last_check_in: Some(last.check_in.at),
        last_check_out,
        ..Status::default()
    };
    for session in sessions.iter().rev() {
        let to = match session.check_out {
            Some(out) => out.at,
            None if running(session) => now.max(session.check_in.at),
            None => continue,
        };
        let from = session.check_in.at.max(day_begin);
        if to <= from {
            continue;
        }
        status.seconds_today += session.seconds_until(to) - session.seconds_until(from);
        let punch = session
            .check_out
            .map_or(session.check_in.punch, |out| out.punch);
        let zone = rules_of(session, rulebook).zone_of(session.site);
        for line in rates.lines(session, zone, punch, (from, to), &mut Vec::new()) {
            let sum = status.earned_today.entry(line.currency).or_default();
            *sum = [*sum, line.amount].into_iter().sum();
        }
    }
    status
}
