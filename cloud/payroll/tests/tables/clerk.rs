//! How a row of a table is written, and how its outcome is read.
//!
//! A punch is `Mon 08:00 in`: a day, the time that the clock on the wall showed, and the way (`in`, `out`, or
//! `-` where none was stated). `Mon` to `Sun` are 1 to 7 June 2026; another day is its date. Where the clocks
//! are put back and a time comes twice, its offset stands behind it: `02:30-05`. Punches are separated by
//! commas and numbered from 1.
//!
//! An outcome is `Mon 08:00-12:00 4.0000`: a session and its hours. After the sessions stand the anomalies with
//! the punch they are about: `Mon 08:00 missing_out`.

use std::fmt::Write as _;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime, Time, date},
};
use limen_payroll::{
    Amend, Amendment, Anomaly, Assignment, Away, Clock, Correction, Direction, Facts, Holiday,
    Kind, Method, Plan, Punch, PunchId, Rulebook, Rules, Shift, State, SyncMark, Synced, Timesheet,
    Worked, Zone, compare, hours, timesheet_planned, worked,
};
use uuid::Uuid;

pub const ANNA: Uuid = Uuid::from_u128(0xa);
pub const BOB: Uuid = Uuid::from_u128(0xb);
pub const CLERK: Uuid = Uuid::from_u128(0xc);
pub const DOOR: Uuid = Uuid::from_u128(0xd);
pub const OUTBOX: Uuid = Uuid::from_u128(0x0b);
pub const BOOT: Uuid = Uuid::from_u128(0xb007);

pub const MONDAY: Date = date(2026, 6, 1);
const WEEK: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Everything that one row is about.
#[derive(Debug)]
pub struct Row {
    pub zone: Zone,
    pub rules: Rules,
    pub punches: Vec<Punch>,
    pub amendments: Vec<Amendment>,
    pub corrections: Vec<Correction>,
    pub marks: Vec<SyncMark>,
    /// Anna works the first one from Monday to Friday, if there is one.
    pub shifts: Vec<Shift>,
    /// Instead of that.
    pub assignments: Vec<Assignment>,
    pub holidays: Vec<Holiday>,
    pub away: Vec<Away>,
    /// `None` where every terminal has told everything.
    pub terminals: Option<Vec<Synced>>,
    pub as_of: Timestamp,
}

/// Anna's punches at one door, in the zone, under the default rules; looked at a month later.
pub fn row(zone: &str, punches: &str) -> Row {
    let zone = Zone::named(zone).unwrap();
    let mut row = Row {
        rules: Rules::new(1, zone.clone()),
        zone,
        punches: Vec::new(),
        amendments: Vec::new(),
        corrections: Vec::new(),
        marks: Vec::new(),
        shifts: Vec::new(),
        assignments: Vec::new(),
        holidays: Vec::new(),
        away: Vec::new(),
        terminals: None,
        as_of: Timestamp::UNIX_EPOCH,
    };
    for text in punches
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        let (when, way) = text.rsplit_once(' ').unwrap();
        let at = row.instant(when);
        let direction = match way {
            "in" => Direction::In,
            "out" => Direction::Out,
            "-" => Direction::Auto,
            other => panic!("`{other}` is no way through a door"),
        };
        row.punch(at, direction);
    }
    let last = row.punches.iter().map(|p| p.at).max();
    row.as_of = last.unwrap_or_default() + (30 * 24).hours();
    row
}

impl Row {
    pub fn with(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(&mut self.rules);
        self
    }

    pub fn seen(mut self, when: &str) -> Self {
        self.as_of = self.instant(when);
        self
    }

    /// A punch that came to the cloud as it happened.
    pub fn punch(&mut self, at: Timestamp, direction: Direction) -> &mut Punch {
        let seq = u64::try_from(self.punches.len()).unwrap() + 1;
        self.punches.push(Punch {
            id: punch(seq),
            person: ANNA,
            site: None,
            terminal: DOOR,
            at,
            received: at,
            live: true,
            clock: Clock::Synced,
            boot: BOOT,
            uptime_ms: u64::try_from(at.as_millisecond() - epoch()).unwrap(),
            direction,
            method: Method::Face,
        });
        self.punches.last_mut().unwrap()
    }

    /// The buttons on the screen, in the order in which they were pressed: (punch, what it says).
    pub fn amend(mut self, amends: &[(u64, Amend)]) -> Self {
        self.amendments
            .extend((100..).zip(amends).map(|(seq, &(of, amend))| Amendment {
                id: punch(seq),
                of: punch(of),
                amend,
            }));
        self
    }

    pub fn correct(mut self, correction: Correction) -> Self {
        self.corrections.push(correction);
        self
    }

    /// `Mon 08:00`, `2026-03-28 22:00`, `2026-11-01 01:30-05`.
    pub fn instant(&self, when: &str) -> Timestamp {
        let (day, time) = when.split_once(' ').unwrap();
        let day: Date = WEEK.iter().position(|name| *name == day).map_or_else(
            || day.parse().unwrap(),
            |n| MONDAY + i64::try_from(n).unwrap().days(),
        );
        if let Some(sign) = time.find(['+', '-']) {
            return format!("{day}T{time}:00", time = &time[..sign])
                .parse::<DateTime>()
                .and_then(|local| format!("{local}{offset}:00", offset = &time[sign..]).parse())
                .unwrap();
        }
        self.zone.instant(day.to_datetime(clock_face(time))).0
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts {
            punches: &self.punches,
            amendments: &self.amendments,
            corrections: &self.corrections,
            marks: &self.marks,
            steps: &[],
        }
    }

    pub fn book(&self) -> Rulebook {
        Rulebook::new(self.rules.clone()).unwrap()
    }

    pub fn sheet(&self) -> (Timesheet, Vec<Anomaly>) {
        timesheet_planned(&self.facts(), &self.book(), &self.plan(), self.as_of)
    }

    /// Anna's shift from Monday to Friday: `08:00-16:00`, and what is particular about it.
    pub fn shift(mut self, hours: &str, change: impl FnOnce(&mut Shift)) -> Self {
        let (start, end) = hours.split_once('-').unwrap();
        let id = Uuid::from_u128(0x51 + u128::try_from(self.shifts.len()).unwrap());
        let mut shift = Shift::fixed(
            id,
            date(2000, 1, 1),
            hours,
            clock_face(start),
            clock_face(end),
        );
        change(&mut shift);
        self.shifts.push(shift);
        self
    }

    pub fn plan(&self) -> Plan {
        let mut assignments = self.assignments.clone();
        if let (true, Some(shift)) = (assignments.is_empty(), self.shifts.first()) {
            let mut cycle = vec![Some(shift.id); 5];
            cycle.resize(7, None);
            assignments.push(Assignment {
                person: ANNA,
                from: date(2000, 1, 1),
                site: None,
                anchor: MONDAY,
                cycle,
            });
        }
        Plan::new(self.shifts.clone(), assignments, &[], self.holidays.clone())
            .unwrap()
            .with_leave(self.away.iter().copied())
    }

    pub fn worked(&self) -> (Worked, Vec<Anomaly>) {
        worked(&self.sheet().0, &self.book(), &self.plan())
    }

    /// Planned against actual of a date, in words: `Mon due 8.0000 paid 7.9000, Mon 08:06 late 6 min`.
    pub fn compared(&self, day: &str) -> String {
        let date = self
            .zone
            .local(self.instant(&format!("{day} 12:00")))
            .date();
        let told = [Synced {
            terminal: DOOR,
            site: None,
            to: Some(self.as_of),
        }];
        let terminals = self.terminals.as_deref().unwrap_or(&told);
        let (paid, settings) = self.worked();
        let (days, mut anomalies) = compare(
            &self.sheet().0,
            &paid,
            (&self.book(), &self.plan()),
            terminals,
            (date, date),
        );
        anomalies.extend(settings);
        let mut words: Vec<String> = days
            .iter()
            .map(|day| {
                format!(
                    "{} due {} paid {}",
                    name(day.date),
                    hours(day.due_s),
                    hours(day.worked_s)
                )
            })
            .collect();
        for anomaly in &anomalies {
            let at = self.wall(anomaly.at.unwrap());
            let minutes = match anomaly.kind {
                Kind::Late { seconds }
                | Kind::LeftEarly { seconds }
                | Kind::ShortOfHours { seconds }
                | Kind::ClippedEarly { seconds }
                | Kind::BreakDeducted { seconds } => format!(" {} min", seconds / 60),
                _ => String::new(),
            };
            words.push(format!("{at} {}{minutes}", anomaly.kind.name()));
        }
        words.join(", ")
    }

    /// What the row comes to, in words.
    pub fn outcome(&self) -> String {
        let (sheet, anomalies) = self.sheet();
        let mut words = Vec::new();
        for session in &sheet.sessions {
            let from = self.wall(session.check_in.at);
            match session.check_out {
                Some(out) => {
                    let to = self.wall(out.at);
                    // The day once, where both have it.
                    let to = to
                        .strip_prefix(from.split_once(' ').unwrap().0)
                        .map_or(to.as_str(), str::trim_start);
                    words.push(format!("{from}-{to} {}", hours(session.seconds())));
                }
                None if session.state == State::Open => words.push(format!("{from}- open")),
                None => assert_eq!(session.seconds(), 0, "an exception is paid nothing"),
            }
        }
        for anomaly in &anomalies {
            let mut text = anomaly
                .at
                .map_or_else(String::new, |at| self.wall(at) + " ");
            write!(text, "{}", anomaly.kind.name()).unwrap();
            words.push(text);
        }
        words.join(", ")
    }

    /// Hours by day: `Mon 7.5000, Tue 8.0000`.
    pub fn days(&self) -> String {
        let (sheet, _) = self.sheet();
        let days = sheet
            .days
            .iter()
            .map(|day| format!("{} {}", name(day.date), day.hours()));
        days.collect::<Vec<_>>().join(", ")
    }

    pub fn wall(&self, at: Timestamp) -> String {
        let local = self.zone.local(at);
        let seconds = if local.second() == 0 {
            "%H:%M"
        } else {
            "%H:%M:%S"
        };
        format!("{} {}", name(local.date()), local.strftime(seconds))
    }
}

/// The event of that number.
pub fn punch(seq: u64) -> PunchId {
    PunchId {
        outbox: OUTBOX,
        seq,
    }
}

pub fn name(day: Date) -> String {
    let n = (day - MONDAY).get_days();
    usize::try_from(n)
        .ok()
        .and_then(|n| WEEK.get(n))
        .map_or_else(|| day.to_string(), |name| (*name).to_owned())
}

pub fn clock_face(time: &str) -> Time {
    time.parse().unwrap()
}

/// When the terminal of the tables booted: the beginning of 2011.
fn epoch() -> i64 {
    date(2011, 1, 1)
        .at(0, 0, 0, 0)
        .in_tz("UTC")
        .unwrap()
        .timestamp()
        .as_millisecond()
}
