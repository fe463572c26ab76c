//! Whether the tolerance in force fits the people of a site.

use std::fmt;

use serde::Serialize;

use crate::statistics::Rate;

/// So many people are needed before their distances are held against the shipped curve.
const ENOUGH_PEOPLE: usize = 10;
/// Fewer than this show their own scale badly, and the policy uses the worst group's tolerances.
const SMALL: usize = 20;
/// The FMR of a group was seen to be at most so many times what its own median and MAD foretell, with 20 people and
/// more (models/README.md) …
const WITHIN: f64 = 4.0;
/// … and with ten.
const WITHIN_FEW: f64 = 10.0;

/// What the policy asks of comparisons, and what a site shows.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// People enrolled.
    pub people: usize,
    /// Strangers let in that the policy is asked to keep.
    pub fpir: f64,
    /// The FMR that follows for one comparison.
    pub asked: f64,
    /// Comparisons of different people that matched.
    pub counted: Rate,
    /// The FMR that the site's median and MAD foretell; none where another scale than the distance is in force.
    pub foretold: Option<f64>,
}

/// Whether the tolerance in force fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// More people would be taken for others than the policy was asked for.
    TooLoose,
    /// It could be looser and keep the rate.
    TooStrict,
    /// As far as is shown.
    Fits,
    /// The site is too small, or shows it not.
    NotShown,
}

/// The answer in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// In a word.
    pub fit: Fit,
    /// Why, and what to do.
    pub why: String,
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLoose => "too loose for this site",
            Self::TooStrict => "stricter than this site needs",
            Self::Fits => "fits this site, as far as its counts show",
            Self::NotShown => "whether it fits is not shown",
        })
    }
}

/// Judges.
pub fn judge(evidence: &Evidence) -> Verdict {
    let Evidence {
        people,
        fpir,
        asked,
        counted,
        foretold,
    } = *evidence;
    let (fit, why) = if counted.low > asked {
        let why = format!(
            "{} of {} comparisons of different people matched: at least {} of them go wrong, and {} was asked for. \
             See whether somebody is enrolled twice; else enrol more photos and take more frames, or ask for a \
             smaller FPIR",
            counted.count,
            counted.trials,
            rate(counted.low),
            rate(asked)
        );
        (Fit::TooLoose, why)
    } else if counted.trials == 0 {
        let why = "nothing was compared: a second photo of everybody is needed, or their visits (--visits)";
        (Fit::NotShown, why.to_owned())
    } else if people < ENOUGH_PEOPLE {
        let why = format!(
            "{people} people are too few to hold their distances against the curve: {ENOUGH_PEOPLE} are needed"
        );
        (Fit::NotShown, why)
    } else if let Some(foretold) = foretold {
        let within = if people < SMALL { WITHIN_FEW } else { WITHIN };
        let says = format!(
            "by the median and MAD of its own distances one comparison of two people goes wrong at a rate of about \
             {}, and {} was asked for",
            rate(foretold),
            rate(asked)
        );
        if foretold > within * asked {
            let smaller = rate(fpir * asked / foretold);
            let why = format!(
                "{says}. Ask for an FPIR of {smaller} to keep {}",
                rate(fpir)
            );
            (Fit::TooLoose, why)
        } else if foretold < asked / within {
            let way = if people < SMALL {
                format!("with {SMALL} people it becomes looser by itself")
            } else {
                "more photos and more frames make up for it; it is never made looser than it was measured".into()
            };
            (Fit::TooStrict, format!("{says}; {way}"))
        } else {
            (
                Fit::Fits,
                format!("{says}: within a factor of {within}, which is how well that is known"),
            )
        }
    } else {
        let fit = if counted.high <= asked {
            Fit::Fits
        } else {
            Fit::NotShown
        };
        let why = format!(
            "{} of {} comparisons of different people matched, so that less than {} of them go wrong, and {} was \
             asked for; on the normalised score nothing but counts can tell",
            counted.count,
            counted.trials,
            rate(counted.high),
            rate(asked)
        );
        (fit, why)
    };
    Verdict { fit, why }
}

fn rate(rate: f64) -> String {
    format!("{rate:.1e}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::statistics::Tally;

    fn counted(matches: usize, people: usize) -> Rate {
        let mut tally = Tally::default();
        for one in 0..people {
            for other in 0..one {
                tally.add_pair(one, other, one < matches);
            }
        }
        tally.rate()
    }

    #[rstest]
    #[case::none_of_few(9, 0, Some(1.0), Fit::NotShown)]
    #[case::another_scale(300, 0, None, Fit::NotShown)]
    #[case::as_asked(30, 0, Some(1e-5), Fit::Fits)]
    #[case::within_four(30, 0, Some(3.9e-5), Fit::Fits)]
    #[case::beyond_four(30, 0, Some(4.1e-5), Fit::TooLoose)]
    #[case::few_know_it_worse(15, 0, Some(4.1e-5), Fit::Fits)]
    #[case::beyond_ten(15, 0, Some(1.1e-4), Fit::TooLoose)]
    #[case::below_four(30, 0, Some(2.4e-6), Fit::TooStrict)]
    #[case::few_below_ten(15, 0, Some(9e-7), Fit::TooStrict)]
    #[case::what_is_counted_weighs_more(30, 20, Some(2.4e-6), Fit::TooLoose)]
    #[case::also_of_few(8, 5, None, Fit::TooLoose)]
    fn the_counts_and_the_centre_are_held_against_what_was_asked(
        #[case] people: usize,
        #[case] matches: usize,
        #[case] foretold: Option<f64>,
        #[case] wanted: Fit,
    ) {
        let verdict = judge(&Evidence {
            people,
            fpir: 1e-3,
            asked: 1e-5,
            counted: counted(matches, people),
            foretold,
        });
        assert_eq!(verdict.fit, wanted, "{}", verdict.why);
    }

    #[test]
    fn on_another_scale_enough_counts_show_it() {
        let verdict = judge(&Evidence {
            people: 300,
            fpir: 0.9,
            asked: 0.02,
            counted: counted(0, 300),
            foretold: None,
        });
        assert_eq!(verdict.fit, Fit::Fits, "{}", verdict.why);
    }

    #[test]
    fn it_says_what_to_do() {
        let why = |people, foretold| {
            let evidence = Evidence {
                people,
                fpir: 1e-3,
                asked: 1e-5,
                counted: counted(0, people),
                foretold: Some(foretold),
            };
            judge(&evidence).why
        };
        assert!(why(1, 1e-4).contains("--visits"));
        assert!(why(40, 1e-4).ends_with("Ask for an FPIR of 1.0e-4 to keep 1.0e-3"));
        assert!(why(12, 1e-8).ends_with("with 20 people it becomes looser by itself"));
        assert!(why(40, 1e-8).contains("more photos and more frames"));
    }
}
