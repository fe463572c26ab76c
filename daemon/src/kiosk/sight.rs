//! What the camera sees, for the page: a small copy made in memory when the page asks for it.

use std::sync::Arc;

use limen_face::Frame;
use limen_face::detect::Bounds;

/// Longest side in pixels of what the page gets.
const SIDE: u32 = 480;

/// A frame that was looked at.
#[derive(Clone, Default)]
pub struct Sight {
    /// Counts the frames, from 1; 0 before the first.
    pub number: u64,
    /// The picture.
    pub frame: Option<Arc<Frame>>,
    /// The face that is meant.
    pub face: Option<Bounds>,
}

/// A small copy of a frame: rows from the top, four bytes a pixel (red, green, blue, 255), as a
/// canvas takes them.
#[derive(Debug, PartialEq, Eq)]
pub struct Small {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The pixels.
    pub rgba: Vec<u8>,
}

/// Shrinks `frame` by the least whole number with which no side is longer than [`SIDE`]; each
/// pixel is the mean of those that it stands for.
pub fn small(frame: &Frame) -> Small {
    let by = frame.width().max(frame.height()).div_ceil(SIDE).max(1);
    let (width, height) = (frame.width() / by, frame.height() / by);
    let (by, row) = (by as usize, frame.width() as usize * 3);
    let area = (by * by) as u32;
    let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
    let mut sums = vec![[0_u32; 3]; width as usize];
    for y in 0..height as usize {
        sums.fill([0; 3]);
        for line in frame.rgb()[y * by * row..].chunks_exact(row).take(by) {
            for (sum, block) in sums.iter_mut().zip(line.chunks_exact(3 * by)) {
                for pixel in block.chunks_exact(3) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += u32::from(*value);
                    }
                }
            }
        }
        for [red, green, blue] in &sums {
            rgba.extend([
                (red / area) as u8,
                (green / area) as u8,
                (blue / area) as u8,
                255,
            ]);
        }
    }
    Small {
        width,
        height,
        rgba,
    }
}

/// Where the face is, in shares of the picture: left, top, right, bottom.
pub fn shares(frame: &Frame, face: &Bounds) -> [f32; 4] {
    let (width, height) = (frame.width() as f32, frame.height() as f32);
    [
        face.left / width,
        face.top / height,
        face.right / width,
        face.bottom / height,
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_pixel_is_the_mean_of_those_it_stands_for() {
        // 962 wide: by three, two columns too many.
        let mut rgb = vec![0_u8; 962 * 6 * 3];
        for (n, value) in rgb.iter_mut().enumerate() {
            let (column, row) = (n / 3 % 962, n / 3 / 962);
            *value = match n % 3 {
                0 => {
                    if column < 3 {
                        30 * (column as u8 + 1)
                    } else {
                        7
                    }
                }
                1 => {
                    if row < 3 {
                        90
                    } else {
                        180
                    }
                }
                _ => 255,
            };
        }
        let frame = Frame::from_rgb8(962, 6, rgb).unwrap();
        let small = small(&frame);
        assert_eq!((small.width, small.height), (320, 2));
        assert_eq!(small.rgba[..4], [60, 90, 255, 255]);
        assert_eq!(small.rgba[4..8], [7, 90, 255, 255]);
        assert_eq!(small.rgba[320 * 4..][..4], [60, 180, 255, 255]);
    }

    proptest! {
        #[test]
        fn any_frame_becomes_one_that_fits(width in 1_u32..1500, height in 1_u32..40, grey: u8) {
            let rgb = vec![grey; (width * height * 3) as usize];
            let small = small(&Frame::from_rgb8(width, height, rgb).unwrap());
            prop_assert!(small.width <= SIDE && small.height <= SIDE);
            prop_assert_eq!(small.rgba.len() as u32, small.width * small.height * 4);
            prop_assert!(small.rgba.chunks(4).all(|pixel| pixel == [grey, grey, grey, 255]));
        }
    }
}
