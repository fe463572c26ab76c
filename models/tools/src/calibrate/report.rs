//! What calibrate found: one JSON object, or tables to read. A name stands beside no number.

mod text;

use limen_face::gallery;
use limen_face::policy::{self, Scale};
use serde::Serialize;

use super::distribution::Distribution;
use super::verdict::Verdict;
use crate::eval::{Acquisition, Take};
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
    /// Strangers let in that the policy is asked to keep.
    pub fpir: f64,
    /// People enrolled.
    pub people: usize,
    /// Their photos.
    pub photos: usize,
    /// Who has a folder and isn't enrolled: none of their photos gave a face.
    pub without_face: Vec<String>,
    /// Pictures that gave nothing.
    pub acquisition: Acquisition,
    /// What is decided on, by photos of a template.
    pub rules: Vec<Rule>,
    /// Who resembles whom, those who do most first.
    pub alike: Vec<Alike>,
    /// Who is enrolled with fewer than three photos.
    pub provisional: Vec<String>,
    /// What visits showed.
    pub measured: Measured,
}

/// What a comparison is decided on.
#[derive(Serialize)]
pub struct Rule {
    /// Photos of the template.
    pub photos: usize,
    /// Frames of the visit.
    pub frames: usize,
    /// Which scale, in a word.
    pub scale: &'static str,
    /// Why that one.
    pub why: String,
    /// The largest value on it that is a match.
    pub tolerance: f64,
    /// The FMR for which that was measured.
    pub fmr: f64,
}

/// Somebody who resembles somebody.
#[derive(Serialize)]
pub struct Alike {
    /// Their folder.
    pub person: String,
    /// The folder of the one whom they resemble most.
    pub other: String,
    /// Whether their match needs a second factor.
    pub second_factor: bool,
}

/// What visits showed.
#[derive(Serialize)]
pub struct Measured {
    /// Whether visits were given; else photos were left out of their template, one after the other.
    pub of_visits: bool,
    /// How many there were.
    pub visits: usize,
    /// Photos of a template in the middle of what was compared.
    pub photos: usize,
    /// Frames of a visit in the middle.
    pub frames: usize,
    /// Distances of people to their own template.
    pub genuine: Distribution,
    /// Distances to those of others.
    pub impostors: Distribution,
    /// Where the impostors lie, each visit's nearest left out.
    pub site: Option<Centre>,
    /// Where those lie of whom the curve was measured.
    pub shipped: Centre,
    /// The FMR that is asked of a comparison.
    pub asked: f64,
    /// The tolerance for it on everybody's curve.
    pub shipped_tolerance: f64,
    /// The same, moved and stretched to the site's own median and MAD.
    pub own_tolerance: Option<f64>,
    /// The distance up to which comparisons match, on the median; none on the normalised score.
    pub in_force: Option<f64>,
    /// Comparisons of different people that match at the tolerance in force.
    pub fmr: Rate,
    /// Comparisons of people with their own template that don't.
    pub fnmr: Rate,
    /// What the visits would come to today.
    pub decided: Decided,
    /// The site's own curve beside the shipped one.
    pub curve: Vec<Beside>,
    /// Whether the tolerance in force fits.
    pub verdict: Verdict,
}

/// Where distances lie.
#[derive(Serialize, Clone, Copy)]
pub struct Centre {
    median: f64,
    mad: f64,
}

/// What visits come to.
#[derive(Serialize, Default, Clone, Copy)]
pub struct Decided {
    /// The person's own name.
    pub named: u64,
    /// That too, and a PIN or a badge is to be asked for.
    pub with_second_factor: u64,
    /// Another's name.
    pub another: u64,
    /// Two people about as near.
    pub ambiguous: u64,
    /// Nobody.
    pub unknown: u64,
}

/// One FMR on both curves.
#[derive(Serialize)]
pub struct Beside {
    /// The shipped tolerance for it, everybody's curve.
    pub shipped: f64,
    /// The site's own, and the TAR there.
    pub site: TarAt,
}

impl From<gallery::Centre> for Centre {
    fn from(gallery::Centre { median, mad }: gallery::Centre) -> Self {
        Self { median, mad }
    }
}

impl Rule {
    /// In words.
    pub fn of(rule: &policy::Rule) -> Self {
        Self {
            photos: rule.photos,
            frames: rule.frames,
            scale: match rule.scale {
                Scale::Distance => "distance",
                Scale::Crowd => "distance and crowd",
                Scale::Normalised => "normalised score",
            },
            why: rule.scale.why().to_owned(),
            tolerance: rule.most,
            fmr: rule.fmr,
        }
    }
}
