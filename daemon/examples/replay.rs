//! Stands in for faces where many punches are needed: writes punches at a claimed terminal as fast as its disk
//! takes them, while the uplink sends and the cloud acknowledges.
//!
//! ```text
//! cargo run --example replay -- --config terminal.toml --count 1000
//! ```
//!
//! It works in the terminal's data folder as `limen-daemon run` does: the same lock, identity, outbox and uplink.
//! The people of the roster punch in turn. No camera is opened and nobody is recognised, and the events say so:
//! method `badge`, no frames, no model. Each punch is an append of its own, and a line
//! `{"replayed":17}` on standard output says that number 17 is on the disk, never before it is: whoever saw the
//! line may expect to find the event after any crash.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use limen_daemon::clock::Clock;
use limen_daemon::config::{Config, LogFormat};
use limen_daemon::database::{self, Sync};
use limen_daemon::health::Vitals;
use limen_daemon::keys::{self, Identity};
use limen_daemon::outbox::{self, Author, Outbox};
use limen_daemon::roster::{Roster, Vault};
use limen_daemon::run;
use limen_daemon::uplink::address::Address;
use limen_daemon::uplink::{Lines, Parts, Uplink};
use limen_wire::event::{Direction, Grade, Method, Punch, Stop, What};
use uuid::Uuid;

#[derive(Parser)]
#[command(about = "Writes punches at a claimed terminal; they stand in for faces")]
struct Cli {
    /// The terminal's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// How many punches are written.
    #[arg(long)]
    count: u64,
    /// Milliseconds between two of them.
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let config = Config::load(&cli.config)?;
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(io::stderr);
    match config.log.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    replay(&config, cli.count, Duration::from_millis(cli.pause_ms))
}

fn replay(config: &Config, count: u64, pause: Duration) -> anyhow::Result<()> {
    let data = &config.data;
    let identity = Arc::new(Identity::load(data)?.context("this terminal is not claimed")?);
    let _alone = run::lock(data)?;
    let address = match config.cloud.mqtt.as_str() {
        "" => Address::parse(&identity.site.mqtt)?,
        other => Address::parse(other)?,
    };
    let lines = Lines::new(Arc::clone(&identity), address)?;
    database::migrate(data)?;
    let clock = Arc::new(Clock::new(config.clock.trust, Outbox::synced_boot(data)?)?);
    let author = Author {
        identity: Arc::clone(&identity),
        session: Uuid::from_bytes(keys::random()?),
    };
    let outbox = Outbox::open(data, author, outbox::hardware(), &clock.read()?)?;
    let outbox = Arc::new(outbox);
    let vault = Vault::new(&identity.keys.roster);
    let roster = Arc::new(Roster::open(data, identity.site.site, vault)?);
    let people = people(data)?;
    if people.is_empty() {
        bail!(
            "nobody is in this terminal's roster; run limen-daemon until the log says \"roster applied\""
        );
    }
    let uplink = Uplink::spawn(Parts {
        identity,
        outbox: Arc::clone(&outbox),
        roster,
        clock: Arc::clone(&clock),
        vitals: Arc::new(Vitals::new(data)),
        lines,
        status_every: Duration::from_secs_f64(config.cloud.status_s),
        // Nobody is looked up here: whatever the roster becomes is in use.
        on_roster: Box::new(|| Ok(())),
        on_settings: Box::new(|_| {}),
    })?;

    tracing::info!(
        count,
        people = people.len(),
        "replay: what follows are signed punches without a face"
    );
    let mut said = io::stdout().lock();
    for person in people
        .iter()
        .cycle()
        .zip(0..count)
        .map(|(person, _)| *person)
    {
        let punch = What::Punch(Punch {
            person,
            direction: Direction::Auto,
            method: Method::Badge,
            grade: Grade::Clear,
            frames: 0,
            model: String::new(),
        });
        let durable = outbox.append(&clock.read()?, &[punch])?;
        writeln!(said, "{{\"replayed\":{}}}", durable.last)?;
        said.flush()?;
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    let why = Stop::Asked;
    outbox.append(&clock.read()?, &[What::Stop { why }])?;
    uplink.end();
    tracing::info!(count, waiting = outbox.waiting()?, "replay: done");
    Ok(())
}

/// Everybody in the roster, whoever can be recognised or not.
fn people(data: &Path) -> anyhow::Result<Vec<Uuid>> {
    let database = database::connect(data, Sync::Lazy)?;
    let mut statement = database.prepare("SELECT person FROM people ORDER BY person")?;
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|row| Ok(database::uuid(&row?, "person id")?))
        .collect()
}
