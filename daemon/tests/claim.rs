//! The claim over HTTP, as a person at the terminal meets it: a small cloud of our own answers.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use limen_daemon::claim::{ClaimError, claim};
use limen_daemon::keys::Identity;
use limen_wire::claim::{
    BeginRequest, FinishAnswer, FinishRequest, Offer, Progress, Secret, begin,
};
use limen_wire::{Hash, SealingSecret, SecretKey};
use rstest::rstest;
use uuid::Uuid;

/// What the cloud does at one request.
type Answer = Box<dyn FnMut(&str, &[u8]) -> (u16, String) + Send>;

/// A cloud that answers as it is told; its address, and the bodies that it was sent.
fn cloud(mut answer: Answer) -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seen, bodies) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            while let Some((path, body)) = request(&stream) {
                let (status, text) = answer(&path, &body);
                if seen.send(body).is_err() {
                    return;
                }
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                    text.len()
                );
                let _ = (&stream).write_all(head.as_bytes());
                let _ = (&stream).write_all(text.as_bytes());
            }
        }
    });
    (url, bodies)
}

fn request(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first.split(' ').nth(1)?.to_owned(), body))
}

fn offer() -> Offer {
    Offer {
        terminal: Uuid::from_u128(0x7e),
        site: Uuid::from_u128(0x51),
        signing: SecretKey::from_seed([1; 32]).public(),
        sealing: SealingSecret::from_seed([2; 32]).public(),
    }
}

/// A cloud that knows the code of `bytes`, and names `mqtt`.
fn honest(bytes: [u8; 16], mqtt: &'static [&'static str]) -> Answer {
    let mut progress: Option<Progress> = None;
    Box::new(move |path, body| {
        let secret = Secret::from_bytes(bytes);
        match path {
            "/api/v1/claim/begin" => {
                let request: BeginRequest = serde_json::from_slice(body).unwrap();
                let begun = begin(&secret, request, offer(), [9; 32]).unwrap();
                let answer = serde_json::to_string(begun.answer()).unwrap();
                progress = Some(begun);
                (200, answer)
            }
            "/api/v1/claim/finish" => {
                let request: FinishRequest = serde_json::from_slice(body).unwrap();
                let progress = progress.take().unwrap();
                let grant = progress.finish(&secret, &request).unwrap().grant(
                    "certificate".to_owned(),
                    "authority".to_owned(),
                    mqtt.iter().map(|a| (*a).to_owned()).collect(),
                );
                (200, serde_json::to_string(&grant.unwrap()).unwrap())
            }
            other => panic!("{other}"),
        }
    })
}

fn refusing(status: u16, text: &'static str) -> Answer {
    Box::new(move |_, _| (status, text.to_owned()))
}

#[test]
fn twelve_words_make_a_terminal_one_of_a_site_and_never_travel() {
    let data = tempfile::tempdir().unwrap();
    let secret = Secret::from_bytes([7; 16]);
    let (url, bodies) = cloud(honest(
        [7; 16],
        &["mqtt://10.0.0.7:1883", "mqtt://127.0.0.1:1883"],
    ));
    // As a person types them.
    let words = secret.words().to_uppercase().replace(' ', ", ");
    let site = claim(data.path(), &format!("{url}/"), &words).unwrap();
    assert_eq!(site.terminal, offer().terminal);
    assert_eq!(site.signing_key, offer().signing);
    assert_eq!(
        site.mqtt, "mqtt://127.0.0.1:1883",
        "the first that may be used: nothing goes in the clear off this machine"
    );
    let identity = Identity::load(data.path()).unwrap().unwrap();
    assert_eq!(identity.site, site);
    for body in bodies.try_iter() {
        let body = String::from_utf8(body).unwrap().to_lowercase();
        for word in secret.words().split(' ') {
            assert!(!body.contains(&format!("\"{word}\"")), "{body}");
        }
        assert!(!body.contains("words"), "{body}");
    }
    let again = claim(data.path(), &url, &words).unwrap_err();
    assert!(matches!(again, ClaimError::Claimed { .. }));
    assert!(again.to_string().contains("claimed already"), "{again}");
}

#[test]
fn what_systemd_hands_over_seals_the_keys_of_the_claim() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _bodies) = cloud(honest([9; 16], &["mqtt://127.0.0.1:1883"]));
    std::fs::write(folder.path().join("terminal.toml"), "").unwrap();
    std::fs::write(folder.path().join("limen.storage-key"), [1; 32]).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_limen-daemon"))
        .args(["claim", "--cloud", &url, "--words"])
        .arg(Secret::from_bytes([9; 16]).words())
        .arg("--config")
        .arg(folder.path().join("terminal.toml"))
        .env("CREDENTIALS_DIRECTORY", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let data = folder.path().join("data");
    for name in ["signing.key", "sealing.key", "roster.key"] {
        let bytes = std::fs::read(data.join("identity").join(name)).unwrap();
        assert!(bytes.starts_with(b"limen sealed key 1\n"), "{name}");
    }
    // This process was handed nothing.
    let refused = Identity::load(&data).err().unwrap().to_string();
    assert!(refused.contains("signing.key is sealed"), "{refused}");
}

#[test]
fn the_text_of_the_qr_code_does_as_well() {
    let data = tempfile::tempdir().unwrap();
    let (url, _bodies) = cloud(honest([8; 16], &["mqtts://limen.example:8883"]));
    let qr = Secret::from_bytes([8; 16]).qr(&url).unwrap();
    let site = claim(data.path(), &url, &qr).unwrap();
    assert_eq!(site.mqtt, "mqtts://limen.example:8883");
}

#[rstest]
#[case(404, r#"{"detail": "unknown"}"#, "knows no such code")]
#[case(404, "<html>", "not as a Limen cloud does")]
#[case(409, r#"{"detail": "used"}"#, "used already")]
#[case(410, r#"{"detail": "expired"}"#, "has expired")]
#[case(403, r#"{"detail": "proof"}"#, "did not believe")]
#[case(500, r#"{"detail": "oh no"}"#, "oh no (HTTP 500)")]
#[case(302, "", "HTTP 302")]
#[case(200, "{}", "not one of a Limen cloud")]
fn what_the_cloud_refuses_is_said_in_words(
    #[case] status: u16,
    #[case] text: &'static str,
    #[case] expected: &str,
) {
    let data = tempfile::tempdir().unwrap();
    let (url, _bodies) = cloud(refusing(status, text));
    let words = Secret::from_bytes([7; 16]).words();
    let said = claim(data.path(), &url, &words).unwrap_err().to_string();
    assert!(said.contains(expected), "{said}");
    assert!(Identity::load(data.path()).unwrap().is_none());
}

#[test]
fn a_cloud_that_does_not_know_the_words_is_not_believed() {
    let data = tempfile::tempdir().unwrap();
    // It has overheard which claim it is, but not the secret.
    let (url, _bodies) = cloud(Box::new(|_, body| {
        let request: BeginRequest = serde_json::from_slice(body).unwrap();
        let answer = limen_wire::claim::BeginAnswer {
            nonce: Hash([9; 32]),
            terminal: Uuid::from_u128(1),
            site: Uuid::from_u128(2),
            signing: SecretKey::from_seed([1; 32]).public(),
            sealing: SealingSecret::from_seed([2; 32]).public(),
            proof: request.proof,
        };
        (200, serde_json::to_string(&answer).unwrap())
    }));
    let words = Secret::from_bytes([7; 16]).words();
    let refused = claim(data.path(), &url, &words).unwrap_err();
    assert!(matches!(refused, ClaimError::NotProved { .. }), "{refused}");
    assert!(Identity::load(data.path()).unwrap().is_none());
}

#[test]
fn an_end_that_was_changed_on_the_way_is_not_believed() {
    let data = tempfile::tempdir().unwrap();
    let mut honest = honest([7; 16], &["mqtts://limen.example:8883"]);
    let (url, _bodies) = cloud(Box::new(move |path, body| {
        let (status, text) = honest(path, body);
        if path.ends_with("finish") {
            let mut grant: FinishAnswer = serde_json::from_str(&text).unwrap();
            grant.mqtt = vec!["mqtts://elsewhere.example:8883".to_owned()];
            return (status, serde_json::to_string(&grant).unwrap());
        }
        (status, text)
    }));
    let words = Secret::from_bytes([7; 16]).words();
    let refused = claim(data.path(), &url, &words).unwrap_err();
    assert!(matches!(refused, ClaimError::NotProved { .. }), "{refused}");
}

#[test]
fn a_cloud_that_is_away_is_named() {
    let data = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let words = Secret::from_bytes([7; 16]).words();
    let said = claim(data.path(), &url, &words).unwrap_err().to_string();
    assert!(
        said.contains("can't be reached") && said.contains(&url),
        "{said}"
    );
}

#[rstest]
#[case("http://limen.example:8080", "in the clear")]
#[case("http://10.0.0.7", "in the clear")]
#[case("limen.example", "it is not http")]
#[case("ftp://limen.example", "it is not http")]
#[case("https://", "it is not http")]
fn an_address_that_can_not_be_used_is_refused(#[case] url: &str, #[case] expected: &str) {
    let data = tempfile::tempdir().unwrap();
    let words = Secret::from_bytes([7; 16]).words();
    let said = claim(data.path(), url, &words).unwrap_err().to_string();
    assert!(said.contains(expected), "{said}");
}

#[test]
fn words_that_are_none_are_refused_before_anything_is_sent() {
    let data = tempfile::tempdir().unwrap();
    let (url, bodies) = cloud(refusing(500, ""));
    let good = Secret::from_bytes([7; 16]).words();
    let swapped = {
        let mut words: Vec<_> = good.split(' ').collect();
        words.swap(0, 11);
        words.join(" ")
    };
    for (words, expected) in [
        ("abandon ability", "12 words"),
        (
            &good.replacen(good.split(' ').next().unwrap(), "limen", 1),
            "word 1",
        ),
        (&swapped, "changed places"),
    ] {
        let said = claim(data.path(), &url, words).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    assert!(bodies.try_recv().is_err(), "nothing was sent");
}
