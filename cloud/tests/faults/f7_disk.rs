//! F7: a disk that is full at every write, under either side: a clean refusal, nothing lost, and all goes on when
//! there is room.

use std::path::Path;
use std::time::{Duration, Instant};

use limen_wire::event::{Rejection, What};
use rusqlite::Connection;

use crate::checker;
use crate::count;
use crate::database::{Database, Place};
use crate::door::{Door, HERE};
use crate::house::House;
use crate::small_disk::SmallDisk;
use crate::terminal::PATIENCE;

/// A page of SQLite and of tmpfs.
const PAGE: u64 = 4096;
/// With so much left everything of a round can be written.
const PAGES: usize = 64;
/// Events of a round.
const EVENTS: usize = 20;

/// Fills a disk up to so many pages. What the database keeps for its log is given back before, so that every write
/// needs room.
fn fill(disk: &SmallDisk, database: &Path, pages: usize) {
    let other = Connection::open(database).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(other);
    disk.fill(pages as u64 * PAGE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_at_any_write_of_the_terminal_refuses_and_loses_nothing() {
    let rounds = count(8, 4 * PAGES);
    let Some(disk) = SmallDisk::mount(16) else {
        return;
    };
    let house = House::new().await;
    let identity = house.terminal("door").await;
    let mut door = Door::try_open(disk.path(), &identity, HERE, 0).unwrap();
    let rejected = [What::Rejected {
        why: Rejection::Unknown,
    }];
    let (mut refusals, mut durable) = (0, 0);
    for round in 0..rounds {
        fill(&disk, &door.database(), round * PAGES / rounds);
        for _ in 0..EVENTS {
            match door.outbox.append(&door.now(), &rejected) {
                Ok(written) => durable = written.last,
                Err(refused) => {
                    assert!(refused.to_string().contains("disk is full"), "{refused}");
                    refusals += 1;
                }
            }
        }
        if round % 2 == 1 {
            // Pulled out of the wall, and started again while there is no room.
            drop(door);
            let full = Door::try_open(disk.path(), &identity, HERE, 0);
            disk.clear();
            door =
                full.unwrap_or_else(|_| Door::try_open(disk.path(), &identity, HERE, 0).unwrap());
        } else {
            disk.clear();
        }
        let next = door.punch(1);
        assert!(next.first > durable, "{} and {durable}", next.first);
        durable = next.last;
    }
    door.connect(house.mqtt, Duration::from_secs(30));
    door.await_acknowledged();
    door.disconnect();
    assert!(refusals > 0);
    let events = checker::check(&door.database(), &house.database(), door.id());
    eprintln!(
        "F7: the terminal's disk was full in {rounds} rounds, {refusals} refusals, {events} events"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_at_any_write_of_the_cloud_acknowledges_nothing_and_loses_nothing() {
    let rounds = count(6, 2 * PAGES);
    let Some(disk) = SmallDisk::mount(24) else {
        return;
    };
    let folder = tempfile::tempdir_in(disk.path()).unwrap();
    let place = Place::file_in(folder.path());
    let house = House::with(folder, place).await;
    let Database::Sqlite(file) = house.database() else {
        unreachable!("a file was asked for")
    };
    let identity = house.terminal("door").await;
    let data = tempfile::tempdir().unwrap();
    let mut door = Door::open(data.path(), &identity, HERE);
    door.connect(house.mqtt, Duration::from_secs(30));
    door.await_acknowledged();
    let cloud = house.database();
    let mut refusals = 0;
    for round in 0..rounds {
        fill(&disk, &file, round * PAGES / rounds);
        door.punch(EVENTS);
        let until = Instant::now() + PATIENCE;
        while door.outbox.waiting().unwrap() > 0 && door.vitals.is_linked() {
            assert!(Instant::now() < until, "neither kept nor refused");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let stretch = door.outbox.stretches().unwrap()[0];
        let held = checker::of_terminal(&cloud, "events", door.id()).unsigned_abs();
        assert!(stretch.through <= held, "acknowledged what is not held");
        refusals += usize::from(stretch.through + 1 < stretch.next);
        disk.clear();
        door.await_acknowledged();
    }
    door.disconnect();
    assert!(refusals > 0);
    let events = checker::check(&door.database(), &house.database(), door.id());
    eprintln!(
        "F7: the cloud's disk was full in {rounds} rounds, refused in {refusals}, {events} events"
    );
}
