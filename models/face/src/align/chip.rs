//! Cutting the face chip: turned upright, scaled, from a halved picture where the face is large.

use std::fmt;

use super::{Landmarks, Similarity};
use crate::Frame;

/// Side of the square chip in pixels.
pub const CHIP_SIDE: u32 = 150;

const SIDE: f64 = CHIP_SIDE as f64;
const PADDING: f64 = 0.25;
/// Where the five points lie in a face of side 1 without padding: dlib's mean face.
const MEAN_FACE: [[f64; 2]; 5] = [
    [0.8595674595992, 0.2134981538014],
    [0.6460604764104, 0.2289674387677],
    [0.1205750620789, 0.2137274526848],
    [0.3340850613712, 0.2290642403242],
    [0.4901123135679, 0.6277975316475],
];
/// The largest face, in chips along a side, that is cut: beyond it the points are nonsense.
const MAX_SCALE: f64 = 200.0;

/// An upright face: 150×150 pixels of RGB, row by row. What is outside the picture is black.
#[derive(Clone, PartialEq, Eq)]
pub struct Chip {
    rgb: Vec<u8>,
}

/// Faces are not for logs.
impl fmt::Debug for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chip")
    }
}

impl Chip {
    /// The pixels: R, G, B, row by row from the top, 150 · 150 · 3 bytes.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Cuts a face by its points. `None` when they fall together or are beyond reason.
    pub(super) fn cut(frame: &Frame, landmarks: &Landmarks) -> Option<Self> {
        let place = Place::of(landmarks)?;
        // dlib halves only what lies around the face, and where that begins decides which pixels are averaged.
        let (mut image, left, top) = place.surroundings(frame);
        let mut rect = place.rect.moved(-left, -top);
        for _ in 0..place.halvings() {
            rect = rect.halved();
            image = image.halved();
        }
        Some(Self {
            rgb: image.sampled(&rect, place.angle),
        })
    }
}

/// Where the chip lies in the picture: a square, turned about its centre.
struct Place {
    rect: Rect,
    angle: f64,
}

impl Place {
    fn of(landmarks: &Landmarks) -> Option<Self> {
        let in_chip = MEAN_FACE.map(|p| p.map(|v| (PADDING + v) / (2.0 * PADDING + 1.0) * SIDE));
        let in_picture = landmarks.0.map(|p| p.map(f64::from));
        let similarity = Similarity::between(&in_chip, &in_picture);
        let scale = similarity.a.hypot(similarity.b);
        if !(scale > 0.0 && scale < MAX_SCALE) {
            return None;
        }
        let [x, y] = similarity.apply([SIDE / 2.0, SIDE / 2.0]);
        let half = (SIDE * scale - 1.0) / 2.0;
        let rect = Rect {
            left: x - half,
            top: y - half,
            right: x + half,
            bottom: y + half,
        };
        Some(Self {
            rect,
            angle: similarity.b.atan2(similarity.a),
        })
    }

    /// How often the picture is halved before the chip is cut.
    fn halvings(&self) -> u32 {
        let mut rect = self.rect.halved();
        let mut count = 0;
        while rect.area() > SIDE * SIDE {
            rect = rect.halved();
            count += 1;
        }
        count
    }

    /// The part of the picture around the turned square, with a border for the filter, and where it begins.
    fn surroundings(&self, frame: &Frame) -> (Image, f64, f64) {
        let mut border = 2.0;
        for _ in 0..self.halvings() {
            border = border * 2.0 + 2.0;
        }
        let corners = self.rect.turned(self.angle);
        let least = |axis: usize| {
            corners
                .iter()
                .map(|p| p[axis])
                .fold(f64::INFINITY, f64::min)
        };
        let most = |axis: usize| {
            corners
                .iter()
                .map(|p| p[axis])
                .fold(f64::NEG_INFINITY, f64::max)
        };
        let first = |axis| ((least(axis) - border).max(0.0) + 0.5).floor();
        let last =
            |axis, size: u32| ((most(axis) + border).min(f64::from(size) - 1.0) + 0.5).floor();
        let (left, right) = (first(0), last(0, frame.width()));
        let (top, bottom) = (first(1), last(1, frame.height()));
        let image = if right < left || bottom < top {
            Image::default()
        } else {
            let count = |first: f64, last: f64| (last - first) as usize + 1;
            let (width, height) = (count(left, right), count(top, bottom));
            Image::part(frame, left as usize, top as usize, width, height)
        };
        (image, left, top)
    }
}

/// A rectangle whose borders belong to it: its width is `right − left + 1`.
#[derive(Clone, Copy)]
struct Rect {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Rect {
    fn area(&self) -> f64 {
        (self.right - self.left + 1.0) * (self.bottom - self.top + 1.0)
    }

    fn moved(&self, x: f64, y: f64) -> Self {
        Self {
            left: self.left + x,
            top: self.top + y,
            right: self.right + x,
            bottom: self.bottom + y,
        }
    }

    /// The same place in a picture that was halved.
    fn halved(&self) -> Self {
        Self {
            left: self.left / 2.0 - 1.25,
            top: self.top / 2.0 - 0.75,
            right: self.right / 2.0 - 1.25,
            bottom: self.bottom / 2.0 - 0.75,
        }
    }

    /// Its corners after a turn about its centre: above left, above right, below left, below right.
    fn turned(&self, angle: f64) -> [[f64; 2]; 4] {
        let (sine, cosine) = angle.sin_cos();
        let centre = [
            (self.left + self.right) / 2.0,
            (self.top + self.bottom) / 2.0,
        ];
        let turn = |x: f64, y: f64| {
            let (x, y) = (x - centre[0], y - centre[1]);
            [
                cosine * x - sine * y + centre[0],
                sine * x + cosine * y + centre[1],
            ]
        };
        [
            turn(self.left, self.top),
            turn(self.right, self.top),
            turn(self.left, self.bottom),
            turn(self.right, self.bottom),
        ]
    }
}

/// A part of a picture, RGB, row by row; possibly without pixels.
#[derive(Default)]
struct Image {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
}

impl Image {
    fn part(frame: &Frame, left: usize, top: usize, width: usize, height: usize) -> Self {
        let lines = frame
            .rgb()
            .chunks_exact(3 * frame.width() as usize)
            .skip(top)
            .take(height);
        let rgb = lines
            .flat_map(|line| &line[3 * left..3 * (left + width)])
            .copied()
            .collect();
        Self { rgb, width, height }
    }

    /// Half the size by the binomial filter [1 4 6 4 1]² / 256, whose windows begin at the even pixels.
    fn halved(&self) -> Self {
        if self.width <= 8 || self.height <= 8 {
            return Self::default();
        }
        let (width, height) = ((self.width - 3) / 2, (self.height - 3) / 2);
        // Rows first. Sixteen times a byte still fits.
        let mut narrow = Vec::with_capacity(3 * width * self.height);
        for line in self.rgb.chunks_exact(3 * self.width) {
            for at in (0..width).flat_map(|x| (6 * x)..(6 * x + 3)) {
                let value = |step: usize| u16::from(line[at + 3 * step]);
                narrow.push(binomial([value(0), value(1), value(2), value(3), value(4)]));
            }
        }
        let line = 3 * width;
        let mut rgb = Vec::with_capacity(line * height);
        for start in (0..height).map(|y| 2 * y * line) {
            for at in start..start + line {
                let value = |step: usize| narrow[at + step * line];
                let sum = binomial([value(0), value(1), value(2), value(3), value(4)]);
                rgb.push((sum / 256) as u8);
            }
        }
        Self { rgb, width, height }
    }

    /// The chip's pixels: bilinear, in double precision, **truncated**; black outside.
    fn sampled(&self, rect: &Rect, angle: f64) -> Vec<u8> {
        let [origin, right, below, _] = rect.turned(angle);
        let step = |to: [f64; 2]| [0, 1].map(|axis| (to[axis] - origin[axis]) / (SIDE - 1.0));
        let (across, down) = (step(right), step(below));
        let mut rgb = Vec::with_capacity(3 * (CHIP_SIDE * CHIP_SIDE) as usize);
        for row in 0..CHIP_SIDE {
            for column in 0..CHIP_SIDE {
                let (column, row) = (f64::from(column), f64::from(row));
                let [x, y] =
                    [0, 1].map(|axis| across[axis] * column + down[axis] * row + origin[axis]);
                rgb.extend(self.between(x, y).unwrap_or_default());
            }
        }
        rgb
    }

    /// The colour at a point between four pixels.
    fn between(&self, x: f64, y: f64) -> Option<[u8; 3]> {
        if !(x >= 0.0 && y >= 0.0) {
            return None;
        }
        // Of what is not negative, that is the floor.
        let (left, top) = (x as usize, y as usize);
        if left.saturating_add(1) >= self.width || top.saturating_add(1) >= self.height {
            return None;
        }
        let (right_part, lower_part) = (x - left as f64, y - top as f64);
        let start = 3 * (top * self.width + left);
        let upper = &self.rgb[start..start + 6];
        let lower = &self.rgb[start + 3 * self.width..][..6];
        Some(std::array::from_fn(|channel| {
            let mixed = |line: &[u8]| {
                (1.0 - right_part) * f64::from(line[channel])
                    + right_part * f64::from(line[channel + 3])
            };
            ((1.0 - lower_part) * mixed(upper) + lower_part * mixed(lower)) as u8
        }))
    }
}

/// Five neighbours weighted [1 4 6 4 1]. Twice over it stays within 16 bits: 255 · 256.
fn binomial([a, b, c, d, e]: [u16; 5]) -> u16 {
    a + e + 4 * (b + d) + 6 * c
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points as they lie in the chip itself, scaled and moved.
    fn mean_face(scale: f64, x: f64, y: f64) -> Landmarks {
        let place = |v: f64| (PADDING + v) / (2.0 * PADDING + 1.0) * SIDE * scale;
        Landmarks(MEAN_FACE.map(|p| [(place(p[0]) + x) as i32, (place(p[1]) + y) as i32]))
    }

    fn grey(width: u32, height: u32) -> Frame {
        Frame::from_rgb8(width, height, vec![100; 3 * (width * height) as usize]).unwrap()
    }

    #[test]
    fn a_face_inside_the_picture_fills_the_chip() {
        for scale in [0.4, 1.0, 3.0, 6.0] {
            let chip = Chip::cut(&grey(1100, 1100), &mean_face(scale, 60.0, 60.0)).unwrap();
            assert_eq!(chip.rgb().len(), 67_500);
            assert!(
                chip.rgb().iter().all(|value| (99..=100).contains(value)),
                "scale {scale}"
            );
        }
    }

    #[test]
    fn what_is_outside_the_picture_is_black() {
        let chip = Chip::cut(&grey(60, 400), &mean_face(1.0, 0.0, 0.0)).unwrap();
        let row = &chip.rgb()[75 * 450..76 * 450];
        assert!(row[..150].iter().all(|&value| value >= 99));
        assert!(row[240..].iter().all(|&value| value == 0));
    }

    #[test]
    fn a_face_wholly_outside_is_black_and_no_panic() {
        for (x, y) in [(-5000.0, 0.0), (5000.0, 5000.0), (0.0, -400.0)] {
            let chip = Chip::cut(&grey(64, 64), &mean_face(2.0, x, y)).unwrap();
            assert!(chip.rgb().iter().all(|&value| value == 0));
        }
    }

    #[test]
    fn points_that_fall_together_give_no_chip() {
        assert!(Chip::cut(&grey(64, 64), &Landmarks([[5, 5]; 5])).is_none());
    }
}
