//! F10: a hostile broker between the terminals and the cloud, which says everything several times and in any order:
//! pay is equal to the cent.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use limen_wire::event::Direction;

use crate::checker;
use crate::count;
use crate::door::{Door, HERE};
use crate::hostile::Broker;
use crate::house::House;
use crate::staff::{Chance, RATE, a_month_ago, owed, right, stated};

const TERMINALS: usize = 4;
const PEOPLE: usize = 25;
/// How often the broker says each message, about.
const TIMES: usize = 8;
/// Events that are written at once.
const PORTION: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_repeats_and_reorders_changes_no_pay() {
    let deliveries = count(4_000, 1_000_000);
    // Some more than that, since chance decides how often.
    let punches = (deliveries / TIMES * 11 / 10).next_multiple_of(2 * PEOPLE);
    let house = House::new().await;
    let broker = Broker::start(TIMES as u64).await;
    let _ready = house.link(broker.address).await;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(house.hire(&format!("person {number}")).await);
    }
    let data = tempfile::tempdir().unwrap();
    let mut doors = Vec::new();
    for number in 0..TERMINALS {
        let identity = house.terminal(&format!("door {number}")).await;
        let folder = data.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        let mut door = Door::open(&folder, &identity, HERE);
        door.connect(broker.address, Duration::from_secs(30));
        doors.push(door);
    }
    // Sessions of whole cents: 9 s are 5 of them. Each person's follow one another, at any of the doors.
    let mut chance = Chance::of(10);
    let since = a_month_ago();
    let mut earned = vec![0; PEOPLE];
    let began = Instant::now();
    let mut waiting: Vec<Vec<_>> = doors.iter().map(|_| Vec::new()).collect();
    let pairs = punches / 2 / PEOPLE;
    let step = 20 * 86_400 / pairs.max(1) as i64;
    for pair in 0..pairs {
        for (place, person) in people.iter().enumerate() {
            let begin = since + SignedDuration::from_secs(pair as i64 * step);
            let nine_seconds = 1 + chance.below((step / 9 - 1).clamp(1, 400) as u64) as i64;
            let end = begin + SignedDuration::from_secs(nine_seconds * 9);
            earned[place] += nine_seconds * 9 * RATE * 100 / 3_600;
            for (at, way) in [(begin, Direction::In), (end, Direction::Out)] {
                // Milliseconds of its own, as a machine has them for each punch.
                let at = at + SignedDuration::from_millis(place as i64);
                let door = chance.below(TERMINALS as u64) as usize;
                waiting[door].push((right(at, since), stated(*person, way)));
                if waiting[door].len() == PORTION {
                    write(&doors[door], &mut waiting[door]);
                }
            }
        }
    }
    for (door, waiting) in doors.iter().zip(&mut waiting) {
        write(door, waiting);
    }
    for door in &doors {
        door.await_acknowledged_within(Duration::from_secs(60 + punches as u64 / 50));
    }
    broker.deliver_all().await;
    let taken = began.elapsed();
    let mut events = 0;
    for mut door in doors {
        door.disconnect();
        events += checker::check(&door.database(), &house.database(), door.id());
    }
    let attendance = house.attendance().await;
    for (person, earned) in people.iter().zip(&earned) {
        assert_eq!(owed(&attendance, *person), *earned);
    }
    let delivered = broker.delivered.load(Ordering::Relaxed);
    assert!(delivered as usize >= deliveries, "only {delivered}");
    eprintln!(
        "F10: {events} events, {delivered} deliveries in any order, {} cents paid, {:.0} deliveries a second",
        earned.iter().sum::<i64>(),
        delivered as f64 / taken.as_secs_f64()
    );
}

type Punch = (limen_daemon::clock::Reading, limen_wire::event::What);

fn write(door: &Door, waiting: &mut Vec<Punch>) {
    for (reading, punch) in waiting.drain(..) {
        door.outbox.append(&reading, &[punch]).unwrap();
    }
}
