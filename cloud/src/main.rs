//! The command line of the aggregator.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use limen_cloud::run::RunError;
use limen_cloud::{Config, StartError, config, run};
use tracing_subscriber::EnvFilter;

/// The aggregator of a face-recognition time clock: terminals in, hours and pay out.
#[derive(Parser)]
#[command(name = "limen-cloud", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT. The first start makes the secrets and prints a set-up link.
    Run {
        /// The configuration; the defaults hold where it is left out.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The data folder; made where it is missing.
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
    },
    /// Print the commented default configuration.
    DefaultConfig,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::DefaultConfig => {
            let written = std::io::stdout().write_all(config::DEFAULT.as_bytes());
            ExitCode::from(u8::from(written.is_err()))
        }
        Command::Run { config, data } => {
            log_to_stderr();
            match start(config, &data) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    let code = error.exit_code();
                    eprintln!("limen-cloud: {:#}", anyhow::Error::from(error));
                    ExitCode::from(code)
                }
            }
        }
    }
}

fn start(config: Option<PathBuf>, data: &std::path::Path) -> Result<(), RunError> {
    let config = match config {
        Some(path) => Config::read(&path).map_err(StartError::from)?,
        None => Config::default(),
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| RunError::Ended {
            what: "runtime",
            source,
        })?
        .block_on(run::run(config, data))
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
