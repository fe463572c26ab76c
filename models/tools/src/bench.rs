//! How long a frame takes to become an identity.

mod report;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use cpu_time::ThreadTime;
use limen_face::{Calibration, Embedding, Frame, Gallery, Models, Probe, Template};

use crate::frames;
use report::{Peer, Report, Stage};

/// FPIR of the identifications that are timed.
const FPIR: f64 = 1e-3;

/// Arguments of `limen-face bench`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Pictures, or folders of them.
    #[arg(required = true)]
    frames: Vec<PathBuf>,
    /// Rounds over all frames.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// People in the gallery that faces are looked up in (made up).
    #[arg(long, default_value_t = 100)]
    gallery: usize,
    /// What tools/peer/face_recognition_bench.py printed for the same frames: adds ratios to it.
    #[arg(long)]
    peer: Option<PathBuf>,
}

/// Runs the bench and prints its report.
pub fn run(models: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let peer = arguments.peer.as_deref().map(Peer::read).transpose()?;
    let frames = frames::read(&arguments.frames)?;
    let start = Instant::now();
    let models_loaded = Models::load(models).context("can't load the models")?;
    let calibration = Calibration::load(models).context("can't load the calibration")?;
    let load = start.elapsed();
    let bench = Bench {
        models: models_loaded,
        gallery: made_up(arguments.gallery, calibration)?,
    };
    // The first run allocates.
    bench.look(&frames[0])?;

    let mut seen = Vec::with_capacity(frames.len() * arguments.repeat as usize);
    for _ in 0..arguments.repeat {
        for frame in &frames {
            seen.push(bench.look(frame)?);
        }
    }
    let report = Report::new(&frames, arguments, &seen, load, peer.as_ref());
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    write!(std::io::stderr().lock(), "{report}")?;
    Ok(())
}

struct Bench {
    models: Models,
    gallery: Gallery<usize>,
}

/// What one frame took, over all of its faces.
struct Look {
    faces: usize,
    spans: [Span; Stage::ALL.len()],
}

#[derive(Clone, Copy, Default)]
struct Span {
    cpu: Duration,
    wall: Duration,
}

impl Bench {
    fn look(&self, frame: &Frame) -> anyhow::Result<Look> {
        let mut spans = [Span::default(); Stage::ALL.len()];
        let faces = timed(&mut spans[0], || self.models.detect(frame))?;
        for face in &faces {
            let aligned = timed(&mut spans[1], || self.models.align(frame, face))?;
            let embedding = timed(&mut spans[2], || self.models.embed_chip(&aligned.chip))?;
            timed(&mut spans[3], || {
                let probe = Probe::from_frames(&[embedding])?;
                anyhow::Ok(self.gallery.identify(&probe, FPIR))
            })?;
        }
        let sum = |of: fn(&Span) -> Duration| spans.iter().map(of).sum();
        spans[4] = Span {
            cpu: sum(|span| span.cpu),
            wall: sum(|span| span.wall),
        };
        Ok(Look {
            faces: faces.len(),
            spans,
        })
    }
}

/// Runs something and adds what it took.
fn timed<T>(span: &mut Span, run: impl FnOnce() -> T) -> T {
    let (cpu, wall) = (ThreadTime::now(), Instant::now());
    let result = run();
    span.wall += wall.elapsed();
    span.cpu += cpu.elapsed();
    result
}

/// A gallery of people who don't exist: random embeddings, the same at every run.
fn made_up(people: usize, calibration: Calibration) -> anyhow::Result<Gallery<usize>> {
    let mut state = 1_u64;
    let mut value = || {
        // Knuth's MMIX generator: its high bits are random enough for this.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    let mut list = Vec::with_capacity(people);
    for person in 0..people {
        let embedding = Embedding(std::array::from_fn(|_| value()));
        list.push((person, Template::from_photos(&[embedding])?));
    }
    Ok(Gallery::new(list, calibration))
}
