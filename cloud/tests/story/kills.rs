//! `kill -9` at random: nothing that was shown green is lost, nothing is doubled, all is in order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::database::{Fresh, Place, Server};
use super::house::{House, Terminal, picture, scene};
use super::ledger;
use super::process::Program;

/// Rounds of a kill test.
pub fn rounds() -> usize {
    std::env::var("LIMEN_KILLS").map_or(20, |rounds| rounds.parse().unwrap())
}

/// A house in which two people go in and out before one camera without a pause.
pub fn busy(extra: &str, mqtt: &str) -> (House, Terminal) {
    busy_in(House::new(extra), mqtt)
}

/// The same in that house.
pub fn busy_in(mut house: House, mqtt: &str) -> (House, Terminal) {
    house.enrol("Barack", &[picture("obama2.jpg"), picture("obama3.jpg")]);
    house.enrol("Joe", &[picture("biden.jpg")]);
    let pictures = scene(
        &house.folder.path().join("scene"),
        &[picture("obama.jpg"), picture("biden.jpg")],
    );
    let camera = format!(
        "source = \"folder:{}\"\nfps = 1\nloop = true\nevery_frame = true",
        pictures.display()
    );
    let terminal = house.claim("door", &camera, mqtt);
    (house, terminal)
}

/// Ends the terminal, lets everything still waiting come through (it walks its pictures once more and waits for
/// the acknowledgement), ends the cloud, and has the checker decide; how many punches were green.
pub fn settle(mut house: House, terminal: &Terminal, mut greens: BTreeSet<u64>) -> usize {
    terminal.configure("loop = true", "loop = false");
    let mut daemon = terminal.run(&["--until-end"]);
    let status = daemon.end();
    assert!(status.success(), "{status}: {}", daemon.all());
    greens.extend(greens_of(&daemon));
    house.cloud.take().unwrap().terminate();
    let events = ledger::check(&terminal.database(), &house.database(), &greens);
    eprintln!("{events} events, {} of them green", greens.len());
    greens.len()
}

/// A moment between 0 and `most_ms` that no two rounds share; the seed is the process id, which nextest prints.
pub fn moment(round: usize, most_ms: u64) {
    let mut x = (u64::from(std::process::id()) << 20) + round as u64 + 1;
    for _ in 0..4 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    // A kill comes at no event: this is the randomness itself, nothing is awaited by it.
    std::thread::park_timeout(std::time::Duration::from_millis(x % most_ms));
}

/// The punches for which this run of the terminal showed green.
pub fn greens_of(daemon: &Program) -> BTreeSet<u64> {
    ledger::greens(&daemon.lines("punch accepted"))
}

#[test]
fn kill_the_terminal_between_append_and_ack() {
    let (house, terminal) = busy("", "");
    let mut greens = BTreeSet::new();
    for round in 0..rounds() {
        let mut daemon = terminal.run(&[]);
        daemon.await_lines("punch accepted", 1);
        moment(round, 400);
        daemon.kill();
        greens.extend(greens_of(&daemon));
    }
    assert!(settle(house, &terminal, greens) >= rounds());
}

#[test]
fn kill_the_cloud_between_insert_and_ack() {
    let (mut house, terminal) = busy("", "");
    let mut daemon = terminal.run(&[]);
    let mut before = String::new();
    for round in 0..rounds() {
        before = house.await_other_punch(&before);
        moment(round, 300);
        house.cloud.take().unwrap().kill();
        house.start_cloud();
    }
    house.await_other_punch(&before);
    daemon.terminate();
    assert!(settle(house, &terminal, greens_of(&daemon)) >= rounds());
}

/// PostgreSQL goes as in a power cut while the cloud writes to it, and the cloud goes on when it is back.
#[test]
fn kill_the_database_server_under_the_cloud() {
    let server = Arc::new(Server::start());
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_database(Fresh::on_server(&server), &folder.path().join("cloud"));
    let (house, terminal) = busy_in(House::with(folder, place, ""), "");
    let mut daemon = terminal.run(&[]);
    let mut before = String::new();
    for round in 0..rounds() {
        before = house.await_other_punch(&before);
        moment(round, 300);
        server.crash();
        server.start_again();
    }
    house.await_other_punch(&before);
    daemon.terminate();
    assert!(settle(house, &terminal, greens_of(&daemon)) >= rounds());
}
