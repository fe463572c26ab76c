//! Who this terminal is: its own keys, and what the claim pinned of its site.
//!
//! All of it lies in `DATA/identity`, one file each, readable by the owner alone. The keys are
//! made here and never leave. `site.json` is written last, so a terminal is claimed wholly or
//! not at all.
//!
//! Where systemd hands over a [`StorageKey`], the keys are sealed with it, and the folder alone is
//! of no use to whoever copies it. A terminal that is given none keeps them as they are; one whose
//! keys are sealed does not start without it.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use limen_wire::{PublicKey, SealingPublic, SealingSecret, SecretKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

mod storage;

pub use storage::{CREDENTIAL, StorageKey};

/// The folder in the data folder.
const FOLDER: &str = "identity";
/// The file that makes a terminal claimed.
const SITE: &str = "site.json";
const SIGNING: &str = "signing.key";
const SEALING: &str = "sealing.key";
const ROSTER: &str = "roster.key";
const KEYS: [&str; 3] = [SIGNING, SEALING, ROSTER];

/// Why the identity can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file can't be read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A key that is not 32 bytes.
    #[error(
        "the key {0} has not the length that it was made with; restore the data folder from a backup, or remove it and claim the terminal again"
    )]
    Length(PathBuf),
    /// A claimed terminal without one of its keys: another one would sign for nobody.
    #[error(
        "the key {0} of this claimed terminal is missing; restore it from a backup, or remove the data folder and claim the terminal again"
    )]
    Missing(PathBuf),
    /// A sealed key, and nothing to open it with.
    #[error(
        "the key {0} is sealed, and systemd handed over no limen.storage-key: start the terminal as its service, or give systemd-run `-p LoadCredentialEncrypted=limen.storage-key`; if the file /etc/credstore.encrypted/limen.storage-key is lost, remove the data folder and claim the terminal again"
    )]
    Sealed(PathBuf),
    /// A sealed key that is for another storage key, or damaged.
    #[error(
        "the key {0} does not open with the limen.storage-key that systemd handed over: it was sealed with another one, belongs into another file, or is damaged; bring back the right storage key, or remove the data folder and claim the terminal again"
    )]
    DoesNotOpen(PathBuf),
    /// A key sealed in a form that this program doesn't know.
    #[error("the key {0} was sealed by a later version of this program; install that one")]
    Version(PathBuf),
    /// A storage key that can be guessed.
    #[error(
        "the storage key {path} has {length} bytes, and needs 32 or more; make it as docs/technician.md says"
    )]
    Short {
        /// The credential.
        path: PathBuf,
        /// How long it is.
        length: usize,
    },
    /// A secret that others may read.
    #[error("{0} is readable by others: chmod it to 600")]
    Open(PathBuf),
    /// `site.json` is not as this program wrote it.
    #[error("{path} is damaged: {detail}; remove it and claim the terminal again")]
    Site {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The operating system has no randomness to give.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// The terminal's own keys.
pub struct Keys {
    /// Signs every message; the TLS certificate is for it too.
    pub signing: SecretKey,
    /// Opens what is sealed to the terminal.
    pub sealing: SealingSecret,
    /// Encrypts the roster where it rests.
    pub roster: Zeroizing<[u8; 32]>,
}

/// What the claim pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// This terminal.
    pub terminal: Uuid,
    /// The site that it belongs to.
    pub site: Uuid,
    /// Verifies everything that comes down.
    pub signing_key: PublicKey,
    /// What is sealed to the site.
    pub sealing_key: SealingPublic,
    /// This terminal's certificate and those that lead to the authority, PEM.
    pub certificates: String,
    /// The certificate of the authority that the MQTT endpoint's own must come from, PEM.
    pub authority: String,
    /// The MQTT endpoint, `mqtts://host:port`, or `mqtt://` on this machine itself.
    pub mqtt: String,
}

/// Keys and site: what a claimed terminal is.
pub struct Identity {
    /// The terminal's own keys.
    pub keys: Keys,
    /// What the claim pinned.
    pub site: Site,
}

impl Keys {
    /// Reads the keys in `data`, and makes those that are not there yet.
    ///
    /// # Errors
    /// When the folder can't be written, a file has the wrong length, or others may read it.
    pub fn load_or_make(data: &Path) -> Result<Self, KeyError> {
        let storage = StorageKey::from_systemd()?;
        Self::each(data, |path| load_or_make(path, storage.as_ref()))
    }

    /// Reads the keys of a claimed terminal, all of which are there.
    fn load(data: &Path) -> Result<Self, KeyError> {
        let storage = StorageKey::from_systemd()?;
        Self::each(data, |path| load(path, storage.as_ref()))
    }

    fn each(
        data: &Path,
        key: impl Fn(&Path) -> Result<Zeroizing<[u8; 32]>, KeyError>,
    ) -> Result<Self, KeyError> {
        let folder = folder(data)?;
        Ok(Self {
            signing: SecretKey::from_seed(*key(&folder.join(SIGNING))?),
            sealing: SealingSecret::from_seed(*key(&folder.join(SEALING))?),
            roster: key(&folder.join(ROSTER))?,
        })
    }

    /// Makes all keys anew: whatever was signed or sealed with the old ones is void. For a
    /// terminal that is not claimed.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn make_anew(data: &Path) -> Result<Self, KeyError> {
        let storage = StorageKey::from_systemd()?;
        Self::each(data, |path| make(path, storage.as_ref()))
    }
}

/// Seals the keys that lie in the clear, where systemd hands over a storage key; says how many did.
///
/// # Errors
/// When a file can't be read or written, or the storage key is none.
pub fn seal(data: &Path) -> Result<usize, KeyError> {
    match StorageKey::from_systemd()? {
        Some(storage) => seal_with(data, &storage),
        None => Ok(0),
    }
}

fn seal_with(data: &Path, storage: &StorageKey) -> Result<usize, KeyError> {
    let mut count = 0;
    for path in KEYS.map(|name| data.join(FOLDER).join(name)) {
        let Some(bytes) = read_private(&path)? else {
            continue;
        };
        if storage::is_sealed(&bytes) {
            continue;
        }
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
        let key = key.map_err(|_| KeyError::Length(path.clone()))?;
        let sealed = storage.seal(&path, &key)?;
        replace_secret(&path, &sealed).map_err(|source| KeyError::File { path, source })?;
        count += 1;
    }
    Ok(count)
}

/// Writes a private file anew, and then over what it was before, which no name leads to any more.
/// That is all that can be asked of a disk; one that spreads its writes may keep an older copy.
fn replace_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let before = fs::OpenOptions::new().write(true).open(path)?;
    write_private(path, bytes)?;
    let length = usize::try_from(before.metadata()?.len()).unwrap_or_default();
    before.write_all_at(&vec![0; length], 0)?;
    before.sync_all()
}

fn folder(data: &Path) -> Result<PathBuf, KeyError> {
    let folder = data.join(FOLDER);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|source| KeyError::File {
            path: folder.clone(),
            source,
        })?;
    Ok(folder)
}

impl Identity {
    /// What the terminal is, or `None` as long as nobody claimed it.
    ///
    /// # Errors
    /// [`KeyError`] when what is there can't be used.
    pub fn load(data: &Path) -> Result<Option<Self>, KeyError> {
        let path = data.join(FOLDER).join(SITE);
        let Some(text) = read_private(&path)? else {
            return Ok(None);
        };
        let site = serde_json::from_slice(&text).map_err(|error| KeyError::Site {
            path,
            detail: error.to_string(),
        })?;
        Ok(Some(Self {
            keys: Keys::load(data)?,
            site,
        }))
    }
}

/// Makes the terminal claimed.
///
/// # Errors
/// When the folder can't be written.
pub fn pin(data: &Path, site: &Site) -> Result<(), KeyError> {
    let path = data.join(FOLDER).join(SITE);
    let text = serde_json::to_vec_pretty(site).map_err(|error| KeyError::Site {
        path: path.clone(),
        detail: error.to_string(),
    })?;
    write_private(&path, &text).map_err(|source| KeyError::File { path, source })
}

/// Fresh random bytes.
///
/// # Errors
/// When the operating system gives none.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(KeyError::Randomness)?;
    Ok(bytes)
}

fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    let failed = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(other) => return Err(failed(other)),
    };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Open(path.to_owned()));
    }
    Ok(Some(bytes))
}

fn load_or_make(
    path: &Path,
    storage: Option<&StorageKey>,
) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    match load(path, storage) {
        Err(KeyError::Missing(_)) => make(path, storage),
        found => found,
    }
}

fn load(path: &Path, storage: Option<&StorageKey>) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut bytes = read_private(path)?.ok_or_else(|| KeyError::Missing(path.to_owned()))?;
    if storage::is_sealed(&bytes) {
        let storage = storage.ok_or_else(|| KeyError::Sealed(path.to_owned()))?;
        bytes = storage.open(path, &bytes)?;
    }
    <[u8; 32]>::try_from(bytes.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| KeyError::Length(path.to_owned()))
}

fn make(path: &Path, storage: Option<&StorageKey>) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let key = Zeroizing::new(random::<32>()?);
    let written = match storage {
        Some(storage) => write_private(path, &storage.seal(path, &key)?),
        None => write_private(path, key.as_slice()),
    };
    written.map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })?;
    Ok(key)
}

/// Writes a file that only its owner may read, wholly or not at all, and waits until it is on
/// the disk.
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
    sync_folder(path)
}

/// Makes an empty file that only its owner may read, where there is none; its folder too.
///
/// # Errors
/// When the folder can't be written.
pub fn make_private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?
        .sync_all()?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site {
            terminal: Uuid::from_u128(1),
            site: Uuid::from_u128(2),
            signing_key: SecretKey::from_seed([3; 32]).public(),
            sealing_key: SealingSecret::from_seed([4; 32]).public(),
            certificates: "certificates".into(),
            authority: "authority".into(),
            mqtt: "mqtt://127.0.0.1:1883".into(),
        }
    }

    #[test]
    fn a_terminal_is_claimed_when_its_site_is_pinned_and_keeps_its_keys() {
        let data = tempfile::tempdir().unwrap();
        assert!(Identity::load(data.path()).unwrap().is_none());
        let made = Keys::load_or_make(data.path()).unwrap();
        assert!(Identity::load(data.path()).unwrap().is_none());
        pin(data.path(), &site()).unwrap();
        let identity = Identity::load(data.path()).unwrap().unwrap();
        assert_eq!(identity.site, site());
        assert_eq!(identity.keys.signing.public(), made.signing.public());
        assert_eq!(*identity.keys.roster, *made.roster);
    }

    #[test]
    fn keys_are_private_and_differ_between_terminals() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Keys::load_or_make(one.path()).unwrap();
        let second = Keys::load_or_make(two.path()).unwrap();
        assert_ne!(first.signing.public(), second.signing.public());
        assert_ne!(*first.roster, *second.roster);
        for file in ["signing.key", "sealing.key", "roster.key"] {
            let path = one.path().join(FOLDER).join(file);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(matches!(
                Keys::load_or_make(one.path()),
                Err(KeyError::Open(_))
            ));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(&path, [1; 31]).unwrap();
            assert!(matches!(
                Keys::load_or_make(one.path()),
                Err(KeyError::Length(_))
            ));
            fs::write(&path, [1; 32]).unwrap();
        }
    }

    #[test]
    fn a_claimed_terminal_that_lost_a_key_does_not_make_another_one() {
        for lost in [SIGNING, SEALING, ROSTER] {
            let data = tempfile::tempdir().unwrap();
            Keys::load_or_make(data.path()).unwrap();
            pin(data.path(), &site()).unwrap();
            let path = data.path().join(FOLDER).join(lost);
            fs::remove_file(&path).unwrap();
            let refused = Identity::load(data.path()).err();
            assert!(matches!(refused, Some(KeyError::Missing(_))), "{lost}");
            assert!(!path.exists(), "{lost}");
        }
    }

    #[test]
    fn a_damaged_site_file_is_refused_in_words() {
        let data = tempfile::tempdir().unwrap();
        Keys::load_or_make(data.path()).unwrap();
        let path = data.path().join(FOLDER).join(SITE);
        write_private(&path, b"{\"terminal\": 7}").unwrap();
        let said = match Identity::load(data.path()) {
            Err(refused) => refused.to_string(),
            Ok(_) => String::new(),
        };
        assert!(said.contains("claim the terminal again"), "{said}");
    }
}
