//! From attendance to money: paid time, the statement, and planned against actual, under everything that was agreed.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use limen_payroll::{
    Anomaly, Compared, Explanation, Kind, Period, Severity, Statement, Synced, Worked, compare,
    explain, statement, worked,
};
use uuid::Uuid;

use super::{Attendance, AttendanceError, aside};
use crate::App;
use crate::store::{AccountId, TenantId};

/// The longest stretch of dates that is looked at in one go, in days.
pub const LONGEST: i32 = 366;

/// What the facts of a tenant, or of one person, come to in money, and against the plan.
pub struct Reckoning {
    /// Sessions, and what they were computed under.
    pub attendance: Attendance,
    /// Paid time, piece by piece.
    pub worked: Worked,
    /// Lines of pay, of all time.
    pub statement: Statement,
    /// The planned days and the days that were worked on, of the dates that were asked for.
    pub days: Vec<Compared>,
    /// What is questionable, from the punches to the pay.
    pub anomalies: Vec<Anomaly>,
    /// The dates that were asked for.
    pub period: Period,
}

impl Reckoning {
    /// Reads and computes: for one person or for everybody. `until` is the last date of which leave and holidays are
    /// paid; the dates of `period` are compared with the plan.
    ///
    /// # Errors
    /// When something can't be read, or what was agreed can't stand.
    pub async fn of(
        app: &App,
        tenant: TenantId,
        person: Option<AccountId>,
        (period, until): (Period, Date),
        now: Timestamp,
    ) -> Result<Self, AttendanceError> {
        let terminals = told(app, tenant, now).await?;
        let attendance = Attendance::of(app, tenant, person, now).await?;
        aside(move || Self::conclude(attendance, &terminals, period, until)).await
    }

    /// Computes, from attendance.
    #[must_use]
    pub fn conclude(
        attendance: Attendance,
        terminals: &[Synced],
        period: Period,
        until: Date,
    ) -> Self {
        let terms = &attendance.terms;
        let (paid, of_time) = worked(&attendance.sheet, &terms.book, &terms.plan);
        let (statement, of_pay) = statement(&paid, &terms.pay_terms(), until);
        let dates = (period.first, period.last);
        let context = (&terms.book, &terms.plan);
        let (mut days, of_plan) = compare(&attendance.sheet, &paid, context, terminals, dates);
        let people: HashSet<Uuid> = attendance.people.iter().map(|p| p.id.0).collect();
        days.retain(|day| people.contains(&day.person));
        // The statement says again of which time there is no rate.
        let of_punches = attendance.anomalies.iter();
        let of_punches = of_punches.filter(|a| !matches!(a.kind, Kind::NoRate { .. }));
        let mut anomalies: Vec<Anomaly> = of_punches.cloned().collect();
        anomalies.extend(of_time.into_iter().chain(of_pay).chain(of_plan));
        anomalies.retain(|a| a.person.is_none_or(|person| people.contains(&person)));
        anomalies.sort_unstable();
        anomalies.dedup();
        Self {
            attendance,
            worked: paid,
            statement,
            days,
            anomalies,
            period,
        }
    }

    /// The date on which something is questionable, in the tenant's zone.
    #[must_use]
    pub fn date_of(&self, anomaly: &Anomaly) -> Option<Date> {
        let at = anomaly.at?;
        let rules = self.attendance.terms.book.at(at);
        Some(match anomaly.person {
            Some(person) => self
                .attendance
                .terms
                .plan
                .working_day(person, None, at, rules),
            None => rules.zone.local(at).date(),
        })
    }

    /// What is questionable on the dates of a period, and what nobody knows the date of.
    pub fn anomalies_in(&self, period: Period) -> impl Iterator<Item = &Anomaly> {
        let within = move |a: &&Anomaly| self.date_of(a).is_none_or(|date| period.contains(date));
        self.anomalies.iter().filter(within)
    }

    /// Of these the ones that withhold time or pay.
    #[must_use]
    pub fn exceptions_in(&self, period: Period) -> Vec<Anomaly> {
        let withheld = |a: &&Anomaly| a.severity() == Severity::Exception;
        self.anomalies_in(period)
            .filter(withheld)
            .cloned()
            .collect()
    }

    /// Every minute and cent of a person in the period that was asked for.
    #[must_use]
    pub fn explain(&self, person: AccountId) -> Explanation {
        explain(
            &self.attendance.sheet,
            &self.worked,
            &self.statement,
            person.0,
            self.period,
        )
    }

    /// The people's names, by id.
    #[must_use]
    pub fn names(&self) -> BTreeMap<Uuid, &str> {
        let people = self.attendance.people.iter();
        people.map(|p| (p.id.0, p.name.as_str())).collect()
    }
}

/// Up to when each terminal of the tenant has told what it knows: one that has events which are not here yet has told
/// nothing for sure. The cloud's own terminal always has.
async fn told(app: &App, tenant: TenantId, now: Timestamp) -> Result<Vec<Synced>, AttendanceError> {
    let api = app.store.api_head(tenant).await?;
    let mut all = vec![Synced {
        terminal: api.terminal,
        site: None,
        to: Some(now),
    }];
    for (terminal, status) in app.store.terminals(tenant).await? {
        if terminal.revoked.is_some() {
            continue;
        }
        let told = status.filter(|status| status.through + 1 >= status.next);
        // A terminal says that it is there every few seconds; what it saw since is not known.
        let to = told.map(|status| status.last_seen.min(now + SignedDuration::ZERO));
        all.push(Synced {
            terminal: terminal.id,
            site: None,
            to,
        });
    }
    Ok(all)
}

/// The dates of a query, in bounds: both, or the last `days` up to today.
///
/// # Errors
/// In words, where they are the wrong way round or too many.
pub fn dates(
    first: Option<Date>,
    last: Option<Date>,
    (today, days): (Date, i32),
) -> Result<Period, String> {
    let last = last.unwrap_or(today);
    let first =
        first.unwrap_or_else(|| last.saturating_sub(jiff::Span::new().days(i64::from(days - 1))));
    if first > last {
        return Err(format!(
            "the first date, {first}, is after the last, {last}"
        ));
    }
    let length = (last - first).get_days() + 1;
    if length > LONGEST {
        return Err(format!(
            "{first} to {last} are {length} days: ask for at most {LONGEST}"
        ));
    }
    Ok(Period { first, last })
}
