//! How the terminal's parts are, as its statuses say it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use limen_wire::Health;
use limen_wire::event::Camera;
use tokio::sync::watch;

use crate::clock::Reading;
use crate::database::DatabaseError;
use crate::heart::Heart;
use crate::outbox::{FIRMWARE, Room, free_bytes};

mod metrics;

/// What the parts of the program say about themselves. Each change wakes the uplink, which
/// sends a status.
pub struct Vitals {
    data: PathBuf,
    said: Mutex<Said>,
    changed: watch::Sender<u64>,
    heart: Heart,
    is_linked: AtomicBool,
    is_full: AtomicBool,
    is_damaged: AtomicBool,
    /// As they were said last: how many are known by their face, how many events wait.
    counted: [AtomicU64; 2],
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Said {
    camera: Option<Camera>,
    model: String,
    faults: Vec<(&'static str, String)>,
    /// How often the camera was lost since the start.
    losses: u64,
}

impl Vitals {
    /// Nothing is known yet. `data`: the folder whose disk is looked at.
    pub fn new(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            said: Mutex::new(Said::default()),
            changed: watch::Sender::new(0),
            heart: Heart::default(),
            is_linked: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            is_damaged: AtomicBool::new(false),
            counted: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// What every stage stamps.
    pub fn heart(&self) -> &Heart {
        &self.heart
    }

    /// Whether the line to the cloud is up: for this machine's own eyes, since whoever gets a
    /// status knows.
    pub fn link(&self, is_up: bool) {
        self.is_linked.store(is_up, Ordering::Relaxed);
    }

    /// What [`Vitals::link`] said last.
    pub fn is_linked(&self) -> bool {
        self.is_linked.load(Ordering::Relaxed)
    }

    /// How much more can be written.
    pub fn room(&self, room: &Room) {
        let was_full = self.is_full.swap(!room.is_enough(), Ordering::Relaxed);
        if room.is_enough() {
            if was_full {
                tracing::info!("there is room on the disk again: punches are taken");
            }
            return self.well("disk");
        }
        let words = format!(
            "the disk is full: no punch is taken before there is room ({} MiB are free, {} are not for punches)",
            room.free_mib().unwrap_or_default(),
            room.reserve / (1024 * 1024)
        );
        if !was_full {
            tracing::error!("{words}");
        }
        self.fault("disk", words);
    }

    /// Whether punches are refused for want of room, by what [`Vitals::room`] said last.
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// The database was found damaged by something that went wrong with it: the program is to be started again, and
    /// looks into it before anything else does.
    pub fn suspect(&self, failed: &DatabaseError) {
        if failed.is_damage() {
            self.is_damaged.store(true, Ordering::Relaxed);
        }
    }

    /// Whether [`Vitals::suspect`] was told so.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Woken by every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// What the camera gives.
    pub fn camera(&self, state: Camera) {
        self.change(|said| {
            if said.camera == Some(Camera::Ok) && !matches!(state, Camera::Ok | Camera::Off) {
                said.losses += 1;
            }
            said.camera = Some(state);
        });
    }

    /// What [`Vitals::camera`] said last.
    pub fn camera_state(&self) -> Option<Camera> {
        self.said().camera
    }

    /// Which model faces are compared with.
    pub fn model(&self, id: &str) {
        self.change(|said| id.clone_into(&mut said.model));
    }

    /// What a person should look at, in words, for one part of the terminal.
    pub fn fault(&self, part: &'static str, words: impl Into<String>) {
        let words: String = words.into();
        // As long as a status may carry it, and without what it refuses.
        let words: String = words
            .chars()
            .filter(|c| !c.is_control())
            .take(180)
            .collect();
        self.change(|said| {
            said.faults.retain(|(of, _)| *of != part);
            said.faults.push((part, words));
        });
    }

    /// That part is well again.
    pub fn well(&self, part: &'static str) {
        self.change(|said| said.faults.retain(|(of, _)| *of != part));
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        let mut said = self.said();
        let before = said.clone();
        change(&mut said);
        let is_new = *said != before;
        drop(said);
        if is_new {
            self.changed.send_modify(|count| *count += 1);
        }
    }

    /// The state of everything now.
    pub fn report(&self, now: &Reading, people: u64, waiting: u64) -> Health {
        self.count(people, waiting);
        let said = self.said().clone();
        Health {
            firmware: FIRMWARE.to_owned(),
            boot: now.boot,
            uptime_ms: now.uptime_ms,
            camera: said.camera,
            people,
            model: said.model,
            waiting,
            free_mib: free_mib(&self.data),
            temperature_c: temperature_c(),
            faults: said.faults.into_iter().map(|(_, words)| words).collect(),
        }
    }

    /// How everything is, in one line for whoever stands at the terminal. `people`: how many are
    /// known by their face.
    pub fn line(&self, people: usize, waiting: u64) -> String {
        self.count(people as u64, waiting);
        let said = self.said().clone();
        let camera = match said.camera {
            None => "not opened",
            Some(Camera::Ok) => "ok",
            Some(Camera::Missing) => "missing",
            Some(Camera::Frozen) => "frozen",
            Some(Camera::Dark) => "dark",
            Some(Camera::Garbage) => "garbage",
            Some(Camera::Off) => "off",
        };
        let line = match self.is_linked() {
            true => "up",
            false => "down",
        };
        let mut text = format!(
            "line {line}, camera {camera}, people known: {people}, events waiting: {waiting}"
        );
        for (_, words) in said.faults {
            text.push_str("; ");
            text.push_str(&words);
        }
        text
    }

    fn count(&self, people: u64, waiting: u64) {
        self.counted[0].store(people, Ordering::Relaxed);
        self.counted[1].store(waiting, Ordering::Relaxed);
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room left for this program on the disk that holds `folder`.
pub fn free_mib(folder: &Path) -> Option<u64> {
    Some(free_bytes(folder)? / (1024 * 1024))
}

fn temperature_c() -> Option<i16> {
    let text = std::fs::read_to_string("/sys/class/thermal/thermal_zone0/temp").ok()?;
    let milli: i32 = text.trim().parse().ok()?;
    i16::try_from(milli / 1000).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use limen_wire::event::Clock;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_fault_is_said_once_a_part_and_taken_back() {
        let vitals = Vitals::new(Path::new("/"));
        let mut changes = vitals.changes();
        let now = Reading {
            at: Timestamp::UNIX_EPOCH,
            clock: Clock::Unsynced,
            boot: Uuid::nil(),
            uptime_ms: 1,
        };
        vitals.fault("camera", "the camera\nis away");
        vitals.fault("disk", "the disk is full");
        vitals.fault("camera", "the camera gives garbage");
        let health = vitals.report(&now, 2, 3);
        assert_eq!(
            health.faults,
            ["the disk is full", "the camera gives garbage"]
        );
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        vitals.fault("camera", "the camera gives garbage");
        assert!(!changes.has_changed().unwrap(), "nothing new");
        vitals.well("camera");
        assert_eq!(vitals.report(&now, 2, 3).faults, ["the disk is full"]);
        assert!(changes.has_changed().unwrap());
        vitals.camera(Camera::Ok);
        vitals.link(true);
        assert_eq!(
            vitals.line(2, 3),
            "line up, camera ok, people known: 2, events waiting: 3; the disk is full"
        );
        assert!(health.free_mib.is_some());
    }
}
