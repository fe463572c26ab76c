//! dlib's shape predictor: a cascade of regression trees over differences of single pixels (Kazemi and Sullivan
//! 2014), read from the compact form that `onnx/landmarks5.py` describes.

use super::{FaceBox, Landmarks, Similarity};
use crate::Frame;

const MAGIC: &[u8] = b"L5PT";
const VERSION: u32 = 1;
/// Cascades, trees in each, their depth, sampling points of a cascade, landmarks.
const SIZES: [u32; 5] = [15, 500, 4, POINTS as u32, 5];
const POINTS: usize = 800;
const SPLITS: usize = 15;
const LEAVES: usize = 16;

/// Five points: x₀ y₀ x₁ y₁ … in the unit square of the face's box.
type Shape = [f32; 10];

/// The whole predictor.
pub(crate) struct Predictor {
    initial: Shape,
    cascades: Vec<Cascade>,
}

struct Cascade {
    points: Vec<Point>,
    trees: Vec<Tree>,
}

/// Where a pixel is looked at: at an offset from a landmark, in the initial shape's scale and direction.
struct Point {
    anchor: usize,
    delta: [f32; 2],
}

struct Tree {
    splits: [Split; SPLITS],
    leaves: [Shape; LEAVES],
}

/// To the left when the first pixel is brighter than the second by more than the threshold.
#[derive(Clone, Copy, Default)]
struct Split {
    first: u16,
    second: u16,
    threshold: f32,
}

impl Predictor {
    /// Reads `landmarks5.bin`. What is wrong with it is told in words.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = Reader(bytes);
        if rest.take::<4>()? != *MAGIC || rest.u32()? != VERSION {
            return Err("it is no landmark file of version 1".to_owned());
        }
        for wanted in SIZES {
            let found = rest.u32()?;
            if found != wanted {
                return Err(format!(
                    "a size in its head is {found}, {wanted} is expected"
                ));
            }
        }
        let initial = rest.shape()?;
        let cascades = (0..SIZES[0])
            .map(|_| rest.cascade())
            .collect::<Result<_, _>>()?;
        if !rest.0.is_empty() {
            return Err(format!("{} bytes are left over at its end", rest.0.len()));
        }
        Ok(Self { initial, cascades })
    }

    /// The points of the face in a box.
    pub(crate) fn landmarks(&self, frame: &Frame, face: FaceBox) -> Landmarks {
        let square = UnitSquare::of(face);
        let mut shape = self.initial;
        let mut pixels = [0.0; POINTS];
        for cascade in &self.cascades {
            cascade.look(frame, &square, &self.initial, &shape, &mut pixels);
            for tree in &cascade.trees {
                for (value, change) in shape.iter_mut().zip(tree.leaf(&pixels)) {
                    *value += change;
                }
            }
        }
        Landmarks(points(&shape).map(|point| square.pixel(point)))
    }
}

impl Cascade {
    /// Fills in the pixels at the sampling points: grey, 0 outside the picture.
    fn look(
        &self,
        frame: &Frame,
        square: &UnitSquare,
        initial: &Shape,
        shape: &Shape,
        pixels: &mut [f32; POINTS],
    ) {
        let wide = |shape: &Shape| points(shape).map(|point| point.map(f64::from));
        let similarity = Similarity::between(&wide(initial), &wide(shape));
        // dlib goes on in single precision here, and so must the same pixels.
        let (a, b) = (similarity.a as f32, similarity.b as f32);
        for (point, pixel) in self.points.iter().zip(pixels) {
            let [x, y] = point.delta;
            let at = [
                a * x - b * y + shape[2 * point.anchor],
                b * x + a * y + shape[2 * point.anchor + 1],
            ];
            *pixel = grey(frame, square.pixel(at));
        }
    }
}

impl Tree {
    fn leaf(&self, pixels: &[f32; POINTS]) -> &Shape {
        let mut at = 0;
        while let Some(split) = self.splits.get(at) {
            let difference = pixels[usize::from(split.first)] - pixels[usize::from(split.second)];
            at = if difference > split.threshold {
                2 * at + 1
            } else {
                2 * at + 2
            };
        }
        &self.leaves[at - SPLITS]
    }
}

/// A box as the square from (0, 0), the middle of its first pixel, to (1, 1), the middle of its last.
struct UnitSquare {
    corner: [f64; 2],
    size: [f64; 2],
}

impl UnitSquare {
    fn of(face: FaceBox) -> Self {
        let corner = [f64::from(face.left), f64::from(face.top)];
        let size = [
            f64::from(face.right) - corner[0],
            f64::from(face.bottom) - corner[1],
        ];
        Self { corner, size }
    }

    /// The nearest pixel, halves up.
    fn pixel(&self, point: [f32; 2]) -> [i32; 2] {
        let along = |axis: usize| f64::from(point[axis]) * self.size[axis] + self.corner[axis];
        [0, 1].map(|axis| floor(along(axis) + 0.5))
    }
}

/// The next whole number below; beyond an `i32`, the last one. (The standard's `floor` is a call of a function on
/// processors without SSE 4.1, which x86-64 builds for.)
fn floor(value: f64) -> i32 {
    let towards_zero = value as i32;
    towards_zero.saturating_sub(i32::from(f64::from(towards_zero) > value))
}

fn points(shape: &Shape) -> [[f32; 2]; 5] {
    std::array::from_fn(|i| [shape[2 * i], shape[2 * i + 1]])
}

fn grey(frame: &Frame, [x, y]: [i32; 2]) -> f32 {
    let inside = |value: i32, size: u32| u32::try_from(value).ok().filter(|&value| value < size);
    let (Some(x), Some(y)) = (inside(x, frame.width()), inside(y, frame.height())) else {
        return 0.0;
    };
    let start = 3 * (y as usize * frame.width() as usize + x as usize);
    let sum: u16 = frame.rgb()[start..start + 3]
        .iter()
        .map(|&value| u16::from(value))
        .sum();
    f32::from(sum / 3)
}

/// Bytes still to be read, little-endian.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (first, rest) = self.0.split_first_chunk().ok_or("it ends early")?;
        self.0 = rest;
        Ok(*first)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.take().map(u32::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, String> {
        self.take().map(u16::from_le_bytes)
    }

    fn f32(&mut self) -> Result<f32, String> {
        self.take().map(f32::from_le_bytes)
    }

    fn shape(&mut self) -> Result<Shape, String> {
        let mut shape = Shape::default();
        for value in &mut shape {
            *value = self.f32()?;
        }
        Ok(shape)
    }

    fn cascade(&mut self) -> Result<Cascade, String> {
        let points = (0..POINTS)
            .map(|_| self.point())
            .collect::<Result<_, _>>()?;
        let trees = (0..SIZES[1])
            .map(|_| self.tree())
            .collect::<Result<_, _>>()?;
        Ok(Cascade { points, trees })
    }

    fn point(&mut self) -> Result<Point, String> {
        let [anchor] = self.take()?;
        if anchor >= 5 {
            return Err(format!("a sampling point hangs on landmark {anchor} of 5"));
        }
        Ok(Point {
            anchor: anchor.into(),
            delta: [self.f32()?, self.f32()?],
        })
    }

    fn tree(&mut self) -> Result<Tree, String> {
        let mut splits = [Split::default(); SPLITS];
        for split in &mut splits {
            *split = Split {
                first: self.u16()?,
                second: self.u16()?,
                threshold: self.f32()?,
            };
            if usize::from(split.first.max(split.second)) >= POINTS {
                return Err("a tree looks at a point that is not there".to_owned());
            }
        }
        let mut leaves = [Shape::default(); LEAVES];
        for leaf in &mut leaves {
            *leaf = self.shape()?;
        }
        Ok(Tree { splits, leaves })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_files_are_refused_in_words() {
        let refusal = |bytes: &[u8]| Predictor::from_bytes(bytes).err().unwrap();
        assert_eq!(refusal(b"L5"), "it ends early");
        assert_eq!(
            refusal(b"ELF!\x01\0\0\0"),
            "it is no landmark file of version 1"
        );
        let mut head = b"L5PT".to_vec();
        for value in [1_u32, 15, 400] {
            head.extend(value.to_le_bytes());
        }
        assert_eq!(refusal(&head), "a size in its head is 400, 500 is expected");
    }

    #[test]
    fn floors_are_the_standards() {
        for value in [
            0.0,
            0.5,
            -0.5,
            1.0,
            -1.0,
            -1.5,
            7.999,
            -2e9,
            3e9,
            -3e9,
            f64::NAN,
        ] {
            assert_eq!(floor(value), value.floor() as i32, "{value}");
        }
    }

    #[test]
    fn pixels_outside_the_picture_are_black() {
        let frame = Frame::from_rgb8(2, 1, vec![10, 20, 31, 255, 255, 255]).unwrap();
        assert_eq!(grey(&frame, [0, 0]), 20.0);
        assert_eq!(grey(&frame, [1, 0]), 255.0);
        for outside in [[-1, 0], [2, 0], [0, 1], [i32::MIN, i32::MAX]] {
            assert_eq!(grey(&frame, outside), 0.0);
        }
    }
}
