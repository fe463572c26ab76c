//! Real people's faces, which are never part of the project. Where they lie is said by `LIMEN_FACES` (the
//! collection; else `../shared/data` beside the checkout) and `LIMEN_GOLDEN_FACES` (what `golden/faces.sh` made of
//! it); a test that finds nothing says so and passes.

use std::path::{Path, PathBuf};

use limen_face::{Frame, PictureError};

use crate::golden::Golden;
use crate::support::{MODELS, models_folder};

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
    let Some(folder) = std::env::var_os("LIMEN_GOLDEN_FACES").map(PathBuf::from) else {
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

/// "Valid but unusual" BMP variants that the decoder refuses: several planes, damaged or 24-bit run lengths.
const REFUSED_VARIANTS: [&str; 3] = [
    "badplanes.bmp",
    "lenient_rle_overflow.bmp",
    "rgb24rle24.bmp",
];

/// What the manifest says of a bad file.
struct BadFile {
    path: String,
    label: String,
}

impl BadFile {
    fn all(collection: &Path) -> Vec<Self> {
        let text = std::fs::read_to_string(collection.join("manifest.csv")).unwrap();
        let rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let bad =
            rows.filter(|fields| fields[1] == "badfiles" || fields[0].starts_with("badfiles/"));
        bad.map(|fields| Self {
            path: fields[0].to_owned(),
            label: fields[3].to_owned(),
        })
        .collect()
    }

    fn is_format_that_is_read(&self) -> bool {
        ["jpg", "jpeg", "png", "webp", "bmp"]
            .iter()
            .any(|end| self.path.ends_with(end))
    }

    /// Whether it must be decoded.
    fn is_valid(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap();
        let valid = self.label.starts_with("valid")
            || self.label.starts_with("EXIF orientation")
            || (self.path.contains("/generated/") && name.contains("valid"));
        let refused = REFUSED_VARIANTS.iter().any(|end| name.ends_with(end));
        valid && self.is_format_that_is_read() && !refused
    }
}

#[test]
fn bad_files_are_decoded_or_refused_in_words() {
    let Some(collection) = collection() else {
        return;
    };
    let (mut decoded, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    let files = BadFile::all(&collection);
    for file in &files {
        let bytes = std::fs::read(collection.join(&file.path)).unwrap();
        match Frame::decode(&bytes) {
            Ok(frame) => {
                decoded += 1;
                if file.label == "must be rejected" || file.label == "corrupt" {
                    wrong.push(format!("{} ({}) was decoded", file.path, file.label));
                }
                // The rest of the way is no more surprised by it.
                for face in MODELS.detect(&frame).unwrap() {
                    let _ = MODELS.embed(&frame, &face);
                }
            }
            Err(error) => {
                refused += 1;
                if file.is_valid() {
                    wrong.push(format!("{} ({}): {}", file.path, file.label, chain(&error)));
                }
            }
        }
    }
    eprintln!(
        "bad files: {decoded} decoded, {refused} refused of {}",
        files.len()
    );
    assert!(
        files.len() > 200,
        "the manifest lists {} bad files only",
        files.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn chain(error: &PictureError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    format!("{error}: {}", source.unwrap_or_default())
}
