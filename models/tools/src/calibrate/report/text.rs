//! The report as it is read on a terminal, what it comes to last.

use std::fmt;

use super::{Alike, Beside, Centre, Decided, Measured, Report, Rule};
use crate::calibrate::distribution::Distribution;
use crate::calibrate::verdict::Verdict;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {}\n", self.tool, self.embedding)?;
        writeln!(
            f,
            "ENROLLED: {} people, {} photos",
            self.people, self.photos
        )?;
        write!(f, "{}", self.acquisition)?;
        if !self.without_face.is_empty() {
            let names = self.without_face.join(", ");
            writeln!(
                f,
                "Left out, since none of their photos gave a face: {names}"
            )?;
        }
        let few = indented(self.provisional.iter().cloned());
        writeln!(f, "Provisional, fewer than three photos: {few}")?;
        self.rules(f)?;
        self.alike(f)?;
        write!(f, "\n{}", self.measured)?;
        writeln!(f, "\nIntervals: {}.", self.intervals)?;
        let Verdict { fit, why } = &self.measured.verdict;
        writeln!(f, "\nTHE TOLERANCE IN FORCE: {fit}\n{why}.")
    }
}

impl Report {
    fn rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nWHAT IS DECIDED ON, asked for an FPIR of {:e} (strangers let in, as a share of visits)",
            self.fpir
        )?;
        writeln!(
            f,
            "{:>7}{:>8}{:>11}{:>10}  decided on",
            "photos", "frames", "tolerance", "FMR"
        )?;
        for same in self.rules.chunk_by(Rule::is_as_strict) {
            let [rule, .., last] = same else {
                write_rule(f, &same[0], same[0].photos.to_string())?;
                continue;
            };
            write_rule(f, rule, format!("{}–{}", rule.photos, last.photos))?;
        }
        // Scales differ by photos only where there are some hundred people.
        for same in self.rules.chunk_by(|a, b| a.scale == b.scale) {
            writeln!(f, "Why: {}.", same[0].why)?;
        }
        Ok(())
    }

    fn alike(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |second_factor: bool| {
            let all = self.alike.iter();
            let all: Vec<_> = all
                .filter(|one| one.second_factor == second_factor)
                .collect();
            indented(pairs(&all).into_iter())
        };
        writeln!(f, "\nWHO RESEMBLES WHOM, the most alike first")?;
        writeln!(
            f,
            "They might be the other, and need a second factor: {}",
            of(true)
        )?;
        writeln!(
            f,
            "Perhaps one person enrolled twice, or in need of more photos: {}",
            of(false)
        )
    }
}

impl Rule {
    fn is_as_strict(&self, other: &Self) -> bool {
        (self.scale, self.tolerance) == (other.scale, other.tolerance)
    }
}

fn write_rule(f: &mut fmt::Formatter<'_>, rule: &Rule, photos: String) -> fmt::Result {
    writeln!(
        f,
        "{photos:>7}{:>8}{:>11.4}{:>10.1e}  {}",
        rule.frames, rule.tolerance, rule.fmr, rule.scale
    )
}

/// Two who resemble each other most are told once.
fn pairs(alike: &[&Alike]) -> Vec<String> {
    let mutual =
        |one: &Alike, other: &Alike| one.person == other.other && one.other == other.person;
    let mut told = Vec::new();
    for (place, one) in alike.iter().enumerate() {
        if alike[..place].iter().any(|other| mutual(one, other)) {
            continue;
        }
        let word = match alike.iter().any(|other| mutual(one, other)) {
            true => "and",
            false => "like",
        };
        told.push(format!("{} {word} {}", one.person, one.other));
    }
    told
}

/// Nobody, or a line for each.
fn indented(lines: impl Iterator<Item = String>) -> String {
    let all: String = lines.map(|line| format!("\n  {line}")).collect();
    if all.is_empty() {
        "nobody".to_owned()
    } else {
        all
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.visits == 0 {
            return writeln!(
                f,
                "NOTHING TO COMPARE: nobody has two photos, and no visits were given (--visits)"
            );
        }
        if self.of_visits {
            writeln!(
                f,
                "{} VISITS, mostly of {} frames, to templates mostly of {} photos",
                self.visits, self.frames, self.photos
            )?;
            writeln!(
                f,
                "Only visits that were accepted are here, each as the person who was named: whoever was refused is \
                 missing, and a false match counts as a genuine one."
            )?;
        } else {
            writeln!(
                f,
                "{} PHOTOS, each as one frame, to templates mostly of the {} others of its person",
                self.visits, self.photos
            )?;
        }
        writeln!(
            f,
            "\n{:<34}{:>14}{:>14}",
            "distance at unit length", "genuine", "impostors"
        )?;
        writeln!(
            f,
            "{:<34}{:>14}{:>14}",
            "comparisons", self.genuine.comparisons, self.impostors.comparisons
        )?;
        writeln!(
            f,
            "{:<34}{:>14}{:>14}",
            "people, pairs of people", self.genuine.independent, self.impostors.independent
        )?;
        quantiles(f, &self.genuine, &self.impostors)?;
        let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
        let line =
            |f: &mut fmt::Formatter<'_>, what: &str, site: Option<f64>, curve: Option<f64>| {
                writeln!(f, "{what:<54}{:>11}{:>11}", number(site), number(curve))
            };
        let site = |of: fn(Centre) -> f64| self.site.map(of);
        let kind = format!("for {} photos and {} frames", self.photos, self.frames);
        writeln!(f, "\n{kind:<54}{:>11}{:>11}", "this site", "the curve")?;
        let median = "impostors' median, each visit's nearest left out";
        line(f, median, site(|one| one.median), Some(self.shipped.median))?;
        line(f, "their MAD", site(|one| one.mad), Some(self.shipped.mad))?;
        let asked = format!(
            "tolerance for the FMR that is asked for, {:.1e}",
            self.asked
        );
        line(f, &asked, self.own_tolerance, Some(self.shipped_tolerance))?;
        line(f, "tolerance in force", self.in_force, None)?;
        writeln!(
            f,
            "\nat the tolerance in force: FMR {}, FNMR {}",
            self.fmr, self.fnmr
        )?;
        let Decided {
            named,
            with_second_factor,
            another,
            ambiguous,
            unknown,
        } = self.decided;
        writeln!(
            f,
            "decided today: {named} named, {with_second_factor} with a second factor, {another} another's name, \
             {ambiguous} ambiguous, {unknown} unknown"
        )?;
        if another > 0 {
            writeln!(
                f,
                "Another's name: perhaps one person enrolled twice, see who resembles whom."
            )?;
        }
        writeln!(
            f,
            "\n{:>8}{:>19}{:>11}{:>38}",
            "FMR", "shipped tolerance", "this site", "TAR there"
        )?;
        for Beside { shipped, site } in &self.curve {
            let fmr = format!("{:e}", site.fmr);
            let Some(tar) = &site.tar else {
                let pairs = self.impostors.independent;
                writeln!(
                    f,
                    "{fmr:>8}  and less: not shown by {pairs} pairs of people"
                )?;
                break;
            };
            writeln!(
                f,
                "{fmr:>8}{shipped:>19.4}{:>11}{:>38}",
                number(site.tolerance),
                tar.to_string()
            )?;
        }
        Ok(())
    }
}

/// Side by side; what one of them doesn't show is a dash.
fn quantiles(
    f: &mut fmt::Formatter<'_>,
    genuine: &Distribution,
    impostors: &Distribution,
) -> fmt::Result {
    let all = genuine.quantiles.iter().chain(&impostors.quantiles);
    let mut shares: Vec<f64> = all.map(|one| one.share).collect();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    for share in shares {
        let of = |distribution: &Distribution| {
            let found = distribution.quantiles.iter().find(|one| one.share == share);
            found.map_or("-".to_owned(), |one| format!("{:.4}", one.distance))
        };
        let label = format!("{:.1} % lie below", share * 100.0);
        writeln!(f, "{label:<34}{:>14}{:>14}", of(genuine), of(impostors))?;
    }
    Ok(())
}
