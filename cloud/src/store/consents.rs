//! Consents, what rests on them, and the proof that it was erased.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ways::Changing;
use super::{AccountId, Adding, Answer, Hash, NewPerson, SealedTemplate, StoreError, TenantId};

/// As many own texts as an organisation may have.
pub(super) const MOST_TEXTS: usize = 100;

/// How a consent was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Whoever registered the person said so.
    Attested,
    /// On paper, which the office keeps.
    Paper,
    /// By the person, by a link.
    Link,
    /// By the account's holder, logged in.
    Own,
}

impl How {
    /// As in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attested => "attested",
            Self::Paper => "paper",
            Self::Link => "link",
            Self::Own => "own",
        }
    }
}

/// To what somebody agreed, when and how.
#[derive(Clone, Debug)]
pub struct Given {
    /// How.
    pub how: How,
    /// The text's version.
    pub version: String,
    /// The language in which they read it.
    pub language: String,
    /// When they agreed.
    pub at: Timestamp,
}

/// A consent as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Which.
    pub id: Uuid,
    /// `attendance` or `face-login`.
    pub purpose: String,
    /// The text's version.
    pub version: String,
    /// The text's language.
    pub language: String,
    /// When it was given.
    pub at: Timestamp,
    /// Who wrote it down.
    pub by: AccountId,
    /// How it was given: a word of [`How`].
    pub how: String,
    /// When its holder confirmed it, or gave it themselves.
    pub confirmed: Option<Timestamp>,
    /// When it was withdrawn.
    pub withdrawn: Option<Timestamp>,
    /// By whom.
    pub withdrawn_by: Option<AccountId>,
}

/// What is said of a template without its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// The embedding's model.
    pub model: String,
    /// Of the template's bytes.
    pub version: i64,
    /// How many photographs made it.
    pub photos: i64,
    /// Since when.
    pub since: Timestamp,
    /// The consent that it rests on.
    pub consent: Option<Uuid>,
}

/// Why templates were erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The consent was withdrawn.
    Withdrawn,
    /// The person left.
    Left,
    /// They were not used for as long as the organisation keeps such.
    Unused,
}

impl Why {
    /// As in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Left => "left",
            Self::Unused => "unused",
        }
    }

    /// The word for it in the log of what was done.
    pub(super) fn deed(self) -> &'static str {
        match self {
            Self::Withdrawn => "consent_withdrawn",
            Self::Left | Self::Unused => "template_erased",
        }
    }
}

/// A person's templates that are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub person: AccountId,
    /// When they were deleted here.
    pub at: Timestamp,
    /// Who had it done; nil for the program itself.
    pub by: AccountId,
    /// A word of [`Why`].
    pub why: String,
    /// What there was.
    pub held: Vec<Described>,
    /// The terminals that may have held it, by name.
    pub terminals: Vec<Told>,
}

/// A terminal that may have held what was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Which.
    pub terminal: Uuid,
    /// Its name.
    pub name: String,
    /// Since when it is nobody's any more, and is told nothing.
    pub revoked: Option<Timestamp>,
    /// When it proved to hold it no more.
    pub confirmed: Option<Timestamp>,
    /// The roster's version and digest by which it did.
    pub proof: Option<(u64, Hash)>,
}

/// What a terminal proved.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// Whose.
    pub tenant: TenantId,
    /// Which terminal.
    pub terminal: Uuid,
    /// The roster's version that it holds.
    pub version: u64,
    /// Its digest.
    pub digest: Hash,
    /// When.
    pub at: Timestamp,
}

/// One of an organisation's own texts, in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnText {
    /// `own-1` and so on.
    pub version: String,
    /// BCP 47.
    pub language: String,
    /// The words.
    pub text: String,
    /// Since when it is the current one.
    pub made: Timestamp,
}

/// Whoever works here or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ever {
    /// The name to show.
    pub name: String,
    /// When they left.
    pub left: Option<Timestamp>,
}

/// The version that follows so many.
pub(super) fn own_version(before: usize) -> Result<String, StoreError> {
    if before >= MOST_TEXTS {
        return Err(StoreError::TooMany("consent texts"));
    }
    Ok(format!("own-{}", before + 1))
}

/// What was held, as it is kept.
pub(super) fn held_text(held: &[Described]) -> String {
    serde_json::to_string(held).unwrap_or_default()
}

/// What was held, as it was kept.
pub(super) fn held(text: &str) -> Result<Vec<Described>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged("erasures.held"))
}

/// A consent, for the log of what was done.
pub(super) fn told(given: &Given) -> String {
    let (how, version, language) = (given.how.as_str(), &given.version, &given.language);
    serde_json::json!({"how": how, "text": version, "language": language, "at": given.at})
        .to_string()
}

/// Consents and erasures. What changes something is written down in its own transaction.
pub trait Consents {
    /// Somebody who works here or did.
    fn ever(&self, tenant: TenantId, person: AccountId) -> Answer<Option<Ever>>;

    /// What an account's holder agreed to, the latest first.
    fn consents(&self, tenant: TenantId, person: AccountId) -> Answer<Vec<Consent>>;

    /// The templates of an account, without their numbers.
    fn described(&self, tenant: TenantId, person: AccountId) -> Answer<Vec<Described>>;

    /// [`super::House::add_person`] with a consent that was given as `given` says.
    ///
    /// # Errors
    /// As there.
    fn add_consenting(&self, person: NewPerson, by: Adding, given: Given) -> Answer<()>;

    /// Keeps that a person agreed to the use of their face for attendance.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where nobody of that id works here.
    fn give_consent(&self, changing: Changing, given: Given) -> Answer<Uuid>;

    /// Keeps a template, in the place of the one of the same model, resting on the latest consent that stands.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where nobody of that id works here; [`StoreError::NoConsent`].
    fn enrol(&self, changing: Changing, template: SealedTemplate) -> Answer<()>;

    /// Deletes every template of an account, and names each terminal that may hold it. Withdraws all consents
    /// where that is why. `None` where there was neither template nor consent.
    fn erase(&self, changing: Changing, why: Why, id: Uuid) -> Answer<Option<Uuid>>;

    /// What was erased of an account, the latest first.
    fn erasures(&self, tenant: TenantId, person: AccountId) -> Answer<Vec<Erasure>>;

    /// The erasures that a terminal has not proved yet.
    fn unproved(&self, tenant: TenantId, terminal: Uuid) -> Answer<Vec<Uuid>>;

    /// Keeps that a terminal proved these.
    fn prove(&self, proof: Proof, erasures: Vec<Uuid>) -> Answer<()>;

    /// The organisation's own texts, the earliest first.
    fn own_texts(&self, tenant: TenantId) -> Answer<Vec<OwnText>>;

    /// Adds an own text in these languages as the newest version, and gives its name.
    ///
    /// # Errors
    /// [`StoreError::TooMany`].
    fn add_text(
        &self,
        tenant: TenantId,
        by: AccountId,
        at: Timestamp,
        texts: Vec<(String, String)>,
    ) -> Answer<String>;
}
