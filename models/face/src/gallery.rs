//! The people whom a terminal knows: templates, probes, and who is near whom.
//!
//! All comparisons are at unit length: each embedding is scaled to length 1, averaged with the others of its
//! template or probe, and scaled again. What follows from a distance is decided by [`policy`].

pub(crate) mod calibration;
pub(crate) mod curve;
pub(crate) mod normalised;
mod search;
mod template;

pub use calibration::{Calibration, CalibrationError, Centre};
pub use template::{MAX_PHOTOS, Probe, Shot, Template, TemplateError};

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
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
    /// Who is beside each template, found when it is first asked for: a gallery that answers once does without most.
    beside: Vec<OnceLock<Box<[Near]>>>,
    calibration: Calibration,
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

impl<Id: Copy + Eq + Hash> Gallery<Id> {
    /// A gallery of these people. Somebody may have several templates; photos of one occasion belong into one.
    pub fn new(people: Vec<(Id, Template)>, calibration: Calibration) -> Self {
        let mut owners: Vec<Id> = Vec::with_capacity(people.len());
        let mut numbers: HashMap<Id, usize> = HashMap::with_capacity(people.len());
        let mut order: Vec<(usize, usize)> = Vec::with_capacity(people.len());
        for (place, (id, _)) in people.iter().enumerate() {
            let owner = *numbers.entry(*id).or_insert_with(|| {
                owners.push(*id);
                owners.len() - 1
            });
            order.push((owner, place));
        }
        order.sort_unstable();
        let mut shelf = Shelf::with_capacity(people.len());
        let mut photos = Vec::with_capacity(people.len());
        for (owner, place) in order {
            let template = &people[place].1;
            shelf.push(template.unit().0, owner);
            photos.push(template.photos());
        }
        let mut sorted = photos.clone();
        sorted.sort_unstable();
        Self {
            shelf,
            usual_photos: sorted.get(sorted.len() / 2).copied().unwrap_or(1),
            beside: photos.iter().map(|_| OnceLock::new()).collect(),
            photos,
            people: owners,
            calibration,
        }
    }
}

impl<Id: Copy + Eq> Gallery<Id> {
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

    /// The `most` people nearest to a probe, the nearest first, and how far the nearest of each one's templates is at
    /// unit length. For measurements: nothing follows from a distance alone.
    pub fn search(&self, probe: &Probe, most: usize) -> Vec<(Id, f32)> {
        let near = self.nearest(probe, most).into_iter();
        near.map(|near| (self.id(near), near.distance)).collect()
    }

    /// Whether somebody of the gallery has this face: asked before a person is added to it. Looser than
    /// [`identify`](Self::identify), since here a template missed is a person enrolled twice. The price: somebody new
    /// is taken for somebody of the gallery at up to one time in a hundred, and among fewer than 20 people who all
    /// resemble each other at up to one in ten, which more photos make rare.
    pub fn is_among(&self, probe: &Probe) -> bool {
        policy::is_among(self, probe)
    }

    /// Every template, as near as it is to itself.
    pub(crate) fn each(&self) -> impl Iterator<Item = Near> {
        (0..self.shelf.len()).map(|template| Near {
            template,
            person: self.shelf.owner(template),
            distance: 0.0,
        })
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

    /// The people nearest to a template without its owner, the nearest first: its cohort, and one more, without whom
    /// it is the cohort of one of them.
    pub(crate) fn beside(&self, template: usize) -> &[Near] {
        self.beside[template].get_or_init(|| {
            let (unit, owner) = (self.shelf.template(template), self.shelf.owner(template));
            let near = self.shelf.nearest(unit, COHORT + 1, Some(owner));
            near.into_boxed_slice()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Embedding;

    #[test]
    fn whatever_order_templates_are_given_in_each_is_its_owners() {
        let along =
            |axis: usize| Embedding(std::array::from_fn(|at| f32::from(u8::from(at == axis))));
        let template = |axis: usize| Template::from_photos(&[along(axis)]).unwrap();
        let given = ["ana", "ben", "ana", "cem", "ben", "ana"];
        let given = given.into_iter().zip(0..);
        let calibration = Calibration::parse(include_str!("../../calibration.csv")).unwrap();
        let gallery = Gallery::new(
            given
                .clone()
                .map(|(id, axis)| (id, template(axis)))
                .collect(),
            calibration,
        );
        assert_eq!((gallery.len(), gallery.templates()), (3, 6));
        for (id, axis) in given {
            let found = gallery.search(&Probe::from_frames(&[along(axis)]).unwrap(), 2);
            assert_eq!((found.len(), found[0]), (2, (id, 0.0)));
        }
    }
}
