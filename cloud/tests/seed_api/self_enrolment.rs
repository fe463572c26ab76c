//! People enrol their own face by a link that works once, or say no.

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::pictures::{bundled, nobody, side_by_side};
use crate::server::{Answer, PASSWORD, Server, email, part};

const GONE: &str = "The link or invitation is unknown, used or expired";

struct House {
    server: Server,
    owner: String,
}

impl House {
    async fn new() -> Self {
        let server = Server::open();
        server
            .employer("Ada", &bundled("astronaut.png"), false)
            .await;
        let owner = server.token("Ada").await;
        Self { server, owner }
    }

    /// Somebody without a face.
    async fn person(&self, name: &str) -> String {
        let form = Form::new()
            .text("username", name.to_owned())
            .text("email", email(name))
            .text("password", PASSWORD)
            .text("hourly_rate", "18");
        let added = self
            .server
            .upload("/api/v1/employees", Some(&self.owner), form)
            .await;
        assert_eq!(added.status, 201, "{added:?}");
        added.body["id"].as_str().unwrap().to_owned()
    }

    /// The secret of a new link.
    async fn link(&self, person: &str) -> String {
        let path = format!("/api/v1/people/{person}/enrolment-link");
        let request = self
            .server
            .ask(Method::POST, &path)
            .bearer_auth(&self.owner);
        let made = self.server.send(request.json(&json!({}))).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.body["sent"], false);
        let link = made.body["link"].as_str().unwrap();
        link.strip_prefix("/enrol?token=").unwrap().to_owned()
    }

    async fn by_link(&self, method: Method, rest: &str, token: &str, form: Option<Form>) -> Answer {
        let path = format!("/api/v1/enrolment{rest}");
        let mut request = self.server.ask(method, &path).header("x-limen-link", token);
        if let Some(form) = form {
            request = request.multipart(form);
        }
        self.server.send(request).await
    }

    async fn agree(&self, token: &str, version: &str, pictures: &[&str]) -> Answer {
        let form = Form::new()
            .text("agree", "true")
            .text("version", version.to_owned())
            .text("language", "es");
        let form = pictures.iter().fold(form, |form, picture| {
            form.part("image", part(&bundled(picture)))
        });
        self.by_link(Method::POST, "", token, Some(form)).await
    }

    async fn consents(&self, person: &str) -> Value {
        let path = format!("/api/v1/people/{person}/consents");
        self.server.get(&path, Some(&self.owner)).await.body
    }
}

const OBAMA: [&str; 3] = ["obama.jpg", "obama2.jpg", "obama3.jpg"];

#[tokio::test]
async fn somebody_reads_agrees_and_is_enrolled_once() {
    let house = House::new().await;
    let carl = house.person("Carl").await;
    let token = house.link(&carl).await;
    house
        .by_link(Method::GET, "", "made up", None)
        .await
        .is(403, GONE);
    let opened = house.by_link(Method::GET, "", &token, None).await.body;
    assert_eq!(
        [&opened["name"], &opened["organisation"], &opened["version"]],
        ["Carl", "Ada", "2"]
    );
    assert_eq!((&opened["least"], &opened["most"]), (&json!(3), &json!(5)));
    assert!(opened["texts"]["es"].as_str().unwrap().contains("cara"));

    for (picture, reason) in [
        (bundled("obama.jpg"), Value::Null),
        (nobody(), json!("none")),
        (side_by_side("obama.jpg", "biden.jpg"), json!("several")),
        (b"text".to_vec(), json!("unreadable")),
    ] {
        let form = Form::new().part("image", part(&picture));
        let judged = house
            .by_link(Method::POST, "/photo", &token, Some(form))
            .await;
        assert_eq!(judged.body["reason"], reason, "{judged:?}");
        assert_eq!(judged.body["good"], reason.is_null());
    }
    let few = house.agree(&token, "2", &OBAMA[..2]).await;
    assert_eq!(few.fields(), [("image".to_owned(), "too_short".to_owned())]);
    let old = house.agree(&token, "1", &OBAMA).await;
    assert_eq!(
        old.fields(),
        [("language".to_owned(), "value_error".to_owned())]
    );
    let form = Form::new()
        .text("agree", "false")
        .text("version", "2")
        .text("language", "es")
        .part("image", part(&bundled("obama.jpg")));
    let refused = house.by_link(Method::POST, "", &token, Some(form)).await;
    assert_eq!(
        refused.fields(),
        [("agree".to_owned(), "value_error".to_owned())]
    );
    assert_eq!(
        house.consents(&carl).await,
        json!({"consents": [], "templates": []})
    );

    let enrolled = house.agree(&token, "2", &OBAMA).await;
    assert_eq!(enrolled.status, 204, "{enrolled:?}");
    let kept = house.consents(&carl).await;
    let consent = &kept["consents"][0];
    assert_eq!(
        [&consent["how"], &consent["language"], &consent["by"]],
        ["link", "es", carl.as_str()]
    );
    assert_eq!(consent["confirmed"], consent["at"]);
    assert_eq!(kept["templates"][0]["photos"], 3);
    house.agree(&token, "2", &OBAMA).await.is(403, GONE);
    // The secret is nowhere: not in the log, not in the database.
    let page = house
        .server
        .ask(Method::GET, &format!("/enrol?token={token}"));
    assert_eq!(page.send().await.unwrap().status(), 200);
    assert!(!house.server.log().contains(&token));
    let rows = house.server.place().dump();
    let found = rows
        .windows(token.len())
        .any(|window| window == token.as_bytes());
    assert!(!found, "the link's secret is in the database");
}

#[tokio::test]
async fn somebody_says_no_and_nothing_is_kept_but_that() {
    let house = House::new().await;
    let dora = house.person("Dora").await;
    let first = house.link(&dora).await;
    let token = house.link(&dora).await;
    house
        .by_link(Method::GET, "", &first, None)
        .await
        .is(403, GONE);
    let declined = house.by_link(Method::DELETE, "", &token, None).await;
    assert_eq!(declined.status, 204, "{declined:?}");
    house.agree(&token, "2", &OBAMA).await.is(403, GONE);
    assert_eq!(
        house.consents(&dora).await,
        json!({"consents": [], "templates": []})
    );
    let log = house.server.get("/api/v1/audit", Some(&house.owner)).await;
    let entries = log.body["entries"].as_array().unwrap();
    let last = entries.last().unwrap();
    assert_eq!(
        [&last["what"], &last["by"], &last["about"]],
        ["consent_declined", dora.as_str(), dora.as_str()]
    );
}

#[tokio::test]
async fn a_link_ends_and_whoever_guesses_is_slowed_down() {
    let house = House::new().await;
    let carl = house.person("Carl").await;
    let token = house.link(&carl).await;
    let database = house.server.place().database();
    database.change("UPDATE enrolment_links SET expires = 1", &[]);
    house
        .by_link(Method::GET, "", &token, None)
        .await
        .is(403, GONE);
    let good = house.link(&carl).await;
    for _ in 0..200 {
        let answer = house.by_link(Method::GET, "", "guess", None).await;
        if answer.status == 429 {
            // Also a picture is not taken in from there.
            let form = Form::new().part("image", part(b"text"));
            let judged = house
                .by_link(Method::POST, "/photo", &good, Some(form))
                .await;
            assert_eq!(judged.status, 429, "{judged:?}");
            return;
        }
    }
    panic!("two hundred guesses were let through");
}
