//! What systemd is told by the real program: ready, alive as long as nothing hangs, stopping.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use limen_daemon::clock::{Clock, Reading};
use limen_daemon::config::Trust;
use limen_daemon::database;
use limen_daemon::keys::{Identity, Keys};
use limen_daemon::outbox::{self, Author, Outbox};
use tempfile::TempDir;
use uuid::Uuid;

#[path = "claimed/identity.rs"]
mod identity;

/// More than any machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A terminal that systemd seems to have started. Killed when dropped.
struct Service {
    _folder: TempDir,
    told: Receiver<String>,
    log: Receiver<String>,
    child: Child,
}

impl Service {
    /// Claimed, with the pictures that `fill` puts into the folder that is its camera.
    fn start(more: &str, environment: &[(&str, &str)], fill: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let pictures = folder.path().join("pictures");
        fs::create_dir(&pictures).unwrap();
        fill(&pictures);
        let data = folder.path().join("data");
        identity::claim(&data);
        let config = folder.path().join("terminal.toml");
        let text = format!(
            "models = {models:?}\n[camera]\nsource = \"folder:pictures\"\n[clock]\ntrust = \"system\"\n\
             [kiosk]\nlisten = \"127.0.0.1:0\"\n{more}\n"
        );
        fs::write(&config, text).unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_limen-daemon"))
            .args(["run", "--config"])
            .arg(&config)
            .env("NOTIFY_SOCKET", &path)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, told) = channel();
        // Read at once, as systemd does: a full socket would stop whoever speaks.
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let length = socket.recv(&mut bytes).unwrap();
                for line in std::str::from_utf8(&bytes[..length]).unwrap().lines() {
                    if tell.send(line.to_owned()).is_err() {
                        return;
                    }
                }
            }
        });
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, log) = channel();
        std::thread::spawn(move || {
            for line in lines {
                // The test may be through.
                let _ = tell.send(line.unwrap());
            }
        });
        Self {
            _folder: folder,
            told,
            log,
            child,
        }
    }

    /// What systemd is told until it is told something with `wanted` in it, which is the
    /// last of it.
    fn until(&self, wanted: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut told = Vec::new();
        while let Ok(next) = self
            .told
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            let is_it = next.contains(wanted);
            told.push(next);
            if is_it {
                return told;
            }
        }
        let log: Vec<_> = self.log.try_iter().collect();
        panic!("systemd was not told {wanted}, but {told:#?}; the log: {log:#?}");
    }

    /// The next line of the log with `words` in it.
    fn logs(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).expect(words);
            if line.contains(words) {
                return line;
            }
        }
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_alive(said: &str) -> bool {
    said == "WATCHDOG=1"
}

fn a_picture(folder: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pictures/obama.jpg");
    fs::copy(from, folder.join("a.jpg")).unwrap();
}

#[test]
fn systemd_hears_that_the_terminal_is_ready_lives_and_stops() {
    let environment = [("WATCHDOG_USEC", "2000000")];
    let mut service = Service::start("", &environment, a_picture);
    let before = service.until("READY=1");
    assert_eq!(before[0], "STATUS=loading the face models");
    assert!(service.logs("limen-daemon is ready").contains("INFO"));
    let status = service.until("STATUS=line ").pop().unwrap();
    assert_eq!(
        status,
        "STATUS=line down, camera ok, people known: 0, events waiting: 1"
    );
    let began = Instant::now();
    for _ in 0..4 {
        service.until("WATCHDOG=1");
    }
    assert!(
        began.elapsed() > Duration::from_secs(1),
        "fed without a pause"
    );
    service.terminate();
    service.until("STOPPING=1");
    assert!(service.child.wait().unwrap().success());
    service.logs("ended");
}

#[test]
fn without_a_watchdog_of_its_own_a_terminal_feeds_none() {
    let environment = [("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "1")];
    let service = Service::start("", &environment, a_picture);
    let mut told = service.until("READY=1");
    told.extend(service.until("STATUS=line "));
    service.terminate();
    told.extend(service.until("STOPPING=1"));
    assert!(!told.iter().any(|said| is_alive(said)), "{told:?}");
}

/// Nobody ever writes into the pipe: whoever opens it to read stands there for ever.
#[test]
fn a_camera_that_hangs_is_named_and_the_watchdog_is_not_fed_any_more() {
    let environment = [("WATCHDOG_USEC", "2000000")];
    let limit = "[watchdog]\ncamera_s = 6";
    let mut service = Service::start(limit, &environment, |pictures| {
        let made = Command::new("mkfifo").arg(pictures.join("a.jpg")).status();
        assert!(made.unwrap().success());
    });
    service.until("READY=1");
    service.until("WATCHDOG=1");
    let line = service.logs("a stage hangs");
    assert!(line.contains("ERROR"), "{line}");
    assert!(line.contains("stage=camera"), "{line}");
    assert!(
        line.contains("since=") && line.contains("limit_s=6"),
        "{line}"
    );
    // Told after that line.
    service.until("; camera hangs: at one thing for more than 6 s");
    let quiet = Instant::now() + Duration::from_secs(3);
    let left = || quiet.saturating_duration_since(Instant::now());
    while let Ok(said) = service.told.recv_timeout(left()) {
        assert!(!is_alive(&said), "fed in spite of it");
    }
    assert!(service.child.try_wait().unwrap().is_none(), "it lives on");
}

#[test]
fn a_prometheus_on_this_machine_is_told_how_the_terminal_is() {
    use std::io::{Read, Write};
    let service = Service::start("", &[], a_picture);
    let line = service.logs("the screen is at http://");
    let address = line.split("http://").nth(1).unwrap().trim();
    service.until("STATUS=line ");
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    let question = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for wanted in [
        "text/plain; version=0.0.4",
        "\nlimen_camera_state{state=\"ok\"} 1\n",
        "\nlimen_events_waiting 1\n",
        "\nlimen_line_up 0\n",
    ] {
        assert!(answer.contains(wanted), "{wanted} is not in {answer}");
    }
}

/// An earlier run of this boot wrote something, by a clock that showed two hours less.
#[test]
fn a_clock_that_was_set_while_the_terminal_was_off_is_noticed() {
    let service = Service::start("", &[], |pictures| {
        a_picture(pictures);
        let data = pictures.parent().unwrap().join("data");
        identity::claim(&data);
        database::migrate(&data).unwrap();
        let author = Author {
            identity: Arc::new(Identity::load(&data).unwrap().unwrap()),
            session: Uuid::from_u128(5),
        };
        let now = Clock::new(Trust::System, None).unwrap().read().unwrap();
        let then = Reading {
            at: now.at - SignedDuration::from_hours(2),
            ..now
        };
        Outbox::open(&data, author, outbox::hardware(), &then).unwrap();
    });
    let line = service.logs("the clock was set while the terminal was off");
    assert!(line.contains("from=") && line.contains("to="), "{line}");
    // Two starts, and that.
    let status = service.until("STATUS=line ").pop().unwrap();
    assert!(status.contains("events waiting: 3"), "{status}");
}

/// Whoever asks the system for a name waits longer than this test does.
#[test]
fn the_end_waits_for_no_name_server() {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("slow.c"), folder.path().join("slow.so"));
    let slow = "#include <unistd.h>\nint getaddrinfo(void) { (void)!write(2, \"asked\\n\", 6); sleep(600); return -3; }\n";
    fs::write(&source, slow).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-fno-builtin", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.unwrap().success());
    let mut service = Service::start(
        "[cloud]\nmqtt = \"mqtt://localhost:1\"",
        &[("LD_PRELOAD", library.to_str().unwrap())],
        a_picture,
    );
    service.until("READY=1");
    service.logs("asked");
    service.terminate();
    service.until("STOPPING=1");
    service.logs("ended");
    // Its standard error is closed by its end.
    loop {
        match service.log.recv_timeout(PATIENCE) {
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
        }
    }
    service.child.wait().unwrap();
}

#[test]
fn in_the_journal_a_line_begins_with_its_level_and_has_its_fields() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = fs::File::create(&path).unwrap();
    let about = journal.metadata().unwrap();
    fs::write(folder.path().join("terminal.toml"), "models = \"none\"\n").unwrap();
    Keys::load_or_make(&folder.path().join("data")).unwrap();
    let run = |stream: String| {
        Command::new(env!("CARGO_BIN_EXE_limen-daemon"))
            .args(["run", "--config"])
            .arg(folder.path().join("terminal.toml"))
            .env("JOURNAL_STREAM", stream)
            .stderr(journal.try_clone().unwrap())
            .status()
            .unwrap();
        fs::read_to_string(&path).unwrap()
    };
    let said = run(format!("{}:{}", about.dev(), about.ino()));
    assert!(
        said.starts_with("<3>limen-daemon: this terminal is not claimed"),
        "{said}"
    );
    let said = run("1:1".to_owned());
    assert!(
        said.contains("\nlimen-daemon: this terminal is not claimed"),
        "{said}"
    );
}
