//! What a person carries from the dashboard to the terminal.

use std::fmt;

use bip39::{Language, Mnemonic};
use hkdf::Hkdf;
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::bytes::{array, encode};

/// Words of a code.
const WORDS: usize = 12;

/// What the text of a QR begins with.
const QR: &str = "limen-claim:1:";

/// A longer text is no code, in bytes.
const LONGEST: usize = 512;

/// The secret of a claim: 128 bits. Wiped when dropped, and never printed.
pub struct Secret(Zeroizing<[u8; 16]>);

/// A text that is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// More or fewer words.
    #[error("a code has {WORDS} words; these are {0}")]
    Count(usize),
    /// A word that is none of the 2,048.
    #[error("word {0} is none that a code has; is it spelt as it is shown?")]
    Word(usize),
    /// Each word is one, but not together.
    #[error(
        "these {WORDS} words are no code together: one of them is another, or two have changed places"
    )]
    Checksum,
    /// Not the text of a QR of ours.
    #[error("this QR code is none that the dashboard shows for a terminal")]
    Qr,
    /// No address of a cloud.
    #[error("{0:?} is no address of a cloud: http:// or https:// and a host, at most 400 bytes")]
    Cloud(String),
}

impl Secret {
    /// The secret of 16 random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The 16 bytes, to be stored where only the owner reads them.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 16]> {
        self.0.clone()
    }

    /// Which code it is. It follows from the secret, so that the words are enough, and does not lead back.
    pub fn claim(&self) -> Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.derive("limen claim 1 id")[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// The twelve words (BIP 39, English), in lower case with one space between them.
    pub fn words(&self) -> Zeroizing<String> {
        let words = Mnemonic::from_entropy(&*self.0).expect("16 bytes are twelve words");
        let mut text = Zeroizing::new(String::with_capacity(WORDS * 9));
        for (i, word) in words.words().enumerate() {
            if i > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    /// The secret of twelve words, as a person types them: upper or lower case, any spaces, commas or
    /// hyphens between them. Four letters of a word are enough.
    ///
    /// # Errors
    /// How many words there are, which one is none, or that they don't belong together. The message says
    /// none of them.
    pub fn from_words(text: &str) -> Result<Self, CodeError> {
        if text.len() > LONGEST {
            return Err(CodeError::Count(text.split_whitespace().count()));
        }
        let text = Zeroizing::new(text.to_lowercase());
        let typed = text
            .split(|c: char| c.is_whitespace() || matches!(c, ',' | '-'))
            .filter(|word| !word.is_empty());
        let count = typed.clone().count();
        if count != WORDS {
            return Err(CodeError::Count(count));
        }
        let mut whole = Zeroizing::new(String::with_capacity(WORDS * 9));
        for (i, typed) in typed.enumerate() {
            let word = word(typed).ok_or(CodeError::Word(i + 1))?;
            if i > 0 {
                whole.push(' ');
            }
            whole.push_str(word);
        }
        let words = Mnemonic::parse_in_normalized(Language::English, &whole)
            .map_err(|_| CodeError::Checksum)?;
        let (bytes, _) = words.to_entropy_array();
        let bytes = Zeroizing::new(bytes);
        let mut secret = Self::from_bytes([0; 16]);
        secret.0.copy_from_slice(&bytes[..16]);
        Ok(secret)
    }

    /// The text of the QR: the secret, and where the cloud is.
    ///
    /// # Errors
    /// When `cloud` is no `http://` or `https://` address that fits.
    pub fn qr(&self, cloud: &str) -> Result<Zeroizing<String>, CodeError> {
        let cloud = address(cloud)?;
        Ok(Zeroizing::new(format!("{QR}{}:{cloud}", encode(&*self.0))))
    }

    /// The secret of a QR's text, and where the cloud is.
    ///
    /// # Errors
    /// When it is none of ours, or names no cloud.
    pub fn from_qr(text: &str) -> Result<(Self, String), CodeError> {
        if text.len() > LONGEST {
            return Err(CodeError::Qr);
        }
        let (secret, cloud) = text
            .strip_prefix(QR)
            .and_then(|rest| rest.split_once(':'))
            .ok_or(CodeError::Qr)?;
        let secret = Self::from_bytes(array(secret).map_err(|_| CodeError::Qr)?);
        Ok((secret, address(cloud)?.to_owned()))
    }

    /// A key for one purpose (HKDF-SHA-256, RFC 5869).
    pub(super) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &*self.0)
            .expand(purpose.as_bytes(), &mut *key)
            .expect("HKDF-SHA-256 gives 32 bytes");
        key
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The word that was meant. No two begin with the same four letters.
fn word(typed: &str) -> Option<&'static str> {
    let mut words = Language::English.word_list().iter().copied();
    words.find(|word| *word == typed || (typed.len() == 4 && word.starts_with(typed)))
}

fn address(cloud: &str) -> Result<&str, CodeError> {
    let host = cloud
        .strip_prefix("https://")
        .or_else(|| cloud.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_graphic();
    match host {
        Some(host) if !host.is_empty() && cloud.len() <= 400 && cloud.chars().all(plain) => {
            Ok(cloud)
        }
        _ => Err(CodeError::Cloud(cloud.chars().take(80).collect())),
    }
}
