//! Scores of comparisons, and what every tolerance would make of them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{RULE_OF, Rate, Tally};

/// The FMR at which the TAR is asked for.
pub const RATES: [f64; 5] = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

/// Scores of genuine and impostor comparisons on one scale, the smaller the more alike. Impostors' are kept in
/// bins, so that any number of them takes no more memory.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Person and score.
    genuine: Vec<(usize, f64)>,
    impostors: Vec<u64>,
    lowest: f64,
    step: f64,
    comparisons: u64,
    pairs: BTreeSet<(usize, usize)>,
}

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Scores up to this are matches.
    pub tolerance: f64,
    /// Share of impostor comparisons that match.
    pub fmr: f64,
    /// Share of genuine comparisons that don't.
    pub fnmr: f64,
}

/// The true accept rate at an FMR, or how many pairs of people did not show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TarAt {
    /// The false match rate that is asked for.
    pub fmr: f64,
    /// Scores up to this are matches.
    pub tolerance: Option<f64>,
    /// Share of genuine comparisons that match, with its interval by person.
    pub tar: Option<Rate>,
    /// Pairs of different people that were compared, when they are too few to show this FMR.
    pub not_shown_by_pairs: Option<usize>,
}

const BINS: usize = 100_000;

impl Curve {
    /// No scores yet; those to come lie within this range, or count as at its ends.
    pub fn within(lowest: f64, highest: f64) -> Self {
        Self {
            genuine: Vec::new(),
            impostors: vec![0; BINS],
            lowest,
            step: (highest - lowest) / BINS as f64,
            comparisons: 0,
            pairs: BTreeSet::new(),
        }
    }

    /// Adds a comparison of a person with themselves.
    pub fn add_genuine(&mut self, person: usize, score: f64) {
        self.genuine.push((person, score));
    }

    /// Adds a comparison of two different people.
    pub fn add_impostors(&mut self, one: usize, other: usize, score: f64) {
        let bin = ((score - self.lowest) / self.step).clamp(0.0, (BINS - 1) as f64) as usize;
        self.impostors[bin] += 1;
        self.comparisons += 1;
        self.pairs.insert((one.min(other), one.max(other)));
    }

    /// Comparisons of people with themselves.
    pub fn genuine(&self) -> usize {
        self.genuine.len()
    }

    /// Comparisons of two different people.
    pub fn impostors(&self) -> u64 {
        self.comparisons
    }

    /// Pairs of different people among them. Several comparisons of the same two are not independent.
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// The lowest FMR of which these pairs say anything; more than 1 where there are none.
    pub fn lowest_fmr(&self) -> f64 {
        RULE_OF / self.pairs.len() as f64
    }

    /// The tolerance with the most matches at no more than this FMR: the end of a bin.
    fn tolerance_at(&self, fmr: f64) -> f64 {
        let allowed = (fmr * self.comparisons as f64).floor() as u64;
        let mut matches = 0;
        for (bin, count) in self.impostors.iter().enumerate() {
            matches += count;
            if matches > allowed {
                return self.lowest + bin as f64 * self.step;
            }
        }
        self.lowest + BINS as f64 * self.step
    }

    /// The TAR at an FMR, as far as the pairs of people show it.
    pub fn tar_at(&self, fmr: f64) -> TarAt {
        if self.genuine.is_empty() || fmr < self.lowest_fmr() {
            return TarAt {
                fmr,
                tolerance: None,
                tar: None,
                not_shown_by_pairs: Some(self.pairs.len()),
            };
        }
        let tolerance = self.tolerance_at(fmr);
        let mut accepted = Tally::default();
        for &(person, score) in &self.genuine {
            accepted.add(person, score <= tolerance);
        }
        TarAt {
            fmr,
            tolerance: Some(tolerance),
            tar: Some(accepted.rate()),
            not_shown_by_pairs: None,
        }
    }

    /// The curve from the lowest FMR that can be shown up to 1.
    pub fn points(&self) -> Vec<Point> {
        let mut genuine: Vec<f64> = self.genuine.iter().map(|&(_, score)| score).collect();
        genuine.sort_by(f64::total_cmp);
        if genuine.is_empty() || self.comparisons == 0 {
            return Vec::new();
        }
        let (mut points, mut matches) = (Vec::new(), 0);
        for (bin, count) in self.impostors.iter().enumerate() {
            matches += count;
            let fmr = matches as f64 / self.comparisons as f64;
            if *count == 0 || fmr < self.lowest_fmr() {
                continue;
            }
            let tolerance = self.lowest + (bin + 1) as f64 * self.step;
            let accepted = genuine.partition_point(|&score| score <= tolerance);
            let fnmr = 1.0 - accepted as f64 / genuine.len() as f64;
            points.push(Point {
                tolerance,
                fmr,
                fnmr,
            });
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1,000 pairs of people at 0.5 to 1.0, and ten people who come as near to themselves as 0.1, 0.2 … 1.0.
    fn curve() -> Curve {
        let mut curve = Curve::within(0.0, 2.0);
        for one in 0..1000 {
            curve.add_impostors(one, one + 1, 0.5 + 0.0005 * one as f64);
        }
        for person in 0..10 {
            curve.add_genuine(person, 0.1 * (person + 1) as f64);
        }
        curve
    }

    #[test]
    fn an_fmr_is_claimed_down_to_three_in_so_many_pairs() {
        let curve = curve();
        assert!(curve.tar_at(3e-3).tar.is_some());
        let refused = curve.tar_at(1e-3);
        assert_eq!(
            (refused.tar, refused.not_shown_by_pairs),
            (None, Some(1000))
        );
    }

    #[test]
    fn the_same_two_people_again_show_no_more() {
        let mut curve = curve();
        for _ in 0..100_000 {
            curve.add_impostors(3, 4, 1.0);
        }
        assert_eq!((curve.pairs(), curve.impostors()), (1000, 101_000));
        assert_eq!(curve.tar_at(1e-3).tar, None);
    }

    #[test]
    fn the_tolerance_lets_no_more_impostors_match_than_asked() {
        let at = curve().tar_at(0.1);
        let tolerance = at.tolerance.unwrap();
        // The hundred nearest impostors lie below 0.55.
        assert!((tolerance - 0.55).abs() < 1e-4, "{tolerance}");
        let tar = at.tar.unwrap();
        assert_eq!((tar.count, tar.trials), (5, 10));
    }

    #[test]
    fn along_the_curve_one_rate_rises_as_the_other_falls() {
        let points = curve().points();
        assert!(points.first().unwrap().fmr >= 3e-3);
        assert_eq!(points.last().unwrap().fmr, 1.0);
        let monotonic = |pair: &[Point]| pair[0].fmr < pair[1].fmr && pair[0].fnmr >= pair[1].fnmr;
        assert!(points.windows(2).all(monotonic));
    }
}
