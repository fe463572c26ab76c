//! The same with a mosquitto between terminal and cloud.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::house::free_port;
use super::kills::{busy, greens_of, moment, rounds, settle};
use super::process::Program;

/// A mosquitto that keeps what it likes in a folder of its own.
struct Mosquitto {
    folder: tempfile::TempDir,
    port: u16,
}

impl Mosquitto {
    fn new() -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        fs::create_dir(&store).unwrap();
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\nuser root\n\
             persistence_location {}/\n",
            store.display()
        );
        fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        Self { folder, port }
    }

    fn start(&self) -> Program {
        let config = self.folder.path().join("mosquitto.conf");
        let program = Program::start(
            "mosquitto",
            Command::new(mosquitto()).arg("-v").arg("-c").arg(config),
        );
        program.await_line("running");
        program
    }

    /// Forgets all that it kept.
    fn wipe(&self) {
        let store = self.folder.path().join("store");
        fs::remove_dir_all(&store).unwrap();
        fs::create_dir(&store).unwrap();
    }
}

fn mosquitto() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("mosquitto"))
        .find(|program| Path::new(program).exists())
        .expect("this test needs mosquitto: apt-get install mosquitto")
}

#[test]
fn kill_and_wipe_mosquitto_between_terminal_and_cloud() {
    let broker = Mosquitto::new();
    let mut running = broker.start();
    let address = format!("127.0.0.1:{}", broker.port);
    let link = format!("[link]\nbroker = \"mqtt://{address}\"");
    let (house, terminal) = busy(&link, &address);
    let mut daemon = terminal.run(&[]);
    let mut before = String::new();
    for round in 0..rounds() {
        before = house.await_other_punch(&before);
        moment(round, 300);
        running.kill();
        broker.wipe();
        running = broker.start();
    }
    house.await_other_punch(&before);
    daemon.terminate();
    assert!(settle(house, &terminal, greens_of(&daemon)) >= rounds());
}
