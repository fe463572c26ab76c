//! The month of docs/payroll.md, through the server and its database: what was agreed goes in by `/api/v1`, the punches
//! by the store, and the statement that comes out is the page's. Then what pay runs do with it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use limen_cloud::store::Role;
use limen_wire::event::Direction;
use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::past::Past;
use crate::pictures::bundled;
use crate::server::{Answer, PASSWORD, Server, config, email};

const PAGE: &str = include_str!("../../../docs/payroll.md");
const JUNE: &str = "first=2026-06-01&last=2026-06-30";

/// The rows of the table that follows a heading, without its head.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let after = PAGE.split_once(&format!("\n## {heading}\n")).unwrap().1;
    let rows = after.lines().skip_while(|line| !line.starts_with('|'));
    rows.take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn berlin(local: &str) -> Timestamp {
    let local: DateTime = local.parse().unwrap();
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    local.to_zoned(zone).unwrap().timestamp()
}

pub struct House {
    pub server: Server,
    pub past: Past,
    pub owner: String,
    pub anna: String,
}

impl House {
    pub async fn open() -> Self {
        let more = "registration = \"open\"\nzone = \"Europe/Berlin\"\ncurrency = \"EUR\"";
        let server = Server::configured(&config(more));
        server.employer("Ada", &bundled("obama.jpg"), false).await;
        let owner = server.token("Ada").await;
        let past = Past::of(&server, "Ada").await;
        let mut house = Self {
            server,
            past,
            owner,
            anna: String::new(),
        };
        house.anna = house.enrol("Anna").await;
        house
    }

    pub async fn enrol(&self, name: &str) -> String {
        let form = Form::new()
            .text("username", name.to_owned())
            .text("email", email(name))
            .text("password", PASSWORD)
            .text("hourly_rate", "20.00");
        let path = "/api/v1/employees";
        let answer = self.server.upload(path, Some(&self.owner), form).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = self.server.ask(method, &format!("/api/v1/{path}"));
        request = request.bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.server.send(request).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, &self.owner, None).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    pub async fn put(&self, path: &str, body: Value) {
        let answer = self.ask(Method::PUT, path, &self.owner, Some(body)).await;
        assert_eq!(answer.status, 204, "{path}: {answer:?}");
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, &self.owner, Some(body)).await
    }

    /// Everything that was agreed with Anna, as the page says it.
    pub async fn agree(&self) {
        let anna = &self.anna;
        let rules = json!({
            "pay": {
                "overtime": {
                    "weekly": [{"over_s": 144_000, "multiplier": "1.5"}],
                    "rate": "regular", "week_start": "monday",
                },
                "premiums": [
                    {"name": "night", "dates": "every", "from": "22:00:00", "to": "06:00:00",
                     "extra": {"factor": "0.25"}},
                    {"name": "Sunday", "dates": {"weekdays": ["sunday"]}, "from": "00:00:00",
                     "to": "00:00:00", "extra": {"factor": "0.5"}},
                ],
                "holiday_pay": true,
            },
        });
        self.put("rules", json!({"from": "2026-01-01", "rules": rules}))
            .await;
        for (from, rate) in [("2026-01-01", "18"), ("2026-06-17", "19.50")] {
            let contract = json!({"pay": "hourly", "per_hour": rate, "weekly_hours": "40"});
            let body = json!({"from": from, "contract": contract});
            self.put(&format!("people/{anna}/contracts"), body).await;
        }
        let shift = Uuid::from_u128(1);
        let day = json!({
            "id": shift, "from": "2026-01-01", "name": "day",
            "hours": {"fixed": {"start": "08:00:00", "end": "16:30:00"}},
            "breaks": [{"from": "11:30:00", "to": "13:30:00", "seconds": 1_800, "paid": false}],
            "grace_s": 300, "begin_before_s": 14_400, "end_after_s": 14_400,
        });
        self.put("shifts", json!({"shift": day})).await;
        let five = [
            json!(shift),
            json!(shift),
            json!(shift),
            json!(shift),
            json!(shift),
            Value::Null,
            Value::Null,
        ];
        let assignment = json!({
            "person": anna, "from": "2026-06-01", "site": null, "anchor": "2026-06-01", "cycle": five,
        });
        self.put("plan", json!({"assignments": [assignment]})).await;
        let calendar = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20260604\r\n\
                        SUMMARY:Corpus Christi\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let imported = self
            .post("holidays/calendar", json!({"calendar": calendar}))
            .await;
        assert_eq!(imported.body, json!({"holidays": 1}));
        let kind = Uuid::from_u128(2);
        let leave = json!({"id": kind, "name": "annual leave", "paid": true,
                           "accrual": {"yearly": {"days": "30", "carry": "5"}}});
        self.put("leave/types", json!({"kind": leave})).await;
        // She asks, and somebody else decides.
        let hers = self.server.token("Anna").await;
        let asking = json!({"kind": kind, "first": "2026-06-05", "last": "2026-06-05"});
        let asked = self.ask(Method::POST, "leave", &hers, Some(asking)).await;
        assert_eq!(asked.status, 201, "{asked:?}");
        let path = format!("leave/{}/decision", asked.body["id"].as_str().unwrap());
        let granting = json!({"granted": true});
        let own = self
            .ask(Method::POST, &path, &hers, Some(granting.clone()))
            .await;
        assert_eq!(own.status, 409, "nobody grants their own: {own:?}");
        let granted = self.post(&path, granting.clone()).await;
        assert_eq!(granted.status, 204, "{granted:?}");
        assert_eq!(
            self.post(&path, granting).await.status,
            409,
            "the first decision is final"
        );
    }

    /// Anna's June; her forgotten check-out of the 16th is there.
    pub async fn punches(&self) {
        for row in table("The punches") {
            let date = &row[0][..10];
            let punches = row[1].split(", ").filter(|punch| !punch.is_empty());
            for punch in punches {
                let (time, way) = punch.split_once(' ').unwrap();
                self.punch("Anna", &format!("{date} {time}"), way).await;
            }
        }
        self.punch("Anna", "2026-06-16 16:30", "out").await;
    }

    pub async fn punch(&self, who: &str, local: &str, way: &str) {
        let way = match way {
            "in" => Direction::In,
            _ => Direction::Out,
        };
        self.past
            .punch(who, berlin(&local.replace(' ', "T")), way)
            .await;
    }

    /// A run of a month; its address.
    pub async fn run(&self, first: &str, last: &str) -> String {
        let begun = self
            .post("pay-runs", json!({"first": first, "last": last}))
            .await;
        assert_eq!(begun.status, 201, "{begun:?}");
        format!("pay-runs/{}", begun.body["id"].as_str().unwrap())
    }

    pub async fn step(&self, run: &str, step: &str, body: Value) -> Answer {
        self.post(&format!("{run}/{step}"), body).await
    }

    /// Reviews and locks.
    pub async fn lock(&self, run: &str, accept: &[Value]) {
        let reviewed = self.step(run, "review", json!({})).await;
        assert_eq!(reviewed.status, 204, "{reviewed:?}");
        let locked = self.step(run, "lock", json!({"accept": accept})).await;
        assert_eq!(locked.status, 204, "{locked:?}");
    }
}

/// A number of an answer, digit by digit.
fn number(value: &Value) -> rust_decimal::Decimal {
    value.to_string().parse().unwrap()
}

/// The lines of Anna's statement, as the page's table has them.
fn rows(lines: &[Value]) -> Vec<Vec<String>> {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let clock = |at: &Value| {
        let at: Timestamp = at.as_str().unwrap().parse().unwrap();
        at.to_zoned(zone.clone()).strftime("%H:%M").to_string()
    };
    let fixed = |value: &Value, places: u32| {
        let mut number = number(value);
        number.rescale(places);
        number.to_string()
    };
    let row = |line: &Value| {
        vec![
            line["day"].as_str().unwrap().to_owned(),
            line["text"].as_str().unwrap().to_owned(),
            [clock(&line["from"]), clock(&line["to"])].join("–"),
            fixed(&line["hours"], 4),
            number(&line["per_hour"]).to_string(),
            number(&line["factor"]).to_string(),
            fixed(&line["amount"], 2),
        ]
    };
    lines.iter().map(row).collect()
}

#[tokio::test]
async fn the_month_of_the_page_is_the_same_through_the_server() {
    let house = House::open().await;
    house.agree().await;
    house.punches().await;
    let path = format!("people/{}/days?{JUNE}", house.anna);
    let sheet = house.get(&path).await;
    let days = sheet["days"].as_array().unwrap();
    for row in table("The punches") {
        let day = days.iter().find(|day| day["date"] == row[0][..10]);
        let worked = day.map_or(0, |day| day["session_s"].as_u64().unwrap());
        assert_eq!(
            row[2],
            limen_payroll::hours(worked).to_string(),
            "{}",
            row[0]
        );
    }
    let lines: Vec<Value> = days
        .iter()
        .flat_map(|day| day["lines"].as_array().unwrap().clone())
        .collect();
    assert_eq!(rows(&lines), table("The statement"));
    // Ten minutes late on the third, which is more than grace; four minutes on the eleventh aren't.
    let late: Vec<&Value> = days.iter().filter(|day| day["late_s"] != 0).collect();
    assert_eq!(
        (late.len(), &late[0]["date"], &late[0]["late_s"]),
        (1, &json!("2026-06-03"), &json!(600))
    );
    let third = &late[0]["lines"][0];
    assert!(
        third["why"]
            .as_str()
            .unwrap()
            .contains("13800 s × 18 × 1 ÷ 3600 = 69.00 EUR, rules 2, punch ")
    );
    assert_eq!(third["punches"].as_array().unwrap().len(), 2);

    // She sees the same; a manager's hours have no money; nobody sees a colleague's.
    let hers = house.server.token("Anna").await;
    let own = house.ask(Method::GET, &path, &hers, None).await;
    assert_eq!(own.body["days"], sheet["days"]);
    let manager = house.staff("Mia", Role::Manager).await;
    let seen = house.ask(Method::GET, &path, &manager, None).await;
    assert_eq!(seen.body["days"][0]["session_s"], days[0]["session_s"]);
    assert_eq!(seen.body["days"][0]["lines"], json!([]));
    house.enrol("Bob").await;
    let bobs = house.server.token("Bob").await;
    house
        .ask(Method::GET, &path, &bobs, None)
        .await
        .is(404, "Employee not found");

    // The leave is taken, by the plan and not by the calendar.
    let leave = house.get(&format!("people/{}/leave", house.anna)).await;
    assert_eq!(
        (&leave[0]["taken"], &leave[0]["left"]),
        (&json!(1), &json!(29))
    );

    // What is agreed from November on computes nothing of June.
    let rules = json!({"pay": {"round_to_s": 900}});
    house
        .put("rules", json!({"from": "2026-11-01", "rules": rules}))
        .await;
    assert_eq!(house.get(&path).await["days"], sheet["days"]);
    let versions = house.get("rules").await;
    let numbers: Vec<_> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["version"])
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
}

impl House {
    pub async fn staff(&self, name: &str, role: Role) -> String {
        let inviting = json!({"email": email(name), "role": role.as_str()});
        let invited = self.post("staff", inviting).await;
        let link = invited.body["link"].as_str().unwrap();
        let token = link.strip_prefix("/join?token=").unwrap();
        let joining = json!({"token": token, "username": name, "password": PASSWORD});
        let joined = self.server.json("/api/v1/staff/join", &joining).await;
        assert_eq!(joined.status, 201, "{joined:?}");
        self.server.token(name).await
    }
}

#[tokio::test]
async fn a_locked_run_never_changes_and_late_data_is_an_adjustment_in_the_next() {
    let house = House::open().await;
    house.agree().await;
    house.punches().await;
    let june = house.run("2026-06-01", "2026-06-30").await;
    let draft = house.get(&june).await;
    assert_eq!(draft["state"], "draft");
    assert_eq!(
        draft["totals"],
        json!([
            {"currency": "EUR", "seconds": 669_060, "hours": 185.85, "amount": 3613.12}
        ])
    );
    assert_eq!(draft["unsettled"], json!([]));
    let early = house.step(&june, "lock", json!({})).await;
    assert_eq!(early.status, 409, "nobody has looked at it: {early:?}");
    assert_eq!(house.step(&june, "review", json!({})).await.status, 204);

    // Something is learned between the review and the lock: it has to be looked at again.
    house.punch("Anna", "2026-06-13 10:00", "in").await;
    house.punch("Anna", "2026-06-13 11:00", "out").await;
    assert_eq!(house.get(&june).await["changed"], true);
    let stale = house.step(&june, "lock", json!({})).await;
    assert!(
        stale.detail().contains("has changed since it was reviewed"),
        "{stale:?}"
    );
    house.lock(&june, &[]).await;
    let locked = house.get(&june).await;
    assert_eq!(locked["state"], "locked");
    // One hour more, and the week has 39.0167 + 1 hours of which the page has no overtime.
    assert_eq!(locked["totals"][0]["hours"], json!(186.85));

    // Late data: two hours on Saturday the 27th, in a week that has overtime already.
    house.punch("Anna", "2026-06-27 10:00", "in").await;
    house.punch("Anna", "2026-06-27 12:00", "out").await;
    assert_eq!(house.get(&june).await, locked, "a locked run never changes");
    // A statement to be handed over is of what never changes.
    let statement = async |run: &str| {
        let path = format!("/api/v1/{run}/statement.pdf?person={}", house.anna);
        let request = house
            .server
            .ask(Method::GET, &path)
            .bearer_auth(&house.owner);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    let (status, pdf) = statement(&june).await;
    assert_eq!((status, &pdf[..8]), (200, &b"%PDF-1.7"[..]));
    assert_eq!(statement(&june).await.1, pdf, "the same bytes each time");
    let csv = house.get(&format!("{june}/export.csv?columns=lines")).await;
    assert!(!csv.as_str().unwrap().contains("2026-06-27"));

    let july = house.run("2026-07-01", "2026-07-31").await;
    assert_eq!(statement(&july).await.0, 409);
    let anna = house.anna.as_str();
    let next = house.get(&format!("{july}/lines?person={anna}")).await;
    let adjustments = next["adjustments"].as_array().unwrap();
    let of_the_day = adjustments
        .iter()
        .find(|one| one["day"] == "2026-06-27")
        .unwrap();
    assert_eq!(of_the_day["seconds"], 7_200);
    assert_eq!(
        json!(june.strip_prefix("pay-runs/").unwrap()),
        of_the_day["run"]
    );
    // Money is conserved: what June paid and what July adjusts is what June comes to now.
    let sum = |rows: &[Value]| -> rust_decimal::Decimal {
        rows.iter().map(|row| number(&row["amount"])).sum()
    };
    let sheet = house.get(&format!("people/{anna}/days?{JUNE}")).await;
    let now: rust_decimal::Decimal = sheet["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| sum(day["lines"].as_array().unwrap()))
        .sum();
    assert_eq!(
        number(&locked["totals"][0]["amount"]) + sum(adjustments),
        now
    );
    // Overtime of the week that ends on 5 July stands in July, and belongs to no adjustment.
    let overtime = next["lines"].as_array().unwrap();
    assert!(
        overtime
            .iter()
            .all(|line| line["due"].as_str().unwrap() > "2026-06-30")
    );
    let paid = house.get(&july).await;
    assert_eq!(paid["paid"][0]["before"], locked["totals"][0]["amount"]);

    // Once locked it can be paid, and rules can't begin where it is locked.
    assert_eq!(house.step(&july, "paid", json!({})).await.status, 409);
    assert_eq!(house.step(&june, "paid", json!({})).await.status, 204);
    let backdated = json!({"from": "2026-06-10", "rules": {}});
    let refused = house
        .ask(Method::PUT, "rules", &house.owner, Some(backdated))
        .await;
    assert_eq!(
        refused.fields(),
        [("from".to_owned(), "value_error".to_owned())]
    );
    // A raise may: the difference is an adjustment.
    let contract = json!({"pay": "hourly", "per_hour": "19"});
    let body = json!({"from": "2026-06-01", "contract": contract});
    house.put(&format!("people/{anna}/contracts"), body).await;
    let raised = house.get(&format!("{july}/lines?person={anna}")).await;
    let first = raised["adjustments"].as_array().unwrap();
    let first = first.iter().find(|one| one["day"] == "2026-06-01").unwrap();
    assert_eq!(
        (&first["seconds"], &first["amount"]),
        (&json!(0), &json!(8))
    );
}

#[tokio::test]
async fn nothing_is_locked_at_zero_silently() {
    let house = House::open().await;
    let bob = house.enrol("=Bob").await;
    let contract = json!({"pay": "hourly", "per_hour": "10"});
    let body = json!({"from": "2026-01-01", "contract": contract});
    house.put(&format!("people/{bob}/contracts"), body).await;
    house.punch("=Bob", "2026-06-01 08:00", "in").await;
    house.punch("=Bob", "2026-06-01 16:00", "out").await;
    house.punch("=Bob", "2026-06-02 08:00", "in").await;
    let june = house.run("2026-06-01", "2026-06-30").await;
    assert_eq!(house.step(&june, "review", json!({})).await.status, 204);
    let refused = house.step(&june, "lock", json!({})).await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.detail().contains("1 exceptions are not settled"),
        "{refused:?}"
    );
    let open = house.get(&june).await["unsettled"].clone();
    assert_eq!(
        (&open[0]["kind"], &open[0]["name"]),
        (&json!("forgotten"), &json!("=Bob"))
    );
    assert!(refused.detail().contains(open[0]["id"].as_str().unwrap()));
    let other = house
        .step(&june, "lock", json!({"accept": ["0123456789abcdef"]}))
        .await;
    assert_eq!(other.status, 409, "somebody else's id accepts nothing");
    let accepted = json!({"accept": [open[0]["id"]]});
    let locked = house.step(&june, "lock", accepted).await;
    assert_eq!(locked.status, 204, "{locked:?}");
    assert_eq!(house.get(&june).await["totals"][0]["amount"], json!(80));

    // It is settled later: the day is an adjustment in the next run.
    house.punch("=Bob", "2026-06-02 12:00", "out").await;
    let july = house.run("2026-07-01", "2026-07-31").await;
    let next = house.get(&format!("{july}/lines?person={bob}")).await;
    assert_eq!(next["adjustments"][0]["amount"], json!(40));

    // A file for a spreadsheet has no formula in it, and the columns that somebody asked for.
    let columns = json!({"name": "bank", "rows": "totals", "columns": [
        {"field": "name", "heading": "Payee"}, {"field": "amount", "heading": "Sum"},
    ]});
    house
        .put("export-columns", json!({"columns": columns}))
        .await;
    let csv = house.get(&format!("{june}/export.csv?columns=bank")).await;
    assert_eq!(csv, "Payee,Sum\r\n'=Bob,80.00\r\n");
}

/// The old button and pay runs pay nothing twice, whichever comes first.
#[tokio::test]
async fn what_the_old_button_paid_is_in_no_run_and_the_other_way_round() {
    let house = House::open().await;
    let bob = house.enrol("Bob").await;
    let contract = json!({"pay": "hourly", "per_hour": "10"});
    let body = json!({"from": "2026-01-01", "contract": contract});
    house.put(&format!("people/{bob}/contracts"), body).await;
    house.punch("Bob", "2026-06-01 08:00", "in").await;
    house.punch("Bob", "2026-06-01 12:00", "out").await;
    let pay = format!("/employer/pay_employee/{bob}");
    let pay = async || {
        let request = house.server.ask(Method::POST, &pay);
        let paid = house.server.send(request.bearer_auth(&house.owner)).await;
        paid.body["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(pay().await, "1 sessions marked as paid.");
    // More of the day that was paid already, and another day.
    house.punch("Bob", "2026-06-01 13:00", "in").await;
    house.punch("Bob", "2026-06-01 14:00", "out").await;
    house.punch("Bob", "2026-06-02 08:00", "in").await;
    house.punch("Bob", "2026-06-02 10:00", "out").await;
    let june = house.run("2026-06-01", "2026-06-30").await;
    let drafted = house.get(&format!("{june}/lines?person={bob}")).await;
    assert_eq!(drafted["lines"].as_array().unwrap().len(), 1, "{drafted}");
    assert_eq!(drafted["lines"][0]["amount"], json!(20));
    assert_eq!(drafted["adjustments"][0]["amount"], json!(10));
    house.lock(&june, &[]).await;
    assert_eq!(house.get(&june).await["totals"][0]["amount"], json!(30));
    // What is due in a locked run isn't owed by the button any more, also what comes late.
    house.punch("Bob", "2026-06-03 08:00", "in").await;
    house.punch("Bob", "2026-06-03 10:00", "out").await;
    assert_eq!(pay().await, "0 sessions marked as paid.");
    house.punch("Bob", "2026-07-01 08:00", "in").await;
    house.punch("Bob", "2026-07-01 09:00", "out").await;
    assert_eq!(pay().await, "1 sessions marked as paid.");
    let july = house.run("2026-07-01", "2026-07-31").await;
    let next = house.get(&july).await;
    assert_eq!(
        next["totals"][0]["amount"],
        json!(20),
        "only the late day: {next}"
    );
}

#[tokio::test]
async fn figures_by_week_and_person_add_up_and_absence_waits_for_the_terminals() {
    let house = House::open().await;
    house.agree().await;
    house.punches().await;
    let by = async |by: &str| house.get(&format!("analytics?{JUNE}&by={by}")).await;
    let all = by("all").await;
    assert_eq!(
        all[0]["cost"],
        json!([{"currency": "EUR", "amount": 3613.12}])
    );
    assert_eq!(all[0]["leave_s"], 2 * 8 * 3_600);
    assert_eq!(all[0]["worked_s"], 669_060 - 2 * 8 * 3_600);
    // Three on the 19th, two and four in the week after it; that of the last week is July's.
    for groups in [
        by("week").await,
        by("day").await,
        by("person").await,
        by("site").await,
    ] {
        let groups = groups.as_array().unwrap();
        let sum = |key: &str| groups.iter().map(|g| g[key].as_u64().unwrap()).sum::<u64>();
        for key in [
            "worked_s",
            "overtime_s",
            "leave_s",
            "late_s",
            "due_s",
            "absent",
        ] {
            assert_eq!(sum(key), all[0][key].as_u64().unwrap(), "{key}");
        }
    }
    let csv = house.get(&format!("analytics.csv?{JUNE}&by=person")).await;
    assert!(csv.as_str().unwrap().contains(",Anna,1,"), "{csv}");
    // She had no shift in June that she missed, and misses the first of July on which a shift was planned.
    assert_eq!(all[0]["absent"], 0);
    let july = house
        .get("analytics?first=2026-07-01&last=2026-07-01&by=all")
        .await;
    assert_eq!(july[0]["absent"], 1);
    let many = house.get(&format!("timesheets?{JUNE}")).await;
    assert_eq!(many["people"][0]["worked_s"], all[0]["worked_s"]);
}

/// An inspector's register has each punch with its place in the chain, and the chain shows what was done to it.
#[tokio::test]
async fn the_register_shows_each_punch_and_whether_its_chain_holds() {
    let house = House::open().await;
    house.punches().await;
    let csv = house.get(&format!("register.csv?{JUNE}")).await;
    let rows: Vec<&str> = csv.as_str().unwrap().lines().collect();
    let punches = table("The punches")
        .iter()
        .map(|row| row[1].matches(':').count())
        .sum::<usize>();
    assert_eq!(
        rows.len(),
        1 + punches + 1,
        "and the check-out that was forgotten"
    );
    let first: Vec<&str> = rows[1].split(',').collect();
    assert_eq!(&first[..1], ["2026-06-01"]);
    assert_eq!((first[3], first[5]), ("2026-06-01T08:00:00", "in"));
    let second: Vec<&str> = rows[2].split(',').collect();
    assert_eq!(
        first[11], second[12],
        "each names the hash of the one before it"
    );

    let chains = house.get("register/verified").await;
    assert_eq!(
        (&chains[0]["broken_at"], &chains[0]["gap_at"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(chains[0]["events"], json!(rows.len() - 1));
    assert_eq!(chains[0]["head"].as_str().unwrap().len(), 64);
    house
        .past
        .changed_behind_its_back("UPDATE events SET compact = prev WHERE seq = 3");
    assert_eq!(
        house.get("register/verified").await[0]["broken_at"],
        json!(3)
    );
}

/// Bob's punches are Anna's, the last one first: a terminal that was away brings them all at once.
#[tokio::test]
async fn the_order_in_which_punches_come_changes_no_cent() {
    let house = House::open().await;
    let bob = house.enrol("Bob").await;
    for person in [&house.anna, &bob] {
        let contract = json!({"pay": "hourly", "per_hour": "18.333333"});
        let body = json!({"from": "2026-01-01", "contract": contract});
        house.put(&format!("people/{person}/contracts"), body).await;
    }
    house.punches().await;
    let mut punches = Vec::new();
    for row in table("The punches") {
        for punch in row[1].split(", ").filter(|punch| !punch.is_empty()) {
            let (time, way) = punch.split_once(' ').unwrap();
            punches.push((format!("{} {time}", &row[0][..10]), way));
        }
    }
    punches.push(("2026-06-16 16:30".to_owned(), "out"));
    for (local, way) in punches.iter().rev() {
        house.punch("Bob", local, way).await;
    }
    let mut sheets = Vec::new();
    for person in [&house.anna, &bob] {
        let sheet = house.get(&format!("people/{person}/days?{JUNE}")).await;
        let days = sheet["days"].as_array().unwrap().iter();
        let said = |day: &Value| {
            let keys = ["date", "session_s", "effect_s", "paid_s", "amounts"];
            keys.map(|key| day[key].clone())
        };
        sheets.push(days.map(said).collect::<Vec<_>>());
    }
    assert_eq!(sheets[0], sheets[1]);
    assert_eq!(sheets[0].len(), 21);
}
