//! F14: the camera is unplugged, silent, frozen, black or gives garbage. Whoever has a PIN comes in all the while, and
//! the camera's pictures are on the screen again within ten seconds of its return.
//!
//! The whole terminal runs, as a process of its own. A program that behaves as rpicam-vid is documented to is its
//! camera; what it gives is said by a file, so that a fault comes and goes when the test says so.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::checker;
use super::house::{House, Terminal, picture};
use super::kills::moment;
use super::ledger;
use super::process::{PATIENCE, Program};

/// Pictures on standard output, one after the other; a status that is not 0 where there is no camera.
const STAND_IN: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
while :; do
  case $(cat does) in
    pictures) cat 0.jpg; sleep 0.1; cat 1.jpg ;;
    unplugged) echo "ERROR: *** no cameras available ***" >&2; exit 255 ;;
    silent) ;;
    frozen) cat 0.jpg ;;
    black) cat black.jpg ;;
    garbage) head -c 20000 /dev/urandom ;;
    *) echo "it is told $(cat does)" >&2; exit 1 ;;
  esac
  sleep 0.1
done
"#;

const PICTURES: [(&str, &[u8]); 3] = [
    ("0.jpg", include_bytes!("camera/0.jpg")),
    ("1.jpg", include_bytes!("camera/1.jpg")),
    ("black.jpg", include_bytes!("camera/black.jpg")),
];

/// The faults, and what an event says of each.
const FAULTS: [(&str, &str); 5] = [
    ("unplugged", "missing"),
    ("silent", "frozen"),
    ("frozen", "frozen"),
    ("black", "dark"),
    ("garbage", "garbage"),
];

const RIBBON: &str = "source = \"rpicam:0\"";

/// So many terminals suffer side by side.
const LANES: usize = 5;

/// A camera returns at any moment between two tries to open it, in milliseconds after its loss.
const PHASE_MS: u64 = 4_000;

/// The promise.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// A terminal with such a camera.
struct Lane<'a> {
    house: &'a House,
    folder: PathBuf,
    terminal: Terminal,
    name: String,
    daemon: Program,
    screen: String,
    /// Number and PIN of somebody who works here.
    typed: &'a str,
}

/// One fault: its kind, how long the PIN took while it lasted, and the camera to be back.
type Suffered = (&'static str, Duration, Duration);

impl<'a> Lane<'a> {
    fn start(house: &'a House, typed: &'a str, number: usize) -> Self {
        let name = format!("door {number}");
        let folder = house.folder.path().join(format!("camera {number}"));
        fs::create_dir(&folder).unwrap();
        for (name, bytes) in PICTURES {
            fs::write(folder.join(name), bytes).unwrap();
        }
        let program = folder.join("rpicam-vid");
        fs::write(&program, STAND_IN).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        does(&folder, "pictures");
        let program = format!("rpicam_program = {program:?}");
        let terminal = house.claim(&name, &format!("{RIBBON}\n{program}"), "");
        // Every loss is told, also of one that is lost already.
        let format = "format = \"json\"";
        let filter = "filter = \"info,limen_daemon::camera=debug\"";
        terminal.configure(format, &format!("{format}\n{filter}"));
        let daemon = terminal.run(&[]);
        daemon.await_line("the gallery is exchanged");
        let said: Value = serde_json::from_str(&daemon.await_line("the screen is at")).unwrap();
        let words = said["fields"]["message"].as_str().unwrap();
        Self {
            house,
            folder,
            terminal,
            name,
            screen: words.strip_prefix("the screen is at ").unwrap().to_owned(),
            daemon,
            typed,
        }
    }

    /// The number of a frame on the screen that is newer than that one.
    fn next_frame(&self, after: u64) -> Option<u64> {
        self.house.frame(&self.screen, after)
    }

    fn losses(&self) -> usize {
        ["the camera is lost", "the camera is still lost"]
            .map(|words| self.daemon.lines(words).len())
            .iter()
            .sum()
    }

    /// Waits until the terminal itself says that its camera is lost, and the screen shows nothing new. Gives the last
    /// frame's number.
    fn await_loss(&self, before: usize, mut last: u64) -> u64 {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.next_frame(last) {
                Some(newer) => last = newer,
                None if self.losses() > before => return last,
                None => {}
            }
            assert!(
                Instant::now() < until,
                "{}: the camera is not lost",
                self.name
            );
        }
    }

    /// Waits until the screen shows nothing new: a frame from before the loss may still be looked at on a slow machine.
    fn await_nothing(&self, mut last: u64) -> u64 {
        let until = Instant::now() + PATIENCE;
        while let Some(newer) = self.next_frame(last) {
            last = newer;
            assert!(
                Instant::now() < until,
                "{}: a lost camera goes on",
                self.name
            );
        }
        last
    }

    /// Green by number and PIN; how long that took.
    fn punch(&self, so_far: usize) -> Duration {
        let began = Instant::now();
        let typed = json!({ "typed": self.typed });
        self.house.press(&self.screen, "/pin", &typed);
        self.daemon.await_lines("punch accepted", so_far + 1);
        began.elapsed()
    }

    fn suffer(&self, number: usize, rounds: usize) -> Vec<Suffered> {
        let mut last = self.house.frame(&self.screen, 0).unwrap_or_default();
        let mut suffered = Vec::new();
        for round in 0..rounds {
            // Out of step, so that the kinds come side by side.
            let (fault, _) = FAULTS[(number + round) % FAULTS.len()];
            let before = self.losses();
            does(&self.folder, fault);
            last = self.await_loss(before, last);
            let punched = self.punch(round);
            moment(number * rounds + round, PHASE_MS);
            last = self.await_nothing(last);
            let returned = Instant::now();
            does(&self.folder, "pictures");
            let back = loop {
                if let Some(newer) = self.next_frame(last) {
                    last = newer;
                    break returned.elapsed();
                }
                assert!(returned.elapsed() < PATIENCE, "{fault}: never back");
            };
            suffered.push((fault, punched, back));
        }
        suffered
    }
}

/// How many faults: `full` by the share that LIMEN_FAULTS says, `small` where it says nothing.
fn count(small: usize, full: usize) -> usize {
    let share: f64 = std::env::var("LIMEN_FAULTS").map_or(0.0, |share| share.parse().unwrap());
    small.max((full as f64 * share) as usize)
}

/// At once or not at all: it is read meanwhile.
fn does(folder: &Path, what: &str) {
    fs::write(folder.join("next"), what).unwrap();
    fs::rename(folder.join("next"), folder.join("does")).unwrap();
}

/// What the terminal's own log says of its camera.
fn states(database: &Path) -> BTreeSet<String> {
    let claims = ledger::terminal(database).into_iter().map(|compact| {
        let text = String::from_utf8(compact).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(text.split('.').nth(1).unwrap());
        serde_json::from_slice::<Value>(&claims.unwrap()).unwrap()
    });
    claims
        .filter(|claims| claims["kind"] == "camera")
        .map(|claims| claims["state"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_camera_that_fails_leaves_the_pin_open_and_is_back_within_ten_seconds() {
    let rounds = count(LANES, 500).div_ceil(LANES);
    let mut house = House::new("");
    house.enrol("Barack", &[picture("obama2.jpg")]);
    let path = format!("/api/v1/people/{}/pin", house.people["Barack"]);
    let shown = house.call(Method::POST, &path, None);
    let typed = shown["typed"].as_str().unwrap();
    let lanes: Vec<Lane<'_>> = (0..LANES)
        .map(|number| Lane::start(&house, typed, number))
        .collect();
    let suffered: Vec<Suffered> = std::thread::scope(|scope| {
        let working: Vec<_> = lanes
            .iter()
            .enumerate()
            .map(|(number, lane)| scope.spawn(move || lane.suffer(number, rounds)))
            .collect();
        working
            .into_iter()
            .flat_map(|lane| lane.join().unwrap())
            .collect()
    });
    assert_eq!(suffered.len(), LANES * rounds);
    let live = house.live();
    let mut events = 0;
    let mut told = BTreeSet::new();
    for mut lane in lanes {
        lane.daemon.terminate();
        assert_eq!(lane.daemon.lines("punch accepted").len(), rounds);
        let rows = live["terminals"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|row| row["name"] == lane.name.as_str())
            .unwrap();
        let id: Uuid = row["id"].as_str().unwrap().parse().unwrap();
        let database = lane.terminal.database();
        // What was written last goes out too: its pictures are a folder now, which has an end.
        let pictures = format!(
            "source = \"folder:{}\"\nloop = false",
            lane.folder.display()
        );
        lane.terminal.configure(RIBBON, &pictures);
        assert!(lane.terminal.run(&["--until-end"]).end().success());
        events += checker::check(&database, &house.database(), id);
        told.extend(states(&database));
    }
    for (kind, state) in FAULTS {
        assert!(
            told.contains(state),
            "of {kind} {state} is told, not only {told:?}"
        );
        let of_it: Vec<_> = suffered
            .iter()
            .filter(|(fault, ..)| *fault == kind)
            .collect();
        let punched = of_it.iter().map(|(_, punched, _)| *punched).max().unwrap();
        let back = of_it.iter().map(|(.., back)| *back).max().unwrap();
        eprintln!(
            "F14: {kind}: {} faults; a PIN was green within {:.1} s meanwhile, the camera was back within {:.1} s",
            of_it.len(),
            punched.as_secs_f64(),
            back.as_secs_f64(),
        );
    }
    eprintln!("F14: {events} events in all");
    for (fault, _, back) in suffered {
        assert!(back < BACK_WITHIN, "{fault}: back after {back:?}");
    }
}
