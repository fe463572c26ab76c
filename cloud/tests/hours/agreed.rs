//! Plans, holidays and approvals by `/api/v1`.

use limen_cloud::store::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clerk::House;

#[tokio::test]
async fn a_week_is_copied_a_day_is_swapped_and_a_holiday_taken_back() {
    let house = House::open().await;
    house.agree().await;
    let shifts = async |first: &str, last: &str| -> Vec<bool> {
        let plan = house.get(&format!("plan?first={first}&last={last}")).await;
        let days = plan.as_array().unwrap().iter();
        days.map(|day| !day["shift"].is_null()).collect()
    };
    let week = [true, true, true, true, true, false, false];
    assert_eq!(shifts("2026-06-08", "2026-06-14").await, week);
    // She swaps Monday for Saturday, and the week after is to be like that one.
    let one =
        |date: &str, shift: Value| json!({"person": house.anna, "date": date, "shift": shift});
    let swapped = [
        one("2026-06-08", Value::Null),
        one("2026-06-13", json!(Uuid::from_u128(1))),
    ];
    house.put("plan", json!({"overrides": swapped})).await;
    let other = [false, true, true, true, true, true, false];
    assert_eq!(shifts("2026-06-08", "2026-06-14").await, other);
    let copy = json!({"from": "2026-06-08", "to": "2026-06-15"});
    assert_eq!(house.post("plan/copy", copy).await.status, 204);
    assert_eq!(shifts("2026-06-15", "2026-06-21").await, other);
    assert_eq!(shifts("2026-06-22", "2026-06-28").await, week);
    // Nobody is planned for what there isn't.
    let unknown = json!({"overrides": [one("2026-06-09", json!(Uuid::from_u128(9)))]});
    let refused = house
        .ask(Method::PUT, "plan", &house.owner, Some(unknown))
        .await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(house.get("holidays").await.as_array().unwrap().len(), 1);
    house
        .put("holidays", json!({"date": "2026-06-04", "name": null}))
        .await;
    assert_eq!(house.get("holidays").await, json!([]));
    // She sees her own plan and nobody else's.
    house.enrol("Bob").await;
    let bobs = house.server.token("Bob").await;
    let plan = house
        .ask(
            Method::GET,
            "plan?first=2026-06-08&last=2026-06-14",
            &bobs,
            None,
        )
        .await;
    assert_eq!(plan.body, json!([]));
}

/// Under rules that wait for it, what overtime adds is an exception until somebody else says that it was wanted.
#[tokio::test]
async fn overtime_waits_for_approval_and_its_hours_do_not() {
    let house = House::open().await;
    let anna = house.anna.clone();
    let contract = json!({"pay": "hourly", "per_hour": "10"});
    let body = json!({"from": "2026-01-01", "contract": contract});
    house.put(&format!("people/{anna}/contracts"), body).await;
    let rules = json!({"pay": {"overtime": {
        "daily": [{"over_s": 28_800, "multiplier": "2"}], "approval": true,
    }}});
    house
        .put("rules", json!({"from": "2026-01-01", "rules": rules}))
        .await;
    house.punch("Anna", "2026-06-01 08:00", "in").await;
    house.punch("Anna", "2026-06-01 18:00", "out").await;
    let june = house.run("2026-06-01", "2026-06-30").await;
    let draft = house.get(&june).await;
    assert_eq!(draft["totals"][0]["amount"], json!(100));
    assert_eq!(draft["unsettled"][0]["kind"], "overtime_unapproved");
    let hers = house.server.token("Anna").await;
    let path = format!("people/{anna}/overtime");
    let wanted = json!({"day": "2026-06-01", "seconds": 7_200});
    let own = house
        .ask(Method::POST, &path, &hers, Some(wanted.clone()))
        .await;
    assert_eq!(own.status, 403, "{own:?}");
    let manager = house.staff("Mia", Role::Manager).await;
    let approved = house.ask(Method::POST, &path, &manager, Some(wanted)).await;
    assert_eq!(approved.status, 204, "{approved:?}");
    let draft = house.get(&june).await;
    assert_eq!(draft["totals"][0]["amount"], json!(120));
    assert_eq!(draft["unsettled"], json!([]));
}
