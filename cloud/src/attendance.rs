//! From what is stored to hours and pay: the one module that knows how facts become `limen-payroll`'s types.
//!
//! Nothing that is concluded here is kept. A terminal's punch, a person's rate and the tenant's settings are
//! read, and hours are computed again from all of them, for an instant that is given.
//!
//! Only facts that were placed count: what is in quarantine, forked or revoked never became one.

pub mod read;
pub mod reckoning;
pub mod terms;
pub mod upload;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use limen_payroll::{
    Anomaly, Facts, Minor, Payout, PunchId, Session, Severity, Status, Timesheet, payout,
    status_now, timesheet_planned,
};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::App;
use crate::agreements::Agreed;
use crate::site::Scope;
use crate::store::ledger::Fact;
use crate::store::{AccountId, Person, PunchKey, StoreError, Tenant, TenantId};
use read::Read;
use terms::Terms;

/// How far back [`Attendance::lately`] reads.
const LATELY: SignedDuration = SignedDuration::from_hours(35 * 24);

/// Of how many people, who were never away for long, all facts are read one by one.
const RESTLESS: usize = 20;

/// Why hours can't be computed.
#[derive(Debug, thiserror::Error)]
pub enum AttendanceError {
    /// It can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such tenant.
    #[error("there is no tenant {0:?}")]
    NoTenant(TenantId),
    /// The tenant's zone, currency, settings or a rate can't stand.
    #[error("the tenant's {what} cannot be computed with")]
    Terms {
        /// Which of them.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What the facts of a tenant, or of one person of it, come to at an instant.
pub struct Attendance {
    /// The instant.
    pub now: Timestamp,
    /// The tenant with its site.
    pub tenant: Tenant,
    /// The people it is about, by name.
    pub people: Vec<Person>,
    /// What it was computed under.
    pub terms: Terms,
    /// Sessions, days, and what became of each punch.
    pub sheet: Timesheet,
    /// What is questionable.
    pub anomalies: Vec<Anomaly>,
    /// Gross pay, line by line.
    pub payout: Payout,
    /// Attempts that named nobody, earliest first.
    pub rejected: Vec<read::Rejected>,
    terminals: BTreeMap<PunchId, Uuid>,
}

/// A session and what it comes to.
#[derive(Clone, Copy, Debug)]
pub struct Worked<'a> {
    /// The session.
    pub session: &'a Session,
    /// The sum of its lines.
    pub amount: Minor,
    /// The seconds of its lines in the tenant's currency: fewer than its own where there was no rate.
    pub priced_s: u64,
}

impl Attendance {
    /// Reads and computes: for one person, or for everybody in the tenant.
    ///
    /// # Errors
    /// When something can't be read, or the tenant's settings can't stand.
    pub async fn of(
        app: &App,
        tenant: TenantId,
        person: Option<AccountId>,
        now: Timestamp,
    ) -> Result<Self, AttendanceError> {
        let (tenant, people, terms) = terms(app, tenant, person).await?;
        let facts = facts(app, tenant.id, person).await?;
        let marks = app.store.sync_marks(tenant.id).await?;
        let places = app.store.placements(tenant.id).await?;
        let work = move || {
            let read = Read::of(&facts, &marks).at_sites(&places);
            Self::conclude(tenant, people, terms, read, now)
        };
        aside(work).await
    }

    /// Reads and computes for everybody in the tenant what the last weeks say: who is in, what they did today,
    /// the last punches. Who has not been seen for five weeks has no status.
    ///
    /// It is what [`of`](Self::of) says of those weeks, at the cost of those weeks.
    ///
    /// # Errors
    /// When something can't be read, or the tenant's settings can't stand.
    pub async fn lately(
        app: &App,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<Self, AttendanceError> {
        let (found, people, terms) = terms(app, tenant, None).await?;
        let since = now - LATELY;
        let facts = app.store.facts_received(tenant, since).await?;
        let marks = app.store.sync_marks(tenant).await?;
        let quiet = terms.quiet(now);
        let quieted =
            aside(move || Read::of(&facts, &marks).from_a_quiet_time(since, quiet)).await?;
        let Some((mut read, restless)) = quieted.filter(|(_, r)| r.len() <= RESTLESS) else {
            return Self::of(app, tenant, None, now).await;
        };
        for person in restless {
            let own = app
                .store
                .facts(tenant, Some(person), Timestamp::MIN, Timestamp::MAX)
                .await?;
            read.join(Read::of(&own, &[]));
        }
        if !read.clocks_were_set() {
            return Self::of(app, tenant, None, now).await;
        }
        let places = app.store.placements(tenant).await?;
        let read = read.at_sites(&places);
        aside(move || Self::conclude(found, people, terms, read, now)).await
    }

    /// Computes, from what was read.
    #[must_use]
    pub fn conclude(
        tenant: Tenant,
        people: Vec<Person>,
        terms: Terms,
        read: Read,
        now: Timestamp,
    ) -> Self {
        let given = Facts {
            punches: &read.punches,
            amendments: &read.amendments,
            corrections: &[],
            marks: &read.marks,
            steps: &read.steps,
        };
        let (sheet, mut anomalies) = timesheet_planned(&given, &terms.book, &terms.plan, now);
        let (payout, unpriced) = payout(&sheet, &terms.book, &terms.rates);
        anomalies.extend(unpriced);
        let terminals = read.punches.iter().map(|p| (p.id, p.terminal)).collect();
        Self {
            now,
            tenant,
            people,
            terms,
            sheet,
            anomalies,
            payout,
            rejected: read.rejected,
            terminals,
        }
    }

    /// Leaves in what a manager of some sites sees: the people whom their doors know, and what was there.
    pub fn narrow(&mut self, scope: &Scope, ties: &BTreeMap<AccountId, Vec<Uuid>>) {
        if scope.is_all() {
            return;
        }
        let here = |site: Option<Uuid>| site.is_some_and(|site| scope.sees(site));
        let known = |person: AccountId| scope.knows(ties.get(&person).map_or(&[], Vec::as_slice));
        self.people.retain(|person| known(person.id));
        self.sheet
            .sessions
            .retain(|session| here(session.site) && known(AccountId(session.person)));
        self.sheet
            .readings
            .retain(|reading| here(reading.site) && known(AccountId(reading.person)));
        self.rejected.retain(|rejected| here(rejected.site));
        let seen: BTreeSet<PunchId> = self
            .sheet
            .readings
            .iter()
            .map(|reading| reading.punch)
            .collect();
        self.payout
            .lines
            .retain(|line| seen.contains(&line.check_in));
        self.anomalies
            .retain(|anomaly| anomaly.punches.iter().any(|punch| seen.contains(punch)));
    }

    /// The sessions of a person, earliest first, also those that aren't paid.
    pub fn sessions(&self, person: AccountId) -> impl Iterator<Item = Worked<'_>> {
        let (from, to) = range(&self.sheet.sessions, |session| session.person, person.0);
        let lines = range(&self.payout.lines, |line| line.person, person.0);
        let mut lines = self.payout.lines[lines.0..lines.1].iter().peekable();
        self.sheet.sessions[from..to].iter().map(move |session| {
            let mut worked = Worked {
                session,
                amount: Minor(0),
                priced_s: 0,
            };
            while let Some(line) = lines.next_if(|line| line.check_in == session.check_in.punch) {
                // What is in another currency is for a pay run.
                if line.currency == self.terms.currency {
                    worked.amount = [worked.amount, line.amount].into_iter().sum();
                    worked.priced_s += line.seconds;
                }
            }
            worked
        })
    }

    /// Who is in, and what they have done today, of everybody who has a session.
    #[must_use]
    pub fn status(&self) -> BTreeMap<AccountId, Status> {
        status_now(&self.sheet, &self.terms.book, &self.terms.rates, self.now)
            .into_iter()
            .map(|(person, status)| (AccountId(person), status))
            .collect()
    }

    /// An amount in currency units.
    #[must_use]
    pub fn units(&self, amount: Minor) -> Decimal {
        amount.major(self.terms.currency)
    }

    /// What today has earned a person, in currency units.
    #[must_use]
    pub fn earned_today(&self, status: &Status) -> Decimal {
        self.units(
            status
                .earned_today
                .get(&self.terms.currency)
                .copied()
                .unwrap_or_default(),
        )
    }

    /// The punch with its terminal. `None` for what no terminal wrote.
    #[must_use]
    pub fn punch_key(&self, punch: PunchId) -> Option<PunchKey> {
        self.terminals.get(&punch).map(|&terminal| PunchKey {
            terminal,
            outbox: punch.outbox,
            seq: punch.seq,
        })
    }

    /// What withholds time of the people it is about, until somebody settles it.
    pub fn exceptions(&self) -> impl Iterator<Item = &Anomaly> {
        let known = |person: Uuid| self.people.iter().any(|p| p.id.0 == person);
        self.anomalies
            .iter()
            .filter(move |a| a.severity() == Severity::Exception && a.person.is_none_or(known))
    }

    /// What is questionable about a person's time.
    pub fn anomalies_of(&self, person: AccountId) -> impl Iterator<Item = &Anomaly> {
        self.anomalies
            .iter()
            .filter(move |a| a.person == Some(person.0))
    }
}

/// Where a person's part of a list begins and ends that is ordered by person.
fn range<T>(list: &[T], whose: impl Fn(&T) -> Uuid, person: Uuid) -> (usize, usize) {
    let begin = list.partition_point(|item| whose(item) < person);
    let end = list.partition_point(|item| whose(item) <= person);
    (begin, end)
}

/// Years of punches take their time: computes on a thread that nobody else waits for.
async fn aside<T, F>(work: F) -> Result<T, AttendanceError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    Ok(tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| StoreError::Stopped)?)
}

/// The tenant, the people and what they are computed under.
async fn terms(
    app: &App,
    tenant: TenantId,
    person: Option<AccountId>,
) -> Result<(Tenant, Vec<Person>, Terms), AttendanceError> {
    let found = app
        .store
        .tenant(tenant)
        .await?
        .ok_or(AttendanceError::NoTenant(tenant))?;
    let people = match person {
        None => app.store.people(tenant).await?,
        // Hours of whoever left are paid too.
        Some(person) => app
            .store
            .person_ever(tenant, person)
            .await?
            .into_iter()
            .collect(),
    };
    let rules = terms::rules_of(app, &found).await?;
    let agreed = Agreed::of(&app.store.agreements(tenant, person).await?)?;
    let terms = Terms::new(&found, &people, rules, agreed)?;
    Ok((found, people, terms))
}

/// The facts of one person, or of everybody.
///
/// Anybody's punch with a set clock vouches for its terminal's clock. So where one of the person's own came
/// from a clock that was not set, everybody's facts are given: only then do others' make a difference.
async fn facts(
    app: &App,
    tenant: TenantId,
    person: Option<AccountId>,
) -> Result<Vec<Fact>, StoreError> {
    let all_time = (Timestamp::MIN, Timestamp::MAX);
    let facts = app
        .store
        .facts(tenant, person, all_time.0, all_time.1)
        .await?;
    if person.is_some() && !Read::of(&facts, &[]).clocks_were_set() {
        return app.store.facts(tenant, None, all_time.0, all_time.1).await;
    }
    Ok(facts)
}

/// Who is in, and what they have done today, of everybody in the tenant who was seen in the last weeks.
///
/// # Errors
/// When something can't be read, or the tenant's settings can't stand.
pub async fn statuses(
    app: &App,
    tenant: TenantId,
    now: Timestamp,
) -> Result<BTreeMap<AccountId, Status>, AttendanceError> {
    Ok(Attendance::lately(app, tenant, now).await?.status())
}

#[cfg(test)]
pub(crate) mod tests;
