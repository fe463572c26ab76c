//! What of the roster and the settings opens, and goes into the new database.

use limen_wire::{Hash, Settings};
use rusqlite::{Transaction, params};
use uuid::Uuid;

use super::SalvageError;
use super::found::{Known, SettingsRow};
use crate::database;
use crate::roster::{Purpose, Vault};

/// The roster's rows that open.
pub struct Roster<'a> {
    site: Uuid,
    vault: &'a Vault,
    held: Option<(Vec<u8>, i64)>,
}

impl<'a> Roster<'a> {
    pub fn new(site: Uuid, vault: &'a Vault) -> Self {
        Self {
            site,
            vault,
            held: None,
        }
    }

    pub fn take(
        &mut self,
        transaction: &Transaction<'_>,
        row: Option<Known>,
    ) -> Result<(), SalvageError> {
        let site = self.site;
        match row {
            Some(Known::Person { id, hash, sealed }) if hash.len() == 32 => {
                let purpose = Purpose::Card { site, person: id };
                if self.vault.open(purpose, &sealed).is_ok() {
                    transaction.execute(
                        "INSERT OR IGNORE INTO people (person, hash, sealed) VALUES (?1, ?2, ?3)",
                        params![database::id(id), hash, sealed],
                    )?;
                }
            }
            Some(Known::Template {
                person,
                model,
                place,
                version,
                sealed,
            }) => {
                let purpose = Purpose::Template {
                    site,
                    person,
                    model: &model,
                    version: u64::try_from(version).unwrap_or_default(),
                };
                if self.vault.open(purpose, &sealed).is_ok() {
                    // Its person's row may come later, or never: that is looked at in the end.
                    transaction.pragma_update(None, "defer_foreign_keys", true)?;
                    transaction.execute(
                        "INSERT OR IGNORE INTO templates (person, model, place, version, sealed)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                        params![database::id(person), model, place, version, sealed],
                    )?;
                }
            }
            Some(Known::Holding(epoch, version, settings)) => {
                self.held = Some((epoch, version.max(0)));
                if let Some(settings) = settings {
                    keep_settings(transaction, &settings)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Says which roster that is; how many people there are. What is missing the cloud finds by the digest.
    pub fn finish(self, transaction: &Transaction<'_>) -> Result<u64, SalvageError> {
        transaction.execute(
            "DELETE FROM templates WHERE person NOT IN (SELECT person FROM people)",
            [],
        )?;
        let people: i64 =
            transaction.query_row("SELECT count(*) FROM people", [], |row| row.get(0))?;
        let held = self
            .held
            .or_else(|| (people > 0).then(|| (Uuid::nil().as_bytes().to_vec(), 0)));
        if let Some((epoch, version)) = held {
            transaction.execute(
                "UPDATE holding SET roster_epoch = ?1, roster_version = ?2",
                params![epoch, version],
            )?;
        }
        Ok(people.unsigned_abs())
    }
}

fn keep_settings(
    transaction: &Transaction<'_>,
    settings: &SettingsRow,
) -> Result<(), SalvageError> {
    let SettingsRow {
        epoch,
        version,
        text,
        hash,
    } = settings;
    let own = Hash::of(text).0;
    let is_whole = epoch.len() == 16
        && *version >= 0
        && hash.as_ref().is_none_or(|hash| own[..] == hash[..])
        && serde_json::from_slice::<Settings>(text).is_ok();
    if is_whole {
        transaction.execute(
            "UPDATE holding
             SET settings_epoch = ?1, settings_version = ?2, settings = ?3, settings_hash = ?4",
            params![epoch, version, String::from_utf8_lossy(text), own],
        )?;
    }
    Ok(())
}
