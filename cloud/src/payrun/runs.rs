//! Pay runs: draft → reviewed → locked → paid.
//!
//! A run that isn't locked keeps its scope and what was done to it; what it pays is computed when somebody looks. A
//! locked one keeps every line, and never changes. Sessions that were marked as paid one by one (the old route) are
//! runs of one person and day that were locked before all others: what such a day comes to beside its marks is an
//! adjustment.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use limen_payroll::{
    Adjustment, Anomaly, Component, Currency, Factor, Minor, PayLine, PayRun, Period, RunError,
    RunState, Scope, Step,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::App;
use crate::attendance::AttendanceError;
use crate::attendance::reckoning::Reckoning;
use crate::attendance::terms::Terms;
use crate::store::agreements::{KeptRun, NewRun, Seen};
use crate::store::audit::{Deed, hex};
use crate::store::{AccountId, PaidSession, StoreError, TenantId};

/// Why a pay run is not moved on.
#[derive(Debug, thiserror::Error)]
pub enum PayRunError {
    /// There is no such run.
    #[error("there is no such pay run")]
    Unknown,
    /// It isn't in the state for that, or exceptions are open.
    #[error(transparent)]
    Refused(#[from] RunError),
    /// It isn't what was reviewed.
    #[error("what it pays has changed since it was reviewed: look at it and review it again")]
    Changed,
    /// Its dates are not over.
    #[error("the period lasts until {0}: lock it when that day is over")]
    NotOver(Date),
    /// Somebody else paid or changed it at the same moment.
    #[error("somebody else paid or changed it at the same moment: look again")]
    Overtaken,
    /// It can't be computed.
    #[error(transparent)]
    Attendance(#[from] AttendanceError),
}

impl From<StoreError> for PayRunError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overtaken(_) => Self::Overtaken,
            other => Self::Attendance(other.into()),
        }
    }
}

/// What is kept of a run, without the people's parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Body {
    scope: Scope,
    state: RunState,
    history: Vec<Step>,
    /// SHA-256 of what was reviewed.
    reviewed: Option<String>,
    /// What was accepted at the lock.
    unsettled: Vec<Anomaly>,
    /// Of a locked one.
    totals: Vec<Sum>,
}

/// What a run pays in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// In which currency.
    pub currency: Currency,
    /// Seconds; fewer than none where adjustments take back more.
    pub seconds: i64,
    /// Gross.
    pub amount: Minor,
}

#[derive(Serialize, Deserialize)]
struct Part {
    lines: Vec<PayLine>,
    adjustments: Vec<Adjustment>,
}

/// A run as it stands in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Which.
    pub id: Uuid,
    /// Whose pay of which dates.
    pub scope: Scope,
    /// How far it is.
    pub state: RunState,
    /// What was done.
    pub history: Vec<Step>,
    /// Of a locked one.
    pub totals: Vec<Sum>,
}

/// A run with all that it pays.
pub struct Opened {
    /// The run; of one that isn't locked, as it would be now.
    pub run: PayRun,
    /// Whether it pays something else than what was reviewed.
    pub changed: bool,
    /// What it was computed from.
    pub reckoning: Reckoning,
    /// The locked run before it with people of the same kind.
    pub before: Option<PayRun>,
    version: u64,
    seen: Seen,
}

fn body(kept: &KeptRun) -> Result<Body, StoreError> {
    serde_json::from_str(&kept.body).map_err(|_| StoreError::Damaged("pay_runs.body"))
}

fn text<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Damaged("pay_runs.body"))
}

/// A short name for an exception, to accept it by: the same facts have the same.
#[must_use]
pub fn name_of(anomaly: &Anomaly) -> String {
    let said = serde_json::to_vec(anomaly).unwrap_or_default();
    hex(&Sha256::digest(said).into())[..16].to_owned()
}

/// What a run comes to in each currency.
#[must_use]
pub fn sums(run: &PayRun) -> Vec<Sum> {
    let mut sums: BTreeMap<Currency, (i64, Minor)> = BTreeMap::new();
    for ((_, currency), (seconds, amount)) in run.totals() {
        let sum = sums.entry(currency).or_default();
        *sum = (sum.0 + seconds, [sum.1, amount].into_iter().sum());
    }
    let sum = |(currency, (seconds, amount))| Sum {
        currency,
        seconds,
        amount,
    };
    sums.into_iter().map(sum).collect()
}

fn digest(run: &PayRun) -> Result<String, StoreError> {
    let paid = text(&(&run.lines, &run.adjustments, &run.unsettled))?;
    Ok(hex(&Sha256::digest(paid).into()))
}

/// All runs, the first one first.
///
/// # Errors
/// When they can't be read.
pub async fn list(app: &App, tenant: TenantId) -> Result<Vec<Listed>, StoreError> {
    let kept = app.store.pay_runs(tenant).await?;
    let listed = kept.iter().map(|kept| {
        let body = body(kept)?;
        Ok(Listed {
            id: kept.id,
            scope: body.scope,
            state: body.state,
            history: body.history,
            totals: body.totals,
        })
    });
    listed.collect()
}

/// The scopes of the locked runs: what is due there isn't due to be paid otherwise.
///
/// # Errors
/// When they can't be read.
pub async fn locked_scopes(app: &App, tenant: TenantId) -> Result<Vec<Scope>, StoreError> {
    let runs = list(app, tenant).await?;
    let locked = runs.into_iter().filter(|run| run.state >= RunState::Locked);
    Ok(locked.map(|run| run.scope).collect())
}

/// The locked runs with what they paid, in the order in which they were locked.
async fn locked(app: &App, tenant: TenantId, kept: &[KeptRun]) -> Result<Vec<PayRun>, StoreError> {
    let mut parts: BTreeMap<Uuid, (Vec<PayLine>, Vec<Adjustment>)> = BTreeMap::new();
    for part in app.store.run_parts(tenant, None).await? {
        let read: Part = serde_json::from_str(&part.body)
            .map_err(|_| StoreError::Damaged("pay_run_people.body"))?;
        let whole = parts.entry(part.run).or_default();
        whole.0.extend(read.lines);
        whole.1.extend(read.adjustments);
    }
    let mut runs = Vec::new();
    for one in kept.iter().filter(|kept| kept.locked.is_some()) {
        let body = body(one)?;
        let (lines, adjustments) = parts.remove(&one.id).unwrap_or_default();
        let run = PayRun {
            id: one.id,
            scope: body.scope,
            state: body.state,
            lines,
            adjustments,
            unsettled: body.unsettled,
            history: body.history,
        };
        runs.push((one.locked, run));
    }
    runs.sort_by_key(|(place, _)| *place);
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

/// What was marked as paid session by session, as runs of one person and day.
fn marked(paid: &[PaidSession], terms: &Terms) -> Vec<PayRun> {
    let mut days: BTreeMap<(Uuid, Date), Vec<PayLine>> = BTreeMap::new();
    for session in paid {
        let Ok(currency) = session.currency.parse() else {
            continue;
        };
        let person = session.person.0;
        let rules = terms.book.at(session.check_in);
        let day = terms
            .plan
            .working_day(person, None, session.check_in, rules);
        let long = session.check_out.duration_since(session.check_in);
        days.entry((person, day)).or_default().push(PayLine {
            person,
            day,
            due: day,
            site: None,
            component: Component::Work,
            from: session.check_in,
            to: session.check_out,
            seconds: u64::try_from(long.as_secs()).unwrap_or(0),
            per_hour: Decimal::ZERO
                .try_into()
                .unwrap_or_else(|_| unreachable!("zero is a rate")),
            factor: Factor::ONE,
            currency,
            amount: Minor(session.amount_minor),
            rules: rules.version,
            shift: None,
            punches: Vec::new(),
        });
    }
    let run = |((person, day), lines)| PayRun {
        id: Uuid::nil(),
        scope: Scope::one(
            person,
            Period {
                first: day,
                last: day,
            },
        ),
        state: RunState::Paid,
        lines,
        adjustments: Vec::new(),
        unsettled: Vec::new(),
        history: Vec::new(),
    };
    days.into_iter().map(run).collect()
}

/// Begins a run.
///
/// # Errors
/// When it can't be kept.
pub async fn begin(
    app: &App,
    (tenant, by): (TenantId, AccountId),
    scope: Scope,
) -> Result<Uuid, PayRunError> {
    let (id, at) = (Uuid::now_v7(), app.now());
    let body = Body {
        scope,
        state: RunState::Draft,
        history: vec![Step {
            state: RunState::Draft,
            by: by.0,
            at,
        }],
        reviewed: None,
        unsettled: Vec::new(),
        totals: Vec::new(),
    };
    let mut deed = Deed::new(by, at, "pay_run_begun", Some(id));
    deed.after = Some(text(&body.scope)?);
    let new = NewRun {
        id,
        version: 0,
        body: text(&body)?,
        locks: None,
        deed,
    };
    app.store.keep_run(tenant, new).await?;
    Ok(id)
}

impl Opened {
    /// Reads a run, and computes what it pays if it isn't locked.
    ///
    /// # Errors
    /// Where there is no such run, or it can't be computed.
    pub async fn of(app: &App, tenant: TenantId, id: Uuid) -> Result<Self, PayRunError> {
        let now = app.now();
        // What was paid is read before the facts: a payment in between is noticed at the lock.
        let seen = app.store.seen(tenant).await?;
        let kept = app.store.pay_runs(tenant).await?;
        let this = kept.iter().find(|run| run.id == id);
        let this = this.ok_or(PayRunError::Unknown)?;
        let locked = locked(app, tenant, &kept).await?;
        let body = body(this)?;
        let paid = app.store.paid_sessions(tenant, None).await?;
        // What locked runs paid of leave to come must not look as if it had been taken back.
        let lasts = locked.iter().map(|run| run.scope.period.last);
        let until = lasts.chain([body.scope.period.last]).max();
        let until = until.unwrap_or(body.scope.period.last);
        let dates = (body.scope.period, until);
        let reckoning = Reckoning::of(app, tenant, None, dates, now).await?;
        let place = this.locked;
        let earlier = |run: &&PayRun| {
            run.id != id && run.scope.people.is_some() == body.scope.people.is_some()
        };
        let before = match place {
            None => locked.iter().rfind(earlier).cloned(),
            Some(_) => {
                let own = locked.iter().position(|run| run.id == id).unwrap_or(0);
                locked[..own].iter().rfind(earlier).cloned()
            }
        };
        if let Some(run) = locked.iter().find(|run| run.id == id) {
            return Ok(Self {
                run: run.clone(),
                changed: false,
                reckoning,
                before,
                version: this.version,
                seen,
            });
        }
        let mut earlier = marked(&paid, &reckoning.attendance.terms);
        earlier.extend(locked);
        let exceptions = reckoning.exceptions_in(body.scope.period);
        let first = (Uuid::nil(), now);
        let statement = &reckoning.statement;
        let mut run = PayRun::draft(id, body.scope, statement, &exceptions, &earlier, first);
        let people: std::collections::BTreeSet<Uuid> = reckoning.names().keys().copied().collect();
        run.lines.retain(|line| people.contains(&line.person));
        (run.state, run.history) = (body.state, body.history);
        let changed = match &body.reviewed {
            Some(reviewed) => *reviewed != digest(&run)?,
            None => false,
        };
        Ok(Self {
            run,
            changed,
            reckoning,
            before,
            version: this.version,
            seen,
        })
    }

    fn body(&self, reviewed: Option<String>) -> Body {
        Body {
            scope: self.run.scope.clone(),
            state: self.run.state,
            history: self.run.history.clone(),
            reviewed,
            unsettled: self.run.unsettled.clone(),
            totals: sums(&self.run),
        }
    }

    /// Somebody has looked at it.
    ///
    /// # Errors
    /// When it is locked, or somebody else changed it.
    pub async fn review(mut self, app: &App, by: (TenantId, AccountId)) -> Result<(), PayRunError> {
        let (tenant, by) = by;
        // What was reviewed and has changed is a draft again.
        if self.changed {
            self.run.state = RunState::Draft;
        }
        self.run.review(by.0, app.now())?;
        let body = Body {
            unsettled: Vec::new(),
            totals: Vec::new(),
            ..self.body(Some(digest(&self.run)?))
        };
        let new = NewRun {
            id: self.run.id,
            version: self.version,
            body: text(&body)?,
            locks: None,
            deed: Deed::new(by, app.now(), "pay_run_reviewed", Some(self.run.id)),
        };
        Ok(app.store.keep_run(tenant, new).await?)
    }

    /// Fixes it for good. `accepted` names each exception that stays open.
    ///
    /// # Errors
    /// When it isn't reviewed, has changed since, isn't over, or an exception is open and not accepted.
    pub async fn lock(
        mut self,
        app: &App,
        (tenant, by): (TenantId, AccountId),
        accepted: &[String],
    ) -> Result<(), PayRunError> {
        let now = app.now();
        let terms = &self.reckoning.attendance.terms;
        let last = self.run.scope.period.last;
        if terms.book.at(now).zone.local(now).date() <= last {
            return Err(PayRunError::NotOver(last));
        }
        if self.changed {
            return Err(PayRunError::Changed);
        }
        let unsettled = self.run.unsettled.iter();
        let named = unsettled.filter(|a| accepted.contains(&name_of(a)));
        let named: Vec<Anomaly> = named.cloned().collect();
        self.run.lock(&named, by.0, now)?;
        let mut parts: BTreeMap<Uuid, Part> = BTreeMap::new();
        for line in &self.run.lines {
            entry(&mut parts, line.person).lines.push(line.clone());
        }
        for adjustment in &self.run.adjustments {
            let part = entry(&mut parts, adjustment.person);
            part.adjustments.push(*adjustment);
        }
        let mut written = Vec::new();
        for (person, part) in parts {
            written.push((AccountId(person), text(&part)?));
        }
        let mut deed = Deed::new(by, now, "pay_run_locked", Some(self.run.id));
        // The hash of what is paid: nobody changes a locked run unseen.
        deed.after = Some(text(&(digest(&self.run)?, sums(&self.run), accepted))?);
        let new = NewRun {
            id: self.run.id,
            version: self.version,
            body: text(&self.body(Some(digest(&self.run)?)))?,
            locks: Some((self.seen, written)),
            deed,
        };
        app.store.keep_run(tenant, new).await?;
        let _nobody_listens = app.changed.send(tenant);
        Ok(())
    }

    /// The money has left.
    ///
    /// # Errors
    /// When it isn't locked.
    pub async fn pay(mut self, app: &App, by: (TenantId, AccountId)) -> Result<(), PayRunError> {
        let (tenant, by) = by;
        self.run.pay(by.0, app.now())?;
        let new = NewRun {
            id: self.run.id,
            version: self.version,
            body: text(&self.body(Some(digest(&self.run)?)))?,
            locks: None,
            deed: Deed::new(by, app.now(), "pay_run_paid", Some(self.run.id)),
        };
        Ok(app.store.keep_run(tenant, new).await?)
    }

    /// When it was last moved on.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.run.history.last().map(|step| step.at)
    }
}

fn entry(parts: &mut BTreeMap<Uuid, Part>, person: Uuid) -> &mut Part {
    parts.entry(person).or_insert_with(|| Part {
        lines: Vec::new(),
        adjustments: Vec::new(),
    })
}
