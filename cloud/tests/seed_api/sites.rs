//! Sites: making and changing them, whose doors know whom, where terminals hang, and who manages which.

use limen_cloud::seed::ids;
use limen_cloud::store::TenantId;
use limen_cloud::store::ledger::NewTerminal;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::pictures::bundled;
use crate::server::{Answer, PASSWORD, Server, email};

async fn send(server: &Server, method: Method, path: &str, token: &str, body: &Value) -> Answer {
    let request = server.ask(method, path).bearer_auth(token);
    server.send(request.json(body)).await
}

/// A terminal that was claimed by a code, which its tests leave out.
async fn terminal(server: &Server, tenant: TenantId, code: &Value) -> Uuid {
    let terminal = NewTerminal {
        id: Uuid::new_v4(),
        public_key: [7; 32],
        sealing_key: [8; 32],
        certificate: vec![1],
        at: jiff::Timestamp::now(),
    };
    let id = terminal.id;
    let claim = Uuid::parse_str(code["claim"].as_str().unwrap()).unwrap();
    let store = server.place().store().await;
    store
        .finish_claim(tenant, claim, terminal, vec![1])
        .await
        .unwrap();
    id
}

#[tokio::test]
async fn an_organisation_has_several_sites() {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let token = server.token("Ada").await;
    let carl = server
        .employee("Carl", &ada, &token, &bundled("biden.jpg"))
        .await;
    let store = server.place().store().await;
    let tenant = store
        .account_by_email(email("Ada"))
        .await
        .unwrap()
        .unwrap()
        .tenant;

    let sites = server.get("/api/v1/sites", Some(&token)).await.body;
    assert_eq!(sites.as_array().unwrap().len(), 1);
    let first = sites[0].clone();
    assert_eq!(
        (&first["day_start"], &first["doors"]["face"]),
        (&Value::Null, &json!("on"))
    );
    for (body, field) in [
        (json!({"name": " ", "zone": "UTC"}), "name"),
        (json!({"name": "x".repeat(65), "zone": "UTC"}), "name"),
        (json!({"name": "Harbour", "zone": "Mars/Olympus"}), "zone"),
        (
            json!({"name": "Harbour", "zone": "../../etc/passwd"}),
            "zone",
        ),
        (
            json!({"name": "Harbour", "zone": "UTC", "day_start": "25:00"}),
            "day_start",
        ),
        (
            json!({"name": "Harbour", "zone": "UTC", "doors": {"fpir": 0.5}}),
            "fpir",
        ),
    ] {
        let refused = send(&server, Method::POST, "/api/v1/sites", &token, &body).await;
        assert_eq!(refused.fields()[0].0, field, "{body}");
    }
    let wanted = json!({"name": "Harbour", "zone": "Asia/Tokyo", "day_start": "05:30", "doors": {"face": "off"}});
    let harbour = send(&server, Method::POST, "/api/v1/sites", &token, &wanted).await;
    assert_eq!(harbour.status, 201, "{harbour:?}");
    assert_eq!(
        (&harbour.body["day_start"], &harbour.body["doors"]["face"]),
        (&json!("05:30:00"), &json!("off"))
    );
    let id = harbour.body["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/sites/{id}");
    let renamed = json!({"name": "Quay", "zone": "Asia/Tokyo"});
    let changed = send(&server, Method::PUT, &path, &token, &renamed).await;
    // Doors that are left out stay as they are.
    assert_eq!(
        (&changed.body["name"], &changed.body["doors"]["face"]),
        (&json!("Quay"), &json!("off"))
    );
    // The route of the time before there were several is the first one's.
    let doors = json!({"face": "optional"});
    assert_eq!(
        send(&server, Method::PUT, "/api/v1/site", &token, &doors)
            .await
            .status,
        200
    );
    let sites = server.get("/api/v1/sites", Some(&token)).await.body;
    let faces: Vec<_> = sites
        .as_array()
        .unwrap()
        .iter()
        .map(|site| &site["doors"]["face"])
        .collect();
    assert_eq!(faces, ["optional", "off"]);

    // Somebody else's site is none.
    server
        .employer("Bea", &bundled("astronaut.png"), false)
        .await;
    let bea = server.token("Bea").await;
    let other = send(&server, Method::PUT, &path, &bea, &renamed).await;
    assert_eq!(other.status, 404, "{other:?}");
    let claim = json!({"name": "Back door", "site": id});
    let other = send(&server, Method::POST, "/api/v1/claims", &bea, &claim).await;
    assert_eq!(other.fields()[0].0, "site");

    // A terminal is claimed for a site, and moves to another.
    let code = send(&server, Method::POST, "/api/v1/claims", &token, &claim).await;
    assert_eq!(code.status, 201, "{code:?}");
    let door = terminal(&server, tenant, &code.body).await;
    let hung = async || {
        let rows = server.get("/api/v1/terminals", Some(&token)).await.body;
        rows[0]["site"].as_str().unwrap().to_owned()
    };
    assert_eq!(hung().await, id);
    let model = || "dlib-resnet34-v1".to_owned();
    let there = Uuid::parse_str(&id).unwrap();
    let here = Uuid::parse_str(first["id"].as_str().unwrap()).unwrap();
    let known = async |site: Uuid, held| {
        store
            .roster_changes(tenant, site, model(), held)
            .await
            .unwrap()
    };
    let before = known(there, 0).await;
    assert_eq!(before.put.len(), 1);
    known(here, 0).await;
    let path = format!("/api/v1/terminals/{door}/site");
    let nowhere = json!({"site": Uuid::new_v4()});
    let refused = send(&server, Method::PUT, &path, &token, &nowhere).await;
    assert_eq!(refused.fields()[0].0, "site");
    let other = send(&server, Method::PUT, &path, &bea, &json!({"site": id})).await;
    assert_eq!(other.status, 404, "{other:?}");
    let moved = send(&server, Method::PUT, &path, &token, &json!({"site": here})).await;
    assert_eq!(moved.status, 204, "{moved:?}");
    assert_eq!(hung().await, here.to_string());
    assert!(
        known(here, 0).await.to > before.to,
        "a terminal takes no lower version than it holds"
    );
    let places = store.placements(tenant).await.unwrap();
    let now = jiff::Timestamp::now();
    let earlier = store.terminal(door).await.unwrap().unwrap().claimed;
    assert_eq!(
        (places.site(door, earlier), places.site(door, now)),
        (there, here)
    );

    // Only one site's doors are to know Carl: the others forget him.
    let path = format!("/api/v1/people/{carl}/sites");
    assert_eq!(
        server.get(&path, Some(&token)).await.body,
        json!({"sites": []})
    );
    let refused = send(&server, Method::PUT, &path, &token, &nowhere_of(&nowhere)).await;
    assert_eq!(refused.fields()[0].0, "site");
    let held = known(there, 0).await.to;
    let tied = send(
        &server,
        Method::PUT,
        &path,
        &token,
        &json!({"sites": [here, here]}),
    )
    .await;
    assert_eq!(tied.body, json!({"sites": [here]}));
    let forgotten = known(there, held).await;
    assert_eq!(forgotten.forget, [ids::account(&carl).unwrap()]);
    assert_eq!(known(here, 0).await.put.len(), 1);
    let loose = send(&server, Method::PUT, &path, &token, &json!({"sites": []})).await;
    assert_eq!(loose.status, 200, "{loose:?}");
    assert_eq!(known(there, 0).await.put.len(), 1);
    let log = server
        .get("/api/v1/audit", Some(&token))
        .await
        .body
        .to_string();
    for what in [
        "site_added",
        "site_changed",
        "doors_set",
        "terminal_moved",
        "person_sites_set",
    ] {
        assert!(log.contains(what), "{what} is not in {log}");
    }
}

fn nowhere_of(body: &Value) -> Value {
    json!({"sites": [body["site"]]})
}

#[tokio::test]
async fn a_manager_of_a_site_sees_that_site_only() {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let token = server.token("Ada").await;
    let carl = server
        .employee("Carl", &ada, &token, &bundled("biden.jpg"))
        .await;
    let wanted = json!({"name": "Harbour", "zone": "Asia/Tokyo"});
    let harbour = send(&server, Method::POST, "/api/v1/sites", &token, &wanted)
        .await
        .body["id"]
        .clone();
    let first = server.get("/api/v1/sites", Some(&token)).await.body[0]["id"].clone();
    let inviting = json!({"email": email("Mia"), "role": "hr", "sites": [harbour]});
    let refused = send(&server, Method::POST, "/api/v1/staff", &token, &inviting).await;
    assert_eq!(
        refused.fields()[0].0,
        "sites",
        "only a manager is one of some sites"
    );
    let inviting = json!({"email": email("Mia"), "role": "manager", "sites": [harbour]});
    let invited = send(&server, Method::POST, "/api/v1/staff", &token, &inviting).await;
    let link = invited.body["link"]
        .as_str()
        .unwrap()
        .strip_prefix("/join?token=")
        .unwrap()
        .to_owned();
    let joining = json!({"token": link, "username": "Mia", "password": PASSWORD});
    assert_eq!(
        server.json("/api/v1/staff/join", &joining).await.status,
        201
    );
    let mia = server.token("Mia").await;
    // Carl checks in by the cloud, which counts as the first site.
    let picture =
        reqwest::multipart::Form::new().part("image", crate::server::part(&bundled("biden.jpg")));
    let carls = server.token("Carl").await;
    assert_eq!(
        server
            .upload("/attendance/checkin", Some(&carls), picture)
            .await
            .status,
        200
    );

    let seen = async || {
        let live = server.get("/api/v1/live", Some(&mia)).await.body;
        let people = live["people"].as_array().unwrap().clone();
        let punches = live["punches"].as_array().unwrap().len();
        (people, punches, live["zone"].as_str().unwrap().to_owned())
    };
    // Harbour's doors know Carl, as all doors do, and what he does elsewhere is not seen there.
    let (people, punches, zone) = seen().await;
    assert_eq!((people.len(), punches, zone.as_str()), (1, 0, "Asia/Tokyo"));
    assert_eq!(people[0]["in"], json!(false));
    let timesheet = format!("/api/v1/people/{carl}/timesheet");
    let sheet = server.get(&timesheet, Some(&mia)).await;
    assert_eq!(
        (sheet.status.as_u16(), &sheet.body["sessions"]),
        (200, &json!([]))
    );
    let whole = server.get(&timesheet, Some(&token)).await;
    assert_eq!(whole.body["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/api/v1/site", Some(&mia)).await.status, 404);
    let sites = server.get("/api/v1/sites", Some(&mia)).await.body;
    assert_eq!(
        (sites.as_array().unwrap().len(), &sites[0]["id"]),
        (1, &harbour)
    );

    let path = format!("/api/v1/people/{carl}/sites");
    let tied = send(
        &server,
        Method::PUT,
        &path,
        &token,
        &json!({"sites": [first]}),
    )
    .await;
    assert_eq!(tied.status, 200, "{tied:?}");
    assert_eq!(seen().await.0.len(), 0);
    for path in [&timesheet, &path, &format!("/api/v1/people/{carl}/ways")] {
        server
            .get(path, Some(&mia))
            .await
            .is(404, "Employee not found");
    }
    // Manager of all sites: everything at once, and back.
    let staff = server.get("/api/v1/staff", Some(&token)).await.body;
    let row = staff
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["username"] == "Mia")
        .unwrap();
    assert_eq!(row["sites"], json!([harbour]));
    let member = format!("/api/v1/staff/{}", row["id"].as_str().unwrap());
    let all = json!({"role": "manager"});
    assert_eq!(
        send(&server, Method::PUT, &member, &token, &all)
            .await
            .status,
        204
    );
    let (people, punches, _) = seen().await;
    assert_eq!(
        (people.len(), punches, &people[0]["in"]),
        (1, 1, &json!(true))
    );
    let one = json!({"role": "manager", "sites": [harbour]});
    assert_eq!(
        send(&server, Method::PUT, &member, &token, &one)
            .await
            .status,
        204
    );
    assert_eq!(seen().await.0.len(), 0);
}
