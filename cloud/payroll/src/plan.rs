//! Who is planned when: shifts, assignments, holidays and leave in one place, looked up by person and date.

use std::collections::BTreeMap;

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time},
};
use uuid::Uuid;

use crate::{
    leave::Away,
    rules::Rules,
    shift::{Assignment, Holiday, Hours, Override, Shift},
    zone::{LocalTime, Zone},
};

/// A plan that can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two versions of a shift begin on one date.
    #[error("the shift {0} has two versions from {1}: let one of them begin later")]
    SameBegin(Uuid, Date),
    /// Somebody is assigned to what doesn't exist.
    #[error("there is no shift {0}: add it before somebody is assigned to it")]
    UnknownShift(Uuid),
    /// The window around a shift is too wide.
    #[error("the shift {0} takes in punches of more than 43200 seconds around it: give less")]
    Window(Uuid),
    /// A break, or the hours that are due, are longer than a day.
    #[error("the shift {0} has a break or hours of more than 86400 seconds: give less")]
    Length(Uuid),
}

/// Planned work. The default plans nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Each by its beginning.
    shifts: BTreeMap<Uuid, Vec<Shift>>,
    /// Each by its beginning.
    assigned: BTreeMap<Uuid, Vec<Assignment>>,
    overrides: BTreeMap<(Uuid, Date), Option<Uuid>>,
    holidays: BTreeMap<Date, Vec<Holiday>>,
    away: BTreeMap<(Uuid, Date), Away>,
}

/// The work that was planned for a person on a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned<'a> {
    /// The working day.
    pub date: Date,
    /// The version of the shift.
    pub shift: &'a Shift,
    /// Where.
    pub site: Option<Uuid>,
    /// The planned beginning, the earliest where it is flexible.
    pub start: Timestamp,
    /// The planned end, the latest where it is flexible.
    pub end: Timestamp,
    /// When the person has to be there: all of a fixed shift, the core time of a flexible one.
    pub core: Option<(Timestamp, Timestamp)>,
    /// The hours due, in seconds: of a fixed shift its elapsed time without unpaid breaks.
    pub due_s: u64,
    /// Whether a planned local time didn't exist that day, or existed twice.
    pub existence: LocalTime,
}

impl Planned<'_> {
    /// The instant of a local time of this shift: before its beginning means on the next date.
    pub(crate) fn instant(&self, zone: &Zone, time: Time) -> (Timestamp, LocalTime) {
        on_or_after(zone, self.date, self.shift.bounds().0, time)
    }

    /// From when to when punches are of this shift's day.
    fn window(&self) -> (Timestamp, Timestamp) {
        let seconds = |s| SignedDuration::from_secs(i64::from(s));
        let from = self
            .start
            .saturating_sub(seconds(self.shift.begin_before_s));
        let to = self.end.saturating_add(seconds(self.shift.end_after_s));
        (from.unwrap_or(Timestamp::MIN), to.unwrap_or(Timestamp::MAX))
    }
}

fn on_or_after(zone: &Zone, date: Date, start: Time, time: Time) -> (Timestamp, LocalTime) {
    let date = if time < start {
        date.saturating_add(1.day())
    } else {
        date
    };
    zone.instant(date.to_datetime(time))
}

impl Plan {
    /// Of shifts in all their versions, assignments, exceptions from them and public holidays, in any order. Of two
    /// assignments of a person, or two overrides, from one date the last stated counts.
    ///
    /// # Errors
    /// When somebody is assigned to a shift that isn't there, or a shift can't be.
    pub fn new(
        shifts: Vec<Shift>,
        assignments: Vec<Assignment>,
        overrides: &[Override],
        holidays: Vec<Holiday>,
    ) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        for shift in shifts {
            if shift.begin_before_s.max(shift.end_after_s) > 43_200 {
                return Err(PlanError::Window(shift.id));
            }
            let due_s = match shift.hours {
                Hours::Flexible { due_s, .. } => due_s,
                Hours::Fixed { .. } => 0,
            };
            let lengths = shift.breaks.iter().map(|planned| planned.seconds);
            if lengths.chain([due_s]).any(|seconds| seconds > 86_400) {
                return Err(PlanError::Length(shift.id));
            }
            let versions = plan.shifts.entry(shift.id).or_default();
            match versions.binary_search_by_key(&shift.from, |version| version.from) {
                Ok(_) => return Err(PlanError::SameBegin(shift.id, shift.from)),
                Err(place) => versions.insert(place, shift),
            }
        }
        let named = assignments
            .iter()
            .flat_map(|a| a.cycle.iter())
            .chain(overrides.iter().map(|o| &o.shift));
        for shift in named.flatten() {
            if !plan.shifts.contains_key(shift) {
                return Err(PlanError::UnknownShift(*shift));
            }
        }
        for assignment in assignments {
            let own = plan.assigned.entry(assignment.person).or_default();
            match own.binary_search_by_key(&assignment.from, |other| other.from) {
                Ok(place) => own[place] = assignment,
                Err(place) => own.insert(place, assignment),
            }
        }
        plan.overrides = overrides
            .iter()
            .map(|o| ((o.person, o.date), o.shift))
            .collect();
        for holiday in holidays {
            plan.holidays.entry(holiday.date).or_default().push(holiday);
        }
        Ok(plan)
    }

    /// With leave that was granted; see [`granted`](crate::leave::granted).
    #[must_use]
    pub fn with_leave(mut self, away: impl IntoIterator<Item = Away>) -> Self {
        self.away.extend(
            away.into_iter()
                .map(|away| ((away.person, away.date), away)),
        );
        self
    }

    /// The public holiday of a site on a date.
    #[must_use]
    pub fn holiday(&self, site: Option<Uuid>, date: Date) -> Option<&Holiday> {
        self.holidays
            .get(&date)?
            .iter()
            .find(|holiday| holiday.site.is_none() || holiday.site == site)
    }

    /// The leave of a person on a date.
    #[must_use]
    pub fn away(&self, person: Uuid, date: Date) -> Option<&Away> {
        self.away.get(&(person, date))
    }

    /// All leave, by person and date.
    pub fn all_away(&self) -> impl Iterator<Item = &Away> {
        self.away.values()
    }

    /// All public holidays, by date.
    pub fn all_holidays(&self) -> impl Iterator<Item = &Holiday> {
        self.holidays.values().flatten()
    }

    /// Everybody who is assigned to something, or has an override.
    #[must_use]
    pub fn people(&self) -> Vec<Uuid> {
        let mut people: Vec<_> = self.assigned.keys().copied().collect();
        people.extend(self.overrides.keys().map(|(person, _)| *person));
        people.sort_unstable();
        people.dedup();
        people
    }

    /// Whether anything was ever planned for a person.
    #[must_use]
    pub fn knows(&self, person: Uuid) -> bool {
        self.assigned.contains_key(&person)
            || self
                .overrides
                .range((person, Date::MIN)..=(person, Date::MAX))
                .next()
                .is_some()
    }

    /// The shift of a person on a date, whether or not a holiday or leave takes it. `None` for a free day, and for a
    /// date that the person's zone skipped.
    #[must_use]
    pub fn scheduled(&self, person: Uuid, date: Date, rules: &Rules) -> Option<Planned<'_>> {
        let assignment = self.assigned.get(&person).and_then(|own| {
            own.partition_point(|a| a.from <= date)
                .checked_sub(1)
                .map(|n| &own[n])
        });
        let site = assignment.and_then(|a| a.site);
        let id = match self.overrides.get(&(person, date)) {
            Some(shift) => (*shift)?,
            None => {
                let Assignment { anchor, cycle, .. } = assignment?;
                let days = i64::from((date - *anchor).get_days());
                let place = days.checked_rem_euclid(i64::try_from(cycle.len()).ok()?)?;
                (*cycle.get(usize::try_from(place).ok()?)?)?
            }
        };
        let versions = self.shifts.get(&id)?;
        let shift = &versions[versions
            .partition_point(|s| s.from <= date)
            .checked_sub(1)?];
        let zone = rules.zone_of(site);
        if !zone.has(date) {
            return None;
        }
        Some(planned(shift, site, date, zone))
    }

    /// The work that a person has to do on a date: what is [`scheduled`](Self::scheduled), unless there is a public
    /// holiday on which the shift isn't worked, or leave for the whole day.
    #[must_use]
    pub fn planned(&self, person: Uuid, date: Date, rules: &Rules) -> Option<Planned<'_>> {
        let planned = self.scheduled(person, date, rules)?;
        let holiday = !planned.shift.on_holidays && self.holiday(planned.site, date).is_some();
        let away = self
            .away(person, date)
            .is_some_and(|away| away.portion >= crate::Factor::ONE);
        (!holiday && !away).then_some(planned)
    }

    /// The working day of a punch: that of the planned shift around it, of two the nearer one, of equally near ones
    /// the first; else from the site's day start to the next.
    #[must_use]
    pub fn working_day(
        &self,
        person: Uuid,
        site: Option<Uuid>,
        at: Timestamp,
        rules: &Rules,
    ) -> Date {
        let zone = rules.zone_of(site);
        let today = zone.local(at).date();
        let around = [today.yesterday().ok(), Some(today), today.tomorrow().ok()];
        around
            .into_iter()
            .flatten()
            .filter_map(|date| self.scheduled(person, date, rules))
            .filter(|planned| {
                let (from, to) = planned.window();
                from <= at && at <= to
            })
            .min_by_key(|planned| {
                let early = planned.start.duration_since(at);
                early
                    .max(at.duration_since(planned.end))
                    .max(SignedDuration::ZERO)
            })
            .map_or_else(
                || zone.working_day(at, rules.day_start_of(site)),
                |planned| planned.date,
            )
    }
}

fn planned<'a>(shift: &'a Shift, site: Option<Uuid>, date: Date, zone: &Zone) -> Planned<'a> {
    let (from, to) = shift.bounds();
    let (start, begins) = zone.instant(date.to_datetime(from));
    let end_date = if to <= from {
        date.saturating_add(1.day())
    } else {
        date
    };
    let (end, ends) = zone.instant(end_date.to_datetime(to));
    let (core, due_s) = match shift.hours {
        Hours::Fixed { .. } => {
            let whole = u64::try_from(end.duration_since(start).as_secs()).unwrap_or(0);
            let unpaid: u64 = shift
                .breaks
                .iter()
                .filter(|b| !b.paid)
                .map(|b| b.seconds)
                .sum();
            (Some((start, end)), whole.saturating_sub(unpaid))
        }
        Hours::Flexible { core, due_s, .. } => {
            let at = |time| on_or_after(zone, date, from, time).0;
            (core.map(|(begin, finish)| (at(begin), at(finish))), due_s)
        }
    };
    let existence = if begins == LocalTime::Once {
        ends
    } else {
        begins
    };
    Planned {
        date,
        shift,
        site,
        start,
        end,
        core,
        due_s,
        existence,
    }
}
