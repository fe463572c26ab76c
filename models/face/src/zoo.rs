//! The models: reads `zoo.toml` and the files beside it, checks each against its hash, and runs them.
//!
//! The only module that reads files, and the only one that knows the inference engine.

mod network;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::align::Predictor;
use crate::gallery::Calibration;

pub(crate) use network::Network;

/// Bytes that a model file may have at most.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The model folder can't be used, in words for whoever installed it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZooError {
    /// A file is not there or can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `zoo.toml` is not as it must be.
    #[error("{} does not describe models", path.display())]
    Describe {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A model that this version needs is not in `zoo.toml`.
    #[error("{} lists no model {id:?}: it belongs to another version of Limen", path.display())]
    Missing {
        /// The `zoo.toml`.
        path: PathBuf,
        /// The model's id.
        id: &'static str,
    },
    /// A file's content is not what `zoo.toml` promises.
    #[error(
        "{} is not the file that zoo.toml describes: its sha256 is {found}, not {wanted}; \
         it was damaged or exchanged, install it again",
        path.display()
    )]
    Hash {
        /// Which file.
        path: PathBuf,
        /// Its hash, in hexadecimal.
        found: String,
        /// The one in `zoo.toml`.
        wanted: String,
    },
    /// A file with the right hash that this version can't use.
    #[error("{} can't be used: {why}", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// What `zoo.toml` says of one model. Its head explains the fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    file: PathBuf,
    sha256: String,
    #[serde(rename = "licence")]
    _licence: String,
    #[serde(rename = "source")]
    _source: String,
    input: Vec<usize>,
    layout: String,
    range: Vec<f32>,
    colour: String,
    dimension: usize,
    metric: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    model: Vec<Entry>,
}

/// All models of the pipeline, loaded and checked. Cheap to share: it is used through `&self` from any number of
/// threads.
pub struct Models {
    pub(crate) detector: Network,
    pub(crate) near_detector: Network,
    pub(crate) embedder: Network,
    pub(crate) predictor: Predictor,
    embedding_id: String,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Models({})", self.embedding_id)
    }
}

impl Models {
    /// The id of the detector in `zoo.toml`.
    const DETECTOR: &str = "blazeface-back";
    /// The id of the detector of near faces in `zoo.toml`.
    const NEAR_DETECTOR: &str = "blazeface-short";
    /// The id of the landmarks in `zoo.toml`.
    const LANDMARKS: &str = "dlib-landmarks5";
    /// The id of the embedding in `zoo.toml`.
    const EMBEDDING: &str = "dlib-resnet34-v1";

    /// Loads the models of the folder that `zoo.toml` lies in, and prepares them for inputs of their fixed shape.
    ///
    /// # Errors
    /// When a file can't be read, is not the one whose hash `zoo.toml` has, or is not what this version expects.
    pub fn load(folder: &Path) -> Result<Self, ZooError> {
        let zoo = Zoo::open(folder)?;
        let landmarks = zoo.entry(Self::LANDMARKS)?;
        let predictor =
            Predictor::from_bytes(&zoo.checked(landmarks)?).map_err(|why| ZooError::Unusable {
                path: zoo.path(landmarks),
                why,
            })?;
        Ok(Self {
            detector: zoo.network(Self::DETECTOR, "image", &["boxes", "scores"])?,
            near_detector: zoo.network(Self::NEAR_DETECTOR, "image", &["boxes", "scores"])?,
            embedder: zoo.network(Self::EMBEDDING, "chip", &["embedding"])?,
            predictor,
            embedding_id: Self::EMBEDDING.to_owned(),
        })
    }

    /// The id of the embedding. It travels with every template: embeddings of different ids are not comparable.
    pub fn embedding_id(&self) -> &str {
        &self.embedding_id
    }
}

impl Calibration {
    /// Reads `calibration.csv` and `calibration-normalised.csv` from the model folder.
    ///
    /// # Errors
    /// When a file can't be read or is not such a table.
    pub fn load(folder: &Path) -> Result<Self, ZooError> {
        let read = |name: &str| -> Result<(PathBuf, String), ZooError> {
            let path = folder.join(name);
            match String::from_utf8(read(&path)?) {
                Ok(text) => Ok((path, text)),
                Err(error) => Err(unusable(path, &error)),
            }
        };
        let unusable_table = |path| move |error| unusable(path, &error);
        let (path, text) = read("calibration.csv")?;
        let curves = Self::parse(&text).map_err(unusable_table(path))?;
        let (path, text) = read("calibration-normalised.csv")?;
        curves.with_normalised(&text).map_err(unusable_table(path))
    }
}

fn unusable(path: PathBuf, error: &dyn std::error::Error) -> ZooError {
    ZooError::Unusable {
        path,
        why: error.to_string(),
    }
}

/// A model folder whose description has been read.
struct Zoo {
    folder: PathBuf,
    models: Vec<Entry>,
}

impl Zoo {
    fn open(folder: &Path) -> Result<Self, ZooError> {
        let path = folder.join("zoo.toml");
        let text = String::from_utf8_lossy(&read(&path)?).into_owned();
        let listing: Listing = toml::from_str(&text).map_err(|error| ZooError::Describe {
            path,
            source: Box::new(error),
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            models: listing.model,
        })
    }

    fn entry(&self, id: &'static str) -> Result<&Entry, ZooError> {
        let found = self.models.iter().find(|entry| entry.id == id);
        found.ok_or_else(|| ZooError::Missing {
            path: self.folder.join("zoo.toml"),
            id,
        })
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        self.folder.join(&entry.file)
    }

    /// The bytes of a model's file, when they have the hash that is promised.
    fn checked(&self, entry: &Entry) -> Result<Vec<u8>, ZooError> {
        let path = self.path(entry);
        let bytes = read(&path)?;
        let found = hexadecimal(&Sha256::digest(&bytes));
        if found != entry.sha256 {
            return Err(ZooError::Hash {
                path,
                found,
                wanted: entry.sha256.clone(),
            });
        }
        Ok(bytes)
    }

    fn network(
        &self,
        id: &'static str,
        input: &'static str,
        outputs: &[&'static str],
    ) -> Result<Network, ZooError> {
        let entry = self.entry(id)?;
        let unusable = |why: String| ZooError::Unusable {
            path: self.path(entry),
            why,
        };
        let wanted = expected(id);
        if let Some(why) = difference(entry, &wanted) {
            return Err(unusable(format!("zoo.toml says {why} of {id:?}")));
        }
        let bytes = self.checked(entry)?;
        Network::load(id, bytes, input, &entry.input, outputs)
            .map_err(|error| unusable(format!("{error:#}")))
    }
}

/// What the code that calls a network takes for granted about it.
struct Expected {
    input: [usize; 4],
    range: [f32; 2],
    dimension: usize,
    metric: &'static str,
}

fn expected(id: &str) -> Expected {
    let detector = match id {
        Models::DETECTOR => Some(crate::detect::SIDE as usize),
        Models::NEAR_DETECTOR => Some(crate::detect::NEAR_SIDE as usize),
        _ => None,
    };
    if let Some(side) = detector {
        Expected {
            input: [1, 3, side, side],
            range: [-1.0, 1.0],
            dimension: 16,
            metric: "none",
        }
    } else {
        let side = crate::align::CHIP_SIDE as usize;
        let dimension = crate::embed::DIMENSION;
        Expected {
            input: [1, 3, side, side],
            range: [0.0, 255.0],
            dimension,
            metric: "euclidean",
        }
    }
}

/// What of an entry is not as the code expects, in words.
fn difference(entry: &Entry, wanted: &Expected) -> Option<String> {
    if entry.input != wanted.input {
        return Some(format!(
            "input {:?}, {:?} is expected",
            entry.input, wanted.input
        ));
    }
    if entry.layout != "NCHW" || entry.colour != "RGB" {
        return Some(format!(
            "{} {}, NCHW RGB is expected",
            entry.layout, entry.colour
        ));
    }
    if entry.range != wanted.range {
        return Some(format!(
            "range {:?}, {:?} is expected",
            entry.range, wanted.range
        ));
    }
    if entry.dimension != wanted.dimension {
        return Some(format!(
            "dimension {}, {} is expected",
            entry.dimension, wanted.dimension
        ));
    }
    if entry.metric != wanted.metric {
        return Some(format!(
            "metric {:?}, {:?} is expected",
            entry.metric, wanted.metric
        ));
    }
    None
}

#[expect(clippy::disallowed_methods, reason = "this module alone reads models")]
fn read(path: &Path) -> Result<Vec<u8>, ZooError> {
    let failed = |source| ZooError::Read {
        path: path.to_owned(),
        source,
    };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_FILE_BYTES {
        let why = format!("{size} bytes are too many for a model");
        return Err(ZooError::Unusable {
            path: path.to_owned(),
            why,
        });
    }
    std::fs::read(path).map_err(failed)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
