//! A face at a camera becomes an hour in the payroll.

use reqwest::Method;

use super::house::{House, free_port, picture, scene};
use super::kills::{busy, greens_of, settle};
use super::ledger;
use super::process::Program;

#[test]
fn a_face_at_a_camera_becomes_an_hour_in_the_payroll() {
    let mut house = House::new("");
    house.enrol("Barack", &[picture("obama2.jpg"), picture("obama3.jpg")]);
    house.enrol("Joe", &[picture("biden.jpg")]);
    let visitors = [
        "obama.jpg",
        "biden.jpg",
        "astronaut.png",
        "biden.jpg",
        "obama.jpg",
    ];
    let pictures = scene(&house.folder.path().join("scene"), &visitors.map(picture));
    let camera = format!(
        "source = \"folder:{}\"\nfps = 1\nloop = false\nevery_frame = true",
        pictures.display()
    );
    let terminal = house.claim("door", &camera, "");

    let mut daemon = terminal.run(&["--until-end"]);
    let status = daemon.end();
    assert!(status.success(), "{status}");

    let live = house.live();
    let names = |list: &str, key: &str| -> Vec<String> {
        let rows = live[list].as_array().unwrap();
        rows.iter()
            .map(|row| row[key].as_str().unwrap().to_owned())
            .collect()
    };
    // The newest stands first.
    assert_eq!(
        names("punches", "name"),
        ["Barack", "Joe", "Joe", "Barack"],
        "{live}"
    );
    assert_eq!(
        names("punches", "direction"),
        ["out", "out", "in", "in"],
        "{live}"
    );
    assert_eq!(
        names("rejected", "why").len(),
        1,
        "the stranger is nobody's: {live}"
    );
    assert!(
        live["people"]
            .as_array()
            .unwrap()
            .iter()
            .all(|person| person["in"] == false)
    );

    for person in house.people.values() {
        let path = format!("/api/v1/people/{person}/timesheet");
        let sheet = house.call(Method::GET, &path, None);
        let sessions = sheet["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 1, "{sheet}");
        assert!(sessions[0]["check_out"].is_string(), "{sheet}");
        assert!(!sessions[0]["earnings"].is_null(), "{sheet}");
    }

    house.cloud.take().unwrap().terminate();
    let greens = ledger::greens(&daemon.lines("punch accepted"));
    assert_eq!(greens.len(), 4);
    ledger::check(&terminal.database(), &house.database(), &greens);
}

/// Bug: a terminal that had no roster yet turned everybody away as a stranger.
#[test]
fn nobody_is_a_stranger_before_the_first_roster() {
    let (mut house, terminal) = busy("", "");
    house.cloud.take().unwrap().terminate();
    let mut daemon = terminal.run(&[]);
    daemon.await_line("no roster has come yet");
    daemon.await_line("limen-daemon is ready");
    house.start_cloud();
    daemon.await_line("punch accepted");
    daemon.terminate();
    assert_eq!(daemon.lines("not recognised"), Vec::<String>::new());
    settle(house, &terminal, greens_of(&daemon));
}

/// With the certificates that the claim gave, over mutual TLS; and what a revoked terminal still says is not heard.
#[test]
fn a_terminal_off_this_machine_goes_by_mutual_tls_until_it_is_revoked() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let tls = format!("[mqtt.tls]\nlisten = \"{address}\"\nnames = [\"127.0.0.1\"]");
    let (house, terminal) = busy(&tls, &format!("mqtts://{address}"));
    let mut daemon = terminal.run(&[]);
    let before = house.await_other_punch("");
    house.await_other_punch(&before);
    let live = house.live();
    let id = live["terminals"][0]["id"].as_str().unwrap();
    assert_eq!(live["terminals"][0]["online"], true, "{live}");
    house.call(Method::DELETE, &format!("/api/v1/terminals/{id}"), None);
    house
        .cloud
        .as_ref()
        .unwrap()
        .await_line("a terminal's line has ended");
    daemon.await_line("the line to the cloud");
    assert_eq!(house.live()["terminals"].as_array().unwrap().len(), 0);
    daemon.terminate();
}

/// Where a touch begins it, the pictures run through to their end and nobody was looked at; each press of a button
/// is one punch.
#[test]
fn nobody_is_looked_at_before_a_button_is_pressed() {
    let (_house, terminal) = busy("", "");
    terminal.configure(
        "frames = 1",
        "frames = 1\nlooks = \"touched\"\ntouch_s = 60",
    );
    terminal.configure("loop = true", "loop = false");
    let mut daemon = terminal.run(&["--until-end"]);
    assert!(daemon.end().success());
    let told = |daemon: &Program| {
        daemon.lines("punch accepted").len() + daemon.lines("not recognised").len()
    };
    assert_eq!(told(&daemon), 0);

    terminal.configure("loop = false", "loop = true");
    let mut daemon = terminal.run(&[]);
    daemon.await_line("limen-daemon is ready");
    for press in 1..=2 {
        daemon.signal("USR1");
        daemon.await_lines("punch accepted", press);
    }
    daemon.terminate();
    assert_eq!(told(&daemon), 2);
}
