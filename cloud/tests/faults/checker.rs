//! The checker: whether the cloud holds what a terminal wrote, by both programs' own databases.

use std::path::Path;

use limen_wire::{Hash, chain, jws};
use rusqlite::{Connection, OpenFlags, Row};
use uuid::Uuid;

use crate::database::Database;

/// How many events are compared at once.
const PORTION: i64 = 1000;

/// Nothing is lost, nothing is there twice, and all is in order: of each of the terminal's outboxes the cloud
/// holds exactly what the terminal wrote, byte for byte, numbered from 1 without a gap, each naming the hash of
/// the one before; and nothing of it went to quarantine. Gives how many events there are.
pub fn check(terminal_db: &Path, cloud: &Database, terminal: Uuid) -> u64 {
    let here = Connection::open_with_flags(terminal_db, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
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
        same(&here, cloud, (terminal, outbox), before, last);
        events += last;
    }
    let held = of_terminal(cloud, "events", terminal);
    assert_eq!(held, events, "the cloud holds what was never written");
    for table in ["quarantine", "lost"] {
        assert_eq!(of_terminal(cloud, table, terminal), 0, "{table}");
    }
    events.unsigned_abs()
}

/// How many rows of a table of the cloud are a terminal's.
pub fn of_terminal(cloud: &Database, table: &str, terminal: Uuid) -> i64 {
    let sql = format!("SELECT count(*) FROM {table} WHERE terminal = $1");
    cloud.number(&sql, &[terminal])
}

/// Walks both logs of an outbox side by side.
fn same(here: &Connection, there: &Database, of: (Uuid, Uuid), before: i64, last: i64) {
    let written = "SELECT place - ?1, compact FROM events
                   WHERE place BETWEEN ?1 + ?2 AND ?1 + ?3 ORDER BY place";
    let mut written = here.prepare(written).unwrap();
    let mut prev = Hash::ZERO;
    for first in (1..=last).step_by(PORTION as usize) {
        let end = last.min(first + PORTION - 1);
        let held = there.rows(
            &format!(
                "SELECT seq, compact FROM events WHERE terminal = $1 AND outbox = $2
                   AND tenant = (SELECT tenant FROM terminals WHERE id = $1)
                   AND seq BETWEEN {first} AND {end} ORDER BY seq"
            ),
            &[of.0, of.1],
        );
        let event = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
        let written = written.query_map([before, first, end], event).unwrap();
        let written: Vec<_> = written.map(Result::unwrap).collect();
        let many = usize::try_from(end - first + 1).unwrap();
        assert_eq!(
            (written.len(), held.len()),
            (many, many),
            "from {first} on an event is missing"
        );
        for (number, ((seq, compact), held)) in (first..).zip(written.iter().zip(&held)) {
            let there = (held[0].integer(), held[1].bytes());
            assert_eq!((*seq, there.0), (number, number), "missing or doubled");
            assert!(compact == there.1, "event {seq} differs");
            let compact = std::str::from_utf8(compact).unwrap();
            let place = jws::peek(compact).unwrap().chain.unwrap();
            assert_eq!(place.seq, seq.unsigned_abs());
            assert_eq!(place.prev, prev, "the chain is cut at {seq}");
            prev = chain::hash(compact);
        }
    }
}
