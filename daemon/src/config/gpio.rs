//! The `[gpio]` section: lamp, buzzer, relay and button on lines of the machine itself.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// Lines of one GPIO chip; `terminal.toml` documents each key. A line that isn't named is never touched.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpio {
    /// The chip's label, name or device; empty for none.
    pub chip: String,
    /// The lamp's green: the punch counts.
    pub green: Option<u32>,
    /// The lamp's red: no punch.
    pub red: Option<u32>,
    /// The lamp's amber: already in or out, and hints.
    pub amber: Option<u32>,
    /// A buzzer that sounds while its line is on.
    pub buzzer: Option<u32>,
    /// Opens the door while its line is on.
    pub relay: Option<u32>,
    /// A button that is a touch.
    pub button: Option<u32>,
    /// What is on at the low level.
    pub active_low: Vec<Part>,
    /// Seconds for which the lamp shows an answer.
    pub lamp_s: f64,
    /// Seconds for which the door is open after a punch.
    pub relay_s: f64,
}

/// What a line leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The lamp's green.
    Green,
    /// The lamp's red.
    Red,
    /// The lamp's amber.
    Amber,
    /// The buzzer.
    Buzzer,
    /// The relay of the door.
    Relay,
    /// The button.
    Button,
}

impl Part {
    /// What the terminal switches.
    pub const OUTPUTS: [Self; 5] = [
        Self::Green,
        Self::Red,
        Self::Amber,
        Self::Buzzer,
        Self::Relay,
    ];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "green",
            Self::Red => "red",
            Self::Amber => "amber",
            Self::Buzzer => "buzzer",
            Self::Relay => "relay",
            Self::Button => "button",
        })
    }
}

impl Default for Gpio {
    fn default() -> Self {
        Self {
            chip: String::new(),
            green: None,
            red: None,
            amber: None,
            buzzer: None,
            relay: None,
            button: None,
            active_low: Vec::new(),
            lamp_s: 3.0,
            relay_s: 5.0,
        }
    }
}

impl Gpio {
    /// The line that leads to `part`, where there is one.
    pub fn line(&self, part: Part) -> Option<u32> {
        match part {
            Part::Green => self.green,
            Part::Red => self.red,
            Part::Amber => self.amber,
            Part::Buzzer => self.buzzer,
            Part::Relay => self.relay,
            Part::Button => self.button,
        }
    }

    /// Everything that has a line, outputs first.
    pub fn parts(&self) -> impl Iterator<Item = (Part, u32)> + '_ {
        let all = Part::OUTPUTS.into_iter().chain([Part::Button]);
        all.filter_map(|part| self.line(part).map(|line| (part, line)))
    }

    /// Whether there is any line.
    pub fn is_used(&self) -> bool {
        self.parts().next().is_some()
    }

    /// Whether `part` is on at the low level.
    pub fn is_active_low(&self, part: Part) -> bool {
        self.active_low.contains(&part)
    }

    /// For how long the lamp shows an answer.
    pub fn lamp(&self) -> Duration {
        Duration::from_secs_f64(self.lamp_s)
    }

    /// For how long the door is open after a punch.
    pub fn relay(&self) -> Duration {
        Duration::from_secs_f64(self.relay_s)
    }

    /// What is wrong about chip and lines together, in words.
    pub(super) fn contradiction(&self) -> Option<String> {
        let parts: Vec<_> = self.parts().collect();
        if self.chip.is_empty() && !parts.is_empty() {
            return Some(format!(
                "gpio.{} has a line, but gpio.chip names no chip",
                parts[0].0
            ));
        }
        if !self.chip.is_empty() && parts.is_empty() {
            return Some("gpio.chip names a chip, but nothing has a line".to_owned());
        }
        for (place, (part, line)) in parts.iter().enumerate() {
            if let Some((other, _)) = parts[..place].iter().find(|(_, taken)| taken == line) {
                return Some(format!(
                    "gpio.{other} and gpio.{part} have the same line, {line}"
                ));
            }
        }
        let low = self.active_low.iter();
        let mut idle = low.filter(|part| self.line(**part).is_none());
        idle.next()
            .map(|part| format!("gpio.active_low names \"{part}\", which has no line"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::super::{Config, DEFAULT};
    use super::*;

    fn parse(keys: &str) -> Result<Gpio, String> {
        let text = format!("[gpio]\n{keys}\n");
        Config::parse(&text, Path::new("/etc/limen/terminal.toml"))
            .map(|config| config.gpio)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_used_that_is_not_named() {
        assert!(!parse("").unwrap().is_used());
        let gpio = parse("chip = \"c\"\nred = 27\nrelay = 4\nactive_low = [\"relay\"]").unwrap();
        let parts: Vec<_> = gpio.parts().collect();
        assert_eq!(parts, [(Part::Red, 27), (Part::Relay, 4)]);
        assert!(gpio.is_active_low(Part::Relay) && !gpio.is_active_low(Part::Red));
    }

    #[rstest]
    #[case("gren = 1", "`gren`")]
    #[case("chip = \"c\"\nred = -1", "line 3")]
    #[case("red = 3", "gpio.red has a line, but gpio.chip names no chip")]
    #[case("chip = \"c\"", "nothing has a line")]
    #[case(
        "chip = \"c\"\nred = 3\nrelay = 3",
        "gpio.red and gpio.relay have the same line, 3"
    )]
    #[case(
        "chip = \"c\"\nred = 3\nactive_low = [\"relay\"]",
        "\"relay\", which has no line"
    )]
    #[case("chip = \"c\"\nred = 3\nactive_low = [\"door\"]", "`door`")]
    #[case(
        "chip = \"c\"\nrelay = 3\nrelay_s = 0",
        "gpio.relay_s is 0, but must be between 0.1 and 60"
    )]
    #[case(
        "chip = \"c\"\nred = 3\nlamp_s = nan",
        "gpio.lamp_s is NaN, but must be between 0.5 and 30"
    )]
    fn what_makes_no_sense_is_refused_with_its_key(#[case] keys: &str, #[case] words: &str) {
        let said = parse(keys).unwrap_err();
        assert!(said.contains(words), "{said}");
    }

    /// The lines that the printed configuration shows as an example are taken as they stand there.
    #[test]
    fn the_printed_example_is_accepted() {
        let rows = DEFAULT.lines().skip_while(|row| *row != "[gpio]").skip(1);
        let rows: Vec<&str> = rows
            .take_while(|row| !row.starts_with('['))
            .filter_map(|row| row.strip_prefix("#   "))
            .filter(|row| row.contains(" = "))
            .collect();
        let gpio = parse(&rows.join("\n")).unwrap();
        assert_eq!(gpio.parts().count(), 6, "{rows:?}");
        assert!(!gpio.active_low.is_empty());
    }
}
