//! What a terminal is told about its site, and what its screen may say of a person. Both travel sealed.

use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::message::{Invalid, Sealable, list, text, whole};
use crate::topic::{Down, Kind};

/// How the site wants its terminals. Versioned like the roster, and always in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The cloud's database that counts the versions.
    pub epoch: Uuid,
    /// The version, from 1.
    pub version: u64,
    /// The site's IANA time zone.
    pub zone: String,
    /// Whether faces are used at all.
    pub face: Face,
    /// The share of strangers that may be taken for somebody (FPIR): above 0, at most 0.1.
    pub fpir: f64,
    /// What is done against pictures, screens and masks.
    pub pad: Pad,
    /// How long a second punch of the same person is ignored, in seconds.
    pub re_punch_s: u32,
    /// When punches are taken, in the site's zone; always where there is none.
    #[serde(default)]
    pub open: Vec<Opening>,
    /// What languages the screen offers (BCP 47), the site's own first.
    pub languages: Vec<String>,
    /// What the screen may show.
    pub screen: Screen,
}

/// Whether faces are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// Never.
    Off,
    /// For those who want it.
    Optional,
    /// For everybody who has a template. Another way in always exists.
    On,
}

/// What is done against presentation attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pad {
    /// Nothing.
    Off,
    /// What the frames show by themselves.
    Passive,
    /// And a challenge on the screen.
    Challenge,
    /// And a second factor.
    SecondFactor,
}

/// A time of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Opening {
    /// 1 is Monday, 7 is Sunday.
    pub weekday: u8,
    /// From this time on.
    pub from: Time,
    /// Until this time; past midnight where it is not after `from`.
    pub to: Time,
}

/// What the screen may show of a person after a punch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Screen {
    /// How they are greeted.
    pub name: Name,
    /// Whether it says how long they worked today.
    pub hours: bool,
}

/// How a person is greeted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// By the whole name.
    Full,
    /// By the first word of it.
    First,
    /// Without a name.
    None,
}

impl Sealable for Settings {
    const KIND: Kind = Kind::Down(Down::Settings);

    fn check(&self) -> Result<(), Invalid> {
        whole("version", self.version, 1)?;
        text("zone", &self.zone, 64)?;
        if !(self.fpir > 0.0 && self.fpir <= 0.1) {
            return Err(Invalid::new("fpir", "is not above 0 and at most 0.1"));
        }
        if self.re_punch_s > 86_400 {
            return Err(Invalid::new("re_punch_s", "is more than a day"));
        }
        list("open", &self.open, 64)?;
        if self
            .open
            .iter()
            .any(|opening| !(1..=7).contains(&opening.weekday))
        {
            return Err(Invalid::new(
                "open",
                "has a weekday that is not 1 (Monday) to 7 (Sunday)",
            ));
        }
        list("languages", &self.languages, 16)?;
        self.languages
            .iter()
            .try_for_each(|language| text("languages", language, 35))
    }
}

/// What the screen may say of a person: what the cloud concluded from all of its terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Who.
    pub person: Uuid,
    /// Whether they are at work.
    #[serde(rename = "in")]
    pub is_in: bool,
    /// Since when they are, or are not; `None` where that is not known.
    pub since: Option<Timestamp>,
    /// Worked today, in whole minutes.
    pub minutes_today: u32,
    /// When that was so. Older than a day, the screen shows no hours.
    pub as_of: Timestamp,
}

impl Sealable for State {
    const KIND: Kind = Kind::Down(Down::State);

    fn check(&self) -> Result<(), Invalid> {
        if self.minutes_today > 7 * 24 * 60 {
            return Err(Invalid::new("minutes_today", "is more than a week"));
        }
        Ok(())
    }
}
