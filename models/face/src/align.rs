//! Five points of a face, and the face chip cut by them: the same pixels as dlib's `shape_predictor` and
//! `get_face_chip(size=150, padding=0.25)` give.
//!
//! Coordinates are dlib's: those of pixel centres, 0 is the middle of the first pixel, and the borders of a box
//! are pixels that belong to it.

mod chip;
mod predictor;

pub use chip::{CHIP_SIDE, Chip};
pub(crate) use predictor::Predictor;

use crate::detect::{Bounds, Detection};
use crate::zoo::Models;
use crate::{FaceError, Frame};

/// A box of the kind that dlib's HOG detector gives and its predictor was trained on. Borders are inclusive: the
/// width is `right − left + 1`. It may reach over the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaceBox {
    /// Leftmost column.
    pub left: i32,
    /// Topmost row.
    pub top: i32,
    /// Rightmost column.
    pub right: i32,
    /// Lowest row.
    pub bottom: i32,
}

impl FaceBox {
    /// Largest coordinate: far beyond any picture, and sums of several still fit.
    const LIMIT: f64 = 1e6;

    /// The box that dlib's detector would give for a face which BlazeFace found. The two see the same face a
    /// little apart and in other sizes: constants measured over many faces.
    pub fn from_blazeface(bounds: &Bounds) -> Self {
        let side = (f64::from(bounds.width()) * f64::from(bounds.height()))
            .max(1.0)
            .sqrt();
        let middle = |a: f32, b: f32| (f64::from(a) + f64::from(b)) / 2.0;
        let x = middle(bounds.left, bounds.right) - 0.038 * side;
        let y = middle(bounds.top, bounds.bottom) - 0.045 * side;
        let half = 1.009 * side / 2.0;
        let border = |value: f64| (value + 0.5).floor().clamp(-Self::LIMIT, Self::LIMIT) as i32;
        Self {
            left: border(x - half),
            top: border(y - half),
            right: border(x + half) - 1,
            bottom: border(y + half) - 1,
        }
    }
}

/// Five points of a face in whole pixels of the picture: 0, 1 outer and inner corner of the eye on the picture's
/// right, 2, 3 of the eye on its left, 4 base of the nose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landmarks(pub [[i32; 2]; 5]);

/// A face made ready for the embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aligned {
    /// Where its points lie in the picture.
    pub landmarks: Landmarks,
    /// The upright face.
    pub chip: Chip,
}

impl Models {
    /// Finds the points of a face in its box and cuts the chip.
    ///
    /// # Errors
    /// When the points fall together, so that nothing can be cut by them.
    pub fn align(&self, frame: &Frame, detection: &Detection) -> Result<Aligned, FaceError> {
        self.align_box(frame, FaceBox::from_blazeface(&detection.bounds))
    }

    /// The same for a box of dlib's kind.
    ///
    /// # Errors
    /// When the points fall together, so that nothing can be cut by them.
    pub fn align_box(&self, frame: &Frame, face: FaceBox) -> Result<Aligned, FaceError> {
        let landmarks = self.predictor.landmarks(frame, face);
        let chip = Chip::cut(frame, &landmarks).ok_or(FaceError::NoShape)?;
        Ok(Aligned { landmarks, chip })
    }
}

/// A similarity transform in the plane: x ↦ m·x + shift, m = [[a, −b], [b, a]].
#[derive(Debug, Clone, Copy)]
struct Similarity {
    a: f64,
    b: f64,
    shift: [f64; 2],
}

impl Similarity {
    /// The one that brings points nearest to others in the least squares (Umeyama 1991, equations 34 to 43; in
    /// the plane the rotation needs no singular values).
    fn between(from: &[[f64; 2]; 5], to: &[[f64; 2]; 5]) -> Self {
        let mean = |points: &[[f64; 2]; 5]| {
            let sum = points
                .iter()
                .fold([0.0, 0.0], |sum, p| [sum[0] + p[0], sum[1] + p[1]]);
            sum.map(|value| value / 5.0)
        };
        let (mean_from, mean_to) = (mean(from), mean(to));
        let (mut dot, mut cross, mut square) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let p = [p[0] - mean_from[0], p[1] - mean_from[1]];
            let q = [q[0] - mean_to[0], q[1] - mean_to[1]];
            dot += p[0] * q[0] + p[1] * q[1];
            cross += p[0] * q[1] - p[1] * q[0];
            square += p[0] * p[0] + p[1] * p[1];
        }
        let (a, b) = if square > 0.0 {
            (dot / square, cross / square)
        } else {
            (1.0, 0.0)
        };
        let shift = [
            mean_to[0] - (a * mean_from[0] - b * mean_from[1]),
            mean_to[1] - (b * mean_from[0] + a * mean_from[1]),
        ];
        Self { a, b, shift }
    }

    fn apply(&self, p: [f64; 2]) -> [f64; 2] {
        [
            self.a * p[0] - self.b * p[1] + self.shift[0],
            self.b * p[0] + self.a * p[1] + self.shift[1],
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similarity_is_found_again() {
        let made = Similarity {
            a: 1.5,
            b: -0.7,
            shift: [12.0, -3.0],
        };
        let from = [
            [0.0, 0.0],
            [10.0, 1.0],
            [3.0, 8.0],
            [-4.0, 5.0],
            [6.0, -9.0],
        ];
        let found = Similarity::between(&from, &from.map(|p| made.apply(p)));
        assert!((found.a - made.a).abs() < 1e-12 && (found.b - made.b).abs() < 1e-12);
        assert!((found.shift[0] - 12.0).abs() < 1e-12 && (found.shift[1] + 3.0).abs() < 1e-12);
    }

    #[test]
    fn points_that_fall_together_are_moved_only() {
        let found = Similarity::between(&[[2.0, 2.0]; 5], &[[5.0, 1.0]; 5]);
        assert_eq!(found.apply([2.0, 2.0]), [5.0, 1.0]);
    }

    #[test]
    fn dlibs_box_is_a_little_above_and_left_of_blazefaces() {
        let bounds = Bounds {
            left: 100.0,
            top: 200.0,
            right: 200.0,
            bottom: 300.0,
        };
        let wanted = FaceBox {
            left: 96,
            top: 195,
            right: 196,
            bottom: 295,
        };
        assert_eq!(FaceBox::from_blazeface(&bounds), wanted);
    }

    #[test]
    fn no_box_is_too_far_away_to_be_written_down() {
        let bounds = Bounds {
            left: -1e30,
            top: f32::NAN,
            right: 1e30,
            bottom: 1e30,
        };
        let _ = FaceBox::from_blazeface(&bounds);
    }
}
