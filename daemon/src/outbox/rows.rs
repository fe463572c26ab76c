//! The outbox's SQL. An event's place in the table is its outbox's `before` plus its `seq`.

use jiff::Timestamp;
use limen_wire::Hash;
use limen_wire::chain;
use limen_wire::event::OutboxHead;
use limen_wire::jws::{self, Chain};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use uuid::Uuid;

use super::OutboxError;
use crate::database::{self, DatabaseError};
use crate::uplink::Stretch;

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// The outbox that is written to.
pub struct Current {
    pub number: i64,
    pub before: i64,
    pub terminal: Uuid,
    pub hardware: [u8; 32],
    pub head: OutboxHead,
    /// The table's last place is where the head says.
    pub is_whole: bool,
}

pub fn current(connection: &Connection) -> Result<Option<Current>, OutboxError> {
    let row = connection
        .prepare_cached(
            "SELECT o.number, o.before, o.terminal, o.hardware, o.id, h.seq, h.hash,
                    o.before + h.seq
                        IS coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)
             FROM head h JOIN outboxes o USING (number)",
        )?
        .query_row([], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, Vec<u8>>(2)?,
                row.get::<_, Vec<u8>>(3)?,
                row.get::<_, Vec<u8>>(4)?,
                row.get::<_, i64>(5)?,
                row.get::<_, Vec<u8>>(6)?,
                row.get::<_, bool>(7)?,
            ))
        })
        .optional()?;
    let Some((number, before, terminal, hardware, id, seq, hash, is_whole)) = row else {
        return Ok(None);
    };
    Ok(Some(Current {
        number,
        before,
        terminal: database::uuid(&terminal, "terminal id")?,
        hardware: database::hash(&hardware, "hardware id")?,
        head: OutboxHead {
            outbox: database::uuid(&id, "outbox id")?,
            seq: number_of(seq, "seq")?,
            hash: Hash(database::hash(&hash, "hash")?),
        },
        is_whole,
    }))
}

pub fn begin(
    transaction: &Transaction<'_>,
    outbox: Uuid,
    terminal: Uuid,
    hardware: [u8; 32],
    born: Timestamp,
    after: Option<&OutboxHead>,
) -> Result<(), OutboxError> {
    if let Some(old) = after {
        transaction.execute(
            "UPDATE outboxes SET end_seq = ?2, end_hash = ?3 WHERE id = ?1",
            params![database::id(old.outbox), column(old.seq)?, old.hash.0],
        )?;
    }
    transaction.execute(
        "INSERT INTO outboxes (id, terminal, hardware, before, born)
         VALUES (?1, ?2, ?3,
                 coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0), ?4)",
        params![
            database::id(outbox),
            database::id(terminal),
            hardware,
            born.as_microsecond()
        ],
    )?;
    let number = transaction.last_insert_rowid();
    transaction.execute(
        "INSERT INTO through_again (number, through) VALUES (?1, 0)",
        [number],
    )?;
    set_head(transaction, number, &OutboxHead::start(outbox))
}

pub fn set_head(
    transaction: &Transaction<'_>,
    number: i64,
    head: &OutboxHead,
) -> Result<(), OutboxError> {
    transaction
        .prepare_cached(
            "INSERT INTO head (only_row, number, seq, hash) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (only_row) DO UPDATE
             SET number = excluded.number, seq = excluded.seq, hash = excluded.hash",
        )?
        .execute(params![number, column(head.seq)?, head.hash.0])?;
    Ok(())
}

pub fn insert(
    transaction: &Transaction<'_>,
    current: &Current,
    chain: &Chain,
    hash: &Hash,
    compact: &str,
) -> Result<(), OutboxError> {
    transaction
        .prepare_cached("INSERT INTO events (prev, hash, compact) VALUES (?1, ?2, ?3)")?
        .execute(params![chain.prev.0, hash.0, compact.as_bytes()])?;
    // The signed number and the one that SQLite never gives twice must agree.
    if transaction.last_insert_rowid() != current.before + column(chain.seq)? {
        return Err(DatabaseError::Damaged("numbering of the outbox").into());
    }
    Ok(())
}

pub fn stretches(connection: &Connection, terminal: Uuid) -> Result<Vec<Stretch>, OutboxError> {
    let mut statement = connection.prepare_cached(
        "SELECT o.id, o.through, coalesce(o.end_seq, h.seq), h.seq IS NOT NULL,
                (SELECT min(place) FROM events WHERE place > o.before) - o.before
         FROM outboxes o LEFT JOIN head h USING (number)
         WHERE o.terminal = ?1
         ORDER BY o.number",
    )?;
    let rows = statement.query_map([database::id(terminal)], |row| {
        Ok((
            row.get::<_, Vec<u8>>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, bool>(3)?,
            row.get::<_, Option<i64>>(4)?,
        ))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (id, through, last, is_current, oldest) = row?;
        let next = number_of(last, "seq")? + 1;
        let oldest = match oldest {
            Some(oldest) => number_of(oldest, "place")?.min(next),
            None => next,
        };
        if is_current || oldest < next {
            found.push(Stretch {
                outbox: database::uuid(&id, "outbox id")?,
                oldest,
                next,
                through: number_of(through, "mark")?,
            });
        }
    }
    Ok(found)
}

pub fn head(connection: &Connection, outbox: Uuid) -> Result<Option<OutboxHead>, OutboxError> {
    let row = connection
        .prepare_cached(
            "SELECT coalesce(h.seq, o.end_seq), coalesce(h.hash, o.end_hash)
             FROM outboxes o LEFT JOIN head h USING (number) WHERE o.id = ?1",
        )?
        .query_row([database::id(outbox)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    row.map(|(seq, hash)| {
        Ok(OutboxHead {
            outbox,
            seq: number_of(seq, "seq")?,
            hash: Hash(database::hash(&hash, "hash")?),
        })
    })
    .transpose()
}

/// Where an outbox's events lie: `before`, and its last number.
pub fn extent(connection: &Connection, outbox: Uuid) -> Result<(i64, i64), OutboxError> {
    connection
        .prepare_cached(
            "SELECT o.before, coalesce(h.seq, o.end_seq)
             FROM outboxes o LEFT JOIN head h USING (number) WHERE o.id = ?1",
        )?
        .query_row([database::id(outbox)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or(OutboxError::Unknown(outbox))
}

/// The lowest number that is kept.
pub fn oldest(connection: &Connection, outbox: Uuid) -> Result<Option<u64>, OutboxError> {
    let (before, last) = extent(connection, outbox)?;
    let oldest: Option<i64> = connection
        .prepare_cached(
            "SELECT min(place) - ?1 FROM events WHERE place BETWEEN ?1 + 1 AND ?1 + ?2",
        )?
        .query_row([before, last], |row| row.get(0))?;
    Ok(oldest
        .map(|oldest| number_of(oldest, "place"))
        .transpose()?)
}

/// The events `from` to `to`; `None` for one whose row is damaged or missing.
pub fn read(
    connection: &Connection,
    outbox: Uuid,
    from: u64,
    to: u64,
) -> Result<Vec<(u64, Option<String>)>, OutboxError> {
    let (before, last) = extent(connection, outbox)?;
    let (from, to) = (column(from)?, column(to)?.min(last));
    // What is missing at the beginning was deleted, what is missing after it vanished.
    let Some(oldest) = oldest(connection, outbox)? else {
        return Ok(Vec::new());
    };
    let from = from.max(column(oldest)?);
    let mut found = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT place - ?1, hash, compact FROM events WHERE place BETWEEN ?1 + ?2 AND ?1 + ?3
         ORDER BY place",
    )?;
    let rows = statement.query_map([before, from, to], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, Vec<u8>>(1)?,
            row.get::<_, Vec<u8>>(2)?,
        ))
    })?;
    let mut expected = from;
    for row in rows {
        let (seq, hash, compact) = row?;
        for missing in expected..seq {
            found.push((number_of(missing, "seq")?, None));
        }
        expected = seq + 1;
        let whole = String::from_utf8(compact)
            .ok()
            .filter(|compact| chain::hash(compact).0[..] == hash[..])
            .filter(|compact| stands_at(compact, outbox, seq));
        found.push((number_of(seq, "seq")?, whole));
    }
    for missing in expected..=to {
        found.push((number_of(missing, "seq")?, None));
    }
    Ok(found)
}

/// Whether the event was signed for this place.
fn stands_at(compact: &str, outbox: Uuid, seq: i64) -> bool {
    let chain = jws::peek(compact).ok().and_then(|header| header.chain);
    chain.is_some_and(|chain| chain.outbox == outbox && i64::try_from(chain.seq) == Ok(seq))
}

pub fn keep(
    connection: &Connection,
    outbox: Uuid,
    through: u64,
    at: Option<Timestamp>,
) -> Result<(), OutboxError> {
    let number: Option<i64> = connection
        .prepare_cached(
            "UPDATE outboxes SET through = max(through, ?2) WHERE id = ?1 RETURNING number",
        )?
        .query_row(params![database::id(outbox), column(through)?], |row| {
            row.get(0)
        })
        .optional()?;
    let number = number.ok_or(OutboxError::Unknown(outbox))?;
    copy_mark(connection, number)?;
    let Some(at) = at else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO marks (number, day, through) VALUES (?1, ?2, ?3)
             ON CONFLICT (number, day) DO UPDATE SET through = max(through, excluded.through)",
        )?
        .execute(params![
            number,
            at.as_microsecond().div_euclid(DAY_US),
            column(through)?
        ])?;
    Ok(())
}

/// An outbox that was left ends with the last event on which both ends agree; `hash` is that
/// event's.
pub fn end_at(
    transaction: &Transaction<'_>,
    outbox: Uuid,
    seq: u64,
    hash: Hash,
) -> Result<(), OutboxError> {
    transaction.execute(
        "UPDATE outboxes SET end_seq = ?2, end_hash = ?3, through = min(through, ?2) WHERE id = ?1",
        params![database::id(outbox), column(seq)?, hash.0],
    )?;
    copy_marks(transaction)
}

/// Takes a mark back; what was marked by day too.
pub fn lower(transaction: &Transaction<'_>, outbox: Uuid, through: u64) -> Result<(), OutboxError> {
    let params = params![database::id(outbox), column(through)?];
    transaction.execute(
        "UPDATE outboxes SET through = min(through, ?2) WHERE id = ?1",
        params,
    )?;
    transaction.execute(
        "UPDATE marks SET through = min(through, ?2)
         WHERE number = (SELECT number FROM outboxes WHERE id = ?1)",
        params,
    )?;
    copy_marks(transaction)
}

/// Keeps an outbox's mark a second time.
fn copy_mark(connection: &Connection, number: i64) -> Result<(), OutboxError> {
    connection
        .prepare_cached(
            "UPDATE through_again
             SET through = (SELECT through FROM outboxes WHERE number = ?1) WHERE number = ?1",
        )?
        .execute([number])?;
    Ok(())
}

fn copy_marks(connection: &Connection) -> Result<(), OutboxError> {
    connection.execute(
        "UPDATE through_again SET through =
             (SELECT through FROM outboxes o WHERE o.number = through_again.number)",
        [],
    )?;
    Ok(())
}

/// Believes the lower one where the two copies of a mark differ, or nothing where there is only one; says how many
/// did.
pub fn mend_marks(transaction: &Transaction<'_>) -> Result<usize, OutboxError> {
    let differ = transaction.execute(
        "UPDATE outboxes SET through = min(through, coalesce(
             (SELECT max(a.through, 0) FROM through_again a WHERE a.number = outboxes.number), 0))
         WHERE NOT EXISTS (SELECT 1 FROM through_again a
                           WHERE a.number = outboxes.number AND a.through = outboxes.through)",
        [],
    )?;
    if differ > 0 {
        transaction.execute(
            "INSERT OR IGNORE INTO through_again (number, through) SELECT number, through FROM outboxes",
            [],
        )?;
        copy_marks(transaction)?;
    }
    Ok(differ)
}

pub fn epochs(connection: &Connection) -> Result<Vec<Uuid>, OutboxError> {
    let mut statement = connection.prepare("SELECT epoch FROM epochs ORDER BY number")?;
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|row| Ok(database::uuid(&row?, "epoch")?))
        .collect()
}

pub fn new_epoch(transaction: &Transaction<'_>, epoch: Uuid) -> Result<(), OutboxError> {
    let first: bool =
        transaction.query_row("SELECT NOT EXISTS (SELECT 1 FROM epochs)", [], |row| {
            row.get(0)
        })?;
    transaction.execute(
        "INSERT OR IGNORE INTO epochs (epoch) VALUES (?1)",
        [database::id(epoch)],
    )?;
    if !first {
        // As far back as events are kept; what is not kept can't be sent again.
        transaction.execute(
            "UPDATE outboxes SET through = min(through, max(0, coalesce(
                 (SELECT min(place) FROM events WHERE place > outboxes.before)
                     - outboxes.before - 1, through)))",
            [],
        )?;
        transaction.execute("DELETE FROM marks", [])?;
        copy_marks(transaction)?;
    }
    Ok(())
}

pub fn synced_boot(connection: &Connection) -> Result<Option<Uuid>, OutboxError> {
    let boot: Option<Vec<u8>> = connection
        .query_row("SELECT synced_boot FROM clock", [], |row| row.get(0))
        .optional()?;
    Ok(boot
        .map(|boot| database::uuid(&boot, "boot id"))
        .transpose()?)
}

pub fn set_synced_boot(connection: &Connection, boot: Uuid) -> Result<(), OutboxError> {
    connection.execute(
        "INSERT INTO clock (only_row, synced_boot) VALUES (1, ?1)
         ON CONFLICT (only_row) DO UPDATE SET synced_boot = excluded.synced_boot",
        [database::id(boot)],
    )?;
    Ok(())
}

pub fn begin_command(
    connection: &Connection,
    id: Uuid,
    at: Timestamp,
) -> Result<bool, OutboxError> {
    let rows = connection.execute(
        "INSERT OR IGNORE INTO commands (id, begun) VALUES (?1, ?2)",
        params![database::id(id), at.as_microsecond()],
    )?;
    Ok(rows == 1)
}

/// A number as SQLite keeps it.
pub fn column(number: u64) -> Result<i64, DatabaseError> {
    i64::try_from(number).map_err(|_| DatabaseError::Damaged("number"))
}

/// A number as SQLite gave it.
pub fn number_of(column: i64, what: &'static str) -> Result<u64, DatabaseError> {
    u64::try_from(column).map_err(|_| DatabaseError::Damaged(what))
}
