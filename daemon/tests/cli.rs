//! The command line: what is said, and with which exit code, when something is not as it should.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

#[path = "claimed/identity.rs"]
mod identity;

fn daemon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_limen-daemon"))
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

/// The models without their sample pictures.
fn linked_models() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(models()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "pictures" {
            let link = folder.path().join(entry.file_name());
            std::os::unix::fs::symlink(entry.path().canonicalize().unwrap(), link).unwrap();
        }
    }
    folder
}

/// A folder with a configuration in it.
struct Terminal(TempDir);

impl Terminal {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("terminal.toml"), config).unwrap();
        Self(folder)
    }

    fn claimed(config: &str) -> Self {
        let terminal = Self::new(config);
        let data = terminal.0.path().join("data");
        identity::claim(&data);
        terminal
    }

    fn config(&self) -> String {
        self.0.path().join("terminal.toml").display().to_string()
    }

    fn run(&self) -> Output {
        daemon(&["run", "--until-end", "--config", &self.config()])
    }
}

#[test]
fn the_printed_defaults_are_a_configuration() {
    let output = daemon(&["default-config"]);
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, limen_daemon::config::DEFAULT);
}

#[test]
fn an_unknown_key_is_named_and_refused() {
    let terminal = Terminal::new("[gate]\ntolerence = 0.6\n");
    let output = terminal.run();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("`tolerence`"), "{}", said(&output));
    assert!(said(&output).contains("line 2"), "{}", said(&output));
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let output = daemon(&["run", "--config", "/nowhere/terminal.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("/nowhere/terminal.toml"));
    assert!(said(&output).contains("default-config"));
}

#[test]
fn a_log_filter_that_is_none_is_refused() {
    let terminal = Terminal::new("[log]\nfilter = \"limen=louder\"\n");
    let output = terminal.run();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("log.filter"), "{}", said(&output));
}

#[test]
fn a_terminal_that_nobody_claimed_says_how_it_is_done() {
    let terminal = Terminal::new("");
    let output = terminal.run();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("not claimed yet"));
    assert!(said(&output).contains("limen-daemon claim"));
}

#[test]
fn missing_models_are_named() {
    let terminal = Terminal::claimed("models = \"no-models\"\n");
    let output = terminal.run();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("no-models"), "{}", said(&output));
    assert!(said(&output).contains("zoo.toml"), "{}", said(&output));
}

#[test]
fn a_cloud_in_the_clear_off_this_machine_is_refused() {
    let terminal = Terminal::claimed("[cloud]\nmqtt = \"mqtt://10.0.0.7:1883\"\n");
    let output = terminal.run();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("in the clear"), "{}", said(&output));
}

#[test]
fn pictures_that_are_missing_end_a_run_to_the_end() {
    let models = models();
    let terminal = Terminal::claimed(&format!(
        "models = {models:?}\n[camera]\nsource = \"folder:no-pictures\"\nloop = false\n\
         [kiosk]\nlisten = \"\"\n"
    ));
    let output = terminal.run();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("no-pictures"), "{}", said(&output));
}

#[test]
fn two_daemons_do_not_share_a_data_folder() {
    let terminal = Terminal::claimed("");
    let lock = terminal.0.path().join("data/lock");
    let held = fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let output = terminal.run();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("another limen-daemon"));
}

#[test]
fn a_claim_reads_its_words_from_standard_input_and_repeats_none_of_them() {
    use std::io::Write;
    use std::process::Stdio;
    let terminal = Terminal::new("");
    let mut child = Command::new(env!("CARGO_BIN_EXE_limen-daemon"))
        .args(["claim", "--config", &terminal.config()])
        .args(["--cloud", "http://127.0.0.1:1", "--words", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"sesame opens nothing here\n").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("12 words"), "{}", said(&output));
    assert!(!said(&output).contains("sesame"), "{}", said(&output));
}

#[test]
fn a_self_test_tells_part_by_part_and_fails_where_one_does() {
    let models = models();
    let terminal = Terminal::new(&format!(
        "models = {models:?}\n[camera]\nsource = \"folder:{}\"\n[clock]\ntrust = \"system\"\n",
        models.join("pictures").display()
    ));
    let output = daemon(&["self-test", "--json", "--config", &terminal.config()]);
    assert_eq!(output.status.code(), Some(1), "nobody claimed it");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = |part: &str| {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().find(|f| f["part"] == part).unwrap().clone()
    };
    for part in ["models", "recognition", "database", "clock", "camera"] {
        assert_eq!(finding(part)["ok"], true, "{}", finding(part));
    }
    assert!(
        finding("recognition")["detail"]
            .as_str()
            .unwrap()
            .contains("another person does not"),
        "{}",
        finding("recognition")
    );
    assert_eq!(finding("claim")["ok"], false);
    assert_eq!(report["ok"], false);

    let embedding = finding("recognition")["embedding"].clone();
    assert_eq!(embedding.as_array().unwrap().len(), 128);
    let output = daemon(&["self-test", "--config", &terminal.config()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("another person does not"), "{text}");
    assert!(!text.contains(&embedding[0].to_string()), "{text}");
}

#[test]
fn a_self_test_gives_no_embedding_of_another_picture_away() {
    let models = linked_models();
    let pictures = models.path().join("pictures");
    fs::create_dir(&pictures).unwrap();
    for (name, other) in [
        ("obama.jpg", "obama2.jpg"),
        ("obama2.jpg", "obama.jpg"),
        ("biden.jpg", "biden.jpg"),
    ] {
        fs::copy(
            self::models().join("pictures").join(other),
            pictures.join(name),
        )
        .unwrap();
    }
    let terminal = Terminal::new(&format!("models = {:?}\n", models.path()));
    let output = daemon(&["self-test", "--json", "--config", &terminal.config()]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("another person does not"), "{printed}");
    assert!(!printed.contains("embedding"), "{printed}");
}

#[test]
fn a_self_test_without_models_says_so() {
    let terminal = Terminal::claimed("models = \"none\"\n");
    let output = daemon(&["self-test", "--config", &terminal.config()]);
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("FAILED models"), "{printed}");
    assert!(printed.contains("zoo.toml"), "{printed}");
}

#[test]
fn a_self_test_without_the_sample_pictures_says_that_they_were_removed() {
    let models = linked_models();
    let terminal = Terminal::claimed(&format!("models = {:?}\n", models.path()));
    let output = daemon(&["self-test", "--config", &terminal.config()]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("ok     models"), "{printed}");
    assert!(printed.contains("ok     recognition"), "{printed}");
    assert!(
        printed.contains("the sample pictures were removed"),
        "{printed}"
    );
}

/// A folder of pictures as the camera, and what `camera` says of it.
fn look(pictures: &Path) -> (Option<i32>, serde_json::Value, String) {
    let models = models();
    let terminal = Terminal::new(&format!(
        "models = {models:?}\n[camera]\nsource = \"folder:{}\"\n",
        pictures.display()
    ));
    let output = daemon(&["camera", "--json", "--config", &terminal.config()]);
    let text = daemon(&["camera", "--config", &terminal.config()]);
    assert_eq!(text.status.code(), output.status.code());
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap(),
        String::from_utf8(text.stdout).unwrap(),
    )
}

#[test]
fn a_camera_that_shows_a_person_well_has_no_problem() {
    let pictures = tempfile::tempdir().unwrap();
    let one = "obama.jpg";
    fs::copy(
        models().join("pictures").join(one),
        pictures.path().join(one),
    )
    .unwrap();
    let (status, report, text) = look(pictures.path());
    assert_eq!(status, Some(0), "{text}");
    assert!(report["face_px"].as_u64().unwrap() > 100, "{report}");
    assert!(text.contains("Light and focus are good."), "{text}");
}

#[test]
fn a_camera_in_the_dark_is_said_to_be_and_what_to_do() {
    let pictures = tempfile::tempdir().unwrap();
    fs::write(
        pictures.path().join("dark.jpg"),
        include_bytes!("ribbon/black.jpg"),
    )
    .unwrap();
    let (status, report, text) = look(pictures.path());
    assert_eq!(status, Some(1), "{text}");
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
    assert!(
        text.contains("PROBLEM the camera shows nothing but darkness"),
        "{text}"
    );
    assert!(text.contains("off the lens"), "{text}");
}

#[test]
fn a_camera_that_gives_nothing_says_why() {
    let (status, report, text) = look(Path::new("/no/such/folder"));
    assert_eq!(status, Some(2), "{text}");
    assert!(
        report["failed"]
            .as_str()
            .unwrap()
            .contains("/no/such/folder")
    );
    assert!(
        text.contains("cannot read the folder of pictures"),
        "{text}"
    );
}

#[test]
fn lines_that_cannot_be_tried_are_refused_with_the_reason() {
    for (config, wanted) in [
        ("", "names no line"),
        (
            "gpio = { chip = \"no such chip\", red = 1 }",
            "there is no GPIO chip \"no such chip\"",
        ),
        ("gpio = { chip = \"/dev/null\", red = 1 }", "\"/dev/null\""),
    ] {
        let terminal = Terminal::new(config);
        let output = daemon(&["test-io", "--config", &terminal.config()]);
        assert_eq!(output.status.code(), Some(1), "{config}");
        assert!(said(&output).contains(wanted), "{}", said(&output));
        assert!(output.stdout.is_empty(), "nothing was tried");
    }
}
