//! A new database of what can be believed.

use std::collections::HashMap;
use std::path::Path;

use limen_wire::Hash;
use rusqlite::{Transaction, params};
use uuid::Uuid;

use super::believed::{Believed, Outbox, candidates, verified};
use super::file::File;
use super::found::known;
use super::people::Roster;
use super::{SalvageError, Salvaged};
use crate::database::{self, DatabaseError, Sync};
use crate::keys::Identity;
use crate::outbox::lost_link;
use crate::roster::Vault;

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
