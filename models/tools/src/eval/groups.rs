//! Rates by group of people, and how far they lie apart.

use serde::Serialize;

use crate::statistics::Rate;

/// One group's rates: FMR and FNMR where two pictures are compared, FPIR and FNIR where a gallery is searched.
#[derive(Debug, Clone, Serialize)]
pub struct OfGroup {
    /// As the list names it.
    pub name: String,
    /// FMR within the group, or FPIR of its strangers.
    pub false_positives: Rate,
    /// FNMR or FNIR of its people.
    pub false_negatives: Rate,
}

/// All groups.
#[derive(Debug, Clone, Serialize)]
pub struct Groups {
    /// In the order of the list.
    pub groups: Vec<OfGroup>,
    /// The highest rate of false positives divided by the lowest; none where the lowest is 0: then no number says
    /// how far the two lie apart.
    pub false_positives_worst_over_best: Option<f64>,
    /// The same of false negatives.
    pub false_negatives_worst_over_best: Option<f64>,
}

impl Groups {
    /// None where there are no groups.
    pub fn of(groups: Vec<OfGroup>) -> Option<Self> {
        let ratio = |of: fn(&OfGroup) -> &Rate| {
            let rates = || groups.iter().filter_map(|group| of(group).rate);
            let (worst, best) = (rates().reduce(f64::max)?, rates().reduce(f64::min)?);
            (best > 0.0).then(|| worst / best)
        };
        let false_positives = ratio(|group| &group.false_positives);
        let false_negatives = ratio(|group| &group.false_negatives);
        (!groups.is_empty()).then_some(Self {
            groups,
            false_positives_worst_over_best: false_positives,
            false_negatives_worst_over_best: false_negatives,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Tally;

    fn group(name: &str, wrong: usize) -> OfGroup {
        let mut tally = Tally::default();
        for person in 0..10 {
            tally.add(person, person < wrong);
        }
        OfGroup {
            name: name.to_owned(),
            false_positives: tally.rate(),
            false_negatives: Tally::default().rate(),
        }
    }

    #[test]
    fn the_ratio_is_worst_over_best_and_none_over_nothing() {
        let ratio = |groups| Groups::of(groups).unwrap().false_positives_worst_over_best;
        assert_eq!(
            ratio(vec![group("a", 2), group("b", 8), group("c", 3)]),
            Some(4.0)
        );
        assert_eq!(ratio(vec![group("a", 0), group("b", 6)]), None);
        assert!(Groups::of(Vec::new()).is_none());
        let groups = Groups::of(vec![group("a", 2)]).unwrap();
        assert_eq!(groups.false_negatives_worst_over_best, None);
    }
}
