//! Living people at an office camera are no attacks, and the first tier knows most of them for living.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use limen_face::only_face;
use limen_face::pad::{Liveness, Tier, Verdict};

use super::{collection, files};
use crate::support::{MODELS, picture};

/// What is said of a clip, ten frames a second. `None` where no ffmpeg is.
fn verdict(clip: &Path) -> Option<Verdict> {
    let folder = tempfile::tempdir().unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(clip);
    ffmpeg
        .args(["-vf", "fps=10"])
        .arg(folder.path().join("%03d.png"));
    match ffmpeg.status() {
        Ok(status) => assert!(status.success(), "ffmpeg can't read {}", clip.display()),
        Err(error) => {
            eprintln!("SKIPPED: no ffmpeg to read clips with: {error}");
            return None;
        }
    }
    let mut liveness = Liveness::new(Tier::First);
    for (file, tenth) in files(folder.path()).iter().zip(0..) {
        let frame = picture(file);
        let faces = MODELS.detect(&frame).unwrap();
        let Ok(face) = only_face(&faces, &frame) else {
            continue;
        };
        let landmarks = MODELS.align(&frame, face).unwrap().landmarks;
        liveness.see(&frame, face, &landmarks, Duration::from_millis(100 * tenth));
    }
    Some(liveness.verdict())
}

#[test]
fn living_people_are_no_attacks() {
    let Some(collection) = collection() else {
        return;
    };
    let (mut clips, mut live) = (0, 0);
    for person in ["asl_person_C", "asl_person_D"] {
        for clip in files(&collection.join("video").join(person)) {
            let Some(verdict) = verdict(&clip) else {
                return;
            };
            assert!(
                !matches!(verdict, Verdict::Attack(_)),
                "{}: {verdict:?}",
                clip.display()
            );
            clips += 1;
            live += usize::from(verdict == Verdict::Live);
        }
    }
    eprintln!("living: {live} of {clips} clips");
    assert!(live * 2 > clips, "{live} of {clips} clips");
}
