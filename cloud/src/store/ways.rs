//! Ways in without a face: PINs and badges.

use jiff::Timestamp;
use uuid::Uuid;

use super::{AccountId, Answer, TenantId};

/// The first number that is given to anybody: two digits, so that nobody wonders whether a zero belongs to it.
pub(super) const FIRST: u32 = 10;

/// As many badges as a roster carries for a person.
pub(super) const MOST_BADGES: i64 = 16;

/// Who changes whose ways in, and when.
#[derive(Clone, Copy, Debug)]
pub struct Changing {
    /// Whose organisation.
    pub tenant: TenantId,
    /// Whose ways in.
    pub person: AccountId,
    /// Who changes them.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// A person's ways in without a face.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaysIn {
    /// The number that they type before a PIN, once they had one.
    pub number: Option<u32>,
    /// Whether they have a PIN now.
    pub has_pin: bool,
    /// Their badges, the newest first, the revoked ones too.
    pub badges: Vec<Badge>,
    /// What was changed, the latest first.
    pub changes: Vec<WayChange>,
}

/// A badge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// Which.
    pub id: Uuid,
    /// As rosters list it: `qr:…` of a signed one, else what a reader types.
    pub listed: String,
    /// Since when.
    pub issued: Timestamp,
    /// Until when, if it does not hold any more.
    pub revoked: Option<Timestamp>,
}

/// What was changed, by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayChange {
    /// `pin_set`, `pin_removed`, `badge_issued` or `badge_revoked`.
    pub what: String,
    /// Which badge.
    pub badge: Option<Uuid>,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// Ways in without a face. Each change is written down in its own transaction.
pub trait Ways {
    /// A person's ways in; `None` where nobody of the tenant is that.
    fn ways_in(&self, tenant: TenantId, person: AccountId) -> Answer<Option<WaysIn>>;

    /// Puts a new PIN in the place of the old one. Gives the person's number, which is the next free one where
    /// they had none.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`] where nobody of the tenant is that person.
    fn set_pin(&self, changing: Changing, verifier: String) -> Answer<u32>;

    /// Takes the PIN back; whether there was one.
    fn remove_pin(&self, changing: Changing) -> Answer<bool>;

    /// Gives the person a badge.
    ///
    /// # Errors
    /// [`super::StoreError::BadgeTaken`] where it is somebody's already, [`super::StoreError::Missing`] where
    /// nobody of the tenant is that person, [`super::StoreError::TooMany`] where they have as many as a roster
    /// carries.
    fn issue_badge(&self, changing: Changing, badge: Uuid, listed: String) -> Answer<()>;

    /// Revokes one of the person's badges; whether there was one to revoke.
    fn revoke_badge(&self, changing: Changing, badge: Uuid) -> Answer<bool>;
}
