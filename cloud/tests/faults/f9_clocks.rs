//! F9: clocks that are ten years off, in 1970, put back an hour, or set again and again: events keep the order of their
//! numbers, and hours are right or flagged, never paid wrong in silence.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use limen_cloud::store::AccountId;
use limen_daemon::clock::{self, Clock, Reading};
use limen_daemon::config::Trust;
use limen_wire::event::{Direction, What};
use uuid::Uuid;

use crate::checker;
use crate::count;
use crate::database::Place;
use crate::door::{Door, HERE};
use crate::house::House;
use crate::staff::{Chance, RATE, owed, stated};

/// What time it is, which no clock of a terminal needs to know.
static TRUE_US: AtomicI64 = AtomicI64::new(0);

fn true_time() -> Timestamp {
    Timestamp::from_microsecond(TRUE_US.load(Ordering::Relaxed)).unwrap()
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const TEN_YEARS: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// What everybody works.
const WORKED: i64 = 8;

/// A machine, the clock that it shows, and who writes down that it was set.
struct Machine<'a> {
    door: &'a Door,
    is_linked: bool,
    clock: Clock,
    booted: Timestamp,
    /// How far its clock is ahead.
    off: SignedDuration,
    is_synced: bool,
    before: Option<Reading>,
}

impl<'a> Machine<'a> {
    /// It has been on for a minute. A battery is what carried its clock over.
    fn boots(door: &'a Door, is_linked: bool, has_battery: bool) -> Self {
        let boot = Uuid::new_v4();
        let mut machine = Self {
            door,
            is_linked,
            clock: Clock::of_boot(Trust::Check, boot, has_battery),
            booted: true_time() - SignedDuration::from_secs(60),
            off: SignedDuration::ZERO,
            is_synced: false,
            before: None,
        };
        machine.is_synced = !has_battery;
        machine
    }

    fn read(&self) -> Reading {
        let now = true_time();
        let uptime = now.duration_since(self.booted).as_millis();
        self.clock
            .shows(self.is_synced, now + self.off, uptime.unsigned_abs() as u64)
    }

    /// As the program does every second.
    fn look(&mut self) {
        let now = self.read();
        if let Some((from, to)) = self.before.and_then(|before| clock::step(&before, &now)) {
            self.write(&now, What::Clock { from, to });
        }
        self.before = Some(now);
    }

    fn write(&self, now: &Reading, what: What) {
        self.door.outbox.append(now, &[what]).unwrap();
        if self.is_linked {
            self.door.await_acknowledged();
        }
    }

    fn punch(&mut self, person: AccountId, way: Direction) {
        let now = self.read();
        self.write(&now, stated(person, way));
    }

    /// Its clock is set, by a time server or by hand.
    fn is_set(&mut self, off: SignedDuration, by_a_server: bool) {
        self.look();
        (self.off, self.is_synced) = (off, by_a_server);
        pass(SignedDuration::from_secs(1));
        self.look();
    }
}

fn pass(time: SignedDuration) {
    let time = time.as_micros() as i64;
    TRUE_US.fetch_add(time, Ordering::Relaxed);
}

/// What must come of a day's pay: right, or nothing and flagged, or one of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    Right,
    Withheld,
    Flagged,
}

const KINDS: usize = 10;

/// One person's day at a terminal whose clock goes wrong in the way of that kind.
fn a_day(
    kind: usize,
    door: &Door,
    is_linked: bool,
    person: AccountId,
    chance: &mut Chance,
) -> Must {
    let half = HOUR * (WORKED / 2) as i32;
    let mut machine = Machine::boots(door, is_linked, kind == 8);
    // From where the clock of that kind begins.
    let start = match kind {
        0 => TEN_YEARS,
        1 => -TEN_YEARS,
        2 | 3 => Timestamp::UNIX_EPOCH.duration_since(machine.booted),
        _ => SignedDuration::ZERO,
    };
    if start != SignedDuration::ZERO {
        (machine.off, machine.is_synced) = (start, false);
    }
    machine.look();
    machine.punch(person, Direction::In);
    // The seconds in which a clock is set are worked too.
    let second = SignedDuration::from_secs(1);
    match kind {
        // Without a battery it wakes years off, and reaches a time server at noon.
        0 | 1 => {
            pass(half - second);
            machine.is_set(SignedDuration::ZERO, true);
            pass(half);
            machine.punch(person, Direction::Out);
            Must::Right
        }
        // It wakes in 1970, and reaches one after everybody has gone.
        2 => {
            pass(half * 2);
            machine.punch(person, Direction::Out);
            pass(HOUR);
            machine.is_set(SignedDuration::ZERO, true);
            machine.punch(AccountId(Uuid::nil()), Direction::In);
            Must::Right
        }
        // And never does.
        3 => {
            pass(half * 2);
            machine.punch(person, Direction::Out);
            Must::Withheld
        }
        // Somebody puts it back, or forward.
        4 => {
            pass(half - second);
            let off = [-HOUR, HOUR, -DAY][chance.below(3) as usize];
            machine.is_set(off, false);
            pass(half);
            machine.punch(person, Direction::Out);
            Must::Right
        }
        // A time server that is wrong itself.
        5 | 6 => {
            pass(half - second);
            let off = match kind {
                5 => -HOUR,
                _ => HOUR,
            };
            machine.is_set(off, true);
            pass(half);
            machine.punch(person, Direction::Out);
            Must::Flagged
        }
        // The night in which the clocks on the walls change.
        7 => {
            pass(half * 2);
            machine.punch(person, Direction::Out);
            Must::Right
        }
        // A power cut, after which the battery shows an earlier time than before it.
        8 => {
            pass(HOUR / 2);
            let last = machine.read();
            let mut machine = Machine::boots(door, is_linked, true);
            machine.clock = machine.clock.after(Some(&last));
            machine.off = -HOUR;
            machine.look();
            pass(half * 2 - HOUR / 2);
            machine.punch(person, Direction::Out);
            if chance.below(2) == 0 {
                return Must::Flagged;
            }
            pass(HOUR);
            machine.is_set(SignedDuration::ZERO, true);
            machine.punch(AccountId(Uuid::nil()), Direction::In);
            Must::Flagged
        }
        // Set again and again.
        _ => {
            let steps = 1 + chance.below(4) as i32;
            for _ in 0..steps {
                pass(half * 2 / steps - second);
                let size = [5, 90, 3_600, 86_400, 315_360_000][chance.below(5) as usize];
                let size = SignedDuration::from_secs(size);
                let off = if chance.below(2) == 0 { size } else { -size };
                machine.is_set(off, chance.below(2) == 0);
            }
            pass(half * 2 - half * 2 / steps * steps);
            machine.punch(person, Direction::Out);
            Must::Flagged
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_are_right_or_flagged_whatever_the_clock_shows() {
    let rounds = count(2 * KINDS, 200);
    // In Berlin the clocks go back in the night before 2026-10-25.
    let first: Timestamp = "2026-10-01T08:00:00Z".parse().unwrap();
    let night: Timestamp = "2026-10-24T20:00:00Z".parse().unwrap();
    TRUE_US.store(first.as_microsecond(), Ordering::Relaxed);
    let folder = tempfile::tempdir().unwrap();
    let place = Place::of(folder.path());
    let house = House::by_clock(folder, place, true_time).await;
    let zone = "UPDATE sites SET zone = 'Europe/Berlin'";
    house.database().change(zone, &[]);
    let data = tempfile::tempdir().unwrap();
    let mut days = Vec::new();
    let mut events = 0;
    for round in 0..rounds {
        let mut chance = Chance::of(3_000 + round as u64);
        let (kind, is_linked) = (round % KINDS, round / KINDS % 2 == 1);
        let begin = if kind == 7 {
            night
        } else {
            first + DAY * (round / KINDS) as i32
        };
        TRUE_US.store(begin.as_microsecond(), Ordering::Relaxed);
        let identity = house.terminal(&format!("door {round}")).await;
        let person = house.hire(&format!("person {round}")).await;
        let folder = data.path().join(round.to_string());
        std::fs::create_dir(&folder).unwrap();
        let mut door = Door::open(&folder, &identity, HERE);
        if is_linked {
            door.connect(house.mqtt, Duration::from_secs(30));
        }
        let must = a_day(kind, &door, is_linked, person, &mut chance);
        pass(HOUR);
        if !is_linked {
            door.connect(house.mqtt, Duration::from_secs(30));
        }
        door.await_acknowledged();
        door.disconnect();
        events += checker::check(&door.database(), &house.database(), door.id());
        days.push((round, kind, is_linked, person, must));
    }
    TRUE_US.store((first + DAY * 60).as_microsecond(), Ordering::Relaxed);
    let attendance = house.attendance().await;
    let (mut right, mut flagged) = (0, 0);
    for (round, kind, is_linked, person, must) in days {
        let paid = owed(&attendance, person);
        let flags: Vec<_> = attendance.anomalies_of(person).collect();
        let off = (paid - WORKED * RATE * 100).abs();
        // Up to a minute is the ordinary life of a clock in a network.
        let is_right = off
            <= if must == Must::Right {
                0
            } else {
                RATE * 100 / 60 + 1
            };
        let words =
            format!("round {round}, kind {kind}, linked {is_linked}: {paid} cents, {flags:?}");
        match must {
            Must::Right => assert!(is_right, "{words}"),
            Must::Withheld => assert!(paid == 0 && !flags.is_empty(), "{words}"),
            Must::Flagged => assert!(is_right || !flags.is_empty(), "{words}"),
        }
        right += usize::from(is_right);
        flagged += usize::from(!is_right);
    }
    eprintln!(
        "F9: {rounds} days by wrong clocks, {events} events in order; {right} were paid right, {flagged} flagged"
    );
}
