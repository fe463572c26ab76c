//! What a damaged database still has to say.
//!
//! Before anything opens `terminal.db`, [`mend`] looks whether it and its log are what was written. One wrong bit in
//! the log is put right. Where more is wrong the files are kept under another name, and a new database is made of
//! what can be believed: every event carries this terminal's signature and its own number, and everybody in the
//! roster is sealed, so it does not matter what became of the tree of pages around them.
//!
//! What was not acknowledged goes to the cloud from the new database. A number that nobody can read any more becomes
//! a `void` when it is sent, so that both ends know of it. Another outbox is begun: the old one's end can't be
//! trusted to be its last event.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::database::{self, DatabaseError};
use crate::keys::Identity;
use crate::roster::{RosterError, Vault};
use believed::Believed;
use file::File;

mod anew;
mod believed;
mod file;
mod found;
mod log;
mod people;

/// The folder in which a database is made anew.
const WORK: &str = "salvage";
/// Its name once everything is in it.
const WHOLE: &str = "whole.db";
/// What follows the name of a file that was set aside.
const ASIDE: &str = ".damaged-";

/// Why nothing can be salvaged now. Nothing was lost by the attempt.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// The database can't be looked at, or the new one can't be made.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A person can't be kept in the new one.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// A file can't be read, written or renamed.
    #[error("cannot salvage the database: {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl From<rusqlite::Error> for SalvageError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What was done about a damaged database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// What was wrong.
    pub why: String,
    /// How many events were saved.
    pub events: u64,
    /// How many that the cloud may not have can't be read any more: numbers, both ends included.
    pub lost: Vec<(u64, u64)>,
    /// How many people are still known.
    pub people: u64,
}

/// Looks at the database in `data` and its log, and mends what is wrong. To be asked before it is opened, by the
/// program that holds the data folder alone.
///
/// # Errors
/// When that can't be done now. The damaged files are where they were, or set aside.
pub fn mend(data: &Path, identity: &Identity) -> Result<Option<Salvaged>, SalvageError> {
    finish(data)?;
    if !data.join(database::FILE).exists() {
        return Ok(None);
    }
    let why = match log::mend(data)? {
        log::State::Whole => database::fault(data, identity)?,
        log::State::Broken => Some("commits in its log can't be read".to_owned()),
    };
    let Some(why) = why else { return Ok(None) };
    tracing::error!(why, "the database is damaged: what can be read is salvaged");
    let work = data.join(WORK);
    made(&work, clear(&work).and_then(|()| fs::create_dir(&work)))?;
    let file = File::open(data)?;
    let believed = Believed::of(&file, identity);
    let vault = Vault::new(&identity.keys.roster);
    database::migrate(&work)?;
    let salvaged = anew::make(&work, &file, believed, (identity, &vault), why)?;
    let (from, to) = (work.join(database::FILE), work.join(WHOLE));
    made(&to, synced(&from).and_then(|()| fs::rename(&from, &to)))?;
    finish(data)?;
    tracing::error!(
        events = salvaged.events,
        people = salvaged.people,
        "the database was salvaged; the damaged files are kept as {}{ASIDE}…",
        database::FILE
    );
    for (first, last) in &salvaged.lost {
        tracing::error!(
            first,
            last,
            "these events can't be read any more; the cloud is told"
        );
    }
    Ok(Some(salvaged))
}

/// The damaged files that were set aside in `data` and are still there.
pub fn set_aside(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains(ASIDE))
        .collect();
    found.sort();
    found
}

/// Puts a database that was made anew in the place of the damaged one. A power cut at any moment leaves one of
/// them there, and this is done again.
fn finish(data: &Path) -> Result<(), SalvageError> {
    let whole = data.join(WORK).join(WHOLE);
    if !whole.exists() {
        return Ok(());
    }
    let path = data.join(database::FILE);
    if path.exists() {
        let log = beside(&path, "-wal");
        if log.exists() {
            aside(&log)?;
        }
        aside(&path)?;
    }
    let index = beside(&path, "-shm");
    if index.exists() {
        made(&index, fs::remove_file(&index))?;
    }
    let log = beside(&path, "-wal");
    if log.exists() {
        aside(&log)?;
    }
    made(&path, fs::rename(&whole, &path))?;
    made(data, synced(data))?;
    made(&data.join(WORK), clear(&data.join(WORK)))
}

/// Keeps a file under another name.
fn aside(path: &Path) -> Result<(), SalvageError> {
    let other = free_name(path);
    made(path, fs::rename(path, &other))?;
    tracing::error!(file = %other.display(), "a damaged file was set aside");
    Ok(())
}

fn free_name(path: &Path) -> PathBuf {
    let mut number = 1;
    loop {
        let other = beside(path, &format!("{ASIDE}{number}"));
        if !other.exists() {
            return other;
        }
        number += 1;
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn made<T>(path: &Path, done: io::Result<T>) -> Result<T, SalvageError> {
    done.map_err(|source| SalvageError::File {
        path: path.to_owned(),
        source,
    })
}

fn synced(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
