//! Portraits that are good enough, and what is said of the same ones darkened, lit from behind, cut off and covered.

use limen_face::quality::{Bar, Flaw, Quality};
use limen_face::{Detection, Frame};
use rstest::rstest;

use crate::support::{MODELS, models_folder, picture};

const PORTRAITS: [&str; 4] = ["obama.jpg", "obama3.jpg", "biden.jpg", "astronaut.png"];

fn portrait(name: &str) -> (Frame, Detection) {
    let frame = picture(&models_folder().join("pictures").join(name));
    let face = surest(&frame);
    (frame, face)
}

fn surest(frame: &Frame) -> Detection {
    let faces = MODELS.detect(frame).unwrap();
    faces.into_iter().next().expect("a face in a portrait")
}

fn flaw(frame: &Frame) -> Option<Flaw> {
    let face = surest(frame);
    let aligned = MODELS.align(frame, &face).unwrap();
    Quality::of(frame, &face, &aligned).flaw(&Bar::default())
}

/// A frame with each pixel made anew of its place, in face widths from the face's middle, and its colour.
fn altered(
    frame: &Frame,
    face: &Detection,
    pixel: impl Fn([f32; 2], [f32; 3]) -> [f32; 3],
) -> Frame {
    let bounds = &face.bounds;
    let (x, y) = (
        (bounds.left + bounds.right) / 2.0,
        (bounds.top + bounds.bottom) / 2.0,
    );
    let width = frame.width() as usize;
    let (pixels, _) = frame.rgb().as_chunks::<3>();
    let rgb = pixels.iter().enumerate().flat_map(|(at, colour)| {
        let place = [
            ((at % width) as f32 - x) / bounds.width(),
            ((at / width) as f32 - y) / bounds.width(),
        ];
        pixel(place, colour.map(f32::from)).map(|value| value.clamp(0.0, 255.0) as u8)
    });
    let rgb = rgb.collect();
    Frame::from_rgb8(frame.width(), frame.height(), rgb).unwrap()
}

/// The same scene in another light, as a camera with a gamma of 2.2 takes it.
fn exposed(colour: [f32; 3], times: f32) -> [f32; 3] {
    colour.map(|value| value * times.powf(1.0 / 2.2))
}

/// The picture without what is left of a column and above a row.
fn cut(frame: &Frame, left: usize, top: usize) -> Frame {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let rows =
        (top..height).flat_map(|y| &frame.rgb()[3 * (y * width + left)..3 * (y + 1) * width]);
    let rgb = rows.copied().collect();
    Frame::from_rgb8((width - left) as u32, (height - top) as u32, rgb).unwrap()
}

#[rstest]
fn a_portrait_is_good_enough(
    #[values("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png")] name: &str,
) {
    assert_eq!(flaw(&portrait(name).0), None);
}

#[test]
fn too_little_light() {
    for name in PORTRAITS {
        let (frame, face) = portrait(name);
        let dark = altered(&frame, &face, |_, colour| exposed(colour, 0.01));
        assert_eq!(flaw(&dark), Some(Flaw::Dark), "{name}");
    }
}

#[test]
fn half_the_light_is_enough() {
    for name in PORTRAITS {
        let (frame, face) = portrait(name);
        let dim = altered(&frame, &face, |_, colour| exposed(colour, 0.4));
        assert_eq!(flaw(&dim), None, "{name}");
    }
}

/// So much that the face can still be found.
#[rstest]
#[case("obama.jpg", 20.0)]
#[case("obama3.jpg", 20.0)]
#[case("biden.jpg", 20.0)]
#[case("astronaut.png", 4.0)]
fn too_much_light(#[case] name: &str, #[case] times: f32) {
    let (frame, face) = portrait(name);
    let bright = altered(&frame, &face, |_, colour| exposed(colour, times));
    assert_eq!(flaw(&bright), Some(Flaw::Overexposed));
}

#[test]
fn a_window_behind_the_person() {
    for name in PORTRAITS {
        let (frame, face) = portrait(name);
        let backlit = altered(&frame, &face, |[x, y], colour| {
            let head = (x / 0.75).powi(2) + ((y + 0.1) / 0.95).powi(2) < 1.0;
            let body = y > 0.5 && x.abs() < 0.4 + (y - 0.5);
            if head || body {
                exposed(colour, 0.02).map(|value| value + 15.0)
            } else {
                [245.0; 3]
            }
        });
        assert_eq!(flaw(&backlit), Some(Flaw::Backlit), "{name}");
    }
}

#[test]
fn cut_off_by_the_border() {
    let mut seen = 0;
    for name in PORTRAITS {
        let (frame, face) = portrait(name);
        let bounds = &face.bounds;
        let third = 0.32 * bounds.width();
        for cut in [
            cut(&frame, (bounds.left + third) as usize, 0),
            cut(&frame, 0, (bounds.top + third) as usize),
        ] {
            let found = MODELS.detect(&cut).unwrap();
            // A face of which so much is missing is not always found.
            let Some(face) = found.into_iter().next() else {
                continue;
            };
            let told = Bar::door(45.0).box_flaw(&cut, &face);
            assert_eq!(told, Some(Flaw::Cropped), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} of 8 faces were found");
}

#[rstest]
#[case::blue_mask([150.0, 190.0, 215.0])]
#[case::black_scarf([28.0, 28.0, 30.0])]
fn the_lower_half_is_covered(#[case] cloth: [f32; 3]) {
    for name in PORTRAITS {
        let (frame, face) = portrait(name);
        let masked = altered(&frame, &face, |[x, y], colour| {
            let over = y > 0.02 && (x / 0.55).powi(2) + ((y - 0.1) / 0.62).powi(2) < 1.0;
            if over { cloth } else { colour }
        });
        assert_eq!(flaw(&masked), Some(Flaw::Occluded), "{name}");
    }
}

#[test]
fn sunglasses() {
    for name in PORTRAITS {
        let (frame, face) = portrait(name);
        let bounds = &face.bounds;
        let middle = [
            (bounds.left + bounds.right) / 2.0,
            (bounds.top + bounds.bottom) / 2.0,
        ];
        let eyes = [face.points[0], face.points[1]]
            .map(|eye| [0, 1].map(|axis| (eye[axis] - middle[axis]) / bounds.width()));
        let worn = altered(&frame, &face, |[x, y], colour| {
            let glass = eyes
                .iter()
                .any(|eye| ((x - eye[0]) / 0.17).powi(2) + ((y - eye[1]) / 0.13).powi(2) < 1.0);
            if glass { [18.0, 18.0, 22.0] } else { colour }
        });
        assert_eq!(flaw(&worn), Some(Flaw::Occluded), "{name}");
    }
}
