//! What an employer agreed to pay: overtime, premiums, rounding. Part of the versioned [`Rules`](crate::Rules).
//!
//! Everything here is off by default: an hour of work is an hour at the hourly rate.

use std::{fmt, str::FromStr};

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::{HourlyRate, LineRounding};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// Of a date.
    #[must_use]
    pub fn of(date: Date) -> Self {
        use jiff::civil::Weekday as W;
        match date.weekday() {
            W::Monday => Self::Monday,
            W::Tuesday => Self::Tuesday,
            W::Wednesday => Self::Wednesday,
            W::Thursday => Self::Thursday,
            W::Friday => Self::Friday,
            W::Saturday => Self::Saturday,
            W::Sunday => Self::Sunday,
        }
    }

    /// The first date of the week that begins on this day and that the date is in.
    #[must_use]
    pub fn week_of(self, date: Date) -> Date {
        let since = (Self::of(date) as i64 - self as i64).rem_euclid(7);
        date.saturating_sub(jiff::Span::new().days(since))
    }
}

/// A factor of a rate, from 0 to 100, with at most six decimal places: 1.5 is time and a half, 0.25 a quarter more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Decimal", into = "Decimal")]
pub struct Factor {
    millionths: i64,
}

/// A factor that can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the factor `{0}` can't be: give a number from 0 to 100 with at most 6 decimal places, such as `1.5`"
)]
pub struct FactorError(pub String);

impl Factor {
    /// One: the rate itself.
    pub const ONE: Self = Self {
        millionths: 1_000_000,
    };

    /// What it is above one; zero below.
    #[must_use]
    pub fn above_one(self) -> Self {
        Self {
            millionths: (self.millionths - 1_000_000).max(0),
        }
    }

    /// That part of some seconds, a begun second left out.
    pub(crate) fn of(self, seconds: u64) -> u64 {
        let exact = u128::from(seconds) * u128::from(self.millionths.unsigned_abs());
        u64::try_from(exact / 1_000_000).unwrap_or(u64::MAX)
    }

    pub(crate) fn millionths(self) -> i64 {
        self.millionths
    }
}

impl TryFrom<Decimal> for Factor {
    type Error = FactorError;

    fn try_from(factor: Decimal) -> Result<Self, FactorError> {
        let refused = || FactorError(factor.to_string());
        let normal = factor.normalize();
        if normal < Decimal::ZERO || normal > Decimal::ONE_HUNDRED || normal.scale() > 6 {
            return Err(refused());
        }
        let millionths = normal.mantissa() * 10_i128.pow(6 - normal.scale());
        Ok(Self {
            millionths: i64::try_from(millionths).map_err(|_| refused())?,
        })
    }
}

impl FromStr for Factor {
    type Err = FactorError;

    fn from_str(factor: &str) -> Result<Self, FactorError> {
        Decimal::from_str_exact(factor)
            .map_err(|_| FactorError(factor.to_owned()))?
            .try_into()
    }
}

impl From<Factor> for Decimal {
    fn from(factor: Factor) -> Self {
        Self::new(factor.millionths, 6).normalize()
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::from(*self).fmt(f)
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::from(*self).fmt(f)
    }
}

/// From so many seconds on an hour is worth that much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Seconds that have to be worked before.
    pub over_s: u64,
    /// Of the hour's rate, 1 or more.
    pub multiplier: Factor,
}

/// Which days are rest days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestDay {
    /// One day of the week.
    Weekday(Weekday),
    /// The last day of a work week in which every other day was worked on too.
    SeventhInARow,
    /// Any day for which no shift was planned.
    Unplanned,
}

/// What an hour of overtime is a multiple of.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum OvertimeRate {
    /// The hour's own rate.
    #[default]
    Base,
    /// The week's straight-time pay with its premiums, divided by its hours; six decimal places, half to even.
    Regular,
}

/// Which hours are overtime. An hour is overtime once: by the highest multiplier that applies to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overtime {
    /// The day on which a work week begins.
    pub week_start: Weekday,
    /// By the hours of a working day, lowest first.
    pub daily: Vec<Tier>,
    /// By those hours of a work week that are not overtime by the day, lowest first.
    pub weekly: Vec<Tier>,
    /// Which days have tiers of their own.
    pub rest_day: Option<RestDay>,
    /// By the hours of a rest day, lowest first; over 0 is from the first second.
    pub rest_tiers: Vec<Tier>,
    /// What the multipliers multiply.
    pub rate: OvertimeRate,
    /// Whether what overtime adds waits until somebody approves it. The hour itself is always paid.
    pub approval: bool,
}

impl Default for Overtime {
    fn default() -> Self {
        Self {
            week_start: Weekday::Monday,
            daily: Vec::new(),
            weekly: Vec::new(),
            rest_day: None,
            rest_tiers: Vec::new(),
            rate: OvertimeRate::Base,
            approval: false,
        }
    }
}

/// The dates on which a premium's window begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dates {
    /// All of them.
    Every,
    /// Those days of the week.
    Weekdays(Vec<Weekday>),
    /// Public holidays of the site.
    Holidays,
}

/// More than the rate, in a window of local time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Premium {
    /// As it stands on the statement.
    pub name: String,
    /// On which dates the window begins.
    pub dates: Dates,
    /// The window's first local time.
    pub from: Time,
    /// Its end: on the next date if it isn't later than `from`, so that midnight to midnight is the whole date.
    pub to: Time,
    /// How much more.
    pub extra: Extra,
    /// Whether it is part of the regular rate.
    #[serde(default = "yes")]
    pub in_regular: bool,
}

fn yes() -> bool {
    true
}

/// How much more an hour is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extra {
    /// A part of the hour's own rate: 0.25 is a quarter more.
    Factor(Factor),
    /// An amount an hour, in the currency of the hour's rate.
    PerHour(HourlyRate),
}

/// What happens where several premiums apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stacking {
    /// Each is paid.
    #[default]
    Add,
    /// The highest is paid; of equal ones the first in the list.
    Highest,
}

/// How time becomes money. The default changes nothing: each second at its rate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PayRules {
    /// Punches are read as the nearest multiple of this many seconds of local time, an exact half as the later one,
    /// the way in like the way out. Off by default. At most 1,800, a divisor of 3,600.
    pub round_to_s: Option<u32>,
    /// Time before the planned beginning isn't paid. Off by default, and each time it takes something it says so:
    /// work that is suffered or permitted is work.
    pub clip_early: bool,
    /// Which hours are overtime.
    pub overtime: Overtime,
    /// What is paid beside the rate.
    pub premiums: Vec<Premium>,
    /// Where several premiums apply.
    pub stacking: Stacking,
    /// Whether a planned shift that a public holiday took is paid.
    pub holiday_pay: bool,
    /// How a line is rounded, once.
    pub line_rounding: LineRounding,
}

impl PayRules {
    /// What can't be computed with, in words.
    pub(crate) fn fault(&self) -> Option<String> {
        if let Some(step) = self.round_to_s
            && (step == 0 || step > 1_800 || 3_600 % step != 0)
        {
            return Some(format!(
                "round_to_s is {step}: give a divisor of 3600, at most 1800"
            ));
        }
        let overtime = &self.overtime;
        let lists = [
            ("daily", &overtime.daily),
            ("weekly", &overtime.weekly),
            ("rest_tiers", &overtime.rest_tiers),
        ];
        for (name, tiers) in lists {
            if !tiers.is_sorted_by(|a, b| a.over_s < b.over_s) {
                return Some(format!("overtime.{name}: give the tiers by rising over_s"));
            }
            if let Some(low) = tiers.iter().find(|tier| tier.multiplier < Factor::ONE) {
                return Some(format!(
                    "overtime.{name} has the multiplier {}: give 1 or more",
                    low.multiplier
                ));
            }
        }
        None
    }
}
