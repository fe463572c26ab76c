//! The line itself: who may open one, what ends one, and what a status is worth.

use std::time::Duration;

use limen_wire::topic::{Topic, Up};
use rumqttc::{ConnectReturnCode, LastWill, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::house::House;
use crate::terminal::{Line, Outbox, options, status};

#[tokio::test]
async fn only_a_claimed_terminal_is_let_in() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    for (id, code) in [
        (Uuid::new_v4().to_string(), ConnectReturnCode::NotAuthorized),
        (
            door.id().to_string().to_uppercase(),
            ConnectReturnCode::BadClientId,
        ),
        (
            door.id().simple().to_string(),
            ConnectReturnCode::BadClientId,
        ),
        ("limen".to_owned(), ConnectReturnCode::BadClientId),
    ] {
        let mut options = options(&door, house.mqtt);
        options.set_client_id(id.clone());
        assert_eq!(Line::open(&door, options).let_in().await, code, "{id}");
    }
    let mut line = Line::open(&door, options(&door, house.mqtt));
    assert_eq!(line.let_in().await, ConnectReturnCode::Success);
}

#[tokio::test]
async fn a_will_elsewhere_is_not_let_in() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let other = house.terminal("Back door").await;
    let own = Topic::up(door.id(), Up::Status).to_string();
    for (topic, retain) in [
        (Topic::up(other.id(), Up::Status).to_string(), false),
        (Topic::up(door.id(), Up::Event).to_string(), false),
        ("limen/1/#".to_owned(), false),
        (own.clone(), true),
    ] {
        let mut options = options(&door, house.mqtt);
        options.set_last_will(LastWill::new(&topic, "x", QoS::AtLeastOnce, retain));
        let code = Line::open(&door, options).let_in().await;
        assert_eq!(code, ConnectReturnCode::NotAuthorized, "{topic}");
    }
}

#[tokio::test]
async fn nothing_is_heard_before_a_hello_that_holds() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let other = house.terminal("Back door").await;
    let mut outbox = Outbox::new();
    let event = outbox.punch(&door);
    let foreign = other.sign(Uuid::new_v4(), &outbox.hello());
    for (kind, payload) in [
        (Up::Event, event),
        (Up::Hello, foreign),
        (Up::Hello, "nonsense".to_owned()),
    ] {
        let mut line = Line::admitted(&door, options(&door, house.mqtt)).await;
        line.publish(kind, payload).await;
        line.lost().await;
    }
    // An event before the hello is not refused for good: it is only not listened to yet.
    assert_eq!(house.count("SELECT count(*) FROM terminal_status"), 0);
}

#[tokio::test]
async fn the_newest_line_is_the_only_one() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut old = Line::greeted(&door, house.mqtt, &outbox).await;
    let mut new = Line::greeted(&door, house.mqtt, &outbox).await;
    old.lost().await;
    new.publish(Up::Event, outbox.punch(&door)).await;
    new.through(outbox.id(), 1).await;
    assert!(
        house.status(door.id()).await.unwrap().online,
        "the old line's will says nothing"
    );
}

#[tokio::test]
async fn a_revoked_terminal_is_cut_off_at_once() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut line = Line::greeted(&door, house.mqtt, &Outbox::new()).await;
    let began = std::time::Instant::now();
    assert!(house.revoke(door.id()).await);
    line.lost().await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    let mut again = Line::open(&door, options(&door, house.mqtt));
    assert_eq!(again.let_in().await, ConnectReturnCode::NotAuthorized);
    let list =
        limen_cloud::terminals::list(&house.app, house.tenant, &limen_cloud::site::Scope::ALL)
            .await
            .unwrap();
    assert!(list.is_empty());
    assert!(!house.revoke(door.id()).await);
}

#[tokio::test]
async fn a_status_counts_in_its_own_session_only() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    let mut second = status(2, &outbox);
    second.next = 9;
    line.say(&second).await;
    line.published().await;
    let held = house.status(door.id()).await.unwrap();
    assert_eq!((held.next, held.online), (9, true));
    assert!(held.body.contains("\"uptime_ms\":5000"), "{}", held.body);
    // An older one, and one of another session, say nothing.
    line.say(&status(1, &outbox)).await;
    line.published().await;
    let mut third = status(3, &outbox);
    third.next = 77;
    line.publish(Up::Status, door.sign(Uuid::new_v4(), &third))
        .await;
    line.published().await;
    assert_eq!(house.status(door.id()).await.unwrap().next, 9);
    let marks = house.app.store.sync_marks(house.tenant).await.unwrap();
    assert_eq!((marks.len(), marks[0].uptime_ms), (1, 5_000));
}

#[tokio::test]
async fn a_line_that_breaks_leaves_its_will() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let line = Line::greeted(&door, house.mqtt, &Outbox::new()).await;
    assert!(house.status(door.id()).await.unwrap().online);
    let mut changed = house.app.changed.subscribe();
    drop(line);
    while house.status(door.id()).await.unwrap().online {
        changed.recv().await.unwrap();
    }
}

/// CONNECT as bytes, for what no client library sends.
fn connect(id: &str, keep_alive_s: u16) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2];
    body.extend(keep_alive_s.to_be_bytes());
    body.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
    body.extend(id.as_bytes());
    let mut packet = vec![0x10, u8::try_from(body.len()).unwrap()];
    packet.extend(body);
    packet
}

async fn closed(mut stream: TcpStream) -> bool {
    let mut rest = Vec::new();
    let end = tokio::time::timeout(crate::terminal::PATIENCE, stream.read_to_end(&mut rest));
    end.await.is_ok()
}

#[tokio::test]
async fn garbage_ends_its_own_line_and_no_other() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let id = door.id().to_string();
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    let greeting = connect(&id, 30);
    let after = |bytes: &[u8]| [greeting.as_slice(), bytes].concat();
    for (what, bytes) in [
        ("no MQTT", b"GET / HTTP/1.1\r\n".repeat(9)),
        ("a second CONNECT", after(&greeting)),
        ("a server's packet", after(&[0x20, 2, 0, 0])),
        (
            "a length that never ends",
            after(&[0x30, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ),
        (
            "a length beyond all",
            after(&[0x30, 0xff, 0xff, 0xff, 0x7f]),
        ),
        (
            "a topic longer than its packet",
            after(&[0x32, 4, 0xff, 0xff, 0, 1]),
        ),
        ("a packet type that is none", after(&[0xf0, 0])),
        ("QoS 3", after(&[0x36, 5, 0, 1, b'a', 0, 1])),
    ] {
        let mut stream = TcpStream::connect(house.mqtt).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        assert!(closed(stream).await, "{what}");
    }
    line.publish(Up::Event, outbox.punch(&door)).await;
    line.through(outbox.id(), 1).await;
}

#[tokio::test]
async fn a_silent_line_is_closed() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut stream = TcpStream::connect(house.mqtt).await.unwrap();
    stream
        .write_all(&connect(&door.id().to_string(), 1))
        .await
        .unwrap();
    let began = std::time::Instant::now();
    assert!(closed(stream).await);
    let quiet = began.elapsed();
    assert!(
        quiet >= Duration::from_millis(1400) && quiet < Duration::from_secs(8),
        "{quiet:?}"
    );
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    // Longer than an event may be: refused in words, and the line goes on.
    line.publish(Up::Event, vec![b'x'; 20_000]).await;
    line.published().await;
    line.publish(Up::Event, outbox.punch(&door)).await;
    line.through(outbox.id(), 1).await;
    // Longer than any packet may be: the line is closed.
    line.publish(Up::Event, vec![b'x'; 700_000]).await;
    line.lost().await;
    // Before a hello even less is read.
    let mut line = Line::admitted(&door, options(&door, house.mqtt)).await;
    line.publish(Up::Hello, vec![b'x'; 17_000]).await;
    line.lost().await;
}

#[tokio::test]
async fn one_subscription_does_not_fill_the_log() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut line = Line::open(&door, options(&door, house.mqtt));
    assert_eq!(line.let_in().await, ConnectReturnCode::Success);
    // Each refused filter is said in the log, and a packet has room for thousands of them.
    let filters =
        (0..2_000).map(|n| rumqttc::SubscribeFilter::new(n.to_string(), QoS::AtLeastOnce));
    line.client.subscribe_many(filters).await.unwrap();
    line.lost().await;
    let counted = house.app.metrics.text().unwrap();
    let refused = counted.lines().find(|line| line.contains("refused"));
    let refused = refused.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap());
    assert!(refused < 10, "{refused} warnings");
}
