//! A terminal says and hears what is its own, and nothing else.

use limen_wire::topic::{Down, Topic, Up};
use rumqttc::QoS;
use uuid::Uuid;

use crate::house::House;
use crate::terminal::{Line, Outbox, options};

#[tokio::test]
async fn only_its_own_down_topics_may_be_subscribed_to() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let other = house.terminal("Back door").await;
    let mut line = Line::open(&door, options(&door, house.mqtt));
    line.let_in().await;
    let id = door.id();
    let mut filters = vec![
        "#".to_owned(),
        "+/+/+/+".to_owned(),
        format!("limen/1/{id}/#"),
        format!("limen/1/{id}/+"),
        format!("$share/limen/limen/1/{id}/ack"),
        "$share/limen/limen/1/+/event".to_owned(),
        "$SYS/broker/uptime".to_owned(),
        format!("limen/1/{}/ack", id.simple()),
        format!("/limen/1/{id}/ack"),
        format!("limen/2/{id}/ack"),
        format!("limen/1/{id}/ack/"),
    ];
    filters.extend(Down::ALL.map(|kind| Topic::down(other.id(), kind).to_string()));
    filters.extend(Up::ALL.map(|kind| Topic::up(id, kind).to_string()));
    for filter in filters {
        line.client
            .subscribe(&filter, QoS::AtLeastOnce)
            .await
            .unwrap();
        assert_eq!(line.subscribed().await, [false], "{filter}");
    }
    line.client
        .subscribe(Topic::down(id, Down::Ack).to_string(), QoS::AtLeastOnce)
        .await
        .unwrap();
    assert_eq!(line.subscribed().await, [true]);
}

#[tokio::test]
async fn publishing_elsewhere_ends_the_line() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let other = house.terminal("Back door").await;
    let mut outbox = Outbox::new();
    let event = outbox.punch(&door);
    for topic in [
        Topic::up(other.id(), Up::Event).to_string(),
        Topic::down(door.id(), Down::Ack).to_string(),
        Topic::up(Uuid::new_v4(), Up::Hello).to_string(),
        format!("limen/1/{}/nothing", door.id()),
        "$SYS/x".to_owned(),
    ] {
        let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
        line.client
            .publish(&topic, QoS::AtLeastOnce, false, event.clone())
            .await
            .unwrap();
        line.lost().await;
    }
    for (qos, retain) in [(QoS::ExactlyOnce, false), (QoS::AtLeastOnce, true)] {
        let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
        let topic = Topic::up(door.id(), Up::Event).to_string();
        line.client
            .publish(topic, qos, retain, event.clone())
            .await
            .unwrap();
        line.lost().await;
    }
    assert_eq!(house.count("SELECT count(*) FROM events"), 0);
}

/// S11: another's client id, topic, will, signature or session; 0 of 1,000 accepted.
#[tokio::test]
async fn a_thousand_impersonations_are_refused() {
    let house = House::new().await;
    let victim = house.terminal("Front door").await;
    let thief = house.terminal("Back door").await;
    let mut outbox = Outbox::new();
    let stolen = outbox.punch(&victim);
    let mut own = Outbox::new();
    let mut line = Line::greeted(&thief, house.mqtt, &own).await;
    for round in 0..1_000_u32 {
        let mut forged = Outbox::new();
        let (kind, payload) = match round % 5 {
            // A real event of the victim's, on the thief's topic.
            0 => (Up::Event, stolen.clone()),
            // The thief's key, the victim's name.
            1 => {
                let mut mask = thief.clone();
                mask.claimed.terminal = victim.id();
                (Up::Event, forged.punch(&mask))
            }
            // Another site's name.
            2 => {
                let mut mask = thief.clone();
                mask.claimed.site = Uuid::from_u128(round.into());
                (Up::Event, forged.punch(&mask))
            }
            // A hello of the victim's.
            3 => (Up::Hello, victim.sign(Uuid::new_v4(), &outbox.hello())),
            // A status of a session that is not the line's.
            _ => (
                Up::Status,
                thief.sign(Uuid::new_v4(), &crate::terminal::status(5, &own)),
            ),
        };
        line.publish(kind, payload).await;
        line.published().await;
    }
    assert_eq!(house.count("SELECT count(*) FROM events"), 0);
    assert_eq!(house.count("SELECT count(*) FROM quarantine"), 0);
    assert!(house.status(victim.id()).await.is_none());
    line.publish(Up::Event, own.punch(&thief)).await;
    line.through(own.id(), 1).await;
}
