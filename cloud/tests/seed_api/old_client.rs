//! A day of a client that knew the old backend: all fifteen routes, in its own way of asking.

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::Value;

use crate::pictures::bundled;
use crate::server::{Server, part};

/// Parses what the old one called a time.
fn time(value: &Value) -> jiff::Timestamp {
    let text = value.as_str().unwrap();
    assert!(text.ends_with('Z'), "{text}");
    text.parse().unwrap()
}

#[tokio::test]
async fn a_day_of_an_old_client() {
    let server = Server::with("registration = \"open\"\nrepunch_s = 0");
    let (obama, biden) = (bundled("obama.jpg"), bundled("biden.jpg"));
    assert_eq!(server.get("/", None).await.status, 200);
    let ada = server.employer("Ada", &obama, true).await;
    for route in ["/login/face", "/login/face/employer"] {
        let form = Form::new().part("image", part(&obama));
        assert_eq!(
            server.upload(route, None, form).await.body["username"],
            "Ada"
        );
    }
    let employer = server.token("Ada").await;
    let carl = server.employee("Carl", &ada, &employer, &biden).await;
    let employee = server.token("Carl").await;
    let row = async || {
        let answer = server.get("/employer/employees", Some(&employer)).await;
        let rows = answer.body.as_array().unwrap().clone();
        assert_eq!(rows.len(), 1);
        rows[0].clone()
    };
    let fresh = row().await;
    assert_eq!(fresh["id"], carl.as_str());
    assert_eq!(
        (&fresh["status"], &fresh["last_check_in"]),
        (&"Not Working".into(), &Value::Null)
    );
    assert_eq!(fresh["hourly_rate"], 21.5);

    let picture = || Form::new().part("image", part(&biden));
    let punch = async |route: &str, token, form| server.upload(route, token, form).await;
    punch("/attendance/checkin", None, picture())
        .await
        .is(403, "Invalid or missing authorization token");
    punch("/attendance/checkin", Some(employer.as_str()), picture())
        .await
        .is(404, "User not found");
    punch("/attendance/checkout", Some(employee.as_str()), picture())
        .await
        .is(404, "No active check-in found");
    let other = Form::new().part("image", part(&obama));
    punch("/attendance/checkin", Some(employee.as_str()), other)
        .await
        .is(401, "Face not recognized");
    let came = punch("/attendance/checkin", Some(employee.as_str()), picture()).await;
    assert_eq!(came.body["message"], "Check-in successful", "{came:?}");
    let came = time(&came.body["check_in"]);
    punch("/attendance/checkin", Some(employee.as_str()), picture())
        .await
        .is(400, "Already checked in");
    let working = row().await;
    assert_eq!(working["status"], "Working");
    assert_eq!(time(&working["last_check_in"]), came);

    let left = punch("/attendance/checkout", Some(employee.as_str()), picture()).await;
    assert_eq!(left.body["message"], "Check-out successful", "{left:?}");
    assert!(left.body["hours_worked"].is_number() && left.body["earnings"].is_number());
    let left = time(&left.body["check_out"]);
    assert!(left >= came);

    let summary = server
        .get("/employee/attendance/summary", Some(&employee))
        .await
        .body;
    assert_eq!(summary["currently_working"], false);
    assert_eq!(time(&summary["last_check_out"]), left);
    assert!(summary["total_hours_worked"].is_number() && summary["total_earnings"].is_number());
    let history = server
        .get("/employee/attendance/history", Some(&employee))
        .await
        .body;
    assert_eq!(time(&history[0]["check_in"]), came);
    assert_eq!(time(&history[0]["check_out"]), left);

    let pay = async |token: Option<&str>| {
        let mut request = server.ask(Method::POST, &format!("/employer/pay_employee/{carl}"));
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        server.send(request).await
    };
    pay(None).await.is(403, "Authorization token missing");
    pay(Some(&employee))
        .await
        .is(403, "Only employers can mark payment");
    let paid = pay(Some(&employer)).await;
    assert_eq!(
        paid.body["message"], "1 sessions marked as paid.",
        "{paid:?}"
    );
    let again = pay(Some(&format!("Bearer {employer}"))).await;
    assert_eq!(again.body["message"], "0 sessions marked as paid.");
    assert_eq!(row().await["total_unpaid_earnings"], 0);
}
