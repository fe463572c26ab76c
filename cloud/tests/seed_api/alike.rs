//! Two people whose faces are too much alike are somebody's to settle; and everything that is kept about one.

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::pictures::bundled;
use crate::server::{Answer, PASSWORD, Server, email, part};

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

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.server.ask(method, path).bearer_auth(&self.owner);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.server.send(request).await
    }

    async fn person(&self, name: &str, pictures: &[&str]) -> String {
        let form = Form::new()
            .text("username", name.to_owned())
            .text("email", email(name))
            .text("password", PASSWORD)
            .text("hourly_rate", "18")
            .text("consent", "paper");
        let form = pictures.iter().fold(form, |form, picture| {
            form.part("image", part(&bundled(picture)))
        });
        let added = self
            .server
            .upload("/api/v1/employees", Some(&self.owner), form)
            .await;
        assert_eq!(added.status, 201, "{added:?}");
        added.body["id"].as_str().unwrap().to_owned()
    }

    async fn enrol(&self, person: &str, picture: &str) -> Answer {
        let form = Form::new()
            .text("consent", "paper")
            .part("image", part(&bundled(picture)));
        let path = format!("/api/v1/people/{person}/face");
        self.server.upload(&path, Some(&self.owner), form).await
    }

    async fn alike(&self) -> Value {
        self.ask(Method::GET, "/api/v1/alike", None).await.body
    }
}

#[tokio::test]
async fn a_double_is_refused_kept_and_settled() {
    let house = House::new().await;
    let carl = house.person("Carl", &["obama.jpg", "obama3.jpg"]).await;
    let dora = house.person("Dora", &[]).await;
    assert_eq!(house.alike().await, json!([]));
    house
        .enrol(&dora, "obama2.jpg")
        .await
        .is(400, "Face already registered");
    let pair = house.alike().await[0].clone();
    assert_eq!(
        [
            &pair["person"],
            &pair["other"],
            &pair["kind"],
            &pair["settled"]
        ],
        [&json!(dora), &json!(carl), &json!("double"), &Value::Null]
    );
    let path = format!("/api/v1/people/{carl}/alike");
    let settle = |other: &str, settled: &str| {
        let body = json!({"other": other, "settled": settled});
        house.ask(Method::PUT, &path, Some(body))
    };
    settle(&carl, "twins")
        .await
        .is(404, "Nothing was found of these two");
    assert_eq!(settle(&dora, "cousins").await.fields()[0].0, "settled");
    assert_eq!(settle(&dora, "same").await.status, 204);
    house
        .enrol(&dora, "obama2.jpg")
        .await
        .is(400, "Face already registered");
    assert_eq!(settle(&dora, "twins").await.status, 204);
    assert_eq!(house.enrol(&dora, "obama2.jpg").await.status, 204);
    let pair = house.alike().await[0].clone();
    assert_eq!(pair["settled_as"], "twins");
    let log = house.ask(Method::GET, "/api/v1/audit", None).await;
    let what: Vec<_> = log.body["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["what"].as_str().unwrap().to_owned())
        .collect();
    let count = |word: &str| what.iter().filter(|one| *one == word).count();
    assert_eq!((count("alike_found"), count("alike_settled")), (1, 2));
}

#[tokio::test]
async fn everything_about_a_person_is_theirs_to_take() {
    let house = House::new().await;
    let carl = house.person("Carl", &["obama.jpg"]).await;
    let token = house.server.token("Carl").await;
    let form = Form::new().part("image", part(&bundled("obama2.jpg")));
    let punched = house
        .server
        .upload("/attendance/checkin", Some(&token), form)
        .await;
    assert_eq!(punched.status, 200, "{punched:?}");
    let own = house.server.get("/api/v1/me/export", Some(&token)).await;
    assert_eq!(own.status, 200, "{own:?}");
    let file = own.headers["content-disposition"].to_str().unwrap();
    assert!(file.starts_with("attachment; filename=\"limen-"), "{file}");
    let all = &own.body;
    assert_eq!(all["account"]["email"], email("Carl").as_str());
    assert_eq!(all["work"]["rates"][0]["hourly_rate"], "18.000000");
    assert_eq!(all["face"]["consents"][0]["how"], "paper");
    assert_eq!(all["face"]["templates"][0]["photos"], 1);
    assert_eq!(all["punches"][0]["said"]["person"], carl.as_str());
    assert_eq!(all["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(all["audit"][0]["what"], "person_added");
    assert_eq!(all["log_ins"][0]["kind"], "token");
    assert!(all.get("numbers").is_none());
    assert!(!all.to_string().contains("password"));
    let path = "/api/v1/me/export?numbers=true";
    let own = house.server.get(path, Some(&token)).await.body;
    assert_eq!(own["numbers"][0][0].as_array().unwrap().len(), 128);

    // The office sees the same, and never the numbers.
    let path = format!("/api/v1/people/{carl}/export?numbers=true");
    let office = house.ask(Method::GET, &path, None).await.body;
    assert!(office.get("numbers").is_none());
    assert_eq!(office["punches"], all["punches"]);
    let last = office["audit"].as_array().unwrap().last().unwrap();
    assert_eq!(
        [&last["what"], &last["by"]],
        ["person_exported", carl.as_str()]
    );
}
