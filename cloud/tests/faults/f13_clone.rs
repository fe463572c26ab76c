//! F13: a card that was copied, and one that was put back to an older state: whatever either side punched is kept
//! and paid once, and it is seen.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use limen_cloud::metrics::Event;
use limen_cloud::store::AccountId;
use limen_wire::event::Direction;

use crate::count;
use crate::door::{Door, HERE};
use crate::house::House;
use crate::staff::{Chance, RATE, a_month_ago, owed, right, stated};
use crate::terminal::PATIENCE;

/// Who punches by turns at all cards of a terminal: an hour in, an hour out.
struct Shifts {
    person: AccountId,
    begin: Timestamp,
    worked: i64,
}

impl Shifts {
    /// So many more hours at that door.
    fn work(&mut self, door: &Door, hours: u64) {
        for _ in 0..hours {
            let begin = self.begin + SignedDuration::from_hours(2 * self.worked);
            let end = begin + SignedDuration::from_hours(1);
            for (at, way) in [(begin, Direction::In), (end, Direction::Out)] {
                let reading = right(at, self.begin);
                let punch = stated(self.person, way);
                door.outbox.append(&reading, &[punch]).unwrap();
            }
            self.worked += 1;
        }
    }

    fn earned(&self) -> i64 {
        self.worked * RATE * 100
    }
}

/// Waits until the terminal holds a roster: only then it knows the cloud.
async fn rostered(door: &Door) {
    let until = Instant::now() + PATIENCE;
    while door.roster.held().is_none() {
        assert!(Instant::now() < until, "no roster came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Connects until the cloud acknowledged everything.
async fn come_home(door: &mut Door, house: &House) {
    door.connect(house.mqtt, Duration::from_secs(30));
    door.await_acknowledged();
    door.disconnect();
}

fn forks(house: &House) -> u64 {
    let outcome = "fork";
    let counted = &house.app.metrics.events;
    counted.get_or_create(&Event { outcome }).get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cloned_card_is_seen_and_both_sides_punches_are_paid_once() {
    let rounds = count(2, 50);
    let house = House::new().await;
    let (mut seen, mut hours) = (0, 0);
    for round in 0..rounds {
        let mut chance = Chance::of(round as u64);
        let identity = house.terminal(&format!("door {round}")).await;
        let mut shifts = Shifts {
            person: house.hire(&format!("person {round}")).await,
            begin: a_month_ago(),
            worked: 0,
        };
        let data = tempfile::tempdir().unwrap();
        let (card, clone) = (data.path().join("card"), data.path().join("clone"));
        fs::create_dir(&card).unwrap();
        let mut door = Door::open(&card, &identity, HERE);
        shifts.work(&door, 1 + chance.below(4));
        door.connect(house.mqtt, Duration::from_secs(30));
        rostered(&door).await;
        door.await_acknowledged();
        door.disconnect();
        drop(door);
        copy(&card, &clone);

        let mut doors = [&card, &clone].map(|data| Door::open(data, &identity, HERE));
        let before = forks(&house);
        for _ in 0..3 {
            for door in &doors {
                shifts.work(door, chance.below(4));
            }
            match chance.below(3) {
                // Both at once: each takes the line from the other.
                0 => {
                    for door in &mut doors {
                        door.connect(house.mqtt, Duration::from_secs(30));
                    }
                    shifts.work(&doors[0], 1);
                    shifts.work(&doors[1], 1);
                    tokio::time::sleep(Duration::from_millis(chance.below(700))).await;
                    for door in &mut doors {
                        door.disconnect();
                    }
                }
                first => {
                    let first = first as usize % 2;
                    come_home(&mut doors[first], &house).await;
                    come_home(&mut doors[1 - first], &house).await;
                }
            }
        }
        shifts.work(&doors[0], 1);
        shifts.work(&doors[1], 1);
        for _ in 0..2 {
            for door in &mut doors {
                come_home(door, &house).await;
            }
        }
        let attendance = house.attendance().await;
        assert_eq!(
            owed(&attendance, shifts.person),
            shifts.earned(),
            "round {round}: {:?}",
            attendance.anomalies_of(shifts.person).collect::<Vec<_>>()
        );
        let [one, other] = doors
            .each_ref()
            .map(|door| door.outbox.end().borrow().outbox);
        assert_ne!(one, other, "round {round}: each goes on by itself");
        assert!(forks(&house) > before, "round {round}: nobody was told");
        seen += forks(&house) - before;
        hours += shifts.worked;
    }
    eprintln!(
        "F13: {rounds} cards were cloned, {seen} events were seen to fork, {hours} hours paid once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_was_put_back_begins_a_new_outbox() {
    let rounds = count(2, 50);
    let house = House::new().await;
    let mut hours = 0;
    for round in 0..rounds {
        let mut chance = Chance::of(1_000 + round as u64);
        let identity = house.terminal(&format!("door {round}")).await;
        let mut shifts = Shifts {
            person: house.hire(&format!("person {round}")).await,
            begin: a_month_ago(),
            worked: 0,
        };
        let data = tempfile::tempdir().unwrap();
        let (card, backup) = (data.path().join("card"), data.path().join("backup"));
        fs::create_dir(&card).unwrap();
        let mut door = Door::open(&card, &identity, HERE);
        shifts.work(&door, 1 + chance.below(4));
        door.connect(house.mqtt, Duration::from_secs(30));
        rostered(&door).await;
        door.await_acknowledged();
        door.disconnect();
        drop(door);
        copy(&card, &backup);

        let mut door = Door::open(&card, &identity, HERE);
        let old = door.outbox.end().borrow().outbox;
        shifts.work(&door, 1 + chance.below(6));
        come_home(&mut door, &house).await;
        drop(door);
        fs::remove_dir_all(&card).unwrap();
        copy(&backup, &card);

        let mut door = Door::open(&card, &identity, HERE);
        shifts.work(&door, chance.below(8));
        come_home(&mut door, &house).await;
        shifts.work(&door, 1);
        come_home(&mut door, &house).await;
        assert_ne!(door.outbox.end().borrow().outbox, old, "round {round}");
        let attendance = house.attendance().await;
        assert_eq!(
            owed(&attendance, shifts.person),
            shifts.earned(),
            "round {round}: {:?}",
            attendance.anomalies_of(shifts.person).collect::<Vec<_>>()
        );
        hours += shifts.worked;
    }
    eprintln!("F13: {rounds} cards were put back to an older state, {hours} hours paid once");
}
