//! Keys: Ed25519 to sign with, X25519 to seal to. The libraries behind them don't show.
//!
//! A secret key is made from 32 bytes that the caller drew at random; none is ever printed.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, Serializable as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::bytes::{Hash, array, encode, text};

/// A key that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes in base64url.
    #[error("a public key is 32 bytes in base64url without padding")]
    Spelling,
    /// Not a point of the curve, or one under which more than one signature holds.
    #[error("these 32 bytes are no Ed25519 public key that may be trusted")]
    Weak,
    /// A point with which every secret agrees on the same.
    #[error("these 32 bytes are no X25519 public key that may be sealed to")]
    LowOrder,
}

/// Which key: the thumbprint of RFC 7638, as `kid` carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kid(pub Hash);

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whom a signature is from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// A public key as RFC 8032 encodes it.
    ///
    /// # Errors
    /// When the bytes are no point of the curve, or one of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(bytes)),
            _ => Err(KeyError::Weak),
        }
    }

    /// The 32 bytes of RFC 8032.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// The thumbprint of RFC 7638 over the key as RFC 8037 writes it.
    pub fn kid(&self) -> Kid {
        let jwk = format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            encode(&self.0)
        );
        Kid(Hash::of(jwk.as_bytes()))
    }

    /// The SubjectPublicKeyInfo of RFC 8410, in DER, for a certificate.
    pub fn to_spki_der(&self) -> Vec<u8> {
        // SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING }
        const PREFIX: [u8; 12] = [
            0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
        ];
        [&PREFIX[..], &self.0].concat()
    }

    /// Whether the signature holds, strictly: no malleable form, no weak key (ZIP 215 is not meant).
    pub(crate) fn holds(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(message, &Signature::from_bytes(signature))
                .is_ok()
        })
    }
}

/// What signs. Wiped when dropped.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a seed (RFC 8032): 32 bytes of randomness, to be kept secret.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&Zeroizing::new(seed)))
    }

    /// The seed, to be stored where only the owner reads it.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// What its signatures are verified with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The thumbprint of the public key.
    pub fn kid(&self) -> Kid {
        self.public().kid()
    }

    /// The PrivateKeyInfo of RFC 8410, in DER, for a TLS library.
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        // SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING } }
        const PREFIX: [u8; 16] = [
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        let mut der = Zeroizing::new(Vec::with_capacity(PREFIX.len() + 32));
        der.extend_from_slice(&PREFIX);
        der.extend_from_slice(&*self.to_seed());
        der
    }

    /// The signature of RFC 8032.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Whom something is sealed to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealingPublic([u8; 32]);

impl SealingPublic {
    /// A public key as RFC 7748 encodes it.
    ///
    /// # Errors
    /// When every secret would agree with it on the same.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        // A point of small order maps every secret to zero, and only such a one does.
        let secret = SealingSecret::from_seed([0x5a; 32]);
        if secret.agrees_on_nothing(&bytes) {
            return Err(KeyError::LowOrder);
        }
        Ok(Self(bytes))
    }

    /// The 32 bytes of RFC 7748.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }
}

/// What opens. Wiped when dropped.
pub struct SealingSecret(Zeroizing<[u8; 32]>);

impl SealingSecret {
    /// The key of 32 bytes of randomness, to be kept secret (RFC 7748, clamped when it is used).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(Zeroizing::new(seed))
    }

    /// The seed, to be stored where only the owner reads it.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// What others seal to it with.
    pub fn public(&self) -> SealingPublic {
        SealingPublic(X25519HkdfSha256::sk_to_pk(&self.key()).to_bytes().into())
    }

    pub(crate) fn key(&self) -> <X25519HkdfSha256 as hpke::Kem>::PrivateKey {
        <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(&self.0[..])
            .expect("32 bytes are an X25519 secret key")
    }

    fn agrees_on_nothing(&self, public: &[u8; 32]) -> bool {
        let Ok(encapsulated) = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(public)
        else {
            return true;
        };
        X25519HkdfSha256::decap(&self.key(), None, &encapsulated).is_err()
    }
}

macro_rules! in_text {
    ($name:ident, $shown:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($shown, "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, KeyError> {
                Self::from_bytes(array(text).map_err(|_| KeyError::Spelling)?)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}
in_text!(PublicKey, "PublicKey");
in_text!(SealingPublic, "SealingPublic");

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingSecret(of {})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A: the key, its thumbprint, and a signature with it.
    #[test]
    fn the_vectors_of_rfc_8037() {
        let seed = array("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = SecretKey::from_seed(seed);
        assert_eq!(
            key.public().to_string(),
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        );
        assert_eq!(
            key.kid().to_string(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
        let signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = key.sign(signed);
        assert_eq!(
            encode(&signature),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
        assert!(key.public().holds(signed, &signature));
    }

    /// The order of the group, added to a signature's scalar: mathematically the same signature.
    #[test]
    fn a_signature_has_one_form() {
        const ORDER: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let key = SecretKey::from_seed([1; 32]);
        let mut signature = key.sign(b"punch");
        let mut carry = 0;
        for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert!(!key.public().holds(b"punch", &signature));
    }

    #[test]
    fn no_secret_is_printed() {
        let (signing, sealing) = (
            SecretKey::from_seed([1; 32]),
            SealingSecret::from_seed([1; 32]),
        );
        let printed = format!("{signing:?} {sealing:?}");
        assert!(!printed.contains(&encode(&[1; 32])), "{printed}");
        assert_eq!(*signing.to_seed(), [1; 32]);
        assert_eq!(*sealing.to_seed(), [1; 32]);
    }
}
