//! Events in, acknowledgements out.

use limen_wire::event::{Amend, Change, Direction, What};
use limen_wire::topic::Up;

use crate::house::House;
use crate::terminal::{Heard, Line, Outbox};

#[tokio::test]
async fn events_are_acknowledged_after_they_are_stored() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    for _ in 0..300 {
        line.publish(Up::Event, outbox.punch(&door)).await;
    }
    let amend = What::Amend(Amend {
        of: 300,
        change: Change::Direction(Direction::Out),
    });
    line.publish(Up::Event, outbox.append(&door, line.session, amend))
        .await;
    line.through(outbox.id(), 301).await;
    let facts = house.facts().await;
    assert_eq!(facts.len(), 301);
    let mut seqs: Vec<u64> = facts.iter().map(|fact| fact.key.seq).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=301).collect::<Vec<_>>());
    let amended = facts.iter().find(|fact| fact.amends == Some(300)).unwrap();
    assert_eq!(amended.kind, "amend");
    // The compact JWS is stored as it came.
    assert_eq!(house.count("SELECT count(*) FROM events"), 301);
}

#[tokio::test]
async fn duplicates_alone_are_acknowledged_too() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    let first = outbox.punch(&door);
    line.publish(Up::Event, first.clone()).await;
    assert_eq!(line.ack(outbox.id()).await.through, 1);
    line.publish(Up::Event, first).await;
    assert_eq!(line.ack(outbox.id()).await.through, 1);
    assert_eq!(house.facts().await.len(), 1);
    assert_eq!(house.count("SELECT count(*) FROM quarantine"), 0);
}

#[tokio::test]
async fn a_gap_holds_the_acknowledgement_back() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    let events: Vec<String> = (0..5).map(|_| outbox.punch(&door)).collect();
    for (send, through) in [(2, 0), (4, 0), (0, 1), (1, 3), (3, 5)] {
        line.publish(Up::Event, events[send].clone()).await;
        assert_eq!(line.ack(outbox.id()).await.through, through, "after {send}");
    }
}

#[tokio::test]
async fn what_the_terminal_no_longer_has_is_written_down_as_lost() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    for _ in 0..9 {
        outbox.punch(&door);
    }
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    for seq in [1, 4, 5, 8, 9] {
        line.publish(Up::Event, outbox.sent[seq - 1].clone()).await;
    }
    while line.ack(outbox.id()).await.through < 1 {}
    while house.facts().await.len() < 5 {
        line.ack(outbox.id()).await;
    }
    let mut hello = outbox.hello();
    hello.oldest = 7;
    line.say(&hello).await;
    line.through(outbox.id(), 6).await;
    assert_eq!(
        house.count("SELECT CAST(sum(to_seq - from_seq + 1) AS bigint) FROM lost"),
        3
    );
    // What is missing above `oldest` still comes.
    line.publish(Up::Event, outbox.sent[6].clone()).await;
    line.through(outbox.id(), 9).await;
}

#[tokio::test]
async fn an_acknowledged_event_is_there_after_a_restart() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    for _ in 0..20 {
        line.publish(Up::Event, outbox.punch(&door)).await;
    }
    line.through(outbox.id(), 20).await;
    let house = house.restarted().await;
    let mut line = Line::admitted(&door, crate::terminal::options(&door, house.mqtt)).await;
    assert_eq!(line.hello(&outbox.hello()).await.through, 20);
    assert_eq!(house.facts().await.len(), 20);
}

#[tokio::test]
async fn a_forged_event_is_refused_and_holds_nothing_up() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let other = house.terminal("Back door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    let good = outbox.punch(&door);
    let mut forged = good.clone().into_bytes();
    let middle = forged.len() / 2;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    let mut foreign = Outbox::new();
    for bad in [
        forged,
        b"not a JWS".to_vec(),
        vec![0xff; 100],
        Vec::new(),
        foreign.punch(&other).into_bytes(),
    ] {
        line.publish(Up::Event, bad).await;
        line.published().await;
    }
    line.publish(Up::Event, good).await;
    line.through(outbox.id(), 1).await;
    assert_eq!(house.facts().await.len(), 1);
    let counted = house.app.metrics.text().unwrap();
    assert!(
        counted.contains("limen_events_total{outcome=\"refused\"} 5"),
        "{counted}"
    );
}

#[tokio::test]
async fn claims_that_nobody_understands_are_kept_and_acknowledged() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    let strange = outbox.append_strange(&door);
    line.publish(Up::Event, strange.clone()).await;
    line.publish(Up::Event, outbox.punch(&door)).await;
    line.through(outbox.id(), 2).await;
    line.publish(Up::Event, strange).await;
    line.through(outbox.id(), 2).await;
    assert_eq!(house.facts().await.len(), 1);
    let kept = "SELECT count(*) FROM quarantine WHERE why LIKE 'claims:%'";
    assert_eq!(house.count(kept), 1);
}

#[tokio::test]
async fn every_message_has_its_puback_in_order() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    for _ in 0..50 {
        line.publish(Up::Event, outbox.punch(&door)).await;
    }
    let mut acknowledged = Vec::new();
    while acknowledged.len() < 50 {
        let pkid = line
            .until(|heard| match heard {
                Heard::Published(pkid) => Some(*pkid),
                _ => None,
            })
            .await;
        acknowledged.push(pkid);
    }
    // The hello had the first.
    acknowledged.retain(|pkid| *pkid > 1);
    assert!(acknowledged.is_sorted(), "{acknowledged:?}");
}
