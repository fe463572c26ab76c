//! Signed badges: theirs alone, whatever a camera reads.

use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use limen_wire::badge::{CHARS, NotABadge, is_reader_text, listed, sign, verify};
use limen_wire::{PublicKey, SecretKey};
use proptest::prelude::*;
use rstest::rstest;
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00ba);

fn site() -> SecretKey {
    SecretKey::from_seed([5; 32])
}

#[test]
fn a_badge_is_short_names_its_id_alone_and_is_frozen() {
    let text = sign(&site(), ID);
    assert_eq!(verify(&text, &site().public()), Ok(ID));
    assert_eq!(text.len(), CHARS);
    assert_eq!(
        text.rsplit_once('.').unwrap().0,
        "eyJhbGciOiJFZERTQSIsInR5cCI6ImxpbWVuLWJhZGdlK2p3cyJ9.AZAAAAAAcACAAAAAAAAAug"
    );
    assert_eq!(listed(ID), "qr:019000000000700080000000000000ba");
}

#[test]
fn another_jose_library_verifies_it() {
    let text = sign(&site(), ID);
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let key = DecodingKey::from_ed_components(&site().public().to_string()).unwrap();
    assert!(crypto::verify(signature, signed.as_bytes(), &key, Algorithm::EdDSA).unwrap());
}

#[test]
fn another_sites_badge_is_forged_here() {
    let other = SecretKey::from_seed([6; 32]).public();
    assert_eq!(verify(&sign(&site(), ID), &other), Err(NotABadge::Forged));
}

#[rstest]
#[case::nothing("", NotABadge::Foreign)]
#[case::an_address("https://example.org/?q='; DROP TABLE people; --", NotABadge::Foreign)]
#[case::as_the_roster_lists_it("qr:019000000000700080000000000000ba", NotABadge::Foreign)]
#[case::no_algorithm("eyJhbGciOiJub25lIn0.AZAAAAAAcACAAAAAAAAAug.", NotABadge::Foreign)]
#[case::unsigned(
    "eyJhbGciOiJFZERTQSIsInR5cCI6ImxpbWVuLWJhZGdlK2p3cyJ9.AZAAAAAAcACAAAAAAAAAug.",
    NotABadge::Forged
)]
#[case::header_alone(
    "eyJhbGciOiJFZERTQSIsInR5cCI6ImxpbWVuLWJhZGdlK2p3cyJ9.",
    NotABadge::Forged
)]
fn what_is_no_badge_is_refused(#[case] text: &str, #[case] why: NotABadge) {
    assert_eq!(verify(text, &site().public()), Err(why));
}

#[rstest]
#[case("0012345678", true)]
#[case("04:A2:24:12", true)]
#[case("123", false)]
#[case("12 34", false)]
#[case("qr:019000000000700080000000000000ba", false)]
fn what_a_reader_may_type(#[case] text: &str, #[case] allowed: bool) {
    assert_eq!(is_reader_text(text), allowed);
}

proptest! {
    /// One changed, missing or added character, anywhere: no badge any more.
    #[test]
    fn no_mutant_is_a_badge(at in 0..CHARS, with in "[ -~é\u{0}]", what in 0..3) {
        let text = sign(&site(), ID);
        let mut chars: Vec<char> = text.chars().collect();
        let with = with.chars().next().unwrap_or('x');
        match what {
            0 => chars[at] = with,
            1 => { chars.remove(at); }
            _ => chars.insert(at, with),
        }
        let mutant: String = chars.into_iter().collect();
        prop_assume!(mutant != text);
        prop_assert!(verify(&mutant, &site().public()).is_err());
    }

    /// Whatever a camera reads: an answer, and no panic.
    #[test]
    fn no_text_is_a_badge(text in "\\PC{0,400}", tail in "[A-Za-z0-9_.-]{0,200}") {
        let key: PublicKey = site().public();
        prop_assert!(verify(&text, &key).is_err());
        let begun = format!("eyJhbGciOiJFZERTQSIsInR5cCI6ImxpbWVuLWJhZGdlK2p3cyJ9.{tail}");
        prop_assert!(verify(&begun, &key).is_err());
    }
}
