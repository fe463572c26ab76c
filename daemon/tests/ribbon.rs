//! A ribbon camera, and every way in which a camera fails (docs of the project's issue: F14).
//!
//! A program that behaves as rpicam-vid is documented to stands in for it: no ribbon camera is needed, and none was
//! tried. What it gives is said by a file, so that a fault comes and goes when the test says so.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use limen_daemon::camera::{self, Captured, Change};
use limen_daemon::config::{self, Source};
use limen_daemon::heart::Heart;
use limen_daemon::mailbox::{Latest, Taken};
use limen_daemon::stop::Stop;
use limen_wire::event;
use tempfile::TempDir;

/// Pictures on standard output, one after the other; what it complains of on standard error; a status that is not 0
/// where there is no camera. The files lie beside it.
const STAND_IN: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" > arguments
while :; do
  case $(cat does) in
    pictures) cat 0.jpg; sleep 0.02; cat 1.jpg ;;
    unplugged) echo "ERROR: *** no cameras available ***" >&2; exit 255 ;;
    silent) ;;
    same) cat 0.jpg ;;
    black) cat black.jpg ;;
    garbage) head -c 20000 /dev/urandom ;;
    *) echo "it is told $(cat does)" >&2; exit 1 ;;
  esac
  sleep 0.05
done
"#;

const PICTURES: [(&str, &[u8]); 3] = [
    ("0.jpg", include_bytes!("ribbon/0.jpg")),
    ("1.jpg", include_bytes!("ribbon/1.jpg")),
    ("black.jpg", include_bytes!("ribbon/black.jpg")),
];

/// More than any machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// By then a loss is said, if it is.
const UNSAID: Duration = Duration::from_secs(8);

/// The promise: frames again within that time after what was wrong is right again.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// A ribbon camera and the thread that reads it.
struct Camera {
    folder: TempDir,
    frames: Latest<Captured>,
    changes: Receiver<Change>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Camera {
    fn start(does: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in PICTURES {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let program = folder.path().join("rpicam-vid");
        fs::write(&program, STAND_IN).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let (frames, stop) = (Latest::new(), Stop::new());
        let (tell, changes) = channel();
        let mut camera = Self {
            folder,
            frames: frames.clone(),
            changes,
            stop: stop.clone(),
            thread: None,
        };
        camera.does(does);
        let settings = config::Camera {
            source: Source::Rpicam(0),
            rpicam_program: program,
            ..config::Camera::default()
        };
        let thread = camera::spawn(settings, frames, stop, Heart::default(), move |change| {
            // The test may be through.
            let _ = tell.send(change);
        });
        camera.thread = Some(thread.unwrap());
        camera
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// At once or not at all: it is read meanwhile.
    fn does(&self, what: &str) {
        fs::write(self.path("next"), what).unwrap();
        fs::rename(self.path("next"), self.path("does")).unwrap();
    }

    fn change(&self) -> Change {
        self.changes.recv_timeout(PATIENCE).unwrap()
    }

    /// Waits until the camera is lost. What was said of it: nothing where it was lost in the same way a moment ago,
    /// since a camera that comes and goes is not said to be back in between.
    fn await_loss(&self) -> Option<event::Camera> {
        let until = Instant::now() + PATIENCE;
        while let Taken::Value(_) = self.frames.take_within(Duration::from_millis(1500)) {
            assert!(Instant::now() < until, "frames go on");
        }
        loop {
            match self.changes.recv_timeout(UNSAID) {
                Ok(Change::Lost { state, .. }) => return Some(state),
                Ok(Change::Back) => {}
                Ok(Change::Ended) => panic!("a camera has no end"),
                Err(_) => return None,
            }
        }
    }

    /// How long the next frame took that was taken after now.
    fn next_frame(&self) -> Duration {
        while let Taken::Value(_) = self.frames.take_within(Duration::ZERO) {}
        let began = Instant::now();
        assert!(
            matches!(self.frames.take_within(PATIENCE), Taken::Value(_)),
            "no frame came"
        );
        began.elapsed()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_ribbon_camera_is_read_through_a_program() {
    let camera = Camera::start("pictures");
    let Taken::Value(first) = camera.frames.take_within(PATIENCE) else {
        panic!("no frame came");
    };
    assert_eq!((first.frame.width(), first.frame.height()), (64, 48));
    camera.next_frame();
    let arguments = fs::read_to_string(camera.path("arguments")).unwrap();
    for wanted in [
        "--camera 0 ",
        "--codec mjpeg ",
        "--timeout 0 ",
        "--nopreview",
        "--width 640 --height 480 ",
        "--output -",
    ] {
        assert!(arguments.contains(wanted), "{arguments}");
    }
}

#[test]
fn what_the_program_complains_of_is_said() {
    let camera = Camera::start("unplugged");
    let Change::Lost { state, why } = camera.change() else {
        panic!("it was not lost");
    };
    assert_eq!(state, event::Camera::Missing);
    assert!(why.contains("no cameras available"), "{why}");
    assert!(why.contains("is its cable seated"), "{why}");
}

#[test]
fn a_program_that_is_not_installed_is_named_with_its_package() {
    let settings = config::Camera {
        source: Source::Rpicam(0),
        rpicam_program: "/no/such/rpicam-vid".into(),
        ..config::Camera::default()
    };
    let said = camera::open(&settings).err().unwrap().to_string();
    assert!(
        said.contains("/no/such/rpicam-vid") && said.contains("apt install rpicam-apps"),
        "{said}"
    );
}

/// The faults, and what an event says of each.
const FAULTS: [(&str, event::Camera); 5] = [
    ("unplugged", event::Camera::Missing),
    ("silent", event::Camera::Frozen),
    ("same", event::Camera::Frozen),
    ("black", event::Camera::Dark),
    ("garbage", event::Camera::Garbage),
];

/// So many cameras fail side by side where there are many faults.
const LANES: usize = 10;

/// How many faults: LIMEN_CAMERA_FAULTS, or one of each kind.
fn count() -> usize {
    std::env::var("LIMEN_CAMERA_FAULTS").map_or(FAULTS.len(), |count| count.parse().unwrap())
}

#[test]
fn a_camera_that_failed_is_back_within_ten_seconds_of_its_return() {
    let count = count();
    let lanes: Vec<_> = (0..LANES.min(count))
        .map(|lane| {
            std::thread::spawn(move || -> Vec<(&str, Duration)> {
                let camera = Camera::start("pictures");
                camera.next_frame();
                (lane..count)
                    .step_by(LANES)
                    .enumerate()
                    .map(|(round, _)| {
                        // Out of step, so that each lane meets every kind.
                        let (fault, wanted) = FAULTS[(lane + round) % FAULTS.len()];
                        camera.does(fault);
                        if let Some(state) = camera.await_loss() {
                            assert_eq!(state, wanted, "{fault}");
                        }
                        // It returns at another moment between two tries each time.
                        let phase = Duration::from_millis(((lane + 7 * round) % 40) as u64 * 100);
                        assert!(matches!(camera.frames.take_within(phase), Taken::Nothing));
                        camera.does("pictures");
                        (fault, camera.next_frame())
                    })
                    .collect()
            })
        })
        .collect();
    let back: Vec<_> = lanes
        .into_iter()
        .flat_map(|lane| lane.join().unwrap())
        .collect();
    assert_eq!(back.len(), count);
    for (kind, _) in FAULTS {
        let of_it = || back.iter().filter(|(fault, _)| *fault == kind);
        let longest = of_it().map(|(_, took)| *took).max();
        eprintln!(
            "{kind}: {} faults, back after {longest:?} at most",
            of_it().count()
        );
    }
    for (fault, took) in back {
        assert!(took < BACK_WITHIN, "{fault}: back after {took:?}");
    }
}
