//! A month of a house on SQLite, moved to PostgreSQL by the program: the same answers as before, and going on.

use std::path::Path;
use std::process::{Command, Output};

use limen_wire::event::Direction;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::database::{Fresh, Place};
use crate::past::Past;
use crate::pictures::bundled;
use crate::server::{PROGRAM, Server, config};

const OPEN: &str = "registration = \"open\"";

fn move_house(folder: &Path, config: &str) -> Output {
    let file = folder.join("move.toml");
    std::fs::write(&file, config).unwrap();
    Command::new(PROGRAM)
        .args(["move", "--config"])
        .arg(&file)
        .arg("--data")
        .arg(folder.join("data"))
        .output()
        .unwrap()
}

/// Ends a server well, and gives what it ran in.
fn ended(mut server: Server) -> TempDir {
    assert!(server.terminate().success());
    server.folder.take().unwrap()
}

#[track_caller]
fn refused(output: &Output, code: i32, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{words:?} is not in {said}");
}

/// A server on SQLite in which two people worked for a month, with everything that happens in one.
async fn month() -> (Server, String, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::file_in(&folder.path().join("data"));
    let server = Server::started(folder, place, &config(OPEN));
    let ada = server.employer("Ada", &bundled("obama.jpg"), true).await;
    let token = server.token("Ada").await;
    let mut people = Vec::new();
    for (name, picture) in [("Bob", "biden.jpg"), ("Carl", "obama2.jpg")] {
        let picture = bundled(picture);
        people.push(server.employee(name, &ada, &token, &picture).await);
    }
    let past = Past::of(&server, "Ada").await;
    for name in ["Bob", "Carl"] {
        past.earns(name, "21.50").await;
        for day in 1..=30 {
            past.session(name, day * 24, 4 * 3_600).await;
            past.session(name, day * 24 - 5, 3 * 3_600 + 1_234).await;
        }
        past.punch(name, past.ago(2), Direction::In).await;
        past.quarantined(name, past.ago(3), Direction::In).await;
    }
    past.rejected(past.ago(1)).await;
    past.forked("Bob", past.ago(700), Direction::In).await;
    let pay = format!("/employer/pay_employee/{}", people[0]);
    let paid = server.ask(Method::POST, &pay).bearer_auth(&token);
    assert_eq!(server.send(paid).await.status, 200);
    for what in ["pin", "badges"] {
        let path = format!("/api/v1/people/{}/{what}", people[1]);
        let made = server.ask(Method::POST, &path).bearer_auth(&token);
        let made = server.send(made.json(&serde_json::json!({}))).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    (server, token, people.try_into().unwrap())
}

/// What the employer is told of everybody.
async fn told(server: &Server, token: &str, people: &[String; 2]) -> Vec<Value> {
    let mut told = Vec::new();
    for path in ["/employer/employees", "/employer/details"] {
        told.push(server.get(path, Some(token)).await.body);
    }
    for person in people {
        for what in ["timesheet", "ways"] {
            let path = format!("/api/v1/people/{person}/{what}");
            let mut answer = server.get(&path, Some(token)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            // When it was asked is no part of it.
            answer.body["as_of"].take();
            told.push(answer.body);
        }
    }
    told
}

#[tokio::test]
async fn a_months_house_moves_to_postgresql_and_goes_on() {
    let (server, token, people) = month().await;
    let target = Place::on_server(&server.data());
    let config = config(OPEN);
    let with_target = config.clone() + &target.lines();

    let before = told(&server, &token, &people).await;
    let parent = server.data().parent().unwrap().to_owned();
    refused(
        &move_house(&parent, &with_target),
        69,
        "another limen-cloud runs",
    );
    let source = server.place().database();
    let folder = ended(server);
    refused(&move_house(folder.path(), &config), 78, "[store]");

    let moved = move_house(folder.path(), &with_target);
    let said = String::from_utf8(moved.stdout.clone()).unwrap();
    assert!(moved.status.success(), "{moved:?}");
    assert!(said.contains("found equal"), "{said}");
    let events = source.number("SELECT count(*) FROM events", &[]);
    assert!(events > 240, "{events}");
    assert!(said.contains(&format!("{events}  events ")), "{said}");
    refused(&move_house(folder.path(), &with_target), 73, "not empty");

    // The same people, hours, money and log-in as before, and life goes on.
    let server = Server::started(folder, target, &config);
    assert_eq!(told(&server, &token, &people).await, before);
    let past = Past::of(&server, "Ada").await;
    past.punch("Bob", past.ago(1), Direction::Out).await;
    assert_ne!(told(&server, &token, &people).await, before);
    assert_eq!(
        server
            .place()
            .database()
            .number("SELECT count(*) FROM events", &[]),
        events + 1
    );
}

#[tokio::test]
async fn a_move_that_fails_leaves_nothing() {
    let (server, ..) = month().await;
    let source = server.place().database();
    let target = Fresh::new();
    let config = config(OPEN) + &format!("[store]\nurl = {:?}\n", target.url());
    let folder = ended(server);
    // What the last table but one can't hold: everything before it is copied by then.
    source.run("UPDATE badges SET listed = 'a' || char(0) || 'b'");
    refused(&move_house(folder.path(), &config), 73, "badges.listed");
    for table in ["tenants", "accounts", "events", "facts"] {
        let rows = format!("SELECT count(*) FROM {table}");
        assert_eq!(target.database().number(&rows, &[]), 0, "{table}");
    }
    source.run("UPDATE badges SET listed = 'a'");
    assert!(move_house(folder.path(), &config).status.success());

    let nothing = tempfile::tempdir().unwrap();
    refused(
        &move_house(nothing.path(), &config),
        66,
        "no SQLite database",
    );
}

/// A database belongs to the data folder whose secrets sealed what it holds.
#[tokio::test]
async fn another_folders_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::on_server(&folder.path().join("data"));
    let url = place.url().unwrap();
    let server = Server::started(folder, place, &config(OPEN));
    server.employer("Ada", &bundled("obama.jpg"), false).await;
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("cloud.toml");
    std::fs::write(&file, config(OPEN) + &format!("[store]\nurl = {url:?}\n")).unwrap();
    let run = Command::new(PROGRAM)
        .args(["run", "--config"])
        .arg(&file)
        .arg("--data")
        .arg(other.path().join("data"))
        .output()
        .unwrap();
    refused(&run, 73, "secrets");
}
