//! From a picture file to an embedding, or why there is none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use limen_face::quality::{Bar, Flaw, Quality};
use limen_face::{Detection, Embedding, Frame, Models, NotOneFace, only_face};
use serde::{Deserialize, Serialize};

use super::cache::{Cache, Key};
use super::pnm;
use super::progress::Progress;

/// Bytes of a picture file that are read at most.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Which face of a picture counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// As at a door: exactly one person may be near, and the face must be good enough.
    Door,
    /// The face nearest to the picture's middle, whatever its quality: for collections cut around one face.
    Middle,
}

/// Why a picture gave no embedding: a failure to acquire.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Not there, no file, not readable.
    #[error("the file can't be read")]
    Unreadable,
    /// Damaged, too large, or no picture.
    #[error("it is no picture that can be decoded")]
    NoPicture,
    /// Nobody found.
    #[error("no face was found")]
    NoFace,
    /// Several people are as near.
    #[error("more than one face is near")]
    Several,
    /// Fewer pixels than the door wants.
    #[error("the face is too small")]
    Small,
    /// Reaching out of the picture.
    #[error("the face is not wholly in the picture")]
    Cropped,
    /// Too little light.
    #[error("the face is too dark")]
    Dark,
    /// Too much light.
    #[error("there is too much light on the face")]
    Overexposed,
    /// Light from behind.
    #[error("there is light behind the face")]
    Backlit,
    /// Covered in part.
    #[error("part of the face is covered")]
    Occluded,
    /// Turned away.
    #[error("the face is turned away")]
    Turned,
    /// Leaning.
    #[error("the head leans too far")]
    Leaning,
    /// Blurred.
    #[error("the face is blurred")]
    Blurred,
    /// Some other thing that a door refuses, or a face without a shape.
    #[error("the face can't be used")]
    Unusable,
}

impl From<Flaw> for Missed {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Small => Self::Small,
            Flaw::Cropped => Self::Cropped,
            Flaw::Dark => Self::Dark,
            Flaw::Overexposed => Self::Overexposed,
            Flaw::Backlit => Self::Backlit,
            Flaw::Occluded => Self::Occluded,
            Flaw::Turned => Self::Turned,
            Flaw::Leaning => Self::Leaning,
            Flaw::Blurred => Self::Blurred,
        }
    }
}

impl From<NotOneFace> for Missed {
    fn from(why: NotOneFace) -> Self {
        match why {
            NotOneFace::None => Self::NoFace,
            NotOneFace::Several => Self::Several,
        }
    }
}

/// What a picture gave.
pub type Acquired = Result<Embedding, Missed>;

/// Failures to acquire (ISO/IEC 19795-1), counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Acquisition {
    /// Pictures that were tried.
    pub pictures: usize,
    /// Those that gave nothing.
    pub failed: usize,
    /// FTA: their share.
    pub failure_to_acquire_rate: f64,
    /// How many failed for what.
    pub reasons: BTreeMap<Missed, usize>,
}

impl Acquisition {
    /// Counts.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Acquired>) -> Self {
        let (mut pictures, mut reasons) = (0, BTreeMap::new());
        for one in all {
            pictures += 1;
            if let Err(missed) = one {
                *reasons.entry(*missed).or_default() += 1;
            }
        }
        let failed = reasons.values().sum();
        Self {
            pictures,
            failed,
            failure_to_acquire_rate: failed as f64 / pictures.max(1) as f64,
            reasons,
        }
    }
}

/// A picture to be looked at.
pub struct Picture {
    /// The file.
    pub path: PathBuf,
    /// Where it is asked for, such as a line of a list; empty where the path says all.
    pub asked_by: String,
}

/// What takes embeddings from files.
pub struct Camera<'a> {
    /// The models.
    pub models: &'a Models,
    /// Which face counts.
    pub take: Take,
    /// Embeddings of earlier runs.
    pub cache: Option<&'a Cache>,
}

impl Camera<'_> {
    /// What each of these pictures gives. Failures are told on stderr, each with its file.
    ///
    /// # Errors
    /// When a network fails: a bug or a broken machine, not a picture's fault.
    pub fn look(&self, pictures: &[Picture]) -> anyhow::Result<Vec<Acquired>> {
        let mut progress = Progress::new("pictures", pictures.len());
        let mut all = Vec::with_capacity(pictures.len());
        for picture in pictures {
            let acquired = self.acquire(&picture.path).map_err(|error| {
                anyhow::Error::new(error).context(picture.path.display().to_string())
            })?;
            let (acquired, detail) = acquired;
            if let Err(missed) = &acquired {
                let (asked_by, path) = (&picture.asked_by, picture.path.display());
                let why = detail.unwrap_or_else(|| missed.to_string());
                progress.say(&format!(
                    "{asked_by}{path}: {why}; counted as a failure to acquire"
                ));
            }
            all.push(acquired);
            progress.step();
        }
        Ok(all)
    }

    /// An embedding or why none, and more words on that where there are some.
    fn acquire(&self, path: &Path) -> Result<(Acquired, Option<String>), limen_face::FaceError> {
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(why) => return Ok((Err(Missed::Unreadable), Some(why))),
        };
        let key = self.cache.map(|cache| (cache, Key::of(&bytes, self.take)));
        if let Some(known) = key.as_ref().and_then(|(cache, key)| cache.get(key)) {
            return Ok((known, None));
        }
        let (acquired, detail) = match pnm::decode(&bytes).unwrap_or_else(|| Frame::decode(&bytes))
        {
            Ok(frame) => (self.embed(&frame)?, None),
            Err(error) => (Err(Missed::NoPicture), Some(with_sources(&error))),
        };
        if let Some((cache, key)) = key {
            cache.put(&key, &acquired);
        }
        Ok((acquired, detail))
    }

    fn embed(&self, frame: &Frame) -> Result<Acquired, limen_face::FaceError> {
        let faces = self.models.detect(frame)?;
        let face = match self.take {
            Take::Door => only_face(&faces, frame).map_err(Missed::from),
            Take::Middle => middle(&faces, frame).ok_or(Missed::NoFace),
        };
        let face = match face {
            Ok(face) => face,
            Err(missed) => return Ok(Err(missed)),
        };
        let aligned = match self.models.align(frame, face) {
            Ok(aligned) => aligned,
            Err(limen_face::FaceError::NoShape) => return Ok(Err(Missed::Unusable)),
            Err(error) => return Err(error),
        };
        if self.take == Take::Door
            && let Some(flaw) = Quality::of(frame, face, &aligned).flaw(&Bar::default())
        {
            return Ok(Err(flaw.into()));
        }
        self.models.embed_chip(&aligned.chip).map(Ok)
    }
}

fn middle<'a>(faces: &'a [Detection], frame: &Frame) -> Option<&'a Detection> {
    let centre = [frame.width() as f32 / 2.0, frame.height() as f32 / 2.0];
    let away = |face: &Detection| {
        let bounds = &face.bounds;
        let [x, y] = [bounds.left + bounds.right, bounds.top + bounds.bottom];
        (x / 2.0 - centre[0]).hypot(y / 2.0 - centre[1])
    };
    faces.iter().min_by(|a, b| away(a).total_cmp(&away(b)))
}

/// A regular file's bytes, or why not: a pipe would never end, and a disk image be no picture.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("not a regular file".to_owned());
    }
    if about.len() > MAX_FILE_BYTES {
        return Err(format!("{} bytes are too many for a picture", about.len()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| {
        format!("{text}: {source}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_reason() {
        let good = || Ok(Embedding([1.0; 128]));
        let all = [
            good(),
            Err(Missed::NoFace),
            Err(Missed::NoFace),
            Err(Missed::Blurred),
        ];
        let counted = Acquisition::of(&all);
        assert_eq!((counted.pictures, counted.failed), (4, 3));
        assert_eq!(counted.reasons[&Missed::NoFace], 2);
        assert_eq!(
            serde_json::to_value(&counted).unwrap()["reasons"]["blurred"],
            1
        );
    }

    #[test]
    fn a_folder_is_no_picture() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap_err(), "not a regular file");
    }
}
