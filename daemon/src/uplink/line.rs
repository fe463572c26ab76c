//! One connection to the MQTT endpoint: the only file that knows rumqttc.
//!
//! Each connection has a client and an event loop of its own, so that nothing is carried over
//! from one to the next: what was under way is known by the state machine, not by the library.

use std::sync::Arc;
use std::time::Duration;

use limen_wire::Topic;
use limen_wire::topic::{Down, Up};
use rumqttc::{
    AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS, SubscribeFilter,
    SubscribeReasonCode, Transport,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::address::Address;
use crate::keys::Identity;

/// The endpoint is shown a sign of life at this interval, and one that shows none for as long is left.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Seconds that a connection may take to open.
const OPEN_S: u64 = 10;
/// The largest packet either way: a roster page, with room to spare.
const PACKET: usize = 1024 * 1024;
/// How many messages may be under way in the library. The state machine keeps to less; if it is
/// full nevertheless, the line is stuck.
const QUEUE: u16 = 8192;
/// How many messages from the cloud may wait for the uplink.
const HEARD: usize = 256;

/// Why a connection can't even be tried.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate of the claim can't be read.
    #[error("the {0} that the claim gave can't be read: {1}")]
    Pem(&'static str, rustls::pki_types::pem::Error),
    /// There is no certificate where one should be.
    #[error("the {0} that the claim gave has no certificate in it")]
    Empty(&'static str),
    /// The library refuses them.
    #[error("the certificates that the claim gave can't be used: {0}")]
    Refused(#[from] rustls::Error),
}

/// What came over the line.
pub enum Heard {
    /// It is open, and what comes down will come.
    Open,
    /// A message.
    Message {
        /// On which topic, as it came.
        topic: String,
        /// The payload.
        payload: Vec<u8>,
    },
    /// It is gone, in words.
    Lost(String),
}

/// The line is stuck: nothing more can be queued.
#[derive(Debug)]
pub struct Stuck;

/// One connection. Dropped, it is cut, and the endpoint publishes the will.
pub struct Line {
    client: AsyncClient,
    heard: mpsc::Receiver<Heard>,
    terminal: Uuid,
    task: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How lines are opened.
pub struct Lines {
    identity: Arc<Identity>,
    address: Address,
    tls: Option<Arc<ClientConfig>>,
    keep_alive: Duration,
}

impl Lines {
    /// Lines to `address`, with the certificates of the claim where it speaks TLS.
    ///
    /// # Errors
    /// When they can't be used.
    pub fn new(identity: Arc<Identity>, address: Address) -> Result<Self, TlsError> {
        let tls = match address.tls {
            true => Some(Arc::new(mutual_tls(&identity)?)),
            false => None,
        };
        Ok(Self {
            identity,
            address,
            tls,
            keep_alive: KEEP_ALIVE,
        })
    }

    /// The same with another interval between signs of life: whole seconds, at least one.
    #[must_use]
    pub fn with_keep_alive(self, keep_alive: Duration) -> Self {
        Self { keep_alive, ..self }
    }

    /// Begins to connect; `will` is published by the endpoint when the line breaks.
    pub fn open(&self, will: String) -> Line {
        let terminal = self.identity.site.terminal;
        let mut options = MqttOptions::new(
            terminal.to_string(),
            self.address.host.clone(),
            self.address.port,
        );
        options
            .set_keep_alive(self.keep_alive)
            .set_clean_session(true)
            .set_inflight(QUEUE)
            .set_max_packet_size(PACKET, PACKET)
            .set_last_will(LastWill::new(
                Topic::up(terminal, Up::Status).to_string(),
                will,
                QoS::AtLeastOnce,
                false,
            ));
        if let Some(tls) = &self.tls {
            options.set_transport(Transport::Tls(rumqttc::TlsConfiguration::Rustls(
                Arc::clone(tls),
            )));
        }
        let (client, mut events) = AsyncClient::new(options, usize::from(QUEUE));
        let mut network = events.network_options();
        network.set_connection_timeout(OPEN_S);
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        // A task of its own: rumqttc's loop begins to connect all over again when it is
        // interrupted, and every event that is written would interrupt it.
        let (tell, heard) = mpsc::channel(HEARD);
        let task = tokio::spawn(listen(events, client.clone(), terminal, tell));
        Line {
            client,
            heard,
            terminal,
            task,
        }
    }
}

impl Line {
    /// Waits for the next thing to happen. May be dropped and called again.
    pub async fn hear(&mut self) -> Heard {
        match self.heard.recv().await {
            Some(heard) => heard,
            None => Heard::Lost("closed".to_owned()),
        }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// When the line is stuck.
    pub fn say(&self, kind: Up, compact: String) -> Result<(), Stuck> {
        let topic = Topic::up(self.terminal, kind).to_string();
        self.client
            .try_publish(topic, QoS::AtLeastOnce, false, compact)
            .map_err(|_| Stuck)
    }

    /// Queues a farewell: the will is not published then.
    pub fn close(&self) {
        // A stuck line is dropped instead, and the will speaks.
        let _ = self.client.try_disconnect();
    }
}

async fn listen(
    mut events: EventLoop,
    client: AsyncClient,
    terminal: Uuid,
    tell: mpsc::Sender<Heard>,
) {
    loop {
        let heard = match events.poll().await {
            Ok(Event::Incoming(packet)) => incoming(packet, &client, terminal),
            Ok(Event::Outgoing(_)) => None,
            Err(error) => Some(Heard::Lost(chain_of(&error))),
        };
        let Some(heard) = heard else { continue };
        let is_lost = matches!(heard, Heard::Lost(_));
        if tell.send(heard).await.is_err() || is_lost {
            return;
        }
    }
}

fn incoming(packet: Packet, client: &AsyncClient, terminal: Uuid) -> Option<Heard> {
    match packet {
        Packet::ConnAck(_) => {
            let filters = Down::ALL.map(|kind| SubscribeFilter {
                path: Topic::down(terminal, kind).to_string(),
                qos: QoS::AtLeastOnce,
            });
            client
                .try_subscribe_many(filters)
                .is_err()
                .then(|| Heard::Lost("the subscriptions could not be queued".to_owned()))
        }
        Packet::SubAck(granted) => {
            let is_refused = granted
                .return_codes
                .iter()
                .any(|code| matches!(code, SubscribeReasonCode::Failure));
            Some(match is_refused {
                false => Heard::Open,
                true => Heard::Lost("the endpoint refused the terminal's topics".to_owned()),
            })
        }
        Packet::Publish(message) => Some(Heard::Message {
            topic: message.topic,
            payload: message.payload.to_vec(),
        }),
        _ => None,
    }
}

/// An error and its causes; rumqttc's own text leaves some out.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// TLS 1.3 only, the endpoint's certificate from the claim's authority, and the terminal's own
/// for its signing key. The provider is named here: no process-wide default is ever installed.
///
/// # Errors
/// When the certificates of the claim can't be used.
pub fn mutual_tls(identity: &Identity) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("authority", &identity.site.authority)? {
        roots.add(certificate)?;
    }
    let key = identity.keys.signing.to_pkcs8_der();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(
            certificates("certificate", &identity.site.certificates)?,
            key,
        )?;
    Ok(config)
}

/// ring: it cross-builds with nothing but a C compiler.
pub fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// The certificates of a PEM text, at least one; `what` names it in errors.
///
/// # Errors
/// When it has none, or is no PEM.
pub fn certificates(
    what: &'static str,
    pem: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Pem(what, error))?;
    if found.is_empty() {
        return Err(TlsError::Empty(what));
    }
    Ok(found)
}
