//! A terminal as the wire sees it: an identity, an outbox in memory, and a line by rumqttc.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use limen_wire::claim::Claimed;
use limen_wire::event::{Clock, Direction, Event, Grade, Method, OutboxHead, Punch, What};
use limen_wire::jws::{self, Expected, Header, Verified};
use limen_wire::topic::{Down, Kind, Topic, Up};
use limen_wire::{
    Ack, Command, Health, Held, Hello, Message, SealingSecret, SecretKey, Status, chain,
};
use rumqttc::{
    AsyncClient, ConnectReturnCode, Event as Happened, Incoming, LastWill, MqttOptions,
    NetworkOptions, QoS,
};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Long enough for a busy machine; nothing that is meant to come takes it.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Identity {
    pub claimed: Claimed,
    pub key: Arc<SecretKey>,
    pub sealing: Arc<SealingSecret>,
}

impl Identity {
    pub fn id(&self) -> Uuid {
        self.claimed.terminal
    }

    pub fn header(&self, kind: Up, session: Uuid) -> Header {
        let topic = Topic::up(self.id(), kind);
        Header::new(topic, self.claimed.site, session, self.key.kid())
    }

    pub fn sign<M: Message>(&self, session: Uuid, message: &M) -> String {
        let Kind::Up(kind) = M::KIND else { panic!() };
        jws::sign(&self.key, &self.header(kind, session), message).unwrap()
    }
}

/// An outbox in memory.
#[derive(Clone)]
pub struct Outbox {
    pub head: OutboxHead,
    pub sent: Vec<String>,
}

impl Outbox {
    pub fn new() -> Self {
        Self {
            head: OutboxHead::start(Uuid::new_v4()),
            sent: Vec::new(),
        }
    }

    pub fn id(&self) -> Uuid {
        self.head.outbox
    }

    pub fn append(&mut self, identity: &Identity, session: Uuid, what: What) -> String {
        let event = Event {
            at: jiff::Timestamp::now(),
            clock: Clock::Synced,
            boot: Uuid::nil(),
            uptime_ms: 1,
            what,
        };
        let place = self.head.next();
        let header = identity.header(Up::Event, session).at(place);
        let compact = jws::sign(&identity.key, &header, &event).unwrap();
        self.head = self
            .head
            .after(&place, chain::links_as(&compact, Some(&event)));
        self.sent.push(compact.clone());
        compact
    }

    /// An event of a kind that a later version may have: the signature holds, the claims mean nothing here.
    pub fn append_strange(&mut self, identity: &Identity) -> String {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Strange {
            kind: String,
        }
        impl Message for Strange {
            const KIND: Kind = Kind::Up(Up::Event);
            fn check(&self) -> Result<(), limen_wire::Invalid> {
                Ok(())
            }
        }
        let place = self.head.next();
        let header = identity.header(Up::Event, Uuid::nil()).at(place);
        let strange = Strange {
            kind: "levitation".to_owned(),
        };
        let compact = jws::sign(&identity.key, &header, &strange).unwrap();
        self.head = self.head.after(&place, chain::hash(&compact));
        self.sent.push(compact.clone());
        compact
    }

    pub fn punch(&mut self, identity: &Identity) -> String {
        self.append(identity, Uuid::nil(), punch())
    }

    pub fn hello(&self) -> Hello {
        Hello {
            outbox: self.id(),
            oldest: 1,
            next: self.head.seq + 1,
            head: self.head.hash,
            roster: None,
            settings: None,
            firmware: "test".to_owned(),
        }
    }
}

pub fn punch() -> What {
    What::Punch(Punch {
        person: Uuid::from_u128(7),
        direction: Direction::Auto,
        method: Method::Face,
        grade: Grade::Clear,
        frames: 3,
        model: "m".to_owned(),
    })
}

/// What happens on a line.
#[derive(Debug)]
pub enum Heard {
    Let(ConnectReturnCode),
    Subscribed(Vec<bool>),
    Published(u16),
    Said(Topic, String),
    Lost(String),
}

/// A line to a broker or to the listener.
pub struct Line {
    pub client: AsyncClient,
    pub identity: Identity,
    pub session: Uuid,
    pub heard: mpsc::UnboundedReceiver<Heard>,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub fn options(identity: &Identity, address: SocketAddr) -> MqttOptions {
    let id = identity.id().to_string();
    let mut options = MqttOptions::new(id, address.ip().to_string(), address.port());
    options
        .set_keep_alive(Duration::from_secs(30))
        .set_max_packet_size(1 << 20, 1 << 21)
        .set_inflight(1000);
    options
}

impl Line {
    /// Opens a line; nothing is said yet.
    pub fn open(identity: &Identity, options: MqttOptions) -> Self {
        let (client, mut line) = AsyncClient::new(options, 4096);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        line.set_network_options(network);
        let (tell, heard) = mpsc::unbounded_channel();
        let driver = tokio::spawn(async move {
            loop {
                let told = match line.poll().await {
                    Ok(Happened::Incoming(Incoming::ConnAck(ack))) => Heard::Let(ack.code),
                    Ok(Happened::Incoming(Incoming::SubAck(ack))) => {
                        use rumqttc::mqttbytes::v4::SubscribeReasonCode::Success;
                        let granted = ack.return_codes.iter();
                        Heard::Subscribed(granted.map(|c| matches!(c, Success(_))).collect())
                    }
                    Ok(Happened::Incoming(Incoming::PubAck(ack))) => Heard::Published(ack.pkid),
                    Ok(Happened::Incoming(Incoming::Publish(publish))) => Heard::Said(
                        publish.topic.parse().unwrap(),
                        String::from_utf8(publish.payload.to_vec()).unwrap(),
                    ),
                    Ok(_) => continue,
                    Err(rumqttc::ConnectionError::ConnectionRefused(code)) => {
                        let _ = tell.send(Heard::Let(code));
                        return;
                    }
                    Err(error) => {
                        let _ = tell.send(Heard::Lost(error.to_string()));
                        return;
                    }
                };
                if tell.send(told).is_err() {
                    return;
                }
            }
        });
        Self {
            client,
            identity: identity.clone(),
            session: Uuid::new_v4(),
            heard,
            driver,
        }
    }

    /// Opens a line with a will, subscribes to everything that the terminal is told, and says hello.
    pub async fn greeted(identity: &Identity, address: SocketAddr, outbox: &Outbox) -> Self {
        let mut line = Self::admitted(identity, options(identity, address)).await;
        line.hello(&outbox.hello()).await;
        line
    }

    /// A line that is let in and subscribed.
    pub async fn admitted(identity: &Identity, mut options: MqttOptions) -> Self {
        let session = Uuid::new_v4();
        let will = status(0, &Outbox::new());
        let will = identity.sign(session, &will);
        let topic = Topic::up(identity.id(), Up::Status).to_string();
        options.set_last_will(LastWill::new(topic, will, QoS::AtLeastOnce, false));
        let mut line = Self::open(identity, options);
        line.session = session;
        assert_eq!(line.let_in().await, ConnectReturnCode::Success);
        for kind in Down::ALL {
            let topic = Topic::down(identity.id(), kind).to_string();
            line.client
                .subscribe(topic, QoS::AtLeastOnce)
                .await
                .unwrap();
            assert_eq!(line.subscribed().await, [true]);
        }
        line
    }

    pub async fn next(&mut self) -> Heard {
        tokio::time::timeout(PATIENCE, self.heard.recv())
            .await
            .expect("something was to be heard in time")
            .expect("the line was to be there")
    }

    /// Waits for what `pick` wants; the rest is passed over. A lost line is never passed over.
    pub async fn until<T>(&mut self, mut pick: impl FnMut(&Heard) -> Option<T>) -> T {
        loop {
            let heard = self.next().await;
            if let Some(wanted) = pick(&heard) {
                return wanted;
            }
            assert!(!matches!(heard, Heard::Lost(_)), "{heard:?}");
        }
    }

    pub async fn let_in(&mut self) -> ConnectReturnCode {
        self.until(|heard| match heard {
            Heard::Let(code) => Some(*code),
            _ => None,
        })
        .await
    }

    pub async fn subscribed(&mut self) -> Vec<bool> {
        self.until(|heard| match heard {
            Heard::Subscribed(granted) => Some(granted.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until the line is lost.
    pub async fn lost(&mut self) {
        self.until(|heard| matches!(heard, Heard::Lost(_)).then_some(()))
            .await;
    }

    /// Waits until the next of its messages is acknowledged by PUBACK.
    pub async fn published(&mut self) {
        self.until(|heard| matches!(heard, Heard::Published(_)).then_some(()))
            .await;
    }

    pub async fn publish(&self, kind: Up, payload: impl Into<Vec<u8>>) {
        let topic = Topic::up(self.identity.id(), kind).to_string();
        self.client
            .publish(topic, QoS::AtLeastOnce, false, payload)
            .await
            .unwrap();
    }

    pub async fn say<M: Message>(&self, message: &M) {
        let Kind::Up(kind) = M::KIND else { panic!() };
        self.publish(kind, self.identity.sign(self.session, message))
            .await;
    }

    /// Says hello, and waits for its PUBACK and its answer.
    pub async fn hello(&mut self, hello: &Hello) -> Ack {
        self.say(hello).await;
        let topic = Topic::down(self.identity.id(), Down::Ack);
        let (mut published, mut answer) = (false, None);
        loop {
            match self.next().await {
                Heard::Published(_) => published = true,
                Heard::Said(on, compact) if on == topic => {
                    let ack: Ack = self.verified(topic, &compact).claims().unwrap();
                    if ack.outbox == hello.outbox {
                        answer = Some(ack);
                    }
                }
                Heard::Lost(why) => panic!("the line was lost: {why}"),
                _ => {}
            }
            if let (true, Some(ack)) = (published, answer) {
                return ack;
            }
        }
    }

    pub fn verified(&self, topic: Topic, compact: &str) -> Verified {
        let expected = Expected {
            topic,
            site: self.identity.claimed.site,
            session: Some(self.session),
        };
        jws::verify(compact, &self.identity.claimed.site_signing, &expected).unwrap()
    }

    /// The next message on one topic, verified.
    pub async fn told(&mut self, kind: Down) -> Verified {
        let topic = Topic::down(self.identity.id(), kind);
        let compact = self
            .until(|heard| match heard {
                Heard::Said(on, compact) if *on == topic => Some(compact.clone()),
                _ => None,
            })
            .await;
        self.verified(topic, &compact)
    }

    /// The next acknowledgement of an outbox.
    pub async fn ack(&mut self, outbox: Uuid) -> Ack {
        loop {
            let ack: Ack = self.told(Down::Ack).await.claims().unwrap();
            if ack.outbox == outbox {
                return ack;
            }
        }
    }

    /// Waits until an outbox is acknowledged through a number.
    pub async fn through(&mut self, outbox: Uuid, seq: u64) {
        while self.ack(outbox).await.through < seq {}
    }

    pub async fn command(&mut self) -> Command {
        self.told(Down::Command).await.claims().unwrap()
    }
}

/// The `n`th status of a session; 0 is the will.
pub fn status(n: u64, outbox: &Outbox) -> Status {
    let status = Status {
        n: n.max(1),
        online: true,
        at: jiff::Timestamp::now(),
        clock: Clock::Synced,
        outbox: outbox.id(),
        next: outbox.head.seq + 1,
        health: Health {
            uptime_ms: 5_000,
            ..Health::default()
        },
    };
    if n == 0 { status.will() } else { status }
}

pub fn holding(epoch: Uuid, version: u64) -> Option<Held> {
    Some(Held { epoch, version })
}
