//! Whether the light leaves enough of the face to tell people apart by.
//!
//! A face is never refused for being dark: dark skin is, in good light. What counts is the contrast between its
//! parts in grey levels, which is as large in faces of every colour, and without which the embedding was measured
//! to suffer. How bright face and surroundings are only gives the name of what is wrong.

use super::pixels::{Pixels, mean, oval};
use super::{Bar, Flaw};
use crate::Frame;
use crate::detect::Bounds;

/// What is white in all its colours shows nothing.
const WHITE: f32 = 245.0;
/// Surroundings so bright, and so many times as bright as the face, are a window or a lamp behind it.
const BEHIND: f32 = 100.0;
const BEHIND_TIMES: f32 = 1.5;
/// A face without contrast that is brighter than that is bleached, not dark.
const BLEACHED: f32 = 128.0;

/// The face in the chip: brow to chin, without ears and hair.
const CENTRE: (usize, usize) = (74, 78);
const RADII: (usize, usize) = (36, 46);
/// Rows above that are the eyes', where no mask is.
const NOSE: usize = 70;
/// Pixels to either side that are averaged, so that noise is no contrast.
const SMOOTH: usize = 2;

/// How a face is lit. Grey levels are means of R, G and B, 0..255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// Mean grey level of the face. It says as much of the skin as of the light, and refuses nobody by itself.
    pub mean: f32,
    /// Standard deviation of the smoothed grey levels from the plane that fits them best: what eyes, brows, nose and
    /// mouth differ from the skin, without the light that falls from one side.
    pub contrast: f32,
    /// Share of the face above the mouth that is white, 0..1. Below, a mask may be white.
    pub white: f32,
    /// Mean grey level of what is beside and above the face; the face's own where nothing is.
    pub around: f32,
}

impl Light {
    pub(super) fn of(frame: &Frame, bounds: &Bounds, chip: Pixels<'_>) -> Self {
        let face = || oval(CENTRE, RADII);
        let mean_grey = mean(face().map(|place| chip.grey(place)));
        let is_white = |place| {
            let white = chip.rgb(place).iter().all(|&value| value >= WHITE);
            f32::from(u8::from(white))
        };
        Self {
            mean: mean_grey,
            contrast: contrast(chip),
            white: mean(face().filter(|place| place.1 < NOSE).map(is_white)),
            around: around(frame, bounds).unwrap_or(mean_grey),
        }
    }

    pub(super) fn flaw(&self, bar: &Bar) -> Option<Flaw> {
        if self.white > bar.white {
            Some(Flaw::Overexposed)
        } else if self.contrast >= bar.contrast {
            None
        } else if self.around >= BEHIND.max(BEHIND_TIMES * self.mean) {
            Some(Flaw::Backlit)
        } else if self.mean >= BLEACHED {
            Some(Flaw::Overexposed)
        } else {
            Some(Flaw::Dark)
        }
    }
}

fn contrast(chip: Pixels<'_>) -> f32 {
    let smooth = |(x, y): (usize, usize)| {
        let near = super::pixels::rectangle(x - SMOOTH..x + SMOOTH + 1, y - SMOOTH..y + SMOOTH + 1);
        mean(near.map(|place| chip.grey(place)))
    };
    // The oval is the same on all sides, so each slope of the plane stands for itself.
    let (mut count, mut sum, mut square) = (0.0_f64, 0.0_f64, 0.0_f64);
    let (mut slopes, mut arms) = ([0.0_f64; 2], [0.0_f64; 2]);
    for (x, y) in oval(CENTRE, RADII) {
        let value = f64::from(smooth((x, y)));
        let offset = [x as f64 - CENTRE.0 as f64, y as f64 - CENTRE.1 as f64];
        count += 1.0;
        sum += value;
        square += value * value;
        for axis in 0..2 {
            slopes[axis] += offset[axis] * value;
            arms[axis] += offset[axis] * offset[axis];
        }
    }
    let plane = slopes[0] * slopes[0] / arms[0] + slopes[1] * slopes[1] / arms[1];
    ((square - sum * sum / count - plane) / count)
        .max(0.0)
        .sqrt() as f32
}

/// Beside the face to its own width, and above it to its height, of what lies in the picture. Below is the body.
fn around(frame: &Frame, face: &Bounds) -> Option<f32> {
    /// Looks along the face's width.
    const STEPS: f32 = 12.0;
    let step = face.width().max(face.height()) / STEPS;
    if !(step > 0.0 && step.is_finite()) {
        return None;
    }
    let (mut sum, mut count) = (0.0, 0.0_f32);
    // Three faces wide and two high, in steps; the middle is the head with its hair.
    for row in 0..24 {
        for column in 0..36 {
            if (9..27).contains(&column) && row >= 6 {
                continue;
            }
            let x = (face.left + (column as f32 - 12.0) * step).floor();
            let y = (face.top + (row as f32 - 12.0) * step).floor();
            let inside =
                x >= 0.0 && y >= 0.0 && x < frame.width() as f32 && y < frame.height() as f32;
            if inside {
                let start = 3 * (y as usize * frame.width() as usize + x as usize);
                let pixel = &frame.rgb()[start..start + 3];
                sum += pixel.iter().map(|&value| f32::from(value)).sum::<f32>() / 3.0;
                count += 1.0;
            }
        }
    }
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::pixels::painted;
    use super::*;

    const FACE: Bounds = Bounds {
        left: 40.0,
        top: 40.0,
        right: 60.0,
        bottom: 60.0,
    };

    /// A picture of one grey level with a square face of another in it.
    fn frame(around: u8, face: u8) -> Frame {
        let pixel = |at: usize| {
            let (x, y) = (at % 100, at / 100);
            let inside = (38..62).contains(&x) && (36..100).contains(&y);
            [if inside { face } else { around }; 3]
        };
        Frame::from_rgb8(100, 100, (0..10_000).flat_map(pixel).collect()).unwrap()
    }

    /// A chip with eyes and a mouth that are darker than the skin.
    fn chip(skin: u8, dark: u8) -> Vec<u8> {
        painted(|(x, y)| {
            let eyes = (40..55).contains(&y) && ((35..60).contains(&x) || (89..114).contains(&x));
            let mouth = (100..110).contains(&y) && (55..95).contains(&x);
            [if eyes || mouth { dark } else { skin }; 3]
        })
    }

    #[rstest]
    #[case::a_light_face_before_a_dark_wall(180, 90, 40, None)]
    #[case::a_dark_face_before_a_white_wall(50, 15, 240, None)]
    #[case::little_light_everywhere(30, 20, 40, Some(Flaw::Dark))]
    #[case::a_window_behind(40, 25, 235, Some(Flaw::Backlit))]
    #[case::a_grey_wall_behind_a_face_as_dark(90, 80, 100, Some(Flaw::Dark))]
    #[case::white(255, 120, 255, Some(Flaw::Overexposed))]
    #[case::bleached(200, 190, 200, Some(Flaw::Overexposed))]
    fn what_is_wrong_with_the_light(
        #[case] skin: u8,
        #[case] eyes: u8,
        #[case] wall: u8,
        #[case] flaw: Option<Flaw>,
    ) {
        let chip = chip(skin, eyes);
        let light = Light::of(&frame(wall, skin), &FACE, Pixels(&chip));
        assert_eq!(light.flaw(&Bar::default()), flaw, "{light:?}");
    }

    #[test]
    fn light_from_one_side_and_noise_are_no_contrast() {
        let slope = painted(|(x, y)| [(40 + x / 2 + y / 3) as u8; 3]);
        assert!(contrast(Pixels(&slope)) < 0.5);
        let noise = painted(|(x, y)| [if (x + y) % 2 == 0 { 60 } else { 100 }; 3]);
        assert!(contrast(Pixels(&noise)) < 1.0);
        assert!(contrast(Pixels(&chip(100, 40))) > 15.0);
    }

    #[test]
    fn contrast_is_in_grey_levels() {
        let (weak, strong) = (chip(100, 90), chip(200, 180));
        let times = contrast(Pixels(&strong)) / contrast(Pixels(&weak));
        assert!((times - 2.0).abs() < 0.01, "{times}");
    }

    #[test]
    fn around_a_face_is_not_the_face() {
        assert_eq!(around(&frame(200, 10), &FACE), Some(200.0));
        let all = Bounds {
            left: -1000.0,
            top: -1000.0,
            right: 1100.0,
            bottom: 1100.0,
        };
        assert_eq!(around(&frame(200, 10), &all), None);
        let nowhere = Bounds {
            left: f32::NAN,
            ..FACE
        };
        assert_eq!(around(&frame(200, 10), &nowhere), None);
    }
}
