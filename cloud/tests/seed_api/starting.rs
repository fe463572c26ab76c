//! Starting and ending: what can't start says why, and what runs ends well.

use std::process::{Command, Output};

use crate::server::{PROGRAM, Server, config};

fn start(config: &str, data: &std::path::Path) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cloud.toml");
    std::fs::write(&file, config).unwrap();
    Command::new(PROGRAM)
        .args(["run", "--config"])
        .arg(&file)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

#[track_caller]
fn refused(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn what_cannot_start_says_why() {
    let data = tempfile::tempdir().unwrap();
    let unknown = "registratoin = \"open\"";
    refused(&start(unknown, data.path()), 78, &["registratoin"]);
    refused(
        &start("zone = \"Mars/Olympus\"", data.path()),
        78,
        &["zone", "Mars/Olympus"],
    );
    let nothing = tempfile::tempdir().unwrap();
    let zoo = format!("bcrypt_cost = 4\nzoo = {:?}", nothing.path());
    refused(
        &start(&zoo, data.path()),
        78,
        &["zoo", nothing.path().to_str().unwrap()],
    );

    let file = data.path().join("a-file");
    std::fs::write(&file, "in the way").unwrap();
    refused(&start(&config(""), &file), 73, &["data folder", "a-file"]);

    let data = tempfile::tempdir().unwrap();
    let secrets = data.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::write(secrets.join("data.key"), "short").unwrap();
    refused(&start(&config(""), data.path()), 73, &["data.key"]);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for key in ["http", "mqtt", "metrics"] {
        let config = config("").replacen(
            &format!("[{key}]\nlisten = \"127.0.0.1:0\""),
            &format!("[{key}]\nlisten = \"{address}\""),
            1,
        );
        let data = tempfile::tempdir().unwrap();
        let words = [address.as_str(), key, "already"];
        refused(&start(&config, data.path()), 69, &words);
        assert!(!data.path().join("addresses.json").exists());
    }
}

#[test]
fn the_default_configuration_is_printed() {
    let output = Command::new(PROGRAM)
        .arg("default-config")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        limen_cloud::config::DEFAULT
    );
}

#[tokio::test]
async fn it_ends_well_and_one_data_folder_has_one_cloud() {
    let mut server = Server::open();
    assert_eq!(server.get("/healthz", None).await.status, 200);
    let second = start(&config(""), &server.data());
    refused(&second, 69, &["another limen-cloud", "data"]);
    assert!(server.terminate().success());
    assert!(server.log().contains("limen-cloud is ending"));
}
