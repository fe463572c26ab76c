//! What visits and the comparisons behind them came to.

use std::collections::BTreeSet;

use limen_face::policy::{Comparison, Scale};
use limen_face::{Decision, SecondFactor};
use serde::Serialize;

use super::draw::Visit;
use crate::eval::groups::Groups;
use crate::statistics::{Curve, RATES, Rate, Tally, TarAt};

/// What galleries of one size showed.
#[derive(Serialize)]
pub struct OfGallery {
    /// People enrolled.
    pub gallery: usize,
    /// The group that gallery and strangers are of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What visits came to.
    #[serde(flatten)]
    pub identified: Identified,
    /// The comparisons behind them, one of each visit with each person enrolled.
    pub comparisons: Compared,
    /// The same by group, where a list says groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Groups>,
}

/// What visits came to.
#[derive(Serialize)]
pub struct Identified {
    /// False positive identification rate: visits of strangers that were taken for somebody.
    pub fpir: Rate,
    /// False negative identification rate: visits of people enrolled that did not give their name.
    pub fnir: Rate,
    /// Of these, the visits that gave another's name.
    pub misidentified: Rate,
    /// Visits of people enrolled that were left undecided between two.
    pub ambiguous: u64,
    /// Visits of people enrolled that nobody was known in.
    pub unknown: u64,
    /// Visits of people enrolled that gave their name and want a second factor, for a near-twin in the gallery.
    pub twins: u64,
    /// Visits of strangers that were left undecided between two; no false positives.
    pub strangers_ambiguous: u64,
    /// False positives that a second factor stands behind.
    pub strangers_twins: u64,
}

/// What comparisons came to.
#[derive(Serialize)]
pub struct Compared {
    /// What the policy decided on.
    pub scales: Vec<&'static str>,
    /// Comparisons of people with their own template.
    pub genuine: usize,
    /// Comparisons with another's.
    pub impostors: u64,
    /// Different pairs of people among these.
    pub pairs_of_people: usize,
    /// False match rate at the policy's tolerance, before it looks at who else is near.
    pub fmr: Rate,
    /// False non-match rate there.
    pub fnmr: Rate,
    /// TAR at fixed FMR on the distance at unit length.
    pub tar_of_distance: Vec<TarAt>,
    /// The same on the policy's scale. Tolerances count from the policy's.
    pub tar_of_policy: Vec<TarAt>,
}

/// Counts visits.
#[derive(Default, Clone)]
pub struct Counts {
    pub false_positives: Tally,
    pub false_negatives: Tally,
    misidentified: Tally,
    ambiguous: u64,
    unknown: u64,
    twins: u64,
    strangers_ambiguous: u64,
    strangers_twins: u64,
}

impl Counts {
    pub fn add(&mut self, visit: &Visit, decision: Decision<usize>) {
        let person = visit.person;
        let (named, is_twin) = match decision {
            Decision::Match {
                id, second_factor, ..
            } => (Some(id), second_factor == Some(SecondFactor::Twin)),
            _ => (None, false),
        };
        let is_ambiguous = u64::from(decision == Decision::Ambiguous);
        if visit.is_enrolled {
            self.false_negatives.add(person, named != Some(person));
            self.misidentified
                .add(person, named.is_some_and(|id| id != person));
            self.ambiguous += is_ambiguous;
            self.unknown += u64::from(decision == Decision::Unknown);
            self.twins += u64::from(is_twin && named == Some(person));
        } else {
            self.false_positives.add(person, named.is_some());
            self.strangers_ambiguous += is_ambiguous;
            self.strangers_twins += u64::from(is_twin);
        }
    }

    pub fn rates(&self) -> Identified {
        Identified {
            fpir: self.false_positives.rate(),
            fnir: self.false_negatives.rate(),
            misidentified: self.misidentified.rate(),
            ambiguous: self.ambiguous,
            unknown: self.unknown,
            twins: self.twins,
            strangers_ambiguous: self.strangers_ambiguous,
            strangers_twins: self.strangers_twins,
        }
    }
}

/// Counts comparisons.
pub struct Comparisons {
    scales: BTreeSet<&'static str>,
    false_matches: Tally,
    false_non_matches: Tally,
    distance: Curve,
    pub on_policy_scale: Curve,
}

impl Default for Comparisons {
    fn default() -> Self {
        Self {
            scales: BTreeSet::new(),
            false_matches: Tally::default(),
            false_non_matches: Tally::default(),
            distance: Curve::within(0.0, 2.0),
            // Distances lie within 2 of each other, normalised scores within some standard deviations.
            on_policy_scale: Curve::within(-10.0, 10.0),
        }
    }
}

impl Comparisons {
    /// Takes what a visit of this person was compared with.
    pub fn add(&mut self, person: usize, compared: &[Comparison<usize>]) {
        for one in compared {
            self.scales.insert(name(one.scale));
            let from_limit = one.effective - one.most;
            if one.id == person {
                self.false_non_matches.add(person, from_limit > 0.0);
                self.distance.add_genuine(person, one.distance.into());
                self.on_policy_scale.add_genuine(person, from_limit);
            } else {
                self.false_matches
                    .add_pair(person, one.id, from_limit <= 0.0);
                self.distance
                    .add_impostors(person, one.id, one.distance.into());
                self.on_policy_scale
                    .add_impostors(person, one.id, from_limit);
            }
        }
    }

    pub fn rates(&self) -> Compared {
        let tar = |curve: &Curve| RATES.iter().map(|&fmr| curve.tar_at(fmr)).collect();
        Compared {
            scales: self.scales.iter().copied().collect(),
            genuine: self.distance.genuine(),
            impostors: self.distance.impostors(),
            pairs_of_people: self.distance.pairs(),
            fmr: self.false_matches.rate(),
            fnmr: self.false_non_matches.rate(),
            tar_of_distance: tar(&self.distance),
            tar_of_policy: tar(&self.on_policy_scale),
        }
    }
}

fn name(scale: Scale) -> &'static str {
    match scale {
        Scale::Distance => "distance at unit length",
        Scale::Crowd => "distance and crowd",
        Scale::Normalised => "normalised score",
    }
}

#[cfg(test)]
mod tests {
    use limen_face::Grade;

    use super::*;

    fn visit(person: usize, is_enrolled: bool) -> Visit {
        Visit {
            person,
            is_enrolled,
            pictures: Vec::new(),
        }
    }

    fn named(id: usize, second_factor: Option<SecondFactor>) -> Decision<usize> {
        Decision::Match {
            id,
            grade: Grade::Clear,
            second_factor,
        }
    }

    #[test]
    fn every_answer_is_counted_where_it_belongs() {
        let mut counts = Counts::default();
        for decision in [
            named(1, None),
            named(1, Some(SecondFactor::Twin)),
            named(2, None),
            Decision::Ambiguous,
            Decision::Unknown,
        ] {
            counts.add(&visit(1, true), decision);
            counts.add(&visit(7, false), decision);
        }
        let rates = counts.rates();
        assert_eq!(
            (
                rates.fnir.count,
                rates.fnir.trials,
                rates.misidentified.count
            ),
            (3, 5, 1)
        );
        assert_eq!((rates.ambiguous, rates.unknown, rates.twins), (1, 1, 1));
        assert_eq!((rates.fpir.count, rates.fpir.trials), (3, 5));
        assert_eq!((rates.strangers_ambiguous, rates.strangers_twins), (1, 1));
    }

    #[test]
    fn comparisons_match_up_to_the_policys_tolerance() {
        let to = |id, effective| Comparison {
            id,
            photos: 3,
            scale: Scale::Crowd,
            distance: 0.4,
            effective,
            most: 0.3,
        };
        let mut comparisons = Comparisons::default();
        comparisons.add(1, &[to(1, 0.3), to(2, 0.3), to(3, f64::INFINITY)]);
        comparisons.add(2, &[to(2, 0.31)]);
        let rates = comparisons.rates();
        assert_eq!(
            (rates.fmr.count, rates.fmr.trials, rates.pairs_of_people),
            (1, 2, 2)
        );
        assert_eq!((rates.fnmr.count, rates.fnmr.trials), (1, 2));
        assert_eq!(rates.scales, ["distance and crowd"]);
    }
}
