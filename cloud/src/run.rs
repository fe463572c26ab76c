//! The running cloud: everything is bound before anything is served, and one end ends all.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::accounts::founding::{self, NoPlace};
use crate::seed::{Plan, Report, SeedError};
use crate::store::StoreError;
use crate::store::moving::{self, MoveError};
use crate::store::postgres::Postgres;
use crate::store::sqlite::{self, Sqlite};
use crate::vault::{private_folder, write_private};
use crate::{App, Config, StartError, downlink, http, link, listener, metrics, retention};

/// File in the data folder with the one-time set-up link.
const SETUP_LINK: &str = "setup-link";
/// File in the data folder with the addresses in use.
const ADDRESSES: &str = "addresses.json";
/// File in the data folder that a running cloud holds.
const LOCK: &str = "lock";
/// How long what runs may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// Why the cloud does not run, or ran no longer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It can't be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A port is in use, or the address is not this machine's.
    #[error("cannot listen on {address} ({key} in the configuration): {why}")]
    Bind {
        /// The key of the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What is wrong and what to do.
        why: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file of the data folder can't be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Another cloud runs on the same data folder.
    #[error("another limen-cloud runs on the data folder {0}; end it first")]
    Taken(PathBuf),
    /// The configuration names nowhere to move to.
    #[error("the configuration names no database under [store] to move to")]
    NowhereTo,
    /// There is nothing to move.
    #[error("there is no SQLite database {0}")]
    NothingThere(PathBuf),
    /// The house was not moved.
    #[error("the database was not moved")]
    Move(#[from] MoveError),
    /// The old backend's export was not imported, or not to its end.
    #[error(
        "the export was not imported to its end; what was written stays, and a second run goes on from there"
    )]
    Seed(#[from] SeedError),
    /// The set-up link can't be made.
    #[error("cannot make the set-up link")]
    SetUp(#[from] NoPlace),
    /// The operating system gives no signals.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// Something that serves has ended by itself.
    #[error("the {what} ended by itself")]
    Ended {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl RunError {
    /// The program's exit code, as in sysexits.h: a configuration to mend, a folder to mend, a port to free.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Start(StartError::Config(_) | StartError::Zoo { .. }) => 78,
            Self::Start(StartError::Store(
                StoreError::Unreachable(_) | StoreError::NotLetIn { .. },
            )) => 69,
            Self::Start(
                StartError::Data { .. }
                | StartError::Vault(_)
                | StartError::Secrets(_)
                | StartError::Authority(_)
                | StartError::Store(_),
            )
            | Self::Write { .. } => 73,
            Self::Bind { .. } | Self::Taken(_) => 69,
            Self::NowhereTo => 78,
            Self::NothingThere(_) | Self::Seed(SeedError::Nothing(_) | SeedError::Read { .. }) => {
                66
            }
            Self::Move(_) => 73,
            _ => 1,
        }
    }
}

/// The addresses in use, as `addresses.json` has them.
#[derive(Debug, Serialize)]
struct Addresses {
    http: String,
    mqtt: String,
    mqtt_tls: Option<String>,
    metrics: String,
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| RunError::Bind {
            key,
            address,
            why: match source.kind() {
                io::ErrorKind::AddrInUse => {
                    "something listens there already; end it or take another port"
                }
                io::ErrorKind::AddrNotAvailable => "this machine has no such address",
                io::ErrorKind::PermissionDenied => {
                    "ports below 1024 need a right of their own; take a higher one"
                }
                _ => "the operating system refuses",
            },
            source,
        })
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, RunError> {
    listener.local_addr().map_err(|source| RunError::Ended {
        what: "listener",
        source,
    })
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// Why it does not run, or ended by itself.
pub async fn run(config: Config, data: &Path) -> Result<(), RunError> {
    config.check().map_err(StartError::from)?;
    let broker = config.broker().map_err(StartError::from)?;
    make_folder(data)?;
    // Before anything is opened: a second cloud must not touch the first one's database.
    let _lock = lock(data)?;
    let app = Arc::new(App::open(config, data).await?);
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;

    let web = bind("http.listen", app.config.http.listen).await?;
    let mqtt = bind("mqtt.listen", app.config.mqtt.listen).await?;
    let counters = bind("metrics.listen", app.config.metrics.listen).await?;
    let mqtt_tls = match &app.config.mqtt.tls {
        Some(tls) => Some((
            bind("mqtt.tls.listen", tls.listen).await?,
            tls.names.clone(),
        )),
        None => None,
    };
    let addresses = Addresses {
        http: format!("http://{}", address_of(&web)?),
        mqtt: address_of(&mqtt)?.to_string(),
        mqtt_tls: mqtt_tls
            .as_ref()
            .map(|(listener, _)| address_of(listener).map(|address| address.to_string()))
            .transpose()?,
        metrics: format!("http://{}", address_of(&counters)?),
    };
    offer_set_up(&app, &addresses.http).await?;
    let path = data.join(ADDRESSES);
    let text = serde_json::to_vec(&addresses).unwrap_or_default();
    write_private(&path, &text).map_err(|source| RunError::Write { path, source })?;

    let mut serving = JoinSet::new();
    serve(
        &mut serving,
        "web listener",
        serve_web(Arc::clone(&app), web),
    );
    let stop = app.stop.clone();
    let counting = metrics::serve(Arc::clone(&app), counters, stop);
    serve(&mut serving, "metrics listener", counting);
    let terminals = listener::serve(Arc::clone(&app), mqtt);
    serve(&mut serving, "terminals' listener", terminals);
    if let Some((listener, names)) = mqtt_tls {
        let app = Arc::clone(&app);
        let terminals = async move { listener::serve_tls(app, listener, &names).await };
        serve(&mut serving, "terminals' TLS listener", terminals);
    }
    serve(&mut serving, "downlink", downlink::serve(Arc::clone(&app)));
    serve(
        &mut serving,
        "rules of keeping",
        retention::serve(Arc::clone(&app)),
    );
    if let Some(broker) = broker {
        let linked = app.linked.clone();
        let linking = link::serve(Arc::clone(&app), broker, linked);
        serve(&mut serving, "link to the broker", linking);
    }
    tracing::info!(
        http = addresses.http,
        mqtt = addresses.mqtt,
        metrics = addresses.metrics,
        "limen-cloud is ready"
    );

    let ended = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        ended = serving.join_next() => ended,
    };
    tracing::info!("limen-cloud is ending");
    app.stop.cancel();
    let all = async { while serving.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!("some connections did not end in time and were cut");
        serving.shutdown().await;
    }
    match ended {
        Some(Ok((what, Err(source)))) => Err(RunError::Ended { what, source }),
        Some(Ok((what, Ok(())))) => Err(RunError::Ended {
            what,
            source: io::Error::other("without saying why"),
        }),
        Some(Err(panic)) => Err(RunError::Ended {
            what: "task",
            source: io::Error::other(panic),
        }),
        None => Ok(()),
    }
}

/// Copies the SQLite database of a data folder into the configuration's database, and proves that the copy is
/// equal; what each table held.
///
/// # Errors
/// When a cloud runs on the folder, the target can't be used or is not empty, or the copy is not equal: nothing of
/// it stays then.
pub async fn move_house(
    config: &Config,
    data: &Path,
) -> Result<Vec<(&'static str, moving::Read)>, RunError> {
    config.check().map_err(StartError::from)?;
    let Some(database) = &config.store else {
        return Err(RunError::NowhereTo);
    };
    let file = data.join(sqlite::FILE);
    if !file.exists() {
        return Err(RunError::NothingThere(file));
    }
    let _lock = lock(data)?;
    let server = database.named().server();
    let server = server.map_err(|error| StartError::Config(error.into()))?;
    let (epoch, now) = (uuid::Uuid::new_v4(), jiff::Timestamp::now());
    let to = Postgres::open(&server, epoch, now)
        .await
        .map_err(StartError::from)?;
    let from = Sqlite::open(&file, epoch, now).map_err(StartError::from)?;
    Ok(moving::move_house(&from, &to).await?)
}

/// Reads an export of the old backend, and imports it where `commit` says so: what it comes to beforehand, and what
/// the store says of it afterwards.
///
/// # Errors
/// When a cloud runs on the folder, the export can't be read, or something can't be written.
pub async fn import_seed(
    config: Config,
    data: &Path,
    export: &Path,
    commit: bool,
) -> Result<(Report, Option<Report>), RunError> {
    config.check().map_err(StartError::from)?;
    make_folder(data)?;
    let _lock = lock(data)?;
    let app = App::open(config, data).await?;
    let plan = Plan::of(&app, export).await?;
    let foretold = plan.foretold(&app).await?;
    let told = match commit {
        true => Some(plan.commit(&app).await?),
        false => None,
    };
    Ok((foretold, told))
}

type Serving = JoinSet<(&'static str, io::Result<()>)>;

fn serve(
    serving: &mut Serving,
    what: &'static str,
    work: impl Future<Output = io::Result<()>> + Send + 'static,
) {
    serving.spawn(async move { (what, work.await) });
}

async fn serve_web(app: Arc<App>, listener: TcpListener) -> io::Result<()> {
    let stop = app.stop.clone();
    let router = http::router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

fn make_folder(data: &Path) -> Result<(), RunError> {
    private_folder(data).map_err(|source| {
        StartError::Data {
            path: data.to_owned(),
            source,
        }
        .into()
    })
}

fn lock(data: &Path) -> Result<File, RunError> {
    let path = data.join(LOCK);
    let file = File::create(&path).map_err(|source| RunError::Write { path, source })?;
    file.try_lock()
        .map_err(|_| RunError::Taken(data.to_owned()))?;
    Ok(file)
}

/// Prints a set-up link while nobody has come in yet: each start makes a new one.
async fn offer_set_up(app: &App, http: &str) -> Result<(), RunError> {
    if !app.store.is_empty().await.map_err(StartError::from)? {
        forget_setup_link(&app.data);
        return Ok(());
    }
    let token = founding::new_setup_token(app).await?;
    let link = format!("{http}/setup?token={token}");
    let path = app.data.join(SETUP_LINK);
    write_private(&path, format!("{link}\n").as_bytes())
        .map_err(|source| RunError::Write { path, source })?;
    // The one secret that is meant to be read by whoever starts the program; it is not part of the log.
    eprintln!(
        "Nobody has come in yet. This link works once and makes the owner's account:\n{link}"
    );
    Ok(())
}

/// Removes the set-up link, which was used.
pub fn forget_setup_link(data: &Path) {
    let path = data.join(SETUP_LINK);
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "the used set-up link is still on the disk");
    }
}
