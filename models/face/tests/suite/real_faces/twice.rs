//! Somebody who is enrolled already comes to be enrolled again, and somebody who is not.

use std::collections::BTreeMap;

use limen_face::{Decision, Embedding, Gallery, Probe, Template};

use super::splits::{Lot, Person};
use super::{FPIR, calibration};

const DRAWS: usize = 40;

/// Galleries below and above the size at which another rule begins: with one photo each, and with three.
pub fn galleries(people: &[Person], strangers: &[Embedding]) {
    let mut lot = Lot(1);
    for photos in [1, 3] {
        for size in [5, 10, 19, 20] {
            let draw = |_| Count::of(people, strangers, size, photos, &mut lot);
            let all = (0..DRAWS).map(draw).fold(Count::default(), Count::plus);
            let Count {
                again,
                found,
                known,
                new,
                taken,
            } = all;
            eprintln!(
                "{size} enrolled with {photos} photos: of {again} who come again with as many, {found} are found \
                 (a door would know {known}); of {new} others {taken} are taken for somebody"
            );
            // With one photo two of three; with three 98 of 100. Of others no more than one in a hundred.
            let least = if photos == 1 { 66 } else { 98 };
            assert!(found * 100 >= again * least, "{found} of {again}");
            assert!(found >= known, "{found}, {known}");
            assert!(taken * 100 <= new, "{taken} of {new}");
        }
    }
}

/// Galleries of one group each, in which each in turn is the one who is new.
pub fn groups(groups: &BTreeMap<String, Vec<&Person>>) {
    for (group, members) in groups {
        for photos in [1, 3] {
            let (mut new, mut taken) = (0, 0);
            for (who, person) in members.iter().enumerate() {
                let others = members
                    .iter()
                    .enumerate()
                    .filter(|&(other, _)| other != who);
                let template = |other: &Person| Template::from_photos(&other.photos[..photos]);
                let others = others.map(|(other, person)| (other, template(person).unwrap()));
                let gallery = Gallery::new(others.collect(), calibration());
                for faces in person.photos.chunks_exact(photos) {
                    new += 1;
                    taken += usize::from(gallery.is_among(&Probe::from_frames(faces).unwrap()));
                }
            }
            eprintln!(
                "only {group}, {} people with {photos} photos: of {new} who are new {taken} are taken for somebody",
                members.len()
            );
            // The rate that is stated for people who all resemble each other.
            assert!(taken * 10 <= new, "{group}: {taken} of {new}");
        }
    }
}

#[derive(Default, Clone, Copy)]
struct Count {
    again: usize,
    found: usize,
    known: usize,
    new: usize,
    taken: usize,
}

impl Count {
    fn of(
        people: &[Person],
        strangers: &[Embedding],
        size: usize,
        photos: usize,
        lot: &mut Lot,
    ) -> Self {
        let mut order: Vec<&Person> = people.iter().collect();
        lot.shuffle(&mut order);
        // Stable: who has too few photographs to come again is a stranger.
        order.sort_by_key(|person| person.photos.len() < 2 * photos);
        let (inside, outside) = order.split_at(size);
        let (mut enrolled, mut again) = (Vec::new(), Vec::new());
        for (who, person) in inside.iter().enumerate() {
            let mut faces = person.photos.clone();
            lot.shuffle(&mut faces);
            enrolled.push((who, Template::from_photos(&faces[..photos]).unwrap()));
            again.push(faces[photos..2 * photos].to_vec());
        }
        let gallery = Gallery::new(enrolled, calibration());
        let new = outside.iter().map(|person| &person.photos[..photos]);
        let new = new.chain(strangers.iter().map(std::slice::from_ref));
        let new: Vec<Probe> = new
            .map(|faces| Probe::from_frames(faces).unwrap())
            .collect();
        let again: Vec<Probe> = again
            .iter()
            .map(|faces| Probe::from_frames(faces).unwrap())
            .collect();
        let count = |all: &[Probe]| all.iter().filter(|one| gallery.is_among(one)).count();
        let known = |one: &&Probe| gallery.identify(one, FPIR) != Decision::Unknown;
        Self {
            again: again.len(),
            found: count(&again),
            known: again.iter().filter(known).count(),
            new: new.len(),
            taken: count(&new),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            again: self.again + other.again,
            found: self.found + other.found,
            known: self.known + other.known,
            new: self.new + other.new,
            taken: self.taken + other.taken,
        }
    }
}
