//! Ways in that need no face: the same punches, the same pay.

use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::house::{House, bitmap, scene};
use super::kills::{busy, greens_of, settle};
use super::ledger;
use super::process::Program;

/// The dark rectangles of a drawn badge, in units of the drawing: left, top, width, height.
fn dark(svg: &str) -> Vec<[u32; 4]> {
    let path = svg.rsplit_once("d=\"").unwrap().1;
    let path = path.split_once('"').unwrap().0;
    path.split('M')
        .skip(1)
        .map(|one| {
            let numbers: Vec<u32> = one
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            numbers[..4].try_into().unwrap()
        })
        .collect()
}

/// A badge as it is printed, held up before a grey wall.
fn held_up(svg: &str, picture: &Path) {
    const SIDE: u32 = 640;
    let rectangles = dark(svg);
    let right = rectangles.iter().map(|[x, _, w, _]| x + w).max().unwrap();
    let left = rectangles.iter().map(|[x, ..]| *x).min().unwrap();
    // The quiet zone is as wide on each side.
    let drawn = right + left;
    assert!(drawn < SIDE, "a badge of {drawn} pixels");
    let from = (SIDE - drawn) / 2;
    let mut card = vec![255_u8; (drawn * drawn) as usize];
    for [x, y, w, h] in rectangles {
        for row in y..y + h {
            card[(row * drawn + x) as usize..(row * drawn + x + w) as usize].fill(0);
        }
    }
    let grey = |x: u32, y: u32| match (x.wrapping_sub(from), y.wrapping_sub(from)) {
        (x, y) if x < drawn && y < drawn => card[(y * drawn + x) as usize],
        _ => 128,
    };
    fs::write(picture, bitmap(SIDE, grey)).unwrap();
}

/// A terminal whose camera shows badges or an empty room.
struct Site {
    house: House,
    terminal: super::house::Terminal,
    wall: String,
    badges: String,
}

impl Site {
    /// Two people without a photograph; each holds up a badge once where the camera shows badges.
    fn new() -> (Self, [Person; 2]) {
        let mut house = House::new("");
        house.enrol("Grace", &[]);
        house.enrol("Kay", &[]);
        let people = ["Grace", "Kay"].map(|name| Person::new(&house, name));
        let folder = house.folder.path().join("badges");
        fs::create_dir(&folder).unwrap();
        let pictures = people.iter().map(|person| {
            let picture = folder.join(format!("{}.bmp", person.badge));
            held_up(&person.card, &picture);
            picture
        });
        let pictures: Vec<_> = pictures.collect();
        let source = |folder: &Path| format!("source = \"folder:{}\"", folder.display());
        let badges = source(&scene(&house.folder.path().join("held"), &pictures));
        let wall = source(&scene(&house.folder.path().join("wall"), &[]));
        fs::write(
            house.folder.path().join("wall/0.bmp"),
            bitmap(64, |_, _| 128),
        )
        .unwrap();
        let camera = format!("{wall}\nfps = 1\nloop = true\nevery_frame = true");
        let terminal = house.claim("door", &camera, "");
        let site = Self {
            house,
            terminal,
            wall,
            badges,
        };
        (site, people)
    }

    /// Runs before a wall; gives the screen's address too.
    fn open(&self) -> (Program, String) {
        let daemon = self.terminal.run(&[]);
        daemon.await_line("limen-daemon is ready");
        let line = daemon.await_line("the screen is at");
        let line: Value = serde_json::from_str(&line).unwrap();
        let said = line["fields"]["message"].as_str().unwrap();
        let screen = said
            .split_once("http")
            .map(|(_, rest)| format!("http{rest}"));
        (daemon, screen.unwrap())
    }

    /// Shows all badges once.
    fn show_badges(&self) -> Program {
        self.terminal.configure(&self.wall, &self.badges);
        self.terminal.configure("loop = true", "loop = false");
        let mut daemon = self.terminal.run(&["--until-end"]);
        assert!(daemon.end().success());
        self.terminal.configure("loop = false", "loop = true");
        self.terminal.configure(&self.badges, &self.wall);
        daemon
    }
}

struct Person {
    id: String,
    typed: Value,
    badge: String,
    card: String,
}

impl Person {
    fn new(house: &House, name: &str) -> Self {
        let id = house.people[name].clone();
        let at = |rest: &str| format!("/api/v1/people/{id}/{rest}");
        let pin = house.call(Method::POST, &at("pin"), None);
        let made = house.call(Method::POST, &at("badges"), Some(&json!({})));
        let badge = made["id"].as_str().unwrap().to_owned();
        let card = house.read(&at(&format!("badges/{badge}")));
        Self {
            typed: json!({"typed": pin["typed"]}),
            id,
            badge,
            card,
        }
    }

    /// One session, from how they came in to how they went, and paid.
    fn is_paid(&self, house: &House) {
        let path = format!("/api/v1/people/{}/timesheet", self.id);
        let sheet = house.call(Method::GET, &path, None);
        let sessions = sheet["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 1, "{sheet}");
        assert!(sessions[0]["check_out"].is_string(), "{sheet}");
        assert!(!sessions[0]["earnings"].is_null(), "{sheet}");
    }
}

#[test]
fn somebody_without_a_template_is_paid_by_a_pin_and_by_a_badge() {
    let (mut site, [grace, kay]) = Site::new();
    // Grace comes by her PIN; a wrong one is nobody's.
    let (mut daemon, screen) = site.open();
    daemon.await_line("roster applied");
    site.house.press(&screen, "/pin", &grace.typed);
    daemon.await_line("punch accepted");
    // As after a face, what is shown can be changed.
    let first = *greens_of(&daemon).first().unwrap();
    for change in ["out", "in"] {
        let amend = json!({"seq": first, "change": change});
        site.house.press(&screen, "/amend", &amend);
    }
    let wrong = format!("{}0", kay.typed["typed"].as_str().unwrap());
    site.house.press(&screen, "/pin", &json!({"typed": wrong}));
    daemon.await_line("not recognised");
    daemon.terminate();
    let mut greens = greens_of(&daemon);
    // She leaves by her badge; with it Kay comes.
    greens.extend(greens_of(&site.show_badges()));
    assert_eq!(greens.len(), 3);
    // Kay leaves by his PIN.
    let (mut daemon, screen) = site.open();
    site.house.press(&screen, "/pin", &kay.typed);
    daemon.await_line("punch accepted");
    daemon.terminate();
    greens.extend(greens_of(&daemon));

    let live = site.house.live();
    let seen: Vec<_> = live["punches"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|punch| ["name", "direction", "method"].map(|key| punch[key].as_str().unwrap()))
        .collect();
    let wanted = [
        ["Grace", "in", "pin"],
        ["Grace", "out", "qr"],
        ["Kay", "in", "qr"],
        ["Kay", "out", "pin"],
    ];
    assert_eq!(seen, wanted, "{live}");
    grace.is_paid(&site.house);
    kay.is_paid(&site.house);

    site.house.cloud.take().unwrap().terminate();
    ledger::check(&site.terminal.database(), &site.house.database(), &greens);
}

#[test]
fn a_badge_that_was_revoked_lets_nobody_in() {
    let (site, [grace, _kay]) = Site::new();
    let (mut daemon, _) = site.open();
    daemon.await_line("roster applied");
    let path = format!("/api/v1/people/{}/badges/{}", grace.id, grace.badge);
    site.house.call(Method::DELETE, &path, None);
    daemon.await_lines("roster applied", 2);
    daemon.terminate();
    let shown = site.show_badges();
    assert_eq!(shown.lines("punch accepted").len(), 1);
    assert_eq!(shown.lines("not recognised").len(), 1);
    assert_eq!(site.house.live()["punches"][0]["name"], "Kay");
}

/// Templates that a terminal holds.
fn templates(terminal: &super::house::Terminal) -> i64 {
    let database = rusqlite::Connection::open(terminal.database()).unwrap();
    let count = "SELECT count(*) FROM templates";
    database.query_row(count, [], |row| row.get(0)).unwrap()
}

/// The employer may have no faces looked at any more, while people walk up to the door; and have it again.
#[test]
fn where_faces_are_off_no_terminal_holds_a_template_and_pins_go_on() {
    let (house, terminal) = busy("", "");
    let barack = Person::new(&house, "Barack");
    let mut daemon = terminal.run(&[]);
    daemon.await_lines("punch accepted", 2);
    assert_eq!(templates(&terminal), 2);
    let decide = |doors: Value| house.call(Method::PUT, "/api/v1/site", Some(&doors));
    assert_eq!(decide(json!({"face": "off"}))["face"], "off");
    daemon.await_lines("settings applied", 2);
    assert_eq!(templates(&terminal), 0);

    // What was seen before may be told after; then only who types is heard.
    let line: Value = serde_json::from_str(&daemon.await_line("the screen is at")).unwrap();
    let said = line["fields"]["message"].as_str().unwrap();
    let screen = format!("http{}", said.split_once("http").unwrap().1);
    let by = |method: &str| {
        let lines = daemon.lines("punch accepted");
        let word = format!("\"{method}\"");
        lines.iter().filter(|line| line.contains(&word)).count()
    };
    house.press(&screen, "/pin", &barack.typed);
    daemon.await_lines("\"Pin\"", 1);
    let faces = by("Face");
    house.press(&screen, "/pin", &barack.typed);
    daemon.await_lines("\"Pin\"", 2);
    assert_eq!((by("Face"), by("Pin")), (faces, 2));

    decide(json!({"face": "on"}));
    daemon.await_lines("settings applied", 3);
    assert_eq!(templates(&terminal), 2);
    daemon.await_lines("punch accepted", faces + 3);
    daemon.terminate();
    let greens = greens_of(&daemon);
    settle(house, &terminal, greens);
}
