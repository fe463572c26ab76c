//! Who is nearest, exactly: every template is compared.

use crate::embed::DIMENSION;

/// Sums that are added up side by side, so that the compiler uses the machine's vectors for them.
const LANES: usize = 16;

/// Templates at unit length, those of a person side by side.
#[derive(Default)]
pub(super) struct Shelf {
    values: Vec<[f32; DIMENSION]>,
    /// Whose each is: a person's number, never falling.
    owners: Vec<usize>,
}

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
    pub(super) fn push(&mut self, unit: [f32; DIMENSION], owner: usize) {
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
    /// templates, without one person.
    pub(super) fn nearest(
        &self,
        unit: &[f32; DIMENSION],
        most: usize,
        without: Option<usize>,
    ) -> Vec<Near> {
        let mut nearest: Vec<(f32, usize)> = Vec::with_capacity(most + 1);
        let mut least = f32::NEG_INFINITY;
        let mut start = 0;
        for one in self.owners.chunk_by(|a, b| a == b) {
            let templates = start..start + one.len();
            start = templates.end;
            let mut best = (f32::NEG_INFINITY, templates.start);
            for (number, template) in templates.clone().zip(&self.values[templates]) {
                let likeness = dot(template, unit);
                if likeness > best.0 {
                    best = (likeness, number);
                }
            }
            if best.0 > least && without != Some(one[0]) {
                let at = nearest.partition_point(|known| known.0 >= best.0);
                nearest.insert(at, best);
                nearest.truncate(most);
                if nearest.len() == most {
                    least = nearest.last().map_or(least, |last| last.0);
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Knuth's MMIX generator: its high bits are random enough for this.
    struct Random(u64);

    impl Random {
        fn value(&mut self) -> f32 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        }

        fn below(&mut self, end: usize) -> usize {
            (((self.value() + 0.5) * end as f32) as usize).min(end - 1)
        }

        fn unit(&mut self) -> [f32; DIMENSION] {
            let values: [f32; DIMENSION] = std::array::from_fn(|_| self.value());
            let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
            values.map(|value| value / length)
        }
    }

    /// Everybody's distance, by the textbook, in twice the precision.
    fn naive(shelf: &Shelf, unit: &[f32; DIMENSION]) -> Vec<f64> {
        let mut people: Vec<f64> = Vec::new();
        for number in 0..shelf.len() {
            let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
            let template = shelf.template(number);
            let distance = template.iter().zip(unit).map(square).sum::<f64>().sqrt();
            match people.get_mut(shelf.owner(number)) {
                Some(least) => *least = least.min(distance),
                None => people.push(distance),
            }
        }
        people
    }

    /// How many queries: `LIMEN_QUERIES`, or as many as take a second.
    #[expect(
        clippy::disallowed_methods,
        reason = "a longer run is asked for by a variable"
    )]
    fn queries() -> usize {
        std::env::var("LIMEN_QUERIES").map_or(10_000, |count| count.parse().unwrap())
    }

    #[test]
    fn search_finds_the_two_people_that_a_naive_one_finds() {
        // What float32 leaves open.
        const OFF: f64 = 2e-6;
        let mut random = Random(4);
        for _ in 0..queries().div_ceil(200) {
            let mut shelf = Shelf::default();
            let people = 1 + random.below(1000);
            for person in 0..people {
                // Some have two templates.
                for _ in 0..1 + random.below(8) / 7 {
                    shelf.push(random.unit(), person);
                }
            }
            for _ in 0..200 {
                let query = random.unit();
                let found = shelf.nearest(&query, 2, None);
                let distances = naive(&shelf, &query);
                let mut sorted = distances.clone();
                sorted.sort_by(f64::total_cmp);
                assert_eq!(found.len(), people.min(2));
                for (near, wanted) in found.iter().zip(sorted) {
                    assert!((distances[near.person] - wanted).abs() < OFF);
                    assert!((f64::from(near.distance) - wanted).abs() < OFF);
                }
                assert!(found.windows(2).all(|two| two[0].person != two[1].person));
            }
        }
    }

    #[test]
    fn a_person_counts_once_and_may_be_left_out() {
        let along = |axis: usize, slant: f32| {
            let mut values = [0.0; DIMENSION];
            values[0] = (1.0 - slant * slant).sqrt();
            values[axis] = slant;
            values
        };
        let mut shelf = Shelf::default();
        for (template, owner) in [(along(1, 0.1), 0), (along(2, 0.2), 0), (along(3, 0.3), 1)] {
            shelf.push(template, owner);
        }
        let people = |near: Vec<Near>| near.iter().map(|one| one.person).collect::<Vec<_>>();
        assert_eq!(people(shelf.nearest(&along(1, 0.0), 5, None)), [0, 1]);
        assert_eq!(people(shelf.nearest(&along(1, 0.0), 5, Some(0))), [1]);
        let same = shelf.nearest(&along(1, 0.1), 1, None)[0];
        assert_eq!((same.template, same.distance < 1e-3), (0, true));
    }
}
