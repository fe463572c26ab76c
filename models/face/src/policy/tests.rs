use super::*;
use crate::embed::DIMENSION;

fn calibration() -> Calibration {
    let curves = Calibration::parse(include_str!("../../../calibration.csv")).unwrap();
    let normalised = include_str!("../../../calibration-normalised.csv");
    curves.with_normalised(normalised).unwrap()
}

/// A unit vector whose distance to axis 0 is `distance`, towards `axis`.
fn away(distance: f32, axis: usize) -> Embedding {
    let cosine = 1.0 - distance * distance / 2.0;
    let mut values = [0.0; DIMENSION];
    values[0] = cosine;
    values[axis] = (1.0 - cosine * cosine).sqrt();
    Embedding(values)
}

fn enrolled(one: &Embedding, photos: usize) -> Template {
    Template::from_photos(&vec![one.clone(); photos]).unwrap()
}

fn gallery(people: &[(u32, Embedding)]) -> Gallery<u32> {
    let template = |(id, one): &(u32, Embedding)| (*id, enrolled(one, 3));
    Gallery::new(people.iter().map(template).collect(), calibration())
}

/// Somebody at `near`, and so many others at `others` from axis 0.
fn among(near: f32, count: usize, others: f32) -> Gallery<u32> {
    let mut people = vec![(0, away(near, 1))];
    people.extend((1..=count).map(|n| (n as u32, away(others, 1 + n))));
    gallery(&people)
}

fn probe() -> Probe {
    Probe::from_frames(&[away(0.0, 1)]).unwrap()
}

fn decide(gallery: &Gallery<u32>) -> Decision<u32> {
    gallery.identify(&probe(), 1e-3)
}

const CLEAR_MATCH: Decision<u32> = Decision::Match {
    id: 0,
    grade: Grade::Clear,
    second_factor: None,
};

#[test]
fn nobody_is_known_to_an_empty_gallery() {
    let empty = gallery(&[]);
    assert!(empty.is_empty());
    assert_eq!(decide(&empty), Decision::Unknown);
    assert_eq!(compare(&empty, &probe(), 1e-3), []);
}

#[test]
fn near_and_alone_is_a_clear_match() {
    assert_eq!(decide(&among(0.1, 0, 0.0)), CLEAR_MATCH);
    assert_eq!(decide(&among(0.1, 1, 0.8)), CLEAR_MATCH);
    assert_eq!(decide(&among(0.1, 100, 0.8)), CLEAR_MATCH);
}

#[test]
fn just_within_the_tolerance_is_narrow_and_beyond_it_unknown() {
    for others in [0, 100] {
        let templates = others + 1;
        let edge = calibration().tolerance(3, 1, 1e-3 / templates as f64, templates);
        let narrow = Decision::Match {
            id: 0,
            grade: Grade::Narrow,
            second_factor: None,
        };
        assert_eq!(decide(&among(edge - 0.001, others, 1.0)), narrow);
        assert_eq!(decide(&among(edge + 0.001, others, 1.0)), Decision::Unknown);
    }
}

#[test]
fn what_is_no_rate_lets_nobody_in() {
    let one = among(0.01, 30, 1.0);
    for fpir in [f64::NAN, 0.0, -1.0] {
        assert_eq!(one.identify(&probe(), fpir), Decision::Unknown, "{fpir}");
    }
}

#[test]
fn one_of_two_equally_near_people_is_never_picked() {
    let equal = gallery(&[(0, away(0.2, 1)), (1, away(0.2, 2))]);
    assert_eq!(decide(&equal), Decision::Ambiguous);
}

#[test]
fn the_fewer_photos_and_the_more_people_the_larger_the_margin() {
    let lead = |photos: usize, people: usize, ahead: f32| {
        let mut list = vec![(0, enrolled(&away(0.25, 1), photos))];
        list.push((1, enrolled(&away(0.25 + ahead, 2), photos)));
        list.extend((2..people).map(|n| (n as u32, enrolled(&away(1.0, 1 + n), photos))));
        decide(&Gallery::new(list, calibration()))
    };
    assert_eq!(lead(1, 100, 0.05), Decision::Ambiguous);
    assert!(matches!(lead(1, 100, 0.09), Decision::Match { id: 0, .. }));
    assert!(matches!(lead(3, 100, 0.05), Decision::Match { id: 0, .. }));
}

#[test]
fn who_has_a_twin_needs_a_second_factor() {
    let twins = gallery(&[(0, away(0.05, 1)), (1, away(0.25, 1)), (2, away(0.9, 2))]);
    let factor = |id| match twins.identify(&at(id), 1e-3) {
        Decision::Match { second_factor, .. } => second_factor,
        other => panic!("{other:?}"),
    };
    fn at(id: u32) -> Probe {
        let place = [away(0.03, 1), away(0.27, 1), away(0.9, 2)];
        Probe::from_frames(&[place[id as usize].clone()]).unwrap()
    }
    assert_eq!(factor(0), Some(SecondFactor::Twin));
    assert_eq!(factor(1), Some(SecondFactor::Twin));
    assert_eq!(factor(2), None);
}

/// So many people around one face, the first two at `first` from it and the others at `others`.
fn village(count: usize, first: f32, others: f32) -> Gallery<u32> {
    let place = |n: usize| away(if n < 2 { first } else { others }, 1 + n);
    gallery(&Vec::from_iter((0..count).map(|n| (n as u32, place(n)))))
}

#[test]
fn two_of_a_village_are_no_twins_where_all_of_it_is_as_near() {
    let factor = |gallery: &Gallery<u32>| {
        let probe = Probe::from_frames(&vec![away(0.17, 1); 3]).unwrap();
        match gallery.identify(&probe, 1e-3) {
            Decision::Match {
                id: 0,
                second_factor,
                ..
            } => second_factor,
            other => panic!("{other:?}"),
        }
    };
    let apart = away(0.17, 1).distance(&away(0.17, 2));
    assert!(apart < calibration().tolerance(3, 3, 1e-3 / 60.0, 60));
    assert_eq!(factor(&village(60, 0.17, 0.9)), Some(SecondFactor::Twin));
    assert_eq!(factor(&village(60, 0.17, 0.2)), None);
}

#[test]
fn fewer_than_three_photos_are_provisional() {
    let factor = |photos| {
        let people = vec![(0, enrolled(&away(0.1, 1), photos))];
        match decide(&Gallery::new(people, calibration())) {
            Decision::Match { second_factor, .. } => second_factor,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(factor(2), Some(SecondFactor::Provisional));
    assert_eq!(factor(3), None);
}

#[test]
fn two_templates_of_one_person_are_not_two_people() {
    let one = gallery(&[(0, away(0.10, 1)), (7, away(1.0, 3)), (0, away(0.11, 2))]);
    assert_eq!(one.len(), 2);
    assert_eq!(decide(&one), CLEAR_MATCH);
}

#[test]
fn the_more_people_the_stricter() {
    let near = 0.31;
    assert!(matches!(
        among(near, 30, 1.2).identify(&probe(), 1e-2),
        Decision::Match { .. }
    ));
    assert_eq!(
        among(near, 120, 1.2).identify(&probe(), 1e-3),
        Decision::Unknown
    );
}

#[test]
fn a_crowd_makes_it_stricter_and_one_look_alike_does_not() {
    let mut people = vec![(0, away(0.25, 1))];
    people.extend((1..60).map(|n| (n, away(1.0, 1 + n as usize))));
    let lonely = gallery(&people);
    assert!(matches!(decide(&lonely), Decision::Match { .. }));
    let effective = |gallery: &Gallery<u32>| compare(gallery, &probe(), 1e-3)[0].effective;
    assert!((effective(&lonely) - 0.25).abs() < 1e-6);

    people[1].1 = away(0.30, 2);
    assert!((effective(&gallery(&people)) - 0.25).abs() < 1e-6);
    people[2].1 = away(0.30, 3);
    people[3].1 = away(0.30, 4);
    let crowded = gallery(&people);
    assert!(effective(&crowded) > 0.30, "{}", effective(&crowded));
    assert_eq!(decide(&crowded), Decision::Unknown);
}

/// So many people about 0.6 from axis 0, in all directions.
fn around(count: u32) -> impl Iterator<Item = (u32, Embedding)> {
    let mut random = 5_u64;
    let mut value = move || {
        // Knuth's MMIX generator: its high bits are random enough for this.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    (1..=count).map(move |n| {
        let mut values: [f32; DIMENSION] = std::array::from_fn(|_| value() * 0.2);
        values[0] = 0.9;
        (n, Embedding(values))
    })
}

#[test]
fn large_galleries_decide_single_frames_on_the_normalised_score() {
    let mut people = vec![(0, away(0.30, 1))];
    people.extend(around(399));
    let large = gallery(&people);
    let compared = compare(&large, &probe(), 1e-3);
    assert_eq!((compared[0].id, compared[0].scale), (0, Scale::Normalised));
    assert_eq!(decide(&large), CLEAR_MATCH);
    // Beyond the tolerance of the plain distance, and nobody else is near: that is what the score is for.
    assert!(0.30 > calibration().tolerance(3, 1, 1e-3 / 400.0, 400));
    let frames = [away(0.01, 1), away(0.01, 2), away(0.01, 3)];
    let several = Probe::from_frames(&frames).unwrap();
    assert_eq!(compare(&large, &several, 1e-3)[0].scale, Scale::Crowd);
}

#[test]
fn who_is_third_by_distance_may_be_next_on_the_scale() {
    let mut people = vec![(0, away(0.28, 1)), (600, away(0.281, 2))];
    people.extend(around(399));
    // Ten people behind the second nearest.
    people.extend((0..10).map(|n| {
        let mut behind = away(0.5, 2);
        behind.0[20 + n as usize] = 0.1;
        (700 + n, behind)
    }));
    let decided = |people: &[(u32, Embedding)]| gallery(people).identify(&probe(), 1e-2);
    assert!(matches!(decided(&people), Decision::Match { id: 0, .. }));
    people.push((601, away(0.285, 3)));
    let compared = compare(&gallery(&people), &probe(), 1e-2);
    assert_eq!(compared[2].id, 601);
    assert!(compared[2].effective < compared[1].effective - 1.0);
    assert_eq!(decided(&people), Decision::Ambiguous);
}

#[test]
fn verification_wants_both_distances() {
    let template = Template::from_photos(&[away(0.3, 1)]).unwrap();
    assert!(verify(&template, &probe(), 0.6, &calibration()));
    assert!(!verify(&template, &probe(), 0.2, &calibration()));
    let far = Template::from_photos(&[away(0.5, 1)]).unwrap();
    assert!(!verify(&far, &probe(), 0.6, &calibration()));
    assert!((verification_tolerance(&calibration(), 1, 1) - 0.3453).abs() < 1e-6);
}

#[test]
fn a_visit_without_a_usable_frame_says_what_was_wrong() {
    let known = among(0.1, 1, 0.8);
    let usable = Seen::Usable(Box::new(Shot {
        embedding: away(0.0, 1),
        weight: 0.5,
    }));
    let (small, turned) = (Seen::Flawed(Flaw::Small), Seen::Flawed(Flaw::Turned));
    let said = |seen: &[Seen]| visit(&known, seen, 1e-3);
    assert_eq!(said(&[]), Decision::Unknown);
    let flaws = [small.clone(), turned.clone(), small.clone()];
    assert_eq!(said(&flaws), Decision::PoorQuality(Flaw::Small));
    assert_eq!(said(&flaws[..2]), Decision::PoorQuality(Flaw::Turned));
    assert_eq!(said(&[small, usable, turned]), CLEAR_MATCH);
}

#[test]
fn margins_as_the_model_card_says() {
    let margin = |photos, frames, people: usize| {
        let calibration = calibration();
        let limit = calibration.everybody(photos, frames, 1e-3 / people as f64);
        let curve = calibration.curve(photos, frames);
        curve.margin(people as f64, limit.into(), MISNAMED * 1e-3)
    };
    for (photos, frames, people, wanted) in [
        (3, 3, 20, 0.0),
        (3, 3, 100, 0.0),
        (3, 1, 100, 0.03),
        (1, 1, 20, 0.05),
        (1, 1, 100, 0.08),
    ] {
        let found = margin(photos, frames, people);
        assert!(
            (found - wanted).abs() < 0.01,
            "{photos} + {frames}, {people}: {found}"
        );
    }
}
