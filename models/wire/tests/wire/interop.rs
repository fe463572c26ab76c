//! Another library reads what this one writes: the log can be verified without this program.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use limen_wire::event::Direction;
use limen_wire::jws::{Chain, peek};
use limen_wire::{Hash, Hello};
use serde_json::{Value, json};

use crate::given::{
    ANNA, OUTBOX, SESSION, SITE, TERMINAL, event, log, punch, sign_event, signed, site_key,
    terminal_key,
};

fn key() -> DecodingKey {
    DecodingKey::from_ed_components(&terminal_key().public().to_string()).unwrap()
}

/// A JWS is no JWT: it has no `exp`, and `iss` and `aud` are in the header.
fn any_claims() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

#[test]
fn jsonwebtoken_verifies_the_log() {
    for (i, compact) in log().iter().enumerate() {
        let token = decode::<Value>(compact, &key(), &any_claims()).unwrap();
        assert_eq!(token.header.alg, Algorithm::EdDSA);
        assert_eq!(token.header.typ.as_deref(), Some("limen-event+jws"));
        assert_eq!(token.header.kid, Some(terminal_key().kid().to_string()));
        assert_eq!(peek(compact).unwrap().chain.unwrap().seq, i as u64 + 1);
        assert_eq!(token.claims["at"], "2026-11-24T08:00:00.25Z");
    }
    let second = decode::<Value>(&log()[1], &key(), &any_claims()).unwrap();
    assert_eq!(
        second.claims,
        json!({
            "at": "2026-11-24T08:00:00.25Z", "clock": "synced",
            "boot": "00000000-0000-0000-0000-00000000b007", "uptime_ms": 61_234,
            "kind": "punch", "person": ANNA, "direction": "auto", "method": "face", "grade": "clear",
            "frames": 3, "model": "dlib-resnet34-v1",
        })
    );
}

#[test]
fn jsonwebtoken_refuses_what_we_refuse() {
    let hello = signed(&Hello {
        outbox: OUTBOX,
        oldest: 1,
        next: 1,
        head: Hash::ZERO,
        roster: None,
        settings: None,
        firmware: "0.1.0".to_owned(),
    });
    assert!(decode::<Value>(&hello, &key(), &any_claims()).is_ok());
    let other = DecodingKey::from_ed_components(&site_key().public().to_string()).unwrap();
    assert!(decode::<Value>(&hello, &other, &any_claims()).is_err());
    let bent = hello.replacen('.', ".e", 1);
    assert!(decode::<Value>(&bent, &key(), &any_claims()).is_err());
}

#[test]
fn the_header_is_plain_json() {
    use base64::Engine as _;
    let chain = Chain {
        outbox: OUTBOX,
        seq: 1,
        prev: Hash::ZERO,
    };
    let compact = sign_event(chain, &event(punch(ANNA, Direction::In)));
    let protected = compact.split('.').next().unwrap();
    let protected = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(protected)
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&protected).unwrap(),
        json!({
            "alg": "EdDSA", "typ": "limen-event+jws", "iss": TERMINAL, "aud": SITE,
            "kid": terminal_key().kid(), "session": SESSION,
            "outbox": OUTBOX, "seq": 1, "prev": "A".repeat(43),
        })
    );
}
