//! How a gallery stands: what visits to it are decided on and why, who in it resembles whom, and who is enrolled
//! with few photos. Found anew for each gallery: with somebody added or gone, all of it may change.

use super::{Decision, ENOUGH_PHOTOS, Scale, comparison_fmr, identify, limit, taken_for};
use crate::gallery::calibration::is_small;
use crate::gallery::{Gallery, Near, Probe};

/// What the comparisons of a gallery are decided on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Photos of the template.
    pub photos: usize,
    /// Frames of the visit.
    pub frames: usize,
    /// What is compared.
    pub scale: Scale,
    /// The largest value on that scale that is a match.
    pub most: f64,
    /// The FMR for which that was measured.
    pub fmr: f64,
}

/// Somebody who looks like somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike<Id> {
    /// Who.
    pub id: Id,
    /// The one whom they resemble most.
    pub other: Id,
    /// Whether their match needs a second factor, since they might be the other. Those who don't are near enough
    /// to be asked about: one person enrolled twice, or two whose photos should be more and better.
    pub is_twin: bool,
}

/// How a gallery stands. It holds no distance and no score.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing<Id> {
    /// Number of people.
    pub people: usize,
    /// Number of templates.
    pub templates: usize,
    /// By photos of a template, each number of them that the gallery has, the fewest first.
    pub rules: Vec<Rule>,
    /// Everybody who resembles somebody, those who do most first.
    pub alike: Vec<Alike<Id>>,
    /// Those who have a template of fewer than three photos.
    pub provisional: Vec<Id>,
}

impl Scale {
    /// Why it is decided on that, as it is told to whoever answers for the door.
    pub fn why(self) -> &'static str {
        match self {
            Self::Distance => {
                "the distance, with the tolerance of the group that was measured worst: fewer than 20 people \
                 can't show how much they resemble each other"
            }
            Self::Crowd => {
                "the distance and the crowd: with 20 people and more the gallery itself shows who resembles \
                 many, and there it is stricter"
            }
            Self::Normalised => {
                "the normalised score: with so many people and so few frames it was measured to know more \
                 people than the distance does"
            }
        }
    }
}

/// How a gallery stands for visits of so many frames, when a stranger may be taken for somebody at this share of
/// them. Everybody is compared with everybody.
pub fn standing<Id: Copy + Eq>(gallery: &Gallery<Id>, frames: usize, fpir: f64) -> Standing<Id> {
    let mut photos: Vec<usize> = gallery.each().map(|one| gallery.photos(one)).collect();
    photos.sort_unstable();
    photos.dedup();
    let rule = |photos| {
        let limit = limit(gallery, photos, frames, fpir);
        Rule {
            photos,
            frames,
            scale: limit.scale,
            most: limit.most,
            fmr: comparison_fmr(gallery, fpir),
        }
    };
    let mut provisional: Vec<Id> = Vec::new();
    for one in gallery.each() {
        let id = gallery.id(one);
        // Templates of one person lie side by side.
        if gallery.photos(one) < ENOUGH_PHOTOS && provisional.last() != Some(&id) {
            provisional.push(id);
        }
    }
    Standing {
        people: gallery.len(),
        templates: gallery.templates(),
        rules: photos.into_iter().map(rule).collect(),
        alike: alike(gallery, fpir),
        provisional,
    }
}

fn alike<Id: Copy + Eq>(gallery: &Gallery<Id>, fpir: f64) -> Vec<Alike<Id>> {
    let mut pairs: Vec<(Near, Near, bool)> = Vec::new();
    for one in gallery.each() {
        let twin = taken_for(gallery, one, fpir);
        let is_twin = twin.is_some();
        let Some(other) = twin.or_else(|| taken_for(gallery, one, enrolment_fpir(gallery))) else {
            continue;
        };
        match pairs.last_mut() {
            // One of their templates is like somebody's: so are they. The nearest of these says whose.
            Some(known) if known.0.person == one.person => {
                let nearer = other.distance < known.1.distance;
                known.1 = if nearer { other } else { known.1 };
                known.2 |= is_twin;
            }
            _ => pairs.push((one, other, is_twin)),
        }
    }
    pairs.sort_by(|(_, a, _), (_, b, _)| a.distance.total_cmp(&b.distance));
    let named = |(one, other, is_twin): (Near, Near, bool)| Alike {
        id: gallery.id(one),
        other: gallery.id(other),
        is_twin,
    };
    pairs.into_iter().map(named).collect()
}

/// Whether somebody of a gallery has this face: two of them about as near is a yes.
pub(crate) fn is_among<Id: Copy + Eq>(gallery: &Gallery<Id>, probe: &Probe) -> bool {
    identify(gallery, probe, enrolment_fpir(gallery)) != Decision::Unknown
}

/// The FPIR at which a face that is to be enrolled is looked for. In a small gallery the worst group's tolerance
/// holds: ten times this rate is what finds as many of those who are there, and it is the rate of people who all
/// resemble each other as that group does; others are taken for somebody far less often.
fn enrolment_fpir<Id: Copy + Eq>(gallery: &Gallery<Id>) -> f64 {
    if is_small(gallery.len()) { 1e-1 } else { 1e-2 }
}

#[cfg(test)]
mod tests;
