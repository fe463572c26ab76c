//! Files that are no picture, or a damaged, lying or unusual one.

use std::path::Path;

use limen_face::{Frame, PictureError};

use super::collection;
use crate::support::MODELS;

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
