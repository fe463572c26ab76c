//! A fresh installation for one test: a cloud, an owner, people, a claimed terminal.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::database::{Database, Place};
use super::process::{PATIENCE, Program};

const PASSWORD: &str = "a threshold of stone";

/// A cloud with an owner who is logged in.
pub struct House {
    pub folder: TempDir,
    pub cloud: Option<Program>,
    pub http: String,
    /// Name to id.
    pub people: BTreeMap<&'static str, String>,
    runtime: tokio::runtime::Runtime,
    client: Client,
    token: String,
    // After the cloud, which ends before its database does.
    place: Place,
}

/// The repository's own pictures and models.
pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

pub fn picture(name: &str) -> PathBuf {
    models().join("pictures").join(name)
}

fn cloud_program() -> PathBuf {
    env!("CARGO_BIN_EXE_limen-cloud").into()
}

/// The terminal's program lies beside the cloud's, built by the same command.
fn daemon_program() -> PathBuf {
    let beside = cloud_program().with_file_name("limen-daemon");
    let program = std::env::var_os("LIMEN_DAEMON").map_or(beside, PathBuf::from);
    assert!(
        program.exists(),
        "there is no {}: build it by `cargo build -p limen-daemon`, or name it in LIMEN_DAEMON",
        program.display()
    );
    program
}

/// A free port that the kernel doesn't hand out to clients, so that a restarted server gets it again. Each test
/// is a process and has a dozen of its own to choose from.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let dozen = u16::try_from(std::process::id() % 1_000).unwrap();
    (0..12)
        .map(|_| 20_000 + dozen * 12 + NEXT.fetch_add(1, Ordering::Relaxed) % 12)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port between 20000 and 32000")
}

impl House {
    /// A cloud on ports of its own, with `extra` in its configuration, and an owner.
    pub fn new(extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(&folder.path().join("cloud"));
        Self::with(folder, place, extra)
    }

    /// With its database there.
    pub fn with(folder: TempDir, place: Place, extra: &str) -> Self {
        let port = free_port();
        let config = format!(
            "bcrypt_cost = 4\nrepunch_s = 0\nzoo = {:?}\n{extra}\n[http]\nlisten = \"127.0.0.1:{port}\"\n\
             [mqtt]\nlisten = \"127.0.0.1:{}\"\n[metrics]\nlisten = \"127.0.0.1:{}\"\n{}",
            models(),
            free_port(),
            free_port(),
            place.lines()
        );
        fs::write(folder.path().join("cloud.toml"), config).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut house = Self {
            folder,
            place,
            cloud: None,
            http: format!("http://127.0.0.1:{port}"),
            people: BTreeMap::new(),
            runtime,
            client: Client::new(),
            token: String::new(),
        };
        house.start_cloud();
        let link = fs::read_to_string(house.data().join("setup-link")).unwrap();
        let token = link.trim().rsplit_once("token=").unwrap().1.to_owned();
        let owner = json!({"token": token, "username": "Ada", "email": "ada@example.org",
                           "password": PASSWORD});
        house.call(Method::POST, "/api/v1/setup", Some(&owner));
        let form = [("email", "ada@example.org"), ("password", PASSWORD)];
        let sent = house
            .client
            .post(format!("{}/login/password", house.http))
            .form(&form)
            .send();
        let answer = house
            .runtime
            .block_on(async { sent.await?.json::<Value>().await });
        house.token = answer.unwrap()["access_token"].as_str().unwrap().to_owned();
        house
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("cloud")
    }

    /// The cloud's database.
    pub fn database(&self) -> Database {
        self.place.database()
    }

    pub fn start_cloud(&mut self) {
        self.start_cloud_by(|command| command);
    }

    /// Starts the cloud by another command that is made of the usual one.
    pub fn start_cloud_by(&mut self, wrap: impl FnOnce(Command) -> Command) {
        let mut command = Command::new(cloud_program());
        command
            .args(["run", "--config"])
            .arg(self.folder.path().join("cloud.toml"))
            .arg("--data")
            .arg(self.data());
        let cloud = Program::start("limen-cloud", &mut wrap(command));
        cloud.await_line("limen-cloud is ready");
        self.cloud = Some(cloud);
    }

    /// Asks the cloud as its owner; anything but a success fails the test in the cloud's words.
    pub fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let mut request = self.client.request(method, format!("{}{path}", self.http));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request, path)
    }

    /// Reads as the cloud's owner what is no JSON.
    pub fn read(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.http));
        self.heard(request.bearer_auth(&self.token), path).1
    }

    fn heard(&self, request: reqwest::RequestBuilder, path: &str) -> (StatusCode, String) {
        let (status, text) = self
            .runtime
            .block_on(async {
                let answer = request.send().await?;
                Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
            })
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(status.is_success(), "{path}: {status} {text}");
        (status, text)
    }

    fn answer(&self, request: reqwest::RequestBuilder, path: &str) -> Value {
        let (status, text) = self.heard(request, path);
        if status == StatusCode::NO_CONTENT || text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text}"))
    }

    /// Presses a button of the screen that a terminal serves at this address, as its page does.
    pub fn press(&self, screen: &str, path: &str, body: &Value) {
        let request = self.client.post(format!("{screen}{path}"));
        let request = request.header("origin", screen).json(body);
        self.answer(request, path);
    }

    /// The number of a frame on such a screen that is newer than that one, if one comes within two seconds.
    pub fn frame(&self, screen: &str, after: u64) -> Option<u64> {
        let request = self.client.get(format!("{screen}/frame?after={after}"));
        let answer = self
            .runtime
            .block_on(async { request.send().await?.error_for_status() });
        let answer = answer.unwrap_or_else(|error| panic!("{screen}: {error}"));
        if answer.status() == StatusCode::NO_CONTENT {
            return None;
        }
        let facts: Value =
            serde_json::from_slice(answer.headers()["x-limen-frame"].as_bytes()).unwrap();
        facts["number"].as_u64()
    }

    /// Adds a person with these photographs, or none, at 20.00 an hour.
    pub fn enrol(&mut self, name: &'static str, photos: &[PathBuf]) {
        let mut form = Form::new()
            .text("username", name)
            .text("email", format!("{}@example.org", name.to_lowercase()))
            .text("password", PASSWORD)
            .text("hourly_rate", "20.00")
            .text("consent", "paper");
        for photo in photos {
            let part = Part::bytes(fs::read(photo).unwrap()).file_name("photo");
            form = form.part("image", part);
        }
        let request = self
            .client
            .post(format!("{}/api/v1/employees", self.http))
            .bearer_auth(&self.token)
            .multipart(form);
        let answer = self.answer(request, "/api/v1/employees");
        self.people
            .insert(name, answer["id"].as_str().unwrap().to_owned());
    }

    /// What the page shows now.
    pub fn live(&self) -> Value {
        self.call(Method::GET, "/api/v1/live", None)
    }

    /// Waits until the newest punch on the page is another one than `before`, and gives its id.
    pub fn await_other_punch(&self, before: &str) -> String {
        let events = format!("{}/api/v1/live/events", self.http);
        let request = self.client.get(events).bearer_auth(&self.token);
        let heard = async {
            let mut stream = request.send().await?.error_for_status()?;
            let mut text = String::new();
            while let Some(chunk) = stream.chunk().await? {
                text.push_str(&String::from_utf8_lossy(&chunk));
                while let Some((event, rest)) = text.split_once("\n\n") {
                    let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                    let snapshot: Value = serde_json::from_str(data.unwrap_or("null")).unwrap();
                    let newest = snapshot["punches"][0]["id"].as_str().unwrap_or("");
                    if !newest.is_empty() && newest != before {
                        return Ok(newest.to_owned());
                    }
                    text = rest.to_owned();
                }
            }
            Ok::<_, reqwest::Error>(String::new())
        };
        let newest = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, heard).await })
            .expect("no other punch reached the page")
            .unwrap_or_else(|error| panic!("the live feed broke: {error}"));
        assert!(
            !newest.is_empty(),
            "the live feed ended without another punch"
        );
        newest
    }

    /// A terminal with this camera, claimed. Its pictures stand still as none in a hand does, and as nobody's face
    /// does: what tells the two apart by their movement is off.
    pub fn claim(&self, name: &str, camera: &str, mqtt: &str) -> Terminal {
        let folder = self.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        let config = format!(
            "models = {:?}\n[camera]\n{camera}\n[gate]\nframes = 1\npad = \"off\"\nmin_face_px = 40\nhold_s = 0.0\naway_s = 0.0\n\
             repunch_s = 0.0\nreverse_s = 0.0\n[clock]\ntrust = \"system\"\n[cloud]\nmqtt = \"{mqtt}\"\n\
             [kiosk]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n",
            models()
        );
        let config_file = folder.join("terminal.toml");
        fs::write(&config_file, config).unwrap();
        let words =
            self.call(Method::POST, "/api/v1/claims", Some(&json!({"name": name})))["words"]
                .as_str()
                .unwrap()
                .to_owned();
        let claimed = Command::new(daemon_program())
            .args(["claim", "--config"])
            .arg(&config_file)
            .args(["--cloud", &self.http, "--words", &words])
            .output()
            .unwrap();
        assert!(
            claimed.status.success(),
            "the claim failed: {}",
            String::from_utf8_lossy(&claimed.stderr)
        );
        Terminal {
            config: config_file,
        }
    }
}

/// A claimed terminal.
pub struct Terminal {
    config: PathBuf,
}

impl Terminal {
    /// Puts another line into its configuration.
    pub fn configure(&self, line: &str, other: &str) {
        let config = fs::read_to_string(&self.config).unwrap();
        assert!(config.contains(line), "no `{line}` in {config}");
        fs::write(&self.config, config.replace(line, other)).unwrap();
    }

    pub fn database(&self) -> PathBuf {
        self.config.with_file_name("data").join("terminal.db")
    }

    /// Runs until it is ended, or, with `--until-end`, until its pictures are through and all is acknowledged.
    pub fn run(&self, more: &[&str]) -> Program {
        self.run_by(more, |command| command)
    }

    /// Runs by another command that is made of the usual one.
    pub fn run_by(&self, more: &[&str], wrap: impl FnOnce(Command) -> Command) -> Program {
        let mut command = Command::new(daemon_program());
        command
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .args(more);
        Program::start("limen-daemon", &mut wrap(command))
    }
}

/// A folder with these pictures in this order, and an empty room after each.
pub fn scene(folder: &Path, pictures: &[PathBuf]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    for (number, from) in pictures.iter().enumerate() {
        let kind = from.extension().unwrap().to_str().unwrap();
        fs::copy(from, folder.join(format!("{number:03}-a.{kind}"))).unwrap();
        fs::write(folder.join(format!("{number:03}-b.bmp")), empty_room()).unwrap();
    }
    folder.to_owned()
}

/// A picture that is grey all over.
fn empty_room() -> Vec<u8> {
    bitmap(64, |_, _| 128)
}

/// A square picture, its side in pixels a multiple of four, as a Windows bitmap: a 54-byte head, then 24 bits a
/// pixel, the lowest row first.
pub fn bitmap(side: u32, grey: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    let pixels = side * side * 3;
    let mut file = b"BM".to_vec();
    for word in [
        54 + pixels,
        0,
        54,
        40,
        side,
        side,
        1 | 24 << 16,
        0,
        pixels,
        2835,
        2835,
        0,
        0,
    ] {
        file.extend(word.to_le_bytes());
    }
    for y in (0..side).rev() {
        for x in 0..side {
            file.extend([grey(x, y); 3]);
        }
    }
    file
}
