//! Cameras that are folders, clips, or not there, through the public interface.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;

use limen_daemon::camera::{self, Captured, Change};
use limen_daemon::config::{self, Source};
use limen_daemon::heart::Heart;
use limen_daemon::mailbox::Latest;
use limen_daemon::stop::Stop;
use limen_face::Frame;
use limen_wire::event;
use tempfile::TempDir;

fn settings(source: Source) -> config::Camera {
    config::Camera {
        source,
        looping: false,
        every_frame: true,
        retry_s: 0.01,
        retry_max_s: 0.01,
        ..config::Camera::default()
    }
}

/// A BMP of 4×1 pixels, all of this grey.
fn grey(value: u8) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    for number in [66_u32, 0, 54, 40, 4, 1, 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    file.extend([value; 12]);
    file
}

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// The first grey value of each frame until the end, at most `most`.
fn values(camera: &config::Camera, most: usize) -> Vec<u8> {
    let mut source = camera::open(camera).unwrap();
    std::iter::from_fn(|| source.next_frame().unwrap())
        .map(|frame| frame.rgb()[0])
        .take(most)
        .collect()
}

fn refused(camera: &config::Camera) -> String {
    match camera::open(camera) {
        Ok(_) => panic!("{} was opened", camera.source),
        Err(error) => error.to_string(),
    }
}

#[test]
fn pictures_are_shown_by_name_for_their_time() {
    let shown = folder(&[
        ("b.bmp", grey(2)),
        ("a.BMP", grey(1)),
        ("README.md", vec![]),
    ]);
    let mut camera = settings(Source::Folder(shown.path().into()));
    assert_eq!(values(&camera, 9), [1, 2]);
    camera.dwell_ms = 300;
    assert_eq!(values(&camera, 9), [1, 1, 1, 2, 2, 2]);
    camera.dwell_ms = 0;
    camera.looping = true;
    assert_eq!(values(&camera, 5), [1, 2, 1, 2, 1]);
}

#[test]
fn a_bad_picture_is_skipped() {
    let shown = folder(&[
        ("a.jpg", b"garbage".to_vec()),
        ("b.bmp", grey(2)),
        ("c.png", vec![]),
    ]);
    let mut camera = settings(Source::Folder(shown.path().into()));
    camera.looping = true;
    assert_eq!(values(&camera, 3), [2, 2, 2]);
}

#[test]
fn a_folder_of_garbage_says_which_and_why() {
    let shown = folder(&[("a.jpg", b"garbage".to_vec()), ("b.png", vec![0; 99])]);
    let said = refused(&settings(Source::Folder(shown.path().into())));
    assert!(said.starts_with("none of the 2 pictures"), "{said}");
    assert!(said.contains("b.png: this is not a JPEG"), "{said}");
}

#[test]
fn a_folder_that_is_empty_or_not_there_says_so() {
    let shown = folder(&[("notes.txt", vec![])]);
    let said = refused(&settings(Source::Folder(shown.path().into())));
    assert!(
        said.contains("has no pictures") && said.contains(".jpg"),
        "{said}"
    );
    let said = refused(&settings(Source::Folder("/no/such/folder".into())));
    assert!(
        said.starts_with("cannot read the folder of pictures /no/such/folder"),
        "{said}"
    );
}

/// Whether ffmpeg is there; where it isn't, only its absence can be tested.
fn ffmpeg() -> bool {
    let there = Command::new("ffmpeg").arg("-version").output().is_ok();
    if !there {
        eprintln!("SKIPPED: no ffmpeg, so no clip can be made or read; `apt install ffmpeg`");
    }
    there
}

/// A clip of `seconds` at 30 frames a second.
fn clip(folder: &Path, seconds: u32) -> std::path::PathBuf {
    let path = folder.join("a clip: odd name%.mkv");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i"])
        .arg(format!("testsrc=size=64x48:rate=30:duration={seconds}"))
        .args(["-c:v", "ffv1"])
        .arg(format!("file:{}", path.display()))
        .status();
    assert!(made.unwrap().success());
    path
}

#[test]
fn a_clip_is_played_at_the_wanted_rate() {
    if !ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut camera = settings(Source::Clip(clip(folder.path(), 2)));
    let mut source = camera::open(&camera).unwrap();
    let frame = source.next_frame().unwrap().unwrap();
    assert_eq!((frame.width(), frame.height()), (64, 48));
    assert_eq!(source.pace(), Some(std::time::Duration::from_millis(100)));
    assert_eq!(values(&camera, 99).len(), 20);
    camera.looping = true;
    assert_eq!(values(&camera, 45).len(), 45);
}

#[test]
fn a_file_that_is_no_video_is_refused_with_what_ffmpeg_says() {
    if !ffmpeg() {
        return;
    }
    let folder = folder(&[("clip.mp4", vec![7; 5000])]);
    let path = folder.path().join("clip.mp4");
    let mut source = camera::open(&settings(Source::Clip(path))).unwrap();
    let said = source.next_frame().unwrap_err().to_string();
    assert!(
        said.contains("clip.mp4 is not a video that ffmpeg can read: "),
        "{said}"
    );
    assert!(said.len() < 1200, "{said}");
}

#[test]
fn a_missing_camera_is_reported_once_and_the_end_is_heard() {
    let (frames, stop) = (Latest::<Captured>::new(), Stop::new());
    let (tell, told) = channel();
    let camera = settings(Source::V4l2("/dev/no-such-camera".into()));
    let (slot, flag, heart) = (frames.clone(), stop.clone(), Heart::default());
    let thread = camera::spawn(camera, slot, flag, heart, move |change| {
        tell.send(change).unwrap();
    })
    .unwrap();
    let Change::Lost { state, why } = told.recv().unwrap() else {
        panic!("it was not lost");
    };
    assert_eq!(state, event::Camera::Missing);
    assert!(
        why.starts_with("there is no camera /dev/no-such-camera"),
        "{why}"
    );
    stop.set();
    thread.join().unwrap();
    assert!(frames.take().is_none());
    assert!(told.recv().is_err(), "it was reported again");
}

#[test]
fn a_camera_that_comes_back_goes_on() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("pictures");
    let (frames, stop) = (Latest::<Captured>::new(), Stop::new());
    let (tell, told) = channel();
    let mut camera = settings(Source::Folder(path.clone()));
    camera.every_frame = false;
    camera.looping = true;
    let (slot, flag, heart) = (frames.clone(), stop.clone(), Heart::default());
    let thread = camera::spawn(camera, slot, flag, heart, move |change| {
        // The receiver may be gone when the test is through.
        let _ = tell.send(change);
    })
    .unwrap();
    let lost =
        |change| matches!(change, Change::Lost { state, .. } if state == event::Camera::Missing);
    assert!(lost(told.recv().unwrap()));
    let filled = folder(&[("a.bmp", grey(9))]);
    fs::rename(filled.path(), &path).unwrap();
    assert_eq!(told.recv().unwrap(), Change::Back);
    let frame = frames.take().unwrap().frame;
    assert_eq!(*frame, Frame::from_rgb8(4, 1, vec![9; 12]).unwrap());
    // Away again, in the middle of a round.
    fs::remove_dir_all(&path).unwrap();
    assert!(lost(told.recv().unwrap()));
    stop.set();
    thread.join().unwrap();
}
