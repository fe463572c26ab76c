//! `limen-face calibrate` as it is called, on sites of bundled pictures.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A site: paths below its folder, and the pictures that lie there.
struct Site(TempDir);

impl Site {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pictures = models().join("pictures");
        for (path, picture) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(pictures.join(picture), path).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn calibrate(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_limen-face"))
            .args(["--models", models().to_str().unwrap(), "calibrate"])
            .args(["--gallery", &self.path("gallery")])
            .args(arguments)
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap()
    }

    /// The one object on stdout, and what was said beside it.
    fn json(&self, arguments: &[&str]) -> (Value, String) {
        let output = self.calibrate(&[arguments, &["--json"]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        (serde_json::from_slice(&output.stdout).unwrap(), said)
    }

    fn table(&self, arguments: &[&str]) -> String {
        let output = self.calibrate(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn error(&self, arguments: &[&str]) -> String {
        let output = self.calibrate(arguments);
        assert!(!output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }
}

fn models() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

const THREE_PEOPLE: [(&str, &str); 5] = [
    ("gallery/barack/1.jpg", "obama.jpg"),
    ("gallery/barack/2.jpg", "obama2.jpg"),
    ("gallery/barack/3.jpg", "obama3.jpg"),
    ("gallery/joe/1.jpg", "biden.jpg"),
    ("gallery/eileen/1.png", "astronaut.png"),
];

#[test]
fn the_photos_of_a_gallery_are_compared_with_each_other() {
    let site = Site::new(&THREE_PEOPLE);
    let (gone, det) = (site.path("gallery/gone"), site.path("det.svg"));
    fs::create_dir(&gone).unwrap();
    fs::write(site.path("gallery/gone/1.jpg"), b"\xff\xd8\xff\xe0 cut").unwrap();

    let (report, said) = site.json(&["--det", &det]);
    assert!(said.contains("gallery/gone/1.jpg"), "{said}");
    assert_eq!(report["without_face"], json!(["gone"]));
    assert_eq!(
        (&report["people"], &report["photos"]),
        (&json!(3), &json!(5))
    );
    assert_eq!(report["provisional"], json!(["eileen", "joe"]));
    assert_eq!(report["alike"], json!([]));
    let rules = report["rules"].as_array().unwrap();
    let of = |name: &str| {
        rules
            .iter()
            .map(|rule| rule[name].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("photos"), [1, 3]);
    assert_eq!(of("scale"), ["distance", "distance"]);
    assert!(of("tolerance")[0].as_f64().unwrap() > of("tolerance")[1].as_f64().unwrap());
    // FPIR 1e-3 for three templates.
    assert!((of("fmr")[0].as_f64().unwrap() - 1e-3 / 3.0).abs() < 1e-9);
    let measured = &report["measured"];
    assert_eq!(measured["of_visits"], false);
    // Only one of them has another photo to be compared with; each of the three comes to three templates.
    assert_eq!(measured["visits"], 3);
    assert_eq!(measured["genuine"]["comparisons"], 3);
    assert_eq!(measured["impostors"]["comparisons"], 6);
    assert_eq!(measured["fmr"]["count"], 0);
    assert_eq!(measured["decided"]["another"], 0);
    assert_eq!(measured["verdict"]["fit"], "not_shown");
    assert!(fs::read_to_string(&det).unwrap().starts_with("<svg"));

    let table = site.table(&[]);
    for wanted in [
        "ENROLLED: 3 people, 5 photos",
        "Left out, since none of their photos gave a face: gone",
        "Provisional, fewer than three photos: \n  eileen\n  joe\n",
        "fewer than 20 people can't show",
        "need a second factor: nobody",
        "3 PHOTOS, each as one frame",
        "not shown by 2 pairs of people",
        "THE TOLERANCE IN FORCE: whether it fits is not shown\n3 people are too few",
    ] {
        assert!(table.contains(wanted), "{wanted}: {table}");
    }
}

#[test]
fn somebody_more_and_it_is_another_gallery() {
    let site = Site::new(&THREE_PEOPLE);
    let (before, _) = site.json(&[]);
    let again = site.0.path().join("gallery/again");
    fs::create_dir(&again).unwrap();
    fs::copy(models().join("pictures/obama3.jpg"), again.join("1.jpg")).unwrap();
    let (after, _) = site.json(&[]);
    let tolerance = |report: &Value| report["rules"][1]["tolerance"].as_f64().unwrap();
    assert!(tolerance(&after) < tolerance(&before));
    let pair = |person: &str, other: &str| json!({"person": person, "other": other, "second_factor": true});
    assert_eq!(
        after["alike"],
        json!([pair("again", "barack"), pair("barack", "again")])
    );
    let table = site.table(&[]);
    assert!(
        table.contains("need a second factor: \n  again and barack\n"),
        "{table}"
    );
}

#[test]
fn accepted_visits_are_compared_with_the_whole_gallery() {
    let visits = [
        ("visits/barack/1.jpg", "obama2.jpg"),
        ("visits/barack/2.jpg", "obama3.jpg"),
        ("visits/zoe/1.jpg", "biden.jpg"),
    ];
    let site = Site::new(&[&THREE_PEOPLE[..], &visits].concat());
    let folder = site.path("visits");
    let (report, said) = site.json(&["--visits", &folder, "--frames", "2"]);
    assert!(
        said.contains("zoe: visits of somebody who is not enrolled"),
        "{said}"
    );
    let measured = &report["measured"];
    assert_eq!(
        (&measured["of_visits"], &measured["visits"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(measured["frames"], 2);
    assert_eq!(measured["impostors"]["comparisons"], 2);
    assert_eq!(measured["decided"]["named"], 1);
    let (report, _) = site.json(&["--visits", &folder, "--frames", "1"]);
    assert_eq!(report["measured"]["visits"], 2);
    assert!(
        site.table(&["--visits", &folder])
            .contains("Only visits that were accepted")
    );

    let strangers = site.path("visits/zoe");
    fs::remove_dir_all(site.path("visits/barack")).unwrap();
    let said = site.error(&["--visits", &folder]);
    assert!(
        said.contains("nobody of these is enrolled") && said.contains(&folder),
        "{said}"
    );
    fs::remove_dir_all(strangers).unwrap();
    let said = site.error(&["--visits", &folder]);
    assert!(
        said.contains("no person") && said.contains(&folder),
        "{said}"
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let site = Site::new(&[]);
    let gallery = site.path("gallery");
    let said = site.error(&[]);
    assert!(said.contains(&format!("can't list {gallery}")), "{said}");
    fs::create_dir_all(site.path("gallery/ana")).unwrap();
    assert!(site.error(&[]).contains(&format!("{gallery}: no person")));
    fs::write(site.path("gallery/ana/1.jpg"), "no picture").unwrap();
    let said = site.error(&[]);
    assert!(
        said.contains(&format!("{gallery}\n")) && said.contains("gave a face"),
        "{said}"
    );
    assert!(
        site.error(&["--fpir", "2"])
            .contains("a share between 0 and 1")
    );
}
