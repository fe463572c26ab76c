//! Whether a face is worth an embedding: large enough, turned to the camera, sharp.

use crate::align::{Aligned, CHIP_SIDE, Chip, Landmarks};
use crate::detect::Detection;

/// What can be said of a face before it is compared with anybody.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Width of the face's box in pixels of the picture.
    pub face_width_px: f32,
    /// How far the base of the nose lies from the middle between the eyes, along the line through them, in
    /// distances between the eyes: 0 looking straight ahead, positive towards the picture's right.
    pub turn: f32,
    /// Angle of the line through the eyes in degrees, 0 upright, positive clockwise in the picture.
    pub lean_degrees: f32,
    /// Mean square of the Laplacian over the middle of the chip, in grey levels: low where the face is blurred
    /// or was small.
    pub sharpness: f32,
}

/// Why a face is not worth an embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Too few pixels.
    #[error("the face is too far away")]
    Small,
    /// Not near-frontal.
    #[error("the face is turned away")]
    Turned,
    /// Head on the shoulder, or a picture lying on its side.
    #[error("the head leans too far")]
    Leaning,
    /// Moved, or out of focus.
    #[error("the face is blurred")]
    Blurred,
}

/// Bounds of what is good enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Least width in pixels.
    pub face_width_px: f32,
    /// Largest turn to either side.
    pub turn: f32,
    /// Largest lean to either side in degrees.
    pub lean_degrees: f32,
    /// Least sharpness.
    pub sharpness: f32,
}

impl Default for Bar {
    /// What a door wants: a face at conversation distance in a 640×480 picture, looking about at the camera.
    fn default() -> Self {
        Self {
            face_width_px: 45.0,
            turn: 0.35,
            lean_degrees: 35.0,
            sharpness: 3.0,
        }
    }
}

impl Quality {
    /// Looks at a face that was found and aligned.
    pub fn of(detection: &Detection, aligned: &Aligned) -> Self {
        let (turn, lean_degrees) = pose(&aligned.landmarks);
        Self {
            face_width_px: detection.bounds.width(),
            turn,
            lean_degrees,
            sharpness: sharpness(&aligned.chip),
        }
    }

    /// The first thing that is wrong, the one to tell the person; `None` when the face is good enough.
    pub fn flaw(&self, bar: &Bar) -> Option<Flaw> {
        // What is not a number passes no bar.
        let reaches = |value: f32, least: f32| value >= least;
        let keeps_within = |value: f32, most: f32| value.abs() <= most;
        if !reaches(self.face_width_px, bar.face_width_px) {
            Some(Flaw::Small)
        } else if !keeps_within(self.lean_degrees, bar.lean_degrees) {
            Some(Flaw::Leaning)
        } else if !keeps_within(self.turn, bar.turn) {
            Some(Flaw::Turned)
        } else if !reaches(self.sharpness, bar.sharpness) {
            Some(Flaw::Blurred)
        } else {
            None
        }
    }
}

/// Turn and lean of a face by its points.
fn pose(landmarks: &Landmarks) -> (f32, f32) {
    let point = |i: usize| landmarks.0[i].map(|value| value as f32);
    let middle = |a: [f32; 2], b: [f32; 2]| [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
    let (right, left) = (middle(point(0), point(1)), middle(point(2), point(3)));
    let along = [right[0] - left[0], right[1] - left[1]];
    let between = along[0].hypot(along[1]);
    let centre = middle(left, right);
    let nose = [point(4)[0] - centre[0], point(4)[1] - centre[1]];
    let turn = (nose[0] * along[0] + nose[1] * along[1]) / (between * between);
    (turn, along[1].atan2(along[0]).to_degrees())
}

fn sharpness(chip: &Chip) -> f32 {
    let side = CHIP_SIDE as usize;
    let grey = |x: usize, y: usize| -> i32 {
        let start = 3 * (y * side + x);
        chip.rgb()[start..start + 3]
            .iter()
            .map(|&value| i32::from(value))
            .sum::<i32>()
            / 3
    };
    // Eyes, nose and mouth, and nothing of the background.
    let middle = side / 5..side - side / 5;
    let mut sum = 0.0;
    for y in middle.clone() {
        for x in middle.clone() {
            let neighbours = grey(x - 1, y) + grey(x + 1, y) + grey(x, y - 1) + grey(x, y + 1);
            let laplacian = (neighbours - 4 * grey(x, y)) as f32;
            sum += laplacian * laplacian;
        }
    }
    sum / (middle.len() * middle.len()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pose_is_read_from_the_points() {
        let straight = Landmarks([[140, 100], [120, 100], [60, 100], [80, 100], [100, 140]]);
        assert_eq!(pose(&straight), (0.0, 0.0));
        let turned = Landmarks([[140, 100], [120, 100], [60, 100], [80, 100], [115, 140]]);
        assert_eq!(pose(&turned), (0.25, 0.0));
        let leaning = Landmarks([[100, 140], [100, 120], [100, 60], [100, 80], [60, 100]]);
        assert_eq!(pose(&leaning), (0.0, 90.0));
    }

    #[test]
    fn the_first_flaw_is_the_one_that_is_told() {
        let good = Quality {
            face_width_px: 80.0,
            turn: 0.1,
            lean_degrees: 5.0,
            sharpness: 50.0,
        };
        let bar = Bar::default();
        assert_eq!(good.flaw(&bar), None);
        let flaw = |quality: Quality| quality.flaw(&bar);
        assert_eq!(
            flaw(Quality {
                face_width_px: 20.0,
                sharpness: 0.0,
                ..good
            }),
            Some(Flaw::Small)
        );
        assert_eq!(flaw(Quality { turn: -0.6, ..good }), Some(Flaw::Turned));
        assert_eq!(
            flaw(Quality {
                turn: f32::NAN,
                ..good
            }),
            Some(Flaw::Turned)
        );
        assert_eq!(
            flaw(Quality {
                lean_degrees: 80.0,
                ..good
            }),
            Some(Flaw::Leaning)
        );
        assert_eq!(
            flaw(Quality {
                sharpness: 1.0,
                ..good
            }),
            Some(Flaw::Blurred)
        );
    }
}
