//! Who is nearest, exactly: every template is compared.
//!
//! First by components of 16 bits, which are half as much to read and a quarter of the work. How far that may be off
//! is known, so whoever could be among the nearest is compared once more by components of 32 bits, and these alone
//! decide: what is found is what would be found without the first look.

use crate::embed::DIMENSION;

/// Sums that are added up side by side, so that the compiler uses the machine's vectors for them.
const LANES: usize = 16;
/// The same for components of 16 bits: as many as SSE2 and NEON multiply at once.
const ROUGH_LANES: usize = 8;

/// The component 1 in 16 bits. No vector of length 1 has a larger one, and the product of two, `ONE` squared at most,
/// fits into 32 bits.
const ONE: f32 = i16::MAX as f32;
/// How far the product of two rough vectors may be from that of the vectors themselves: rounding moves each by half a
/// step in every dimension at most, by √128 / 2 steps or 1.73e-4, and so the product by 3.46e-4. What is more is for
/// the rounding of float32 (1.5e-6) and for lengths that are 1 but for that.
const OFF: f64 = 3.6e-4;

/// Templates at unit length, those of a person side by side.
pub(super) struct Shelf {
    values: Vec<[f32; DIMENSION]>,
    rough: Vec<Rough>,
    /// Whose each is: a person's number, never falling.
    owners: Vec<usize>,
}

/// A vector at unit length, each component in steps of 1 / [`ONE`].
type Rough = [i16; DIMENSION];

/// A person's nearest template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Near {
    /// Number of the template.
    pub(crate) template: usize,
    /// Number of its owner.
    pub(crate) person: usize,
    /// Distance at unit length.
    pub(crate) distance: f32,
}

impl Shelf {
    pub(super) fn with_capacity(templates: usize) -> Self {
        Self {
            values: Vec::with_capacity(templates),
            rough: Vec::with_capacity(templates),
            owners: Vec::with_capacity(templates),
        }
    }

    /// Adds a template of the last one's owner, or of the next person.
    pub(super) fn push(&mut self, unit: [f32; DIMENSION], owner: usize) {
        self.rough.push(rough(&unit));
        self.values.push(unit);
        self.owners.push(owner);
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn template(&self, number: usize) -> &[f32; DIMENSION] {
        &self.values[number]
    }

    pub(super) fn owner(&self, number: usize) -> usize {
        self.owners[number]
    }

    /// The `most` people nearest to a vector at unit length, the nearest first, each with the nearest of their
    /// templates, without one person. Of templates that are as near the first pushed counts.
    pub(super) fn nearest(
        &self,
        unit: &[f32; DIMENSION],
        most: usize,
        without: Option<usize>,
    ) -> Vec<Near> {
        let mut nearest: Vec<(f32, usize)> = Vec::new();
        // Who is no nearer is not among them: by the vectors, and by the rough ones.
        let (mut least, mut rough_least) = (f32::NEG_INFINITY, i32::MIN);
        let mut latest = None;
        let rough_unit = rough(unit);
        let mut start = 0;
        while let Some(ahead) = first_above(&self.rough[start..], &rough_unit, rough_least) {
            let number = start + ahead;
            start = number + 1;
            let likeness = dot(&self.values[number], unit);
            let owner = self.owners[number];
            if likeness <= least || without == Some(owner) {
                continue;
            }
            // Only who came in last can have come in by another template.
            let known = |near: &(f32, usize)| self.owners[near.1] == owner;
            if latest == Some(owner)
                && let Some(at) = nearest.iter().position(known)
            {
                if likeness <= nearest[at].0 {
                    continue;
                }
                nearest.remove(at);
            }
            latest = Some(owner);
            let at = nearest.partition_point(|known| known.0 >= likeness);
            nearest.insert(at, (likeness, number));
            nearest.truncate(most);
            if nearest.len() == most
                && let Some(last) = nearest.last()
            {
                least = last.0;
                rough_least = at_most(least);
            }
        }
        let near = |(likeness, template): (f32, usize)| Near {
            template,
            person: self.owners[template],
            // Both have length 1.
            distance: (2.0 - 2.0 * likeness).max(0.0).sqrt(),
        };
        nearest.into_iter().map(near).collect()
    }
}

/// The inner product.
fn dot(a: &[f32; DIMENSION], b: &[f32; DIMENSION]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a, b) = (a.as_chunks::<LANES>().0, b.as_chunks::<LANES>().0);
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

fn rough(unit: &[f32; DIMENSION]) -> Rough {
    // As `round` does it, which is a call for each where the machine has no instruction for it.
    unit.map(|value| (value * ONE + 0.5_f32.copysign(value)) as i16)
}

/// Which is the first whose product with a vector is larger than this. A function of its own, so that the compiler
/// keeps in registers what the loop needs.
#[inline(never)]
fn first_above(all: &[Rough], unit: &Rough, limit: i32) -> Option<usize> {
    all.iter().position(|one| rough_dot(one, unit) > limit)
}

/// The inner product, in steps of 1 / [`ONE`] squared. It can't overflow, and the compiler need not check.
fn rough_dot(a: &Rough, b: &Rough) -> i32 {
    let mut sums = [0_i32; ROUGH_LANES];
    let (a, b) = (
        a.as_chunks::<ROUGH_LANES>().0,
        b.as_chunks::<ROUGH_LANES>().0,
    );
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = sum.wrapping_add(i32::from(*a).wrapping_mul(i32::from(*b)));
        }
    }
    sums.into_iter().fold(0, i32::wrapping_add)
}

/// The largest product of rough vectors with which that of the vectors is surely no more than this.
fn at_most(likeness: f32) -> i32 {
    ((f64::from(likeness) - OFF) * f64::from(ONE).powi(2)).floor() as i32
}

#[cfg(test)]
mod tests;
