//! Photographs of many people, different days: who is enrolled is known again, and nobody else is let in.

use std::path::Path;

use limen_face::quality::{Bar, Flaw, Quality};
use limen_face::{Decision, Embedding, Gallery, Probe, Template};

use super::splits::{self, Person};
use super::twice;
use super::{FPIR, calibration, collection, files, middle_face};
use crate::support::{MODELS, picture};

/// Photos of each person that are enrolled; the others are presented.
const ENROLLED: usize = 3;

#[test]
fn strangers_match_nobody_and_nobody_is_taken_for_another() {
    let Some(collection) = collection() else {
        return;
    };
    let mut people = Vec::new();
    for set in ["faces/lfw", "faces/dlib_johns"] {
        for folder in files(&collection.join(set)) {
            people.push(person(&folder));
        }
    }
    let strangers: Vec<Embedding> = files(&collection.join("faces/lfw_strangers"))
        .iter()
        .flat_map(|folder| files(folder))
        .filter_map(|path| middle_face(&picture(&path)))
        .collect();
    assert!(strangers.len() >= 140, "only {} strangers", strangers.len());
    single_frames(&people, &strangers);
    splits::halves(&people, &strangers);
    twice::galleries(&people, &strangers);
    let groups = splits::by_group(&people, &collection);
    splits::groups(&groups);
    twice::groups(&groups);
}

fn person(folder: &Path) -> Person {
    let pictures = files(folder);
    let faces = pictures.iter().map(|path| middle_face(&picture(path)));
    let photos: Option<Vec<Embedding>> = faces.collect();
    Person {
        name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
        photos: photos.unwrap_or_else(|| panic!("{}: a face was not found", folder.display())),
    }
}

/// Everybody is enrolled, and presents one frame at a time.
fn single_frames(people: &[Person], strangers: &[Embedding]) {
    let template = |person: &Person| Template::from_photos(&person.photos[..ENROLLED]).unwrap();
    let gallery = Gallery::new(
        people.iter().map(template).enumerate().collect(),
        calibration(),
    );
    let decide = |one: &Embedding| {
        let probe = Probe::from_frames(std::slice::from_ref(one)).unwrap();
        gallery.identify(&probe, FPIR)
    };
    let (mut visits, mut known, mut ambiguous, mut unknown, mut wrong) = (0, 0, 0, 0, 0);
    for (who, person) in people.iter().enumerate() {
        for one in &person.photos[ENROLLED..] {
            visits += 1;
            match decide(one) {
                Decision::Match { id, .. } if id == who => known += 1,
                Decision::Match { .. } => wrong += 1,
                Decision::Ambiguous => ambiguous += 1,
                Decision::Unknown | Decision::PoorQuality(_) => unknown += 1,
            }
        }
    }
    let matched = |one: &&Embedding| matches!(decide(one), Decision::Match { .. });
    let let_in = strangers.iter().filter(matched).count();
    eprintln!(
        "{} people with {ENROLLED} photos, FPIR {FPIR}: of {visits} single frames {known} known, {unknown} unknown, \
         {ambiguous} ambiguous, {wrong} taken for another; of {} strangers {let_in} let in",
        gallery.len(),
        strangers.len()
    );
    assert_eq!((wrong, let_in), (0, 0));
    assert!(known * 100 >= visits * 75, "{known} of {visits} known");
}

#[test]
fn dark_pictures_are_not_taken_for_blurred_ones() {
    let Some(collection) = collection() else {
        return;
    };
    let (mut found, mut blurred) = (0, 0);
    for folder in files(&collection.join("lowlight_derived")) {
        for path in files(&folder) {
            let frame = picture(&path);
            let Some(face) = MODELS.detect(&frame).unwrap().into_iter().next() else {
                continue;
            };
            found += 1;
            let aligned = MODELS.align(&frame, &face).unwrap();
            let flaw = Quality::of(&frame, &face, &aligned).flaw(&Bar::default());
            blurred += usize::from(flaw == Some(Flaw::Blurred));
        }
    }
    eprintln!("dark pictures: {found} faces found, {blurred} of them called blurred");
    assert!(found >= 18, "only {found} faces found");
    assert!(blurred <= 2, "{blurred} of {found} called blurred");
}
