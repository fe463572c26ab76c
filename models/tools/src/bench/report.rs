//! What the bench found, as JSON and as a table, beside a peer's figures where there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use limen_face::Embedding;
use serde::Serialize;

use super::eyes::{Seen, Span};
use super::peer::Peer;
use super::{Arguments, Clip, Look};

/// face_recognition's own tolerance on the plain distance, for both sides alike.
const TOLERANCE: f32 = 0.6;

/// The stages of the pipeline, in order; the last is their sum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Decode,
    Detect,
    Align,
    Embed,
    Identify,
    Total,
}

impl Stage {
    const ALL: [Self; 6] = [
        Self::Decode,
        Self::Detect,
        Self::Align,
        Self::Embed,
        Self::Identify,
        Self::Total,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Detect => "detect",
            Self::Align => "align",
            Self::Embed => "embed",
            Self::Identify => "identify",
            Self::Total => "total",
        }
    }

    fn of(self, seen: &Seen) -> Span {
        match self {
            Self::Total => seen.total(),
            one => seen.spans[one as usize],
        }
    }
}

/// Milliseconds per frame.
#[derive(Serialize)]
struct Times {
    median: f64,
    p95: f64,
    mean: f64,
}

impl Times {
    fn of(spans: impl Iterator<Item = Duration>) -> Self {
        let mut all: Vec<f64> = spans.map(ms).collect();
        all.sort_by(f64::total_cmp);
        Self {
            median: rounded(percentile(&all, 0.5)),
            p95: rounded(percentile(&all, 0.95)),
            mean: rounded(all.iter().sum::<f64>() / all.len() as f64),
        }
    }
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// One way to look at the frames. Times are of those in which somebody is: any of the ways found a face.
#[derive(Serialize)]
struct Way {
    faces: usize,
    /// Frames of enrolled people in which the widest face is nearest to its own person's photographs, within 0.6.
    known: usize,
    /// The same, nearest to another person's.
    mistaken: usize,
    thread_cpu_ms: BTreeMap<Stage, Times>,
    wall_ms: Option<BTreeMap<Stage, Times>>,
}

/// The peer's times divided by ours: more than 1 means that Limen is faster.
#[derive(Serialize)]
struct Ratios {
    /// Of medians.
    detect: f64,
    /// Landmarks, chip and embedding, of medians.
    align_and_embed: f64,
    /// Of medians.
    total: f64,
    /// Of the sums over all frames.
    total_of_sums: f64,
    /// `total` of the slowest round, and of the fastest.
    total_of_rounds: [f64; 2],
}

/// The other side.
#[derive(Serialize)]
struct Beside {
    peer: String,
    dlib: String,
    /// Whether the peer's dlib is no generic build.
    fair: bool,
    seen: Way,
    alone: Ratios,
    followed: Ratios,
    memory: f64,
}

/// A doorway with nobody in it, frame by frame, decoding included.
#[derive(Serialize)]
struct Empty {
    frames: usize,
    thread_cpu_ms: Times,
    /// The mean, as a part of what a frame with somebody takes (`followed`, median).
    of_a_recognition: f64,
}

/// The whole report.
#[derive(Serialize)]
pub struct Report {
    tool: String,
    optimised: bool,
    frames: usize,
    frames_with_somebody: usize,
    frames_of_enrolled: usize,
    repeat: u32,
    fps: f64,
    sizes: BTreeSet<String>,
    gallery: usize,
    /// Every frame as if it were the first.
    alone: Way,
    /// Every frame knowing those before it.
    followed: Way,
    empty: Option<Empty>,
    load_ms: f64,
    peak_rss_mib: Option<f64>,
    peer: Option<Beside>,
}

/// Picks what one way saw of a frame.
type Of = fn(&Look) -> Option<&Seen>;

fn alone(look: &Look) -> Option<&Seen> {
    Some(&look.alone)
}

fn followed(look: &Look) -> Option<&Seen> {
    Some(&look.followed)
}

fn peers(look: &Look) -> Option<&Seen> {
    look.peer.as_ref()
}

impl Report {
    pub(super) fn new(
        arguments: &Arguments,
        clips: &[Clip],
        known: &[[Vec<Embedding>; 2]],
        looks: &[Look],
        load: Duration,
        empty: Option<Vec<Span>>,
        peer: Option<&Peer>,
    ) -> Self {
        let ways: [Of; 3] = [alone, followed, peers];
        let somebody = |look: &&Look| {
            ways.iter()
                .any(|of| of(look).is_some_and(|seen| seen.faces > 0))
        };
        let with: Vec<&Look> = looks.iter().filter(somebody).collect();
        let first: Vec<&Look> = looks.iter().filter(|look| look.round == 0).collect();
        let way = |of: Of, side: usize| Way::new(of, side, known, &first, &with);
        let followed_way = way(followed, 0);
        let median = followed_way.thread_cpu_ms[&Stage::Total].median;
        let rss = peak_rss_mib();
        Self {
            tool: format!("limen-face {}", env!("CARGO_PKG_VERSION")),
            optimised: !cfg!(debug_assertions),
            frames: first.len(),
            frames_with_somebody: with.iter().filter(|look| look.round == 0).count(),
            frames_of_enrolled: clips
                .iter()
                .zip(known)
                .filter(|(_, known)| !known[0].is_empty())
                .map(|(clip, _)| clip.frames.len())
                .sum(),
            repeat: arguments.repeat,
            fps: arguments.fps,
            sizes: looks.iter().map(|look| look.alone.size.clone()).collect(),
            gallery: arguments.gallery,
            empty: empty.map(|spans| Empty::new(&spans, median)),
            load_ms: rounded(ms(load)),
            peak_rss_mib: rss,
            peer: peer.map(|peer| Beside {
                peer: peer.names().0.to_owned(),
                dlib: peer.names().1.to_owned(),
                fair: !peer.is_generic(),
                seen: way(peers, 1),
                alone: Ratios::new(alone, &with, arguments.repeat),
                followed: Ratios::new(followed, &with, arguments.repeat),
                memory: hundredths(peer.peak_rss_mib() / rss.unwrap_or(f64::NAN)),
            }),
            alone: way(alone, 0),
            followed: followed_way,
        }
    }
}

impl Way {
    fn new(
        of: Of,
        side: usize,
        known: &[[Vec<Embedding>; 2]],
        first: &[&Look],
        with: &[&Look],
    ) -> Self {
        let times = |span: fn(&Span) -> Duration| {
            let of_stage = |stage: Stage| {
                Times::of(
                    with.iter()
                        .filter_map(|look| of(look))
                        .map(|seen| span(&stage.of(seen))),
                )
            };
            Stage::ALL
                .into_iter()
                .map(|stage| (stage, of_stage(stage)))
                .collect()
        };
        let (mut right, mut wrong) = (0, 0);
        for look in first {
            let embedding = of(look).and_then(|seen| seen.embedding.as_ref());
            match embedding.and_then(|embedding| nearest(embedding, known, side)) {
                Some(person) if person == look.clip => right += 1,
                Some(_) => wrong += 1,
                None => {}
            }
        }
        // The peer does not tell its time on the wall.
        let tells_wall = side == 0;
        Self {
            faces: first
                .iter()
                .filter_map(|look| of(look))
                .map(|seen| seen.faces)
                .sum(),
            known: right,
            mistaken: wrong,
            thread_cpu_ms: times(|span| span.cpu),
            wall_ms: tells_wall.then(|| times(|span| span.wall)),
        }
    }
}

/// Whose photograph is nearest and near enough: the number of the clip.
fn nearest(face: &Embedding, known: &[[Vec<Embedding>; 2]], side: usize) -> Option<usize> {
    let photos = known.iter().enumerate();
    let all = photos.flat_map(|(person, photos)| photos[side].iter().map(move |one| (person, one)));
    all.map(|(person, photo)| (person, face.distance(photo)))
        .filter(|(_, distance)| *distance <= TOLERANCE)
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(person, _)| person)
}

impl Ratios {
    fn new(of: Of, with: &[&Look], rounds: u32) -> Self {
        let median = |of: Of, looks: &[&Look], stages: &[Stage]| -> f64 {
            let cpu = |seen: &Seen, stage: &Stage| stage.of(seen).cpu;
            let sums = stages.iter().map(|stage| {
                Times::of(
                    looks
                        .iter()
                        .filter_map(|look| of(look))
                        .map(|seen| cpu(seen, stage)),
                )
                .median
            });
            sums.sum()
        };
        let ratio = |looks: &[&Look], stages: &[Stage]| {
            hundredths(median(peers, looks, stages) / median(of, looks, stages))
        };
        let sum = |of: Of| -> f64 {
            with.iter()
                .filter_map(|look| of(look))
                .map(|seen| ms(seen.total().cpu))
                .sum()
        };
        let of_round = |round: u32| {
            let looks: Vec<&Look> = with
                .iter()
                .copied()
                .filter(|look| look.round == round)
                .collect();
            ratio(&looks, &[Stage::Total])
        };
        let of_rounds: Vec<f64> = (0..rounds).map(of_round).collect();
        Self {
            detect: ratio(with, &[Stage::Detect]),
            align_and_embed: ratio(with, &[Stage::Align, Stage::Embed]),
            total: ratio(with, &[Stage::Total]),
            total_of_sums: hundredths(sum(peers) / sum(of)),
            total_of_rounds: [
                of_rounds.iter().copied().fold(f64::INFINITY, f64::min),
                of_rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            ],
        }
    }
}

impl Empty {
    fn new(spans: &[Span], recognition: f64) -> Self {
        let times = Times::of(spans.iter().map(|span| span.cpu));
        Self {
            frames: spans.len(),
            of_a_recognition: rounded(times.mean / recognition),
            thread_cpu_ms: times,
        }
    }
}

/// The value below which this share of sorted ones lies: straight between the two nearest, as numpy's are.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let value = |place: f64| sorted.get(place as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (value(place.floor()), value(place.ceil()));
    low + (high - low) * place.fract()
}

pub fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The most memory that this process ever had in RAM.
pub fn peak_rss_mib() -> Option<f64> {
    memory_mib("VmHWM:")
}

/// The memory that this process has in RAM.
pub fn rss_mib() -> Option<f64> {
    memory_mib("VmRSS:")
}

/// From Linux's /proc.
fn memory_mib(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib / 1024.0 * 10.0).round() / 10.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<&str> = self.sizes.iter().map(String::as_str).collect();
        writeln!(
            f,
            "{}: {} frames ({}) at {} a second, somebody in {}; {} rounds, {} people enrolled",
            self.tool,
            self.frames,
            sizes.join(", "),
            self.fps,
            self.frames_with_somebody,
            self.repeat,
            self.gallery
        )?;
        let mut ways = vec![("alone", &self.alone), ("followed", &self.followed)];
        if let Some(beside) = &self.peer {
            ways.push((&beside.peer, &beside.seen));
        }
        writeln!(f, "CPU ms a frame with somebody, median (mean)")?;
        write!(f, "{:<10}", "")?;
        for (name, _) in &ways {
            write!(f, "{name:>24}")?;
        }
        writeln!(f)?;
        for stage in Stage::ALL {
            write!(f, "{:<10}", stage.name())?;
            for (_, way) in &ways {
                let times = &way.thread_cpu_ms[&stage];
                write!(f, "{:>15.2} ({:>6.2})", times.median, times.mean)?;
            }
            writeln!(f)?;
        }
        for (name, way) in &ways {
            write!(f, "{name}: {} faces", way.faces)?;
            if self.frames_of_enrolled > 0 {
                write!(
                    f,
                    ", known in {} frames, mistaken in {}",
                    way.known, way.mistaken
                )?;
            }
            writeln!(f)?;
        }
        if let Some(empty) = &self.empty {
            writeln!(
                f,
                "an empty doorway: {:.2} ms a frame (mean of {}), {:.3} of a recognition",
                empty.thread_cpu_ms.mean, empty.frames, empty.of_a_recognition
            )?;
        }
        writeln!(f, "models loaded in {:.0} ms", self.load_ms)?;
        if let Some(peak) = self.peak_rss_mib {
            writeln!(f, "peak memory {peak} MiB")?;
        }
        if let Some(beside) = &self.peer {
            writeln!(
                f,
                "{} on dlib {}, as many times slower:",
                beside.peer, beside.dlib
            )?;
            for (name, ratios) in [("alone", &beside.alone), ("followed", &beside.followed)] {
                let [low, high] = ratios.total_of_rounds;
                writeln!(
                    f,
                    "{name:<10}total {} (rounds {low} to {high}; of sums {}), detect {}, align and embed {}",
                    ratios.total, ratios.total_of_sums, ratios.detect, ratios.align_and_embed
                )?;
            }
            writeln!(f, "memory {}", beside.memory)?;
            if !beside.fair {
                writeln!(f, "*** NOT A FAIR COMPARISON: a generic build of dlib")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_the_nearest() {
        let times = Times::of([4, 1, 3, 2].into_iter().map(Duration::from_millis));
        assert_eq!((times.median, times.mean), (2.5, 2.5));
        assert!((times.p95 - 3.85).abs() < 1e-9);
        assert!(Times::of(std::iter::empty()).median.is_nan());
    }

    #[test]
    fn the_nearest_photograph_says_who_it_is() {
        let at = |value: f32| Embedding(std::array::from_fn(|i| if i == 0 { value } else { 0.0 }));
        let known = [
            [vec![at(0.0)], vec![at(5.0)]],
            [vec![at(1.0), at(0.3)], Vec::new()],
        ];
        assert_eq!(nearest(&at(0.2), &known, 0), Some(1));
        assert_eq!(nearest(&at(-0.2), &known, 0), Some(0));
        assert_eq!(nearest(&at(2.0), &known, 0), None);
        assert_eq!(nearest(&at(5.5), &known, 1), Some(0));
    }
}
