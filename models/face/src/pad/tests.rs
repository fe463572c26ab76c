//! Visits that are painted: a place, and somebody in it who moves.

use std::f32::consts::FRAC_1_SQRT_2;

use rstest::rstest;

use super::*;
use crate::detect::Bounds;

/// Width of the painted face in pixels.
const FACE: f32 = 60.0;

/// What moves with the face. Lengths are in widths of the face from its middle.
#[derive(Clone, Copy)]
enum Around {
    /// Nothing: a head and shoulders.
    Nothing,
    /// Hair that stands out as far as hair does.
    Hair,
    /// A sheet with this half width and half height.
    Sheet(f32, f32),
    /// Everything that is seen: somebody walks into the camera's stand.
    Everything,
}

/// What is behind.
#[derive(Clone, Copy)]
enum Behind {
    Room,
    Wall,
}

/// A pattern of blocks of so many pixels, each with a grey of its own. They stand on a corner: nothing upright or
/// level is in it.
fn blocks(x: f32, y: f32, side: f32, seed: u32) -> u8 {
    let cell = |value: f32| ((value * FRAC_1_SQRT_2 + 4000.0) / side) as u32;
    let (one, other) = (cell(x + y), cell(x - y));
    let mixed = (one * 0x9e37 + other * 0x85eb + seed).wrapping_mul(0x27d4_eb2d);
    60 + (mixed >> 24) as u8 / 2
}

/// A frame with a face whose middle is at these pixels.
fn frame(around: Around, behind: Behind, [face_x, face_y]: [f32; 2]) -> Frame {
    let mut rgb = Vec::with_capacity(640 * 480 * 3);
    for y in 0..480 {
        for x in 0..640 {
            let (x, y) = (x as f32, y as f32);
            let (from_x, from_y) = (x - face_x, y - face_y);
            let (u, v) = (from_x / FACE, from_y / FACE);
            let round = |width: f32, height: f32| (u / width).powi(2) + (v / height).powi(2) <= 1.0;
            let head = round(0.75, 1.0) || (v > 0.9 && u.abs() < 1.5);
            let on_sheet = matches!(around, Around::Sheet(width, height) if u.abs() <= width && v.abs() <= height);
            let grey = if head {
                blocks(from_x, from_y, 9.0, 1)
            } else if on_sheet {
                // White near the edge.
                let edge = matches!(around, Around::Sheet(width, height)
                    if u.abs() > width - 0.15 || v.abs() > height - 0.15);
                if edge {
                    245
                } else {
                    blocks(from_x, from_y, 9.0, 2)
                }
            } else if matches!(around, Around::Hair) && round(1.25, 1.5) {
                blocks(from_x, from_y, 5.0, 3) / 3
            } else {
                match (behind, around) {
                    (Behind::Wall, _) => 150,
                    (Behind::Room, Around::Everything) => blocks(from_x, from_y, 14.0, 4),
                    (Behind::Room, _) => blocks(x, y, 14.0, 4),
                }
            };
            rgb.extend([grey; 3]);
        }
    }
    Frame::from_rgb8(640, 480, rgb).unwrap()
}

fn found([x, y]: [f32; 2]) -> (Detection, Landmarks) {
    let half = FACE / 2.0;
    let bounds = Bounds {
        left: x - half,
        top: y - half,
        right: x + half,
        bottom: y + half,
    };
    let detection = Detection {
        bounds,
        points: [[0.0; 2]; 6],
        score: 0.9,
        anchor: 0,
    };
    let (x, y) = (x.round() as i32, y.round() as i32);
    let offsets = [[20, -6], [9, -6], [-20, -6], [-9, -6], [0, 24]];
    (
        detection,
        Landmarks(offsets.map(|[right, down]| [x + right, y + down])),
    )
}

/// Where a face is that sways by so many pixels, at a tenth of a second.
fn swaying(by: f32, tenth: u32) -> [f32; 2] {
    let turn = tenth as f32 * 0.55;
    [
        320.0 + (by * turn.sin()).round(),
        240.0 + (by * (0.7 * turn).cos()).round(),
    ]
}

/// The verdict after two seconds.
fn visit(around: Around, behind: Behind, sways_px: f32) -> Verdict {
    let mut liveness = Liveness::new(Tier::First);
    for tenth in 0..20 {
        let place = swaying(sways_px, tenth);
        let (detection, landmarks) = found(place);
        let at = Duration::from_millis(100 * u64::from(tenth));
        liveness.see(&frame(around, behind, place), &detection, &landmarks, at);
    }
    liveness.verdict()
}

#[rstest]
#[case::a_living_face(Around::Nothing, Behind::Room, Verdict::Live)]
#[case::much_hair(Around::Hair, Behind::Room, Verdict::Live)]
#[case::a_small_print(Around::Sheet(0.95, 1.2), Behind::Room, Verdict::Attack(Reason::Edges))]
#[case::a_telephone(Around::Sheet(0.8, 1.3), Behind::Room, Verdict::Attack(Reason::Edges))]
#[case::a_poster(
    Around::Sheet(2.2, 2.0),
    Behind::Room,
    Verdict::Attack(Reason::Surroundings)
)]
#[case::a_plain_wall(Around::Nothing, Behind::Wall, Verdict::NotEnough)]
#[case::the_camera_moves(Around::Everything, Behind::Room, Verdict::NotEnough)]
fn what_moves_with_the_face_gives_an_attack_away(
    #[case] around: Around,
    #[case] behind: Behind,
    #[case] wanted: Verdict,
) {
    assert_eq!(visit(around, behind, 6.0), wanted);
}

#[rstest]
#[case(Around::Nothing)]
#[case(Around::Sheet(0.95, 1.2))]
fn of_what_does_not_move_nothing_is_said(#[case] around: Around) {
    assert_eq!(visit(around, Behind::Room, 0.0), Verdict::NotEnough);
}

/// Somebody who moves, in frames so many milliseconds apart.
fn seen(liveness: &mut Liveness, around: Around, from_ms: u64, apart_ms: u64, frames: u32) {
    for number in 0..frames {
        let place = swaying(6.0, number);
        let (detection, landmarks) = found(place);
        let at = Duration::from_millis(from_ms + apart_ms * u64::from(number));
        let frame = frame(around, Behind::Room, place);
        liveness.see(&frame, &detection, &landmarks, at);
    }
}

#[test]
fn an_attack_stays_one_whoever_comes_after() {
    let mut liveness = Liveness::new(Tier::First);
    seen(&mut liveness, Around::Sheet(0.95, 1.2), 0, 100, 20);
    seen(&mut liveness, Around::Nothing, 5_000, 100, 20);
    assert_eq!(liveness.verdict(), Verdict::Attack(Reason::Edges));
}

#[test]
fn who_was_live_is_not_after_a_pause() {
    let mut liveness = Liveness::new(Tier::First);
    seen(&mut liveness, Around::Nothing, 0, 100, 20);
    assert_eq!(liveness.verdict(), Verdict::Live);
    seen(&mut liveness, Around::Nothing, 5_000, 100, 1);
    assert_eq!(liveness.verdict(), Verdict::NotEnough);
}

#[test]
fn another_face_begins_anew() {
    let mut liveness = Liveness::new(Tier::First);
    seen(&mut liveness, Around::Nothing, 0, 100, 20);
    let beside = [500.0, 240.0];
    let (detection, landmarks) = found(beside);
    let frame = frame(Around::Nothing, Behind::Room, beside);
    liveness.see(&frame, &detection, &landmarks, Duration::from_millis(2_000));
    assert_eq!(liveness.verdict(), Verdict::NotEnough);
}

#[test]
fn frames_that_come_too_soon_tell_nothing() {
    let mut liveness = Liveness::new(Tier::First);
    seen(&mut liveness, Around::Nothing, 0, 2, 20);
    assert_eq!(liveness.verdict(), Verdict::NotEnough);
}

#[test]
fn both_tiers_must_agree() {
    let ask = Ask::TurnLeft;
    let limit = Duration::from_secs(3);
    let mut liveness = Liveness::new(Tier::Second(Challenge { ask, limit }));
    seen(&mut liveness, Around::Nothing, 0, 100, 20);
    assert_eq!(liveness.verdict(), Verdict::NotEnough, "nobody turned");
    assert_eq!(liveness.asks(), Some(ask));
    seen(&mut liveness, Around::Nothing, 2_000, 100, 20);
    assert_eq!(
        liveness.verdict(),
        Verdict::Attack(Reason::Challenge),
        "the time is over"
    );
    assert_eq!(liveness.asks(), None);
}

#[test]
fn faces_of_any_size_at_any_place_are_taken() {
    for (x, y, width) in [
        (0.0, 0.0, 60.0),
        (639.0, 479.0, 300.0),
        (-500.0, 5_000.0, 1e6),
        (f32::NAN, 240.0, f32::NAN),
        (320.0, 240.0, 0.0),
    ] {
        let mut liveness = Liveness::new(Tier::First);
        for step in 0..3 {
            let (mut detection, landmarks) = found([x + 5.0 * step as f32, y]);
            detection.bounds.right = detection.bounds.left + width;
            let at = Duration::from_millis(100 * step);
            let frame = frame(Around::Nothing, Behind::Room, [320.0, 240.0]);
            liveness.see(&frame, &detection, &landmarks, at);
        }
        assert_eq!(liveness.verdict(), Verdict::NotEnough);
    }
}

#[test]
fn nothing_of_it_is_printed() {
    assert_eq!(format!("{:?}", Liveness::new(Tier::First)), "Liveness");
}
