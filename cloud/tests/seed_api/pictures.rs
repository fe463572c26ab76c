//! Pictures: the bundled ones, and some made of them in memory.

use limen_face::Frame;

use crate::server::workspace;

/// A bundled picture.
pub fn bundled(name: &str) -> Vec<u8> {
    std::fs::read(workspace().join("models/pictures").join(name)).unwrap()
}

/// Two bundled pictures side by side, at one height.
pub fn side_by_side(left: &str, right: &str) -> Vec<u8> {
    let (left, right) = (
        Frame::decode(&bundled(left)).unwrap(),
        Frame::decode(&bundled(right)).unwrap(),
    );
    let height = 480_u32;
    let width = |frame: &Frame| frame.width() * height / frame.height();
    let (first, second) = (width(&left), width(&right));
    bmp(first + second, height, |x, y| {
        let (frame, x, width) = if x < first {
            (&left, x, first)
        } else {
            (&right, x - first, second)
        };
        let (x, y) = (x * frame.width() / width, y * frame.height() / height);
        let at = ((y * frame.width() + x) * 3) as usize;
        [frame.rgb()[at], frame.rgb()[at + 1], frame.rgb()[at + 2]]
    })
}

/// A picture of nothing but a soft slope of grey.
pub fn nobody() -> Vec<u8> {
    bmp(320, 240, |x, y| [((x + y) / 4) as u8; 3])
}

/// An uncompressed BMP of 24 bits.
fn bmp(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let row = (width * 3).next_multiple_of(4);
    let mut file = Vec::from(*b"BM");
    for number in [54 + row * height, 0, 54, 40, width, height] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    // One plane, 24 bits, no compression; the rest of the head may be zero.
    file.extend_from_slice(&[1, 0, 24, 0]);
    file.resize(54, 0);
    for y in (0..height).rev() {
        for x in 0..width {
            let [r, g, b] = pixel(x, y);
            file.extend_from_slice(&[b, g, r]);
        }
        let padding = (row - width * 3) as usize;
        file.resize(file.len() + padding, 0);
    }
    file
}
