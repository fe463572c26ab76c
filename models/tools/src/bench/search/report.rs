//! What the sides took, as JSON and as a table.

use std::fmt;

use serde::Serialize;

use super::{Answer, Side};
use crate::bench::report::{hundredths, percentile};

/// The whole run.
#[derive(Serialize)]
pub struct Report {
    tool: &'static str,
    rounds: u32,
    galleries: Vec<OfGallery>,
}

/// All sides on a gallery of one size.
#[derive(Serialize)]
pub struct OfGallery {
    templates: usize,
    /// Queries of a turn.
    queries: usize,
    sides: Vec<OfSide>,
}

/// One side. Times are CPU time of its thread, memory is what came on top of what it had before the vectors.
#[derive(Serialize)]
struct OfSide {
    side: String,
    query_us: Spread,
    /// As many times slower than Limen's search in the same round.
    times_slower: Spread,
    ready_ms: f64,
    resident_mib: f64,
    peak_mib: f64,
    /// Queries whose two nearest people it told.
    answers: usize,
    /// Those of which others were told than by Limen.
    answers_differ: usize,
}

/// Of all rounds.
#[derive(Serialize)]
struct Spread {
    least: f64,
    p5: f64,
    median: f64,
    p95: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share| hundredths(percentile(&sorted, share));
        Self {
            least: at(0.0),
            p5: at(0.05),
            median: at(0.5),
            p95: at(0.95),
        }
    }
}

impl Report {
    pub fn new(rounds: u32, galleries: Vec<OfGallery>) -> Self {
        Self {
            tool: concat!("limen-face ", env!("CARGO_PKG_VERSION")),
            rounds,
            galleries,
        }
    }
}

impl OfGallery {
    /// Of sides of which the first is Limen's search; a turn has so many queries.
    pub fn new(templates: usize, queries: usize, sides: &[Side]) -> Self {
        let limen = &sides[0].answers;
        let sides = sides.iter().map(|side| OfSide::new(side, queries, limen));
        Self {
            templates,
            queries,
            sides: sides.collect(),
        }
    }
}

impl OfSide {
    fn new(side: &Side, queries: usize, limen: &[Answer]) -> Self {
        let rounds = || side.answers.iter().zip(limen);
        let told = rounds().flat_map(|(own, limen)| own.people.iter().zip(&limen.people));
        let most = |of: fn(&Answer) -> f64| {
            let most = side.answers.iter().map(of).fold(f64::NAN, f64::max);
            ((most - side.about.before_mib) * 10.0).round() / 10.0
        };
        Self {
            side: side.about.side.clone(),
            query_us: Spread::of(rounds().map(|(own, _)| own.ns / queries as f64 / 1e3)),
            times_slower: Spread::of(rounds().map(|(own, limen)| own.ns / limen.ns)),
            ready_ms: hundredths(side.about.ready_ms),
            resident_mib: most(|answer| answer.rss_mib),
            peak_mib: most(|answer| answer.peak_rss_mib),
            answers: told.clone().count(),
            answers_differ: told.filter(|(own, limen)| own != limen).count(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: the two nearest of a gallery, {} rounds",
            self.tool, self.rounds
        )?;
        for of in &self.galleries {
            writeln!(
                f,
                "{} templates, {} queries a turn",
                of.templates, of.queries
            )?;
            writeln!(
                f,
                "{:<32}{:>18}{:>26}{:>10}{:>16}{:>16}",
                "",
                "us: median (least)",
                "times slower (5-95 %)",
                "ready ms",
                "MiB (at most)",
                "differ",
            )?;
            for side in &of.sides {
                let Spread { median, least, .. } = side.query_us;
                let slower = &side.times_slower;
                writeln!(
                    f,
                    "{:<32}{:>18}{:>26}{:>10.1}{:>16}{:>16}",
                    side.side,
                    format!("{median} ({least})"),
                    format!("{} ({}-{})", slower.median, slower.p5, slower.p95),
                    side.ready_ms,
                    format!("{} ({})", side.resident_mib, side.peak_mib),
                    format!("{} of {}", side.answers_differ, side.answers),
                )?;
            }
        }
        Ok(())
    }
}
