//! Opening a database: whether it is one that this program can use, and bringing it up to date.

use std::time::Duration;

use deadpool_postgres::{
    Client, Manager, ManagerConfig, Pool, PoolConfig, RecyclingMethod, Runtime, Timeouts,
};
use jiff::Timestamp;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::refusal::is_of_the_line;
use super::{Postgres, Refusal, Result, Server};
use crate::store::StoreError;

mod migrations {
    refinery::embed_migrations!("migrations/postgres");
}

/// The oldest server that this program is tried with, as `server_version_num` says it.
const OLDEST: i32 = 150_000;

/// Whoever brings a database up to date holds this advisory lock: "limen" in ASCII.
const MIGRATING: i64 = 0x006c_696d_656e;

/// How long a connection may be waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Postgres {
    /// Opens the database, makes its tables where it is empty, and brings it up to date. `epoch` names a new
    /// database.
    ///
    /// # Errors
    /// When the server is not reached or lets nobody in, is too old, may forget what it confirmed, or the
    /// database is of somebody else or of a newer version of this program.
    pub async fn open(server: &Server, epoch: Uuid, now: Timestamp) -> Result<Self> {
        let store = Self(pool(server)?);
        let mut client = store.connect(server).await?;
        fits(&client).await?;
        client
            .execute("SELECT pg_advisory_lock($1)", &[&MIGRATING])
            .await?;
        migrate(&mut client).await?;
        let made = "INSERT INTO installation (only_row, epoch, created) VALUES (1, $1, $2)
                    ON CONFLICT DO NOTHING";
        client
            .execute(made, &[&epoch, &now.as_microsecond()])
            .await?;
        client
            .execute("SELECT pg_advisory_unlock($1)", &[&MIGRATING])
            .await?;
        drop(client);
        Ok(store)
    }

    async fn connect(&self, server: &Server) -> Result<Client> {
        let error = match self.0.get().await {
            Ok(client) => return Ok(client),
            Err(deadpool_postgres::PoolError::Backend(error)) => error,
            Err(other) => return Err(other.into()),
        };
        let database = server.config.get_dbname().unwrap_or_default().to_owned();
        let refusal = Refusal::new(&error);
        Err(match &refusal.code {
            Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
                let why = "there is no such database on the server; make it by `createdb`";
                StoreError::Unfit {
                    database,
                    why: why.to_owned(),
                }
            }
            // Class 28: invalid authorization; 42501: no right to connect.
            Some(code) if code.code().starts_with("28") || code.code() == "42501" => {
                StoreError::NotLetIn {
                    database,
                    source: refusal,
                }
            }
            // What the client itself says of how it was to come in: no password, for one.
            None if !is_of_the_line(&error) => StoreError::NotLetIn {
                database,
                source: refusal,
            },
            _ => StoreError::Unreachable(refusal),
        })
    }
}

fn pool(server: &Server) -> Result<Pool> {
    let how = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let config = server.config.clone();
    let manager = match &server.tls {
        Some(tls) => {
            let tls = MakeRustlsConnect::new(tls.as_ref().clone());
            Manager::from_config(config, tls, how)
        }
        None => Manager::from_config(config, NoTls, how),
    };
    let mut settings = PoolConfig::new(server.connections);
    settings.timeouts = Timeouts {
        wait: Some(PATIENCE),
        create: Some(PATIENCE),
        recycle: Some(PATIENCE),
    };
    Pool::builder(manager)
        .config(settings)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|_| StoreError::Stopped)
}

/// Whether the server is one that keeps what it confirms, and speaks as this program does.
async fn fits(client: &Client) -> Result<()> {
    let row = client
        .query_one(
            "SELECT current_database()::text AS database,
             current_setting('server_version_num')::int AS number,
             current_setting('server_version') AS version,
             current_setting('server_encoding') AS encoding,
             current_setting('fsync') AS fsync,
             current_setting('synchronous_commit') AS synchronous_commit,
             current_setting('full_page_writes') AS full_page_writes",
            &[],
        )
        .await?;
    let text = |column: &str| row.try_get::<_, String>(column);
    let why = if row.try_get::<_, i32>("number")? < OLDEST {
        let version = text("version")?;
        format!("its server is PostgreSQL {version}, and 15 or newer is needed")
    } else if text("encoding")? != "UTF8" {
        let encoding = text("encoding")?;
        format!("it is encoded in {encoding}; make one with `createdb -E UTF8 -T template0`")
    } else {
        let off = ["fsync", "synchronous_commit", "full_page_writes"];
        let off = off
            .into_iter()
            .find(|key| text(key).is_ok_and(|value| value == "off"));
        match off {
            Some(key) => format!(
                "its server has {key} = off, so that a power cut may take what was acknowledged; switch it on"
            ),
            None => return Ok(()),
        }
    };
    let database = text("database")?;
    Err(StoreError::Unfit { database, why })
}

async fn migrate(client: &mut Client) -> Result<()> {
    let row = client
        .query_one(
            "SELECT current_database()::text AS database,
             to_regclass('refinery_schema_history') IS NOT NULL AS is_known,
             EXISTS (SELECT 1 FROM pg_catalog.pg_tables
                     WHERE schemaname = current_schema()) AS has_tables",
            &[],
        )
        .await?;
    let runner = migrations::migrations::runner();
    let ours: Vec<(i32, String)> = runner
        .get_migrations()
        .iter()
        .map(|migration| (migration.version(), migration.name().to_owned()))
        .collect();
    if row.try_get("is_known")? {
        let history = "SELECT version, name FROM refinery_schema_history ORDER BY version";
        let mut theirs = Vec::new();
        for row in client.query(history, &[]).await? {
            theirs.push((
                row.try_get::<_, i32>("version")?,
                row.try_get::<_, String>("name")?,
            ));
        }
        let known = ours.len();
        if theirs.len() > known && theirs.starts_with(&ours) {
            return Err(StoreError::Newer {
                found: theirs.len(),
                known,
            });
        }
        if !ours.starts_with(&theirs) {
            return Err(somebody_elses(row.try_get("database")?));
        }
    } else if row.try_get("has_tables")? {
        return Err(somebody_elses(row.try_get("database")?));
    }
    // The pool's wrappers are not what the migrations run on; what they wrap is.
    let client: &mut tokio_postgres::Client = client;
    runner.run_async(client).await.map_err(Box::new)?;
    Ok(())
}

fn somebody_elses(database: String) -> StoreError {
    let why = "it holds tables that are not Limen's; give Limen a database of its own".to_owned();
    StoreError::Unfit { database, why }
}
