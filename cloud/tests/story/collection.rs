//! Two real people at an office webcam: each enrolled from one clip, shown in another.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::house::House;

fn faces() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("LIMEN_FACES").map_or(beside, PathBuf::from);
    if folder.join("video").is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no face collection at {}", folder.display());
    None
}

/// Four stills of a clip, half a second apart, as PNG.
fn stills(clip: &Path, into: &Path) -> Vec<PathBuf> {
    std::fs::create_dir_all(into).unwrap();
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(clip)
        .args(["-vf", "fps=2", "-frames:v", "4"])
        .arg(into.join("%d.png"))
        .status()
        .expect("this test needs ffmpeg");
    assert!(done.success());
    let mut found: Vec<_> = std::fs::read_dir(into)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    assert!(found.len() >= 3, "{} is too short", clip.display());
    found
}

#[test]
fn collection_each_is_known_in_another_clip_and_not_taken_for_the_other() {
    let Some(faces) = faces() else { return };
    let clip = |person: &str, name: &str| {
        faces
            .join("video")
            .join(format!("asl_person_{person}"))
            .join(format!("{name}.mkv"))
    };
    let mut house = House::new("");
    let folder = house.folder.path().to_owned();
    house.enrol("Cleo", &stills(&clip("C", "book"), &folder.join("c")));
    house.enrol("Dora", &stills(&clip("D", "eat"), &folder.join("d")));
    for (person, name, shown) in [
        ("C", "school", "Cleo"),
        ("C", "walk", "Cleo"),
        ("D", "night", "Dora"),
        ("D", "sister", "Dora"),
    ] {
        let camera = format!(
            "source = \"clip:{}\"\nloop = false\nevery_frame = true",
            clip(person, name).display()
        );
        let terminal = house.claim(&format!("door-{name}"), &camera, "");
        // As at a door: three frames of one visit, and one punch of it.
        terminal.configure("frames = 1", "frames = 3");
        terminal.configure("pad = \"off\"", "pad = \"site\"");
        terminal.configure("away_s = 0.0", "away_s = 10.0");
        terminal.configure("repunch_s = 0.0", "repunch_s = 60.0");
        terminal.configure("hold_s = 0.0", "hold_s = 0.7");
        let mut daemon = terminal.run(&["--until-end"]);
        assert!(daemon.end().success());
        let live = house.live();
        let door = format!("door-{name}");
        let punched: Vec<_> = live["punches"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|punch| punch["terminal_name"] == door.as_str())
            .map(|punch| punch["name"].as_str().unwrap())
            .collect();
        assert_eq!(punched, [shown], "{name}: {live}");
    }
}
