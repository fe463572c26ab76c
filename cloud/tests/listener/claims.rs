//! The claim, over HTTP as terminals and the page use it.

use std::sync::Arc;

use limen_cloud::site::Scope;
use limen_cloud::{http, terminals};
use limen_wire::claim::{BeginAnswer, Begun, FinishAnswer, FinishRequest, Secret, Waiting};
use limen_wire::{SealingSecret, SecretKey};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::house::{House, random};
use crate::terminal::{Identity, Line, Outbox};

/// The cloud's address.
async fn served(house: &House) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = http::router(Arc::clone(&house.app))
        .into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn post(url: String, body: &impl serde::Serialize) -> (StatusCode, Value) {
    let answer = reqwest::Client::new()
        .post(url)
        .json(body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap())
}

struct Claiming {
    cloud: String,
    key: SecretKey,
    sealing: SealingSecret,
}

impl Claiming {
    fn new(cloud: &str) -> Self {
        Self {
            cloud: cloud.to_owned(),
            key: SecretKey::from_seed(random()),
            sealing: SealingSecret::from_seed(random()),
        }
    }

    async fn begin(&self, secret: Secret) -> Result<(Waiting, FinishRequest), (StatusCode, Value)> {
        let (begun, request) =
            Begun::new(secret, self.key.public(), self.sealing.public(), random());
        let (status, body) = post(format!("{}/api/v1/claim/begin", self.cloud), &request).await;
        if status != StatusCode::OK {
            return Err((status, body));
        }
        let answer: BeginAnswer = serde_json::from_value(body).unwrap();
        Ok(begun.answered(answer, &self.key).unwrap())
    }

    async fn finish(&self, request: &FinishRequest) -> Result<FinishAnswer, (StatusCode, Value)> {
        let (status, body) = post(format!("{}/api/v1/claim/finish", self.cloud), request).await;
        if status != StatusCode::OK {
            return Err((status, body));
        }
        Ok(serde_json::from_value(body).unwrap())
    }
}

fn same(secret: &Secret) -> Secret {
    Secret::from_bytes(*secret.to_bytes())
}

#[tokio::test]
async fn a_terminal_is_claimed_with_twelve_words() {
    let house = House::new().await;
    let cloud = served(&house).await;
    let claiming = Claiming::new(&cloud);
    let secret = house.code("Front door").await;
    let (waiting, request) = claiming.begin(secret).await.unwrap();
    let granted = claiming.finish(&request).await.unwrap();
    // The answer was lost on the line: asked again, it comes again.
    let again = claiming.finish(&request).await.unwrap();
    assert_eq!(again.terminal, granted.terminal);
    let claimed = waiting.finished(granted).unwrap();
    assert!(
        claimed.mqtt[0].starts_with("mqtts://localhost:"),
        "{:?}",
        claimed.mqtt
    );
    assert!(
        claimed
            .mqtt
            .iter()
            .any(|at| *at == format!("mqtt://{}", house.mqtt))
    );
    assert!(
        claimed
            .certificate
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    let list = terminals::list(&house.app, house.tenant, &Scope::ALL)
        .await
        .unwrap();
    assert_eq!(
        (list.len(), list[0].name.as_str(), list[0].online),
        (1, "Front door", false)
    );
    let identity = Identity {
        claimed,
        key: Arc::new(claiming.key),
        sealing: Arc::new(claiming.sealing),
    };
    let _line = Line::greeted(&identity, house.mqtt, &Outbox::new()).await;
    let list = terminals::list(&house.app, house.tenant, &Scope::ALL)
        .await
        .unwrap();
    assert!(list[0].online);
}

#[tokio::test]
async fn a_code_that_is_wrong_used_or_expired_is_refused_in_words() {
    let house = House::new().await;
    let cloud = served(&house).await;
    let claiming = Claiming::new(&cloud);

    let unknown = Secret::from_bytes(random());
    let (status, body) = claiming.begin(unknown).await.unwrap_err();
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .contains("no such claim code"),
        "{body}"
    );

    let secret = house.code("Front door").await;
    // The id of the code, and a secret that is another's.
    let (_, mut request) = Begun::new(
        same(&secret),
        claiming.key.public(),
        claiming.sealing.public(),
        random(),
    );
    request.proof = limen_wire::Hash(random());
    let (status, body) = post(format!("{cloud}/api/v1/claim/begin"), &request).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{body}");

    let (_, request) = claiming.begin(same(&secret)).await.unwrap();
    let mut unproved = request.clone();
    unproved.proof = limen_wire::Hash(random());
    assert_eq!(
        claiming.finish(&unproved).await.unwrap_err().0,
        StatusCode::FORBIDDEN
    );
    claiming.finish(&request).await.unwrap();
    let (status, body) = claiming.begin(same(&secret)).await.unwrap_err();
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body["detail"].as_str().unwrap().contains("used"), "{body}");
    assert_eq!(
        claiming.finish(&unproved).await.unwrap_err().0,
        StatusCode::CONFLICT
    );

    let late = house.code("Back door").await;
    let (_, request) = claiming.begin(same(&late)).await.unwrap();
    house.age_claims();
    let (status, body) = claiming.begin(late).await.unwrap_err();
    assert_eq!(status, StatusCode::GONE);
    assert!(
        body["detail"].as_str().unwrap().contains("expired"),
        "{body}"
    );
    assert_eq!(
        claiming.finish(&request).await.unwrap_err().0,
        StatusCode::GONE
    );

    let (status, _) = post(format!("{cloud}/api/v1/claim/begin"), &json!({"claim": 7})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        terminals::list(&house.app, house.tenant, &Scope::ALL)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn of_a_hundred_claims_at_once_one_wins() {
    let house = House::new().await;
    let cloud = served(&house).await;
    let secret = house.code("Front door").await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (claiming, secret) = (Claiming::new(&cloud), same(&secret));
        all.spawn(async move {
            let (_, request) = claiming.begin(secret).await.map_err(|(status, _)| status)?;
            claiming
                .finish(&request)
                .await
                .map(|granted| granted.terminal)
                .map_err(|(status, _)| status)
        });
    }
    let ends = all.join_all().await;
    let won: Vec<_> = ends.iter().filter_map(|end| end.as_ref().ok()).collect();
    assert_eq!(won.len(), 1, "{ends:?}");
    for end in &ends {
        let lost = [StatusCode::CONFLICT, StatusCode::FORBIDDEN];
        assert!(
            end.as_ref()
                .err()
                .is_none_or(|status| lost.contains(status)),
            "{end:?}"
        );
    }
    let list = terminals::list(&house.app, house.tenant, &Scope::ALL)
        .await
        .unwrap();
    assert_eq!((list.len(), list[0].id), (1, *won[0]));
}

#[tokio::test]
async fn guessing_codes_is_slowed_down() {
    let house = House::new().await;
    let cloud = served(&house).await;
    let claiming = Claiming::new(&cloud);
    let secret = Secret::from_bytes(random());
    let mut slowed = 0;
    for _ in 0..10 {
        let refused = claiming.begin(same(&secret)).await.unwrap_err().0;
        slowed += u32::from(refused == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(slowed, 5);
}

#[tokio::test]
async fn the_page_makes_codes_and_revokes() {
    let house = House::new().await;
    let cloud = served(&house).await;
    let client = reqwest::Client::builder()
        .cookie_store(true)
        .build()
        .unwrap();
    let refused = client
        .post(format!("{cloud}/api/v1/claims"))
        .json(&json!({"name": "Front door"}))
        .send();
    assert_eq!(refused.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let logged_in = client
        .post(format!("{cloud}/api/v1/session"))
        .json(&json!({"email": "owner@example.org", "password": "correct horse battery staple"}))
        .send();
    assert!(logged_in.await.unwrap().status().is_success());
    let made = client
        .post(format!("{cloud}/api/v1/claims"))
        .header("origin", &cloud)
        .json(&json!({"name": "Front door"}))
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    let code: Value = made.json().await.unwrap();
    assert_eq!(code["words"].as_str().unwrap().split(' ').count(), 12);
    let secret = Secret::from_words(code["words"].as_str().unwrap()).unwrap();
    let claiming = Claiming::new(&cloud);
    let (waiting, request) = claiming.begin(secret).await.unwrap();
    let claimed = waiting
        .finished(claiming.finish(&request).await.unwrap())
        .unwrap();
    let shown: Value = client
        .get(format!("{cloud}/api/v1/terminals"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(shown[0]["id"], json!(claimed.terminal));
    assert_eq!(
        (&shown[0]["name"], &shown[0]["waiting"]),
        (&json!("Front door"), &json!(0))
    );
    for (id, status) in [
        (claimed.terminal.to_string(), StatusCode::NO_CONTENT),
        (claimed.terminal.to_string(), StatusCode::NOT_FOUND),
        ("x".to_owned(), StatusCode::NOT_FOUND),
    ] {
        let gone = client
            .delete(format!("{cloud}/api/v1/terminals/{id}"))
            .header("origin", &cloud)
            .send();
        assert_eq!(gone.await.unwrap().status(), status, "{id}");
    }
    for name in ["", "   ", "a\nb", &"x".repeat(65)] {
        let refused = client
            .post(format!("{cloud}/api/v1/claims"))
            .header("origin", &cloud)
            .json(&json!({"name": name}))
            .send();
        assert_eq!(
            refused.await.unwrap().status(),
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
}
