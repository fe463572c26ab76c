//! Whether anything moves: a small grey picture beside a background that is learnt slowly.

use std::fmt;

use crate::Frame;

/// Blocks along the picture's longer side, each of which becomes one grey value.
const ACROSS: u32 = 80;
/// A block has changed when it differs by at least so many grey levels,
const LEAST: i16 = 10;
/// and by so many times what half of the blocks differ by, which is the camera's noise;
const NOISE: i16 = 7;
/// but what differs by so many has changed in any case: where most of the picture is new, half of it is no noise.
const MOST: i16 = 30;
/// So many changed blocks are motion. A face of 33 pixels in a picture of 640 covers 17.
const BLOCKS: usize = 10;
/// The background follows by this part of the difference in every frame.
const LEARN: i32 = 16;
/// The background's fractional bits.
const FRACTION: u32 = 6;

/// Knows how the place before the camera looks when nothing moves. What stands still for some seconds becomes part
/// of it; light that changes everywhere alike is not motion.
#[derive(Default)]
pub struct Motion {
    /// Grey levels with [`FRACTION`] bits behind the point, row by row; empty before the first frame.
    background: Vec<i32>,
    size: [u32; 2],
}

/// A camera's pictures are not for logs.
impl fmt::Debug for Motion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Motion")
    }
}

impl Motion {
    /// Whether something in this frame is not as it was in the frames before. True for the first frame, and for
    /// the first of another size.
    pub fn see(&mut self, frame: &Frame) -> bool {
        let seen = blocks(frame);
        let size = [frame.width(), frame.height()];
        if self.size != size {
            self.size = size;
            self.background = seen
                .iter()
                .map(|&grey| i32::from(grey) << FRACTION)
                .collect();
            return true;
        }
        let known = self.background.iter().map(|known| known >> FRACTION);
        let differences: Vec<i16> = seen
            .iter()
            .zip(known)
            .map(|(&grey, known)| grey - known as i16)
            .collect();
        // What most of the picture does is the light, or the camera's exposure.
        let light = median(differences.iter().copied());
        let apart = |difference: i16| (difference - light).abs();
        let noise = median(differences.iter().map(|&difference| apart(difference)));
        let bar = (NOISE * noise).clamp(LEAST, MOST);
        let changed = differences
            .iter()
            .filter(|&&difference| apart(difference) > bar)
            .count();
        for (known, &grey) in self.background.iter_mut().zip(&seen) {
            *known += i32::from(light) << FRACTION;
            *known += ((i32::from(grey) << FRACTION) - *known) / LEARN;
        }
        changed >= BLOCKS || light.abs() > MOST
    }
}

/// The picture in grey, one value for each whole block: of four pixels in it, which is enough to even out noise.
fn blocks(frame: &Frame) -> Vec<i16> {
    let (width, height) = (frame.width(), frame.height());
    let block = width.max(height).div_ceil(ACROSS) as usize;
    let line = 3 * width as usize;
    let (near, far) = (block / 4, block * 3 / 4);
    let rows = frame.rgb().chunks_exact(line * block);
    rows.flat_map(|rows| {
        let (upper, lower) = (&rows[line * near..][..line], &rows[line * far..][..line]);
        let pairs = upper
            .chunks_exact(3 * block)
            .zip(lower.chunks_exact(3 * block));
        pairs.map(move |(upper, lower)| {
            let pixel = |row: &[u8], column: usize| {
                let [red, green, blue] = [0, 1, 2].map(|i| i16::from(row[3 * column + i]));
                red + 2 * green + blue
            };
            (pixel(upper, near) + pixel(upper, far) + pixel(lower, near) + pixel(lower, far)) / 16
        })
    })
    .collect()
}

/// The value in the middle of many, each −511..512.
fn median(values: impl Iterator<Item = i16>) -> i16 {
    let mut counts = [0_u32; 1024];
    let mut left = 0;
    for value in values {
        counts[(value + 511).clamp(0, 1023) as usize] += 1;
        left += 1;
    }
    let mut half = left / 2;
    for (value, &count) in (-511..).zip(&counts) {
        if count > half {
            return value;
        }
        half -= count;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A doorway: a gradient, a camera's noise of some grey levels, and what `at` adds to a pixel.
    fn frame(seed: u64, noise: i64, at: impl Fn(usize, usize) -> i64) -> Frame {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut rgb = Vec::with_capacity(640 * 480 * 3);
        for y in 0..480 {
            for x in 0..640 {
                // Three even distributions are nearly a normal one of this spread.
                let mut grain = 0;
                for _ in 0..3 {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    grain += ((state >> 33) % (2 * noise as u64 + 1)) as i64 - noise;
                }
                let value = 60 + (x / 8) as i64 + grain + at(x, y);
                rgb.extend([value.clamp(0, 255) as u8; 3]);
            }
        }
        Frame::from_rgb8(640, 480, rgb).unwrap()
    }

    fn square(left: usize, side: usize, by: i64) -> impl Fn(usize, usize) -> i64 {
        move |x, y| {
            let inside = (left..left + side).contains(&x) && (200..200 + side).contains(&y);
            if inside { by } else { 0 }
        }
    }

    /// A motion that knows the doorway.
    fn settled(noise: i64) -> Motion {
        let mut motion = Motion::default();
        assert!(
            motion.see(&frame(1, noise, |_, _| 0)),
            "the first frame is new"
        );
        for seed in 2..20 {
            motion.see(&frame(seed, noise, |_, _| 0));
        }
        motion
    }

    #[test]
    fn noise_is_no_motion() {
        for noise in [0, 4, 15] {
            let mut motion = settled(noise);
            for seed in 20..60 {
                assert!(
                    !motion.see(&frame(seed, noise, |_, _| 0)),
                    "noise {noise}, frame {seed}"
                );
            }
        }
    }

    #[test]
    fn somebody_at_two_and_a_half_metres_is_motion() {
        for noise in [0, 4] {
            for left in [0, 301, 600] {
                let mut motion = settled(noise);
                assert!(
                    motion.see(&frame(99, noise, square(left, 40, 30))),
                    "noise {noise}, {left}"
                );
            }
        }
    }

    #[test]
    fn another_scene_is_motion() {
        let mut motion = settled(4);
        let stripes = |x: usize, y: usize| ((x / 40 + y / 40) % 4) as i64 * 40 - 40;
        assert!(motion.see(&frame(99, 4, stripes)));
        let mut motion = settled(4);
        assert!(
            motion.see(&frame(99, 4, |_, _| 80)),
            "somebody switched the light on"
        );
    }

    #[test]
    fn light_that_changes_everywhere_is_no_motion() {
        let mut motion = settled(4);
        assert!(!motion.see(&frame(50, 4, |_, _| 25)));
        assert!(!motion.see(&frame(51, 4, |_, _| -3)));
        assert!(motion.see(&frame(52, 4, |x, y| -3 + square(300, 60, 40)(x, y))));
    }

    #[test]
    fn what_stands_still_becomes_background_and_its_leaving_is_motion() {
        let mut motion = settled(4);
        let parcel = |seed| frame(seed, 4, square(300, 80, 60));
        assert!(motion.see(&parcel(100)));
        let still = (101..200).find(|&seed| !motion.see(&parcel(seed)));
        assert!(still.is_some());
        assert!(motion.see(&frame(201, 4, |_, _| 0)));
    }

    #[test]
    fn pictures_of_any_size_are_taken() {
        let mut motion = Motion::default();
        for (width, height) in [(1, 1), (7, 300), (300, 7), (1921, 1081)] {
            let pixels = 3 * width as usize * height as usize;
            let frame = Frame::from_rgb8(width, height, vec![9; pixels]).unwrap();
            assert!(motion.see(&frame), "{width}×{height} is another size");
            assert!(!motion.see(&frame), "{width}×{height} stood still");
        }
    }
}
