//! The picture in grey, so small that a face is some fifty to a hundred pixels wide whatever its distance.

use std::fmt;

use crate::Frame;

/// A face is brought to between this and twice this many pixels of width, or left as small as it is.
const FACE_PX: f32 = 48.0;

/// Grey levels, row by row.
pub(super) struct Scene {
    width: usize,
    height: usize,
    grey: Vec<u8>,
}

/// A camera's pictures are not for logs.
impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scene")
    }
}

impl Scene {
    /// How many pixels of the picture, across and down, become one of the scene, for a face of this width.
    pub(super) fn step(face_width_px: f32) -> usize {
        // What is not a number becomes 0.
        ((face_width_px / FACE_PX) as usize).max(1)
    }

    /// Means of `step`×`step` pixels; what is left over at the right and below is not looked at.
    pub(super) fn of(frame: &Frame, step: usize) -> Self {
        let [width, height] = [frame.width(), frame.height()].map(|side| side as usize / step);
        let line = 3 * frame.width() as usize;
        let mut grey = Vec::with_capacity(width * height);
        let mut sums = vec![0_u32; width];
        // Red and blue once, green twice. A side of 24 million pixels at the most, so that no sum overflows.
        let parts = (4 * step * step) as u32;
        for rows in frame.rgb().chunks_exact(line * step).take(height) {
            sums.fill(0);
            for row in rows.chunks_exact(line) {
                for (sum, block) in sums.iter_mut().zip(row.chunks_exact(3 * step)) {
                    for pixel in block.chunks_exact(3) {
                        let [red, green, blue] = [0, 1, 2].map(|i| u32::from(pixel[i]));
                        *sum += red + 2 * green + blue;
                    }
                }
            }
            grey.extend(sums.iter().map(|sum| (sum / parts) as u8));
        }
        Self {
            width,
            height,
            grey,
        }
    }

    /// Width and height in its own pixels.
    pub(super) fn size(&self) -> [i32; 2] {
        [self.width as i32, self.height as i32]
    }

    /// A row of so many pixels; none where it reaches out of the scene.
    fn row(&self, x: i32, y: i32, count: usize) -> Option<&[u8]> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if x + count > self.width || y >= self.height {
            return None;
        }
        let start = y * self.width + x;
        self.grey.get(start..start + count)
    }

    /// Variance of the square of `side` pixels whose upper left pixel is `here`, in squares of grey levels. None where
    /// it reaches out of the scene.
    pub(super) fn variance(&self, here: [i32; 2], side: usize) -> Option<f32> {
        let mut moments = Moments::default();
        for line in 0..side as i32 {
            let row = self.row(here[0], here[1] + line, side)?;
            row.iter().for_each(|&value| moments.add(i32::from(value)));
        }
        Some(moments.variance(side * side))
    }

    /// Variance of the difference between that square and the one of `other` that begins `shift` further: light that
    /// changes alike all over counts for nothing. None where one reaches out of its scene.
    pub(super) fn difference(
        &self,
        here: [i32; 2],
        other: &Self,
        shift: [i32; 2],
        side: usize,
    ) -> Option<f32> {
        let there = [here[0] + shift[0], here[1] + shift[1]];
        let mut moments = Moments::default();
        for line in 0..side as i32 {
            let one = self.row(here[0], here[1] + line, side)?;
            let two = other.row(there[0], there[1] + line, side)?;
            for (&one, &two) in one.iter().zip(two) {
                moments.add(i32::from(one) - i32::from(two));
            }
        }
        Some(moments.variance(side * side))
    }

    /// The least difference at a shift and at some beside it. None where one reaches out of its scene.
    pub(super) fn nearest(
        &self,
        here: [i32; 2],
        other: &Self,
        shift: [i32; 2],
        beside: &[[i32; 2]],
        side: usize,
    ) -> Option<f32> {
        let mut least = f32::INFINITY;
        for [x, y] in beside {
            let shift = [shift[0] + x, shift[1] + y];
            least = least.min(self.difference(here, other, shift, side)?);
        }
        Some(least)
    }

    /// By how much the grey level grows over two pixels, to the right and downwards. None at the border.
    pub(super) fn gradient(&self, x: i32, y: i32) -> Option<[i32; 2]> {
        let row = self.row(x - 1, y, 3)?;
        let (above, below) = (self.row(x, y - 1, 1)?, self.row(x, y + 1, 1)?);
        let step = |from: u8, to: u8| i32::from(to) - i32::from(from);
        Some([step(row[0], row[2]), step(above[0], below[0])])
    }
}

#[derive(Default)]
struct Moments {
    sum: i32,
    squares: i32,
}

impl Moments {
    fn add(&mut self, value: i32) {
        self.sum += value;
        self.squares += value * value;
    }

    fn variance(&self, count: usize) -> f32 {
        let count = count as f32;
        let mean = self.sum as f32 / count;
        self.squares as f32 / count - mean * mean
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A scene whose greys follow the column and row.
    fn scene(width: u32, height: u32, step: usize, grey: impl Fn(u32, u32) -> u8) -> Scene {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb = places.flat_map(|(x, y)| [grey(x, y); 3]).collect();
        Scene::of(&Frame::from_rgb8(width, height, rgb).unwrap(), step)
    }

    #[rstest]
    #[case(f32::NAN, 1)]
    #[case(30.0, 1)]
    #[case(95.0, 1)]
    #[case(96.0, 2)]
    #[case(500.0, 10)]
    fn a_face_becomes_fifty_to_a_hundred_pixels_wide(#[case] width: f32, #[case] wanted: usize) {
        assert_eq!(Scene::step(width), wanted);
    }

    #[test]
    fn blocks_become_their_mean_and_what_is_left_over_is_left_out() {
        let scene = scene(7, 5, 2, |x, y| (10 * x + y) as u8);
        assert_eq!(scene.size(), [3, 2]);
        assert_eq!(scene.grey, [5, 25, 45, 7, 27, 47]);
        let tiny = self::scene(3, 3, 4, |_, _| 9);
        assert_eq!((tiny.size(), tiny.grey.len()), ([0, 0], 0));
    }

    #[test]
    fn what_moved_is_found_again_whatever_the_light() {
        let pattern = |x: u32, y: u32| ((x * 37 + y * 101) % 83) as u8;
        let before = scene(40, 40, 1, pattern);
        let after = scene(40, 40, 1, |x, y| pattern(x + 3, y + 2) + 50);
        assert_eq!(before.difference([20, 20], &after, [-3, -2], 8), Some(0.0));
        assert!(before.difference([20, 20], &after, [0, 0], 8).unwrap() > 100.0);
        let beside = [[0, 0], [-1, 0]];
        assert_eq!(
            before.nearest([20, 20], &after, [-2, -2], &beside, 8),
            Some(0.0)
        );
        assert_eq!(before.difference([20, 20], &after, [13, 0], 8), None);
        assert_eq!(before.variance([-1, 0], 8), None);
    }
}
