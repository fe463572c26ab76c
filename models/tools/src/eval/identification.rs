//! 1:N: who is it, or is it nobody of the gallery? The shipped policy on visits of people who are enrolled and of
//! strangers, in galleries drawn by chance.

mod draw;

use anyhow::{Context, bail};
use limen_face::{Calibration, Decision, Embedding, Gallery, Probe, Template};
use serde::Serialize;

use super::acquire::{Acquired, Acquisition};
use super::groups::{Groups, OfGroup};
use super::people::People;
use super::progress::Progress;
use crate::random::Random;
use crate::statistics::{Rate, Tally};

use draw::Draw;

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
    /// People who can be strangers.
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

/// What galleries of one size showed.
#[derive(Serialize)]
pub struct OfGallery {
    /// People enrolled.
    pub gallery: usize,
    /// The group that gallery and strangers are of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// False positive identification rate: visits of strangers that were taken for somebody.
    pub fpir: Rate,
    /// False negative identification rate: visits of people enrolled that did not give their name.
    pub fnir: Rate,
    /// Of these, the visits that gave another's name.
    pub misidentified: Rate,
    /// Visits of people enrolled that were left undecided between two.
    pub ambiguous: u64,
    /// Visits of people enrolled that nobody was known in.
    pub unknown: u64,
    /// Visits of strangers that were left undecided between two; no false positives.
    pub strangers_ambiguous: u64,
    /// The same by group, where a list says groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Groups>,
}

/// Draws the galleries and identifies everybody in them.
///
/// # Errors
/// When there are too few people for the plan.
pub fn run(
    mut people: People,
    acquired: &[Acquired],
    calibration: &Calibration,
    plan: Plan,
) -> anyhow::Result<Identification> {
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
    let mut galleries = Vec::new();
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
            galleries.push(test.splits(&draw, gallery)?);
        }
    }
    if galleries.is_empty() {
        bail!("no group has people enough for a gallery and a stranger");
    }
    Ok(Identification {
        acquisition,
        enrolment,
        people: people
            .people
            .iter()
            .filter(|one| one.pictures.len() >= plan.frames)
            .count(),
        galleries,
        plan,
    })
}

struct Test<'a> {
    people: &'a People,
    embeddings: &'a [Option<&'a Embedding>],
    calibration: &'a Calibration,
    plan: &'a Plan,
}

/// What is counted over the splits of one gallery size.
#[derive(Default, Clone)]
struct Counts {
    false_positives: Tally,
    false_negatives: Tally,
    misidentified: Tally,
    ambiguous: u64,
    unknown: u64,
    strangers_ambiguous: u64,
}

impl Test<'_> {
    fn splits(&self, draw: &Draw, size: usize) -> anyhow::Result<OfGallery> {
        let mut random = Random::new(self.plan.seed);
        let mut progress = Progress::new("galleries", self.plan.splits);
        let mut all = Counts::default();
        let mut by_group = vec![Counts::default(); self.people.groups.len()];
        for _ in 0..self.plan.splits {
            let split = draw.split(size, &mut random);
            let templates = split.enrolled.iter().map(|one| {
                let template = Template::from_photos(&self.faces(&one.photos)?)?;
                anyhow::Ok((one.person, template))
            });
            let gallery = Gallery::new(
                templates.collect::<anyhow::Result<_>>()?,
                self.calibration.clone(),
            );
            for visit in &split.visits {
                let probe = Probe::from_frames(&self.faces(&visit.pictures)?)?;
                let decision = gallery.identify(&probe, self.plan.fpir);
                all.add(visit.person, visit.is_enrolled, decision);
                let group = self.people.people[visit.person].group;
                if let Some(counts) = group.and_then(|group| by_group.get_mut(group)) {
                    counts.add(visit.person, visit.is_enrolled, decision);
                }
            }
            progress.step();
        }
        let groups = self
            .people
            .groups
            .iter()
            .zip(&by_group)
            .map(|(name, counts)| OfGroup {
                name: name.clone(),
                false_positives: counts.false_positives.rate(),
                false_negatives: counts.false_negatives.rate(),
            });
        let groups = if draw.group.is_none() {
            Groups::of(groups.collect())
        } else {
            None
        };
        Ok(OfGallery {
            gallery: size,
            group: draw.group.map(|group| self.people.groups[group].clone()),
            fpir: all.false_positives.rate(),
            fnir: all.false_negatives.rate(),
            misidentified: all.misidentified.rate(),
            ambiguous: all.ambiguous,
            unknown: all.unknown,
            strangers_ambiguous: all.strangers_ambiguous,
            groups,
        })
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

impl Counts {
    fn add(&mut self, person: usize, is_enrolled: bool, decision: Decision<usize>) {
        let named = match decision {
            Decision::Match { id, .. } => Some(id),
            _ => None,
        };
        let is_ambiguous = u64::from(matches!(decision, Decision::Ambiguous));
        if is_enrolled {
            self.false_negatives.add(person, named != Some(person));
            self.misidentified
                .add(person, named.is_some_and(|id| id != person));
            self.ambiguous += is_ambiguous;
            self.unknown += u64::from(matches!(decision, Decision::Unknown));
        } else {
            self.false_positives.add(person, named.is_some());
            self.strangers_ambiguous += is_ambiguous;
        }
    }
}
