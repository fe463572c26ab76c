//! Errors counted by the people who made them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::interval::{clopper_pearson, student_t};

/// With errors of fewer people than this, how errors cluster can't be seen from them.
const FEW_PEOPLE: usize = 10;

/// Trials and errors, and whose they were.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    trials: u64,
    errors: u64,
    by_person: BTreeMap<usize, Count>,
    by_pair: BTreeMap<(usize, usize), Count>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    trials: f64,
    errors: f64,
}

impl Count {
    fn add(&mut self, is_error: bool) {
        self.trials += 1.0;
        self.errors += f64::from(u8::from(is_error));
    }

    /// How far the errors lie from what this rate would give.
    fn residual(self, rate: f64) -> f64 {
        self.errors - rate * self.trials
    }
}

/// A rate as ISO/IEC 19795-1 wants it reported: the counts behind it, and how certain it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// How often it happened: an error, unless the rate is one of acceptance.
    pub count: u64,
    /// How often it was tried.
    pub trials: u64,
    /// Different people behind the trials.
    pub people: usize,
    /// Those of them in whose trials it happened.
    pub people_counted: usize,
    /// Share of the trials; none where there were none.
    pub rate: Option<f64>,
    /// Lower end of the 95 % interval by person.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Tally {
    /// Counts a trial that one person alone is behind: a visit, a picture, two pictures of the same person.
    pub fn add(&mut self, person: usize, is_error: bool) {
        self.count(is_error);
        self.by_person.entry(person).or_default().add(is_error);
    }

    /// Counts a comparison of two different people.
    pub fn add_pair(&mut self, one: usize, other: usize, is_error: bool) {
        self.count(is_error);
        for person in [one, other] {
            self.by_person.entry(person).or_default().add(is_error);
        }
        let pair = (one.min(other), one.max(other));
        self.by_pair.entry(pair).or_default().add(is_error);
    }

    fn count(&mut self, is_error: bool) {
        self.trials += 1;
        self.errors += u64::from(is_error);
    }

    /// The rate, with a Clopper–Pearson interval by person: the trials count as so many independent ones as the
    /// differences between people allow (Korn and Graubard, Survey Methodology 24, 1998; comparisons of two people
    /// by the dyadic variance of Aronow, Samii and Assenova, Political Analysis 23, 2015). Where fewer than ten
    /// people have an error, each person counts as one trial, however often they were tried.
    pub fn rate(&self) -> Rate {
        let people = self.by_person.len();
        let counted = self.by_person.values().filter(|one| one.errors > 0.0);
        let trials = self.effective_trials();
        let share = self.errors as f64 / self.trials.max(1) as f64;
        let (low, high) = clopper_pearson(share * trials, trials);
        Rate {
            count: self.errors,
            trials: self.trials,
            people,
            people_counted: counted.count(),
            rate: (self.trials > 0).then_some(share),
            low,
            high,
        }
    }

    fn effective_trials(&self) -> f64 {
        let people = self.by_person.len() as f64;
        let trials = self.trials as f64;
        let at_least_one =
            |found: fn(&Count) -> bool| self.by_person.values().filter(|one| found(one)).count();
        let failed = at_least_one(|one| one.errors > 0.0);
        let succeeded = at_least_one(|one| one.errors < one.trials);
        if failed < FEW_PEOPLE || succeeded < FEW_PEOPLE {
            return people.min(trials);
        }
        let rate = self.errors as f64 / trials;
        let squares = |counts: &mut dyn Iterator<Item = &Count>| -> f64 {
            counts.map(|one| one.residual(rate).powi(2)).sum()
        };
        // Two comparisons hang together where they share a person; those that share both were counted twice.
        let sum = squares(&mut self.by_person.values()) - squares(&mut self.by_pair.values());
        let variance = sum.max(0.0) / (trials * trials) * people / (people - 1.0);
        let effective = rate * (1.0 - rate) / variance.max(f64::MIN_POSITIVE);
        let few = student_t(trials - 1.0) / student_t(people - 1.0);
        (effective * few * few).clamp(1.0, trials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visits(people: usize, each: usize, is_error: impl Fn(usize, usize) -> bool) -> Rate {
        let mut tally = Tally::default();
        for person in 0..people {
            for visit in 0..each {
                tally.add(person, is_error(person, visit));
            }
        }
        tally.rate()
    }

    #[test]
    fn without_an_error_only_people_count() {
        let rate = visits(30, 100, |_, _| false);
        assert_eq!(
            (rate.count, rate.trials, rate.people, rate.people_counted),
            (0, 3000, 30, 0)
        );
        assert_eq!(rate.rate, Some(0.0));
        assert_eq!((rate.low, rate.high), clopper_pearson(0.0, 30.0));
    }

    #[test]
    fn nothing_tried_is_nothing_known() {
        let rate = Tally::default().rate();
        assert_eq!((rate.rate, rate.low, rate.high), (None, 0.0, 1.0));
    }

    #[test]
    fn one_trial_a_person_is_the_textbooks_interval() {
        let rate = visits(100, 1, |person, _| person % 4 == 0);
        let (low, high) = clopper_pearson(25.0, 100.0);
        // The variance between people has n − 1 in it.
        assert!(
            (rate.low - low).abs() < 3e-3 && (rate.high - high).abs() < 3e-3,
            "{rate:?}"
        );
    }

    #[test]
    fn errors_of_the_same_people_make_the_interval_wider() {
        let clustered = visits(100, 10, |person, _| person % 10 == 0);
        let scattered = visits(100, 10, |person, visit| person % 10 == visit);
        assert_eq!(clustered.rate, scattered.rate);
        let width = |rate: &Rate| rate.high - rate.low;
        assert!(
            width(&clustered) > 2.5 * width(&scattered),
            "{clustered:?} {scattered:?}"
        );
        // Whoever fails always fails: ten trials of a person show no more than one.
        let (low, high) = clopper_pearson(10.0, 100.0);
        assert!((clustered.low - low).abs() < 5e-3 && (clustered.high - high).abs() < 5e-3);
    }

    #[test]
    fn somebody_like_everybody_makes_pairs_depend_on_each_other() {
        let of = |is_error: fn(usize, usize) -> bool| {
            let mut tally = Tally::default();
            for one in 0..40 {
                for other in one + 1..40 {
                    tally.add_pair(one, other, is_error(one, other));
                }
            }
            tally.rate()
        };
        let wolf = of(|one, _| one == 0);
        let scattered = of(|one, other| (one * 7 + other * 3) % 20 == 0);
        assert_eq!((wolf.count, scattered.trials, wolf.people), (39, 780, 40));
        assert!(wolf.high > scattered.high + 0.03, "{wolf:?} {scattered:?}");
    }

    #[test]
    fn a_few_errors_claim_no_more_than_none() {
        let none = visits(50, 1000, |_, _| false);
        let one = visits(50, 1000, |person, visit| person + visit == 0);
        assert!(one.high >= none.high, "{one:?}");
        assert_eq!((one.count, one.people_counted), (1, 1));
    }
}
