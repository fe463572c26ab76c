//! What a person has to look at. Bad data never stops the computation; it ends up here.

use std::fmt;

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::punch::PunchId;

/// Whether time is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It counts; somebody should look.
    Flag,
    /// It doesn't count until a person settles it.
    Exception,
}

/// What is questionable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// In, and nothing after it within the longest session: a forgotten check-out.
    Forgotten,
    /// In, and then in again: the out between them is missing.
    MissingOut,
    /// Out, and nobody was in.
    MissingIn,
    /// The person said at the terminal: that was not me.
    NotMe,
    /// The clock had not been set, and nothing later in that boot says what the time was.
    NoTime {
        /// The last instant before it in its outbox that is known.
        after: Option<Timestamp>,
        /// The first one after it.
        before: Option<Timestamp>,
    },
    /// The clock may be wrong by more than 60 s: it was last held to a time server long before.
    ClockUncertain {
        /// By how many seconds at most; `None` when nothing is known.
        bound_s: Option<u64>,
    },
    /// The punch's time and its receipt don't agree.
    ClockDisagrees {
        /// When the cloud had it.
        received: Timestamp,
    },
    /// Two different facts have one id. The one received first counts.
    Conflict,
    /// The amendment's punch isn't known, or isn't an earlier one of its own outbox.
    AmendsNothing,
    /// Nobody has approved the correction yet.
    CorrectionPending {
        /// Which one.
        correction: Uuid,
    },
    /// The correction was approved by the person whose time it is, or by who proposed it: it
    /// doesn't count.
    CorrectionOwnApproval {
        /// Which one.
        correction: Uuid,
    },
    /// The correction removes a punch that isn't this person's, or isn't known: none of it counts.
    CorrectionMisses {
        /// Which one.
        correction: Uuid,
    },
    /// The local time that the correction names didn't exist that day.
    SkippedLocalTime,
    /// The local time that the correction names existed twice that day; the first was taken.
    RepeatedLocalTime,
    /// There was time, and no rate to pay it at.
    NoRate {
        /// How many seconds.
        seconds: u64,
    },
    /// The first punch of the day came later after the planned beginning than grace allows.
    Late {
        /// How late, in seconds.
        seconds: u64,
    },
    /// The last punch of the day came earlier before the planned end than grace allows.
    LeftEarly {
        /// How early, in seconds.
        seconds: u64,
    },
    /// Less was worked than was due.
    ShortOfHours {
        /// By how many seconds.
        seconds: u64,
    },
    /// A planned shift, all terminals have told what they know of it, and no punch.
    Absent {
        /// The working day.
        day: Date,
    },
    /// There are punches on a day of leave.
    WorkedOnLeave {
        /// The working day.
        day: Date,
    },
    /// A setting took the time before the planned beginning.
    ClippedEarly {
        /// How many seconds.
        seconds: u64,
    },
    /// A setting deducted a break that nobody punched.
    BreakDeducted {
        /// How many seconds.
        seconds: u64,
    },
    /// What overtime adds waits for approval; the hours themselves are paid.
    OvertimeUnapproved {
        /// How many seconds.
        seconds: u64,
    },
}

/// A finding, and what it comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Anomaly {
    /// Whose time it is about; nobody's, for an amendment of an unknown punch.
    pub person: Option<Uuid>,
    /// When, where that is known.
    pub at: Option<Timestamp>,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// The facts that it comes from, in the order of their meaning.
    pub punches: Vec<PunchId>,
}

impl Kind {
    /// Whether time is withheld.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::Forgotten
            | Self::MissingOut
            | Self::MissingIn
            | Self::NotMe
            | Self::NoTime { .. }
            | Self::CorrectionPending { .. }
            | Self::CorrectionOwnApproval { .. }
            | Self::CorrectionMisses { .. }
            | Self::OvertimeUnapproved { .. }
            | Self::NoRate { .. } => Severity::Exception,
            Self::ClockUncertain { .. }
            | Self::ClockDisagrees { .. }
            | Self::Conflict
            | Self::AmendsNothing
            | Self::SkippedLocalTime
            | Self::RepeatedLocalTime
            | Self::Late { .. }
            | Self::LeftEarly { .. }
            | Self::ShortOfHours { .. }
            | Self::Absent { .. }
            | Self::WorkedOnLeave { .. }
            | Self::ClippedEarly { .. }
            | Self::BreakDeducted { .. } => Severity::Flag,
        }
    }

    /// The one word for it in JSON and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Forgotten => "forgotten",
            Self::MissingOut => "missing_out",
            Self::MissingIn => "missing_in",
            Self::NotMe => "not_me",
            Self::NoTime { .. } => "no_time",
            Self::ClockUncertain { .. } => "clock_uncertain",
            Self::ClockDisagrees { .. } => "clock_disagrees",
            Self::Conflict => "conflict",
            Self::AmendsNothing => "amends_nothing",
            Self::CorrectionPending { .. } => "correction_pending",
            Self::CorrectionOwnApproval { .. } => "correction_own_approval",
            Self::CorrectionMisses { .. } => "correction_misses",
            Self::SkippedLocalTime => "skipped_local_time",
            Self::RepeatedLocalTime => "repeated_local_time",
            Self::NoRate { .. } => "no_rate",
            Self::Late { .. } => "late",
            Self::LeftEarly { .. } => "left_early",
            Self::ShortOfHours { .. } => "short_of_hours",
            Self::Absent { .. } => "absent",
            Self::WorkedOnLeave { .. } => "worked_on_leave",
            Self::ClippedEarly { .. } => "clipped_early",
            Self::BreakDeducted { .. } => "break_deducted",
            Self::OvertimeUnapproved { .. } => "overtime_unapproved",
        }
    }
}

impl Anomaly {
    /// Whether time is withheld.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

/// A sentence for the person who has to settle it; whom and when it is about stand beside it.
impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Forgotten => f.write_str("checked in and never out: not paid until the end is known"),
            Kind::MissingOut => {
                f.write_str("checked in twice without a check-out between: the first is not paid until its end is known")
            }
            Kind::MissingIn => f.write_str("checked out without being in: not paid until the beginning is known"),
            Kind::NotMe => f.write_str("taken back at the terminal as somebody else's: not counted until settled"),
            Kind::NoTime { after, before } => {
                f.write_str("the terminal's clock had not been set, so the time is not known")?;
                match (after, before) {
                    (Some(after), Some(before)) => write!(f, ": between {after} and {before}"),
                    (Some(after), None) => write!(f, ": after {after}"),
                    (None, Some(before)) => write!(f, ": before {before}"),
                    (None, None) => Ok(()),
                }
            }
            Kind::ClockUncertain { bound_s: Some(bound) } => {
                write!(f, "counted, but the terminal's clock may be wrong by up to {bound} s")
            }
            Kind::ClockUncertain { bound_s: None } => {
                f.write_str("counted, but nothing says how right the terminal's clock was")
            }
            Kind::ClockDisagrees { received } => {
                let at = self.at.unwrap_or(received);
                let gap = received.duration_since(at).as_secs();
                let side = if gap < 0 { "ahead of" } else { "behind" };
                write!(f, "counted, but its time is {} s {side} its receipt at {received}", gap.unsigned_abs())
            }
            Kind::Conflict => f.write_str("two different records have this number; the one received first counts"),
            Kind::AmendsNothing => f.write_str("changes a punch that is not known in its outbox; nothing was changed"),
            Kind::CorrectionPending { .. } => f.write_str("a correction waits for approval"),
            Kind::CorrectionOwnApproval { .. } => {
                f.write_str("a correction was approved by its own party; somebody else has to approve it")
            }
            Kind::CorrectionMisses { .. } => {
                f.write_str("a correction removes a punch that is not this person's; propose it again")
            }
            Kind::SkippedLocalTime => {
                f.write_str("the clocks went forward over the stated time; it was read as the time after the change")
            }
            Kind::RepeatedLocalTime => {
                f.write_str("the clocks went back and the stated time came twice; the first one was taken")
            }
            Kind::NoRate { seconds } => {
                write!(f, "{:#} of work without an hourly rate: not paid until there is one", time(seconds))
            }
            Kind::Late { seconds } => write!(f, "{:#} late", time(seconds)),
            Kind::LeftEarly { seconds } => write!(f, "left {:#} early", time(seconds)),
            Kind::ShortOfHours { seconds } => write!(f, "{:#} short of the hours due", time(seconds)),
            Kind::Absent { day } => write!(f, "a shift was planned for {day}, and there is no punch"),
            Kind::WorkedOnLeave { day } => write!(f, "there are punches on {day}, a day of leave: one of them is wrong"),
            Kind::ClippedEarly { seconds } => write!(
                f,
                "{:#} before the planned beginning were not paid, by a setting: where that was work, it has to be",
                time(seconds)
            ),
            Kind::BreakDeducted { seconds } => write!(
                f,
                "{:#} were deducted for a break that was not punched, by a setting: where it was worked through, it \
                 has to be paid",
                time(seconds)
            ),
            Kind::OvertimeUnapproved { seconds } => write!(
                f,
                "what overtime adds for {:#} waits for approval; the hours themselves are paid",
                time(seconds)
            ),
        }
    }
}

fn time(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}
