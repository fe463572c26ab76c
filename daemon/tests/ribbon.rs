//! A ribbon camera. A program that behaves as rpicam-vid is documented to stands in for it: no ribbon camera is needed,
//! and none was tried. The ways in which a camera fails are in `cloud/tests/story/f14_camera.rs`, with this stand-in
//! before the whole terminal.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

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
    *) echo "it is told $(cat does)" >&2; exit 1 ;;
  esac
  sleep 0.05
done
"#;

const PICTURES: [(&str, &[u8]); 2] = [
    ("0.jpg", include_bytes!("ribbon/0.jpg")),
    ("1.jpg", include_bytes!("ribbon/1.jpg")),
];

/// More than any machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

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
        fs::write(camera.path("does"), does).unwrap();
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

    fn change(&self) -> Change {
        self.changes.recv_timeout(PATIENCE).unwrap()
    }

    fn next_frame(&self) {
        while let Taken::Value(_) = self.frames.take_within(Duration::ZERO) {}
        assert!(
            matches!(self.frames.take_within(PATIENCE), Taken::Value(_)),
            "no frame came"
        );
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
