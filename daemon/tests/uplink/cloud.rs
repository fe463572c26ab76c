//! A little cloud: verifies, keeps and acknowledges what a terminal says through a broker.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use getrandom::SysRng;
use limen_wire::jws::{self, Expected, Header};
use limen_wire::rand_core::UnwrapErr;
use limen_wire::topic::{Kind, Up};
use limen_wire::{
    Ack, CommandResult, Hello, Message, RosterApplied, Sealable, SealingPublic, SecretKey, Status,
    Topic, seal,
};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use uuid::Uuid;

pub const TERMINAL: Uuid = Uuid::from_u128(0x7e);
pub const SITE: Uuid = Uuid::from_u128(0x51);

pub fn site_key() -> SecretKey {
    SecretKey::from_seed([0x51; 32])
}

/// What it knows.
#[derive(Default)]
pub struct Known {
    /// How many of its topics the broker has granted.
    pub granted: usize,
    pub session: Uuid,
    pub sessions: u32,
    pub hellos: Vec<Hello>,
    pub statuses: Vec<Status>,
    pub applied: Vec<RosterApplied>,
    pub results: Vec<CommandResult>,
    /// By outbox and number, byte for byte.
    pub events: BTreeMap<(Uuid, u64), String>,
    /// The highest number of each outbox below which nothing is missing.
    reached: BTreeMap<Uuid, u64>,
    /// How many copies came beyond the first.
    pub copies: u32,
    /// It takes everything and says nothing.
    pub is_silent: bool,
    pub epoch: u128,
    /// Lets this outbox look fuller than it is.
    pub pretend_through: Option<(Uuid, u64)>,
}

impl Known {
    pub fn through(&self, outbox: Uuid) -> u64 {
        if let Some((of, through)) = self.pretend_through
            && of == outbox
        {
            return through;
        }
        self.reached.get(&outbox).copied().unwrap_or(0)
    }
}

pub struct Cloud {
    known: Arc<(Mutex<Known>, Condvar)>,
    client: AsyncClient,
    terminal_key: limen_wire::PublicKey,
}

impl Cloud {
    /// A cloud behind the broker at `port`, which comes back whenever the broker does.
    pub fn start(port: u16, terminal_key: limen_wire::PublicKey) -> Arc<Self> {
        let mut options = MqttOptions::new("cloud", "127.0.0.1", port);
        options
            .set_keep_alive(Duration::from_secs(5))
            .set_inflight(8192)
            .set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut events) = AsyncClient::new(options, 8192);
        let known = Known {
            epoch: 0xe1,
            ..Known::default()
        };
        let cloud = Arc::new(Self {
            known: Arc::new((Mutex::new(known), Condvar::new())),
            client,
            terminal_key,
        });
        let worker = Arc::downgrade(&cloud);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                loop {
                    let event = events.poll().await;
                    let Some(cloud) = worker.upgrade() else {
                        return;
                    };
                    match event {
                        Ok(Event::Incoming(Packet::ConnAck(_))) => {
                            for kind in Up::ALL {
                                let filter = Topic::up(TERMINAL, kind).to_string();
                                cloud
                                    .client
                                    .try_subscribe(filter, QoS::AtLeastOnce)
                                    .unwrap();
                            }
                        }
                        Ok(Event::Incoming(Packet::Publish(message))) => {
                            cloud.take(&message.topic, &message.payload);
                        }
                        Ok(Event::Incoming(Packet::SubAck(_))) => {
                            cloud.known().granted += 1;
                            cloud.known.1.notify_all();
                        }
                        Ok(_) => {}
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
            });
        });
        cloud.wait("the subscriptions", |known| {
            (known.granted >= Up::ALL.len()).then_some(())
        });
        cloud
    }

    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.0.lock().unwrap()
    }

    /// Waits until `is_so`; panics after a minute with `what`.
    pub fn wait<T>(&self, what: &str, mut is_so: impl FnMut(&Known) -> Option<T>) -> T {
        let mut known = self.known();
        loop {
            if let Some(found) = is_so(&known) {
                return found;
            }
            let (again, waited) = self
                .known
                .1
                .wait_timeout(known, Duration::from_secs(60))
                .unwrap();
            assert!(!waited.timed_out(), "nothing came: {what}");
            known = again;
        }
    }

    fn take(&self, topic: &str, payload: &[u8]) {
        let topic: Topic = topic.parse().unwrap();
        let compact = String::from_utf8(payload.to_vec()).unwrap();
        let expected = Expected {
            topic,
            site: SITE,
            session: None,
        };
        let verified = jws::verify(&compact, &self.terminal_key, &expected).unwrap();
        let mut known = self.known();
        let header = verified.header;
        let Kind::Up(kind) = topic.kind else { return };
        let mut ack = None;
        match kind {
            Up::Hello => {
                let hello: Hello = verified.claims().unwrap();
                if known.session != header.session {
                    known.session = header.session;
                    known.sessions += 1;
                }
                ack = Some(hello.outbox);
                known.hellos.push(hello);
            }
            Up::Event => {
                let chain = header.chain.unwrap();
                let _: limen_wire::Event = verified.claims().unwrap();
                match known.events.get(&(chain.outbox, chain.seq)) {
                    Some(there) if *there == compact => known.copies += 1,
                    Some(_) => panic!("event {} came twice and differs", chain.seq),
                    None => {
                        known.events.insert((chain.outbox, chain.seq), compact);
                        let mut reached = known.through(chain.outbox);
                        while known.events.contains_key(&(chain.outbox, reached + 1)) {
                            reached += 1;
                        }
                        known.reached.insert(chain.outbox, reached);
                    }
                }
                ack = Some(chain.outbox);
            }
            Up::Status => known.statuses.push(verified.claims().unwrap()),
            Up::RosterApplied => known.applied.push(verified.claims().unwrap()),
            Up::CommandResult => known.results.push(verified.claims().unwrap()),
            Up::Enrolled => panic!("nobody asked for it"),
        }
        if let Some(outbox) = ack.filter(|_| !known.is_silent) {
            let ack = Ack {
                outbox,
                through: known.through(outbox),
                epoch: Uuid::from_u128(known.epoch),
            };
            self.say(&site_key(), known.session, &ack);
        }
        drop(known);
        self.known.1.notify_all();
    }

    /// Says something with any key and in any session.
    pub fn say<M: Message>(&self, key: &SecretKey, session: Uuid, message: &M) {
        let topic = Topic {
            terminal: TERMINAL,
            kind: M::KIND,
        };
        let header = Header::new(topic, SITE, session, key.kid());
        let compact = jws::sign(key, &header, message).unwrap();
        self.client
            .try_publish(topic.to_string(), QoS::AtLeastOnce, false, compact)
            .unwrap();
    }

    /// The same, sealed.
    pub fn say_sealed<M: Sealable>(
        &self,
        key: &SecretKey,
        session: Uuid,
        to: &SealingPublic,
        message: &M,
    ) {
        let topic = Topic {
            terminal: TERMINAL,
            kind: M::KIND,
        };
        let header = Header::new(topic, SITE, session, key.kid());
        let sealed = seal(message, to, &header, &mut UnwrapErr(SysRng)).unwrap();
        self.say(key, session, &sealed);
    }
}
