//! Whose face it is, as 128 numbers: dlib's ResNet, on a face chip.

use std::fmt;

use crate::align::Chip;
use crate::detect::Detection;
use crate::zoo::Models;
use crate::{FaceError, Frame};

/// Values of an embedding.
pub const DIMENSION: usize = 128;

/// A face as a point in 128 dimensions: the nearer (Euclidean), the more alike. As the network gives it, which
/// is not at unit length.
#[derive(Clone, PartialEq)]
pub struct Embedding(pub [f32; DIMENSION]);

/// Embeddings are biometric data and not for logs.
impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Embedding")
    }
}

impl Embedding {
    /// The Euclidean distance.
    pub fn distance(&self, other: &Self) -> f32 {
        let square = |(a, b): (&f32, &f32)| (a - b) * (a - b);
        self.0.iter().zip(&other.0).map(square).sum::<f32>().sqrt()
    }

    /// The same direction at length 1. An embedding of zeros stays as it is.
    pub fn unit(&self) -> Self {
        let length = self.0.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            Self(self.0.map(|value| value / length))
        } else {
            self.clone()
        }
    }

    /// The weighted average of several, `None` of none.
    pub(crate) fn mean(all: &[Self], weights: &[f32]) -> Option<Self> {
        let mut sum = [0.0; DIMENSION];
        for (one, weight) in all.iter().zip(weights) {
            for (sum, value) in sum.iter_mut().zip(&one.0) {
                *sum += weight * value;
            }
        }
        let total: f32 = weights.iter().sum();
        (total > 0.0).then(|| Self(sum.map(|value| value / total)))
    }

    /// Whether every value is a number.
    pub(crate) fn is_finite(&self) -> bool {
        self.0.iter().all(|value| value.is_finite())
    }
}

impl Models {
    /// The embedding of a face that was found in a picture: points, chip, network.
    ///
    /// # Errors
    /// When the face has no shape to cut it by, or the network fails.
    pub fn embed(&self, frame: &Frame, detection: &Detection) -> Result<Embedding, FaceError> {
        self.embed_chip(&self.align(frame, detection)?.chip)
    }

    /// The embedding of a face chip.
    ///
    /// # Errors
    /// When the network fails, which only a bug or a broken machine can make it do.
    pub fn embed_chip(&self, chip: &Chip) -> Result<Embedding, FaceError> {
        let plane = chip.rgb().len() / 3;
        let mut values = vec![0.0; 3 * plane];
        for (i, pixel) in chip.rgb().chunks_exact(3).enumerate() {
            for (channel, &value) in pixel.iter().enumerate() {
                values[channel * plane + i] = f32::from(value);
            }
        }
        let outputs = self.embedder.run(&values)?;
        let values = outputs
            .first()
            .and_then(|row| <[f32; DIMENSION]>::try_from(row.as_slice()).ok());
        let embedding = values.map(Embedding).filter(Embedding::is_finite);
        embedding.ok_or_else(|| self.embedder.odd("128 finite values were expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn along(axis: usize, length: f32) -> Embedding {
        Embedding(std::array::from_fn(
            |i| if i == axis { length } else { 0.0 },
        ))
    }

    #[test]
    fn distance_is_euclidean() {
        assert_eq!(along(0, 3.0).distance(&along(1, 4.0)), 5.0);
        assert_eq!(along(7, 2.0).distance(&along(7, 2.0)), 0.0);
    }

    #[test]
    fn unit_keeps_the_direction() {
        assert_eq!(along(5, 9.0).unit(), along(5, 1.0));
        assert_eq!(along(5, 0.0).unit(), along(5, 0.0));
    }

    #[test]
    fn the_mean_lies_between() {
        let all = [along(3, 2.0), along(4, 4.0)];
        let mean = Embedding::mean(&all, &[1.0, 1.0]).unwrap();
        assert_eq!((mean.0[3], mean.0[4]), (1.0, 2.0));
        let mean = Embedding::mean(&all, &[3.0, 1.0]).unwrap();
        assert_eq!((mean.0[3], mean.0[4]), (1.5, 1.0));
        assert!(Embedding::mean(&[], &[]).is_none());
    }

    #[test]
    fn values_are_not_printed() {
        assert_eq!(format!("{:?}", along(0, 0.123)), "Embedding");
    }
}
