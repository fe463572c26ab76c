//! The old backend's people and hours: `import-seed`, and what they see by the old routes afterwards.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::{SignedDuration, Timestamp};
use limen_cloud::seed::ids;
use limen_cloud::store::TenantId;
use limen_face::{Frame, Models};
use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::database::Place;
use crate::pictures::bundled;
use crate::server::{PROGRAM, Server, config, part, workspace};

/// What the old backend took as a password.
const OLD_PASSWORD: &str = "carl1";
const ADA: &str = "65a1b2c3d4e5f60718293a01";
const CARL: &str = "65a1b2c3d4e5f60718293b01";
const DORA: &str = "65A1B2C3D4E5F60718293B02";

fn hash() -> String {
    bcrypt::hash(OLD_PASSWORD, 4).unwrap()
}

/// The encoding of a bundled picture, as the old backend's library made them.
fn encoding(picture: &str) -> Value {
    let models = Models::load(&workspace().join("models")).unwrap();
    let frame = Frame::decode(&bundled(picture)).unwrap();
    let faces = models.detect(&frame).unwrap();
    let face = models.embed(&frame, &faces[0]).unwrap();
    json!(face.0.map(f64::from).to_vec())
}

fn oid(id: &str) -> Value {
    json!({"$oid": id})
}

fn employer(id: &str, name: &str) -> Value {
    let email = format!("{}@example.org", name.to_lowercase());
    json!({"_id": oid(id), "username": name, "email": email, "password": hash()})
}

fn employee(id: &str, name: &str, employer_id: &str) -> Value {
    let mut record = employer(id, name);
    record["employer_id"] = json!(employer_id);
    record["hourly_rate"] = json!(21.5);
    record
}

/// A stretch of work; a naive time in it was UTC.
fn session(id: u32, employee: &str, came: &str, left: Option<&str>, paid: bool) -> Value {
    json!({
        "_id": oid(&format!("{id:024x}")), "employee_id": employee, "check_in": {"$date": came},
        "check_out": left, "hours_worked": 8.0, "earnings": 86.0, "paid": paid,
    })
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// An export, and where it goes.
struct Move {
    folder: tempfile::TempDir,
    place: Place,
    config: String,
}

impl Move {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(&folder.path().join("data"));
        std::fs::create_dir(folder.path().join("export")).unwrap();
        let config = config("");
        let file = folder.path().join("cloud.toml");
        std::fs::write(file, config.clone() + &place.lines()).unwrap();
        Self {
            folder,
            place,
            config,
        }
    }

    fn export(&self) -> PathBuf {
        self.folder.path().join("export")
    }

    fn writes(&self, file: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.export().join(file), text).unwrap();
    }

    fn import(&self, more: &[&str]) -> Output {
        import(self.folder.path(), &self.export(), more)
    }

    /// What is kept of a tenant: people, facts, deeds.
    async fn kept(&self, employer: &str) -> (usize, usize, usize) {
        let (store, tenant) = (self.place.store().await, tenant(employer));
        let facts = store.facts(tenant, None, Timestamp::MIN, Timestamp::MAX);
        (
            store.people(tenant).await.unwrap().len(),
            facts.await.unwrap().len(),
            store.audit(tenant, 0, 1000).await.unwrap().len(),
        )
    }
}

fn tenant(employer: &str) -> TenantId {
    ids::ObjectId::parse(employer).unwrap().tenant()
}

fn import(folder: &Path, export: &Path, more: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("import-seed")
        .arg(export)
        .arg("--config")
        .arg(folder.join("cloud.toml"))
        .arg("--data")
        .arg(folder.join("data"))
        .args(more)
        .output()
        .unwrap()
}

#[track_caller]
fn says(output: &Output, code: i32, words: &[&str]) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}\n{errors}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
    said
}

#[tokio::test]
async fn the_old_backends_people_log_in_and_see_their_hours() {
    let moved = Move::new();
    let mut carl = employee(CARL, "Carl", ADA);
    carl["face_encoding"] = encoding("biden.jpg");
    let mut ada = employer(ADA, "Ada");
    ada["face_encoding"] = encoding("obama.jpg");
    moved.writes("employers.json", lines(&[ada]));
    let dora = employee(DORA, "Dora", ADA);
    moved.writes("employees.json", json!([carl, dora]).to_string());
    let came = Timestamp::now() - SignedDuration::from_mins(90);
    let came = came.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let attendance = |open_until: Option<&str>| {
        lines(&[
            session(3, CARL, &came, open_until, false),
            session(
                1,
                CARL,
                "2024-03-01T08:00:00Z",
                Some("2024-03-01T16:00:00.250000"),
                false,
            ),
            session(
                2,
                CARL,
                "2024-03-02T08:00:00.000Z",
                Some("2024-03-02 12:00:00"),
                true,
            ),
            session(
                4,
                DORA,
                "2024-03-02T08:00:00.000Z",
                Some("2024-03-03T08:00:00Z"),
                false,
            ),
        ])
    };
    moved.writes("attendance.json", attendance(None));

    let foretold = [
        "employers.json: 1 new, 0 there already, 0 not taken",
        "employees.json: 2 new, 0 there already, 0 not taken",
        "attendance.json: 4 new, 0 there already, 0 not taken",
        "× forgotten: no hours until somebody settles it",
    ];
    for _ in 0..2 {
        let said = says(&moved.import(&[]), 0, &foretold);
        assert!(said.contains("Nothing was written"), "{said}");
        let row = said
            .lines()
            .find(|line| line.contains("Ada / Carl"))
            .unwrap();
        let row: Vec<&str> = row.split_whitespace().skip(3).collect();
        assert_eq!(row, ["3", "12.0000", "12.0000", "172.0", "258.00"]);
    }
    assert!(moved.place.store().await.is_empty().await.unwrap());
    let said = says(&moved.import(&["--commit"]), 0, &foretold);
    assert!(said.contains("says the same"), "{said}");
    let kept = moved.kept(ADA).await;
    assert_eq!((kept.0, kept.1), (2, 7));
    let again = [
        "employers.json: 0 new, 1 there already, 0 not taken",
        "employees.json: 0 new, 2 there already, 0 not taken",
        "attendance.json: 0 new, 4 there already, 0 not taken",
        "says the same",
    ];
    says(&moved.import(&["--commit"]), 0, &again);
    assert_eq!(moved.kept(ADA).await, kept);
    // At a door nobody is known by one squeezed picture.
    let store = moved.place.store().await;
    let templates = store.templates(tenant(ADA), "dlib-resnet34-v1".to_owned());
    assert!(templates.await.unwrap().is_empty());

    let Move {
        folder,
        place,
        config,
    } = moved;
    let server = Server::started(folder, place, &config);
    let log_in = async |name: &str| {
        let email = format!("{name}@EXAMPLE.org");
        let fields = [("email", email.as_str()), ("password", OLD_PASSWORD)];
        let answer = server.post("/login/password", &fields).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["access_token"].as_str().unwrap().to_owned()
    };
    let (ada, carl) = (log_in("ada").await, log_in("carl").await);
    let details = server.get("/employee/details", Some(&carl)).await;
    let wanted =
        json!({"username": "Carl", "email": "carl@example.org", "hourly_rate": 21.5, "id": CARL});
    assert_eq!(details.body, wanted);
    let history = server
        .get("/employee/attendance/history", Some(&carl))
        .await;
    let rows = history.body.as_array().unwrap();
    let day = rows
        .iter()
        .find(|row| row["check_in"] == "2024-03-01T08:00:00Z")
        .unwrap();
    assert_eq!(
        (&day["hours_worked"], &day["earnings"]),
        (&json!(8), &json!(172))
    );
    let summary = server
        .get("/employee/attendance/summary", Some(&carl))
        .await;
    assert_eq!(summary.body["total_hours_worked"], json!(12), "{summary:?}");
    assert_eq!(summary.body["currently_working"], json!(true));

    let details = server.get("/employer/details", Some(&ada)).await;
    assert_eq!(details.body["id"], ADA);
    let people = server.get("/employer/employees", Some(&ada)).await;
    let row = &people.body[0];
    assert_eq!(
        (&row["id"], &row["status"]),
        (&json!(CARL), &json!("Working"))
    );
    // The day that the old backend had paid is not owed again.
    assert_eq!(row["total_unpaid_earnings"], json!(172));
    let pay = format!("/employer/pay_employee/{CARL}");
    let paid = server
        .send(server.ask(Method::POST, &pay).bearer_auth(&ada))
        .await;
    assert_eq!(
        paid.body["message"], "1 sessions marked as paid.",
        "{paid:?}"
    );

    let picture = |name: &str| Form::new().part("image", part(&bundled(name)));
    let route = "/attendance/checkout";
    let other = server
        .upload(route, Some(&carl), picture("obama.jpg"))
        .await;
    other.is(401, "Face not recognized");
    let left = server
        .upload(route, Some(&carl), picture("biden.jpg"))
        .await;
    assert_eq!(left.status, 200, "{left:?}");
    assert_eq!(left.body["hours_worked"].as_f64().unwrap().floor(), 1.0);
    let form = picture("obama.jpg").text("email", "ada@example.org");
    let entered = server.upload("/login/face/employer", None, form).await;
    assert_eq!(entered.body["username"], "Ada", "{entered:?}");
    server
        .upload("/login/face", None, picture("obama.jpg"))
        .await
        .is(401, "Face not recognized");
    let refused = import(
        &server.data().join(".."),
        &server.data().join("../export"),
        &[],
    );
    assert_eq!(
        refused.status.code(),
        Some(69),
        "a cloud runs on the folder"
    );
}

#[tokio::test]
async fn a_later_export_brings_what_is_new() {
    let moved = Move::new();
    moved.writes("employers.json", lines(&[employer(ADA, "Ada")]));
    moved.writes("employees.json", lines(&[employee(CARL, "Carl", ADA)]));
    let came = "2024-03-01T08:00:00Z";
    moved.writes(
        "attendance.json",
        lines(&[session(1, CARL, came, None, false)]),
    );
    says(
        &moved.import(&["--commit"]),
        0,
        &["says the same", "× forgotten"],
    );
    // The employer's file is not needed for what was founded; an earlier day is paid by the rate that there is.
    std::fs::remove_file(moved.export().join("employers.json")).unwrap();
    let left = Some("2024-03-01T12:00:00Z");
    let earlier = session(
        2,
        CARL,
        "2023-12-01T08:00:00Z",
        Some("2023-12-01T10:00:00Z"),
        false,
    );
    let later = lines(&[session(1, CARL, came, left, true), earlier]);
    moved.writes("attendance.json", later);
    let said = says(
        &moved.import(&["--commit"]),
        0,
        &["attendance.json: 2 new", "says the same"],
    );
    let row = said
        .lines()
        .find(|line| line.contains("Ada / Carl"))
        .unwrap();
    assert!(row.ends_with("129.00"), "{row}");
    let kept = moved.kept(ADA).await;
    assert_eq!(kept.1, 4);
    let paid = moved
        .place
        .store()
        .await
        .paid_sessions(tenant(ADA), None)
        .await
        .unwrap();
    assert_eq!(
        paid.iter()
            .map(|paid| paid.amount_minor)
            .collect::<Vec<_>>(),
        [8600]
    );

    let other = session(1, CARL, "2024-03-01T07:00:00Z", left, true);
    moved.writes("attendance.json", lines(&[other]));
    let words = ["attendance.json:1 (000000000000000000000001): not taken: it was imported before"];
    says(&moved.import(&["--commit"]), 65, &words);
    assert_eq!(moved.kept(ADA).await, kept);
}

#[tokio::test]
async fn a_bad_record_is_named_and_takes_nothing_with_it() {
    let moved = Move::new();
    let with = |mut record: Value, field: &str, value: Value| {
        record[field] = value;
        record
    };
    let id = |n: u32| format!("{n:024x}");
    let employers = [
        employer(ADA, "Ada").to_string(),
        format!("{{\"_id\": \"{}\"", "x".repeat(2 << 20)),
        "{\"_id\": NaN}".to_owned(),
        with(employer(ADA, "Eve"), "email", json!("eve@example.org")).to_string(),
        with(
            employer(&id(0xe1), "Eve"),
            "email",
            json!("ADA@Example.org"),
        )
        .to_string(),
        with(employer(&id(0xe2), "Eve"), "password", json!("secret")).to_string(),
        with(
            employer(&id(0xe3), "Eve"),
            "password",
            json!("$2b$31$0123456789012345678901uHashHashHashHashHashHashHashHas"),
        )
        .to_string(),
        with(
            employer(&id(0xe4), "Eve"),
            "username",
            json!("E\u{1b}[2Jve"),
        )
        .to_string(),
        with(employer(&id(0xe5), "Eve"), "_id", json!("e5")).to_string(),
    ];
    moved.writes("employers.json", employers.join("\n"));
    let short = with(
        employee(CARL, "Carl", ADA),
        "face_encoding",
        json!([0.1, 0.2]),
    );
    let nan = with(
        employee(DORA, "Dora", ADA),
        "hourly_rate",
        json!({"$numberDouble": "NaN"}),
    );
    let employees = [
        short,
        nan,
        with(
            employee(&id(0xf1), "Finn", ADA),
            "email",
            json!("Carl@example.ORG"),
        ),
        employee(&id(0xf2), "Gus", &id(0xe2)),
        employee(ADA, "Hal", ADA),
        with(employee(&id(0xf3), "Ida", ADA), "hourly_rate", json!(-1)),
        with(
            employee(&id(0xf4), "Jon", ADA),
            "face_encoding",
            json!([{"$numberDouble": "NaN"}]),
        ),
    ];
    moved.writes("employees.json", json!(employees).to_string());
    let day = |n: u32, employee: &str, came: &str, left: &str| {
        session(
            n,
            employee,
            &format!("2024-03-{came}:00Z"),
            Some(&format!("2024-03-{left}:00Z")),
            false,
        )
    };
    let attendance = [
        day(9, CARL, "04T08:00", "04T10:00"),
        day(1, CARL, "01T08:00", "01T16:00"),
        day(2, CARL, "01T15:00", "01T17:00"),
        day(3, CARL, "02T16:00", "02T08:00"),
        day(4, DORA, "01T08:00", "01T16:00"),
        session(5, CARL, "2224-01-01T00:00:00Z", None, false),
        session(6, CARL, "yesterday", None, false),
        day(1, CARL, "03T08:00", "03T16:00"),
        session(
            7,
            CARL,
            "1970-01-01T00:00:00Z",
            Some("2024-01-01T00:00:00Z"),
            true,
        ),
    ];
    moved.writes(
        "attendance.json",
        "\u{feff}".to_owned() + &lines(&attendance),
    );
    let verdicts = [
        "employers.json:2 (no `_id`): not taken: the record is longer than 1 MiB",
        "employers.json:3 (no `_id`): not taken: this is no JSON",
        "employers.json:4 (65a1b2c3d4e5f60718293a01): not taken: employers.json:1 has the same `_id`",
        "employers.json:5 (0000000000000000000000e1): not taken: employers.json:1 has the e-mail ADA@Example.org",
        "employers.json:6 (0000000000000000000000e2): not taken: its `password` is no bcrypt hash",
        "employers.json:7 (0000000000000000000000e3): not taken: its `password` is no bcrypt hash",
        "employers.json:8 (0000000000000000000000e4): not taken: its `username`",
        "employers.json:9 (e5): not taken: `_id` is no identifier",
        "employees.json:1 (65a1b2c3d4e5f60718293b01): taken, but its `face_encoding` has 2 numbers",
        "(65A1B2C3D4E5F60718293B02): not taken: its `hourly_rate` is no number",
        "(0000000000000000000000f1): not taken: employees.json:1 has the e-mail Carl@example.ORG",
        "(0000000000000000000000f2): not taken: its employer 0000000000000000000000e2 is not in the export, or was not",
        "(65a1b2c3d4e5f60718293a01): not taken: employers.json:1 has the same `_id`",
        "(0000000000000000000000f3): not taken: its `hourly_rate`",
        "(0000000000000000000000f4): taken, but its `face_encoding` has 1 numbers",
        "attendance.json:3 (000000000000000000000002): not taken: it begins before the one of line 2 ends",
        "attendance.json:4 (000000000000000000000003): not taken: its `check_out` is before",
        "attendance.json:5 (000000000000000000000004): not taken: its employee 65a1b2c3d4e5f60718293b02 is not",
        "attendance.json:6 (000000000000000000000005): not taken: its times are before 2000 or in the future",
        "attendance.json:7 (000000000000000000000006): not taken: `check_in` is no time",
        "attendance.json:8 (000000000000000000000001): not taken: attendance.json:2 has the same `_id`",
        "attendance.json:9 (000000000000000000000007): not taken: its times are before 2000",
        "employers.json: 1 new, 0 there already, 8 not taken",
        "employees.json: 2 new, 0 there already, 5 not taken",
        "attendance.json: 2 new, 0 there already, 7 not taken",
    ];
    says(&moved.import(&[]), 65, &verdicts);
    let said = says(&moved.import(&["--commit"]), 65, &verdicts);
    assert!(
        said.contains("says the same") && !said.contains('\u{1b}'),
        "{said}"
    );
    assert_eq!(moved.kept(ADA).await.1, 4);
    says(
        &moved.import(&["--commit"]),
        65,
        &["attendance.json: 0 new, 2 there already, 7 not taken"],
    );
    assert_eq!(moved.kept(ADA).await.1, 4);
    let nothing = tempfile::tempdir().unwrap();
    let refused = import(moved.folder.path(), nothing.path(), &[]);
    assert_eq!(refused.status.code(), Some(66));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("employers.json") && said.contains("mongoexport"),
        "{said}"
    );
    assert_ne!(tenant(ADA).0, Uuid::nil());
}
