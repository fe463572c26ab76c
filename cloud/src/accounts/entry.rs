//! Getting in: by password, by face; and what one has then: a token or a cookie's session.
//!
//! Every refusal looks the same from outside, whether the account is unknown, the password wrong or the face
//! somebody else's, and an unknown account costs the same work.

use std::net::IpAddr;

use axum::body::Bytes;
use jiff::SignedDuration;

use super::throttle::{Attempt, Trial};
use crate::App;
use crate::enrolment::{self, EnrolmentError, Purpose};
use crate::metrics::{By, Outcome};
use crate::passwords::PasswordError;
use crate::store::{Account, Kind, NewSession, SessionKind, StoreError};
use crate::tokens::{self, TOKEN_LIFE, TokenError};
use crate::vault::{self, VaultError};

/// How long a browser stays logged in.
pub const COOKIE_LIFE: SignedDuration = SignedDuration::from_hours(12);

/// Why somebody did not get in.
#[derive(Debug, thiserror::Error)]
pub enum NotIn {
    /// Unknown account, wrong password, nobody's face: which, is not said.
    #[error("nobody by that name and proof")]
    Refused,
    /// Too many attempts.
    #[error("too many attempts; wait for {0} s")]
    Throttled(u64),
    /// The password can't be checked.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The picture can't be used.
    #[error(transparent)]
    Face(#[from] EnrolmentError),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The token can't be signed.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// The account of that e-mail, if the password is its own.
///
/// # Errors
/// [`NotIn::Refused`] or [`NotIn::Throttled`]; others where it can't be found out.
pub async fn by_password(
    app: &App,
    email: &str,
    password: String,
    address: IpAddr,
) -> Result<Account, NotIn> {
    let attempt = Attempt::new(email, address);
    let trial = begin(app, attempt, By::Password)?;
    let account = app.store.account_by_email(email.to_owned()).await?;
    let stored = account.as_ref().map(|a| a.password_hash.clone());
    let outdated = stored
        .as_deref()
        .is_some_and(|hash| app.passwords.is_outdated(hash));
    let renewed = outdated.then(|| password.clone());
    let right = app.passwords.verify(password, stored).await?;
    let account = settle(app, trial, By::Password, account.filter(|_| right))?;
    // Today's cost; a password of before today's rules stays as it is.
    if let Some(password) = renewed
        && let Ok(hash) = app.passwords.hash(password, &[]).await
    {
        app.store
            .set_password_hash(account.tenant, account.id, hash)
            .await?;
    }
    Ok(account)
}

/// The account whose face that is: of the given e-mail (1:1), or of those who switched face login on, under
/// the identification policy. Only accounts of `kind`, where one is given.
///
/// # Errors
/// [`NotIn::Refused`] or [`NotIn::Throttled`]; [`NotIn::Face`] for a picture that can't be used.
pub async fn by_face(
    app: &App,
    email: Option<&str>,
    kind: Option<Kind>,
    image: Bytes,
    address: IpAddr,
) -> Result<Account, NotIn> {
    let attempt = email.map_or_else(
        || Attempt::by_face_alone(address),
        |email| Attempt::new(email, address),
    );
    let trial = begin(app, attempt, By::Face)?;
    let probe = enrolment::probe_from_upload(app, image).await?;
    let account = match email {
        Some(email) => {
            let account = app.store.account_by_email(email.to_owned()).await?;
            match account.filter(|a| kind.is_none_or(|kind| a.kind == kind)) {
                Some(account) => {
                    let withdrawn = !account.face_login
                        && app
                            .store
                            .face_login_withdrawn(account.tenant, account.id)
                            .await?;
                    let own = enrolment::verify(app, &account, &probe, Purpose::LogIn).await?;
                    (own && !withdrawn).then_some(account)
                }
                None => None,
            }
        }
        None => enrolment::identify_for_log_in(app, kind, probe).await?,
    };
    settle(app, trial, By::Face, account)
}

fn begin(app: &App, attempt: Attempt, by: By) -> Result<Trial<'_>, NotIn> {
    app.throttle.begin(attempt, app.now()).map_err(|seconds| {
        app.metrics.log_in(by, Outcome::Throttled);
        NotIn::Throttled(seconds)
    })
}

fn settle(app: &App, trial: Trial<'_>, by: By, account: Option<Account>) -> Result<Account, NotIn> {
    if let Some(account) = account {
        trial.succeeded();
        app.metrics.log_in(by, Outcome::Accepted);
        Ok(account)
    } else {
        trial.failed();
        app.metrics.log_in(by, Outcome::Refused);
        Err(NotIn::Refused)
    }
}

/// Opens a session for a bearer token and gives the token.
///
/// # Errors
/// When the token can't be signed or the session not kept.
pub async fn open_token(app: &App, account: &Account) -> Result<String, NotIn> {
    let now = app.now();
    let (token, claims) = app.tokens.issue(account, vault::random()?, now)?;
    app.store
        .open_session(NewSession {
            tenant: account.tenant,
            account: account.id,
            key_hash: tokens::hash(claims.jti.as_bytes()),
            kind: SessionKind::Token,
            issued: now,
            expires: now + TOKEN_LIFE,
        })
        .await?;
    Ok(token)
}

/// Opens a session for a browser and gives the cookie's value.
///
/// # Errors
/// When the operating system gives no randomness or the session can't be kept.
pub async fn open_cookie(app: &App, account: &Account) -> Result<String, NotIn> {
    let now = app.now();
    let secret = tokens::fresh_secret()?;
    app.store
        .open_session(NewSession {
            tenant: account.tenant,
            account: account.id,
            key_hash: tokens::hash(secret.as_bytes()),
            kind: SessionKind::Cookie,
            issued: now,
            expires: now + COOKIE_LIFE,
        })
        .await?;
    Ok(secret)
}
