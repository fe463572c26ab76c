use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use limen_wire::event::{Rejection, What};
use limen_wire::roster::Change;
use limen_wire::{Person, RosterPage, SealingSecret, SecretKey};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::config::Trust;
use crate::database::{self, Sync};
use crate::keys::{Keys, Site};
use crate::outbox::Author;
use crate::roster::Vault;
use address::Address;

const FIRST: Uuid = Uuid::from_u128(0xe1);
const SECOND: Uuid = Uuid::from_u128(0xe2);

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
            mqtt: String::new(),
        },
    })
}

/// The loop's inside, with three events written, and how often the gallery was built.
fn work(data: &TempDir) -> (Work, Arc<AtomicU32>) {
    database::migrate(data.path()).unwrap();
    let identity = identity();
    let clock = Arc::new(Clock::new(Trust::System, None).unwrap());
    let now = clock.read().unwrap();
    let author = Author {
        identity: Arc::clone(&identity),
        session: Uuid::from_u128(1),
    };
    let outbox = Arc::new(Outbox::open(data.path(), author, [1; 32], &now).unwrap());
    let why = Rejection::Unknown;
    outbox
        .append(&now, &[What::Rejected { why }, What::Rejected { why }])
        .unwrap();
    let vault = Vault::new(&identity.keys.roster);
    let roster = Arc::new(Roster::open(data.path(), identity.site.site, vault).unwrap());
    let built = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&built);
    let address = Address::parse("127.0.0.1:1").unwrap();
    let work = Work {
        state: state::Uplink::new(
            &outbox.stretches().unwrap(),
            Vec::new(),
            Duration::from_secs(60),
            7,
        ),
        parts: Parts {
            lines: Lines::new(Arc::clone(&identity), address).unwrap(),
            identity,
            outbox,
            roster,
            clock,
            vitals: Arc::new(Vitals::new(data.path())),
            status_every: Duration::from_secs(60),
            on_settings: Box::new(|_| {}),
            on_roster: Box::new(move || {
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }),
        },
        line: None,
        begun: Instant::now(),
        session: Uuid::nil(),
        statuses: 0,
        is_up: false,
        is_away: false,
        marks: BTreeMap::new(),
        epoch: None,
        is_exchanged: true,
    };
    (work, built)
}

fn page(from: u64, to: u64) -> RosterPage {
    RosterPage {
        epoch: FIRST,
        from,
        to,
        page: 1,
        of: 1,
        full: from == 0,
        changes: vec![Change::Put(Box::new(Person {
            id: Uuid::from_u128(1),
            name: "Ada".to_owned(),
            language: String::new(),
            templates: Vec::new(),
            model: String::new(),
            number: None,
            pin_verifier: None,
            badges: Vec::new(),
            second_factor_with: Vec::new(),
        }))],
    }
}

fn ack(outbox: Uuid, through: u64, epoch: Uuid) -> Input {
    Input::Ack {
        outbox,
        through,
        epoch,
    }
}

/// Does to the database what only somebody else could.
fn meddle(data: &TempDir, sql: &str) {
    let connection = database::connect(data.path(), Sync::Full).unwrap();
    connection.execute_batch(sql).unwrap();
}

const NO_EPOCHS: &str = "CREATE TRIGGER no_epochs BEFORE INSERT ON epochs
    BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";

#[tokio::test]
async fn what_an_old_database_acknowledged_is_not_noted_under_a_new_one() {
    let data = TempDir::new().unwrap();
    let (mut work, _) = work(&data);
    let through = |work: &Work| work.parts.outbox.stretches().unwrap()[0].through;
    let of = work.parts.outbox.end().borrow().outbox;
    work.perform(Output::Epoch(FIRST)).unwrap();
    // As it is where the disk did not take it.
    work.marks.insert(of, 3);
    work.perform(Output::Epoch(SECOND)).unwrap();
    work.keep_again();
    assert_eq!(through(&work), 0);
}

#[tokio::test]
async fn a_mark_is_not_noted_before_its_epoch() {
    let data = TempDir::new().unwrap();
    let (mut work, _) = work(&data);
    let of = work.parts.outbox.end().borrow().outbox;
    let through = |work: &Work| work.parts.outbox.stretches().unwrap()[0].through;
    meddle(&data, NO_EPOCHS);
    work.tell(Input::Tick);
    work.tell(Input::Opened);
    work.tell(ack(of, 3, FIRST));
    assert_eq!(through(&work), 0, "nobody would know which epoch it is of");
    meddle(&data, "DROP TRIGGER no_epochs");
    work.keep_again();
    assert_eq!(work.parts.outbox.epochs().unwrap(), [FIRST]);
    assert_eq!(through(&work), 3);
}

#[tokio::test]
async fn a_proof_that_failed_is_given_after_the_next_hello() {
    let data = TempDir::new().unwrap();
    let (mut work, _) = work(&data);
    let of = work.parts.outbox.end().borrow().outbox;
    work.parts.roster.take(page(0, 1)).unwrap();
    work.tell(Input::Tick);
    work.tell(Input::Opened);
    meddle(&data, "ALTER TABLE people RENAME TO away");
    work.tell(ack(of, 3, FIRST));
    meddle(&data, "ALTER TABLE away RENAME TO people");
    let later = work.begun.elapsed() + Duration::from_secs(10);
    let hello = work.state.handle(later, Input::Tick);
    assert!(hello.contains(&Output::Hello(of)), "{hello:?}");
    let proof = work.state.handle(later, ack(of, 3, FIRST));
    assert!(proof.contains(&Output::Prove), "{proof:?}");
}

#[tokio::test]
async fn a_page_that_changed_nothing_builds_no_gallery() {
    let data = TempDir::new().unwrap();
    let (mut work, built) = work(&data);
    assert!(work.take(Letter::Roster(page(0, 1))).is_none());
    assert_eq!(built.load(Ordering::SeqCst), 1);
    assert_eq!(work.take(Letter::Roster(page(8, 9))), Some(Input::Misfit));
    assert_eq!(built.load(Ordering::SeqCst), 1);
    assert!(work.take(Letter::Roster(page(1, 2))).is_none());
    assert_eq!(built.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_gallery_that_was_not_exchanged_is_not_proved() {
    let data = TempDir::new().unwrap();
    let (mut work, _) = work(&data);
    let fails = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fails);
    work.parts.on_roster = Box::new(move || match failing.load(Ordering::SeqCst) {
        true => Err(RosterError::StillInLog),
        false => Ok(()),
    });
    work.take(Letter::Roster(page(0, 1)));
    assert!(!work.is_exchanged);
    assert!(work.perform(Output::Prove).is_err());
    fails.store(false, Ordering::SeqCst);
    // There is no line here, so the proof itself can't leave; but the gallery is exchanged before.
    let _ = work.perform(Output::Prove);
    assert!(work.is_exchanged);
}
