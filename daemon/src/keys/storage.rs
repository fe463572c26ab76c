//! The storage key, which systemd hands over, so that a copy of the data folder has no keys in it.
//!
//! A sealed file is a line that says what it is, a nonce, and the key under XChaCha20-Poly1305.
//! What seals is drawn from the credential by HKDF-SHA256. The additional data is the line and the
//! file's name, so that no key passes for another one.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{KeyError, random};

/// The credential's name.
pub const CREDENTIAL: &str = "limen.storage-key";
/// A shorter one could be tried out.
const SHORTEST: usize = 32;
/// How every sealed file begins, of whatever version.
const SEALED: &[u8] = b"limen sealed key ";
/// How this program's begin.
const VERSION: &[u8] = b"limen sealed key 1\n";
/// Bytes of an XChaCha20 nonce.
const NONCE_BYTES: usize = 24;

/// Seals and opens the terminal's own keys.
pub struct StorageKey(XChaCha20Poly1305);

impl StorageKey {
    /// What systemd handed over, or `None` where it did not: systemd.exec(5),
    /// `$CREDENTIALS_DIRECTORY`.
    ///
    /// # Errors
    /// When it can't be read, or is too short to be one.
    pub fn from_systemd() -> Result<Option<Self>, KeyError> {
        let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
            return Ok(None);
        };
        let path = PathBuf::from(folder).join(CREDENTIAL);
        match std::fs::read(&path).map(Zeroizing::new) {
            Ok(credential) if credential.len() < SHORTEST => Err(KeyError::Short {
                path,
                length: credential.len(),
            }),
            Ok(credential) => Ok(Some(Self::new(&credential))),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(KeyError::File { path, source }),
        }
    }

    fn new(credential: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, credential)
            .expand(b"limen terminal storage key 1", key.as_mut_slice())
            .expect("SHA-256 gives 32 bytes");
        Self(XChaCha20Poly1305::new(&Key::from(*key)))
    }

    /// What is written into the file at `path` for this key.
    pub(super) fn seal(&self, path: &Path, key: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
        let nonce = random::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: key,
            aad: &associated(path),
        };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| KeyError::DoesNotOpen(path.to_owned()))?;
        Ok([VERSION, &nonce, &sealed].concat())
    }

    /// What [`StorageKey::seal`] wrote.
    pub(super) fn open(&self, path: &Path, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let rest = bytes
            .strip_prefix(VERSION)
            .ok_or_else(|| KeyError::Version(path.to_owned()))?;
        let opened = rest.split_first_chunk().and_then(|(nonce, sealed)| {
            let payload = Payload {
                msg: sealed,
                aad: &associated(path),
            };
            let nonce: [u8; NONCE_BYTES] = *nonce;
            self.0.decrypt(&XNonce::from(nonce), payload).ok()
        });
        opened
            .map(Zeroizing::new)
            .ok_or_else(|| KeyError::DoesNotOpen(path.to_owned()))
    }
}

/// Whether a file's bytes are sealed rather than a key.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(SEALED)
}

fn associated(path: &Path) -> Vec<u8> {
    let name = path.file_name().map(OsStr::as_encoded_bytes);
    [VERSION, name.unwrap_or_default()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_under_its_own_name_with_its_own_storage_key_only() {
        let (one, other) = (StorageKey::new(&[1; 32]), StorageKey::new(&[2; 32]));
        let path = Path::new("/data/identity/signing.key");
        let sealed = one.seal(path, &[7; 32]).unwrap();
        assert!(is_sealed(&sealed));
        assert_eq!(*one.open(path, &sealed).unwrap(), [7; 32]);
        let moved = Path::new("/mnt/copy/signing.key");
        assert_eq!(
            *one.open(moved, &sealed).unwrap(),
            [7; 32],
            "the folder may move"
        );
        let does_not_open = |key: &StorageKey, path: &str, bytes: &[u8]| {
            matches!(
                key.open(Path::new(path), bytes),
                Err(KeyError::DoesNotOpen(_))
            )
        };
        assert!(does_not_open(&other, "/data/identity/signing.key", &sealed));
        assert!(does_not_open(&one, "/data/identity/roster.key", &sealed));
        for index in VERSION.len()..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(does_not_open(&one, "/data/identity/signing.key", &damaged));
        }
        for length in VERSION.len()..sealed.len() {
            assert!(does_not_open(
                &one,
                "/data/identity/signing.key",
                &sealed[..length]
            ));
        }
    }

    #[test]
    fn what_a_later_program_sealed_is_not_taken_for_damage() {
        let key = StorageKey::new(&[1; 32]);
        let later = b"limen sealed key 2\nsomething else";
        assert!(is_sealed(later));
        let refused = key.open(Path::new("signing.key"), later);
        assert!(matches!(refused, Err(KeyError::Version(_))));
    }

    #[test]
    fn sealed_twice_it_is_two_things() {
        let key = StorageKey::new(&[1; 32]);
        let path = Path::new("signing.key");
        assert_ne!(
            key.seal(path, &[7; 32]).unwrap(),
            key.seal(path, &[7; 32]).unwrap()
        );
    }
}
