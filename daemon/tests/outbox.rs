//! The outbox on a disk that is really small: a tmpfs, where this user may mount one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test should stop where it failed; a test that is skipped says so"
)]

use std::path::Path;
use std::sync::Arc;

use limen_daemon::clock::Clock;
use limen_daemon::config::Trust;
use limen_daemon::database;
use limen_daemon::doctor::{self, fault};
use limen_daemon::health::Vitals;
use limen_daemon::keys::{Identity, Keys, Site};
use limen_daemon::outbox::{Author, Outbox, OutboxError, RESERVE};
use limen_wire::event::{Rejection, What};
use limen_wire::{SealingSecret, SecretKey};
use small_disk::SmallDisk;
use uuid::Uuid;
use zeroize::Zeroizing;

#[path = "disk/small.rs"]
mod small_disk;

fn author() -> Author {
    Author {
        identity: Arc::new(Identity {
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
        }),
        session: Uuid::from_u128(0x5e),
    }
}

/// What somebody at the door leads to.
fn rejected() -> [What; 1] {
    [What::Rejected {
        why: Rejection::Unknown,
    }]
}

/// What the doctor says of the disk.
fn doctor(data: &Path) -> Option<&'static str> {
    let config = data.join("terminal.toml");
    std::fs::write(&config, format!("data = {:?}\n", data)).unwrap();
    let report = doctor::round(Some(&config), &doctor::Machine::at("/".as_ref()));
    let disk = report.checks.iter().find(|check| check.part == "disk");
    disk.unwrap().fault
}

/// The light is red while SQLite could still write, and again and again: no punch is ever half there.
#[test]
fn the_light_is_red_before_the_disk_is_full_and_green_again_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(40) else {
        return;
    };
    let clock = Clock::new(Trust::System, None).unwrap();
    let now = || clock.read().unwrap();
    database::migrate(disk.path()).unwrap();
    let outbox = Outbox::open(disk.path(), author(), [1; 32], &now()).unwrap();
    let vitals = Vitals::new(disk.path());
    let look = || vitals.room(&outbox.keep_room());
    let many: Vec<What> = rejected().into_iter().cycle().take(200).collect();

    disk.fill(RESERVE + (2 << 20));
    look();
    assert!(!vitals.is_full());
    let mut durable = 1;
    let refused = loop {
        match outbox.append(&now(), &many) {
            Ok(written) => durable = written.last,
            Err(refused) => break refused,
        }
        assert!(durable < 100_000, "the disk never gets full");
    };
    assert!(matches!(refused, OutboxError::NoRoom { .. }), "{refused}");
    assert!(refused.to_string().contains("disk is full"), "{refused}");
    look();
    assert!(vitals.is_full());
    let line = vitals.line(0, 0);
    assert!(line.contains("the disk is full"), "{line}");
    assert_eq!(doctor(disk.path()), Some(fault::DISK_FULL.code));
    // What the program has to write itself, it can: more than a day of it.
    let own = [What::Clock {
        from: now().at,
        to: now().at,
    }];
    for _ in 0..2_000 {
        durable = outbox.append(&now(), &own).unwrap().last;
    }
    let said = outbox.append(&now(), &rejected()).unwrap_err();
    assert!(matches!(said, OutboxError::NoRoom { .. }), "{said}");

    disk.clear();
    look();
    assert!(!vitals.is_full());
    assert_eq!(vitals.line(0, 0).matches("disk").count(), 0);
    let next = outbox.append(&now(), &rejected()).unwrap();
    assert_eq!(next.first, durable + 1);
    assert_eq!(doctor(disk.path()), Some(fault::DISK_LOW.code));
    let of = next.outbox;
    let kept = outbox.read(of, 1, next.last, &now()).unwrap();
    assert_eq!(kept.len() as u64, next.last);
}

#[test]
fn acknowledged_events_make_room_before_the_light_is_red() {
    let Some(disk) = SmallDisk::mount(48) else {
        return;
    };
    let clock = Clock::new(Trust::System, None).unwrap();
    let now = || clock.read().unwrap();
    database::migrate(disk.path()).unwrap();
    let outbox = Outbox::open(disk.path(), author(), [1; 32], &now()).unwrap();
    let many: Vec<What> = rejected().into_iter().cycle().take(1_000).collect();
    let mut written = outbox.append(&now(), &many).unwrap();
    for _ in 0..9 {
        written = outbox.append(&now(), &many).unwrap();
    }
    disk.fill(RESERVE + (1 << 20));
    // Each turn of the main loop looks once; the cloud acknowledges as it goes on.
    for _ in 0..30 {
        outbox.keep(written.outbox, written.last, &now()).unwrap();
        let room = outbox.keep_room();
        assert!(room.is_enough(), "{room:?}");
        written = outbox.append(&now(), &many).unwrap();
    }
    let stretch = outbox.stretches().unwrap()[0];
    assert!(
        stretch.oldest > 1 && stretch.oldest <= stretch.through + 1,
        "{stretch:?}"
    );
}

#[test]
fn a_disk_that_is_really_full_refuses_in_words_loses_nothing_and_recovers() {
    let Some(disk) = SmallDisk::mount(1) else {
        return;
    };
    let clock = Clock::new(Trust::System, None).unwrap();
    let now = || clock.read().unwrap();
    let open = || Outbox::open(disk.path(), author(), [1; 32], &now()).map(|it| it.with_reserve(0));
    database::migrate(disk.path()).unwrap();
    let outbox = open().unwrap();
    disk.fill(64 << 10);
    let mut durable = 1;
    let refused = loop {
        match outbox.append(&now(), &rejected()) {
            Ok(written) => durable = written.last,
            Err(refused) => break refused,
        }
        assert!(durable < 10_000, "the disk never gets full");
    };
    let said = refused.to_string();
    assert!(said.contains("disk is full"), "{said}");
    for _ in 0..10 {
        match outbox.append(&now(), &rejected()) {
            Ok(written) => durable = written.last,
            Err(refused) => assert!(refused.to_string().contains("disk is full"), "{refused}"),
        }
    }
    // Pulled out of the wall and started again, still full: nothing is lost.
    let of = outbox.stretches().unwrap()[0].outbox;
    drop(outbox);
    let _ = open();
    disk.clear();
    let outbox = open().unwrap();
    let stretch = outbox.stretches().unwrap()[0];
    assert_eq!((stretch.outbox, stretch.oldest), (of, 1));
    assert!(stretch.next > durable, "{} and {durable}", stretch.next);
    let kept = outbox.read(of, 1, stretch.next - 1, &now()).unwrap();
    assert_eq!(kept.len() as u64, stretch.next - 1);
    let next = outbox.append(&now(), &rejected()).unwrap();
    assert_eq!(next.first, stretch.next, "and it goes on");
}
