//! Authorisation denies by default: every route that the OpenAPI file has, as nobody, as each role, and as the
//! owner of another organisation.

use limen_cloud::http::rights::{OF_SITES, RIGHTS, Who};
use limen_cloud::store::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::pictures::bundled;
use crate::server::{PASSWORD, Server, email};

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

/// Somebody of the staff, by an invitation, and in no other way.
async fn join(server: &Server, owner: &str, name: &str, role: Role) {
    join_as(server, owner, name, json!({"role": role.as_str()})).await;
}

/// As what, and of which sites.
async fn join_as(server: &Server, owner: &str, name: &str, mut inviting: Value) {
    inviting["email"] = json!(email(name));
    let request = server.ask(Method::POST, "/api/v1/staff").bearer_auth(owner);
    let invited = server.send(request.json(&inviting)).await;
    assert_eq!(invited.status, 201, "{invited:?}");
    let link = invited.body["link"].as_str().unwrap();
    let token = link.strip_prefix("/join?token=").unwrap();
    let joining = json!({"token": token, "username": name, "password": PASSWORD});
    let joined = server.json("/api/v1/staff/join", &joining).await;
    assert_eq!(joined.status, 201, "{joined:?}");
}

/// What the OpenAPI file says of who may ask.
enum Said {
    Everybody,
    Themselves,
    Roles(Vec<String>),
}

fn said(operation: &Value) -> Said {
    let Some(ways) = operation["security"].as_array() else {
        return Said::Everybody;
    };
    if ways.contains(&json!({})) {
        return Said::Everybody;
    }
    let roles = |scheme: &str| -> Vec<String> {
        let way = ways.iter().find_map(|way| way.get(scheme));
        serde_json::from_value(way.unwrap().clone()).unwrap()
    };
    assert_eq!(roles("bearer"), roles("cookie"));
    match roles("bearer") {
        none if none.is_empty() => Said::Themselves,
        roles => Said::Roles(roles),
    }
}

#[tokio::test]
async fn no_route_lets_anybody_see_what_is_not_theirs() {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let ada_token = server.token("Ada").await;
    let carl = server
        .employee("Carl", &ada, &ada_token, &bundled("biden.jpg"))
        .await;
    // One of each role works for Ada.
    let staff = [
        ("Hugo", Role::Hr),
        ("Mia", Role::Manager),
        ("Otto", Role::Auditor),
        ("Tess", Role::Technician),
    ];
    for (name, role) in staff {
        join(&server, &ada_token, name, role).await;
    }
    let roles = staff.into_iter().chain([("Carl", Role::Employee)]);
    let roles: Vec<_> = roles.collect();
    // Max is the manager of a site whose doors don't know Carl, and who hangs no terminal.
    let asked = server
        .ask(Method::POST, "/api/v1/sites")
        .bearer_auth(&ada_token);
    let harbour = json!({"name": "Harbour", "zone": "Asia/Tokyo"});
    let harbour = server.send(asked.json(&harbour)).await.body["id"].clone();
    let sites = server.get("/api/v1/sites", Some(&ada_token)).await.body;
    let first = sites[0]["id"].clone();
    let known_at = format!("/api/v1/people/{carl}/sites");
    let tied = server.ask(Method::PUT, &known_at).bearer_auth(&ada_token);
    let tied = server.send(tied.json(&json!({"sites": [first]}))).await;
    assert_eq!(tied.status, 200, "{tied:?}");
    join_as(
        &server,
        &ada_token,
        "Max",
        json!({"role": "manager", "sites": [harbour]}),
    )
    .await;
    let elsewhere = [first.as_str().unwrap(), carl.as_str(), "Carl", "carl@"];
    let bea = server
        .employer("Bea", &bundled("astronaut.png"), false)
        .await;
    let bea_token = server.token("Bea").await;
    server
        .employee("Dora", &bea, &bea_token, &bundled("biden.jpg"))
        .await;
    let adas = [
        ada.as_str(),
        carl.as_str(),
        "Ada",
        "Carl",
        "ada@",
        "carl@",
        "Hugo",
    ];

    let openapi = server.get("/openapi.json", None).await.body;
    let mut asked = 0;
    for (path, operations) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let route = format!("{method} {path}");
            let written = RIGHTS
                .iter()
                .find(|(verb, named, _)| (*verb, *named) == (method.as_str(), path.as_str()));
            let (.., who) = written.unwrap_or_else(|| panic!("{route} stands in no table"));
            let said = said(operation);
            let agree = match (who, &said) {
                (Who::Everybody, Said::Everybody) | (Who::Themselves, Said::Themselves) => true,
                (Who::Roles(roles), Said::Roles(said)) => {
                    roles.iter().map(|role| role.as_str()).eq(said)
                }
                _ => false,
            };
            assert!(
                agree,
                "{route}: the table and the file say different things"
            );
            let named = path.clone();
            let path = path
                .replace("{employee_id}", &carl)
                .replace("{id}", &carl)
                .replace("{badge}", &carl)
                .replace("{version}", "2");
            assert!(
                !path.contains('{'),
                "{route}: the test knows no such parameter"
            );
            if matches!(said, Said::Everybody) {
                continue;
            }
            let (status, _) = ask(&server, method, &path, None).await;
            assert!([401, 403].contains(&status), "{route} as nobody: {status}");
            let (status, _) = ask(&server, method, &path, Some("x.y.z")).await;
            assert_eq!(status, 401, "{route} with a made-up token");

            for (name, role) in &roles {
                // A route that ends a session ends one of its own.
                let token = server.token(name).await;
                let (status, body) = ask(&server, method, &path, Some(&token)).await;
                let may = match &said {
                    Said::Roles(roles) => roles.iter().any(|may| may == role.as_str()),
                    _ => true,
                };
                // Check-ins have their own word for whoever can't: there is no such person.
                let is_refused = status == 403 || body.contains("User not found");
                assert_eq!(is_refused, !may, "{route} as {role:?}: {status} {body}");
                assert!(!body.contains("Dora"), "{route}: {body}");
                if *role == Role::Employee {
                    assert!(!body.contains("Ada"), "{route}: {body}");
                }
                asked += 1;
            }

            let max = server.token("Max").await;
            let (status, body) = ask(&server, method, &path, Some(&max)).await;
            // Of some sites: what is their own, and the few routes that tell of those sites only.
            let of_sites = OF_SITES.contains(&(method.as_str(), named.as_str()));
            let may = matches!(said, Said::Themselves) || of_sites;
            let is_refused = status == 403 || body.contains("User not found");
            assert_eq!(
                is_refused, !may,
                "{route} as the manager of a site: {status} {body}"
            );
            if may && path.contains(carl.as_str()) {
                assert_eq!(status, 404, "{route} of somebody of another site: {body}");
            }
            for word in elsewhere {
                assert!(
                    !body.contains(word),
                    "{route} tells the manager of another site {word}: {body}"
                );
            }

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
    assert_eq!(
        RIGHTS.len(),
        openapi["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|operations| operations.as_object().unwrap().len())
            .sum::<usize>(),
        "the table has routes that there are not"
    );
    assert!(asked >= 150, "{asked}");
}
