//! A claim is between two that know the code, and works with nobody else in it.

use insta::assert_snapshot;
use limen_wire::claim::{
    BeginAnswer, BeginRequest, Begun, ClaimError, Claimed, CodeError, FinishAnswer, FinishRequest,
    Offer, Progress, Secret, Signature, begin,
};
use limen_wire::{SealingSecret, SecretKey};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::Value;
use uuid::Uuid;

use crate::given::{
    OTHER, SITE, TERMINAL, hash, site_key, site_sealing, terminal_key, terminal_sealing,
};

fn secret() -> Secret {
    Secret::from_bytes(*b"sixteen secrets!")
}

fn offer() -> Offer {
    Offer {
        terminal: TERMINAL,
        site: SITE,
        signing: site_key().public(),
        sealing: site_sealing().public(),
    }
}

fn begun() -> (Begun, BeginRequest) {
    Begun::new(
        secret(),
        terminal_key().public(),
        terminal_sealing().public(),
        [5; 32],
    )
}

fn progress() -> Progress {
    begin(&secret(), begun().1, offer(), [6; 32]).unwrap()
}

fn granted(progress: &Progress, request: &FinishRequest) -> Result<FinishAnswer, ClaimError> {
    progress.finish(&secret(), request)?.grant(
        "-----BEGIN CERTIFICATE-----\nterminal\n-----END CERTIFICATE-----\n".to_owned(),
        "-----BEGIN CERTIFICATE-----\nauthority\n-----END CERTIFICATE-----\n".to_owned(),
        vec!["mqtts://clock.example:8883".to_owned()],
    )
}

fn whole() -> (
    BeginRequest,
    BeginAnswer,
    FinishRequest,
    FinishAnswer,
    Claimed,
) {
    let (begun, request) = begun();
    let progress = progress();
    let answer = progress.answer().clone();
    let (waiting, finish) = begun.answered(answer.clone(), &terminal_key()).unwrap();
    let proven = progress.finish(&secret(), &finish).map(|proven| {
        (
            proven.terminal(),
            proven.site(),
            proven.signing(),
            proven.sealing(),
        )
    });
    let keys = (terminal_key().public(), terminal_sealing().public());
    assert_eq!(proven, Ok((TERMINAL, SITE, keys.0, keys.1)));
    let grant = granted(&progress, &finish).unwrap();
    let claimed = waiting.finished(grant.clone()).unwrap();
    (request, answer, finish, grant, claimed)
}

#[test]
fn both_sides_believe_each_other() {
    let (.., claimed) = whole();
    assert_eq!((claimed.terminal, claimed.site), (TERMINAL, SITE));
    assert_eq!(claimed.site_signing, site_key().public());
    assert_eq!(claimed.site_sealing, site_sealing().public());
    assert_eq!(claimed.mqtt, ["mqtts://clock.example:8883"]);
}

#[test]
fn the_four_messages() {
    let (request, answer, finish, grant, _) = whole();
    let json = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    assert_snapshot!(
        "claim_begin_request",
        json(&serde_json::to_value(request).unwrap())
    );
    assert_snapshot!(
        "claim_begin_answer",
        json(&serde_json::to_value(answer).unwrap())
    );
    assert_snapshot!(
        "claim_finish_request",
        json(&serde_json::to_value(finish).unwrap())
    );
    assert_snapshot!(
        "claim_finish_answer",
        json(&serde_json::to_value(grant).unwrap())
    );
}

#[test]
fn the_code_as_a_person_carries_it() {
    let secret = secret();
    assert_snapshot!(
        "claim_code",
        format!(
            "{}\n{}\n{}",
            secret.claim(),
            secret.words().as_str(),
            secret.qr("https://clock.example").unwrap().as_str()
        )
    );
}

/// Sends a changed message in the place of each one, field by field.
#[test]
fn whoever_is_in_the_middle_changes_nothing() {
    let (request, answer, finish, grant, _) = whole();
    let changed = [
        ("claim", Value::from(OTHER.to_string())),
        ("nonce", hash(9).to_string().into()),
        ("proof", hash(9).to_string().into()),
        (
            "signing",
            SecretKey::from_seed([9; 32]).public().to_string().into(),
        ),
        (
            "sealing",
            SealingSecret::from_seed([9; 32])
                .public()
                .to_string()
                .into(),
        ),
        ("terminal", OTHER.to_string().into()),
        ("site", OTHER.to_string().into()),
        ("certificate", "another".into()),
        ("authority", "another".into()),
        ("mqtt", vec!["mqtts://elsewhere.example:8883"].into()),
        ("signature", String::from(Signature([9; 64])).into()),
    ];
    let mut tried = 0;
    let mut each = |message: Value, refused: &dyn Fn(Value) -> bool| {
        for (field, other) in &changed {
            if message.get(field).is_some() {
                let mut message = message.clone();
                message[*field] = other.clone();
                assert!(refused(message), "{field}");
                tried += 1;
            }
        }
        let mut more = message.clone();
        more["more"] = true.into();
        assert!(refused(more), "a field that is not known");
    };
    each(serde_json::to_value(request).unwrap(), &|message| {
        serde_json::from_value(message).map_or(true, |request| {
            begin(&secret(), request, offer(), [6; 32]).is_err()
        })
    });
    each(serde_json::to_value(answer).unwrap(), &|message| {
        let (begun, _) = begun();
        serde_json::from_value(message).map_or(true, |answer| {
            begun.answered(answer, &terminal_key()).is_err()
        })
    });
    each(serde_json::to_value(finish).unwrap(), &|message| {
        serde_json::from_value(message)
            .map_or(true, |finish| granted(&progress(), &finish).is_err())
    });
    each(serde_json::to_value(grant).unwrap(), &|message| {
        let (waiting, _) = begun()
            .0
            .answered(progress().answer().clone(), &terminal_key())
            .unwrap();
        serde_json::from_value(message).map_or(true, |grant| waiting.finished(grant).is_err())
    });
    assert_eq!(tried, 20);
}

#[test]
fn without_the_code_nobody_begins_answers_or_ends() {
    let wrong = || Secret::from_bytes(*b"another secret!!");
    // A terminal with other words: another code, which does not exist.
    let (stranger, request) = Begun::new(
        wrong(),
        terminal_key().public(),
        terminal_sealing().public(),
        [5; 32],
    );
    let refused = begin(&secret(), request.clone(), offer(), [6; 32]).unwrap_err();
    assert!(matches!(refused, ClaimError::Claim { .. }), "{refused}");
    // One that overheard the claim's id.
    let overheard = BeginRequest {
        claim: secret().claim(),
        ..request.clone()
    };
    assert_eq!(
        begin(&secret(), overheard, offer(), [6; 32])
            .unwrap_err()
            .to_string(),
        "the terminal's beginning does not prove that its sender knows the code; somebody may be in between"
    );
    // A cloud without the code.
    let theirs = begin(&wrong(), request, offer(), [6; 32]).unwrap();
    assert!(
        stranger
            .answered(progress().answer().clone(), &terminal_key())
            .is_err()
    );
    let (begun, _) = begun();
    assert_eq!(
        begun
            .answered(theirs.answer().clone(), &terminal_key())
            .unwrap_err(),
        ClaimError::Proof("cloud's answer")
    );
}

#[test]
fn nothing_of_one_claim_serves_in_another() {
    let (_, _, finish, grant, _) = whole();
    // The same terminal begins again: other nonces.
    let (begun, request) = Begun::new(
        secret(),
        terminal_key().public(),
        terminal_sealing().public(),
        [7; 32],
    );
    let second = begin(&secret(), request.clone(), offer(), [8; 32]).unwrap();
    assert!(!second.answers(&begun_request()));
    assert!(second.answers(&request));
    assert_eq!(
        granted(&second, &finish).unwrap_err(),
        ClaimError::Proof("terminal's end")
    );
    let (waiting, _) = begun
        .answered(second.answer().clone(), &terminal_key())
        .unwrap();
    assert_eq!(
        waiting.finished(grant).unwrap_err(),
        ClaimError::Proof("end of the claim")
    );
}

fn begun_request() -> BeginRequest {
    begun().1
}

#[test]
fn one_proof_does_not_serve_as_another() {
    let (request, answer, finish, grant, _) = whole();
    let proofs = [request.proof, answer.proof, finish.proof, grant.proof];
    for (i, proof) in proofs.iter().enumerate() {
        for other in &proofs[i + 1..] {
            assert_ne!(proof, other);
        }
        if i != 1 {
            let answer = BeginAnswer {
                proof: *proof,
                ..answer.clone()
            };
            assert!(begun().0.answered(answer, &terminal_key()).is_err());
        }
        if i != 2 {
            let finish = FinishRequest {
                proof: *proof,
                ..finish.clone()
            };
            assert!(granted(&progress(), &finish).is_err());
        }
    }
}

#[test]
fn a_terminal_needs_the_key_that_it_claims_with() {
    // It knows the code and names a key that is another's.
    let (begun, _) = begun();
    let refused = begun
        .answered(progress().answer().clone(), &SecretKey::from_seed([9; 32]))
        .unwrap_err();
    assert_eq!(refused, ClaimError::Possession);
    let (.., finish, _, _) = whole();
    let finish = FinishRequest {
        signature: Signature([9; 64]),
        ..finish
    };
    assert_eq!(
        granted(&progress(), &finish).unwrap_err(),
        ClaimError::Possession
    );
}

#[test]
fn what_is_kept_between_the_requests_comes_back() {
    let kept = serde_json::to_vec(&progress()).unwrap();
    let read: Progress = serde_json::from_slice(&kept).unwrap();
    assert_eq!(read, progress());
    let kept = String::from_utf8(kept).unwrap();
    assert!(!kept.contains(secret().words().split(' ').next().unwrap()));
}

#[test]
fn a_grant_without_an_address_is_not_made() {
    let (.., finish, _, _) = whole();
    let progress = progress();
    let secret = secret();
    let proven = progress.finish(&secret, &finish).unwrap();
    let refused = proven
        .grant(String::new(), String::new(), Vec::new())
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "in the end of a claim, mqtt has no address"
    );
    let refused = proven.grant(
        "x".repeat(16_385),
        String::new(),
        vec!["mqtt://[::1]:1883".to_owned()],
    );
    assert_eq!(
        refused.unwrap_err().to_string(),
        "in the end of a claim, certificate is longer than 16 KiB"
    );
}

const ZOO: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong";

#[rstest]
#[case::as_shown(ZOO)]
#[case::shouted("ZOO Zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo WRONG")]
#[case::on_two_lines("  zoo zoo zoo zoo zoo zoo\n\tzoo zoo zoo zoo zoo wrong \r\n")]
#[case::with_commas("zoo, zoo, zoo, zoo, zoo, zoo, zoo, zoo, zoo, zoo, zoo, wrong")]
#[case::shortened("zoo-zoo-zoo-zoo-zoo-zoo-zoo-zoo-zoo-zoo-zoo-wron")]
fn words_as_people_type_them(#[case] typed: &str) {
    // BIP 39's own vector for 16 bytes of ones.
    assert_eq!(*Secret::from_words(typed).unwrap().to_bytes(), [0xff; 16]);
    assert_eq!(Secret::from_bytes([0xff; 16]).words().as_str(), ZOO);
}

#[rstest]
#[case::none("", "a code has 12 words; these are 0")]
#[case::eleven(&ZOO[4..], "a code has 12 words; these are 11")]
#[case::a_thirteenth(
    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong zoo",
    "a code has 12 words; these are 13"
)]
#[case::misspelt(
    "zoo zoo zooo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
    "word 3 is none that a code has; is it spelt as it is shown?"
)]
#[case::swapped(
    "wrong zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo",
    "these 12 words are no code together: one of them is another, or two have changed places"
)]
#[case::too_short(
    "zo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
    "word 1 is none that a code has; is it spelt as it is shown?"
)]
fn wrong_words_say_which(#[case] typed: &str, #[case] why: &str) {
    assert_eq!(Secret::from_words(typed).unwrap_err().to_string(), why);
}

#[rstest]
#[case::empty("")]
#[case::another_program("WIFI:S:guest;;")]
#[case::another_version("limen-claim:2:AAAAAAAAAAAAAAAAAAAAAA:https://clock.example")]
#[case::no_cloud("limen-claim:1:AAAAAAAAAAAAAAAAAAAAAA")]
#[case::too_short("limen-claim:1:AAAA:https://clock.example")]
#[case::spare_bits("limen-claim:1:AAAAAAAAAAAAAAAAAAAAAB:https://clock.example")]
fn a_qr_that_is_none(#[case] text: &str) {
    assert_eq!(Secret::from_qr(text).unwrap_err(), CodeError::Qr);
}

#[rstest]
#[case::script("javascript:alert(1)")]
#[case::file("file:///etc/passwd")]
#[case::no_host("https://")]
#[case::a_space("https://clock.example --other")]
#[case::a_line("https://clock.example\n")]
fn a_cloud_that_is_none(#[case] cloud: &str) {
    let text = format!("limen-claim:1:AAAAAAAAAAAAAAAAAAAAAA:{cloud}");
    assert_eq!(
        Secret::from_qr(&text).unwrap_err(),
        CodeError::Cloud(cloud.to_owned())
    );
    assert!(secret().qr(cloud).is_err());
}

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(format!("{:?}", secret()), "Secret(..)");
    let printed = format!("{:?}", begun().0);
    assert!(!printed.contains("sixteen"), "{printed}");
}

proptest! {
    #[test]
    fn words_and_qr_lead_back(bytes in any::<[u8; 16]>()) {
        let secret = Secret::from_bytes(bytes);
        prop_assert_eq!(*Secret::from_words(&secret.words()).unwrap().to_bytes(), bytes);
        let short: Vec<_> = secret.words().split(' ').map(|word| word[..word.len().min(4)].to_owned()).collect();
        prop_assert_eq!(*Secret::from_words(&short.join(" ")).unwrap().to_bytes(), bytes);
        let (read, cloud) = Secret::from_qr(&secret.qr("http://[::1]:8080/").unwrap()).unwrap();
        prop_assert_eq!(*read.to_bytes(), bytes);
        prop_assert_eq!(cloud, "http://[::1]:8080/");
        prop_assert_eq!(read.claim(), secret.claim());
        prop_assert_ne!(secret.claim(), Uuid::from_bytes(bytes));
    }

    #[test]
    fn any_text_is_taken_or_refused_in_words(text in any::<String>(), qr in "limen-claim:1:[A-Za-z0-9_-]{20,24}:.{0,60}") {
        let _ = Secret::from_words(&text);
        let _ = Secret::from_qr(&text);
        if let Ok((secret, cloud)) = Secret::from_qr(&qr) {
            let again = secret.qr(&cloud).unwrap();
            prop_assert_eq!(again.as_str(), qr.as_str());
        }
    }
}
