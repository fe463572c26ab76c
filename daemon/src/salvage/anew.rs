//! A new database of what can be believed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use limen_wire::jws::{self, Expected};
use limen_wire::topic::{Topic, Up};
use limen_wire::{Event, Hash, Settings, chain};
use rusqlite::{Transaction, params};
use uuid::Uuid;

use super::file::File;
use super::found::{Known, OutboxRow, SettingsRow, known, texts};
use super::{SalvageError, Salvaged};
use crate::database::{self, DatabaseError, Sync};
use crate::keys::Identity;
use crate::outbox::lost_link;
use crate::roster::{Purpose, Vault};

/// An event's place: its outbox and its number there.
type Place = (Uuid, u64);

/// What the damaged database says of its outboxes, and which events can be believed.
pub struct Believed {
    rows: Vec<OutboxRow>,
    again: HashMap<i64, i64>,
    head: Option<(i64, i64, Vec<u8>)>,
    sequence: Option<i64>,
    /// The hash by which the next event names each.
    events: BTreeMap<Place, Hash>,
}

/// An outbox as it will be.
struct Outbox {
    id: Uuid,
    hardware: Vec<u8>,
    born: i64,
    /// Its last number.
    end: u64,
    /// The cloud holds everything up to this.
    through: u64,
    /// Whether both copies of that agreed.
    is_sure: bool,
    before: u64,
}

/// An event that this terminal signed: where it stands, and by which hash the next one names it.
fn verified(compact: &[u8], identity: &Identity) -> Option<(Place, Hash, Hash)> {
    let compact = std::str::from_utf8(compact).ok()?;
    let expected = Expected {
        topic: Topic::up(identity.site.terminal, Up::Event),
        site: identity.site.site,
        session: None,
    };
    let verified = jws::verify(compact, &identity.keys.signing.public(), &expected).ok()?;
    let at = verified.header.chain?;
    let event: Option<Event> = verified.claims().ok();
    let links = chain::links_as(compact, event.as_ref());
    Some(((at.outbox, at.seq), at.prev, links))
}

/// What in a page may be an event: the texts that lie in it, and those that go on in another.
fn candidates(page: &[u8], rows: Vec<limen_pages::rows::Row>) -> Vec<Vec<u8>> {
    let here = texts(page).into_iter().map(|place| page[place].to_vec());
    let elsewhere = rows.into_iter().filter_map(|row| match known(row)? {
        Known::Event(compact) if compact.len() > page.len() / 2 => Some(compact),
        _ => None,
    });
    here.chain(elsewhere).collect()
}

impl Believed {
    pub fn of(file: &File, identity: &Identity) -> Self {
        let mut believed = Self {
            rows: Vec::new(),
            again: HashMap::new(),
            head: None,
            sequence: None,
            events: BTreeMap::new(),
        };
        for (page, rows) in file.each() {
            for row in &rows {
                match known(row.clone()) {
                    Some(Known::Outbox(row)) => believed.rows.push(row),
                    Some(Known::Again(number, through)) => {
                        believed.again.insert(number, through);
                    }
                    Some(Known::Head(number, seq, hash)) => {
                        believed.head = Some((number, seq, hash));
                    }
                    Some(Known::Sequence(last)) => believed.sequence = Some(last),
                    _ => {}
                }
            }
            for compact in candidates(&page, rows) {
                if let Some((place, _, links)) = verified(&compact, identity) {
                    believed.events.insert(place, links);
                }
            }
        }
        believed
    }

    /// The outboxes that this terminal had, in order of birth.
    fn outboxes(&self, terminal: Uuid) -> Vec<Outbox> {
        let mut last: BTreeMap<Uuid, u64> = BTreeMap::new();
        for (outbox, seq) in self.events.keys() {
            let last = last.entry(*outbox).or_default();
            *last = (*last).max(*seq);
        }
        let mut rows: Vec<&OutboxRow> = self
            .rows
            .iter()
            // A row with a wrong id is nobody's.
            .filter(|row| row.terminal == terminal || last.contains_key(&row.id))
            .collect();
        rows.sort_by_key(|row| row.number);
        let mut found = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let saved = last.remove(&row.id).unwrap_or(0);
            let next = rows.get(place + 1).map(|next| next.before);
            let (end, through) = (self.end(row, saved, next), self.through(row));
            found.push(Outbox {
                id: row.id,
                hardware: row.hardware.clone(),
                born: row.born,
                end,
                through: through.map_or(0, |(through, _)| through.min(end)),
                is_sure: through.is_some_and(|(through, is_sure)| is_sure && through <= end),
                before: 0,
            });
        }
        // Born later than those, by ids that are in order of birth.
        found.extend(last.into_iter().map(|(id, end)| Outbox {
            id,
            hardware: vec![0; 32],
            born: 0,
            end,
            through: 0,
            is_sure: false,
            before: 0,
        }));
        let mut before = 0;
        for outbox in &mut found {
            outbox.before = before;
            before += outbox.end;
        }
        found
    }

    /// The last number of an outbox, where `saved` is the last that was found: told twice, so that one wrong bit
    /// does not make it up.
    fn end(&self, row: &OutboxRow, saved: u64, next: Option<i64>) -> u64 {
        let number = |told: i64| u64::try_from(told).ok();
        if let Some((end, hash)) = &row.end
            && let Some(end) = number(*end)
            && let Some(links) = self.events.get(&(row.id, end))
            && links.0[..] == hash[..]
        {
            return end;
        }
        let own = row.end.as_ref().map(|(end, _)| *end);
        let head = self.head.as_ref().filter(|head| head.0 == row.number);
        let last_place = match next {
            Some(next) => Some(next),
            None => self.sequence,
        };
        let by_place = last_place.and_then(|last| last.checked_sub(row.before));
        [own, head.map(|head| head.1), by_place]
            .into_iter()
            .flatten()
            .filter_map(number)
            .filter(|end| *end >= saved)
            .min()
            .unwrap_or(saved)
    }

    /// How far the cloud holds it, and whether both copies say so.
    fn through(&self, row: &OutboxRow) -> Option<(u64, bool)> {
        let own = u64::try_from(row.through).ok()?;
        let again = u64::try_from(*self.again.get(&row.number)?).ok()?;
        Some((own.min(again), own == again))
    }
}

/// Fills the database in `work`, which is new, and says what is in it.
pub fn make(
    work: &Path,
    file: &File,
    believed: Believed,
    (identity, vault): (&Identity, &Vault),
    why: String,
) -> Result<Salvaged, SalvageError> {
    let mut connection = database::connect(work, Sync::Full)?;
    let transaction = connection.transaction()?;
    let terminal = identity.site.terminal;
    let outboxes = believed.outboxes(terminal);
    keep_outboxes(&transaction, &outboxes, &believed, terminal)?;
    let before: HashMap<Uuid, &Outbox> = outboxes.iter().map(|it| (it.id, it)).collect();
    let mut roster = Roster::new(identity.site.site, vault);
    for (page, rows) in file.each() {
        for row in &rows {
            roster.take(&transaction, known(row.clone()))?;
        }
        for compact in candidates(&page, rows) {
            let Some((place, prev, _)) = verified(&compact, identity) else {
                continue;
            };
            if let Some(outbox) = before.get(&place.0).filter(|it| place.1 <= it.end) {
                let place = column(outbox.before + place.1)?;
                insert(&transaction, place, &prev, &Hash::of(&compact), &compact)?;
            }
        }
    }
    let people = roster.finish(&transaction)?;
    let lost = lost(&transaction, &outboxes, &believed)?;
    let events: i64 = transaction.query_row(
        "SELECT count(*) FROM events WHERE length(compact) > 0",
        [],
        |row| row.get(0),
    )?;
    if let Some(last) = outboxes.last() {
        let place = column(last.before + last.end)?;
        transaction.execute("DELETE FROM sqlite_sequence WHERE name = 'events'", [])?;
        transaction.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?1)",
            [place],
        )?;
    }
    transaction.commit()?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(Salvaged {
        why,
        events: events.unsigned_abs(),
        lost,
        people,
    })
}

fn keep_outboxes(
    transaction: &Transaction<'_>,
    outboxes: &[Outbox],
    believed: &Believed,
    terminal: Uuid,
) -> Result<(), SalvageError> {
    for (place, outbox) in outboxes.iter().enumerate() {
        let is_last = place + 1 == outboxes.len();
        let at_end = believed.events.get(&(outbox.id, outbox.end)).copied();
        let said = believed.head.as_ref().and_then(|(_, seq, hash)| {
            let is_its = is_last && u64::try_from(*seq) == Ok(outbox.end);
            is_its.then(|| hash.as_slice().try_into().ok().map(Hash))?
        });
        let hash = at_end.or(said).unwrap_or_else(lost_link);
        let number = i64::try_from(place + 1).unwrap_or(i64::MAX);
        // Of no machine: a new outbox is begun after the last one.
        let hardware = match is_last {
            true => vec![0; 32],
            false => outbox.hardware.clone(),
        };
        let end = match is_last {
            true => None,
            false => Some((column(outbox.end)?, hash.0)),
        };
        transaction.execute(
            "INSERT INTO outboxes (number, id, terminal, hardware, before, born, through, end_seq, end_hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                number,
                database::id(outbox.id),
                database::id(terminal),
                hardware,
                column(outbox.before)?,
                outbox.born,
                column(outbox.through)?,
                end.map(|(end, _)| end),
                end.map(|(_, hash)| hash),
            ],
        )?;
        transaction.execute(
            "INSERT INTO through_again (number, through) VALUES (?1, ?2)",
            params![number, column(outbox.through)?],
        )?;
        if is_last {
            transaction.execute(
                "INSERT INTO head (only_row, number, seq, hash) VALUES (1, ?1, ?2, ?3)",
                params![number, column(outbox.end)?, hash.0],
            )?;
        }
    }
    Ok(())
}

fn insert(
    transaction: &Transaction<'_>,
    place: i64,
    prev: &Hash,
    hash: &Hash,
    compact: &[u8],
) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO events (place, prev, hash, compact) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![place, prev.0, hash.0, compact])?;
    Ok(())
}

/// The numbers that are missing and that the cloud does not hold, as far as that is known. A row that is damaged
/// for sure stands where the first of them would be: what follows becomes a `void` when it is read.
fn lost(
    transaction: &Transaction<'_>,
    outboxes: &[Outbox],
    believed: &Believed,
) -> Result<Vec<(u64, u64)>, SalvageError> {
    let mut lost = Vec::new();
    for outbox in outboxes {
        let mut found = believed
            .events
            .range((outbox.id, outbox.through + 1)..=(outbox.id, outbox.end))
            .map(|((_, seq), _)| *seq)
            .peekable();
        // Without a mark that is believed, what is missing at the beginning was deleted long ago.
        let mut next = match (outbox.is_sure, found.peek()) {
            (false, Some(first)) => *first,
            _ => outbox.through + 1,
        };
        if outbox.is_sure && next <= outbox.end && found.peek() != Some(&next) {
            let place = column(outbox.before + next)?;
            insert(transaction, place, &Hash::ZERO, &Hash::ZERO, &[])?;
        }
        for seq in found.chain([outbox.end + 1]) {
            if next < seq {
                lost.push((next, seq - 1));
            }
            next = seq + 1;
        }
    }
    Ok(lost)
}

fn column(number: u64) -> Result<i64, DatabaseError> {
    i64::try_from(number).map_err(|_| DatabaseError::Damaged("number"))
}

/// The roster's rows that open.
struct Roster<'a> {
    site: Uuid,
    vault: &'a Vault,
    held: Option<(Vec<u8>, i64)>,
}

impl<'a> Roster<'a> {
    fn new(site: Uuid, vault: &'a Vault) -> Self {
        Self {
            site,
            vault,
            held: None,
        }
    }

    fn take(
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
    fn finish(self, transaction: &Transaction<'_>) -> Result<u64, SalvageError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_among_other_bytes() {
        let one = format!("eyJh.eyJi.{}", "x".repeat(86));
        let page = [b"ab", one.as_bytes(), b"xx\0eyJ", one.as_bytes()].concat();
        let found = texts(&page);
        assert_eq!(found.len(), 2);
        assert_eq!(&page[found[0].clone()], one.as_bytes());
    }
}
