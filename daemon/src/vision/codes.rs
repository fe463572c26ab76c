//! Badges that somebody holds into the camera: QR codes in frames.
//!
//! A frame is searched a few times a second, whether or not faces are looked at; only the text of
//! something that is as long as a badge leaves here, and each once while it is held up. What a
//! code says is anybody's word: nothing is done with it but comparing.

use std::time::Duration;

use limen_face::Frame;
use limen_wire::badge;
use rqrr::PreparedImage;

/// Between two searches.
const EVERY: Duration = Duration::from_millis(400);

/// Held up without a break of this length, it is the same showing.
const GONE: Duration = Duration::from_secs(3);

/// Every second search of a larger picture is at a half, a third and so on of its size: a badge
/// that is held close is found there in a fraction of the time.
const SIDE_PX: u32 = 640;

/// Codes that are followed at a time.
const MOST: usize = 8;

/// What was seen lately.
#[derive(Default)]
pub(super) struct Codes {
    searched: Option<Duration>,
    is_coarse: bool,
    held: Vec<(String, Duration)>,
}

impl Codes {
    /// The badges in this frame that were not there a moment ago.
    pub(super) fn look(&mut self, frame: &Frame, at: Duration) -> Vec<String> {
        let is_due = |last| at.saturating_sub(last) >= EVERY;
        if !self.searched.is_none_or(is_due) {
            return Vec::new();
        }
        self.searched = Some(at);
        self.is_coarse = !self.is_coarse;
        let step = match self.is_coarse {
            true => (frame.width().max(frame.height()) / SIDE_PX).max(1),
            false => 1,
        };
        self.shown(at, texts(frame, step as usize))
    }

    fn shown(&mut self, at: Duration, texts: Vec<String>) -> Vec<String> {
        self.held
            .retain(|(_, seen)| at.saturating_sub(*seen) < GONE);
        let mut new = Vec::new();
        for text in texts {
            if let Some((_, seen)) = self.held.iter_mut().find(|(held, _)| *held == text) {
                *seen = at;
            } else if self.held.len() < MOST {
                self.held.push((text.clone(), at));
                new.push(text);
            }
        }
        new
    }
}

/// What the codes of a frame say, of those that are as long as a badge. Of the frame one pixel in
/// `step` is looked at, each way.
fn texts(frame: &Frame, step: usize) -> Vec<String> {
    let width = frame.width() as usize;
    let (columns, rows) = (width / step, frame.height() as usize / step);
    let rgb = frame.rgb();
    let grey = |column: usize, row: usize| {
        let mut sum = 0;
        for y in row * step..(row + 1) * step {
            let from = 3 * (y * width + column * step);
            let pixels = &rgb[from..from + 3 * step];
            sum += pixels.iter().map(|value| u32::from(*value)).sum::<u32>();
        }
        // A mean of bytes is one.
        (sum / (3 * step * step) as u32) as u8
    };
    let mut image = PreparedImage::prepare_from_greyscale(columns, rows, grey);
    let grids = image.detect_grids();
    grids
        .iter()
        .filter_map(|grid| grid.decode().ok())
        .map(|(_, text)| text)
        .filter(|text| text.len() == badge::CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use limen_wire::SecretKey;
    use proptest::prelude::*;
    use qrcode::{Color, EcLevel, QrCode};
    use rstest::rstest;
    use uuid::Uuid;

    use super::*;

    fn badge_text() -> String {
        badge::sign(&SecretKey::from_seed([5; 32]), Uuid::from_u128(0xba))
    }

    /// A grey picture with a code of so many pixels a module held into it, not quite upright.
    fn picture(size: (u32, u32), text: &[u8], module_px: f32, turn: f32, dim: u8) -> Frame {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let side = code.width() as f32;
        let (sin, cos) = turn.to_radians().sin_cos();
        let mut rgb = Vec::new();
        for y in 0..size.1 {
            for x in 0..size.0 {
                let dx = x as f32 - size.0 as f32 / 2.0;
                let dy = y as f32 - size.1 as f32 / 2.0;
                let u = (dx * cos + dy * sin) / module_px + side / 2.0;
                let v = (dy * cos - dx * sin) / module_px + side / 2.0;
                let inside = |t: f32, margin: f32| (-margin..side + margin).contains(&t);
                let shade = if inside(u, 0.0) && inside(v, 0.0) {
                    match code[(u as usize, v as usize)] {
                        Color::Dark => 20,
                        Color::Light => 255 - dim,
                    }
                } else if inside(u, 4.0) && inside(v, 4.0) {
                    255 - dim
                } else {
                    90
                };
                rgb.extend([shade; 3]);
            }
        }
        Frame::from_rgb8(size.0, size.1, rgb).unwrap()
    }

    #[rstest]
    #[case::held_up((640, 480), 5.0, 0.0, 0)]
    #[case::a_little_farther((640, 480), 3.0, 0.0, 0)]
    #[case::not_straight((640, 480), 4.0, 17.0, 0)]
    #[case::on_its_head((640, 480), 4.0, 180.0, 0)]
    #[case::in_bad_light((640, 480), 4.0, 5.0, 150)]
    #[case::a_large_camera((1280, 720), 8.0, 9.0, 0)]
    #[case::a_larger_one((1920, 1080), 12.0, 9.0, 0)]
    fn a_badge_is_read(
        #[case] size: (u32, u32),
        #[case] module_px: f32,
        #[case] turn: f32,
        #[case] dim: u8,
    ) {
        let text = badge_text();
        let frame = picture(size, text.as_bytes(), module_px, turn, dim);
        let mut codes = Codes::default();
        let mut found = codes.look(&frame, Duration::ZERO);
        found.extend(codes.look(&frame, EVERY));
        assert_eq!(found, [text]);
    }

    #[rstest]
    #[case::an_address(b"https://example.org/menu")]
    #[case::sql(b"'; DROP TABLE people; --")]
    #[case::bytes_that_are_no_text(&[0xff; 162])]
    #[case::as_long_as_can_be(&[b'1'; 1000])]
    fn what_is_no_badge_stays_here(#[case] text: &[u8]) {
        assert!(texts(&picture((640, 480), text, 4.0, 0.0, 0), 1).is_empty());
    }

    #[test]
    fn a_badge_is_told_once_while_it_is_held_up() {
        let (one, two) = ("one".to_owned(), "two".to_owned());
        let at = Duration::from_millis;
        let mut codes = Codes::default();
        assert_eq!(codes.shown(at(0), vec![one.clone()]).len(), 1);
        assert!(codes.shown(at(400), vec![one.clone()]).is_empty());
        assert!(codes.shown(at(3300), vec![one.clone()]).is_empty());
        let both = vec![one.clone(), two.clone()];
        assert_eq!(codes.shown(at(6000), both), [two]);
        assert!(codes.shown(at(6400), Vec::new()).is_empty());
        assert_eq!(codes.shown(at(9000), vec![one.clone()]), [one]);
    }

    #[test]
    fn a_frame_is_searched_a_few_times_a_second() {
        let frame = picture((640, 480), badge_text().as_bytes(), 4.0, 0.0, 0);
        let mut codes = Codes::default();
        let found = |codes: &mut Codes, ms| codes.look(&frame, Duration::from_millis(ms)).len();
        assert_eq!(found(&mut codes, 0), 1);
        codes.held.clear();
        assert_eq!(found(&mut codes, 399), 0);
        assert_eq!(found(&mut codes, 400), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is held up: an answer, and no panic.
        #[test]
        fn no_code_does_harm(
            text in prop::collection::vec(any::<u8>(), 1..300),
            turn in 0.0f32..360.0,
            module_px in 1.0f32..5.0,
            cuts in prop::collection::vec((0usize..320 * 240, any::<u8>(), 1usize..2000), 0..20),
        ) {
            let frame = picture((320, 240), &text, module_px, turn, 0);
            let mut rgb = frame.rgb().to_vec();
            for (from, value, length) in cuts {
                let end = rgb.len().min(3 * (from + length));
                rgb[3 * from..end].fill(value);
            }
            let frame = Frame::from_rgb8(320, 240, rgb).unwrap();
            for text in texts(&frame, 1) {
                prop_assert_eq!(text.len(), badge::CHARS);
            }
        }

        /// Noise is no code.
        #[test]
        fn noise_is_no_code(seed in any::<u64>(), width in 1u32..200, height in 1u32..200) {
            let mut state = seed | 1;
            let rgb = (0..3 * width * height).map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            });
            let frame = Frame::from_rgb8(width, height, rgb.collect()).unwrap();
            prop_assert!(texts(&frame, 1).is_empty());
        }
    }
}
