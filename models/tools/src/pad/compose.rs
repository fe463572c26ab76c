//! Attacks made by code: a flat thing with somebody's picture on it, held into a clip of an office.

use std::f32::consts::TAU;

use limen_face::Frame;

/// A picture of somebody, and where the face is in it.
#[derive(Clone)]
pub struct Still {
    width: usize,
    height: usize,
    rgb: Vec<f32>,
    /// The face's middle and width in pixels.
    face: [f32; 3],
}

impl Still {
    /// Of a frame whose face has this middle and width.
    pub fn new(frame: &Frame, face: [f32; 3]) -> Self {
        Self {
            width: frame.width() as usize,
            height: frame.height() as usize,
            rgb: frame.rgb().iter().map(|&value| f32::from(value)).collect(),
            face,
        }
    }

    /// Made smaller, by means of whole squares, as long as the face stays at least so wide: what is drawn small
    /// from a large picture would flicker.
    pub fn shrunk(&self, face_px: f32) -> Self {
        let by = ((self.face[2] / face_px) as usize).max(1);
        let (width, height) = (self.width / by, self.height / by);
        let mut rgb = vec![0.0; 3 * width * height];
        for y in 0..height * by {
            for x in 0..width * by {
                for channel in 0..3 {
                    rgb[3 * (y / by * width + x / by) + channel] +=
                        self.rgb[3 * (y * self.width + x) + channel] / (by * by) as f32;
                }
            }
        }
        Self {
            width,
            height,
            rgb,
            face: self.face.map(|value| value / by as f32),
        }
    }

    /// Another picture of the same size before it was shrunk, the place of the face as in this one.
    pub fn showing(&self, frame: &Frame) -> Self {
        let by = frame.width() as usize / self.width;
        let face = self.face.map(|value| value * by as f32);
        Self::new(frame, face).shrunk(self.face[2])
    }

    /// The colour at a place, in widths of the face from its middle; none outside the picture.
    fn at(&self, u: f32, v: f32) -> Option<[f32; 3]> {
        let [x, y, width] = self.face;
        let (x, y) = (x + u * width - 0.5, y + v * width - 0.5);
        if !(x >= 0.0 && y >= 0.0) {
            return None;
        }
        let (left, top) = (x as usize, y as usize);
        if left + 1 >= self.width || top + 1 >= self.height {
            return None;
        }
        let (right, below) = (x - left as f32, y - top as f32);
        let start = 3 * (top * self.width + left);
        let (upper, lower) = (&self.rgb[start..], &self.rgb[start + 3 * self.width..]);
        Some(std::array::from_fn(|channel| {
            let mixed = |line: &[f32]| (1.0 - right) * line[channel] + right * line[channel + 3];
            (1.0 - below) * mixed(upper) + below * mixed(lower)
        }))
    }
}

/// What a sheet is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Material {
    /// Paper with a white border.
    Paper,
    /// A screen: brighter and bluer, with a pixel grid, a lamp's reflection and a dark border.
    Screen,
    /// Paper cut along the outline of a head.
    CutOut,
}

/// A flat thing with a picture on it. Lengths are in widths of the face, from its middle.
#[derive(Debug, Clone, Copy)]
pub struct Sheet {
    /// Half of its width, without the border.
    pub half_width: f32,
    /// How far it reaches up,
    pub above: f32,
    /// and down.
    pub below: f32,
    /// Width of its border.
    pub border: f32,
    /// What it is made of.
    pub material: Material,
}

impl Sheet {
    /// The colour at a place; none beside the sheet.
    fn at(&self, u: f32, v: f32, still: &Still) -> Option<[f32; 3]> {
        let reaches = |border: f32| {
            u.abs() <= self.half_width + border
                && (-self.above - border..=self.below + border).contains(&v)
        };
        match self.material {
            Material::CutOut => {
                let head = (u / 0.68).powi(2) + ((v + 0.12) / 0.95).powi(2) <= 1.0;
                head.then(|| printed(still.at(u, v).unwrap_or([70.0; 3])))
            }
            Material::Paper if reaches(0.0) => {
                Some(printed(still.at(u, v).unwrap_or([225.0, 224.0, 220.0])))
            }
            Material::Paper if reaches(self.border) => Some([228.0, 227.0, 222.0]),
            Material::Screen if reaches(0.0) => {
                let lit = still.at(u, v).unwrap_or([12.0; 3]);
                Some(self.shown(u, v, lit))
            }
            Material::Screen if reaches(self.border) => Some([16.0, 16.0, 18.0]),
            Material::Paper | Material::Screen => None,
        }
    }

    /// What a screen makes of a colour: its own gamma and white, rows and columns of pixels, and a lamp in it.
    fn shown(&self, u: f32, v: f32, colour: [f32; 3]) -> [f32; 3] {
        /// Pixels of the screen over a face: so few that a camera sees the grid, which favours whoever looks for it.
        const PIXELS: f32 = 150.0;
        let grid = 1.0 + 0.04 * ((TAU * PIXELS * u).cos() + (TAU * PIXELS * v).cos());
        let lamp = [u - 0.6 * self.half_width, v + 0.5 * self.above];
        let glare = 190.0 * (-(lamp[0].powi(2) + lamp[1].powi(2)) / 0.02).exp();
        let white = [1.0, 1.02, 1.1];
        std::array::from_fn(|channel| {
            let lit = 255.0 * (colour[channel] / 255.0).powf(0.9) * white[channel];
            lit * grid + 8.0 + glare
        })
    }
}

/// Ink reaches neither black nor white.
fn printed(colour: [f32; 3]) -> [f32; 3] {
    colour.map(|value| 14.0 + 0.88 * value)
}

/// Where and how a sheet is held.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    /// Where the face's middle is, in pixels of the frame.
    pub x: f32,
    pub y: f32,
    /// Width of the face in pixels of the frame, held straight.
    pub face_px: f32,
    /// Turned in the picture's plane, in radians.
    pub roll: f32,
    /// Turned about its upright axis, in radians.
    pub yaw: f32,
    /// Tilted about its level axis, in radians.
    pub pitch: f32,
}

impl Hold {
    /// Straight towards the camera.
    pub fn straight([x, y]: [f32; 2], face_px: f32) -> Self {
        Self {
            x,
            y,
            face_px,
            roll: 0.0,
            yaw: 0.0,
            pitch: 0.0,
        }
    }

    /// Held as by a hand: it sways slowly and trembles a little, by so much (1 as somebody who tries to hold it
    /// still) at this time in seconds. No two numbers move alike.
    pub fn swaying(self, number: usize, seconds: f32, by: f32) -> Self {
        // Multiples of the golden section are far from each other, whatever their number.
        let phase = |wave: usize| TAU * (0.618_034 * (7 * number + wave) as f32).fract();
        let wave = |wave: usize, hertz: f32| (TAU * hertz * seconds + phase(wave)).sin();
        let aside = 0.05 * wave(0, 0.45) + 0.015 * wave(1, 1.7) + 0.004 * wave(2, 8.0);
        let up = 0.04 * wave(3, 0.6) + 0.012 * wave(4, 2.1) + 0.004 * wave(5, 7.0);
        Self {
            x: self.x + by * self.face_px * aside,
            y: self.y + by * self.face_px * up,
            face_px: self.face_px * (1.0 + by * 0.015 * wave(6, 0.5)),
            roll: self.roll + by * 0.02 * wave(7, 0.7),
            yaw: self.yaw + by * 0.04 * wave(8, 0.4),
            pitch: self.pitch + by * 0.04 * wave(9, 0.5),
        }
    }

    /// Where a ray through a pixel meets the sheet, in widths of the face from its middle. None behind the camera.
    fn meets(&self) -> impl Fn(f32, f32) -> Option<[f32; 2]> {
        /// Distance to the camera in widths of the face.
        const AWAY: f32 = 4.0;
        let ((sr, cr), (sy, cy), (sp, cp)) = (
            self.roll.sin_cos(),
            self.yaw.sin_cos(),
            self.pitch.sin_cos(),
        );
        // The sheet's axes: right, down, and away from the camera; yaw after pitch, then roll.
        let turned = |[x, y, z]: [f32; 3]| {
            let (y, z) = (cp * y - sp * z, sp * y + cp * z);
            let (x, z) = (cy * x + sy * z, cy * z - sy * x);
            [cr * x - sr * y, sr * x + cr * y, z]
        };
        let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(turned);
        let dot = |a: [f32; 3], b: [f32; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        let (x, y, scale) = (self.x, self.y, self.face_px);
        move |column, row| {
            let ray = [(column - x) / scale, (row - y) / scale, AWAY];
            let along = dot(axes[2], ray);
            if along <= 0.0 {
                return None;
            }
            let far = axes[2][2] * AWAY / along;
            let point = [ray[0] * far, ray[1] * far, ray[2] * far - AWAY];
            Some([dot(axes[0], point), dot(axes[1], point)])
        }
    }
}

/// Lays a sheet over a frame as a camera would see it: each pixel is the mean of four points of it, and has the
/// camera's noise.
pub fn lay(frame: &Frame, still: &Still, sheet: &Sheet, hold: &Hold, seed: u64) -> Frame {
    const POINTS: [[f32; 2]; 4] = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]];
    let meets = hold.meets();
    let mut rgb = frame.rgb().to_vec();
    let mut noise = Noise(seed | 1);
    for (pixel, place) in rgb.chunks_exact_mut(3).zip(0..) {
        let (x, y) = (place % frame.width(), place / frame.width());
        let under: [f32; 3] = std::array::from_fn(|channel| f32::from(pixel[channel]));
        let (mut sum, mut covered) = ([0.0; 3], false);
        for [right, down] in POINTS {
            let place = meets(x as f32 + right, y as f32 + down);
            let colour = place.and_then(|[u, v]| sheet.at(u, v, still));
            covered |= colour.is_some();
            for (sum, value) in sum.iter_mut().zip(colour.unwrap_or(under)) {
                *sum += value / 4.0;
            }
        }
        if covered {
            for (value, sum) in pixel.iter_mut().zip(sum) {
                *value = (sum + noise.next()).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    Frame::from_rgb8(frame.width(), frame.height(), rgb).expect("a frame's own size")
}

/// A frame with more noise than it had.
pub fn noisy(frame: &Frame, seed: u64) -> Frame {
    let mut noise = Noise(seed | 1);
    let value = |&value: &u8| {
        (f32::from(value) + 2.0 * noise.next())
            .round()
            .clamp(0.0, 255.0) as u8
    };
    let rgb = frame.rgb().iter().map(value).collect();
    Frame::from_rgb8(frame.width(), frame.height(), rgb).expect("a frame's own size")
}

/// A camera's noise: grey levels of spread 1.5 or so.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        // The sum of three even distributions is nearly a normal one.
        let mut sum = 0.0;
        for _ in 0..3 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            sum += (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0;
        }
        1.5 * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still() -> Still {
        let rgb = (0..60 * 60)
            .flat_map(|place| [(place % 60 * 4) as u8; 3])
            .collect();
        Still::new(&Frame::from_rgb8(60, 60, rgb).unwrap(), [30.0, 30.0, 20.0])
    }

    const PAPER: Sheet = Sheet {
        half_width: 1.0,
        above: 1.0,
        below: 1.0,
        border: 0.2,
        material: Material::Paper,
    };

    #[test]
    fn a_sheet_lies_where_it_is_held() {
        let empty = Frame::from_rgb8(100, 80, vec![50; 100 * 80 * 3]).unwrap();
        let hold = Hold::straight([50.0, 40.0], 20.0);
        let laid = lay(&empty, &still(), &PAPER, &hold, 1);
        let grey = |x: usize, y: usize| i32::from(laid.rgb()[3 * (100 * y + x)]);
        assert_eq!(grey(20, 40), 50, "beside it");
        assert!((grey(28, 40) - 228).abs() < 8, "its border");
        // The middle of the picture is at 120 of 255, printed.
        assert!((grey(50, 40) - 120).abs() < 8, "the face's middle");
        assert!(grey(60, 40) > grey(40, 40) + 40, "not mirrored");
    }

    #[test]
    fn turned_it_is_narrower_and_tilted_it_is_lower() {
        let empty = Frame::from_rgb8(100, 80, vec![50; 100 * 80 * 3]).unwrap();
        let covered = |yaw: f32, pitch: f32| {
            let hold = Hold {
                yaw,
                pitch,
                ..Hold::straight([50.0, 40.0], 20.0)
            };
            let laid = lay(&empty, &still(), &PAPER, &hold, 1);
            let is = |x: usize, y: usize| laid.rgb()[3 * (100 * y + x)] != 50;
            let across = (0..100).filter(|&x| is(x, 40)).count();
            (across, (0..80).filter(|&y| is(50, y)).count())
        };
        let (straight, turned, tilted) = (covered(0.0, 0.0), covered(0.8, 0.0), covered(0.0, 0.8));
        assert!(
            turned.0 < straight.0 * 4 / 5 && turned.1 > straight.1 * 9 / 10,
            "{straight:?} {turned:?}"
        );
        assert!(
            tilted.1 < straight.1 * 4 / 5 && tilted.0 > straight.0 * 9 / 10,
            "{straight:?} {tilted:?}"
        );
    }

    #[test]
    fn a_large_picture_is_made_smaller_with_its_face() {
        let small = still().shrunk(9.0);
        assert_eq!((small.width, small.face[2]), (30, 10.0));
        assert_eq!(
            small
                .showing(&Frame::from_rgb8(60, 60, vec![9; 60 * 60 * 3]).unwrap())
                .width,
            30
        );
    }
}
