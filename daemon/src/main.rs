//! `limen-daemon`: the command line of a terminal.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use limen_daemon::config::{self, Config};
use limen_daemon::run::{RunError, Until};
use limen_daemon::stop::Stop;
use limen_daemon::{camera, claim, doctor, gpio, log, run};
use zeroize::Zeroizing;

/// It could not go on.
const FAILED: u8 = 1;
/// The configuration is refused; clap says the same of a command line.
const REFUSED: u8 = 2;
/// Nobody claimed it.
const NOT_CLAIMED: u8 = 3;

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
    /// Recognise people, keep their punches and bring them to the cloud.
    Run {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// End when a camera without `loop` is through and the cloud holds every event.
        #[arg(long)]
        until_end: bool,
    },
    /// Make this terminal one of a site, by the code that the dashboard shows.
    Claim {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// The cloud's address, https://HOST, or http://127.0.0.1:PORT on this machine.
        #[arg(long)]
        cloud: String,
        /// The twelve words, or the text of the QR code; - reads them from standard input.
        #[arg(long)]
        words: String,
    },
    /// Look at faces again, which fifty failures in a row have put an end to. A terminal that runs does so within
    /// a second.
    FacesOn {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Print the commented default configuration.
    DefaultConfig,
    /// List the cameras, and say what is wrong with light or focus; exit 1 for a problem, 2 for no pictures.
    Camera {
        /// The configuration file; without it the defaults.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Go through lamp, buzzer, relay and button, one after the other, with the terminal stopped; exit 1 when a line
    /// can't be had, doesn't do what it is told, or the button isn't pressed. The relay opens the door.
    TestIo {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Look at everything that a technician can mend, in order; exit 0 fine, 1 warnings, 2 faults.
    Doctor {
        /// The configuration file; without it the defaults.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Check models, recognition, database, clock, keys and camera; exit 1 when one fails.
    SelfTest {
        /// The configuration file; without it the defaults.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[expect(
    clippy::print_stderr,
    reason = "whoever calls reads why it failed there"
)]
fn main() -> ExitCode {
    match act(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}", log::error_text(&format!("limen-daemon: {error:#}")));
            ExitCode::from(code_of(&error))
        }
    }
}

fn code_of(error: &anyhow::Error) -> u8 {
    if error.is::<config::ConfigError>() {
        REFUSED
    } else if matches!(error.downcast_ref(), Some(RunError::NotClaimed)) {
        NOT_CLAIMED
    } else {
        FAILED
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the answers of these commands are their output"
)]
fn act(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::DefaultConfig => print!("{}", config::DEFAULT),
        Command::Run { config, until_end } => {
            let config = load(&config)?;
            let until = match until_end {
                true => Until::End,
                false => Until::Asked,
            };
            run::run(&config, until)?;
        }
        Command::Claim {
            config,
            cloud,
            words,
        } => {
            let config = load(&config)?;
            let words = match words.as_str() {
                "-" => typed()?,
                _ => Zeroizing::new(words),
            };
            let site = claim::claim(&config.data, &cloud, &words)?;
            println!(
                "claimed: this is terminal {} of site {}; it connects to {}",
                site.terminal, site.site, site.mqtt
            );
        }
        Command::FacesOn { config } => match run::faces_on(&load(&config)?.data)? {
            true => println!("faces are looked at again"),
            false => println!("faces were not off"),
        },
        Command::Camera { config, json } => {
            let report = camera::report::report(&load_or_default(config.as_deref())?);
            match json {
                true => println!("{}", serde_json::to_string_pretty(&report)?),
                false => print!("{report}"),
            }
            if report.failed.is_some() {
                return Ok(ExitCode::from(2));
            }
            if !report.problems.is_empty() {
                return Ok(ExitCode::from(1));
            }
        }
        Command::TestIo { config } => {
            let config = load(&config)?;
            if !config.gpio.is_used() {
                anyhow::bail!(
                    "[gpio] in the configuration names no line, so there is nothing to try"
                );
            }
            let stop = Stop::new();
            stop.set_on_signals()?;
            let is_well = gpio::trial(&config.gpio, &stop, |row| println!("{row}"))?;
            if !is_well {
                println!("Something failed, or was broken off; see above.");
                return Ok(ExitCode::from(FAILED));
            }
            println!(
                "Every line did what it was told. Whether lamp, buzzer and door did, you have seen and heard."
            );
        }
        Command::Doctor { config, json } => {
            let machine = doctor::Machine::at("/".as_ref());
            let report = doctor::round(config.as_deref(), &machine);
            match json {
                true => println!("{}", serde_json::to_string_pretty(&report)?),
                false => print!("{report}"),
            }
            return Ok(ExitCode::from(report.status()));
        }
        Command::SelfTest { config, json } => {
            let report = doctor::examine(&load_or_default(config.as_deref())?);
            match json {
                true => println!("{}", serde_json::to_string_pretty(&report)?),
                false => print!("{report}"),
            }
            if !report.ok {
                return Ok(ExitCode::from(FAILED));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn typed() -> anyhow::Result<Zeroizing<String>> {
    let mut words = Zeroizing::new(String::new());
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut words)
        .context("cannot read the words from standard input")?;
    Ok(words)
}

fn load_or_default(path: Option<&Path>) -> anyhow::Result<Config> {
    path.map_or_else(|| Ok(Config::default()), load)
}

/// Reads the configuration, and begins to log as it says.
fn load(path: &Path) -> anyhow::Result<Config> {
    let config = Config::load(path)?;
    log::begin(&config.log).map_err(|error| config::ConfigError::Parse {
        path: path.to_owned(),
        detail: format!("log.filter: {error}"),
    })?;
    Ok(config)
}
