//! Pictures that are held into the camera: composed from bundled photographs, before a painted room and, where the
//! collection is, before somebody's office. Composed is not real: docs/presentation-attacks.md.

use std::f32::consts::TAU;

use limen_daemon::camera;
use limen_daemon::feedback::Guide;
use limen_face::Frame;
use limen_face::pad::Ask;
use limen_wire::event::Rejection;
use uuid::Uuid;

use super::collection::{clip, clips_of};
use super::door::{Door, Light};
use super::pictures::{face_of, folder};
use crate::{OBAMA, door};

/// Width of the face in pixels.
const FACE: u32 = 130;
/// Frames at ten a second.
const FRAMES: usize = 25;

const NOBODY: [Uuid; 0] = [];

/// What moves with the face.
#[derive(Clone, Copy)]
enum Shape {
    /// Paper with a white border around the picture.
    Sheet,
    /// Nothing but the head. A living one is so, and one that was cut out of a print.
    Head,
}

/// Things to see that stay where they are: blocks of different greys.
fn room() -> Frame {
    let grey = |x: u32, y: u32| {
        let block = (x / 23 * 0x9e37 + y / 19 * 0x85eb).wrapping_mul(0x27d4_eb2d);
        60 + (block >> 24) as u8 / 2
    };
    let places = (0..480).flat_map(|y| (0..640).map(move |x| (x, y)));
    let rgb = places.flat_map(|(x, y)| [grey(x, y); 3]).collect();
    Frame::from_rgb8(640, 480, rgb).unwrap()
}

/// A photograph before something, its middle at these pixels.
fn before(scene: &Frame, photo: &Frame, shape: Shape, [x, y]: [i32; 2]) -> Frame {
    let (width, side) = (scene.width() as i32, photo.width() as i32);
    let border = side / 20;
    let mut rgb = scene.rgb().to_vec();
    for down in -side / 2 - border..side / 2 + border {
        for right in -side / 2 - border..side / 2 + border {
            let [u, v] = [right, down].map(|by| by as f32 / FACE as f32);
            let head = (u / 0.68).powi(2) + ((v + 0.12) / 0.95).powi(2) <= 1.0;
            let (column, row) = (x + right, y + down);
            let outside =
                !(0..width).contains(&column) || !(0..scene.height() as i32).contains(&row);
            if outside || (matches!(shape, Shape::Head) && !head) {
                continue;
            }
            let (from_x, from_y) = (right + side / 2, down + side / 2);
            let of_photo = (0..side).contains(&from_x) && (0..side).contains(&from_y);
            let at = 3 * (row * width + column) as usize;
            if of_photo {
                let from = 3 * (from_y * side + from_x) as usize;
                rgb[at..at + 3].copy_from_slice(&photo.rgb()[from..from + 3]);
            } else {
                rgb[at..at + 3].fill(235);
            }
        }
    }
    Frame::from_rgb8(scene.width(), scene.height(), rgb).unwrap()
}

/// Somebody's photograph before each frame of a scene in turn, swaying by so many pixels.
fn swaying<'a>(scene: impl IntoIterator<Item = &'a Frame>, shape: Shape, by_px: f32) -> Vec<Frame> {
    let photo = face_of("obama2.jpg", FACE);
    let frames = scene.into_iter().take(FRAMES).zip(0_u8..);
    let laid = frames.map(|(frame, number)| {
        let seconds = f32::from(number) / 10.0;
        let sway = |hertz: f32| (by_px * (TAU * hertz * seconds).sin()) as i32;
        before(frame, &photo, shape, [320 + sway(0.8), 230 + sway(0.6)])
    });
    laid.collect()
}

#[test]
fn a_print_that_a_hand_holds_is_refused_and_never_punched() {
    let room = room();
    let shown = folder(&swaying(std::iter::repeat(&room), Shape::Sheet, 9.0));
    let seen = door().watch(shown.path(), 10.0, 0);
    assert_eq!(seen.people(), NOBODY);
    assert_eq!(seen.rejected, [Rejection::Presentation]);
    assert_eq!(seen.lights, [Light::Red(Rejection::Presentation)]);
}

#[test]
fn where_nothing_is_done_against_pictures_the_same_print_is_a_punch() {
    let room = room();
    let shown = folder(&swaying(std::iter::repeat(&room), Shape::Sheet, 9.0));
    let seen = door().without_pad().watch(shown.path(), 10.0, 0);
    assert_eq!((seen.people(), &seen.rejected[..]), (vec![OBAMA], &[][..]));
}

#[test]
fn a_head_that_moves_alone_is_punched() {
    let room = room();
    let shown = folder(&swaying(std::iter::repeat(&room), Shape::Head, 9.0));
    let seen = door().watch(shown.path(), 10.0, 0);
    assert_eq!((seen.people(), &seen.rejected[..]), (vec![OBAMA], &[][..]));
}

/// Nothing can be said of what stands still: whoever does would be kept out if it were refused.
#[test]
fn what_does_not_move_is_watched_for_a_moment_longer_and_let_in() {
    let room = room();
    let still = swaying(std::iter::repeat(&room), Shape::Head, 0.0);
    let of = |door: Door, frames: usize| door.watch(folder(&still[..frames]).path(), 10.0, 0);
    assert_eq!(of(door().without_pad(), 8).people(), [OBAMA]);
    assert_eq!(of(door(), 15).people(), NOBODY);
    let seen = of(door(), 16);
    assert_eq!((seen.people(), &seen.rejected[..]), (vec![OBAMA], &[][..]));
}

/// Whoever is in the picture may come in person right after.
#[test]
fn who_comes_after_their_own_picture_is_punched() {
    let room = room();
    let held = swaying(std::iter::repeat(&room), Shape::Sheet, 9.0);
    let head = swaying(std::iter::repeat(&room), Shape::Head, 9.0);
    let nobody = vec![room.clone(); 13];
    let shown = folder(&[held, nobody, head].concat());
    let seen = door().watch(shown.path(), 10.0, 0);
    assert_eq!(seen.people(), [OBAMA]);
    assert_eq!(seen.rejected, [Rejection::Presentation]);
}

#[test]
fn a_print_before_whoever_is_in_a_real_clip_is_refused() {
    let (Some(c), Some(d)) = (clips_of("asl_person_C"), clips_of("asl_person_D")) else {
        eprintln!("SKIPPED: no face collection; set LIMEN_FACES to its folder");
        return;
    };
    let (mut shown, mut refused) = (0, 0);
    for path in c.iter().chain(&d) {
        let mut source = camera::open(&clip(path)).unwrap();
        let frames: Vec<_> = std::iter::from_fn(|| source.next_frame().unwrap()).collect();
        let held = folder(&swaying(
            frames.iter().map(AsRef::as_ref),
            Shape::Sheet,
            9.0,
        ));
        let seen = door().watch(held.path(), 10.0, 0);
        shown += 1;
        refused += usize::from(seen.rejected == [Rejection::Presentation]);
        assert_eq!(seen.people(), NOBODY, "{}", path.display());
    }
    eprintln!("{refused} of {shown} composed prints refused");
    assert_eq!(refused, shown);
}

#[test]
fn who_is_asked_to_turn_and_does_not_is_refused() {
    let room = room();
    let turns: Vec<_> = (0..3)
        .flat_map(|_| swaying(std::iter::repeat(&room), Shape::Head, 6.0))
        .collect();
    let seen = door()
        .asking(Ask::TurnLeft)
        .watch(folder(&turns).path(), 10.0, 0);
    assert_eq!(seen.people(), NOBODY);
    assert_eq!(seen.rejected, [Rejection::Presentation]);
    let asked = Light::Guide(Some(Guide::Turn(Ask::TurnLeft)));
    assert_eq!(
        seen.lights,
        [
            asked,
            Light::Red(Rejection::Presentation),
            Light::Guide(None)
        ]
    );
}

/// A photograph of a head as if it had turned to its own left by so many degrees: bent over an ellipsoid with a nose.
/// What the turn brings to light is in no photograph, and stays as it is.
fn turned(photo: &Frame, degrees: f32) -> Frame {
    let side = photo.width() as usize;
    let (sin, cos) = degrees.to_radians().sin_cos();
    let mut rgb = photo.rgb().to_vec();
    for row in 0..side {
        let v = (row as f32 - side as f32 / 2.0) / FACE as f32;
        let mut nearest = vec![f32::NEG_INFINITY; side];
        // Four points a pixel, so that none is left out where the surface is stretched.
        for point in 0..4 * side {
            let u = (point as f32 / 4.0 - side as f32 / 2.0) / FACE as f32;
            let round = 1.0 - (u / 0.68).powi(2) - ((v + 0.12) / 0.95).powi(2);
            if round <= 0.0 {
                continue;
            }
            let nose = 0.25 * (-(u / 0.15).powi(2) - ((v - 0.05) / 0.18).powi(2)).exp();
            let depth = 0.68 * round.sqrt() + nose;
            let (across, near) = (u * cos + depth * sin, depth * cos - u * sin);
            let column = (across * FACE as f32 + side as f32 / 2.0) as usize;
            if column < side && near > nearest[column] {
                nearest[column] = near;
                let (to, from) = (3 * (row * side + column), 3 * (row * side + point / 4));
                rgb[to..to + 3].copy_from_slice(&photo.rgb()[from..from + 3]);
            }
        }
    }
    Frame::from_rgb8(photo.width(), photo.height(), rgb).unwrap()
}

#[test]
fn who_is_asked_to_turn_and_does_is_punched_and_to_the_other_side_refused() {
    let (room, photo) = (room(), face_of("obama.jpg", FACE));
    let degrees = [
        [0.0; 8].as_slice(),
        &[8.0, 16.0, 24.0],
        &[30.0; 4],
        &[24.0, 16.0, 8.0],
        &[0.0; 12],
    ]
    .concat();
    let frames = degrees
        .iter()
        .map(|&degrees| before(&room, &turned(&photo, degrees), Shape::Head, [320, 230]));
    let shown = folder(&frames.collect::<Vec<_>>());
    let seen = |ask| door().asking(ask).watch(shown.path(), 10.0, 0);
    let asked = |ask| Light::Guide(Some(Guide::Turn(ask)));
    let left = seen(Ask::TurnLeft);
    assert_eq!(
        left.lights,
        [
            asked(Ask::TurnLeft),
            Light::Green(OBAMA, 1),
            Light::Guide(None)
        ]
    );
    let right = seen(Ask::TurnRight);
    assert_eq!(
        right.lights,
        [
            asked(Ask::TurnRight),
            Light::Red(Rejection::Presentation),
            Light::Guide(None)
        ]
    );
    assert_eq!(
        (right.people(), right.rejected),
        (vec![], vec![Rejection::Presentation])
    );
}
