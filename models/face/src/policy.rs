//! Who it is, that it is nobody, or that it could be two: decided on measurements, and never on one number for all.
//!
//! A comparison may go wrong at `fpir / templates`; what is near enough at that rate is read from the calibration
//! for the photos and frames at hand, on one of three scales:
//!
//! - **The distance** in a gallery of fewer than 20 people, which can't show its own scale: the worst measured
//!   group's tolerance holds.
//! - **The distance and the crowd** in a larger one. Where people resemble each other more than those of whom the
//!   curve was measured, a stranger is nearer to everybody. The second nearest other person shows it: of the
//!   probe and of the template. How far they are expected in such a gallery is in the curve itself (where the FMR
//!   is 1.5 of all others); what they are nearer is added to the distance. A lonely place takes nothing off, so
//!   that the tolerance as measured is never exceeded. The nearest other person is left out: one sibling in the
//!   gallery is no crowd.
//! - **The normalised score** (AS-norm, with the gallery as the cohort) where it was measured to accept more genuine
//!   people than the distance does: one frame, and some hundred people.
//!
//! Up to five photos and three frames were measured. More count as so many, whose tolerance is the looser one: by how
//! it falls from three photos to five, ten photos have about 1.6 times the FMR that was asked for (derived, not
//! measured). Whoever gathers frames stops at three.

mod standing;

pub(crate) use standing::is_among;
pub use standing::{Alike, Rule, Standing, standing};

use crate::embed::Embedding;
use crate::gallery::calibration::is_small;
use crate::gallery::curve::Curve;
use crate::gallery::{COHORT, Calibration, Gallery, Near, Probe, Shot, Spread, Template};
use crate::quality::Flaw;

/// FMR of a 1:1 verification (NIST SP 800-63B-4).
const VERIFICATION_FMR: f64 = 1e-4;
/// Of the visits at which a stranger may be let in, the share at which one person may be named for another.
const MISNAMED: f64 = 0.1;
/// A match is clear when it would be one at this share of the rate too.
const CLEAR: f64 = 0.1;
/// With fewer photos an enrolment is provisional.
const ENOUGH_PHOTOS: usize = 3;
/// Added to a cohort's standard deviation, which few distances tell badly.
const FLOOR: f64 = 0.02;

/// How certain a match is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// It would be a match at a tenth of the rate too.
    Clear,
    /// Near enough, and not by much, or somebody else is not far behind.
    Narrow,
}

/// Why a face alone is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactor {
    /// Somebody else of the gallery looks so much alike that templates can't tell them apart at the stated rate: a
    /// PIN or a badge must.
    Twin,
    /// Enrolled with fewer than three photos: a PIN is asked too where the tenant says so.
    Provisional,
}

/// What became of a visit. No score is in it: a forger could climb along one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<Id> {
    /// This person.
    Match {
        /// Who.
        id: Id,
        /// How certain.
        grade: Grade,
        /// What else is to be asked for, and why.
        second_factor: Option<SecondFactor>,
    },
    /// Two people of the gallery are about as near: a second factor must tell.
    Ambiguous,
    /// Nobody of the gallery.
    Unknown,
    /// No frame was good enough; this is what was wrong most often.
    PoorQuality(Flaw),
}

/// One frame of a visit.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Good enough.
    Usable(Box<Shot>),
    /// Not worth an embedding.
    Flawed(Flaw),
}

/// Who came, by all frames of one visit.
pub fn visit<Id: Copy + Eq>(gallery: &Gallery<Id>, seen: &[Seen], fpir: f64) -> Decision<Id> {
    let usable = seen.iter().filter_map(|one| match one {
        Seen::Usable(shot) => Some(shot.as_ref().clone()),
        Seen::Flawed(_) => None,
    });
    let shots: Vec<Shot> = usable.collect();
    if let Ok(probe) = Probe::from_shots(&shots) {
        return identify(gallery, &probe, fpir);
    }
    let flaws = seen.iter().filter_map(|one| match one {
        Seen::Usable(_) => None,
        Seen::Flawed(flaw) => Some(*flaw),
    });
    let often = |flaw: &Flaw| flaws.clone().filter(|other| other == flaw).count();
    // Of two that are as frequent the later one: the person has answered the other.
    match flaws.clone().max_by_key(often) {
        Some(flaw) => Decision::PoorQuality(flaw),
        None => Decision::Unknown,
    }
}

/// Who it is.
pub(crate) fn identify<Id: Copy + Eq>(
    gallery: &Gallery<Id>,
    probe: &Probe,
    fpir: f64,
) -> Decision<Id> {
    // A candidate's own cohort is without the candidate.
    let near = gallery.nearest(probe, COHORT + 1);
    let Some(&best) = near.first() else {
        return Decision::Unknown;
    };
    let found = Found {
        gallery,
        near: &near,
        frames: probe.frames(),
    };
    let grade = match found.judge(best, fpir) {
        Verdict::No => return Decision::Unknown,
        Verdict::Either => return Decision::Ambiguous,
        Verdict::Yes if found.judge(best, CLEAR * fpir) == Verdict::Yes => Grade::Clear,
        Verdict::Yes => Grade::Narrow,
    };
    let second_factor = if taken_for(gallery, best, fpir).is_some() {
        Some(SecondFactor::Twin)
    } else if gallery.photos(best) < ENOUGH_PHOTOS {
        Some(SecondFactor::Provisional)
    } else {
        None
    };
    Decision::Match {
        id: gallery.id(best),
        grade,
        second_factor,
    }
}

/// The person nearest to one of the gallery, where they would be taken for that person if their template were the
/// probe. On the same scale as everybody: where a whole gallery resembles each other, the plain tolerance would
/// call a quarter of them twins.
fn taken_for<Id: Copy + Eq>(gallery: &Gallery<Id>, one: Near, fpir: f64) -> Option<Near> {
    let near = gallery.beside(one.template);
    let &other = near.first()?;
    let found = Found {
        gallery,
        near,
        frames: gallery.photos(one),
    };
    let limit = found.limit(other, fpir);
    (found.effective(other, limit.scale) <= limit.most).then_some(other)
}

/// The FMR of one comparison. What is no rate is the strictest there is.
fn comparison_fmr<Id: Copy + Eq>(gallery: &Gallery<Id>, fpir: f64) -> f64 {
    (fpir / gallery.templates().max(1) as f64).max(f64::MIN_POSITIVE)
}

/// Whether the person whom a probe is nearest to is the one.
#[derive(PartialEq, Eq)]
enum Verdict {
    Yes,
    No,
    /// Somebody else is about as near.
    Either,
}

/// What distances are compared on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The distance at unit length.
    Distance,
    /// The distance, and how much nearer than expected other people are.
    Crowd,
    /// The normalised score.
    Normalised,
}

/// What is near enough.
struct Limit<'a> {
    scale: Scale,
    most: f64,
    curve: &'a Curve,
}

fn limit<Id: Copy + Eq>(
    gallery: &Gallery<Id>,
    photos: usize,
    frames: usize,
    fpir: f64,
) -> Limit<'_> {
    let (calibration, people) = (gallery.calibration(), gallery.len());
    let fmr = comparison_fmr(gallery, fpir);
    let normalised = calibration.normalised();
    if let Some(threshold) = normalised.threshold(photos, frames, fmr, people) {
        return Limit {
            scale: Scale::Normalised,
            most: threshold.score,
            curve: threshold.curve,
        };
    }
    let scale = if is_small(people) {
        Scale::Distance
    } else {
        Scale::Crowd
    };
    let most = calibration.tolerance(photos, frames, fmr, people);
    Limit {
        scale,
        most: most.into(),
        curve: calibration.curve(photos, frames),
    }
}

/// A probe's nearest people.
struct Found<'a, Id> {
    gallery: &'a Gallery<Id>,
    near: &'a [Near],
    frames: usize,
}

impl<Id: Copy + Eq> Found<'_, Id> {
    fn judge(&self, best: Near, fpir: f64) -> Verdict {
        let limit = self.limit(best, fpir);
        let own = self.effective(best, limit.scale);
        if own > limit.most {
            return Verdict::No;
        }
        // Who is next on this scale need not be the second nearest.
        let others = self.near.iter().filter(|one| one.person != best.person);
        let others = others.map(|one| self.effective(*one, limit.scale));
        let Some(second) = others.reduce(f64::min) else {
            return Verdict::Yes;
        };
        let lead = second - own;
        if lead > limit.curve.spread() {
            return Verdict::Yes;
        }
        let chances = self.gallery.templates() as f64;
        let margin = limit.curve.margin(chances, limit.most, MISNAMED * fpir);
        if lead <= 0.0 || lead < margin {
            Verdict::Either
        } else {
            Verdict::Yes
        }
    }

    fn limit(&self, one: Near, fpir: f64) -> Limit<'_> {
        limit(self.gallery, self.gallery.photos(one), self.frames, fpir)
    }

    /// A person's distance on a scale.
    fn effective(&self, one: Near, scale: Scale) -> f64 {
        let distance = f64::from(one.distance);
        match scale {
            Scale::Distance => distance,
            Scale::Crowd => distance + self.crowd(one).max(0.0),
            Scale::Normalised => self.score(one),
        }
    }

    /// How much nearer than expected the second nearest other person is, on average of probe and template.
    fn crowd(&self, one: Near) -> f64 {
        let mut others = self.near.iter().filter(|near| near.person != one.person);
        let to_probe = others.nth(1).map(|near| near.distance);
        let to_template = self.gallery.beside(one.template).get(1);
        let to_template = to_template.map(|near| near.distance);
        let (Some(to_probe), Some(to_template)) = (to_probe, to_template) else {
            return 0.0;
        };
        let usual = self.gallery.usual_photos();
        let expected = |pictures| {
            let others = self.gallery.len() as f64 - 1.0;
            let curve = self.gallery.calibration().curve(usual, pictures);
            curve.limit((1.5 / others).ln())
        };
        let probe = expected(self.frames) - f64::from(to_probe);
        let template = expected(self.gallery.photos(one)) - f64::from(to_template);
        (probe + template) / 2.0
    }

    /// AS-norm: how far below the cohort's distances this one is, on average of the probe's cohort and the
    /// template's, in standard deviations. Whoever is farther than impostors in the tenth percentile is no
    /// likeness, however lonely both are.
    fn score(&self, one: Near) -> f64 {
        let others = self.near.iter().filter(|near| near.person != one.person);
        let of_probe = Spread::of(others.take(COHORT).map(|near| near.distance));
        let beside = self.gallery.beside(one.template).iter();
        let of_template = Spread::of(beside.take(COHORT).map(|near| near.distance));
        let photos = self.gallery.photos(one);
        let curve = self.gallery.calibration().curve(photos, self.frames);
        let distance = f64::from(one.distance);
        if distance > curve.loosest() {
            return f64::INFINITY;
        }
        let below = |cohort: Spread| (distance - cohort.mean) / (cohort.deviation + FLOOR);
        (below(of_probe) + below(of_template)) / 2.0
    }
}

/// How near a probe is to one person, for measuring only: no answer that leaves a device holds this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison<Id> {
    /// Who.
    pub id: Id,
    /// Photos of the nearest of their templates.
    pub photos: usize,
    /// What it is decided on.
    pub scale: Scale,
    /// At unit length.
    pub distance: f32,
    /// On that scale.
    pub effective: f64,
    /// What is a match, on that scale.
    pub most: f64,
}

/// How near a probe is to everybody, the nearest first: what [`Gallery::identify`] decides on.
pub fn compare<Id: Copy + Eq>(
    gallery: &Gallery<Id>,
    probe: &Probe,
    fpir: f64,
) -> Vec<Comparison<Id>> {
    let near = gallery.nearest(probe, gallery.len());
    let found = Found {
        gallery,
        near: &near,
        frames: probe.frames(),
    };
    let compared = near.iter().map(|one| {
        let limit = found.limit(*one, fpir);
        Comparison {
            id: gallery.id(*one),
            photos: gallery.photos(*one),
            scale: limit.scale,
            distance: one.distance,
            effective: found.effective(*one, limit.scale),
            most: limit.most,
        }
    });
    compared.collect()
}

/// Whether a probe is the one person whom it claims to be: the plain distance to the mean of their photos is within
/// `plain_tolerance` (a setting, an upper bound), **and** the distance at unit length is within
/// [`verification_tolerance`].
pub fn verify(
    template: &Template,
    probe: &Probe,
    plain_tolerance: f32,
    calibration: &Calibration,
) -> bool {
    let within = |a: &Embedding, b: &Embedding, most: f32| a.distance(b) <= most;
    let measured = verification_tolerance(calibration, template.photos(), probe.frames());
    within(template.plain(), probe.plain(), plain_tolerance)
        && within(template.unit(), probe.unit(), measured)
}

/// The largest distance at unit length with which [`verify`] says yes: that of FMR 1e-4.
pub fn verification_tolerance(calibration: &Calibration, photos: usize, frames: usize) -> f32 {
    calibration.everybody(photos, frames, VERIFICATION_FMR)
}

#[cfg(test)]
mod tests;
