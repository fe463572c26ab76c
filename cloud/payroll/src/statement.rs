//! From paid time to gross pay: the hours at their rate, premiums, what overtime adds, paid leave. Each line is one
//! multiplication, rounded once; the sum of the lines is the total.

use std::{collections::BTreeMap, fmt};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    money::{Currency, HourlyRate, Minor, Rate},
    overtime::{By, OvertimeApproval},
    pay::Total,
    plan::Plan,
    policy::{Factor, OvertimeRate},
    punch::PunchId,
    rules::Rulebook,
};

/// What a line pays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "component", rename_all = "snake_case")]
pub enum Component {
    /// Hours of work, overtime included, at their rate.
    Work,
    /// A break that is paid like work.
    PaidBreak,
    /// Leave that is paid: no punches.
    Leave {
        /// The kind of leave.
        kind: Uuid,
    },
    /// A shift that a public holiday took: no punches.
    Holiday {
        /// Which holiday.
        name: String,
    },
    /// What a premium adds to hours that stand on another line.
    Premium {
        /// Its name in the rules.
        name: String,
    },
    /// What overtime adds to hours that stand on another line: the multiplier less one.
    Overtime {
        /// Which threshold.
        by: By,
        /// The whole multiplier.
        multiplier: Factor,
        /// What it multiplies.
        rate: OvertimeRate,
    },
}

impl Component {
    /// Whether the line's time is time of its own, and not time that stands on another line already.
    #[must_use]
    pub fn is_time(&self) -> bool {
        !matches!(self, Self::Premium { .. } | Self::Overtime { .. })
    }
}

/// A line of a statement: `seconds × per_hour × factor ÷ 3600 = amount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayLine {
    /// Whose.
    pub person: Uuid,
    /// The working day.
    pub day: Date,
    /// The date that says which pay period it belongs to: the working day, and for overtime the last day of the work
    /// week, which may be in a later period.
    pub due: Date,
    /// Where.
    pub site: Option<Uuid>,
    /// What it pays.
    #[serde(flatten)]
    pub component: Component,
    /// Its first instant.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Whole seconds.
    pub seconds: u64,
    /// The rate of an hour: the person's, a premium's, or the week's regular rate.
    pub per_hour: HourlyRate,
    /// The part of the rate that it pays.
    pub factor: Factor,
    /// In which currency.
    pub currency: Currency,
    /// Rounded once, as the rules say.
    pub amount: Minor,
    /// The version of the rules that were in force.
    pub rules: u32,
    /// The shift that was planned, and the first date of its version.
    pub shift: Option<(Uuid, Date)>,
    /// The punches that it is between.
    pub punches: Vec<PunchId>,
}

/// The whole computation in a sentence: what, when, the multiplication, the rules, the punches.
impl fmt::Display for PayLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.component {
            Component::Work => f.write_str("work")?,
            Component::PaidBreak => f.write_str("paid break")?,
            Component::Leave { kind } => write!(f, "leave {kind}")?,
            Component::Holiday { name } => write!(f, "holiday {name}")?,
            Component::Premium { name } => write!(f, "premium {name}")?,
            Component::Overtime {
                by,
                multiplier,
                rate,
            } => {
                let by = match by {
                    By::RestDay => "on a rest day",
                    By::Day => "of the day",
                    By::Week => "of the week",
                };
                let rate = match rate {
                    OvertimeRate::Base => "the hour's rate",
                    OvertimeRate::Regular => "the week's regular rate",
                };
                write!(
                    f,
                    "overtime {by} at {multiplier} of {rate}, of which the hours are paid already"
                )?;
            }
        }
        let Self {
            from,
            to,
            seconds,
            per_hour,
            factor,
            currency,
            rules,
            ..
        } = self;
        let amount = self.amount.major(*currency);
        write!(
            f,
            ", {from} to {to}: {seconds} s × {per_hour} × {factor} ÷ 3600 = {amount} {currency}, rules {rules}"
        )?;
        for punch in &self.punches {
            write!(f, ", punch {}/{}", punch.outbox, punch.seq)?;
        }
        Ok(())
    }
}

/// Hours and gross pay. Not a payslip: no taxes, no deductions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// By person, day and time.
    pub lines: Vec<PayLine>,
    /// By person and currency; the seconds are those of lines that are time.
    pub totals: Vec<Total>,
}

/// What is paid by.
#[derive(Clone, Copy, Debug)]
pub struct PayTerms<'a> {
    /// The rules of the timesheet.
    pub rules: &'a Rulebook,
    /// Its plan.
    pub plan: &'a Plan,
    /// Everybody's rates.
    pub rates: &'a [Rate],
    /// For rules under which overtime waits for it.
    pub approvals: &'a [OvertimeApproval],
}

impl Statement {
    /// Of these lines.
    #[must_use]
    pub fn new(mut lines: Vec<PayLine>) -> Self {
        lines.sort_by(|a, b| {
            (a.person, a.day, a.from, &a.component).cmp(&(b.person, b.day, b.from, &b.component))
        });
        let mut totals: BTreeMap<(Uuid, Currency), (u64, Minor)> = BTreeMap::new();
        for line in &lines {
            let total = totals.entry((line.person, line.currency)).or_default();
            total.0 += if line.component.is_time() {
                line.seconds
            } else {
                0
            };
            total.1 = [total.1, line.amount].into_iter().sum();
        }
        let totals = totals
            .into_iter()
            .map(|((person, currency), (seconds, amount))| Total {
                person,
                currency,
                seconds,
                amount,
            })
            .collect();
        Self { lines, totals }
    }

    /// The lines that are due between two dates, both included.
    #[must_use]
    pub fn between(&self, first: Date, last: Date) -> Self {
        Self::new(
            self.lines
                .iter()
                .filter(|line| first <= line.due && line.due <= last)
                .cloned()
                .collect(),
        )
    }
}
