//! Every shipped message, as it stands on the wire. A difference here is a new version of the protocol, or a
//! mistake: what was once stored or installed has to be read for years.

use insta::assert_snapshot;
use jiff::civil::time;
use limen_wire::event::{
    Amend, Camera, Change as Amended, Clock, Direction, Door, OutboxHead, Rejection, Stop, Tamper,
    What,
};
use limen_wire::jws::{Chain, sign, verify};
use limen_wire::roster::Change;
use limen_wire::{
    Ack, Blob, Command, CommandResult, Enrolled, Event, Face, Hash, Health, Held, Hello, Made,
    Message, Name, Opening, Order, Pad, Person, RosterApplied, RosterPage, Screen, Sealable,
    Sealed, Settings, State, Status, open, seal,
};
use serde::Serialize;
use uuid::Uuid;

use crate::given::{
    ANNA, BEN, Counter, EPOCH, OUTBOX, at, event, expected, hash, header, punch, sign_event,
    signed, site_key, site_sealing, terminal_key, terminal_sealing,
};
use limen_wire::event::Method;
use limen_wire::topic::Kind;

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// The claims, then the compact JWS that carries them.
fn shown<M: Message + PartialEq + std::fmt::Debug>(message: &M) -> String {
    let compact = signed(message);
    let key = match M::KIND {
        Kind::Up(_) => terminal_key().public(),
        Kind::Down(_) => site_key().public(),
    };
    let read: M = verify(&compact, &key, &expected(M::KIND))
        .unwrap()
        .claims()
        .unwrap();
    assert_eq!(read, *message);
    format!("{}\n\n{compact}", json(message))
}

/// The claims before they are sealed, then the compact JWS that carries them sealed.
fn shown_sealed<M: Sealable + PartialEq + std::fmt::Debug>(message: &M) -> String {
    let header = header(M::KIND);
    let (key, to) = match M::KIND {
        Kind::Up(_) => (terminal_key(), site_sealing()),
        Kind::Down(_) => (site_key(), terminal_sealing()),
    };
    let sealed = seal(message, &to.public(), &header, &mut Counter(0)).unwrap();
    let compact = sign(&key, &header, &sealed).unwrap();
    let verified = verify(&compact, &key.public(), &expected(M::KIND)).unwrap();
    let read = open(
        &verified.claims::<Sealed<M>>().unwrap(),
        &to,
        &verified.header,
    )
    .unwrap();
    assert_eq!(read, *message);
    format!("{}\n\n{compact}", json(message))
}

#[test]
fn events() {
    let after = OutboxHead {
        outbox: Uuid::from_u128(9),
        seq: 41,
        hash: hash(41),
    };
    let whats = [
        (
            "start",
            What::Start {
                firmware: "0.1.0".to_owned(),
                after: None,
            },
        ),
        (
            "start_after",
            What::Start {
                firmware: "0.1.0".to_owned(),
                after: Some(after),
            },
        ),
        ("punch", punch(ANNA, Direction::Auto)),
        (
            "amend",
            What::Amend(Amend {
                of: 1,
                change: Amended::Direction(Direction::Out),
            }),
        ),
        (
            "amend_not_me",
            What::Amend(Amend {
                of: 1,
                change: Amended::NotMe,
            }),
        ),
        (
            "rejected",
            What::Rejected {
                why: Rejection::Unknown,
            },
        ),
        (
            "void",
            What::Void {
                stands_for: hash(7),
            },
        ),
        ("door", What::Door { what: Door::Forced }),
        (
            "tamper",
            What::Tamper {
                what: Tamper::Opened,
            },
        ),
        (
            "clock",
            What::Clock {
                from: at("1970-01-01T00:00:41Z"),
                to: at("2026-11-24T08:00:00Z"),
            },
        ),
        (
            "camera",
            What::Camera {
                state: Camera::Missing,
            },
        ),
        ("stop", What::Stop { why: Stop::Asked }),
    ];
    for (name, what) in whats {
        let event = event(what);
        let (seq, prev) = if name == "start" {
            (1, Hash::ZERO)
        } else {
            (2, hash(1))
        };
        let compact = sign_event(
            Chain {
                outbox: OUTBOX,
                seq,
                prev,
            },
            &event,
        );
        let verified = verify(&compact, &terminal_key().public(), &expected(Event::KIND)).unwrap();
        assert_eq!(verified.claims::<Event>().unwrap(), event);
        assert_snapshot!(
            format!("event_{name}"),
            format!("{}\n\n{compact}", json(&event))
        );
    }
}

fn status() -> Status {
    Status {
        n: 12,
        online: true,
        at: at("2026-11-24T08:01:00Z"),
        clock: Clock::Holdover,
        outbox: OUTBOX,
        next: 8,
        health: Health {
            firmware: "0.1.0".to_owned(),
            boot: Uuid::from_u128(0xb007),
            uptime_ms: 121_234,
            camera: Some(Camera::Ok),
            people: 2,
            model: "dlib-resnet34-v1".to_owned(),
            waiting: 1,
            free_mib: Some(20_480),
            temperature_c: Some(-3),
            faults: vec!["the clock was never set by a time server".to_owned()],
        },
    }
}

#[test]
fn what_a_terminal_says() {
    let held = Held {
        epoch: EPOCH,
        version: 3,
    };
    assert_snapshot!(
        "hello",
        shown(&Hello {
            outbox: OUTBOX,
            oldest: 2,
            next: 8,
            head: hash(7),
            roster: Some(held),
            settings: None,
            firmware: "0.1.0".to_owned(),
        })
    );
    assert_snapshot!("status", shown(&status()));
    assert_snapshot!("status_will", shown(&status().will()));
    let applied = RosterApplied {
        epoch: EPOCH,
        version: 3,
        digest: hash(3),
    };
    assert_snapshot!("roster_applied", shown(&applied));
    let result = CommandResult {
        id: Uuid::from_u128(10),
        ok: false,
        detail: "there is no door".to_owned(),
    };
    assert_snapshot!("command_result", shown(&result));
    assert_snapshot!(
        "enrolled",
        shown_sealed(&Enrolled {
            command: Uuid::from_u128(10),
            person: ANNA,
            model: "dlib-resnet34-v1".to_owned(),
            templates: vec![Made {
                template: Blob(vec![7; 24]),
                photos: 3,
                quality: 88
            }],
        })
    );
}

#[test]
fn what_a_terminal_is_told() {
    assert_snapshot!(
        "ack",
        shown(&Ack {
            outbox: OUTBOX,
            through: 7,
            epoch: EPOCH
        })
    );
    let order = Order::BeginOutbox {
        outbox: OUTBOX,
        after: 7,
    };
    let command = Command::new(Uuid::from_u128(10), &order, at("2026-11-24T08:05:00Z"));
    assert_eq!(command.order().unwrap(), order);
    assert_snapshot!("command_begin_outbox", shown(&command));
    for (name, order) in [
        (
            "command_enrol",
            Order::Enrol {
                person: ANNA,
                photos: 3,
            },
        ),
        ("command_open_door", Order::OpenDoor { seconds: 5 }),
        ("command_restart", Order::Restart {}),
    ] {
        let command = Command::new(Uuid::from_u128(10), &order, at("2026-11-24T08:05:00Z"));
        assert_eq!(command.order().unwrap(), order);
        assert_snapshot!(name, shown(&command));
    }
    assert_snapshot!("roster", shown_sealed(&page()));
    assert_snapshot!("settings", shown_sealed(&settings()));
    assert_snapshot!(
        "state",
        shown_sealed(&State {
            person: ANNA,
            is_in: true,
            since: Some(at("2026-11-24T08:00:00Z")),
            minutes_today: 1,
            as_of: at("2026-11-24T08:01:00Z"),
        })
    );
}

fn page() -> RosterPage {
    RosterPage {
        epoch: EPOCH,
        from: 2,
        to: 3,
        page: 1,
        of: 1,
        full: false,
        changes: vec![
            Change::Put(Box::new(Person {
                id: ANNA,
                name: "Anna Ängström".to_owned(),
                language: "sv".to_owned(),
                templates: vec![Blob(vec![1, 2, 3, 4])],
                model: "dlib-resnet34-v1".to_owned(),
                number: Some("104".to_owned()),
                pin_verifier: Some(
                    "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy".to_owned(),
                ),
                badges: vec!["04:a2:24:12".to_owned()],
                second_factor_with: vec![Method::Face],
            })),
            Change::Forget(BEN),
        ],
    }
}

fn settings() -> Settings {
    Settings {
        epoch: EPOCH,
        version: 3,
        zone: "Europe/Stockholm".to_owned(),
        face: Face::On,
        fpir: 1e-3,
        pad: Pad::Passive,
        re_punch_s: 60,
        open: vec![Opening {
            weekday: 1,
            from: time(6, 0, 0, 0),
            to: time(22, 30, 0, 0),
        }],
        languages: vec!["sv".to_owned(), "en".to_owned()],
        screen: Screen {
            name: Name::First,
            hours: true,
        },
    }
}

#[test]
fn an_amendment_says_one_thing() {
    for claims in [
        r#"{"of":1}"#,
        r#"{"of":1,"not_me":false}"#,
        r#"{"of":1,"direction":"out","not_me":true}"#,
        r#"{"of":1,"direction":"auto","not_me":"yes"}"#,
    ] {
        assert!(serde_json::from_str::<Amend>(claims).is_err(), "{claims}");
    }
}

#[test]
fn a_command_from_later_can_be_answered() {
    let command: Command = serde_json::from_str(
        r#"{"id":"00000000-0000-0000-0000-00000000000a","name":"make_coffee","args":{"cups":2},"expires":"2026-11-24T08:05:00Z"}"#,
    )
    .unwrap();
    command.check().unwrap();
    let unknown = command.order().unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "the command \"make_coffee\" with these arguments is not known here"
    );
}

#[test]
fn what_is_out_of_bounds_is_neither_signed_nor_believed() {
    let mut status = status();
    status.health.faults = vec![String::new(); 17];
    let refused = sign(&terminal_key(), &header(Status::KIND), &status).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "in a limen-status+jws, faults has 17 entries; at most 16 are allowed"
    );
    status.health.faults = vec!["two\nlines".to_owned()];
    let refused = sign(&terminal_key(), &header(Status::KIND), &status).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "in a limen-status+jws, faults has a control character in it"
    );
    for fpir in [0.0, -1.0, 0.11, f64::NAN] {
        let refused = Settings { fpir, ..settings() }.check().unwrap_err();
        assert_eq!(refused.to_string(), "fpir is not above 0 and at most 0.1");
    }
}
