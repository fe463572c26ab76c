//! A disk that takes no more: a clean refusal on either side, nothing lost, and all goes on when there is room.
//!
//! No file may grow beyond a limit (`ulimit -f`), which is a full disk for a database and needs no rights.

use std::process::Command;

use super::database::Place;
use super::house::House;
use super::kills::{busy, busy_in, greens_of, settle};

/// How far a file may grow: more than both programs begin with, less than a few hundred commits write.
const BLOCKS_OF_512: &str = "2000";

/// The same command where files can't grow beyond the limit. Without the trap the kernel would end the program.
fn on_a_small_disk(command: Command) -> Command {
    let mut small = Command::new("sh");
    small
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"",
            "sh",
            BLOCKS_OF_512,
        ])
        .arg(command.get_program())
        .args(command.get_args());
    small
}

#[test]
fn a_full_disk_under_the_terminal_shows_red_and_loses_nothing() {
    let (house, terminal) = busy("", "");
    let mut daemon = terminal.run_by(&[], on_a_small_disk);
    daemon.await_line("punch accepted");
    daemon.await_lines("a punch could not be recorded", 3);
    let greens = greens_of(&daemon);
    daemon.terminate();
    assert!(settle(house, &terminal, greens) > 0);
}

#[test]
fn a_full_disk_under_the_cloud_acknowledges_nothing_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::file_in(&folder.path().join("cloud"));
    let (mut house, terminal) = busy_in(House::with(folder, place, ""), "");
    house.cloud.take().unwrap().terminate();
    house.start_cloud_by(on_a_small_disk);
    let mut daemon = terminal.run(&[]);
    house.cloud.as_ref().unwrap().await_line("takes no more");
    house.cloud.take().unwrap().kill();
    house.start_cloud();
    daemon.await_lines("punch accepted", 20);
    daemon.terminate();
    assert!(settle(house, &terminal, greens_of(&daemon)) > 20);
}
