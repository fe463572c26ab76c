//! Getting a place: a tenant with its keys, its people, and the links and invitations that open the way.

use jiff::{SignedDuration, Timestamp};
use limen_wire::{SealingSecret, SecretKey};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::App;
use crate::enrolment::{self, Enrolment};
use crate::passwords::PasswordError;
use crate::store::consents::Given;
use crate::store::{
    Account, AccountId, Adding, Founding, Kind, NewAccount, NewApi, NewInvitation, NewPerson,
    NewSite, NewTenant, StoreError, TenantId,
};
use crate::tokens;
use crate::vault::{self, Sealed, VaultError};

/// How long an invitation is good.
pub const INVITATION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Why there was no place.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// The password can't be one, or can't be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database refused: the e-mail is taken, or the right is used up.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or template can't be made or sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Who wants a place.
pub struct Applicant {
    /// The name to show.
    pub username: String,
    /// Checked, without spaces around it.
    pub email: String,
    /// In the clear; hashed here.
    pub password: String,
    /// The face, where there is one.
    pub face: Option<Enrolment>,
    /// Whether the face may be logged in with.
    pub face_login: bool,
}

/// A UUIDv7 of that instant.
fn fresh_id(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}

async fn account_of(
    app: &App,
    tenant: TenantId,
    applicant: Applicant,
    now: Timestamp,
) -> Result<NewAccount, NoPlace> {
    let about = [applicant.username.as_str(), applicant.email.as_str()];
    let password_hash = app.passwords.hash(applicant.password, &about).await?;
    let id = AccountId(fresh_id(now));
    let template = applicant
        .face
        .map(|face| enrolment::seal(app, tenant, id, &face.template))
        .transpose()?;
    Ok(NewAccount {
        id,
        face_login: applicant.face_login && template.is_some(),
        username: applicant.username,
        email: applicant.email,
        password_hash,
        template,
    })
}

/// Founds a tenant: its site with a key to sign and one to seal, its terminal `api` with its own key, and its
/// first employer.
///
/// # Errors
/// When the password is refused, the e-mail taken, or the right that it is founded by used up.
pub async fn found_tenant(
    app: &App,
    applicant: Applicant,
    by: Founding,
) -> Result<AccountId, NoPlace> {
    let now = app.now();
    let tenant = TenantId(fresh_id(now));
    let name = applicant.username.clone();
    let employer = account_of(app, tenant, applicant, now).await?;
    let id = employer.id;
    let tenant = new_tenant(app, tenant, name, employer, now)?;
    app.store.found_tenant(tenant, by).await?;
    tracing::info!(account = %id.0, "a tenant was founded");
    Ok(id)
}

/// A tenant to be, with the keys of its site and of its terminal `api`.
///
/// # Errors
/// When the operating system gives no randomness.
pub(crate) fn new_tenant(
    app: &App,
    tenant: TenantId,
    name: String,
    employer: NewAccount,
    now: Timestamp,
) -> Result<NewTenant, NoPlace> {
    let seal = |purpose, of, key: &[u8; 32]| {
        app.vault.seal(
            Sealed::Key {
                purpose,
                tenant,
                of,
            },
            key,
        )
    };
    let site = Uuid::new_v4();
    let terminal = Uuid::new_v4();
    let signing = SecretKey::from_seed(vault::random()?);
    let sealing = SealingSecret::from_seed(vault::random()?);
    let api = SecretKey::from_seed(vault::random()?);
    Ok(NewTenant {
        id: tenant,
        name,
        currency: app.config.currency.clone(),
        site: NewSite {
            id: site,
            name: "Site".to_owned(),
            zone: app.config.zone.clone(),
            signing_sealed: seal("site-signing", site, &signing.to_seed())?,
            sealing_sealed: seal("site-sealing", site, &sealing.to_seed())?,
        },
        api: NewApi {
            terminal,
            outbox: Uuid::new_v4(),
            public_key: api.public().to_bytes(),
            seed_sealed: seal("api-signing", terminal, &api.to_seed())?,
        },
        employer,
        at: now,
    })
}

/// Adds an employee to a tenant. `by` and `attested_by`: who may, and who says that the person consented.
///
/// # Errors
/// When the password is refused, the e-mail taken, or the invitation used up.
pub async fn add_person(
    app: &App,
    applicant: Applicant,
    hourly_rate: Decimal,
    attested_by: AccountId,
    by: Adding,
) -> Result<AccountId, NoPlace> {
    enrol_person(app, applicant, hourly_rate, attested_by, by, None).await
}

/// [`add_person`] with the consent that was given; without one, it is kept as attested.
///
/// # Errors
/// As there.
pub async fn enrol_person(
    app: &App,
    applicant: Applicant,
    hourly_rate: Decimal,
    attested_by: AccountId,
    by: Adding,
    given: Option<Given>,
) -> Result<AccountId, NoPlace> {
    let now = app.now();
    let tenant = match by {
        Adding::Employer(tenant) | Adding::Invited(tenant, _) => tenant,
    };
    let account = account_of(app, tenant, applicant, now).await?;
    let id = account.id;
    let person = NewPerson {
        account,
        hourly_rate,
        attested_by,
        at: now,
    };
    match given {
        Some(given) => app.store.add_consenting(person, by, given).await?,
        None => app.store.add_person(person, by).await?,
    }
    let _nobody_listens = app.changed.send(tenant);
    Ok(id)
}

/// The hash of a password that nobody knows: who is added with it gets another by a letter.
///
/// # Errors
/// When the operating system gives no randomness, or too many passwords are being hashed.
pub async fn nobodys_password(app: &App) -> Result<String, NoPlace> {
    Ok(app.passwords.hash(tokens::fresh_secret()?, &[]).await?)
}

/// Adds an employee without a face, with the hash of a password that nobody knows.
///
/// # Errors
/// When the e-mail is taken.
pub async fn add_without_password(
    app: &App,
    (username, email): (String, String),
    password_hash: &str,
    hourly_rate: Decimal,
    attested_by: AccountId,
    by: Adding,
) -> Result<AccountId, NoPlace> {
    let now = app.now();
    let id = AccountId(fresh_id(now));
    let person = NewPerson {
        account: NewAccount {
            id,
            username,
            email,
            password_hash: password_hash.to_owned(),
            face_login: false,
            template: None,
        },
        hourly_rate,
        attested_by,
        at: now,
    };
    app.store.add_person(person, by).await?;
    Ok(id)
}

/// Makes an invitation; gives its token, which is shown once, and its end.
///
/// # Errors
/// When the operating system gives no randomness or the database refuses.
pub async fn invite(
    app: &App,
    by: &Account,
    kind: Kind,
    hourly_rate: Option<Decimal>,
) -> Result<(String, Timestamp), NoPlace> {
    let now = app.now();
    let token = tokens::fresh_secret()?;
    let expires = now + INVITATION_LIFE;
    app.store
        .invite(NewInvitation {
            tenant: by.tenant,
            id: fresh_id(now),
            token_hash: tokens::hash(token.as_bytes()),
            kind,
            hourly_rate,
            created_by: by.id,
            created: now,
            expires,
        })
        .await?;
    Ok((token, expires))
}

/// Makes a new set-up token, which replaces the one before.
///
/// # Errors
/// When the operating system gives no randomness or the database refuses.
pub async fn new_setup_token(app: &App) -> Result<String, NoPlace> {
    let token = tokens::fresh_secret()?;
    app.store
        .set_setup_token(tokens::hash(token.as_bytes()))
        .await?;
    Ok(token)
}
