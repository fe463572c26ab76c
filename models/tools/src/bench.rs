//! How long a frame takes to become an identity.

mod asked;
mod eyes;
mod peer;
mod report;
pub mod search;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use limen_face::Models;

use crate::frames::{self, Picture};
use eyes::{Eyes, Seen, Span};
use peer::Peer;
use report::Report;

/// Arguments of `limen-face bench`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folders of a camera's frames in the order of their names; pictures may be named singly too.
    #[arg(required = true)]
    frames: Vec<PathBuf>,
    /// Rounds over all frames.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Frames a second.
    #[arg(long, default_value_t = 10.0)]
    fps: f64,
    /// People in the gallery that faces are looked up in (made up).
    #[arg(long, default_value_t = 100)]
    gallery: usize,
    /// Photographs, in a folder for each person, whose name is that of the folder of the person's frames: counts
    /// the frames in which the person is known.
    #[arg(long)]
    enrol: Option<PathBuf>,
    /// Frames of a doorway with nobody in it.
    #[arg(long)]
    empty: Option<PathBuf>,
    /// A Python that has dlib and face_recognition_models: looks at every frame in turn with it, by
    /// tools/peer/face_recognition_bench.py in the folder of the models.
    #[arg(long)]
    peer: Option<PathBuf>,
}

/// Frames of one person, or of nobody in particular.
struct Clip {
    name: String,
    frames: Vec<Picture>,
}

/// What was seen of one frame, by each way.
struct Look {
    /// As if it were the first.
    alone: Seen,
    /// Knowing those before.
    followed: Seen,
    peer: Option<Seen>,
    /// Number of the round.
    round: u32,
    /// Number of the clip.
    clip: usize,
}

/// Runs the bench and prints its report.
pub fn run(models: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let clips = clips(&arguments.frames)?;
    let start = Instant::now();
    let loaded = Models::load(models).context("can't load the models")?;
    let load = start.elapsed();
    let eyes = Eyes::new(loaded, models, arguments.gallery)?;
    let script = models.join("tools/peer/face_recognition_bench.py");
    let mut peer = arguments
        .peer
        .as_deref()
        .map(|python| Peer::start(python, &script))
        .transpose()?;

    let mut known = Vec::new();
    for clip in &clips {
        let folder = arguments.enrol.as_ref().map(|enrol| enrol.join(&clip.name));
        let mut embeddings = [Vec::new(), Vec::new()];
        if let Some(folder) = folder.filter(|folder| folder.is_dir()) {
            for photo in frames::pictures(&[folder])? {
                embeddings[0].extend(eyes.alone(&photo)?.embedding);
                if let Some(peer) = &mut peer {
                    embeddings[1].extend(peer.look(&photo)?.embedding);
                }
            }
        }
        known.push(embeddings);
    }

    // The first run allocates.
    eyes.alone(&clips[0].frames[0])?;
    let period = Duration::from_secs_f64(1.0 / arguments.fps);
    let mut looks = Vec::new();
    for round in 0..arguments.repeat {
        let mut watch = eyes::Followed::default();
        for (number, clip) in clips.iter().enumerate() {
            for picture in &clip.frames {
                let theirs = peer.as_mut().map(|peer| peer.look(picture)).transpose()?;
                looks.push(Look {
                    followed: eyes.followed(picture, &mut watch, period)?,
                    alone: eyes.alone(picture)?,
                    peer: theirs,
                    round,
                    clip: number,
                });
            }
        }
    }
    let empty = arguments.empty.as_deref();
    let empty = empty
        .map(|folder| doorway(&eyes, folder, period))
        .transpose()?;

    let report = Report::new(
        arguments,
        &clips,
        &known,
        &looks,
        load,
        empty,
        peer.as_ref(),
    );
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    write!(std::io::stderr().lock(), "{report}")?;
    Ok(())
}

/// What every frame of an empty doorway costs, those included in which the detectors look at it.
fn doorway(eyes: &Eyes, folder: &Path, period: Duration) -> anyhow::Result<Vec<Span>> {
    let frames = frames::pictures(&[folder.to_owned()])?;
    let mut watch = eyes::Followed::default();
    // The first frame is looked at in any case: it is not what a doorway costs day and night.
    eyes.followed(&frames[0], &mut watch, period)?;
    let rest = frames[1..].iter();
    rest.map(|picture| Ok(eyes.followed(picture, &mut watch, period)?.total()))
        .collect()
}

/// Each folder is a clip, and so is each picture by itself.
fn clips(paths: &[PathBuf]) -> anyhow::Result<Vec<Clip>> {
    let clip = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        anyhow::Ok(Clip {
            name: name.into_owned(),
            frames: frames::pictures(std::slice::from_ref(path))?,
        })
    };
    paths.iter().map(clip).collect()
}
