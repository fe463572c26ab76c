//! Where faces are in a picture: BlazeFace for back cameras (MediaPipe), 256×256.
//!
//! Coordinates are those of pixel edges: 0 is the left edge of the first pixel.

mod letterbox;

use crate::zoo::Models;
use crate::{FaceError, Frame};

pub use letterbox::Letterbox;

/// Side of the detector's square input in pixels.
pub const SIDE: u32 = 256;

/// Lowest score of a face.
const MIN_SCORE: f64 = 0.5;
/// Two boxes that share more of their union than this are one face.
const MAX_OVERLAP: f64 = 0.3;
/// Score of a face that counts as somebody standing there, where false boxes would be in the way.
const SURE_SCORE: f32 = 0.7;
/// Anchors: cells of stride 16 with two each, then cells of stride 32 with six each.
const LAYERS: [(u32, usize); 2] = [(16, 2), (32, 6)];
/// Number of anchors.
const ANCHORS: usize = 896;
/// Values of a raw box: centre, size and six points.
const BOX_VALUES: usize = 16;

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

    /// The part that lies inside a picture of this size.
    fn inside(&self, frame: &Frame) -> f32 {
        let width = self.right.min(frame.width() as f32) - self.left.max(0.0);
        let height = self.bottom.min(frame.height() as f32) - self.top.max(0.0);
        width.max(0.0) * height.max(0.0) / (self.width() * self.height()).max(f32::MIN_POSITIVE)
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
        let letterbox = Letterbox::of(frame);
        let found = suppressed(self.candidates(&letterbox)?);
        Ok(found.iter().map(|one| letterbox.in_picture(one)).collect())
    }

    /// Every anchor that scores at least 0.5, in anchor order and in pixels of the detector's input.
    ///
    /// # Errors
    /// When the network fails, which only a bug or a broken machine can make it do.
    pub fn candidates(&self, letterbox: &Letterbox) -> Result<Vec<Detection>, FaceError> {
        let outputs = self.detector.run(&letterbox.planes())?;
        let [boxes, scores] = outputs.as_slice() else {
            return Err(self.detector.odd("two outputs were expected"));
        };
        if boxes.len() != ANCHORS * BOX_VALUES || scores.len() != ANCHORS {
            return Err(self.detector.odd("896 boxes were expected"));
        }
        Ok(anchors()
            .zip(scores)
            .zip(boxes.chunks_exact(BOX_VALUES))
            .enumerate()
            .filter_map(|(number, ((centre, &raw), values))| {
                // Raw scores reach −5,000.
                let score = 1.0 / (1.0 + (-f64::from(raw).clamp(-100.0, 100.0)).exp());
                (score >= MIN_SCORE).then(|| decoded(number as u16, centre, score as f32, values))
            })
            .collect())
    }
}

/// The anchors' centres in pixels of the input, in the network's order.
fn anchors() -> impl Iterator<Item = [f32; 2]> {
    LAYERS.into_iter().flat_map(|(stride, each)| {
        let cells = SIDE / stride;
        let centre = move |cell: u32| (cell as f32 + 0.5) * stride as f32;
        (0..cells * cells).flat_map(move |cell| {
            std::iter::repeat_n([centre(cell % cells), centre(cell / cells)], each)
        })
    })
}

/// A raw box, which is relative to its anchor's centre.
fn decoded(anchor: u16, centre: [f32; 2], score: f32, values: &[f32]) -> Detection {
    let at = |i: usize| [centre[0] + values[i], centre[1] + values[i + 1]];
    let [x, y] = at(0);
    let (half_width, half_height) = (values[2] / 2.0, values[3] / 2.0);
    Detection {
        bounds: Bounds {
            left: x - half_width,
            top: y - half_height,
            right: x + half_width,
            bottom: y + half_height,
        },
        points: std::array::from_fn(|i| at(4 + 2 * i)),
        score,
        anchor,
    }
}

/// One box for each face: greedily, the highest score first.
fn suppressed(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for one in found {
        if kept
            .iter()
            .all(|other| overlap(&one.bounds, &other.bounds) <= MAX_OVERLAP)
        {
            kept.push(one);
        }
    }
    kept
}

/// Intersection over union.
fn overlap(a: &Bounds, b: &Bounds) -> f64 {
    let width = f64::from(a.right.min(b.right)) - f64::from(a.left.max(b.left));
    let height = f64::from(a.bottom.min(b.bottom)) - f64::from(a.top.max(b.top));
    let shared = width.max(0.0) * height.max(0.0);
    let area = |bounds: &Bounds| f64::from(bounds.width()) * f64::from(bounds.height());
    shared / (area(a) + area(b) - shared)
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
    fn anchors_stand_in_the_networks_order() {
        let all: Vec<_> = anchors().collect();
        assert_eq!(all.len(), ANCHORS);
        assert_eq!(all[..4], [[8.0, 8.0], [8.0, 8.0], [24.0, 8.0], [24.0, 8.0]]);
        assert_eq!(all[32], [8.0, 24.0]);
        assert_eq!(all[511], [248.0, 248.0]);
        assert_eq!(all[512], [16.0, 16.0]);
        assert_eq!(all[895], [240.0, 240.0]);
    }

    #[test]
    fn boxes_of_one_face_become_one() {
        let kept = suppressed(vec![
            face(0.0, 100.0, 0.7),
            face(20.0, 100.0, 0.9),
            face(200.0, 90.0, 0.6),
        ]);
        let lefts: Vec<f32> = kept.iter().map(|one| one.bounds.left).collect();
        assert_eq!(lefts, [20.0, 200.0]);
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
}
