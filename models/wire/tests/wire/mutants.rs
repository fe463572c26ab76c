//! Nothing that was changed, moved or made by somebody else is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use limen_wire::chain::{Place, hash as hash_of, links_as};
use limen_wire::event::{Direction, OutboxHead, What};
use limen_wire::jws::{Chain, Expected, Header, JwsError, peek, sign, verify};
use limen_wire::topic::{Down, Kind, Up};
use limen_wire::{Ack, Event, Hash, KeyError, PublicKey, SecretKey, Topic};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::given::{
    ACK, ANNA, EPOCH, EVENT, OTHER, OUTBOX, SESSION, SITE, TERMINAL, event, expected, hash, header,
    log, punch, sign_event, signed, site_key, terminal_key,
};

fn ack() -> Ack {
    Ack {
        outbox: OUTBOX,
        through: 7,
        epoch: EPOCH,
    }
}

#[test]
fn a_recorded_log_holds() {
    let mut head = OutboxHead::start(OUTBOX);
    for compact in log() {
        let verified = verify(&compact, &terminal_key().public(), &expected(EVENT)).unwrap();
        let chain = verified.header.chain.unwrap();
        let event: Event = verified.claims().unwrap();
        let hash = links_as(&compact, Some(&event));
        assert_eq!(head.place(&chain, &hash), Place::Next);
        head = head.after(&chain, hash);
        assert_eq!(head.place(&chain, &hash), Place::Duplicate);
    }
    assert_eq!(head.seq, 5);
}

/// S14: every bit of every byte, and every character that base64 has.
#[test]
fn no_mutant_of_a_recorded_log_is_accepted() {
    let key = terminal_key().public();
    let mut tried = 0;
    for compact in log() {
        let bytes = compact.as_bytes();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut mutant = bytes.to_vec();
                mutant[place] ^= 1 << bit;
                tried += 1;
                let Ok(mutant) = String::from_utf8(mutant) else {
                    continue;
                };
                let verdict = verify(&mutant, &key, &expected(EVENT));
                assert!(verdict.is_err(), "byte {place}, bit {bit} of {compact}");
            }
        }
        for cut in 0..bytes.len() {
            assert!(verify(&compact[..cut], &key, &expected(EVENT)).is_err());
            assert!(verify(&compact[cut + 1..], &key, &expected(EVENT)).is_err());
            tried += 2;
        }
        for more in ["=", "A", ".", "\n", " ", "\0"] {
            assert!(verify(&format!("{compact}{more}"), &key, &expected(EVENT)).is_err());
            assert!(verify(&format!("{more}{compact}"), &key, &expected(EVENT)).is_err());
        }
    }
    assert!(tried > 30_000, "only {tried} mutants");
}

#[test]
fn parts_of_two_messages_are_no_message() {
    let log = log();
    let parts: Vec<Vec<&str>> = log
        .iter()
        .map(|compact| compact.split('.').collect())
        .collect();
    let key = terminal_key().public();
    for a in &parts {
        for b in &parts {
            for c in &parts {
                let mixed = format!("{}.{}.{}", a[0], b[1], c[2]);
                let same = a == b && b == c;
                assert_eq!(verify(&mixed, &key, &expected(EVENT)).is_ok(), same);
            }
        }
    }
}

#[rstest]
#[case::another_terminals_topic(
    Expected { topic: Topic::down(OTHER, Down::Ack), ..expected(ACK) },
    "`aud` is 01900000-0000-7000-8000-000000000001, but 01900000-0000-7000-8000-0000000000ff was expected"
)]
#[case::another_site(
    Expected { site: OTHER, ..expected(ACK) },
    "`iss` is 01900000-0000-7000-8000-000000000002, but 01900000-0000-7000-8000-0000000000ff was expected"
)]
#[case::another_session(
    Expected { session: Some(OTHER), ..expected(ACK) },
    "the message is of session 5e550000-0000-0000-0000-000000000003, but this is session \
     01900000-0000-7000-8000-0000000000ff"
)]
#[case::another_kind(
    Expected { topic: Topic::down(TERMINAL, Down::Command), ..expected(ACK) },
    "a message of the typ limen-ack+jws came where limen-command+jws was expected"
)]
#[case::the_other_way(
    Expected { topic: Topic::up(TERMINAL, Up::Hello), ..expected(ACK) },
    "a message of the typ limen-ack+jws came where limen-hello+jws was expected"
)]
fn what_is_meant_for_elsewhere_is_refused(#[case] expected: Expected, #[case] why: &str) {
    let refused = verify(&signed(&ack()), &site_key().public(), &expected).unwrap_err();
    assert_eq!(refused.to_string(), why);
}

#[test]
fn a_terminal_is_not_a_site() {
    // An ack that the terminal itself signed, with a header that says so or doesn't.
    let key = terminal_key();
    let own = Header {
        kid: key.kid(),
        ..header(ACK)
    };
    let compact = sign(&key, &own, &ack()).unwrap();
    let refused = verify(&compact, &site_key().public(), &expected(ACK)).unwrap_err();
    assert!(matches!(refused, JwsError::Key { .. }), "{refused}");
    assert!(matches!(
        sign(&key, &header(ACK), &ack()),
        Err(JwsError::Key { .. })
    ));
}

/// A compact JWS with any header at all, truly signed by the site.
fn forged(header: &Value, claims: &[u8]) -> String {
    // ed25519 by the other library, since ours signs nothing of the kind.
    let der = site_key().to_pkcs8_der();
    let key = jsonwebtoken::EncodingKey::from_ed_der(&der);
    let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(header).unwrap());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature =
        jsonwebtoken::crypto::sign(signed.as_bytes(), &key, jsonwebtoken::Algorithm::EdDSA)
            .unwrap();
    format!("{signed}.{signature}")
}

fn protected() -> Value {
    json!({
        "alg": "EdDSA", "typ": "limen-ack+jws", "iss": SITE, "aud": TERMINAL,
        "kid": site_key().kid(), "session": SESSION,
    })
}

#[rstest]
#[case::none("alg", json!("none"), "the protected header does not say \"EdDSA\"; no other algorithm is known")]
#[case::hmac("alg", json!("HS256"), "the protected header does not say \"EdDSA\"; no other algorithm is known")]
#[case::spelling("alg", json!("eddsa"), "the protected header does not say \"EdDSA\"; no other algorithm is known")]
#[case::a_key("jwk", json!({"kty": "OKP"}), "the protected header can't be read")]
#[case::critical("crit", json!(["b64"]), "the protected header can't be read")]
#[case::unencoded("b64", json!(false), "the protected header can't be read")]
#[case::no_kind("typ", json!("JWT"), "there is no message of the typ \"JWT\"")]
#[case::number("seq", json!(3), "`outbox`, `seq` and `prev` come together or not at all")]
#[case::kid("kid", json!("AAAA"), "the protected header can't be read")]
fn a_header_that_is_not_ours_is_refused(
    #[case] field: &str,
    #[case] value: Value,
    #[case] why: &str,
) {
    let claims = serde_json::to_vec(&ack()).unwrap();
    let compact = forged(&protected(), &claims);
    let key = site_key().public();
    assert!(
        verify(&compact, &key, &expected(ACK)).is_ok(),
        "the forgery itself is well made"
    );
    let mut header = protected();
    header[field] = value;
    let refused = verify(&forged(&header, &claims), &key, &expected(ACK)).unwrap_err();
    assert_eq!(refused.to_string(), why);
}

#[rstest]
#[case::no_json(b"{", "the claims of a limen-ack+jws can't be read or written")]
#[case::nothing(b"", "the claims of a limen-ack+jws can't be read or written")]
#[case::a_field_is_missing(
    br#"{"through":1}"#,
    "the claims of a limen-ack+jws can't be read or written"
)]
#[case::deep(&[b'['; 4000], "the claims of a limen-ack+jws can't be read or written")]
#[case::too_large(
    br#"{"outbox":"01900000-0000-7000-8000-000000000004","epoch":"01900000-0000-7000-8000-000000000005","through":9007199254740992}"#,
    "in a limen-ack+jws, through is 9007199254740992; 0 to 2^53 - 1 is allowed"
)]
#[case::twice(
    br#"{"outbox":"01900000-0000-7000-8000-000000000004","epoch":"01900000-0000-7000-8000-000000000005","through":1,"through":2}"#,
    "the claims of a limen-ack+jws can't be read or written"
)]
fn claims_that_say_nonsense_are_refused(#[case] claims: &[u8], #[case] why: &str) {
    let compact = forged(&protected(), claims);
    let verified = verify(&compact, &site_key().public(), &expected(ACK)).unwrap();
    assert_eq!(verified.claims::<Ack>().unwrap_err().to_string(), why);
}

#[test]
fn a_field_from_later_is_passed_over() {
    let mut claims = serde_json::to_value(ack()).unwrap();
    claims["later"] = json!({"more": 1});
    let compact = forged(&protected(), claims.to_string().as_bytes());
    let verified = verify(&compact, &site_key().public(), &expected(ACK)).unwrap();
    assert_eq!(verified.claims::<Ack>().unwrap(), ack());
}

#[test]
fn a_long_message_is_refused_unread() {
    let compact = "x".repeat(8 * 1024 + 1);
    let refused = verify(&compact, &site_key().public(), &expected(ACK)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a limen-ack+jws of 8193 bytes is too long; at most 8192 are allowed"
    );
    assert!(matches!(
        peek(&"x.".repeat(512 * 1024)),
        Err(JwsError::Long { .. })
    ));
}

#[rstest]
#[case::zero(0, hash(1))]
#[case::beyond(1 << 53, hash(1))]
#[case::a_first_with_something_before(1, hash(1))]
#[case::a_second_with_nothing_before(2, Hash::ZERO)]
fn an_event_stands_where_one_can(#[case] seq: u64, #[case] prev: Hash) {
    let header = header(EVENT).at(Chain {
        outbox: OUTBOX,
        seq,
        prev,
    });
    let refused = sign(&terminal_key(), &header, &event(punch(ANNA, Direction::In))).unwrap_err();
    assert!(matches!(refused, JwsError::Chain(_)), "{refused}");
}

#[test]
fn only_events_have_a_place_and_each_has_one() {
    let place = Chain {
        outbox: OUTBOX,
        seq: 1,
        prev: Hash::ZERO,
    };
    assert!(matches!(
        sign(&site_key(), &header(ACK).at(place), &ack()),
        Err(JwsError::Chain(_))
    ));
    let event = event(punch(ANNA, Direction::In));
    assert!(matches!(
        sign(&terminal_key(), &header(EVENT), &event),
        Err(JwsError::Chain(_))
    ));
}

#[test]
fn the_chain_shows_gaps_and_forks() {
    let place = |seq, prev| Chain {
        outbox: OUTBOX,
        seq,
        prev,
    };
    let head = OutboxHead {
        outbox: OUTBOX,
        seq: 7,
        hash: hash(7),
    };
    let own = hash(9);
    assert_eq!(head.next(), place(8, hash(7)));
    assert_eq!(head.place(&place(8, hash(7)), &own), Place::Next);
    assert_eq!(head.place(&place(8, hash(6)), &own), Place::Fork { at: 7 });
    assert_eq!(head.place(&place(7, hash(6)), &hash(7)), Place::Duplicate);
    assert_eq!(head.place(&place(7, hash(6)), &own), Place::Fork { at: 7 });
    assert_eq!(head.place(&place(3, hash(2)), &own), Place::Earlier);
    assert_eq!(
        head.place(&place(12, hash(11)), &own),
        Place::Gap { from: 8, to: 11 }
    );
    let other = Chain {
        outbox: OTHER,
        ..place(8, hash(7))
    };
    assert_eq!(head.place(&other, &own), Place::OtherOutbox);
}

#[test]
fn a_void_keeps_the_chain_whole() {
    let log = log();
    // The third row was found damaged; the fourth still says what its hash was.
    let damaged = peek(&log[2]).unwrap().chain.unwrap();
    let stands_for = peek(&log[3]).unwrap().chain.unwrap().prev;
    assert_eq!(stands_for, hash_of(&log[2]));
    let void = event(What::Void { stands_for });
    let compact = sign_event(damaged, &void);
    let linked = links_as(&compact, Some(&void));
    let head = OutboxHead {
        outbox: OUTBOX,
        seq: 2,
        hash: hash_of(&log[1]),
    };
    assert_eq!(head.place(&damaged, &linked), Place::Next);
    let head = head.after(&damaged, linked);
    let fourth = peek(&log[3]).unwrap().chain.unwrap();
    assert_eq!(head.place(&fourth, &hash_of(&log[3])), Place::Next);
    // Where the cloud had the row itself before it was damaged, the void is no fork.
    assert_eq!(head.place(&damaged, &hash_of(&log[2])), Place::Duplicate);
}

#[test]
fn a_key_under_which_anything_holds_is_none() {
    // Points of small order: the neutral element, and 0.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    for weak in [neutral, [0; 32]] {
        assert_eq!(PublicKey::from_bytes(weak), Err(KeyError::Weak));
    }
    assert!("not a key".parse::<PublicKey>().is_err());
}

proptest! {
    #[test]
    fn whatever_was_signed_is_read(
        seq in 2u64..1 << 53,
        prev in any::<[u8; 32]>().prop_filter("not the first", |prev| *prev != [0; 32]),
        (terminal, site, session) in any::<(u128, u128, u128)>(),
        seed in any::<[u8; 32]>(),
        uptime_ms in 0u64..1 << 53,
        model in "[ -~]{0,64}",
    ) {
        let key = SecretKey::from_seed(seed);
        let topic = Topic::up(Uuid::from_u128(terminal), Up::Event);
        let (site, session) = (Uuid::from_u128(site), Uuid::from_u128(session));
        let chain = Chain { outbox: OUTBOX, seq, prev: Hash(prev) };
        let header = Header::new(topic, site, session, key.kid()).at(chain);
        let mut event = event(punch(ANNA, Direction::In));
        event.uptime_ms = uptime_ms;
        if let What::Punch(punch) = &mut event.what {
            punch.model = model;
        }
        let compact = sign(&key, &header, &event).unwrap();
        prop_assert_eq!(peek(&compact).unwrap(), header);
        prop_assert_eq!(header.topic(), topic);
        let verified = verify(&compact, &key.public(), &Expected { topic, site, session: Some(session) }).unwrap();
        prop_assert_eq!(verified.header, header);
        prop_assert_eq!(verified.claims::<Event>().unwrap(), event);
    }

    #[test]
    fn noise_is_refused(text in "[A-Za-z0-9_.-]{0,400}") {
        prop_assert!(verify(&text, &site_key().public(), &expected(ACK)).is_err());
        prop_assert!(peek(&text).is_err());
    }

    #[test]
    fn any_text_is_refused(text in any::<String>()) {
        prop_assert!(peek(&text).is_err());
    }

    #[test]
    fn several_changes_at_once_are_refused(
        which in 0usize..5,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..64), 1..6),
    ) {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let compact = log().swap_remove(which);
        let mut mutant = compact.clone().into_bytes();
        for (place, letter) in changes {
            let place = place.index(mutant.len());
            mutant[place] = ALPHABET[letter];
        }
        let mutant = String::from_utf8(mutant).unwrap();
        prop_assume!(mutant != compact);
        prop_assert!(verify(&mutant, &terminal_key().public(), &expected(Kind::Up(Up::Event))).is_err());
    }
}
