//! Links by which people enrol their own face, once.

use jiff::Timestamp;

use super::consents::Given;
use super::{AccountId, Answer, Hash, SealedTemplate, TenantId};

/// A link to be.
#[derive(Clone, Copy, Debug)]
pub struct NewEnrolmentLink {
    /// Whose organisation.
    pub tenant: TenantId,
    /// Who is to enrol themselves.
    pub person: AccountId,
    /// SHA-256 of its token.
    pub token_hash: Hash,
    /// Who made it.
    pub by: AccountId,
    /// When.
    pub created: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// A link that still works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentLink {
    /// Whose organisation.
    pub tenant: TenantId,
    /// What it is called.
    pub organisation: String,
    /// Who is to enrol themselves.
    pub person: AccountId,
    /// Their name.
    pub name: String,
    /// Until when.
    pub expires: Timestamp,
}

/// Links to enrol oneself. What changes something is written down in its own transaction.
pub trait Enrolling {
    /// Keeps a link. The earlier ones of the same person work no more.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`] where nobody of that id works here.
    fn make_enrolment_link(&self, link: NewEnrolmentLink) -> Answer<()>;

    /// The link of that token, while it works and its person works here.
    fn enrolment_link(&self, token_hash: Hash, now: Timestamp) -> Answer<Option<EnrolmentLink>>;

    /// Uses a link up: its person agreed, and their template is kept.
    ///
    /// # Errors
    /// [`super::StoreError::NoSuchToken`].
    fn enrol_by_link(
        &self,
        token_hash: Hash,
        given: Given,
        template: SealedTemplate,
        now: Timestamp,
    ) -> Answer<()>;

    /// Uses a link up: its person said no.
    ///
    /// # Errors
    /// [`super::StoreError::NoSuchToken`].
    fn decline_by_link(&self, token_hash: Hash, now: Timestamp) -> Answer<()>;
}
