//! Limen's side: a gallery that is asked for a few queries at a time.

use std::io::{BufRead, Read, Write};
use std::path::Path;

use anyhow::Context;
use cpu_time::ThreadTime;
use limen_face::{Calibration, Embedding, Gallery, Probe, Template};
use serde_json::json;

use super::QUERIES;
use crate::bench::report::{peak_rss_mib, rss_mib};

/// FPIR of the decisions.
const FPIR: f64 = 1e-3;

/// What is done with a query.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Way {
    /// The two nearest people are found.
    Nearest,
    /// It is decided who it is, if anybody.
    Decision,
}

/// Reads the queries and the templates from stdin, says that it is ready, and answers until stdin ends.
pub fn run(models: &Path, way: Way, templates: usize) -> anyhow::Result<()> {
    let calibration = Calibration::load(models).context("can't load the calibration")?;
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let before = rss_mib();
    let mut probes = Vec::with_capacity(QUERIES);
    for _ in 0..QUERIES {
        probes.push(Probe::from_frames(&[embedding(&mut input)?])?);
    }
    let mut people = Vec::with_capacity(templates);
    for person in 0..templates {
        people.push((person, Template::from_photos(&[embedding(&mut input)?])?));
    }
    let start = ThreadTime::now();
    let gallery = Gallery::new(people, calibration);
    let about = json!({
        "side": match way {
            Way::Nearest => "Limen",
            Way::Decision => "Limen, decision",
        },
        "ready_ms": start.elapsed().as_secs_f64() * 1e3,
        "before_mib": before,
    });
    writeln!(output, "{about}")?;

    for line in input.lines() {
        let line = line?;
        let asked = line
            .split_once(' ')
            .context("no two numbers were asked for")?;
        let (first, count): (usize, usize) = (asked.0.parse()?, asked.1.parse()?);
        let asked = &probes[first..first + count];
        let mut found = Vec::with_capacity(count);
        let start = ThreadTime::now();
        match way {
            Way::Nearest => found.extend(asked.iter().map(|probe| gallery.search(probe, 2))),
            Way::Decision => {
                for probe in asked {
                    std::hint::black_box(gallery.identify(probe, FPIR));
                }
            }
        }
        let took = start.elapsed();
        let people = found.iter().map(|near| near.iter().map(|one| one.0));
        let answer = json!({
            "ns": took.as_nanos() as f64,
            "people": people.map(Iterator::collect::<Vec<_>>).collect::<Vec<_>>(),
            "rss_mib": rss_mib(),
            "peak_rss_mib": peak_rss_mib(),
        });
        writeln!(output, "{answer}")?;
    }
    Ok(())
}

fn embedding(input: &mut impl Read) -> anyhow::Result<Embedding> {
    let mut bytes = [0; size_of::<Embedding>()];
    input
        .read_exact(&mut bytes)
        .context("vectors are missing")?;
    let values = bytes.as_chunks().0;
    Ok(Embedding(std::array::from_fn(|at| {
        f32::from_ne_bytes(values[at])
    })))
}
