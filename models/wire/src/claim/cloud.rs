//! The cloud's side of a claim.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    BeginAnswer, BeginRequest, ClaimError, FinishAnswer, FinishRequest, Secret, Step, answer_proof,
    begin_proof, finish_transcript, grant_proof,
};
use crate::bytes::Hash;
use crate::keys::{PublicKey, SealingPublic};

/// What the cloud offers to whoever knows the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who the terminal will be: a new id.
    pub terminal: Uuid,
    /// Where.
    pub site: Uuid,
    /// The key that the site signs with.
    pub signing: PublicKey,
    /// The key that is sealed to.
    pub sealing: SealingPublic,
}

/// What is kept between the two requests. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    request: BeginRequest,
    answer: BeginAnswer,
}

/// A terminal that knows the secret and has its key. It is to be written, and the code used up, in one
/// transaction that only one of several requests wins.
#[derive(Debug)]
pub struct Proven<'a> {
    secret: &'a Secret,
    progress: &'a Progress,
}

/// Answers a terminal that knows the secret. `nonce` is 32 random bytes. The answer is
/// [`Progress::answer`].
///
/// # Errors
/// When it is about another code, or does not know the secret.
pub fn begin(
    secret: &Secret,
    request: BeginRequest,
    offer: Offer,
    nonce: [u8; 32],
) -> Result<Progress, ClaimError> {
    let expected = secret.claim();
    if request.claim != expected {
        return Err(ClaimError::Claim {
            said: request.claim,
            expected,
        });
    }
    if !begin_proof(secret, &request).same(&request.proof) {
        return Err(ClaimError::Proof("terminal's beginning"));
    }
    let mut answer = BeginAnswer {
        nonce: Hash(nonce),
        terminal: offer.terminal,
        site: offer.site,
        signing: offer.signing,
        sealing: offer.sealing,
        proof: Hash::ZERO,
    };
    answer.proof = answer_proof(secret, &request, &answer);
    Ok(Progress { request, answer })
}

impl Progress {
    /// Whether `request` is the one that this answers. A terminal that sends it again, because the answer
    /// was lost, is to have the same one; so a replay from the line undoes nothing.
    pub fn answers(&self, request: &BeginRequest) -> bool {
        self.request == *request
    }

    /// What to answer.
    pub fn answer(&self) -> &BeginAnswer {
        &self.answer
    }

    /// Believes the terminal's keys, if it knows the secret and has the signing key.
    ///
    /// # Errors
    /// When it is about another code, or doesn't prove either.
    pub fn finish<'a>(
        &'a self,
        secret: &'a Secret,
        request: &FinishRequest,
    ) -> Result<Proven<'a>, ClaimError> {
        let expected = self.request.claim;
        if request.claim != expected {
            return Err(ClaimError::Claim {
                said: request.claim,
                expected,
            });
        }
        let transcript = finish_transcript(&self.request, &self.answer);
        if !transcript.prove(secret, Step::Finish).same(&request.proof) {
            return Err(ClaimError::Proof("terminal's end"));
        }
        if !self
            .request
            .signing
            .holds(&transcript.0, &request.signature.0)
        {
            return Err(ClaimError::Possession);
        }
        Ok(Proven {
            secret,
            progress: self,
        })
    }
}

impl Proven<'_> {
    /// Who the terminal is.
    pub fn terminal(&self) -> Uuid {
        self.progress.answer.terminal
    }

    /// Where.
    pub fn site(&self) -> Uuid {
        self.progress.answer.site
    }

    /// The key that it signs with, and that its certificate is for.
    pub fn signing(&self) -> PublicKey {
        self.progress.request.signing
    }

    /// The key to seal to.
    pub fn sealing(&self) -> SealingPublic {
        self.progress.request.sealing
    }

    /// What it is given: its certificate chain and the authority in PEM, and where to connect.
    ///
    /// # Errors
    /// When something is out of bounds.
    pub fn grant(
        &self,
        certificate: String,
        authority: String,
        mqtt: Vec<String>,
    ) -> Result<FinishAnswer, ClaimError> {
        let mut grant = FinishAnswer {
            terminal: self.terminal(),
            site: self.site(),
            certificate,
            authority,
            mqtt,
            proof: Hash::ZERO,
        };
        grant.check()?;
        grant.proof = grant_proof(
            self.secret,
            &self.progress.request,
            &self.progress.answer,
            &grant,
        );
        Ok(grant)
    }
}
