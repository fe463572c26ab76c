//! Who is enrolled, with which photos, and who comes.

use super::super::people::People;
use super::Plan;
use crate::random::Random;

/// Those among whom galleries are drawn.
pub struct Draw {
    /// The one group that they are of.
    pub group: Option<usize>,
    enrol: usize,
    frames: usize,
    /// Person and pictures, at least one each.
    people: Vec<(usize, Vec<usize>)>,
}

/// A gallery and the visits to it.
pub struct Split {
    pub enrolled: Vec<Enrolled>,
    pub visits: Vec<Visit>,
}

pub struct Enrolled {
    pub person: usize,
    pub photos: Vec<usize>,
}

pub struct Visit {
    pub person: usize,
    pub is_enrolled: bool,
    pub pictures: Vec<usize>,
}

impl Draw {
    /// Everybody, or those of one group.
    pub fn new(people: &People, plan: &Plan, group: Option<usize>) -> Self {
        let everybody = people.people.iter().enumerate();
        let wanted = everybody.filter(|(_, person)| group.is_none() || person.group == group);
        Self {
            group,
            enrol: plan.enrol,
            frames: plan.frames,
            people: wanted
                .map(|(place, person)| (place, person.pictures.clone()))
                .collect(),
        }
    }

    fn can_enrol(&self, pictures: &[usize]) -> bool {
        pictures.len() >= self.enrol
    }

    fn enrollable(&self) -> usize {
        self.people
            .iter()
            .filter(|(_, pictures)| self.can_enrol(pictures))
            .count()
    }

    /// The sizes that are asked for; else one, of half of the people who can be enrolled.
    pub fn sizes(&self, asked: &[usize]) -> Vec<usize> {
        if asked.is_empty() {
            vec![(self.enrollable() / 2).max(1)]
        } else {
            asked.to_vec()
        }
    }

    /// Whether there are people enough for galleries of this size and at least one stranger.
    pub fn check(&self, gallery: usize) -> Result<(), String> {
        let enrollable = self.enrollable();
        if enrollable < gallery {
            return Err(format!(
                "a gallery of {gallery} wants as many people with {} pictures that give a face, and there are {enrollable}",
                self.enrol
            ));
        }
        if self.people.len() <= gallery {
            return Err(format!(
                "a gallery of {gallery} leaves nobody to be a stranger"
            ));
        }
        Ok(())
    }

    /// A gallery by chance: who is in it, which of their pictures are enrolled, and the visits of everybody with
    /// the others, as far as they go. Those who are not in it are the strangers.
    pub fn split(&self, gallery: usize, random: &mut Random) -> Split {
        let mut people = self.people.clone();
        random.shuffle(&mut people);
        // Stable: those with too few pictures go to the end, the others keep their random order.
        people.sort_by_key(|(_, pictures)| !self.can_enrol(pictures));
        let (mut enrolled, mut visits) = (Vec::new(), Vec::new());
        for (place, (person, mut pictures)) in people.into_iter().enumerate() {
            random.shuffle(&mut pictures);
            let is_enrolled = place < gallery;
            if is_enrolled {
                let photos = pictures.drain(..self.enrol).collect();
                enrolled.push(Enrolled { person, photos });
            }
            // A stranger with fewer pictures comes with what there is; the policy knows how many frames it saw.
            let frames = if is_enrolled {
                self.frames
            } else {
                self.frames.min(pictures.len())
            };
            visits.extend(pictures.chunks_exact(frames).map(|pictures| Visit {
                person,
                is_enrolled,
                pictures: pictures.to_vec(),
            }));
        }
        Split { enrolled, visits }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn draw(pictures: &[usize]) -> Draw {
        let mut next = 0..;
        let people = pictures
            .iter()
            .map(|&count| next.by_ref().take(count).collect());
        Draw {
            group: None,
            enrol: 3,
            frames: 2,
            people: people.enumerate().collect(),
        }
    }

    #[test]
    fn who_is_enrolled_comes_with_other_pictures_and_everybody_else_is_a_stranger() {
        let draw = draw(&[5, 8, 2, 6, 4, 1]);
        let mut random = Random::new(7);
        let mut ever_enrolled = BTreeSet::new();
        for _ in 0..50 {
            let split = draw.split(2, &mut random);
            let photos: BTreeSet<usize> = split
                .enrolled
                .iter()
                .flat_map(|one| one.photos.clone())
                .collect();
            assert_eq!((split.enrolled.len(), photos.len()), (2, 6));
            let enrolled: BTreeSet<usize> = split.enrolled.iter().map(|one| one.person).collect();
            for visit in &split.visits {
                assert_eq!(visit.is_enrolled, enrolled.contains(&visit.person));
                let wanted = if visit.person == 5 { 1 } else { 2 };
                assert_eq!(visit.pictures.len(), wanted);
                assert!(visit.pictures.iter().all(|one| !photos.contains(one)));
            }
            let visitors: BTreeSet<usize> = split.visits.iter().map(|visit| visit.person).collect();
            assert!(visitors.len() >= 5, "{visitors:?}");
            ever_enrolled.extend(enrolled);
        }
        // One and two pictures are too few for three.
        assert_eq!(ever_enrolled, BTreeSet::from([0, 1, 3, 4]));
    }

    #[test]
    fn too_few_people_are_said() {
        let draw = draw(&[5, 5, 5]);
        assert_eq!(draw.sizes(&[]), [1]);
        assert!(draw.check(2).is_ok());
        assert_eq!(
            draw.check(3).unwrap_err(),
            "a gallery of 3 leaves nobody to be a stranger"
        );
        let why =
            "a gallery of 4 wants as many people with 3 pictures that give a face, and there are 3";
        assert_eq!(draw.check(4).unwrap_err(), why);
    }
}
