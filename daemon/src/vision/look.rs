//! Whether the face of this frame is the one of the frame before: where it is, and roughly how it
//! looks. Cheap, and no identity.

use limen_face::detect::Bounds;
use limen_face::{Detection, Frame};

/// Cells along each side of the coarse picture.
const CELLS: usize = 8;

/// Samples along each side of a cell.
const SAMPLES: usize = 4;

/// Least share of their union that two boxes of one person in consecutive frames have in common.
const OVERLAP: f32 = 0.4;

/// Least correlation of the two coarse pictures.
const LIKENESS: f32 = 0.5;

/// A face in a frame, as far as it is followed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    size: (u32, u32),
    bounds: Bounds,
    /// Grey means of the cells over the box, less their mean, at length 1.
    coarse: [f32; CELLS * CELLS],
}

impl Look {
    pub(super) fn of(frame: &Frame, face: &Detection) -> Self {
        Self {
            size: (frame.width(), frame.height()),
            bounds: face.bounds,
            coarse: coarse(frame, &face.bounds),
        }
    }

    /// Whether `next` is probably the same face, a moment later. Where it is in doubt it says no:
    /// that costs a few embeddings, while a wrong yes would hide the person who steps in.
    pub(super) fn goes_on_as(&self, next: &Self) -> bool {
        let likeness: f32 = self
            .coarse
            .iter()
            .zip(&next.coarse)
            .map(|(a, b)| a * b)
            .sum();
        self.size == next.size
            && overlap(&self.bounds, &next.bounds) >= OVERLAP
            && likeness >= LIKENESS
    }
}

fn overlap(a: &Bounds, b: &Bounds) -> f32 {
    let width = a.right.min(b.right) - a.left.max(b.left);
    let height = a.bottom.min(b.bottom) - a.top.max(b.top);
    let common = width.max(0.0) * height.max(0.0);
    let union = a.width() * a.height() + b.width() * b.height() - common;
    if union > 0.0 { common / union } else { 0.0 }
}

fn coarse(frame: &Frame, bounds: &Bounds) -> [f32; CELLS * CELLS] {
    let side = (CELLS * SAMPLES) as f32;
    let (last_x, last_y) = (frame.width() as f32 - 1.0, frame.height() as f32 - 1.0);
    let mut cells = [0.0; CELLS * CELLS];
    for row in 0..CELLS * SAMPLES {
        for column in 0..CELLS * SAMPLES {
            let x = bounds.left + (column as f32 + 0.5) / side * bounds.width();
            let y = bounds.top + (row as f32 + 0.5) / side * bounds.height();
            let (x, y) = (x.clamp(0.0, last_x) as usize, y.clamp(0.0, last_y) as usize);
            let at = 3 * (y * frame.width() as usize + x);
            let grey: f32 = frame.rgb()[at..at + 3].iter().map(|v| f32::from(*v)).sum();
            cells[row / SAMPLES * CELLS + column / SAMPLES] += grey;
        }
    }
    let mean = cells.iter().sum::<f32>() / cells.len() as f32;
    cells.iter_mut().for_each(|cell| *cell -= mean);
    let length = cells.iter().map(|cell| cell * cell).sum::<f32>().sqrt();
    if length > 0.0 {
        cells.iter_mut().for_each(|cell| *cell /= length);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(left: f32, top: f32, side: f32) -> Bounds {
        Bounds {
            left,
            top,
            right: left + side,
            bottom: top + side,
        }
    }

    /// A frame whose brightness follows `grey` of the column and row.
    fn look(box_at: Bounds, grey: impl Fn(u32, u32) -> u8) -> Look {
        let rgb = (0..100)
            .flat_map(|y| (0..100).map(move |x| (x, y)))
            .flat_map(|(x, y)| [grey(x, y); 3])
            .collect();
        let frame = Frame::from_rgb8(100, 100, rgb).unwrap();
        Look {
            size: (100, 100),
            bounds: box_at,
            coarse: coarse(&frame, &box_at),
        }
    }

    #[test]
    fn boxes_overlap_by_their_union() {
        assert_eq!(
            overlap(&bounds(0.0, 0.0, 10.0), &bounds(0.0, 0.0, 10.0)),
            1.0
        );
        assert_eq!(
            overlap(&bounds(0.0, 0.0, 10.0), &bounds(20.0, 0.0, 10.0)),
            0.0
        );
        let half = overlap(&bounds(0.0, 0.0, 10.0), &bounds(5.0, 0.0, 10.0));
        assert!((half - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_face_goes_on_where_place_and_look_agree() {
        let down = |_: u32, y: u32| (y * 2) as u8;
        let here = look(bounds(20.0, 20.0, 40.0), down);
        assert!(here.goes_on_as(&look(bounds(22.0, 21.0, 41.0), down)));
        assert!(here.goes_on_as(&look(bounds(22.0, 21.0, 41.0), |_, y| (y + 40) as u8)));
        assert!(!here.goes_on_as(&look(bounds(55.0, 20.0, 40.0), down)));
        assert!(!here.goes_on_as(&look(bounds(20.0, 20.0, 40.0), |x, _| (x * 2) as u8)));
        let mut other_camera = here.clone();
        other_camera.size = (640, 480);
        assert!(!here.goes_on_as(&other_camera));
    }

    #[test]
    fn a_box_beyond_the_picture_and_a_flat_one_are_no_trouble() {
        let flat = look(bounds(-30.0, 80.0, 60.0), |_, _| 7);
        assert_eq!(flat.coarse, [0.0; CELLS * CELLS]);
        assert!(!flat.goes_on_as(&flat.clone()));
    }
}
