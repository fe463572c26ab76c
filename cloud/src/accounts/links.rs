//! Links that are sent by e-mail and work once: becoming staff, an e-mail that is read, a forgotten password.
//!
//! Letters go out beside the answer: how long one takes, and whether there is such an account, is not heard.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::founding::NoPlace;
use crate::App;
use crate::store::staff::{NewLink, Purpose};
use crate::store::{Account, AccountId, Hash, NewAccount, Person, Role, StoreError};
use crate::tokens;

const JOIN_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
const VERIFY_LIFE: SignedDuration = SignedDuration::from_hours(3 * 24);
const RESET_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// As what somebody joins, and as the manager of which sites.
type Joins = (Role, Vec<Uuid>);

/// An invitation to the staff.
pub struct Inviting {
    /// Where it is opened, with its secret; where no letter goes out, for whoever invites to pass on.
    pub link: Option<String>,
    /// Until when.
    pub expires: Timestamp,
}

/// Invites somebody to the staff.
///
/// # Errors
/// When somebody has the e-mail already, or the link can't be kept.
pub async fn invite(
    app: &Arc<App>,
    by: &Account,
    email: String,
    role: Role,
    sites: Vec<Uuid>,
) -> Result<Inviting, NoPlace> {
    if app.store.account_by_email(email.clone()).await?.is_some() {
        return Err(StoreError::EmailTaken.into());
    }
    let about = (None, email.clone(), Some((role, sites)));
    let (token, expires) = keep(app, by, Purpose::Join, about, JOIN_LIFE).await?;
    let Some(mail) = &app.mail else {
        return Ok(Inviting {
            link: Some(format!("/join?token={token}")),
            expires,
        });
    };
    let text = format!(
        "{} invites you to Limen, as {}.\n\nChoose a password here within seven days:\n{}\n\n\
         Whoever has this link can join in your place: pass it on to nobody.\n",
        by.username,
        role.as_str(),
        mail.link("join", &token)
    );
    send(app, email, "An invitation to Limen", text, by.id);
    Ok(Inviting {
        link: None,
        expires,
    })
}

/// Asks the holder of an account whether they read its e-mail. Whether a letter goes out.
///
/// # Errors
/// When the link can't be kept.
pub async fn ask_to_verify(app: &Arc<App>, account: &Account) -> Result<bool, NoPlace> {
    let Some(mail) = &app.mail else {
        return Ok(false);
    };
    let about = (Some(account.id), account.email.clone(), None);
    let (token, _) = keep(app, account, Purpose::Verify, about, VERIFY_LIFE).await?;
    let text = format!(
        "Somebody gave this address for an account at Limen.\n\nIf that was you, say so here within three days:\n\
         {}\n\nIf not, do nothing.\n",
        mail.link("verify", &token)
    );
    send(
        app,
        account.email.clone(),
        "Is this your address?",
        text,
        account.id,
    );
    Ok(true)
}

/// Sends whoever has that e-mail a link to a new password. Nobody hears whether there is such an account.
///
/// # Errors
/// When the link can't be kept.
pub async fn forgotten(app: &Arc<App>, email: String) -> Result<(), NoPlace> {
    let account = app.store.account_by_email(email).await?;
    let (Some(mail), Some(account)) = (&app.mail, account) else {
        return Ok(());
    };
    let about = (Some(account.id), account.email.clone(), None);
    let (token, _) = keep(app, &account, Purpose::Reset, about, RESET_LIFE).await?;
    let text = format!(
        "Somebody asked for a new password for your account at Limen.\n\nIf that was you, choose one here within an \
         hour:\n{}\n\nIf not, do nothing: the old one stays.\n",
        mail.link("reset", &token)
    );
    send(
        app,
        account.email.clone(),
        "A new password for Limen",
        text,
        account.id,
    );
    Ok(())
}

/// Sends a person the link by which they enrol their own face; whether a letter goes out.
pub fn send_enrolment(app: &Arc<App>, person: &Person, token: &str) -> bool {
    let Some(mail) = &app.mail else {
        return false;
    };
    let text = format!(
        "You may come in by your face, if you want. By this link, good for fourteen days, you read what that means, \
         and say yes or no:\n{}\n\nA PIN or a badge does the same. Whoever has this link can answer in your place: \
         pass it on to nobody.\n",
        mail.link("enrol", token)
    );
    let to = person.email.clone();
    send(
        app,
        to,
        "Your face at the door, if you want",
        text,
        person.id,
    );
    true
}

/// Makes somebody who was invited a member of the staff, and gives the e-mail that they log in with.
///
/// # Errors
/// When the password can't be one, the link does not work, or somebody has the e-mail meanwhile.
pub async fn join(
    app: &App,
    token: &str,
    username: String,
    password: String,
) -> Result<String, NoPlace> {
    let now = app.now();
    let token_hash = tokens::hash(token.as_bytes());
    let link = app.store.link(token_hash, Purpose::Join, now).await?;
    let email = link.ok_or(StoreError::NoSuchToken)?.email;
    let about = [username.as_str(), email.as_str()];
    let account = NewAccount {
        id: AccountId(Uuid::now_v7()),
        password_hash: app.passwords.hash(password, &about).await?,
        username,
        email: email.clone(),
        face_login: false,
        template: None,
    };
    app.store.join(token_hash, account, now).await?;
    Ok(email)
}

/// Puts a new password in the place of one that was forgotten, and closes the account's sessions.
///
/// # Errors
/// When the password can't be one, or the link does not work.
pub async fn reset(app: &App, token: &str, password: String) -> Result<(), NoPlace> {
    let now = app.now();
    let token_hash: Hash = tokens::hash(token.as_bytes());
    let link = app.store.link(token_hash, Purpose::Reset, now).await?;
    let email = link.ok_or(StoreError::NoSuchToken)?.email;
    let hash = app.passwords.hash(password, &[email.as_str()]).await?;
    app.store.reset_password(token_hash, hash, now).await?;
    Ok(())
}

async fn keep(
    app: &App,
    by: &Account,
    purpose: Purpose,
    (account, email, joins): (Option<AccountId>, String, Option<Joins>),
    life: SignedDuration,
) -> Result<(String, Timestamp), NoPlace> {
    let now = app.now();
    let token = tokens::fresh_secret()?;
    let (role, sites) = joins.map_or((None, Vec::new()), |(role, sites)| (Some(role), sites));
    let link = NewLink {
        tenant: by.tenant,
        token_hash: tokens::hash(token.as_bytes()),
        purpose,
        account,
        email,
        role,
        sites,
        by: by.id,
        created: now,
        expires: now + life,
    };
    app.store.make_link(link).await?;
    Ok((token, now + life))
}

fn send(app: &Arc<App>, to: String, subject: &'static str, text: String, about: AccountId) {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let Some(mail) = &app.mail else { return };
        match mail.send(&to, subject, text).await {
            Ok(()) => tracing::info!(account = %about.0, subject, "a letter went out"),
            Err(error) => tracing::error!(
                account = %about.0, subject,
                error = &error as &dyn std::error::Error,
                "a letter did not go out"
            ),
        }
    });
}
