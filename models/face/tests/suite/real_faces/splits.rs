//! Who is enrolled and who is not is drawn by lot, again and again: half of the people are the strangers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use limen_face::{Decision, Embedding, Gallery, Probe, SecondFactor, Template};

use super::{FPIR, calibration};

/// Photos of each person that are enrolled, and frames of a visit.
const PHOTOS: usize = 3;
const FRAMES: usize = 3;

const SPLITS: usize = 40;

/// Somebody with several photographs.
pub struct Person {
    pub name: String,
    pub photos: Vec<Embedding>,
}

/// What became of the visits.
#[derive(Default)]
struct Count {
    enrolled: usize,
    refused: usize,
    wrong: usize,
    twins: usize,
    strangers: usize,
    let_in: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "of {} visits of the enrolled {} refused, {} with a second factor, {} named wrongly; of {} visits of \
             strangers {} let in",
            self.enrolled, self.refused, self.twins, self.wrong, self.strangers, self.let_in
        )
    }
}

impl Count {
    fn enrolled(&mut self, who: usize, decision: Decision<usize>) {
        self.enrolled += 1;
        match decision {
            Decision::Match {
                id, second_factor, ..
            } => {
                self.wrong += usize::from(id != who);
                self.twins += usize::from(second_factor == Some(SecondFactor::Twin));
            }
            _ => self.refused += 1,
        }
    }

    fn stranger(&mut self, decision: Decision<usize>) {
        self.strangers += 1;
        self.let_in += usize::from(matches!(decision, Decision::Match { .. }));
    }
}

fn decide(gallery: &Gallery<usize>, frames: &[Embedding]) -> Decision<usize> {
    gallery.identify(&Probe::from_frames(frames).unwrap(), FPIR)
}

/// Half of `people` are enrolled, the others and the `strangers` are not. Visits are of photographs that were not
/// enrolled.
pub fn halves(people: &[Person], strangers: &[Embedding]) {
    let mut lot = Lot(1);
    let mut all = Count::default();
    for _ in 0..SPLITS {
        let mut order: Vec<&Person> = people.iter().collect();
        lot.shuffle(&mut order);
        let (inside, outside) = order.split_at(order.len() / 2);
        let mut rest = Vec::new();
        let enrolled = inside.iter().enumerate().map(|(who, person)| {
            let mut photos = person.photos.clone();
            lot.shuffle(&mut photos);
            rest.push(photos.split_off(PHOTOS));
            (who, Template::from_photos(&photos).unwrap())
        });
        let gallery = Gallery::new(enrolled.collect(), calibration());
        for (who, photos) in rest.iter().enumerate() {
            for frames in photos.chunks_exact(FRAMES) {
                all.enrolled(who, decide(&gallery, frames));
            }
        }
        for person in outside {
            for frames in person.photos.chunks_exact(FRAMES) {
                all.stranger(decide(&gallery, frames));
            }
        }
        for one in strangers {
            all.stranger(decide(&gallery, std::slice::from_ref(one)));
        }
    }
    eprintln!(
        "{SPLITS} splits of {} people, {PHOTOS} photos and {FRAMES} frames, FPIR {FPIR}: {all}",
        people.len()
    );
    assert!(all.enrolled >= 20 * SPLITS / 2, "{} visits", all.enrolled);
    assert_eq!((all.wrong, all.let_in), (0, 0));
    assert!(
        (all.refused + all.twins) * 50 <= all.enrolled,
        "more than 2 in 100 of {all}"
    );
}

/// The people of each group that the collection's list names.
pub fn by_group<'a>(people: &'a [Person], collection: &Path) -> BTreeMap<String, Vec<&'a Person>> {
    let text = std::fs::read_to_string(collection.join("lfw_groups.csv")).unwrap();
    let rows = text.lines().skip(1).filter_map(|row| row.split_once(','));
    let rows = rows.filter(|(_, group)| !group.is_empty());
    let of: BTreeMap<&str, &str> = rows.collect();
    let mut groups: BTreeMap<String, Vec<&Person>> = BTreeMap::new();
    for person in people {
        if let Some(&group) = of.get(person.name.as_str()) {
            groups.entry(group.to_owned()).or_default().push(person);
        }
    }
    groups
}

/// Galleries of one group each, in which each in turn is the stranger.
pub fn groups(groups: &BTreeMap<String, Vec<&Person>>) {
    for (group, members) in groups {
        let mut count = Count::default();
        for stranger in 0..members.len() {
            let enrolled = members
                .iter()
                .enumerate()
                .filter(|&(who, _)| who != stranger);
            let template = |person: &Person| Template::from_photos(&person.photos[..PHOTOS]);
            let enrolled = enrolled.map(|(who, person)| (who, template(person).unwrap()));
            let gallery = Gallery::new(enrolled.collect(), calibration());
            for (who, person) in members.iter().enumerate() {
                for frames in person.photos[PHOTOS..].chunks_exact(FRAMES) {
                    match who == stranger {
                        true => count.stranger(decide(&gallery, frames)),
                        false => count.enrolled(who, decide(&gallery, frames)),
                    }
                }
            }
            for one in members[stranger].photos.windows(FRAMES) {
                count.stranger(decide(&gallery, one));
            }
        }
        eprintln!("only {group}, {} people: {count}", members.len());
        assert_eq!((count.wrong, count.let_in), (0, 0), "{group}");
    }
}

/// Knuth's MMIX generator: its high bits are random enough for drawing lots, and the same at every run.
pub struct Lot(pub u64);

impl Lot {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}
