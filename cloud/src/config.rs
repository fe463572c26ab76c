//! The configuration file: what it may say, and what is refused.
//!
//! The commented default file is the documentation; it is compiled in ([`DEFAULT`]), and a test holds it
//! equal to [`Config::default`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::link::{Broker, BrokerError};
use crate::store::postgres::{Named, ServerError};

/// The commented default configuration, as `limen-cloud default-config` prints it.
pub const DEFAULT: &str = include_str!("../cloud.toml");

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who may register as an employer.
    pub registration: Registration,
    /// Origins of foreign web pages that browsers may let call this server.
    pub cors_origins: Vec<String>,
    /// Folder with the models; a relative path is relative to the working directory.
    pub zoo: PathBuf,
    /// bcrypt's cost, 4..=31.
    pub bcrypt_cost: u32,
    /// ISO 4217 code that new tenants begin with.
    pub currency: String,
    /// IANA zone that new tenants' sites begin with.
    pub zone: String,
    /// A second punch of a person sooner than this many seconds is a double read.
    pub repunch_s: u32,
    /// The web listener.
    pub http: Http,
    /// The terminals' listener.
    pub mqtt: Mqtt,
    /// A foreign broker to take terminals from.
    pub link: Option<Link>,
    /// The metrics listener.
    pub metrics: Metrics,
    /// A PostgreSQL database; without it everything is kept in the data folder.
    pub store: Option<Database>,
    /// How letters go out; none do where it is left out.
    pub mail: Option<Mail>,
}

/// Who may register as an employer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anybody.
    Open,
    /// Whoever holds a single-use invitation.
    Invited,
    /// Nobody.
    Closed,
}

/// The web listener.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether a proxy in front ends TLS: allows an address off loopback, and marks cookies `Secure`.
    pub behind_tls_proxy: bool,
}

/// The terminals' listener.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mqtt {
    /// In the clear, loopback only.
    pub listen: SocketAddr,
    /// Mutual TLS, for terminals elsewhere.
    pub tls: Option<MqttTls>,
}

/// The terminals' listener with mutual TLS.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttTls {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// DNS names and addresses in the server's certificate.
    #[serde(default)]
    pub names: Vec<String>,
}

/// A foreign broker.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// `mqtt://host:port`.
    pub broker: String,
}

/// A PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `postgres://USER@HOST:PORT/DATABASE`, without a password.
    pub url: String,
    /// A file with the password, readable by the service alone.
    pub password_file: Option<PathBuf>,
    /// A file with the certificate authorities that the server is known by, in PEM.
    pub ca: Option<PathBuf>,
    /// How many connections this process may have, 2 to 100.
    #[serde(default = "connections")]
    pub connections: usize,
    /// Known only to be refused without being repeated, as the error about an unknown key would.
    #[serde(default)]
    password: Option<IgnoredAny>,
}

const fn connections() -> usize {
    10
}

impl Database {
    /// The database at that URL, with the defaults of everything else.
    #[must_use]
    pub fn at(url: String) -> Self {
        Self {
            url,
            password_file: None,
            ca: None,
            connections: connections(),
            password: None,
        }
    }

    /// What the store takes it by.
    #[must_use]
    pub fn named(&self) -> Named<'_> {
        Named {
            url: &self.url,
            password_file: self.password_file.as_deref(),
            ca: self.ca.as_deref(),
            connections: self.connections,
        }
    }
}

/// The metrics listener.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Address and port, loopback only; port 0 takes a free one.
    pub listen: SocketAddr,
}

/// How letters go out: into a folder, or by a server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `Limen <limen@example.com>`.
    pub from: String,
    /// What links in letters begin with: `https://clock.example.com`.
    pub page: String,
    /// A folder that each letter is written into, as a file: for development.
    pub folder: Option<PathBuf>,
    /// `smtps://host:port`, or `smtp://host:port?tls=required` for STARTTLS.
    pub smtp: Option<String>,
    /// Whom the server knows us as; nobody where it is left out.
    pub user: Option<String>,
    /// A file with the password, readable by the service alone.
    pub password_file: Option<PathBuf>,
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            registration: Registration::Closed,
            cors_origins: Vec::new(),
            zoo: "models".into(),
            bcrypt_cost: 12,
            currency: "USD".into(),
            zone: "UTC".into(),
            repunch_s: 60,
            http: Http::default(),
            mqtt: Mqtt::default(),
            link: None,
            metrics: Metrics::default(),
            store: None,
            mail: None,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: loopback(8080),
            behind_tls_proxy: false,
        }
    }
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            listen: loopback(1883),
            tls: None,
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            listen: loopback(9464),
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("the configuration {path} is refused: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The cause, with line and key.
        source: Box<toml::de::Error>,
    },
    /// A broker's address that is none.
    #[error("the configuration is refused: {0}")]
    Broker(#[from] BrokerError),
    /// A way to a database that can't stand.
    #[error("the configuration is refused: {0}")]
    Store(#[from] ServerError),
    /// A value that can't stand.
    #[error("the configuration is refused: {key} = {value}: {why}")]
    Value {
        /// The key with its table.
        key: &'static str,
        /// The value as it was read.
        value: String,
        /// What is wrong and what to do.
        why: &'static str,
    },
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// When the file can't be read, has an unknown key, or a value that can't stand.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let config: Self = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        config.check()?;
        Ok(config)
    }

    /// Checks what the types don't say.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that can't stand.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, value: String, why| Err(ConfigError::Value { key, value, why });
        if !(4..=31).contains(&self.bcrypt_cost) {
            let why = "must be between 4 and 31; 12 is right for people's passwords";
            return refuse("bcrypt_cost", self.bcrypt_cost.to_string(), why);
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            let why = "must be three capital letters, as in ISO 4217";
            return refuse("currency", self.currency.clone(), why);
        }
        if jiff::tz::TimeZone::get(&self.zone).is_err() {
            let why = "is no IANA time zone such as Europe/Berlin";
            return refuse("zone", self.zone.clone(), why);
        }
        if self.repunch_s > 3600 {
            let why = "must be at most 3600, an hour";
            return refuse("repunch_s", self.repunch_s.to_string(), why);
        }
        if !self.http.listen.ip().is_loopback() && !self.http.behind_tls_proxy {
            let why = "is off loopback and HTTP is in the clear; put a TLS proxy in front and set \
                       http.behind_tls_proxy = true";
            return refuse("http.listen", self.http.listen.to_string(), why);
        }
        if !self.mqtt.listen.ip().is_loopback() {
            let why = "is off loopback and in the clear; terminals elsewhere come by [mqtt.tls]";
            return refuse("mqtt.listen", self.mqtt.listen.to_string(), why);
        }
        if !self.metrics.listen.ip().is_loopback() {
            let why = "is off loopback; metrics stay on this machine";
            return refuse("metrics.listen", self.metrics.listen.to_string(), why);
        }
        for origin in &self.cors_origins {
            let host = origin
                .strip_prefix("https://")
                .or_else(|| origin.strip_prefix("http://"));
            if host.is_none_or(|h| h.is_empty() || h.contains(['/', '*', ' '])) {
                let why = "is no origin such as https://board.example:8443";
                return refuse("cors_origins", origin.clone(), why);
            }
        }
        if let Some(mail) = &self.mail {
            if mail.folder.is_some() == mail.smtp.is_some() {
                let why = "needs one of folder and smtp";
                return refuse("mail", mail.from.clone(), why);
            }
            if mail.user.is_some() != mail.password_file.is_some() {
                let why = "needs both of user and password_file, or neither";
                return refuse("mail.user", mail.user.clone().unwrap_or_default(), why);
            }
            if !mail.page.starts_with("https://") && !mail.page.starts_with("http://127.0.0.1") {
                let why = "must begin with https://, or what is in letters travels in the clear";
                return refuse("mail.page", mail.page.clone(), why);
            }
        }
        self.broker()?;
        if let Some(database) = &self.store {
            if database.password.is_some() {
                return Err(ServerError::PasswordInTheOpen.into());
            }
            database.named().check()?;
        }
        Ok(())
    }

    /// The broker to take terminals from, where there is one.
    ///
    /// # Errors
    /// When its address is none.
    pub fn broker(&self) -> Result<Option<Broker>, ConfigError> {
        let broker = self.link.as_ref().map(|link| link.broker.parse());
        Ok(broker.transpose()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_says_the_defaults() {
        let parsed: Config = toml::from_str(DEFAULT).unwrap();
        assert_eq!(parsed, Config::default());
        parsed.check().unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let refused =
            toml::from_str::<Config>("[http]\nlisten_on = \"127.0.0.1:1\"\n").unwrap_err();
        assert!(refused.to_string().contains("listen_on"), "{refused}");
    }

    #[test]
    fn off_loopback_needs_a_tls_proxy() {
        let mut config = Config::default();
        config.http.listen = "0.0.0.0:8080".parse().unwrap();
        let refused = config.check().unwrap_err().to_string();
        assert!(refused.contains("behind_tls_proxy"), "{refused}");
        config.http.behind_tls_proxy = true;
        config.check().unwrap();
        config.mqtt.listen = "0.0.0.0:1883".parse().unwrap();
        assert!(config.check().is_err());
    }

    #[test]
    fn a_password_in_the_configuration_is_refused_and_not_repeated() {
        for store in [
            "url = \"postgres://a@/b?host=/tmp\"\npassword = \"canary\"",
            "url = \"postgres://a:canary@/b?host=/tmp\"",
        ] {
            let config: Config = toml::from_str(&format!("[store]\n{store}")).unwrap();
            let refused = config.check().unwrap_err().to_string();
            assert!(refused.contains("store.password_file"), "{refused}");
            assert!(!refused.contains("canary"), "{refused}");
        }
    }

    #[test]
    fn values_that_cannot_stand_are_refused_in_words() {
        for (edit, word) in [
            ("bcrypt_cost = 3", "bcrypt_cost"),
            ("currency = \"usd\"", "currency"),
            ("zone = \"Mars/Olympus\"", "zone"),
            ("repunch_s = 3601", "repunch_s"),
            ("cors_origins = [\"*\"]", "cors_origins"),
            ("[link]\nbroker = \"1884\"", "link.broker"),
            ("[metrics]\nlisten = \"0.0.0.0:1\"", "metrics"),
            ("[store]\nurl = \"limen.db\"", "store.url"),
            (
                "[store]\nurl = \"postgres://a@/b?host=/tmp\"\nconnections = 1",
                "store.connections",
            ),
            (
                "[mail]\nfrom = \"a@b.example\"\npage = \"https://c.example\"",
                "smtp",
            ),
            (
                "[mail]\nfrom = \"a@b.example\"\npage = \"http://c.example\"\nfolder = \"mail\"",
                "mail.page",
            ),
            (
                "[mail]\nfrom = \"a@b.example\"\npage = \"https://c.example\"\nsmtp = \"smtps://d.example\"\n\
                 user = \"limen\"",
                "password_file",
            ),
        ] {
            let config: Config = toml::from_str(edit).unwrap();
            let refused = config.check().unwrap_err().to_string();
            assert!(refused.contains(word), "{edit}: {refused}");
        }
    }
}
