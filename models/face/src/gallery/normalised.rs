//! Thresholds of the normalised score, by gallery size, photos enrolled, frames presented and FMR.

use std::collections::BTreeMap;

use super::calibration::{CalibrationError, Cell, count, real};
use super::curve::{Curve, Point};

const HEAD: &str = "gallery,enrolled,frames,fmr,score,genuine_accepted,plain_unit_tolerance,\
                    plain_genuine_accepted,impostor_trials";

/// The normalised score's curves, and the plain distance's in the same galleries.
#[derive(Debug, Default)]
pub(crate) struct Normalised(BTreeMap<Cell, BTreeMap<usize, Pair>>);

#[derive(Debug, Default)]
struct Pair {
    score: Curve,
    distance: Curve,
}

/// The score that is a match, and what is needed for its margin.
pub(crate) struct Threshold<'a> {
    pub(crate) score: f64,
    pub(crate) curve: &'a Curve,
}

impl Normalised {
    /// Reads the text of `calibration-normalised.csv`.
    pub(crate) fn parse(text: &str) -> Result<Self, CalibrationError> {
        let failed = |line: usize, why: &str| CalibrationError {
            line,
            why: why.to_owned(),
        };
        let mut lines = text.lines().zip(1..);
        if lines.next().map(|(head, _)| head.trim()) != Some(HEAD) {
            return Err(failed(
                1,
                "the head is not that of calibration-normalised.csv",
            ));
        }
        let mut all = Self::default();
        for (row, line) in lines {
            let fields: Vec<&str> = row.trim().split(',').collect();
            let [
                gallery,
                enrolled,
                frames,
                fmr,
                score,
                accepted,
                distance,
                beside,
                _,
            ] = fields[..]
            else {
                return Err(failed(line, "nine columns are expected"));
            };
            let counts = (count(gallery), count(enrolled), count(frames));
            let (Some(gallery), Some(enrolled), Some(frames)) = counts else {
                return Err(failed(line, "a number is missing or out of range"));
            };
            let score = score.parse().ok().filter(|value: &f64| value.abs() < 100.0);
            let values = (
                real(fmr),
                score,
                real(accepted),
                real(distance),
                real(beside),
            );
            let (Some(fmr), Some(score), Some(accepted), Some(distance), Some(beside)) = values
            else {
                return Err(failed(line, "a number is missing or out of range"));
            };
            let pair = all
                .0
                .entry(Cell { enrolled, frames })
                .or_default()
                .entry(gallery)
                .or_default();
            pair.score.push(Point::new(fmr, score, accepted));
            pair.distance.push(Point::new(fmr, distance, beside));
        }
        Ok(all)
    }

    /// The threshold for these photos and frames in a gallery of so many people, where it was measured in one no
    /// larger and accepted more genuine people than the plain distance did. A larger gallery than was measured
    /// has the threshold of the largest, which is the stricter one.
    pub(crate) fn threshold(
        &self,
        photos: usize,
        frames: usize,
        fmr: f64,
        people: usize,
    ) -> Option<Threshold<'_>> {
        // Fewer photos and more frames: both make a threshold stricter.
        let fitting = self
            .0
            .iter()
            .filter(|(cell, _)| cell.enrolled <= photos && cell.frames >= frames);
        let (_, sizes) =
            fitting.min_by_key(|(cell, _)| (cell.frames, usize::MAX - cell.enrolled))?;
        let (below, pair) = sizes.range(..=people).next_back()?;
        let measured = fmr.ln().max(pair.score.end());
        if pair.score.accepted(measured) <= pair.distance.accepted(measured) {
            return None;
        }
        let strict = pair.score.limit(fmr.ln());
        let score = match sizes.range(people..).next() {
            Some((above, larger)) if above > below => {
                let part =
                    (people as f64 / *below as f64).ln() / (*above as f64 / *below as f64).ln();
                strict + part * (larger.score.limit(fmr.ln()) - strict).max(0.0)
            }
            _ => strict,
        };
        Some(Threshold {
            score,
            curve: &pair.score,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn shipped() -> Normalised {
        Normalised::parse(include_str!("../../../calibration-normalised.csv")).unwrap()
    }

    fn score(photos: usize, frames: usize, fmr: f64, people: usize) -> Option<f64> {
        let shipped = shipped();
        let found = shipped.threshold(photos, frames, fmr, people);
        found.map(|found| found.score)
    }

    #[rstest]
    #[case(1, 1, 1e-5, 200, -3.327)]
    #[case(1, 1, 1e-5, 400, -2.893)]
    #[case(3, 1, 3e-6, 400, -2.698)]
    // Larger than was measured: as the largest.
    #[case(3, 1, 3e-6, 4000, -2.698)]
    // Photos between two rows: as the fewer.
    #[case(4, 1, 3e-6, 400, -2.698)]
    fn measured_rows_are_met(
        #[case] photos: usize,
        #[case] frames: usize,
        #[case] fmr: f64,
        #[case] people: usize,
        #[case] wanted: f64,
    ) {
        let found = score(photos, frames, fmr, people).unwrap();
        assert!((found - wanted).abs() < 1e-9, "{found}");
    }

    #[test]
    fn between_two_sizes_and_beyond_the_lowest_fmr() {
        let between = score(1, 1, 1e-5, 283).unwrap();
        assert!((between + 3.11).abs() < 0.01, "{between}");
        // 0.503 for 3 times less, and on as steeply.
        let beyond = score(1, 1, 1e-6, 400).unwrap();
        assert!(beyond < -3.396 - 0.45 && beyond > -3.396 - 0.5, "{beyond}");
    }

    #[rstest]
    // A small gallery is a poor cohort.
    #[case(1, 1, 1e-5, 100)]
    #[case(3, 3, 1e-5, 100)]
    #[case(1, 1, 1e-4, 19)]
    // With several frames the distance alone accepts more.
    #[case(3, 2, 1e-5, 400)]
    #[case(3, 3, 1e-5, 400)]
    // Not measured.
    #[case(1, 3, 1e-5, 400)]
    #[case(3, 4, 1e-5, 400)]
    fn where_it_does_not_pay_there_is_none(
        #[case] photos: usize,
        #[case] frames: usize,
        #[case] fmr: f64,
        #[case] people: usize,
    ) {
        assert_eq!(score(photos, frames, fmr, people), None);
    }

    #[test]
    fn tables_that_are_none_are_refused_in_words() {
        let error = |text: &str| Normalised::parse(text).unwrap_err().to_string();
        assert_eq!(
            error("a,b\n"),
            "line 1: the head is not that of calibration-normalised.csv"
        );
        assert_eq!(
            error(&format!("{HEAD}\n20,1\n")),
            "line 2: nine columns are expected"
        );
        assert_eq!(
            error(&format!("{HEAD}\n20,1,1,0.01,inf,1,1,1,1\n")),
            "line 2: a number is missing or out of range"
        );
    }
}
