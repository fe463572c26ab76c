//! A real `limen-cloud` on free ports, and what tests ask it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::database::Place;

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_limen-cloud");
/// A password that is accepted, and that no log may show.
pub const PASSWORD: &str = "canary-quartz-lantern-48";

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A configuration with free ports and a cheap bcrypt; `more` stands at its top.
pub fn config(more: &str) -> String {
    let zoo = workspace().join("models");
    format!(
        "{more}\nzoo = {zoo:?}\nbcrypt_cost = 4\n[mqtt]\nlisten = \"127.0.0.1:0\"\n\
         [metrics]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n"
    )
}

/// A running server with a fresh data folder.
pub struct Server {
    child: Child,
    /// What it runs in, until a test takes it for another one.
    pub folder: Option<tempfile::TempDir>,
    place: Place,
    log: Arc<Mutex<String>>,
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    /// The metrics listener.
    pub metrics: String,
    /// Asks it.
    pub client: Client,
}

/// An answer: its status, headers and JSON (`Null` where the body is empty).
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The sentence of an error.
    pub fn detail(&self) -> &str {
        self.body["detail"]
            .as_str()
            .unwrap_or_else(|| panic!("no detail in {self:?}"))
    }

    /// Asserts a status and a sentence.
    #[track_caller]
    pub fn is(&self, status: u16, detail: &str) {
        assert_eq!((self.status.as_u16(), self.detail()), (status, detail));
    }

    /// The fields of a 422 with the words for programs.
    #[track_caller]
    pub fn fields(&self) -> Vec<(String, String)> {
        assert_eq!(self.status, 422, "{self:?}");
        // As the old backend listed them, or as RFC 9457 has it.
        let list = self.body["errors"].as_array();
        let list = list.or(self.body["detail"].as_array()).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list.iter()
            .map(|one| (text(&one["loc"][1]), text(&one["type"])))
            .collect()
    }
}

impl Server {
    /// Starts one whose registration is open.
    pub fn open() -> Self {
        Self::with("registration = \"open\"")
    }

    /// Starts one with these lines at the top of its configuration.
    pub fn with(more: &str) -> Self {
        Self::configured(&config(more))
    }

    /// Starts one with that configuration.
    pub fn configured(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(&folder.path().join("data"));
        Self::started(folder, place, config)
    }

    /// Starts one on that folder and database, and waits until it says that it is ready.
    pub fn started(folder: tempfile::TempDir, place: Place, config: &str) -> Self {
        let file = folder.path().join("cloud.toml");
        let data = folder.path().join("data");
        std::fs::write(&file, config.to_owned() + &place.lines()).unwrap();
        let mut child = Command::new(PROGRAM)
            .args(["run", "--config"])
            .arg(&file)
            .arg("--data")
            .arg(&data)
            .env("RUST_LOG", "debug")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (ready, is_ready) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let done = line.contains("limen-cloud is ready");
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
                drop(log);
                if done {
                    let _gone = ready.send(());
                }
            }
        });
        if is_ready.recv_timeout(Duration::from_secs(60)).is_err() {
            let _dead = child.kill();
            panic!("the server is not ready; it said:\n{}", log.lock().unwrap());
        }
        let addresses = std::fs::read(data.join("addresses.json")).unwrap();
        let addresses: Value = serde_json::from_slice(&addresses).unwrap();
        let address = |key: &str| addresses[key].as_str().unwrap().to_owned();
        Self {
            child,
            folder: Some(folder),
            place,
            log,
            http: address("http"),
            metrics: address("metrics"),
            client: Client::builder()
                .timeout(Duration::from_secs(60))
                .build()
                .unwrap(),
        }
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        let folder = self.folder.as_ref().unwrap();
        folder.path().join("data")
    }

    /// Its database, whose address is for a store in this process too.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What it has said on stderr so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The most memory that it has had, in MiB.
    pub fn peak_mib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line
            .and_then(|line| line.split_whitespace().nth(1))
            .unwrap();
        kib.parse::<u64>().unwrap() / 1024
    }

    /// A request to build on.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.http))
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        Answer {
            status,
            headers,
            body,
        }
    }

    /// GET, with a token where there is one.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let mut request = self.ask(Method::GET, path);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        self.send(request).await
    }

    /// POST of an urlencoded form.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.ask(Method::POST, path).form(fields)).await
    }

    /// POST of a multipart form.
    pub async fn upload(&self, path: &str, token: Option<&str>, form: Form) -> Answer {
        let mut request = self.ask(Method::POST, path).multipart(form);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        self.send(request).await
    }

    /// POST of JSON.
    pub async fn json(&self, path: &str, body: &Value) -> Answer {
        self.send(self.ask(Method::POST, path).json(body)).await
    }

    /// Registers an employer; gives its id.
    pub async fn employer(&self, name: &str, picture: &[u8], face_login: bool) -> String {
        let answer = self
            .upload(
                "/employer/register",
                None,
                employer(name, picture, face_login),
            )
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Registers an employee of that employer; gives its id.
    pub async fn employee(
        &self,
        name: &str,
        employer_id: &str,
        token: &str,
        picture: &[u8],
    ) -> String {
        let form = employee(name, employer_id, picture);
        let answer = self.upload("/employee/register", Some(token), form).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Logs in by password; gives the token.
    pub async fn token(&self, name: &str) -> String {
        let email = email(name);
        let answer = self
            .post(
                "/login/password",
                &[("email", &email), ("password", PASSWORD)],
            )
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    /// Ends it as systemd does, and gives its exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The e-mail of a name.
pub fn email(name: &str) -> String {
    format!("{}@example.org", name.to_lowercase())
}

/// A picture as a part of a form.
pub fn part(picture: &[u8]) -> Part {
    Part::bytes(picture.to_vec()).file_name("picture.jpg")
}

/// The form of route 6.
pub fn employer(name: &str, picture: &[u8], face_login: bool) -> Form {
    Form::new()
        .text("username", name.to_owned())
        .text("email", email(name))
        .text("password", PASSWORD)
        .text("face_login", face_login.to_string())
        .part("image", part(picture))
}

/// The form of route 11.
pub fn employee(name: &str, employer_id: &str, picture: &[u8]) -> Form {
    Form::new()
        .text("username", name.to_owned())
        .text("email", email(name))
        .text("password", PASSWORD)
        .text("employer_id", employer_id.to_owned())
        .text("hourly_rate", "21.50")
        .part("image", part(picture))
}
