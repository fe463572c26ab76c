//! The people whom a terminal knows: templates, probes, and who is near whom.
//!
//! All comparisons are at unit length: each embedding is scaled to length 1, averaged with the others of its
//! template or probe, and scaled again. What follows from a distance is decided by [`policy`].

pub(crate) mod calibration;
pub(crate) mod curve;
pub(crate) mod normalised;
mod search;
mod template;

pub use calibration::{Calibration, CalibrationError};
pub use template::{MAX_PHOTOS, Probe, Shot, Template, TemplateError};

use std::fmt;
use std::sync::OnceLock;

use crate::policy::{self, Decision};
pub(crate) use search::Near;
use search::Shelf;

/// So many people nearest to a template or probe are its cohort.
pub(crate) const COHORT: usize = 10;

/// The people whom a terminal knows. Search is exhaustive: at these sizes it costs little, and an approximate
/// index would lose the promise about false identification.
pub struct Gallery<Id> {
    people: Vec<Id>,
    shelf: Shelf,
    /// Of each template, and of one in the middle.
    photos: Vec<usize>,
    usual_photos: usize,
    /// Of each template, found when it is first asked for: a gallery that answers once does without most.
    cohorts: Vec<OnceLock<Cohort>>,
    calibration: Calibration,
}

/// Who is near to a template, its owner left out: how crowded the space is around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cohort {
    /// Distance of the second nearest other person.
    pub(crate) second: Option<f32>,
    /// Of the distances of the [`COHORT`] nearest.
    pub(crate) spread: Spread,
}

/// Where distances lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) mean: f64,
    /// Standard deviation.
    pub(crate) deviation: f64,
}

impl Spread {
    pub(crate) fn of(distances: impl Iterator<Item = f32> + Clone) -> Self {
        let distances = distances.map(f64::from);
        let count = distances.clone().count().max(1) as f64;
        let mean = distances.clone().sum::<f64>() / count;
        let square = distances.map(|one| (one - mean).powi(2)).sum::<f64>();
        Self {
            mean,
            deviation: (square / count).sqrt(),
        }
    }
}

impl<Id> fmt::Debug for Gallery<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gallery({} people)", self.people.len())
    }
}

impl<Id: Copy + Eq> Gallery<Id> {
    /// A gallery of these people. Somebody may have several templates; photos of one occasion belong into one.
    pub fn new(people: Vec<(Id, Template)>, calibration: Calibration) -> Self {
        let mut owners: Vec<Id> = Vec::with_capacity(people.len());
        let mut templates: Vec<(usize, Template)> = Vec::with_capacity(people.len());
        for (id, template) in people {
            let owner = owners.iter().position(|known| *known == id);
            templates.push((owner.unwrap_or(owners.len()), template));
            if owner.is_none() {
                owners.push(id);
            }
        }
        templates.sort_by_key(|(owner, _)| *owner);
        let mut gallery = Self {
            people: owners,
            shelf: Shelf::default(),
            photos: Vec::with_capacity(templates.len()),
            usual_photos: 1,
            cohorts: templates.iter().map(|_| OnceLock::new()).collect(),
            calibration,
        };
        for (owner, template) in templates {
            gallery.shelf.push(template.unit().0, owner);
            gallery.photos.push(template.photos());
        }
        let mut sorted = gallery.photos.clone();
        sorted.sort_unstable();
        if let Some(&middle) = sorted.get(sorted.len() / 2) {
            gallery.usual_photos = middle;
        }
        gallery
    }

    /// Number of people, each counted once.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether nobody is in it: then everybody is unknown.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Who it is, when a stranger may be taken for somebody at this share of visits: `fpir`, such as 1e-3. Every
    /// template is a chance for a stranger, so the FMR that a single comparison may have is `fpir` divided by
    /// their number. One probe is one visit. How it is decided: [`policy`].
    pub fn identify(&self, probe: &Probe, fpir: f64) -> Decision<Id> {
        policy::identify(self, probe, fpir)
    }

    /// Number of templates.
    pub(crate) fn templates(&self) -> usize {
        self.shelf.len()
    }

    pub(crate) fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    pub(crate) fn id(&self, near: Near) -> Id {
        self.people[near.person]
    }

    /// Photos of a template.
    pub(crate) fn photos(&self, near: Near) -> usize {
        self.photos[near.template]
    }

    /// Photos of a template in the middle of the gallery.
    pub(crate) fn usual_photos(&self) -> usize {
        self.usual_photos
    }

    /// The people nearest to a probe, the nearest first.
    pub(crate) fn nearest(&self, probe: &Probe, most: usize) -> Vec<Near> {
        self.shelf.nearest(&probe.unit().0, most, None)
    }

    /// The people nearest to a template without its owner, the nearest first.
    pub(crate) fn beside(&self, template: usize, most: usize) -> Vec<Near> {
        let owner = Some(self.shelf.owner(template));
        self.shelf
            .nearest(self.shelf.template(template), most, owner)
    }

    /// Who is near to a template.
    pub(crate) fn cohort(&self, template: usize) -> &Cohort {
        self.cohorts[template].get_or_init(|| {
            let near = self.beside(template, COHORT);
            Cohort {
                second: near.get(1).map(|near| near.distance),
                spread: Spread::of(near.iter().map(|near| near.distance)),
            }
        })
    }
}
