//! What a technician can mend about what a camera shows: light, focus, how it hangs.
//!
//! Frames are looked at in memory and dropped; only words come out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use limen_face::quality::{Bar, Flaw};
use limen_face::{Detection, FaceError, Frame, Models, Quality, only_face};

use super::judge::{Judge, Samples, Useless, Verdict};
use super::{CameraError, open};
use crate::config;

/// How many frames are looked at: less than two seconds of a slow camera.
const FRAMES: usize = 8;

/// For so long a camera may take to find its exposure and give them.
const LONGEST: Duration = Duration::from_secs(10);

/// The detector finds a face that stands on its head as well, but not for sure.
const UNSURE: f32 = 0.7;

/// What is wrong with light, focus or place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// Nothing but darkness.
    Covered,
    /// One colour all over.
    OneColour,
    /// To the last bit the same picture each time.
    Frozen,
    /// Too little light.
    Dark,
    /// Too much light.
    Bright,
    /// Light from behind whoever stands there.
    Backlit,
    /// Out of focus, or a dirty lens.
    Blurred,
    /// A face is the wrong way up.
    UpsideDown,
    /// A face lies on its side.
    Sideways,
}

/// What a camera shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// Width and height of the pictures in pixels.
    pub size: (u32, u32),
    /// How many a second came; `None` of a folder or a clip.
    pub frames_a_second: Option<f64>,
    /// What is wrong, the worst first.
    pub problems: Vec<Problem>,
    /// Width in pixels of the face that is there in most frames, where one is.
    pub face_px: Option<u32>,
}

/// Why nothing can be said of what a camera shows.
#[derive(Debug, thiserror::Error)]
pub enum SightError {
    /// It gives no frames.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// The network failed.
    #[error(transparent)]
    Face(#[from] FaceError),
}

/// Opens the configured camera, and looks at some of its frames. Without models nothing is said of faces.
///
/// # Errors
/// [`SightError`] when it gives none, or a network fails.
pub fn sight(
    camera: &config::Camera,
    models: Option<&Models>,
    min_face_px: u32,
) -> Result<Sight, SightError> {
    let (frames, frames_a_second) = frames(camera)?;
    let (problems, face_px) = look(&frames, frames_a_second.is_some(), models, min_face_px)?;
    Ok(Sight {
        size: (frames[0].width(), frames[0].height()),
        frames_a_second,
        problems,
        face_px,
    })
}

/// Some frames of the camera, one at least, and how many a second came.
fn frames(camera: &config::Camera) -> Result<(Vec<Arc<Frame>>, Option<f64>), CameraError> {
    let mut source = open(camera)?;
    let began = Instant::now();
    let mut judge = Judge::new(false);
    let mut taken: Vec<Arc<Frame>> = Vec::new();
    let mut first = None;
    while taken.len() < FRAMES && began.elapsed() < LONGEST {
        let Some(frame) = source.next_frame()? else {
            break;
        };
        let is_live = source.pace().is_none();
        if is_live && judge.look(&frame, began.elapsed()) == Verdict::WarmingUp {
            continue;
        }
        first.get_or_insert_with(Instant::now);
        taken.push(frame);
    }
    if taken.is_empty() {
        return Err(CameraError::None(format!("{} gave none", camera.source)));
    }
    let passed = first.map_or(0.0, |first| first.elapsed().as_secs_f64());
    let rate = (taken.len() > 1 && source.pace().is_none() && passed > 0.0)
        .then(|| (taken.len() - 1) as f64 / passed);
    Ok((taken, rate))
}

/// What is wrong with these frames of one camera, and how wide the face before it is.
fn look(
    frames: &[Arc<Frame>],
    is_live: bool,
    models: Option<&Models>,
    min_face_px: u32,
) -> Result<(Vec<Problem>, Option<u32>), FaceError> {
    let mut problems = Vec::new();
    let most = |count: usize| 2 * count > frames.len();
    let samples: Vec<Samples> = frames.iter().map(|frame| Samples::of(frame)).collect();
    let useless = |how| samples.iter().filter(|s| s.useless() == Some(how)).count();
    if most(useless(Useless::Black)) {
        problems.push(Problem::Covered);
    } else if most(useless(Useless::OneColour)) {
        problems.push(Problem::OneColour);
    } else if is_live && frames.windows(2).all(|pair| pair[0] == pair[1]) {
        problems.push(Problem::Frozen);
    }
    if !problems.is_empty() {
        return Ok((problems, None));
    }
    if most(samples.iter().filter(|s| s.is_dark()).count()) {
        problems.push(Problem::Dark);
    }
    if most(samples.iter().filter(|s| s.is_bright()).count()) {
        problems.push(Problem::Bright);
    }
    if most(frames.iter().filter(|frame| is_blurred(frame)).count()) {
        problems.push(Problem::Blurred);
    }
    let mut face_px = None;
    if let Some(models) = models {
        let faces = Faces::of(frames, models, min_face_px)?;
        face_px = faces.width(frames.len());
        for problem in faces.problems(frames.len()) {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    Ok((problems, face_px))
}

impl Problem {
    /// What it is, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Covered => "the camera shows nothing but darkness",
            Self::OneColour => "the camera shows a single colour",
            Self::Frozen => "the camera gives the same picture again and again",
            Self::Dark => "there is too little light",
            Self::Bright => "there is too much light",
            Self::Backlit => "the light comes from behind whoever stands there",
            Self::Blurred => "the picture is not sharp",
            Self::UpsideDown => "the picture stands on its head",
            Self::Sideways => "the picture lies on its side",
        }
    }

    /// What to do about it.
    pub const fn mend(self) -> &'static str {
        match self {
            Self::Covered => {
                "take the cap or the protective film off the lens, open its shutter, switch the light on"
            }
            Self::OneColour | Self::Frozen => {
                "unplug the camera and plug it in again, into another socket too; if that does not help, exchange it"
            }
            Self::Dark => {
                "put a lamp above the camera that shines on faces; a camera beside a window is dark at night"
            }
            Self::Bright => {
                "keep sun and lamps from shining into the lens: turn the camera away from them, or shade it"
            }
            Self::Backlit => {
                "hang the camera so that no window and no lamp is behind people, or light their faces from the front"
            }
            Self::Blurred => {
                "wipe the lens; turn its ring, where it has one, until a page of print an arm's length away is sharp"
            }
            Self::UpsideDown | Self::Sideways => "hang the camera upright",
        }
    }
}

/// What was found of the faces in the frames: how many frames say what.
#[derive(Default)]
struct Faces {
    widths: Vec<f32>,
    dark: usize,
    bright: usize,
    backlit: usize,
    blurred: usize,
    upside_down: usize,
    sideways: usize,
}

impl Faces {
    fn of(frames: &[Arc<Frame>], models: &Models, min_face_px: u32) -> Result<Self, FaceError> {
        let mut found = Self::default();
        for frame in frames {
            let faces = models.detect(frame)?;
            let score = faces.first().map_or(0.0, |face| face.score);
            if score < UNSURE {
                let turned = quarter(&quarter(frame));
                let surest = models.detect(&turned)?.into_iter().next();
                if surest.is_some_and(|face| face.score > score) {
                    found.upside_down += 1;
                    continue;
                }
            }
            let Ok(face) = only_face(&faces, frame) else {
                continue;
            };
            if lies(face) {
                found.sideways += 1;
            }
            found.widths.push(face.bounds.width());
            let bar = Bar::door(min_face_px as f32 * frame.width() as f32 / 640.0);
            let quality = Quality::of(frame, face, &models.align(frame, face)?);
            match quality.flaw(&bar) {
                Some(Flaw::Dark) => found.dark += 1,
                Some(Flaw::Overexposed) => found.bright += 1,
                Some(Flaw::Backlit) => found.backlit += 1,
                Some(Flaw::Blurred) => found.blurred += 1,
                // Where somebody stands and looks, and what they wear, is theirs.
                _ => {}
            }
        }
        Ok(found)
    }

    fn problems(&self, frames: usize) -> Vec<Problem> {
        let counts = [
            (Problem::Dark, self.dark),
            (Problem::Bright, self.bright),
            (Problem::Backlit, self.backlit),
            (Problem::UpsideDown, self.upside_down),
            (Problem::Sideways, self.sideways),
            (Problem::Blurred, self.blurred),
        ];
        let most = counts.into_iter().filter(|(_, count)| 2 * count > frames);
        most.map(|(problem, _)| problem).collect()
    }

    /// The middle one of the widths, where most frames have a face.
    fn width(&self, frames: usize) -> Option<u32> {
        let mut widths = self.widths.clone();
        widths.sort_by(f32::total_cmp);
        (2 * widths.len() > frames).then(|| widths[widths.len() / 2].round() as u32)
    }
}

/// The mouth is beside the eyes, not below them.
fn lies(face: &Detection) -> bool {
    let [left, right, _, mouth, ..] = face.points;
    let [beside, below] = [0, 1].map(|axis| mouth[axis] - (left[axis] + right[axis]) / 2.0);
    beside.abs() > below.abs()
}

/// The frame turned by 90 degrees clockwise.
fn quarter(frame: &Frame) -> Frame {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let mut rgb = Vec::with_capacity(frame.rgb().len());
    for x in 0..width {
        for y in (0..height).rev() {
            let at = 3 * (y * width + x);
            rgb.extend_from_slice(&frame.rgb()[at..at + 3]);
        }
    }
    Frame::from_rgb8(frame.height(), frame.width(), rgb)
        .expect("a turned frame has as many pixels as before")
}

/// Grey levels, row by row.
struct Grey {
    width: usize,
    height: usize,
    levels: Vec<f32>,
}

impl Grey {
    fn of(frame: &Frame) -> Self {
        let levels = frame.rgb().chunks_exact(3);
        Self {
            width: frame.width() as usize,
            height: frame.height() as usize,
            levels: levels
                .map(|pixel| pixel.iter().map(|&v| f32::from(v)).sum::<f32>() / 3.0)
                .collect(),
        }
    }

    /// Every `times` × `times` pixels as their mean.
    fn shrunk(&self, times: usize) -> Self {
        let (width, height) = (self.width / times, self.height / times);
        let mut levels = vec![0.0; width * height];
        for y in 0..height * times {
            for x in 0..width * times {
                levels[y / times * width + x / times] += self.levels[y * self.width + x];
            }
        }
        let area = (times * times) as f32;
        levels.iter_mut().for_each(|level| *level /= area);
        Self {
            width,
            height,
            levels,
        }
    }

    /// Mean absolute Laplacian in grey levels; 0 of a picture that is too small for one.
    fn edges(&self) -> f32 {
        let at = |x: usize, y: usize| self.levels[y * self.width + x];
        let (mut sum, mut count) = (0.0, 0.0_f32);
        for y in 1..self.height.saturating_sub(1) {
            for x in 1..self.width.saturating_sub(1) {
                let around = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1);
                sum += (around - 4.0 * at(x, y)).abs();
                count += 1.0;
            }
        }
        sum / count.max(1.0)
    }
}

/// Whether a picture has coarse edges and no fine ones. A picture of the world has about as many of either size
/// (D. J. Field, 1987); a lens out of focus takes the fine ones.
///
/// Of 19 photographs and frames, 640 wide, none is blurred by that; blurred with a Gaussian of 5 pixels 17 are, of 8
/// pixels all. A bare wall has no edges to tell by.
fn is_blurred(frame: &Frame) -> bool {
    /// Pixels across at which fine edges are looked for; the coarse ones are four times as large.
    const FINE: f32 = 160.0;
    /// Mean Laplacian of a picture with anything in it.
    const ANYTHING: f32 = 8.0;
    const LEAST: f32 = 0.2;
    let fine = Grey::of(frame).shrunk((frame.width() as f32 / FINE).round().max(1.0) as usize);
    let coarse = fine.shrunk(4).edges();
    coarse >= ANYTHING && fine.edges() < LEAST * coarse
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;

    const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");

    fn picture(name: &str) -> Frame {
        let path = Path::new(MODELS).join("pictures").join(name);
        let frame = Frame::decode(&std::fs::read(path).unwrap()).unwrap();
        // About the size of a camera's picture.
        let grey = |channel: usize| {
            let levels = frame.rgb().iter().skip(channel).step_by(3);
            Grey {
                width: frame.width() as usize,
                height: frame.height() as usize,
                levels: levels.map(|&v| f32::from(v)).collect(),
            }
        };
        let times = (frame.width() as f32 / 640.0).round().max(1.0) as usize;
        from_channels([0, 1, 2].map(|channel| grey(channel).shrunk(times)))
    }

    fn from_channels(channels: [Grey; 3]) -> Frame {
        let (width, height) = (channels[0].width, channels[0].height);
        let rgb = (0..width * height)
            .flat_map(|at| [0, 1, 2].map(|c: usize| channels[c].levels[at].round() as u8))
            .collect();
        Frame::from_rgb8(width as u32, height as u32, rgb).unwrap()
    }

    fn each(frame: &Frame, change: impl Fn(u8) -> u8) -> Frame {
        let rgb = frame.rgb().iter().map(|&v| change(v)).collect();
        Frame::from_rgb8(frame.width(), frame.height(), rgb).unwrap()
    }

    /// A mean over `2 · reach + 1` pixels along both sides, three times: nearly a Gaussian.
    fn blurred(frame: &Frame, reach: usize) -> Frame {
        let mut now = frame.clone();
        for _ in 0..3 {
            for turn in [1, 3] {
                let (width, height) = (now.width() as usize, now.height() as usize);
                let mut rgb = vec![0; now.rgb().len()];
                for y in 0..height {
                    for x in 0..width {
                        let across = x.saturating_sub(reach)..(x + reach + 1).min(width);
                        for c in 0..3 {
                            let sum: usize = across
                                .clone()
                                .map(|x| usize::from(now.rgb()[3 * (y * width + x) + c]))
                                .sum();
                            rgb[3 * (y * width + x) + c] = (sum / across.len()) as u8;
                        }
                    }
                }
                now = Frame::from_rgb8(width as u32, height as u32, rgb).unwrap();
                now = (0..turn).fold(now, |frame, _| quarter(&frame));
            }
        }
        now
    }

    fn seen(frame: Frame) -> (Vec<Problem>, Option<u32>) {
        let models = Models::load(Path::new(MODELS)).unwrap();
        look(
            &[frame.clone(), frame.clone(), frame].map(Arc::new),
            false,
            Some(&models),
            110,
        )
        .unwrap()
    }

    #[rstest]
    #[case("obama.jpg")]
    #[case("obama2.jpg")]
    #[case("biden.jpg")]
    #[case("astronaut.png")]
    fn a_good_picture_has_no_problem(#[case] name: &str) {
        let (problems, face_px) = seen(picture(name));
        assert_eq!(problems, []);
        assert!(face_px.is_some_and(|width| width > 60), "{face_px:?}");
    }

    #[rstest]
    #[case("obama.jpg")]
    #[case("obama2.jpg")]
    #[case("obama3.jpg")]
    #[case("biden.jpg")]
    #[case("astronaut.png")]
    fn a_camera_that_hangs_wrong_is_noticed(#[case] name: &str) {
        let once = quarter(&picture(name));
        let twice = quarter(&once);
        let thrice = quarter(&twice);
        let wanted = [
            (once, Problem::Sideways),
            (twice, Problem::UpsideDown),
            (thrice, Problem::Sideways),
        ];
        for (frame, wanted) in wanted {
            assert_eq!(seen(frame).0, [wanted]);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = picture("obama2.jpg");
        for (frame, wanted) in [
            (each(&good, |v| v / 20), vec![Problem::Covered]),
            (each(&good, |_| 140), vec![Problem::OneColour]),
        ] {
            assert_eq!(seen(frame).0, wanted);
        }
        let has = |frame, wanted| {
            let (problems, _) = seen(frame);
            assert!(
                problems.contains(&wanted),
                "{wanted:?} is not in {problems:?}"
            );
        };
        has(each(&good, |v| v / 6), Problem::Dark);
        has(each(&good, |v| v.saturating_mul(4)), Problem::Bright);
        has(blurred(&good, 8), Problem::Blurred);
    }

    #[test]
    fn four_quarters_are_the_whole() {
        let frame = Frame::from_rgb8(3, 2, (0..18).collect()).unwrap();
        let once = quarter(&frame);
        assert_eq!((once.width(), once.height()), (2, 3));
        assert_eq!(once.rgb()[..6], [9, 10, 11, 0, 1, 2]);
        let all = (0..4).fold(frame.clone(), |frame, _| quarter(&frame));
        assert_eq!(all, frame);
    }

    #[test]
    fn a_wall_and_a_tiny_picture_are_not_blurred() {
        let wall = Frame::from_rgb8(640, 480, vec![120; 640 * 480 * 3]).unwrap();
        assert!(!is_blurred(&wall));
        assert!(!is_blurred(&Frame::from_rgb8(1, 1, vec![1; 3]).unwrap()));
    }
}
