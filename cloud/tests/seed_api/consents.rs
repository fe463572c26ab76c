//! What people agree to before their face is enrolled, and what becomes of it when they take it back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
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

    async fn ask(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Answer {
        let mut request = self.server.ask(method, path).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.server.send(request).await
    }

    async fn owner(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.ask(method, path, &self.owner, body).await
    }

    /// Enrols somebody with these fields of a consent.
    async fn enrol(&self, name: &str, picture: &str, consent: &[(&'static str, &str)]) -> Answer {
        let form = Form::new()
            .text("username", name.to_owned())
            .text("email", email(name))
            .text("password", PASSWORD)
            .text("hourly_rate", "18")
            .part("image", part(&bundled(picture)));
        let form = consent.iter().fold(form, |form, (key, value)| {
            form.text(*key, (*value).to_owned())
        });
        self.server
            .upload("/api/v1/employees", Some(&self.owner), form)
            .await
    }

    async fn consents(&self, person: &str) -> Value {
        let path = format!("/api/v1/people/{person}/consents");
        let found = self.owner(Method::GET, &path, None).await;
        assert_eq!(found.status, 200, "{found:?}");
        found.body
    }

    async fn deeds(&self) -> Vec<String> {
        let log = self.owner(Method::GET, "/api/v1/audit", None).await;
        let entries = log.body["entries"].as_array().unwrap();
        let what = |entry: &Value| entry["what"].as_str().unwrap().to_owned();
        entries.iter().map(what).collect()
    }
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_face_is_enrolled_without_a_consent() {
    let house = House::new().await;
    let refused = house.enrol("Carl", "biden.jpg", &[]).await;
    assert_eq!(
        refused.fields(),
        [("consent".to_owned(), "missing".to_owned())]
    );
    let words = refused.body["errors"][0]["msg"].as_str().unwrap();
    assert!(words.contains("a link to enrol themselves"), "{words}");
    for (fields, wrong) in [
        (vec![("consent", "link")], ("consent", "enum")),
        (
            vec![("consent", "paper"), ("consent_language", "fr")],
            ("language", "value_error"),
        ),
        (
            vec![("consent", "paper"), ("consent_version", "own-1")],
            ("version", "value_error"),
        ),
        (
            vec![("consent", "paper"), ("consent_at", "2999-01-01T00:00:00Z")],
            ("consent_at", "value_error"),
        ),
    ] {
        let answer = house.enrol("Carl", "biden.jpg", &fields).await;
        let (field, kind) = wrong;
        assert_eq!(answer.fields(), [(field.to_owned(), kind.to_owned())]);
    }
    let given = [
        ("consent", "paper"),
        ("consent_language", "de"),
        ("consent_at", "2026-03-01T08:00:00Z"),
    ];
    let carl = id(&house.enrol("Carl", "biden.jpg", &given).await);
    let kept = house.consents(&carl).await;
    let consent = &kept["consents"][0];
    assert_eq!(
        [
            &consent["how"],
            &consent["version"],
            &consent["language"],
            &consent["at"]
        ],
        ["paper", "2", "de", "2026-03-01T08:00:00Z"]
    );
    assert_eq!(kept["templates"][0]["consent"], consent["id"]);
    assert_eq!(kept["templates"][0]["photos"], 1);
    assert!(house.deeds().await.contains(&"consent_recorded".to_owned()));

    // The old route goes on: what it says is kept as what it is.
    let me = house.owner(Method::GET, "/employer/details", None).await;
    let ada = me.body["id"].as_str().unwrap();
    let dora = house
        .server
        .employee("Dora", ada, &house.owner, &bundled("obama.jpg"))
        .await;
    let kept = house.consents(&dora).await;
    let consent = &kept["consents"][0];
    assert_eq!(
        [&consent["how"], &consent["version"], &consent["by"]],
        ["attested", "1", ada]
    );
    assert_eq!(kept["templates"][0]["consent"], consent["id"]);
}

#[tokio::test]
async fn texts_are_added_and_earlier_ones_stay_readable() {
    let house = House::new().await;
    let all = house
        .owner(Method::GET, "/api/v1/consent-texts", None)
        .await;
    assert_eq!(
        all.body[1],
        json!({"version": "2", "current": true, "made": null, "languages": ["ar", "de", "en", "es"]})
    );
    let add = |texts: Value| {
        house.owner(
            Method::POST,
            "/api/v1/consent-texts",
            Some(json!({"texts": texts})),
        )
    };
    for wrong in [
        json!({}),
        json!({"e": "x"}),
        json!({"en": " "}),
        json!({"en": "a\u{7}b"}),
        json!({"en": "x".repeat(16_001)}),
    ] {
        assert_eq!(add(wrong).await.fields()[0].0, "texts");
    }
    let added = add(json!({"fr": "Pouvons-nous ?", "en": "May we?"})).await;
    assert_eq!(added.body, json!({"version": "own-1"}), "{added:?}");
    let given = [("consent", "paper"), ("consent_language", "fr")];
    let carl = id(&house.enrol("Carl", "biden.jpg", &given).await);
    let kept = house.consents(&carl).await;
    assert_eq!(kept["consents"][0]["version"], "own-1");
    let next = add(json!({"en": "May we now?"})).await;
    assert_eq!(next.body["version"], "own-2");
    // What Carl agreed to is there for him to read.
    let token = house.server.token("Carl").await;
    let path = "/api/v1/consent-texts/own-1";
    let read = house.ask(Method::GET, path, &token, None).await;
    assert_eq!(read.body["texts"]["fr"], "Pouvons-nous ?");
    assert_eq!(read.body["current"], false);
    house
        .ask(Method::GET, "/api/v1/consent-texts/own-3", &token, None)
        .await
        .is(404, "Consent text not found");
}

/// The claims of a certificate whose signature holds.
fn verified(signed: &Value) -> Value {
    let x = signed["key"]["x"].as_str().unwrap();
    let key = DecodingKey::from_ed_components(x).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let jws = signed["jws"].as_str().unwrap();
    jsonwebtoken::decode::<Value>(jws, &key, &validation)
        .unwrap()
        .claims
}

#[tokio::test]
async fn a_consent_is_withdrawn_by_the_person_and_the_face_is_gone() {
    let house = House::new().await;
    let carl = id(&house
        .enrol(
            "Carl",
            "biden.jpg",
            &[("consent", "paper"), ("face_login", "true")],
        )
        .await);
    let pin = house
        .owner(Method::POST, &format!("/api/v1/people/{carl}/pin"), None)
        .await;
    assert_eq!(pin.status, 201);
    let person = carl.parse::<uuid::Uuid>().unwrap();
    let database = house.server.place().database();
    let held = "SELECT sealed FROM templates WHERE person = $1";
    let sealed = match &database.rows(held, &[person])[0][0] {
        crate::database::Value::Bytes(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    let token = house.server.token("Carl").await;
    let gone = house
        .ask(Method::DELETE, "/api/v1/me/face", &token, None)
        .await;
    assert!(gone.body["erasure"].is_string(), "{gone:?}");
    let again = house
        .ask(Method::DELETE, "/api/v1/me/face", &token, None)
        .await;
    assert_eq!(again.body["erasure"], Value::Null);

    let kept = house
        .ask(Method::GET, "/api/v1/me/consents", &token, None)
        .await
        .body;
    assert_eq!(kept["templates"], json!([]));
    for consent in kept["consents"].as_array().unwrap() {
        assert_eq!(consent["withdrawn_by"], carl.as_str(), "{consent}");
    }
    assert!(database.rows(held, &[person]).is_empty());
    if matches!(database, crate::database::Database::Sqlite(_)) {
        for file in ["limen.db", "limen.db-wal"] {
            let bytes = std::fs::read(house.server.data().join(file)).unwrap();
            let found = bytes.windows(32).any(|window| window == &sealed[..32]);
            assert!(!found, "the template is still in {file}");
        }
    }
    // They come in by the PIN as before, and by the face no more.
    let ways = house
        .owner(Method::GET, &format!("/api/v1/people/{carl}/ways"), None)
        .await;
    assert_eq!(ways.body["has_pin"], true);
    let form = Form::new().part("image", part(&bundled("biden.jpg")));
    let log_in = house.server.upload("/login/face", None, form).await;
    assert_eq!(log_in.status, 401);

    let path = format!("/api/v1/people/{carl}/erasures");
    let signed = house.owner(Method::GET, &path, None).await.body[0].clone();
    assert_eq!(verified(&signed), signed["certificate"]);
    let certificate = &signed["certificate"];
    assert_eq!(
        (
            &certificate["why"],
            &certificate["by"],
            &certificate["complete"]
        ),
        (&json!("withdrawn"), &json!(carl), &json!(true))
    );
    assert_eq!(certificate["templates"][0]["photos"], 1);
    let mut forged: Vec<String> = signed["jws"]
        .as_str()
        .unwrap()
        .split('.')
        .map(str::to_owned)
        .collect();
    let payload = URL_SAFE_NO_PAD.decode(&forged[1]).unwrap();
    let text = String::from_utf8(payload)
        .unwrap()
        .replace("withdrawn", "left");
    forged[1] = URL_SAFE_NO_PAD.encode(text);
    let x = signed["key"]["x"].as_str().unwrap();
    let key = DecodingKey::from_ed_components(x).unwrap();
    let message = format!("{}.{}", forged[0], forged[1]);
    let holds =
        jsonwebtoken::crypto::verify(&forged[2], message.as_bytes(), &key, Algorithm::EdDSA);
    assert!(!holds.unwrap());
    assert!(
        house
            .deeds()
            .await
            .contains(&"consent_withdrawn".to_owned())
    );

    // Without a new consent the face is not enrolled again.
    let again = |consent: bool| {
        let form = Form::new().part("image", part(&bundled("biden.jpg")));
        let form = if consent {
            form.text("consent", "paper")
        } else {
            form
        };
        let path = format!("/api/v1/people/{carl}/face");
        let owner = &house.owner;
        let server = &house.server;
        async move { server.upload(&path, Some(owner), form).await }
    };
    let refused = again(false).await;
    assert_eq!(
        refused.fields(),
        [("consent".to_owned(), "missing".to_owned())]
    );
    assert_eq!(again(true).await.status, 204);
    // Now one stands: better pictures need no other, and the own face is nobody else's.
    assert_eq!(again(false).await.status, 204);
    let office = house
        .owner(Method::DELETE, &format!("/api/v1/people/{carl}/face"), None)
        .await;
    assert!(office.body["erasure"].is_string(), "{office:?}");
    let all = house
        .ask(Method::GET, "/api/v1/me/erasures", &token, None)
        .await;
    assert_eq!(all.body.as_array().unwrap().len(), 2);
}
