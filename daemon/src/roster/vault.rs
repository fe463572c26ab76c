//! The roster's encryption where it rests: XChaCha20-Poly1305 (a small ARM has no AES unit, and
//! its nonces are long enough to be drawn at random).

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::keys;

/// Bytes of an XChaCha20 nonce.
const NONCE_BYTES: usize = 24;

/// Why something does not seal or open. No value is in it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Sealed for somebody or something else, by another key, or damaged.
    #[error(
        "a roster entry does not open: it is damaged, was put there for somebody else, or was sealed with another key"
    )]
    DoesNotOpen,
    /// Not sealed.
    #[error("a roster entry can't be sealed")]
    DoesNotSeal,
    /// No nonce to be had.
    #[error(transparent)]
    Randomness(#[from] keys::KeyError),
}

/// What a sealed value is, and whose: it opens as nothing else.
#[derive(Clone, Copy)]
pub enum Purpose<'a> {
    /// A face template.
    Template {
        /// Of which site.
        site: Uuid,
        /// Whose.
        person: Uuid,
        /// The embedding's model.
        model: &'a str,
        /// The roster version that brought it.
        version: u64,
    },
    /// What is known of a person besides the face.
    Card {
        /// Of which site.
        site: Uuid,
        /// Whose.
        person: Uuid,
    },
}

impl Purpose<'_> {
    /// The additional data: every part with its length before it, so that no two purposes have
    /// the same.
    fn associated(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        let mut part = |b: &[u8]| {
            bytes.extend_from_slice(&(b.len() as u64).to_be_bytes());
            bytes.extend_from_slice(b);
        };
        match self {
            Self::Template {
                site,
                person,
                model,
                version,
            } => {
                part(b"limen terminal template");
                part(site.as_bytes());
                part(person.as_bytes());
                part(model.as_bytes());
                part(&version.to_be_bytes());
            }
            Self::Card { site, person } => {
                part(b"limen terminal card");
                part(site.as_bytes());
                part(person.as_bytes());
            }
        }
        bytes
    }
}

/// Seals and opens roster entries.
pub struct Vault(XChaCha20Poly1305);

impl Vault {
    /// With the terminal's roster key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(*key)))
    }

    /// Nonce, then ciphertext.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, purpose: Purpose<'_>, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = keys::random::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: plain,
            aad: &purpose.associated(),
        };
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::DoesNotSeal)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// What [`Vault::seal`] sealed for the same purpose.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] when it is not that.
    pub fn open(
        &self,
        purpose: Purpose<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (nonce, ciphertext) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::DoesNotOpen)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &purpose.associated(),
        };
        self.0
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::DoesNotOpen)
    }
}
