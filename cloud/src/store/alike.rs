//! Two people whose faces are too much alike, for somebody to settle.

use jiff::Timestamp;

use super::ways::Changing;
use super::{AccountId, Answer, TenantId};

/// How it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The one was not enrolled, since the other has that face already.
    Double,
    /// Both are enrolled, and templates can't tell them apart at the rate that doors want.
    Near,
}

impl Found {
    /// As in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Near => "near",
        }
    }
}

/// What somebody said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// One person: the one is not to be enrolled beside the other.
    Same,
    /// Two people whom no camera tells apart: a face alone lets neither in.
    Twins,
    /// Two people, and the face does.
    Different,
}

impl Settled {
    /// As in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Twins => "twins",
            Self::Different => "different",
        }
    }

    /// What that word means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Same, Self::Twins, Self::Different]
            .into_iter()
            .find(|one| one.as_str() == name)
    }
}

/// Two people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Who was to be enrolled when it was found.
    pub person: AccountId,
    /// Their name.
    pub name: String,
    /// The other.
    pub other: AccountId,
    /// The other's name.
    pub other_name: String,
    /// A word of [`Found`].
    pub kind: String,
    /// When it was found.
    pub found: Timestamp,
    /// When it was settled.
    pub settled: Option<Timestamp>,
    /// By whom.
    pub settled_by: Option<AccountId>,
    /// A word of [`Settled`].
    pub settled_as: Option<String>,
}

/// Doubles and twins. What changes something is written down in its own transaction.
pub trait Alike {
    /// Keeps that two people are alike. What was settled stays settled; whether it is open.
    fn found_alike(&self, changing: Changing, other: AccountId, found: Found) -> Answer<bool>;

    /// Who is alike, the latest first.
    fn alike(&self, tenant: TenantId) -> Answer<Vec<Pair>>;

    /// What nobody has settled yet of people who work here, the earliest first.
    fn open_alike(&self, tenant: TenantId) -> Answer<Vec<Pair>>;

    /// Settles what was found of two people, or settles it otherwise.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`] where nothing was found of them.
    fn settle_alike(&self, changing: Changing, other: AccountId, settled: Settled) -> Answer<()>;
}
