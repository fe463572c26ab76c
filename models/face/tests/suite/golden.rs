//! What dlib and onnxruntime made of the same pictures, written down by `golden/make_golden.py`, whose head
//! describes the files.

use std::fmt;
use std::path::{Path, PathBuf};

use limen_face::align::FaceBox;
use limen_face::detect::Letterbox;
use limen_face::{Detection, Frame};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::support::{MODELS, models_folder, picture};

/// Largest difference of any value of an embedding.
const EMBEDDING_BAR: f32 = 1e-5;
/// Largest difference of a score, or of a coordinate in pixels.
const DETECTION_BAR: f32 = 1e-3;

#[test]
fn the_bundled_pictures_give_what_dlib_and_onnxruntime_gave() {
    let folder = models_folder().join("golden");
    let seen = Golden::read(&folder).compare();
    eprintln!("{seen}");
    assert_eq!(
        (seen.pictures, seen.faces),
        (8, 9),
        "golden.json lists other pictures"
    );
}

/// The content of a `golden.json`.
#[derive(Deserialize)]
pub struct Golden {
    format: String,
    pictures: Vec<Picture>,
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Deserialize)]
struct Picture {
    file: PathBuf,
    width: u32,
    height: u32,
    rgb_sha256: String,
    faces: Vec<Face>,
    detector: Detector,
}

#[derive(Deserialize)]
struct Face {
    #[serde(rename = "box")]
    borders: [i32; 4],
    points: [[i32; 2]; 5],
    chip: PathBuf,
    chip_sha256: String,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Detector {
    input: PathBuf,
    input_sha256: String,
    candidates: Vec<Found>,
    faces: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    anchor: u16,
    score: f32,
    #[serde(rename = "box")]
    borders: [f32; 4],
    points: [[f32; 2]; 6],
}

/// What was compared, and how far from golden it was.
#[derive(Default)]
pub struct Seen {
    /// Pictures.
    pub pictures: usize,
    /// Faces with dlib's box.
    pub faces: usize,
    candidates: usize,
    embedding: f32,
    score: f32,
    pixels: f32,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "golden: {} pictures, {} faces with 0 differing landmark and chip pixels, embeddings within {:.1e}; \
             {} candidates, scores within {:.1e}, coordinates within {:.1e} px",
            self.pictures, self.faces, self.embedding, self.candidates, self.score, self.pixels
        )
    }
}

impl Golden {
    /// Reads the `golden.json` of a folder.
    pub fn read(folder: &Path) -> Self {
        let path = folder.join("golden.json");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let golden: Self = serde_json::from_str(&text).unwrap();
        assert_eq!(golden.format, "limen-golden-1");
        Self {
            folder: folder.to_owned(),
            ..golden
        }
    }

    /// Compares everything with what this crate makes of the same pictures.
    pub fn compare(&self) -> Seen {
        let mut seen = Seen::default();
        for one in &self.pictures {
            seen.pictures += 1;
            let name = one.file.display();
            let frame = picture(&self.folder.join(&one.file));
            assert_eq!(
                (frame.width(), frame.height()),
                (one.width, one.height),
                "{name}"
            );
            assert_eq!(
                hash(frame.rgb()),
                one.rgb_sha256,
                "{name} was decoded to other pixels"
            );
            self.compare_detector(one, &frame, &mut seen);
            for face in &one.faces {
                self.compare_face(face, &frame, &mut seen);
            }
        }
        seen
    }

    fn compare_detector(&self, one: &Picture, frame: &Frame, seen: &mut Seen) {
        let name = one.file.display();
        let letterbox = Letterbox::of(frame);
        self.same_pixels(
            letterbox.rgb(),
            &one.detector.input,
            &one.detector.input_sha256,
        );
        let candidates = MODELS.candidates(&letterbox).unwrap();
        let faces = MODELS.detect(frame).unwrap();
        seen.candidates += candidates.len();
        for (found, wanted) in [
            (&candidates, &one.detector.candidates),
            (&faces, &one.detector.faces),
        ] {
            let anchors: Vec<u16> = found.iter().map(|one| one.anchor).collect();
            let golden: Vec<u16> = wanted.iter().map(|one| one.anchor).collect();
            assert_eq!(anchors, golden, "{name}");
            for (found, wanted) in found.iter().zip(wanted) {
                let (score, pixels) = wanted.distance(found);
                assert!(
                    score <= DETECTION_BAR && pixels <= DETECTION_BAR,
                    "{name}: {found:?}"
                );
                seen.score = seen.score.max(score);
                seen.pixels = seen.pixels.max(pixels);
            }
        }
    }

    fn compare_face(&self, face: &Face, frame: &Frame, seen: &mut Seen) {
        seen.faces += 1;
        let [left, top, right, bottom] = face.borders;
        let aligned = MODELS
            .align_box(
                frame,
                FaceBox {
                    left,
                    top,
                    right,
                    bottom,
                },
            )
            .unwrap();
        let name = face.chip.display();
        assert_eq!(aligned.landmarks.0, face.points, "{name}");
        self.same_pixels(aligned.chip.rgb(), &face.chip, &face.chip_sha256);
        let embedding = MODELS.embed_chip(&aligned.chip).unwrap();
        assert_eq!(face.embedding.len(), embedding.0.len());
        let differences = face
            .embedding
            .iter()
            .zip(&embedding.0)
            .map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f32::max);
        assert!(
            largest <= EMBEDDING_BAR,
            "{name}: an embedding's value is {largest} off"
        );
        seen.embedding = seen.embedding.max(largest);
    }

    fn same_pixels(&self, found: &[u8], file: &Path, sha256: &str) {
        if hash(found) == sha256 {
            return;
        }
        let golden = picture(&self.folder.join(file));
        let bytes = golden.rgb().iter().zip(found).map(|(a, b)| a.abs_diff(*b));
        let (count, most) = bytes.fold((0, 0), |(count, most), difference| {
            (count + usize::from(difference > 0), most.max(difference))
        });
        panic!(
            "{}: {count} bytes differ, by {most} at most",
            file.display()
        );
    }
}

impl Found {
    /// The largest difference of the score, and of a coordinate.
    fn distance(&self, found: &Detection) -> (f32, f32) {
        let bounds = &found.bounds;
        let borders = [bounds.left, bounds.top, bounds.right, bounds.bottom];
        let borders = self.borders.iter().zip(&borders);
        let points = self
            .points
            .as_flattened()
            .iter()
            .zip(found.points.as_flattened());
        let pixels = borders
            .chain(points)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        ((self.score - found.score).abs(), pixels)
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
