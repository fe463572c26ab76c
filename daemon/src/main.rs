//! `limen-daemon`: the command line of a terminal.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use limen_daemon::config;

#[derive(Parser)]
#[command(
    name = "limen-daemon",
    version,
    about = "The terminal at the door of Limen"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the commented default configuration.
    DefaultConfig,
}

#[expect(
    clippy::print_stdout,
    reason = "the answers of these commands are their output"
)]
fn main() -> ExitCode {
    match Cli::parse().command {
        Command::DefaultConfig => print!("{}", config::DEFAULT),
    }
    ExitCode::SUCCESS
}
