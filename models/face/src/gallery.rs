//! Who it is: templates, probes, and the decision between the people of a gallery.
//!
//! All comparisons are at unit length: each embedding is scaled to length 1, averaged with the others of its
//! template or probe, and scaled again. How near is near enough comes from measurements
//! ([`Calibration`]), for the number of photos, frames and people at hand and a stated FPIR, never from one number
//! for all.

mod calibration;
mod template;

pub use calibration::{Calibration, CalibrationError};
pub use template::{MAX_PHOTOS, Probe, Template, TemplateError};

use std::fmt;

use crate::embed::DIMENSION;

/// How much farther than the nearest person the second must be, at unit length: about the impostors' MAD.
const MARGIN: f32 = 0.05;
/// FMR of a 1:1 verification (NIST SP 800-63B-4).
const VERIFICATION_FMR: f64 = 1e-4;

/// How certain a match is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// Near, and nobody else is.
    Clear,
    /// Within the tolerance, not by much, or somebody else is not far behind.
    Narrow,
}

/// What became of a probe. No score is in it: a forger could climb along one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<Id> {
    /// This person.
    Match {
        /// Who.
        id: Id,
        /// How certain.
        grade: Grade,
    },
    /// Two people of the gallery are about as near: a second factor must tell.
    Ambiguous,
    /// Nobody of the gallery.
    Unknown,
}

/// The people whom a terminal knows. Search is exhaustive: at these sizes it costs little, and an approximate
/// index would lose the promise about false identification.
pub struct Gallery<Id> {
    people: Vec<Person<Id>>,
    /// Unit length templates, one after another.
    templates: Vec<f32>,
    distinct: usize,
    calibration: Calibration,
}

struct Person<Id> {
    id: Id,
    photos: usize,
}

impl<Id> fmt::Debug for Gallery<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gallery({} people)", self.distinct)
    }
}

impl<Id: Copy + Eq> Gallery<Id> {
    /// A gallery of these people. Somebody may have several templates; photos of one occasion belong into one.
    pub fn new(people: Vec<(Id, Template)>, calibration: Calibration) -> Self {
        let mut templates = Vec::with_capacity(people.len() * DIMENSION);
        let mut list: Vec<Person<Id>> = Vec::with_capacity(people.len());
        let mut distinct = 0;
        for (id, template) in people {
            templates.extend_from_slice(&template.unit().0);
            distinct += usize::from(list.iter().all(|person| person.id != id));
            list.push(Person {
                id,
                photos: template.photos(),
            });
        }
        Self {
            people: list,
            templates,
            distinct,
            calibration,
        }
    }

    /// Number of people, each counted once.
    pub fn len(&self) -> usize {
        self.distinct
    }

    /// Whether nobody is in it: then everybody is unknown.
    pub fn is_empty(&self) -> bool {
        self.distinct == 0
    }

    /// Who it is, when a stranger may be taken for somebody at this share of visits: `fpir`, such as 1e-3. Every
    /// template is a chance for a stranger, so the FMR that a single comparison may have is `fpir` divided by
    /// their number. One probe is one visit.
    pub fn identify(&self, probe: &Probe, fpir: f64) -> Decision<Id> {
        let Some((best, near)) = self.nearest(probe, |_| true) else {
            return Decision::Unknown;
        };
        let fmr = fpir / self.people.len() as f64;
        let tolerance = |fmr| {
            self.calibration
                .tolerance(best.photos, probe.frames(), fmr, self.distinct)
        };
        if near > tolerance(fmr) {
            return Decision::Unknown;
        }
        let second = self
            .nearest(probe, |id| *id != best.id)
            .map(|(_, distance)| distance);
        let ahead = second.map_or(f32::INFINITY, |second| second - near);
        if ahead < MARGIN {
            return Decision::Ambiguous;
        }
        let clear = ahead >= 2.0 * MARGIN && near <= tolerance(fmr / 10.0);
        let grade = if clear { Grade::Clear } else { Grade::Narrow };
        Decision::Match { id: best.id, grade }
    }

    /// The nearest template of those people who are `asked` for, and its distance.
    fn nearest(&self, probe: &Probe, asked: impl Fn(&Id) -> bool) -> Option<(&Person<Id>, f32)> {
        let of = |template: &[f32]| {
            let square = |(a, b): (&f32, &f32)| (a - b) * (a - b);
            template
                .iter()
                .zip(&probe.unit().0)
                .map(square)
                .sum::<f32>()
        };
        let people = self
            .people
            .iter()
            .zip(self.templates.chunks_exact(DIMENSION));
        let squares = people
            .filter(|(person, _)| asked(&person.id))
            .map(|(p, t)| (p, of(t)));
        let nearest = squares.min_by(|(_, a), (_, b)| a.total_cmp(b));
        nearest.map(|(person, square)| (person, square.sqrt()))
    }
}

/// Whether a probe is the one person whom it claims to be: the plain distance to the mean of their photos is within
/// `plain_tolerance` (a setting, an upper bound), **and** the distance at unit length is within the tolerance that
/// was measured for FMR 1e-4.
pub fn verify(
    template: &Template,
    probe: &Probe,
    plain_tolerance: f32,
    calibration: &Calibration,
) -> bool {
    let measured = calibration.everybody(template.photos(), probe.frames(), VERIFICATION_FMR);
    template.plain().distance(probe.plain()) <= plain_tolerance
        && template.unit().distance(probe.unit()) <= measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Embedding;

    fn calibration() -> Calibration {
        Calibration::parse(include_str!("../../calibration.csv")).unwrap()
    }

    /// A unit vector whose distance to axis 0 is `distance`, towards `axis`.
    fn away(distance: f32, axis: usize) -> Embedding {
        let cosine = 1.0 - distance * distance / 2.0;
        let mut values = [0.0; DIMENSION];
        values[0] = cosine;
        values[axis] = (1.0 - cosine * cosine).sqrt();
        Embedding(values)
    }

    fn gallery(people: &[(char, Embedding)]) -> Gallery<char> {
        let template = |one: &Embedding| Template::from_photos(std::slice::from_ref(one)).unwrap();
        Gallery::new(
            people
                .iter()
                .map(|(id, one)| (*id, template(one)))
                .collect(),
            calibration(),
        )
    }

    fn probe() -> Probe {
        Probe::from_frames(&[away(0.0, 1)]).unwrap()
    }

    #[test]
    fn nobody_is_known_to_an_empty_gallery() {
        let empty = gallery(&[]);
        assert!(empty.is_empty());
        assert_eq!(empty.identify(&probe(), 1e-3), Decision::Unknown);
    }

    #[test]
    fn near_and_alone_is_a_clear_match() {
        let decision =
            gallery(&[('a', away(0.1, 1)), ('b', away(0.8, 2))]).identify(&probe(), 1e-3);
        assert_eq!(
            decision,
            Decision::Match {
                id: 'a',
                grade: Grade::Clear
            }
        );
    }

    #[test]
    fn just_within_the_tolerance_is_narrow_and_beyond_it_unknown() {
        let edge = calibration().tolerance(1, 1, 1e-3, 1);
        let at = |distance| gallery(&[('a', away(distance, 1))]).identify(&probe(), 1e-3);
        let narrow = Decision::Match {
            id: 'a',
            grade: Grade::Narrow,
        };
        assert_eq!(at(edge - 0.001), narrow);
        assert_eq!(at(edge + 0.001), Decision::Unknown);
    }

    #[test]
    fn two_people_alike_are_ambiguous() {
        let twins = gallery(&[('a', away(0.10, 1)), ('b', away(0.14, 2))]);
        assert_eq!(twins.identify(&probe(), 1e-3), Decision::Ambiguous);
        let narrow = gallery(&[('a', away(0.10, 1)), ('b', away(0.16, 2))]);
        let wanted = Decision::Match {
            id: 'a',
            grade: Grade::Narrow,
        };
        assert_eq!(narrow.identify(&probe(), 1e-3), wanted);
    }

    #[test]
    fn two_templates_of_one_person_are_not_two_people() {
        let one = gallery(&[('a', away(0.10, 1)), ('a', away(0.11, 2))]);
        assert_eq!(one.len(), 1);
        let wanted = Decision::Match {
            id: 'a',
            grade: Grade::Clear,
        };
        assert_eq!(one.identify(&probe(), 1e-3), wanted);
    }

    #[test]
    fn the_more_people_the_stricter() {
        let near = away(0.26, 1);
        let few = gallery(&[('a', near.clone())]);
        assert!(matches!(
            few.identify(&probe(), 1e-3),
            Decision::Match { .. }
        ));
        let mut people = vec![('a', near)];
        people.extend(('b'..='z').zip((2..).map(|axis| away(1.2, axis))));
        people.extend(('A'..='Z').zip((40..).map(|axis| away(1.2, axis))));
        people.extend(('α'..='ω').zip((70..).map(|axis| away(1.2, axis))));
        let loose = gallery(&people).identify(&probe(), 1e-2);
        let strict = gallery(&people).identify(&probe(), 1e-6);
        assert!(matches!(loose, Decision::Match { .. }), "{loose:?}");
        assert_eq!(strict, Decision::Unknown);
    }

    #[test]
    fn verification_wants_both_distances() {
        let template = Template::from_photos(&[away(0.3, 1)]).unwrap();
        assert!(verify(&template, &probe(), 0.6, &calibration()));
        assert!(!verify(&template, &probe(), 0.2, &calibration()));
        let far = Template::from_photos(&[away(0.5, 1)]).unwrap();
        assert!(!verify(&far, &probe(), 0.6, &calibration()));
    }
}
