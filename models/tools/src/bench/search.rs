//! How long it takes to find the two nearest people of a gallery, and what memory that takes, beside numpy and faiss.
//!
//! Every side is a process of its own that is given the same vectors and asked in turn for the same few queries, so
//! that all see the same state of the machine: Limen's is this program once more.

mod report;
mod serve;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use limen_face::Embedding;
use serde::Deserialize;

use super::asked::Asked;
use super::eyes::strangers;
use report::{OfGallery, Report};

/// Different queries. Half are strangers, half are like one of the gallery.
const QUERIES: usize = 1000;
/// A turn of one side compares about so many templates.
const TURN: usize = 100_000;
/// What the script beside this one knows to search with.
const PEERS: [&str; 4] = ["numpy-argmax", "numpy-argpartition", "faiss-ip", "faiss-l2"];

/// Arguments of `limen-face search`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Sizes of galleries, in people with one template each (made up).
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000],
          value_parser = sizes())]
    templates: Vec<u64>,
    /// Turns of every side.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// A Python that has numpy and faiss: searches in turn with them, by tools/peer/gallery_search.py in the folder
    /// of the models.
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Answers on stdin: is one of the sides, in this way.
    #[arg(long, hide = true)]
    serve: Option<serve::Way>,
}

fn sizes() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(2..=1_000_000)
}

/// What a side says of itself when it is ready.
#[derive(Deserialize)]
struct About {
    side: String,
    /// What it took to make a gallery of the vectors.
    ready_ms: f64,
    /// Memory in RAM before the vectors came.
    before_mib: f64,
}

/// What a side says to a turn's queries.
#[derive(Deserialize)]
struct Answer {
    /// CPU time of the thread, for all of them.
    ns: f64,
    /// The two nearest to each, where they are told.
    people: Vec<[usize; 2]>,
    /// Memory in RAM: now, and the most so far.
    rss_mib: f64,
    peak_rss_mib: f64,
}

/// One side and what it answered, turn by turn.
struct Side {
    script: Asked,
    about: About,
    answers: Vec<Answer>,
}

impl Side {
    /// Starts it and gives it the queries and the templates.
    fn start(command: &mut Command, vectors: &[u8]) -> anyhow::Result<Self> {
        let mut script = Asked::start(command)?;
        script.give(vectors)?;
        Ok(Self {
            about: script.hear()?,
            script,
            answers: Vec::new(),
        })
    }
}

/// Runs the bench and prints its report, or is one side of it.
pub fn run(models: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(way) = arguments.serve {
        return serve::run(models, way, arguments.templates[0] as usize);
    }
    let mut galleries = Vec::new();
    for &templates in &arguments.templates {
        galleries.push(gallery(models, arguments, templates as usize)?);
    }
    let report = Report::new(arguments.rounds, galleries);
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    write!(std::io::stderr().lock(), "{report}")?;
    Ok(())
}

/// All sides on a gallery of one size. Limen's search is the first, its whole decision the second.
fn gallery(models: &Path, arguments: &Arguments, templates: usize) -> anyhow::Result<OfGallery> {
    let vectors = vectors(templates);
    let own = std::env::current_exe().context("can't find this program")?;
    let mut sides = Vec::new();
    for way in ["nearest", "decision"] {
        let mut command = Command::new(&own);
        command.arg("--models").arg(models);
        command.args(["search", "--serve", way, "--templates"]);
        sides.push(Side::start(command.arg(templates.to_string()), &vectors)?);
    }
    if let Some(python) = &arguments.peer {
        let script = models.join("tools/peer/gallery_search.py");
        for way in PEERS {
            let mut command = Command::new(python);
            command.arg("-B").arg(&script).arg(way);
            let numbers = [QUERIES.to_string(), templates.to_string()];
            sides.push(Side::start(command.args(numbers), &vectors)?);
        }
    }
    drop(vectors);
    let count = (TURN / templates).clamp(1, QUERIES / 10);
    for round in 0..arguments.rounds as usize {
        let first = round * count % QUERIES;
        // Nobody always comes after the same one.
        for turn in 0..sides.len() {
            let number = (turn + round) % sides.len();
            let side = &mut sides[number];
            let answer: Answer = side.script.ask(format_args!("{first} {count}"))?;
            ensure!(
                answer.people.is_empty() || answer.people.len() == count,
                "{} answered something else than was asked",
                side.about.side
            );
            side.answers.push(answer);
        }
    }
    Ok(OfGallery::new(templates, count, &sides))
}

/// The queries and then the templates, float32 of the machine's order, none at unit length.
fn vectors(templates: usize) -> Vec<u8> {
    let made: Vec<Embedding> = strangers().take(QUERIES + templates).collect();
    let (queries, gallery) = made.split_at(QUERIES);
    let query = |(number, stranger): (usize, &Embedding)| {
        let mut values = stranger.0;
        if number % 2 == 1 {
            let alike = &gallery[number * templates / QUERIES].0;
            for (value, of) in values.iter_mut().zip(alike) {
                *value = of + 0.3 * *value;
            }
        }
        values
    };
    let queries = queries.iter().enumerate().map(query);
    let all = queries.chain(gallery.iter().map(|one| one.0));
    all.flatten().flat_map(f32::to_ne_bytes).collect()
}
