//! What is kept of a person (the template) and what is seen of one (the probe).

use std::fmt;

use crate::embed::{DIMENSION, Embedding};
use crate::quality::Quality;

/// Most photos of one template.
pub const MAX_PHOTOS: usize = 32;

const MAGIC: &[u8; 3] = b"LFT";
const VERSION: u8 = 1;
const HEAD: usize = 5;
const VALUE: usize = size_of::<f32>();

/// A frame farther than this from most others of its visit, at unit length, is set aside: photographs of one
/// person on different days are nearer in 99 of 100 cases.
const ASTRAY: f32 = 0.4;

/// Embeddings or bytes that are no template or probe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Nothing to average.
    #[error("at least one embedding is needed")]
    Empty,
    /// More photos than [`MAX_PHOTOS`].
    #[error("{0} photos are too many: {MAX_PHOTOS} at most")]
    TooMany(usize),
    /// An embedding that no face gives: not a number, or of length 0.
    #[error("embedding {0} is not one of a face")]
    NoFace(usize),
    /// Bytes that don't begin like a template.
    #[error("the bytes are no face template")]
    NoTemplate,
    /// Of another version.
    #[error("a face template of version {0} can't be read, only version {VERSION}")]
    Version(u8),
    /// Cut off or with something behind.
    #[error("a face template of {photos} photos has {wanted} bytes, not {given}")]
    Length {
        /// What its head says.
        photos: u8,
        /// Bytes that so many take.
        wanted: usize,
        /// Bytes that are there.
        given: usize,
    },
}

/// What is stored of a person: the raw embedding of each photo of the enrolment.
#[derive(Clone, PartialEq)]
pub struct Template {
    photos: Vec<Embedding>,
    average: Average,
}

/// What was seen of a person at one visit: the average of its frames.
#[derive(Clone, PartialEq)]
pub struct Probe {
    frames: usize,
    average: Average,
}

/// Templates are biometric data and not for logs.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({} photos)", self.photos.len())
    }
}

/// Probes are biometric data and not for logs.
impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({} frames)", self.frames)
    }
}

impl Template {
    /// A template of a person's photos, 1 to [`MAX_PHOTOS`], best of different days.
    ///
    /// # Errors
    /// When there are none or too many, or one is not an embedding of a face.
    pub fn from_photos(photos: &[Embedding]) -> Result<Self, TemplateError> {
        if photos.len() > MAX_PHOTOS {
            return Err(TemplateError::TooMany(photos.len()));
        }
        faces(photos)?;
        Ok(Self {
            average: Average::of(photos, &vec![1.0; photos.len()])?,
            photos: photos.to_vec(),
        })
    }

    /// Number of photos.
    pub fn photos(&self) -> usize {
        self.photos.len()
    }

    /// The raw embedding of each photo.
    pub fn embeddings(&self) -> &[Embedding] {
        &self.photos
    }

    /// Each photo at unit length, averaged, at unit length again.
    pub(crate) fn unit(&self) -> &Embedding {
        &self.average.unit
    }

    /// The mean of the raw embeddings.
    pub(crate) fn plain(&self) -> &Embedding {
        &self.average.plain
    }

    /// The bytes that are stored (encrypted) and sent (sealed): `LFT`, the version 1, the number of photos, then
    /// 128 float32 of each, little-endian. The embedding's model is not in them; it travels beside them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length(self.photos.len()));
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        // from_photos lets MAX_PHOTOS in at most.
        bytes.push(self.photos.len() as u8);
        bytes.extend(
            self.photos
                .iter()
                .flat_map(|one| one.0)
                .flat_map(f32::to_le_bytes),
        );
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// When the bytes are no such template, of another version, cut, or hold what no face gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TemplateError> {
        let Some((&[a, b, c, version, photos], values)) = bytes.split_first_chunk::<HEAD>() else {
            return Err(TemplateError::NoTemplate);
        };
        if [a, b, c] != *MAGIC {
            return Err(TemplateError::NoTemplate);
        }
        if version != VERSION {
            return Err(TemplateError::Version(version));
        }
        let wanted = length(photos.into());
        if bytes.len() != wanted {
            return Err(TemplateError::Length {
                photos,
                wanted,
                given: bytes.len(),
            });
        }
        let (values, _) = values.as_chunks::<VALUE>();
        let (photos, _) = values.as_chunks::<DIMENSION>();
        let photos: Vec<_> = photos
            .iter()
            .map(|one| Embedding(one.map(f32::from_le_bytes)))
            .collect();
        Self::from_photos(&photos)
    }
}

/// Bytes of a template.
fn length(photos: usize) -> usize {
    HEAD + photos * DIMENSION * VALUE
}

/// One frame of a visit: what it shows, and how much that counts.
#[derive(Clone, PartialEq)]
pub struct Shot {
    /// As the network gave it.
    pub embedding: Embedding,
    /// Its share of the average, beside those of the other frames.
    pub weight: f32,
}

/// Shots are biometric data and not for logs.
impl fmt::Debug for Shot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shot")
    }
}

impl Shot {
    /// A frame with the [weight](Quality::weight) that its quality gives it.
    pub fn new(embedding: Embedding, quality: &Quality) -> Self {
        Self {
            embedding,
            weight: quality.weight(),
        }
    }
}

impl Probe {
    /// A probe of a visit's frames that count alike: each scaled to unit length, averaged, scaled again. Frames
    /// that are far from most others are set aside.
    ///
    /// # Errors
    /// When there are none, or one is not an embedding of a face.
    pub fn from_frames(frames: &[Embedding]) -> Result<Self, TemplateError> {
        let shot = |frame: &Embedding| Shot {
            embedding: frame.clone(),
            weight: 1.0,
        };
        Self::from_shots(&frames.iter().map(shot).collect::<Vec<_>>())
    }

    /// The same of frames that count differently.
    ///
    /// # Errors
    /// When there are none, or one is not an embedding of a face or has a weight that is no positive number.
    pub fn from_shots(shots: &[Shot]) -> Result<Self, TemplateError> {
        let weightless = |shot: &Shot| !(shot.weight.is_finite() && shot.weight > 0.0);
        if let Some(which) = shots.iter().position(weightless) {
            return Err(TemplateError::NoFace(which));
        }
        let frames: Vec<Embedding> = shots.iter().map(|shot| shot.embedding.clone()).collect();
        faces(&frames)?;
        let kept = together(&frames);
        let of = |list: &[Embedding]| -> Vec<Embedding> {
            kept.iter().map(|&which| list[which].clone()).collect()
        };
        let weights: Vec<f32> = kept.iter().map(|&which| shots[which].weight).collect();
        Ok(Self {
            frames: kept.len(),
            average: Average::of(&of(&frames), &weights)?,
        })
    }

    /// Number of frames that count: those that were not set aside.
    pub fn frames(&self) -> usize {
        self.frames
    }

    pub(crate) fn unit(&self) -> &Embedding {
        &self.average.unit
    }

    /// The mean of the raw embeddings.
    pub(crate) fn plain(&self) -> &Embedding {
        &self.average.plain
    }
}

/// Which frames belong together. A frame is astray when half of the others are far from it. Where that would leave
/// fewer than half, or one, nobody can say which are right, and all stay.
fn together(frames: &[Embedding]) -> Vec<usize> {
    let units: Vec<Embedding> = frames.iter().map(Embedding::unit).collect();
    let astray = |which: usize| {
        let others = units
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != which);
        let mut distances: Vec<f32> = others
            .map(|(_, other)| other.distance(&units[which]))
            .collect();
        distances.sort_by(f32::total_cmp);
        let middle = distances.len().saturating_sub(1) / 2;
        distances.get(middle).is_some_and(|&median| median > ASTRAY)
    };
    let kept: Vec<usize> = (0..units.len()).filter(|&which| !astray(which)).collect();
    if kept.len() >= 2 && 2 * kept.len() >= units.len() {
        kept
    } else {
        (0..units.len()).collect()
    }
}

/// Says which of several embeddings is not one of a face.
fn faces(all: &[Embedding]) -> Result<(), TemplateError> {
    let faceless = |one: &Embedding| !one.is_finite() || one.0.iter().all(|&value| value == 0.0);
    match all.iter().position(faceless) {
        Some(which) => Err(TemplateError::NoFace(which)),
        None => Ok(()),
    }
}

#[derive(Clone, PartialEq)]
struct Average {
    unit: Embedding,
    plain: Embedding,
}

impl Average {
    fn of(all: &[Embedding], weights: &[f32]) -> Result<Self, TemplateError> {
        let units: Vec<Embedding> = all.iter().map(Embedding::unit).collect();
        let unit = Embedding::mean(&units, weights).ok_or(TemplateError::Empty)?;
        let plain = Embedding::mean(all, weights).ok_or(TemplateError::Empty)?;
        Ok(Self {
            unit: unit.unit(),
            plain,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some(first: f32) -> Embedding {
        Embedding(std::array::from_fn(|i| if i == 0 { first } else { 0.25 }))
    }

    #[test]
    fn bytes_are_frozen() {
        let bytes = Template::from_photos(&[some(1.0), some(2.0)])
            .unwrap()
            .to_bytes();
        assert_eq!(bytes.len(), 5 + 2 * 512);
        assert_eq!(bytes[..13], *b"LFT\x01\x02\0\0\x80\x3f\0\0\x80\x3e");
        assert_eq!(bytes[517..521], *b"\0\0\0\x40");
    }

    #[test]
    fn what_is_no_template_is_told_apart() {
        let whole = Template::from_photos(&[some(1.0)]).unwrap().to_bytes();
        let error = |bytes: &[u8]| Template::from_bytes(bytes).unwrap_err().to_string();
        assert_eq!(error(b"LFT"), "the bytes are no face template");
        assert_eq!(error(b"PNG\x01\x01"), "the bytes are no face template");
        let mut other = whole.clone();
        other[3] = 9;
        assert_eq!(
            error(&other),
            "a face template of version 9 can't be read, only version 1"
        );
        let cut = error(&whole[..400]);
        assert_eq!(cut, "a face template of 1 photos has 517 bytes, not 400");
        assert_eq!(error(b"LFT\x01\0"), "at least one embedding is needed");
        let mut broken = whole;
        broken[5..9].copy_from_slice(&f32::NAN.to_le_bytes());
        assert_eq!(error(&broken), "embedding 0 is not one of a face");
    }

    #[test]
    fn empty_and_oversized_enrolments_are_refused() {
        assert_eq!(Template::from_photos(&[]), Err(TemplateError::Empty));
        let many = vec![some(1.0); MAX_PHOTOS + 1];
        assert_eq!(
            Template::from_photos(&many),
            Err(TemplateError::TooMany(33))
        );
        assert_eq!(Probe::from_frames(&[]), Err(TemplateError::Empty));
    }

    /// A face whose distance to others of its `person` is about 0.14 for neighbouring `frame`s.
    fn seen(person: usize, frame: usize) -> Embedding {
        let mut values = [0.0; DIMENSION];
        values[person] = 1.4;
        values[100 + frame] = 0.14;
        Embedding(values)
    }

    #[test]
    fn frames_that_are_far_from_the_others_are_set_aside() {
        let probe = |frames: &[Embedding]| Probe::from_frames(frames).unwrap();
        let all = [seen(0, 0), seen(0, 1), seen(1, 2)];
        assert_eq!(probe(&all), probe(&all[..2]));
        assert_eq!(probe(&all[..2]).frames(), 2);
        // Two that differ: either may be right.
        assert_eq!(probe(&all[1..]).frames(), 2);
        let scattered = [seen(0, 0), seen(1, 0), seen(2, 0), seen(2, 1), seen(3, 0)];
        assert_eq!(probe(&scattered).frames(), 5);
    }

    #[test]
    fn a_frame_counts_by_its_weight() {
        let shot = |embedding: Embedding, weight| Shot { embedding, weight };
        let heavy = Probe::from_shots(&[shot(some(1.0), 1.0), shot(some(2.0), 3.0)]).unwrap();
        assert!((heavy.plain().0[0] - 1.75).abs() < 1e-6);
        let alike = Probe::from_shots(&[shot(some(1.0), 0.2), shot(some(2.0), 0.2)]).unwrap();
        let frames = Probe::from_frames(&[some(1.0), some(2.0)]).unwrap();
        assert!(alike.unit().distance(frames.unit()) < 1e-6);
        let refused = Probe::from_shots(&[shot(some(1.0), f32::NAN)]);
        assert_eq!(refused, Err(TemplateError::NoFace(0)));
    }

    proptest! {
        #[test]
        fn a_template_comes_back_from_its_bytes(
            values in prop::collection::vec(prop::array::uniform32(-1.0_f32..1.0), 1..4),
        ) {
            let photos: Vec<_> = values
                .iter()
                .map(|row| Embedding(std::array::from_fn(|i| row[i % 32] + 0.001 * i as f32)))
                .collect();
            let template = Template::from_photos(&photos).unwrap();
            let again = Template::from_bytes(&template.to_bytes()).unwrap();
            prop_assert_eq!(&again, &template);
            prop_assert_eq!(again.embeddings(), photos.as_slice());
            let length: f32 = template.unit().0.iter().map(|value| value * value).sum();
            prop_assert!((length - 1.0).abs() < 1e-5);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = Template::from_bytes(&bytes);
        }
    }
}
