//! F5: the line is cut, half open, one way, slow; nothing is lost or doubled, and order is kept.

use std::time::{Duration, Instant};

use crate::checker;
use crate::count;
use crate::door::{Door, HERE};
use crate::house::House;
use crate::proxy::{Fate, Proxy};
use crate::staff::random;
use crate::terminal::{Identity, PATIENCE};

/// So many terminals suffer at once.
const TERMINALS: usize = 8;
/// The shortest that MQTT knows.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// Punches between two faults, and how many bytes of them go up before the next at most: fewer than there are.
const PUNCHES: usize = 40;
const BYTES: u64 = 20_000;
/// What comes one by one before the line is itself again.
const SLOW_BYTES: u64 = 100;
/// Events that are sent when all is well again.
const AFTER: usize = 2_000;

/// The faults in the order in which each terminal suffers them, over and over.
const FATES: [Fate; 8] = [
    Fate::Cut,
    Fate::HalfOpen,
    Fate::Cut,
    Fate::Slow,
    Fate::Mute,
    Fate::Cut,
    Fate::Deaf,
    Fate::Cut,
];

/// One terminal on a bad line; the longest time from a fault to the next connection.
async fn suffer(door: &Door, mut proxy: Proxy, rounds: usize) -> Duration {
    let seed = u64::from(proxy.address.port()) << 32;
    let mut wire = proxy.wire().await;
    let mut longest = Duration::ZERO;
    let mut suffered = 0;
    while suffered < rounds {
        door.punch(PUNCHES);
        if wire.passes(random(seed | suffered as u64) % BYTES).await {
            let fate = FATES[suffered % FATES.len()];
            wire.suffers(fate);
            if fate == Fate::Slow {
                let bytes = wire.bytes() + SLOW_BYTES;
                wire.passes(bytes).await;
                wire.suffers(Fate::Whole);
                door.punch(PUNCHES);
                wire.passes(bytes + BYTES / 2).await;
                wire.suffers(Fate::Cut);
            }
            suffered += 1;
        }
        let began = Instant::now();
        // Held meanwhile: that the cloud left a dead line is not told to the terminal.
        let next = proxy.wire().await;
        longest = longest.max(began.elapsed());
        wire = next;
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bad_line_loses_and_doubles_nothing() {
    let rounds = count(32, 1_000).div_ceil(TERMINALS);
    let house = House::new().await;
    let data = tempfile::tempdir().unwrap();
    let mut suffering = Vec::new();
    for number in 0..TERMINALS {
        let identity: Identity = house.terminal(&format!("door {number}")).await;
        let folder = data.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        let mut door = Door::open(&folder, &identity, HERE);
        let proxy = Proxy::to(house.mqtt).await;
        door.connect(proxy.address, KEEP_ALIVE);
        suffering.push(tokio::spawn(async move {
            let longest = suffer(&door, proxy, rounds).await;
            (door, longest)
        }));
    }
    let (mut events, mut longest) = (0, Duration::ZERO);
    let mut doors = Vec::new();
    for one in suffering {
        let (door, stall) = one.await.unwrap();
        longest = longest.max(stall);
        doors.push(door);
    }
    let began = Instant::now();
    for door in &doors {
        door.punch(AFTER);
    }
    for door in &doors {
        // In full, the better part of what they punched waits still.
        door.await_acknowledged_within(PATIENCE * 40);
    }
    let taken = began.elapsed();
    for mut door in doors {
        door.disconnect();
        events += checker::check(&door.database(), &house.database(), door.id());
    }
    eprintln!(
        "F5: {} faults on the lines of {TERMINALS} terminals, {events} events; at most {:.1} s from a fault to the \
         next line, with signs of life every {} s; afterwards {:.0} events a second",
        rounds * TERMINALS,
        longest.as_secs_f64(),
        KEEP_ALIVE.as_secs(),
        (AFTER * TERMINALS) as f64 / taken.as_secs_f64(),
    );
}
