//! Which server, and how this program comes in: by the configuration, without a word from the environment.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use zeroize::Zeroizing;

use crate::authority::provider;

/// The systemd credential with the password, where the configuration names no file.
pub const CREDENTIAL: &str = "limen.database-password";

/// What every connection begins with. A transaction whose process hangs must not hold rows for ever.
const OPTIONS: &str = "-c lock_timeout=30s -c statement_timeout=60s \
                       -c idle_in_transaction_session_timeout=60s";

/// A server and a database on it, and the way in.
#[derive(Clone)]
pub struct Server {
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) connections: usize,
}

/// Why the way to a server can't stand. No message names the URL: somebody may have put a password there.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Not the URL of a PostgreSQL database.
    #[error(
        "store.url {0}; it has the form postgres://USER@HOST:PORT/DATABASE, or \
         postgres://USER@/DATABASE?host=/run/postgresql for a socket on this machine"
    )]
    Url(&'static str),
    /// The password stands where others read it.
    #[error(
        "a password stands in the configuration: put it alone into a file that only the service can read, \
         and name that by store.password_file, or hand it over as the systemd credential {CREDENTIAL}"
    )]
    PasswordInTheOpen,
    /// A number of connections that can't be.
    #[error("store.connections = {0}: must be between 2 and 100")]
    Connections(usize),
    /// A file that can't be read.
    #[error("cannot read {what} {path}")]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A password file that others may read.
    #[error("the database password {0} is readable by others; chmod it to 600")]
    Open(PathBuf),
    /// A file without certificates.
    #[error("{0} holds no certificates in PEM form")]
    NoCertificates(PathBuf),
    /// This machine trusts nobody.
    #[error(
        "this machine has no certificate authorities to know the database server by; name one by store.ca"
    )]
    NoAuthorities,
    /// TLS can't be had.
    #[error("TLS to the database server cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// How the configuration names a server.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    /// `postgres://…`, without a password.
    pub url: &'a str,
    /// A file with the password and nothing else.
    pub password_file: Option<&'a Path>,
    /// A file with the certificate authorities that the server is known by; `None` takes the machine's.
    pub ca: Option<&'a Path>,
    /// How many connections there may be, 2 to 100.
    pub connections: usize,
}

impl Named<'_> {
    /// Reads what the names say, and reads no file.
    ///
    /// # Errors
    /// When the URL or the number can't stand.
    pub fn check(&self) -> Result<(), ServerError> {
        if !(2..=100).contains(&self.connections) {
            return Err(ServerError::Connections(self.connections));
        }
        parse(self.url).map(drop)
    }

    /// The server, with the files read.
    ///
    /// # Errors
    /// As [`check`](Self::check), and when a file can't be used.
    pub fn server(&self) -> Result<Server, ServerError> {
        self.check()?;
        let mut config = parse(self.url)?;
        if let Some(password) = password(self.password_file)? {
            config.password(password.as_slice());
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(Arc::new(tls(self.ca)?)),
        };
        Ok(Server {
            config,
            tls,
            connections: self.connections,
        })
    }
}

/// The URL as what the client takes; in the clear only where nothing leaves this machine.
fn parse(url: &str) -> Result<tokio_postgres::Config, ServerError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(ServerError::Url("does not begin with postgres://"));
    }
    // The parser's own words may repeat a part of what it was given.
    let mut config: tokio_postgres::Config =
        url.parse().map_err(|_| ServerError::Url("is none"))?;
    if config.get_password().is_some() {
        return Err(ServerError::PasswordInTheOpen);
    }
    if config.get_dbname().is_none_or(str::is_empty) {
        return Err(ServerError::Url("names no database"));
    }
    if config.get_user().is_none_or(str::is_empty) {
        return Err(ServerError::Url("names no user"));
    }
    if config.get_hosts().is_empty() {
        return Err(ServerError::Url("names no host"));
    }
    let is_here = config.get_hosts().iter().all(is_here)
        && config
            .get_hostaddrs()
            .iter()
            .all(std::net::IpAddr::is_loopback);
    let mode = match (config.get_ssl_mode(), is_here) {
        (SslMode::Disable, false) => {
            return Err(ServerError::Url(
                "says sslmode=disable, and the server is not on this machine: TLS is needed there",
            ));
        }
        (SslMode::Require, _) | (_, false) => SslMode::Require,
        (_, true) => SslMode::Disable,
    };
    config
        .ssl_mode(mode)
        .application_name("limen-cloud")
        .options(OPTIONS)
        .connect_timeout(Duration::from_secs(5))
        .keepalives_idle(Duration::from_secs(15))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(30))
        // Of several hosts, the one that takes writes: who was the first one may be the second now.
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    Ok(config)
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    }
}

fn password(file: Option<&Path>) -> Result<Option<Zeroizing<Vec<u8>>>, ServerError> {
    let handed_over = || {
        let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
        Some(PathBuf::from(folder).join(CREDENTIAL)).filter(|path| path.exists())
    };
    let path = match file {
        Some(file) => file.to_owned(),
        None => match handed_over() {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let failed = |source| ServerError::File {
        what: "the database password",
        path: path.clone(),
        source,
    };
    // Systemd guards a credential's folder; what is named by hand is looked at.
    let mode = std::fs::metadata(&path).map_err(failed)?.permissions();
    if file.is_some() && mode.mode() & 0o077 != 0 {
        return Err(ServerError::Open(path));
    }
    let mut password = Zeroizing::new(std::fs::read(&path).map_err(failed)?);
    let end = password.trim_ascii_end().len();
    password.truncate(end);
    Ok(Some(password))
}

fn tls(ca: Option<&Path>) -> Result<rustls::ClientConfig, ServerError> {
    let mut roots = rustls::RootCertStore::empty();
    match ca {
        Some(path) => {
            let pem = std::fs::read(path).map_err(|source| ServerError::File {
                what: "the database server's certificate authority",
                path: path.to_owned(),
                source,
            })?;
            let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
            let (added, _) = roots.add_parsable_certificates(certificates.unwrap_or_default());
            if added == 0 {
                return Err(ServerError::NoCertificates(path.to_owned()));
            }
        }
        None => {
            let machine = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(machine.certs);
            if added == 0 {
                return Err(ServerError::NoAuthorities);
            }
        }
    }
    Ok(rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        parse(url).unwrap_err().to_string()
    }

    #[test]
    fn nothing_leaves_this_machine_in_the_clear() {
        let mode = |url| parse(url).unwrap().get_ssl_mode();
        for (url, expected) in [
            ("postgres://limen@127.0.0.1/limen", SslMode::Disable),
            ("postgres://limen@[::1]:5433/limen", SslMode::Disable),
            ("postgres://limen@localhost/limen", SslMode::Disable),
            (
                "postgres://limen@/limen?host=/run/postgresql",
                SslMode::Disable,
            ),
            (
                "postgres://limen@localhost/limen?sslmode=require",
                SslMode::Require,
            ),
            ("postgres://limen@db.example/limen", SslMode::Require),
            (
                "postgres://limen@db.example/limen?sslmode=prefer",
                SslMode::Require,
            ),
            (
                "postgres://limen@localhost,db.example/limen",
                SslMode::Require,
            ),
            (
                "postgres://limen@localhost/limen?hostaddr=192.0.2.1",
                SslMode::Require,
            ),
        ] {
            assert_eq!(mode(url), expected, "{url}");
        }
        let why = refused("postgres://limen@db.example/limen?sslmode=disable");
        assert!(why.contains("TLS is needed"), "{why}");
    }

    #[test]
    fn a_refusal_says_what_is_missing_and_never_repeats_the_url() {
        for (url, word) in [
            ("mysql://canary@h/d", "postgres://"),
            ("postgres://limen:canary@db.example/limen", "password"),
            (
                "postgres://limen@db.example/limen?password=canary",
                "password",
            ),
            ("postgres://limen@canary:port/limen", "is none"),
            ("postgres://limen@canary.example/", "database"),
            ("postgres://canary.example/limen", "user"),
            ("postgres://limen@/canary", "host"),
        ] {
            let why = refused(url);
            assert!(why.contains(word), "{url}: {why}");
            assert!(!why.contains("canary"), "{url}: {why}");
        }
    }

    #[test]
    fn the_password_is_what_a_private_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "hush hush\n").unwrap();
        let chmod = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        chmod(0o644);
        assert!(matches!(password(Some(&path)), Err(ServerError::Open(_))));
        chmod(0o600);
        let read = password(Some(&path)).unwrap().unwrap();
        assert_eq!(read.as_slice(), b"hush hush");
        let missing = password(Some(&folder.path().join("none"))).unwrap_err();
        assert!(missing.to_string().contains("none"), "{missing}");
    }
}
