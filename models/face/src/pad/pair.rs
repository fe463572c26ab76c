//! Two frames between which a face moved: what moved with it, and what stood still.

use super::edges;
use super::scene::Scene;
use crate::align::Landmarks;
use crate::detect::Detection;

/// A face that is further from where it was, in its own widths, is another one;
const JUMP: f32 = 0.6;
/// so is one that is so many times as wide.
const GROWTH: f32 = 1.4;
/// Between two frames that are compared, a face moved by at least so many pixels of the scene,
const LEAST_PX: f32 = 2.4;
/// and at most by so many of its own widths;
const MOST: f32 = 0.25;
/// and its width changed by at most this part.
const NEARER: f32 = 0.08;

/// The part of a face's width over which two frames are laid on each other, and how far beside the landmarks'
/// place, in pixels of the scene.
const FACE: f32 = 0.7;
const BESIDE: i32 = 3;
/// A face that was laid on itself leaves at most this part of its variance.
const SAME: f32 = 0.3;

/// Side of a patch in pixels of the scene.
const PATCH: usize = 8;
/// What varies less, in squares of grey levels, looks the same wherever it goes.
const CLEAR: f32 = 40.0;
/// By so many times one explanation must be better than the other.
const BETTER: f32 = 3.0;
/// What neither explains leaves more than this part of its own variance.
const NEITHER: f32 = 0.5;

/// Above this height, in widths of the face below its middle, there are no shoulders.
const SHOULDERS: f32 = 0.3;
/// Half width and half height of what may be head, and of what may be hair, in widths of the face about its middle.
const HEAD: [f32; 2] = [0.9, 1.15];
const HAIR: [f32; 2] = [1.3, 1.6];

/// So much of the surroundings, in squares of the face's width, shows whether they move with the face,
const WITH: f32 = 0.1;
/// and so much that they stand still.
const STILL: f32 = 0.15;

/// Where a face is, and its width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
}

/// What two frames tell, between which the face moved and something else stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Signs {
    /// What is around the face moved with it.
    pub(super) with: bool,
    /// A straight edge on the left, on the right, above moved with it.
    pub(super) edges: [bool; 3],
}

impl Place {
    /// In pixels of the picture: the middle of the landmarks, and the width of the box.
    pub(super) fn of(detection: &Detection, landmarks: &Landmarks) -> Self {
        let mean = |axis: usize| {
            let sum: i32 = landmarks.0.iter().map(|point| point[axis]).sum();
            sum as f32 / landmarks.0.len() as f32
        };
        Self {
            x: mean(0),
            y: mean(1),
            // Also where it is not a number.
            width: detection.bounds.width().max(1.0),
        }
    }

    /// In pixels of a scene.
    pub(super) fn scaled(&self, step: usize) -> Self {
        let by = step as f32;
        Self {
            x: self.x / by,
            y: self.y / by,
            width: self.width / by,
        }
    }

    /// Whether the face of the next frame can't be the same.
    pub(super) fn jumps_to(&self, next: &Self) -> bool {
        let growth = next.width / self.width;
        self.away(next) > JUMP || !(1.0 / GROWTH..=GROWTH).contains(&growth)
    }

    /// By how many of its widths the face moved, where that is a distance at which two frames can be compared. In
    /// pixels of a scene.
    pub(super) fn moved_to(&self, next: &Self) -> Option<f32> {
        let away = self.away(next);
        let fits = away * next.width >= LEAST_PX
            && away <= MOST
            && (next.width / self.width - 1.0).abs() <= NEARER;
        fits.then_some(away)
    }

    fn away(&self, next: &Self) -> f32 {
        (next.x - self.x).hypot(next.y - self.y) / next.width
    }

    /// A place in widths of the face from its middle.
    pub(super) fn relative(&self, x: f32, y: f32) -> [f32; 2] {
        [(x - self.x) / self.width, (y - self.y) / self.width]
    }
}

/// Compares two frames of the same scale. None where the face can't be found again, or nothing stands still: then the
/// camera itself may have moved.
pub(super) fn signs(
    (before, then): (&Scene, Place),
    (after, now): (&Scene, Place),
) -> Option<Signs> {
    let shift = shift(before, then, after, now)?;
    let [with, still] = surroundings(before, then, after, shift);
    (still >= STILL).then(|| Signs {
        with: with >= WITH,
        edges: edges::beside(before, then, after, shift),
    })
}

/// By how many pixels the face moved: where it looks most like it did, near where the landmarks are.
fn shift(before: &Scene, then: Place, after: &Scene, now: Place) -> Option<[i32; 2]> {
    let side = (then.width * FACE) as usize;
    let first = |middle: f32| (middle - side as f32 / 2.0) as i32;
    let here = [first(then.x), first(then.y)];
    let guess = [now.x - then.x, now.y - then.y].map(|by| by.round() as i32);
    let beside = -BESIDE..=BESIDE;
    let shifts = beside
        .clone()
        .flat_map(|y| beside.clone().map(move |x| [x, y]));
    let tried = shifts.filter_map(|[x, y]| {
        let shift = [guess[0] + x, guess[1] + y];
        Some((shift, before.difference(here, after, shift, side)?))
    });
    let (shift, left) = tried.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let px = (shift[0] as f32).hypot(shift[1] as f32);
    let same = left <= SAME * before.variance(here, side)?;
    (px >= LEAST_PX && same).then_some(shift)
}

/// How much of what is around the face moved with it, and how much stood still, in squares of the face's width.
fn surroundings(before: &Scene, then: Place, after: &Scene, shift: [i32; 2]) -> [f32; 2] {
    let outside = |[u, v]: [f32; 2], [width, height]: [f32; 2]| {
        (u / width).powi(2) + (v / height).powi(2) > 1.0
    };
    let area = (PATCH as f32 / then.width).powi(2);
    let half = PATCH as f32 / 2.0;
    let [width, height] = before.size();
    let last = (then.y + SHOULDERS * then.width) as i32;
    let (mut with, mut still) = (0.0, 0.0);
    for y in (0..height.min(last)).step_by(PATCH) {
        for x in (0..width).step_by(PATCH) {
            let place = then.relative(x as f32 + half, y as f32 + half);
            if !outside(place, HEAD) {
                continue;
            }
            match explained(before, [x, y], after, shift) {
                Some(Motion::With) if outside(place, HAIR) => with += area,
                Some(Motion::Still) => still += area,
                _ => {}
            }
        }
    }
    [with, still]
}

/// What a patch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motion {
    With,
    Still,
}

/// None where it looks the same either way, does something else, or is covered.
fn explained(before: &Scene, at: [i32; 2], after: &Scene, shift: [i32; 2]) -> Option<Motion> {
    const BESIDE: [[i32; 2]; 5] = [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]];
    let own = before.variance(at, PATCH)?;
    if own < CLEAR {
        return None;
    }
    let still = before.nearest(at, after, [0, 0], &BESIDE, PATCH)?;
    let with = before.nearest(at, after, shift, &BESIDE, PATCH)?;
    if still.min(with) > NEITHER * own {
        None
    } else if better(with, still) {
        Some(Motion::With)
    } else if better(still, with) {
        Some(Motion::Still)
    } else {
        None
    }
}

/// Whether one explanation leaves clearly less than another.
pub(super) fn better(one: f32, other: f32) -> bool {
    other > BETTER * one + CLEAR
}
