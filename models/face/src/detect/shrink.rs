//! Pictures scaled for the network for short range: quickly, with weights of 8 bits, so that eight columns are
//! summed at once by any processor of the last twenty years.

use crate::Frame;

/// Fractional bits of a weight. All weights of a pixel add up to one, so a sum of weighted bytes keeps within 16.
const PRECISION: u32 = 8;
const ONE: u16 = 1 << PRECISION;
const HALF: u16 = ONE / 2;

/// A rectangle of a picture, which may reach over its border; what is outside is black.
pub(super) struct Part<'a> {
    pub(super) frame: &'a Frame,
    /// Leftmost column and topmost row.
    pub(super) first: [i32; 2],
    /// Columns and rows.
    pub(super) size: [u32; 2],
}

impl Part<'_> {
    /// Columns or rows of the part that the picture has: numbers in the picture, from and to.
    fn inside(&self, axis: usize) -> [usize; 2] {
        let whole = [self.frame.width(), self.frame.height()][axis];
        let first = i64::from(self.first[axis]);
        [first, first + i64::from(self.size[axis])].map(|at| at.clamp(0, whole.into()) as usize)
    }

    /// The part scaled to so many columns and rows, RGB, row by row.
    pub(super) fn scaled(&self, [width, height]: [u32; 2]) -> Vec<u8> {
        let across = taps(self.size[0], width);
        let down = taps(self.size[1], height);
        let ([left, right], [top, bottom]) = (self.inside(0), self.inside(1));
        let mut out = Vec::with_capacity(3 * (width * height) as usize);
        if left >= right || top >= bottom {
            out.resize(3 * (width * height) as usize, 0);
            return out;
        }
        let line = 3 * self.frame.width() as usize;
        let row = |y: usize| &self.frame.rgb()[y * line..][3 * left..3 * right];
        let margin = 3 * (left as i64 - i64::from(self.first[0])) as usize;
        let mut sums = vec![0_u16; 3 * (right - left)];
        let mut low = vec![0_u8; 3 * self.size[0] as usize];
        for tap in &down {
            sums.fill(HALF);
            let at = i64::from(self.first[1]) + tap.first as i64;
            for (y, &weight) in (at..).zip(&tap.weights) {
                if let Some(y) = usize::try_from(y)
                    .ok()
                    .filter(|y| (top..bottom).contains(y))
                {
                    for (sum, &value) in sums.iter_mut().zip(row(y)) {
                        *sum = plus(*sum, weight, value);
                    }
                }
            }
            for (to, &sum) in low[margin..].iter_mut().zip(&sums) {
                *to = (sum >> PRECISION) as u8;
            }
            for tap in &across {
                let mut sum = [HALF; 3];
                let pixels = low[3 * tap.first..].chunks_exact(3);
                for (&weight, pixel) in tap.weights.iter().zip(pixels) {
                    for (sum, &value) in sum.iter_mut().zip(pixel) {
                        *sum = plus(*sum, weight, value);
                    }
                }
                out.extend(sum.map(|sum| (sum >> PRECISION) as u8));
            }
        }
        out
    }
}

/// One more weighted byte. It can't overflow, and asking for that each time would keep the sums from being done
/// eight at once.
fn plus(sum: u16, weight: u16, value: u8) -> u16 {
    sum.wrapping_add(weight.wrapping_mul(value.into()))
}

/// What one column or row of the result is made of: where it starts, and the weights from there on.
struct Tap {
    first: usize,
    weights: Vec<u16>,
}

/// A triangle, widened by the factor by which the picture shrinks.
fn taps(from: u32, to: u32) -> Vec<Tap> {
    let scale = f64::from(from) / f64::from(to);
    let widened = scale.max(1.0);
    let tap = |i: u32| {
        let centre = (f64::from(i) + 0.5) * scale;
        let first = (centre - widened + 0.5).max(0.0) as u32;
        let end = ((centre + widened + 0.5) as u32).clamp(first + 1, from.max(first + 1));
        let weight = |x: u32| (1.0 - ((f64::from(x) - centre + 0.5) / widened).abs()).max(0.0);
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        // Rounded so that what one weight loses the next one gets: they add up to one exactly.
        let (mut before, mut given) = (0.0, 0);
        let fixed = weights.iter().map(|weight| {
            before += weight / sum;
            let upto = (before * f64::from(ONE)).round() as u16;
            let part = upto - given;
            given = upto;
            part
        });
        Tap {
            first: first as usize,
            weights: fixed.collect(),
        }
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one() {
        for (from, to) in [
            (640, 128),
            (480, 96),
            (100, 128),
            (4096, 128),
            (1, 128),
            (3, 1),
            (128, 128),
        ] {
            for tap in taps(from, to) {
                assert_eq!(tap.weights.iter().sum::<u16>(), ONE, "{from} to {to}");
                assert!(
                    tap.first + tap.weights.len() <= from as usize,
                    "{from} to {to}"
                );
            }
        }
    }

    #[test]
    fn one_colour_stays_that_colour() {
        let rgb = [250, 128, 3].repeat(640 * 480);
        let frame = &Frame::from_rgb8(640, 480, rgb).unwrap();
        for side in [30, 128, 300, 480] {
            let part = Part {
                frame,
                first: [0, 0],
                size: [side; 2],
            };
            for pixel in part.scaled([128; 2]).chunks_exact(3) {
                assert_eq!(pixel, [250, 128, 3], "{side}");
            }
        }
    }

    #[test]
    fn a_gradient_is_where_it_was() {
        let rgb = (0..640 * 480).flat_map(|i| [(i % 640 / 4) as u8, (i / 640 / 4) as u8, 0]);
        let frame = &Frame::from_rgb8(640, 480, rgb.collect()).unwrap();
        let part = Part {
            frame,
            first: [100, 40],
            size: [400; 2],
        };
        let scaled = part.scaled([128; 2]);
        for (i, pixel) in scaled.chunks_exact(3).enumerate() {
            let at =
                |place: usize, first: f64| (first + (place as f64 + 0.5) * 400.0 / 128.0) / 4.0;
            let wanted = [at(i % 128, 100.0), at(i / 128, 40.0)];
            for (value, wanted) in pixel.iter().zip(wanted) {
                assert!(
                    (f64::from(*value) - wanted).abs() < 1.6,
                    "{i}: {pixel:?}, not {wanted}"
                );
            }
        }
    }
}
