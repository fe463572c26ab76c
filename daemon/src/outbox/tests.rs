use jiff::{SignedDuration, Timestamp};
use limen_wire::event::{Amend, Change, Clock, Direction, Grade, Method, Punch};
use limen_wire::jws::{Expected, Verified};
use limen_wire::{SealingSecret, SecretKey};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::keys::{Keys, Site};

const HERE: [u8; 32] = [1; 32];
const ELSEWHERE: [u8; 32] = [2; 32];

fn identity() -> Arc<Identity> {
    Arc::new(Identity {
        keys: Keys {
            signing: SecretKey::from_seed([3; 32]),
            sealing: SealingSecret::from_seed([4; 32]),
            roster: Zeroizing::new([5; 32]),
        },
        site: Site {
            terminal: Uuid::from_u128(0x7e),
            site: Uuid::from_u128(0x51),
            signing_key: SecretKey::from_seed([6; 32]).public(),
            sealing_key: SealingSecret::from_seed([7; 32]).public(),
            certificates: String::new(),
            authority: String::new(),
            mqtt: "mqtt://127.0.0.1:1".into(),
        },
    })
}

fn author() -> Author {
    Author {
        identity: identity(),
        session: Uuid::from_u128(0x5e),
    }
}

fn at(text: &str) -> Reading {
    Reading {
        at: text.parse().unwrap(),
        clock: Clock::Synced,
        boot: Uuid::from_u128(0xb0),
        uptime_ms: 1_000,
    }
}

fn now() -> Reading {
    at("2026-11-24T08:00:00Z")
}

fn open(data: &TempDir, hardware: [u8; 32]) -> Outbox {
    database::migrate(data.path()).unwrap();
    Outbox::open(data.path(), author(), hardware, &now()).unwrap()
}

fn punch(person: u128) -> What {
    What::Punch(Punch {
        person: Uuid::from_u128(person),
        direction: Direction::Auto,
        method: Method::Face,
        grade: Grade::Clear,
        frames: 3,
        model: "m".into(),
    })
}

fn verified(compact: &str) -> Verified {
    let site = identity().site.clone();
    let expected = Expected {
        topic: Topic::up(site.terminal, Up::Event),
        site: site.site,
        session: None,
    };
    jws::verify(compact, &SecretKey::from_seed([3; 32]).public(), &expected).unwrap()
}

fn what(compact: &str) -> What {
    verified(compact).claims::<Event>().unwrap().what
}

/// The whole chain of an outbox as it would be sent, each link checked.
fn chain_of(outbox: &Outbox, stretch: &Stretch) -> Vec<String> {
    let events = outbox
        .read(stretch.outbox, stretch.oldest, stretch.next - 1, &now())
        .unwrap();
    let mut link = None;
    let mut chain = Vec::new();
    for (place, (seq, compact)) in events.into_iter().enumerate() {
        assert_eq!(seq, stretch.oldest + place as u64, "no gap");
        let found = verified(&compact);
        let at = found.header.chain.unwrap();
        assert_eq!((at.outbox, at.seq), (stretch.outbox, seq));
        if let Some(link) = link {
            assert_eq!(at.prev, link, "event {seq} follows its predecessor");
        }
        link = Some(chain::links_as(&compact, found.claims().ok().as_ref()));
        chain.push(compact);
    }
    assert_eq!(outbox.head(stretch.outbox).unwrap().hash, link.unwrap());
    chain
}

#[test]
fn events_are_signed_and_chained_across_restarts() {
    let data = TempDir::new().unwrap();
    let first = open(&data, HERE);
    let written = first.append(&now(), &[punch(1), punch(2)]).unwrap();
    assert_eq!((written.first, written.last), (2, 3));
    let before = first.stretches().unwrap();
    drop(first);
    let again = open(&data, HERE);
    let stretches = again.stretches().unwrap();
    assert_eq!(stretches.len(), 1);
    assert_eq!(stretches[0].outbox, before[0].outbox);
    assert_eq!((stretches[0].oldest, stretches[0].next), (1, 5));
    let chain = chain_of(&again, &stretches[0]);
    assert!(matches!(what(&chain[0]), What::Start { after: None, .. }));
    assert_eq!(what(&chain[1]), punch(1));
    assert_eq!(what(&chain[2]), punch(2));
    assert!(matches!(what(&chain[3]), What::Start { after: None, .. }));
    assert_eq!(again.waiting().unwrap(), 4);
}

#[test]
fn numbers_are_not_used_again_when_everything_was_deleted() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    let current = outbox.append(&now(), &[punch(1)]).unwrap();
    outbox.keep(current.outbox, 2, &now()).unwrap();
    let later = at("2026-12-30T08:00:00Z");
    assert_eq!(outbox.prune(&later).unwrap(), 2);
    let stretch = outbox.stretches().unwrap()[0];
    assert_eq!((stretch.oldest, stretch.next), (3, 3));
    assert_eq!(outbox.append(&now(), &[punch(2)]).unwrap().first, 3);
    let (_, compact) = &outbox.read(current.outbox, 3, 3, &now()).unwrap()[0];
    assert_ne!(verified(compact).header.chain.unwrap().prev, Hash::ZERO);
}

#[test]
fn only_what_was_acknowledged_35_days_ago_is_deleted() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    let of = outbox
        .append(&now(), &[punch(1), punch(2), punch(3)])
        .unwrap()
        .outbox;
    outbox.keep(of, 2, &now()).unwrap();
    outbox.keep(of, 3, &at("2026-11-27T08:00:00Z")).unwrap();
    assert_eq!(outbox.prune(&at("2026-12-28T08:00:00Z")).unwrap(), 0);
    assert_eq!(outbox.prune(&at("2026-12-30T08:00:00Z")).unwrap(), 2);
    assert_eq!(outbox.stretches().unwrap()[0].oldest, 3);
    assert_eq!(outbox.prune(&at("2027-12-30T08:00:00Z")).unwrap(), 1);
    assert_eq!(outbox.waiting().unwrap(), 1, "what waits is kept for ever");
}

#[test]
fn what_was_acknowledged_by_a_wrong_clock_is_not_deleted_at_once_by_the_right_one() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    let of = outbox.append(&now(), &[punch(1), punch(2)]).unwrap().outbox;
    let woken = Reading {
        clock: Clock::Unsynced,
        ..at("1970-01-01T00:05:00Z")
    };
    outbox.keep(of, 2, &woken).unwrap();
    assert_eq!(outbox.stretches().unwrap()[0].through, 2);
    assert_eq!(outbox.prune(&now()).unwrap(), 0);
    outbox.keep(of, 3, &now()).unwrap();
    assert_eq!(outbox.prune(&at("2026-12-30T08:00:00Z")).unwrap(), 3);
}

#[test]
fn another_machine_begins_a_new_outbox_that_names_the_old_one() {
    let data = TempDir::new().unwrap();
    let old = open(&data, HERE);
    old.append(&now(), &[punch(1)]).unwrap();
    let old_head = old.head(old.stretches().unwrap()[0].outbox).unwrap();
    drop(old);
    let clone = open(&data, ELSEWHERE);
    let stretches = clone.stretches().unwrap();
    assert_eq!(stretches.len(), 2);
    assert_eq!(stretches[0].outbox, old_head.outbox);
    assert_eq!(stretches[0].next, 3, "what it has to say still goes out");
    assert_eq!(clone.head(old_head.outbox).unwrap(), old_head);
    chain_of(&clone, &stretches[0]);
    let chain = chain_of(&clone, &stretches[1]);
    let What::Start { after, .. } = what(&chain[0]) else {
        panic!("{:?}", what(&chain[0]));
    };
    assert_eq!(after, Some(old_head));
    assert_eq!(verified(&chain[0]).header.chain.unwrap().seq, 1);
    drop(clone);
    let again = open(&data, ELSEWHERE);
    assert_eq!(again.stretches().unwrap().len(), 2, "and only one");
}

#[test]
fn an_outbox_that_is_left_is_said_again_from_where_both_agree() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    let amend = |of| {
        What::Amend(Amend {
            of,
            change: Change::NotMe,
        })
    };
    outbox.append(&now(), &[punch(1), amend(2)]).unwrap();
    let later = at("2026-11-24T09:00:00Z");
    outbox
        .append(&later, &[punch(2), amend(4), amend(2)])
        .unwrap();
    let end = outbox.end();
    let old = end.borrow().outbox;
    outbox.keep(old, 4, &now()).unwrap();
    let head = outbox.head(old).unwrap();
    let whole = chain_of(&outbox, &outbox.stretches().unwrap()[0]);
    assert!(outbox.leave(Uuid::from_u128(9), 1, &now()).is_err());
    let much_later = at("2026-11-25T08:00:00Z");
    let (left, new) = outbox.leave(old, 3, &much_later).unwrap();
    assert_eq!((left.outbox, left.next, left.through), (old, 4, 3));
    assert_eq!(chain_of(&outbox, &left), whole[..3]);
    assert_eq!(end.borrow().outbox, new.outbox);
    assert_eq!((new.oldest, new.next, new.through), (1, 4, 0));
    let said = chain_of(&outbox, &new);
    let What::Start { after, .. } = what(&said[0]) else {
        panic!("{:?}", what(&said[0]));
    };
    assert_eq!(after, Some(head));
    assert_eq!(what(&said[1]), punch(2));
    let event: Event = verified(&said[1]).claims().unwrap();
    assert_eq!(event.at, later.at, "it happened when it happened");
    assert_eq!(what(&said[2]), amend(2), "of the punch's new number");
    assert_eq!(outbox.append(&now(), &[punch(3)]).unwrap().first, 4);
    drop(outbox);
    let again = open(&data, HERE);
    let stretches = again.stretches().unwrap();
    assert_eq!(stretches[0], left);
    assert_eq!(stretches[1].next, 6);
    chain_of(&again, &stretches[1]);
}

/// Whoever asks again for an outbox that was left is told that there is none, so an error after
/// the COMMIT would leave the uplink without the new one until the next start.
#[test]
fn an_outbox_is_left_and_said_so_or_not_left() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    outbox.append(&now(), &[punch(1)]).unwrap();
    let old = outbox.end().borrow().outbox;
    *outbox.uplink() = Connection::open_in_memory().unwrap();
    let left = outbox.leave(old, 1, &now());
    let current = outbox.end().borrow().outbox;
    assert_eq!(left.map(|(_, new)| new.outbox).unwrap_or(old), current);
}

#[test]
fn what_was_deleted_is_not_taken_for_damaged() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    let of = outbox.append(&now(), &[punch(1), punch(2)]).unwrap().outbox;
    outbox.keep(of, 2, &now()).unwrap();
    outbox.prune(&at("2026-12-30T08:00:00Z")).unwrap();
    let found = outbox.read(of, 1, 3, &now()).unwrap();
    assert_eq!(found.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [3]);
    let (left, new) = outbox.leave(of, 0, &now()).unwrap();
    assert_eq!((left.next, new.next), (3, 3));
}

#[test]
fn a_new_epoch_voids_what_was_acknowledged_as_far_as_it_is_kept() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    let of = outbox.append(&now(), &[punch(1), punch(2)]).unwrap().outbox;
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    outbox.new_epoch(first).unwrap();
    outbox.keep(of, 2, &now()).unwrap();
    outbox.prune(&at("2026-12-30T08:00:00Z")).unwrap();
    outbox.keep(of, 3, &now()).unwrap();
    outbox.new_epoch(second).unwrap();
    assert_eq!(outbox.epochs().unwrap(), [first, second]);
    let stretch = outbox.stretches().unwrap()[0];
    assert_eq!((stretch.oldest, stretch.through), (3, 2));
    assert_eq!(
        outbox.prune(&at("2027-12-30T08:00:00Z")).unwrap(),
        0,
        "the marks of the old epoch delete nothing"
    );
}

/// Flips bytes of a row as a dying disk does.
fn damage(data: &TempDir, column: &str, place: u64) {
    let connection = Connection::open(data.path().join(database::FILE)).unwrap();
    let sql =
        format!("UPDATE events SET {column} = zeroblob(length({column})) WHERE place = {place}");
    assert_eq!(connection.execute(&sql, []).unwrap(), 1);
}

#[test]
fn a_damaged_row_becomes_a_void_that_keeps_the_chain_whole() {
    for (place, columns) in [
        (2, &["compact"][..]),
        (2, &["compact", "hash", "prev"]),
        (1, &["compact"]),
        (4, &["compact", "hash"]),
    ] {
        let data = TempDir::new().unwrap();
        let outbox = open(&data, HERE);
        outbox
            .append(&now(), &[punch(1), punch(2), punch(3)])
            .unwrap();
        let stretch = outbox.stretches().unwrap()[0];
        let whole = chain_of(&outbox, &stretch);
        for column in columns {
            damage(&data, column, place);
        }
        let mended = chain_of(&outbox, &stretch);
        for (seq, (before, after)) in whole.iter().zip(&mended).enumerate() {
            if seq as u64 + 1 == place {
                let stands_for = chain::hash(before);
                assert_eq!(what(after), What::Void { stands_for }, "{columns:?}");
            } else {
                assert_eq!(before, after);
            }
        }
        assert_eq!(
            chain_of(&outbox, &stretch),
            mended,
            "and stays the same void for good"
        );
        outbox.append(&now(), &[punch(4)]).unwrap();
        chain_of(&outbox, &outbox.stretches().unwrap()[0]);
    }
}

#[test]
fn a_row_that_vanished_becomes_a_void_too() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    outbox.append(&now(), &[punch(1), punch(2)]).unwrap();
    let stretch = outbox.stretches().unwrap()[0];
    let whole = chain_of(&outbox, &stretch);
    let connection = Connection::open(data.path().join(database::FILE)).unwrap();
    connection
        .execute("DELETE FROM events WHERE place = 2", [])
        .unwrap();
    let mended = chain_of(&outbox, &stretch);
    let stands_for = chain::hash(&whole[1]);
    assert_eq!(what(&mended[1]), What::Void { stands_for });
    assert_eq!(mended[2], whole[2]);
}

#[test]
fn a_row_whose_signature_holds_is_put_right() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    outbox.append(&now(), &[punch(1)]).unwrap();
    let stretch = outbox.stretches().unwrap()[0];
    let whole = chain_of(&outbox, &stretch);
    damage(&data, "hash", 2);
    assert_eq!(chain_of(&outbox, &stretch), whole);
}

/// Full as a disk is: no page can be added.
fn set_full(outbox: &Outbox, is_full: bool) {
    let writer = outbox.writer();
    let pages: i64 = writer
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    let most = if is_full { pages } else { 1_000_000 };
    writer
        .pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))
        .unwrap();
}

#[test]
fn a_full_disk_refuses_in_words_loses_nothing_and_recovers() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    set_full(&outbox, true);
    let mut written = 1;
    let refused = loop {
        match outbox.append(&now(), &[punch(1)]) {
            Ok(durable) => written = durable.last,
            Err(refused) => break refused,
        }
        assert!(written < 1000, "the disk is full");
    };
    assert!(refused.to_string().contains("disk is full"), "{refused}");
    assert!(
        outbox.append(&now(), &[punch(1)]).is_err(),
        "and stays full"
    );
    let stretch = outbox.stretches().unwrap()[0];
    assert_eq!(stretch.next, written + 1);
    chain_of(&outbox, &stretch);
    set_full(&outbox, false);
    assert_eq!(
        outbox.append(&now(), &[punch(2)]).unwrap().first,
        written + 1
    );
    chain_of(&outbox, &outbox.stretches().unwrap()[0]);
}

#[test]
fn on_a_full_disk_acknowledged_events_make_room() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    let many: Vec<_> = (0..50).map(punch).collect();
    let durable = outbox.append(&now(), &many).unwrap();
    outbox.keep(durable.outbox, 40, &now()).unwrap();
    set_full(&outbox, true);
    for _ in 0..20 {
        outbox.append(&now(), &[punch(1)]).unwrap();
    }
    let stretch = outbox.stretches().unwrap()[0];
    assert!(stretch.oldest > 1 && stretch.oldest <= 41, "{stretch:?}");
    chain_of(&outbox, &stretch);
}

#[test]
fn a_command_is_begun_once() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    let id = Uuid::from_u128(9);
    assert!(outbox.begin_command(id, &now()).unwrap());
    assert!(!outbox.begin_command(id, &now()).unwrap());
    drop(outbox);
    assert!(!open(&data, HERE).begin_command(id, &now()).unwrap());
}

#[test]
fn the_boot_in_which_the_clock_was_right_is_remembered() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    assert_eq!(Outbox::synced_boot(data.path()).unwrap(), None);
    outbox.set_synced_boot(Uuid::from_u128(1)).unwrap();
    outbox.set_synced_boot(Uuid::from_u128(2)).unwrap();
    assert_eq!(
        Outbox::synced_boot(data.path()).unwrap(),
        Some(Uuid::from_u128(2))
    );
}

#[test]
fn a_clock_that_is_wrong_does_not_stop_anything() {
    let data = TempDir::new().unwrap();
    let outbox = open(&data, HERE);
    let mut reading = now();
    reading.at = Timestamp::UNIX_EPOCH;
    outbox.append(&reading, &[punch(1)]).unwrap();
    reading.at = now().at + SignedDuration::from_hours(24 * 365 * 10);
    outbox.append(&reading, &[punch(2)]).unwrap();
    chain_of(&outbox, &outbox.stretches().unwrap()[0]);
}
