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

/// What two places of two scenes have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    /// Variance of the first in squares of grey levels.
    pub(super) own: f32,
    /// Variance of the difference: light that changes alike all over counts for nothing.
    pub(super) difference: f32,
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

    /// Compares the square of `side` pixels whose upper left pixel is `here` with the one of `other` that begins
    /// `shift` further. None where one reaches out of its scene.
    pub(super) fn compare(
        &self,
        here: [i32; 2],
        other: &Self,
        shift: [i32; 2],
        side: usize,
    ) -> Option<Spread> {
        let there = [here[0] + shift[0], here[1] + shift[1]];
        let (mut own, mut difference) = (Moments::default(), Moments::default());
        for line in 0..side as i32 {
            let one = self.row(here[0], here[1] + line, side)?;
            let two = other.row(there[0], there[1] + line, side)?;
            for (&one, &two) in one.iter().zip(two) {
                let (one, two) = (i32::from(one), i32::from(two));
                own.add(one);
                difference.add(one - two);
            }
        }
        let pixels = (side * side) as f32;
        Some(Spread {
            own: own.variance(pixels),
            difference: difference.variance(pixels),
        })
    }

    /// The least difference at a shift or one pixel beside it, to every side.
    pub(super) fn nearest(
        &self,
        here: [i32; 2],
        other: &Self,
        shift: [i32; 2],
        side: usize,
    ) -> Option<f32> {
        const BESIDE: [[i32; 2]; 5] = [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]];
        let mut least = f32::INFINITY;
        for [x, y] in BESIDE {
            let spread = self.compare(here, other, [shift[0] + x, shift[1] + y], side)?;
            least = least.min(spread.difference);
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

    fn variance(&self, count: f32) -> f32 {
        let mean = self.sum as f32 / count;
        self.squares as f32 / count - mean * mean
    }
}
