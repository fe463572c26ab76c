//! Bytes as JSON carries them: base64url without padding, in its one canonical spelling.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Encodes as base64url without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes what [`encode`] made, and nothing else: padding, line breaks and spare bits that are not
/// zero are refused, so that no two texts stand for the same bytes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A text that does not stand for the bytes that it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {expected} bytes in base64url without padding")]
pub struct BytesError {
    /// How many bytes it should be.
    pub expected: usize,
}

/// 32 bytes that are no secret: a SHA-256 hash, an HMAC or a nonce. In text, 43 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands before the first event of an outbox.
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Whether both are the same, in a time that doesn't depend on where they differ.
    pub fn same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, BytesError> {
        array(text).map(Self)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Exactly `N` bytes of base64url.
pub(crate) fn array<const N: usize>(text: &str) -> Result<[u8; N], BytesError> {
    decode(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(BytesError { expected: N })
}

/// A string, whether or not the format can lend it.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer)
}

/// Bytes that say something about a person: a template. Wiped when dropped, and never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode(&text(deserializer)?)
            .map(Self)
            .ok_or_else(|| de::Error::custom("not base64url without padding"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_spelling() {
        let hash = Hash::of(b"limen");
        let spelt = hash.to_string();
        assert_eq!(spelt.len(), 43);
        assert_eq!(spelt.parse(), Ok(hash));
        for other in [
            format!("{spelt}="),
            format!(" {spelt}"),
            spelt[..42].to_owned(),
            spelt.replace(['-', '_'], "+") + "A",
            String::new(),
        ] {
            assert_eq!(
                other.parse::<Hash>(),
                Err(BytesError { expected: 32 }),
                "{other}"
            );
        }
        // 32 bytes leave two bits of the last character unused. They must be zero.
        let last = spelt.chars().last().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let place = alphabet.find(last).unwrap();
        for spare in 1..4 {
            let other = format!(
                "{}{}",
                &spelt[..42],
                alphabet.as_bytes()[place + spare] as char
            );
            assert!(other.parse::<Hash>().is_err(), "{other}");
        }
    }

    #[test]
    fn a_template_is_never_printed() {
        assert_eq!(format!("{:?}", Blob(vec![7; 300])), "Blob(300 bytes)");
    }
}
