//! Whom this terminal knows: what the cloud sent, applied whole or not at all, and encrypted
//! where it rests.
//!
//! A template is sealed with a key that only this machine has, and bound to its site, person,
//! model and version: a row that was swapped with another one does not open. What is forgotten
//! is overwritten in the database and gone from its log before the cloud is told so.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use limen_wire::event::Method;
use limen_wire::roster::{Assembly, Change, Refused, Step, Update, digest};
use limen_wire::{Hash, Held, Person, RosterApplied, RosterPage, Settings, State};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::database::{self, DatabaseError, Sync};
use crate::door::People;

mod gallery;
mod mend;
mod vault;

pub use gallery::build;
pub use vault::{Purpose, Vault, VaultError};

/// Why the roster did not take something, or can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Something can't be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The page does not fit what is held.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A person or settings can't be written as JSON.
    #[error("a roster entry can't be written: {0}")]
    Json(#[from] serde_json::Error),
    /// Another reader kept the database's log from being emptied.
    #[error(
        "what was forgotten is still in the database's log, because somebody reads it; it is tried again"
    )]
    StillInLog,
}

impl From<rusqlite::Error> for RosterError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A person, and one of their templates as it came; wiped when dropped.
pub type Opened = (Uuid, Zeroizing<Vec<u8>>);

/// What a page led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// More pages are needed, or nothing changed.
    Nothing,
    /// The roster changed; this proves it.
    Applied(RosterApplied),
}

/// What is known of a person besides the face.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// As the screen greets them.
    pub name: String,
    /// What language they read; empty for the site's.
    pub language: String,
    /// The digits that they type before their PIN.
    #[serde(default)]
    pub number: Option<String>,
    /// What the PIN is verified with.
    pub pin_verifier: Option<String>,
    /// The badges that are theirs.
    pub badges: Vec<String>,
    /// After which methods a second one has to follow.
    pub second_factor_with: Vec<Method>,
}

/// The terminal's roster.
pub struct Roster {
    connection: Mutex<Connection>,
    vault: Vault,
    site: Uuid,
    assembly: Mutex<Assembly>,
    states: Mutex<HashMap<Uuid, State>>,
}

impl Roster {
    /// Opens the roster in `data`, whose database [`database::migrate`] made.
    ///
    /// # Errors
    /// When the database can't be opened or read.
    pub fn open(data: &Path, site: Uuid, vault: Vault) -> Result<Self, RosterError> {
        let mut connection = database::connect(data, Sync::Full)?;
        mend::mend(&mut connection, &vault, site)?;
        let held = held(&connection, "roster")?;
        Ok(Self {
            connection: Mutex::new(connection),
            vault,
            site,
            assembly: Mutex::new(Assembly::new(held)),
            states: Mutex::new(HashMap::new()),
        })
    }

    /// Which roster is held.
    pub fn held(&self) -> Option<Held> {
        lock(&self.assembly).held()
    }

    /// Pages that came in an earlier session are worth nothing in the next.
    pub fn restart(&self) {
        lock(&self.assembly).restart();
    }

    /// Takes a page that was verified and opened; applies the update when all its pages are
    /// there.
    ///
    /// # Errors
    /// When the page does not fit what is held, or the database fails; nothing is applied then.
    pub fn take(&self, page: RosterPage) -> Result<Taken, RosterError> {
        let mut assembly = lock(&self.assembly);
        let Step::Complete(update) = assembly.add(page)? else {
            return Ok(Taken::Nothing);
        };
        self.apply(&update)?;
        assembly.applied(update.held);
        self.proof().map(|proof| match proof {
            Some(applied) => Taken::Applied(applied),
            None => Taken::Nothing,
        })
    }

    fn apply(&self, update: &Update) -> Result<(), RosterError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if update.full {
            transaction.execute_batch("DELETE FROM templates; DELETE FROM people;")?;
        }
        for change in &update.changes {
            let person = database::id(change.person());
            transaction
                .prepare_cached("DELETE FROM templates WHERE person = ?1")?
                .execute([person])?;
            match change {
                Change::Forget(_) => {
                    transaction
                        .prepare_cached("DELETE FROM people WHERE person = ?1")?
                        .execute([person])?;
                }
                Change::Put(person) => self.put(&transaction, person, update.held.version)?,
            }
        }
        transaction.execute(
            "UPDATE holding SET roster_epoch = ?1, roster_version = ?2",
            params![
                database::id(update.held.epoch),
                i64::try_from(update.held.version).unwrap_or(i64::MAX)
            ],
        )?;
        transaction.commit()?;
        tracing::info!(
            version = update.held.version,
            changes = update.changes.len(),
            full = update.full,
            "roster applied"
        );
        Ok(())
    }

    fn put(
        &self,
        connection: &Connection,
        person: &Person,
        version: u64,
    ) -> Result<(), RosterError> {
        let card = Card {
            name: person.name.clone(),
            language: person.language.clone(),
            number: person.number.clone(),
            pin_verifier: person.pin_verifier.clone(),
            badges: person.badges.clone(),
            second_factor_with: person.second_factor_with.clone(),
        };
        let card = Zeroizing::new(serde_json::to_vec(&card)?);
        let sealed = self.vault.seal(
            Purpose::Card {
                site: self.site,
                person: person.id,
            },
            &card,
        )?;
        connection
            .prepare_cached(
                "INSERT INTO people (person, hash, sealed) VALUES (?1, ?2, ?3)
                 ON CONFLICT (person) DO UPDATE
                 SET hash = excluded.hash, sealed = excluded.sealed",
            )?
            .execute(params![
                database::id(person.id),
                person.template_hash().0,
                sealed
            ])?;
        for (place, template) in person.templates.iter().enumerate() {
            let purpose = Purpose::Template {
                site: self.site,
                person: person.id,
                model: &person.model,
                version,
            };
            connection
                .prepare_cached(
                    "INSERT INTO templates (person, model, place, version, sealed)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    database::id(person.id),
                    person.model,
                    i64::try_from(place).unwrap_or(i64::MAX),
                    i64::try_from(version).unwrap_or(i64::MAX),
                    self.vault.seal(purpose, &template.0)?
                ])?;
        }
        Ok(())
    }

    /// The proof of what is held, once nothing else is left in the database's log; `None` where
    /// no roster is held.
    ///
    /// # Errors
    /// When the log can't be emptied, or the database fails.
    pub fn proof(&self) -> Result<Option<RosterApplied>, RosterError> {
        let connection = self.connection();
        let Some(held) = held(&connection, "roster")? else {
            return Ok(None);
        };
        // Waits for readers; what was deleted is overwritten in the database by then, and the
        // log, where older pages lie, is cut to nothing.
        let busy: i64 =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy != 0 {
            return Err(RosterError::StillInLog);
        }
        let mut statement = connection.prepare_cached("SELECT person, hash FROM people")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let mut people = Vec::new();
        for row in rows {
            let (person, hash) = row?;
            people.push((
                database::uuid(&person, "person id")?,
                Hash(database::hash(&hash, "template hash")?),
            ));
        }
        Ok(Some(RosterApplied {
            epoch: held.epoch,
            version: held.version,
            digest: digest(people),
        }))
    }

    /// Each person's templates of `model`, as they came. A row that does not open is left out,
    /// and said.
    ///
    /// # Errors
    /// When the database fails.
    pub fn templates(&self, model: &str) -> Result<Vec<Opened>, RosterError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT person, version, sealed FROM templates WHERE model = ?1
             ORDER BY person, place",
        )?;
        let rows = statement.query_map([model], |row| {
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, Vec<u8>>(2)?,
            ))
        })?;
        let mut templates = Vec::new();
        for row in rows {
            let (person, version, sealed) = row?;
            let person = database::uuid(&person, "person id")?;
            let purpose = Purpose::Template {
                site: self.site,
                person,
                model,
                version: u64::try_from(version).unwrap_or_default(),
            };
            match self.vault.open(purpose, &sealed) {
                Ok(template) => templates.push((person, template)),
                Err(refused) => {
                    tracing::error!(%person, %refused, "a template is left out");
                }
            }
        }
        Ok(templates)
    }

    /// What is known of a person besides the face.
    ///
    /// # Errors
    /// When the entry does not open, or the database fails.
    pub fn card(&self, person: Uuid) -> Result<Option<Card>, RosterError> {
        let sealed: Option<Vec<u8>> = self
            .connection()
            .query_row(
                "SELECT sealed FROM people WHERE person = ?1",
                [database::id(person)],
                |row| row.get(0),
            )
            .optional()?;
        sealed
            .map(|sealed| self.open_card(person, &sealed))
            .transpose()
    }

    /// The first person whose card is the one that is looked for. A card that does not open is
    /// passed over, and said.
    ///
    /// Every card is opened anew: a thousand take a few milliseconds, and nothing about anybody
    /// lies open in memory meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(
        &self,
        is_theirs: impl Fn(&Card) -> bool,
    ) -> Result<Option<(Uuid, Card)>, RosterError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT person, sealed FROM people")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let person = database::uuid(&row.get::<_, Vec<u8>>(0)?, "person id")?;
            match self.open_card(person, &row.get::<_, Vec<u8>>(1)?) {
                Ok(card) if is_theirs(&card) => return Ok(Some((person, card))),
                Ok(_) => {}
                Err(refused) => tracing::error!(%person, %refused, "a person is left out"),
            }
        }
        Ok(None)
    }

    fn open_card(&self, person: Uuid, sealed: &[u8]) -> Result<Card, RosterError> {
        let purpose = Purpose::Card {
            site: self.site,
            person,
        };
        Ok(serde_json::from_slice(&self.vault.open(purpose, sealed)?)?)
    }

    /// How many people are known.
    ///
    /// # Errors
    /// When the database fails.
    pub fn people(&self) -> Result<u64, RosterError> {
        let people: i64 =
            self.connection()
                .query_row("SELECT count(*) FROM people", [], |row| row.get(0))?;
        Ok(u64::try_from(people).unwrap_or_default())
    }

    /// Which settings are held.
    ///
    /// # Errors
    /// When the database fails.
    pub fn settings_held(&self) -> Result<Option<Held>, RosterError> {
        Ok(held(&self.connection(), "settings")?)
    }

    /// Keeps the site's settings, which replace those that are held; an older version of the
    /// same epoch is passed over. Says whether they were taken.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_settings(&self, settings: &Settings) -> Result<bool, RosterError> {
        let text = serde_json::to_string(settings)?;
        let connection = self.connection();
        let is_older = held(&connection, "settings")?
            .is_some_and(|held| held.epoch == settings.epoch && settings.version <= held.version);
        if is_older {
            return Ok(false);
        }
        connection.execute(
            "UPDATE holding SET settings_epoch = ?1, settings_version = ?2, settings = ?3, settings_hash = ?4",
            params![
                database::id(settings.epoch),
                i64::try_from(settings.version).unwrap_or(i64::MAX),
                text,
                Hash::of(text.as_bytes()).0,
            ],
        )?;
        Ok(true)
    }

    /// The site's settings, once they came.
    ///
    /// # Errors
    /// When the database fails.
    pub fn settings(&self) -> Result<Option<Settings>, RosterError> {
        let text: Option<String> =
            self.connection()
                .query_row("SELECT settings FROM holding", [], |row| row.get(0))?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// What the screen may say of a person from now on. Kept in memory: the cloud says it again
    /// in every session.
    pub fn set_state(&self, state: State) {
        let mut states = lock(&self.states);
        let newer = states
            .get(&state.person)
            .is_none_or(|known| known.as_of <= state.as_of);
        if newer {
            states.insert(state.person, state);
        }
    }

    /// What the screen may say of a person.
    pub fn state(&self, person: Uuid) -> Option<State> {
        lock(&self.states).get(&person).copied()
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        lock(&self.connection)
    }
}

impl People for Roster {
    fn find(&self, is_theirs: &dyn Fn(&Card) -> bool) -> Result<Option<(Uuid, Card)>, RosterError> {
        Self::find(self, is_theirs)
    }
}

/// A panic while it was held left nothing half done: transactions roll back, values are whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn held(connection: &Connection, what: &'static str) -> Result<Option<Held>, DatabaseError> {
    let sql = match what {
        "roster" => "SELECT roster_epoch, roster_version FROM holding",
        _ => "SELECT settings_epoch, settings_version FROM holding",
    };
    let (epoch, version) = connection.query_row(sql, [], |row| {
        Ok((row.get::<_, Option<Vec<u8>>>(0)?, row.get::<_, i64>(1)?))
    })?;
    let Some(epoch) = epoch else {
        return Ok(None);
    };
    Ok(Some(Held {
        epoch: database::uuid(&epoch, "epoch")?,
        version: u64::try_from(version).map_err(|_| DatabaseError::Damaged("version"))?,
    }))
}

#[cfg(test)]
mod tests;
