//! 1:N: who is it, or is it nobody of the gallery? The shipped policy on visits of people who are enrolled and of
//! strangers, in galleries drawn by chance.

mod counts;
mod draw;

use anyhow::{Context, bail};
use limen_face::policy::compare;
use limen_face::{Calibration, Embedding, Gallery, Probe, Template};
use serde::Serialize;

use super::acquire::{Acquired, Acquisition};
use super::groups::{Groups, OfGroup};
use super::people::People;
use super::progress::Progress;
use crate::random::Random;
use crate::statistics::Curve;

pub use counts::{Compared, OfGallery};
use counts::{Comparisons, Counts};
use draw::{Draw, Split};

/// How galleries are drawn.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Photos of a template.
    pub enrol: usize,
    /// Frames of a visit.
    pub frames: usize,
    /// Sizes of galleries; none means half of the people.
    #[serde(skip)]
    pub galleries: Vec<usize>,
    /// Galleries of each size.
    pub splits: usize,
    /// Repeats the draw.
    pub seed: u64,
    /// Strangers let in, as a share of visits, that the policy is asked to keep.
    pub fpir: f64,
    /// Each gallery and its strangers are of one group.
    pub one_group: bool,
}

/// What all galleries showed.
#[derive(Serialize)]
pub struct Identification {
    /// How galleries were drawn.
    pub plan: Plan,
    /// Pictures that gave nothing. They are left out of what follows.
    pub acquisition: Acquisition,
    /// People with enough pictures to be enrolled, and those of them for whom too few gave a face.
    pub enrolment: FailureToEnrol,
    /// People with a picture that gave a face.
    pub people: usize,
    /// By size of the gallery, and by group where galleries are of one group.
    pub galleries: Vec<OfGallery>,
}

/// Failures to enrol (ISO/IEC 19795-1).
#[derive(Debug, Serialize)]
pub struct FailureToEnrol {
    /// People with enough pictures.
    pub people: usize,
    /// Those of whom too few gave a face.
    pub failed: usize,
    /// FTE: their share.
    pub failure_to_enrol_rate: f64,
}

/// Draws the galleries and identifies everybody in them. The curves are for a plot, each with a name.
///
/// # Errors
/// When there are too few people for the plan.
pub fn run(
    mut people: People,
    acquired: &[Acquired],
    calibration: &Calibration,
    plan: Plan,
) -> anyhow::Result<(Identification, Vec<(String, Curve)>)> {
    let acquisition = Acquisition::of(acquired);
    let enrollable = |people: &People| {
        people
            .people
            .iter()
            .filter(|one| one.pictures.len() >= plan.enrol)
            .count()
    };
    let before = enrollable(&people);
    people.keep_acquired(acquired);
    let failed = before - enrollable(&people);
    let enrolment = FailureToEnrol {
        people: before,
        failed,
        failure_to_enrol_rate: failed as f64 / before.max(1) as f64,
    };
    let embeddings: Vec<Option<&Embedding>> =
        acquired.iter().map(|one| one.as_ref().ok()).collect();
    let among: Vec<Option<usize>> = if plan.one_group {
        (0..people.groups.len()).map(Some).collect()
    } else {
        vec![None]
    };
    let (mut galleries, mut curves) = (Vec::new(), Vec::new());
    for group in among {
        let draw = Draw::new(&people, &plan, group);
        for gallery in draw.sizes(&plan.galleries) {
            if let Err(why) = draw.check(gallery) {
                if plan.one_group {
                    eprintln!("left out: {why}");
                    continue;
                }
                bail!(why);
            }
            let test = Test {
                people: &people,
                embeddings: &embeddings,
                calibration,
                plan: &plan,
            };
            let (found, curve) = test.splits(&draw, gallery)?;
            let name = format!(
                "{} + {} pictures, {gallery} enrolled",
                plan.enrol, plan.frames
            );
            curves.push((name, curve));
            galleries.push(found);
        }
    }
    if galleries.is_empty() {
        bail!("no group has people enough for a gallery and a stranger");
    }
    let identification = Identification {
        acquisition,
        enrolment,
        people: people.people.len(),
        galleries,
        plan,
    };
    Ok((identification, curves))
}

struct Test<'a> {
    people: &'a People,
    embeddings: &'a [Option<&'a Embedding>],
    calibration: &'a Calibration,
    plan: &'a Plan,
}

impl Test<'_> {
    fn splits(&self, draw: &Draw, size: usize) -> anyhow::Result<(OfGallery, Curve)> {
        let mut random = Random::new(self.plan.seed);
        let mut progress = Progress::new("galleries", self.plan.splits);
        let mut all = Counts::default();
        let mut by_group = vec![Counts::default(); self.people.groups.len()];
        let mut comparisons = Comparisons::default();
        for _ in 0..self.plan.splits {
            let split = draw.split(size, &mut random);
            let gallery = self.gallery(&split)?;
            for visit in &split.visits {
                let probe = Probe::from_frames(&self.faces(&visit.pictures)?)?;
                let decision = gallery.identify(&probe, self.plan.fpir);
                all.add(visit, decision);
                let group = self.people.people[visit.person].group;
                if let Some(counts) = group.and_then(|group| by_group.get_mut(group)) {
                    counts.add(visit, decision);
                }
                comparisons.add(visit.person, &compare(&gallery, &probe, self.plan.fpir));
            }
            progress.step();
        }
        let groups = self.people.groups.iter().zip(&by_group);
        let groups = groups.map(|(name, counts)| OfGroup {
            name: name.clone(),
            false_positives: counts.false_positives.rate(),
            false_negatives: counts.false_negatives.rate(),
        });
        let found = OfGallery {
            gallery: size,
            group: draw.group.map(|group| self.people.groups[group].clone()),
            identified: all.rates(),
            comparisons: comparisons.rates(),
            // Of one group there is nothing to compare with.
            groups: Groups::of(groups.collect()).filter(|_| draw.group.is_none()),
        };
        Ok((found, comparisons.on_policy_scale))
    }

    fn gallery(&self, split: &Split) -> anyhow::Result<Gallery<usize>> {
        let templates = split.enrolled.iter().map(|one| {
            let template = Template::from_photos(&self.faces(&one.photos)?)?;
            anyhow::Ok((one.person, template))
        });
        let templates = templates.collect::<anyhow::Result<_>>()?;
        Ok(Gallery::new(templates, self.calibration.clone()))
    }

    fn faces(&self, pictures: &[usize]) -> anyhow::Result<Vec<Embedding>> {
        let face = |&picture: &usize| {
            self.embeddings[picture]
                .cloned()
                .context("a picture without a face was drawn")
        };
        pictures.iter().map(face).collect()
    }
}
