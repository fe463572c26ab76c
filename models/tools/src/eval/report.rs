//! What eval found: one JSON object, or tables to read.

use std::fmt;

use serde::Serialize;

use super::acquire::{Acquisition, Take};
use super::groups::Groups;
use super::identification::{Compared, Identification};
use super::verification::Verification;
use crate::statistics::{Rate, TarAt};

/// Everything.
#[derive(Serialize)]
pub struct Report {
    /// Program and version.
    pub tool: String,
    /// The embedding's id.
    pub embedding: String,
    /// Which face of a picture counted.
    pub take: Take,
    /// How the intervals are made.
    pub intervals: &'static str,
    /// 1:1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// 1:N.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identification: Option<Identification>,
}

/// What every interval is.
pub const INTERVALS: &str = "Clopper-Pearson at 95 %, by person: trials count as so many independent ones as the \
     differences between people allow; where fewer than ten people have an error, each person counts as one";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {}", self.tool, self.embedding)?;
        if let Some(verification) = &self.verification {
            write!(f, "\n{verification}")?;
        }
        if let Some(identification) = &self.identification {
            write!(f, "\n{identification}")?;
        }
        writeln!(f, "\nIntervals: {}.", self.intervals)
    }
}

impl fmt::Display for Acquisition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, pictures) = (self.failed, self.pictures);
        write!(
            f,
            "failures to acquire (FTA): {failed} of {pictures} pictures"
        )?;
        for (missed, count) in &self.reasons {
            write!(f, "; {count}: {missed}")?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "VERIFICATION, one picture against one")?;
        write!(f, "{}", self.acquisition)?;
        writeln!(
            f,
            "{} people; {} genuine and {} impostor comparisons ({} pairs of people); {} not made for want of a face",
            self.people, self.genuine, self.impostors, self.pairs_of_people, self.not_compared
        )?;
        writeln!(
            f,
            "\n{:<46}{:>9}{:>38}{:>38}",
            "at the shipped tolerances", "accuracy", "FMR", "FNMR"
        )?;
        for at in &self.at_shipped_tolerances {
            let accuracy = at
                .accuracy
                .map_or("-".to_owned(), |share| format!("{:.2} %", share * 100.0));
            writeln!(
                f,
                "{:<46}{accuracy:>9}{:>38}{:>38}",
                at.rule,
                at.fmr.to_string(),
                at.fnmr.to_string()
            )?;
        }
        writeln!(
            f,
            "\n{:<30}{:>10}{:>11}{:>38}",
            "TAR at a fixed FMR", "FMR", "tolerance", "TAR"
        )?;
        for on in &self.scales {
            TarLines(on.scale, &on.tar).fmt(f)?;
        }
        // The seed's way and the shipped one; the JSON has all.
        let (first, last) = (
            self.at_shipped_tolerances.first(),
            self.at_shipped_tolerances.last(),
        );
        for at in first.into_iter().chain(last) {
            if let Some(groups) = &at.groups {
                writeln!(f, "\n{}", at.rule)?;
                GroupTable(groups, "FMR within it", "FNMR").fmt(f)?;
            }
        }
        Ok(())
    }
}

/// The rates that are shown, a line each after the scale's name, and one line for those that are not.
struct TarLines<'a>(&'a str, &'a [TarAt]);

impl fmt::Display for TarLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(scale, all) = self;
        for at in *all {
            let fmr = format!("{:e}", at.fmr);
            if let (Some(tolerance), Some(tar)) = (at.tolerance, &at.tar) {
                writeln!(
                    f,
                    "{scale:<30}{fmr:>10}{tolerance:>11.4}{:>38}",
                    tar.to_string()
                )?;
            } else {
                let pairs = at.not_shown_by_pairs.unwrap_or_default();
                let why = format!("and less: not shown by {pairs} pairs of people");
                return writeln!(f, "{scale:<30}{fmr:>10}{why:>49}");
            }
        }
        Ok(())
    }
}

impl fmt::Display for Identification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        writeln!(
            f,
            "IDENTIFICATION, the shipped policy asked for an FPIR of {:e}",
            plan.fpir
        )?;
        write!(f, "{}", self.acquisition)?;
        let enrolment = &self.enrolment;
        writeln!(
            f,
            "failures to enrol (FTE): {} of {} people with {} photos",
            enrolment.failed, enrolment.people, plan.enrol
        )?;
        writeln!(
            f,
            "{} photos enrolled, {} frames a visit, {} galleries of each size (--seed {}) among {} people{}",
            plan.enrol,
            plan.frames,
            plan.splits,
            plan.seed,
            self.people,
            if plan.one_group {
                ", each of one group"
            } else {
                ""
            }
        )?;
        writeln!(
            f,
            "\n{:<24}{:>38}{:>38}{:>38}{:>11}{:>9}{:>7}",
            "enrolled",
            "FPIR (strangers)",
            "FNIR",
            "of these another's name",
            "ambiguous",
            "unknown",
            "twins"
        )?;
        for of in &self.galleries {
            let found = &of.identified;
            let rates = [&found.fpir, &found.fnir, &found.misidentified].map(Rate::to_string);
            let [fpir, fnir, misidentified] = rates;
            let [ambiguous, unknown, twins] = [found.ambiguous, found.unknown, found.twins];
            let who = of.group.as_ref().map_or(of.gallery.to_string(), |group| {
                format!("{} {group}", of.gallery)
            });
            writeln!(
                f,
                "{who:<24}{fpir:>38}{fnir:>38}{misidentified:>38}{ambiguous:>11}{unknown:>9}{twins:>7}"
            )?;
        }
        for of in &self.galleries {
            write!(f, "\n{} enrolled\n{}", of.gallery, of.comparisons)?;
            if let Some(groups) = &of.groups {
                GroupTable(groups, "FPIR of its strangers", "FNIR").fmt(f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {} genuine and {} impostor comparisons ({} pairs of people), decided on {}: FMR {}, FNMR {}",
            self.genuine,
            self.impostors,
            self.pairs_of_people,
            self.scales.join(" or "),
            self.fmr,
            self.fnmr
        )?;
        let scales = [
            ("  distance at unit length", &self.tar_of_distance),
            ("  policy, from its tolerance", &self.tar_of_policy),
        ];
        for (scale, tar) in scales {
            TarLines(scale, tar).fmt(f)?;
        }
        Ok(())
    }
}

/// Groups under the names that their rates have here.
struct GroupTable<'a>(&'a Groups, &'a str, &'a str);

impl fmt::Display for GroupTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(groups, positives, negatives) = self;
        writeln!(f, "  {:<24}{positives:>38}{negatives:>38}", "group")?;
        for group in &groups.groups {
            let rates = [&group.false_positives, &group.false_negatives].map(Rate::to_string);
            writeln!(f, "  {:<24}{:>38}{:>38}", group.name, rates[0], rates[1])?;
        }
        let ratio = |ratio: Option<f64>| {
            ratio.map_or("none: the best is 0".to_owned(), |ratio| {
                format!("{ratio:.1}")
            })
        };
        writeln!(
            f,
            "  {:<24}{:>38}{:>38}",
            "worst / best",
            ratio(groups.false_positives_worst_over_best),
            ratio(groups.false_negatives_worst_over_best)
        )
    }
}

/// As per cent, with its interval.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rate) = self.rate else {
            return f.write_str("-");
        };
        let share = format!(
            "{} % ({} – {})",
            percent(rate),
            percent(self.low),
            percent(self.high)
        );
        write!(f, "{share} {}/{}", self.count, self.trials)
    }
}

/// A share in per cent, with the digits that tell small rates from 0 and high ones from 100.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let from_end = value.min(100.0 - value);
    if from_end <= 0.0 {
        format!("{value:.0}")
    } else if value < 0.001 {
        "<0.001".to_owned()
    } else if value > 99.999 {
        ">99.999".to_owned()
    } else {
        let digits = (1.0 - from_end.log10().floor()).max(1.0);
        format!("{value:.*}", digits as usize)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, "0")]
    #[case(1.0, "100")]
    #[case(0.5, "50.0")]
    #[case(0.0123, "1.2")]
    #[case(0.000_123, "0.012")]
    #[case(0.9992, "99.920")]
    #[case(1e-9, "<0.001")]
    #[case(1.0 - 1e-9, ">99.999")]
    fn shares_keep_the_digits_that_matter(#[case] share: f64, #[case] wanted: &str) {
        assert_eq!(percent(share), wanted);
    }
}
