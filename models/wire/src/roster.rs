//! The roster: whom a terminal knows. It travels in sealed pages, and what was applied is proved by a digest.

mod assembly;
mod paging;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroize as _;

use crate::bytes::{Blob, Hash};
use crate::event::Method;
use crate::message::{Invalid, Message, Sealable, list, text, whole};
use crate::topic::{Down, Kind, Up};

pub use assembly::{Assembly, Refused, Step, Update};
pub use paging::{PagingError, pages};

/// More pages than that an update has not.
pub const MAX_PAGES: u32 = 4_096;

/// More changes than that a page has not.
pub const MAX_CHANGES: usize = 1_024;

/// A template is not longer than that, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;

/// A person's number has not more digits than that.
pub const MAX_NUMBER_DIGITS: usize = 8;

/// One page of an update from version `from` to version `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterPage {
    /// The cloud's database that counts the versions.
    pub epoch: Uuid,
    /// The version that it goes on from; 0 where it is `full`.
    pub from: u64,
    /// The version that it leads to.
    pub to: u64,
    /// Which page, from 1.
    pub page: u32,
    /// Of how many.
    pub of: u32,
    /// Whether it replaces everything.
    pub full: bool,
    /// What changes, in this order.
    pub changes: Vec<Change>,
}

/// One change of the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Somebody is known from now on, or changed.
    Put(Box<Person>),
    /// Somebody is not known any more: everything about them is erased.
    Forget(Uuid),
}

impl Change {
    /// Whom it is about.
    pub fn person(&self) -> Uuid {
        match self {
            Self::Put(person) => person.id,
            Self::Forget(id) => *id,
        }
    }
}

/// Somebody who works at the site. What shows them is never printed, and wiped when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub id: Uuid,
    /// As the screen greets them.
    pub name: String,
    /// What language they read (BCP 47); empty for the site's.
    #[serde(default)]
    pub language: String,
    /// Their templates, all of `model`, in the form of that model.
    #[serde(default)]
    pub templates: Vec<Blob>,
    /// The model that made the templates; empty where there is none.
    #[serde(default)]
    pub model: String,
    /// The digits that they type before their PIN: says who they are, and is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// What the PIN is verified with: bcrypt's own string (`$2b$10$…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_verifier: Option<String>,
    /// The badges that are theirs: what a reader types, as it spells it, or `qr:` and the id of a
    /// [signed badge](crate::badge). One that is not here any more is revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub badges: Vec<String>,
    /// After which methods a second one has to follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second_factor_with: Vec<Method>,
}

impl Person {
    /// SHA-256 over the model and the templates, each with its length before it. Somebody without a
    /// template has a hash too.
    pub fn template_hash(&self) -> Hash {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(self.model.as_bytes());
        for template in &self.templates {
            part(&template.0);
        }
        Hash(hash.finalize().into())
    }

    fn check(&self) -> Result<(), Invalid> {
        text("name", &self.name, 200)?;
        text("language", &self.language, 35)?;
        text("model", &self.model, 64)?;
        list("templates", &self.templates, 8)?;
        if self
            .templates
            .iter()
            .any(|template| template.0.len() > MAX_TEMPLATE_BYTES)
        {
            return Err(Invalid::new(
                "templates",
                format!("has one of more than {MAX_TEMPLATE_BYTES} bytes"),
            ));
        }
        if self.model.is_empty() != self.templates.is_empty() {
            return Err(Invalid::new(
                "model",
                "is named where there are templates, and only there",
            ));
        }
        let number = self.number.as_deref().unwrap_or_default();
        text("number", number, MAX_NUMBER_DIGITS)?;
        if !number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(Invalid::new("number", "is not of digits alone"));
        }
        text(
            "pin_verifier",
            self.pin_verifier.as_deref().unwrap_or_default(),
            300,
        )?;
        list("badges", &self.badges, 16)?;
        self.badges
            .iter()
            .try_for_each(|badge| text("badges", badge, 128))?;
        list("second_factor_with", &self.second_factor_with, 8)
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.name.zeroize();
        self.number.zeroize();
        self.pin_verifier.zeroize();
        self.badges.zeroize();
    }
}

impl Sealable for RosterPage {
    const KIND: Kind = Kind::Down(Down::Roster);

    fn check(&self) -> Result<(), Invalid> {
        whole("to", self.to, 1)?;
        whole("from", self.from, 0)?;
        if self.full && self.from != 0 {
            return Err(Invalid::new("from", "is 0 where `full` is true"));
        }
        if !self.full && self.from >= self.to {
            return Err(Invalid::new("from", "is not before `to`"));
        }
        if self.of == 0 || self.of > MAX_PAGES {
            return Err(Invalid::new(
                "of",
                format!("is {}; 1 to {MAX_PAGES} is allowed", self.of),
            ));
        }
        if self.page == 0 || self.page > self.of {
            return Err(Invalid::new(
                "page",
                format!("is {} of {}", self.page, self.of),
            ));
        }
        list("changes", &self.changes, MAX_CHANGES)?;
        let mut seen = BTreeSet::new();
        for change in &self.changes {
            if !seen.insert(change.person()) {
                return Err(Invalid::new(
                    "changes",
                    format!("has {} twice", change.person()),
                ));
            }
            match change {
                Change::Put(person) => person.check()?,
                Change::Forget(id) if self.full => {
                    return Err(Invalid::new(
                        "changes",
                        format!("forgets {id}, but `full` replaces everything"),
                    ));
                }
                Change::Forget(_) => {}
            }
        }
        Ok(())
    }
}

/// What a terminal holds of the roster, after secure delete and checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterApplied {
    /// The cloud's database that counted the version.
    pub epoch: Uuid,
    /// The version that it holds.
    pub version: u64,
    /// [`digest`] of everybody it knows: also the proof that somebody was forgotten.
    pub digest: Hash,
}

impl Message for RosterApplied {
    const KIND: Kind = Kind::Up(Up::RosterApplied);

    fn check(&self) -> Result<(), Invalid> {
        whole("version", self.version, 1)
    }
}

/// SHA-256 over the sorted pairs of person (16 bytes) and [template hash](Person::template_hash) (32 bytes).
pub fn digest(people: impl IntoIterator<Item = (Uuid, Hash)>) -> Hash {
    let mut pairs: Vec<_> = people.into_iter().collect();
    pairs.sort_unstable();
    let mut hash = Sha256::new();
    for (person, templates) in pairs {
        hash.update(person.as_bytes());
        hash.update(templates.0);
    }
    Hash(hash.finalize().into())
}
