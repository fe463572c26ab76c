//! What was learned after a run was locked: the difference to what it paid, in the next run.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    money::{Currency, Minor},
    run::{PayRun, RunState, time},
    statement::Statement,
};

/// What was learned of a day that is locked already: the difference to what was paid for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// The locked run that it is about.
    pub run: Uuid,
    /// Whose.
    pub person: Uuid,
    /// The working day.
    pub day: Date,
    /// In which currency.
    pub currency: Currency,
    /// More seconds than were paid, or fewer.
    pub seconds: i64,
    /// More money than was paid, or less.
    pub amount: Minor,
}

/// What a person gets in a run, beside the run before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Who.
    pub person: Uuid,
    /// In which currency.
    pub currency: Currency,
    /// In the run before.
    pub before: Minor,
    /// In this one.
    pub now: Minor,
    /// Seconds in the run before.
    pub before_s: i64,
    /// Seconds in this one.
    pub now_s: i64,
}

/// The locked runs, looked up by what they paid.
pub(crate) struct Payers<'a> {
    everybody: Vec<(usize, &'a PayRun)>,
    of: BTreeMap<Uuid, Vec<(usize, &'a PayRun)>>,
}

impl<'a> Payers<'a> {
    pub fn new(runs: &'a [PayRun]) -> Self {
        let mut payers = Self {
            everybody: Vec::new(),
            of: BTreeMap::new(),
        };
        for run in runs
            .iter()
            .enumerate()
            .filter(|(_, run)| run.state >= RunState::Locked)
        {
            match &run.1.scope.people {
                None => payers.everybody.push(run),
                Some(people) => people
                    .iter()
                    .for_each(|person| payers.of.entry(*person).or_default().push(run)),
            }
        }
        payers
    }

    /// The run that paid what was due for a person on a date: the first one that has it in its scope.
    pub fn payer(&self, person: Uuid, due: Date) -> Option<&'a PayRun> {
        let own = self.of.get(&person).map_or(&[][..], Vec::as_slice);
        let covers = |(_, run): &&(usize, &PayRun)| run.scope.period.contains(due);
        let first = own
            .iter()
            .find(covers)
            .into_iter()
            .chain(self.everybody.iter().find(covers));
        first.min_by_key(|(place, _)| *place).map(|(_, run)| *run)
    }
}

/// What has to be paid or taken back for locked runs: what they would come to now, less what they paid, less what
/// locked runs have adjusted already. The runs are in the order in which they were locked.
#[must_use]
pub fn adjustments(runs: &[PayRun], statement: &Statement) -> Vec<Adjustment> {
    let payers = Payers::new(runs);
    let mut days: BTreeMap<(Uuid, Uuid, Date, Currency), (i64, i64)> = BTreeMap::new();
    let mut add = |key, seconds, amount| {
        let day = days.entry(key).or_default();
        *day = (day.0 + seconds, day.1 + amount);
    };
    for line in &statement.lines {
        if let Some(run) = payers.payer(line.person, line.due) {
            add(
                (run.id, line.person, line.day, line.currency),
                time(line),
                line.amount.0,
            );
        }
    }
    for run in runs.iter().filter(|run| run.state >= RunState::Locked) {
        for line in &run.lines {
            add(
                (run.id, line.person, line.day, line.currency),
                -time(line),
                -line.amount.0,
            );
        }
        for made in &run.adjustments {
            add(
                (made.run, made.person, made.day, made.currency),
                -made.seconds,
                -made.amount.0,
            );
        }
    }
    days.into_iter()
        .filter(|(_, difference)| *difference != (0, 0))
        .map(
            |((run, person, day, currency), (seconds, amount))| Adjustment {
                run,
                person,
                day,
                currency,
                seconds,
                amount: Minor(amount),
            },
        )
        .collect()
}

impl PayRun {
    /// Beside the run before: who gets more, who less, who is new or gone. Who gets the same is there too.
    #[must_use]
    pub fn difference(&self, before: &Self) -> Vec<Difference> {
        let (now, before) = (self.totals(), before.totals());
        let mut keys: Vec<_> = now.keys().chain(before.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        let of = |key| {
            let (before, now) = (before.get(&key).copied(), now.get(&key).copied());
            let (before, now) = (before.unwrap_or_default(), now.unwrap_or_default());
            Difference {
                person: key.0,
                currency: key.1,
                before: before.1,
                now: now.1,
                before_s: before.0,
                now_s: now.0,
            }
        };
        keys.into_iter().map(of).collect()
    }
}
