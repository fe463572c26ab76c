//! Hostile uploads: bodies that are too large, cut, lying or deep, and a collection of bad files.

use std::path::{Path, PathBuf};

use reqwest::Method;
use reqwest::multipart::Form;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::pictures::bundled;
use crate::server::{PASSWORD, Server, config, email, part, workspace};

#[tokio::test]
async fn bodies_that_are_no_forms_are_refused() {
    let server = Server::open();
    let send = async |kind: &str, body: Vec<u8>| {
        let request = server
            .ask(Method::POST, "/login/face")
            .header("content-type", kind.to_owned())
            .body(body);
        server.send(request).await.status.as_u16()
    };
    let multipart = "multipart/form-data; boundary=x";
    assert_eq!(send("multipart/form-data", b"".to_vec()).await, 400);
    assert_eq!(send(multipart, b"".to_vec()).await, 400);
    assert_eq!(send(multipart, b"no boundary".to_vec()).await, 400);
    let cut = b"--x\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\nabc";
    assert_eq!(send(multipart, cut.to_vec()).await, 400);
    let nameless = b"--x\r\ncontent-disposition: form-data\r\n\r\nabc\r\n--x--\r\n";
    assert_eq!(send(multipart, nameless.to_vec()).await, 400);
    let not_utf8 =
        b"--x\r\ncontent-disposition: form-data; name=\"email\"\r\n\r\n\xff\r\n--x--\r\n";
    assert_eq!(send(multipart, not_utf8.to_vec()).await, 400);
    let urlencoded = "application/x-www-form-urlencoded";
    assert_eq!(send(urlencoded, vec![b'a'; 200_000]).await, 413);
    let text = "text/plain";
    assert_eq!(send(text, b"image".to_vec()).await, 422);
    let mut parts = Form::new();
    for _ in 0..100 {
        parts = parts.text("a", "b");
    }
    assert_eq!(server.upload("/login/face", None, parts).await.status, 413);
    let long = Form::new().text("email", "a".repeat(20_000));
    assert_eq!(server.upload("/login/face", None, long).await.status, 413);
    assert_eq!(server.get("/healthz", None).await.status, 200);
}

#[tokio::test]
async fn an_upload_has_a_largest_size() {
    let server = Server::open();
    let huge = Form::new().part("image", part(&vec![0; 49 << 20]));
    // The server may cut the line while the rest is still being sent.
    let sent = server
        .ask(Method::POST, "/login/face")
        .multipart(huge)
        .send()
        .await;
    if let Ok(answer) = sent {
        assert_eq!(answer.status(), 413);
    }
    assert_eq!(server.get("/healthz", None).await.status, 200);
}

/// What a bad file's label wants: refused, or either way but in words.
fn collection() -> Option<PathBuf> {
    let place = std::env::var_os("LIMEN_FACES")
        .map_or_else(|| workspace().join("../shared/data"), PathBuf::from);
    place.join("badfiles").is_dir().then_some(place)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[tokio::test]
async fn every_bad_file_of_the_collection_is_answered_in_words() {
    let Some(place) = collection() else {
        eprintln!(
            "SKIPPED: no face collection; LIMEN_FACES names none, and ../shared/data is not there"
        );
        return;
    };
    let labels = std::fs::read_to_string(place.join("manifest.csv")).unwrap();
    let must_fail = |path: &Path| {
        let name = path
            .strip_prefix(&place)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let line = labels
            .lines()
            .find(|line| line.starts_with(&format!("{name},")));
        let label = line.and_then(|line| line.split(',').nth(3)).unwrap_or("");
        label == "must be rejected" || label == "corrupt"
    };
    // Behind a proxy each upload may come from another address, so that none is slowed down.
    let config = config("registration = \"open\"") + "behind_tls_proxy = true\n";
    let server = Server::configured(&config);
    server.employer("Ada", &bundled("obama.jpg"), true).await;
    let token = server.token("Ada").await;
    let before = server.peak_mib();
    let mut found = Vec::new();
    files(&place.join("badfiles"), &mut found);
    found.sort();
    assert!(found.len() > 100, "{}", found.len());
    let mut counts = std::collections::BTreeMap::<u16, u32>::new();
    for (number, path) in found.iter().enumerate() {
        let bytes = std::fs::read(path).unwrap();
        let form = Form::new().part("image", part(&bytes));
        let request = server
            .ask(Method::POST, "/login/face")
            .header(
                "x-forwarded-for",
                format!("10.0.{}.{}", number / 250, number % 250),
            )
            .multipart(form);
        let login = server.send(request).await;
        let form = Form::new()
            .text("username", "Somebody")
            .text("email", email(&format!("n{number}")))
            .text("password", PASSWORD)
            .text("hourly_rate", "1")
            .text("consent", "paper")
            .part("image", part(&bytes));
        let enrolled = server.upload("/api/v1/employees", Some(&token), form).await;
        let name = path.display();
        assert!(
            [400, 401, 413].contains(&login.status.as_u16()),
            "{name}: {login:?}"
        );
        assert!(
            [201, 400, 413].contains(&enrolled.status.as_u16()),
            "{name}: {enrolled:?}"
        );
        assert!(login.detail().len() > 10, "{name}: {login:?}");
        if must_fail(path) {
            assert_eq!(
                (login.status.as_u16(), enrolled.status.as_u16()),
                (400, 400),
                "{name}"
            );
        }
        // Log-in and enrolment see the same picture.
        let looked_at = login.detail() == "Face not recognized";
        let whose = enrolled.body["detail"] == "Face already registered";
        assert_eq!(
            looked_at,
            enrolled.status == 201 || whose,
            "{name}: {login:?} {enrolled:?}"
        );
        *counts.entry(login.status.as_u16()).or_default() += 1;
        *counts.entry(enrolled.status.as_u16()).or_default() += 1;
    }
    let peak = server.peak_mib();
    eprintln!(
        "{} bad files, statuses {counts:?}, {before} MiB before, {peak} MiB at most",
        found.len()
    );
    assert!(
        peak - before < 256,
        "a request takes 256 MiB at most, not {peak} - {before}"
    );
    assert_eq!(server.get("/healthz", None).await.status, 200);
    assert!(!server.log().contains("panicked"));
    let errors: Vec<String> = server
        .log()
        .lines()
        .filter(|line| line.contains("request failed"))
        .map(str::to_owned)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// Whoever sends pictures takes memory before they are looked at, and nobody asks for their name.
#[tokio::test]
async fn many_uploads_at_once_take_no_more_memory_than_there_is() {
    let server = Server::open();
    let before = server.peak_mib();
    let address = server.http.trim_start_matches("http://");
    let mut lines = Vec::new();
    for _ in 0..20 {
        let mut line = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /login/face HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\
             content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n\
             content-disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n",
            48 << 20
        );
        line.write_all(head.as_bytes()).await.unwrap();
        // It never ends, and a server that takes no more may have closed it.
        let _closed = line.write_all(&vec![7; 40 << 20]).await;
        lines.push(line);
    }
    let peak = server.peak_mib();
    assert!(peak - before < 400, "{before} MiB before, {peak} MiB");
    drop(lines);
    // What was taken is given back.
    let form = || Form::new().part("image", part(b"no picture"));
    while server.upload("/login/face", None, form()).await.status == 503 {
        tokio::task::yield_now().await;
    }
}
