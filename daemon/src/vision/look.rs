//! Whether the face of this frame is the one of the frame before: where it is, and roughly how it
//! looks. Cheap, and no identity.

use limen_face::Frame;
use limen_face::detect::Bounds;

/// Cells along each side of the coarse picture.
const CELLS: usize = 8;

/// Samples along each side of a cell.
const SAMPLES: usize = 4;

/// Least share of their union that two boxes of one person in consecutive frames have in common.
const OVERLAP: f32 = 0.4;

/// Least correlation of the two coarse pictures.
const LIKENESS: f32 = 0.5;

/// Samples along each side of what is kept of a face and of what is around it: twice its box, as dense as the cells'.
const AROUND: usize = 2 * CELLS * SAMPLES;

/// Grey means of the cells over a box, less their mean, at length 1.
type Coarse = [f32; CELLS * CELLS];

/// A face in a frame, as far as it is followed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    size: (u32, u32),
    bounds: Bounds,
    coarse: Coarse,
    /// Sums of red, green and blue over twice the box.
    around: Vec<u16>,
}

impl Look {
    pub(super) fn of(frame: &Frame, bounds: Bounds) -> Self {
        let grey = |x, y| grey(frame, x, y);
        Self {
            size: (frame.width(), frame.height()),
            bounds,
            coarse: coarse(&bounds, |x, y| f32::from(grey(x, y))),
            around: samples(&doubled(&bounds), AROUND)
                .map(|(x, y)| grey(x, y))
                .collect(),
        }
    }

    /// Whether `next` is probably the same face, a moment later. Where it is in doubt it says no:
    /// that costs a few embeddings, while a wrong yes would hide the person who steps in.
    pub(super) fn goes_on_as(&self, next: &Self) -> bool {
        self.size == next.size
            && overlap(&self.bounds, &next.bounds) >= OVERLAP
            && (likeness(&self.coarse, &next.coarse) >= LIKENESS
                || likeness(&self.coarse, &next.at(&self.bounds)) >= LIKENESS)
    }

    /// What is at this place, where another box was before. A blurred or dark face is framed a little differently
    /// every time, and looks different then, though nothing moved.
    fn at(&self, bounds: &Bounds) -> Coarse {
        let from = doubled(&self.bounds);
        let place = |value: f32, begin: f32, length: f32| {
            let at = (value - begin) / length * AROUND as f32;
            at.clamp(0.0, AROUND as f32 - 1.0) as usize
        };
        coarse(bounds, |x, y| {
            let column = place(x, from.left, from.width());
            let row = place(y, from.top, from.height());
            f32::from(self.around[row * AROUND + column])
        })
    }
}

fn likeness(a: &Coarse, b: &Coarse) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A box of twice the sides about the same middle.
fn doubled(bounds: &Bounds) -> Bounds {
    let (width, height) = (bounds.width() / 2.0, bounds.height() / 2.0);
    Bounds {
        left: bounds.left - width,
        top: bounds.top - height,
        right: bounds.right + width,
        bottom: bounds.bottom + height,
    }
}

fn overlap(a: &Bounds, b: &Bounds) -> f32 {
    let width = a.right.min(b.right) - a.left.max(b.left);
    let height = a.bottom.min(b.bottom) - a.top.max(b.top);
    let common = width.max(0.0) * height.max(0.0);
    let union = a.width() * a.height() + b.width() * b.height() - common;
    if union > 0.0 { common / union } else { 0.0 }
}

/// Red, green and blue of the pixel at a place, added; beyond the border that of the border.
fn grey(frame: &Frame, x: f32, y: f32) -> u16 {
    let (last_x, last_y) = (frame.width() as f32 - 1.0, frame.height() as f32 - 1.0);
    let (x, y) = (x.clamp(0.0, last_x) as usize, y.clamp(0.0, last_y) as usize);
    let at = 3 * (y * frame.width() as usize + x);
    frame.rgb()[at..at + 3].iter().map(|v| u16::from(*v)).sum()
}

/// So many places along each side of a box, row by row.
fn samples(bounds: &Bounds, side: usize) -> impl Iterator<Item = (f32, f32)> {
    let along =
        move |n: usize, begin: f32, length: f32| begin + (n as f32 + 0.5) / side as f32 * length;
    let (left, top, width, height) = (bounds.left, bounds.top, bounds.width(), bounds.height());
    (0..side * side).map(move |n| (along(n % side, left, width), along(n / side, top, height)))
}

fn coarse(bounds: &Bounds, grey: impl Fn(f32, f32) -> f32) -> Coarse {
    const SIDE: usize = CELLS * SAMPLES;
    let mut cells = [0.0; CELLS * CELLS];
    for (n, (x, y)) in samples(bounds, SIDE).enumerate() {
        let (row, column) = (n / SIDE, n % SIDE);
        cells[row / SAMPLES * CELLS + column / SAMPLES] += grey(x, y);
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
        Look::of(&frame, box_at)
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
    fn a_face_of_few_contrasts_that_is_framed_anew_goes_on() {
        // Stripes: a box that lies a stripe further has the opposite cells.
        let stripes = |x: u32, _: u32| if (x / 5).is_multiple_of(2) { 20 } else { 22 };
        let here = look(bounds(20.0, 20.0, 40.0), stripes);
        let anew = look(bounds(15.0, 21.0, 40.0), stripes);
        assert!(likeness(&here.coarse, &anew.coarse) < LIKENESS);
        assert!(here.goes_on_as(&anew) && anew.goes_on_as(&here));
        let another = look(bounds(15.0, 21.0, 40.0), |x, y| stripes(y, x));
        assert!(!here.goes_on_as(&another));
    }

    #[test]
    fn a_box_beyond_the_picture_and_a_flat_one_are_no_trouble() {
        let flat = look(bounds(-30.0, 80.0, 60.0), |_, _| 7);
        assert_eq!(flat.coarse, [0.0; CELLS * CELLS]);
        assert!(!flat.goes_on_as(&flat.clone()));
    }
}
