//! By a real mosquitto: the same ingest, and a postman that forgets.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use limen_wire::jws::{self, Header};
use limen_wire::topic::{Down, Topic, Up};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::house::House;
use crate::terminal::{Line, Outbox, options};

/// A mosquitto of our own, which remembers nothing.
pub struct Mosquitto {
    pub address: SocketAddr,
    folder: TempDir,
    process: Child,
}

impl Mosquitto {
    pub async fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let process = run(address, &folder).await;
        Self {
            address,
            folder,
            process,
        }
    }

    /// `kill -9`, and another one in its place that knows nothing.
    pub async fn killed_and_wiped(&mut self) {
        self.process.kill().await.unwrap();
        self.process = run(self.address, &self.folder).await;
    }
}

async fn run(address: SocketAddr, folder: &TempDir) -> Child {
    let file = folder.path().join("mosquitto.conf");
    let text = format!(
        "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\n",
        address.port()
    );
    std::fs::write(&file, text).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut process = Command::new("mosquitto")
        .env("PATH", format!("{path}:/usr/sbin"))
        .arg("-c")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("mosquitto is needed: apt-get install mosquitto");
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let up = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("running") {
                return;
            }
        }
        panic!("mosquitto ended");
    };
    tokio::time::timeout(crate::terminal::PATIENCE, up)
        .await
        .expect("mosquitto was to listen");
    // It must never wait for somebody to read what it says.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    process
}

#[tokio::test]
async fn mosquitto_carries_events_and_acknowledgements() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let broker = Mosquitto::start().await;
    house.link(broker.address).await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, broker.address, &outbox).await;
    for _ in 0..200 {
        line.publish(Up::Event, outbox.punch(&door)).await;
    }
    line.through(outbox.id(), 200).await;
    assert_eq!(house.facts().await.len(), 200);
    line.say(&crate::terminal::status(1, &outbox)).await;
    let mut changed = house.app.changed.subscribe();
    while house.status(door.id()).await.unwrap().next != 201 {
        let _ = tokio::time::timeout(Duration::from_millis(100), changed.recv()).await;
    }
}

#[tokio::test]
async fn mosquitto_lets_anybody_in_and_nothing_comes_of_it() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let thief = house.terminal("Back door").await;
    let broker = Mosquitto::start().await;
    house.link(broker.address).await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, broker.address, &outbox).await;

    // A foreign broker keeps no one from another's topics: signatures do.
    let intruder = Line::open(&thief, options(&thief, broker.address));
    let mut forged = Outbox::new();
    let mut mask = thief.clone();
    mask.claimed.terminal = door.id();
    for (kind, payload) in [
        (Up::Event, forged.punch(&mask)),
        (Up::Event, forged.punch(&thief)),
        (Up::Event, "limen canary of nobody".to_owned()),
        (Up::Hello, mask.sign(intruder.session, &forged.hello())),
        (
            Up::Status,
            mask.sign(line.session, &crate::terminal::status(1, &forged)),
        ),
    ] {
        let topic = Topic::up(door.id(), kind).to_string();
        let sent = intruder
            .client
            .publish(topic, rumqttc::QoS::AtLeastOnce, false, payload);
        sent.await.unwrap();
    }
    let ack = Topic::down(door.id(), Down::Ack);
    let header = Header::new(ack, door.claimed.site, line.session, thief.key.kid());
    let lie = limen_wire::Ack {
        outbox: outbox.id(),
        through: 99,
        epoch: house.app.downlink.epoch(&house.app).await.unwrap(),
    };
    // What a thief signs for the site is no site's word; a terminal sees that by the pinned key.
    let lie = jws::sign(&thief.key, &header, &lie).unwrap();
    let expected = jws::Expected {
        topic: ack,
        site: door.claimed.site,
        session: Some(line.session),
    };
    assert!(jws::verify(&lie, &door.claimed.site_signing, &expected).is_err());

    line.publish(Up::Event, outbox.punch(&door)).await;
    line.through(outbox.id(), 1).await;
    assert_eq!(house.count("SELECT count(*) FROM events"), 1);
    assert_eq!(house.count("SELECT count(*) FROM quarantine"), 0);
}

#[tokio::test]
async fn mosquitto_killed_and_wiped_loses_nothing() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut broker = Mosquitto::start().await;
    let mut linked = house.link(broker.address).await;
    let mut outbox = Outbox::new();
    for round in 1..=3_u64 {
        for _ in 0..100 {
            outbox.punch(&door);
        }
        // Said to the broker, and perhaps taken by it; then it forgets everything.
        let line = Line::greeted(&door, broker.address, &outbox).await;
        let sent = usize::try_from((round - 1) * 100).unwrap();
        for event in &outbox.sent[sent..sent + 50] {
            line.publish(Up::Event, event.clone()).await;
        }
        broker.killed_and_wiped().await;
        let down = async {
            linked.wait_for(|ready| !*ready).await.unwrap();
            linked.wait_for(|ready| *ready).await.unwrap();
        };
        tokio::time::timeout(crate::terminal::PATIENCE, down)
            .await
            .unwrap();
        // The terminal comes back, hears how far it is, and goes on from there.
        let mut line = Line::admitted(&door, options(&door, broker.address)).await;
        let through = line.hello(&outbox.hello()).await.through;
        for event in &outbox.sent[usize::try_from(through).unwrap()..] {
            line.publish(Up::Event, event.clone()).await;
        }
        line.through(outbox.id(), round * 100).await;
    }
    assert_eq!(house.facts().await.len(), 300);
}

#[tokio::test]
async fn mosquitto_gives_a_share_to_one_who_swallows_it() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let broker = Mosquitto::start().await;
    // Another member of the group, which acknowledges to the broker and stores nothing.
    let mut swallower = Line::open(&door, {
        let mut options = options(&door, broker.address);
        options.set_client_id("swallower".to_owned());
        options
    });
    swallower.let_in().await;
    let share = Up::Event.shared_filter("limen");
    let subscribed = swallower.client.subscribe(share, rumqttc::QoS::AtLeastOnce);
    subscribed.await.unwrap();
    assert_eq!(swallower.subscribed().await, [true]);

    house.link(broker.address).await;
    let mut outbox = Outbox::new();
    for _ in 0..40 {
        outbox.punch(&door);
    }
    let mut line = Line::greeted(&door, broker.address, &outbox).await;
    let mut through = 0_usize;
    while through < 40 {
        // Sent again from the mark, as a terminal does when nothing moves. An odd number, since the broker
        // takes turns: an even one would give the same event to the same member for ever.
        let window = outbox.sent.iter().cycle().skip(through).take(7);
        for event in window {
            line.publish(Up::Event, event.clone()).await;
        }
        let ack = line.ack(outbox.id()).await;
        through = through.max(usize::try_from(ack.through).unwrap());
    }
    assert_eq!(house.facts().await.len(), 40);
}

#[tokio::test]
async fn mosquitto_brings_what_a_revoked_key_signed_into_its_old_outbox_only() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    line.publish(Up::Event, outbox.punch(&door)).await;
    line.through(outbox.id(), 1).await;
    assert!(house.revoke(door.id()).await);
    line.lost().await;

    // A broker may still bring what it signed.
    let broker = Mosquitto::start().await;
    house.link(broker.address).await;
    let line = Line::admitted(&door, options(&door, broker.address)).await;
    let mut young = Outbox::new();
    line.publish(Up::Event, outbox.punch(&door)).await;
    line.publish(Up::Event, young.punch(&door)).await;
    let kept = "SELECT (SELECT count(*) FROM events) * 10 + (SELECT count(*) FROM quarantine)";
    let mut changed = house.app.changed.subscribe();
    while house.count(kept) != 21 {
        let _ = tokio::time::timeout(Duration::from_millis(50), changed.recv()).await;
    }
}

/// A broker sends so many messages and no more before it is told that one of them came.
#[tokio::test]
async fn what_could_not_be_kept_does_not_block_the_line_to_the_broker() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let broker = Mosquitto::start().await;
    house.link(broker.address).await;
    let (mut bad, mut good) = (Outbox::new(), Outbox::new());
    house.refuse_events_of(bad.id());
    let mut line = Line::greeted(&door, broker.address, &good).await;
    for _ in 0..100 {
        line.publish(Up::Event, bad.punch(&door)).await;
    }
    line.publish(Up::Event, good.punch(&door)).await;
    line.through(good.id(), 1).await;
    house.refuse_no_more();
    for event in &bad.sent {
        line.publish(Up::Event, event.clone()).await;
    }
    line.through(bad.id(), 100).await;
}
