//! The terminal's side of a claim.

use uuid::Uuid;

use super::{
    BeginAnswer, BeginRequest, ClaimError, FinishAnswer, FinishRequest, Secret, Signature, Step,
    answer_proof, begin_proof, finish_transcript, grant_proof,
};
use crate::bytes::Hash;
use crate::keys::{PublicKey, SealingPublic, SecretKey};

/// It has begun, and waits for the cloud's answer.
#[derive(Debug)]
pub struct Begun {
    secret: Secret,
    request: BeginRequest,
}

/// It has believed the site's keys, and waits for what it is given.
#[derive(Debug)]
pub struct Waiting {
    secret: Secret,
    request: BeginRequest,
    answer: BeginAnswer,
}

/// What a terminal believes from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Who it is.
    pub terminal: Uuid,
    /// Where.
    pub site: Uuid,
    /// The key that the site signs with.
    pub site_signing: PublicKey,
    /// The key to seal to.
    pub site_sealing: SealingPublic,
    /// Its certificate and what leads up to the authority, in PEM.
    pub certificate: String,
    /// The certificate of the site's authority, in PEM.
    pub authority: String,
    /// Where to connect.
    pub mqtt: Vec<String>,
}

impl Begun {
    /// Begins. The keys are the terminal's own, made for this claim; `nonce` is 32 random bytes.
    pub fn new(
        secret: Secret,
        signing: PublicKey,
        sealing: SealingPublic,
        nonce: [u8; 32],
    ) -> (Self, BeginRequest) {
        let mut request = BeginRequest {
            claim: secret.claim(),
            nonce: Hash(nonce),
            signing,
            sealing,
            proof: Hash::ZERO,
        };
        request.proof = begin_proof(&secret, &request);
        (
            Self {
                secret,
                request: request.clone(),
            },
            request,
        )
    }

    /// Believes the site's keys, if whoever answered knows the secret. `key` is the one that was claimed
    /// with.
    ///
    /// # Errors
    /// When the answer is not proved, or `key` is another one.
    pub fn answered(
        self,
        answer: BeginAnswer,
        key: &SecretKey,
    ) -> Result<(Waiting, FinishRequest), ClaimError> {
        let Self { secret, request } = self;
        if !answer_proof(&secret, &request, &answer).same(&answer.proof) {
            return Err(ClaimError::Proof("cloud's answer"));
        }
        if key.public() != request.signing {
            return Err(ClaimError::Possession);
        }
        let transcript = finish_transcript(&request, &answer);
        let finish = FinishRequest {
            claim: request.claim,
            proof: transcript.prove(&secret, Step::Finish),
            signature: Signature(key.sign(&transcript.0)),
        };
        Ok((
            Waiting {
                secret,
                request,
                answer,
            },
            finish,
        ))
    }
}

impl Waiting {
    /// Believes what it was given, if whoever gave it knows the secret.
    ///
    /// # Errors
    /// When it is not proved, is about somebody else, or is out of bounds.
    pub fn finished(self, grant: FinishAnswer) -> Result<Claimed, ClaimError> {
        let Self {
            secret,
            request,
            answer,
        } = self;
        if !grant_proof(&secret, &request, &answer, &grant).same(&grant.proof) {
            return Err(ClaimError::Proof("end of the claim"));
        }
        if (grant.terminal, grant.site) != (answer.terminal, answer.site) {
            return Err(ClaimError::Ids);
        }
        grant.check()?;
        Ok(Claimed {
            terminal: answer.terminal,
            site: answer.site,
            site_signing: answer.signing,
            site_sealing: answer.sealing,
            certificate: grant.certificate,
            authority: grant.authority,
            mqtt: grant.mqtt,
        })
    }
}
