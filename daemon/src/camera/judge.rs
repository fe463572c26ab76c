//! Whether a camera's frames show anything: pure, the time is passed in.
//!
//! A broken camera often goes on giving frames: black ones, ones of a single colour, the last one over and over. Real
//! ones differ from each other, if only by the sensor's noise.

use std::sync::Arc;
use std::time::Duration;

use limen_face::Frame;

/// For so long every frame must be useless before the camera is opened anew: shorter than the ten seconds within
/// which it is to be back, longer than a hand before the lens.
const LASTS: Duration = Duration::from_secs(5);

/// A room at night is as dark as a broken camera, so one that was opened anew for that is given longer.
const LASTS_AT_NIGHT: Duration = Duration::from_secs(60);

/// First frames, which many cameras give dark or bleached while they find their exposure, are dropped until the mean
/// grey level of two in a row differs by no more than this …
const SETTLED: f32 = 3.0;
/// … or so much time has passed: a scene that flickers never settles.
const WARM_UP: Duration = Duration::from_millis(1500);

/// Samples along each side of the picture.
const SAMPLES: u32 = 64;

/// Grey levels of 0..255 below which a sample is black: noise in the dark reaches no farther.
const BLACK: u8 = 24;
/// One sample in so many may be brighter: a lamp of an appliance, a broken pixel.
const BRIGHT_ONES: usize = 100;
/// Mean grey level below which there is too little light.
const DARK: f32 = 35.0;
/// What is so bright shows nothing, and so large a share of it is too much.
const WHITE: u8 = 245;
const MOST_WHITE: f32 = 0.4;
/// A wall has more noise than that between its brightest and its darkest sample.
const ONE_COLOUR: u8 = 2;

/// In which way frames show nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Useless {
    /// Nothing but darkness.
    Black,
    /// One colour all over: what many cameras and drivers give when they lost their picture.
    OneColour,
    /// To the last bit the frame before.
    Same,
}

/// What is to be done with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The camera is still finding its exposure: drop it.
    WarmingUp,
    /// It shows something.
    Good,
    /// It shows nothing new, but not for long yet.
    Doubtful,
    /// The camera has shown nothing for so long: open it anew.
    Broken(Useless, Duration),
}

/// Looks at the frames of one opening of a camera.
pub(super) struct Judge {
    lasts: Duration,
    before: Option<(Arc<Frame>, f32)>,
    opened: Option<Duration>,
    is_warm: bool,
    /// Since when, and how.
    useless: Option<(Duration, Useless)>,
}

impl Judge {
    /// For a camera that was opened just now; `after_the_dark`: because it had been black.
    pub(super) fn new(after_the_dark: bool) -> Self {
        Self {
            lasts: match after_the_dark {
                true => LASTS_AT_NIGHT,
                false => LASTS,
            },
            before: None,
            opened: None,
            is_warm: false,
            useless: None,
        }
    }

    /// What is to be done with the frame of this time.
    pub(super) fn look(&mut self, frame: &Arc<Frame>, at: Duration) -> Verdict {
        let samples = Samples::of(frame);
        let mean = samples.mean();
        let before = self.before.replace((Arc::clone(frame), mean));
        let opened = *self.opened.get_or_insert(at);
        if !self.is_warm {
            self.is_warm = at.saturating_sub(opened) >= WARM_UP
                || before
                    .as_ref()
                    .is_some_and(|(_, before)| (mean - before).abs() <= SETTLED);
            if !self.is_warm {
                return Verdict::WarmingUp;
            }
        }
        let is_same = before.is_some_and(|(before, _)| *before == **frame);
        let Some(how) = samples.useless().or(is_same.then_some(Useless::Same)) else {
            self.useless = None;
            self.lasts = LASTS;
            return Verdict::Good;
        };
        // A black picture may also be the same as the one before: what it was first counts.
        let (since, how) = *self.useless.get_or_insert((at, how));
        let lasted = at.saturating_sub(since);
        let enough = match how {
            Useless::Black => self.lasts,
            Useless::OneColour | Useless::Same => LASTS,
        };
        match lasted >= enough {
            true => Verdict::Broken(how, lasted),
            false => Verdict::Doubtful,
        }
    }
}

/// Grey levels on a grid over the picture.
pub(super) struct Samples(Vec<u8>);

impl Samples {
    pub(super) fn of(frame: &Frame) -> Self {
        let (width, height) = (frame.width(), frame.height());
        let along = |side: u32| {
            let count = side.min(SAMPLES);
            (0..count).map(move |n| (u64::from(n) * u64::from(side) / u64::from(count)) as usize)
        };
        let grey = |x: usize, y: usize| {
            let at = 3 * (y * width as usize + x);
            let sum: u16 = frame.rgb()[at..at + 3].iter().map(|&v| u16::from(v)).sum();
            (sum / 3) as u8
        };
        Self(
            along(height)
                .flat_map(|y| along(width).map(move |x| (x, y)))
                .map(|(x, y)| grey(x, y))
                .collect(),
        )
    }

    /// 0..255.
    fn mean(&self) -> f32 {
        self.0.iter().map(|&v| f32::from(v)).sum::<f32>() / self.0.len() as f32
    }

    /// By itself: that it is the same as another is not seen here.
    pub(super) fn useless(&self) -> Option<Useless> {
        let bright = self.0.iter().filter(|&&v| v >= BLACK).count();
        if bright * BRIGHT_ONES <= self.0.len() {
            return Some(Useless::Black);
        }
        let (least, most) = (self.0.iter().min()?, self.0.iter().max()?);
        (most - least <= ONE_COLOUR).then_some(Useless::OneColour)
    }

    /// Less light than anybody can be told by.
    pub(super) fn is_dark(&self) -> bool {
        self.mean() < DARK
    }

    /// A large part of the picture is white.
    pub(super) fn is_bright(&self) -> bool {
        let white = self.0.iter().filter(|&&v| v >= WHITE).count();
        white as f32 > MOST_WHITE * self.0.len() as f32
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SIDE: u32 = 80;

    /// A picture whose grey levels go from `dark` to `light`, with the noise of frame `n`.
    fn scene(dark: u8, light: u8, n: u32) -> Arc<Frame> {
        let rgb = (0..SIDE * SIDE)
            .flat_map(|at| {
                let (x, y) = (at % SIDE, at / SIDE);
                let slope = u32::from(light - dark) * x / SIDE;
                let noise = (x * 7 + y * 13 + n * 5) % 3;
                [(u32::from(dark) + slope + noise).min(255) as u8; 3]
            })
            .collect();
        Arc::new(Frame::from_rgb8(SIDE, SIDE, rgb).unwrap())
    }

    fn flat(value: u8) -> Arc<Frame> {
        let rgb = vec![value; (3 * SIDE * SIDE) as usize];
        Arc::new(Frame::from_rgb8(SIDE, SIDE, rgb).unwrap())
    }

    /// The verdicts on frames 100 ms apart.
    fn verdicts(judge: &mut Judge, frames: impl Iterator<Item = Arc<Frame>>) -> Vec<Verdict> {
        (0..)
            .zip(frames)
            .map(|(n, frame)| judge.look(&frame, Duration::from_millis(100 * n)))
            .collect()
    }

    #[test]
    fn what_a_camera_gives_while_it_finds_its_exposure_is_dropped() {
        let levels = [0, 30, 80, 110, 111, 112, 60, 110];
        let frames = (0..).zip(levels).map(|(n, v)| scene(v, v + 40, n));
        use Verdict::{Good, WarmingUp};
        assert_eq!(
            verdicts(&mut Judge::new(false), frames),
            [
                WarmingUp, WarmingUp, WarmingUp, WarmingUp, Good, Good, Good, Good
            ],
            "settled once, it is warm"
        );
        let flickers = (0..30).map(|n| scene(if n % 2 == 0 { 40 } else { 90 }, 140, n));
        let said = verdicts(&mut Judge::new(false), flickers);
        assert_eq!(said.iter().filter(|v| **v == WarmingUp).count(), 15);
        assert!(said[15..].iter().all(|v| *v == Good));
    }

    #[rstest]
    #[case::a_lens_cover(flat(0), Useless::Black)]
    #[case::limited_range_black(flat(16), Useless::Black)]
    #[case::a_lost_signal(flat(86), Useless::OneColour)]
    #[case::all_white(flat(255), Useless::OneColour)]
    #[case::a_picture_that_stands(scene(20, 200, 1), Useless::Same)]
    fn what_shows_nothing_for_five_seconds_is_broken(
        #[case] frame: Arc<Frame>,
        #[case] how: Useless,
    ) {
        let good = (0..10).map(|n| scene(40, 200, n));
        let frames = good.chain(std::iter::repeat_n(frame, 60));
        let said = verdicts(&mut Judge::new(false), frames);
        let first = said.iter().position(|v| matches!(v, Verdict::Broken(..)));
        // Of a picture that stands the first frame is a good one.
        let begins = 10 + usize::from(how == Useless::Same);
        assert_eq!(first, Some(begins + 50), "{said:?}");
        assert_eq!(said[begins + 50], Verdict::Broken(how, LASTS));
        assert!(
            said[begins..begins + 50]
                .iter()
                .all(|v| *v == Verdict::Doubtful)
        );
    }

    #[test]
    fn a_night_is_looked_at_for_a_minute_and_the_light_ends_it_at_once() {
        let mut judge = Judge::new(true);
        let night = (0..590).map(|_| flat(3));
        let said = verdicts(&mut judge, night);
        assert!(said[1..].iter().all(|v| *v == Verdict::Doubtful));
        let later = Duration::from_secs(59);
        assert_eq!(judge.look(&scene(40, 200, 1), later), Verdict::Good);
        // After that it is a camera like any other.
        judge.look(&flat(3), later);
        let verdict = judge.look(&flat(3), later + LASTS);
        assert_eq!(verdict, Verdict::Broken(Useless::Black, LASTS));
    }

    #[test]
    fn a_lamp_in_the_dark_is_still_dark_and_a_window_is_not() {
        let with_bright = |rows: u32| {
            let mut rgb = vec![4; (3 * SIDE * SIDE) as usize];
            rgb[..(3 * rows * SIDE) as usize].fill(250);
            Samples::of(&Frame::from_rgb8(SIDE, SIDE, rgb).unwrap()).useless()
        };
        assert_eq!(with_bright(0), Some(Useless::Black));
        assert_eq!(with_bright(4), None);
    }

    #[test]
    fn the_smallest_picture_is_looked_at() {
        let one = Frame::from_rgb8(1, 1, vec![200; 3]).unwrap();
        assert_eq!(Samples::of(&one).useless(), Some(Useless::OneColour));
    }
}
