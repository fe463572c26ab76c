//! The installation's secrets, and the sealing of what must not be readable where it rests.
//!
//! The first start makes every secret from the operating system's randomness; there is no default. They lie
//! in `DATA/secrets`, one file each, readable by the owner alone.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, Zeroizing};

use crate::store::{AccountId, TenantId};

/// Bytes of an XChaCha20 nonce.
const NONCE_BYTES: usize = 24;

/// What a sealed value is, and whose: it opens as nothing else and for nobody else.
#[derive(Clone, Copy)]
pub enum Sealed<'a> {
    /// A face template.
    Template {
        /// Whose organisation.
        tenant: TenantId,
        /// Whose face.
        person: AccountId,
        /// The embedding's model.
        model: &'a str,
        /// Of the template's bytes.
        version: i64,
    },
    /// A private key or a claim's secret.
    Key {
        /// What for: `site-signing`, `site-sealing`, `api-signing`, `claim`, `authority`.
        purpose: &'a str,
        /// Whose organisation; nil for the installation's own.
        tenant: TenantId,
        /// Of what: the site, terminal or claim; nil for the installation's own.
        of: uuid::Uuid,
    },
}

impl Sealed<'_> {
    /// The additional data: every part with its length before it, so that no two values have the same.
    fn associated(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(96);
        let mut part = |b: &[u8]| {
            bytes.extend_from_slice(&(b.len() as u64).to_be_bytes());
            bytes.extend_from_slice(b);
        };
        match self {
            Self::Template {
                tenant,
                person,
                model,
                version,
            } => {
                part(b"limen template");
                part(tenant.0.as_bytes());
                part(person.0.as_bytes());
                part(model.as_bytes());
                part(&version.to_be_bytes());
            }
            Self::Key {
                purpose,
                tenant,
                of,
            } => {
                part(b"limen key");
                part(purpose.as_bytes());
                part(tenant.0.as_bytes());
                part(of.as_bytes());
            }
        }
        bytes
    }
}

/// Why the vault did not do it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A secrets file can't be read or made.
    #[error("cannot use the secret {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A secrets file is not what this program wrote.
    #[error("the secret {0} has not the length that it was made with; restore it from the backup")]
    Length(PathBuf),
    /// A secrets file others may read.
    #[error("the secret {0} is readable by others; restore it or chmod it to 600")]
    Open(PathBuf),
    /// The operating system has no randomness to give.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
    /// Sealed for something or somebody else, by another key, or damaged.
    #[error("a sealed value does not open: wrong key, wrong owner, or damaged")]
    DoesNotOpen,
}

/// The installation's secrets.
pub struct Vault {
    folder: PathBuf,
    cipher: XChaCha20Poly1305,
    token_key: Zeroizing<[u8; 32]>,
}

impl Vault {
    /// Opens `DATA/secrets`, and makes what is not there yet.
    ///
    /// # Errors
    /// When the folder can't be written, a file has the wrong length, or others may read it.
    pub fn open(data: &Path) -> Result<Self, VaultError> {
        let folder = data.join("secrets");
        let file = |source| VaultError::File {
            path: folder.clone(),
            source,
        };
        private_folder(&folder).map_err(file)?;
        let mut data_key = load_or_make(&folder.join("data.key"))?;
        let cipher = XChaCha20Poly1305::new(&Key::from(*data_key));
        data_key.zeroize();
        let token_key = load_or_make(&folder.join("token.key"))?;
        Ok(Self {
            folder,
            cipher,
            token_key,
        })
    }

    /// The folder of the secrets, for keys that have a file of their own.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The HMAC key of access tokens.
    pub fn token_key(&self) -> &[u8; 32] {
        &self.token_key
    }

    /// Seals a value: 24 bytes of nonce, then the ciphertext with its tag.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, what: Sealed<'_>, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let payload = Payload {
            msg: plain,
            aad: &what.associated(),
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::DoesNotOpen)?;
        let mut bytes = Vec::with_capacity(NONCE_BYTES + sealed.len());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Ok(bytes)
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] when it is not what it is said to be.
    pub fn open_sealed(
        &self,
        what: Sealed<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (nonce, ciphertext) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::DoesNotOpen)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &what.associated(),
        };
        self.cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::DoesNotOpen)
    }

    /// Opens a sealed 32-byte key.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] when it is not what it is said to be.
    pub fn open_key(
        &self,
        what: Sealed<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let plain = self.open_sealed(what, sealed)?;
        let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| VaultError::DoesNotOpen)?;
        Ok(Zeroizing::new(key))
    }
}

/// Fresh random bytes.
///
/// # Errors
/// When the operating system gives none.
pub fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(VaultError::Randomness)?;
    Ok(bytes)
}

fn load_or_make(path: &Path) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let failed = |source| VaultError::File {
        path: path.to_owned(),
        source,
    };
    match fs::read(path) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(VaultError::Open(path.to_owned()));
            }
            let key = <[u8; 32]>::try_from(bytes.as_slice())
                .map_err(|_| VaultError::Length(path.to_owned()))?;
            Ok(Zeroizing::new(key))
        }
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            let key = Zeroizing::new(random::<32>()?);
            write_private(path, key.as_slice()).map_err(failed)?;
            Ok(key)
        }
        Err(other) => Err(failed(other)),
    }
}

/// Makes a folder that only its owner may enter; one that is there stays as it is.
///
/// # Errors
/// When it can't be made.
pub fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Writes a file that only its owner may read, wholly or not at all, and waits until it is on the disk.
///
/// # Errors
/// When the folder can't be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(person: u128) -> Sealed<'static> {
        Sealed::Template {
            tenant: TenantId(uuid::Uuid::from_u128(1)),
            person: AccountId(uuid::Uuid::from_u128(person)),
            model: "m",
            version: 1,
        }
    }

    #[test]
    fn opens_only_as_what_it_was_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        let sealed = vault.seal(template(2), b"a face").unwrap();
        assert_eq!(
            vault.open_sealed(template(2), &sealed).unwrap().as_slice(),
            b"a face"
        );
        assert!(vault.open_sealed(template(3), &sealed).is_err());
        let mut damaged = sealed.clone();
        damaged[30] ^= 1;
        assert!(vault.open_sealed(template(2), &damaged).is_err());
        assert!(vault.open_sealed(template(2), &sealed[..10]).is_err());
    }

    #[test]
    fn the_data_folder_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("var/limen");
        private_folder(&data).unwrap();
        let mode = fs::metadata(&data).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        private_folder(&data).unwrap();
    }

    #[test]
    fn secrets_are_kept_private_and_differ_between_instances() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Vault::open(one.path()).unwrap();
        let second = Vault::open(two.path()).unwrap();
        assert_ne!(first.token_key(), second.token_key());
        let sealed = first.seal(template(2), b"a face").unwrap();
        assert!(second.open_sealed(template(2), &sealed).is_err());
        let again = Vault::open(one.path()).unwrap();
        assert_eq!(again.token_key(), first.token_key());
        for file in ["data.key", "token.key"] {
            let path = one.path().join("secrets").join(file);
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert!(matches!(Vault::open(one.path()), Err(VaultError::Open(_))));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}
