//! A real mosquitto on a free port, that can be killed and comes back with nothing in its head.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub struct Broker {
    folder: TempDir,
    pub port: u16,
    child: Option<Child>,
}

fn program() -> &'static str {
    match Path::new("/usr/sbin/mosquitto").exists() {
        true => "/usr/sbin/mosquitto",
        false => "mosquitto",
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Broker {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with("", &[])
    }

    /// Starts one with further lines of configuration, in which `DIR` stands for its folder, and
    /// with files in that folder.
    pub fn start_with(more: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let port = free_port();
        let more = more.replace("DIR", &folder.path().display().to_string());
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\nmax_queued_messages 0\n{more}\n"
        );
        fs::write(folder.path().join("mosquitto.conf"), text).unwrap();
        let mut broker = Self {
            folder,
            port,
            child: None,
        };
        broker.up();
        broker
    }

    /// Starts it again on the same port.
    pub fn up(&mut self) {
        let mut command = Command::new(program());
        command
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .expect("mosquitto is needed: apt install mosquitto");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let running = lines.any(|line| line.unwrap().contains("running"));
        assert!(running, "mosquitto does not listen");
        // It must never wait for somebody to read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        self.child = Some(child);
    }

    /// `kill -9`: it forgets every message and session.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
