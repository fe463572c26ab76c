//! Zones: what a wall clock shows at a site, by the zone data that is compiled in, so that the
//! same facts give the same cents on every machine.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Serialize};

/// A zone of the IANA time zone database.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

/// A zone name that the compiled-in zone data doesn't have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone `{0}`: give a name of the IANA database such as `Europe/Berlin`")]
pub struct UnknownZone(pub String);

/// How many instants a local time stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalTime {
    /// One.
    Once,
    /// None: the clocks were put forward over it. It is read as if they had not been, which is
    /// later by the length of the gap (RFC 5545, 3.3.5).
    Skipped,
    /// Two: the clocks were put back. The first is taken (RFC 5545, 3.3.5).
    Repeated,
}

impl Zone {
    /// The zone of that name, in any case of letters.
    ///
    /// # Errors
    /// When the compiled-in zone data doesn't have it.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        TimeZoneDatabase::bundled()
            .get(name)
            .map(Self)
            .map_err(|_| UnknownZone(name.to_owned()))
    }

    /// Coordinated Universal Time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone's name in the database.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What the wall clock shows.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.0.to_datetime(at)
    }

    /// The instant of a local time, and whether it was the only one. At the ends of the calendar
    /// (the years −9999 and 9999) it is the nearest instant that there is.
    #[must_use]
    pub fn instant(&self, local: DateTime) -> (Timestamp, LocalTime) {
        let ambiguous = self.0.to_ambiguous_timestamp(local);
        let existence = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => LocalTime::Once,
            AmbiguousOffset::Gap { .. } => LocalTime::Skipped,
            AmbiguousOffset::Fold { .. } => LocalTime::Repeated,
        };
        let end = if local.year() < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        (ambiguous.compatible().unwrap_or(end), existence)
    }

    /// The first instant of a local date: midnight, or what comes after a midnight that doesn't
    /// exist.
    #[must_use]
    pub fn midnight(&self, date: Date) -> Timestamp {
        let noon = self
            .instant(date.at(12, 0, 0, 0))
            .0
            .to_zoned(self.0.clone());
        noon.start_of_day().map_or_else(
            |_| self.instant(date.at(0, 0, 0, 0)).0,
            |start| start.timestamp(),
        )
    }

    /// Whether a local date was one: a zone that moves over the date line may skip one.
    #[must_use]
    pub fn has(&self, date: Date) -> bool {
        let noon = self.instant(date.at(12, 0, 0, 0));
        noon.1 != LocalTime::Skipped || self.local(noon.0).date() == date
    }

    /// The first instant of a working day.
    #[must_use]
    pub fn day_begin(&self, day: Date, day_start: Time) -> Timestamp {
        if day_start == Time::midnight() {
            self.midnight(day)
        } else {
            self.instant(day.to_datetime(day_start)).0
        }
    }

    /// The working day of an instant: from the local `day_start` of its date to that of the next.
    ///
    /// Instants are compared, not clock faces: in the hour that exists twice no instant falls
    /// back into the day before.
    #[must_use]
    pub fn working_day(&self, at: Timestamp, day_start: Time) -> Date {
        let date = self.local(at).date();
        if at >= self.day_begin(date, day_start) {
            date
        } else {
            date.yesterday().unwrap_or(date)
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, UnknownZone> {
        Self::named(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}
