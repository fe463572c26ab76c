//! Where to look in the next frame of a camera, so that an empty doorway costs next to nothing and somebody who
//! stands there little.
//!
//! - Nothing moved and nobody was there: nowhere.
//! - One person was there: around the face, by the network for short range; everywhere when something begins to
//!   move, since the face may be one on a poster.
//! - Otherwise everywhere: by the network for short range first; by the other too, unless a face is so near that
//!   the first can't have missed anybody who matters beside it.
//!
//! Now and then the whole picture is looked at all the same: for somebody who joins the one who is followed, and
//! for somebody who stands so still, or in such bad light, that nothing seemed to move. A face that was there a
//! moment ago is looked for everywhere, whether anything moves or not: whom the networks overlook once still stands
//! there.

mod motion;

use std::time::Duration;

use crate::detect::{Bounds, Detection, Region, only_face};
use crate::zoo::Models;
use crate::{FaceError, Frame};

pub use motion::Motion;

/// While one face is followed, so often the whole picture is looked at; so long a face is looked for after it was
/// lost.
const GLANCE: Duration = Duration::from_secs(1);
/// While nothing moves, so often the whole picture is looked at.
const ROUND: Duration = Duration::from_secs(5);
/// While something moves and nobody is found, so often the slower network looks for faces far away.
const FAR: Duration = Duration::from_millis(250);
/// Width of a face, in longer sides of the picture, beside which the network for short range sees everybody who
/// matters: those half as wide, which is what it is sure to see.
const NEAR_WIDTH: f32 = 0.3;
/// Score of a face that makes the slower network unnecessary.
const SURE_SCORE: f32 = 0.7;

/// What is known from the frames before: no pixels but those of the background, 60 by 80 or so.
#[derive(Debug, Default)]
pub struct Watch {
    motion: Motion,
    /// Whether anything moved in the frame before.
    moved: bool,
    there: There,
    /// When a face was last found.
    seen: Option<Duration>,
    /// When the whole picture was last looked at by the slower network, or as well.
    everywhere: Option<Duration>,
}

/// Who was there in the frame before.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum There {
    #[default]
    Nobody,
    One(Bounds),
    Several,
}

/// Where to look in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Nowhere,
    Around(Region),
    /// Everywhere, for near faces only.
    Near,
    Everywhere,
}

impl Watch {
    /// Nothing was seen yet: the first frame is looked at everywhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where to look in this frame, which came at this monotonic time.
    fn next(&mut self, frame: &Frame, at: Duration) -> Look {
        // The background is learnt from every frame.
        let moved = self.motion.see(frame);
        // What is new with the first frame may move in the second.
        let known = self.everywhere.is_some();
        let goes_on = std::mem::replace(&mut self.moved, moved && known);
        // Of a time that ran backwards nothing is known.
        let since = |then: Option<Duration>| then.and_then(|then| at.checked_sub(then));
        let within = |span| since(self.everywhere).is_some_and(|since| since < span);
        let was_lost = since(self.seen).is_some_and(|since| since < GLANCE);
        let begins = moved && !goes_on && !within(FAR);
        match self.there {
            There::One(face) if within(GLANCE) && !begins => Look::Around(Region::around(&face)),
            There::One(_) | There::Several => Look::Everywhere,
            There::Nobody if moved && goes_on && within(FAR) => Look::Near,
            There::Nobody if !moved && !was_lost && within(ROUND) => Look::Nowhere,
            There::Nobody => Look::Everywhere,
        }
    }

    /// What was found in this frame, which came at this monotonic time.
    fn found(&mut self, faces: &[Detection], frame: &Frame, at: Duration) {
        if !faces.is_empty() {
            self.seen = Some(at);
        }
        self.there = match only_face(faces, frame) {
            Ok(face) => There::One(face.bounds),
            Err(_) if faces.is_empty() => There::Nobody,
            Err(_) => There::Several,
        };
    }
}

impl Models {
    /// Finds the faces of a camera's frame, as [`detect`](Self::detect) does, knowing the frames before. `at` is
    /// the frame's monotonic time; a [`Watch`] belongs to one camera.
    ///
    /// Whoever comes into an empty picture is found at once. Others beside the one who is followed may be found up to
    /// a second later, people far away a quarter of a second.
    ///
    /// # Errors
    /// When a network fails, which only a bug or a broken machine can make it do.
    pub fn follow(
        &self,
        frame: &Frame,
        at: Duration,
        watch: &mut Watch,
    ) -> Result<Vec<Detection>, FaceError> {
        let faces = match watch.next(frame, at) {
            Look::Nowhere => Vec::new(),
            Look::Around(region) => {
                let faces = self.detect_around(frame, &region)?;
                if faces.is_empty() {
                    self.everywhere(frame, at, watch)?
                } else {
                    faces
                }
            }
            Look::Near => self.detect_near(frame)?,
            Look::Everywhere => self.everywhere(frame, at, watch)?,
        };
        watch.found(&faces, frame, at);
        Ok(faces)
    }

    fn everywhere(
        &self,
        frame: &Frame,
        at: Duration,
        watch: &mut Watch,
    ) -> Result<Vec<Detection>, FaceError> {
        watch.everywhere = Some(at);
        let near = self.detect_near(frame)?;
        let wide = NEAR_WIDTH * frame.width().max(frame.height()) as f32;
        let suffices = |face: &Detection| face.score >= SURE_SCORE && face.bounds.width() >= wide;
        if near.iter().any(suffices) {
            Ok(near)
        } else {
            self.detect(frame)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(value: u8) -> Frame {
        Frame::from_rgb8(640, 480, vec![value; 640 * 480 * 3]).unwrap()
    }

    /// Somebody, as a white square on grey.
    fn with_person() -> Frame {
        let mut rgb = vec![90; 640 * 480 * 3];
        for line in rgb.chunks_exact_mut(3 * 640).skip(100).take(200) {
            line[600..1200].fill(240);
        }
        Frame::from_rgb8(640, 480, rgb).unwrap()
    }

    fn face(left: f32, width: f32) -> Detection {
        let bounds = Bounds {
            left,
            top: 100.0,
            right: left + width,
            bottom: 100.0 + width,
        };
        Detection {
            bounds,
            points: [[0.0; 2]; 6],
            score: 0.9,
            anchor: 0,
        }
    }

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// A watch that has seen an empty doorway at 0 s.
    fn quiet() -> Watch {
        let mut watch = Watch::new();
        assert_eq!(watch.next(&frame(90), at(0.0)), Look::Everywhere);
        watch.everywhere = Some(at(0.0));
        watch.found(&[], &frame(90), at(0.0));
        watch
    }

    #[test]
    fn an_empty_doorway_is_looked_at_every_five_seconds() {
        let mut watch = quiet();
        for tenth in 1..50 {
            let look = watch.next(&frame(90), at(f64::from(tenth) / 10.0));
            assert_eq!(look, Look::Nowhere, "{tenth}");
        }
        assert_eq!(watch.next(&frame(90), at(5.0)), Look::Everywhere);
    }

    #[test]
    fn what_moves_is_looked_at_and_four_times_a_second_far_away_too() {
        let mut watch = quiet();
        assert_eq!(watch.next(&with_person(), at(0.1)), Look::Everywhere);
        watch.everywhere = Some(at(0.1));
        assert_eq!(watch.next(&with_person(), at(0.2)), Look::Near);
        assert_eq!(watch.next(&with_person(), at(0.3)), Look::Near);
        assert_eq!(watch.next(&with_person(), at(0.35)), Look::Everywhere);
    }

    #[test]
    fn one_face_is_followed_and_once_a_second_the_others_are_looked_for() {
        let mut watch = quiet();
        let one = face(200.0, 150.0);
        watch.found(&[one.clone(), face(10.0, 40.0)], &frame(90), at(0.0));
        let around = Look::Around(Region::around(&one.bounds));
        assert_eq!(watch.next(&frame(90), at(0.1)), around);
        assert_eq!(watch.next(&frame(90), at(0.9)), around);
        assert_eq!(watch.next(&frame(90), at(1.0)), Look::Everywhere);
    }

    #[test]
    fn whoever_comes_to_a_door_with_a_poster_is_seen_at_once() {
        let mut watch = quiet();
        watch.found(&[face(500.0, 60.0)], &frame(90), at(0.0));
        assert!(matches!(watch.next(&frame(90), at(0.4)), Look::Around(_)));
        assert_eq!(watch.next(&with_person(), at(0.5)), Look::Everywhere);
        watch.everywhere = Some(at(0.5));
        assert!(matches!(
            watch.next(&with_person(), at(0.6)),
            Look::Around(_)
        ));
    }

    #[test]
    fn several_faces_are_looked_at_together() {
        let mut watch = quiet();
        watch.found(
            &[face(20.0, 150.0), face(300.0, 140.0)],
            &frame(90),
            at(0.0),
        );
        assert_eq!(watch.next(&frame(90), at(0.1)), Look::Everywhere);
    }

    #[test]
    fn somebody_who_stands_still_and_is_overlooked_once_is_looked_for() {
        let mut watch = quiet();
        watch.found(&[face(200.0, 150.0)], &frame(90), at(0.1));
        watch.found(&[], &frame(90), at(0.2));
        watch.everywhere = Some(at(0.2));
        assert_eq!(watch.next(&frame(90), at(0.3)), Look::Everywhere);
        watch.everywhere = Some(at(0.3));
        assert_eq!(watch.next(&frame(90), at(1.0)), Look::Everywhere);
        watch.everywhere = Some(at(1.0));
        assert_eq!(watch.next(&frame(90), at(1.1)), Look::Nowhere);
    }

    #[test]
    fn time_that_runs_backwards_is_no_reason_to_look_away() {
        let mut watch = quiet();
        watch.everywhere = Some(at(100.0));
        assert_eq!(watch.next(&frame(90), at(1.0)), Look::Everywhere);
        watch.found(&[face(500.0, 60.0)], &frame(90), at(1.0));
        assert_eq!(watch.next(&frame(90), at(1.1)), Look::Everywhere);
    }
}
