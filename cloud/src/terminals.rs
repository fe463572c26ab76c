//! Terminals: how one comes to belong to a site, and how it ceases to.
//!
//! A claim code is a secret that a person carries from the page to the terminal; the exchange itself is
//! `limen-wire`'s, and whether a code is still good is decided in the transaction that writes the terminal.

mod http;

use jiff::{SignedDuration, Timestamp};
use limen_wire::claim::{self, BeginAnswer, BeginRequest, FinishAnswer, FinishRequest, Secret};
use limen_wire::claim::{ClaimError, CodeError, LIFETIME_S, Offer, Progress};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::authority::{AuthorityError, to_pem};
use crate::downlink::DownlinkError;
use crate::site::Scope;
use crate::store::ledger::{Claim, ClaimEnd, NewClaim, NewTerminal, TerminalStatus};
use crate::store::{Account, AccountId, StoreError, TenantId};
use crate::vault::{self, Sealed, VaultError};

pub use http::routes;

/// A terminal that said nothing for so long is shown as gone, whatever it said last.
const SILENT: SignedDuration = SignedDuration::from_secs(150);

/// A claim code, to be shown once.
#[derive(Serialize, ToSchema)]
pub struct ClaimCode {
    /// Which.
    pub claim: Uuid,
    /// Twelve words, to be typed at the terminal.
    pub words: String,
    /// The same as the text of a QR code, with the address of this cloud.
    pub qr: String,
    /// Until when it is good, RFC 3339.
    pub expires: String,
}

/// A terminal, as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Shown {
    /// Which.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// The site where it hangs.
    pub site: Uuid,
    /// Whether it said within the last minutes that it is there.
    pub online: bool,
    /// When it last said anything, RFC 3339; `null` where it never did.
    pub last_seen: Option<String>,
    /// How many of its events have not come yet.
    pub waiting: u64,
}

/// Why a claim code is not made, or a claim not granted.
#[derive(Debug, thiserror::Error)]
pub enum NotClaimed {
    /// There is no such code.
    #[error("there is no such claim code here; is the cloud's address right, and are the words?")]
    Unknown,
    /// A terminal came by it.
    #[error("the claim code was used by another terminal; make a new one on the page")]
    Used,
    /// Too late.
    #[error("the claim code has expired; make a new one on the page")]
    Expired,
    /// It was not proved.
    #[error("the claim is refused: {0}")]
    Proof(#[from] ClaimError),
    /// There is nowhere to connect to.
    #[error("this cloud listens for terminals nowhere that they could be told")]
    NoAddress,
    /// A name that no terminal can have.
    #[error("a terminal's name has 1 to 64 characters and no control characters")]
    Name,
    /// A site that the organisation has not.
    #[error("there is no such site in this organisation; GET /api/v1/sites lists them")]
    NoSite,
    /// The address of the page that the QR is to lead to is none.
    #[error("the QR code cannot be made: {0}")]
    Qr(#[from] CodeError),
    /// The store gives no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret can't be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The certificate can't be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The site's keys can't be used.
    #[error(transparent)]
    Site(#[from] DownlinkError),
    /// What is kept of a claim is no longer what was written.
    #[error("a claim's progress is damaged")]
    Damaged(#[from] serde_json::Error),
}

fn sealed_as(tenant: TenantId, claim: Uuid) -> Sealed<'static> {
    Sealed::Key {
        purpose: "claim",
        tenant,
        of: claim,
    }
}

/// Makes a claim code for a terminal that will hang at that site, or at the first one. `cloud` is the address of this cloud as the
/// terminal reaches it, for the QR code.
///
/// # Errors
/// When the name can't stand, or the code can't be kept.
pub async fn new_claim(
    app: &App,
    tenant: TenantId,
    by: AccountId,
    name: &str,
    place: Option<Uuid>,
    cloud: &str,
) -> Result<ClaimCode, NotClaimed> {
    let name = name.trim();
    let length = name.chars().count();
    if !(1..=64).contains(&length) || name.chars().any(char::is_control) {
        return Err(NotClaimed::Name);
    }
    if let Some(place) = place {
        let sites = app.store.sites(tenant).await?;
        if !sites.iter().any(|site| site.id == place) {
            return Err(NotClaimed::NoSite);
        }
    }
    // Its keys are those of all.
    let site = app
        .store
        .tenant(tenant)
        .await?
        .ok_or(StoreError::Missing("tenant"))?
        .site;
    let secret = Secret::from_bytes(vault::random()?);
    let id = secret.claim();
    let created = app.now();
    let expires = created
        .saturating_add(SignedDuration::from_secs(LIFETIME_S))
        .unwrap_or(created);
    let secret_sealed = app.vault.seal(sealed_as(tenant, id), &*secret.to_bytes())?;
    app.store
        .new_claim(NewClaim {
            tenant,
            id,
            site: site.id,
            place,
            name: name.to_owned(),
            secret_sealed,
            created_by: by,
            created,
            expires,
        })
        .await?;
    tracing::info!(claim = %id, by = %by.0, "a claim code was made");
    Ok(ClaimCode {
        claim: id,
        words: secret.words().to_string(),
        qr: secret.qr(cloud)?.to_string(),
        expires: expires.to_string(),
    })
}

/// The terminals of a tenant that hang at these sites, by name.
///
/// # Errors
/// When they can't be read.
pub async fn list(app: &App, tenant: TenantId, scope: &Scope) -> Result<Vec<Shown>, StoreError> {
    let now = app.now();
    let terminals = app.store.terminals(tenant).await?;
    Ok(terminals
        .into_iter()
        .filter(|(terminal, _)| scope.sees(terminal.place))
        .map(|(terminal, status)| Shown {
            id: terminal.id,
            site: terminal.place,
            name: terminal.name,
            online: status.as_ref().is_some_and(|status| is_online(status, now)),
            last_seen: status.as_ref().map(|status| status.last_seen.to_string()),
            waiting: status.map_or(0, |status| {
                status.next.saturating_sub(1).saturating_sub(status.through)
            }),
        })
        .collect())
}

fn is_online(status: &TerminalStatus, now: Timestamp) -> bool {
    status.online && now.duration_since(status.last_seen) <= SILENT
}

/// Revokes a terminal and cuts its line at once. Whether there was one to revoke.
///
/// # Errors
/// When it can't be written.
pub async fn revoke(app: &App, by: &Account, terminal: Uuid) -> Result<bool, StoreError> {
    let tenant = by.tenant;
    let revoked = app
        .store
        .revoke_terminal(tenant, terminal, by.id, app.now())
        .await?;
    if revoked {
        app.ingest.forget(terminal);
        app.downlink.cut(terminal);
        tracing::info!(%terminal, "a terminal was revoked");
        // Nobody listens in a cloud that serves no page; that is no fault.
        let _ = app.changed.send(tenant);
    }
    Ok(revoked)
}

/// The claim of a code with its secret, if it may still be used or was used.
async fn open(app: &App, id: Uuid) -> Result<(Claim, Secret), NotClaimed> {
    let claim = app.store.claim(id).await?.ok_or(NotClaimed::Unknown)?;
    if claim.used.is_none() && claim.expires <= app.now() {
        return Err(NotClaimed::Expired);
    }
    let what = sealed_as(claim.tenant, id);
    let bytes = app.vault.open_sealed(what, &claim.secret_sealed)?;
    let bytes = <[u8; 16]>::try_from(bytes.as_slice()).map_err(|_| VaultError::DoesNotOpen)?;
    Ok((claim, Secret::from_bytes(bytes)))
}

fn progress_of(claim: &Claim) -> Result<Option<Progress>, serde_json::Error> {
    let stored = claim.progress.as_deref();
    stored.map(serde_json::from_slice).transpose()
}

/// Answers a terminal that begins with a code.
///
/// # Errors
/// When the code is unknown, used or expired, or the terminal doesn't know its secret.
pub async fn begin(app: &App, request: BeginRequest) -> Result<BeginAnswer, NotClaimed> {
    let (claim, secret) = open(app, request.claim).await?;
    if claim.used.is_some() {
        return Err(NotClaimed::Used);
    }
    if let Some(progress) = progress_of(&claim)?
        && progress.answers(&request)
    {
        return Ok(progress.answer().clone());
    }
    let keys = app.downlink.site(app, claim.tenant, claim.site).await?;
    let offer = Offer {
        terminal: Uuid::new_v4(),
        site: claim.site,
        signing: keys.signing.public(),
        sealing: keys.sealing.public(),
    };
    let progress = claim::begin(&secret, request, offer, vault::random()?)?;
    app.store
        .claim_progress(claim.tenant, claim.id, serde_json::to_vec(&progress)?)
        .await?;
    Ok(progress.answer().clone())
}

/// Makes the terminal that proves the code's secret and its own key; of any number at once, one. A terminal
/// that lost the answer on the line and asks again has it again.
///
/// # Errors
/// When the code is unknown, used by another or expired, or something is not proved.
pub async fn finish(app: &App, request: &FinishRequest) -> Result<FinishAnswer, NotClaimed> {
    let (claim, secret) = open(app, request.claim).await?;
    let progress = progress_of(&claim)?;
    let proven = match progress
        .as_ref()
        .map(|progress| progress.finish(&secret, request))
    {
        Some(Ok(proven)) => proven,
        _ if claim.used.is_some() => return Err(NotClaimed::Used),
        Some(Err(error)) => return Err(error.into()),
        None => return Err(ClaimError::Proof("terminal's end").into()),
    };
    let mqtt = app.downlink.addresses();
    if mqtt.is_empty() {
        return Err(NotClaimed::NoAddress);
    }
    let signing = proven.signing().to_bytes();
    let certificate = app
        .authority
        .certify_terminal(proven.terminal(), &signing)?;
    let authority = app.authority.pem().to_owned();
    let grant = proven.grant(to_pem(&certificate), authority, mqtt)?;
    if claim.used.is_some() {
        return Ok(grant);
    }
    let terminal = NewTerminal {
        id: proven.terminal(),
        public_key: signing,
        sealing_key: proven.sealing().to_bytes(),
        certificate: certificate.to_vec(),
        at: app.now(),
    };
    let kept = serde_json::to_vec(&progress)?;
    match app
        .store
        .finish_claim(claim.tenant, claim.id, terminal, kept)
        .await?
    {
        ClaimEnd::Won => {
            tracing::info!(claim = %claim.id, terminal = %grant.terminal, "a terminal was claimed");
            // Nobody listens in a cloud that serves no page; that is no fault.
            let _ = app.changed.send(claim.tenant);
            Ok(grant)
        }
        ClaimEnd::Used => Err(NotClaimed::Used),
        ClaimEnd::Expired => Err(NotClaimed::Expired),
    }
}
