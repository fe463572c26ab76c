//! Pictures for a folder that stands in for a camera, made from the bundled ones.

use std::fs;
use std::path::Path;

use limen_face::{Frame, only_face};
use qrcode::{Color, EcLevel, QrCode};
use tempfile::TempDir;

use super::bmp::bmp;
use super::door::{MODELS, models};

/// One of the project's own pictures.
pub(crate) fn bundled(name: &str) -> Frame {
    let file = Path::new(MODELS).join("pictures").join(name);
    Frame::decode(&fs::read(file).unwrap()).unwrap()
}

/// A picture of an empty room.
pub(crate) fn nobody() -> Frame {
    Frame::from_rgb8(64, 64, vec![90; 64 * 64 * 3]).unwrap()
}

/// A printed badge that is held into the camera, before a grey wall.
pub(crate) fn badge(text: &str) -> Frame {
    const MODULE_PX: usize = 5;
    let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
    let side = (code.width() + 8) * MODULE_PX;
    let modules = code.to_colors();
    let shade = |x: usize, y: usize| {
        let at = |t: usize| (t / MODULE_PX).checked_sub(4).filter(|t| *t < code.width());
        match (at(x), at(y)) {
            (Some(x), Some(y)) if modules[y * code.width() + x] == Color::Dark => 20,
            _ => 240,
        }
    };
    let rgb = (0..side)
        .flat_map(|y| (0..side).flat_map(move |x| [shade(x, y); 3]))
        .collect();
    let side = u32::try_from(side).unwrap();
    let paper = Frame::from_rgb8(side, side, rgb).unwrap();
    before_a_wall(&[(&paper, 150, 60)])
}

/// A bundled picture cut and scaled so that its face lies where every other portrait's does: in
/// the middle of 400×400 pixels, 200 wide.
pub(crate) fn portrait(name: &str) -> Frame {
    face_of(name, 200)
}

/// The same with a face so wide, in a square of twice that.
pub(crate) fn face_of(name: &str, width: u32) -> Frame {
    let scaled = 2 * width;
    let picture = bundled(name);
    let faces = models().detect(&picture).unwrap();
    let face = only_face(&faces, &picture).unwrap().bounds;
    let side = 2.0 * face.width();
    let (left, top) = (
        (face.left + face.right - side) / 2.0,
        (face.top + face.bottom - side) / 2.0,
    );
    let pixel = |x: u32, y: u32| {
        let x = left + (x as f32 + 0.5) / scaled as f32 * side;
        let y = top + (y as f32 + 0.5) / scaled as f32 * side;
        let x = x.clamp(0.0, picture.width() as f32 - 1.0) as usize;
        let y = y.clamp(0.0, picture.height() as f32 - 1.0) as usize;
        let at = 3 * (y * picture.width() as usize + x);
        [
            picture.rgb()[at],
            picture.rgb()[at + 1],
            picture.rgb()[at + 2],
        ]
    };
    let rgb = (0..scaled)
        .flat_map(|y| (0..scaled).flat_map(move |x| pixel(x, y)))
        .collect();
    Frame::from_rgb8(scaled, scaled, rgb).unwrap()
}

/// A picture of 640×480 of a grey wall with others before it, each with its left and top corner.
pub(crate) fn before_a_wall(others: &[(&Frame, i32, i32)]) -> Frame {
    let (width, height) = (640, 480);
    let mut rgb = vec![90; 3 * width * height];
    for (other, left, top) in others {
        for (y, row) in (*top..).zip(other.rgb().chunks(3 * other.width() as usize)) {
            for (x, pixel) in (*left..).zip(row.chunks(3)) {
                if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y))
                    && x < width
                    && y < height
                {
                    rgb[3 * (y * width + x)..][..3].copy_from_slice(pixel);
                }
            }
        }
    }
    Frame::from_rgb8(width as u32, height as u32, rgb).unwrap()
}

/// Two pictures of one height side by side.
pub(crate) fn beside(left: Frame, right: Frame) -> Frame {
    let row = |frame: &Frame| 3 * frame.width() as usize;
    let rows = left
        .rgb()
        .chunks(row(&left))
        .zip(right.rgb().chunks(row(&right)));
    let rgb = rows.flat_map(|(a, b)| [a, b].concat()).collect();
    Frame::from_rgb8(left.width() + right.width(), left.height(), rgb).unwrap()
}

/// A folder with these pictures, in this order.
pub(crate) fn folder(pictures: &[Frame]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (n, picture) in pictures.iter().enumerate() {
        fs::write(folder.path().join(format!("{n:03}.bmp")), bmp(picture)).unwrap();
    }
    folder
}
