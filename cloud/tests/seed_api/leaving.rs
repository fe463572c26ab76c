//! Who leaves: what they lose, what stays, and that their e-mail is free again.

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::pictures::bundled;
use crate::server::{Answer, PASSWORD, Server, email, part};

struct House {
    server: Server,
    owner: String,
    ada: String,
}

impl House {
    async fn new() -> Self {
        let server = Server::with("registration = \"open\"\nrepunch_s = 0");
        let ada = server
            .employer("Ada", &bundled("astronaut.png"), false)
            .await;
        let owner = server.token("Ada").await;
        Self { server, owner, ada }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.server.ask(method, path).bearer_auth(&self.owner);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.server.send(request).await
    }

    async fn leaves(&self, person: &str) -> Answer {
        let path = format!("/api/v1/people/{person}/leave");
        self.ask(Method::POST, &path, Some(json!({"leaves": true})))
            .await
    }

    async fn templates(&self, person: &str) -> usize {
        let path = format!("/api/v1/people/{person}/consents");
        let kept = self.ask(Method::GET, &path, None).await;
        kept.body["templates"].as_array().unwrap().len()
    }

    async fn keep(&self, rules: Value, dry_run: bool) -> Answer {
        let body = json!({"rules": rules, "dry_run": dry_run});
        self.ask(Method::PUT, "/api/v1/retention", Some(body)).await
    }
}

#[tokio::test]
async fn whoever_leaves_loses_face_and_ways_in_and_keeps_hours_and_pay() {
    let house = House::new().await;
    let picture = bundled("biden.jpg");
    let carl = house
        .server
        .employee("Carl", &house.ada, &house.owner, &picture)
        .await;
    let token = house.server.token("Carl").await;
    for path in ["/attendance/checkin", "/attendance/checkout"] {
        let form = Form::new().part("image", part(&picture));
        let punched = house.server.upload(path, Some(&token), form).await;
        assert_eq!(punched.status, 200, "{punched:?}");
    }
    let person = format!("/api/v1/people/{carl}");
    for (way, body) in [("pin", None), ("badges", Some(json!({})))] {
        let made = house
            .ask(Method::POST, &format!("{person}/{way}"), body)
            .await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let empty = house
        .ask(
            Method::POST,
            &format!("{person}/leave"),
            Some(json!({"leaves": false})),
        )
        .await;
    assert_eq!(empty.fields()[0].0, "leaves");
    assert_eq!(house.leaves(&carl).await.status, 204);
    house.leaves(&carl).await.is(404, "Employee not found");

    assert_eq!(
        house
            .server
            .get("/employee/details", Some(&token))
            .await
            .status,
        401
    );
    let log_in = [("email", &*email("Carl")), ("password", PASSWORD)];
    assert_eq!(
        house.server.post("/login/password", &log_in).await.status,
        401
    );
    let database = house.server.place().database();
    let id = carl.parse().unwrap();
    let left = "SELECT count(*) FROM pins WHERE person = $1 AND verifier IS NOT NULL";
    assert_eq!(database.number(left, &[id]), 0);
    let left = "SELECT count(*) FROM badges WHERE person = $1 AND revoked IS NULL";
    assert_eq!(database.number(left, &[id]), 0);
    assert_eq!(house.templates(&carl).await, 0);
    let erased = house
        .ask(Method::GET, &format!("{person}/erasures"), None)
        .await;
    let certificate = &erased.body[0]["certificate"];
    assert_eq!(
        (&certificate["why"], &certificate["by"]),
        (&json!("left"), &json!(uuid::Uuid::nil()))
    );
    let live = house.ask(Method::GET, "/api/v1/live", None).await;
    assert_eq!(live.body["people"], json!([]));
    let former = house.ask(Method::GET, "/api/v1/former-people", None).await;
    assert_eq!(former.body[0]["id"], carl.as_str());
    assert_eq!(former.body[0]["email"], email("Carl").as_str());
    let hours = house
        .ask(Method::GET, &format!("{person}/timesheet"), None)
        .await;
    assert_eq!(hours.body["sessions"].as_array().unwrap().len(), 1);
    let pay = format!("/employer/pay_employee/{carl}");
    let paid = house.ask(Method::POST, &pay, None).await;
    assert_eq!(
        paid.body["message"], "1 sessions marked as paid.",
        "{paid:?}"
    );

    // Somebody who comes again is somebody new, under the same e-mail.
    let again = house
        .server
        .employee("Carl", &house.ada, &house.owner, &picture)
        .await;
    assert_ne!(again, carl);
    house.server.token("Carl").await;
}

#[tokio::test]
async fn somebody_of_the_staff_is_invited_again_under_the_same_email() {
    let house = House::new().await;
    let invite = async || {
        let inviting = json!({"email": email("Hugo"), "role": "hr"});
        let invited = house
            .ask(Method::POST, "/api/v1/staff", Some(inviting))
            .await;
        assert_eq!(invited.status, 201, "{invited:?}");
        let link = invited.body["link"].as_str().unwrap();
        let token = link.strip_prefix("/join?token=").unwrap();
        let joining = json!({"token": token, "username": "Hugo", "password": PASSWORD});
        let joined = house.server.json("/api/v1/staff/join", &joining).await;
        assert_eq!(joined.status, 201, "{joined:?}");
        let staff = house.ask(Method::GET, "/api/v1/staff", None).await;
        let rows = staff.body.as_array().unwrap().clone();
        let hugo = rows.iter().find(|row| row["username"] == "Hugo").unwrap();
        hugo["id"].as_str().unwrap().to_owned()
    };
    let first = invite().await;
    let gone = house
        .ask(Method::DELETE, &format!("/api/v1/staff/{first}"), None)
        .await;
    assert_eq!(gone.status, 204);
    let second = invite().await;
    assert_ne!(first, second);
    house.server.token("Hugo").await;
}

#[tokio::test]
async fn rules_of_keeping_are_tried_before_they_hold() {
    let house = House::new().await;
    let carl = house
        .server
        .employee("Carl", &house.ada, &house.owner, &bundled("biden.jpg"))
        .await;
    let wrong = house.keep(json!({"punch_years": 0}), false).await;
    assert_eq!(wrong.fields()[0].0, "punch_years");
    let weeks = json!({"template_days_after_leaving": 14});
    assert_eq!(house.keep(weeks, false).await.status, 200);
    assert_eq!(house.leaves(&carl).await.status, 204);
    assert_eq!(house.templates(&carl).await, 1, "two weeks are not over");
    let tried = house.keep(json!({}), true).await;
    assert_eq!(tried.body["due"]["left"], json!([carl]));
    assert_eq!(house.templates(&carl).await, 1, "it was only tried");
    let holds = house.ask(Method::GET, "/api/v1/retention", None).await;
    assert_eq!(holds.body["rules"]["template_days_after_leaving"], 14);
    assert_eq!(holds.body["due"]["left"], json!([]));
}
