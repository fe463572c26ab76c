//! The aggregator: terminals in, hours and pay out.
//!
//! Signed events come in by the built-in MQTT endpoint or a broker, are kept in a [`store`] as they came,
//! and become hours only when somebody asks: attendance is a conclusion, computed again from the facts by
//! `limen-payroll`. People are managed and read over [`http`]: the 15 routes that existing dashboards speak,
//! and `/api/v1`.
//!
//! What it refuses to know: no similarity score is stored, logged or answered; no secret has a default; no
//! query reads across tenants, except the few that find a tenant by something unique in the installation.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may panic"))]

pub mod accounts;
pub mod agreements;
pub mod attendance;
pub mod authority;
pub mod bulk;
pub mod chain;
pub mod config;
pub mod consent;
pub mod downlink;
pub mod enrolment;
pub mod erasure;
pub mod http;
pub mod ingest;
pub mod link;
pub mod listener;
pub mod live;
pub mod mail;
pub mod metrics;
pub mod passwords;
pub mod payrun;
pub mod retention;
pub mod run;
pub mod seed;
pub mod site;
pub mod store;
pub mod terminals;
pub mod tokens;
pub mod vault;
pub mod ways;

pub use config::Config;
pub use store::Store;
pub use vault::Vault;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use store::TenantId;
use store::postgres::Postgres;
use store::sqlite::{self, Sqlite};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use accounts::throttle::Throttle;
use authority::Authority;
use downlink::Downlink;
use enrolment::Faces;
use ingest::Ingest;
use mail::Mail;
use metrics::Metrics;
use passwords::Passwords;
use tokens::Tokens;
use vault::Sealed;

/// What every part of the running cloud shares.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The data folder.
    pub data: PathBuf,
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// What seals and opens.
    pub vault: Vault,
    /// Rings for a tenant after each commit that changes what a page or a terminal shows.
    pub changed: broadcast::Sender<TenantId>,
    /// The models that see and tell faces.
    pub faces: Faces,
    /// Makes terminals' certificates.
    pub authority: Authority,
    /// Takes what terminals say.
    pub ingest: Ingest,
    /// Tells terminals what is new.
    pub downlink: Downlink,
    /// Whether events come through from the broker, where there is one.
    pub linked: watch::Sender<bool>,
    /// Ends everything that runs.
    pub stop: CancellationToken,
    /// What is counted.
    pub metrics: Metrics,
    /// Checks and hashes passwords.
    pub passwords: Passwords,
    /// Signs and reads access tokens.
    pub tokens: Tokens,
    /// Slows down whoever guesses.
    pub throttle: Throttle,
    /// Sends letters, where there is a way.
    pub mail: Option<Mail>,
    /// The clock. A test gives another.
    pub clock: fn() -> Timestamp,
}

/// Why the cloud does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration can't stand.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// The secrets can't be used.
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
    /// The certificate authority can't be used.
    #[error(transparent)]
    Authority(#[from] authority::AuthorityError),
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The database was made with other secrets than the data folder has.
    #[error(
        "the secrets in {0} do not open what the database holds: it was made with another data folder, \
         whose folder `secrets` belongs here, or it is another installation's"
    )]
    Secrets(PathBuf),
    /// The models can't be used.
    #[error("cannot use the models of `zoo` in the configuration, {path}")]
    Zoo {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: limen_face::ZooError,
    },
    /// Letters can't go out.
    #[error(transparent)]
    Mail(#[from] mail::MailError),
    /// bcrypt can't be used.
    #[error("passwords cannot be checked")]
    Passwords(#[from] passwords::PasswordError),
    /// The data folder can't be made.
    #[error("cannot use the data folder {path}")]
    Data {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl App {
    /// Opens the data folder: secrets and database, both made where they are missing. Where the configuration
    /// names a database server, the database is there.
    ///
    /// # Errors
    /// When the configuration can't stand, or the folder, the secrets or the database can't be used.
    pub async fn open(config: Config, data: &Path) -> Result<Self, StartError> {
        config.check()?;
        vault::private_folder(data).map_err(|source| StartError::Data {
            path: data.to_owned(),
            source,
        })?;
        let vault = Vault::open(data)?;
        let authority = Authority::open(&vault)?;
        let store = open_store(&config, data).await?;
        if !opens(&vault, store.as_ref()).await? {
            return Err(StartError::Secrets(vault.folder().to_owned()));
        }
        let faces = Faces::load(&config.zoo).map_err(|source| StartError::Zoo {
            path: config.zoo.clone(),
            source,
        })?;
        let has_link = config.link.is_some();
        let passwords = Passwords::new(config.bcrypt_cost, vault::random()?)?;
        let tokens = Tokens::new(vault.token_key());
        let mail = config.mail.as_ref().map(Mail::open).transpose()?;
        Ok(Self {
            config,
            data: data.to_owned(),
            store,
            vault,
            changed: broadcast::channel(1024).0,
            faces,
            authority,
            ingest: Ingest::default(),
            downlink: Downlink::default(),
            linked: watch::channel(!has_link).0,
            stop: CancellationToken::new(),
            metrics: Metrics::default(),
            passwords,
            tokens,
            throttle: Throttle::default(),
            mail,
            clock: Timestamp::now,
        })
    }

    /// What the clock says.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// Opens the database that a configuration and a data folder name.
///
/// # Errors
/// When it can't be opened.
pub async fn open_store(config: &Config, data: &Path) -> Result<Arc<dyn Store>, StartError> {
    let (epoch, now) = (uuid::Uuid::new_v4(), Timestamp::now());
    match &config.store {
        None => Ok(Arc::new(Sqlite::open(
            &data.join(sqlite::FILE),
            epoch,
            now,
        )?)),
        Some(database) => {
            let server = database.named().server();
            let server = server.map_err(config::ConfigError::from)?;
            Ok(Arc::new(Postgres::open(&server, epoch, now).await?))
        }
    }
}

/// Whether these secrets sealed what the store holds: a database server may be named beside a data folder that
/// it does not belong to.
async fn opens(vault: &Vault, store: &dyn Store) -> Result<bool, StartError> {
    let tenants = store.tenants().await?;
    Ok(tenants.first().is_none_or(|tenant| {
        let key = Sealed::Key {
            purpose: "site-signing",
            tenant: tenant.id,
            of: tenant.site.id,
        };
        vault.open_key(key, &tenant.site.signing_sealed).is_ok()
    }))
}
