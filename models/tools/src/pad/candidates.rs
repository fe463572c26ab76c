//! Signals that were tried and are not used: each a number of the upright face, which speaks for an attack where it
//! is high. They are kept so that the page can say how little they separate.

use std::f32::consts::TAU;

use limen_face::Chip;
use limen_face::align::CHIP_SIDE;

const SIDE: usize = CHIP_SIDE as usize;
/// Side of the square in the middle whose spectrum is taken.
const SQUARE: usize = 64;
/// Waves of so many in the square and more are too fine for a face: four pixels and less.
const FINE: usize = 16;
/// Rows of the chip with the eyes, and as many with nose and cheeks; columns with both.
const EYES: std::ops::Range<usize> = 38..58;
const CHEEKS: std::ops::Range<usize> = 68..88;
const COLUMNS: std::ops::Range<usize> = 30..120;

/// A signal of a visit.
pub struct Candidate {
    pub name: &'static str,
    /// What it is by, for the page.
    pub by: &'static str,
    /// Whether one picture is enough.
    pub of_one: bool,
    /// Of all upright faces of a visit, and how far each was turned.
    pub of: fn(&[(Chip, f32)]) -> f32,
}

/// All that were tried.
pub const CANDIDATES: [Candidate; 4] = [
    Candidate {
        name: "moiré and pixel grid",
        by: "the highest peak among the fine waves of the face's spectrum, over their median",
        of_one: true,
        of: |visit| mean(visit.iter().map(|(chip, _)| peak(&grey(chip)))),
    },
    Candidate {
        name: "glare",
        by: "the share of the face that is white",
        of_one: true,
        of: |visit| mean(visit.iter().map(|(chip, _)| glare(chip))),
    },
    Candidate {
        name: "no blink",
        by: "the largest change of the eyes between two frames, over that of the cheeks, inverted",
        of_one: false,
        of: |visit| 1.0 / blink(visit).max(1e-3),
    },
    Candidate {
        name: "no turn",
        by: "how far the turn of the head ranges over the visit, inverted",
        of_one: false,
        of: |visit| 1.0 / turns(visit).max(1e-3),
    },
];

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0_f32);
    for value in values {
        sum += value;
        count += 1.0;
    }
    sum / count.max(1.0)
}

fn grey(chip: &Chip) -> Vec<f32> {
    let pixels = chip.rgb().chunks_exact(3);
    pixels
        .map(|pixel| pixel.iter().map(|&value| f32::from(value)).sum::<f32>() / 3.0)
        .collect()
}

/// The highest power among the fine waves over the median of them.
fn peak(grey: &[f32]) -> f32 {
    let first = (SIDE - SQUARE) / 2;
    let wave =
        |number: usize, at: usize| (TAU * (number * at % SQUARE) as f32 / SQUARE as f32).sin_cos();
    // A window without corners, so that the border is no wave.
    let window = |at: usize| 0.5 - 0.5 * (TAU * (at as f32 + 0.5) / SQUARE as f32).cos();
    let mut rows = vec![[0.0; 2]; SQUARE * SQUARE];
    for y in 0..SQUARE {
        for across in 0..SQUARE {
            for x in 0..SQUARE {
                let (sin, cos) = wave(across, x);
                let value = grey[(first + y) * SIDE + first + x] * window(x) * window(y);
                rows[y * SQUARE + across][0] += value * cos;
                rows[y * SQUARE + across][1] -= value * sin;
            }
        }
    }
    let mut powers = Vec::new();
    for across in 0..SQUARE {
        for down in 0..SQUARE / 2 {
            if across.min(SQUARE - across).max(down) < FINE {
                continue;
            }
            let mut sum = [0.0; 2];
            for y in 0..SQUARE {
                let ((sin, cos), [real, imaginary]) = (wave(down, y), rows[y * SQUARE + across]);
                sum[0] += real * cos + imaginary * sin;
                sum[1] += imaginary * cos - real * sin;
            }
            powers.push(sum[0] * sum[0] + sum[1] * sum[1]);
        }
    }
    powers.sort_by(f32::total_cmp);
    powers[powers.len() - 1] / powers[powers.len() / 2].max(f32::MIN_POSITIVE)
}

fn glare(chip: &Chip) -> f32 {
    let white = |pixel: &[u8]| f32::from(u8::from(pixel.iter().all(|&value| value >= 250)));
    mean(chip.rgb().chunks_exact(3).map(white))
}

fn blink(visit: &[(Chip, f32)]) -> f32 {
    let greys: Vec<_> = visit.iter().map(|(chip, _)| grey(chip)).collect();
    let change = |one: &[f32], other: &[f32], rows: std::ops::Range<usize>| {
        let places = rows.flat_map(|row| COLUMNS.map(move |column| row * SIDE + column));
        mean(places.map(|place| (one[place] - other[place]).abs()))
    };
    let changes = greys.windows(2).map(|pair| {
        let [eyes, cheeks] = [EYES, CHEEKS].map(|rows| change(&pair[0], &pair[1], rows));
        eyes / cheeks.max(0.5)
    });
    changes.fold(0.0, f32::max)
}

fn turns(visit: &[(Chip, f32)]) -> f32 {
    let turns = visit.iter().map(|&(_, turn)| turn);
    let (least, most) = turns.fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), turn| {
        (least.min(turn), most.max(turn))
    });
    (most - least).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(at: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        (0..SIDE * SIDE)
            .map(|place| at(place % SIDE, place / SIDE))
            .collect()
    }

    #[test]
    fn a_grid_is_a_peak_and_noise_is_none() {
        let noise = |x: usize, y: usize| ((x * 7919 + y * 104_729) % 251 * 37 % 17) as f32;
        let plain = peak(&painted(noise));
        let grid = peak(&painted(|x, y| {
            noise(x, y) + 8.0 * (TAU * x as f32 / 3.1).cos()
        }));
        assert!(grid > 10.0 * plain, "{grid} {plain}");
    }
}
