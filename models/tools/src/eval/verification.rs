//! 1:1: is it the person whom it claims to be? One picture against one picture.

use limen_face::{
    Calibration, Embedding, Probe, Template, TemplateError, verification_tolerance, verify,
};
use serde::Serialize;

use super::acquire::{Acquired, Acquisition};
use super::groups::{Groups, OfGroup};
use super::pairs::{Pair, Pairs};
use crate::statistics::{Curve, RATES, Rate, Tally, TarAt};

/// The plain distance's tolerances that are shipped as settings: for logging in, and for an uploaded check-in.
const PLAIN_TOLERANCES: [f32; 2] = [0.6, 0.65];

/// What the pairs showed.
#[derive(Serialize)]
pub struct Verification {
    /// Pictures that gave nothing.
    pub acquisition: Acquisition,
    /// Different people in the list.
    pub people: usize,
    /// Pairs of pictures of one person that were compared.
    pub genuine: usize,
    /// Pairs of pictures of two people that were compared.
    pub impostors: u64,
    /// Different pairs of people among these.
    pub pairs_of_people: usize,
    /// Pairs that were not compared, since a picture gave nothing.
    pub not_compared: usize,
    /// Rates at the tolerances that are shipped.
    pub at_shipped_tolerances: Vec<AtTolerance>,
    /// TAR at fixed FMR, on each scale.
    pub scales: Vec<OnScale>,
}

/// Rates of one rule.
#[derive(Serialize)]
pub struct AtTolerance {
    /// What is compared with what.
    pub rule: String,
    /// Share of all comparisons that were decided right.
    pub accuracy: Option<f64>,
    /// False match rate.
    pub fmr: Rate,
    /// False non-match rate.
    pub fnmr: Rate,
    /// The same by group, where the list has groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Groups>,
}

/// TAR at fixed FMR.
#[derive(Serialize)]
pub struct OnScale {
    /// Which distance.
    pub scale: &'static str,
    /// At each FMR.
    pub tar: Vec<TarAt>,
}

/// The names of the scales.
pub const SCALES: [&str; 2] = ["plain distance", "distance at unit length"];

/// One rule by which a comparison is a match.
enum Rule {
    Plain(f32),
    Unit(f32),
    /// As [`verify`] decides: both.
    Shipped(f32),
}

impl Rule {
    fn name(&self) -> String {
        match self {
            Self::Plain(tolerance) => format!("plain distance, tolerance {tolerance}"),
            Self::Unit(tolerance) => format!("distance at unit length, tolerance {tolerance:.4}"),
            Self::Shipped(tolerance) => format!("both, as shipped, plain tolerance {tolerance}"),
        }
    }

    fn is_match(&self, one: &Compared, calibration: &Calibration) -> bool {
        match self {
            Self::Plain(tolerance) => one.plain <= *tolerance,
            Self::Unit(tolerance) => one.unit <= *tolerance,
            Self::Shipped(tolerance) => verify(&one.template, &one.probe, *tolerance, calibration),
        }
    }
}

struct Compared<'a> {
    pair: &'a Pair,
    plain: f32,
    unit: f32,
    template: Template,
    probe: Probe,
}

/// Compares the pairs. The curves are for a plot, one a scale.
///
/// # Errors
/// When an embedding is none of a face, which the models never give.
pub fn run(
    pairs: &Pairs,
    acquired: &[Acquired],
    calibration: &Calibration,
) -> Result<(Verification, [Curve; 2]), TemplateError> {
    let mut compared = Vec::with_capacity(pairs.pairs.len());
    for pair in &pairs.pairs {
        if let [Ok(a), Ok(b)] = pair.pictures.map(|picture| &acquired[picture]) {
            compared.push(compare(pair, a, b)?);
        }
    }
    let mut curves = [Curve::within(0.0, 2.0), Curve::within(0.0, 2.0)];
    for one in &compared {
        for (curve, distance) in curves.iter_mut().zip([one.plain, one.unit]) {
            let [a, b] = one.pair.people;
            if one.pair.is_same {
                curve.add_genuine(a, distance.into());
            } else {
                curve.add_impostors(a, b, distance.into());
            }
        }
    }
    let unit = verification_tolerance(calibration, 1, 1);
    let plain = PLAIN_TOLERANCES.map(Rule::Plain);
    let shipped = PLAIN_TOLERANCES.map(Rule::Shipped);
    let rules = plain.into_iter().chain([Rule::Unit(unit)]).chain(shipped);
    let on_scale = |(scale, curve): (&'static str, &Curve)| OnScale {
        scale,
        tar: RATES.iter().map(|&fmr| curve.tar_at(fmr)).collect(),
    };
    let verification = Verification {
        acquisition: Acquisition::of(acquired),
        people: pairs.people(),
        genuine: curves[0].genuine(),
        impostors: curves[0].impostors(),
        pairs_of_people: curves[0].pairs(),
        not_compared: pairs.pairs.len() - compared.len(),
        at_shipped_tolerances: rules
            .map(|rule| at(&rule, &compared, calibration, &pairs.groups))
            .collect(),
        scales: SCALES.into_iter().zip(&curves).map(on_scale).collect(),
    };
    Ok((verification, curves))
}

fn compare<'a>(
    pair: &'a Pair,
    a: &Embedding,
    b: &Embedding,
) -> Result<Compared<'a>, TemplateError> {
    Ok(Compared {
        pair,
        plain: a.distance(b),
        unit: a.unit().distance(&b.unit()),
        template: Template::from_photos(std::slice::from_ref(a))?,
        probe: Probe::from_frames(std::slice::from_ref(b))?,
    })
}

fn at(
    rule: &Rule,
    compared: &[Compared],
    calibration: &Calibration,
    names: &[String],
) -> AtTolerance {
    let mut all = [Tally::default(), Tally::default()];
    let mut by_group = vec![all.clone(); names.len()];
    let mut right = 0;
    for one in compared {
        let is_match = rule.is_match(one, calibration);
        let Pair {
            people: [a, b],
            is_same,
            group,
            ..
        } = *one.pair;
        right += usize::from(is_match == is_same);
        let of_group = group.and_then(|group| by_group.get_mut(group));
        for [false_matches, false_non_matches] in [Some(&mut all), of_group].into_iter().flatten() {
            if is_same {
                false_non_matches.add(a, !is_match);
            } else {
                false_matches.add_pair(a, b, is_match);
            }
        }
    }
    let groups = names
        .iter()
        .zip(&by_group)
        .map(|(name, [fmr, fnmr])| OfGroup {
            name: name.clone(),
            false_positives: fmr.rate(),
            false_negatives: fnmr.rate(),
        });
    AtTolerance {
        rule: rule.name(),
        accuracy: (!compared.is_empty()).then(|| right as f64 / compared.len() as f64),
        fmr: all[0].rate(),
        fnmr: all[1].rate(),
        groups: Groups::of(groups.collect()),
    }
}
