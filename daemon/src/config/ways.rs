//! The `[ways]` section: ways in without a face, of which one always stays on.

use std::path::PathBuf;

use serde::Deserialize;

/// Ways in without a face; `terminal.toml` documents each key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ways {
    /// A number and a PIN on the terminal's screen.
    pub pin: bool,
    /// Printed badges, held up to the camera.
    pub codes: bool,
    /// The device of a badge reader that types like a keyboard; empty for none.
    pub reader: PathBuf,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            pin: true,
            codes: true,
            reader: PathBuf::new(),
        }
    }
}

impl Ways {
    /// Whether somebody without a face's template gets in by any of them. A PIN needs a screen to
    /// be typed on.
    pub(super) fn lead_in(&self, has_screen: bool) -> bool {
        self.codes || !self.reader.as_os_str().is_empty() || (self.pin && has_screen)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::super::Config;

    #[rstest]
    #[case::as_it_comes("", true)]
    #[case::no_codes("[ways]\ncodes = false\n", true)]
    #[case::no_pin("[ways]\npin = false\n", true)]
    #[case::a_reader_alone(
        "[ways]\npin = false\ncodes = false\nreader = \"/dev/input/r\"\n",
        true
    )]
    #[case::none("[ways]\npin = false\ncodes = false\n", false)]
    #[case::a_pin_without_a_screen("[ways]\ncodes = false\n[kiosk]\nlisten = \"\"\n", false)]
    fn a_way_without_a_face_stays(#[case] text: &str, #[case] accepted: bool) {
        match Config::parse(text, Path::new("/etc/limen/terminal.toml")) {
            Ok(_) => assert!(accepted, "{text}"),
            Err(refused) => {
                assert!(!accepted, "{refused}");
                assert!(refused.to_string().contains("without a face"), "{refused}");
            }
        }
    }
}
