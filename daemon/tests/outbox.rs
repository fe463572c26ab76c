//! The outbox on a disk that is really full: a small tmpfs, where this user may mount one.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use limen_daemon::clock::Clock;
use limen_daemon::config::Trust;
use limen_daemon::database;
use limen_daemon::keys::{Identity, Keys, Site};
use limen_daemon::outbox::{Author, Outbox};
use limen_wire::event::{Rejection, What};
use limen_wire::{SealingSecret, SecretKey};
use tempfile::TempDir;
use uuid::Uuid;
use zeroize::Zeroizing;

/// A disk of one megabyte, unmounted at the end.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

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

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn a_disk_that_is_really_full_refuses_in_words_loses_nothing_and_recovers() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("SKIPPED: no tmpfs can be mounted here; only a simulated full disk was tried");
        return;
    };
    let clock = Clock::new(Trust::System, None).unwrap();
    let now = || clock.read().unwrap();
    let open = || Outbox::open(disk.path(), author(), [1; 32], &now());
    database::migrate(disk.path()).unwrap();
    let outbox = open().unwrap();
    let rejected = [What::Rejected {
        why: Rejection::Unknown,
    }];
    // Somebody else fills the disk, all but a little.
    let ballast = disk.path().join("ballast");
    let mut size = 1 << 20;
    while fs::write(&ballast, vec![0; size]).is_err() {
        size -= 4096;
    }
    fs::write(&ballast, vec![0; size - (64 << 10)]).unwrap();
    let mut durable = 1;
    let refused = loop {
        match outbox.append(&now(), &rejected) {
            Ok(written) => durable = written.last,
            Err(refused) => break refused,
        }
        assert!(durable < 10_000, "the disk never gets full");
    };
    let said = refused.to_string();
    assert!(said.contains("disk is full"), "{said}");
    for _ in 0..10 {
        match outbox.append(&now(), &rejected) {
            Ok(written) => durable = written.last,
            Err(refused) => assert!(refused.to_string().contains("disk is full"), "{refused}"),
        }
    }
    // Pulled out of the wall and started again, still full: nothing is lost.
    let of = outbox.stretches().unwrap()[0].outbox;
    drop(outbox);
    let _ = open();
    fs::remove_file(&ballast).unwrap();
    let outbox = open().unwrap();
    let stretch = outbox.stretches().unwrap()[0];
    assert_eq!((stretch.outbox, stretch.oldest), (of, 1));
    assert!(stretch.next > durable, "{} and {durable}", stretch.next);
    let kept = outbox.read(of, 1, stretch.next - 1, &now()).unwrap();
    assert_eq!(kept.len() as u64, stretch.next - 1);
    let next = outbox.append(&now(), &rejected).unwrap();
    assert_eq!(next.first, stretch.next, "and it goes on");
}
