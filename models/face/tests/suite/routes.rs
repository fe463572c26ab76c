//! The ways to find a face in a camera's frame give the same face.

use std::time::Duration;

use limen_face::detect::{Bounds, Region};
use limen_face::{Detection, Frame, Watch, only_face};

use crate::support::{MODELS, models_folder, picture};

/// Largest distance between the embeddings of one picture through two ways. A box moved by a single pixel moves
/// an embedding by 0.04 (median), two photographs of one person lie 0.2 to 0.6 apart.
pub const ROUTES_BAR: f32 = 0.25;

fn photograph(name: &str) -> Frame {
    picture(&models_folder().join("pictures").join(name))
}

/// The middle of the longer side, as a camera's picture of 640×480 with a face a third of it wide.
fn near(faces: &[Detection], frame: &Frame) -> Detection {
    only_face(faces, frame).unwrap().clone()
}

fn distance(frame: &Frame, one: &Detection, other: &Detection) -> f32 {
    let embedding = |face| MODELS.embed(frame, face).unwrap();
    embedding(one).distance(&embedding(other))
}

#[test]
fn the_network_for_short_range_gives_the_same_embedding() {
    for name in ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"] {
        let frame = photograph(name);
        let afar = near(&MODELS.detect(&frame).unwrap(), &frame);
        let region = Region::around(&afar.bounds);
        let around = near(&MODELS.detect_around(&frame, &region).unwrap(), &frame);
        let apart = distance(&frame, &afar, &around);
        let wider = around.bounds.width() / afar.bounds.width();
        eprintln!("{name}: {apart:.3} apart, {wider:.3} times as wide");
        assert!(apart < ROUTES_BAR, "{name}: {apart}");
        assert!((0.85..1.18).contains(&wider), "{name}: {wider}");
    }
}

/// A frame of 640×480: the photograph at the given size and place on grey.
fn scene(photograph: &Frame, left: u32, shrink: u32) -> Frame {
    let mut rgb = vec![110; 640 * 480 * 3];
    let (width, height) = (photograph.width() / shrink, photograph.height() / shrink);
    for y in 0..height.min(480) {
        for x in 0..width.min(640 - left) {
            let from = 3 * (y * shrink * photograph.width() + x * shrink) as usize;
            let to = 3 * (y * 640 + left + x) as usize;
            rgb[to..to + 3].copy_from_slice(&photograph.rgb()[from..from + 3]);
        }
    }
    Frame::from_rgb8(640, 480, rgb).unwrap()
}

#[test]
fn somebody_who_walks_by_is_followed_and_gone_when_gone() {
    let person = photograph("astronaut.png");
    let empty = Frame::from_rgb8(640, 480, vec![110; 640 * 480 * 3]).unwrap();
    let mut watch = Watch::new();
    let mut seen = |frame: &Frame, tenths: u32| {
        let at = Duration::from_millis(100) * tenths;
        MODELS.follow(frame, at, &mut watch).unwrap()
    };
    assert!(seen(&empty, 0).is_empty());
    for step in 1..15 {
        // A third of a face from frame to frame.
        let frame = scene(&person, 10 * step, 2);
        let found = near(&seen(&frame, step), &frame).bounds;
        let wanted = near(&MODELS.detect(&frame).unwrap(), &frame).bounds;
        let apart = (middle(&found) - middle(&wanted)).abs() / wanted.width();
        assert!(apart < 0.15, "step {step}: {found:?}, not {wanted:?}");
    }
    for step in 15..18 {
        assert!(seen(&empty, step).is_empty(), "step {step}");
    }
}

#[test]
fn somebody_who_joins_is_seen_within_a_second() {
    let (one, other) = (photograph("astronaut.png"), photograph("astronaut.png"));
    let alone = scene(&one, 0, 2);
    let mut both = scene(&other, 300, 2).rgb().to_vec();
    for (line, of_one) in both
        .chunks_exact_mut(1920)
        .zip(alone.rgb().chunks_exact(1920))
    {
        line[..768].copy_from_slice(&of_one[..768]);
    }
    let both = Frame::from_rgb8(640, 480, both).unwrap();
    let mut watch = Watch::new();
    let mut count = |frame: &Frame, tenths: u32| {
        let at = Duration::from_millis(100) * tenths;
        MODELS.follow(frame, at, &mut watch).unwrap().len()
    };
    assert_eq!(count(&alone, 0), 1);
    assert_eq!(count(&alone, 1), 1);
    let seen: Vec<usize> = (2..13).map(|tenths| count(&both, tenths)).collect();
    assert_eq!(seen.last(), Some(&2), "{seen:?}");
}

fn middle(bounds: &Bounds) -> f32 {
    (bounds.left + bounds.right) / 2.0
}
