//! The second tier: a turn of the head, asked for on the screen, and judged by the five landmarks over time.
//!
//! A head that turns does what a flat picture can't: the nose, which stands out, moves against the eyes, and of the
//! eyes the one that turns away becomes narrower than the other. Turning or tilting a picture changes both eyes alike.
//!
//! A nod is not asked for. The nose of a bowed head is lower by a tenth of the distance between the eyes at the most,
//! which the landmarks' errors hide; a head that is lifted looks as a picture that is tilted.

use std::time::Duration;

use crate::align::Landmarks;

/// Whoever is asked looks about straight ahead: turned by at most so much, in distances between the eyes (see
/// [`Quality::turn`](crate::Quality)). Faces differ, so that what follows counts from there.
const AHEAD: f32 = 0.2;
/// So far from there is still there,
const STRAIGHT: f32 = 0.13;
/// and so far to a side is turned.
const TURNED: f32 = 0.22;
/// By this factor the nearer eye of a turned face is wider than before, beside the other.
const WIDER: f32 = 1.12;
/// Frames in a row that a position must be held for: in one alone the landmarks may slip.
const HELD: u32 = 2;

/// What is asked for: one of two, so that a recording of somebody who turns to one side fits every second time. Left
/// and right are the person's own; the picture is not mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Turn your head to your left, and back.
    TurnLeft,
    /// Turn your head to your right, and back.
    TurnRight,
}

/// A turn of the head and the time that it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// To be drawn by chance.
    pub ask: Ask,
    /// From the first frame in which the face looks straight ahead.
    pub limit: Duration,
}

/// How it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The turn is not complete yet.
    Waiting,
    /// It was made.
    Met,
    /// One to the other side was made, the face was lost, or the time is over.
    Missed,
}

/// A challenge that is watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Watched {
    challenge: Challenge,
    step: Step,
    /// Frames in a row in the position that leads on.
    held: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// Nobody looked straight ahead yet.
    Before,
    /// Asked at this time, of a head held like this.
    Asked {
        at: Duration,
        from: Head,
    },
    /// The position was reached; back to where it was.
    Back {
        at: Duration,
        from: Head,
    },
    Over(Answer),
}

impl Watched {
    pub(super) fn new(challenge: Challenge) -> Self {
        Self {
            challenge,
            step: Step::Before,
            held: 0,
        }
    }

    pub(super) fn ask(&self) -> Ask {
        self.challenge.ask
    }

    pub(super) fn answer(&self) -> Answer {
        match self.step {
            Step::Over(answer) => answer,
            _ => Answer::Waiting,
        }
    }

    /// The face was lost or is another one: what was begun can't be finished.
    pub(super) fn interrupt(&mut self) {
        self.held = 0;
        if matches!(self.step, Step::Asked { .. } | Step::Back { .. }) {
            self.step = Step::Over(Answer::Missed);
        }
    }

    /// The next frame's landmarks.
    pub(super) fn see(&mut self, landmarks: &Landmarks, at: Duration) {
        if let Step::Asked { at: since, .. } | Step::Back { at: since, .. } = self.step
            && at.saturating_sub(since) > self.challenge.limit
        {
            self.step = Step::Over(Answer::Missed);
        }
        let head = Head::of(landmarks);
        let ask = self.challenge.ask;
        let next = match self.step {
            Step::Before if head.turn.abs() <= AHEAD => Step::Asked { at, from: head },
            Step::Asked { at, from } if head.made(&from) == Some(ask) => Step::Back { at, from },
            // A recording that shows both would meet any challenge in the end.
            Step::Asked { from, .. } if head.made(&from).is_some() => Step::Over(Answer::Missed),
            Step::Back { from, .. } if head.is_back(&from) => Step::Over(Answer::Met),
            stays => stays,
        };
        self.held = if next == self.step { 0 } else { self.held + 1 };
        if self.held == HELD {
            self.step = next;
            self.held = 0;
        }
    }
}

/// How a head is held, as far as the landmarks tell.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Head {
    /// How far the nose is from the middle between the eyes, along the line through them, in distances between them:
    /// positive towards the picture's right, where a head goes that turns to its own left.
    turn: f32,
    /// Width of the eye on the picture's left over that of the eye on its right.
    left_eye: f32,
}

impl Head {
    fn of(landmarks: &Landmarks) -> Self {
        let points = landmarks.0.map(|point| point.map(|value| value as f32));
        let [outer_right, inner_right, outer_left, inner_left, nose] = points;
        let middle = |a: [f32; 2], b: [f32; 2]| [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
        let to = |a: [f32; 2], b: [f32; 2]| [b[0] - a[0], b[1] - a[1]];
        let width = |outer: [f32; 2], inner: [f32; 2]| {
            let [x, y] = to(outer, inner);
            x.hypot(y)
        };
        let left = middle(outer_left, inner_left);
        let right = middle(outer_right, inner_right);
        let along = to(left, right);
        let nose = to(middle(left, right), nose);
        let square = along[0] * along[0] + along[1] * along[1];
        Self {
            turn: (nose[0] * along[0] + nose[1] * along[1]) / square,
            left_eye: width(outer_left, inner_left) / width(outer_right, inner_right),
        }
    }

    fn is_back(&self, from: &Self) -> bool {
        (self.turn - from.turn).abs() <= STRAIGHT
    }

    /// The movement that led here. What is not a number is none.
    fn made(&self, from: &Self) -> Option<Ask> {
        let turned = self.turn - from.turn;
        let wider = self.left_eye / from.left_eye;
        if turned >= TURNED && wider >= WIDER {
            Some(Ask::TurnLeft)
        } else if turned <= -TURNED && wider <= 1.0 / WIDER {
            Some(Ask::TurnRight)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use Ask::{TurnLeft, TurnRight};

    /// The points of a solid head of 400 pixels between the eyes: outer and inner corner of the eye on the picture's
    /// right, of the one on its left, nose. Turned to its left and bowed by so many degrees.
    fn head(left_degrees: f32, bowed_degrees: f32) -> Landmarks {
        let depth = [
            [300.0, 0.0, 90.0],
            [115.0, 0.0, 0.0],
            [-300.0, 0.0, 90.0],
            [-115.0, 0.0, 0.0],
        ];
        seen(
            &[depth[0], depth[1], depth[2], depth[3], [0.0, 260.0, -150.0]],
            left_degrees,
            bowed_degrees,
        )
    }

    /// The same on paper.
    fn print(left_degrees: f32, bowed_degrees: f32) -> Landmarks {
        let flat = [
            [300.0, 0.0],
            [115.0, 0.0],
            [-300.0, 0.0],
            [-115.0, 0.0],
            [0.0, 260.0],
        ];
        seen(&flat.map(|[x, y]| [x, y, 0.0]), left_degrees, bowed_degrees)
    }

    fn seen(points: &[[f32; 3]; 5], left_degrees: f32, bowed_degrees: f32) -> Landmarks {
        let (sin, cos) = left_degrees.to_radians().sin_cos();
        let (sin_down, cos_down) = bowed_degrees.to_radians().sin_cos();
        Landmarks(points.map(|[x, y, z]| {
            let (y, z) = (cos_down * y - sin_down * z, sin_down * y + cos_down * z);
            let x = cos * x - sin * z;
            [(2000.0 + x).round() as i32, (1000.0 + y).round() as i32]
        }))
    }

    fn answer(ask: Ask, frames: &[Landmarks]) -> Answer {
        let limit = Duration::from_secs(4);
        let mut watched = Watched::new(Challenge { ask, limit });
        for (frame, tenth) in frames.iter().zip(0..) {
            watched.see(frame, Duration::from_millis(100 * tenth));
        }
        watched.answer()
    }

    /// Three frames of each.
    fn held<const N: usize>(positions: [Landmarks; N]) -> Vec<Landmarks> {
        positions.into_iter().flat_map(|one| [one; 3]).collect()
    }

    fn there_and_back(left: f32, bowed: f32) -> Vec<Landmarks> {
        held([head(0.0, 0.0), head(left, bowed), head(0.0, 0.0)])
    }

    #[rstest]
    #[case(TurnLeft, 40.0, 0.0, Answer::Met)]
    #[case(TurnLeft, 40.0, 15.0, Answer::Met)]
    #[case(TurnLeft, 40.0, -15.0, Answer::Met)]
    #[case(TurnRight, -40.0, 0.0, Answer::Met)]
    #[case(TurnLeft, -40.0, 0.0, Answer::Missed)]
    #[case(TurnRight, 40.0, 0.0, Answer::Missed)]
    #[case(TurnLeft, 15.0, 0.0, Answer::Waiting)]
    #[case(TurnLeft, 0.0, 30.0, Answer::Waiting)]
    #[case(TurnRight, 0.0, -30.0, Answer::Waiting)]
    fn a_head_that_moves(
        #[case] ask: Ask,
        #[case] left: f32,
        #[case] bowed: f32,
        #[case] wanted: Answer,
    ) {
        assert_eq!(answer(ask, &there_and_back(left, bowed)), wanted);
    }

    proptest! {
        /// However a print is turned, tilted and rolled, its parallels stay parallel.
        #[test]
        fn a_print_never_turns_its_head(
            angles in prop::collection::vec((-60.0_f32..60.0, -60.0_f32..60.0), 1..12),
        ) {
            let mut frames = held([print(0.0, 0.0)]);
            for (left, bowed) in angles {
                frames.extend(held([print(left, bowed)]));
            }
            for ask in [TurnLeft, TurnRight] {
                prop_assert_eq!(answer(ask, &frames), Answer::Waiting);
            }
        }

        #[test]
        fn any_points_are_taken(points in prop::collection::vec(prop::array::uniform2(-3000..3000_i32), 60)) {
            let frames: Vec<_> = points.chunks_exact(5).map(|five| Landmarks(std::array::from_fn(|i| five[i]))).collect();
            let mut watched = Watched::new(Challenge { ask: TurnLeft, limit: Duration::from_secs(1) });
            for (frame, tenth) in frames.iter().zip(0..) {
                watched.see(frame, Duration::from_millis(100 * tenth));
            }
        }
    }

    #[test]
    fn one_frame_is_no_movement() {
        let mut frames = vec![head(0.0, 0.0); 9];
        frames[4] = head(40.0, 0.0);
        assert_eq!(answer(TurnLeft, &frames), Answer::Waiting);
        frames[5] = head(40.0, 0.0);
        assert_eq!(answer(TurnLeft, &frames), Answer::Met);
    }

    #[test]
    fn who_is_turned_all_the_time_is_not_asked_and_who_stays_turned_is_not_done() {
        assert_eq!(answer(TurnLeft, &[head(40.0, 0.0); 60]), Answer::Waiting);
        let stays = held([head(0.0, 0.0), head(40.0, 0.0), head(40.0, 0.0)]);
        assert_eq!(answer(TurnLeft, &stays), Answer::Waiting);
    }

    #[test]
    fn the_time_is_counted_from_the_first_look_ahead() {
        let mut late = vec![head(0.0, 0.0); 43];
        late.extend(there_and_back(40.0, 0.0));
        assert_eq!(answer(TurnLeft, &late), Answer::Missed);
        let mut waits = vec![head(40.0, 0.0); 43];
        waits.extend(there_and_back(40.0, 0.0));
        assert_eq!(answer(TurnLeft, &waits), Answer::Met);
    }

    #[test]
    fn a_face_that_is_lost_in_between_has_not_done_it() {
        let mut watched = Watched::new(Challenge {
            ask: TurnLeft,
            limit: Duration::from_secs(9),
        });
        watched.interrupt();
        assert_eq!(watched.answer(), Answer::Waiting, "nothing was begun");
        for tenth in 0..3 {
            watched.see(&head(0.0, 0.0), Duration::from_millis(100 * tenth));
        }
        watched.interrupt();
        assert_eq!(watched.answer(), Answer::Missed);
    }
}
