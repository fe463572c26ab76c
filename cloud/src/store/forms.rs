//! How values are kept, and small decisions about them, the same for every database.

use std::borrow::Cow;

use rust_decimal::Decimal;
use uuid::{ContextV7, Uuid};

use super::consents::How;
use super::{AccountId, StoreError};

/// The version that stands for an attested consent: in words of whoever attested it.
pub(super) const CONSENT_TEXT: &str = "1";

/// How far the look-up of an outbox's standing may run ahead of the number where it begins, before that
/// number is moved: a commit of its own that would say nothing new.
pub(super) const WALK: u64 = 512;

/// Which people are meant.
#[derive(Clone, Copy)]
pub(super) enum Whom {
    /// Everybody who works here.
    Everybody,
    /// One, if they work here.
    Working(AccountId),
    /// One, also if they left.
    Ever(AccountId),
}

impl Whom {
    /// The one, and whether they may have left.
    pub(super) fn parts(self) -> (Option<AccountId>, bool) {
        match self {
            Self::Everybody => (None, false),
            Self::Working(one) => (Some(one), false),
            Self::Ever(one) => (Some(one), true),
        }
    }
}

/// A number for a column.
pub(super) fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Damaged("a number beyond 2^63"))
}

/// A non-negative number out of a column.
pub(super) fn count(number: i64, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Damaged(column))
}

/// Text without NUL, which PostgreSQL's text can't hold: a reason may repeat what an event says.
pub(super) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A rate as text with six places.
pub(super) fn rate_text(rate: Decimal) -> String {
    format!("{rate:.6}")
}

/// The rate in a column of text.
pub(super) fn rate(text: &str) -> Result<Decimal, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("hourly_rate"))
}

/// The form in which e-mails are compared.
pub(super) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// How a consent came that an account's holder gave, or that somebody else attested.
pub(super) fn attested(by_its_holder: bool) -> How {
    if by_its_holder {
        How::Own
    } else {
        How::Attested
    }
}

/// What the e-mail of an account that is nobody's any more is compared by: no e-mail has a space.
pub(super) fn nobodys_key(account: AccountId) -> String {
    format!("dismissed {}", account.0.simple())
}

/// The id of a consent that was given at that instant, in microseconds.
pub(super) fn consent_id(at: i64) -> Uuid {
    let seconds = u64::try_from(at / 1_000_000).unwrap_or(0);
    let nanos = u32::try_from(at % 1_000_000).unwrap_or(0) * 1_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(ContextV7::new(), seconds, nanos))
}

/// What an account's holder has said of face login so far.
#[derive(Clone, Copy)]
pub(super) struct FaceLoginConsent {
    /// A consent that was given or attested and is not withdrawn.
    pub(super) stands: bool,
    /// One that was withdrawn.
    pub(super) withdrawn: bool,
}

/// What is to be kept when its holder switches face login on or off.
pub(super) enum ConsentChange {
    /// What was attested is now confirmed by its holder.
    Confirm,
    /// A new consent, confirmed.
    Give,
    /// What stands is withdrawn.
    Withdraw,
    /// Never attested, and its holder says no: kept as given and withdrawn at once.
    GiveAndWithdraw,
    /// Nothing new.
    Nothing,
}

impl FaceLoginConsent {
    /// Whether the last word was no.
    pub(super) fn is_withdrawn(self) -> bool {
        self.withdrawn && !self.stands
    }

    pub(super) fn switched(self, on: bool) -> ConsentChange {
        match (on, self.stands, self.withdrawn) {
            (true, true, _) => ConsentChange::Confirm,
            (true, false, _) => ConsentChange::Give,
            (false, true, _) => ConsentChange::Withdraw,
            (false, false, false) => ConsentChange::GiveAndWithdraw,
            (false, false, true) => ConsentChange::Nothing,
        }
    }
}
