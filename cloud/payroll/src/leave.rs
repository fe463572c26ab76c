//! Leave: types with balances and accrual, requests that somebody else decides, days counted against shifts and
//! holidays.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{plan::Plan, policy::Factor, rules::Rulebook, zone::Zone};

/// How days of leave are earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accrual {
    /// Never: sick leave that is granted as needed, unpaid leave. There is no balance to exceed.
    Unlimited,
    /// All of a year's days on its first date.
    Yearly {
        /// Days a year.
        days: Decimal,
        /// How many unused ones are carried into the next year; `None` for all.
        carry: Option<Decimal>,
    },
    /// A twelfth at the end of each month.
    Monthly {
        /// Days a year.
        days: Decimal,
        /// How many unused ones are carried into the next year; `None` for all.
        carry: Option<Decimal>,
    },
}

/// A kind of leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaveType {
    /// Which one.
    pub id: Uuid,
    /// As people call it.
    pub name: String,
    /// Whether the hours that were due are paid.
    pub paid: bool,
    /// How it is earned.
    pub accrual: Accrual,
}

/// Somebody asks for leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaveRequest {
    /// Which request.
    pub id: Uuid,
    /// Who will be away.
    pub person: Uuid,
    /// The kind.
    pub kind: Uuid,
    /// The first date.
    pub first: Date,
    /// The last one, included.
    pub last: Date,
    /// The part of each day: 1, or 0.5 for half days.
    pub portion: Factor,
    /// Who asked.
    pub asked_by: Uuid,
    /// Who decided and how; `None` while it waits.
    pub decided: Option<(Uuid, bool)>,
}

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody has decided.
    Waiting,
    /// It was granted by somebody else.
    Granted,
    /// It was refused.
    Refused,
    /// It was granted by the person who is away or who asked: that counts for nothing.
    OwnApproval,
}

/// One date on which a person is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Away {
    /// Who.
    pub person: Uuid,
    /// When.
    pub date: Date,
    /// The kind.
    pub kind: Uuid,
    /// The request it comes from.
    pub request: Uuid,
    /// The part of the day.
    pub portion: Factor,
    /// Whether it is paid.
    pub paid: bool,
}

/// Days of one kind of leave at a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Earned since the person began, without what has lapsed.
    pub earned: Decimal,
    /// Taken, or granted for later.
    pub taken: Decimal,
    /// Asked for and not decided.
    pub asked: Decimal,
    /// Earned in years before and not carried over.
    pub lapsed: Decimal,
}

impl Balance {
    /// What may still be asked for; below zero where too much was granted.
    #[must_use]
    pub fn left(&self) -> Decimal {
        self.earned - self.taken - self.asked
    }
}

impl LeaveRequest {
    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self.decided {
            None => Standing::Waiting,
            Some((_, false)) => Standing::Refused,
            Some((by, true)) if by == self.person || by == self.asked_by => Standing::OwnApproval,
            Some((_, true)) => Standing::Granted,
        }
    }

    /// The dates that it costs: those with a planned shift that no public holiday takes.
    #[must_use]
    pub fn days(&self, plan: &Plan, rules: &Rulebook) -> Vec<Date> {
        let mut days = Vec::new();
        let mut date = self.first;
        while date <= self.last {
            let noon = Zone::utc().instant(date.at(12, 0, 0, 0)).0;
            if let Some(planned) = plan.scheduled(self.person, date, rules.at(noon))
                && (planned.shift.on_holidays || plan.holiday(planned.site, date).is_none())
            {
                days.push(date);
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        days
    }

    fn cost(&self, plan: &Plan, rules: &Rulebook, year: i16) -> Decimal {
        let days = self
            .days(plan, rules)
            .into_iter()
            .filter(|day| day.year() == year)
            .count();
        Decimal::from(days) * Decimal::from(self.portion)
    }
}

/// The dates that granted requests come to, for [`Plan::with_leave`]. A request of an unknown kind counts as unpaid.
#[must_use]
pub fn granted(
    requests: &[LeaveRequest],
    kinds: &[LeaveType],
    plan: &Plan,
    rules: &Rulebook,
) -> Vec<Away> {
    let mut away = Vec::new();
    for request in requests
        .iter()
        .filter(|request| request.standing() == Standing::Granted)
    {
        let paid = kinds
            .iter()
            .any(|kind| kind.id == request.kind && kind.paid);
        away.extend(request.days(plan, rules).into_iter().map(|date| Away {
            person: request.person,
            date,
            kind: request.kind,
            request: request.id,
            portion: request.portion,
            paid,
        }));
    }
    away
}

/// A person's days of one kind on a date, from the first date of work on. The plan is the one without leave.
///
/// `None` for a kind without limit. Leave that is granted for a later date of the same year counts as taken.
#[must_use]
pub fn balance(
    kind: &LeaveType,
    (person, began): (Uuid, Date),
    requests: &[LeaveRequest],
    (plan, rules): (&Plan, &Rulebook),
    on: Date,
) -> Option<Balance> {
    let (yearly, carry) = match kind.accrual {
        Accrual::Unlimited => return None,
        Accrual::Yearly { days, carry } | Accrual::Monthly { days, carry } => (days, carry),
    };
    let own = || {
        requests
            .iter()
            .filter(|r| r.person == person && r.kind == kind.id)
    };
    let cost = |standing, year| -> Decimal {
        own()
            .filter(|r| r.standing() == standing)
            .map(|r| r.cost(plan, rules, year))
            .sum()
    };
    let mut balance = Balance::default();
    let mut left = Decimal::ZERO;
    for year in began.year()..=on.year() {
        if let Some(most) = carry
            && left > most
        {
            balance.lapsed += left - most;
            balance.earned -= left - most;
            left = most;
        }
        let earned = match kind.accrual {
            Accrual::Monthly { .. } => {
                yearly * Decimal::from(months(began, on, year)) / Decimal::from(12)
            }
            _ => yearly,
        };
        let taken = cost(Standing::Granted, year);
        balance.earned += earned;
        balance.taken += taken;
        balance.asked += cost(Standing::Waiting, year);
        left += earned - taken;
    }
    Some(balance)
}

/// The whole months of a year from a date on that were over on another date.
fn months(began: Date, on: Date, year: i16) -> u32 {
    let mut count = 0;
    for month in 1..=12 {
        let Ok(first) = Date::new(year, month, 1) else {
            continue;
        };
        if first >= began && first.last_of_month() <= on {
            count += 1;
        }
    }
    count
}
