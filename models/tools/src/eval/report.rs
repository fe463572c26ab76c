//! What eval found: one JSON object, or tables to read.

use std::fmt;

use serde::Serialize;

use super::acquire::{Acquisition, Take};
use super::groups::Groups;
use super::identification::Identification;
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
            for at in &on.tar {
                writeln!(f, "{:<30}{}", on.scale, TarLine(at))?;
            }
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

struct TarLine<'a>(&'a TarAt);

impl fmt::Display for TarLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TarAt {
            fmr,
            tolerance,
            tar,
            not_shown_by_pairs,
        } = self.0;
        write!(f, "{:>10}", format!("{fmr:e}"))?;
        match (tolerance, tar, not_shown_by_pairs) {
            (Some(tolerance), Some(tar), _) => {
                write!(f, "{tolerance:>11.4}{:>38}", tar.to_string())
            }
            (_, _, Some(pairs)) => {
                write!(f, "{:>49}", format!("not shown by {pairs} pairs of people"))
            }
            _ => Ok(()),
        }
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
            "\n{:<24}{:>38}{:>38}{:>38}{:>11}{:>9}",
            "enrolled",
            "FPIR (strangers)",
            "FNIR",
            "of these another's name",
            "ambiguous",
            "unknown"
        )?;
        for of in &self.galleries {
            let group = of
                .group
                .as_deref()
                .map_or(String::new(), |group| format!(" {group}"));
            writeln!(
                f,
                "{:<24}{:>38}{:>38}{:>38}{:>11}{:>9}",
                format!("{}{group}", of.gallery),
                of.fpir.to_string(),
                of.fnir.to_string(),
                of.misidentified.to_string(),
                of.ambiguous,
                of.unknown
            )?;
        }
        for of in &self.galleries {
            if let Some(groups) = &of.groups {
                writeln!(f, "\n{} enrolled", of.gallery)?;
                GroupTable(groups, "FPIR of its strangers", "FNIR").fmt(f)?;
            }
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
