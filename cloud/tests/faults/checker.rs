//! The checker: whether the cloud holds what a terminal wrote, by both programs' own databases.

use std::path::Path;

use limen_wire::{Hash, chain, jws};
use rusqlite::{Connection, OpenFlags, Row};
use uuid::Uuid;

/// A database that is only looked at.
pub fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// An event as either side keeps it: its number and its compact JWS.
fn event(row: &Row<'_>) -> rusqlite::Result<(i64, Vec<u8>)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// Nothing is lost, nothing is there twice, and all is in order: of each of the terminal's outboxes the cloud
/// holds exactly what the terminal wrote, byte for byte, numbered from 1 without a gap, each naming the hash of
/// the one before; and nothing of it went to quarantine. Gives how many events there are.
pub fn check(terminal_db: &Path, cloud_db: &Path, terminal: Uuid) -> u64 {
    let (here, there) = (open(terminal_db), open(cloud_db));
    let outboxes = "SELECT o.id, o.before, coalesce(o.end_seq, h.seq)
                    FROM outboxes o LEFT JOIN head h USING (number) ORDER BY o.number";
    let mut outboxes = here.prepare(outboxes).unwrap();
    let outboxes = outboxes.query_map([], |row| {
        let id = Uuid::from_slice(&row.get::<_, Vec<u8>>(0)?).unwrap();
        Ok((id, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    let mut events = 0;
    for outbox in outboxes.unwrap() {
        let (outbox, before, last) = outbox.unwrap();
        assert_eq!(
            same(&here, &there, (terminal, outbox), before, last),
            last,
            "events of outbox {outbox}"
        );
        events += last;
    }
    let held = of_terminal(&there, "events", terminal);
    assert_eq!(held, events, "the cloud holds what was never written");
    for table in ["quarantine", "lost"] {
        assert_eq!(of_terminal(&there, table, terminal), 0, "{table}");
    }
    events.unsigned_abs()
}

/// How many rows of a table of the cloud are a terminal's.
pub fn of_terminal(cloud: &Connection, table: &str, terminal: Uuid) -> i64 {
    let sql = format!("SELECT count(*) FROM {table} WHERE terminal = ?1");
    let id = terminal.into_bytes();
    cloud.query_row(&sql, [id], |row| row.get(0)).unwrap()
}

/// Walks both logs of an outbox side by side; how many events there are.
fn same(here: &Connection, there: &Connection, of: (Uuid, Uuid), before: i64, last: i64) -> i64 {
    let written = "SELECT place - ?1, compact FROM events
                   WHERE place BETWEEN ?1 + 1 AND ?1 + ?2 ORDER BY place";
    let mut written = here.prepare(written).unwrap();
    let mut written = written.query_map([before, last], event).unwrap();
    let held = "SELECT seq, compact FROM events WHERE terminal = ?1 AND outbox = ?2
                 AND tenant = (SELECT tenant FROM terminals WHERE id = ?1) ORDER BY seq";
    let mut held = there.prepare(held).unwrap();
    let ids = (of.0.into_bytes(), of.1.into_bytes());
    let mut held = held.query_map(ids, event).unwrap();
    let mut prev = Hash::ZERO;
    let mut count = 0;
    loop {
        let (written, held) = (written.next(), held.next());
        let (Some(written), Some(held)) = (&written, &held) else {
            assert!(written.is_none(), "after event {count} the cloud has none");
            assert!(held.is_none(), "after event {count} the cloud has more");
            return count;
        };
        let ((seq, compact), (number, same)) = (written.as_ref().unwrap(), held.as_ref().unwrap());
        count += 1;
        assert_eq!((*seq, *number), (count, count), "missing or doubled");
        assert!(compact == same, "event {seq} differs");
        let compact = std::str::from_utf8(compact).unwrap();
        let place = jws::peek(compact).unwrap().chain.unwrap();
        assert_eq!(place.seq, seq.unsigned_abs());
        assert_eq!(place.prev, prev, "the chain is cut at {seq}");
        prev = chain::hash(compact);
    }
}
