//! Room on the disk: a punch is taken only where there is more than SQLite needs to write it, and what was
//! acknowledged is kept for 35 days while there is room.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, TransactionBehavior};

use super::OutboxError;
use crate::database;
use crate::heart::{Heart, Stage};

const MIB: u64 = 1024 * 1024;

/// Bytes that a disk must have left for a punch to be taken. The program's own work goes on with them: marks of
/// what was acknowledged, deletions, what it says of itself, the roster.
pub const RESERVE: u64 = 16 * MIB;

/// Room inside the database counts up to this many bytes: the rest of the reserve is for its log, which can't use
/// it.
const INSIDE: u64 = 8 * MIB;

/// The log is begun anew at about this many bytes, so that so much of it is written over.
const LOG: u64 = 4 * MIB;

/// Acknowledged events are deleted before a punch has to be refused: where less than this is left beside the
/// reserve.
const HEADROOM: u64 = 8 * MIB;

/// How much more can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that the disk or the database itself has left; `None` where that can't be told.
    pub free: Option<u64>,
    /// Bytes that are not for punches.
    pub reserve: u64,
}

impl Room {
    /// Whether a punch is taken. Where nothing can be told it is: SQLite refuses what it can't write.
    pub fn is_enough(&self) -> bool {
        self.free.is_none_or(|free| free >= self.reserve)
    }

    /// [`Room::free`] in MiB.
    pub fn free_mib(&self) -> Option<u64> {
        self.free.map(|free| free / MIB)
    }

    fn is_getting_short(&self) -> bool {
        self.free
            .is_some_and(|free| free < self.reserve.saturating_add(HEADROOM))
    }
}

/// Where it is written, and how much of that is not for punches.
pub struct Disk {
    data: PathBuf,
    pub reserve: u64,
}

impl Disk {
    pub fn of(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            reserve: RESERVE,
        }
    }

    /// Looks at the disk, and where that is not enough into the database too.
    pub fn room(&self, connection: &Connection) -> Room {
        let mut room = Room {
            free: free_bytes(&self.data),
            reserve: self.reserve,
        };
        if room.is_getting_short() {
            let inside = inside(connection, &self.data);
            room.free = room.free.map(|free| free + inside);
        }
        room
    }
}

/// How much more a terminal with this data folder can write; it may work meanwhile. The folder itself may not be
/// there yet.
pub fn room_in(data: &Path) -> Room {
    let there = data.ancestors().find(|folder| folder.exists());
    let disk = Disk::of(there.unwrap_or(data));
    match database::look_into(data) {
        Ok(connection) => disk.room(&connection),
        Err(_) => Room {
            free: free_bytes(&disk.data),
            reserve: disk.reserve,
        },
    }
}

/// Bytes on the disk that holds `folder`, for this program.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of the database's own files that are written over before the disk is asked for more.
fn inside(connection: &Connection, data: &Path) -> u64 {
    let number = |name: &str| -> u64 {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.map_or(0, |value| u64::try_from(value).unwrap_or(0))
    };
    let pages = number("freelist_count").saturating_mul(number("page_size"));
    let log = data.join(format!("{}-wal", database::FILE));
    let log = std::fs::metadata(log).map_or(0, |log| log.len());
    pages.min(INSIDE) + log.min(LOG)
}

/// Deletes acknowledged events where room is getting short; gives what there is then.
pub fn keep(connection: &mut Connection, disk: &Disk) -> Room {
    let before = disk.room(connection);
    if !before.is_getting_short() {
        return before;
    }
    match delete_oldest(connection, BATCH) {
        Ok(0) => before,
        Ok(events) => {
            tracing::warn!(
                events,
                "the disk is nearly full: the oldest acknowledged events were deleted"
            );
            disk.room(connection)
        }
        Err(failed) => {
            tracing::warn!(%failed, "acknowledged events can't be deleted to make room");
            before
        }
    }
}

/// How long an acknowledged event is kept, so that a cloud that lost it can have it again.
const KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);

const DAY_US: i64 = 86_400_000_000;

/// How many events are deleted in one transaction.
const BATCH: i64 = 2_000;

/// How many while somebody waits for the light.
const FEW: i64 = 200;

/// Deletes what was acknowledged more than 35 days before `now`; says how many events.
pub fn prune(
    connection: &mut Connection,
    now: Timestamp,
    heart: &Heart,
) -> Result<usize, OutboxError> {
    let Ok(oldest) = now.checked_sub(KEPT) else {
        return Ok(0);
    };
    let day = oldest.as_microsecond().div_euclid(DAY_US);
    let mut deleted = 0;
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // A mark counts only as far as it still holds: a new epoch or a fork took some back.
        let rows = transaction.execute(
            "DELETE FROM events WHERE place IN (
                 SELECT e.place FROM (
                     SELECT o.before + 1 AS first, o.before + min(o.through, max(m.through)) AS last
                     FROM marks m JOIN outboxes o USING (number)
                     WHERE m.day < ?1 GROUP BY o.number) r
                 JOIN events e ON e.place BETWEEN r.first AND r.last
                 ORDER BY e.place LIMIT ?2)",
            [day, BATCH],
        )?;
        transaction.commit()?;
        deleted += rows;
        heart.progress(Stage::Outbox);
        if rows < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            break;
        }
    }
    if deleted > 0 {
        tracing::info!(
            events = deleted,
            "acknowledged events of more than 35 days ago were deleted"
        );
    }
    Ok(deleted)
}

/// Makes room on a full disk: moves the log into the database, and deletes the oldest
/// acknowledged events. Says whether trying again is worth it.
pub fn make(connection: &mut Connection) -> bool {
    let moved = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            row.get::<_, i64>(0)
        })
        .is_ok_and(|busy| busy == 0);
    let deleted = delete_oldest(connection, FEW).unwrap_or(0);
    if deleted > 0 {
        tracing::warn!(
            events = deleted,
            "the disk is full: the oldest acknowledged events were deleted"
        );
    }
    moved || deleted > 0
}

fn delete_oldest(connection: &mut Connection, most: i64) -> Result<usize, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let rows = transaction.execute(
        "DELETE FROM events WHERE place IN (
             SELECT e.place FROM outboxes o
             JOIN events e ON e.place BETWEEN o.before + 1 AND o.before + o.through
             ORDER BY e.place LIMIT ?1)",
        [most],
    )?;
    transaction.commit()?;
    Ok(rows)
}
