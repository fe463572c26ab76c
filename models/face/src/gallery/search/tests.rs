use rstest::rstest;

use super::*;

/// Queries of each gallery.
const QUERIES: usize = 200;

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
        scaled(std::array::from_fn(|_| self.value()))
    }

    /// A vector that is so far from this one, or nearer.
    fn around(&mut self, unit: &[f32; DIMENSION], most: f32) -> [f32; DIMENSION] {
        let step = most / (DIMENSION as f32).sqrt();
        scaled(unit.map(|value| value + 2.0 * step * self.value()))
    }

    /// Up to 1,000 people. Some have two templates. Some have what others have, to the last bit or in all but the
    /// last bits, which 16 can't tell apart.
    fn shelf(&mut self) -> Shelf {
        let mut shelf = Shelf::with_capacity(0);
        for person in 0..1 + self.below(1000) {
            for _ in 0..1 + self.below(8) / 7 {
                let unit = match self.below(8) {
                    0 if shelf.len() > 0 => *shelf.template(self.below(shelf.len())),
                    1 if shelf.len() > 0 => {
                        let other = *shelf.template(self.below(shelf.len()));
                        self.around(&other, 1e-4)
                    }
                    _ => self.unit(),
                };
                shelf.push(unit, person);
            }
        }
        shelf
    }

    /// A stranger, somebody of the gallery on another day, or the very template.
    fn query(&mut self, shelf: &Shelf) -> [f32; DIMENSION] {
        let template = *shelf.template(self.below(shelf.len()));
        match self.below(4) {
            0 => self.around(&template, 0.6),
            1 => template,
            _ => self.unit(),
        }
    }
}

fn scaled(values: [f32; DIMENSION]) -> [f32; DIMENSION] {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.map(|value| value / length)
}

/// Every template in turn, then every person in turn.
fn naive(
    shelf: &Shelf,
    unit: &[f32; DIMENSION],
    most: usize,
    without: Option<usize>,
) -> Vec<(usize, f32)> {
    let mut people: Vec<(f32, usize)> = Vec::new();
    for number in 0..shelf.len() {
        let likeness = dot(shelf.template(number), unit);
        match people.get_mut(shelf.owner(number)) {
            Some(best) if likeness > best.0 => *best = (likeness, number),
            Some(_) => {}
            None => people.push((likeness, number)),
        }
    }
    if let Some(person) = without {
        people[person].0 = f32::NEG_INFINITY;
    }
    let mut nearest = Vec::new();
    for _ in 0..most.min(people.len() - usize::from(without.is_some())) {
        let mut best = 0;
        for (person, one) in people.iter().enumerate() {
            if one.0 > people[best].0 {
                best = person;
            }
        }
        let (likeness, template) = people[best];
        nearest.push((template, (2.0 - 2.0 * likeness).max(0.0).sqrt()));
        people[best].0 = f32::NEG_INFINITY;
    }
    nearest
}

/// How many queries: `LIMEN_QUERIES`, or as many as take a second or two.
#[expect(
    clippy::disallowed_methods,
    reason = "a longer run is asked for by a variable"
)]
fn queries() -> usize {
    std::env::var("LIMEN_QUERIES").map_or(50_000, |count| count.parse().unwrap())
}

/// To the last bit, so that the first look, at 16 bits, is seen to lose nobody.
#[test]
fn search_finds_the_two_people_that_a_naive_one_finds() {
    let mut random = Random(4);
    for _ in 0..queries().div_ceil(QUERIES) {
        let shelf = random.shelf();
        for _ in 0..QUERIES {
            let query = random.query(&shelf);
            let found: Vec<_> = shelf.nearest(&query, 2, None);
            let found: Vec<_> = found
                .iter()
                .map(|near| (near.template, near.distance))
                .collect();
            assert_eq!(found, naive(&shelf, &query, 2, None));
        }
    }
}

#[rstest]
#[case(0)]
#[case(1)]
#[case(11)]
#[case(2000)]
fn however_many_are_looked_for_and_whoever_is_left_out(#[case] most: usize) {
    let mut random = Random(5);
    for _ in 0..20 {
        let shelf = random.shelf();
        for _ in 0..QUERIES / 10 {
            let query = random.query(&shelf);
            let owner = shelf.owner(random.below(shelf.len()));
            for without in [None, Some(owner)] {
                let found = shelf.nearest(&query, most, without);
                assert!(
                    found
                        .iter()
                        .all(|near| near.person == shelf.owner(near.template))
                );
                let found: Vec<_> = found
                    .iter()
                    .map(|near| (near.template, near.distance))
                    .collect();
                assert_eq!(found, naive(&shelf, &query, most, without));
            }
        }
    }
}

/// By the textbook, in twice the precision.
#[test]
fn a_distance_is_what_the_textbook_says() {
    let mut random = Random(6);
    for _ in 0..10_000 {
        let [a, b] = [random.unit(), random.unit()];
        let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
        let wanted = a.iter().zip(&b).map(square).sum::<f64>().sqrt();
        let mut shelf = Shelf::with_capacity(0);
        shelf.push(a, 0);
        let found = shelf.nearest(&b, 1, None)[0].distance;
        assert!((f64::from(found) - wanted).abs() < 2e-6);
    }
}

/// All components lie half a step from a whole one, on the same side: nothing is rounded worse.
#[test]
fn what_16_bits_may_be_off_is_not_much_less_than_what_is_allowed_for() {
    // So many of 2896.49 steps and the rest of 2895.49 have length 1 together.
    let worst = std::array::from_fn(|at| if at < 93 { 2896.49 } else { 2895.49 } / ONE);
    let length: f32 = worst.iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
    let steps = rough_dot(&rough(&worst), &rough(&worst));
    let off = f64::from(dot(&worst, &worst)) - f64::from(steps) / f64::from(ONE).powi(2);
    assert!(off > 0.9 * OFF && off < OFF, "{off}");
}

#[test]
fn the_largest_product_of_16_bits_fits() {
    let along: [f32; DIMENSION] = std::array::from_fn(|at| if at == 0 { -1.0 } else { 0.0 });
    let across = [1.0 / (DIMENSION as f32).sqrt(); DIMENSION];
    for unit in [along, across] {
        let likeness = rough_dot(&rough(&unit), &rough(&unit));
        let whole = f64::from(likeness) / f64::from(ONE).powi(2);
        assert!((whole - 1.0).abs() < OFF, "{whole}");
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
    let mut shelf = Shelf::with_capacity(0);
    for (template, owner) in [(along(1, 0.1), 0), (along(2, 0.2), 0), (along(3, 0.3), 1)] {
        shelf.push(template, owner);
    }
    let people = |near: Vec<Near>| near.iter().map(|one| one.person).collect::<Vec<_>>();
    assert_eq!(people(shelf.nearest(&along(1, 0.0), 5, None)), [0, 1]);
    assert_eq!(people(shelf.nearest(&along(1, 0.0), 5, Some(0))), [1]);
    let same = shelf.nearest(&along(1, 0.1), 1, None)[0];
    assert_eq!((same.template, same.distance < 1e-3), (0, true));
}
