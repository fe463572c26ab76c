//! The claim: how a terminal and a site come to trust each other.
//!
//! The dashboard shows a code, as a QR or as twelve words: a 128-bit [`Secret`], for one use, for
//! [`LIFETIME_S`] seconds. A person carries it to the terminal. It never travels:
//!
//! ```text
//! terminal                                                cloud
//!   BeginRequest   claim id, nonce, its two keys, proof →   knows the code by its id; keeps Progress
//!   believes the site's keys                ← nonce, ids, the site's two keys, proof   BeginAnswer
//!   FinishRequest  proof, signature                     →   believes the terminal's keys; the code is used
//!   believes all                  ← certificate, authority, addresses, proof   FinishAnswer
//! ```
//!
//! Each proof is an HMAC under a key that only the secret gives, with a key of its own for each of the four
//! messages, over everything said so far: both nonces, all four keys, all ids. Whoever stands in the middle
//! can change nothing, and learns nothing to guess from: there are 2^128 secrets. What is signed shows that
//! the terminal has the key that it claims with.
//!
//! The states below are values: one is made from the other and a wrong message leaves nothing to go on
//! from. They know no clock and no store. That a code is not expired, that one [`FinishRequest`] wins, and
//! that the code is used then, is the store's part, in the transaction that writes the terminal.

mod cloud;
mod code;
mod terminal;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::bytes::{BytesError, Hash, array, encode};
use crate::keys::{PublicKey, SealingPublic};
use crate::message::Invalid;

pub use cloud::{Offer, Progress, Proven, begin};
pub use code::{CodeError, Secret};
pub use terminal::{Begun, Claimed, Waiting};

/// How long a code is valid, in seconds.
pub const LIFETIME_S: i64 = 15 * 60;

/// Bodies of the two requests are not longer than that, in bytes.
pub const MAX_REQUEST_BYTES: usize = 4 * 1024;

/// Bodies of the two answers are not longer than that, in bytes.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What a terminal begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginRequest {
    /// Which code ([`Secret::claim`]).
    pub claim: Uuid,
    /// 32 random bytes.
    pub nonce: Hash,
    /// The key that the terminal will sign with, and that its certificate will be for.
    pub signing: PublicKey,
    /// The key that will be sealed to.
    pub sealing: SealingPublic,
    /// That it knows the secret.
    pub proof: Hash,
}

/// What the cloud answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginAnswer {
    /// 32 random bytes.
    pub nonce: Hash,
    /// Who the terminal will be.
    pub terminal: Uuid,
    /// Where.
    pub site: Uuid,
    /// The key that the site signs with.
    pub signing: PublicKey,
    /// The key that is sealed to.
    pub sealing: SealingPublic,
    /// That it knows the secret.
    pub proof: Hash,
}

/// What a terminal goes on with, once it believes the site's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    /// Which code.
    pub claim: Uuid,
    /// That it knows the secret, and has believed that answer.
    pub proof: Hash,
    /// That it has the signing key: Ed25519 over the same.
    pub signature: Signature,
}

/// What a terminal is given at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishAnswer {
    /// Who the terminal is.
    pub terminal: Uuid,
    /// Where.
    pub site: Uuid,
    /// Its certificate and what leads up to the authority, in PEM.
    pub certificate: String,
    /// The certificate of the site's authority, in PEM: whom to believe over TLS.
    pub authority: String,
    /// Where to connect: `mqtts://host:port`, or `mqtt://` on loopback; the first one first.
    pub mqtt: Vec<String>,
    /// That all of this is from who knows the secret.
    pub proof: Hash,
}

/// An Ed25519 signature: 64 bytes, in text 86 characters of base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature(pub [u8; 64]);

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        encode(&signature.0)
    }
}

impl TryFrom<String> for Signature {
    type Error = BytesError;

    fn try_from(text: String) -> Result<Self, BytesError> {
        array(&text).map(Self)
    }
}

/// Why a claim ends. Nothing that was said in it is to be believed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another code.
    #[error("the message is about claim {said}, but this is claim {expected}")]
    Claim {
        /// What it says.
        said: Uuid,
        /// What it had to say.
        expected: Uuid,
    },
    /// The other side does not know the secret, or somebody in between changed what it said.
    #[error("the {0} does not prove that its sender knows the code; somebody may be in between")]
    Proof(&'static str),
    /// The terminal does not have the key that it claims with.
    #[error("the terminal does not have the signing key that it claims with")]
    Possession,
    /// Who the terminal is or where has changed on the way.
    #[error("the end of the claim is about another terminal or site than its beginning")]
    Ids,
    /// It says what it may not say.
    #[error("in the end of a claim, {0}")]
    Invalid(#[from] Invalid),
}

/// The four proofs: each has a key of its own, so that none can be sent back as another.
#[derive(Clone, Copy)]
enum Step {
    Begin,
    Answer,
    Finish,
    Grant,
}

impl Step {
    fn label(self) -> &'static str {
        match self {
            Self::Begin => "limen claim 1 begin",
            Self::Answer => "limen claim 1 answer",
            Self::Finish => "limen claim 1 finish",
            Self::Grant => "limen claim 1 grant",
        }
    }
}

/// What is proved: the label, then every part with its length before it.
struct Transcript(Vec<u8>);

impl Transcript {
    fn new(step: Step) -> Self {
        Self(Vec::with_capacity(512)).part(step.label().as_bytes())
    }

    fn part(mut self, bytes: &[u8]) -> Self {
        self.0
            .extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    fn request(self, request: &BeginRequest) -> Self {
        self.part(request.claim.as_bytes())
            .part(&request.nonce.0)
            .part(&request.signing.to_bytes())
            .part(&request.sealing.to_bytes())
    }

    fn answer(self, answer: &BeginAnswer) -> Self {
        self.part(&answer.nonce.0)
            .part(answer.terminal.as_bytes())
            .part(answer.site.as_bytes())
            .part(&answer.signing.to_bytes())
            .part(&answer.sealing.to_bytes())
    }

    fn grant(self, grant: &FinishAnswer) -> Self {
        let start = self
            .part(grant.terminal.as_bytes())
            .part(grant.site.as_bytes())
            .part(grant.certificate.as_bytes())
            .part(grant.authority.as_bytes())
            .part(&(grant.mqtt.len() as u64).to_be_bytes());
        grant.mqtt.iter().fold(start, |transcript, address| {
            transcript.part(address.as_bytes())
        })
    }

    /// The proof: HMAC-SHA-256 under the step's key.
    fn prove(&self, secret: &Secret, step: Step) -> Hash {
        let key = secret.derive(step.label());
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&*key).expect("HMAC takes a key of any length");
        mac.update(&self.0);
        Hash(mac.finalize().into_bytes().into())
    }
}

fn begin_proof(secret: &Secret, request: &BeginRequest) -> Hash {
    Transcript::new(Step::Begin)
        .request(request)
        .prove(secret, Step::Begin)
}

fn answer_proof(secret: &Secret, request: &BeginRequest, answer: &BeginAnswer) -> Hash {
    Transcript::new(Step::Answer)
        .request(request)
        .answer(answer)
        .prove(secret, Step::Answer)
}

fn finish_transcript(request: &BeginRequest, answer: &BeginAnswer) -> Transcript {
    Transcript::new(Step::Finish)
        .request(request)
        .answer(answer)
}

fn grant_proof(
    secret: &Secret,
    request: &BeginRequest,
    answer: &BeginAnswer,
    grant: &FinishAnswer,
) -> Hash {
    Transcript::new(Step::Grant)
        .request(request)
        .answer(answer)
        .grant(grant)
        .prove(secret, Step::Grant)
}

impl FinishAnswer {
    fn check(&self) -> Result<(), Invalid> {
        for (field, pem) in [
            ("certificate", &self.certificate),
            ("authority", &self.authority),
        ] {
            if pem.len() > 16 * 1024 {
                return Err(Invalid::new(field, "is longer than 16 KiB"));
            }
        }
        crate::message::list("mqtt", &self.mqtt, 8)?;
        if self.mqtt.is_empty() {
            return Err(Invalid::new("mqtt", "has no address"));
        }
        self.mqtt
            .iter()
            .try_for_each(|address| crate::message::text("mqtt", address, 300))
    }
}
