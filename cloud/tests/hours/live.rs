//! The live page's stream.

use std::time::Duration;

use reqwest::multipart::Form;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::past::Past;
use crate::pictures::bundled;
use crate::server::{Server, part};

/// The stream of server-sent events, read one snapshot at a time.
struct Stream {
    answer: Response,
    text: String,
}

impl Stream {
    async fn open(server: &Server, token: &str) -> Self {
        let request = server
            .ask(Method::GET, "/api/v1/live/events")
            .bearer_auth(token);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(
            answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/event-stream")
        );
        Self {
            answer,
            text: String::new(),
        }
    }

    /// The next snapshot; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let snapshot = event.lines().any(|line| line == "event: snapshot");
                let value = data
                    .filter(|_| snapshot)
                    .map(|data| serde_json::from_str(data).unwrap());
                self.text = rest.to_owned();
                if value.is_some() {
                    return value;
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.answer.chunk());
            match chunk.await.expect("the stream is silent") {
                Ok(Some(bytes)) => self.text.push_str(std::str::from_utf8(&bytes).unwrap()),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

async fn ada_and_bob() -> (Server, String, String) {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let token = server.token("Ada").await;
    server
        .employee("Bob", &ada, &token, &bundled("biden.jpg"))
        .await;
    let bobs = server.token("Bob").await;
    (server, token, bobs)
}

#[tokio::test]
async fn a_punch_appears_by_itself_and_the_stream_ends_with_the_session() {
    let (server, token, bobs) = ada_and_bob().await;
    let mut stream = Stream::open(&server, &token).await;
    let first = stream.next().await.unwrap();
    assert_eq!(first["people"][0]["name"], "Bob");
    assert_eq!(
        (&first["people"][0]["in"], &first["punches"]),
        (&json!(false), &json!([]))
    );

    let picture = Form::new().part("image", part(&bundled("biden.jpg")));
    let answer = server
        .upload("/attendance/checkin", Some(&bobs), picture)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let second = stream.next().await.unwrap();
    assert_eq!(second["people"][0]["in"], true);
    assert_eq!(second["people"][0]["since"], answer.body["check_in"]);
    assert_eq!(second["punches"][0]["direction"], "in");

    let other = Stream::open(&server, &server.token("Ada").await).await;
    let request = server
        .ask(Method::DELETE, "/api/v1/session")
        .bearer_auth(&token);
    assert_eq!(server.send(request).await.status, 204);
    assert_eq!(
        stream.next().await,
        None,
        "who has logged out sees nothing more"
    );
    let mut other = other;
    assert!(other.next().await.is_some(), "another session goes on");
}

#[tokio::test]
async fn the_server_ends_while_somebody_looks() {
    let (mut server, token, _) = ada_and_bob().await;
    let mut stream = Stream::open(&server, &token).await;
    stream.next().await.unwrap();
    let begun = std::time::Instant::now();
    let ended = tokio::task::spawn_blocking(move || server.terminate())
        .await
        .unwrap();
    assert!(ended.success(), "{ended}");
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "it did not wait for the page"
    );
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_snapshot_has_what_the_page_shows() {
    let (server, token, _) = ada_and_bob().await;
    let past = Past::of(&server, "Ada").await;
    past.earns("Bob", "21.50").await;
    past.punch("Bob", past.ago(1), limen_wire::event::Direction::Auto)
        .await;
    past.rejected(past.ago(1)).await;
    let live = server.get("/api/v1/live", Some(&token)).await.body;
    assert_eq!(
        (&live["zone"], &live["currency"]),
        (&json!("UTC"), &json!("USD"))
    );
    let bob = &live["people"][0];
    assert_eq!(
        (&bob["in"], &bob["since"]),
        (&json!(true), &json!(past.ago(1).to_string()))
    );
    assert!(bob["minutes_today"].as_u64().unwrap() <= 61);
    assert!(bob["earnings_today"].as_str().unwrap().contains('.'));
    let punch = &live["punches"][0];
    assert_eq!(
        (&punch["direction"], &punch["method"]),
        (&json!("in"), &json!("face"))
    );
    assert_eq!(punch["at"], past.ago(1).to_string());
    let rejected = live["rejected"][0].as_object().unwrap();
    assert_eq!(rejected["why"], "not recognised");
    assert_eq!(rejected.len(), 3, "nobody is named: {rejected:?}");
    assert_eq!(live["terminals"], json!([]), "the cloud's own is none");
}
