//! The checksum of a frame, and which wrong bit would explain it.

use super::{FRAME, Sum, stored};
use crate::be32;

/// In which order the bytes of a checksum's words stand.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub is_big: bool,
}

/// A frame that holds, once it is mended.
pub(super) struct Found {
    /// Page number and size at commit.
    pub head: (u32, u32),
    pub sum: Sum,
    /// Where in the frame, and what was there: one of these.
    pub mends: Vec<(usize, u8)>,
    /// Or it is the sum itself that has a wrong bit.
    pub of_sum: Option<OfSum>,
}

/// A sum with a wrong bit.
pub(super) struct OfSum {
    pub sum: Sum,
    pub mend: (usize, u8),
}

impl Words {
    pub fn of(magic: u32) -> Self {
        Self {
            is_big: magic & 1 == 1,
        }
    }

    fn word(self, four: &[u8]) -> u32 {
        let four = [four[0], four[1], four[2], four[3]];
        match self.is_big {
            true => u32::from_be_bytes(four),
            false => u32::from_le_bytes(four),
        }
    }

    /// Fibonacci-weighted sums of two interleaved rows of words.
    pub fn sum(self, seed: Sum, bytes: &[u8]) -> Sum {
        let (mut a, mut b) = seed;
        for pair in bytes.chunks_exact(8) {
            a = a.wrapping_add(self.word(&pair[..4])).wrapping_add(b);
            b = b.wrapping_add(self.word(&pair[4..])).wrapping_add(a);
        }
        (a, b)
    }

    /// Whether a frame holds as it is after one with the checksum `before`.
    pub fn holds(self, frame: &[u8], salts: &[u8], before: Sum) -> bool {
        frame[8..16] == *salts
            && stored(frame, 0) == Some(self.sum(self.sum(before, &frame[..8]), &frame[FRAME..]))
    }

    /// What a frame says after one with the checksum `before`; `None` where it doesn't hold and no single bit would
    /// make it hold.
    pub fn look(self, frame: &[u8], salts: &[u8], before: Sum) -> Option<Found> {
        let head = (be32(frame, 0)?, be32(frame, 4)?);
        let stored = stored(frame, 0)?;
        let sum = self.sum(self.sum(before, &frame[..8]), &frame[FRAME..]);
        let wrong_salts = bits(&frame[8..16], salts);
        let found = |head, sum, mends| {
            Some(Found {
                head,
                sum,
                mends,
                of_sum: None,
            })
        };
        if wrong_salts == 0 && sum == stored {
            return found(head, sum, Vec::new());
        }
        if wrong_salts > 1 {
            return None;
        }
        if wrong_salts == 1 {
            let at = (0..8).find(|&at| frame[8 + at] != salts[at])?;
            return (sum == stored).then_some(Found {
                head,
                sum,
                mends: vec![(8 + at, salts[at])],
                of_sum: None,
            });
        }
        let wrong = (sum.0 ^ stored.0).count_ones() + (sum.1 ^ stored.1).count_ones();
        let of_sum = (wrong == 1).then(|| {
            let right = [sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat();
            let at = (0..8).find(|&at| frame[16 + at] != right[at])?;
            Some(OfSum {
                sum,
                mend: (16 + at, right[at]),
            })
        });
        let of_sum = of_sum.flatten();
        let mends = self.wrong_bits(frame, sum, stored);
        let mut right = [0; 8];
        right.copy_from_slice(&frame[..8]);
        if let [(at @ 0..8, byte)] = mends[..] {
            right[at] = byte;
        }
        let head = (be32(&right, 0)?, be32(&right, 4)?);
        (of_sum.is_some() || !mends.is_empty()).then_some(Found {
            head,
            sum: stored,
            mends,
            of_sum,
        })
    }

    /// Each one bit of what is summed that makes `sum` what it should be: where, and the byte with it. Each word
    /// adds to the sums what it is times a weight, so that a bit is found by its weight alone; of the upper bits of
    /// a word little of the weight is left.
    fn wrong_bits(self, frame: &[u8], sum: Sum, wanted: Sum) -> Vec<(usize, u8)> {
        let mut found = Vec::new();
        let missing = (wanted.0.wrapping_sub(sum.0), wanted.1.wrapping_sub(sum.1));
        // Of the first and the second word of the last pair; each pair before weighs one step more.
        let (mut first, mut second): (Sum, Sum) = ((1, 1), (0, 1));
        let step = |(a, b): Sum| {
            let a = a.wrapping_add(b);
            (a, b.wrapping_add(a))
        };
        let pairs = (FRAME..frame.len()).step_by(8).rev().chain([0]);
        for place in pairs {
            for (weight, at) in [(first, place), (second, place + 4)] {
                let word = self.word(&frame[at..at + 4]);
                for bit in 0..32 {
                    let one = 1_u32 << bit;
                    // The bit that is set was not, and the other way round.
                    let change = match word & one {
                        0 => one,
                        _ => one.wrapping_neg(),
                    };
                    let adds = (change.wrapping_mul(weight.0), change.wrapping_mul(weight.1));
                    if adds == missing {
                        let byte = match self.is_big {
                            true => 3 - bit / 8,
                            false => bit / 8,
                        };
                        let at = at + byte as usize;
                        found.push((at, frame[at] ^ (1 << (bit % 8))));
                    }
                }
            }
            (first, second) = (step(first), step(second));
        }
        found
    }
}

/// How many bits differ.
fn bits(one: &[u8], other: &[u8]) -> u32 {
    let pairs = one.iter().zip(other);
    pairs.map(|(a, b)| (a ^ b).count_ones()).sum()
}
