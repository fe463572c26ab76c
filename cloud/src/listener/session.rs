//! One line, from CONNECT to its end.
//!
//! Reading goes on while messages are being written to the database: PUBACKs follow in the order of the
//! messages. What goes out has a task of its own, so that two ends that both write don't wait for each other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use limen_wire::topic::{Down, Kind, Topic};
use rumqttc::mqttbytes::v4::{
    Codec, ConnAck, ConnectReturnCode, LastWill, Packet, PubAck, Publish, SubAck, Subscribe,
    SubscribeReasonCode, UnsubAck,
};
use rumqttc::mqttbytes::{self, QoS};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::FramedRead;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::PATIENCE;
use super::connect::{Certified, Closed, admit};
use crate::App;
use crate::downlink::{Line, Said};
use crate::ingest::{self, Refusal};

/// Longest packet before a terminal has proved itself.
const FIRST_BYTES: usize = 16 * 1024;
/// Longest packet after it, both ways: the longest message, with room for its topic.
const MOST_BYTES: usize = 600 * 1024;
/// Most messages that may wait for their COMMIT before the next is read.
const IN_FLIGHT: usize = 512;
/// Most packets that may wait to be sent.
const UNSENT: usize = 1024;
/// How long a packet may take to be sent.
const SENDING: Duration = Duration::from_secs(20);
/// So much is gathered into one write where more waits.
const WRITE_BYTES: usize = 64 * 1024;
/// The longest silence, also where the terminal asked for a longer one or none.
const SILENCE: Duration = Duration::from_secs(600);

/// Why a line ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the terminal said good-bye")]
    Disconnected,
    #[error("the connection broke")]
    Broken,
    #[error("it was cut: revoked, replaced by a newer line, or too slow to take what it is told")]
    Cut,
    #[error("it was silent for too long")]
    Silent,
    #[error("what came is no MQTT packet that may come")]
    Packet(#[source] mqttbytes::Error),
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("its first message was no hello that holds")]
    NoHello,
    #[error("what it said could not be kept")]
    NotKept,
    #[error("the cloud is ending")]
    Ending,
}

/// Serves one client.
pub(super) async fn run<S>(app: Arc<App>, stream: S, certified: Option<Certified>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (read, write) = tokio::io::split(stream);
    let codec = Codec {
        max_incoming_size: FIRST_BYTES,
        max_outgoing_size: MOST_BYTES,
    };
    let mut packets = FramedRead::new(read, codec);
    let cut = CancellationToken::new();
    let (out, unsent) = mpsc::channel(UNSENT);
    let (line, said) = Line::new(cut.clone());
    let writer = tokio::spawn(send(write, unsent, said, cut.clone()));

    let first = tokio::time::timeout(PATIENCE, packets.next()).await;
    let Ok(Some(Ok(Packet::Connect(connect)))) = first else {
        tracing::debug!("a connection began without an MQTT CONNECT");
        writer.abort();
        return;
    };
    let known = match admit(&app, &connect, certified).await {
        Ok(known) => known,
        Err(Closed(code, why)) => {
            tracing::warn!(client = connect.client_id, why, "a client was not let in");
            let _ = out.send(Packet::ConnAck(ConnAck::new(code, false))).await;
            // With nothing more to come the writer sends what is left, and ends.
            drop((out, line));
            let _ = writer.await;
            return;
        }
    };
    let _ = out
        .send(Packet::ConnAck(ConnAck::new(
            ConnectReturnCode::Success,
            false,
        )))
        .await;

    let mut session = Session {
        app: Arc::clone(&app),
        terminal: known.terminal.id,
        began: None,
        line,
        out,
        silence: silence(connect.keep_alive),
    };
    let end = session.serve(&mut packets, &cut).await;
    let current = app.downlink.detach(session.terminal, &session.line);
    app.metrics
        .terminals
        .set(i64::try_from(app.downlink.connected()).unwrap_or(i64::MAX));
    tracing::info!(terminal = %session.terminal, why = %end, "a terminal's line has ended");
    if current && !matches!(end, End::Disconnected | End::Ending) {
        session.carry_out(connect.last_will).await;
    }
    drop(session);
    cut.cancel();
    let _ = writer.await;
}

/// One and a half times what the terminal promised (MQTT 3.1.1, 3.1.2.10).
fn silence(keep_alive_s: u16) -> Duration {
    match keep_alive_s {
        0 => SILENCE,
        seconds => Duration::from_millis(u64::from(seconds) * 1500).min(SILENCE),
    }
}

struct Session {
    app: Arc<App>,
    terminal: Uuid,
    /// The session that its `hello` began.
    began: Option<Uuid>,
    line: Line,
    out: mpsc::Sender<Packet>,
    silence: Duration,
}

impl Session {
    async fn serve<R>(
        &mut self,
        packets: &mut FramedRead<ReadHalf<R>, Codec>,
        cut: &CancellationToken,
    ) -> End
    where
        R: AsyncRead + AsyncWrite,
    {
        let stop = self.app.stop.clone();
        let mut unkept = FuturesOrdered::new();
        let hello_by = tokio::time::Instant::now() + PATIENCE;
        let mut quiet_by = tokio::time::Instant::now() + self.silence;
        loop {
            let by = if self.began.is_some() {
                quiet_by
            } else {
                quiet_by.min(hello_by)
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return End::Ending,
                () = cut.cancelled() => return End::Cut,
                Some((pkid, kept)) = unkept.next(), if !unkept.is_empty() => {
                    if let Err(end) = self.acknowledge(pkid, kept) {
                        return end;
                    }
                }
                packet = packets.next(), if unkept.len() < IN_FLIGHT => {
                    quiet_by = tokio::time::Instant::now() + self.silence;
                    let packet = match packet {
                        None => return End::Broken,
                        Some(Err(mqttbytes::Error::Io(_))) => return End::Broken,
                        Some(Err(error)) => return End::Packet(error),
                        Some(Ok(packet)) => packet,
                    };
                    if let Packet::Publish(publish) = packet {
                        let pkid = publish.pkid;
                        match self.publish(publish).await {
                            Ok(pending) => unkept.push_back(async move { (pkid, pending.kept().await) }),
                            Err(Ok(())) => {
                                if let Err(end) = self.acknowledge(pkid, Ok(())) {
                                    return end;
                                }
                            }
                            Err(Err(end)) => return end,
                        }
                        if self.began.is_some() {
                            packets.decoder_mut().max_incoming_size = MOST_BYTES;
                        }
                    } else if let Err(end) = self.other(packet) {
                        return end;
                    }
                }
                () = tokio::time::sleep_until(by) => {
                    return if self.began.is_some() { End::Silent } else { End::NoHello };
                }
            }
            if !self.is_valid().await {
                return End::Cut;
            }
        }
    }

    /// Whether the terminal is still one: it may have been revoked elsewhere.
    async fn is_valid(&self) -> bool {
        match self.app.ingest.terminal(&self.app, self.terminal).await {
            Ok(known) => known.is_some_and(|known| known.terminal.revoked.is_none()),
            // A database that gives no answer now is no reason to cut everybody.
            Err(_) => true,
        }
    }

    /// Takes a message. `Err(Ok(()))`: it was refused in words, and the line goes on.
    async fn publish(&mut self, publish: Publish) -> Result<ingest::Pending, Result<(), End>> {
        let own = publish.topic.parse::<Topic>().is_ok_and(|topic| {
            topic.terminal == self.terminal && matches!(topic.kind, Kind::Up(_))
        });
        if !own {
            tracing::warn!(terminal = %self.terminal, topic = publish.topic, "a terminal published on a topic that is not its own");
            self.app.metrics.event("refused");
            return Err(Err(End::Forbidden(
                "it published on a topic that is not its own",
            )));
        }
        if publish.qos == QoS::ExactlyOnce || publish.retain {
            return Err(Err(End::Forbidden(
                "it published with QoS 2 or to be retained",
            )));
        }
        let line = Some(&self.line);
        let taken = ingest::take(
            &self.app,
            &publish.topic,
            &publish.payload,
            self.began,
            line,
        )
        .await;
        match taken {
            Ok(pending) => {
                if self.began.is_none() && pending.began.is_none() {
                    return Err(Err(End::NoHello));
                }
                self.began = pending.began.or(self.began);
                if pending.began.is_some() {
                    let connected = self.app.downlink.connected();
                    self.app
                        .metrics
                        .terminals
                        .set(i64::try_from(connected).unwrap_or(i64::MAX));
                }
                Ok(pending)
            }
            Err(refusal) if refusal.is_ours() => Err(Err(End::NotKept)),
            Err(_) if self.began.is_none() => Err(Err(End::NoHello)),
            Err(_) => Err(Ok(())),
        }
    }

    fn acknowledge(&self, pkid: u16, kept: Result<(), Refusal>) -> Result<(), End> {
        match kept {
            Err(_) => Err(End::NotKept),
            Ok(()) if pkid == 0 => Ok(()),
            Ok(()) => self.answer(Packet::PubAck(PubAck::new(pkid))),
        }
    }

    fn answer(&self, packet: Packet) -> Result<(), End> {
        self.out.try_send(packet).map_err(|_| End::Cut)
    }

    fn other(&self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Subscribe(subscribe) => self.subscribe(&subscribe),
            Packet::Unsubscribe(unsubscribe) => {
                for filter in &unsubscribe.topics {
                    if let Some(kind) = self.own_down(filter) {
                        self.line.hear(kind, false);
                    }
                }
                self.answer(Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid)))
            }
            Packet::PingReq => self.answer(Packet::PingResp),
            Packet::PubAck(_) => Ok(()),
            Packet::Disconnect => Err(End::Disconnected),
            _ => Err(End::Forbidden(
                "it sent a packet that only a server sends, or a second CONNECT",
            )),
        }
    }

    fn subscribe(&self, subscribe: &Subscribe) -> Result<(), End> {
        // Each that is refused is said in the log: not as often as a packet has room for.
        if subscribe.filters.len() > Down::ALL.len() {
            return Err(End::Forbidden(
                "it subscribed to more topics than a terminal is told on",
            ));
        }
        let codes = subscribe
            .filters
            .iter()
            .map(|filter| match self.own_down(&filter.path) {
                Some(kind) => {
                    self.line.hear(kind, true);
                    SubscribeReasonCode::Success(QoS::AtLeastOnce)
                }
                None => {
                    tracing::warn!(terminal = %self.terminal, filter = filter.path, "a terminal may not subscribe to that");
                    self.app.metrics.event("refused");
                    SubscribeReasonCode::Failure
                }
            })
            .collect();
        self.answer(Packet::SubAck(SubAck::new(subscribe.pkid, codes)))
    }

    /// What the terminal is told on that topic, if it is one of its own, spelt out.
    fn own_down(&self, filter: &str) -> Option<Down> {
        match filter.parse::<Topic>().ok()? {
            Topic {
                terminal,
                kind: Kind::Down(kind),
            } if terminal == self.terminal => Some(kind),
            _ => None,
        }
    }

    /// Says for the terminal what it left to be said when it is gone.
    async fn carry_out(&self, will: Option<LastWill>) {
        if let (Some(will), Some(_)) = (will, self.began) {
            // A will that does not hold is refused and logged like anything else.
            let _ = ingest::take(&self.app, &will.topic, &will.message, self.began, None).await;
        }
    }
}

/// Sends packets and what the terminal is told, until the line is cut or there is nothing more to come.
async fn send<W: AsyncWrite + Send>(
    mut to: WriteHalf<W>,
    mut packets: mpsc::Receiver<Packet>,
    mut said: mpsc::Receiver<Said>,
    cut: CancellationToken,
) {
    let mut bytes = BytesMut::new();
    let mut pkid: u16 = 0;
    loop {
        let packet = tokio::select! {
            biased;
            packet = packets.recv() => packet,
            Some(message) = said.recv() => {
                pkid = pkid.checked_add(1).unwrap_or(1);
                Some(Packet::Publish(published(message, pkid)))
            }
            () = cut.cancelled() => None,
        };
        let Some(packet) = packet else { break };
        if packet.write(&mut bytes, MOST_BYTES).is_err() {
            tracing::error!("a packet to a terminal is longer than any may be; it was dropped");
            bytes.clear();
            continue;
        }
        // What else waits goes into the same write.
        if bytes.len() < WRITE_BYTES && !(packets.is_empty() && said.is_empty()) {
            continue;
        }
        let sent = tokio::time::timeout(SENDING, async {
            to.write_all(&bytes).await?;
            to.flush().await
        });
        if !matches!(sent.await, Ok(Ok(()))) {
            cut.cancel();
            break;
        }
        bytes.clear();
    }
    let _ = tokio::time::timeout(PATIENCE, to.shutdown()).await;
}

fn published(said: Said, pkid: u16) -> Publish {
    let mut publish = Publish::new(said.topic, QoS::AtLeastOnce, said.compact.into_bytes());
    publish.pkid = pkid;
    publish
}
