//! The database of a test, of either kind, and what a test asks it behind the program's back.
//!
//! Where `LIMEN_TEST_STORE` says `postgres`, suites that start a cloud give it a PostgreSQL database of its
//! own; `./test` runs them both ways. The server is the one in `LIMEN_TEST_POSTGRES` (`.ci/postgres` puts it
//! there), or else this process starts one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, NoTls, Row};
use uuid::Uuid;

/// A PostgreSQL server.
pub struct Server {
    /// Where its socket is, its log, and the programs that crash and start it.
    pub folder: PathBuf,
    /// Its port on loopback, and of its socket.
    pub port: u16,
    /// Ended, and its folder removed, when its standard input is closed: also when this process is killed.
    _program: Option<Child>,
}

impl Server {
    /// The one that this process shares with others, or has started.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| match std::env::var("LIMEN_TEST_POSTGRES") {
            Ok(place) => Self::at(&place, None),
            Err(_) => Self::start(),
        })
    }

    /// One of its own, which may be crashed.
    pub fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/postgres");
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut place = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut place).unwrap();
        if place.is_empty() {
            let output = child.wait_with_output().unwrap();
            panic!(
                "PostgreSQL did not start: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Self::at(&place, Some(child))
    }

    fn at(place: &str, program: Option<Child>) -> Self {
        let (folder, port) = place.trim().rsplit_once(' ').unwrap();
        Self {
            folder: folder.into(),
            port: port.parse().unwrap(),
            _program: program,
        }
    }

    /// The address of a database, by the socket, as its owner.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@/{database}?host={}&port={}",
            self.folder.display(),
            self.port
        )
    }

    /// Ends it as a power cut does.
    pub fn crash(&self) {
        assert!(
            Command::new(self.folder.join("crash"))
                .status()
                .unwrap()
                .success()
        );
    }

    /// Starts it after a crash, and waits until it can be reached.
    pub fn start_again(&self) {
        assert!(
            Command::new(self.folder.join("start"))
                .status()
                .unwrap()
                .success()
        );
    }

    /// Runs statements on the database `postgres`.
    pub fn run(&self, statements: &str) {
        Database::Postgres(self.url("postgres")).run(statements);
    }
}

/// A new database on a server, dropped with this.
pub struct Fresh {
    server: Held,
    name: String,
}

enum Held {
    Shared(&'static Server),
    Own(std::sync::Arc<Server>),
}

impl Fresh {
    /// On the shared server.
    pub fn new() -> Self {
        Self::on(Held::Shared(Server::shared()))
    }

    /// On that server.
    pub fn on_server(server: &std::sync::Arc<Server>) -> Self {
        Self::on(Held::Own(std::sync::Arc::clone(server)))
    }

    fn on(server: Held) -> Self {
        let name = format!("t{}", Uuid::new_v4().simple());
        let fresh = Self { server, name };
        fresh.server().run(&format!(
            "CREATE DATABASE {} TEMPLATE template0",
            fresh.name
        ));
        fresh
    }

    pub fn server(&self) -> &Server {
        match &self.server {
            Held::Shared(server) => server,
            Held::Own(server) => server,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, by the socket.
    pub fn url(&self) -> String {
        self.server().url(&self.name)
    }

    /// What a test asks it.
    pub fn database(&self) -> Database {
        Database::Postgres(self.url())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // A server that is gone has dropped it too.
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let url = self.server().url("postgres");
        let _gone = std::thread::spawn(move || {
            block(async { Ok(connect(&url).await?.batch_execute(&drop).await?) })
        })
        .join();
    }
}

/// Where a cloud under test keeps what it keeps: the kind that this run of the suite is for.
pub struct Place {
    fresh: Option<Fresh>,
    file: PathBuf,
}

impl Place {
    /// For a cloud with that data folder.
    pub fn of(data: &Path) -> Self {
        let fresh = match std::env::var("LIMEN_TEST_STORE").as_deref() {
            Ok("postgres") => Some(Fresh::new()),
            Ok("sqlite") | Err(_) => None,
            Ok(other) => panic!("LIMEN_TEST_STORE={other}: sqlite or postgres"),
        };
        Self {
            fresh,
            file: data.join("limen.db"),
        }
    }

    /// A file, whatever kind this run is for: for what is about files.
    pub fn file_in(data: &Path) -> Self {
        Self {
            fresh: None,
            file: data.join("limen.db"),
        }
    }

    /// A database on a server, whatever kind this run is for.
    pub fn on_server(data: &Path) -> Self {
        Self::in_database(Fresh::new(), data)
    }

    /// That database.
    pub fn in_database(fresh: Fresh, data: &Path) -> Self {
        Self {
            fresh: Some(fresh),
            file: data.join("limen.db"),
        }
    }

    /// All that is kept, as bytes to search: the database's files, or every value on the server.
    pub fn dump(&self) -> Vec<u8> {
        let Some(fresh) = &self.fresh else {
            let log = self.file.with_extension("db-wal");
            let files = [&self.file, &log].map(|file| std::fs::read(file).unwrap_or_default());
            return files.concat();
        };
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
        let mut bytes = Vec::new();
        for table in fresh.database().rows(tables, &[]).into_iter().flatten() {
            let Value::Text(table) = table else { continue };
            if table == "refinery_schema_history" {
                continue;
            }
            let rows = fresh
                .database()
                .rows(&format!("SELECT * FROM {table}"), &[]);
            for value in rows.into_iter().flatten() {
                match value {
                    Value::Text(text) => bytes.extend(text.into_bytes()),
                    Value::Bytes(some) => bytes.extend(some),
                    Value::Integer(_) | Value::Null => {}
                }
            }
        }
        bytes
    }

    /// The database server, where this is on one.
    pub fn url(&self) -> Option<String> {
        self.fresh.as_ref().map(Fresh::url)
    }

    /// Lines for the end of a configuration file.
    pub fn lines(&self) -> String {
        self.url()
            .map_or_else(String::new, |url| format!("[store]\nurl = {url:?}\n"))
    }

    /// A store beside the cloud's own, as another process would have it.
    pub async fn store(&self) -> std::sync::Arc<dyn limen_cloud::Store> {
        let (epoch, now) = (Uuid::new_v4(), jiff::Timestamp::now());
        match self.url() {
            Some(url) => {
                let server = limen_cloud::config::Database::at(url)
                    .named()
                    .server()
                    .unwrap();
                let store = limen_cloud::store::postgres::Postgres::open(&server, epoch, now);
                std::sync::Arc::new(store.await.unwrap())
            }
            None => {
                let store = limen_cloud::store::sqlite::Sqlite::open(&self.file, epoch, now);
                std::sync::Arc::new(store.unwrap())
            }
        }
    }

    /// What a test asks it.
    pub fn database(&self) -> Database {
        match &self.fresh {
            Some(fresh) => fresh.database(),
            None => Database::Sqlite(self.file.clone()),
        }
    }
}

/// A database that a test looks into.
#[derive(Clone)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

/// A value as both have it: an id is its 16 bytes, a truth is 0 or 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            other => panic!("{other:?} is no bytes"),
        }
    }

    pub fn id(&self) -> Uuid {
        Uuid::from_slice(self.bytes()).unwrap()
    }
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(
        kind: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Integer(i32::from_sql(kind, raw)?.into()),
            Type::BOOL => Self::Integer(bool::from_sql(kind, raw)?.into()),
            Type::TEXT | Type::VARCHAR => Self::Text(String::from_sql(kind, raw)?),
            Type::BYTEA | Type::UUID => Self::Bytes(raw.to_vec()),
            ref other => return Err(format!("a column is {other}").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl From<rusqlite::types::Value> for Value {
    fn from(value: rusqlite::types::Value) -> Self {
        use rusqlite::types::Value as Sqlite;
        match value {
            Sqlite::Null => Self::Null,
            Sqlite::Integer(number) => Self::Integer(number),
            Sqlite::Text(text) => Self::Text(text),
            Sqlite::Blob(bytes) => Self::Bytes(bytes),
            Sqlite::Real(real) => panic!("the house has no floats: {real}"),
        }
    }
}

impl Database {
    /// The rows of a query; its ids are `$1`, `$2` in the order in which they appear.
    pub fn rows(&self, sql: &str, ids: &[Uuid]) -> Vec<Vec<Value>> {
        match self {
            Self::Sqlite(file) => {
                let database = rusqlite::Connection::open(file).unwrap();
                let mut statement = database.prepare(sql).unwrap();
                let ids = ids.iter().map(|id| id.as_bytes().to_vec());
                let width = statement.column_count();
                let rows = statement.query_map(rusqlite::params_from_iter(ids), |row| {
                    let value = |n| row.get::<_, rusqlite::types::Value>(n).map(Value::from);
                    (0..width).map(value).collect()
                });
                rows.unwrap().map(Result::unwrap).collect()
            }
            Self::Postgres(url) => {
                let rows = on_server(url, async |client: &Client| {
                    client.query(sql, &bound(ids)).await
                });
                let values = |row: &Row| (0..row.len()).map(|n| row.get(n)).collect();
                rows.iter().map(values).collect()
            }
        }
    }

    /// The one number of a query.
    pub fn number(&self, sql: &str, ids: &[Uuid]) -> i64 {
        self.rows(sql, ids)[0][0].integer()
    }

    /// Changes rows; how many.
    pub fn change(&self, sql: &str, ids: &[Uuid]) -> u64 {
        match self {
            Self::Sqlite(file) => {
                let database = rusqlite::Connection::open(file).unwrap();
                let patience = std::time::Duration::from_secs(60);
                database.busy_timeout(patience).unwrap();
                let ids = ids.iter().map(|id| id.as_bytes().to_vec());
                let changed = database.execute(sql, rusqlite::params_from_iter(ids));
                changed.unwrap() as u64
            }
            Self::Postgres(url) => on_server(url, async |client: &Client| {
                client.execute(sql, &bound(ids)).await
            }),
        }
    }

    /// Runs statements that answer nothing.
    pub fn run(&self, statements: &str) {
        match self {
            Self::Sqlite(file) => {
                let database = rusqlite::Connection::open(file).unwrap();
                database.execute_batch(statements).unwrap();
            }
            Self::Postgres(url) => on_server(url, async |client: &Client| {
                client.batch_execute(statements).await
            }),
        }
    }
}

fn bound(ids: &[Uuid]) -> Vec<&(dyn ToSql + Sync)> {
    ids.iter().map(|id| id as &(dyn ToSql + Sync)).collect()
}

type Anything = Box<dyn std::error::Error + Send + Sync>;

async fn connect(url: &str) -> Result<Client, Anything> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn block<T>(work: impl Future<Output = Result<T, Anything>>) -> Result<T, Anything> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Runs in a thread of its own: whoever asks may be inside a runtime or not.
fn on_server<T: Send>(
    url: &str,
    work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error> + Send,
) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            block(async {
                let client = connect(url).await?;
                Ok(work(&client).await?)
            })
            .unwrap_or_else(|error| panic!("{error}: {:?}", error.source()))
        });
        thread.join().unwrap()
    })
}
