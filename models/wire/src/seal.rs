//! Sealing of what names or shows a person: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256, ChaCha20-Poly1305.
//!
//! The receiver's key is the terminal's on the way down and the site's on the way up. The additional data
//! binds the kind, the terminal and the session: what was sealed for one opens for no other. HPKE's base
//! mode says nothing about the sender; that is the signature's part, which is over the sealed form.

use std::fmt;
use std::marker::PhantomData;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::CryptoRng;
use hpke::{
    Deserializable as _, HpkeError, OpModeR, OpModeS, Serializable as _, single_shot_open,
    single_shot_seal_with_rng,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::bytes::{Blob, Hash};
use crate::jws::Header;
use crate::keys::{SealingPublic, SealingSecret};
use crate::message::{Invalid, Message, Sealable};
use crate::topic::Kind;

/// HPKE's `info`: what the key schedule is for.
const INFO: &[u8] = b"limen 1 sealed message";

/// A message that only the receiver reads.
#[derive(Serialize, Deserialize)]
pub struct Sealed<M> {
    /// The encapsulated key.
    enc: Hash,
    /// The ciphertext with its tag.
    ct: Blob,
    #[serde(skip)]
    of: PhantomData<fn() -> M>,
}

impl<M> Clone for Sealed<M> {
    fn clone(&self) -> Self {
        Self {
            enc: self.enc,
            ct: self.ct.clone(),
            of: PhantomData,
        }
    }
}

impl<M> PartialEq for Sealed<M> {
    fn eq(&self, other: &Self) -> bool {
        self.enc == other.enc && self.ct == other.ct
    }
}

impl<M> fmt::Debug for Sealed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.ct.0.len())
    }
}

impl<M: Sealable> Message for Sealed<M> {
    const KIND: Kind = M::KIND;

    fn check(&self) -> Result<(), Invalid> {
        if self.ct.0.len() < 16 {
            return Err(Invalid::new("ct", "is shorter than its tag"));
        }
        Ok(())
    }
}

/// Why something was not sealed, or does not open.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The header is of another kind than the message.
    #[error("a {said} can't carry a sealed {expected}")]
    Kind {
        /// What the header says.
        said: &'static str,
        /// What the message is.
        expected: &'static str,
    },
    /// The receiver's key can't be sealed to.
    #[error("the {typ} can't be sealed to key {to}")]
    Seal {
        /// Of which kind.
        typ: &'static str,
        /// Whose key.
        to: SealingPublic,
    },
    /// For another key, kind, terminal or session, or damaged.
    #[error("the {0} does not open: sealed for another key, terminal or session, or damaged")]
    DoesNotOpen(&'static str),
    /// It opened, but is not what the kind has.
    #[error("the sealed claims of a {typ} can't be read or written")]
    Claims {
        /// Of which kind.
        typ: &'static str,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// It opened, but says what it may not say.
    #[error("in a sealed {typ}, {invalid}")]
    Invalid {
        /// Of which kind.
        typ: &'static str,
        /// What.
        invalid: Invalid,
    },
}

/// Seals `message` for the owner of `to`. `header` is the one that it will be signed with. `rng` gives the
/// ephemeral key and must be the operating system's randomness; a repeated one opens the message to whoever
/// knows it.
///
/// # Errors
/// When the header is of another kind, or something is out of bounds.
pub fn seal<M: Sealable>(
    message: &M,
    to: &SealingPublic,
    header: &Header,
    rng: &mut impl CryptoRng,
) -> Result<Sealed<M>, SealError> {
    let typ = right_kind::<M>(header)?;
    message
        .check()
        .map_err(|invalid| SealError::Invalid { typ, invalid })?;
    let plain = serde_json::to_vec(message)
        .map(Zeroizing::new)
        .map_err(|source| SealError::Claims { typ, source })?;
    let unusable = |_: HpkeError| SealError::Seal { typ, to: *to };
    let key =
        <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(&to.to_bytes()).map_err(unusable)?;
    let (enc, ct) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &key,
        INFO,
        &plain,
        &associated(header),
        rng,
    )
    .map_err(unusable)?;
    Ok(Sealed {
        enc: Hash(enc.to_bytes().into()),
        ct: Blob(ct),
        of: PhantomData,
    })
}

/// Opens what was sealed to `secret` and came, verified, with `header`.
///
/// # Errors
/// When it was sealed for another key, kind, terminal or session, is damaged, or says what it may not say.
pub fn open<M: Sealable>(
    sealed: &Sealed<M>,
    secret: &SealingSecret,
    header: &Header,
) -> Result<M, SealError> {
    let typ = right_kind::<M>(header)?;
    let plain = decrypt(secret, &sealed.enc, INFO, &associated(header), &sealed.ct.0)
        .ok_or(SealError::DoesNotOpen(typ))?;
    let message: M =
        serde_json::from_slice(&plain).map_err(|source| SealError::Claims { typ, source })?;
    message
        .check()
        .map_err(|invalid| SealError::Invalid { typ, invalid })?;
    Ok(message)
}

fn decrypt(
    secret: &SealingSecret,
    enc: &Hash,
    info: &[u8],
    associated: &[u8],
    ct: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let enc = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(&enc.0).ok()?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &secret.key(),
        &enc,
        info,
        ct,
        associated,
    )
    .ok()
    .map(Zeroizing::new)
}

fn right_kind<M: Sealable>(header: &Header) -> Result<&'static str, SealError> {
    if header.kind == M::KIND {
        Ok(M::KIND.typ())
    } else {
        Err(SealError::Kind {
            said: header.kind.typ(),
            expected: M::KIND.typ(),
        })
    }
}

/// Kind, terminal and session. Only the first part has no fixed length, and it has its length before it.
fn associated(header: &Header) -> Vec<u8> {
    let typ = header.kind.typ().as_bytes();
    let mut bytes = Vec::with_capacity(8 + typ.len() + 32);
    bytes.extend_from_slice(&(typ.len() as u64).to_be_bytes());
    bytes.extend_from_slice(typ);
    bytes.extend_from_slice(header.topic().terminal.as_bytes());
    bytes.extend_from_slice(header.session.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    /// RFC 9180, A.2.1 and A.2.1.1, sequence number 0: exactly our suite.
    #[test]
    fn the_vector_of_rfc_9180_opens() {
        let key = hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
        let secret = SealingSecret::from_seed(key.try_into().unwrap());
        assert_eq!(
            secret.public().to_bytes().to_vec(),
            hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a")
        );
        let enc = hex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
        let info = hex("4f6465206f6e2061204772656369616e2055726e");
        let ct = hex(
            "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
        );
        let enc = Hash(enc.try_into().unwrap());
        let plain = decrypt(&secret, &enc, &info, b"Count-0", &ct).unwrap();
        assert_eq!(plain.as_slice(), b"Beauty is truth, truth beauty");
        assert!(decrypt(&secret, &enc, &info, b"Count-1", &ct).is_none());
    }
}
