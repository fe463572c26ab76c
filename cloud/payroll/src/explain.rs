//! Why a person gets what they get, as data: every second from the punches to the paid time, every cent from the
//! paid time to the total.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    facts::Reading,
    money::{Currency, Minor},
    pair::Session,
    pay::Total,
    period::Period,
    statement::{PayLine, Statement},
    timesheet::Timesheet,
    work::{Effect, Worked},
};

/// A person's pay of a period, from the punches on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whose.
    pub person: Uuid,
    /// Which dates.
    pub period: Period,
    /// Day by day; only those with a punch or a line.
    pub days: Vec<ExplainedDay>,
    /// The sums of the days.
    pub totals: Vec<Total>,
}

/// A working day: `sessions + effects = paid`, and the lines that pay it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExplainedDay {
    /// The working day.
    pub date: Date,
    /// Every punch of its sessions, and what became of it.
    pub punches: Vec<Reading>,
    /// Its sessions; one that isn't closed has no seconds.
    pub sessions: Vec<Session>,
    /// The seconds of the sessions.
    pub session_s: u64,
    /// What settings added and took.
    pub effects: Vec<Effect>,
    /// Their sum.
    pub effect_s: i64,
    /// The lines, each of which is a multiplication.
    pub lines: Vec<PayLine>,
    /// The seconds of work, paid breaks, paid leave and holidays.
    pub paid_s: u64,
    /// The sum of the lines in each currency.
    pub amounts: BTreeMap<Currency, Minor>,
}

/// Explains a person's pay of a period. Sheet, paid time and statement must come from one another.
///
/// A line stands on its working day, but only when it is due in the period: what overtime adds may belong to the
/// next one. So a day whose `session_s + effect_s` is more than its `paid_s` has time without a rate, and nothing
/// else; and the amounts of the days are the totals.
#[must_use]
pub fn explain(
    sheet: &Timesheet,
    paid: &Worked,
    statement: &Statement,
    person: Uuid,
    period: Period,
) -> Explanation {
    let mut days: BTreeMap<Date, ExplainedDay> = BTreeMap::new();
    let mut punches = BTreeMap::new();
    let sessions = of(&sheet.sessions, person, |session| session.person);
    for session in sessions.iter().filter(|s| period.contains(s.day)) {
        let day = days.entry(session.day).or_default();
        day.session_s += session.seconds();
        day.sessions.push(session.clone());
        punches.insert(session.check_in.punch, session.day);
        punches.extend(session.check_out.map(|out| (out.punch, session.day)));
    }
    for reading in of(&sheet.readings, person, |reading| reading.person) {
        if let Some(day) = punches.get(&reading.punch) {
            days.entry(*day).or_default().punches.push(reading.clone());
        }
    }
    let effects = of(&paid.effects, person, |effect| effect.person);
    for effect in effects.iter().filter(|e| period.contains(e.day)) {
        let day = days.entry(effect.day).or_default();
        day.effect_s += effect.seconds;
        day.effects.push(effect.clone());
    }
    let lines = of(&statement.lines, person, |line| line.person);
    let due = Statement::new(lines.to_vec()).between(period.first, period.last);
    for line in &due.lines {
        let day = days.entry(line.day).or_default();
        day.paid_s += if line.component.is_time() {
            line.seconds
        } else {
            0
        };
        let amount = day.amounts.entry(line.currency).or_default();
        *amount = [*amount, line.amount].into_iter().sum();
        day.lines.push(line.clone());
    }
    for (date, day) in &mut days {
        day.date = *date;
    }
    Explanation {
        person,
        period,
        days: days.into_values().collect(),
        totals: due.totals,
    }
}

/// A person's part of a list that is ordered by person.
fn of<T>(list: &[T], person: Uuid, whose: impl Fn(&T) -> Uuid) -> &[T] {
    let begin = list.partition_point(|item| whose(item) < person);
    let end = list.partition_point(|item| whose(item) <= person);
    &list[begin..end]
}
