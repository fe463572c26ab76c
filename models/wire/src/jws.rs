//! Signed messages: JWS in its compact form (RFC 7515), EdDSA over Ed25519 (RFC 8037).
//!
//! The algorithm is fixed: `alg` has to say `EdDSA`, and nothing is ever chosen by it. The key is the one
//! that the receiver already trusts for this sender; `kid` must name it and is no way to look up another.
//! A header with anything in it that is not below is refused, so there is no `jwk`, no `x5c`, no `crit`.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bytes::{Hash, decode, encode};
use crate::keys::{Kid, PublicKey, SecretKey};
use crate::message::{Invalid, MAX_WHOLE, Message};
use crate::topic::{Kind, Topic};

/// Longer headers are not read.
const LONGEST_HEADER: usize = 1024;

/// Characters of an Ed25519 signature in base64url.
const SIGNATURE_CHARS: usize = 86;

/// Where an event stands in its outbox; in the protected header, so that an event can be placed
/// without reading its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    /// The outbox, born with the terminal's database file.
    pub outbox: Uuid,
    /// From 1, without gaps, never reused.
    pub seq: u64,
    /// SHA-256 of the compact JWS before; [`Hash::ZERO`] for the first.
    pub prev: Hash,
}

/// The protected header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// What it is about; `typ`.
    pub kind: Kind,
    /// Who says it: the terminal's id on the way up, the site's on the way down.
    pub iss: Uuid,
    /// To whom: the site's id on the way up, the terminal's on the way down.
    pub aud: Uuid,
    /// The key that it is signed with.
    pub kid: Kid,
    /// The session in which it was signed: 128 bits that the terminal draws at every connect.
    pub session: Uuid,
    /// Of events, and of nothing else.
    pub chain: Option<Chain>,
}

impl Header {
    /// The header of a message on `topic` between that terminal and `site`.
    pub fn new(topic: Topic, site: Uuid, session: Uuid, kid: Kid) -> Self {
        let (iss, aud) = ends(topic, site);
        Self {
            kind: topic.kind,
            iss,
            aud,
            kid,
            session,
            chain: None,
        }
    }

    /// The same, of an event that stands there.
    #[must_use]
    pub fn at(self, chain: Chain) -> Self {
        Self {
            chain: Some(chain),
            ..self
        }
    }

    /// The topic that it belongs on.
    pub fn topic(&self) -> Topic {
        let terminal = match self.kind {
            Kind::Up(_) => self.iss,
            Kind::Down(_) => self.aud,
        };
        Topic {
            terminal,
            kind: self.kind,
        }
    }
}

fn ends(topic: Topic, site: Uuid) -> (Uuid, Uuid) {
    match topic.kind {
        Kind::Up(_) => (topic.terminal, site),
        Kind::Down(_) => (site, topic.terminal),
    }
}

/// What the receiver knows of a message before it reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The topic that it came on.
    pub topic: Topic,
    /// The site that the terminal belongs to.
    pub site: Uuid,
    /// The session that it must be of. A terminal always gives its own. `None` takes any, and is right
    /// for what begins a session (`hello`) or outlives it (`event`).
    pub session: Option<Uuid>,
}

/// A message whose signature holds and whose header is the one that was expected.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    /// The protected header.
    pub header: Header,
    claims: Vec<u8>,
}

impl Verified {
    /// Reads what it says.
    ///
    /// # Errors
    /// When it is not JSON of that form, or something is out of bounds.
    pub fn claims<M: Message>(&self) -> Result<M, JwsError> {
        if M::KIND != self.header.kind {
            return Err(JwsError::Kind {
                said: self.header.kind.typ(),
                expected: M::KIND.typ(),
            });
        }
        let claims: M =
            serde_json::from_slice(&self.claims).map_err(|source| JwsError::Claims {
                typ: M::KIND.typ(),
                source,
            })?;
        claims.check().map_err(|invalid| JwsError::Invalid {
            typ: M::KIND.typ(),
            invalid,
        })?;
        Ok(claims)
    }

    /// The claims as they came: JSON, if the sender is honest.
    pub fn bytes(&self) -> &[u8] {
        &self.claims
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// Why a message was not signed, or not believed.
#[derive(Debug, thiserror::Error)]
pub enum JwsError {
    /// More bytes than its kind has.
    #[error("a {typ} of {bytes} bytes is too long; at most {most} are allowed")]
    Long {
        /// Of which kind.
        typ: &'static str,
        /// How long.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// Not three parts of base64url.
    #[error("not a compact JWS: {0}")]
    Form(&'static str),
    /// The header can't be read.
    #[error("the protected header can't be read")]
    Header(#[source] serde_json::Error),
    /// The header says another algorithm.
    #[error("the protected header does not say \"EdDSA\"; no other algorithm is known")]
    Algorithm,
    /// The header says a kind that does not exist.
    #[error("there is no message of the typ {0:?}")]
    UnknownTyp(String),
    /// An event without a place, a place without an event, or one that can't be.
    #[error("{0}")]
    Chain(&'static str),
    /// Another kind than the topic has.
    #[error("a message of the typ {said} came where {expected} was expected")]
    Kind {
        /// What the header says.
        said: &'static str,
        /// What the topic says.
        expected: &'static str,
    },
    /// From or for somebody else.
    #[error("`{field}` is {said}, but {expected} was expected")]
    End {
        /// `iss` or `aud`.
        field: &'static str,
        /// What the header says.
        said: Uuid,
        /// What it had to say.
        expected: Uuid,
    },
    /// Of an earlier session, or of one that never was.
    #[error("the message is of session {said}, but this is session {expected}")]
    Session {
        /// What the header says.
        said: Uuid,
        /// What it had to say.
        expected: Uuid,
    },
    /// By a key that is not the sender's.
    #[error("`kid` is {said}, but the sender's key is {expected}")]
    Key {
        /// What the header says.
        said: Kid,
        /// The key that was given.
        expected: Kid,
    },
    /// The signature does not hold.
    #[error("the signature does not hold under key {0}")]
    Signature(Kid),
    /// The claims are not what the kind has.
    #[error("the claims of a {typ} can't be read or written")]
    Claims {
        /// Of which kind.
        typ: &'static str,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// The claims say what they may not say.
    #[error("in a {typ}, {invalid}")]
    Invalid {
        /// Of which kind.
        typ: &'static str,
        /// What.
        invalid: Invalid,
    },
}

/// The header as JSON has it. What is not here is refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Protected {
    alg: String,
    typ: String,
    iss: Uuid,
    aud: Uuid,
    kid: Kid,
    session: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outbox: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prev: Option<Hash>,
}

/// Signs a message: `header.claims.signature`, each in base64url.
///
/// # Errors
/// When the header names another key or kind, an event has no place (or anything else has one), or
/// something is out of bounds.
pub fn sign<M: Message>(key: &SecretKey, header: &Header, message: &M) -> Result<String, JwsError> {
    let typ = M::KIND.typ();
    if header.kind != M::KIND {
        return Err(JwsError::Kind {
            said: header.kind.typ(),
            expected: typ,
        });
    }
    if header.kid != key.kid() {
        return Err(JwsError::Key {
            said: header.kid,
            expected: key.kid(),
        });
    }
    placed(header)?;
    message
        .check()
        .map_err(|invalid| JwsError::Invalid { typ, invalid })?;
    let protected = Protected {
        alg: "EdDSA".to_owned(),
        typ: typ.to_owned(),
        iss: header.iss,
        aud: header.aud,
        kid: header.kid,
        session: header.session,
        outbox: header.chain.map(|chain| chain.outbox),
        seq: header.chain.map(|chain| chain.seq),
        prev: header.chain.map(|chain| chain.prev),
    };
    let protected = serde_json::to_vec(&protected).map_err(JwsError::Header)?;
    let claims = serde_json::to_vec(message).map_err(|source| JwsError::Claims { typ, source })?;
    let mut compact = encode(&protected);
    compact.push('.');
    compact.push_str(&encode(&claims));
    let signature = key.sign(compact.as_bytes());
    compact.push('.');
    compact.push_str(&encode(&signature));
    bounded(header.kind, &compact)?;
    Ok(compact)
}

/// Reads the header of a message **without verifying anything**: to find out whose key to verify with,
/// and where an event belongs.
///
/// # Errors
/// When it is no compact JWS, is too long, or its header is not one of ours.
pub fn peek(compact: &str) -> Result<Header, JwsError> {
    parts(compact).map(|parts| parts.header)
}

/// Verifies a message: its header is the one that was expected, and the signature holds under `key`.
///
/// # Errors
/// What is wrong with it. Nothing of it is to be believed then, not even that it is from whom it says.
pub fn verify(compact: &str, key: &PublicKey, expected: &Expected) -> Result<Verified, JwsError> {
    bounded(expected.topic.kind, compact)?;
    let Parts {
        header,
        signed,
        claims,
        signature,
    } = parts(compact)?;
    if header.kind != expected.topic.kind {
        return Err(JwsError::Kind {
            said: header.kind.typ(),
            expected: expected.topic.kind.typ(),
        });
    }
    let (iss, aud) = ends(expected.topic, expected.site);
    for (field, said, expected) in [("iss", header.iss, iss), ("aud", header.aud, aud)] {
        if said != expected {
            return Err(JwsError::End {
                field,
                said,
                expected,
            });
        }
    }
    if let Some(expected) = expected.session
        && expected != header.session
    {
        return Err(JwsError::Session {
            said: header.session,
            expected,
        });
    }
    let kid = key.kid();
    if header.kid != kid {
        return Err(JwsError::Key {
            said: header.kid,
            expected: kid,
        });
    }
    let signature = decode(signature)
        .and_then(|bytes| <[u8; 64]>::try_from(bytes).ok())
        .ok_or(JwsError::Form("the signature is not 64 bytes in base64url"))?;
    if !key.holds(signed.as_bytes(), &signature) {
        return Err(JwsError::Signature(kid));
    }
    let claims = decode(claims).ok_or(JwsError::Form("the claims are not base64url"))?;
    Ok(Verified { header, claims })
}

/// A compact JWS taken apart, with its header read and nothing verified.
struct Parts<'a> {
    header: Header,
    /// What the signature is over.
    signed: &'a str,
    claims: &'a str,
    signature: &'a str,
}

fn parts(compact: &str) -> Result<Parts<'_>, JwsError> {
    let most = Kind::all().map(Kind::max_bytes).max().unwrap_or_default();
    if compact.len() > most {
        return Err(JwsError::Long {
            typ: "message",
            bytes: compact.len(),
            most,
        });
    }
    let (signed, signature) = compact
        .rsplit_once('.')
        .ok_or(JwsError::Form("it has no dot"))?;
    let (protected, claims) = signed
        .split_once('.')
        .ok_or(JwsError::Form("it has one dot, not two"))?;
    if claims.contains('.') {
        return Err(JwsError::Form("it has more than two dots"));
    }
    if signature.len() != SIGNATURE_CHARS {
        return Err(JwsError::Form("the signature is not 64 bytes in base64url"));
    }
    if protected.len() > LONGEST_HEADER {
        return Err(JwsError::Form(
            "the protected header is longer than any of ours",
        ));
    }
    let protected =
        decode(protected).ok_or(JwsError::Form("the protected header is not base64url"))?;
    let protected: Protected = serde_json::from_slice(&protected).map_err(JwsError::Header)?;
    if protected.alg != "EdDSA" {
        return Err(JwsError::Algorithm);
    }
    let kind = Kind::from_typ(&protected.typ).ok_or(JwsError::UnknownTyp(protected.typ))?;
    let chain = match (protected.outbox, protected.seq, protected.prev) {
        (Some(outbox), Some(seq), Some(prev)) => Some(Chain { outbox, seq, prev }),
        (None, None, None) => None,
        _ => {
            return Err(JwsError::Chain(
                "`outbox`, `seq` and `prev` come together or not at all",
            ));
        }
    };
    let header = Header {
        kind,
        iss: protected.iss,
        aud: protected.aud,
        kid: protected.kid,
        session: protected.session,
        chain,
    };
    placed(&header)?;
    bounded(kind, compact)?;
    Ok(Parts {
        header,
        signed,
        claims,
        signature,
    })
}

/// Events have a place that can be, and nothing else has one.
fn placed(header: &Header) -> Result<(), JwsError> {
    let event = header.kind == Kind::Up(crate::topic::Up::Event);
    match header.chain {
        None if event => Err(JwsError::Chain("an event needs `outbox`, `seq` and `prev`")),
        Some(_) if !event => Err(JwsError::Chain(
            "only events have `outbox`, `seq` and `prev`",
        )),
        Some(chain) if chain.seq == 0 || chain.seq > MAX_WHOLE => {
            Err(JwsError::Chain("`seq` is counted from 1 to 2^53 - 1"))
        }
        Some(chain) if (chain.seq == 1) != (chain.prev == Hash::ZERO) => Err(JwsError::Chain(
            "`prev` is 32 zero bytes for the first event of an outbox, and for no other",
        )),
        _ => Ok(()),
    }
}

fn bounded(kind: Kind, compact: &str) -> Result<(), JwsError> {
    let (bytes, most) = (compact.len(), kind.max_bytes());
    if bytes > most {
        return Err(JwsError::Long {
            typ: kind.typ(),
            bytes,
            most,
        });
    }
    Ok(())
}
