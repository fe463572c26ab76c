//! What was agreed about time and pay: rules, contracts, shifts, plans, holidays, leave.
//!
//! The store keeps every statement with its date, its author and the date from which it holds, and nothing is ever
//! changed: of several statements about one subject and date the last one counts, and one that is empty takes the
//! earlier ones back. Here they become what `limen-payroll` computes with.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use limen_payroll::{
    Assignment, Currency, Holiday, HourlyRate, LeaveRequest, LeaveType, Midnight, Override,
    OvertimeApproval, Pairing, PayRules, Periods, Shift,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::agreements::{Agreement, NewAgreement, Topic};
use crate::store::{AccountId, StoreError};

/// What a tenant decides about hours and pay from a date on. What is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct House {
    /// The local time at which a working day begins.
    pub day_start: Option<Time>,
    /// A second punch sooner than this many seconds is a double read; at most 3,600.
    pub repunch_s: Option<u32>,
    /// The longest session there is, in seconds; 60 to 604,800.
    pub max_session_s: Option<u32>,
    /// How punches become sessions.
    pub pairing: Option<Pairing>,
    /// To which day a session over midnight belongs.
    pub midnight: Option<Midnight>,
    /// How time becomes money: rounding, overtime, premiums. All of it is off where it is left out.
    pub pay: PayRules,
}

/// How a person is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayKind {
    /// Each hour at the rate.
    Hourly,
    /// Hours are counted and paid elsewhere: a salary. The rate is 0.
    HoursOnly,
}

/// A person's contract from a date on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// How the person is paid.
    pub pay: PayKind,
    /// Of an hour, in the currency's major unit, with at most six decimal places.
    pub per_hour: HourlyRate,
    /// ISO 4217; the tenant's where it is left out.
    #[serde(default)]
    pub currency: Option<Currency>,
    /// What was agreed, 0 to 168 hours; for planning and the statement only.
    #[serde(default)]
    pub weekly_hours: Option<Decimal>,
}

/// Somebody decides about leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaveDecision {
    /// Which request.
    pub request: Uuid,
    /// Whether it is granted.
    pub granted: bool,
    /// Who decided.
    pub by: Uuid,
    /// In their words.
    #[serde(default)]
    pub note: String,
}

/// A version of the rules with its number and beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The number that sessions and lines name; 1 is what holds before the first one that was stated.
    pub number: u32,
    /// Its first working day.
    pub from: Date,
    /// What holds.
    pub house: House,
}

/// Everything that holds in a tenant, each by its date.
#[derive(Clone, Debug, Default)]
pub struct Agreed {
    /// By their beginning.
    pub rules: Vec<Version>,
    /// By their beginning.
    pub periods: Vec<(Date, Periods)>,
    /// Of each person, by their beginning.
    pub contracts: BTreeMap<Uuid, Vec<(Date, Contract)>>,
    /// All versions.
    pub shifts: Vec<Shift>,
    /// Who works by which cycle.
    pub assignments: Vec<Assignment>,
    /// Dates that are other than the cycle says.
    pub overrides: Vec<Override>,
    /// Public holidays.
    pub holidays: Vec<Holiday>,
    /// Kinds of leave, as last stated.
    pub leave_types: Vec<LeaveType>,
    /// In the order in which they were asked for, with the decision that counts.
    pub requests: Vec<(LeaveRequest, Option<LeaveDecision>)>,
    /// Overtime that was wanted.
    pub approvals: Vec<OvertimeApproval>,
    /// Columns of exports, by the export's name.
    pub columns: BTreeMap<String, Columns>,
}

/// A column of an export: where its values come from, and what stands above them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// One of the fields that an export has.
    pub field: String,
    /// The heading.
    pub heading: String,
}

/// What a row of an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// Each line and adjustment.
    Lines,
    /// What each person gets in a currency.
    Totals,
}

/// The columns of one export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// The export's name, as in its address.
    pub name: String,
    /// What a row is.
    pub rows: Rows,
    /// From left to right.
    pub columns: Vec<Column>,
}

/// The last word on each subject and date that has one, in the order of their numbers.
fn standing(all: &[Agreement], topic: Topic) -> Vec<&Agreement> {
    let mut last: BTreeMap<(Uuid, Option<AccountId>, Date), &Agreement> = BTreeMap::new();
    for one in all.iter().filter(|one| one.said.topic == topic) {
        last.insert((one.said.subject, one.said.person, one.said.from), one);
    }
    let mut standing: Vec<_> = last
        .into_values()
        .filter(|one| one.said.body.is_some())
        .collect();
    standing.sort_by_key(|one| one.nth);
    standing
}

fn read<T: for<'a> Deserialize<'a>>(one: &Agreement) -> Result<T, StoreError> {
    let body = one.said.body.as_deref().unwrap_or_default();
    serde_json::from_str(body).map_err(|_| StoreError::Damaged("agreements.body"))
}

fn each<T: for<'a> Deserialize<'a>>(all: &[Agreement], topic: Topic) -> Result<Vec<T>, StoreError> {
    standing(all, topic).into_iter().map(read).collect()
}

impl Agreed {
    /// Reads what was agreed.
    ///
    /// # Errors
    /// When a row was written by no version of this program.
    pub fn of(all: &[Agreement]) -> Result<Self, StoreError> {
        // Each statement of rules has a number of its own, also one that another has replaced.
        let numbers: BTreeMap<u64, u32> = all
            .iter()
            .filter(|one| one.said.topic == Topic::Rules)
            .map(|one| one.nth)
            .zip(2..)
            .collect();
        let mut rules = Vec::new();
        for one in standing(all, Topic::Rules) {
            rules.push(Version {
                number: numbers[&one.nth],
                from: one.said.from,
                house: read(one)?,
            });
        }
        rules.sort_by_key(|version| version.from);
        let mut periods = Vec::new();
        for one in standing(all, Topic::Periods) {
            periods.push((one.said.from, read(one)?));
        }
        periods.sort_by_key(|(from, _)| *from);
        let mut contracts: BTreeMap<Uuid, Vec<_>> = BTreeMap::new();
        for one in standing(all, Topic::Contract) {
            let own = contracts.entry(one.said.subject).or_default();
            own.push((one.said.from, read(one)?));
        }
        for own in contracts.values_mut() {
            own.sort_by_key(|(from, _): &(Date, Contract)| *from);
        }
        let columns = each::<Columns>(all, Topic::Columns)?;
        Ok(Self {
            rules,
            periods,
            contracts,
            shifts: each(all, Topic::Shift)?,
            assignments: each(all, Topic::Assignment)?,
            overrides: each(all, Topic::Override)?,
            holidays: each(all, Topic::Holiday)?,
            leave_types: each(all, Topic::LeaveType)?,
            requests: requests(all)?,
            approvals: every(all, Topic::Overtime)?,
            columns: columns.into_iter().map(|c| (c.name.clone(), c)).collect(),
        })
    }

    /// The pay periods in force on a date; months where nothing was decided.
    #[must_use]
    pub fn periods_on(&self, date: Date) -> Periods {
        let last = self.periods.iter().rfind(|(from, _)| *from <= date);
        last.map_or(Periods::Monthly { first_day: 1 }, |(_, periods)| *periods)
    }

    /// The requests with the decisions that count.
    #[must_use]
    pub fn leave_requests(&self) -> Vec<LeaveRequest> {
        self.requests
            .iter()
            .map(|(request, _)| request.clone())
            .collect()
    }
}

/// Of what adds up: every statement counts.
fn every<T: for<'a> Deserialize<'a>>(
    all: &[Agreement],
    topic: Topic,
) -> Result<Vec<T>, StoreError> {
    all.iter()
        .filter(|one| one.said.topic == topic && one.said.body.is_some())
        .map(read)
        .collect()
}

/// The first decision of somebody else is final.
fn requests(all: &[Agreement]) -> Result<Vec<(LeaveRequest, Option<LeaveDecision>)>, StoreError> {
    let decisions: Vec<LeaveDecision> = every(all, Topic::LeaveDecision)?;
    let mut requests: Vec<LeaveRequest> = every(all, Topic::LeaveRequest)?;
    Ok(requests
        .drain(..)
        .map(|mut request| {
            let counts = decisions.iter().find(|d| {
                d.request == request.id
                    // Whoever asked may take it back, and decides nothing else.
                    && ((d.by != request.person && d.by != request.asked_by) || !d.granted)
            });
            request.decided = counts.map(|decision| (decision.by, decision.granted));
            (request, counts.cloned())
        })
        .collect())
}

/// A statement about the tenant, a shift, a site or a kind of leave.
///
/// # Errors
/// When it can't be written as JSON, which no value of this program is.
pub fn about<T: Serialize>(
    topic: Topic,
    subject: Uuid,
    from: Date,
    said: Option<&T>,
) -> Result<NewAgreement, StoreError> {
    let body = said.map(serde_json::to_string).transpose();
    Ok(NewAgreement {
        topic,
        subject,
        person: None,
        from,
        body: body.map_err(|_| StoreError::Damaged("agreements.body"))?,
    })
}

/// A statement about a person.
///
/// # Errors
/// As [`about`].
pub fn about_person<T: Serialize>(
    topic: Topic,
    (subject, person): (Uuid, AccountId),
    from: Date,
    said: Option<&T>,
) -> Result<NewAgreement, StoreError> {
    Ok(NewAgreement {
        person: Some(person),
        ..about(topic, subject, from, said)?
    })
}
