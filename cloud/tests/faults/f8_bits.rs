//! F8: bits that flip in what a terminal keeps: its database, the database's log, its models. It is noticed, what is
//! damaged is set aside, and the rest is served; what nobody can read any more is told.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use limen_daemon::salvage;
use limen_face::Models;
use limen_wire::event::{Event, What};
use limen_wire::jws::{self, Expected};
use limen_wire::topic::{Topic, Up};
use rusqlite::Connection;
use uuid::Uuid;

use crate::count;
use crate::door::{Door, HERE};
use crate::house::House;
use crate::staff::Chance;
use crate::terminal::{Identity, PATIENCE};

const PEOPLE: u64 = 20;
/// What the cloud has acknowledged, what it hasn't and lies in the database, and what lies in its log.
const EVENTS: [usize; 3] = [120, 40, 30];

/// A terminal's files as a power cut leaves them.
struct Base {
    files: PathBuf,
    identity: Identity,
    /// What the cloud does not hold.
    unsent: BTreeMap<(Uuid, u64), String>,
    through: u64,
}

impl Base {
    async fn of(house: &House, folder: &Path, name: &str) -> Self {
        let identity = house.terminal(name).await;
        let data = folder.join("data");
        fs::create_dir_all(&data).unwrap();
        let mut door = Door::open(&data, &identity, HERE);
        door.connect(house.mqtt, Duration::from_secs(30));
        let until = Instant::now() + PATIENCE;
        while door.roster.people().unwrap() < PEOPLE {
            assert!(Instant::now() < until, "no roster came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..EVENTS[0] {
            door.punch(1);
        }
        door.await_acknowledged();
        door.disconnect();
        let through = door.outbox.stretches().unwrap()[0].through;
        for _ in 0..EVENTS[1] {
            door.punch(1);
        }
        let database = Connection::open(door.database()).unwrap();
        database
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        for _ in 0..EVENTS[2] {
            door.punch(1);
        }
        let stretch = door.outbox.stretches().unwrap()[0];
        let kept = door
            .outbox
            .read(stretch.outbox, through + 1, stretch.next - 1, &door.now());
        let unsent = kept.unwrap().into_iter();
        let unsent = unsent.map(|(seq, compact)| ((stretch.outbox, seq), compact));
        let files = folder.join("files");
        fs::create_dir_all(&files).unwrap();
        // Before the last connection ends, which would empty the log.
        for file in ["terminal.db", "terminal.db-wal"] {
            fs::copy(data.join(file), files.join(file)).unwrap();
        }
        Self {
            files,
            identity,
            unsent: unsent.collect(),
            through,
        }
    }

    /// A copy with one wrong bit.
    fn flipped(&self, to: &Path, chance: &mut Chance) -> String {
        for entry in fs::read_dir(&self.files).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        let file = ["terminal.db", "terminal.db-wal"][chance.below(2) as usize];
        flip(&to.join(file), chance)
    }

    fn event(&self, compact: &str) -> Event {
        let claimed = &self.identity.claimed;
        let expected = Expected {
            topic: Topic::up(claimed.terminal, Up::Event),
            site: claimed.site,
            session: None,
        };
        let verified = jws::verify(compact, &self.identity.key.public(), &expected);
        verified.unwrap().claims().unwrap()
    }
}

/// Turns one bit of a file round; says which.
fn flip(path: &Path, chance: &mut Chance) -> String {
    let mut bytes = fs::read(path).unwrap();
    let bit = chance.below(bytes.len() as u64 * 8) as usize;
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
    format!("bit {} of byte {} of {}", bit % 8, bit / 8, path.display())
}

/// Where nothing is kept for longer than the test.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// How many of the events that the cloud lacks are told to be lost; all others must be there to be sent.
fn lost(base: &Base, door: &Door, which: &str) -> usize {
    let mut to_send = BTreeMap::new();
    for stretch in door.outbox.stretches().unwrap() {
        assert!(
            !base
                .unsent
                .contains_key(&(stretch.outbox, base.through + 1))
                || stretch.through <= base.through,
            "{which}: what was not acknowledged is taken for acknowledged"
        );
        let first = (stretch.through + 1).max(stretch.oldest);
        let read = door
            .outbox
            .read(stretch.outbox, first, stretch.next - 1, &door.now());
        for (seq, compact) in read.unwrap() {
            to_send.insert((stretch.outbox, seq), compact);
        }
    }
    let mut lost = 0;
    for (place, compact) in &base.unsent {
        let sent = to_send.get(place);
        let sent = sent.unwrap_or_else(|| panic!("{which}: event {place:?} is lost in silence"));
        if sent != compact {
            let what = base.event(sent).what;
            assert!(matches!(what, What::Void { .. }), "{which}: {what:?}");
            lost += 1;
        }
    }
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_bit_in_the_terminals_database_or_its_log_costs_one_event_at_most() {
    let rounds = count(60, 1_000);
    let house = House::new().await;
    for number in 0..PEOPLE {
        house.hire(&format!("person {number}")).await;
    }
    let folder = scratch();
    let base = Base::of(&house, folder.path(), "door").await;
    let (mut aside, mut voids, mut faces) = (0, 0, 0);
    for round in 0..rounds {
        let mut chance = Chance::of(4_000 + round as u64);
        let data = scratch();
        let which = format!("round {round}: {}", base.flipped(data.path(), &mut chance));
        let door = Door::try_open(data.path(), &base.identity, HERE, 0);
        let door = door.unwrap_or_else(|failed| panic!("{which}: {failed}"));
        let lost = lost(&base, &door, &which);
        assert!(lost <= 1, "{which}: {lost} events are lost");
        voids += lost;
        let known = door.roster.people().unwrap();
        let model = house.app.faces.model();
        let templates = door.roster.templates(model).unwrap().len() as u64;
        assert!(
            known + 1 >= PEOPLE && templates + 1 >= PEOPLE,
            "{which}: {known} and {templates}"
        );
        assert!(
            door.roster.held().is_some(),
            "{which}: nobody would be looked at"
        );
        faces += 2 * PEOPLE - known - templates;
        aside += usize::from(!salvage::set_aside(data.path()).is_empty());
        let next = door.punch(1);
        let again = door
            .outbox
            .read(next.outbox, next.first, next.last, &door.now());
        assert_eq!(again.unwrap().len(), 1, "{which}");
    }
    assert!(aside > 0);
    eprintln!(
        "F8: {rounds} wrong bits in a terminal's database and log; {aside} files were set aside, {voids} events told \
         to be lost, none in silence; {faces} entries of the roster left out"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_salvaged_comes_to_the_cloud() {
    let rounds = count(4, 50);
    let house = House::new().await;
    for number in 0..PEOPLE {
        house.hire(&format!("person {number}")).await;
    }
    let (mut events, mut told) = (0, 0);
    for round in 0..rounds {
        let mut chance = Chance::of(5_000 + round as u64);
        let folder = scratch();
        let base = Base::of(&house, folder.path(), &format!("door {round}")).await;
        let data = scratch();
        let which = base.flipped(data.path(), &mut chance);
        let mut door = Door::open(data.path(), &base.identity, HERE);
        door.punch(1);
        door.connect(house.mqtt, Duration::from_secs(30));
        door.await_acknowledged();
        door.disconnect();
        let cloud = house.database();
        let mut lost = 0;
        for ((outbox, seq), compact) in &base.unsent {
            let of = format!("WHERE terminal = $1 AND outbox = $2 AND seq = {seq}");
            let ids = [door.id(), *outbox];
            let held = ["events", "quarantine"].iter().find_map(|table| {
                let found = cloud.rows(&format!("SELECT compact FROM {table} {of}"), &ids);
                Some(found.first()?[0].bytes().to_vec())
            });
            let held = held.unwrap_or_else(|| panic!("{which}: event {seq} is lost in silence"));
            lost += usize::from(held != compact.as_bytes());
        }
        assert!(lost <= 1, "{which}: {lost}");
        told += lost;
        events += base.unsent.len();
        let until = Instant::now() + PATIENCE;
        while door.roster.people().unwrap() < PEOPLE {
            assert!(
                Instant::now() < until,
                "{which}: the roster stays incomplete"
            );
            door.connect(house.mqtt, Duration::from_secs(30));
            door.await_acknowledged();
            door.disconnect();
        }
    }
    eprintln!(
        "F8: {rounds} terminals with a wrong bit sent {events} events, {told} of them as a void"
    );
}

#[test]
fn a_wrong_bit_in_a_model_is_noticed() {
    let rounds = count(6, 100);
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let zoo = fs::read_to_string(models.join("zoo.toml")).unwrap();
    let named: Vec<&str> = zoo
        .lines()
        .filter_map(|line| {
            line.strip_prefix("file = ")?
                .trim()
                .strip_prefix('"')?
                .strip_suffix('"')
        })
        .collect();
    assert!(named.len() > 2, "{named:?}");
    for round in 0..rounds {
        let mut chance = Chance::of(6_000 + round as u64);
        let folder = scratch();
        let wrong = named[round % named.len()];
        for entry in fs::read_dir(&models).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        for file in &named {
            let to = folder.path().join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            match *file == wrong {
                true => drop(fs::copy(models.join(file), &to).unwrap()),
                false => std::os::unix::fs::symlink(models.join(file), &to).unwrap(),
            }
        }
        let which = flip(&folder.path().join(wrong), &mut chance);
        let refused = Models::load(folder.path()).err();
        let refused = refused
            .unwrap_or_else(|| panic!("{which} was not noticed"))
            .to_string();
        assert!(
            refused.contains(wrong.rsplit('/').next().unwrap()),
            "{which}: {refused}"
        );
    }
    eprintln!("F8: {rounds} wrong bits in models, each noticed by name");
}
