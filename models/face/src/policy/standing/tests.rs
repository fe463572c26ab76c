use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::embed::{DIMENSION, Embedding};
use crate::gallery::{Calibration, Template};
use crate::policy::SecondFactor;

const FPIR: f64 = 1e-3;

fn calibration() -> Calibration {
    let curves = Calibration::parse(include_str!("../../../../calibration.csv")).unwrap();
    let normalised = include_str!("../../../../calibration-normalised.csv");
    curves.with_normalised(normalised).unwrap()
}

/// A face in a direction of its own, leaning towards its neighbour's by so much.
fn face(axis: usize, lean: f32) -> Embedding {
    let mut values = [0.0; DIMENSION];
    values[axis] = 1.0;
    values[(axis + 1) % DIMENSION] += lean;
    Embedding(values)
}

fn enrolled(one: &Embedding, photos: usize) -> Template {
    Template::from_photos(&vec![one.clone(); photos]).unwrap()
}

/// So many people who resemble nobody, with as many photos.
fn strangers(people: usize, photos: usize) -> Vec<(u32, Template)> {
    let one = |n: usize| (n as u32, enrolled(&face(2 * n, 0.0), photos));
    (0..people).map(one).collect()
}

fn of(people: Vec<(u32, Template)>) -> Standing<u32> {
    standing(&Gallery::new(people, calibration()), 3, FPIR)
}

#[test]
fn nobody_stands_for_nothing() {
    let empty = of(Vec::new());
    assert_eq!((empty.people, empty.templates), (0, 0));
    assert!(empty.rules.is_empty() && empty.alike.is_empty() && empty.provisional.is_empty());
}

#[rstest]
#[case(1, 3, Scale::Distance)]
#[case(19, 3, Scale::Distance)]
#[case(20, 3, Scale::Crowd)]
#[case(60, 1, Scale::Crowd)]
fn the_scale_follows_the_gallery(
    #[case] people: usize,
    #[case] frames: usize,
    #[case] scale: Scale,
) {
    let gallery = Gallery::new(strangers(people, 3), calibration());
    let rules = standing(&gallery, frames, FPIR).rules;
    let most = calibration().tolerance(3, frames, FPIR / people as f64, people);
    let wanted = Rule {
        photos: 3,
        frames,
        scale,
        most: most.into(),
        fmr: FPIR / people as f64,
    };
    assert_eq!(rules, [wanted]);
}

#[test]
fn some_hundred_people_and_one_frame_are_decided_on_the_score() {
    let one = |n: u32| {
        let tilt = (n / 128) as f32 * 0.4;
        (n, enrolled(&face(n as usize % 128, 0.3 + tilt), 1))
    };
    let gallery = Gallery::new((0..400).map(one).collect(), calibration());
    let scale = |frames| standing(&gallery, frames, 1e-2).rules[0].scale;
    assert_eq!((scale(1), scale(3)), (Scale::Normalised, Scale::Crowd));
}

#[test]
fn with_the_twentieth_person_it_is_decided_otherwise_and_looser() {
    let mut people = strangers(19, 3);
    let before = of(people.clone());
    people.push((19, enrolled(&face(40, 0.0), 1)));
    let after = of(people);
    assert_eq!((before.people, after.people), (19, 20));
    assert_eq!(before.provisional, [0_u32; 0]);
    assert_eq!(after.provisional, [19]);
    let photos = |standing: &Standing<u32>| {
        let rules = standing.rules.iter();
        rules.map(|rule| rule.photos).collect::<Vec<_>>()
    };
    assert_eq!((photos(&before), photos(&after)), (vec![3], vec![1, 3]));
    assert_ne!(before.rules[0].scale, after.rules[1].scale);
    assert!(after.rules[1].most > before.rules[0].most);
    assert!(before.rules[0].scale.why().contains("fewer than 20"));
    assert!(after.rules[1].scale.why().contains("20 people"));
}

/// How far two faces are apart, where one leans.
fn apart(lean: f32) -> f32 {
    face(0, 0.0).unit().distance(&face(0, lean).unit())
}

#[rstest]
#[case::the_same(0.0, Some(true))]
#[case::twins(0.15, Some(true))]
#[case::asked_about(0.30, Some(false))]
#[case::two_people(0.5, None)]
fn who_is_near_whom_in_a_small_gallery(#[case] lean: f32, #[case] wanted: Option<bool>) {
    let small = |fpir: f64| f64::from(calibration().tolerance(3, 3, fpir / 4.0, 4));
    let near = f64::from(apart(lean));
    assert_eq!(near <= small(FPIR), wanted == Some(true), "{near}");
    assert_eq!(near <= small(1e-1), wanted.is_some(), "{near}");
    let mut people = strangers(3, 3);
    people.push((9, enrolled(&face(0, lean), 3)));
    let found = of(people);
    let pair = |id, other| wanted.map(|is_twin| Alike { id, other, is_twin });
    let wanted: Vec<_> = pair(0, 9).into_iter().chain(pair(9, 0)).collect();
    assert_eq!(found.alike, wanted);
}

#[test]
fn the_most_alike_come_first_and_each_person_once() {
    let mut people = strangers(3, 3);
    people.push((7, enrolled(&face(0, 0.2), 3)));
    people.push((8, enrolled(&face(2, 0.1), 1)));
    people.push((8, enrolled(&face(2, 0.05), 2)));
    let found = of(people);
    let ids: Vec<_> = found.alike.iter().map(|one| (one.id, one.other)).collect();
    assert_eq!(ids, [(1, 8), (8, 1), (0, 7), (7, 0)]);
    assert_eq!(found.provisional, [8]);
    assert_eq!((found.people, found.templates), (5, 6));
}

#[rstest]
// What identify asks for, and what an enrolment is held against.
#[case(4, 0.15, true, true)]
#[case(4, 0.30, false, true)]
#[case(4, 0.50, false, false)]
#[case(30, 0.27, true, true)]
#[case(30, 0.31, false, true)]
#[case(30, 0.50, false, false)]
fn who_is_there_already_is_found_where_a_door_would_not_know_them(
    #[case] people: usize,
    #[case] lean: f32,
    #[case] known: bool,
    #[case] found: bool,
) {
    let gallery = Gallery::new(strangers(people, 3), calibration());
    let probe = Probe::from_frames(&vec![face(0, lean); 3]).unwrap();
    let decision = gallery.identify(&probe, FPIR);
    assert_eq!(decision != Decision::Unknown, known, "{}", apart(lean));
    assert_eq!(gallery.is_among(&probe), found, "{}", apart(lean));
}

#[test]
fn nobody_is_among_nobody() {
    let probe = Probe::from_frames(&[face(0, 0.0)]).unwrap();
    assert!(!Gallery::<u32>::new(Vec::new(), calibration()).is_among(&probe));
}

proptest! {
    /// What is said of a gallery is what happens at its door: of everybody who comes and is named.
    #[test]
    fn whom_it_calls_twins_or_provisional_is_asked_for_a_second_factor(
        seeds in prop::collection::vec((0_usize..40, 0.0_f32..0.6, 1_usize..5), 1..45),
    ) {
        let people: Vec<(u32, Template)> = seeds
            .iter()
            .zip(0..)
            .map(|(&(axis, lean, photos), id)| (id, enrolled(&face(2 * axis, lean), photos)))
            .collect();
        let gallery = Gallery::new(people, calibration());
        let standing = standing(&gallery, 5, FPIR);
        let mut named = 0;
        for (&(axis, lean, _), id) in seeds.iter().zip(0_u32..) {
            let probe = Probe::from_frames(&vec![face(2 * axis, lean); 5]).unwrap();
            let is_twin = |id| standing.alike.iter().any(|one| one.is_twin && one.id == id);
            match gallery.identify(&probe, FPIR) {
                Decision::Match { id: who, second_factor, .. } => {
                    let wanted = match (is_twin(who), standing.provisional.contains(&who)) {
                        (true, _) => Some(SecondFactor::Twin),
                        (false, true) => Some(SecondFactor::Provisional),
                        (false, false) => None,
                    };
                    prop_assert_eq!(second_factor, wanted);
                    // Of two who can't be told apart either may be named: a face alone lets neither in.
                    prop_assert!(who == id || (is_twin(id) && is_twin(who)));
                    named += 1;
                }
                // Too near to somebody to be named at all, or in too dense a crowd.
                decision => prop_assert!(
                    decision == Decision::Unknown || standing.alike.iter().any(|one| one.id == id),
                    "{:?}", decision
                ),
            }
        }
        let alone = standing.alike.is_empty() && seeds.len() < 20;
        prop_assert!(!alone || named == seeds.len());
    }
}
