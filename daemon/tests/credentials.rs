//! The terminal's keys where they rest, with and without what systemd hands over.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

#[path = "claimed/identity.rs"]
mod identity;

const KEYS: [&str; 3] = ["signing.key", "sealing.key", "roster.key"];

/// A claimed terminal whose keys lie in the clear, and whose run ends for want of models.
struct Terminal {
    folder: TempDir,
    keys: Vec<Vec<u8>>,
}

impl Terminal {
    fn claimed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("terminal.toml"), "models = \"none\"\n").unwrap();
        let data = folder.path().join("data");
        identity::claim(&data);
        let mut terminal = Self {
            folder,
            keys: Vec::new(),
        };
        terminal.keys = KEYS.map(|name| terminal.read(name)).to_vec();
        terminal
    }

    fn key(&self, name: &str) -> PathBuf {
        self.folder.path().join("data/identity").join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.key(name)).unwrap()
    }

    /// What systemd hands over: a folder with this storage key in it.
    fn credentials(&self, key: &[u8]) -> PathBuf {
        let folder = self.folder.path().join(format!("credentials-{}", key[0]));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("limen.storage-key"), key).unwrap();
        folder
    }

    /// Starts it; what it says.
    fn run(&self, credentials: Option<&Path>) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_limen-daemon"));
        command
            .args(["run", "--config"])
            .arg(self.folder.path().join("terminal.toml"));
        if let Some(folder) = credentials {
            command.env("CREDENTIALS_DIRECTORY", folder);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }

    /// How many files below the data folder have one of these bytes in them.
    fn files_with(&self, secrets: &[Vec<u8>]) -> usize {
        files(&self.folder.path().join("data"))
            .iter()
            .map(|file| fs::read(file).unwrap())
            .filter(|bytes| {
                secrets
                    .iter()
                    .any(|secret| bytes.windows(secret.len()).any(|part| part == secret))
            })
            .count()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// So far does a start come whose keys can be read.
const NO_MODELS: &str = "the models in";

#[test]
fn keys_are_sealed_at_the_first_start_with_a_storage_key() {
    let terminal = Terminal::claimed();
    let said = terminal.run(None);
    assert!(said.contains(NO_MODELS), "{said}");
    assert_eq!(terminal.files_with(&terminal.keys), 3);
    // A second name for what the file was: what is sealed is written over what was not.
    let before = terminal.folder.path().join("before");
    fs::hard_link(terminal.key("signing.key"), &before).unwrap();

    let credentials = terminal.credentials(&[1; 32]);
    let said = terminal.run(Some(&credentials));
    assert!(said.contains("sealed with the storage key now"), "{said}");
    assert!(
        said.contains("keys=3") && said.contains(NO_MODELS),
        "{said}"
    );
    assert_eq!(terminal.files_with(&terminal.keys), 0);
    assert_eq!(fs::read(before).unwrap(), [0; 32]);

    let sealed = KEYS.map(|name| terminal.read(name));
    let said = terminal.run(Some(&credentials));
    assert!(
        !said.contains("sealed") && said.contains(NO_MODELS),
        "{said}"
    );
    assert_eq!(KEYS.map(|name| terminal.read(name)), sealed);
}

#[test]
fn sealed_keys_are_refused_without_the_storage_key_or_with_another_one() {
    let terminal = Terminal::claimed();
    let credentials = terminal.credentials(&[1; 32]);
    terminal.run(Some(&credentials));
    let sealed = KEYS.map(|name| terminal.read(name));

    let said = terminal.run(None);
    assert!(said.contains("signing.key is sealed"), "{said}");
    assert!(
        said.contains("LoadCredentialEncrypted=limen.storage-key"),
        "{said}"
    );
    // A unit that asks for credentials of which none is there.
    let empty = terminal.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let said = terminal.run(Some(&empty));
    assert!(said.contains("signing.key is sealed"), "{said}");
    let said = terminal.run(Some(&terminal.credentials(&[2; 32])));
    assert!(said.contains("signing.key does not open"), "{said}");
    let said = terminal.run(Some(&terminal.credentials(&[3; 31])));
    assert!(
        said.contains("has 31 bytes, and needs 32 or more"),
        "{said}"
    );
    assert_eq!(
        KEYS.map(|name| terminal.read(name)),
        sealed,
        "nothing was made anew"
    );

    // One key in the place of another.
    fs::copy(terminal.key("roster.key"), terminal.key("signing.key")).unwrap();
    let said = terminal.run(Some(&credentials));
    assert!(said.contains("signing.key does not open"), "{said}");
}

#[test]
fn a_self_test_seals_nothing() {
    let terminal = Terminal::claimed();
    let output = Command::new(env!("CARGO_BIN_EXE_limen-daemon"))
        .args(["self-test", "--config"])
        .arg(terminal.folder.path().join("terminal.toml"))
        .env("CREDENTIALS_DIRECTORY", terminal.credentials(&[1; 32]))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("ok     claim"), "{printed}");
    assert_eq!(terminal.files_with(&terminal.keys), 3);
}
