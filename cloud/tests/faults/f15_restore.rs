//! F15: the cloud comes back from yesterday's backup: the terminals send again what it lacks, and both hold the same.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use uuid::Uuid;

use crate::checker;
use crate::count;
use crate::database::{Database, Place};
use crate::door::{Door, HERE};
use crate::house::House;
use crate::staff::Chance;
use crate::terminal::PATIENCE;

/// So many terminals hang on it.
const TERMINALS: usize = 3;

/// A copy of the cloud's database, as a backup takes it while the cloud works.
fn back_up(file: &Path, to: &Path) {
    let database = Connection::open(file).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let _ = fs::remove_file(to);
    database
        .execute("VACUUM INTO ?1", [to.to_str().unwrap()])
        .unwrap();
}

/// Puts the backup in the database's place; `epoch` is what a restore by the book gives it anew.
fn put_back(backup: &Path, database: &Path, epoch: Option<Uuid>) {
    for end in ["-wal", "-shm"] {
        let mut beside = database.as_os_str().to_owned();
        beside.push(end);
        let _ = fs::remove_file(beside);
    }
    fs::copy(backup, database).unwrap();
    if let Some(epoch) = epoch {
        let database = Connection::open(database).unwrap();
        database
            .execute("UPDATE installation SET epoch = ?1", [epoch.as_bytes()])
            .unwrap();
    }
}

/// Waits until the cloud holds as many events as the terminals wrote.
async fn hold_all(house: &House, doors: &[Door]) {
    let cloud = house.database();
    let until = Instant::now() + PATIENCE * 4;
    for door in doors {
        let written = || -> u64 {
            let stretches = door.outbox.stretches().unwrap();
            stretches.iter().map(|stretch| stretch.next - 1).sum()
        };
        while checker::of_terminal(&cloud, "events", door.id()).unsigned_abs() < written() {
            assert!(Instant::now() < until, "the cloud lacks some for good");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        door.await_acknowledged();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cloud_from_yesterdays_backup_is_sent_what_it_lacks() {
    let rounds = count(4, 50);
    // What a server keeps is put back by the server's own means.
    let folder = tempfile::tempdir().unwrap();
    let place = Place::file_in(folder.path());
    let mut house = House::with(folder, place).await;
    let Database::Sqlite(file) = house.database() else {
        unreachable!("a file was asked for")
    };
    let data = tempfile::tempdir().unwrap();
    let backup = data.path().join("yesterday.db");
    let mut doors = Vec::new();
    for number in 0..TERMINALS {
        let identity = house.terminal(&format!("door {number}")).await;
        let folder = data.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        doors.push(Door::open(&folder, &identity, HERE));
    }
    let (mut events, mut again) = (0, 0);
    for round in 0..rounds {
        let mut chance = Chance::of(2_000 + round as u64);
        for door in &mut doors {
            door.connect(house.mqtt, Duration::from_secs(30));
            door.punch(1 + chance.below(40) as usize);
        }
        hold_all(&house, &doors).await;
        back_up(&file, &backup);
        for door in &doors {
            door.punch(1 + chance.below(400) as usize);
        }
        hold_all(&house, &doors).await;
        let before = house.count("SELECT count(*) FROM events");
        for door in &mut doors {
            door.disconnect();
        }
        let stopped = house.stopped().await;
        // Somebody may copy the file back without a word to anybody.
        let epoch = (round % 2 == 1).then(Uuid::new_v4);
        put_back(&backup, &file, epoch);
        house = stopped.start().await;
        again += before - house.count("SELECT count(*) FROM events");
        for door in &mut doors {
            // Nobody may come to some of the doors for days.
            if chance.below(2) == 0 {
                door.punch(1 + chance.below(4) as usize);
            }
            door.connect(house.mqtt, Duration::from_secs(30));
        }
        hold_all(&house, &doors).await;
        events = 0;
        for door in &mut doors {
            door.disconnect();
            events += checker::check(&door.database(), &house.database(), door.id());
        }
    }
    eprintln!(
        "F15: the cloud was put back {rounds} times, {again} of its {events} events were sent again"
    );
}
