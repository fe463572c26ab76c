//! The command line of the aggregator.

use std::fs::File;
use std::io::{BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use limen_cloud::run::RunError;
use limen_cloud::store::sqlite::Sqlite;
use limen_cloud::{Config, StartError, Store, chain, config, run};
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

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
    /// Copy what the SQLite database of a data folder holds into the PostgreSQL database that the configuration
    /// names under [store], and prove that the copy is equal. That database must be empty, and no limen-cloud
    /// may run on the folder. The SQLite database stays as it is.
    Move {
        /// The configuration with the target.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The data folder.
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
    },
    /// Read what `mongoexport` wrote of the earlier attendance backend (employers.json, employees.json,
    /// attendance.json; lines or --jsonArray), say what can't be taken and what the rest comes to; with --commit
    /// import it too, and compare. Passwords, identifiers and hours stay. No limen-cloud may run on the data
    /// folder. A second run imports what is missing, and nothing twice. Ends with 65 where records were not
    /// taken, and with 1 where the hours of the database are not those that were foretold.
    ImportSeed {
        /// The folder with the exported files.
        #[arg(value_name = "EXPORT")]
        export: PathBuf,
        /// The configuration; the defaults hold where it is left out.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The data folder; made where it is missing.
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// Write. Without it nothing of the export is written anywhere.
        #[arg(long)]
        commit: bool,
    },
    /// The log of who did what.
    #[command(subcommand)]
    Audit(Audit),
    /// Print the commented default configuration.
    DefaultConfig,
}

#[derive(Subcommand)]
enum Audit {
    /// Look whether nothing in it was changed, removed or put in: in the database, or in an export.
    Verify {
        /// The data folder.
        #[arg(long, value_name = "FOLDER", required_unless_present = "export")]
        data: Option<PathBuf>,
        /// The configuration, where it names a database under [store].
        #[arg(long, value_name = "FILE", conflicts_with = "export")]
        config: Option<PathBuf>,
        /// A file that `audit export` wrote.
        #[arg(long, value_name = "FILE", conflicts_with = "data")]
        export: Option<PathBuf>,
    },
    /// Write it to standard output, a line of JSON each, with the hash that it ends with.
    Export {
        /// The data folder.
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// The configuration, where it names a database under [store].
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::DefaultConfig => {
            let written = std::io::stdout().write_all(config::DEFAULT.as_bytes());
            ExitCode::from(u8::from(written.is_err()))
        }
        Command::Audit(what) => match audit(what) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("limen-cloud: {error:#}");
                ExitCode::FAILURE
            }
        },
        Command::Run { config, data } => {
            log_to_stderr();
            ended(start(config, &data))
        }
        Command::Move { config, data } => ended(move_house(&config, &data)),
        Command::ImportSeed {
            export,
            config,
            data,
            commit,
        } => {
            log_to_stderr();
            match import_seed(config, &data, &export, commit) {
                Ok(code) => code,
                Err(error) => ended(Err(error)),
            }
        }
    }
}

fn ended(outcome: Result<(), RunError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.exit_code();
            eprintln!("limen-cloud: {:#}", anyhow::Error::from(error));
            ExitCode::from(code)
        }
    }
}

fn start(config: Option<PathBuf>, data: &Path) -> Result<(), RunError> {
    let config = match config {
        Some(path) => Config::read(&path).map_err(StartError::from)?,
        None => Config::default(),
    };
    runtime()?.block_on(run::run(config, data))
}

fn import_seed(
    config: Option<PathBuf>,
    data: &Path,
    export: &Path,
    commit: bool,
) -> Result<ExitCode, RunError> {
    let config = match config {
        Some(path) => Config::read(&path).map_err(StartError::from)?,
        None => Config::default(),
    };
    let (foretold, told) = runtime()?.block_on(run::import_seed(config, data, export, commit))?;
    let report = told.as_ref().unwrap_or(&foretold);
    let agrees = report.rows == foretold.rows;
    let last = match (&told, agrees) {
        (None, _) => "Nothing was written. With --commit it will be.\n".to_owned(),
        (Some(_), true) => {
            "The database says the same of every person as was foretold.\n".to_owned()
        }
        (Some(_), false) => format!("The database says otherwise than was foretold:\n\n{foretold}"),
    };
    let written = std::io::stdout().write_all(format!("{report}\n{last}").as_bytes());
    written.map_err(|source| RunError::Ended {
        what: "output",
        source,
    })?;
    Ok(match (agrees, report.refused()) {
        (false, _) => ExitCode::FAILURE,
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(65),
    })
}

fn move_house(config: &Path, data: &Path) -> Result<(), RunError> {
    let config = Config::read(config).map_err(StartError::from)?;
    let moved = runtime()?.block_on(run::move_house(&config, data))?;
    let mut out = String::new();
    let mut all = 0;
    for (table, read) in &moved {
        all += read.rows;
        let digest: String = read.sha256[..8]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        out += &format!("{:>10}  {table:<18} sha256 {digest}…\n", read.rows);
    }
    out += &format!(
        "{all} rows of {} tables were copied, read again and found equal. The SQLite database is as it was.\n\
         From now on start limen-cloud with this configuration and this data folder: its secrets open what the\n\
         database holds.\n",
        moved.len()
    );
    let written = std::io::stdout().write_all(out.as_bytes());
    written.map_err(|source| RunError::Ended {
        what: "output",
        source,
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, RunError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| RunError::Ended {
            what: "runtime",
            source,
        })
}

fn audit(what: Audit) -> anyhow::Result<()> {
    let ends = match what {
        Audit::Export { data, config } => {
            return runtime()?.block_on(async {
                let store = kept(config, &data).await?;
                Ok(chain::export(store.as_ref(), std::io::stdout().lock()).await?)
            });
        }
        Audit::Verify {
            export: Some(file), ..
        } => {
            let lines = File::open(&file)
                .with_context(|| format!("cannot read the export {}", file.display()))?;
            chain::read(BufReader::new(lines))?
        }
        Audit::Verify { data, config, .. } => runtime()?.block_on(async {
            let store = kept(config, &data.unwrap_or_default()).await?;
            anyhow::Ok(chain::follow(store.as_ref(), |_, _| Ok(())).await?)
        })?,
    };
    tell(&ends)
}

/// The store as it is: a data folder's own database is not made where there is none.
async fn kept(config: Option<PathBuf>, data: &Path) -> anyhow::Result<Arc<dyn Store>> {
    let config = config.map(|path| Config::read(&path)).transpose()?;
    match config.filter(|config| config.store.is_some()) {
        Some(config) => Ok(limen_cloud::open_store(&config, data).await?),
        None => Ok(Arc::new(Sqlite::existing(data)?)),
    }
}

/// What was followed, and what to keep elsewhere to see later that nothing was cut off.
fn tell(ends: &[(Uuid, u64, String)]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for (tenant, entries, hash) in ends {
        writeln!(
            out,
            "{tenant}: {entries} entries hold, the last with {hash}"
        )?;
    }
    Ok(())
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
