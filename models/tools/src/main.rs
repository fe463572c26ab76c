//! `limen-face`: the face pipeline from the command line. Clocks and files live here, not in the library.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that fails may panic")
)]

mod bench;
mod calibrate;
mod eval;
mod frames;
mod pad;
mod random;
mod recognition;
mod statistics;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures and tries the face pipeline.
#[derive(Parser)]
#[command(name = "limen-face", version)]
struct Arguments {
    /// Folder with zoo.toml, the models and the calibration files.
    #[arg(long, global = true, default_value = "models")]
    models: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Times the way from a frame to an identity, stage by stage, on one thread: JSON on stdout, a table on stderr.
    Bench(bench::Arguments),
    /// Says what is decided on in a site's gallery and why, who in it resembles whom, and whether the tolerance in
    /// force fits the people there.
    Calibrate(calibrate::Arguments),
    /// Measures how well faces are recognised, on pictures of your own: pairs of pictures, or folders of people.
    Eval(eval::Arguments),
    /// Times the search of a gallery, beside numpy and faiss: JSON on stdout, a table on stderr.
    Search(bench::search::Arguments),
    /// Writes docs/recognition.md: accuracy on a collection of faces, and what each stage costs.
    Report(recognition::Arguments),
    /// Writes docs/presentation-attacks.md: which pictures held into the camera are seen, and who is refused.
    Pad(pad::Arguments),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Bench(bench) => bench::run(&arguments.models, &bench),
        Command::Calibrate(calibrate) => calibrate::run(&arguments.models, &calibrate),
        Command::Eval(eval) => eval::run(&arguments.models, &eval),
        Command::Search(search) => bench::search::run(&arguments.models, &search),
        Command::Report(report) => recognition::run(&arguments.models, &report),
        Command::Pad(pad) => pad::run(&arguments.models, &pad),
    }
}
