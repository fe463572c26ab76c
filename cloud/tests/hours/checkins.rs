//! Routes 14 and 15: checking in and out with a picture.

use jiff::Timestamp;
use limen_wire::event::{Direction, Method, OutboxHead, What};
use limen_wire::jws::{self, Expected};
use limen_wire::topic::{Topic, Up};
use reqwest::multipart::Form;
use serde_json::json;

use crate::past::Past;
use crate::pictures::{bundled, nobody, side_by_side};
use crate::server::{Answer, Server, part};

const IN: &str = "/attendance/checkin";
const OUT: &str = "/attendance/checkout";

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

async fn send(server: &Server, path: &str, token: Option<&str>, picture: &[u8]) -> Answer {
    server
        .upload(path, token, Form::new().part("image", part(picture)))
        .await
}

#[tokio::test]
async fn in_and_out_with_ones_own_face() {
    let (server, adas, bobs) = ada_and_bob().await;
    let biden = bundled("biden.jpg");
    send(&server, OUT, Some(&bobs), &biden)
        .await
        .is(404, "No active check-in found");

    let before = Timestamp::now();
    let answer = send(&server, IN, Some(&bobs), &biden).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["message"]),
        (200, &json!("Check-in successful"))
    );
    let at = answer.body["check_in"].as_str().unwrap();
    assert!(at.ends_with('Z'));
    let at: Timestamp = at.parse().unwrap();
    assert!(at.as_second() >= before.as_second() && at <= Timestamp::now());
    let summary = server
        .get("/employee/attendance/summary", Some(&bobs))
        .await
        .body;
    assert_eq!(
        (&summary["currently_working"], &summary["last_check_in"]),
        (&json!(true), &answer.body["check_in"])
    );
    let live = server.get("/api/v1/live", Some(&adas)).await.body;
    assert_eq!(
        (&live["punches"][0]["method"], &live["punches"][0]["name"]),
        (&json!("upload"), &json!("Bob"))
    );

    assert_eq!(live["punches"][0]["terminal_name"], "the cloud");

    send(&server, IN, Some(&bobs), &biden)
        .await
        .is(400, "Already checked in");

    let answer = send(&server, OUT, Some(&bobs), &biden).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let keys: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert_eq!(answer.body["message"], "Check-out successful");
    let row = &server
        .get("/employee/attendance/history", Some(&bobs))
        .await
        .body[0];
    for key in ["check_out", "hours_worked", "earnings"] {
        assert_eq!(row[key], answer.body[key], "{key}");
    }
    send(&server, OUT, Some(&bobs), &biden)
        .await
        .is(404, "No active check-in found");
}

#[tokio::test]
async fn a_session_that_began_at_a_terminal_ends_with_an_upload() {
    let (server, _, bobs) = ada_and_bob().await;
    let past = Past::of(&server, "Ada").await;
    past.earns("Bob", "21.50").await;
    past.punch("Bob", past.ago(3), Direction::Auto).await;
    send(&server, IN, Some(&bobs), &bundled("biden.jpg"))
        .await
        .is(400, "Already checked in");
    let answer = send(&server, OUT, Some(&bobs), &bundled("biden.jpg")).await;
    let hours = answer.body["hours_worked"].as_f64().unwrap();
    assert!((3.0..3.1).contains(&hours), "{answer:?}");
    let earned = answer.body["earnings"].as_f64().unwrap();
    assert!((64.5..66.6).contains(&earned), "{answer:?}");
}

#[tokio::test]
async fn after_a_forgotten_check_out_one_may_check_in_again() {
    let (server, _, bobs) = ada_and_bob().await;
    let past = Past::of(&server, "Ada").await;
    past.punch("Bob", past.ago(20), Direction::In).await;
    send(&server, OUT, Some(&bobs), &bundled("biden.jpg"))
        .await
        .is(404, "No active check-in found");
    assert_eq!(
        send(&server, IN, Some(&bobs), &bundled("biden.jpg"))
            .await
            .status,
        200
    );
}

/// The old backend let both in.
#[tokio::test]
async fn of_many_check_ins_at_once_exactly_one_wins() {
    let (server, _, bobs) = ada_and_bob().await;
    let biden = bundled("biden.jpg");
    for path in [IN, OUT, IN] {
        let all = (0..6).map(|_| send(&server, path, Some(&bobs), &biden));
        let answers = futures_util::future::join_all(all).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1, "{path}: {answers:?}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            match path {
                IN => answer.is(400, "Already checked in"),
                _ => answer.is(404, "No active check-in found"),
            }
        }
    }
}

#[tokio::test]
async fn two_people_at_once_both_get_in() {
    let (server, adas, bobs) = ada_and_bob().await;
    let details = server.get("/employer/details", Some(&adas)).await;
    let ada = details.body["id"].as_str().unwrap();
    server
        .employee("Cara", ada, &adas, &bundled("astronaut.png"))
        .await;
    let caras = server.token("Cara").await;
    let (biden, astronaut) = (bundled("biden.jpg"), bundled("astronaut.png"));
    let (one, two) = tokio::join!(
        send(&server, IN, Some(&bobs), &biden),
        send(&server, IN, Some(&caras), &astronaut)
    );
    assert_eq!(
        (one.status.as_u16(), two.status.as_u16()),
        (200, 200),
        "{one:?} {two:?}"
    );
}

#[tokio::test]
async fn nobody_checks_in_as_somebody_else() {
    let (server, adas, bobs) = ada_and_bob().await;
    let biden = bundled("biden.jpg");
    for path in [IN, OUT] {
        send(&server, path, Some(&bobs), &bundled("obama.jpg"))
            .await
            .is(401, "Face not recognized");
        send(&server, path, Some(&bobs), &nobody())
            .await
            .is(400, "No face detected in the uploaded image.");
        let two = side_by_side("biden.jpg", "obama.jpg");
        assert_eq!(send(&server, path, Some(&bobs), &two).await.status, 400);
        assert_eq!(
            send(&server, path, Some(&bobs), b"not a picture")
                .await
                .status,
            400
        );
        send(&server, path, None, &biden)
            .await
            .is(403, "Invalid or missing authorization token");
        send(&server, path, Some("forged"), &biden)
            .await
            .is(401, "Invalid authentication credentials");
        send(&server, path, Some(&adas), &bundled("obama.jpg"))
            .await
            .is(404, "User not found");
        let answer = server
            .upload(path, Some(&bobs), Form::new().text("x", "y"))
            .await;
        assert_eq!(
            answer.fields(),
            [("image".to_owned(), "missing".to_owned())]
        );
    }
    let history = server
        .get("/employee/attendance/history", Some(&bobs))
        .await;
    assert_eq!(history.body, json!([]));
}

/// The log can be verified without this program: each uploaded punch is an event of the terminal `api`, signed
/// by its key, and holds the hash of the one before.
#[tokio::test]
async fn uploads_are_signed_events_in_a_chain() {
    let (server, _, bobs) = ada_and_bob().await;
    for path in [IN, OUT, IN] {
        assert_eq!(
            send(&server, path, Some(&bobs), &bundled("biden.jpg"))
                .await
                .status,
            200
        );
    }
    let past = Past::of(&server, "Ada").await;
    let mut head = OutboxHead::start(past.outbox().await);
    for (seq, compact) in (1..).zip(past.compacts()) {
        let api = past.api();
        let expected = Expected {
            topic: Topic::up(api.terminal, Up::Event),
            site: api.site,
            session: None,
        };
        let verified = jws::verify(&compact, &api.key, &expected).unwrap();
        let event: limen_wire::Event = verified.claims().unwrap();
        let What::Punch(punch) = event.what else {
            panic!("no punch: {event:?}")
        };
        assert_eq!(
            (punch.method, punch.person),
            (Method::Upload, past.person("Bob").await.0)
        );
        let chain = verified.header.chain.unwrap();
        assert_eq!((chain, chain.seq), (head.next(), seq));
        head = head.after(&chain, limen_wire::chain::hash(&compact));
    }
    assert_eq!(head.seq, 3);
}

#[tokio::test]
async fn a_token_buys_no_endless_guessing_of_faces() {
    let (server, _, bobs) = ada_and_bob().await;
    let (obama, biden) = (bundled("obama.jpg"), bundled("biden.jpg"));
    for path in [IN, OUT, IN, OUT, IN] {
        send(&server, path, Some(&bobs), &obama)
            .await
            .is(401, "Face not recognized");
    }
    for picture in [&obama, &biden] {
        let answer = send(&server, IN, Some(&bobs), picture).await;
        assert_eq!(answer.status, 429, "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"));
    }
    // A password is another matter.
    server.token("Bob").await;
}
