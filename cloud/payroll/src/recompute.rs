//! Conclusions that are kept and brought up to date: of new facts only the employee-days are computed again that they
//! touch, and the result is the one that computing everything again has.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan, civil::Date};
use uuid::Uuid;

use crate::{
    anomaly::Anomaly,
    facts::{Placed, Reading, gather},
    pair::{Paired, Session, pair},
    price::{Priced, Prices},
    punch::Facts,
    statement::{PayTerms, Statement},
    timesheet::{Timesheet, days},
    work::{Piece, Worked, together, work_of_day},
};

/// A working day of a person.
pub type EmployeeDay = (Uuid, Date);

/// Everything that follows from facts under terms, piece by piece. Other rules or another plan make
/// it worthless: begin anew; for what touches single days there is [`reprice`](Self::reprice).
#[derive(Debug)]
pub struct Conclusions {
    as_of: Timestamp,
    people: BTreeMap<Uuid, (Vec<Placed>, Paired)>,
    /// What was found before the punches were paired.
    readings: Vec<Reading>,
    anomalies: Vec<Anomaly>,
    worked: BTreeMap<EmployeeDay, (Worked, Vec<Anomaly>)>,
    priced: BTreeMap<EmployeeDay, Priced>,
}

impl Conclusions {
    /// All of it.
    #[must_use]
    pub fn of(facts: &Facts<'_>, terms: &PayTerms<'_>, as_of: Timestamp) -> Self {
        let mut all = Self {
            as_of,
            people: BTreeMap::new(),
            readings: Vec::new(),
            anomalies: Vec::new(),
            worked: BTreeMap::new(),
            priced: BTreeMap::new(),
        };
        all.learn(facts, terms, as_of);
        all
    }

    /// Takes other facts into account: all that are known, the old ones too, in any order. Returns the employee-days
    /// that were computed again.
    ///
    /// The facts are put in order and compared with those before. A person's punches are paired again from the last
    /// rest before the first change to the first rest after the last one; the days whose sessions are others then, and
    /// for overtime the work weeks around them, are priced again.
    pub fn learn(
        &mut self,
        facts: &Facts<'_>,
        terms: &PayTerms<'_>,
        as_of: Timestamp,
    ) -> BTreeSet<EmployeeDay> {
        let gathered = gather(facts, terms.rules);
        (self.readings, self.anomalies) = (gathered.readings, gathered.anomalies);
        let mut now: BTreeMap<Uuid, Vec<Placed>> = BTreeMap::new();
        for punches in gathered.placed.chunk_by(|a, b| a.person == b.person) {
            now.insert(punches[0].person, punches.to_vec());
        }
        let gone = self
            .people
            .keys()
            .filter(|person| !now.contains_key(person))
            .copied()
            .collect::<Vec<_>>();
        now.extend(gone.into_iter().map(|person| (person, Vec::new())));
        let same_time = self.as_of == as_of;
        self.as_of = as_of;
        let mut touched = BTreeSet::new();
        for (person, punches) in now {
            let (old_punches, old) = self.people.remove(&person).unwrap_or_default();
            let paired = repair(
                person,
                (&old_punches, &old),
                &punches,
                terms,
                as_of,
                same_time,
            );
            for session in differing(&old.sessions, &paired.sessions) {
                touched.insert((person, session.day));
            }
            if !punches.is_empty() {
                self.people.insert(person, (punches, paired));
            }
        }
        self.reprice(&touched, terms);
        touched
    }

    /// Pays some employee-days again, and the work weeks around them, because terms changed that touch no other ones:
    /// overtime was approved, leave was granted, a rate begins.
    pub fn reprice(&mut self, touched: &BTreeSet<EmployeeDay>, terms: &PayTerms<'_>) {
        for &(person, day) in touched {
            let paired = self
                .people
                .get(&person)
                .map_or(&[][..], |(_, paired)| &paired.sessions);
            let closed: Vec<_> = paired
                .iter()
                .filter(|s| s.day == day && s.check_out.is_some())
                .collect();
            self.worked
                .insert((person, day), work_of_day(&closed, terms.rules, terms.plan));
        }
        self.worked
            .retain(|_, (worked, anomalies)| *worked != Worked::default() || !anomalies.is_empty());
        let prices = Prices::new(terms);
        let people: BTreeSet<Uuid> = touched.iter().map(|(person, _)| *person).collect();
        for person in people {
            let days = touched
                .range((person, Date::MIN)..=(person, Date::MAX))
                .map(|(_, day)| *day)
                .collect();
            let mut pieces: Vec<&Piece> = self
                .worked
                .range((person, Date::MIN)..=(person, Date::MAX))
                .flat_map(|(_, (worked, _))| &worked.pieces)
                .collect();
            pieces.sort_by_key(|piece| piece.from);
            let all = pieces.iter().map(|piece| piece.day).collect();
            let around = weeks_around(days, &pieces, &prices);
            pieces.retain(|piece| around.contains(&piece.day));
            for day in &around {
                self.priced.remove(&(person, *day));
            }
            let priced = prices.person(&pieces, &all);
            for line in priced.lines {
                self.priced
                    .entry((person, line.day))
                    .or_default()
                    .lines
                    .push(line);
            }
            for (day, anomaly) in priced.anomalies {
                self.priced
                    .entry((person, day))
                    .or_default()
                    .anomalies
                    .push((day, anomaly));
            }
        }
    }

    /// What [`timesheet_planned`](crate::timesheet_planned) says.
    #[must_use]
    pub fn timesheet(&self, terms: &PayTerms<'_>) -> (Timesheet, Vec<Anomaly>) {
        let mut sheet = Timesheet {
            as_of: self.as_of,
            sessions: Vec::new(),
            days: Vec::new(),
            readings: self.readings.clone(),
        };
        let mut anomalies = self.anomalies.clone();
        for (_, paired) in self.people.values() {
            sheet.sessions.extend(paired.sessions.iter().cloned());
            sheet.readings.extend(paired.readings.iter().cloned());
            anomalies.extend(paired.anomalies.iter().cloned());
        }
        sheet
            .readings
            .sort_unstable_by_key(|r| (r.person, r.at, r.punch));
        sheet.days = days(&sheet.sessions, terms.rules);
        anomalies.sort_unstable();
        anomalies.dedup();
        (sheet, anomalies)
    }

    /// What [`worked`](crate::worked) says.
    #[must_use]
    pub fn worked(&self) -> (Worked, Vec<Anomaly>) {
        together(self.worked.values().cloned())
    }

    /// What [`statement`](crate::statement()) says, with leave and holidays until a date.
    #[must_use]
    pub fn statement(&self, terms: &PayTerms<'_>, until: Date) -> (Statement, Vec<Anomaly>) {
        let (mut lines, mut anomalies) = Prices::new(terms).absences(until);
        for priced in self.priced.values() {
            lines.extend(priced.lines.iter().cloned());
            anomalies.extend(priced.anomalies.iter().map(|(_, anomaly)| anomaly.clone()));
        }
        anomalies.sort_unstable();
        (Statement::new(lines), anomalies)
    }
}

/// All days of the work weeks that have one of these days in them, and the days themselves.
fn weeks_around(
    mut days: BTreeSet<Date>,
    pieces: &[&Piece],
    prices: &Prices<'_>,
) -> BTreeSet<Date> {
    loop {
        let before = days.len();
        for piece in pieces {
            let week = prices.week(piece);
            if days
                .range(week..=week.saturating_add(6.days()))
                .next()
                .is_some()
            {
                days.insert(piece.day);
            }
        }
        if days.len() == before {
            return days;
        }
    }
}

/// The sessions that are in one list and not in the other; both are in the order of their beginnings.
fn differing<'a>(old: &'a [Session], new: &'a [Session]) -> impl Iterator<Item = &'a Session> {
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[same..], &new[same..]);
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    old[..old.len() - tail]
        .iter()
        .chain(&new[..new.len() - tail])
}

/// Pairs a person's punches where they are not what they were, and keeps the rest.
fn repair(
    person: Uuid,
    (old_punches, old): (&[Placed], &Paired),
    punches: &[Placed],
    terms: &PayTerms<'_>,
    as_of: Timestamp,
    same_time: bool,
) -> Paired {
    let context = (terms.rules, terms.plan);
    let mut head = old_punches
        .iter()
        .zip(punches)
        .take_while(|(a, b)| a == b)
        .count();
    let shorter = old_punches.len().min(punches.len());
    let mut tail = old_punches
        .iter()
        .rev()
        .zip(punches.iter().rev())
        .take(shorter - head)
        .take_while(|(a, b)| a == b)
        .count();
    // Whoever was in may have been in for too long by now.
    let later = old.open && !same_time;
    if later {
        head = head.min(old.rests.last().map_or(0, |rest| rest + 1));
        tail = 0;
    } else if head == old_punches.len() && head == punches.len() {
        return old.clone();
    }
    // A rest before the first punch that changed says nothing, since that punch has a part in it.
    let begin = old.rests[..old.rests.partition_point(|rest| *rest < head)]
        .last()
        .copied()
        .unwrap_or(0);
    let unchanged = |n: usize| {
        let old_n = (n + old_punches.len()).checked_sub(punches.len())?;
        (n > begin && n + tail >= punches.len() && old.rests.binary_search(&old_n).is_ok())
            .then_some(old_n)
    };
    let mut paired = pair(person, &punches[begin..], context, as_of, |n| {
        unchanged(begin + n).is_some()
    });
    let stopped = begin + paired.readings.len();
    let Some(again) = (stopped < punches.len())
        .then(|| unchanged(stopped))
        .flatten()
    else {
        return spliced(old, (begin, old_punches), None, paired);
    };
    paired.open = old.open;
    spliced(old, (begin, old_punches), Some((again, stopped)), paired)
}

/// What was concluded before a punch, then anew, then again what was concluded from a later punch on: that is given
/// by its old number and its new one.
fn spliced(
    old: &Paired,
    (begin, punches): (usize, &[Placed]),
    again: Option<(usize, usize)>,
    new: Paired,
) -> Paired {
    let from = again.map_or(punches.len(), |(old_n, _)| old_n);
    let key = |n: usize| punches.get(n).map(|punch| (punch.at, punch.id));
    let before = |at: Timestamp, id| key(begin).is_none_or(|key| (at, id) < key);
    let after = |at: Timestamp, id| again.is_some() && key(from).is_some_and(|key| (at, id) >= key);
    let mut all = Paired {
        open: new.open,
        ..Paired::default()
    };

    let kept = |s: &&Session| before(s.check_in.at, s.check_in.punch);
    all.sessions
        .extend(old.sessions.iter().take_while(kept).cloned());
    all.sessions.extend(new.sessions);
    let kept = |s: &&Session| after(s.check_in.at, s.check_in.punch);
    all.sessions
        .extend(old.sessions.iter().filter(kept).cloned());

    all.readings.extend_from_slice(&old.readings[..begin]);
    all.readings.extend(new.readings);
    all.readings.extend_from_slice(&old.readings[from..]);

    let place = |anomaly: &Anomaly| anomaly.at.zip(anomaly.punches.first().copied());
    let kept = |a: &&Anomaly| place(a).is_some_and(|(at, id)| before(at, id));
    all.anomalies
        .extend(old.anomalies.iter().filter(kept).cloned());
    all.anomalies.extend(new.anomalies);
    let kept = |a: &&Anomaly| place(a).is_some_and(|(at, id)| after(at, id));
    all.anomalies
        .extend(old.anomalies.iter().filter(kept).cloned());

    all.rests
        .extend(old.rests.iter().filter(|rest| **rest < begin));
    all.rests.extend(new.rests.iter().map(|rest| begin + rest));
    if let Some((old_n, new_n)) = again {
        all.rests.extend(
            old.rests
                .iter()
                .filter(|rest| **rest >= old_n)
                .map(|rest| rest - old_n + new_n),
        );
    }
    all
}
