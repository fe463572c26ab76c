//! The uplink against a real broker, with a little cloud behind it.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

#[path = "uplink/broker.rs"]
mod broker;
#[path = "uplink/cloud.rs"]
mod cloud;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use limen_daemon::clock::Clock;
use limen_daemon::config::Trust;
use limen_daemon::database;
use limen_daemon::health::Vitals;
use limen_daemon::keys::{Identity, Keys, Site};
use limen_daemon::outbox::{Author, Outbox};
use limen_daemon::roster::{Roster, Vault};
use limen_daemon::uplink::address::Address;
use limen_daemon::uplink::{Lines, Parts, Uplink};
use limen_wire::event::{Camera, Rejection, What};
use limen_wire::roster::{Change, digest};
use limen_wire::{
    Blob, Command, Hash, Order, Person, RosterPage, SealingSecret, SecretKey, chain, jws,
};
use tempfile::TempDir;
use uuid::Uuid;
use zeroize::Zeroizing;

use broker::Broker;
use cloud::{Cloud, SITE, TERMINAL, site_key};

fn keys() -> Keys {
    Keys {
        signing: SecretKey::from_seed([0x7e; 32]),
        sealing: SealingSecret::from_seed([0x7f; 32]),
        roster: Zeroizing::new([0x70; 32]),
    }
}

fn identity(certificates: &str, authority: &str) -> Arc<Identity> {
    Arc::new(Identity {
        keys: keys(),
        site: Site {
            terminal: TERMINAL,
            site: SITE,
            signing_key: site_key().public(),
            sealing_key: SealingSecret::from_seed([0x52; 32]).public(),
            certificates: certificates.to_owned(),
            authority: authority.to_owned(),
            mqtt: "mqtt://127.0.0.1:1".to_owned(),
        },
    })
}

/// A terminal without a camera: outbox, roster and uplink as the daemon has them.
struct Terminal {
    outbox: Arc<Outbox>,
    roster: Arc<Roster>,
    clock: Arc<Clock>,
    vitals: Arc<Vitals>,
    rosters: Arc<AtomicU32>,
    uplink: Option<Uplink>,
}

impl Terminal {
    fn start(data: &Path, address: Address) -> Self {
        Self::start_as(data, address, identity("", ""))
    }

    fn start_as(data: &Path, address: Address, identity: Arc<Identity>) -> Self {
        // Shown where a test fails.
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_env_filter("limen_daemon=debug")
            .try_init();
        database::migrate(data).unwrap();
        let clock = Arc::new(Clock::new(Trust::System, None).unwrap());
        let author = Author {
            identity: Arc::clone(&identity),
            session: Uuid::from_u128(1),
        };
        let now = clock.read().unwrap();
        let outbox = Arc::new(Outbox::open(data, author, [1; 32], &now).unwrap());
        let vault = Vault::new(&identity.keys.roster);
        let roster = Arc::new(Roster::open(data, SITE, vault).unwrap());
        let vitals = Arc::new(Vitals::new(data));
        let rosters = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&rosters);
        let uplink = Uplink::spawn(Parts {
            lines: Lines::new(Arc::clone(&identity), address).unwrap(),
            identity,
            outbox: Arc::clone(&outbox),
            roster: Arc::clone(&roster),
            clock: Arc::clone(&clock),
            vitals: Arc::clone(&vitals),
            status_every: Duration::from_secs(60),
            on_settings: Box::new(|_| {}),
            on_roster: Box::new(move || {
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }),
        })
        .unwrap();
        Self {
            outbox,
            roster,
            clock,
            vitals,
            rosters,
            uplink: Some(uplink),
        }
    }

    fn write(&self, count: usize) -> u64 {
        let now = self.clock.read().unwrap();
        let why = Rejection::Unknown;
        let events = vec![What::Rejected { why }; count];
        self.outbox.append(&now, &events).unwrap().last
    }

    fn current(&self) -> Uuid {
        self.outbox.end().borrow().outbox
    }

    fn wait_until_acknowledged(&self) {
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while self.outbox.waiting().unwrap() > 0 {
            assert!(std::time::Instant::now() < until, "not acknowledged");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(&mut self) {
        self.uplink.take().unwrap().end();
    }
}

fn clear(port: u16) -> Address {
    Address::parse(&format!("127.0.0.1:{port}")).unwrap()
}

/// The cloud holds events 1 to `last` of the outbox, and they are one chain.
fn check_chain(cloud: &Cloud, outbox: Uuid, last: u64) {
    let known = cloud.known();
    let mut prev = Hash::ZERO;
    for seq in 1..=last {
        let compact = &known.events[&(outbox, seq)];
        let header = jws::peek(compact).unwrap();
        assert_eq!(header.chain.unwrap().prev, prev, "event {seq}");
        prev = chain::hash(compact);
    }
    let held = known.events.keys().filter(|(of, _)| *of == outbox).count();
    assert_eq!(held as u64, last);
}

#[test]
fn events_go_through_mosquitto_and_are_done_when_the_cloud_says_so() {
    let broker = Broker::start();
    let cloud = Cloud::start(broker.port, keys().signing.public());
    let data = TempDir::new().unwrap();
    let mut terminal = Terminal::start(data.path(), clear(broker.port));
    let outbox = terminal.current();
    let last = terminal.write(3);
    cloud.wait("the events", |known| {
        (known.through(outbox) == last).then_some(())
    });
    terminal.wait_until_acknowledged();
    check_chain(&cloud, outbox, last);
    let status = cloud.wait("a status", |known| known.statuses.last().cloned());
    assert!(status.online && status.n >= 1);
    terminal.vitals.camera(Camera::Missing);
    cloud.wait("a status of the change", |known| {
        let last = known.statuses.last()?;
        (last.health.camera == Some(Camera::Missing)).then_some(())
    });
    // A live event arrives at once.
    let last = terminal.write(1);
    cloud.wait("the live event", |known| {
        (known.through(outbox) == last).then_some(())
    });
    terminal.end();
    let farewell = cloud.wait("the farewell", |known| {
        known.statuses.last().filter(|s| !s.online).cloned()
    });
    assert_eq!(farewell.n, 0);
    assert_eq!(cloud.known().sessions, 1);
}

#[test]
fn a_mosquitto_that_is_killed_and_wiped_loses_and_doubles_nothing() {
    let mut broker = Broker::start();
    let cloud = Cloud::start(broker.port, keys().signing.public());
    let data = TempDir::new().unwrap();
    let mut terminal = Terminal::start(data.path(), clear(broker.port));
    let outbox = terminal.current();
    let mut last = terminal.write(700);
    for round in 0..3 {
        cloud.wait("a part of the backlog", |known| {
            (known.through(outbox) > round * 100).then_some(())
        });
        broker.kill();
        last = terminal.write(50).max(last);
        broker.up();
    }
    cloud.wait("everything", |known| {
        (known.through(outbox) == last).then_some(())
    });
    terminal.wait_until_acknowledged();
    check_chain(&cloud, outbox, last);
    assert!(cloud.known().sessions >= 2);
    terminal.end();
}

#[test]
fn a_terminal_that_starts_again_sends_what_mosquitto_took_and_nobody_acknowledged() {
    let broker = Broker::start();
    let cloud = Cloud::start(broker.port, keys().signing.public());
    let data = TempDir::new().unwrap();
    let mut terminal = Terminal::start(data.path(), clear(broker.port));
    let outbox = terminal.current();
    cloud.wait("the first event", |known| {
        (known.through(outbox) == 1).then_some(())
    });
    // From now on the broker takes every message, and the cloud keeps what comes without a word.
    cloud.known().is_silent = true;
    let last = terminal.write(5);
    cloud.wait("the events", |known| {
        (known.through(outbox) == last).then_some(())
    });
    assert!(
        terminal.outbox.waiting().unwrap() >= 5,
        "PUBACK means nothing"
    );
    terminal.end();
    drop(terminal);
    cloud.known().is_silent = false;
    let again = Terminal::start(data.path(), clear(broker.port));
    assert_eq!(again.current(), outbox);
    cloud.wait("the start", |known| {
        (known.through(outbox) == last + 1).then_some(())
    });
    again.wait_until_acknowledged();
    check_chain(&cloud, outbox, last + 1);
}

#[test]
fn what_nobody_acknowledges_is_sent_again_through_mosquitto() {
    let broker = Broker::start();
    let cloud = Cloud::start(broker.port, keys().signing.public());
    let data = TempDir::new().unwrap();
    let terminal = Terminal::start(data.path(), clear(broker.port));
    let outbox = terminal.current();
    cloud.wait("the first event", |known| {
        (known.through(outbox) == 1).then_some(())
    });
    terminal.wait_until_acknowledged();
    cloud.known().is_silent = true;
    let last = terminal.write(2);
    cloud.wait("copies", |known| (known.copies >= 2).then_some(()));
    cloud.known().is_silent = false;
    terminal.wait_until_acknowledged();
    check_chain(&cloud, outbox, last);
}

fn person(id: u128) -> Person {
    Person {
        id: Uuid::from_u128(id),
        name: "Ada".into(),
        language: String::new(),
        templates: vec![Blob(vec![id as u8; 64])],
        model: "m".into(),
        number: None,
        pin_verifier: None,
        badges: Vec::new(),
        second_factor_with: Vec::new(),
    }
}

fn page(to: u64, changes: Vec<Change>) -> RosterPage {
    RosterPage {
        epoch: Uuid::from_u128(0xe1),
        from: if to == 1 { 0 } else { to - 1 },
        to,
        page: 1,
        of: 1,
        full: to == 1,
        changes,
    }
}

#[test]
fn a_roster_through_mosquitto_is_taken_from_the_site_and_of_this_session_only() {
    let broker = Broker::start();
    let cloud = Cloud::start(broker.port, keys().signing.public());
    let data = TempDir::new().unwrap();
    let terminal = Terminal::start(data.path(), clear(broker.port));
    let session = cloud.wait("a hello", |known| {
        (!known.hellos.is_empty()).then_some(known.session)
    });
    let to = keys().sealing.public();
    let put = |id| Change::Put(Box::new(person(id)));
    let forger = SecretKey::from_seed([0xbad_u16 as u8; 32]);
    let forged = page(1, vec![put(0xbad)]);
    cloud.say_sealed(&forger, session, &to, &forged);
    cloud.say_sealed(&site_key(), Uuid::from_u128(9), &to, &forged);
    let elsewhere = SealingSecret::from_seed([9; 32]).public();
    cloud.say_sealed(&site_key(), session, &elsewhere, &forged);
    cloud.say_sealed(&site_key(), session, &to, &page(1, vec![put(1), put(2)]));
    let applied = cloud.wait("the proof", |known| known.applied.last().copied());
    let both = [1, 2].map(|id| (Uuid::from_u128(id), person(id).template_hash()));
    assert_eq!(
        applied.digest,
        digest(both),
        "what came before changed nothing"
    );
    assert_eq!(terminal.rosters.load(Ordering::SeqCst), 1);
    let forget = page(2, vec![Change::Forget(Uuid::from_u128(1))]);
    cloud.say_sealed(&site_key(), session, &to, &forget);
    let applied = cloud.wait("the proof of erasure", |known| {
        known.applied.last().filter(|a| a.version == 2).copied()
    });
    assert_eq!(applied.digest, digest([both[1]]));
    assert_eq!(terminal.roster.people().unwrap(), 1);
    // What does not go on from what is held makes it say hello again.
    let before = cloud.known().hellos.len();
    cloud.say_sealed(&site_key(), session, &to, &page(9, Vec::new()));
    let hello = cloud.wait("another hello", |known| {
        (known.hellos.len() > before).then(|| known.hellos.last().cloned())
    });
    assert_eq!(hello.unwrap().roster.unwrap().version, 2);
}

#[test]
fn a_fork_that_the_cloud_reports_through_mosquitto_begins_a_new_outbox_once() {
    let broker = Broker::start();
    let cloud = Cloud::start(broker.port, keys().signing.public());
    let data = TempDir::new().unwrap();
    let terminal = Terminal::start(data.path(), clear(broker.port));
    let old = terminal.current();
    let last = terminal.write(4);
    terminal.wait_until_acknowledged();
    let session = cloud.known().session;
    let order = Order::BeginOutbox {
        outbox: old,
        after: 2,
    };
    let expires = "2100-01-01T00:00:00Z".parse().unwrap();
    let command = Command::new(Uuid::from_u128(0xc0), &order, expires);
    cloud.say(&site_key(), session, &command);
    cloud.say(&site_key(), session, &command);
    let result = cloud.wait("the result", |known| known.results.last().cloned());
    assert!(result.ok && result.id == command.id, "{result:?}");
    let new = cloud.wait("the new outbox", |known| {
        let (of, _) = known.events.keys().find(|(of, _)| *of != old)?;
        Some(*of)
    });
    assert_eq!(terminal.current(), new);
    terminal.wait_until_acknowledged();
    let known = cloud.known();
    let said_again = known.events.keys().filter(|(of, _)| *of == new).count() as u64;
    assert_eq!(said_again, 1 + last - 2, "its start, and what followed");
    assert_eq!(known.results.len(), 1, "at most once");
    let start: limen_wire::Event = {
        let expected = jws::Expected {
            topic: limen_wire::Topic::up(TERMINAL, limen_wire::topic::Up::Event),
            site: SITE,
            session: None,
        };
        let compact = &known.events[&(new, 1)];
        let verified = jws::verify(compact, &keys().signing.public(), &expected).unwrap();
        verified.claims().unwrap()
    };
    let What::Start { after, .. } = start.what else {
        panic!("{start:?}");
    };
    let after = after.unwrap();
    assert_eq!((after.outbox, after.seq), (old, last));
}

#[test]
fn a_restored_card_finds_a_cloud_behind_mosquitto_that_holds_more() {
    let broker = Broker::start();
    let cloud = Cloud::start(broker.port, keys().signing.public());
    let data = TempDir::new().unwrap();
    let before = {
        let terminal = Terminal::start(data.path(), clear(broker.port));
        terminal.write(2);
        terminal.wait_until_acknowledged();
        terminal.current()
    };
    cloud.known().pretend_through = Some((before, 80));
    let terminal = Terminal::start(data.path(), clear(broker.port));
    cloud.wait("a new outbox", |known| {
        known.events.keys().find(|(of, _)| *of != before).copied()
    });
    terminal.wait_until_acknowledged();
    assert_ne!(terminal.current(), before);
    let known = cloud.known();
    assert!(
        !known.events.contains_key(&(before, 4)),
        "that number is taken"
    );
    let new = terminal.current();
    assert_eq!(known.through(new), 1, "a start alone is not said again");
}

/// An authority, and what it gives: itself, a server's certificate and key, and one for `key`.
fn certificates(key: &SecretKey) -> [String; 4] {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SubjectPublicKeyInfo};
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = params.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(params, authority_key);
    let server_key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&server_key, &issuer)
        .unwrap()
        .pem();
    let public = SubjectPublicKeyInfo::from_der(&key.public().to_spki_der()).unwrap();
    let terminal = CertificateParams::new(vec![TERMINAL.to_string()])
        .unwrap()
        .signed_by(&public, &issuer)
        .unwrap()
        .pem();
    [authority, server, server_key.serialize_pem(), terminal]
}

#[test]
fn off_this_machine_it_is_mutual_tls_also_through_mosquitto() {
    let [authority, server, server_key, terminal_pem] = certificates(&keys().signing);
    let port = broker::free_port();
    let broker = Broker::start_with(
        &format!(
            "listener {port} 127.0.0.1\ncafile DIR/ca.pem\ncertfile DIR/server.pem\nkeyfile DIR/server.key\nrequire_certificate true\ntls_version tlsv1.3"
        ),
        &[
            ("ca.pem", &authority),
            ("server.pem", &server),
            ("server.key", &server_key),
        ],
    );
    let cloud = Cloud::start(broker.port, keys().signing.public());
    let data = TempDir::new().unwrap();
    let address = Address::parse(&format!("mqtts://localhost:{port}")).unwrap();
    assert!(address.tls);
    let identity = identity(&terminal_pem, &authority);
    let mut terminal = Terminal::start_as(data.path(), address, identity);
    let outbox = terminal.current();
    let last = terminal.write(2);
    cloud.wait("the events", |known| {
        (known.through(outbox) == last).then_some(())
    });
    terminal.wait_until_acknowledged();
    terminal.end();
    // No library was given a process-wide default of its own.
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

#[test]
fn certificates_that_are_none_are_refused_in_words() {
    let address = Address::parse("mqtts://localhost:1").unwrap();
    let [authority, _, _, terminal] = certificates(&keys().signing);
    for (certificates, authority, expected) in [
        (
            terminal.as_str(),
            "",
            "the authority that the claim gave has no certificate",
        ),
        (
            "",
            authority.as_str(),
            "the certificate that the claim gave has no certificate",
        ),
    ] {
        let refused = Lines::new(identity(certificates, authority), address.clone());
        let said = refused.err().unwrap().to_string();
        assert!(said.contains(expected), "{said}");
    }
}
