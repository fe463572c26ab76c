//! How somebody comes in without a face: PINs and badges, as an employer gives and takes them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::pictures::bundled;
use crate::server::{Answer, Server};

struct House {
    server: Server,
    token: String,
    carl: String,
    dora: String,
}

impl House {
    async fn new() -> Self {
        let server = Server::open();
        let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
        let token = server.token("Ada").await;
        let picture = bundled("biden.jpg");
        let carl = server.employee("Carl", &ada, &token, &picture).await;
        let picture = bundled("astronaut.png");
        let dora = server.employee("Dora", &ada, &token, &picture).await;
        Self {
            server,
            token,
            carl,
            dora,
        }
    }

    async fn ask(&self, method: Method, person: &str, rest: &str, body: Option<Value>) -> Answer {
        let path = format!("/api/v1/people/{person}/{rest}");
        let mut request = self.server.ask(method, &path).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.server.send(request).await
    }

    async fn pin(&self, person: &str) -> Value {
        let made = self.ask(Method::POST, person, "pin", None).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.body
    }

    async fn ways(&self, person: &str) -> Value {
        let ways = self.ask(Method::GET, person, "ways", None).await;
        assert_eq!(ways.status, 200, "{ways:?}");
        ways.body
    }
}

#[tokio::test]
async fn a_pin_is_drawn_shown_once_and_replaced_and_the_number_stays() {
    let mut house = House::new().await;
    let carl = house.carl.clone();
    assert_eq!(
        house.ways(&carl).await,
        json!({"number": null, "has_pin": false, "badges": [], "changes": []})
    );
    let first = house.pin(&carl).await;
    let digits = first["pin"].as_str().unwrap().to_owned();
    assert_eq!(digits.len(), 6, "{first}");
    assert_eq!(first["number"], 10);
    assert_eq!(first["typed"], format!("10{digits}"));
    assert_eq!(house.pin(&house.dora).await["number"], 11);
    let second = house.pin(&carl).await;
    assert_eq!(second["number"], 10);
    let ways = house.ways(&carl).await;
    assert_eq!(
        (&ways["number"], &ways["has_pin"]),
        (&json!(10), &json!(true))
    );
    let gone = house.ask(Method::DELETE, &carl, "pin", None).await;
    assert_eq!(gone.status, 204);
    let ways = house.ways(&carl).await;
    assert_eq!(
        (&ways["number"], &ways["has_pin"]),
        (&json!(10), &json!(false))
    );
    let changes = ways["changes"].as_array().unwrap();
    let what: Vec<_> = changes.iter().map(|change| &change["what"]).collect();
    assert_eq!(what, ["pin_removed", "pin_set", "pin_set"]);
    assert!(changes.iter().all(|change| change["by"].is_string()));

    // Neither in a file nor in the log, and what is kept is slow to guess.
    let new = house.pin(&carl).await;
    let typed = new["typed"].as_str().unwrap().to_owned();
    assert!(house.server.terminate().success());
    assert!(!house.server.log().contains(&typed));
    let kept = house.server.place().dump();
    let holds = |text: &str| kept.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(!holds(&typed) && holds("$2b$10$"));
}

#[tokio::test]
async fn a_badge_is_issued_drawn_and_revoked() {
    let house = House::new().await;
    let (carl, dora) = (&house.carl, &house.dora);
    let made = house
        .ask(Method::POST, carl, "badges", Some(json!({})))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.body["reader"], Value::Null);
    let badge = format!("badges/{}", made.body["id"].as_str().unwrap());
    let drawn = house.ask(Method::GET, carl, &badge, None).await;
    assert_eq!(drawn.headers["content-type"], "image/svg+xml");
    assert!(drawn.body.as_str().unwrap().contains("<svg"));
    // Somebody else's badge is not this person's.
    for method in [Method::GET, Method::DELETE] {
        let other = house.ask(method, dora, &badge, None).await;
        other.is(404, "Badge not found");
    }
    assert_eq!(
        house.ask(Method::DELETE, carl, &badge, None).await.status,
        204
    );
    house
        .ask(Method::DELETE, carl, &badge, None)
        .await
        .is(404, "Badge not found");
    house
        .ask(Method::GET, carl, &badge, None)
        .await
        .is(404, "Badge not found");
    let ways = house.ways(carl).await;
    assert!(ways["badges"][0]["revoked"].is_string(), "{ways}");
    assert_eq!(ways["changes"][0]["what"], "badge_revoked");
    assert_eq!(ways["changes"][0]["badge"], made.body["id"]);
}

#[tokio::test]
async fn a_readers_badge_is_one_persons() {
    let house = House::new().await;
    let (carl, dora) = (&house.carl, &house.dora);
    let issue = async |person: &str, text: &str| {
        house
            .ask(
                Method::POST,
                person,
                "badges",
                Some(json!({"reader": text})),
            )
            .await
    };
    let made = issue(carl, "0012345678").await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(house.ways(carl).await["badges"][0]["reader"], "0012345678");
    issue(dora, "0012345678").await.is(
        409,
        "the badge is somebody's already; revoke it there first",
    );
    // It has no picture: it is one already.
    let badge = format!("badges/{}", made.body["id"].as_str().unwrap());
    house
        .ask(Method::GET, carl, &badge, None)
        .await
        .is(404, "Badge not found");
    assert_eq!(
        house.ask(Method::DELETE, carl, &badge, None).await.status,
        204
    );
    assert_eq!(issue(dora, "0012345678").await.status, 201);
    for text in [
        "",
        "123",
        "12 34 56",
        "qr:00000000000000000000000000000001",
        &"1".repeat(129),
    ] {
        let refused = issue(carl, text).await;
        assert_eq!(
            refused.fields(),
            [("reader".to_owned(), "value_error".to_owned())],
            "{text}"
        );
    }
    for n in 0..16 {
        assert_eq!(issue(carl, &format!("badge-{n}")).await.status, 201);
    }
    issue(carl, "badge-16")
        .await
        .is(409, "there are as many badges as there may be");
}

#[tokio::test]
async fn somebody_without_a_photograph_is_added_too() {
    let house = House::new().await;
    let form = || {
        reqwest::multipart::Form::new()
            .text("username", "Grace")
            .text("email", "grace@example.org")
            .text("password", crate::server::PASSWORD)
            .text("hourly_rate", "18")
    };
    // As a browser sends it where nobody chose a file.
    let none = reqwest::multipart::Part::bytes(Vec::new()).file_name("");
    let add = |form| {
        house
            .server
            .upload("/api/v1/employees", Some(&house.token), form)
    };
    let answer = add(form().part("image", none)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    add(form()).await.is(400, "Employee already exists");
    let fields = add(form().text("image", "x")).await.fields();
    assert_eq!(fields, [("image".to_owned(), "value_error".to_owned())]);
    let grace = answer.body["id"].as_str().unwrap();
    assert_eq!(house.pin(grace).await["number"], 10);
}
