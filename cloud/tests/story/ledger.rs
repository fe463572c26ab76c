//! The checker: what the terminal wrote, what it showed green, what the cloud holds.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};

use super::database::{Database, Value};

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// The terminal's own log: every compact JWS in the order of writing.
pub fn terminal(database: &Path) -> Vec<Vec<u8>> {
    let database = open(database);
    let mut statement = database
        .prepare("SELECT compact FROM events ORDER BY place")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// What the cloud holds of terminals at doors, in the order of outbox birth and number.
pub fn cloud(database: &Database) -> Vec<(u64, Vec<u8>)> {
    let held = "SELECT e.seq, e.compact FROM events e
                JOIN terminals t ON t.tenant = e.tenant AND t.id = e.terminal AND t.kind = 'terminal'
                JOIN outboxes o ON o.tenant = e.tenant AND o.terminal = e.terminal
                 AND o.outbox = e.outbox
                ORDER BY o.born, e.seq";
    let event = |row: &Vec<Value>| (row[0].integer().unsigned_abs(), row[1].bytes().to_vec());
    database.rows(held, &[]).iter().map(event).collect()
}

fn count(database: &Database, table: &str) -> i64 {
    database.number(&format!("SELECT count(*) FROM {table}"), &[])
}

/// The `seq` of every punch for which a light turned green, out of the terminal's JSON log.
pub fn greens(log: &[String]) -> BTreeSet<u64> {
    log.iter()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["fields"]["seq"].as_u64().unwrap()
        })
        .collect()
}

/// Nothing is lost after green, nothing is there twice, and all is in order: the cloud holds exactly what the
/// terminal wrote, byte for byte, numbered from 1 without a gap, each naming the hash of the one before.
/// Gives how many events there are.
pub fn check(terminal_db: &Path, cloud_db: &Database, greens: &BTreeSet<u64>) -> usize {
    let written = terminal(terminal_db);
    let held = cloud(cloud_db);
    assert_eq!(
        written.len(),
        held.len(),
        "the terminal wrote {} events, the cloud holds {}",
        written.len(),
        held.len()
    );
    let mut prev = [0; 32];
    for (place, (compact, (seq, there))) in written.iter().zip(&held).enumerate() {
        assert_eq!(*seq, place as u64 + 1, "a number is missing or doubled");
        assert!(
            compact == there,
            "event {seq} differs between terminal and cloud"
        );
        let header = limen_wire::jws::peek(std::str::from_utf8(compact).unwrap()).unwrap();
        let chain = header.chain.unwrap();
        assert_eq!(
            (chain.seq, chain.prev.0),
            (*seq, prev),
            "the chain is cut at {seq}"
        );
        prev = Sha256::digest(compact).into();
    }
    for seq in greens {
        assert!(
            *seq >= 1 && *seq <= written.len() as u64,
            "punch {seq} was shown green and is not in the log"
        );
    }
    assert_eq!(
        count(cloud_db, "quarantine"),
        0,
        "nothing goes to quarantine"
    );
    assert_eq!(count(cloud_db, "lost"), 0, "nothing is lost");
    written.len()
}
