//! Who helps an owner, the links that are sent by e-mail, and one's own sessions.

use jiff::Timestamp;
use uuid::Uuid;

use super::{AccountId, Answer, Hash, NewAccount, Role, SessionKind, StoreError, TenantId};

/// Who changes an account, and when.
#[derive(Clone, Copy, Debug)]
pub struct Handling {
    /// Whose organisation.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// Who does it.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Somebody becomes staff.
    Join,
    /// An account's e-mail is read by its holder.
    Verify,
    /// A new password in the place of one that was forgotten.
    Reset,
}

impl Purpose {
    /// As in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Verify => "verify",
            Self::Reset => "reset",
        }
    }
}

/// A link to be.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// Whose organisation.
    pub tenant: TenantId,
    /// SHA-256 of its token.
    pub token_hash: Hash,
    /// What for.
    pub purpose: Purpose,
    /// Whose account, where there is one.
    pub account: Option<AccountId>,
    /// Where it is sent.
    pub email: String,
    /// As what somebody joins.
    pub role: Option<Role>,
    /// As the manager of which sites; none: of all.
    pub sites: Vec<Uuid>,
    /// Who had it made.
    pub by: AccountId,
    /// When.
    pub created: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// A link that still works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose organisation.
    pub tenant: TenantId,
    /// Whose account, where there is one.
    pub account: Option<AccountId>,
    /// Where it was sent.
    pub email: String,
    /// As what somebody joins.
    pub role: Option<Role>,
    /// As the manager of which sites; none: of all.
    pub sites: Vec<Uuid>,
    /// Who had it made.
    pub by: AccountId,
}

/// An account that may do something for the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub id: AccountId,
    /// The name to show.
    pub username: String,
    /// Where letters go.
    pub email: String,
    /// What it may do.
    pub role: Role,
    /// When its holder proved to read the e-mail.
    pub verified: Option<Timestamp>,
    /// Since when.
    pub created: Timestamp,
}

/// The role of the one who is handled, out of the whole staff.
///
/// # Errors
/// [`StoreError::Missing`] where they are none of it; [`StoreError::LastOwner`] where nobody would be left who may do
/// everything.
pub(super) fn replaceable(staff: &[Member], handling: &Handling) -> Result<Role, StoreError> {
    let found = staff.iter().find(|member| member.id == handling.account);
    let role = found
        .ok_or(StoreError::Missing("member of the staff"))?
        .role;
    let owners = staff.iter().filter(|member| member.role == Role::Owner);
    match role {
        Role::Owner if owners.count() == 1 => Err(StoreError::LastOwner),
        role => Ok(role),
    }
}

/// An invitation, for the log of what was done.
pub(super) fn invited(email: &str, role: Role, sites: &[Uuid]) -> String {
    match sites {
        [] => serde_json::json!({"email": email, "role": role.as_str()}).to_string(),
        sites => {
            serde_json::json!({"email": email, "role": role.as_str(), "sites": sites}).to_string()
        }
    }
}

/// The sites of a link as they are kept; `None` for none.
pub(super) fn sites_text(sites: &[Uuid]) -> Option<String> {
    (!sites.is_empty()).then(|| serde_json::json!(sites).to_string())
}

/// The sites of a link.
pub(super) fn sites_of(text: Option<&str>) -> Result<Vec<Uuid>, StoreError> {
    let sites = text.map(serde_json::from_str).transpose();
    sites
        .map(Option::unwrap_or_default)
        .map_err(|_| StoreError::Damaged("links.sites"))
}

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// SHA-256 of its secret.
    pub key_hash: Hash,
    /// How it came to be.
    pub kind: SessionKind,
    /// From when.
    pub issued: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// Staff, links and sessions. What changes something is written down in its own transaction.
pub trait Staff {
    /// Keeps a link. The earlier ones of the same purpose to the same e-mail work no more.
    fn make_link(&self, link: NewLink) -> Answer<()>;

    /// The link of that token, while it works.
    fn link(&self, token_hash: Hash, purpose: Purpose, now: Timestamp) -> Answer<Option<Link>>;

    /// Uses a link up and adds the account, with the link's role and its e-mail verified.
    ///
    /// # Errors
    /// [`super::StoreError::NoSuchToken`], [`super::StoreError::EmailTaken`].
    fn join(&self, token_hash: Hash, account: NewAccount, now: Timestamp) -> Answer<()>;

    /// Uses a link up: the account's e-mail is read by its holder.
    ///
    /// # Errors
    /// [`super::StoreError::NoSuchToken`].
    fn verify_email(&self, token_hash: Hash, now: Timestamp) -> Answer<()>;

    /// Uses a link up: the account has another password, no open session, and an e-mail that its holder reads.
    ///
    /// # Errors
    /// [`super::StoreError::NoSuchToken`].
    fn reset_password(&self, token_hash: Hash, password_hash: String, now: Timestamp)
    -> Answer<()>;

    /// Everybody of the tenant who is more than an employee, the longest there first.
    fn staff(&self, tenant: TenantId) -> Answer<Vec<Member>>;

    /// Gives an account of the staff another role. Its sessions stay, with the new role. Which sites it is the
    /// manager of is said apart ([`super::Places::limit_manager`]).
    ///
    /// # Errors
    /// [`super::StoreError::Missing`]; [`super::StoreError::LastOwner`].
    fn set_role(&self, handling: Handling, role: Role) -> Answer<()>;

    /// Takes an account of the staff out: it logs in no more, and its sessions are closed.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`]; [`super::StoreError::LastOwner`].
    fn dismiss(&self, handling: Handling) -> Answer<()>;

    /// An account's open sessions, the newest first.
    fn sessions(
        &self,
        tenant: TenantId,
        account: AccountId,
        now: Timestamp,
    ) -> Answer<Vec<OpenSession>>;

    /// Closes one of an account's own sessions; whether there was such a one.
    fn close_own_session(
        &self,
        tenant: TenantId,
        account: AccountId,
        key_hash: Hash,
    ) -> Answer<bool>;
}
