//! Pictures as files, without an encoder.

use limen_face::Frame;

/// The simplest picture file there is, which needs no encoder: 24-bit BMP, from the bottom up.
pub(crate) fn bmp(picture: &Frame) -> Vec<u8> {
    let (width, height) = (picture.width(), picture.height());
    let row = (3 * width).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    for number in [
        54 + row * height,
        0,
        54,
        40,
        width,
        height,
        1 | 24 << 16,
        0,
        0,
        0,
        0,
        0,
        0,
    ] {
        file.extend(number.to_le_bytes());
    }
    for line in picture.rgb().chunks(3 * width as usize).rev() {
        file.extend(line.chunks(3).flat_map(|p| [p[2], p[1], p[0]]));
        file.extend(std::iter::repeat_n(0, (row - 3 * width) as usize));
    }
    file
}
