//! Photographs of many people, different days: who is enrolled is known again, and nobody else is let in.

use limen_face::quality::{Bar, Flaw, Quality};
use limen_face::{Decision, Embedding, Gallery, Probe, Template};

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
    let mut visits: Vec<(usize, Embedding)> = Vec::new();
    for (person, folder) in files(&collection.join("faces/lfw")).iter().enumerate() {
        let pictures = files(folder);
        let embeddings: Vec<_> = pictures
            .iter()
            .filter_map(|path| middle_face(&picture(path)))
            .collect();
        assert_eq!(
            embeddings.len(),
            pictures.len(),
            "{}: a face was not found",
            folder.display()
        );
        let (enrolled, presented) = embeddings.split_at(ENROLLED);
        people.push((person, Template::from_photos(enrolled).unwrap()));
        visits.extend(presented.iter().map(|one| (person, one.clone())));
    }
    let gallery = Gallery::new(people, calibration());
    let decide = |one: &Embedding| {
        gallery.identify(
            &Probe::from_frames(std::slice::from_ref(one)).unwrap(),
            FPIR,
        )
    };

    let (mut known, mut ambiguous, mut unknown, mut wrong) = (0, 0, 0, 0);
    for (person, one) in &visits {
        match decide(one) {
            Decision::Match { id, .. } if id == *person => known += 1,
            Decision::Match { .. } => wrong += 1,
            Decision::Ambiguous => ambiguous += 1,
            Decision::Unknown => unknown += 1,
        }
    }
    let (mut strangers, mut let_in) = (0, 0);
    for folder in files(&collection.join("faces/lfw_strangers")) {
        for path in files(&folder) {
            let Some(one) = middle_face(&picture(&path)) else {
                continue;
            };
            strangers += 1;
            let_in += usize::from(matches!(decide(&one), Decision::Match { .. }));
        }
    }
    eprintln!(
        "LFW: {} people with {ENROLLED} photos, FPIR {FPIR}: of {} single frames {known} known, {unknown} unknown, \
         {ambiguous} ambiguous, {wrong} taken for another; of {strangers} strangers {let_in} let in",
        gallery.len(),
        visits.len()
    );
    assert!(strangers >= 140, "only {strangers} strangers");
    assert_eq!((wrong, let_in), (0, 0));
    assert!(
        known * 100 >= visits.len() * 75,
        "{known} of {} known",
        visits.len()
    );
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
            let flaw = Quality::of(&face, &aligned).flaw(&Bar::default());
            blurred += usize::from(flaw == Some(Flaw::Blurred));
        }
    }
    eprintln!("dark pictures: {found} faces found, {blurred} of them called blurred");
    assert!(found >= 18, "only {found} faces found");
    assert!(blurred <= 2, "{blurred} of {found} called blurred");
}
