//! Real people's faces, which are never part of the project. Where they lie is said by `LIMEN_FACES` (the
//! collection; else `../shared/data` beside the checkout) and `LIMEN_GOLDEN_FACES` (what `golden/faces.sh` made of
//! it); a test that finds nothing says so and passes.

mod bad_files;
mod living;
mod people;
mod quality;
mod splits;
mod twice;
mod video;

use std::path::{Path, PathBuf};

use limen_face::{Calibration, Detection, Embedding, Frame};

use crate::golden::Golden;
use crate::support::{MODELS, models_folder};

/// Strangers let in, as a share of visits.
const FPIR: f64 = 1e-3;

/// The collection's folder, where there is one.
fn collection() -> Option<PathBuf> {
    let beside = models_folder().join("../../shared/data");
    let folder = std::env::var_os("LIMEN_FACES").map_or(beside, PathBuf::from);
    let found = folder.join("manifest.csv").is_file().then_some(folder);
    if found.is_none() {
        eprintln!("SKIPPED: no face collection: set LIMEN_FACES to its folder");
    }
    found
}

#[test]
fn twenty_and_more_real_faces_give_what_dlib_gave() {
    let variable = std::env::var_os("LIMEN_GOLDEN_FACES").filter(|value| !value.is_empty());
    let Some(folder) = variable.map(PathBuf::from) else {
        eprintln!(
            "SKIPPED: no golden files of real faces: make them with models/golden/faces.sh and set \
             LIMEN_GOLDEN_FACES to their folder"
        );
        return;
    };
    let seen = Golden::read(&folder).compare();
    eprintln!("{seen}");
    assert!(seen.faces >= 20, "only {} faces", seen.faces);
}

/// The files of a folder by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn calibration() -> Calibration {
    Calibration::load(&models_folder()).unwrap()
}

/// The embedding of the face in the middle of a picture, as LFW's pictures are cut.
fn middle_face(frame: &Frame) -> Option<Embedding> {
    let nearest = middle(frame)?;
    Some(MODELS.embed(frame, &nearest).unwrap())
}

/// The face in the middle of a picture.
fn middle(frame: &Frame) -> Option<Detection> {
    let (x, y) = (frame.width() as f32 / 2.0, frame.height() as f32 / 2.0);
    let from_middle = |face: &Detection| {
        let bounds = &face.bounds;
        let middle = [
            (bounds.left + bounds.right) / 2.0,
            (bounds.top + bounds.bottom) / 2.0,
        ];
        (middle[0] - x).hypot(middle[1] - y)
    };
    let faces = MODELS.detect(frame).unwrap();
    faces
        .into_iter()
        .min_by(|a, b| from_middle(a).total_cmp(&from_middle(b)))
}
