//! Who helps an owner: invited, given roles, dismissed; passwords that were forgotten; and the log of all that.

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::pictures::bundled;
use crate::server::{Answer, PASSWORD, Server, config, email};

struct House {
    server: Server,
    owner: String,
    letters: tempfile::TempDir,
}

impl House {
    /// A cloud whose letters go into a folder.
    async fn new() -> Self {
        let letters = tempfile::tempdir().unwrap();
        let more = format!(
            "{}[mail]\nfrom = \"Limen <limen@example.org>\"\npage = \"https://clock.example\"\nfolder = {:?}\n",
            config("registration = \"open\""),
            letters.path()
        );
        let server = Server::configured(&more);
        server.employer("Ada", &bundled("obama.jpg"), false).await;
        let owner = server.token("Ada").await;
        Self {
            server,
            owner,
            letters,
        }
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Answer {
        let mut request = self.server.ask(method, path).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.server.send(request).await
    }

    /// The secret of the link in the letter to that address; it is read once.
    fn token_of(&self, page: &str, to: &str) -> String {
        let begun = std::time::Instant::now();
        while begun.elapsed().as_secs() < 60 {
            for letter in letters(self.letters.path()) {
                let text = std::fs::read_to_string(&letter).unwrap();
                // Lines of quoted-printable text are put together again.
                let text = text.replace("=\r\n", "").replace("=3D", "=");
                let link = format!("https://clock.example/{page}?token=");
                if let Some((_, rest)) = text.split_once(&link)
                    && text.contains(&format!("To: {to}"))
                {
                    std::fs::remove_file(letter).unwrap();
                    return rest.split_whitespace().next().unwrap().to_owned();
                }
            }
            // A letter goes out beside the answer, and nothing tells a client that it did.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("no letter to {to} came: {}", self.server.log());
    }

    async fn invite(&self, name: &str, role: &str) -> String {
        let inviting = json!({"email": email(name), "role": role});
        let invited = self
            .ask(Method::POST, "/api/v1/staff", &self.owner, Some(inviting))
            .await;
        assert_eq!(invited.status, 201, "{invited:?}");
        assert_eq!(invited.body["link"], Value::Null, "a letter brings it");
        self.token_of("join", &email(name))
    }

    async fn join(&self, token: &str, name: &str) -> Answer {
        let joining = json!({"token": token, "username": name, "password": PASSWORD});
        self.server.json("/api/v1/staff/join", &joining).await
    }

    async fn staff(&self) -> Vec<(String, String)> {
        let list = self
            .ask(Method::GET, "/api/v1/staff", &self.owner, None)
            .await;
        let row = |row: &Value| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("username"), text("role"))
        };
        list.body.as_array().unwrap().iter().map(row).collect()
    }

    async fn id_of(&self, name: &str) -> String {
        let list = self
            .ask(Method::GET, "/api/v1/staff", &self.owner, None)
            .await;
        let rows = list.body.as_array().unwrap().clone();
        let row = rows.iter().find(|row| row["username"] == name).unwrap();
        row["id"].as_str().unwrap().to_owned()
    }

    /// `limen-cloud audit` on what this cloud has kept.
    fn audit(&self, what: &str) -> std::process::Output {
        let folder = self.server.folder.as_ref().unwrap().path();
        Command::new(env!("CARGO_BIN_EXE_limen-cloud"))
            .args(["audit", what, "--data"])
            .arg(folder.join("data"))
            .arg("--config")
            .arg(folder.join("cloud.toml"))
            .output()
            .unwrap()
    }
}

fn letters(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let is_letter = |file: &std::path::PathBuf| file.extension().is_some_and(|kind| kind == "eml");
    files.filter(is_letter).collect()
}

#[tokio::test]
async fn staff_is_invited_given_roles_and_dismissed() {
    let house = House::new().await;
    let token = house.invite("Hugo", "hr").await;
    house
        .join("made up", "Hugo")
        .await
        .is(403, "The link or invitation is unknown, used or expired");
    assert_eq!(house.join(&token, "Hugo").await.status, 201);
    house
        .join(&token, "Again")
        .await
        .is(403, "The link or invitation is unknown, used or expired");
    let wanted = [("Ada", "owner"), ("Hugo", "hr")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(house.staff().await, wanted);
    let hugo = house.server.token("Hugo").await;
    let live = house.ask(Method::GET, "/api/v1/live", &hugo, None).await;
    assert_eq!(live.status, 200);
    house
        .ask(Method::GET, "/api/v1/staff", &hugo, None)
        .await
        .is(403, "Access forbidden");

    // A role holds for sessions that are open, too.
    let id = house.id_of("Hugo").await;
    let path = format!("/api/v1/staff/{id}");
    let to = |role: &str| Some(json!({"role": role}));
    let set = house
        .ask(Method::PUT, &path, &house.owner, to("technician"))
        .await;
    assert_eq!(set.status, 204, "{set:?}");
    house
        .ask(Method::GET, "/api/v1/live", &hugo, None)
        .await
        .is(403, "Access forbidden");
    let refused = house
        .ask(Method::PUT, &path, &house.owner, to("employee"))
        .await;
    assert_eq!(refused.fields(), [("role".to_owned(), "enum".to_owned())]);

    let ada = format!("/api/v1/staff/{}", house.id_of("Ada").await);
    for (method, body) in [(Method::DELETE, None), (Method::PUT, to("auditor"))] {
        let only = house.ask(method, &ada, &house.owner, body).await;
        only.is(409, "this is the only owner: make somebody else one first");
    }
    assert_eq!(
        house
            .ask(Method::DELETE, &path, &house.owner, None)
            .await
            .status,
        204
    );
    house
        .ask(Method::GET, "/api/v1/session", &hugo, None)
        .await
        .is(401, "Invalid authentication credentials");
    let again = [("email", email("Hugo")), ("password", PASSWORD.to_owned())];
    let again = again.each_ref().map(|(key, value)| (*key, value.as_str()));
    house
        .server
        .post("/login/password", &again)
        .await
        .is(401, "Invalid email or password");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_letter_and_closes_all_sessions() {
    let house = House::new().await;
    let forgotten = async |email: String| {
        house
            .server
            .json("/api/v1/password/forgotten", &json!({"email": email}))
            .await
            .status
    };
    // Nobody hears whether there is such an account.
    assert_eq!(forgotten(email("Nobody")).await, 202);
    assert_eq!(forgotten(email("Ada")).await, 202);
    let token = house.token_of("reset", &email("Ada"));
    assert_eq!(
        letters(house.letters.path()).len(),
        0,
        "nobody else gets one"
    );
    let reset = async |token: &str, password: &str| {
        let body = json!({"token": token, "password": password});
        house.server.json("/api/v1/password/reset", &body).await
    };
    assert_eq!(reset(&token, "short").await.fields()[0].0, "password");
    assert_eq!(
        reset(&token, "another threshold of stone").await.status,
        204
    );
    reset(&token, "a third threshold of stone")
        .await
        .is(403, "The link or invitation is unknown, used or expired");
    house
        .ask(Method::GET, "/api/v1/session", &house.owner, None)
        .await
        .is(401, "Invalid authentication credentials");
    let fields = [
        ("email", "ada@example.org"),
        ("password", "another threshold of stone"),
    ];
    assert_eq!(
        house.server.post("/login/password", &fields).await.status,
        200
    );
    // What is in letters is in no log.
    assert!(!house.server.log().contains(&token));
}

#[tokio::test]
async fn an_e_mail_is_known_to_be_read_once_its_link_was_opened() {
    let house = House::new().await;
    let verified = async || {
        let who = house
            .ask(Method::GET, "/api/v1/session", &house.owner, None)
            .await;
        who.body["verified"].as_bool().unwrap()
    };
    assert!(!verified().await);
    let asked = house
        .ask(Method::POST, "/api/v1/email", &house.owner, None)
        .await;
    assert_eq!(
        (asked.status.as_u16(), &asked.body["sent"]),
        (202, &json!(true))
    );
    let token = house.token_of("verify", &email("Ada"));
    let opened = house
        .server
        .json("/api/v1/email/verified", &json!({"token": token}))
        .await;
    assert_eq!(opened.status, 204);
    assert!(verified().await);
}

#[tokio::test]
async fn one_sees_where_one_is_logged_in_and_logs_out_there() {
    let house = House::new().await;
    let other = house.server.token("Ada").await;
    let sessions = house
        .ask(Method::GET, "/api/v1/sessions", &house.owner, None)
        .await;
    let rows = sessions.body.as_array().unwrap();
    assert_eq!(rows.len(), 2, "{sessions:?}");
    let elsewhere = rows.iter().find(|row| row["this"] == false).unwrap();
    let path = format!("/api/v1/sessions/{}", elsewhere["id"].as_str().unwrap());
    let closed = house.ask(Method::DELETE, &path, &house.owner, None).await;
    assert_eq!(closed.status, 204);
    house
        .ask(Method::GET, "/api/v1/session", &other, None)
        .await
        .is(401, "Invalid authentication credentials");
    house
        .ask(Method::DELETE, &path, &house.owner, None)
        .await
        .is(404, "Session not found");
}

#[tokio::test]
async fn the_log_of_what_was_done_shows_whatever_was_changed_in_it() {
    let mut house = House::new().await;
    let token = house.invite("Otto", "auditor").await;
    assert_eq!(house.join(&token, "Otto").await.status, 201);
    let otto = house.server.token("Otto").await;
    let doors = json!({"face": "optional"});
    let set = house
        .ask(Method::PUT, "/api/v1/site", &house.owner, Some(doors))
        .await;
    assert_eq!(set.status, 200, "{set:?}");
    let page = async |rest: &str| {
        house
            .ask(Method::GET, &format!("/api/v1/audit{rest}"), &otto, None)
            .await
            .body
    };
    let all = page("").await;
    let what: Vec<_> = all["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["staff_invited", "staff_joined", "doors_set"]);
    assert!(
        all["entries"][2]["after"]
            .as_str()
            .unwrap()
            .contains("optional")
    );
    let first = page("?limit=2").await;
    assert_eq!(
        (first["entries"].as_array().unwrap().len(), &first["next"]),
        (2, &json!(2))
    );
    let rest = page("?limit=2&after=2").await;
    assert_eq!(
        (&rest["entries"][0]["nth"], &rest["next"]),
        (&json!(3), &Value::Null)
    );
    for bad in ["?limit=0", "?limit=501", "?after=-1", "?before=1"] {
        assert_eq!(page(bad).await["status"], 422, "{bad}");
    }

    assert!(house.server.terminate().success());
    let holds = house.audit("verify");
    assert!(holds.status.success(), "{holds:?}");
    assert!(
        String::from_utf8_lossy(&holds.stdout).contains("3 entries hold"),
        "{holds:?}"
    );
    let text = String::from_utf8(house.audit("export").stdout).unwrap();
    let file = house.letters.path().join("audit.jsonl");
    let read = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Command::new(env!("CARGO_BIN_EXE_limen-cloud"))
            .args(["audit", "verify", "--export"])
            .arg(&file)
            .output()
            .unwrap()
    };
    assert!(read(&text).status.success());
    // An end that was cut off shows in an export, and in the hash that was kept.
    let lines = text.lines().filter(|line| !line.contains("doors_set"));
    let cut = read(&lines.map(|line| format!("{line}\n")).collect::<String>());
    assert!(
        String::from_utf8_lossy(&cut.stderr).contains("ends after 2 entries"),
        "{cut:?}"
    );

    let database = house.server.place().database();
    database.run("UPDATE audit SET what = 'doors_seen' WHERE nth = 3");
    let found = house.audit("verify");
    assert!(!found.status.success());
    assert!(
        String::from_utf8_lossy(&found.stderr).contains("entry 3 was changed"),
        "{found:?}"
    );
}
