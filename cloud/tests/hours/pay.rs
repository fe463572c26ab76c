//! Routes 8, 9, 12 and 13: hours, what is owed, and paying it.

use limen_wire::event::Direction;
use reqwest::Method;
use serde_json::{Value, json};

use crate::past::Past;
use crate::pictures::bundled;
use crate::server::{Answer, Server};

const EMPLOYEES: &str = "/employer/employees";
const HISTORY: &str = "/employee/attendance/history";
const SUMMARY: &str = "/employee/attendance/summary";

/// Ada employs Bob, who has earned 21.50 an hour for a month.
async fn ada_and_bob() -> (Server, String, String, Past) {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let token = server.token("Ada").await;
    let bob = server
        .employee("Bob", &ada, &token, &bundled("biden.jpg"))
        .await;
    let past = Past::of(&server, "Ada").await;
    past.earns("Bob", "21.50").await;
    (server, token, bob, past)
}

async fn pay(server: &Server, bob: &str, token: &str) -> Answer {
    let request = server.ask(Method::POST, &format!("/employer/pay_employee/{bob}"));
    server.send(request.header("authorization", token)).await
}

#[tokio::test]
async fn hours_become_money_that_is_owed_and_then_paid() {
    let (server, token, bob, past) = ada_and_bob().await;
    past.session("Bob", 72, 8 * 3_600 + 1_800).await;
    past.session("Bob", 48, 20 * 60).await;
    past.punch("Bob", past.ago(2), Direction::In).await;

    let row = json!([{
        "id": bob, "username": "Bob", "email": "bob@example.org", "hourly_rate": 21.5,
        "status": "Working", "last_check_in": past.ago(2).to_string(),
        // 8.5 h come to 182.75, and 20 minutes to 7.1666…, which is 7.17.
        "total_unpaid_earnings": 189.92,
    }]);
    assert_eq!(server.get(EMPLOYEES, Some(&token)).await.body, row);

    let message = |n: usize| json!({"message": format!("{n} sessions marked as paid.")});
    assert_eq!(
        pay(&server, &bob, &format!("Bearer {token}")).await.body,
        message(2)
    );
    let after = server.get(EMPLOYEES, Some(&token)).await.body;
    assert_eq!(after[0]["total_unpaid_earnings"], json!(0));
    assert_eq!(
        after[0]["status"], "Working",
        "the open session is never paid"
    );
    // An old client leaves the word out.
    assert_eq!(pay(&server, &bob, &token).await.body, message(0));

    past.punch("Bob", past.ago(1), Direction::Out).await;
    let after = server.get(EMPLOYEES, Some(&token)).await.body;
    assert_eq!(after[0]["total_unpaid_earnings"], json!(21.5));
    assert_eq!(
        (&after[0]["status"], &after[0]["last_check_in"]),
        (&json!("Not Working"), &Value::Null)
    );
    assert_eq!(pay(&server, &bob, &token).await.body, message(1));
}

#[tokio::test]
async fn an_employee_reads_their_own_hours() {
    let (server, _, _, past) = ada_and_bob().await;
    let token = server.token("Bob").await;
    let nothing = json!({"total_hours_worked": 0, "total_earnings": 0, "currently_working": false,
                         "last_check_in": null, "last_check_out": null});
    assert_eq!(server.get(SUMMARY, Some(&token)).await.body, nothing);
    assert_eq!(server.get(HISTORY, Some(&token)).await.body, json!([]));

    past.session("Bob", 72, 8 * 3_600 + 1_800).await;
    past.session("Bob", 48, 20 * 60).await;
    past.punch("Bob", past.ago(2), Direction::In).await;
    let time = |hours: i64, seconds: i64| {
        (past.ago(hours) + jiff::SignedDuration::from_secs(seconds)).to_string()
    };
    assert!(time(2, 0).ends_with('Z'));
    let history = json!([
        {"check_in": time(72, 0), "check_out": time(72, 30_600), "hours_worked": 8.5, "earnings": 182.75},
        {"check_in": time(48, 0), "check_out": time(48, 1_200), "hours_worked": 0.3333, "earnings": 7.17},
        {"check_in": time(2, 0), "check_out": null, "hours_worked": 0, "earnings": 0},
    ]);
    assert_eq!(server.get(HISTORY, Some(&token)).await.body, history);
    let summary = json!({"total_hours_worked": 8.8333, "total_earnings": 189.92,
                         "currently_working": true, "last_check_in": time(2, 0),
                         "last_check_out": time(48, 1_200)});
    assert_eq!(server.get(SUMMARY, Some(&token)).await.body, summary);
}

/// The digits go out as they were computed: 0.1 + 0.2 is 0.3.
#[tokio::test]
async fn money_is_never_a_float() {
    let (server, token, _, past) = ada_and_bob().await;
    past.earns("Bob", "0.10").await;
    past.session("Bob", 72, 3_600).await;
    past.session("Bob", 48, 7_200).await;
    let request = server.ask(Method::GET, EMPLOYEES).bearer_auth(&token);
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.contains(r#""total_unpaid_earnings":0.3}"#), "{text}");
}

#[tokio::test]
async fn a_forgotten_check_out_is_paid_nothing_and_is_shown() {
    let (server, token, bob, past) = ada_and_bob().await;
    past.punch("Bob", past.ago(30), Direction::In).await;
    assert_eq!(
        pay(&server, &bob, &token).await.body["message"],
        "0 sessions marked as paid."
    );
    let rows = server.get(EMPLOYEES, Some(&token)).await.body;
    assert_eq!(
        (&rows[0]["status"], &rows[0]["total_unpaid_earnings"]),
        (&json!("Not Working"), &json!(0))
    );
    let path = format!("/api/v1/people/{bob}/timesheet");
    let sheet = server.get(&path, Some(&token)).await.body;
    assert_eq!(sheet["sessions"][0]["state"], "forgotten");
    assert_eq!(sheet["sessions"][0]["hours"], json!(0));
    assert_eq!(sheet["anomalies"][0]["kind"], "forgotten");
    assert_eq!(sheet["anomalies"][0]["exception"], true);
    let live = server.get("/api/v1/live", Some(&token)).await.body;
    assert_eq!(live["exceptions"], 1);
}

#[tokio::test]
async fn what_was_quarantined_or_forked_never_counts() {
    let (server, token, bob, past) = ada_and_bob().await;
    past.session("Bob", 72, 3_600).await;
    past.quarantined("Bob", past.ago(60), Direction::In).await;
    past.forked("Bob", past.ago(50), Direction::In).await;
    let path = format!("/api/v1/people/{bob}/timesheet");
    let sheet = server.get(&path, Some(&token)).await.body;
    assert_eq!(sheet["sessions"].as_array().unwrap().len(), 1, "{sheet}");
    assert_eq!(sheet["anomalies"], json!([]));
    assert_eq!(sheet["sessions"][0]["earnings"], json!(21.5));
    assert_eq!(sheet["sessions"][0]["paid"], false);
    pay(&server, &bob, &token).await;
    assert_eq!(
        server.get(&path, Some(&token)).await.body["sessions"][0]["paid"],
        true
    );
}

#[tokio::test]
async fn a_setting_of_the_organisation_counts() {
    let (server, token, _, past) = ada_and_bob().await;
    past.sets("attendance", r#"{"pairing": "first_in_last_out"}"#)
        .await;
    past.session("Bob", 72, 3_600).await;
    let begin = past.ago(72) + jiff::SignedDuration::from_secs(7_200);
    past.punch("Bob", begin, Direction::In).await;
    past.punch(
        "Bob",
        begin + jiff::SignedDuration::from_secs(60),
        Direction::Out,
    )
    .await;
    let rows = server.get(EMPLOYEES, Some(&token)).await.body;
    // 7,260 s if one working day holds it all; where the day began between, 3,660 s.
    let owed = rows[0]["total_unpaid_earnings"].to_string();
    assert!(["43.36", "21.86"].contains(&owed.as_str()), "{owed}");
    past.sets("attendance", r#"{"pairs": 1}"#).await;
    assert_eq!(server.get(EMPLOYEES, Some(&token)).await.status, 500);
    assert!(
        server.log().contains("unknown field `pairs`"),
        "the cause is in the log"
    );
}

#[tokio::test]
async fn nobody_pays_or_sees_anybody_elses_people() {
    let (server, _, bob, past) = ada_and_bob().await;
    past.session("Bob", 72, 3_600).await;
    server
        .employer("Eve", &bundled("astronaut.png"), false)
        .await;
    let eve = server.token("Eve").await;
    pay(&server, &bob, &eve).await.is(404, "Employee not found");
    pay(&server, "no-uuid", &eve)
        .await
        .is(404, "Employee not found");
    assert_eq!(server.get(EMPLOYEES, Some(&eve)).await.body, json!([]));
    let path = format!("/api/v1/people/{bob}/timesheet");
    server
        .get(&path, Some(&eve))
        .await
        .is(404, "Employee not found");
    let live = server.get("/api/v1/live", Some(&eve)).await.body;
    assert_eq!(
        (&live["people"], &live["punches"]),
        (&json!([]), &json!([]))
    );

    let bobs = server.token("Bob").await;
    pay(&server, &bob, &bobs)
        .await
        .is(403, "Only employers can mark payment");
    pay(&server, &bob, "Bearer forged")
        .await
        .is(401, "Invalid authentication credentials");
    let path = format!("/employer/pay_employee/{bob}");
    server
        .post(&path, &[])
        .await
        .is(403, "Authorization token missing");
    for path in [EMPLOYEES, "/api/v1/live", "/api/v1/live/events"] {
        server
            .get(path, Some(&bobs))
            .await
            .is(403, "Access forbidden");
        server.get(path, None).await.is(401, "Not authenticated");
    }
    for path in [HISTORY, SUMMARY] {
        server
            .get(path, Some(&eve))
            .await
            .is(403, "Access forbidden");
        server.get(path, None).await.is(401, "Not authenticated");
    }
}

#[tokio::test]
async fn two_pays_at_once_that_cut_the_same_hours_otherwise_pay_them_once() {
    let (_server, _, _, past) = ada_and_bob().await;
    // One pay read the facts before a late punch came, the other after: both were due, neither was paid yet.
    assert_eq!(past.marked("Bob", past.ago(72), past.ago(64)).await, 1);
    assert_eq!(past.marked("Bob", past.ago(70), past.ago(66)).await, 0);
    assert_eq!(past.marked("Bob", past.ago(65), past.ago(60)).await, 0);
    // What only touches it is other time.
    assert_eq!(past.marked("Bob", past.ago(64), past.ago(60)).await, 1);
}
