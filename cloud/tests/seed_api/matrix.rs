//! Authorisation denies by default: every route that the OpenAPI file has, as nobody, as an employee and as
//! the employer of another organisation.

use reqwest::Method;
use serde_json::Value;

use crate::pictures::bundled;
use crate::server::Server;

/// Routes that are for everybody, each for a reason: greetings, ways in, and what is proved by its body.
const PUBLIC: [(&str, &str); 12] = [
    ("get", "/"),
    ("get", "/healthz"),
    ("post", "/login/password"),
    ("post", "/login/face"),
    ("post", "/login/face/employer"),
    ("post", "/login/face/employee"),
    ("post", "/employer/register"),
    ("post", "/employee/register"),
    ("post", "/api/v1/session"),
    ("post", "/api/v1/setup"),
    ("post", "/api/v1/claim/begin"),
    ("post", "/api/v1/claim/finish"),
];

/// Routes that an employee may ask.
const EMPLOYEES: [(&str, &str); 8] = [
    ("get", "/employee/details"),
    ("get", "/employee/attendance/summary"),
    ("get", "/employee/attendance/history"),
    ("post", "/attendance/checkin"),
    ("post", "/attendance/checkout"),
    ("get", "/api/v1/session"),
    ("put", "/api/v1/face-login"),
    ("put", "/api/v1/password"),
];

/// The status, and the body; of a stream its beginning.
async fn ask(server: &Server, method: &str, path: &str, token: Option<&str>) -> (u16, String) {
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let mut request = server.ask(method, path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let mut answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").cloned();
    if kind.is_some_and(|kind| kind == "text/event-stream") {
        let first = answer.chunk().await.unwrap().unwrap();
        return (status, String::from_utf8(first.to_vec()).unwrap());
    }
    (status, answer.text().await.unwrap())
}

#[tokio::test]
async fn no_route_lets_anybody_see_what_is_not_theirs() {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let ada_token = server.token("Ada").await;
    let carl = server
        .employee("Carl", &ada, &ada_token, &bundled("biden.jpg"))
        .await;
    let bea = server
        .employer("Bea", &bundled("astronaut.png"), false)
        .await;
    let bea_token = server.token("Bea").await;
    server
        .employee("Dora", &bea, &bea_token, &bundled("biden.jpg"))
        .await;
    let adas = [ada.as_str(), carl.as_str(), "Ada", "Carl", "ada@", "carl@"];

    let openapi = server.get("/openapi.json", None).await.body;
    let mut routes = 0;
    for (path, operations) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            routes += 1;
            let route = format!("{method} {path}");
            let public = PUBLIC.contains(&(method.as_str(), path.as_str()));
            let empty = Value::Object(serde_json::Map::new());
            let secured = operation["security"]
                .as_array()
                .is_some_and(|ways| !ways.is_empty() && !ways.contains(&empty));
            assert_ne!(public, secured, "{route}: is it for everybody or not?");
            let path = path
                .replace("{employee_id}", &carl)
                .replace("{id}", &carl)
                .replace("{terminal}", &carl)
                .replace("{badge}", &carl);
            assert!(
                !path.contains('{'),
                "{route}: the test knows no such parameter"
            );
            if !secured {
                continue;
            }
            let (status, _) = ask(&server, method, &path, None).await;
            assert!([401, 403].contains(&status), "{route} as nobody: {status}");
            let (status, _) = ask(&server, method, &path, Some("x.y.z")).await;
            assert_eq!(status, 401, "{route} with a made-up token");

            // A route that ends a session ends one of its own.
            let employee = server.token("Carl").await;
            let (status, body) = ask(&server, method, &path, Some(&employee)).await;
            let may = EMPLOYEES.contains(&(method.as_str(), path.as_str()))
                || route == "delete /api/v1/session";
            assert_eq!(
                status == 403,
                !may,
                "{route} as an employee: {status} {body}"
            );
            assert!(
                !body.contains("Ada") && !body.contains("Dora"),
                "{route}: {body}"
            );

            let stranger = server.token("Bea").await;
            let (status, body) = ask(&server, method, &path, Some(&stranger)).await;
            if path.contains(carl.as_str()) {
                assert_eq!(status, 404, "{route} of another organisation: {body}");
            }
            for word in adas {
                assert!(!body.contains(word), "{route} tells Bea of {word}: {body}");
            }
        }
    }
    assert!(routes >= 25, "{routes}");
}
