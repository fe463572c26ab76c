//! A broker that keeps to MQTT's letter and to nothing else: it says everything at least once, most of it several
//! times, and in whatever order it likes. Who publishes is told at once that it was taken.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::mqttbytes::v4::{ConnAck, Packet, PubAck, Publish, SubAck, SubscribeReasonCode};
use rumqttc::{ConnectReturnCode, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

use crate::staff::random;

/// So many messages are mixed with one another.
const POOL: usize = 400;
/// And so many wait to be acknowledged by whoever gets them.
const INFLIGHT: u64 = 500;
const MOST: usize = 1 << 20;

/// A subscriber's line.
struct Line {
    filters: Vec<String>,
    say: mpsc::UnboundedSender<Packet>,
    number: u16,
    unacknowledged: u64,
}

#[derive(Default)]
struct State {
    lines: HashMap<u64, Line>,
    /// What is still to be said: how many times more, to whom, what.
    pool: Vec<(u64, u64, Publish)>,
    next_line: u64,
    draws: u64,
}

pub struct Broker {
    pub address: SocketAddr,
    pub delivered: Arc<AtomicU64>,
    state: Arc<Mutex<State>>,
    mix: Arc<Notify>,
}

/// Whether a topic is one of a filter's; of a shared subscription there is one subscriber here.
fn fits(filter: &str, topic: &str) -> bool {
    let filter = match filter.strip_prefix("$share/") {
        Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
        None => filter,
    };
    let (filter, topic): (Vec<_>, Vec<_>) =
        (filter.split('/').collect(), topic.split('/').collect());
    filter.len() == topic.len() && filter.iter().zip(&topic).all(|(f, t)| *f == "+" || f == t)
}

impl Broker {
    /// Says each message to the cloud `times` times on average.
    pub async fn start(times: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let broker = Self {
            address: listener.local_addr().unwrap(),
            delivered: Arc::default(),
            state: Arc::default(),
            mix: Arc::default(),
        };
        let (state, mix) = (Arc::clone(&broker.state), Arc::clone(&broker.mix));
        tokio::spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                tokio::spawn(serve(line, Arc::clone(&state), Arc::clone(&mix), times));
            }
        });
        let (state, mix) = (Arc::clone(&broker.state), Arc::clone(&broker.mix));
        tokio::spawn(deliver(state, mix, Arc::clone(&broker.delivered)));
        broker
    }

    /// Waits until nothing is left to be said.
    pub async fn deliver_all(&self) {
        while !self.state.lock().unwrap().pool.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Says what is in the pool, one after the other, by chance; what was said stays in it while it is to be said again.
async fn deliver(state: Arc<Mutex<State>>, mix: Arc<Notify>, delivered: Arc<AtomicU64>) {
    loop {
        let mut said = 0;
        let is_idle = {
            let mut state = state.lock().unwrap();
            let state = &mut *state;
            // A pool that is not full is said slowly, so that there is something to mix.
            let portion = state
                .pool
                .len()
                .div_ceil(8)
                .max(state.pool.len().saturating_sub(POOL));
            for _ in 0..portion {
                state.draws += 1;
                let place = random(state.draws) as usize % state.pool.len();
                let (times, to, publish) = &mut state.pool[place];
                let Some(line) = state.lines.get_mut(to) else {
                    state.pool.swap_remove(place);
                    continue;
                };
                if line.unacknowledged >= INFLIGHT {
                    continue;
                }
                line.number = line.number % 60_000 + 1;
                line.unacknowledged += 1;
                let mut again = publish.clone();
                again.pkid = line.number;
                let _ = line.say.send(Packet::Publish(again));
                said += u64::from(publish.topic.ends_with("/event"));
                *times -= 1;
                if *times == 0 {
                    state.pool.swap_remove(place);
                }
            }
            portion == 0
        };
        delivered.fetch_add(said, Ordering::Relaxed);
        let _ = tokio::time::timeout(
            Duration::from_millis(if is_idle { 20 } else { 1 }),
            mix.notified(),
        )
        .await;
    }
}

/// One line to the broker.
async fn serve(stream: TcpStream, state: Arc<Mutex<State>>, mix: Arc<Notify>, times: u64) {
    stream.set_nodelay(true).unwrap();
    let (mut from, mut to) = stream.into_split();
    let (say, mut said) = mpsc::unbounded_channel::<Packet>();
    tokio::spawn(async move {
        while let Some(packet) = said.recv().await {
            let mut bytes = Default::default();
            packet.write(&mut bytes, MOST).unwrap();
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let me = {
        let mut state = state.lock().unwrap();
        state.next_line += 1;
        let me = state.next_line;
        let line = Line {
            filters: Vec::new(),
            say: say.clone(),
            number: 0,
            unacknowledged: 0,
        };
        state.lines.insert(me, line);
        me
    };
    let mut bytes = Default::default();
    loop {
        match Packet::read(&mut bytes, MOST) {
            Ok(packet) => {
                if !take(packet, me, &state, &say, times) {
                    break;
                }
                mix.notify_one();
            }
            Err(_) => {
                let mut more = [0; 16 << 10];
                match from.read(&mut more).await {
                    Ok(read @ 1..) => bytes.extend_from_slice(&more[..read]),
                    _ => break,
                }
            }
        }
    }
    state.lock().unwrap().lines.remove(&me);
}

fn take(
    packet: Packet,
    me: u64,
    state: &Mutex<State>,
    say: &mpsc::UnboundedSender<Packet>,
    times: u64,
) -> bool {
    let answer = match packet {
        Packet::Connect(_) => Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false)),
        Packet::PingReq => Packet::PingResp,
        Packet::Subscribe(wanted) => {
            let granted =
                vec![SubscribeReasonCode::Success(QoS::AtLeastOnce); wanted.filters.len()];
            let filters = wanted.filters.into_iter().map(|filter| filter.path);
            let mut state = state.lock().unwrap();
            let line = state.lines.get_mut(&me).unwrap();
            line.filters.extend(filters);
            Packet::SubAck(SubAck::new(wanted.pkid, granted))
        }
        Packet::PubAck(_) => {
            let mut state = state.lock().unwrap();
            let line = state.lines.get_mut(&me).unwrap();
            line.unacknowledged = line.unacknowledged.saturating_sub(1);
            return true;
        }
        Packet::Publish(publish) => {
            let mut state = state.lock().unwrap();
            let state = &mut *state;
            let listens = |line: &Line| line.filters.iter().any(|f| fits(f, &publish.topic));
            let to: Vec<u64> = state
                .lines
                .iter()
                .filter(|(_, line)| listens(line))
                .map(|(number, _)| *number)
                .collect();
            for to in to {
                state.draws += 1;
                // Once at least, and as often as not many times.
                let many = 1 + random(state.draws) % (2 * times - 1);
                state.pool.push((many, to, publish.clone()));
            }
            match publish.qos {
                QoS::AtMostOnce => return true,
                _ => Packet::PubAck(PubAck::new(publish.pkid)),
            }
        }
        Packet::Disconnect => return false,
        _ => return true,
    };
    say.send(answer).is_ok()
}
