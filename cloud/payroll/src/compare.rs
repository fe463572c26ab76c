//! Planned against actual: late, early, short, absent. None of it changes pay.

use std::collections::{BTreeMap, HashSet};

use jiff::{
    Timestamp,
    civil::{Date, Time},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    anomaly::{Anomaly, Kind},
    facts::{ReadAs, Reading},
    pair::{Session, State},
    plan::{Plan, Planned},
    policy::Factor,
    punch::PunchId,
    rules::{Rulebook, Rules},
    timesheet::Timesheet,
    work::Worked,
    zone::{LocalTime, Zone},
};

/// Up to when a terminal has told everything that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synced {
    /// Which terminal. A site's list names every terminal that it has, also one that has never told anything.
    pub terminal: Uuid,
    /// Where it stands.
    pub site: Option<Uuid>,
    /// Every event before this instant is known; `None` where it never synced.
    pub to: Option<Timestamp>,
}

/// Up to when everything is known that happened at a site: the least of its terminals. `None` without any.
#[must_use]
pub fn watermark(terminals: &[Synced], site: Option<Uuid>) -> Option<Timestamp> {
    terminals
        .iter()
        .filter(|t| t.site == site)
        .map(|t| t.to)
        .min()
        .flatten()
}

/// A day of a person as planned and as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Who.
    pub person: Uuid,
    /// The working day.
    pub date: Date,
    /// Where it was planned; without a plan where the first session began.
    pub site: Option<Uuid>,
    /// The hours due, in seconds, without leave for a part of the day; 0 where nothing was planned.
    pub due_s: u64,
    /// The hours that are paid, in seconds.
    pub worked_s: u64,
    /// How late, in seconds; 0 within grace.
    pub late_s: u64,
    /// How early out, in seconds; 0 within grace.
    pub left_early_s: u64,
    /// How short of the hours due, in seconds; 0 within grace.
    pub short_s: u64,
    /// Whether there is no punch, and none can come any more.
    pub absent: bool,
}

/// What happened on the planned days and the days that were worked on, from a date to a date, both included.
///
/// The timesheet, the paid time and the plan must be of the same rules. Who is late is known at once, who left early
/// or was absent only when every terminal of the site has told what it knows of the shift: missing data is not
/// absence. Local times of the plan that didn't exist or existed twice are flagged.
#[must_use]
pub fn compare(
    sheet: &Timesheet,
    paid: &Worked,
    (rulebook, plan): (&Rulebook, &Plan),
    terminals: &[Synced],
    (first, last): (Date, Date),
) -> (Vec<Compared>, Vec<Anomaly>) {
    let mut days: BTreeMap<(Uuid, Date), Actual<'_>> = BTreeMap::new();
    for session in sheet
        .sessions
        .iter()
        .filter(|s| first <= s.day && s.day <= last)
    {
        days.entry((session.person, session.day))
            .or_default()
            .sessions
            .push(session);
    }
    for piece in paid
        .pieces
        .iter()
        .filter(|p| first <= p.day && p.day <= last)
    {
        days.entry((piece.person, piece.day)).or_default().paid_s += piece.seconds;
    }
    for person in plan.people() {
        let mut date = first;
        while date <= last {
            days.entry((person, date)).or_default();
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
    }
    // Whoever has a session was seen. Of the other punches it has to be found out whose day they are of.
    let ends = |s: &Session| [Some(s.check_in.punch), s.check_out.map(|out| out.punch)];
    let paired: HashSet<PunchId> = sheet.sessions.iter().flat_map(ends).flatten().collect();
    let lone = |r: &&Reading| {
        !matches!(r.read_as, ReadAs::Removed | ReadAs::NotMe) && !paired.contains(&r.punch)
    };
    for reading in sheet.readings.iter().filter(lone) {
        let Some(at) = reading.at else { continue };
        let day = plan.working_day(reading.person, reading.site, at, rulebook.at(at));
        if let Some(actual) = days.get_mut(&(reading.person, day)) {
            actual.seen = true;
        }
    }
    let mut compared = Vec::new();
    let mut anomalies = Vec::new();
    for ((person, date), actual) in days {
        let rules = rules_on(rulebook, date);
        let planned = plan.planned(person, date, rules);
        let part = plan.away(person, date).map(|away| away.portion);
        let mut day = Compared {
            person,
            date,
            site: planned
                .as_ref()
                .map_or_else(|| actual.site(), |planned| planned.site),
            due_s: planned.as_ref().map_or(0, |planned| {
                planned.due_s - part.map_or(0, |part| part.of(planned.due_s))
            }),
            worked_s: actual.paid_s,
            late_s: 0,
            left_early_s: 0,
            short_s: 0,
            absent: false,
        };
        let mut found = |at, kind, punches| {
            anomalies.push(Anomaly {
                person: Some(person),
                at: Some(at),
                kind,
                punches,
            });
        };
        if let Some(first) = actual.sessions.first()
            && part.is_some_and(|part| part >= Factor::ONE)
        {
            found(
                first.check_in.at,
                Kind::WorkedOnLeave { day: date },
                vec![first.check_in.punch],
            );
        }
        let Some(planned) = planned else {
            if day.worked_s > 0 {
                compared.push(day);
            }
            continue;
        };
        let known = watermark(terminals, planned.site).is_some_and(|mark| mark > planned.end)
            && sheet.as_of > planned.end;
        for (at, kind, punches) in actual.findings(&planned, part.is_none(), known) {
            match kind {
                Kind::Late { seconds } => day.late_s = seconds,
                Kind::LeftEarly { seconds } => day.left_early_s = seconds,
                Kind::ShortOfHours { seconds } => day.short_s = seconds,
                _ => day.absent = true,
            }
            found(at, kind, punches);
        }
        compared.push(day);
        match planned.existence {
            LocalTime::Once => {}
            LocalTime::Skipped => found(planned.start, Kind::SkippedLocalTime, Vec::new()),
            LocalTime::Repeated => found(planned.start, Kind::RepeatedLocalTime, Vec::new()),
        }
    }
    anomalies.sort_unstable();
    (compared, anomalies)
}

/// The rules of a date: those in force at its noon in UTC.
pub(crate) fn rules_on(rulebook: &Rulebook, date: Date) -> &Rules {
    rulebook.at(Zone::utc()
        .instant(date.to_datetime(Time::constant(12, 0, 0, 0)))
        .0)
}

#[derive(Default)]
struct Actual<'a> {
    sessions: Vec<&'a Session>,
    /// Whether there is a punch that no session has.
    seen: bool,
    paid_s: u64,
}

impl Actual<'_> {
    fn site(&self) -> Option<Uuid> {
        self.sessions.first().and_then(|session| session.site)
    }

    fn findings(
        &self,
        planned: &Planned<'_>,
        whole_day: bool,
        known: bool,
    ) -> Vec<(Timestamp, Kind, Vec<PunchId>)> {
        let mut found = Vec::new();
        let (Some(first), Some(last)) = (self.sessions.first(), self.sessions.last()) else {
            // A punch that isn't a session is an exception already, not absence.
            if known && !self.seen && whole_day {
                found.push((
                    planned.start,
                    Kind::Absent { day: planned.date },
                    Vec::new(),
                ));
            }
            return found;
        };
        if !whole_day {
            return found;
        }
        let grace = u64::from(planned.shift.grace_s);
        let seconds = |from: Timestamp, to: Timestamp| {
            u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
        };
        if let Some((begin, end)) = planned.core {
            let late = seconds(begin, first.check_in.at);
            if late > grace {
                found.push((
                    first.check_in.at,
                    Kind::Late { seconds: late },
                    vec![first.check_in.punch],
                ));
            }
            if let Some(out) = last.check_out
                && known
                && seconds(out.at, end) > grace
            {
                let kind = Kind::LeftEarly {
                    seconds: seconds(out.at, end),
                };
                found.push((out.at, kind, vec![out.punch]));
            }
        }
        let settled = self
            .sessions
            .iter()
            .all(|session| session.state == State::Closed);
        if known && settled && self.paid_s + grace < planned.due_s {
            let kind = Kind::ShortOfHours {
                seconds: planned.due_s - self.paid_s,
            };
            let punches = self
                .sessions
                .iter()
                .map(|session| session.check_in.punch)
                .collect();
            found.push((first.check_in.at, kind, punches));
        }
        found
    }
}
