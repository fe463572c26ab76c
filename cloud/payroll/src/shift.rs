//! Planned work: shifts, and who has which one from when on. All of it is dated: what begins today changes nothing
//! of yesterday.

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// When the work of a shift is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hours {
    /// From a local time to a local time; on the next date if the end isn't later: a night shift.
    Fixed {
        /// The beginning.
        start: Time,
        /// The end.
        end: Time,
    },
    /// So many hours, between a local time and a local time.
    Flexible {
        /// Not before.
        earliest: Time,
        /// Not after; on the next date if it isn't later.
        latest: Time,
        /// When everybody has to be there, if at all: from and to.
        core: Option<(Time, Time)>,
        /// The hours that are due, in seconds.
        due_s: u64,
    },
}

/// A planned break. What was punched as a break within its window counts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// The local time from which it may be taken; before the shift's beginning means on the next date.
    pub from: Time,
    /// Until when.
    pub to: Time,
    /// How long it is, in seconds.
    pub seconds: u64,
    /// Whether a break that was punched is paid, up to its length.
    pub paid: bool,
    /// Deducts what was not punched of an unpaid break, once more than this was worked that day, in seconds. `None`
    /// is off, the default. Where people work through their break the deduction takes pay for work: it says so
    /// each time.
    #[serde(default)]
    pub deduct_after_s: Option<u64>,
}

/// One version of a shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Which shift; all versions of it have one id.
    pub id: Uuid,
    /// The first date for which this version is planned.
    pub from: Date,
    /// As people call it.
    pub name: String,
    /// When the work is.
    pub hours: Hours,
    /// In the order of the day.
    #[serde(default)]
    pub breaks: Vec<Break>,
    /// How late, or early out, is not called so, in seconds. It changes no pay.
    #[serde(default)]
    pub grace_s: u32,
    /// Punches from this long before the beginning are of this shift's day; at most 43,200 s.
    pub begin_before_s: u32,
    /// Punches until this long after the end are of this shift's day; at most 43,200 s.
    pub end_after_s: u32,
    /// Whether it is worked on public holidays.
    #[serde(default)]
    pub on_holidays: bool,
}

impl Shift {
    /// A fixed shift without breaks or grace, with four hours around it.
    #[must_use]
    pub fn fixed(id: Uuid, from: Date, name: &str, start: Time, end: Time) -> Self {
        Self {
            id,
            from,
            name: name.to_owned(),
            hours: Hours::Fixed { start, end },
            breaks: Vec::new(),
            grace_s: 0,
            begin_before_s: 4 * 3_600,
            end_after_s: 4 * 3_600,
            on_holidays: false,
        }
    }

    pub(crate) fn bounds(&self) -> (Time, Time) {
        match self.hours {
            Hours::Fixed { start, end } => (start, end),
            Hours::Flexible {
                earliest, latest, ..
            } => (earliest, latest),
        }
    }
}

/// Who works by which cycle of shifts, from a date on until another assignment of the person begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Who.
    pub person: Uuid,
    /// The first date.
    pub from: Date,
    /// Where; its zone says what the shift's local times are.
    pub site: Option<Uuid>,
    /// A date on which the cycle begins, before or after `from`.
    pub anchor: Date,
    /// The shift of each day of the cycle, `None` for a free day: 7 for a week, 28 for a rotation over four. Empty
    /// for nobody's plan.
    pub cycle: Vec<Option<Uuid>>,
}

/// One date of one person that is other than the cycle says: a swap, a day off, an extra shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Who.
    pub person: Uuid,
    /// When.
    pub date: Date,
    /// Which shift; `None` is a free day.
    pub shift: Option<Uuid>,
}

/// A public holiday.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// Its local date.
    pub date: Date,
    /// Of one site, or of all.
    pub site: Option<Uuid>,
    /// As people call it.
    pub name: String,
}
