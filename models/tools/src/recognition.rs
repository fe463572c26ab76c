//! Writes docs/recognition.md: how well faces are recognised on a collection, what each stage costs, and what that
//! comes to on a small computer. Only counts leave the collection: no name, no path, no picture.

mod cost;
mod onnx;
mod page;
mod stages;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::eval::{self, Cache, Identification, People, Plan, Take, Verification, Workshop};
use crate::statistics::Curve;
use stages::Stage;

/// Arguments of `limen-face report`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder with the collection: `faces/` with a folder for each set, pairs_dev_tagged.csv and lfw_groups.csv.
    #[arg(long, default_value = "../shared/data")]
    collection: PathBuf,
    /// What one core of this machine reaches in a loop of multiply-adds, in GFLOP/s: times elsewhere are derived
    /// from it.
    #[arg(long)]
    core_gflops: f64,
    /// The page; a DET plot is written beside it.
    #[arg(long, default_value = "docs/recognition.md")]
    output: PathBuf,
}

/// Sets with several pictures of each person, and the one of strangers with one picture each.
const SETS: [&str; 6] = [
    "lfw",
    "lfw_strangers",
    "orl",
    "dlib_johns",
    "azure",
    "face_recognition",
];

/// Repeats the draws.
const SEED: u64 = 1;

/// What the page is made of.
struct Findings {
    commit: String,
    date: String,
    core_gflops: f64,
    verification: Verification,
    /// Several plans, in galleries of everybody.
    mixed: Vec<Identification>,
    /// Galleries of one group each.
    one_group: Identification,
    /// As at a door: what is refused.
    door: Identification,
    stages: Vec<Stage>,
    plot: String,
}

/// Measures, and writes the page and its plot.
pub fn run(models: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let (commit, date) = commit()?;
    let cache = Cache::place();
    let workshop = Workshop::open(models, cache.as_deref())?;
    let collection = &arguments.collection;
    let mut curves: Vec<(String, Curve)> = Vec::new();
    let pairs = collection.join("pairs_dev_tagged.csv");
    let (verification, found) = workshop.verify(&pairs, collection, Take::Middle)?;
    curves.extend(found);

    let mut mixed = Vec::new();
    for (enrol, frames, galleries) in [
        // 19 and 20: where another rule begins.
        (3, 3, vec![19, 20, 32]),
        (3, 1, vec![19, 20, 32, 60]),
        (1, 1, vec![32, 60, 100]),
    ] {
        let plan = plan(enrol, frames, galleries, false);
        let (identification, found) = workshop.identify(people(collection)?, plan, Take::Middle)?;
        mixed.push(identification);
        // The plot has room for the largest gallery of each plan.
        curves.extend(found.into_iter().next_back());
    }
    let (one_group, _) = workshop.identify(
        people(collection)?,
        plan(3, 1, Vec::new(), true),
        Take::Middle,
    )?;
    let (door, _) =
        workshop.identify(people(collection)?, plan(3, 3, vec![20], false), Take::Door)?;

    let plot = arguments.output.with_extension("svg");
    eval::write_det(
        &plot,
        "Comparisons of faces, development pairs and galleries",
        &curves,
    )?;
    let name = plot.file_name().context("the output has no name")?;
    let findings = Findings {
        commit,
        date,
        core_gflops: arguments.core_gflops,
        verification,
        mixed,
        one_group,
        door,
        stages: stages::measure(models, &workshop.models)?,
        plot: name.to_string_lossy().into_owned(),
    };
    let output = &arguments.output;
    std::fs::write(output, page::write(&findings))
        .with_context(|| format!("can't write {}", output.display()))
}

fn plan(enrol: usize, frames: usize, galleries: Vec<usize>, one_group: bool) -> Plan {
    Plan {
        enrol,
        frames,
        galleries,
        splits: 40,
        seed: SEED,
        fpir: 1e-3,
        one_group,
    }
}

fn people(collection: &Path) -> anyhow::Result<People> {
    let folders = SETS.map(|set| collection.join("faces").join(set));
    People::read(&folders, Some(&collection.join("lfw_groups.csv")))
}

/// The commit that is measured and its date, from git in the current folder.
pub(crate) fn commit() -> anyhow::Result<(String, String)> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .output()
            .context("can't run git")?;
        if !output.status.success() {
            bail!(
                "git {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--", "models"])?;
    if !changed.is_empty() {
        bail!("commit the changes below models/ first: the page names the commit that it is about");
    }
    Ok((
        git(&["rev-parse", "--short=10", "HEAD"])?,
        git(&["log", "-1", "--format=%cs"])?,
    ))
}
