//! Room on the disk: what was acknowledged is kept for 35 days while there is room.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, TransactionBehavior};

use super::OutboxError;
use crate::heart::{Heart, Stage};

/// How long an acknowledged event is kept, so that a cloud that lost it can have it again.
const KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);

const DAY_US: i64 = 86_400_000_000;

/// How many events are deleted in one transaction.
const BATCH: i64 = 2_000;

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
    let deleted = delete_oldest(connection).unwrap_or(0);
    if deleted > 0 {
        tracing::warn!(
            events = deleted,
            "the disk is full: the oldest acknowledged events were deleted"
        );
    }
    moved || deleted > 0
}

fn delete_oldest(connection: &mut Connection) -> Result<usize, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let rows = transaction.execute(
        "DELETE FROM events WHERE place IN (
             SELECT e.place FROM outboxes o
             JOIN events e ON e.place BETWEEN o.before + 1 AND o.before + o.through
             ORDER BY e.place LIMIT 200)",
        [],
    )?;
    transaction.commit()?;
    Ok(rows)
}
