//! Where distances lie.

use limen_face::gallery::Centre;
use serde::Serialize;

use crate::statistics::RULE_OF;

/// Shares whose quantiles are told, where there are enough independent values.
const SHARES: [f64; 9] = [0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999];

/// Where distances at unit length lie.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    /// How many there are.
    pub comparisons: usize,
    /// How many of them are independent at most: people, or pairs of people.
    pub independent: usize,
    /// As far as these show.
    pub quantiles: Vec<Quantile>,
}

/// A share of the distances lies below a value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantile {
    /// The share.
    pub share: f64,
    /// The value.
    pub distance: f64,
}

impl Distribution {
    /// Sorts the distances.
    pub fn of(distances: &mut [f64], independent: usize) -> Self {
        distances.sort_by(f64::total_cmp);
        let shown = |share: &f64| {
            let tail = share.min(1.0 - share);
            !distances.is_empty() && tail * independent as f64 >= RULE_OF
        };
        let quantile = |share| Quantile {
            share,
            distance: at(distances, share),
        };
        Self {
            comparisons: distances.len(),
            independent,
            quantiles: SHARES.into_iter().filter(shown).map(quantile).collect(),
        }
    }
}

/// The value that a share of sorted values lies below; there is at least one.
fn at(sorted: &[f64], share: f64) -> f64 {
    let place = (share * sorted.len() as f64) as usize;
    sorted[place.min(sorted.len() - 1)]
}

/// The middle of values, and how far they lie from it; none where there are none.
pub fn centre(values: &mut [f64]) -> Option<Centre> {
    let median = middle(values)?;
    let mut away: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    let mad = middle(&mut away)?;
    Some(Centre { median, mad })
}

/// The median.
pub fn middle(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| at(values, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_quantile_is_told_that_too_few_people_show() {
        let shares = |independent| {
            let mut values: Vec<f64> = (0..1000).rev().map(f64::from).collect();
            let found = Distribution::of(&mut values, independent);
            assert_eq!(found.comparisons, 1000);
            let told = found.quantiles.iter();
            told.map(|one| (one.share, one.distance))
                .collect::<Vec<_>>()
        };
        assert_eq!(shares(5), []);
        assert_eq!(shares(6), [(0.5, 500.0)]);
        assert_eq!(shares(12), [(0.25, 250.0), (0.5, 500.0), (0.75, 750.0)]);
        assert_eq!(shares(300).len(), 7);
        assert_eq!(shares(3000)[0], (0.001, 1.0));
        assert_eq!(Distribution::of(&mut [], 0).quantiles, []);
    }

    #[test]
    fn one_who_is_far_away_does_not_move_the_centre() {
        let mut values = [0.5, 0.4, 9.0, 0.6, 0.45];
        let found = centre(&mut values).unwrap();
        assert_eq!(found.median, 0.5);
        assert!((found.mad - 0.1).abs() < 1e-9, "{found:?}");
        assert_eq!(centre(&mut []), None);
    }
}
