//! Pay periods: which dates are paid together.

use std::fmt;

use jiff::{ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

use crate::policy::Weekday;

/// How the calendar is cut into pay periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Periods {
    /// Seven days.
    Weekly {
        /// The first one.
        start: Weekday,
    },
    /// Fourteen days.
    Fortnightly {
        /// The first date of one of them.
        anchor: Date,
    },
    /// From the 1st to the 15th, and from the 16th to the end of the month.
    HalfMonthly,
    /// A month.
    Monthly {
        /// The day of the month on which it begins, 1 to 28; another number is read as the nearest of these.
        first_day: i8,
    },
}

/// The dates from a first to a last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    /// The first date.
    pub first: Date,
    /// The last date.
    pub last: Date,
}

impl Periods {
    /// The period that a date is in. Every date is in exactly one.
    #[must_use]
    pub fn of(&self, date: Date) -> Period {
        let days = |first: Date, n: i64| Period {
            first,
            last: first.saturating_add((n - 1).days()),
        };
        match *self {
            Self::Weekly { start } => days(start.week_of(date), 7),
            Self::Fortnightly { anchor } => {
                let since = i64::from((date - anchor).get_days()).rem_euclid(14);
                days(date.saturating_sub(since.days()), 14)
            }
            Self::HalfMonthly if date.day() <= 15 => days(date.first_of_month(), 15),
            Self::HalfMonthly => Period {
                first: date.first_of_month().saturating_add(15.days()),
                last: date.last_of_month(),
            },
            Self::Monthly { first_day } => {
                let before = i64::from(first_day.clamp(1, 28)) - 1;
                let month = date.saturating_sub(before.days()).first_of_month();
                let next = month.saturating_add(1.month());
                Period {
                    first: month.saturating_add(before.days()),
                    last: next.saturating_add((before - 1).days()),
                }
            }
        }
    }

    /// The period after one.
    #[must_use]
    pub fn after(&self, period: Period) -> Period {
        self.of(period.last.saturating_add(1.day()))
    }
}

impl Period {
    /// Whether a date is in it.
    #[must_use]
    pub fn contains(&self, date: Date) -> bool {
        self.first <= date && date <= self.last
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.first, self.last)
    }
}
