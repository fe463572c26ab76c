//! `limen-face eval` as it is called: on the bundled pictures, and, where one is at hand, on a collection of real
//! faces.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A collection of three people whose pictures are bundled, and two files that are no pictures.
struct Collection(TempDir);

impl Collection {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("barack/1.jpg", "obama.jpg"),
            ("barack/2.jpg", "obama2.jpg"),
            ("barack/3.jpg", "obama3.jpg"),
            ("joe/1.jpg", "biden.jpg"),
            ("eileen/1.png", "astronaut.png"),
        ];
        for (path, picture) in files {
            let path = folder.path().join("people").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(models().join("pictures").join(picture), path).unwrap();
        }
        fs::write(
            folder.path().join("people/joe/broken.jpg"),
            b"\xff\xd8\xff\xe0 cut",
        )
        .unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn pairs(&self, text: &str) -> String {
        let path = self.path("pairs.csv");
        fs::write(&path, text).unwrap();
        path
    }

    fn eval(&self, arguments: &[&str]) -> Output {
        let models = models();
        Command::new(env!("CARGO_BIN_EXE_limen-face"))
            .args(["--models", models.to_str().unwrap(), "eval"])
            .args(arguments)
            .env("XDG_CACHE_HOME", self.path("cache"))
            .output()
            .unwrap()
    }

    fn json(&self, arguments: &[&str]) -> (Value, String) {
        let output = self.eval(&[arguments, &["--json"]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        (serde_json::from_slice(&output.stdout).unwrap(), said)
    }
}

const PAIRS: &str = "path_a,path_b,same,group\n\
                     barack/1.jpg,barack/2.jpg,1,North\n\
                     barack/2.jpg,barack/3.jpg,1,North\n\
                     barack/1.jpg,joe/1.jpg,0,North\n\
                     barack/1.jpg,eileen/1.png,0,South\n\
                     joe/1.jpg,joe/broken.jpg,1,North\n\
                     joe/1.jpg,gone/1.jpg,0,North\n";

#[test]
fn pairs_give_one_json_object_and_pictures_that_fail_are_told_by_file_and_line() {
    let collection = Collection::new();
    let (pairs, people, det) = (
        collection.pairs(PAIRS),
        collection.path("people"),
        collection.path("det.svg"),
    );
    let arguments = ["--pairs", &pairs, "--root", &people, "--det", &det];
    let (report, said) = collection.json(&arguments);
    let verification = &report["verification"];
    assert_eq!(verification["acquisition"]["pictures"], 7);
    assert_eq!(verification["acquisition"]["reasons"]["no_picture"], 1);
    assert_eq!(verification["acquisition"]["reasons"]["unreadable"], 1);
    assert_eq!(
        (&verification["genuine"], &verification["impostors"]),
        (&2.into(), &2.into())
    );
    assert_eq!(verification["not_compared"], 2);
    for rule in verification["at_shipped_tolerances"].as_array().unwrap() {
        assert_eq!(rule["fmr"]["count"], 0, "{rule}");
        assert_eq!(rule["groups"]["groups"][1]["name"], "South");
    }
    // Two pairs of people show no rate.
    for scale in verification["scales"].as_array().unwrap() {
        for at in scale["tar"].as_array().unwrap() {
            assert_eq!(
                (&at["tar"], &at["not_shown_by_pairs"]),
                (&Value::Null, &2.into())
            );
        }
    }
    assert!(
        said.contains("pairs.csv: line 6: ") && said.contains("joe/broken.jpg"),
        "{said}"
    );
    assert!(
        said.contains("pairs.csv: line 7: ") && said.contains("gone/1.jpg"),
        "{said}"
    );
    assert!(fs::read_to_string(&det).unwrap().starts_with("<svg"));
    // No bar where nobody watches, and nobody's name among the numbers.
    assert!(!said.contains('\r') && !report.to_string().contains("barack"));

    let table = collection.eval(&arguments);
    let table = String::from_utf8(table.stdout).unwrap();
    for wanted in [
        "FMR",
        "FNMR",
        "not shown by 2 pairs of people",
        "failures to acquire (FTA): 2 of 7 pictures",
    ] {
        assert!(table.contains(wanted), "{wanted}: {table}");
    }
}

#[test]
fn galleries_are_drawn_by_a_seed_and_strangers_are_nobody() {
    let collection = Collection::new();
    let people = collection.path("people");
    let arguments = [
        "--identify",
        &people,
        "--enrol",
        "2",
        "--frames",
        "1",
        "--splits",
        "5",
        "--seed",
        "3",
    ];
    let (report, _) = collection.json(&arguments);
    let found = &report["identification"];
    assert_eq!(
        (&found["plan"]["seed"], &found["acquisition"]["failed"]),
        (&3.into(), &1.into())
    );
    let gallery = &found["galleries"][0];
    assert_eq!(gallery["gallery"], 1);
    // Two strangers, five galleries; the one enrolled comes once to each.
    assert_eq!(
        (&gallery["fpir"]["count"], &gallery["fpir"]["trials"]),
        (&0.into(), &10.into())
    );
    assert_eq!(
        (&gallery["fnir"]["trials"], &gallery["fnir"]["people"]),
        (&5.into(), &1.into())
    );
    assert_eq!(collection.json(&arguments).0, report);

    let too_large = collection.eval(&[&arguments[..], &["--gallery", "2"]].concat());
    assert!(!too_large.status.success() && too_large.stdout.is_empty());
    let said = String::from_utf8(too_large.stderr).unwrap();
    let why =
        "a gallery of 2 wants as many people with 2 pictures that give a face, and there are 1";
    assert!(said.contains(why), "{said}");
}

#[test]
fn embeddings_are_kept_for_the_user_alone_or_not_at_all() {
    let collection = Collection::new();
    let (pairs, people) = (collection.pairs(PAIRS), collection.path("people"));
    let arguments = ["--pairs", &pairs, "--root", &people];
    let kept = || {
        let mut files = Vec::new();
        let mut folders = vec![PathBuf::from(collection.path("cache"))];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    };
    let (without, _) = collection.json(&[&arguments[..], &["--no-cache"]].concat());
    assert!(kept().is_empty());
    let (first, _) = collection.json(&arguments);
    let files = kept();
    // Five faces and the file that is no picture.
    assert_eq!(files.len(), 6);
    for file in &files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let (second, _) = collection.json(&arguments);
    assert_eq!((&first, &second), (&without, &without));
}

#[test]
fn lists_that_are_none_are_refused_with_the_line() {
    let collection = Collection::new();
    let people = collection.path("people");
    for (text, wanted) in [
        (
            "path_a,path_b\n",
            "pairs.csv: line 1: the columns path_a, path_b and same are wanted",
        ),
        (
            "path_a,path_b,same\nbarack/1.jpg,joe/1.jpg,maybe\n",
            "pairs.csv: line 2: same is \"maybe\"",
        ),
        (
            "path_a,path_b,same\nbarack/1.jpg,../pairs.csv,1\n",
            "line 2: the path \"../pairs.csv\" leads out of --root",
        ),
        (
            "path_a,path_b,same\nx/1.jpg,x/2.jpg,1\n",
            "none of the 2 pictures gave a face",
        ),
    ] {
        let pairs = collection.pairs(text);
        let output = collection.eval(&["--pairs", &pairs, "--root", &people, "--json"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{said}"
        );
        assert!(said.contains(wanted), "{said}");
    }
}

/// Where the collection lies that is never part of the project.
fn collection() -> Option<PathBuf> {
    let beside = models().join("../../shared/data");
    let folder = std::env::var_os("LIMEN_FACES").map_or(beside, PathBuf::from);
    let found = folder.join("manifest.csv").is_file().then_some(folder);
    if found.is_none() {
        eprintln!("SKIPPED: no face collection: set LIMEN_FACES to its folder");
    }
    found
}

/// What the issue asks for: at most two of a hundred visits of three frames refused, and strangers let in no more
/// often than the policy promises.
#[test]
fn real_faces_are_measured_and_hold_what_is_promised() {
    let Some(faces) = collection() else {
        return;
    };
    let scratch = Collection::new();
    let place = |name: &str| faces.join(name).to_str().unwrap().to_owned();
    let sets =
        ["lfw", "lfw_strangers", "orl", "dlib_johns"].map(|set| place(&format!("faces/{set}")));
    let mut arguments = vec!["--take", "middle", "--seed", "1", "--splits", "20"];
    for set in &sets {
        arguments.extend(["--identify", set]);
    }
    let (pairs, root, groups) = (
        place("pairs_dev_tagged.csv"),
        place(""),
        place("lfw_groups.csv"),
    );
    arguments.extend(["--pairs", &pairs, "--root", &root, "--groups", &groups]);
    let (report, _) = scratch.json(&arguments);

    let gallery = &report["identification"]["galleries"][0];
    let rate = |rate: &Value| rate["rate"].as_f64().unwrap();
    eprintln!(
        "{} enrolled: FPIR {}, FNIR {}",
        gallery["gallery"], gallery["fpir"], gallery["fnir"]
    );
    assert!(gallery["gallery"].as_u64().unwrap() >= 20);
    assert!(gallery["fpir"]["trials"].as_u64().unwrap() >= 3000);
    assert!(rate(&gallery["fpir"]) <= 1e-3, "{}", gallery["fpir"]);
    assert_eq!(gallery["misidentified"]["count"], 0);
    assert!(rate(&gallery["fnir"]) <= 0.02, "{}", gallery["fnir"]);

    let verification = &report["verification"];
    let at = |place: usize| &verification["at_shipped_tolerances"][place];
    eprintln!("{}: accuracy {}", at(0)["rule"], at(0)["accuracy"]);
    assert!(at(0)["accuracy"].as_f64().unwrap() > 0.97);
    assert_eq!(at(4)["fmr"]["count"], 0);
    assert_eq!(at(0)["groups"]["groups"].as_array().unwrap().len(), 6);
}
