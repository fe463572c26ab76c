//! The cloud as a client of a broker that the site already has.
//!
//! Terminals connect to the broker, and the cloud takes the up topics through shared subscriptions: several
//! processes are members of one group, and each message goes to one of them. The session is clean, since a
//! member that is away would keep its share. A broker may accept a shared subscription and deliver nothing to
//! it, so nothing is ready until a canary came back through the filter that events come by.
//!
//! The broker is a postman: it is believed nothing, and what it forgets comes again from the outboxes.

use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use limen_wire::topic::{Topic, Up};
use rumqttc::mqttbytes::v4::SubscribeReasonCode;
use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, MqttOptions, NetworkOptions, Publish, QoS,
    SubscribeFilter,
};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::App;
use crate::ingest;

/// The group that all processes of an installation are members of.
const GROUP: &str = "limen";
/// What a canary says before the id of who sent it.
const CANARY: &str = "limen canary of ";
/// How often a canary is sent until one comes back: another member may get it.
const CANARY_EVERY: Duration = Duration::from_millis(250);
/// After so long without a canary a person should look at the broker.
const CANARY_LATE: Duration = Duration::from_secs(15);
/// Pause after a connection that was lost or refused.
const AGAIN: Duration = Duration::from_millis(500);
/// Longest packet.
const MOST_BYTES: usize = 600 * 1024;
/// Requests that may wait for the broker.
const REQUESTS: usize = 8192;

/// A broker's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// An address that no broker is reached at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("link.broker = {address:?}: {why}")]
pub struct BrokerError {
    address: String,
    why: &'static str,
}

impl FromStr for Broker {
    type Err = BrokerError;

    fn from_str(address: &str) -> Result<Self, BrokerError> {
        let refuse = |why| {
            Err(BrokerError {
                address: address.to_owned(),
                why,
            })
        };
        let Some(rest) = address.strip_prefix("mqtt://") else {
            return refuse("is no address such as mqtt://127.0.0.1:1884");
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => match port.parse() {
                Ok(port) if port > 0 => (host, port),
                _ => return refuse("has a port that is none"),
            },
            _ => (rest, 1883),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if !loopback {
            return refuse(
                "is off loopback and in the clear; bridge it to a broker on this machine",
            );
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// Takes terminals' messages from a broker, until the end. `ready` turns true when a canary came back, and
/// false again while the line is down.
///
/// # Errors
/// Never; the type is that of everything that serves.
pub async fn serve(app: Arc<App>, broker: Broker, ready: watch::Sender<bool>) -> io::Result<()> {
    let me = Uuid::new_v4();
    let mut options = MqttOptions::new(format!("limen-cloud-{me}"), &broker.host, broker.port);
    options
        .set_clean_session(true)
        .set_manual_acks(true)
        .set_inflight(1000)
        .set_keep_alive(Duration::from_secs(10))
        .set_max_packet_size(MOST_BYTES, MOST_BYTES);
    let (client, mut line) = AsyncClient::new(options, REQUESTS);
    // Acknowledgements are small, and each that waits for the next one costs a terminal 40 ms.
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    line.set_network_options(network);
    app.downlink.link(client.clone());
    app.downlink
        .reached_at(format!("mqtt://{}:{}", broker.host, broker.port));
    // The broker has its own limit on what it sends unacknowledged; this is only beyond any of them.
    let (came, coming) = mpsc::channel(REQUESTS);
    let ready = Arc::new(ready);
    let taking = tokio::spawn(take_all(
        Arc::clone(&app),
        client.clone(),
        me,
        coming,
        Arc::clone(&ready),
    ));
    let stop = app.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = poll(&client, line, me, &came, &ready) => {}
    }
    // Nothing more comes; what is being written is acknowledged to the terminals by the next hello.
    drop(came);
    taking.abort();
    Ok(())
}

/// Drives the line for ever: connects, subscribes, and hands on what comes.
async fn poll(
    client: &AsyncClient,
    mut line: EventLoop,
    me: Uuid,
    came: &mpsc::Sender<Publish>,
    ready: &Arc<watch::Sender<bool>>,
) {
    let mut canary: Option<tokio::task::JoinHandle<()>> = None;
    loop {
        match line.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                tracing::info!("the broker has let the cloud in");
                let filters = Up::ALL
                    .iter()
                    .map(|kind| SubscribeFilter::new(kind.shared_filter(GROUP), QoS::AtLeastOnce));
                if client.try_subscribe_many(filters).is_err() {
                    tracing::error!("the broker's line takes no subscription; it is begun again");
                    line.clean();
                }
            }
            Ok(Event::Incoming(Incoming::SubAck(answer))) => {
                let refused = answer
                    .return_codes
                    .iter()
                    .any(|code| matches!(code, SubscribeReasonCode::Failure));
                if refused {
                    tracing::error!(
                        "the broker refuses a shared subscription; it needs $share, or the cloud the right to it"
                    );
                } else {
                    let sing = sing(client.clone(), me, ready.subscribe());
                    if let Some(before) = canary.replace(tokio::spawn(sing)) {
                        before.abort();
                    }
                }
            }
            Ok(Event::Incoming(Incoming::Publish(publish))) => {
                if let Err(left) = came.try_send(publish) {
                    tracing::warn!(
                        "the cloud takes no more from the broker; terminals send it again"
                    );
                    acknowledge(client, &left.into_inner());
                }
            }
            Ok(_) => {}
            Err(error) => {
                ready.send_replace(false);
                if let Some(canary) = canary.take() {
                    canary.abort();
                }
                // What was on its way down is worth nothing in another connection: terminals ask again.
                line.clean();
                line.pending.clear();
                tracing::warn!(%error, "the line to the broker is down; trying again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn canary_topic(me: Uuid) -> String {
    Topic::up(me, Up::Event).to_string()
}

/// Sends canaries until one came back.
async fn sing(client: AsyncClient, me: Uuid, mut ready: watch::Receiver<bool>) {
    let began = tokio::time::Instant::now();
    let mut warned = false;
    loop {
        let song = format!("{CANARY}{me}");
        // Where the line takes no more, the next one may.
        let _ = client.try_publish(canary_topic(me), QoS::AtLeastOnce, false, song);
        let heard = tokio::time::timeout(CANARY_EVERY, ready.wait_for(|ready| *ready)).await;
        if heard.is_ok() {
            return;
        }
        if !warned && began.elapsed() > CANARY_LATE {
            warned = true;
            tracing::error!(
                "the broker accepted the shared subscription and delivers nothing to it; take another broker"
            );
        }
    }
}

/// Takes messages in the order in which they came; each is acknowledged to the broker when it was looked at.
/// That frees a place on the line, of which a broker gives few, and promises nobody anything: what could not
/// be kept comes again from the outbox.
async fn take_all(
    app: Arc<App>,
    client: AsyncClient,
    me: Uuid,
    mut coming: mpsc::Receiver<Publish>,
    ready: Arc<watch::Sender<bool>>,
) {
    while let Some(publish) = coming.recv().await {
        if let Some(singer) = publish.payload.strip_prefix(CANARY.as_bytes()) {
            if singer == me.to_string().as_bytes() && !ready.send_replace(true) {
                tracing::info!("a canary came back from the broker; terminals can come by it");
            }
            acknowledge(&client, &publish);
            continue;
        }
        match ingest::take(&app, &publish.topic, &publish.payload, None, None).await {
            Ok(pending) => {
                let client = client.clone();
                tokio::spawn(async move {
                    // Kept or not: only the cloud's own acknowledgement counts.
                    let _ = pending.kept().await;
                    acknowledge(&client, &publish);
                });
            }
            Err(_) => acknowledge(&client, &publish),
        }
    }
}

fn acknowledge(client: &AsyncClient, publish: &Publish) {
    if client.try_ack(publish).is_err() {
        tracing::debug!("the broker was not told that a message is kept; it sends it again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broker_on_loopback_is_reached_in_the_clear() {
        let broker = |host: &str, port| Broker {
            host: host.to_owned(),
            port,
        };
        assert_eq!(
            "mqtt://127.0.0.1:1884".parse(),
            Ok(broker("127.0.0.1", 1884))
        );
        assert_eq!("mqtt://localhost".parse(), Ok(broker("localhost", 1883)));
        assert_eq!("mqtt://[::1]:9".parse(), Ok(broker("::1", 9)));
        for (address, word) in [
            ("mqtt://192.0.2.1:1883", "off loopback"),
            ("mqtt://127.0.0.1:0", "port"),
            ("mqtt://127.0.0.1:x", "port"),
            ("127.0.0.1:1883", "no address"),
            ("mqtts://127.0.0.1", "no address"),
        ] {
            let refused = address.parse::<Broker>().unwrap_err().to_string();
            assert!(refused.contains(word), "{address}: {refused}");
        }
    }
}
