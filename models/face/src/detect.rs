//! Where faces are in a picture: BlazeFace (MediaPipe).
//!
//! There are two networks. The one for back cameras looks at 256×256 pixels and sees everybody from a twentieth
//! of the picture's width on. The one for short range looks at 128×128, takes a sixth of the time, and sees well
//! what fills a good part of its input: a face near the camera, or one around which the picture was cut. Its
//! boxes are moved to where the other would have put them, so that all that follows gives the same either way.
//!
//! Coordinates are those of pixel edges: 0 is the left edge of the first pixel.

mod blazeface;
mod letterbox;
mod shrink;

use crate::zoo::Models;
use crate::{FaceError, Frame};

pub use letterbox::Letterbox;

/// Side of the square input in pixels, of the network for back cameras.
pub const SIDE: u32 = 256;
/// Side of the square input in pixels, of the network for short range.
pub const NEAR_SIDE: u32 = 128;

/// Score of a face that counts as somebody standing there, where false boxes would be in the way.
const SURE_SCORE: f32 = 0.7;
/// A face fills a third of the side of the [`Region`] around it: the network for short range sees it best so, and
/// until the next frame it may move by its own width.
const REGION_FACES: f32 = 3.0;

/// An upright rectangle, in pixels of whatever picture it belongs to, edges inclusive of fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Left edge.
    pub left: f32,
    /// Upper edge.
    pub top: f32,
    /// Right edge.
    pub right: f32,
    /// Lower edge.
    pub bottom: f32,
}

impl Bounds {
    /// In pixels.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// In pixels.
    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// The box of the network for short range as the one for back cameras would have put it: constants measured
    /// over many faces.
    fn as_from_afar(&mut self) {
        let (wider, taller) = (0.01 * self.width(), 0.01 * self.height());
        let higher = 0.0135 * self.height();
        self.left -= wider;
        self.right += wider;
        self.top -= taller + higher;
        self.bottom += taller - higher;
    }

    /// The share that lies inside a picture of this size.
    pub(crate) fn inside(&self, frame: &Frame) -> f32 {
        let width = self.right.min(frame.width() as f32) - self.left.max(0.0);
        let height = self.bottom.min(frame.height() as f32) - self.top.max(0.0);
        width.max(0.0) * height.max(0.0) / (self.width() * self.height()).max(f32::MIN_POSITIVE)
    }
}

/// A square part of a picture; may reach over its border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Leftmost column.
    left: i32,
    /// Topmost row.
    top: i32,
    /// Columns and rows.
    side: u32,
}

impl Region {
    /// Largest side, which is memory.
    const MAX_SIDE: f32 = 4096.0;
    /// Largest coordinate: far beyond any picture.
    const LIMIT: f32 = 1e6;

    /// Where to look for a face that was here in the frame before.
    pub fn around(face: &Bounds) -> Self {
        let wanted = REGION_FACES * face.width().max(face.height());
        let side = wanted.round().clamp(1.0, Self::MAX_SIDE);
        let first = |a: f32, b: f32| {
            let first = (a + b - side) / 2.0;
            first.round().clamp(-Self::LIMIT, Self::LIMIT) as i32
        };
        Self {
            left: first(face.left, face.right),
            top: first(face.top, face.bottom),
            // What is not a number is 0.
            side: (side as u32).max(1),
        }
    }
}

/// A face that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// In pixels of the picture; may reach over its border.
    pub bounds: Bounds,
    /// Eye on the picture's left, eye on its right, nose, mouth, ear on the left, ear on the right. Rough: the
    /// face chip is cut by the landmarks of [`align`](crate::align) instead.
    pub points: [[f32; 2]; 6],
    /// 0.5..1, how sure the detector is that this is a face. It says nothing of whose.
    pub score: f32,
    /// Which anchor saw it.
    pub anchor: u16,
}

/// Why a picture does not show exactly one person who could be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOneFace {
    /// No face at all.
    #[error("no face in the picture")]
    None,
    /// Several of about the same size.
    #[error("more than one face is near")]
    Several,
}

/// The one person that a picture shows. People who stand far behind, faces less than half as wide as the nearest,
/// are not meant; nor is what reaches more than half out of the picture.
///
/// # Errors
/// When there is no face, or several are near.
pub fn only_face<'a>(faces: &'a [Detection], frame: &Frame) -> Result<&'a Detection, NotOneFace> {
    let within = || faces.iter().filter(|face| face.bounds.inside(frame) > 0.5);
    let sure = |face: &&Detection| face.score >= SURE_SCORE;
    let wider = |a: &&Detection, b: &&Detection| a.bounds.width().total_cmp(&b.bounds.width());
    // One unsure face is better than none; beside a sure one it is taken for a false box.
    let nearest = within()
        .filter(sure)
        .max_by(wider)
        .or_else(|| within().max_by(wider));
    let nearest = nearest.ok_or(NotOneFace::None)?;
    let near = |face: &&Detection| face.bounds.width() > 0.5 * nearest.bounds.width();
    match within().filter(sure).filter(near).count() {
        0 | 1 => Ok(nearest),
        _ => Err(NotOneFace::Several),
    }
}

impl Models {
    /// Finds the faces of a picture, the surest first.
    ///
    /// # Errors
    /// When the network fails, which only a bug or a broken machine can make it do.
    pub fn detect(&self, frame: &Frame) -> Result<Vec<Detection>, FaceError> {
        self.found(&Letterbox::of(frame))
    }

    /// Finds the faces near the camera, the surest first: those at least 0.15 of the picture's longer side wide.
    /// Of smaller ones it sees few, and in the dark it sees less than [`Models::detect`].
    ///
    /// # Errors
    /// When the network fails, which only a bug or a broken machine can make it do.
    pub fn detect_near(&self, frame: &Frame) -> Result<Vec<Detection>, FaceError> {
        self.found(&Letterbox::near(frame))
    }

    /// Finds the faces of a part of a picture, the surest first: those at least 0.15 of its side wide.
    ///
    /// # Errors
    /// When the network fails, which only a bug or a broken machine can make it do.
    pub fn detect_around(
        &self,
        frame: &Frame,
        region: &Region,
    ) -> Result<Vec<Detection>, FaceError> {
        self.found(&Letterbox::around(frame, region))
    }

    fn found(&self, letterbox: &Letterbox) -> Result<Vec<Detection>, FaceError> {
        let found = blazeface::suppressed(self.candidates(letterbox)?);
        Ok(found.iter().map(|one| letterbox.in_picture(one)).collect())
    }

    /// Every anchor that scores at least 0.5, in anchor order and in pixels of the detector's input.
    ///
    /// # Errors
    /// When the network fails, which only a bug or a broken machine can make it do.
    pub fn candidates(&self, letterbox: &Letterbox) -> Result<Vec<Detection>, FaceError> {
        let side = letterbox.side();
        let network = if side == SIDE {
            &self.detector
        } else {
            &self.near_detector
        };
        let outputs = network.run(&letterbox.planes())?;
        let [boxes, scores] = outputs.as_slice() else {
            return Err(network.odd("two outputs were expected"));
        };
        let mut found = blazeface::decoded(side, boxes, scores)
            .ok_or_else(|| network.odd("896 boxes were expected"))?;
        if side == NEAR_SIDE {
            found.iter_mut().for_each(|face| face.bounds.as_from_afar());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(left: f32, width: f32, score: f32) -> Detection {
        let bounds = Bounds {
            left,
            top: 10.0,
            right: left + width,
            bottom: 10.0 + width,
        };
        Detection {
            bounds,
            points: [[0.0; 2]; 6],
            score,
            anchor: 0,
        }
    }

    fn frame() -> Frame {
        Frame::from_rgb8(400, 200, vec![0; 400 * 200 * 3]).unwrap()
    }

    #[test]
    fn somebody_far_behind_is_not_meant() {
        let faces = [face(0.0, 40.0, 0.9), face(100.0, 90.0, 0.8)];
        assert_eq!(only_face(&faces, &frame()).unwrap().bounds.left, 100.0);
    }

    #[test]
    fn two_near_faces_are_told() {
        let faces = [face(0.0, 80.0, 0.9), face(100.0, 90.0, 0.8)];
        let error = only_face(&faces, &frame()).unwrap_err();
        assert_eq!(error.to_string(), "more than one face is near");
        assert_eq!(only_face(&[], &frame()), Err(NotOneFace::None));
    }

    #[test]
    fn an_unsure_box_beside_a_sure_face_is_not_a_second_person() {
        let faces = [face(0.0, 80.0, 0.9), face(100.0, 90.0, 0.6)];
        assert_eq!(only_face(&faces, &frame()).unwrap().bounds.left, 0.0);
        assert_eq!(only_face(&faces[1..], &frame()).unwrap().bounds.left, 100.0);
    }

    #[test]
    fn a_face_cut_by_the_border_is_not_meant() {
        let faces = [face(-60.0, 100.0, 0.9), face(100.0, 90.0, 0.8)];
        assert_eq!(only_face(&faces, &frame()).unwrap().bounds.left, 100.0);
    }

    #[test]
    fn a_region_is_a_square_around_the_face() {
        let region = Region::around(&face(100.0, 50.0, 0.9).bounds);
        let wanted = Region {
            left: 50,
            top: -40,
            side: 150,
        };
        assert_eq!(region, wanted);
        let nowhere = Bounds {
            left: f32::NAN,
            top: -1e30,
            right: 1e30,
            bottom: f32::NAN,
        };
        assert_eq!(Region::around(&nowhere).side, 1);
        assert_eq!(Region::around(&face(0.0, 1e30, 0.9).bounds).side, 4096);
    }
}
