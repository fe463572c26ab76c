use limen_face::policy::{Rule, Scale, standing};
use limen_face::{Calibration, Decision, Embedding, Probe, Template};
use limen_wire::Blob;
use tempfile::TempDir;

use super::*;

const SITE: Uuid = Uuid::from_u128(0x51);
const EPOCH: Uuid = Uuid::from_u128(0xe1);
const ADA: u128 = 0xada;
const BOB: u128 = 0xb0b;

fn vault() -> Vault {
    Vault::new(&[7; 32])
}

fn open(data: &TempDir) -> Roster {
    database::migrate(data.path()).unwrap();
    Roster::open(data.path(), SITE, vault()).unwrap()
}

fn person(id: u128, face: &[u8]) -> Person {
    Person {
        id: Uuid::from_u128(id),
        name: format!("Person {id:x}"),
        language: "de".into(),
        templates: vec![Blob(face.to_vec())],
        model: "m".into(),
        number: Some(format!("{id}")),
        pin_verifier: Some("$pin$".into()),
        badges: vec!["04:A2".into()],
        second_factor_with: Vec::new(),
    }
}

fn put(id: u128, face: &[u8]) -> Change {
    Change::Put(Box::new(person(id, face)))
}

fn page(from: u64, to: u64, full: bool, changes: Vec<Change>) -> RosterPage {
    RosterPage {
        epoch: EPOCH,
        from,
        to,
        page: 1,
        of: 1,
        full,
        changes,
    }
}

fn faces(roster: &Roster) -> Vec<(u128, Vec<u8>)> {
    let templates = roster.templates("m").unwrap();
    templates
        .into_iter()
        .map(|(person, template)| (person.as_u128(), template.to_vec()))
        .collect()
}

fn holds(data: &TempDir, needle: &[u8]) -> bool {
    std::fs::read_dir(data.path())
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.unwrap().path()).ok())
        .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
}

#[test]
fn a_roster_is_applied_proved_and_still_there_after_a_restart() {
    let data = TempDir::new().unwrap();
    let roster = open(&data);
    assert_eq!(roster.held(), None);
    assert_eq!(roster.proof().unwrap(), None);
    let all = vec![put(ADA, b"face of ada"), put(BOB, b"face of bob")];
    let Taken::Applied(proof) = roster.take(page(0, 4, true, all)).unwrap() else {
        panic!("one page is the whole update");
    };
    let expected = [(ADA, &b"face of ada"[..]), (BOB, b"face of bob")]
        .map(|(id, face)| (Uuid::from_u128(id), person(id, face).template_hash()));
    assert_eq!(proof.digest, digest(expected));
    assert_eq!((proof.epoch, proof.version), (EPOCH, 4));
    drop(roster);
    let again = open(&data);
    assert_eq!(again.held().unwrap().version, 4);
    assert_eq!(again.proof().unwrap(), Some(proof));
    assert_eq!(
        faces(&again),
        [
            (ADA, b"face of ada".to_vec()),
            (BOB, b"face of bob".to_vec())
        ]
    );
    let card = again.card(Uuid::from_u128(ADA)).unwrap().unwrap();
    assert_eq!(card.name, "Person ada");
    assert_eq!(card.badges, ["04:A2"]);
    assert!(again.templates("another model").unwrap().is_empty());
}

#[test]
fn nothing_is_applied_before_all_pages_are_there() {
    let data = TempDir::new().unwrap();
    let roster = open(&data);
    let (mut one, mut two) = (
        page(0, 1, true, vec![put(ADA, b"a")]),
        page(0, 1, true, vec![put(BOB, b"b")]),
    );
    one.of = 2;
    (two.page, two.of) = (2, 2);
    assert_eq!(roster.take(two.clone()).unwrap(), Taken::Nothing);
    assert_eq!(roster.people().unwrap(), 0);
    roster.restart();
    assert_eq!(roster.take(one).unwrap(), Taken::Nothing, "of this session");
    assert!(matches!(roster.take(two).unwrap(), Taken::Applied(_)));
    assert_eq!(roster.people().unwrap(), 2);
}

#[test]
fn a_page_that_does_not_fit_changes_nothing() {
    let data = TempDir::new().unwrap();
    let roster = open(&data);
    roster.take(page(0, 4, true, vec![put(ADA, b"a")])).unwrap();
    let gap = roster.take(page(
        5,
        6,
        false,
        vec![Change::Forget(Uuid::from_u128(ADA))],
    ));
    assert!(matches!(gap, Err(RosterError::Refused(_))));
    let older = roster.take(page(0, 3, true, Vec::new()));
    assert!(matches!(older, Err(RosterError::Refused(_))));
    assert_eq!(faces(&roster), [(ADA, b"a".to_vec())]);
    assert_eq!(roster.held().unwrap().version, 4);
}

#[test]
fn who_is_forgotten_is_in_no_file_any_more() {
    let data = TempDir::new().unwrap();
    let roster = open(&data);
    roster
        .take(page(0, 1, true, vec![put(ADA, b"a"), put(BOB, b"b")]))
        .unwrap();
    let ada = Uuid::from_u128(ADA);
    let sealed: Vec<u8> = roster
        .connection()
        .query_row(
            "SELECT sealed FROM templates WHERE person = ?1",
            [database::id(ada)],
            |row| row.get(0),
        )
        .unwrap();
    roster.proof().unwrap();
    assert!(holds(&data, &sealed) && holds(&data, ada.as_bytes()));
    let forget = page(1, 2, false, vec![Change::Forget(ada)]);
    let Taken::Applied(proof) = roster.take(forget).unwrap() else {
        panic!("one page is the whole update");
    };
    let bob = (Uuid::from_u128(BOB), person(BOB, b"b").template_hash());
    assert_eq!(proof.digest, digest([bob]));
    assert!(!holds(&data, &sealed), "the sealed template");
    assert!(!holds(&data, ada.as_bytes()), "the id");
    assert_eq!(roster.card(ada).unwrap(), None);
}

#[test]
fn a_template_is_nowhere_in_the_clear() {
    let data = TempDir::new().unwrap();
    let roster = open(&data);
    let face = b"a very particular face indeed";
    roster.take(page(0, 1, true, vec![put(ADA, face)])).unwrap();
    assert!(!holds(&data, face));
    assert!(!holds(&data, b"Person ada"));
    assert!(!holds(&data, b"$pin$"));
}

#[test]
fn a_row_that_was_swapped_or_damaged_does_not_open_and_the_rest_is_served() {
    let data = TempDir::new().unwrap();
    let roster = open(&data);
    let carol = 0xca01;
    roster
        .take(page(
            0,
            1,
            true,
            vec![put(ADA, b"a"), put(BOB, b"b"), put(carol, b"c")],
        ))
        .unwrap();
    let connection = Connection::open(data.path().join(database::FILE)).unwrap();
    let swap = "UPDATE templates SET sealed = (SELECT sealed FROM templates WHERE person = ?1)
                WHERE person = ?2";
    connection
        .execute(
            swap,
            params![
                database::id(Uuid::from_u128(ADA)),
                database::id(Uuid::from_u128(BOB))
            ],
        )
        .unwrap();
    assert_eq!(
        faces(&roster),
        [(ADA, b"a".to_vec()), (carol, b"c".to_vec())]
    );
    connection
        .execute(
            "UPDATE templates SET version = 9 WHERE person = ?1",
            [database::id(Uuid::from_u128(ADA))],
        )
        .unwrap();
    assert_eq!(faces(&roster), [(carol, b"c".to_vec())]);
    let elsewhere = Roster::open(data.path(), Uuid::from_u128(0x52), vault()).unwrap();
    assert_eq!(faces(&elsewhere), [], "another site");
    let other_key = Roster::open(data.path(), SITE, Vault::new(&[8; 32])).unwrap();
    assert_eq!(faces(&other_key), [], "another machine's key");
}

#[test]
fn older_settings_of_the_same_epoch_are_passed_over() {
    let data = TempDir::new().unwrap();
    let roster = open(&data);
    let settings = |epoch: u128, version, fpir| Settings {
        epoch: Uuid::from_u128(epoch),
        version,
        zone: "UTC".into(),
        face: limen_wire::Face::On,
        fpir,
        pad: limen_wire::Pad::Passive,
        re_punch_s: 60,
        open: Vec::new(),
        languages: vec!["en".into()],
        screen: limen_wire::Screen {
            name: limen_wire::Name::First,
            hours: true,
        },
    };
    assert_eq!(roster.settings().unwrap(), None);
    assert!(roster.set_settings(&settings(1, 5, 0.001)).unwrap());
    assert!(!roster.set_settings(&settings(1, 4, 0.01)).unwrap());
    assert_eq!(roster.settings().unwrap(), Some(settings(1, 5, 0.001)));
    assert!(roster.set_settings(&settings(2, 1, 0.01)).unwrap());
    let held = roster.settings_held().unwrap().unwrap();
    assert_eq!((held.epoch, held.version), (Uuid::from_u128(2), 1));
}

#[test]
fn a_state_that_comes_late_does_not_replace_a_newer_one() {
    let data = TempDir::new().unwrap();
    let roster = open(&data);
    let state = |minutes_today, as_of: &str| State {
        person: Uuid::from_u128(ADA),
        is_in: true,
        since: None,
        minutes_today,
        as_of: as_of.parse().unwrap(),
    };
    roster.set_state(state(10, "2026-11-24T08:00:00Z"));
    roster.set_state(state(5, "2026-11-24T07:00:00Z"));
    let known = roster.state(Uuid::from_u128(ADA)).unwrap();
    assert_eq!(known.minutes_today, 10);
}

/// A face that resembles nobody else's, turned by so much towards where nobody's is.
fn face(axis: u128, lean: f32) -> Embedding {
    let mut values = [0.0; 128];
    values[0] = lean;
    values[axis as usize] += 1.0;
    Embedding(values)
}

fn enrolled(people: std::ops::Range<u128>) -> Vec<Change> {
    let template = |axis| Template::from_photos(&vec![face(axis, 0.0); 3]).unwrap();
    people.map(|id| put(id, &template(id).to_bytes())).collect()
}

#[test]
fn the_tolerance_follows_the_roster() {
    const FPIR: f64 = 1e-3;
    let data = TempDir::new().unwrap();
    let roster = open(&data);
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");
    let calibration = Calibration::load(models.as_ref()).unwrap();
    // What a door goes by now, and whether it knows the first one on a day on which they look a little otherwise.
    let door = || {
        let gallery = build(&roster, "m", calibration.clone()).unwrap();
        let [rule] = standing(&gallery, 3, FPIR).rules[..] else {
            panic!("all of them have three photos");
        };
        let probe = Probe::from_frames(&vec![face(1, 0.236); 3]).unwrap();
        let decision = gallery.identify(&probe, FPIR);
        (rule, matches!(decision, Decision::Match { .. }))
    };
    let on = |scale, people: usize| Rule {
        photos: 3,
        frames: 3,
        scale,
        most: calibration
            .tolerance(3, 3, FPIR / people as f64, people)
            .into(),
        fmr: FPIR / people as f64,
    };

    let steps = [
        (page(0, 1, true, enrolled(1..3)), 2, Scale::Distance, true),
        (
            page(1, 2, false, enrolled(3..20)),
            19,
            Scale::Distance,
            false,
        ),
        (page(2, 3, false, enrolled(20..21)), 20, Scale::Crowd, true),
        (
            page(3, 4, false, vec![Change::Forget(Uuid::from_u128(20))]),
            19,
            Scale::Distance,
            false,
        ),
    ];
    for (page, people, scale, is_known) in steps {
        assert!(matches!(roster.take(page).unwrap(), Taken::Applied(_)));
        assert_eq!(door(), (on(scale, people), is_known), "{people} people");
    }
}
