//! `/api/v1/session` and one's own account.

use reqwest::Method;
use serde_json::json;

use crate::pictures::bundled;
use crate::server::{PASSWORD, Server, config};

#[tokio::test]
async fn a_cookie_is_for_our_own_page_only() {
    let server = Server::open();
    server.employer("Ada", &bundled("obama.jpg"), false).await;
    let credentials = json!({"email": "ada@example.org", "password": PASSWORD});
    let answer = server.json("/api/v1/session", &credentials).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["user_type"], "employer");
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    for word in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(word), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();

    let ask = |method: Method, path: &str| server.ask(method, path).header("cookie", &cookie);
    let who = server.send(ask(Method::GET, "/api/v1/session")).await;
    assert_eq!(
        (who.status.as_u16(), &who.body["username"]),
        (200, &"Ada".into())
    );
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
    ] {
        let refused = "Requests from other sites are refused";
        let request = ask(Method::PUT, "/api/v1/face-login")
            .header(name, value)
            .json(&json!({"on": true}));
        server.send(request).await.is(403, refused);
        let request = server
            .ask(Method::POST, "/api/v1/session")
            .header(name, value)
            .json(&credentials);
        server.send(request).await.is(403, refused);
    }
    let request = ask(Method::PUT, "/api/v1/face-login")
        .header("sec-fetch-site", "same-origin")
        .json(&json!({"on": true}));
    assert_eq!(server.send(request).await.body, json!({"on": true}));

    let out = server.send(ask(Method::DELETE, "/api/v1/session")).await;
    assert_eq!(out.status, 204);
    assert!(
        out.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    server
        .send(ask(Method::GET, "/api/v1/session"))
        .await
        .is(401, "Invalid authentication credentials");
}

#[tokio::test]
async fn behind_a_tls_proxy_cookies_are_secure() {
    let config = config("registration = \"open\"") + "behind_tls_proxy = true\n";
    let server = Server::configured(&config);
    server.employer("Ada", &bundled("obama.jpg"), false).await;
    let credentials = json!({"email": "ada@example.org", "password": PASSWORD});
    let answer = server.json("/api/v1/session", &credentials).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-limen=") && cookie.contains("; Secure"),
        "{cookie}"
    );
    assert!(answer.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn json_bodies_are_checked() {
    let server = Server::open();
    let answer = server
        .json("/api/v1/session", &json!({"email": "a@b"}))
        .await;
    assert_eq!(
        answer.fields(),
        [("password".to_owned(), "missing".to_owned())]
    );
    for body in [
        "{",
        "[]",
        "{\"email\":1}",
        "{\"email\":\"a\",\"password\":\"b\",\"more\":1}",
    ] {
        let request = server
            .ask(Method::POST, "/api/v1/session")
            .header("content-type", "application/json")
            .body(body);
        assert_eq!(server.send(request).await.status, 422, "{body}");
    }
    let form = server
        .post("/api/v1/session", &[("email", "a"), ("password", "b")])
        .await;
    assert_eq!(form.status, 415, "another site's form can't log anybody in");
    let request = server
        .ask(Method::POST, "/api/v1/session")
        .header("content-type", "application/json")
        .body("x".repeat(100_000));
    assert_eq!(server.send(request).await.status, 413);
}

#[tokio::test]
async fn a_new_password_ends_all_sessions() {
    let server = Server::open();
    server.employer("Ada", &bundled("obama.jpg"), false).await;
    let (one, two) = (server.token("Ada").await, server.token("Ada").await);
    let change = async |old: &str, new: &str| {
        let request = server
            .ask(Method::PUT, "/api/v1/password")
            .bearer_auth(&one)
            .json(&json!({"old": old, "new": new}));
        server.send(request).await
    };
    change("wrong-wrong-wrong", "another-quartz-lantern")
        .await
        .is(401, "Invalid email or password");
    assert_eq!(change(PASSWORD, "short").await.fields()[0].0, "new");
    assert_eq!(change(PASSWORD, "another-quartz-lantern").await.status, 204);
    for token in [&one, &two] {
        server
            .get("/employer/details", Some(token))
            .await
            .is(401, "Invalid authentication credentials");
    }
    let fields = [
        ("email", "ada@example.org"),
        ("password", "another-quartz-lantern"),
    ];
    assert_eq!(server.post("/login/password", &fields).await.status, 200);
}
