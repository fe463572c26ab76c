use limen_face::detect::Bounds;
use limen_face::pad::Challenge;
use proptest::prelude::*;
use rstest::rstest;

use super::*;

const ADA: Uuid = Uuid::from_u128(0xada);
const BOB: Uuid = Uuid::from_u128(0xb0b);
const AWAY: Duration = Duration::from_secs(10);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A frame with a face at one of several places that don't overlap.
fn standing(place: u8) -> (Frame, Detection) {
    let rgb = (0..200 * 20_u32)
        .flat_map(|n| [(n / 40) as u8; 3])
        .collect();
    let frame = Frame::from_rgb8(200, 20, rgb).unwrap();
    let left = f32::from(place) * 20.0;
    let bounds = Bounds {
        left,
        top: 0.0,
        right: left + 20.0,
        bottom: 20.0,
    };
    let detection = Detection {
        bounds,
        points: [[0.0; 2]; 6],
        score: 1.0,
        anchor: 0,
    };
    (frame, detection)
}

fn look(place: u8) -> Look {
    let (frame, face) = standing(place);
    Look::of(&frame, face.bounds)
}

/// Somebody's embedding; different people are far apart, `shift` moves it a little.
fn face(who: usize, shift: f32) -> Shot {
    let mut values = [0.0; 128];
    values[who] = 1.4;
    values[127] = shift;
    Shot {
        embedding: Embedding(values),
        weight: 1.0,
    }
}

/// Shows somebody for some frames of 100 ms; counts the rejections and embeddings.
struct Door {
    visits: Visits<()>,
    now: Duration,
    told: Vec<Rejection>,
    embeddings: usize,
    decisions: usize,
}

impl Door {
    fn new() -> Self {
        Self::holding(0)
    }

    /// A door at which somebody has to stand for so many frames.
    fn holding(frames: u64) -> Self {
        Self {
            visits: Visits::new(Wants {
                frames: 3,
                hold: ms(100 * frames),
                away: AWAY,
            }),
            now: Duration::ZERO,
            told: Vec::new(),
            embeddings: 0,
            decisions: 0,
        }
    }

    /// A frame with faces at these places, each so wide (1 is near), and which of them is meant.
    fn frame(&mut self, faces: &[(u8, f32)], meant: Option<usize>) -> Vec<bool> {
        let looks = faces.iter().map(|&(place, width)| (look(place), width));
        let (near, left) = self.visits.follow(self.now, looks.collect());
        self.told.extend(left);
        self.told.extend(self.visits.mean(meant));
        near
    }

    /// A good frame of the one who is meant.
    fn good(&mut self, who: usize, answer: Answer) {
        if !self.visits.is_open() || self.visits.offer(self.now, 1.0, ()).is_none() {
            return;
        }
        self.embeddings += 1;
        let shift = if self.embeddings.is_multiple_of(2) {
            0.1
        } else {
            -0.1
        };
        if let Step::Decide(_) = self.visits.add(self.now, face(who, shift)) {
            self.decisions += 1;
            self.told.extend(self.visits.decided(self.now, answer));
        }
    }

    fn show(&mut self, who: usize, place: u8, frames: usize, answer: Answer) {
        for _ in 0..frames {
            self.frame(&[(place, 1.0)], Some(0));
            self.good(who, answer);
            self.now += ms(100);
        }
    }

    /// Somebody near whose face has a flaw; gives what they are told.
    fn flawed(&mut self, frames: usize, flaw: Flaw) -> Vec<Flaw> {
        let mut told = Vec::new();
        for _ in 0..frames {
            self.frame(&[(0, 1.0)], Some(0));
            told.extend(self.visits.flawed(self.now, flaw).unwrap_or_default());
            self.now += ms(100);
        }
        told
    }

    fn empty(&mut self, frames: usize) {
        for _ in 0..frames {
            self.frame(&[], None);
            self.now += ms(100);
        }
    }

    fn people(&self) -> Vec<Uuid> {
        self.visits.people().collect()
    }
}

const KNOWN: Answer = Answer::Person(ADA);
const STRANGER: Answer = Answer::Nobody(Rejection::Unknown);

#[test]
fn a_decided_visit_is_not_looked_at_any_more() {
    let mut door = Door::new();
    door.show(0, 0, 300, KNOWN);
    assert_eq!((door.embeddings, door.decisions), (3, 1));
    assert_eq!(door.people(), [ADA]);
    door.empty(1);
    assert!(door.people().is_empty());
    assert_eq!(door.told, []);
}

#[test]
fn a_short_look_away_is_the_same_visit_and_a_longer_one_is_not() {
    let mut door = Door::new();
    door.show(0, 0, 10, KNOWN);
    door.empty(5);
    door.show(0, 0, 10, KNOWN);
    assert_eq!(door.decisions, 1);
    door.empty(15);
    door.show(0, 0, 10, KNOWN);
    assert_eq!(door.decisions, 2);
}

#[test]
fn a_stranger_has_three_tries_and_is_told_once() {
    let mut door = Door::new();
    door.show(1, 0, 200, STRANGER);
    assert_eq!((door.embeddings, door.decisions), (9, 3));
    assert_eq!(door.told, [Rejection::Unknown]);
}

#[test]
fn a_stranger_who_leaves_after_the_first_try_is_told_at_the_end() {
    let mut door = Door::new();
    door.show(1, 0, 4, STRANGER);
    assert_eq!((door.decisions, &door.told[..]), (1, &[][..]));
    door.empty(20);
    assert_eq!(door.told, [Rejection::Unknown]);
}

#[test]
fn a_stranger_who_comes_back_soon_continues_the_visit() {
    let mut door = Door::new();
    door.show(1, 0, 60, STRANGER);
    door.empty(50);
    door.show(1, 3, 60, STRANGER);
    assert_eq!((door.decisions, door.embeddings), (3, 10));
    assert_eq!(door.told, [Rejection::Unknown]);
    door.empty(101);
    door.show(1, 0, 60, STRANGER);
    assert_eq!(door.decisions, 6);
    assert_eq!(door.told, [Rejection::Unknown; 2]);
}

#[test]
fn who_comes_after_a_stranger_has_a_visit_of_their_own() {
    let mut door = Door::new();
    door.show(1, 0, 60, STRANGER);
    door.show(2, 3, 60, KNOWN);
    assert_eq!(door.decisions, 4);
    assert_eq!(door.people(), [ADA]);
    assert_eq!(door.told, [Rejection::Unknown]);
}

#[test]
fn two_people_are_never_averaged() {
    let mut door = Door::new();
    door.show(1, 0, 2, KNOWN);
    door.show(2, 0, 2, KNOWN);
    assert_eq!(door.decisions, 0);
    door.show(2, 0, 1, KNOWN);
    assert_eq!(door.decisions, 1);
}

#[test]
fn nobody_is_looked_at_before_they_stood_there_and_then_in_the_best_frames() {
    let mut visits = Visits::new(Wants {
        frames: 2,
        hold: ms(700),
        away: AWAY,
    });
    let mut embedded = Vec::new();
    let mut decided = None;
    for n in 0..20 {
        let now = ms(100 * n);
        visits.follow(now, vec![(look(0), 1.0)]);
        visits.mean(Some(0));
        // The frame's number is what is kept of it; the third and the sixth are best.
        let weight = if n % 3 == 2 { 0.9 } else { 0.5 };
        if let Some(best) = visits.offer(now, weight, n) {
            embedded.push((n, best));
            let shift = if best == 2 { 0.1 } else { -0.1 };
            if matches!(visits.add(now, face(0, shift)), Step::Decide(_)) {
                visits.decided(now, KNOWN);
                decided = Some(n);
                break;
            }
        }
    }
    assert_eq!((embedded, decided), (vec![(4, 2), (7, 5)], Some(7)));
}

#[test]
fn who_moves_too_little_to_be_told_from_a_picture_waits_once() {
    let mut visits = Visits::new(Wants {
        frames: 2,
        hold: ms(700),
        away: AWAY,
    });
    let (frame, face) = standing(0);
    let landmarks = Landmarks([[16, 8], [13, 8], [4, 8], [7, 8], [10, 14]]);
    let (mut embedded, mut decided) = (Vec::new(), Vec::new());
    for n in 0..24 {
        let now = ms(100 * n);
        visits.follow(now, vec![(Look::of(&frame, face.bounds), 1.0)]);
        visits.mean(Some(0));
        assert_eq!(
            visits.watch(now, &frame, &face, &landmarks, || Tier::First),
            None
        );
        if visits.offer(now, 0.5, ()).is_some() {
            embedded.push(n);
            let shift = if embedded.len() % 2 == 0 { 0.1 } else { -0.1 };
            if matches!(visits.add(now, self::face(0, shift)), Step::Decide(_)) {
                visits.decided(now, STRANGER);
                decided.push(n);
            }
        }
    }
    // 1.5 s for the first decision and not again for the second try, 0.7 s later.
    assert_eq!((embedded, decided), (vec![4, 15, 19, 22], vec![15, 22]));
}

/// Points of a face 200 pixels wide: straight ahead, turned to its own left, to its own right.
const STRAIGHT: Landmarks = Landmarks([[160, 80], [130, 80], [40, 80], [70, 80], [100, 140]]);
const LEFT: Landmarks = Landmarks([[159, 80], [131, 80], [38, 80], [71, 80], [125, 140]]);
const RIGHT: Landmarks = Landmarks([[162, 80], [129, 80], [41, 80], [69, 80], [75, 140]]);

/// Frames 100 ms apart of somebody who is asked to turn left within two seconds: at which they were
/// decided on, and turned away.
#[rstest]
#[case::nobody_turns(&[(STRAIGHT, 30)], None, Some(22))]
#[case::turns(&[(STRAIGHT, 10), (LEFT, 3), (STRAIGHT, 9)], Some(15), None)]
#[case::turns_late(&[(STRAIGHT, 16), (LEFT, 3), (STRAIGHT, 9)], Some(20), None)]
#[case::turns_and_stays(&[(STRAIGHT, 10), (LEFT, 30)], None, Some(22))]
#[case::turns_to_the_other_side(&[(STRAIGHT, 10), (RIGHT, 3), (STRAIGHT, 9)], None, Some(11))]
fn a_turn_that_is_asked_for_is_waited_for(
    #[case] seen: &[(Landmarks, usize)],
    #[case] wanted: Option<u64>,
    #[case] away: Option<u64>,
) {
    let mut visits = Visits::new(Wants {
        frames: 1,
        hold: ms(700),
        away: AWAY,
    });
    let (frame, place) = standing(0);
    let mut face = place.clone();
    face.bounds.right = face.bounds.left + 200.0;
    let tier = || {
        Tier::Second(Challenge {
            ask: Ask::TurnLeft,
            limit: ms(2000),
        })
    };
    let frames = seen.iter().flat_map(|&(points, n)| vec![points; n]);
    let (mut decided, mut turned_away) = (None, None);
    for (points, n) in frames.zip(0..) {
        let now = ms(100 * n);
        visits.follow(now, vec![(Look::of(&frame, place.bounds), 1.0)]);
        visits.mean(Some(0));
        if !visits.is_open() {
            break;
        }
        let why = visits.watch(now, &frame, &face, &points, tier);
        if why.is_some() {
            assert_eq!(why, Some(Rejection::Presentation));
            turned_away = Some(n);
        } else if points == STRAIGHT && visits.offer(now, 0.5, ()).is_some() {
            assert_eq!(visits.asks(), None);
            if matches!(visits.add(now, self::face(0, 0.1)), Step::Decide(_)) {
                visits.decided(now, KNOWN);
                decided = Some(n);
            }
        }
    }
    assert_eq!((decided, turned_away), (wanted, away));
}

#[test]
fn who_passes_is_not_looked_at() {
    // Near and frontal for half a second, at one place after the other.
    let mut door = Door::holding(7);
    for place in [0, 3, 6] {
        door.show(0, place, 5, KNOWN);
    }
    door.empty(30);
    assert_eq!((door.decisions, &door.told[..]), (0, &[][..]));
    // Looking away in between.
    let mut door = Door::holding(7);
    for _ in 0..10 {
        door.show(0, 0, 5, KNOWN);
        door.flawed(1, Flaw::Turned);
    }
    assert_eq!(door.decisions, 0);
    // A moment out of focus is no looking away.
    let mut door = Door::holding(7);
    door.show(0, 0, 3, KNOWN);
    door.flawed(1, Flaw::Blurred);
    door.show(0, 0, 4, KNOWN);
    assert_eq!(door.decisions, 1);
}

#[test]
fn near_is_near_until_clearly_farther() {
    let mut door = Door::new();
    let mut near = |width| {
        let near = door.frame(&[(0, width)], None);
        door.now += ms(100);
        near[0]
    };
    assert!(!near(0.95));
    assert!(near(1.0));
    assert!(near(0.95) && near(0.9));
    assert!(!near(0.8) && !near(0.95));
}

#[test]
fn somebody_recognised_is_followed_while_another_is_before_the_camera() {
    let mut door = Door::new();
    door.show(0, 0, 5, KNOWN);
    // She steps back and stays in sight, looked for once a second, while he is recognised.
    for n in 0..100 {
        let faces = [(3, 1.0), (0, 0.5)];
        let faces = if n % 10 == 0 { &faces[..] } else { &faces[..1] };
        door.frame(faces, Some(0));
        door.good(1, Answer::Person(BOB));
        let mut people = door.people();
        people.sort();
        let there = [ADA, BOB]
            .into_iter()
            .filter(|p| *p == BOB && n >= 2 || *p == ADA && n % 10 == 0);
        assert_eq!(people, there.collect::<Vec<_>>(), "frame {n}");
        door.now += ms(100);
    }
    // She is near again: still the visit of before.
    door.show(0, 0, 20, KNOWN);
    assert_eq!(door.decisions, 2);
}

#[test]
fn who_cannot_be_looked_at_is_told_so_once_and_who_passes_is_not() {
    let mut door = Door::new();
    assert_eq!(door.flawed(15, Flaw::Dark), []);
    assert_eq!(door.flawed(15, Flaw::Blurred).len(), 21);
    assert_eq!(door.flawed(100, Flaw::Blurred), []);
    // It was no try, and mended it is a visit like any other.
    door.show(0, 0, 3, KNOWN);
    assert_eq!((door.decisions, &door.told[..]), (1, &[][..]));
}

#[test]
fn the_best_frames_decide_and_never_more_than_asked_for() {
    let shots: Vec<Shot> = [0.2, 0.9, 0.4, 0.9, 0.3]
        .iter()
        .enumerate()
        .map(|(n, weight)| Shot {
            weight: *weight,
            ..face(0, n as f32)
        })
        .collect();
    let of = |n: usize| shots[n].clone();
    assert_eq!(best(&shots, 3), [of(3), of(1), of(2)]);
    assert_eq!(best(&shots[..1], 3), [of(0)]);
}

#[test]
fn while_two_are_near_nobody_is_looked_at_but_the_visit_stays() {
    let mut door = Door::new();
    door.show(0, 0, 10, KNOWN);
    for _ in 0..50 {
        door.frame(&[(3, 1.0), (0, 1.0)], None);
        assert_eq!(door.people(), [ADA]);
        assert!(!door.visits.is_open());
        door.now += ms(100);
    }
    door.show(0, 0, 10, KNOWN);
    assert_eq!(door.decisions, 1);
}

#[test]
fn a_slow_machine_has_visits_too() {
    let mut door = Door::holding(7);
    for _ in 0..4 {
        door.frame(&[(0, 1.0)], Some(0));
        door.good(0, KNOWN);
        door.now += ms(4000);
    }
    assert_eq!(door.decisions, 1);
}

/// Bug: on a machine on which an embedding takes seconds and the rest of a frame does not, every
/// embedding ended the visit that it was made for, and nobody was ever recognised.
#[test]
fn the_time_that_an_embedding_takes_is_not_time_out_of_sight() {
    for (frame, embedding) in [(300, 3000), (100, 450), (50, 1500)] {
        let mut door = Door::holding(7);
        for _ in 0..40 {
            let before = door.embeddings;
            door.frame(&[(0, 1.0)], Some(0));
            door.good(0, KNOWN);
            let embedded = door.embeddings > before;
            door.now += ms(frame + if embedded { embedding } else { 0 });
        }
        assert_eq!(
            (door.embeddings, door.decisions),
            (3, 1),
            "{frame} {embedding}"
        );
    }
}

proptest! {
    /// However a stranger comes and goes: never more than three decisions in one visit, and
    /// never told twice without having been away in between.
    #[test]
    fn tries_are_bounded(steps in prop::collection::vec((1_usize..40, 0_usize..9, 0_u8..4), 1..30)) {
        let mut door = Door::new();
        for (frames, pause, place) in steps {
            // Away for less than a second: no end of the visit, unless by another place.
            door.show(1, place, frames, STRANGER);
            door.empty(pause);
        }
        door.empty(20);
        prop_assert!(door.told.len() <= 1, "{:?}", door.told);
        prop_assert!(door.decisions <= 3, "{}", door.decisions);
    }
}
