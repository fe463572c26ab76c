//! What the bench found, as JSON and as a table, beside a peer's figures where they are given.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use limen_face::Frame;
use serde::{Deserialize, Serialize};

use super::{Arguments, Look, Span};

/// The stages of the pipeline, in order; the last is their sum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Detect,
    Align,
    Embed,
    Identify,
    Total,
}

impl Stage {
    pub const ALL: [Self; 5] = [
        Self::Detect,
        Self::Align,
        Self::Embed,
        Self::Identify,
        Self::Total,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Align => "align",
            Self::Embed => "embed",
            Self::Identify => "identify",
            Self::Total => "total",
        }
    }
}

/// Milliseconds per frame.
#[derive(Serialize, Deserialize)]
struct Times {
    median: f64,
    p95: f64,
    mean: f64,
}

impl Times {
    fn of(spans: impl Iterator<Item = Duration>) -> Self {
        let mut all: Vec<f64> = spans.map(|span| span.as_secs_f64() * 1e3).collect();
        all.sort_by(f64::total_cmp);
        // Straight between the two nearest, as numpy's percentiles are.
        let at = |share: f64| {
            let place = share * (all.len() - 1) as f64;
            let (low, high) = (all[place.floor() as usize], all[place.ceil() as usize]);
            rounded(low + (high - low) * place.fract())
        };
        let mean = rounded(all.iter().sum::<f64>() / all.len() as f64);
        Self {
            median: at(0.5),
            p95: at(0.95),
            mean,
        }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// What tools/peer/face_recognition_bench.py prints, as far as it is compared.
#[derive(Deserialize)]
pub struct Peer {
    peer: String,
    dlib: Dlib,
    frames: usize,
    sizes: BTreeSet<String>,
    faces: usize,
    thread_cpu_ms: BTreeMap<String, Times>,
    peak_rss_mib: f64,
}

#[derive(Deserialize)]
struct Dlib {
    version: String,
    generic_build: bool,
}

impl Peer {
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not what the peer's bench prints", path.display()))
    }

    fn median(&self, stages: &[&str]) -> f64 {
        stages
            .iter()
            .filter_map(|stage| self.thread_cpu_ms.get(*stage))
            .map(|times| times.median)
            .sum()
    }
}

/// The peer's medians divided by ours: more than 1 means that Limen is faster, or takes less memory.
#[derive(Serialize)]
struct Ratios {
    peer: String,
    dlib: String,
    /// Whether both saw the same number of frames of the same sizes, and the peer's dlib is no generic build.
    fair: bool,
    peer_faces: usize,
    detect: f64,
    /// Landmarks, chip and embedding.
    align_and_embed: f64,
    total: f64,
    memory: f64,
}

/// The whole report.
#[derive(Serialize)]
pub struct Report {
    tool: String,
    optimised: bool,
    frames: usize,
    repeat: u32,
    sizes: BTreeSet<String>,
    faces: usize,
    frames_without_face: usize,
    gallery: usize,
    thread_cpu_ms: BTreeMap<Stage, Times>,
    wall_ms: BTreeMap<Stage, Times>,
    load_ms: f64,
    peak_rss_mib: Option<f64>,
    peer: Option<Ratios>,
}

impl Report {
    pub(super) fn new(
        frames: &[Frame],
        arguments: &Arguments,
        seen: &[Look],
        load: Duration,
        peer: Option<&Peer>,
    ) -> Self {
        let times = |of: fn(&Span) -> Duration| {
            let of_stage = |i: usize| Times::of(seen.iter().map(|look| of(&look.spans[i])));
            Stage::ALL
                .into_iter()
                .enumerate()
                .map(|(i, stage)| (stage, of_stage(i)))
                .collect()
        };
        let first_round = &seen[..frames.len()];
        let mut report = Self {
            tool: format!("limen-face {}", env!("CARGO_PKG_VERSION")),
            optimised: !cfg!(debug_assertions),
            frames: frames.len(),
            repeat: arguments.repeat,
            sizes: frames
                .iter()
                .map(|one| format!("{}x{}", one.width(), one.height()))
                .collect(),
            faces: first_round.iter().map(|look| look.faces).sum(),
            frames_without_face: first_round.iter().filter(|look| look.faces == 0).count(),
            gallery: arguments.gallery,
            thread_cpu_ms: times(|span| span.cpu),
            wall_ms: times(|span| span.wall),
            load_ms: rounded(load.as_secs_f64() * 1e3),
            peak_rss_mib: peak_rss_mib(),
            peer: None,
        };
        report.peer = peer.map(|peer| report.ratios(peer));
        report
    }

    fn ratios(&self, peer: &Peer) -> Ratios {
        let own = |stages: &[Stage]| -> f64 {
            stages
                .iter()
                .map(|stage| self.thread_cpu_ms[stage].median)
                .sum()
        };
        let ratio = |theirs: f64, ours: f64| ((theirs / ours) * 100.0).round() / 100.0;
        let same = peer.frames == self.frames && peer.sizes == self.sizes;
        Ratios {
            peer: peer.peer.clone(),
            dlib: peer.dlib.version.clone(),
            fair: same && !peer.dlib.generic_build,
            peer_faces: peer.faces,
            detect: ratio(peer.median(&["detect"]), own(&[Stage::Detect])),
            align_and_embed: ratio(
                peer.median(&["landmarks", "embed"]),
                own(&[Stage::Align, Stage::Embed]),
            ),
            total: ratio(peer.median(&["total"]), own(&[Stage::Total])),
            memory: ratio(peer.peak_rss_mib, self.peak_rss_mib.unwrap_or(f64::NAN)),
        }
    }
}

/// The most memory that this process ever had in RAM, from Linux's /proc.
fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib / 1024.0 * 10.0).round() / 10.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<&str> = self.sizes.iter().map(String::as_str).collect();
        writeln!(
            f,
            "{}: {} frames ({}), {} rounds, {} faces, {} people enrolled",
            self.tool,
            self.frames,
            sizes.join(", "),
            self.repeat,
            self.faces,
            self.gallery
        )?;
        writeln!(
            f,
            "{:<10}{:>12}{:>10}{:>12}",
            "ms a frame", "CPU median", "CPU p95", "wall median"
        )?;
        for stage in Stage::ALL {
            let (cpu, wall) = (&self.thread_cpu_ms[&stage], &self.wall_ms[&stage]);
            writeln!(
                f,
                "{:<10}{:>12.2}{:>10.2}{:>12.2}",
                stage.name(),
                cpu.median,
                cpu.p95,
                wall.median
            )?;
        }
        writeln!(f, "models loaded in {:.0} ms", self.load_ms)?;
        if let Some(peak) = self.peak_rss_mib {
            writeln!(f, "peak memory {peak} MiB")?;
        }
        if let Some(peer) = &self.peer {
            writeln!(
                f,
                "{} on dlib {}, as many times slower: detect {}, align and embed {}, total {}; memory {}",
                peer.peer, peer.dlib, peer.detect, peer.align_and_embed, peer.total, peer.memory
            )?;
            if !peer.fair {
                writeln!(
                    f,
                    "*** NOT A FAIR COMPARISON: other frames, or a generic build of dlib"
                )?;
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
    }
}
