//! Templates that are deleted everywhere: here at once, in terminals as they are reached; and the certificate of it.
//!
//! A terminal's proof is the digest of the roster that it holds: it covers each person with the hash of their
//! template, so one that is still there would show.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::downlink::DownlinkError;
use crate::store::audit::hex;
use crate::store::consents::{Described, Erasure, Told, Why};
use crate::store::ways::Changing;
use crate::store::{StoreError, TenantId};

/// The protected header of a certificate's signature (RFC 7515).
const HEADER: &[u8] = br#"{"alg":"EdDSA","typ":"limen-erasure+jws"}"#;

/// Deletes everything that a person's face left, here at once, and has their terminals told. The erasure, or `None`
/// where there was nothing to erase or withdraw.
///
/// # Errors
/// When the database refuses.
pub async fn erase(app: &App, changing: Changing, why: Why) -> Result<Option<Uuid>, StoreError> {
    let erased = app.store.erase(changing, why, Uuid::now_v7()).await?;
    let _nobody_listens = app.changed.send(changing.tenant);
    Ok(erased)
}

/// Says when, where and by what proof the templates of a person were erased, as of now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Certificate {
    /// Which erasure.
    pub id: Uuid,
    /// Whose templates: the id, which says nothing to a stranger.
    pub person: Uuid,
    /// Whose system.
    pub organisation: Uuid,
    /// When they were deleted in the cloud.
    #[schema(value_type = String, format = DateTime)]
    pub erased: Timestamp,
    /// `withdrawn`, `left` or `unused`.
    #[schema(example = "withdrawn")]
    pub why: String,
    /// The account that had it done; nil for the program, by its schedule.
    pub by: Uuid,
    /// What there was.
    pub templates: Vec<Gone>,
    /// The terminals that may have held them.
    pub terminals: Vec<At>,
    /// How many of them have not proved it yet.
    pub outstanding: usize,
    /// Whether nothing is outstanding.
    pub complete: bool,
    /// The instant for which this holds.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
}

/// A template that is gone.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Gone {
    /// The model that made it.
    pub model: String,
    /// Of its bytes.
    pub version: i64,
    /// How many photographs it was made of.
    pub photos: i64,
    /// Since when it was kept.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The consent that it rested on.
    pub consent: Option<Uuid>,
}

impl From<Described> for Gone {
    fn from(one: Described) -> Self {
        Self {
            model: one.model,
            version: one.version,
            photos: one.photos,
            since: one.since,
            consent: one.consent,
        }
    }
}

/// A terminal that may have held it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct At {
    /// Which.
    pub terminal: Uuid,
    /// Its name.
    pub name: String,
    /// When it proved to hold them no more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub confirmed: Option<Timestamp>,
    /// The version of the roster that it proved to hold.
    pub roster: Option<u64>,
    /// SHA-256 over that roster's people and the hashes of their templates, as the terminal signed it.
    pub digest: Option<String>,
    /// Since when it is revoked: it is told nothing any more, and has to be wiped by hand.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked: Option<Timestamp>,
}

impl From<Told> for At {
    fn from(told: Told) -> Self {
        let (roster, digest) = told.proof.unzip();
        Self {
            terminal: told.terminal,
            name: told.name,
            confirmed: told.confirmed,
            roster,
            digest: digest.map(|digest| hex(&digest)),
            revoked: told.revoked,
        }
    }
}

impl Certificate {
    /// Of an erasure, as of now.
    #[must_use]
    pub fn of(tenant: TenantId, erasure: Erasure, now: Timestamp) -> Self {
        let terminals: Vec<At> = erasure.terminals.into_iter().map(At::from).collect();
        let outstanding = terminals
            .iter()
            .filter(|terminal| terminal.confirmed.is_none())
            .count();
        Self {
            id: erasure.id,
            person: erasure.person.0,
            organisation: tenant.0,
            erased: erasure.at,
            why: erasure.why,
            by: erasure.by.0,
            templates: erasure.held.into_iter().map(Gone::from).collect(),
            terminals,
            outstanding,
            complete: outstanding == 0,
            as_of: now,
        }
    }
}

/// A certificate with its signature.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Signed {
    /// To be read.
    pub certificate: Certificate,
    /// The same, as a JWS (RFC 7515, compact, EdDSA): any JOSE library verifies it.
    pub jws: String,
    /// The organisation's public key, as a JWK (RFC 8037).
    pub key: PublicJwk,
}

/// An Ed25519 public key (RFC 8037).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PublicJwk {
    /// `OKP`.
    pub kty: &'static str,
    /// `Ed25519`.
    pub crv: &'static str,
    /// The key, in base64url.
    pub x: String,
}

/// Signs a certificate with the key of the organisation's site, which terminals know too.
///
/// # Errors
/// When the key can't be had.
pub async fn sign(
    app: &App,
    tenant: TenantId,
    site: Uuid,
    certificate: Certificate,
) -> Result<Signed, DownlinkError> {
    let keys = app.downlink.site(app, tenant, site).await?;
    let key = SigningKey::from_bytes(&keys.signing.to_seed());
    // Numbers, strings and ids can always be written.
    let payload = serde_json::to_vec(&certificate).unwrap_or_default();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut jws = format!("{}.{}", encode(HEADER), encode(&payload));
    let signature = key.sign(jws.as_bytes()).to_bytes();
    jws.push('.');
    jws.push_str(&encode(&signature));
    Ok(Signed {
        certificate,
        jws,
        key: PublicJwk {
            kty: "OKP",
            crv: "Ed25519",
            x: encode(&keys.signing.public().to_bytes()),
        },
    })
}
