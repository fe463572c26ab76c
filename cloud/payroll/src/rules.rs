//! The employer's settings, versioned and dated: what is changed today computes nothing of last
//! year anew.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{policy::PayRules, zone::Zone};

/// How punches become sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// Every *in* with the *out* that follows it: punched breaks are not work.
    EveryValidPair,
    /// The first *in* of a working day with its last *out*: what is between is work.
    FirstInLastOut,
}

/// To which day a session over midnight belongs. The session and its pay are the same either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Midnight {
    /// All of it to the working day on which it began.
    DayOfStart,
    /// Each part to its own date, in reports.
    Split,
}

/// One version of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Its number: every session and every line names the one it was computed by.
    pub version: u32,
    /// The zone of whatever has no site of its own.
    pub zone: Zone,
    /// The zone of each site that isn't in that one.
    #[serde(default)]
    pub site_zones: BTreeMap<Uuid, Zone>,
    /// The local time at which a working day begins.
    pub day_start: Time,
    /// The same of each site where it is another one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub site_day_starts: BTreeMap<Uuid, Time>,
    /// A second punch that comes sooner than this many seconds is a double read; 0 to 3,600.
    pub repunch_s: u32,
    /// The longest session there is, in seconds; 60 to 604,800 (a week). A longer one is a
    /// forgotten check-out.
    pub max_session_s: u32,
    /// How punches become sessions.
    pub pairing: Pairing,
    /// To which day a session over midnight belongs.
    pub midnight: Midnight,
    /// How time becomes money.
    #[serde(default)]
    pub pay: PayRules,
}

/// Settings that can't be computed with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The longest session is out of bounds.
    #[error("max_session_s is {0}: give from 60 to 604800 seconds")]
    MaxSession(u32),
    /// The re-punch interval is out of bounds.
    #[error("repunch_s is {0}: give at most 3600 seconds")]
    Repunch(u32),
    /// Two versions have one number.
    #[error("two rules have the version {0}: number each one differently")]
    SameVersion(u32),
    /// Two versions begin at once.
    #[error("two rules begin at {0}: let one of them begin later")]
    SameBegin(Timestamp),
    /// A setting of the pay rules is out of bounds.
    #[error("{0}")]
    Pay(String),
}

impl Rules {
    /// The defaults: the day begins at 04:00, double reads within 60 s, sessions of at most 16 h,
    /// every valid pair, a session belongs to the day on which it began.
    #[must_use]
    pub fn new(version: u32, zone: Zone) -> Self {
        Self {
            version,
            zone,
            site_zones: BTreeMap::new(),
            day_start: Time::constant(4, 0, 0, 0),
            site_day_starts: BTreeMap::new(),
            repunch_s: 60,
            max_session_s: 16 * 3_600,
            pairing: Pairing::EveryValidPair,
            midnight: Midnight::DayOfStart,
            pay: PayRules::default(),
        }
    }

    /// The zone that decides the working day at that site.
    #[must_use]
    pub fn zone_of(&self, site: Option<Uuid>) -> &Zone {
        site.and_then(|site| self.site_zones.get(&site))
            .unwrap_or(&self.zone)
    }

    /// The local time at which a working day begins at that site.
    #[must_use]
    pub fn day_start_of(&self, site: Option<Uuid>) -> Time {
        let own = site.and_then(|site| self.site_day_starts.get(&site));
        own.copied().unwrap_or(self.day_start)
    }

    pub(crate) fn max_session(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.max_session_s))
    }

    pub(crate) fn repunch(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.repunch_s))
    }

    fn check(&self) -> Result<(), RulesError> {
        if !(60..=604_800).contains(&self.max_session_s) {
            return Err(RulesError::MaxSession(self.max_session_s));
        }
        if self.repunch_s > 3_600 {
            return Err(RulesError::Repunch(self.repunch_s));
        }
        self.pay
            .fault()
            .map_or(Ok(()), |fault| Err(RulesError::Pay(fault)))
    }
}

/// Every version of the settings and when it began: never empty, all of them in bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rulebook {
    first: Rules,
    /// By beginning.
    later: Vec<(Timestamp, Rules)>,
}

impl Rulebook {
    /// One version, for all time until another begins.
    ///
    /// # Errors
    /// When a setting is out of bounds.
    pub fn new(rules: Rules) -> Result<Self, RulesError> {
        rules.check()?;
        Ok(Self {
            first: rules,
            later: Vec::new(),
        })
    }

    /// With another version, from that instant on.
    ///
    /// # Errors
    /// When a setting is out of bounds, or the number or the beginning is another version's.
    pub fn with(mut self, from: Timestamp, rules: Rules) -> Result<Self, RulesError> {
        rules.check()?;
        if self.version(rules.version).is_some() {
            return Err(RulesError::SameVersion(rules.version));
        }
        match self.later.binary_search_by_key(&from, |(begin, _)| *begin) {
            Ok(_) => return Err(RulesError::SameBegin(from)),
            Err(place) => self.later.insert(place, (from, rules)),
        }
        Ok(self)
    }

    /// The settings at that instant.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> &Rules {
        match self.later.partition_point(|(begin, _)| *begin <= at) {
            0 => &self.first,
            n => &self.later[n - 1].1,
        }
    }

    /// The next instant after this one at which other settings begin.
    pub(crate) fn next_begin(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.later.partition_point(|(begin, _)| *begin <= at);
        self.later.get(next).map(|(begin, _)| *begin)
    }

    /// The settings of that number.
    #[must_use]
    pub fn version(&self, version: u32) -> Option<&Rules> {
        std::iter::once(&self.first)
            .chain(self.later.iter().map(|(_, rules)| rules))
            .find(|rules| rules.version == version)
    }
}
