//! What names or shows a person is read by its receiver and nobody else, in its place and nowhere else.

use limen_wire::jws::{Header, sign};
use limen_wire::topic::{Down, Up};
use limen_wire::{
    Enrolled, KeyError, Message, Person, RosterPage, SealError, Sealable, Sealed, SealingPublic,
    SealingSecret, State, Topic, open, seal,
};
use proptest::prelude::*;
use rstest::rstest;

use crate::given::{
    ANNA, Counter, OTHER, SESSION, SITE, TERMINAL, at, header, site_key, site_sealing,
    terminal_sealing,
};

fn state() -> State {
    State {
        person: ANNA,
        is_in: true,
        since: None,
        minutes_today: 90,
        as_of: at("2026-11-24T08:01:00Z"),
    }
}

fn sealed() -> Sealed<State> {
    seal(
        &state(),
        &terminal_sealing().public(),
        &header(State::KIND),
        &mut Counter(0),
    )
    .unwrap()
}

#[test]
fn its_receiver_reads_it() {
    let opened = open(&sealed(), &terminal_sealing(), &header(State::KIND)).unwrap();
    assert_eq!(opened, state());
}

#[rstest]
#[case::another_terminal(Header { aud: OTHER, ..header(State::KIND) }, terminal_sealing())]
#[case::another_session(Header { session: OTHER, ..header(State::KIND) }, terminal_sealing())]
#[case::another_key(header(State::KIND), site_sealing())]
fn nobody_else_does(#[case] header: Header, #[case] secret: SealingSecret) {
    let refused = open(&sealed(), &secret, &header).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the limen-state+jws does not open: sealed for another key, terminal or session, or damaged"
    );
}

#[test]
fn one_kind_does_not_open_as_another() {
    // The same bytes under the topic of another kind.
    let bytes = serde_json::to_string(&sealed()).unwrap();
    let page: Sealed<RosterPage> = serde_json::from_str(&bytes).unwrap();
    let refused = open(&page, &terminal_sealing(), &header(RosterPage::KIND)).unwrap_err();
    assert!(
        matches!(refused, SealError::DoesNotOpen("limen-roster+jws")),
        "{refused}"
    );
    let refused = open(&page, &terminal_sealing(), &header(State::KIND)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a limen-state+jws can't carry a sealed limen-roster+jws"
    );
}

#[test]
fn two_sealings_differ() {
    let header = header(State::KIND);
    let one = seal(
        &state(),
        &terminal_sealing().public(),
        &header,
        &mut Counter(0),
    )
    .unwrap();
    let two = seal(
        &state(),
        &terminal_sealing().public(),
        &header,
        &mut Counter(1),
    )
    .unwrap();
    assert_ne!(
        serde_json::to_value(&one).unwrap()["enc"],
        serde_json::to_value(&two).unwrap()["enc"]
    );
}

#[test]
fn a_page_of_a_roster_fits_into_a_message() {
    let people = (0..400u128).map(|i| {
        limen_wire::roster::Change::Put(Box::new(Person {
            id: uuid::Uuid::from_u128(i),
            name: "N".repeat(60),
            language: "en".to_owned(),
            templates: vec![limen_wire::Blob(vec![7; 2_600])],
            model: "dlib-resnet34-v1".to_owned(),
            number: None,
            pin_verifier: None,
            badges: Vec::new(),
            second_factor_with: Vec::new(),
        }))
    });
    let pages = limen_wire::roster::pages(OTHER, None, 1, people.collect()).unwrap();
    assert_eq!(pages.len(), 6);
    let header = header(RosterPage::KIND);
    for page in &pages {
        let sealed = seal(page, &terminal_sealing().public(), &header, &mut Counter(0)).unwrap();
        let compact = sign(&site_key(), &header, &sealed).unwrap();
        assert!(compact.len() <= RosterPage::KIND.max_bytes());
        assert_eq!(open(&sealed, &terminal_sealing(), &header).unwrap(), *page);
    }
}

#[test]
fn the_terminal_seals_to_the_site() {
    let header = Header::new(
        Topic::up(TERMINAL, Up::Enrolled),
        SITE,
        SESSION,
        site_key().kid(),
    );
    let made = Enrolled {
        command: OTHER,
        person: ANNA,
        model: String::new(),
        templates: Vec::new(),
    };
    let sealed = seal(&made, &site_sealing().public(), &header, &mut Counter(0)).unwrap();
    assert_eq!(open(&sealed, &site_sealing(), &header).unwrap(), made);
    assert!(open(&sealed, &terminal_sealing(), &header).is_err());
    assert_eq!(Sealed::<Enrolled>::KIND, header.kind);
    assert_ne!(header.kind, limen_wire::topic::Kind::Down(Down::State));
}

#[test]
fn a_key_that_agrees_with_everybody_is_none() {
    let mut one = [0; 32];
    one[0] = 1;
    for low in [[0; 32], one] {
        assert_eq!(SealingPublic::from_bytes(low), Err(KeyError::LowOrder));
    }
}

proptest! {
    #[test]
    fn no_mutant_opens(place in any::<prop::sample::Index>(), bit in 0u8..8) {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let whole = serde_json::to_value(sealed()).unwrap();
        for field in ["enc", "ct"] {
            let mut bytes = URL_SAFE_NO_PAD.decode(whole[field].as_str().unwrap()).unwrap();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            let mut mutant = whole.clone();
            mutant[field] = URL_SAFE_NO_PAD.encode(bytes).into();
            let mutant: Sealed<State> = serde_json::from_value(mutant).unwrap();
            // X25519 ignores the highest bit of a public key; HPKE puts the bytes into its key schedule.
            prop_assert!(open(&mutant, &terminal_sealing(), &header(State::KIND)).is_err());
        }
    }
}
