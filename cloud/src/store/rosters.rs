//! What a site's terminals are to hold, in versions; the same for every database.
//!
//! A version belongs to contents, not to writers: whoever asks has the contents compared by hash with what
//! the last version said, and the version moves when they differ. So no method that changes people or
//! templates has to know of rosters, and none can forget to.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::forms::count;
use super::ledger::{RosterChanges, RosterPerson};
use super::{AccountId, Hash, StoreError};

/// Who works at a site now, each with the hash of all that a terminal is told about them.
pub(super) type Known = BTreeMap<AccountId, (RosterPerson, Hash)>;
/// What the last versions said: the version that last changed a person, and the hash of what it said; no hash
/// where they are to be forgotten.
pub(super) type Entries = BTreeMap<AccountId, (i64, Option<Hash>)>;

/// The person with the hash of all that a terminal is told about them.
pub(super) fn hashed(told: RosterPerson) -> (AccountId, (RosterPerson, Hash)) {
    let mut content = Sha256::new();
    let mut part = |bytes: &[u8]| {
        content.update((bytes.len() as u64).to_be_bytes());
        content.update(bytes);
    };
    part(told.name.as_bytes());
    if let Some(template) = &told.template {
        part(template.model.as_bytes());
        part(&template.version.to_be_bytes());
        part(&template.sealed);
    }
    // Where there are none, the content is what it was before there could be any.
    for way in [&told.number, &told.pin_verifier].into_iter().flatten() {
        part(way.as_bytes());
    }
    for badge in &told.badges {
        part(badge.as_bytes());
    }
    if told.is_twin {
        part(b"twin");
    }
    (told.id, (told, content.finalize().into()))
}

/// A new version, where there is to be one: its number, and who is new, has changed (with the new hash) or is
/// to be forgotten (without).
pub(super) type NewVersion = Option<(i64, Vec<(AccountId, Option<Hash>)>)>;

/// Brings the version up to date with who is known now.
pub(super) fn next_version(version: i64, now: &Known, before: &Entries) -> NewVersion {
    let news = now.iter().filter_map(|(person, (_, content))| {
        let same = matches!(before.get(person), Some((_, Some(held))) if held == content);
        (!same).then_some((*person, Some(*content)))
    });
    let gone = before.iter().filter_map(|(person, (_, held))| {
        (held.is_some() && !now.contains_key(person)).then_some((*person, None))
    });
    let changed: Vec<_> = news.chain(gone).collect();
    // The first version is 1, also of an empty site: 0 is what a terminal holds that was told nothing.
    (!changed.is_empty() || version == 0).then_some((version + 1, changed))
}

/// What changed since `held`. `entries` are up to date with `version`.
pub(super) fn since(
    held: u64,
    version: i64,
    mut now: Known,
    entries: Entries,
) -> Result<RosterChanges, StoreError> {
    let to = count(version, "rosters.version")?;
    let from = if held > to { 0 } else { held };
    let mut put = Vec::new();
    let mut forget = Vec::new();
    for (person, (changed, content)) in entries {
        if count(changed, "roster_entries.version")? <= from {
            continue;
        }
        match (content, now.remove(&person)) {
            (Some(_), Some((known, _))) => put.push(known),
            _ if from > 0 => forget.push(person),
            _ => {}
        }
    }
    Ok(RosterChanges {
        from,
        to,
        put,
        forget,
    })
}

/// The version of settings with that content, and whether it is new.
pub(super) fn settings_version(held: Option<(i64, Hash)>, content: &Hash) -> (i64, bool) {
    match held {
        Some((version, held)) if held == *content => (version, false),
        Some((version, _)) => (version + 1, true),
        None => (1, true),
    }
}
