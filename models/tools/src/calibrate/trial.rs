//! Visits to a site's gallery, compared with everybody in it.

use std::collections::BTreeSet;

use limen_face::policy::{Comparison, Scale, compare};
use limen_face::{Calibration, Decision, TemplateError};

use super::distribution::{Distribution, centre, middle};
use super::report::{Beside, Decided, Measured};
use super::site::{Round, Site};
use super::verdict::{Evidence, judge};
use crate::statistics::{Curve, RATES, Tally};

/// What all visits came to.
pub struct Trial {
    fpir: f64,
    people: usize,
    /// At unit length.
    pub distances: Curve,
    genuine: Vec<f64>,
    impostors: Vec<f64>,
    /// The impostors without each visit's nearest.
    crowd: Vec<f64>,
    /// Of genuine comparisons: the distance up to which they would have matched.
    in_force: Vec<f64>,
    photos: Vec<f64>,
    frames: Vec<f64>,
    is_by_distance: bool,
    visitors: BTreeSet<usize>,
    false_matches: Tally,
    false_non_matches: Tally,
    decided: Decided,
}

impl Trial {
    /// Lets everybody come.
    ///
    /// # Errors
    /// When an embedding is none of a face, which the models never give.
    pub fn of(site: &Site, calibration: &Calibration, fpir: f64) -> Result<Self, TemplateError> {
        let mut trial = Self {
            fpir,
            people: site.people.len(),
            distances: Curve::within(0.0, 2.0),
            genuine: Vec::new(),
            impostors: Vec::new(),
            crowd: Vec::new(),
            in_force: Vec::new(),
            photos: Vec::new(),
            frames: Vec::new(),
            is_by_distance: true,
            visitors: BTreeSet::new(),
            false_matches: Tally::default(),
            false_non_matches: Tally::default(),
            decided: Decided::default(),
        };
        for number in 0..site.rounds() {
            let Round { gallery, visits } = site.round(number, calibration)?;
            for (person, probe) in visits {
                trial.decided.add(person, gallery.identify(&probe, fpir));
                trial.frames.push(probe.frames() as f64);
                trial.add(person, &compare(&gallery, &probe, fpir));
            }
        }
        Ok(trial)
    }

    fn add(&mut self, person: usize, compared: &[Comparison<usize>]) {
        self.visitors.insert(person);
        let mut is_nearest = true;
        for one in compared {
            let (distance, is_match) = (f64::from(one.distance), one.effective <= one.most);
            if one.id == person {
                self.distances.add_genuine(person, distance);
                self.genuine.push(distance);
                self.false_non_matches.add(person, !is_match);
                self.photos.push(one.photos as f64);
                self.is_by_distance &= one.scale != Scale::Normalised;
                self.in_force.push(distance + one.most - one.effective);
                continue;
            }
            self.distances.add_impostors(person, one.id, distance);
            self.impostors.push(distance);
            self.false_matches.add_pair(person, one.id, is_match);
            if !is_nearest {
                self.crowd.push(distance);
            }
            is_nearest = false;
        }
    }

    /// What is told of it.
    pub fn measured(&self, calibration: &Calibration, of_visits: bool) -> Measured {
        let usual = |counts: &[f64]| middle(&mut counts.to_vec()).unwrap_or(1.0) as usize;
        let (photos, frames) = (usual(&self.photos), usual(&self.frames));
        let shipped = calibration.impostors(photos, frames);
        let site = centre(&mut self.crowd.clone()).filter(|site| site.mad > 0.0);
        let asked = self.fpir / self.people.max(1) as f64;
        let tolerance = |fmr| f64::from(calibration.tolerance(photos, frames, fmr, usize::MAX));
        let in_force = middle(&mut self.in_force.clone()).filter(|_| self.is_by_distance);
        // The site's distances moved and stretched onto those of whom the curve was measured.
        let foretold = site.zip(in_force).map(|(site, in_force)| {
            let there = shipped.median + (in_force - site.median) * shipped.mad / site.mad;
            calibration.fmr(photos, frames, there)
        });
        let own = site
            .map(|site| site.median + (tolerance(asked) - shipped.median) * site.mad / shipped.mad);
        let (fmr, fnmr) = (self.false_matches.rate(), self.false_non_matches.rate());
        let at = |&fmr: &f64| Beside {
            shipped: tolerance(fmr),
            site: self.distances.tar_at(fmr),
        };
        Measured {
            of_visits,
            visits: self.frames.len(),
            photos,
            frames,
            genuine: Distribution::of(&mut self.genuine.clone(), self.visitors.len()),
            impostors: Distribution::of(&mut self.impostors.clone(), self.distances.pairs()),
            site: site.map(Into::into),
            shipped: shipped.into(),
            asked,
            shipped_tolerance: tolerance(asked),
            own_tolerance: own,
            in_force,
            fmr,
            fnmr,
            decided: self.decided,
            curve: RATES.iter().map(at).collect(),
            verdict: judge(&Evidence {
                people: self.people,
                fpir: self.fpir,
                asked,
                counted: fmr,
                foretold,
            }),
        }
    }
}

impl Decided {
    fn add(&mut self, person: usize, decision: Decision<usize>) {
        match decision {
            Decision::Match {
                id,
                second_factor: None,
                ..
            } if id == person => self.named += 1,
            Decision::Match { id, .. } if id == person => self.with_second_factor += 1,
            Decision::Match { .. } => self.another += 1,
            Decision::Ambiguous => self.ambiguous += 1,
            Decision::Unknown | Decision::PoorQuality(_) => self.unknown += 1,
        }
    }
}
