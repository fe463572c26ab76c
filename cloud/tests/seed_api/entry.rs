//! Route 2, tokens, and what guessing brings.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::pictures::bundled;
use crate::server::{PASSWORD, Server, email};

#[tokio::test]
async fn a_password_opens_with_either_kind_of_form() {
    let server = Server::open();
    let id = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let fields = [("email", "ADA@example.org"), ("password", PASSWORD)];
    let answer = server.post("/login/password", &fields).await;
    assert_eq!(answer.status, 200);
    let mut body = answer.body.clone();
    let token = body["access_token"].take().as_str().unwrap().to_owned();
    assert_eq!(
        body,
        json!({"access_token": null, "token_type": "bearer", "user_type": "employer",
               "username": "Ada", "email": "ada@example.org"})
    );
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["type"]),
        (&id.into(), &"employer".into())
    );
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 30 * 60);
    for claim in ["jti", "aud", "iss"] {
        assert!(claims[claim].is_string(), "{claim}");
    }

    let form = Form::new()
        .text("email", email("Ada"))
        .text("password", PASSWORD);
    assert_eq!(
        server.upload("/login/password", None, form).await.status,
        200
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_look_the_same() {
    let server = Server::open();
    server.employer("Ada", &bundled("obama.jpg"), false).await;
    for (email, password) in [
        ("ada@example.org", "not-her-password"),
        ("nobody@example.org", PASSWORD),
        ("ada@example.org", &"x".repeat(100)),
        ("ada@example.org", "with\0nul"),
    ] {
        server
            .post(
                "/login/password",
                &[("email", email), ("password", password)],
            )
            .await
            .is(401, "Invalid email or password");
    }
    let answer = server.post("/login/password", &[("email", "a@b")]).await;
    assert_eq!(
        answer.fields(),
        [("password".to_owned(), "missing".to_owned())]
    );
    let answer = server
        .json("/login/password", &json!({"email": "a@b"}))
        .await;
    assert_eq!(
        answer.fields().len(),
        2,
        "a body of another kind holds no field"
    );
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let server = Server::open();
    server.employer("Ada", &bundled("obama.jpg"), false).await;
    let guess = async |password: &str| {
        server
            .post(
                "/login/password",
                &[("email", "ada@example.org"), ("password", password)],
            )
            .await
    };
    for _ in 0..5 {
        guess("a wrong password")
            .await
            .is(401, "Invalid email or password");
    }
    let answer = guess(PASSWORD).await;
    assert_eq!(
        answer.status, 429,
        "the right one has to wait too: {answer:?}"
    );
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&seconds));
    server.employer("Bea", &bundled("biden.jpg"), false).await;
    server.token("Bea").await;
}

#[tokio::test]
async fn a_token_is_forged_by_nobody_and_ends_at_log_out() {
    let server = Server::open();
    server.employer("Ada", &bundled("obama.jpg"), false).await;
    let token = server.token("Ada").await;
    let invalid = "Invalid authentication credentials";

    let parts: Vec<&str> = token.split('.').collect();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let mut signature = parts[2].to_owned();
    signature.replace_range(0..1, if signature.starts_with('A') { "B" } else { "A" });
    for forged in [
        format!("{}.{}.{signature}", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        "x".to_owned(),
    ] {
        let answer = server.get("/employer/details", Some(&forged)).await;
        answer.is(401, invalid);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }

    let other = server.token("Ada").await;
    let request = server
        .ask(Method::DELETE, "/api/v1/session")
        .bearer_auth(&token);
    assert_eq!(server.send(request).await.status, 204);
    server
        .get("/employer/details", Some(&token))
        .await
        .is(401, invalid);
    assert_eq!(
        server.get("/employer/details", Some(&other)).await.status,
        200
    );
}

#[tokio::test]
async fn no_secret_is_in_a_log_or_a_metric() {
    let server = Server::open();
    server.employer("Ada", &bundled("obama.jpg"), true).await;
    let token = server.token("Ada").await;
    server.get("/employer/details", Some(&token)).await;
    server
        .post(
            "/login/password",
            &[
                ("email", "ada@example.org"),
                ("password", "canary-wrong-one"),
            ],
        )
        .await;
    server
        .get(&format!("/setup?token={PASSWORD}"), Some("canary-token"))
        .await;
    let cookie = server
        .json(
            "/api/v1/session",
            &json!({"email": "ada@example.org", "password": PASSWORD}),
        )
        .await;
    let cookie = cookie.headers["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().split_once('=').unwrap().1;
    let metrics = server.client.get(format!("{}/metrics", server.metrics));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    let log = server.log();
    assert!(log.contains("answered"), "{log}");
    let stored = std::fs::read(server.data().join("secrets/token.key")).unwrap();
    let hex: String = stored.iter().map(|byte| format!("{byte:02x}")).collect();
    for (where_, text) in [("log", &log), ("metrics", &metrics)] {
        for secret in [
            "canary",
            &token,
            cookie,
            "ada@example.org",
            &hex,
            "$2b$",
            "127.0.0.1:0",
        ] {
            assert!(!text.contains(secret), "{secret} is in the {where_}");
        }
    }
}

#[tokio::test]
async fn guesses_at_the_same_time_are_no_more_than_one_after_another() {
    let server = Server::open();
    server.employer("Ada", &bundled("obama.jpg"), false).await;
    let email = email("Ada");
    let mut guesses = tokio::task::JoinSet::new();
    for guess in 0..48 {
        let password = format!("wrong-password-{guess}");
        let fields = [("email", email.as_str()), ("password", password.as_str())];
        let request = server.ask(Method::POST, "/login/password").form(&fields);
        guesses.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    let tried = guesses.join_all().await;
    let checked = tried.iter().filter(|status| **status == 401).count();
    assert!(checked <= 5, "{checked} guesses were checked: {tried:?}");
}
