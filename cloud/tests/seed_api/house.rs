//! Route 1, the page, health, the OpenAPI file, metrics, and what all answers have in common.

use reqwest::Method;
use reqwest::header;

use crate::server::Server;

#[tokio::test]
async fn the_root_greets_programs_and_shows_browsers_the_page() {
    let server = Server::open();
    let answer = server.get("/", None).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body["message"].is_string(), "{answer:?}");

    let html = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = server
        .send(server.ask(Method::GET, "/").header(header::ACCEPT, html))
        .await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    for word in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(word), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(page.body.as_str().unwrap().contains("<!doctype html>"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");

    let tag = page.headers["etag"].clone();
    let again = server
        .send(
            server
                .ask(Method::GET, "/")
                .header(header::ACCEPT, html)
                .header(header::IF_NONE_MATCH, tag),
        )
        .await;
    assert_eq!(again.status, 304);

    let script = server.get("/assets/index.js", None).await;
    assert_eq!(script.status, 200);
    assert_eq!(
        script.headers["content-type"],
        "text/javascript; charset=utf-8"
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let server = Server::open();
    server.get("/nowhere", None).await.is(404, "Not Found");
    server
        .get("/../../etc/passwd", None)
        .await
        .is(404, "Not Found");
    server
        .get("/login/password", None)
        .await
        .is(405, "Method Not Allowed");
    let health = server.get("/healthz", None).await;
    assert_eq!(
        (health.status.as_u16(), &health.body["status"]),
        (200, &"ok".into())
    );
    assert_eq!(health.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn the_openapi_file_describes_every_route() {
    let server = Server::open();
    let answer = server.get("/openapi.json", None).await;
    let paths = answer.body["paths"].as_object().unwrap();
    for (path, method) in [
        ("/", "get"),
        ("/login/password", "post"),
        ("/login/face", "post"),
        ("/login/face/employer", "post"),
        ("/login/face/employee", "post"),
        ("/employer/register", "post"),
        ("/employer/details", "get"),
        ("/employee/details", "get"),
        ("/employee/register", "post"),
        ("/api/v1/session", "post"),
        ("/api/v1/session", "delete"),
        ("/api/v1/setup", "post"),
        ("/api/v1/employees", "post"),
        ("/api/v1/invitations", "post"),
        ("/api/v1/face-login", "put"),
        ("/healthz", "get"),
    ] {
        assert!(paths[path][method].is_object(), "{method} {path}");
    }
}

#[tokio::test]
async fn metrics_have_their_own_listener() {
    let server = Server::open();
    server.get("/nowhere", None).await.is(404, "Not Found");
    server.get("/metrics", None).await.is(404, "Not Found");
    let text = server
        .client
        .get(format!("{}/metrics", server.metrics))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.contains(r#"limen_http_requests_total{method="GET",route="other",status="404"} 2"#),
        "{text}"
    );
}

#[tokio::test]
async fn only_configured_origins_may_call_and_only_the_seed_routes() {
    let server = Server::with("cors_origins = [\"https://board.example\"]");
    let preflight = |path: &str, origin: &str| {
        server
            .ask(Method::OPTIONS, path)
            .header(header::ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            )
    };
    let allowed = server
        .send(preflight("/login/password", "https://board.example"))
        .await;
    assert_eq!(allowed.status, 200);
    assert_eq!(
        allowed.headers["access-control-allow-origin"],
        "https://board.example"
    );
    let headers = allowed.headers["access-control-allow-headers"]
        .to_str()
        .unwrap();
    assert!(headers.contains("authorization"), "{headers}");
    assert!(
        !allowed
            .headers
            .contains_key("access-control-allow-credentials")
    );
    for (path, origin) in [
        ("/login/password", "https://evil.example"),
        ("/api/v1/session", "https://board.example"),
    ] {
        let refused = server.send(preflight(path, origin)).await;
        assert!(
            !refused.headers.contains_key("access-control-allow-origin"),
            "{path} {origin}"
        );
    }
}
