//! Pay runs: draft → reviewed → locked → paid. What is locked never changes; what is learned later is an adjustment
//! in the next run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    adjust::{Adjustment, Payers, adjustments},
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

/// Whose pay of which dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Which dates.
    pub period: Period,
    /// Of these people; `None` is everybody.
    pub people: Option<BTreeSet<Uuid>>,
}

impl Scope {
    /// Everybody's pay of a period.
    #[must_use]
    pub fn everybody(period: Period) -> Self {
        Self {
            period,
            people: None,
        }
    }

    /// One person's.
    #[must_use]
    pub fn one(person: Uuid, period: Period) -> Self {
        Self {
            period,
            people: Some(BTreeSet::from([person])),
        }
    }

    /// Whether it has what is due for a person on a date.
    #[must_use]
    pub fn covers(&self, person: Uuid, due: Date) -> bool {
        self.period.contains(due) && self.has(person)
    }

    pub(crate) fn has(&self, person: Uuid) -> bool {
        self.people
            .as_ref()
            .is_none_or(|people| people.contains(&person))
    }
}

/// The pay of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayRun {
    /// Which run.
    pub id: Uuid,
    /// What it pays.
    pub scope: Scope,
    /// How far it is.
    pub state: RunState,
    /// The lines that are due in its scope, without those that a locked run has paid.
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

impl PayRun {
    /// A draft of everything that is due in a scope and that no run before has paid, and of what has changed in what
    /// they have paid for the same people. What is due is paid by one run, also where scopes overlap.
    ///
    /// `before` are all the runs that there are, in the order in which they were locked. `anomalies` are those of the
    /// period; flags among them withhold nothing and are left out, and so is what is about other people.
    #[must_use]
    pub fn draft(
        id: Uuid,
        scope: Scope,
        statement: &Statement,
        anomalies: &[Anomaly],
        before: &[Self],
        (by, at): (Uuid, Timestamp),
    ) -> Self {
        let mut run = Self {
            id,
            scope,
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
        let paid = Payers::new(before);
        let due = |line: &&PayLine| {
            self.scope.covers(line.person, line.due) && paid.payer(line.person, line.due).is_none()
        };
        self.lines = statement.lines.iter().filter(due).cloned().collect();
        self.adjustments = adjustments(before, statement);
        self.adjustments
            .retain(|adjustment| self.scope.has(adjustment.person));
        let open = |a: &&Anomaly| {
            a.severity() == Severity::Exception
                && a.person.is_none_or(|person| self.scope.has(person))
        };
        self.unsettled = anomalies.iter().filter(open).cloned().collect();
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

pub(crate) fn time(line: &PayLine) -> i64 {
    if line.component.is_time() {
        line.seconds.cast_signed()
    } else {
        0
    }
}
