//! Long straight edges on the left, on the right and above a face that move with it, as those of paper and of
//! screens do. Edges vote for lines (Hough); a line counts where it is covered without a gap.

use super::pair::{Place, better};
use super::scene::Scene;

/// How far from the face's middle is looked, in widths of the face.
const REACH: f32 = 1.6;
/// Edges on the left and on the right are further than this from its middle.
const BESIDE: f32 = 0.5;
/// Those above are higher than this, and no further to a side.
const ABOVE: f32 = 0.7;
const ASIDE: f32 = 1.3;

/// Least step of an edge, in grey levels over two pixels.
const STEP: i32 = 16;
/// Side of the square around a pixel by which its motion is judged.
const SQUARE: usize = 5;

/// Lines lean by multiples of this slope, so many to either side: to 20 degrees.
const SLOPE: f32 = 0.04;
const SLOPES: i32 = 9;
/// An edge votes for slopes so many steps beside its own, which is rough.
const ROUGH: i32 = 3;
/// Pixels between neighbouring lines.
const APART: i32 = 2;

/// Parts of a line in a face's width. All of a line are 32: 1.6 widths to both sides.
const PARTS: f32 = 10.0;
/// A line on a side must run on over so many parts,
const TALL: u32 = 13;
/// and begin in one of so many: above the forehead, where hair and hats are round.
const TALL_BEGINS: u32 = 9;
/// A line above must run on over so many,
const WIDE: u32 = 10;
/// and begin in one of so many: on the face's left.
const WIDE_BEGINS: u32 = 14;

/// Which sides have such an edge: left, right, above (in the picture).
pub(super) fn beside(before: &Scene, then: Place, after: &Scene, shift: [i32; 2]) -> [bool; 3] {
    let reach = (REACH * then.width) as i32;
    let mut sides = [(); 3].map(|()| Lines::new(reach));
    for down in -reach..reach {
        for right in -reach..reach {
            let at = [then.x as i32 + right, then.y as i32 + down];
            let Some([across, along]) = before.gradient(at[0], at[1]) else {
                continue;
            };
            let [u, v] = [right, down].map(|by| by as f32 / then.width);
            let upright = across.abs() >= STEP && across.abs() > 2 * along.abs();
            let level = along.abs() >= STEP && along.abs() > 2 * across.abs();
            if upright && u.abs() > BESIDE && moves(before, at, after, shift, [1, 0]) {
                let slope = -along as f32 / across as f32;
                sides[usize::from(right > 0)].vote(right, down, v, slope);
            } else if level
                && v < -ABOVE
                && u.abs() < ASIDE
                && moves(before, at, after, shift, [0, 1])
            {
                let slope = -across as f32 / along as f32;
                sides[2].vote(down, right, u, slope);
            }
        }
    }
    let [left, right, above] = sides.map(|side| side.masks);
    let tall = |masks: &[u32]| longest(masks, reach, TALL_BEGINS) >= TALL;
    let wide = |masks: &[u32]| longest(masks, reach, WIDE_BEGINS) >= WIDE;
    [tall(&left), tall(&right), wide(&above)]
}

/// Whether the edge at a pixel moved with the face, give or take a pixel across the edge.
fn moves(before: &Scene, at: [i32; 2], after: &Scene, shift: [i32; 2], [x, y]: [i32; 2]) -> bool {
    let half = SQUARE as i32 / 2;
    let corner = at.map(|place| place - half);
    let beside = [[0, 0], [x, y], [-x, -y]];
    let least = |shift| before.nearest(corner, after, shift, &beside, SQUARE);
    // Most of what is seen stands still, which is quickly told.
    match least([0, 0]) {
        Some(still) if better(0.0, still) => least(shift).is_some_and(|with| better(with, still)),
        _ => false,
    }
}

/// Lines of one side: which parts of each are covered.
struct Lines {
    /// A bit for each part; by slope, then by distance.
    masks: Vec<u32>,
    reach: i32,
}

impl Lines {
    fn new(reach: i32) -> Self {
        let slopes = 2 * SLOPES as usize + 1;
        Self {
            masks: vec![0; slopes * per_slope(reach)],
            reach,
        }
    }

    /// Covers a part of the lines that an edge may belong to: so many pixels across the line and along it, along it
    /// also in widths of the face.
    fn vote(&mut self, across: i32, along: i32, along_widths: f32, slope: f32) {
        let part = ((along_widths + REACH) * PARTS) as u32;
        let own = (slope / SLOPE).round() as i32;
        for slope in (own - ROUGH).max(-SLOPES)..=(own + ROUGH).min(SLOPES) {
            let distance = across as f32 - slope as f32 * SLOPE * along as f32;
            let line = (distance.round() as i32 + self.reach).div_euclid(APART);
            let lines = per_slope(self.reach);
            let Some(line) = usize::try_from(line).ok().filter(|&line| line < lines) else {
                continue;
            };
            self.masks[(slope + SLOPES) as usize * lines + line] |= 1 << part.min(31);
        }
    }
}

fn per_slope(reach: i32) -> usize {
    (2 * reach / APART).max(1) as usize
}

/// The longest run of any line, which may waver to its neighbour.
fn longest(masks: &[u32], reach: i32, begins: u32) -> u32 {
    let slopes = masks.chunks_exact(per_slope(reach));
    let neighbours = slopes.flat_map(|lines| lines.windows(2).map(|pair| pair[0] | pair[1]));
    neighbours.map(|mask| run(mask, begins)).max().unwrap_or(0)
}

/// How many parts are covered one after another, from one of the first `begins` or the one after them. A single
/// part between two that are covered counts as covered.
fn run(mask: u32, begins: u32) -> u32 {
    let closed = mask | (mask << 1 & mask >> 1);
    let runs = (0..=begins).map(|first| (closed >> first).trailing_ones());
    runs.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0b0000, 3, 0)]
    #[case(0b0111, 3, 3)]
    #[case(0b0011_0111, 3, 6)]
    #[case(0b0110_0111, 3, 3)]
    #[case(0b1111_0000, 3, 0)]
    #[case(0b1111_0000, 4, 4)]
    #[case(u32::MAX, 0, 32)]
    fn a_run_may_have_gaps_of_one_and_must_begin_in_time(
        #[case] mask: u32,
        #[case] begins: u32,
        #[case] wanted: u32,
    ) {
        assert_eq!(run(mask, begins), wanted);
    }

    #[test]
    fn a_line_that_leans_is_one_line() {
        let mut lines = Lines::new(96);
        for along in -60..60 {
            let across = 40.0 + 0.2 * along as f32;
            lines.vote(across.round() as i32, along, along as f32 / 60.0, 0.25);
        }
        assert_eq!(longest(&lines.masks, 96, 9), 20);
        let mut curve = Lines::new(96);
        for along in -60..60_i32 {
            let across = along * along / 60;
            curve.vote(across, along, along as f32 / 60.0, along as f32 / 30.0);
        }
        assert!(longest(&curve.masks, 96, 9) < TALL);
    }
}
