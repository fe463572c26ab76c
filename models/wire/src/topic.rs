//! The topic grammar, printed and parsed: `limen/1/{terminal}/{kind}`.
//!
//! `1` is the protocol's version. A topic has one spelling: the terminal's id in lower case with
//! hyphens, no wildcard, nothing before or after.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// What every topic begins with.
pub const PREFIX: &str = "limen/1/";

/// Longer topics are not looked at.
const LONGEST: usize = 96;

/// What a terminal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Up {
    /// A new session begins: [`Hello`](crate::Hello).
    Hello,
    /// [`Event`](crate::Event).
    Event,
    /// [`Status`](crate::Status), also as the will.
    Status,
    /// What it holds of the roster: [`RosterApplied`](crate::RosterApplied).
    RosterApplied,
    /// Templates made at the terminal, sealed: [`Enrolled`](crate::Enrolled).
    Enrolled,
    /// [`CommandResult`](crate::CommandResult).
    CommandResult,
}

/// What a terminal is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Down {
    /// [`Ack`](crate::Ack).
    Ack,
    /// [`RosterPage`](crate::RosterPage), sealed.
    Roster,
    /// [`Settings`](crate::Settings), sealed.
    Settings,
    /// [`State`](crate::State), sealed.
    State,
    /// [`Command`](crate::Command).
    Command,
}

/// What a message is about, and with it which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// From a terminal to its site.
    Up(Up),
    /// From a site to a terminal.
    Down(Down),
}

impl Up {
    /// Each of them.
    pub const ALL: [Self; 6] = [
        Self::Hello,
        Self::Event,
        Self::Status,
        Self::RosterApplied,
        Self::Enrolled,
        Self::CommandResult,
    ];

    /// The filter that takes this kind from every terminal: `limen/1/+/event`.
    pub fn filter(self) -> String {
        format!("{PREFIX}+/{}", Kind::Up(self).path())
    }

    /// The same, shared by the members of a group: `$share/{group}/limen/1/+/event`.
    pub fn shared_filter(self, group: &str) -> String {
        format!("$share/{group}/{}", self.filter())
    }
}

impl Down {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Ack,
        Self::Roster,
        Self::Settings,
        Self::State,
        Self::Command,
    ];
}

impl Kind {
    /// Each of them, both ways.
    pub fn all() -> impl Iterator<Item = Self> {
        Up::ALL
            .map(Self::Up)
            .into_iter()
            .chain(Down::ALL.map(Self::Down))
    }

    /// The end of the topic: `roster/applied`.
    pub fn path(self) -> &'static str {
        match self {
            Self::Up(Up::Hello) => "hello",
            Self::Up(Up::Event) => "event",
            Self::Up(Up::Status) => "status",
            Self::Up(Up::RosterApplied) => "roster/applied",
            Self::Up(Up::Enrolled) => "enrolled",
            Self::Up(Up::CommandResult) => "command/result",
            Self::Down(Down::Ack) => "ack",
            Self::Down(Down::Roster) => "roster",
            Self::Down(Down::Settings) => "settings",
            Self::Down(Down::State) => "state",
            Self::Down(Down::Command) => "command",
        }
    }

    /// The `typ` of the protected header: `limen-roster-applied+jws`.
    pub fn typ(self) -> &'static str {
        match self {
            Self::Up(Up::Hello) => "limen-hello+jws",
            Self::Up(Up::Event) => "limen-event+jws",
            Self::Up(Up::Status) => "limen-status+jws",
            Self::Up(Up::RosterApplied) => "limen-roster-applied+jws",
            Self::Up(Up::Enrolled) => "limen-enrolled+jws",
            Self::Up(Up::CommandResult) => "limen-command-result+jws",
            Self::Down(Down::Ack) => "limen-ack+jws",
            Self::Down(Down::Roster) => "limen-roster+jws",
            Self::Down(Down::Settings) => "limen-settings+jws",
            Self::Down(Down::State) => "limen-state+jws",
            Self::Down(Down::Command) => "limen-command+jws",
        }
    }

    /// The kind of a `typ`.
    pub fn from_typ(typ: &str) -> Option<Self> {
        Self::all().find(|kind| kind.typ() == typ)
    }

    /// How long the compact JWS of such a message may be, in bytes. Longer ones are refused unread.
    pub fn max_bytes(self) -> usize {
        match self {
            Self::Down(Down::Roster) | Self::Up(Up::Enrolled) => 512 * 1024,
            Self::Down(Down::Settings) => 64 * 1024,
            _ => 8 * 1024,
        }
    }
}

/// Where a message is published: whose, and what about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    /// The terminal that says it or is told it.
    pub terminal: Uuid,
    /// What it is about.
    pub kind: Kind,
}

impl Topic {
    /// What `terminal` says.
    pub fn up(terminal: Uuid, kind: Up) -> Self {
        Self {
            terminal,
            kind: Kind::Up(kind),
        }
    }

    /// What `terminal` is told.
    pub fn down(terminal: Uuid, kind: Down) -> Self {
        Self {
            terminal,
            kind: Kind::Down(kind),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}/{}", self.terminal, self.kind.path())
    }
}

/// A text that is no topic of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// No topic of ours is that long.
    #[error("the topic is {0} bytes long; none of ours is longer than {LONGEST}")]
    Long(usize),
    /// Another protocol, or another version of it.
    #[error("the topic {0:?} does not begin with {PREFIX:?}")]
    Foreign(String),
    /// No terminal's id.
    #[error("{0:?} is no terminal id: a UUID in lower case with hyphens is")]
    Terminal(String),
    /// A terminal's topic, but none that exists.
    #[error("terminals have no topic {0:?}")]
    Kind(String),
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(topic: &str) -> Result<Self, TopicError> {
        if topic.len() > LONGEST {
            return Err(TopicError::Long(topic.len()));
        }
        let rest = topic
            .strip_prefix(PREFIX)
            .ok_or_else(|| TopicError::Foreign(topic.to_owned()))?;
        let (terminal, path) = rest.split_once('/').unwrap_or((rest, ""));
        let id = Uuid::try_parse(terminal)
            .ok()
            .filter(|id| id.to_string() == terminal)
            .ok_or_else(|| TopicError::Terminal(terminal.to_owned()))?;
        let kind = Kind::all()
            .find(|kind| kind.path() == path)
            .ok_or_else(|| TopicError::Kind(path.to_owned()))?;
        Ok(Self { terminal: id, kind })
    }
}
