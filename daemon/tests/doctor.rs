//! The doctor's round, with faults that are really there.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use limen_daemon::clock::Reading;
use limen_daemon::database;
use limen_daemon::doctor::{self, Machine, Report, Severity, fault};
use limen_daemon::keys::{self, Identity, Keys, Site};
use limen_daemon::outbox::{Author, Outbox};
use limen_face::Frame;
use limen_wire::event::Clock;
use limen_wire::{Hash, SealingSecret, SecretKey};
use rstest::rstest;
use tempfile::TempDir;
use uuid::Uuid;

#[path = "doctor/cloud.rs"]
mod cloud;

use cloud::{ALWAYS, Authority, Day, LONG_AGO};

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");

/// A terminal in which nothing is wrong, until a test does something to it.
struct Terminal {
    folder: TempDir,
    authority: Authority,
    source: String,
    models: PathBuf,
    data: PathBuf,
    clock: &'static str,
    more: String,
    mqtt: String,
    environment: Vec<(&'static str, PathBuf)>,
}

const SYSTEMCTL: &str = "LoadState=loaded\nActiveState=active\nNRestarts=0\nWatchdogUSec=30s\nStatusText=line up, camera ok";

impl Terminal {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["pictures", "bin", "models"] {
            fs::create_dir(path(name)).unwrap();
        }
        let person = Path::new(MODELS).join("pictures/obama2.jpg");
        fs::copy(person, path("pictures/a.jpg")).unwrap();
        // Without the sample pictures recognition isn't tried, which takes its time.
        for entry in fs::read_dir(MODELS).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != "pictures" {
                let target = entry.path().canonicalize().unwrap();
                symlink(target, path("models").join(entry.file_name())).unwrap();
            }
        }
        let authority = Authority::new();
        let terminal = Self {
            source: format!("folder:{}", path("pictures").display()),
            models: path("models"),
            data: path("data"),
            clock: "system",
            more: String::new(),
            mqtt: format!("mqtts://localhost:{}", authority.cloud(ALWAYS, 0)),
            environment: Vec::new(),
            authority,
            folder,
        };
        terminal.claim(ALWAYS);
        terminal.program("systemctl", SYSTEMCTL);
        terminal.program("vcgencmd", "throttled=0x0");
        terminal
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn claim(&self, valid: (Day, Day)) {
        let keys = Keys::load_or_make(&self.data).unwrap();
        fs::set_permissions(&self.data, fs::Permissions::from_mode(0o700)).unwrap();
        let site = Site {
            terminal: Uuid::from_u128(1),
            site: Uuid::from_u128(2),
            signing_key: SecretKey::from_seed([3; 32]).public(),
            sealing_key: SealingSecret::from_seed([4; 32]).public(),
            certificates: self.authority.terminal(&keys.signing, valid),
            authority: self.authority.pem.clone(),
            mqtt: "mqtts://localhost:1".into(),
        };
        keys::pin(&self.data, &site).unwrap();
    }

    /// A program that says this stands in for one of the machine's.
    fn program(&self, name: &str, says: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\ncat <<'END'\n{says}\nEND\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn config(&self) -> PathBuf {
        let path = self.path("terminal.toml");
        let text = format!(
            "data = {:?}\nmodels = {:?}\n{}\n[camera]\nsource = {:?}\n[clock]\ntrust = {:?}\n[cloud]\nmqtt = {:?}\n",
            self.data, self.models, self.more, self.source, self.clock, self.mqtt
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// As a technician asks: what is wrong, and the status. The words name each mend.
    fn ask(&self) -> (Vec<String>, Option<i32>) {
        self.ask_by(Command::new(env!("CARGO_BIN_EXE_limen-daemon")))
    }

    fn ask_by(&self, mut command: Command) -> (Vec<String>, Option<i32>) {
        let path = std::env::var("PATH").unwrap();
        command
            .args(["doctor", "--json", "--config"])
            .arg(self.config())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {said}"));
        let codes = report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|check| {
                let code = check["fault"].as_str()?;
                let fault = fault::ALL.iter().find(|fault| fault.code == code).unwrap();
                assert_eq!(check["mend"], fault.mend);
                assert!(
                    check["seen"].as_str().unwrap().starts_with(fault.is),
                    "{check}"
                );
                Some(code.to_owned())
            })
            .collect();
        (codes, output.status.code())
    }

    /// The same within this process, of a machine with other files below /sys.
    fn round(&self, root: &Path) -> Report {
        doctor::round(Some(&self.config()), &Machine::at(root))
    }

    /// The picture of the person, changed, in the place of what was before the camera.
    fn shows(&self, change: impl Fn(&Frame, u32, u32) -> [u8; 3]) {
        let from = self.path("pictures/a.jpg");
        let frame = Frame::decode(&fs::read(&from).unwrap()).unwrap();
        fs::remove_file(from).unwrap();
        fs::write(self.path("pictures/a.bmp"), bmp(&frame, change)).unwrap();
    }

    /// A library that is loaded before the system's.
    fn preload(&mut self, source: &str) {
        let (code, library) = (self.path("early.c"), self.path("early.so"));
        fs::write(&code, source).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-fno-builtin", "-o"])
            .args([&library, &code])
            .status();
        assert!(built.unwrap().success());
        self.environment.push(("LD_PRELOAD", library));
    }
}

/// R, G, B of a place.
fn at(frame: &Frame, x: u32, y: u32) -> [u8; 3] {
    let at = 3 * (y * frame.width() + x) as usize;
    [0, 1, 2].map(|channel| frame.rgb()[at + channel])
}

/// A BMP file of this size, 24 bits a pixel, rows from the bottom.
fn bmp(frame: &Frame, pixel: impl Fn(&Frame, u32, u32) -> [u8; 3]) -> Vec<u8> {
    let (width, height) = (frame.width(), frame.height());
    let padding = (4 - 3 * width % 4) % 4;
    let size = (3 * width + padding) * height;
    let mut file = b"BM".to_vec();
    for number in [
        54 + size,
        0,
        54,
        40,
        width,
        height,
        1 | 24 << 16,
        0,
        size,
        0,
        0,
        0,
        0,
    ] {
        file.extend(number.to_le_bytes());
    }
    for y in (0..height).rev() {
        for x in 0..width {
            let [r, g, b] = pixel(frame, x, y);
            file.extend([b, g, r]);
        }
        file.extend(vec![0; padding as usize]);
    }
    file
}

/// What the machine that the tests run on may itself have.
const THE_MACHINES_OWN: [&str; 4] = ["disk-low", "disk-full", "hot", "card"];

fn without_the_machines_own(codes: Vec<String>) -> Vec<String> {
    let is_own = |code: &String| THE_MACHINES_OWN.contains(&code.as_str());
    codes.into_iter().filter(|code| !is_own(code)).collect()
}

#[test]
fn nothing_is_wrong_where_nothing_is() {
    let (codes, status) = Terminal::new().ask();
    let own = !codes.is_empty();
    assert_eq!(without_the_machines_own(codes), [""; 0]);
    assert!(own || status == Some(0), "{status:?}");
}

type Provoke = fn(&mut Terminal);

/// A clock that shows that second of 1970 and that nobody disciplines, on a machine without a battery clock.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
int adjtimex(struct timex *about) { memset(about, 0, sizeof *about); about->status = STA_UNSYNC; return TIME_ERROR; }
int statx(int folder, const char *path, int flags, unsigned mask, struct statx *about) {
  if (path && !strncmp(path, "/dev/rtc", 8)) { errno = ENOENT; return -1; }
  return syscall(SYS_statx, folder, path, flags, mask, about);
}
"#;
const IN_1970: &str = "
int clock_gettime(clockid_t which, struct timespec *shown) {
  if (which == CLOCK_REALTIME) { shown->tv_sec = 300; shown->tv_nsec = 0; return 0; }
  return syscall(SYS_clock_gettime, which, shown);
}
";

fn in_five_days() -> Day {
    let day = Timestamp::now() + SignedDuration::from_hours(5 * 24);
    let day = day.to_zoned(jiff::tz::TimeZone::UTC).date();
    (day.year().into(), day.month() as u8, day.day() as u8)
}

#[rstest]
#[case::an_unknown_key("configuration", |t: &mut Terminal| t.more = "dta = \"x\"".into())]
#[case::a_file_in_the_folders_place("data-folder", |t: &mut Terminal| {
    t.data = t.path("file");
    fs::write(&t.data, "").unwrap();
})]
#[case::rights_for_everybody("data-open", |t: &mut Terminal| {
    fs::set_permissions(&t.data, fs::Permissions::from_mode(0o755)).unwrap();
})]
#[case::pages_of_the_database_overwritten("database", |t: &mut Terminal| {
    database::migrate(&t.data).unwrap();
    let path = t.data.join(database::FILE);
    let mut bytes = fs::read(&path).unwrap();
    let pages = bytes.len() / 4096;
    bytes[4096..4096 * (pages - 1)].fill(0x5a);
    fs::write(path, bytes).unwrap();
})]
#[case::no_claim("not-claimed", |t: &mut Terminal| t.data = t.path("other"))]
#[case::a_key_for_everybody("keys", |t: &mut Terminal| {
    let key = t.data.join("identity/signing.key");
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
})]
#[case::an_old_certificate("certificate", |t: &mut Terminal| t.claim(LONG_AGO))]
#[case::no_models("models", |t: &mut Terminal| t.models = t.path("none"))]
#[case::one_person_for_another("recognition", |t: &mut Terminal| {
    let pictures = t.models.join("pictures");
    fs::create_dir(&pictures).unwrap();
    for (name, of) in [("obama.jpg", "obama.jpg"), ("obama2.jpg", "obama2.jpg"), ("biden.jpg", "obama2.jpg")] {
        fs::copy(Path::new(MODELS).join("pictures").join(of), pictures.join(name)).unwrap();
    }
})]
#[case::the_year_1970("clock-wrong", |t: &mut Terminal| t.preload(&format!("{CLOCK}{IN_1970}")))]
#[case::no_time_service("clock-unsynced", |t: &mut Terminal| {
    t.clock = "check";
    t.preload(CLOCK);
})]
#[case::no_such_chip("gpio-missing", |t: &mut Terminal| {
    t.more = "gpio = { chip = \"no such chip\", red = 1 }".into();
})]
#[case::no_such_camera("camera-missing", |t: &mut Terminal| t.source = "v4l2:/dev/no-such-camera".into())]
#[case::garbage("camera-silent", |t: &mut Terminal| {
    fs::write(t.path("pictures/a.jpg"), [7; 5000]).unwrap();
})]
#[case::a_cap("camera-covered", |t: &mut Terminal| t.shows(|_, _, _| [1; 3]))]
#[case::a_lost_signal("camera-stuck", |t: &mut Terminal| t.shows(|_, _, _| [0, 135, 0]))]
#[case::night("camera-dark", |t: &mut Terminal| t.shows(|f, x, y| at(f, x, y).map(|v| v / 6)))]
#[case::sun("camera-bright", |t: &mut Terminal| t.shows(|f, x, y| at(f, x, y).map(|v| v.saturating_mul(4))))]
#[case::out_of_focus("camera-blurred", |t: &mut Terminal| t.shows(|f, x, y| {
    let around = |side: u32, at: u32| (-24..=24).step_by(6).map(move |d| at.saturating_add_signed(d).min(side - 1));
    let mut sum = [0_u32; 3];
    for y in around(f.height(), y) {
        for x in around(f.width(), x) {
            let here = at(f, x, y);
            for channel in 0..3 {
                sum[channel] += u32::from(here[channel]);
            }
        }
    }
    sum.map(|sum| (sum / 81) as u8)
}))]
#[case::upside_down("camera-turned", |t: &mut Terminal| t.shows(|f, x, y| at(f, f.width() - 1 - x, f.height() - 1 - y)))]
#[case::in_the_clear_over_a_network("address", |t: &mut Terminal| t.mqtt = "mqtt://10.0.0.7:1883".into())]
#[case::no_such_name("name", |t: &mut Terminal| t.mqtt = "mqtts://no-such-host.invalid:8883".into())]
#[case::a_closed_port("unreachable", |t: &mut Terminal| {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    t.mqtt = format!("mqtts://localhost:{}", free.port());
})]
#[case::the_clouds_old_certificate("tls-expired", |t: &mut Terminal| {
    t.mqtt = format!("mqtts://localhost:{}", t.authority.cloud(LONG_AGO, 0));
})]
#[case::a_certificate_that_runs_out("tls-soon", |t: &mut Terminal| {
    let valid = (ALWAYS.0, in_five_days());
    t.mqtt = format!("mqtts://localhost:{}", t.authority.cloud(valid, 0));
})]
#[case::another_cloud("tls-foreign", |t: &mut Terminal| {
    t.mqtt = format!("mqtts://localhost:{}", Authority::new().cloud(ALWAYS, 0));
})]
#[case::a_web_server("tls-broken", |t: &mut Terminal| t.mqtt = format!("mqtts://localhost:{}", cloud::stranger()))]
#[case::revoked("revoked", |t: &mut Terminal| {
    t.mqtt = format!("mqtts://localhost:{}", t.authority.cloud(ALWAYS, 5));
})]
#[case::no_people("no-roster", |t: &mut Terminal| database::migrate(&t.data).unwrap())]
#[case::three_days_without_a_cloud("backlog", |t: &mut Terminal| three_days_ago(&t.data))]
#[case::a_service_that_ended("service-down", |t: &mut Terminal| {
    t.program("systemctl", &SYSTEMCTL.replace("ActiveState=active", "ActiveState=failed"));
})]
#[case::a_service_that_fell("service-restarts", |t: &mut Terminal| {
    t.program("systemctl", &SYSTEMCTL.replace("NRestarts=0", "NRestarts=3"));
})]
#[case::no_watchdog("watchdog-off", |t: &mut Terminal| {
    t.program("systemctl", &SYSTEMCTL.replace("WatchdogUSec=30s", "WatchdogUSec=0"));
})]
#[case::a_weak_power_supply("power", |t: &mut Terminal| t.program("vcgencmd", "throttled=0x50005"))]
#[case::a_slow_processor("throttled", |t: &mut Terminal| t.program("vcgencmd", "throttled=0x40000"))]
fn a_fault_is_found_and_its_mend_named(#[case] code: &str, #[case] provoke: Provoke) {
    let mut terminal = Terminal::new();
    provoke(&mut terminal);
    let (codes, status) = terminal.ask();
    assert!(
        codes.iter().any(|found| found == code),
        "{code} is not in {codes:?}"
    );
    let severity = fault::ALL
        .iter()
        .find(|fault| fault.code == code)
        .unwrap()
        .severity;
    let least = match severity {
        Severity::Ok => panic!("{code} is no fault"),
        Severity::Warning => 1,
        Severity::Fault => 2,
    };
    assert!(status >= Some(least) && status <= Some(2), "{status:?}");
}

/// The terminal wrote, and the cloud heard nothing.
fn three_days_ago(data: &Path) {
    database::migrate(data).unwrap();
    let author = Author {
        identity: Arc::new(Identity::load(data).unwrap().unwrap()),
        session: Uuid::from_u128(5),
    };
    let then = Reading {
        at: Timestamp::now() - SignedDuration::from_hours(72),
        clock: Clock::Synced,
        boot: Uuid::from_u128(6),
        uptime_ms: 7,
    };
    Outbox::open(data, author, [8; 32], &then).unwrap();
}

/// What files of the kernel say; they are laid below another root.
#[rstest]
#[case::heat("hot", "sys/class/thermal/thermal_zone0/temp", "84000\n")]
#[case::errors_on_the_disk("card", "sys/fs/ext4/mmcblk0p2/errors_count", "3\n")]
#[case::a_worn_card("card", "sys/block/mmcblk0/device/life_time", "0x01 0x0b\n")]
#[case::a_card_near_its_end("card", "sys/block/mmcblk0/device/pre_eol_info", "0x03\n")]
fn what_the_kernel_says_is_heard(#[case] code: &str, #[case] file: &str, #[case] says: &str) {
    let terminal = Terminal::new();
    let root = tempfile::tempdir().unwrap();
    let codes =
        |report: Report| -> Vec<_> { report.checks.iter().filter_map(|c| c.fault).collect() };
    assert!(!codes(terminal.round(root.path())).contains(&code));
    let path = root.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, says).unwrap();
    assert!(codes(terminal.round(root.path())).contains(&code));
}

#[rstest]
#[case("8m", "disk-full", 2)]
#[case("100m", "disk-low", 1)]
fn a_full_disk_is_found(#[case] size: &str, #[case] code: &str, #[case] least: i32) {
    let terminal = Terminal::new();
    let small = terminal.path("small");
    fs::create_dir(&small).unwrap();
    // A file system of its own, which only this process sees and which ends with it.
    let script = r#"mount -t tmpfs -o size="$1",mode=700 tmpfs "$0" && cp -a "$2"/. "$0" && shift 2 && exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    command
        .arg(&small)
        .arg(size)
        .arg(&terminal.data)
        .arg(env!("CARGO_BIN_EXE_limen-daemon"));
    let may = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "true"])
        .status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    }
    let terminal = Terminal {
        data: small,
        ..terminal
    };
    let (codes, status) = terminal.ask_by(command);
    assert!(codes.contains(&code.to_owned()), "{codes:?}");
    assert!(status >= Some(least), "{status:?}");
}

#[test]
fn beside_a_working_terminal_it_takes_nothing_from_it() {
    let mut terminal = Terminal::new();
    terminal.source = "auto".into();
    // Whoever asks for more than encryption would be let in nowhere.
    terminal.mqtt = format!("mqtts://localhost:{}", terminal.authority.cloud(ALWAYS, 5));
    database::migrate(&terminal.data).unwrap();
    let lock = fs::File::create(terminal.data.join("lock")).unwrap();
    lock.lock().unwrap();
    let before = files(&terminal.data);
    let (codes, _) = terminal.ask();
    assert_eq!(without_the_machines_own(codes), ["no-roster"]);
    assert_eq!(files(&terminal.data), before);
    let report = terminal.round("/".as_ref());
    let seen = |part: &str| {
        let check = report
            .checks
            .iter()
            .find(|check| check.part == part)
            .unwrap();
        check.seen.clone()
    };
    assert!(seen("data folder").contains("a terminal works with it"));
    assert!(seen("camera").contains("the running terminal has auto"));
    assert!(seen("answer").contains("not asked"));
}

/// Every file of a folder with the hash of what it holds.
fn files(folder: &Path) -> Vec<(PathBuf, Hash)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        // SQLite's own beside the database, in which nothing is written.
        let name = path.to_string_lossy();
        if !(name.ends_with("-shm") || name.ends_with("-wal") && bytes.is_empty()) {
            found.push((path, Hash::of(&bytes)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn the_words_name_the_fault_and_the_mend() {
    let mut terminal = Terminal::new();
    terminal.source = "v4l2:/dev/no-such-camera".into();
    let report = terminal.round("/".as_ref());
    let text = report.to_string();
    assert!(text.contains("FAULT   camera"), "{text}");
    assert!(text.contains(fault::CAMERA_MISSING.mend), "{text}");
    assert!(text.contains("Begin with the first fault"), "{text}");
}

#[test]
fn the_page_for_technicians_has_the_same_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/technician.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## The doctor\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|row| row.starts_with("| `"));
    let rows: Vec<&str> = rows.collect();
    let wanted: Vec<String> = fault::ALL
        .iter()
        .map(|fault| {
            let how = match fault.severity {
                Severity::Ok => "",
                Severity::Warning => "warning",
                Severity::Fault => "fault",
            };
            format!(
                "| `{}` | {how} | {} | {} |",
                fault.code, fault.is, fault.mend
            )
        })
        .collect();
    assert_eq!(rows, wanted, "docs/technician.md, \"The doctor\"");
    let mut codes: Vec<&str> = fault::ALL.iter().map(|fault| fault.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), fault::ALL.len(), "a code stands twice");
}
