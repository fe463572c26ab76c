//! The page as Markdown.

/// Writing to a string can't fail.
macro_rules! line {
    ($page:expr, $($argument:tt)*) => {
        writeln!($page, $($argument)*).expect("writing to a string can't fail")
    };
}

mod costs;

use std::fmt::Write;

use super::Findings;
use crate::eval::{Groups, Identification, OfGallery, Verification};
use crate::statistics::{Rate, TarAt};

/// What is left to say when the numbers have spoken.
const LIMITS: &str = "\
- **It doesn't tell a face from a picture of one.** Presentation attack detection is not part of what was measured \
here. Where a photo or a screen must not get in, ask for a second factor.
- **Who looks much like somebody enrolled is sometimes let in**, as the FPIR says: not any stranger once in a \
thousand visits, but a few strangers often. Each answer above is a visit's first; a terminal tries up to three times, \
each at the full rate.
- **Identical twins, and some siblings, are one face to it.** The policy asks for a second factor where two people of \
a gallery are too near to each other; it can't tell them apart.
- **It is not equally good for everybody**, see \"By group\". The groups are coarse, from public biographies, and so \
small that the intervals overlap: the table can show that something is badly wrong, not that all is well.
- **A gallery of fewer than 20 people can't show its own scale.** The tolerance of the worst group that was measured \
holds there, and more people are refused than would have to be: the rows of 19 and of 20 enrolled show how many.
- **Rates smaller than these counts were not shown.** With so few people, no error at all leaves room for a rate of \
some per cent. The promised FPIR rests on the calibration (models/README.md), not on this page.
- **The pictures are not a door's.** Most are press photographs of different days, of people known in public, in good \
light, of adults. Frames of one visit resemble each other more, and a door's light is worse. Masks, children, years \
between enrolment and visit were not measured.
- **It answers who somebody of the gallery is, and nothing else**: not age, sex, origin, mood or character.
- **It decides nothing grave alone.** Whoever is refused needs another way: a badge, a PIN, a person.
";

/// Writes it.
pub fn write(findings: &Findings) -> String {
    let mut page = String::new();
    head(&mut page, findings);
    one_to_one(&mut page, &findings.verification);
    one_of_many(&mut page, findings);
    by_group(&mut page, findings);
    costs::write(&mut page, findings);
    page.push_str("\n## What it can't do\n\n");
    page.push_str(LIMITS);
    page
}

fn head(page: &mut String, findings: &Findings) {
    let (commit, date) = (&findings.commit, &findings.date);
    line!(page, "# How well faces are recognised, and at what cost\n");
    line!(
        page,
        "Made by one command, with nothing below models/ uncommitted; ../shared/data is a collection for tests that is not part of Limen:\n"
    );
    line!(
        page,
        "```\ncargo run -p limen-tools -- report --collection ../shared/data --core-gflops {}\n```\n",
        findings.core_gflops
    );
    line!(
        page,
        "Measured on commit {commit} of {date}, embedding dlib-resnet34-v1, profile `dev` (dependencies optimised). Your own pictures: `limen-face eval --help`.\n"
    );
    line!(
        page,
        "Words are those of ISO/IEC 19795-1. Behind each rate stand its 95 % interval and the counts. Intervals are Clopper–Pearson **by person**, not by comparison: trials count as so many independent ones as the differences between people allow; where fewer than ten people have an error, each person counts as one trial. No rate is claimed below three divided by the number of pairs of people that were compared: with no error in so many, the rate is lower at 95 %."
    );
}

fn one_to_one(page: &mut String, found: &Verification) {
    line!(page, "\n## One to one, one picture against one\n");
    let acquisition = &found.acquisition;
    line!(
        page,
        "{} pictures of {} people; failures to acquire (FTA): {}. {} genuine and {} impostor comparisons, {} pairs of people; many of the impostors are of the same region.\n",
        acquisition.pictures,
        found.people,
        acquisition.failed,
        found.genuine,
        found.impostors,
        found.pairs_of_people
    );
    line!(
        page,
        "| Match when | Accuracy | FMR | FNMR |\n|---|---|---|---|"
    );
    for at in &found.at_shipped_tolerances {
        let accuracy = at
            .accuracy
            .map_or_else(String::new, |share| format!("{:.2} %", share * 100.0));
        line!(
            page,
            "| {} | {accuracy} | {} | {} |",
            at.rule,
            at.fmr,
            at.fnmr
        );
    }
    line!(
        page,
        "\n| TAR at a fixed FMR | FMR | Tolerance | TAR |\n|---|---|---|---|"
    );
    for on in &found.scales {
        tar(page, on.scale, &on.tar);
    }
}

fn tar(page: &mut String, scale: &str, all: &[TarAt]) {
    for at in all {
        if let (Some(tolerance), Some(rate)) = (at.tolerance, &at.tar) {
            line!(page, "| {scale} | {:e} | {tolerance:.3} | {rate} |", at.fmr);
        } else {
            let pairs = at.not_shown_by_pairs.unwrap_or_default();
            line!(
                page,
                "| {scale} | {:e} and less | | not shown by {pairs} pairs of people |",
                at.fmr
            );
            break;
        }
    }
}

fn one_of_many(page: &mut String, findings: &Findings) {
    line!(page, "\n## One of many\n");
    let plan = &findings.mixed[0].plan;
    let people = findings.mixed[0].people;
    line!(
        page,
        "The shipped policy, asked for an FPIR of {:e}, in {} galleries of each size drawn by chance (seed {}) among {people} people. Who is not enrolled is a stranger; {} people can be enrolled with three photos, and 150 have one picture and are always strangers.\n",
        plan.fpir,
        plan.splits,
        plan.seed,
        findings.mixed[0].enrolment.people
    );
    line!(
        page,
        "| Photos + frames | Enrolled | FPIR (strangers) | Strangers let in | FNIR | Named wrongly | Undecided | Second factor asked |\n|---|---|---|---|---|---|---|---|"
    );
    for identification in &findings.mixed {
        for of in &identification.galleries {
            let found = &of.identified;
            line!(
                page,
                "| {} + {} | {} | {} | {} of {} | {} | {} | {} | {} |",
                identification.plan.enrol,
                identification.plan.frames,
                of.gallery,
                found.fpir,
                found.fpir.people_counted,
                found.fpir.people,
                found.fnir,
                found.misidentified,
                found.ambiguous,
                found.twins
            );
        }
    }
    line!(
        page,
        "\nFPIR counts visits: the same few strangers, who look like somebody, come again in every gallery. FNIR counts every visit of somebody enrolled that did not give their name: unknown, undecided, named wrongly. The comparisons behind these visits, at the policy's own tolerance and before it looks at who else is near:\n"
    );
    line!(
        page,
        "| Photos + frames | Enrolled | Decided on | Pairs of people | FMR | FNMR | TAR at FMR 1e-2 | 1e-3 |\n|---|---|---|---|---|---|---|---|"
    );
    for identification in &findings.mixed {
        for of in &identification.galleries {
            comparisons(page, identification, of);
        }
    }
    line!(page, "\n![DET]({})", findings.plot);
    let door = &findings.door;
    line!(
        page,
        "\nAt a door, a picture must show exactly one near face that is large, frontal and sharp enough. Of the same {} pictures it refuses {} (FTA {:.1} %), which above were taken by the face in their middle; failures to enrol (FTE): {} of {} people.",
        door.acquisition.pictures,
        door.acquisition.failed,
        door.acquisition.failure_to_acquire_rate * 100.0,
        door.enrolment.failed,
        door.enrolment.people
    );
}

fn comparisons(page: &mut String, identification: &Identification, of: &OfGallery) {
    let found = &of.comparisons;
    let tar = |place: usize| match found.tar_of_policy.get(place) {
        Some(TarAt {
            tar: Some(rate), ..
        }) => rate.to_string(),
        _ => "not shown".to_owned(),
    };
    line!(
        page,
        "| {} + {} | {} | {} | {} | {} | {} | {} | {} |",
        identification.plan.enrol,
        identification.plan.frames,
        of.gallery,
        found.scales.join(", "),
        found.pairs_of_people,
        found.fmr,
        found.fnmr,
        tar(0),
        tar(1)
    );
}

fn by_group(page: &mut String, findings: &Findings) {
    line!(page, "\n## By group\n");
    line!(page, "One to one, impostors of the same group:\n");
    let rules = &findings.verification.at_shipped_tolerances;
    for at in rules.first().into_iter().chain(rules.last()) {
        if let Some(found) = &at.groups {
            groups(page, &at.rule, "FMR", "FNMR", found);
        }
    }
    for identification in &findings.mixed {
        if let Some(OfGallery {
            gallery,
            groups: Some(found),
            ..
        }) = identification.galleries.last()
        {
            let what = format!(
                "{} + {}, {gallery} enrolled of all groups",
                identification.plan.enrol, identification.plan.frames
            );
            groups(page, &what, "FPIR of its strangers", "FNIR", found);
        }
    }
    let plan = &findings.one_group.plan;
    line!(
        page,
        "Galleries of one group only, {} + {}, half of the group enrolled and the other half strangers:\n",
        plan.enrol,
        plan.frames
    );
    line!(
        page,
        "| Group | Enrolled | FPIR | FNIR | Named wrongly |\n|---|---|---|---|---|"
    );
    for of in &findings.one_group.galleries {
        let group = of.group.as_deref().unwrap_or_default();
        line!(
            page,
            "| {group} | {} | {} | {} | {} |",
            of.gallery,
            of.identified.fpir,
            of.identified.fnir,
            of.identified.misidentified
        );
    }
}

fn groups(page: &mut String, what: &str, positives: &str, negatives: &str, found: &Groups) {
    line!(
        page,
        "| {what} | {positives} | {negatives} |\n|---|---|---|"
    );
    for group in &found.groups {
        let rate = |rate: &Rate| rate.to_string();
        line!(
            page,
            "| {} | {} | {} |",
            group.name,
            rate(&group.false_positives),
            rate(&group.false_negatives)
        );
    }
    let ratio = |ratio: Option<f64>| {
        ratio.map_or("none: the best is 0".to_owned(), |ratio| {
            format!("{ratio:.1}")
        })
    };
    line!(
        page,
        "| **worst / best** | {} | {} |\n",
        ratio(found.false_positives_worst_over_best),
        ratio(found.false_negatives_worst_over_best)
    );
}
