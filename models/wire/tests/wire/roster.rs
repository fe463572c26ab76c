//! A roster is applied whole, in order, or not at all.

use limen_wire::roster::{Assembly, Change, Refused, Step, Update, digest, pages};
use limen_wire::{Blob, Hash, Held, Person, RosterPage, Sealable};
use proptest::prelude::*;
use rstest::rstest;
use uuid::Uuid;

use crate::given::{ANNA, BEN, EPOCH, OTHER};

fn person(id: Uuid, template: &[u8]) -> Person {
    Person {
        id,
        name: "A".to_owned(),
        language: String::new(),
        templates: vec![Blob(template.to_vec())],
        model: "m".to_owned(),
        number: None,
        pin_verifier: None,
        badges: Vec::new(),
        second_factor_with: Vec::new(),
    }
}

fn put(id: Uuid) -> Change {
    Change::Put(Box::new(person(id, &[1])))
}

fn page(from: u64, to: u64, page: u32, of: u32, changes: Vec<Change>) -> RosterPage {
    RosterPage {
        epoch: EPOCH,
        from,
        to,
        page,
        of,
        full: from == 0,
        changes,
    }
}

fn holding(version: u64) -> Assembly {
    Assembly::new(Some(Held {
        epoch: EPOCH,
        version,
    }))
}

#[test]
fn pages_in_any_order_make_one_update() {
    let mut assembly = holding(3);
    let (first, second) = (
        page(3, 4, 1, 2, vec![put(ANNA)]),
        page(3, 4, 2, 2, vec![Change::Forget(BEN)]),
    );
    assert_eq!(
        assembly.add(second.clone()),
        Ok(Step::Waiting { have: 1, of: 2 })
    );
    assert_eq!(assembly.add(second), Ok(Step::Waiting { have: 1, of: 2 }));
    let held = Held {
        epoch: EPOCH,
        version: 4,
    };
    let update = Update {
        held,
        full: false,
        changes: vec![put(ANNA), Change::Forget(BEN)],
    };
    assert_eq!(assembly.add(first.clone()), Ok(Step::Complete(update)));
    assembly.applied(held);
    assert_eq!(assembly.held(), Some(held));
    assert_eq!(assembly.add(first), Ok(Step::Held));
}

#[test]
fn a_terminal_that_holds_nothing_takes_everything() {
    let step = Assembly::new(None)
        .add(page(0, 9, 1, 1, vec![put(ANNA)]))
        .unwrap();
    let held = Held {
        epoch: EPOCH,
        version: 9,
    };
    assert_eq!(
        step,
        Step::Complete(Update {
            held,
            full: true,
            changes: vec![put(ANNA)]
        })
    );
}

#[test]
fn another_epoch_begins_with_everything_even_at_a_lower_version() {
    let mut assembly = Assembly::new(Some(Held {
        epoch: OTHER,
        version: 90,
    }));
    assert_eq!(
        assembly.add(page(90, 91, 1, 1, Vec::new())),
        Err(Refused::Epoch(EPOCH))
    );
    assert!(matches!(
        assembly.add(page(0, 2, 1, 1, Vec::new())),
        Ok(Step::Complete(_))
    ));
}

#[rstest]
#[case::older(
    page(1, 2, 1, 1, Vec::new()),
    "the roster page leads to version 2, but version 3 of this epoch is held"
)]
#[case::older_though_whole(
    page(0, 2, 1, 1, Vec::new()),
    "the roster page leads to version 2, but version 3 of this epoch is held"
)]
#[case::from_before(
    page(2, 4, 1, 1, Vec::new()),
    "the roster page goes on from version 2, but version 3 is held"
)]
#[case::from_later(
    page(4, 5, 1, 1, Vec::new()),
    "the roster page goes on from version 4, but version 3 is held"
)]
fn what_does_not_go_on_from_what_is_held_is_refused(#[case] page: RosterPage, #[case] why: &str) {
    let mut assembly = holding(3);
    assert_eq!(assembly.add(page).unwrap_err().to_string(), why);
    assert!(matches!(
        assembly.add(self::page(3, 4, 1, 1, Vec::new())),
        Ok(Step::Complete(_))
    ));
}

#[test]
fn updates_are_not_mixed() {
    let mut assembly = holding(3);
    assembly.add(page(3, 5, 1, 3, vec![put(ANNA)])).unwrap();
    let other_count = assembly.add(page(3, 5, 2, 2, vec![put(BEN)])).unwrap_err();
    assert_eq!(
        other_count,
        Refused::Mixed {
            to: 5,
            collecting: 5
        }
    );
    assert_eq!(
        assembly.add(page(3, 4, 1, 1, vec![])),
        Err(Refused::Mixed {
            to: 4,
            collecting: 5
        })
    );
    assert_eq!(
        assembly.add(page(3, 5, 1, 3, vec![put(BEN)])),
        Err(Refused::Differs(1))
    );
    // A later one takes its place.
    assert!(matches!(
        assembly.add(page(3, 6, 1, 1, vec![put(BEN)])),
        Ok(Step::Complete(_))
    ));
}

#[test]
fn one_person_is_changed_once() {
    let mut assembly = holding(3);
    assembly.add(page(3, 4, 1, 2, vec![put(ANNA)])).unwrap();
    assert_eq!(
        assembly.add(page(3, 4, 2, 2, vec![Change::Forget(ANNA)])),
        Err(Refused::Twice(ANNA))
    );
}

#[test]
fn a_new_session_begins_anew() {
    let mut assembly = holding(3);
    assembly.add(page(3, 4, 1, 2, vec![put(ANNA)])).unwrap();
    assembly.restart();
    assert_eq!(
        assembly.add(page(3, 4, 2, 2, vec![])),
        Ok(Step::Waiting { have: 1, of: 2 })
    );
}

#[rstest]
#[case::no_page(page(3, 4, 0, 1, vec![]), "page is 0 of 1")]
#[case::past_the_end(page(3, 4, 2, 1, vec![]), "page is 2 of 1")]
#[case::no_pages(page(3, 4, 1, 0, vec![]), "of is 0; 1 to 4096 is allowed")]
#[case::too_many(page(3, 4, 1, 4_097, vec![]), "of is 4097; 1 to 4096 is allowed")]
#[case::backwards(page(4, 4, 1, 1, vec![]), "from is not before `to`")]
#[case::twice(page(3, 4, 1, 1, vec![put(ANNA), put(ANNA)]), "changes has 01900000-0000-7000-8000-000000000006 twice")]
#[case::forgetting_in_full(
    page(0, 4, 1, 1, vec![Change::Forget(ANNA)]),
    "changes forgets 01900000-0000-7000-8000-000000000006, but `full` replaces everything"
)]
#[case::a_number_of_letters(numbered("12a"), "number is not of digits alone")]
#[case::a_long_number(
    numbered("123456789"),
    "number is 9 characters long; at most 8 are allowed"
)]
#[case::a_huge_template(
    page(3, 4, 1, 1, vec![Change::Put(Box::new(person(ANNA, &[0; 65_537])))]),
    "templates has one of more than 65536 bytes"
)]
fn a_page_that_can_not_be_is_refused(#[case] page: RosterPage, #[case] why: &str) {
    assert_eq!(page.check().unwrap_err().to_string(), why);
}

#[test]
fn the_digest_tells_who_is_known_with_what() {
    let [anna, ben] =
        [person(ANNA, &[1]), person(BEN, &[2])].map(|person| (person.id, person.template_hash()));
    let both = digest([anna, ben]);
    assert_eq!(digest([ben, anna]), both);
    assert_ne!(digest([anna]), both);
    assert_ne!(digest([(anna.0, ben.1), (ben.0, anna.1)]), both);
    assert_eq!(digest([]), Hash::of(b""));
    // Fixed, because a terminal of today and a cloud of tomorrow must agree.
    assert_eq!(
        both.to_string(),
        "lO0fLiUu3mUE4AUMevK9pApCtbJmNc5Vy8Shp950E54"
    );
    let mut without = person(ANNA, &[1]);
    without.templates.clear();
    without.model.clear();
    assert_ne!(digest([(ANNA, without.template_hash()), ben]), both);
}

fn numbered(number: &str) -> RosterPage {
    let mut anna = person(ANNA, &[1]);
    anna.number = Some(number.to_owned());
    page(3, 4, 1, 1, vec![Change::Put(Box::new(anna))])
}

#[test]
fn nothing_that_shows_a_person_is_printed() {
    let mut anna = person(ANNA, b"secret");
    anna.name = "Anna Secret".to_owned();
    anna.pin_verifier = Some("$2b$10$secret".to_owned());
    anna.badges = vec!["secret".to_owned()];
    let page = page(3, 4, 1, 1, vec![Change::Put(Box::new(anna))]);
    let printed = format!("{page:?}").to_lowercase();
    assert!(!printed.contains("secret"), "{printed}");
    assert!(printed.contains(&ANNA.to_string()));
}

proptest! {
    #[test]
    fn pages_make_the_update_that_they_were_cut_from(
        sizes in prop::collection::vec(0usize..60_000, 0..60),
        from in prop::option::of(1u64..1000),
        order in any::<u64>(),
    ) {
        let changes: Vec<Change> = sizes
            .iter()
            .zip(1u128..)
            .map(|(size, id)| Change::Put(Box::new(person(Uuid::from_u128(id), &vec![7; *size]))))
            .collect();
        let to = from.unwrap_or(0) + 1;
        let mut pages = pages(EPOCH, from, to, changes.clone()).unwrap();
        let turn = usize::try_from(order).unwrap_or(0) % pages.len();
        pages.rotate_left(turn);
        let mut assembly = Assembly::new(from.map(|version| Held { epoch: EPOCH, version }));
        let mut last = None;
        for page in pages {
            last = Some(assembly.add(page).unwrap());
        }
        let held = Held { epoch: EPOCH, version: to };
        prop_assert_eq!(last, Some(Step::Complete(Update { held, full: from.is_none(), changes })));
    }
}
