//! Pay runs: draft → reviewed → locked → paid. What is locked never changes; what is learned later is an adjustment
//! in the next run.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    anomaly::{Anomaly, Severity},
    money::{Currency, Minor},
    period::Period,
    statement::{PayLine, Statement},
};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Computed, and computed again whenever something is learned.
    Draft,
    /// Somebody has looked at it.
    Reviewed,
    /// It never changes any more.
    Locked,
    /// The money has left.
    Paid,
}

/// Who did what to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it became.
    pub state: RunState,
    /// Who.
    pub by: Uuid,
    /// When.
    pub at: Timestamp,
}

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

/// The pay of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PayRun {
    /// Which run.
    pub id: Uuid,
    /// What it pays.
    pub period: Period,
    /// How far it is.
    pub state: RunState,
    /// The lines that are due in the period.
    pub lines: Vec<PayLine>,
    /// What is paid or taken back for runs before.
    pub adjustments: Vec<Adjustment>,
    /// Exceptions: their time, or a part of their pay, is not in this run.
    pub unsettled: Vec<Anomaly>,
    /// Everything that was done, first to last.
    pub history: Vec<Step>,
}

/// Why a run can't be moved on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// It isn't in the state for that.
    #[error("the pay run {run} is {is:?}: only a run that is {needs:?} can become {to:?}")]
    State {
        /// Which run.
        run: Uuid,
        /// What it is.
        is: RunState,
        /// What it should be.
        needs: RunState,
        /// What was asked for.
        to: RunState,
    },
    /// There are exceptions that nobody has accepted. Nothing is locked at zero silently.
    #[error("{} exceptions are not settled: settle them, or lock without their time by naming each of them", .0.len())]
    Unsettled(Vec<Anomaly>),
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

impl PayRun {
    /// A draft of everything that is due in a period, and of what has changed in the runs before it.
    ///
    /// `anomalies` are those of the period; flags among them withhold nothing and are left out.
    #[must_use]
    pub fn draft(
        (id, period): (Uuid, Period),
        statement: &Statement,
        anomalies: &[Anomaly],
        before: &[Self],
        (by, at): (Uuid, Timestamp),
    ) -> Self {
        let mut run = Self {
            id,
            period,
            state: RunState::Draft,
            lines: Vec::new(),
            adjustments: Vec::new(),
            unsettled: Vec::new(),
            history: vec![Step {
                state: RunState::Draft,
                by,
                at,
            }],
        };
        run.fill(statement, anomalies, before);
        run
    }

    fn fill(&mut self, statement: &Statement, anomalies: &[Anomaly], before: &[Self]) {
        self.lines = statement.between(self.period.first, self.period.last).lines;
        self.adjustments = adjustments(before, statement);
        self.unsettled = anomalies
            .iter()
            .filter(|a| a.severity() == Severity::Exception)
            .cloned()
            .collect();
        self.unsettled.sort_unstable();
    }

    /// Computed anew; what was reviewed is a draft again, if anything is other than it was.
    ///
    /// # Errors
    /// When it is locked.
    pub fn refresh(
        &mut self,
        statement: &Statement,
        anomalies: &[Anomaly],
        before: &[Self],
        (by, at): (Uuid, Timestamp),
    ) -> Result<(), RunError> {
        if self.state >= RunState::Locked {
            return Err(self.refused(RunState::Draft, RunState::Draft));
        }
        let was = self.clone();
        self.fill(statement, anomalies, before);
        if *self != was && self.state == RunState::Reviewed {
            self.step(RunState::Draft, by, at);
        }
        Ok(())
    }

    /// Somebody has looked at it.
    ///
    /// # Errors
    /// When it isn't a draft.
    pub fn review(&mut self, by: Uuid, at: Timestamp) -> Result<(), RunError> {
        self.from(RunState::Draft, RunState::Reviewed)?;
        self.step(RunState::Reviewed, by, at);
        Ok(())
    }

    /// Fixes it for good, and pays the settled part. Each exception has to be named: `accepted` are those that
    /// somebody has read and will settle later.
    ///
    /// # Errors
    /// When it hasn't been reviewed, or an exception isn't among the accepted ones.
    pub fn lock(&mut self, accepted: &[Anomaly], by: Uuid, at: Timestamp) -> Result<(), RunError> {
        self.from(RunState::Reviewed, RunState::Locked)?;
        let open: Vec<Anomaly> = self
            .unsettled
            .iter()
            .filter(|a| !accepted.contains(a))
            .cloned()
            .collect();
        if !open.is_empty() {
            return Err(RunError::Unsettled(open));
        }
        self.step(RunState::Locked, by, at);
        Ok(())
    }

    /// The money has left.
    ///
    /// # Errors
    /// When it isn't locked.
    pub fn pay(&mut self, by: Uuid, at: Timestamp) -> Result<(), RunError> {
        self.from(RunState::Locked, RunState::Paid)?;
        self.step(RunState::Paid, by, at);
        Ok(())
    }

    /// What each person gets in each currency: seconds and money, lines and adjustments.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<(Uuid, Currency), (i64, Minor)> {
        let mut totals: BTreeMap<_, (i64, Minor)> = BTreeMap::new();
        let lines = self
            .lines
            .iter()
            .map(|line| ((line.person, line.currency), time(line), line.amount));
        let adjusted = self
            .adjustments
            .iter()
            .map(|a| ((a.person, a.currency), a.seconds, a.amount));
        for (key, seconds, amount) in lines.chain(adjusted) {
            let total = totals.entry(key).or_default();
            *total = (total.0 + seconds, [total.1, amount].into_iter().sum());
        }
        totals
    }

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

    fn from(&self, needs: RunState, to: RunState) -> Result<(), RunError> {
        if self.state == needs {
            Ok(())
        } else {
            Err(self.refused(needs, to))
        }
    }

    fn refused(&self, needs: RunState, to: RunState) -> RunError {
        RunError::State {
            run: self.id,
            is: self.state,
            needs,
            to,
        }
    }

    fn step(&mut self, state: RunState, by: Uuid, at: Timestamp) {
        self.state = state;
        self.history.push(Step { state, by, at });
    }
}

fn time(line: &PayLine) -> i64 {
    if line.component.is_time() {
        line.seconds.cast_signed()
    } else {
        0
    }
}

/// What has to be paid or taken back for locked runs: what their periods come to now, less what they paid, less what
/// later runs that are locked have adjusted already.
#[must_use]
pub fn adjustments(runs: &[PayRun], statement: &Statement) -> Vec<Adjustment> {
    let mut all = Vec::new();
    let locked = || runs.iter().filter(|run| run.state >= RunState::Locked);
    for run in locked() {
        let mut days: BTreeMap<(Uuid, Date, Currency), (i64, i64)> = BTreeMap::new();
        let mut add = |key, seconds, amount| {
            let day = days.entry(key).or_default();
            *day = (day.0 + seconds, day.1 + amount);
        };
        for line in statement
            .lines
            .iter()
            .filter(|line| run.period.contains(line.due))
        {
            add(
                (line.person, line.day, line.currency),
                time(line),
                line.amount.0,
            );
        }
        for line in &run.lines {
            add(
                (line.person, line.day, line.currency),
                -time(line),
                -line.amount.0,
            );
        }
        for made in locked()
            .flat_map(|other| &other.adjustments)
            .filter(|made| made.run == run.id)
        {
            add(
                (made.person, made.day, made.currency),
                -made.seconds,
                -made.amount.0,
            );
        }
        let open = days
            .into_iter()
            .filter(|(_, difference)| *difference != (0, 0));
        all.extend(
            open.map(|((person, day, currency), (seconds, amount))| Adjustment {
                run: run.id,
                person,
                day,
                currency,
                seconds,
                amount: Minor(amount),
            }),
        );
    }
    all
}
