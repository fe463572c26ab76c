//! The claim: twelve words make this terminal one of a site.
//!
//! What is said and proved is `limen_wire::claim`; here it is carried over HTTP, and its
//! failures are put into words for the person who types. The words never travel.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use limen_wire::claim::{
    self, BeginAnswer, Begun, CodeError, FinishAnswer, MAX_ANSWER_BYTES, Secret,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use uuid::Uuid;

use crate::keys::{self, Identity, KeyError, Keys, Site};
use crate::uplink::address::{Address, AddressError, is_loopback};
use crate::uplink::provider;

/// How long the cloud may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the terminal was not claimed. Nothing of it is believed then.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// It belongs to a site.
    #[error(
        "this terminal is claimed already: it is {terminal} of site {site}; to give it away, revoke it in the dashboard and remove its data folder"
    )]
    Claimed {
        /// Who it is.
        terminal: Uuid,
        /// Where.
        site: Uuid,
    },
    /// What was typed is no code.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The address is none, or would carry the claim over a network in the clear.
    #[error("the cloud's address {url:?} can't be used: {why}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody answers there.
    #[error(
        "the cloud at {url} can't be reached: {detail}; is it running, and is the address right?"
    )]
    Away {
        /// The address.
        url: String,
        /// What the network said.
        detail: String,
    },
    /// The words are nobody's.
    #[error("the cloud knows no such code: check the words, or make a new code in the dashboard")]
    Unknown,
    /// The words were used.
    #[error(
        "this code was used already: it is for one terminal, once; make a new one in the dashboard"
    )]
    Used,
    /// The words are too old.
    #[error("this code has expired: it is good for 15 minutes; make a new one in the dashboard")]
    Expired,
    /// The cloud does not believe this terminal.
    #[error(
        "the cloud did not believe that this terminal knows the code: check the words, and the address"
    )]
    NotBelieved,
    /// Any other answer.
    #[error("the cloud at {url} did not take the claim: {detail}")]
    Refused {
        /// The address.
        url: String,
        /// What it said.
        detail: String,
    },
    /// This terminal does not believe the cloud.
    #[error("what answers at {url} is not to be believed: {why}")]
    NotProved {
        /// The address.
        url: String,
        /// Why.
        #[source]
        why: claim::ClaimError,
    },
    /// The cloud named no address that this terminal may use.
    #[error("the cloud named no MQTT address that this terminal can use: {0}")]
    Mqtt(#[from] AddressError),
    /// The keys can't be made or kept.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

/// Claims the terminal whose state is in `data`. `code`: the twelve words, or the text of the QR.
///
/// # Errors
/// [`ClaimError`], in words for whoever types.
pub fn claim(data: &Path, cloud: &str, code: &str) -> Result<Site, ClaimError> {
    if let Some(Identity { site, .. }) = Identity::load(data)? {
        return Err(ClaimError::Claimed {
            terminal: site.terminal,
            site: site.site,
        });
    }
    let cloud = Cloud::new(cloud)?;
    let secret = match code.trim() {
        qr if qr.starts_with("limen-claim:") => Secret::from_qr(qr)?.0,
        words => Secret::from_words(words)?,
    };
    // Keys of its own for this claim: an earlier one may have ended halfway.
    let keys = Keys::make_anew(data)?;
    let not_proved = |why| ClaimError::NotProved {
        url: cloud.url.clone(),
        why,
    };
    let (begun, request) = Begun::new(
        secret,
        keys.signing.public(),
        keys.sealing.public(),
        keys::random()?,
    );
    let answer: BeginAnswer = cloud.post("begin", &request)?;
    let (waiting, request) = begun.answered(answer, &keys.signing).map_err(not_proved)?;
    let grant: FinishAnswer = cloud.post("finish", &request)?;
    let claimed = waiting.finished(grant).map_err(not_proved)?;
    let mqtt = usable(&claimed.mqtt)?;
    let site = Site {
        terminal: claimed.terminal,
        site: claimed.site,
        signing_key: claimed.site_signing,
        sealing_key: claimed.site_sealing,
        certificates: claimed.certificate,
        authority: claimed.authority,
        mqtt,
    };
    keys::pin(data, &site)?;
    Ok(site)
}

/// The first address that is one.
fn usable(addresses: &[String]) -> Result<String, AddressError> {
    let mut refused = AddressError::Form(String::new());
    for address in addresses {
        match Address::parse(address) {
            Ok(_) => return Ok(address.clone()),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

struct Cloud {
    url: String,
    agent: ureq::Agent,
}

impl Cloud {
    fn new(url: &str) -> Result<Self, ClaimError> {
        let refused = |why| ClaimError::Url {
            url: url.chars().take(200).collect(),
            why,
        };
        let form = "it is not http://HOST:PORT or https://HOST";
        let uri: Uri = url.parse().map_err(|_| refused(form))?;
        let host = uri.host().filter(|host| !host.is_empty());
        let is_local = match (uri.scheme_str(), host) {
            (Some("https"), Some(_)) => false,
            (Some("http"), Some(host)) if is_loopback(host.trim_matches(['[', ']'])) => true,
            (Some("http"), Some(_)) => {
                return Err(refused(
                    "http is in the clear, which is allowed on this machine itself only; use https://",
                ));
            }
            _ => return Err(refused(form)),
        };
        if uri.query().is_some() {
            return Err(refused("it has a query in it"));
        }
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("limen-daemon/", env!("CARGO_PKG_VERSION")));
        if is_local {
            config = config.proxy(None);
        } else {
            config = config.tls_config(tls());
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            agent: config.build().new_agent(),
        })
    }

    fn post<T: DeserializeOwned>(
        &self,
        step: &str,
        body: &impl Serialize,
    ) -> Result<T, ClaimError> {
        let away = |error: ureq::Error| ClaimError::Away {
            url: self.url.clone(),
            detail: error.to_string(),
        };
        let refused = |detail: String| ClaimError::Refused {
            url: self.url.clone(),
            detail,
        };
        let mut answer = self
            .agent
            .post(format!("{}/api/v1/claim/{step}", self.url))
            .send_json(body)
            .map_err(away)?;
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER_BYTES as u64)
            .read_to_vec()
            .map_err(away)?;
        match status {
            200 => serde_json::from_slice(&text)
                .map_err(|_| refused("its answer is not one of a Limen cloud".to_owned())),
            403 => Err(ClaimError::NotBelieved),
            // Anything may answer 404; only a cloud says so in its own form.
            404 if detail(&text).is_some() => Err(ClaimError::Unknown),
            409 => Err(ClaimError::Used),
            410 => Err(ClaimError::Expired),
            other => Err(refused(match detail(&text) {
                Some(detail) => format!("{detail} (HTTP {other})"),
                None => format!("it answered HTTP {other}, not as a Limen cloud does"),
            })),
        }
    }
}

fn detail(text: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(text).ok()?;
    Some(answer.get("detail")?.as_str()?.chars().take(300).collect())
}

/// The system's own authorities, and the provider named here.
fn tls() -> TlsConfig {
    let roots = rustls_native_certs::load_native_certs();
    for error in &roots.errors {
        tracing::warn!(%error, "a certificate of the system can't be read");
    }
    let roots: Vec<_> = roots
        .certs
        .iter()
        .map(|certificate| ureq::tls::Certificate::from_der(certificate).to_owned())
        .collect();
    TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .unversioned_rustls_crypto_provider(Arc::new(provider()))
        .build()
}
