//! The lines themselves, through the kernel's GPIO character device. The one place that knows it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gpiocdev::line::{Bias, EdgeDetection, Value};
use gpiocdev::request::Request;
use gpiocdev::{Chip, chip};

use super::answers::Levels;
use crate::config::{Gpio, Part};

/// By this name whoever asks the kernel sees who has a line.
const CONSUMER: &str = "limen-daemon";

/// A button that was pressed bounces no longer than that.
const BOUNCE: Duration = Duration::from_millis(20);

/// Why lines can't be used.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// The chip that is named is not there.
    #[error("there is no GPIO chip \"{wanted}\" (gpio.chip); {there}")]
    NoChip {
        /// As it is named.
        wanted: String,
        /// Which are there.
        there: String,
    },
    /// The user may not open it.
    #[error(
        "this user may not open {0}; as a service the terminal needs its drop-in for GPIO (docs/technician.md)"
    )]
    Denied(PathBuf),
    /// The chip has fewer lines.
    #[error("gpio.{part} is line {line}, but \"{chip}\" has the lines 0 to {last}")]
    NoLine {
        /// What it leads to.
        part: Part,
        /// The offset.
        line: u32,
        /// The chip's label.
        chip: String,
        /// The last offset there is.
        last: u32,
    },
    /// Another program, or a driver, has it.
    #[error("line {line} (gpio.{part}) is held by {by}")]
    Held {
        /// What it leads to.
        part: Part,
        /// The offset.
        line: u32,
        /// Who has it, as the kernel says.
        by: String,
    },
    /// The kernel refused it.
    #[error("the GPIO lines can't be used: {0}")]
    Kernel(#[from] gpiocdev::Error),
}

fn kind(error: &gpiocdev::Error) -> io::ErrorKind {
    match error {
        gpiocdev::Error::Os(number) => io::Error::from_raw_os_error(number.0).kind(),
        _ => io::ErrorKind::Other,
    }
}

fn open(path: &Path) -> Result<Chip, GpioError> {
    Chip::from_path(path).map_err(|error| match kind(&error) {
        io::ErrorKind::PermissionDenied => GpioError::Denied(path.to_owned()),
        _ => error.into(),
    })
}

/// The chip of this device, name or label.
fn find(wanted: &str) -> Result<Chip, GpioError> {
    if wanted.contains('/') {
        return match Path::new(wanted).exists() {
            true => open(Path::new(wanted)),
            false => Err(no_chip(wanted, &[])),
        };
    }
    let (mut labels, mut denied) = (Vec::new(), None);
    for path in chip::chips().unwrap_or_default() {
        let chip = match open(&path) {
            Ok(chip) => chip,
            Err(error) => {
                denied = Some(error);
                continue;
            }
        };
        let info = chip.info()?;
        if info.label == wanted || info.name == wanted {
            return Ok(chip);
        }
        labels.push(format!("\"{}\"", info.label));
    }
    Err(denied.unwrap_or_else(|| no_chip(wanted, &labels)))
}

fn no_chip(wanted: &str, labels: &[String]) -> GpioError {
    let there = match labels {
        [] => "`gpiodetect` shows those of this machine".to_owned(),
        labels => format!("there are {}", labels.join(", ")),
    };
    GpioError::NoChip {
        wanted: wanted.to_owned(),
        there,
    }
}

/// Who holds a line that is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    part: Part,
    line: u32,
    by: String,
}

impl Holder {
    /// Whether it is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.by == CONSUMER
    }
}

impl From<Holder> for GpioError {
    fn from(holder: Holder) -> Self {
        let by = match holder.by.as_str() {
            "" => "a driver of the kernel".to_owned(),
            CONSUMER => "a terminal that runs; `systemctl stop limen-daemon` ends it".to_owned(),
            other => format!("\"{other}\""),
        };
        Self::Held {
            part: holder.part,
            line: holder.line,
            by,
        }
    }
}

/// Looks at the lines without taking them: the chip in words, and which of them somebody holds.
pub(crate) fn look(config: &Gpio) -> Result<(String, Vec<Holder>), GpioError> {
    let chip = find(&config.chip)?;
    let info = chip.info()?;
    let mut held = Vec::new();
    for (part, line) in config.parts() {
        if line >= info.num_lines {
            let (chip, last) = (info.label, info.num_lines.saturating_sub(1));
            return Err(GpioError::NoLine {
                part,
                line,
                chip,
                last,
            });
        }
        let found = chip.line_info(line)?;
        if found.used {
            let by = found.consumer;
            held.push(Holder { part, line, by });
        }
    }
    Ok((format!("{}, \"{}\"", info.name, info.label), held))
}

/// The chip's device, where the lines of these parts are there and free.
fn free(config: &Gpio, wanted: impl Fn(Part) -> bool) -> Result<PathBuf, GpioError> {
    let held = look(config)?.1.into_iter().find(|one| wanted(one.part));
    if let Some(holder) = held {
        return Err(holder.into());
    }
    Ok(find(&config.chip)?.path().to_owned())
}

/// Lamp, buzzer and relay, as far as they have lines. All are off at first, and when this is dropped.
pub(super) struct Outputs {
    request: Request,
    lines: Vec<(Part, u32)>,
    now: Levels,
}

impl Outputs {
    /// Takes the lines, all or none; `None` where no output has one.
    pub(super) fn open(config: &Gpio) -> Result<Option<Self>, GpioError> {
        let lines: Vec<_> = config
            .parts()
            .filter(|(part, _)| *part != Part::Button)
            .collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let path = free(config, |part| part != Part::Button)?;
        let mut builder = Request::builder();
        builder.on_chip(path).with_consumer(CONSUMER);
        for (part, line) in &lines {
            builder.with_line(*line).as_output(Value::Inactive);
            match config.is_active_low(*part) {
                true => builder.as_active_low(),
                false => builder.as_active_high(),
            };
        }
        Ok(Some(Self {
            request: builder.request()?,
            lines,
            now: Levels::default(),
        }))
    }

    /// Switches what is to change.
    pub(super) fn set(&mut self, levels: Levels) -> Result<(), GpioError> {
        for (part, line) in &self.lines {
            let is_on = levels.of(*part);
            if is_on != self.now.of(*part) {
                let value = if is_on {
                    Value::Active
                } else {
                    Value::Inactive
                };
                self.request.set_value(*line, value)?;
            }
        }
        self.now = levels;
        Ok(())
    }

    /// Whether `part` is on, as the chip says.
    pub(super) fn is_on(&self, line: u32) -> Result<bool, GpioError> {
        Ok(self.request.value(line)? == Value::Active)
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        // A line that is given back may stay as it is: no door stays open for that.
        if let Err(failed) = self.set(Levels::default()) {
            tracing::warn!(%failed, "lamp, buzzer and relay can't be switched off");
        }
    }
}

/// A button.
pub(super) struct Button(Request);

impl Button {
    /// Takes its line; `None` where it has none.
    pub(super) fn open(config: &Gpio) -> Result<Option<Self>, GpioError> {
        let Some(line) = config.button else {
            return Ok(None);
        };
        let path = free(config, |part| part == Part::Button)?;
        let mut builder = Request::builder();
        builder
            .on_chip(path)
            .with_consumer(CONSUMER)
            .with_line(line);
        // Left to itself it is not pressed.
        match config.is_active_low(Part::Button) {
            true => builder.as_active_low().with_bias(Bias::PullUp),
            false => builder.as_active_high().with_bias(Bias::PullDown),
        };
        builder
            .with_edge_detection(EdgeDetection::RisingEdge)
            .with_debounce_period(BOUNCE);
        Ok(Some(Self(builder.request()?)))
    }

    /// Waits until it is pressed, `time` at most; whether it was.
    pub(super) fn pressed(&self, time: Duration) -> Result<bool, GpioError> {
        let is_pressed = self.0.wait_edge_event(time)?;
        if is_pressed {
            self.0.read_edge_event()?;
        }
        Ok(is_pressed)
    }
}
