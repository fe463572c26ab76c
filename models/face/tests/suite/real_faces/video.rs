//! Clips of people at an office camera: enrolled from one, known again in the others.

use std::path::Path;
use std::process::Command;

use limen_face::quality::{Bar, Quality};
use limen_face::{Decision, Embedding, Frame, Gallery, Probe, Template, only_face};

use super::{FPIR, calibration, collection, files};
use crate::support::{MODELS, picture};

/// Photos enrolled, and frames of a probe.
const FRAMES: usize = 3;

/// The frames of a clip, six a second. `None` where no ffmpeg is.
pub(super) fn frames(clip: &Path) -> Option<Vec<Frame>> {
    let folder = tempfile::tempdir().unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(clip);
    ffmpeg
        .args(["-vf", "fps=6"])
        .arg(folder.path().join("%03d.png"));
    match ffmpeg.status() {
        Ok(status) => assert!(status.success(), "ffmpeg can't read {}", clip.display()),
        Err(error) => {
            eprintln!("SKIPPED: no ffmpeg to read clips with: {error}");
            return None;
        }
    }
    let files = files(folder.path());
    Some(files.iter().map(|path| picture(path)).collect())
}

/// The embeddings of a clip's frames that are good enough.
fn embeddings(clip: &Path) -> Option<Vec<Embedding>> {
    let good = |frame: &Frame| {
        let faces = MODELS.detect(frame).unwrap();
        let face = only_face(&faces, frame).ok()?;
        let aligned = MODELS.align(frame, face).unwrap();
        let flaw = Quality::of(frame, face, &aligned).flaw(&Bar::default());
        flaw.is_none()
            .then(|| MODELS.embed_chip(&aligned.chip).unwrap())
    };
    Some(frames(clip)?.iter().filter_map(good).collect())
}

#[test]
fn who_is_enrolled_from_one_clip_is_known_in_the_others_and_never_taken_for_another() {
    let Some(collection) = collection() else {
        return;
    };
    let people = ["asl_person_C", "asl_person_D"];
    let mut enrolled = Vec::new();
    let mut visits = Vec::new();
    for person in people {
        for (number, clip) in files(&collection.join("video").join(person))
            .iter()
            .enumerate()
        {
            let Some(frames) = embeddings(clip) else {
                return;
            };
            assert!(
                frames.len() >= FRAMES,
                "{}: {} good frames",
                clip.display(),
                frames.len()
            );
            if number == 0 {
                let places = [0, frames.len() / 2, frames.len() - 1];
                let photos = places.map(|place| frames[place].clone());
                enrolled.push((person, Template::from_photos(&photos).unwrap()));
            } else {
                visits.push((person, clip.clone(), frames));
            }
        }
    }
    let gallery = Gallery::new(enrolled, calibration());
    let (mut probes, mut known) = (0, 0);
    for (person, clip, frames) in &visits {
        let mut matched = 0;
        for frames in frames.chunks_exact(FRAMES) {
            probes += 1;
            let probe = Probe::from_frames(frames).unwrap();
            if let Decision::Match { id, .. } = gallery.identify(&probe, FPIR) {
                assert_eq!(id, *person, "{}", clip.display());
                matched += 1;
            }
        }
        assert!(matched > 0, "{person} is not known in {}", clip.display());
        known += matched;
    }
    eprintln!("video: {known} of {probes} probes of {FRAMES} frames known, none taken for another");
    assert!(known * 10 >= probes * 7, "{known} of {probes} probes known");
}
