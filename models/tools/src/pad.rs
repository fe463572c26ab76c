//! Writes docs/presentation-attacks.md: what presentation attack detection stops, whom it refuses, and what it costs.
//! Only counts leave the collection.

mod attacks;
mod candidates;
mod clip;
mod collection;
mod compose;
mod measure;
mod page;
mod trial;
mod turns;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use limen_face::Models;

use crate::recognition;

/// Arguments of `limen-face pad`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder with the collection: `video/`, `faces/`, `spoof/` and `spoof_crops/`. Clips are read by ffmpeg.
    #[arg(long, value_name = "DIR", default_value = "../shared/data")]
    root: PathBuf,
    /// The page, which is printed too.
    #[arg(long, default_value = "docs/presentation-attacks.md")]
    output: PathBuf,
}

/// Measures, prints the page and writes it.
pub fn run(models: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let (commit, date) = recognition::commit()?;
    let models = Models::load(models).context("can't load the models")?;
    let findings = measure::measure(&models, &arguments.root)?;
    let page = page::write(&findings, &commit, &date);
    std::io::stdout().lock().write_all(page.as_bytes())?;
    let output = &arguments.output;
    std::fs::write(output, page).with_context(|| format!("can't write {}", output.display()))
}
