//! Embeddings of earlier runs. They are biometric data: only the user may read them, and what another build of this
//! program left behind is removed.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use limen_face::{Models, Template};
use sha2::{Digest, Sha256};

use super::acquire::{Acquired, Take};

/// Folders that this program made begin so; nothing else is ever removed.
const PREFIX: &str = "embeddings-";

/// A folder with one file for each picture.
pub struct Cache {
    folder: PathBuf,
}

/// What a picture's result depends on, beside the models and the program.
pub struct Key(String);

impl Key {
    /// The key of a file's content.
    pub fn of(content: &[u8], take: Take) -> Self {
        let take = match take {
            Take::Door => "door",
            Take::Middle => "middle",
        };
        Self(format!("{}-{take}", hexadecimal(&Sha256::digest(content))))
    }
}

impl Cache {
    /// Opens the cache below `folder` that belongs to these models and to this build of the program, since another
    /// build may detect, align and judge faces otherwise.
    ///
    /// # Errors
    /// When a file of the models or the program can't be read, or the folder not be made.
    pub fn open(folder: &Path, models_folder: &Path, models: &Models) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("can't find this program's own file")?;
        let mut hash = Sha256::new();
        for path in [program, models_folder.join("zoo.toml")] {
            let bytes =
                fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
            hash.update(Sha256::digest(&bytes));
        }
        let build = &hexadecimal(&hash.finalize())[..16];
        let own = folder.join(format!("{PREFIX}{}-{build}", models.embedding_id()));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&own)
            .with_context(|| format!("can't make the cache {}", own.display()))?;
        remove_others(folder, &own);
        Ok(Self { folder: own })
    }

    /// Below the user's cache folder.
    pub fn place() -> Option<PathBuf> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let base = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")));
        base.map(|base| base.join("limen/eval"))
    }

    /// What a picture gave last time.
    pub fn get(&self, key: &Key) -> Option<Acquired> {
        let bytes = fs::read(self.folder.join(&key.0)).ok()?;
        if let Ok(template) = Template::from_bytes(&bytes) {
            return template.embeddings().first().cloned().map(Ok);
        }
        // Cut off or damaged: it is made again.
        serde_json::from_slice(&bytes).ok().map(Err)
    }

    /// Keeps what a picture gave. A cache that can't be written costs time, no result.
    pub fn put(&self, key: &Key, acquired: &Acquired) {
        let bytes = match acquired {
            Ok(embedding) => Template::from_photos(std::slice::from_ref(embedding))
                .map(|one| one.to_bytes())
                .ok(),
            Err(missed) => serde_json::to_vec(missed).ok(),
        };
        if let Some(bytes) = bytes {
            let path = self.folder.join(&key.0);
            let unfinished = path.with_extension(format!("{}", std::process::id()));
            let written =
                write_private(&unfinished, &bytes).and_then(|()| fs::rename(&unfinished, path));
            if written.is_err() {
                let _ = fs::remove_file(unfinished);
            }
        }
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

/// What other builds left: nobody would ever read it again, and embeddings are not to lie about.
fn remove_others(folder: &Path, own: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && entry.path() != own {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use limen_face::Embedding;

    use super::*;
    use crate::eval::acquire::Missed;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache {
            folder: folder.path().to_owned(),
        };
        (folder, cache)
    }

    #[test]
    fn what_was_put_is_got_bit_for_bit_and_is_private() {
        let (folder, cache) = cache();
        let embedding = Embedding(std::array::from_fn(|i| (i as f32 + 0.1).sin()));
        let (good, bad) = (Key::of(b"1", Take::Door), Key::of(b"2", Take::Door));
        cache.put(&good, &Ok(embedding.clone()));
        cache.put(&bad, &Err(Missed::NoFace));
        assert_eq!(cache.get(&good), Some(Ok(embedding)));
        assert_eq!(cache.get(&bad), Some(Err(Missed::NoFace)));
        assert_eq!(cache.get(&Key::of(b"1", Take::Middle)), None);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn damaged_entries_are_as_none() {
        let (folder, cache) = cache();
        let key = Key::of(b"1", Take::Door);
        for content in [&b""[..], b"LFT\x01\x01abc", b"\"no_such_reason\""] {
            fs::write(folder.path().join(&key.0), content).unwrap();
            assert_eq!(cache.get(&key), None);
        }
    }

    #[test]
    fn what_other_builds_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("embeddings-x-1");
        for name in ["embeddings-x-1", "embeddings-x-2", "mine"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        remove_others(folder.path(), &own);
        assert!(own.exists() && folder.path().join("mine").exists());
        assert!(!folder.path().join("embeddings-x-2").exists());
    }
}
