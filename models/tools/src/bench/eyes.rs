//! The pipeline, stage by stage, with a clock.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use cpu_time::ThreadTime;
use limen_face::{
    Calibration, Detection, Embedding, Frame, Gallery, Models, Probe, Template, Watch,
};

use crate::frames::Picture;

/// FPIR of the identifications that are timed.
const FPIR: f64 = 1e-3;
/// Stages that are timed one by one: decode, detect, align, embed, identify.
pub const STAGES: usize = 5;

/// The models and a gallery to look faces up in.
pub struct Eyes {
    models: Models,
    gallery: Gallery<usize>,
}

/// What a camera's frames before said, and the time of the next.
#[derive(Default)]
pub struct Followed {
    watch: Watch,
    at: Duration,
}

/// What was seen in one frame, over all of its faces.
pub struct Seen {
    /// Faces found.
    pub faces: usize,
    /// Columns and rows.
    pub size: String,
    /// What each stage took.
    pub spans: [Span; STAGES],
    /// Of the widest face.
    pub embedding: Option<Embedding>,
}

/// What something took.
#[derive(Clone, Copy, Default)]
pub struct Span {
    /// Of this thread.
    pub cpu: Duration,
    /// By the clock on the wall.
    pub wall: Duration,
}

impl Seen {
    /// All stages together.
    pub fn total(&self) -> Span {
        let sum = |of: fn(&Span) -> Duration| self.spans.iter().map(of).sum();
        Span {
            cpu: sum(|span| span.cpu),
            wall: sum(|span| span.wall),
        }
    }
}

impl Eyes {
    /// Reads the calibration from the folder, and makes people up.
    pub fn new(models: Models, folder: &Path, people: usize) -> anyhow::Result<Self> {
        let calibration = Calibration::load(folder).context("can't load the calibration")?;
        let gallery = made_up(people, calibration)?;
        Ok(Self { models, gallery })
    }

    /// Looks at a frame as if it were the first.
    pub fn alone(&self, picture: &Picture) -> anyhow::Result<Seen> {
        self.see(picture, |frame| self.models.detect(frame))
    }

    /// Looks at the next frame of a camera.
    pub fn followed(
        &self,
        picture: &Picture,
        before: &mut Followed,
        period: Duration,
    ) -> anyhow::Result<Seen> {
        let at = before.at;
        before.at += period;
        self.see(picture, |frame| {
            self.models.follow(frame, at, &mut before.watch)
        })
    }

    fn see(
        &self,
        picture: &Picture,
        detect: impl FnOnce(&Frame) -> Result<Vec<Detection>, limen_face::FaceError>,
    ) -> anyhow::Result<Seen> {
        let mut spans = [Span::default(); STAGES];
        let frame = timed(&mut spans[0], || picture.decode())?;
        let faces = timed(&mut spans[1], || detect(&frame))?;
        let widest = faces
            .iter()
            .max_by(|a, b| a.bounds.width().total_cmp(&b.bounds.width()));
        let mut kept = None;
        for face in &faces {
            let aligned = timed(&mut spans[2], || self.models.align(&frame, face))?;
            let embedding = timed(&mut spans[3], || self.models.embed_chip(&aligned.chip))?;
            if Some(face) == widest {
                kept = Some(embedding.clone());
            }
            timed(&mut spans[4], || {
                let probe = Probe::from_frames(&[embedding])?;
                anyhow::Ok(self.gallery.identify(&probe, FPIR))
            })?;
        }
        Ok(Seen {
            faces: faces.len(),
            size: format!("{}x{}", frame.width(), frame.height()),
            spans,
            embedding: kept,
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

/// A gallery of people who don't exist.
fn made_up(people: usize, calibration: Calibration) -> anyhow::Result<Gallery<usize>> {
    let mut list = Vec::with_capacity(people);
    for (person, stranger) in strangers().take(people).enumerate() {
        list.push((person, Template::from_photos(&[stranger])?));
    }
    Ok(Gallery::new(list, calibration))
}

/// Embeddings of people who don't exist: random, the same at every run.
pub fn strangers() -> impl Iterator<Item = Embedding> {
    let mut state = 1_u64;
    let mut value = move || {
        // Knuth's MMIX generator: its high bits are random enough for this.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    std::iter::repeat_with(move || Embedding(std::array::from_fn(|_| value())))
}
