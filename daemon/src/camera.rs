//! Where frames come from, and the thread that keeps them coming.
//!
//! A [`FrameSource`] is a V4L2 camera, a Raspberry Pi's ribbon camera, a folder of pictures or a clip;
//! [`open`] makes the one that the configuration names. [`spawn`] runs it on a thread of its own that
//! opens it again, with growing waits, whenever it fails or shows nothing, and says once per change
//! that the camera was lost or is back.
//! Frames are held in memory only.

mod child;
mod clip;
mod folder;
mod judge;
pub mod report;
mod rpicam;
mod sight;
mod v4l2;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use limen_face::Frame;
use limen_wire::event;

use crate::config::{self, Source};
use crate::heart::{Heart, Stage};
use crate::mailbox::Latest;
use crate::stop::Stop;

pub use sight::{Problem, Sight, SightError, sight};
pub use v4l2::{Found, Offered, found};

/// Longer without a frame, and the camera is taken for frozen.
const PATIENCE: Duration = Duration::from_secs(5);

/// A torn frame happens on a long cable; so many in a row are no picture.
const MOST_BAD: u32 = 30;

/// The camera's stage may be at it for half a minute (`watchdog.camera_s`), and the last one tried takes its time too.
const LONGEST_SEARCH: Duration = Duration::from_secs(15);

/// A frame and when it was seen.
#[derive(Clone)]
pub struct Captured {
    /// The picture.
    pub frame: Arc<Frame>,
    /// Monotonic time since the camera's thread began. Where every frame of a folder or a clip is
    /// looked at, it is the frame's own time: a replay gives the same times at any speed.
    pub at: Duration,
}

/// Something that gives one frame after the other.
pub trait FrameSource {
    /// Waits for the next frame; `None` at the end of a source that does not begin again.
    ///
    /// # Errors
    /// [`CameraError`] when no frame can be had; the source is of no use any more and is opened
    /// anew.
    fn next_frame(&mut self) -> Result<Option<Arc<Frame>>, CameraError>;

    /// For how long each frame stands; `None` for a camera, which keeps its own pace.
    fn pace(&self) -> Option<Duration>;
}

/// What became of the camera; told once per change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// No frames any more, or none from the beginning.
    Lost {
        /// What is wrong with it, as an event says it.
        state: event::Camera,
        /// Why, in words.
        why: String,
    },
    /// Frames again after it was lost.
    Back,
    /// A folder or clip without `loop` is through; the thread ends.
    Ended,
}

/// Why a camera, folder or clip gives no frames.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// The device node does not exist.
    #[error("there is no camera {device}: {found}")]
    Missing {
        /// The node that was wanted.
        device: PathBuf,
        /// Which cameras there are, and what to do.
        found: String,
    },
    /// The device node is there, but something with it failed.
    #[error("cannot {doing} the camera {device}: {source}{advice}")]
    Device {
        /// The node.
        device: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the operating system said.
        source: std::io::Error,
        /// What may help; begins with its own punctuation.
        advice: &'static str,
    },
    /// The device node belongs to something that gives no pictures.
    #[error("{device} is not a camera that streams: {found}")]
    NotACamera {
        /// The node.
        device: PathBuf,
        /// Which cameras there are, and what to do.
        found: String,
    },
    /// The camera has none of the formats that are understood.
    #[error("the camera {device} offers {offered}, but YUYV, MJPG or GREY is needed")]
    Format {
        /// The node.
        device: PathBuf,
        /// The formats that it has.
        offered: String,
    },
    /// It stopped giving frames.
    #[error("{what} gave no frame for {seconds} seconds")]
    Silent {
        /// Which camera or clip.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It gives frames, but none can be decoded.
    #[error(
        "{frames} frames in a row from the camera {device} cannot be decoded; the last: {last}"
    )]
    Garbage {
        /// The node.
        device: PathBuf,
        /// How many.
        frames: u32,
        /// Why the last one was refused.
        last: String,
    },
    /// It gives frames that show nothing.
    #[error("{what} gave nothing but {how} for {seconds} seconds")]
    Useless {
        /// Which camera.
        what: String,
        /// Darkness, one colour, or one picture.
        how: &'static str,
        /// For how long.
        seconds: u64,
        /// The same as an event has it.
        state: event::Camera,
    },
    /// No camera of this machine gives frames.
    #[error("no camera of this machine gives pictures: {0}")]
    None(String),
    /// The program that reads ribbon cameras can't be started.
    #[error(
        "cannot start {program} to read the ribbon camera: {source}; install it (`apt install rpicam-apps`), or name it in camera.rpicam_program"
    )]
    NoRibbonProgram {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// That program ended.
    #[error(
        "{program} ended, so the ribbon camera gives no pictures: {said}; is its cable seated at both ends?"
    )]
    RibbonEnded {
        /// The program.
        program: PathBuf,
        /// What it said.
        said: String,
    },
    /// The driver's library gave up.
    #[error("the camera's driver failed: {0}")]
    Driver(String),
    /// The folder can't be listed.
    #[error("cannot read the folder of pictures {folder}: {source}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The folder has no picture at all.
    #[error(
        "the folder {0} has no pictures: it needs files named .jpg, .jpeg, .png, .webp or .bmp"
    )]
    NoPictures(PathBuf),
    /// None of the folder's pictures can be decoded.
    #[error("none of the {count} pictures in the folder {folder} can be read; the last: {last}")]
    OnlyBadPictures {
        /// The folder.
        folder: PathBuf,
        /// How many were tried.
        count: usize,
        /// Which was the last, and why it was refused.
        last: String,
    },
    /// The clip is not there.
    #[error("cannot read the clip {clip}: {source}")]
    NoClip {
        /// The file.
        clip: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The program that decodes clips can't be started.
    #[error(
        "cannot start {program} to read the clip {clip}: {source}; install it (`apt install ffmpeg`)"
    )]
    NoDecoder {
        /// The program.
        program: PathBuf,
        /// The clip.
        clip: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// ffmpeg finds no video in the file, or broke off.
    #[error("the clip {clip} is not a video that ffmpeg can read: {detail}")]
    NotAVideo {
        /// The file.
        clip: PathBuf,
        /// What ffmpeg said.
        detail: String,
    },
}

impl CameraError {
    /// The same as an event has it.
    pub fn state(&self) -> event::Camera {
        match self {
            Self::Silent { .. } => event::Camera::Frozen,
            Self::Useless { state, .. } => *state,
            Self::Garbage { .. } | Self::OnlyBadPictures { .. } | Self::NotAVideo { .. } => {
                event::Camera::Garbage
            }
            _ => event::Camera::Missing,
        }
    }
}

/// Opens the source that `camera` names.
///
/// # Errors
/// [`CameraError`] when it is missing, is something else, or has no frame to give.
pub fn open(camera: &config::Camera) -> Result<Box<dyn FrameSource>, CameraError> {
    Ok(match &camera.source {
        Source::Auto => return auto(camera),
        Source::V4l2(device) => Box::new(v4l2::V4l2::open(device, camera)?),
        Source::Rpicam(number) => Box::new(rpicam::Rpicam::open(*number, camera)?),
        Source::Folder(folder) => Box::new(folder::Folder::open(folder, camera)?),
        Source::Clip(clip) => Box::new(clip::Clip::open(clip, camera)?),
    })
}

/// The first camera that gives a frame: V4L2's, those with lasting names first, then a ribbon camera.
fn auto(camera: &config::Camera) -> Result<Box<dyn FrameSource>, CameraError> {
    let mut tried = Vec::new();
    let began = Instant::now();
    let cameras = found().into_iter();
    let mut candidates: Vec<_> = cameras.map(|camera| Source::V4l2(camera.device)).collect();
    if candidates.is_empty() {
        tried.push("there is no V4L2 camera".to_owned());
    }
    candidates.push(Source::Rpicam(0));
    for source in candidates {
        if began.elapsed() > LONGEST_SEARCH {
            tried.push("the rest was not tried; name the camera in camera.source".to_owned());
            break;
        }
        let named = config::Camera {
            source,
            ..camera.clone()
        };
        let first = open(&named).and_then(|mut opened| match opened.next_frame()? {
            Some(_) => Ok(opened),
            None => Err(CameraError::None("it is at its end".to_owned())),
        });
        match first {
            Ok(opened) => {
                tracing::info!(camera = %named.source, "the first camera that gives pictures is taken");
                return Ok(opened);
            }
            Err(error) => tried.push(error.to_string()),
        }
    }
    Err(CameraError::None(tried.join("; ")))
}

/// Starts the camera's thread: frames go into `frames` until `stop` is set or the source is
/// through, then `frames` is closed. `report` is told of changes, on that thread.
///
/// # Errors
/// When the operating system has no thread to give.
pub fn spawn(
    camera: config::Camera,
    frames: Latest<Captured>,
    stop: Stop,
    heart: Heart,
    report: impl FnMut(Change) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("camera".into())
        .spawn(move || {
            let life = heart.life(Stage::Camera);
            let open = || open(&camera);
            watch::watch(&camera, open, &frames, &stop, &heart, report);
            life.done();
        })
}
