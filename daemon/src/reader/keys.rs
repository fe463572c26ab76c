//! From keys to lines. Readers type as on an American keyboard, whatever the machine's own is.
//!
//! Pure: the time is passed in.

use std::time::Duration;

use evdev::KeyCode;

/// Longer lines are no badge.
const LONGEST: usize = 256;

/// A reader types a line without stopping: after a longer pause another one begins.
const PAUSE: Duration = Duration::from_millis(500);

/// Values of a key event: released, pressed, held down.
const RELEASED: i32 = 0;
const PRESSED: i32 = 1;

/// The line that is being typed.
#[derive(Default)]
pub(super) struct Line {
    text: String,
    is_too_long: bool,
    shifts: u8,
    last: Duration,
}

impl Line {
    /// A key event at `now`. Gives the line that it ends.
    pub(super) fn key(&mut self, key: KeyCode, value: i32, now: Duration) -> Option<String> {
        let shift = match key {
            KeyCode::KEY_LEFTSHIFT => 1,
            KeyCode::KEY_RIGHTSHIFT => 2,
            _ => 0,
        };
        if shift > 0 {
            match value {
                RELEASED => self.shifts &= !shift,
                _ => self.shifts |= shift,
            }
            return None;
        }
        if value != PRESSED {
            return None;
        }
        if now.saturating_sub(self.last) > PAUSE {
            self.clear();
        }
        self.last = now;
        match key {
            KeyCode::KEY_ENTER | KeyCode::KEY_KPENTER | KeyCode::KEY_TAB => {
                let text = std::mem::take(&mut self.text);
                let is_too_long = std::mem::take(&mut self.is_too_long);
                return (!is_too_long && !text.is_empty()).then_some(text);
            }
            key => match sign(key, self.shifts > 0) {
                Some(_) if self.text.len() == LONGEST => self.is_too_long = true,
                Some(sign) => self.text.push(sign),
                None => {}
            },
        }
        None
    }

    fn clear(&mut self) {
        self.text.clear();
        self.is_too_long = false;
    }
}

/// The rows of an American keyboard by their keys' numbers, plain and with shift.
const ROWS: [(u16, &str, &str); 5] = [
    (KeyCode::KEY_1.0, "1234567890-=", "!@#$%^&*()_+"),
    (KeyCode::KEY_Q.0, "qwertyuiop[]", "QWERTYUIOP{}"),
    (KeyCode::KEY_A.0, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
    (KeyCode::KEY_BACKSLASH.0, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (KeyCode::KEY_KP7.0, "789-456+1230.", "789-456+1230."),
];

/// What a key types.
fn sign(key: KeyCode, is_shifted: bool) -> Option<char> {
    if key == KeyCode::KEY_SPACE {
        return Some(' ');
    }
    ROWS.iter().find_map(|(first, plain, shifted)| {
        let row = if is_shifted { shifted } else { plain };
        let place = key.0.checked_sub(*first)?;
        row.chars().nth(place.into())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The keys that type `text`, each pressed and released.
    fn typed(text: &str) -> Vec<(KeyCode, i32)> {
        let mut keys = Vec::new();
        for c in text.chars() {
            let key = |is_shifted| {
                (0..128)
                    .map(KeyCode)
                    .find(|key| sign(*key, is_shifted) == Some(c))
            };
            match (key(false), key(true)) {
                _ if c == '\n' => keys.extend([(KeyCode::KEY_ENTER, 1), (KeyCode::KEY_ENTER, 0)]),
                (Some(key), _) => keys.extend([(key, 1), (key, 2), (key, 0)]),
                (None, Some(key)) => keys.extend([
                    (KeyCode::KEY_LEFTSHIFT, 1),
                    (key, 1),
                    (key, 0),
                    (KeyCode::KEY_LEFTSHIFT, 0),
                ]),
                (None, None) => panic!("no key types {c:?}"),
            }
        }
        keys
    }

    fn read(line: &mut Line, keys: &[(KeyCode, i32)], mut ms: u64) -> Vec<String> {
        keys.iter()
            .filter_map(|(key, value)| {
                ms += 5;
                line.key(*key, *value, Duration::from_millis(ms))
            })
            .collect()
    }

    #[rstest]
    #[case::digits("0012345678\n", &["0012345678"])]
    #[case::hex("04:A2:24:fe\n", &["04:A2:24:fe"])]
    #[case::two("1111\n2222\n", &["1111", "2222"])]
    #[case::nothing("\n\n", &[])]
    #[case::no_end("0012345678", &[])]
    #[case::a_signed_one("eyJhbGciOiJFZERTQSJ9.AZ-_az09.x\n", &["eyJhbGciOiJFZERTQSJ9.AZ-_az09.x"])]
    #[case::every_sign(
        "1234567890-=!@#$%^&*()_+qwertyuiop[]{}asdfghjkl;'`:\"~\\zxcvbnm,./|<>?ABCXYZ\n",
        &["1234567890-=!@#$%^&*()_+qwertyuiop[]{}asdfghjkl;'`:\"~\\zxcvbnm,./|<>?ABCXYZ"]
    )]
    fn what_a_reader_types(#[case] text: &str, #[case] lines: &[&str]) {
        assert_eq!(read(&mut Line::default(), &typed(text), 0), lines);
    }

    #[test]
    fn keys_on_the_number_block_are_digits() {
        use KeyCode as K;
        let keys = [
            K::KEY_KP1,
            K::KEY_KP5,
            K::KEY_KP0,
            K::KEY_KP9,
            K::KEY_KPENTER,
        ];
        let keys = keys.map(|key| (key, 1));
        assert_eq!(read(&mut Line::default(), &keys, 0), ["1509"]);
    }

    #[test]
    fn half_a_line_is_forgotten_and_the_next_is_whole() {
        let mut line = Line::default();
        assert!(read(&mut line, &typed("999"), 0).is_empty());
        assert_eq!(read(&mut line, &typed("1234\n"), 10_000), ["1234"]);
    }

    #[test]
    fn a_line_that_never_ends_is_dropped_to_its_end() {
        let mut line = Line::default();
        assert!(read(&mut line, &typed(&"1".repeat(1000)), 0).is_empty());
        assert_eq!(line.text.len(), LONGEST);
        assert!(read(&mut line, &typed("\n"), 15_100).is_empty());
        assert_eq!(read(&mut line, &typed("1234\n"), 15_200), ["1234"]);
    }

    proptest! {
        /// Whatever is typed by whatever device: a line of signs that can be typed, and no panic.
        #[test]
        fn any_keys(keys in prop::collection::vec((0u16..600, -1i32..4, 0u64..800), 0..600)) {
            let mut line = Line::default();
            let mut now = Duration::ZERO;
            for (key, value, wait) in keys {
                now += Duration::from_millis(wait);
                if let Some(text) = line.key(KeyCode(key), value, now) {
                    prop_assert!(!text.is_empty() && text.len() <= LONGEST);
                    prop_assert!(text.chars().all(|c| (' '..='~').contains(&c)));
                }
            }
        }
    }
}
