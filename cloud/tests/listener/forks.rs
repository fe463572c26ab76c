//! Two cards with one identity: both sides' punches are kept, and it is seen.

use limen_wire::Order;
use limen_wire::event::{OutboxHead, What};
use limen_wire::topic::Up;

use crate::house::House;
use crate::terminal::{Line, Outbox, holding, options};

#[tokio::test]
async fn a_cloned_card_is_seen_and_both_sides_are_kept() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let epoch = house.app.downlink.epoch(&house.app).await.unwrap();
    let mut card = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &card).await;
    for _ in 0..8 {
        line.publish(Up::Event, card.punch(&door)).await;
    }
    line.through(card.id(), 8).await;
    let mut clone = card.clone();

    // The clone punches offline and comes home first.
    clone.punch(&door);
    clone.punch(&door);
    let mut line = Line::greeted(&door, house.mqtt, &clone).await;
    for event in &clone.sent[8..] {
        line.publish(Up::Event, event.clone()).await;
    }
    line.through(clone.id(), 10).await;

    // The first card has more events than the clone; its 9 and 10 must not be taken for stored.
    for _ in 0..7 {
        card.punch(&door);
    }
    let mut line = Line::admitted(&door, options(&door, house.mqtt)).await;
    let mut hello = card.hello();
    hello.roster = holding(epoch, 1);
    assert_eq!(
        line.hello(&hello).await.through,
        0,
        "it goes on from its own mark"
    );
    for event in &card.sent[8..] {
        line.publish(Up::Event, event.clone()).await;
    }
    let command = line.command().await;
    let order = command.order().unwrap();
    let told = Order::BeginOutbox {
        outbox: card.id(),
        after: 8,
    };
    assert_eq!(order, told);
    line.through(card.id(), 10).await;
    while house.count("SELECT count(*) FROM quarantine") < 7 {
        line.ack(card.id()).await;
    }
    // Nothing is dropped because its number is taken, and nothing of one history stands in the other.
    assert_eq!(house.count("SELECT count(*) FROM events"), 10);

    // It begins a new outbox, which is nobody's but its own.
    let mut anew = Outbox::new();
    let after = OutboxHead {
        outbox: card.id(),
        ..card.head
    };
    let start = What::Start {
        firmware: "test".to_owned(),
        after: Some(after),
    };
    line.hello(&anew.hello()).await;
    line.publish(Up::Event, anew.append(&door, line.session, start))
        .await;
    line.publish(Up::Event, anew.punch(&door)).await;
    line.through(anew.id(), 2).await;

    // A card that was not told, or did not hear it, is told again the same command at its next hello.
    let mut line = Line::admitted(&door, options(&door, house.mqtt)).await;
    line.say(&hello).await;
    let again = line.command().await;
    assert_eq!((again.id, again.order().unwrap()), (command.id, told));
}

#[tokio::test]
async fn a_stand_in_for_a_damaged_row_is_no_fork() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    outbox.punch(&door);
    let before = outbox.head;
    outbox.punch(&door);
    let damaged = outbox.head.hash;
    outbox.punch(&door);
    let mut mended = Outbox {
        head: before,
        sent: Vec::new(),
    };
    let void = mended.append(
        &door,
        uuid::Uuid::nil(),
        What::Void {
            stands_for: damaged,
        },
    );
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    for event in [&outbox.sent[0], &outbox.sent[2], &void] {
        line.publish(Up::Event, event.clone()).await;
    }
    line.through(outbox.id(), 3).await;
    // The row itself, if it turns up after all, is set aside and no fork either.
    line.publish(Up::Event, outbox.sent[1].clone()).await;
    line.ack(outbox.id()).await;
    assert_eq!(house.count("SELECT count(*) FROM events"), 3);
    assert_eq!(house.count("SELECT count(*) FROM quarantine"), 1);
    assert_eq!(
        house.count("SELECT count(*) FROM outboxes WHERE forked IS NOT NULL"),
        0
    );
}

/// A card that says again what both histories share must not take the acknowledgement of its twin's events for its own:
/// it would never send them.
#[tokio::test]
async fn a_card_is_not_told_that_its_twins_events_are_held() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let epoch = house.app.downlink.epoch(&house.app).await.unwrap();
    let mut card = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &card).await;
    for _ in 0..3 {
        line.publish(Up::Event, card.punch(&door)).await;
    }
    line.through(card.id(), 3).await;
    let mut twin = card.clone();
    line.publish(Up::Event, twin.punch(&door)).await;
    line.publish(Up::Event, twin.punch(&door)).await;
    line.through(card.id(), 5).await;

    card.punch(&door);
    card.punch(&door);
    let mut line = Line::admitted(&door, options(&door, house.mqtt)).await;
    let mut hello = card.hello();
    hello.roster = holding(epoch, 1);
    line.hello(&hello).await;
    line.publish(Up::Event, card.sent[2].clone()).await;
    assert_eq!(
        line.ack(card.id()).await.through,
        3,
        "of events of its own only"
    );
}
