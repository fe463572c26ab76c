//! A picture made to fit the detector's square: scaled with its aspect kept, centred, the rest black.
//!
//! For the network for back cameras the filter is a triangle that is widened by the factor by which the picture shrinks, in fixed point with 22
//! fractional bits, along rows and along columns with bytes between: the same pixels as Pillow 13's `BILINEAR` gives.

use std::borrow::Cow;

use super::shrink::Part;
use super::{Bounds, Detection, NEAR_SIDE, Region, SIDE};
use crate::Frame;

/// Fractional bits of a filter's weight: 32, less 8 of the value, less 2 to spare.
const PRECISION: u32 = 22;

/// A detector's input, and how it lies in the picture.
pub struct Letterbox {
    /// `side × side` pixels of RGB.
    rgb: Vec<u8>,
    side: u32,
    /// x in the input = x in the picture · scale + offset, and y likewise.
    scale: [f64; 2],
    offset: [f64; 2],
}

impl Letterbox {
    /// Makes the input of a picture, for the network for back cameras.
    pub fn of(frame: &Frame) -> Self {
        Self::whole(frame, SIDE, |size| scaled(frame, size))
    }

    /// The same for the network for short range.
    pub fn near(frame: &Frame) -> Self {
        let part = Part {
            frame,
            first: [0, 0],
            size: [frame.width(), frame.height()],
        };
        Self::whole(frame, NEAR_SIDE, |size| part.scaled(size))
    }

    /// A part of the picture for the network for short range. What is outside the picture is black.
    pub fn around(frame: &Frame, region: &Region) -> Self {
        let part = Part {
            frame,
            first: [region.left, region.top],
            size: [region.side; 2],
        };
        let scale = f64::from(NEAR_SIDE) / f64::from(region.side);
        Self {
            rgb: part.scaled([NEAR_SIDE; 2]),
            side: NEAR_SIDE,
            scale: [scale; 2],
            offset: part.first.map(|first| -f64::from(first) * scale),
        }
    }

    fn whole(frame: &Frame, side: u32, scaled: impl FnOnce([u32; 2]) -> Vec<u8>) -> Self {
        let (width, height) = (frame.width(), frame.height());
        let shrink = f64::from(side) / f64::from(width.max(height));
        let fitted = |size: u32| ((f64::from(size) * shrink + 0.5) as u32).max(1);
        let new = [fitted(width), fitted(height)];
        let offset = new.map(|size| (side - size) / 2);
        let small = scaled(new);
        let mut rgb = vec![0; 3 * (side * side) as usize];
        let line = 3 * new[0] as usize;
        for (y, from) in small.chunks_exact(line).enumerate() {
            let start = 3 * ((offset[1] as usize + y) * side as usize + offset[0] as usize);
            rgb[start..start + line].copy_from_slice(from);
        }
        let scale = [
            f64::from(new[0]) / f64::from(width),
            f64::from(new[1]) / f64::from(height),
        ];
        Self {
            rgb,
            side,
            scale,
            offset: offset.map(f64::from),
        }
    }

    /// Columns and rows of the input.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// The input as a picture: RGB, row by row.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The network's input: three planes, −1..1.
    pub(crate) fn planes(&self) -> Vec<f32> {
        let plane = self.rgb.len() / 3;
        let mut values = vec![0.0; 3 * plane];
        for (i, pixel) in self.rgb.chunks_exact(3).enumerate() {
            for (channel, &value) in pixel.iter().enumerate() {
                values[channel * plane + i] = f32::from(value) / 127.5 - 1.0;
            }
        }
        values
    }

    /// The same face in pixels of the picture.
    pub(crate) fn in_picture(&self, face: &Detection) -> Detection {
        let back = |value: f32, axis: usize| {
            ((f64::from(value) - self.offset[axis]) / self.scale[axis]) as f32
        };
        let Bounds {
            left,
            top,
            right,
            bottom,
        } = face.bounds;
        Detection {
            bounds: Bounds {
                left: back(left, 0),
                top: back(top, 1),
                right: back(right, 0),
                bottom: back(bottom, 1),
            },
            points: face.points.map(|[x, y]| [back(x, 0), back(y, 1)]),
            ..*face
        }
    }
}

/// What one pixel of the result is made of: where it starts, and the weights from there on.
struct Tap {
    first: usize,
    weights: Vec<i32>,
}

/// The taps of every pixel along one axis.
fn taps(from: u32, to: u32) -> Vec<Tap> {
    let scale = f64::from(from) / f64::from(to);
    let widened = scale.max(1.0);
    let tap = |i: u32| {
        let centre = (f64::from(i) + 0.5) * scale;
        let first = (centre - widened + 0.5).max(0.0) as u32;
        let end = ((centre + widened + 0.5) as u32).min(from);
        let weight = |x: u32| {
            let distance = (f64::from(x) - centre + 0.5) / widened;
            (1.0 - distance.abs()).max(0.0)
        };
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |w: f64| (w / sum * f64::from(1_u32 << PRECISION) + 0.5) as i32;
        Tap {
            first: first as usize,
            weights: weights.into_iter().map(fixed).collect(),
        }
    };
    (0..to).map(tap).collect()
}

/// One more weighted byte. It can't overflow: weights add up to one, and there are bits to spare.
fn plus(sum: i32, weight: i32, value: u8) -> i32 {
    sum.wrapping_add(weight.wrapping_mul(value.into()))
}

/// A sum of weighted bytes, rounded.
fn byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

const HALF: i32 = 1 << (PRECISION - 1);

/// A picture scaled to a new size. Columns go first where the height loses more than twice what the width does, as in
/// Pillow; the bytes between the passes make that visible.
fn scaled(frame: &Frame, [width, height]: [u32; 2]) -> Vec<u8> {
    let lost_height = i64::from(frame.height()) - i64::from(height);
    let lost_width = i64::from(frame.width()) - i64::from(width);
    if lost_height > 0 && lost_height > 2 * lost_width {
        let low = columns(frame.rgb(), frame.width(), frame.height(), height);
        rows(&low, frame.width(), width).into_owned()
    } else {
        let narrow = rows(frame.rgb(), frame.width(), width);
        columns(&narrow, width, frame.height(), height).into_owned()
    }
}

/// Every row scaled to a new width.
fn rows(pixels: &[u8], width: u32, new_width: u32) -> Cow<'_, [u8]> {
    if new_width == width {
        return Cow::Borrowed(pixels);
    }
    let taps = taps(width, new_width);
    let (line, new_line) = (3 * width as usize, 3 * new_width as usize);
    let mut out = vec![0; pixels.len() / line * new_line];
    for (from, to) in pixels
        .chunks_exact(line)
        .zip(out.chunks_exact_mut(new_line))
    {
        for (tap, pixel) in taps.iter().zip(to.chunks_exact_mut(3)) {
            let mut sum = [HALF; 3];
            let values = from[3 * tap.first..].chunks_exact(3);
            for (weight, value) in tap.weights.iter().zip(values) {
                sum[0] = plus(sum[0], *weight, value[0]);
                sum[1] = plus(sum[1], *weight, value[1]);
                sum[2] = plus(sum[2], *weight, value[2]);
            }
            pixel.copy_from_slice(&sum.map(byte));
        }
    }
    Cow::Owned(out)
}

/// Every column scaled to a new height.
fn columns(pixels: &[u8], width: u32, height: u32, new_height: u32) -> Cow<'_, [u8]> {
    if new_height == height {
        return Cow::Borrowed(pixels);
    }
    let line = 3 * width as usize;
    let mut out = vec![0; line * new_height as usize];
    let mut sums = vec![0_i32; line];
    for (tap, to) in taps(height, new_height)
        .iter()
        .zip(out.chunks_exact_mut(line))
    {
        sums.fill(HALF);
        let from = pixels[line * tap.first..].chunks_exact(line);
        for (&weight, from) in tap.weights.iter().zip(from) {
            for (sum, &value) in sums.iter_mut().zip(from) {
                *sum = plus(*sum, weight, value);
            }
        }
        for (to, &sum) in to.iter_mut().zip(&sums) {
            *to = byte(sum);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_picture_lies_in_the_middle_between_black() {
        let frame = Frame::from_rgb8(512, 256, vec![200; 512 * 256 * 3]).unwrap();
        let letterbox = Letterbox::of(&frame);
        assert_eq!(letterbox.scale, [0.5, 0.5]);
        assert_eq!(letterbox.offset, [0.0, 64.0]);
        let line = 3 * SIDE as usize;
        assert!(letterbox.rgb()[..64 * line].iter().all(|&value| value == 0));
        assert!(
            letterbox.rgb()[64 * line..192 * line]
                .iter()
                .all(|&value| value == 200)
        );
        assert!(
            letterbox.rgb()[192 * line..]
                .iter()
                .all(|&value| value == 0)
        );
    }

    #[test]
    fn a_region_is_cut_out_and_black_outside() {
        let rgb = (0..200 * 100).flat_map(|i| [(i % 200) as u8; 3]).collect();
        let frame = Frame::from_rgb8(200, 100, rgb).unwrap();
        let region = |left, top, side| {
            let region = Region { left, top, side };
            Letterbox::around(&frame, &region)
        };
        let inside = region(30, -40, 128);
        assert_eq!(inside.side(), NEAR_SIDE);
        let row = |number: usize| &inside.rgb()[3 * 128 * number..3 * 128 * (number + 1)];
        assert!(row(39).iter().all(|&value| value == 0));
        let columns: Vec<u8> = row(40).iter().step_by(3).copied().collect();
        assert_eq!(columns, (30..158).collect::<Vec<u8>>());
        for (left, top, side) in [(-500, 0, 90), (300, 300, 64), (-5, -5, 700), (50, 50, 1)] {
            assert_eq!(region(left, top, side).rgb().len(), 3 * 128 * 128);
        }
    }

    #[test]
    fn a_face_in_a_region_lies_there_in_the_picture() {
        let frame = Frame::from_rgb8(640, 480, vec![0; 640 * 480 * 3]).unwrap();
        let region = Region {
            left: -20,
            top: 100,
            side: 256,
        };
        let bounds = Bounds {
            left: 10.0,
            top: 0.0,
            right: 64.0,
            bottom: 128.0,
        };
        let face = Detection {
            bounds,
            points: [[10.0, 50.0]; 6],
            score: 0.9,
            anchor: 7,
        };
        let found = Letterbox::around(&frame, &region).in_picture(&face);
        let wanted = Bounds {
            left: 0.0,
            top: 100.0,
            right: 108.0,
            bottom: 356.0,
        };
        assert_eq!(found.bounds, wanted);
        assert_eq!(found.points[3], [0.0, 200.0]);
    }

    #[test]
    fn a_picture_of_one_row_or_one_pixel_is_still_a_picture() {
        for (width, height) in [(5000, 3), (1, 1), (2, 24_000)] {
            let bytes = vec![9; 3 * width as usize * height as usize];
            let letterbox = Letterbox::of(&Frame::from_rgb8(width, height, bytes).unwrap());
            assert!(letterbox.rgb().contains(&9), "{width}×{height}");
        }
    }

    #[test]
    fn weights_add_up_to_one() {
        for (from, to) in [(640, 256), (480, 192), (250, 256), (3, 1), (1, 256)] {
            for tap in taps(from, to) {
                let sum: i32 = tap.weights.iter().sum();
                assert!(
                    (sum - (1 << PRECISION)).abs() <= tap.weights.len() as i32,
                    "{from} to {to}"
                );
                assert!(tap.first + tap.weights.len() <= from as usize);
            }
        }
    }
}
