//! Rows that the disk did not give back as they were written.

use limen_wire::event::What;
use limen_wire::jws::{self, Chain, Expected};
use limen_wire::topic::{Topic, Up};
use limen_wire::{Event, Hash, chain};
use rusqlite::{OptionalExtension, Transaction, params};
use uuid::Uuid;

use super::{Author, OutboxError, event, rows};
use crate::clock::Reading;

/// Row and its neighbours, as far as they are there.
struct Row {
    prev: Vec<u8>,
    hash: Vec<u8>,
    compact: Vec<u8>,
}

/// Puts the event `seq` right for good, and gives its compact JWS: as it was, when its signature
/// still holds; else a `void` with the same number and predecessor, which says what it stands
/// for, so that neither end takes the gap for a fork.
pub fn mend(
    transaction: &Transaction<'_>,
    author: &Author,
    outbox: Uuid,
    seq: u64,
    now: &Reading,
) -> Result<String, OutboxError> {
    let (before, last) = rows::extent(transaction, outbox)?;
    let place = before + rows::column(seq)?;
    let row = load(transaction, place)?;
    if let Some(row) = &row
        && let Ok(compact) = std::str::from_utf8(&row.compact)
        && let Some((found, _)) = verified(author, compact)
        && (found.outbox, found.seq) == (outbox, seq)
    {
        store(
            transaction,
            place,
            &found.prev,
            &chain::hash(compact),
            compact,
        )?;
        tracing::warn!(%outbox, seq, "a damaged row was put right: its signature holds");
        return Ok(compact.to_owned());
    }
    let prev = predecessor(transaction, author, place, seq, row.as_ref())?;
    let stands_for = successor(transaction, place, outbox, before + last == place)?
        .or_else(|| row.as_ref().and_then(|row| hash_of(&row.hash)))
        .unwrap_or(lost_link());
    let compact = author.sign(
        Chain { outbox, seq, prev },
        &event(now, What::Void { stands_for }),
    )?;
    store(transaction, place, &prev, &chain::hash(&compact), &compact)?;
    tracing::error!(%outbox, seq, "an event was found damaged and is lost; a void stands in its place");
    Ok(compact)
}

fn load(transaction: &Transaction<'_>, place: i64) -> Result<Option<Row>, OutboxError> {
    let row = transaction
        .query_row(
            "SELECT prev, hash, compact FROM events WHERE place = ?1",
            [place],
            |row| {
                Ok(Row {
                    prev: row.get(0)?,
                    hash: row.get(1)?,
                    compact: row.get(2)?,
                })
            },
        )
        .optional()?;
    Ok(row)
}

fn store(
    transaction: &Transaction<'_>,
    place: i64,
    prev: &Hash,
    hash: &Hash,
    compact: &str,
) -> Result<(), OutboxError> {
    transaction.execute(
        "INSERT INTO events (place, prev, hash, compact) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (place) DO UPDATE
         SET prev = excluded.prev, hash = excluded.hash, compact = excluded.compact",
        params![place, prev.0, hash.0, compact.as_bytes()],
    )?;
    Ok(())
}

/// An event that this terminal signed: where it says that it stands, and what it says.
pub fn verified(author: &Author, compact: &str) -> Option<(Chain, Event)> {
    let site = &author.identity.site;
    let expected = Expected {
        topic: Topic::up(site.terminal, Up::Event),
        site: site.site,
        session: None,
    };
    let key = author.identity.keys.signing.public();
    let verified = jws::verify(compact, &key, &expected).ok()?;
    Some((verified.header.chain?, verified.claims().ok()?))
}

/// The hash that the event at `place` follows: by the row before it, else by its own.
fn predecessor(
    transaction: &Transaction<'_>,
    author: &Author,
    place: i64,
    seq: u64,
    row: Option<&Row>,
) -> Result<Hash, OutboxError> {
    if seq == 1 {
        return Ok(Hash::ZERO);
    }
    let before = load(transaction, place - 1)?
        .and_then(|row| String::from_utf8(row.compact).ok())
        .and_then(|compact| {
            let (_, event) = verified(author, &compact)?;
            Some(chain::links_as(&compact, Some(&event)))
        });
    Ok(before
        .or_else(|| row.and_then(|row| hash_of(&row.prev)))
        .filter(|prev| *prev != Hash::ZERO)
        .unwrap_or(lost_link()))
}

/// The hash that the event at `place` had, as its follower says it, or the head for the last.
fn successor(
    transaction: &Transaction<'_>,
    place: i64,
    outbox: Uuid,
    is_last: bool,
) -> Result<Option<Hash>, OutboxError> {
    if is_last {
        return Ok(rows::head(transaction, outbox)?.map(|head| head.hash));
    }
    Ok(load(transaction, place + 1)?.and_then(|row| hash_of(&row.prev)))
}

/// By what an event is named that nothing is known of any more, and its follower too.
pub fn lost_link() -> Hash {
    Hash::of(b"limen: the chain is lost here")
}

fn hash_of(bytes: &[u8]) -> Option<Hash> {
    bytes.try_into().ok().map(Hash)
}
