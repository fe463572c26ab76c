//! The doctor's round: everything that a technician can mend, in the order in which one thing needs the other.
//!
//! It may be made beside a working terminal: it writes nothing, takes the camera only when the terminal doesn't have
//! it, and says nothing to the cloud in the terminal's name while that speaks itself.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::fault::{self, Fault, Severity};
use super::{line, machine, site};
use crate::camera::{self, CameraError, SightError};
use crate::config::Config;
use crate::gpio::{self, GpioError};
use crate::keys::Identity;
use crate::outbox::FIRMWARE;
use limen_face::Models;

/// What was seen of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which part.
    pub part: &'static str,
    /// How it is.
    pub severity: Severity,
    /// Which fault it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// What was seen, in words.
    pub seen: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<&'static str>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How the worst part is.
    pub severity: Severity,
    /// The program's version.
    pub firmware: &'static str,
    /// Part by part, in the order in which they are to be mended.
    pub checks: Vec<Check>,
}

/// What a part has to say: what was seen, and where it is a fault, which.
pub(super) enum Said {
    Well(String),
    Ill(&'static Fault, String),
}

impl Report {
    /// 0 where nothing is wrong, 1 for warnings, 2 where something must be mended.
    pub fn status(&self) -> u8 {
        match self.severity {
            Severity::Ok => 0,
            Severity::Warning => 1,
            Severity::Fault => 2,
        }
    }

    fn say(&mut self, part: &'static str, said: Said) {
        let (fault, seen) = match said {
            Said::Well(seen) => (None, seen),
            Said::Ill(fault, seen) => (Some(fault), format!("{}: {seen}", fault.is)),
        };
        let severity = fault.map_or(Severity::Ok, |fault| fault.severity);
        self.severity = self.severity.max(severity);
        self.checks.push(Check {
            part,
            severity,
            fault: fault.map(|fault| fault.code),
            seen,
            mend: fault.map(|fault| fault.mend),
        });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let mark = match check.severity {
                Severity::Ok => "ok     ",
                Severity::Warning => "WARNING",
                Severity::Fault => "FAULT  ",
            };
            writeln!(f, "{mark} {:<13} {}", check.part, check.seen)?;
            if let Some(mend) = check.mend {
                writeln!(f, "        mend it:     {mend}")?;
            }
        }
        let words = match self.severity {
            Severity::Ok => "Nothing is wrong.",
            Severity::Warning => "It works; see the warnings.",
            Severity::Fault => "Begin with the first fault: others may come from it.",
        };
        writeln!(f, "{words}")
    }
}

/// Where the machine says how it is: `/`, and another folder in tests.
#[derive(Debug, Clone)]
pub struct Machine(PathBuf);

impl Machine {
    /// The machine whose root folder this is.
    pub fn at(root: &Path) -> Self {
        Self(root.to_owned())
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }
}

/// Looks at everything. `path` is the configuration file; without it the defaults are looked at.
pub fn round(path: Option<&Path>, machine: &Machine) -> Report {
    let mut report = Report {
        severity: Severity::Ok,
        firmware: FIRMWARE,
        checks: Vec::new(),
    };
    let config = match path.map_or_else(|| Ok(Config::default()), Config::load) {
        Ok(config) => config,
        Err(error) => {
            report.say(
                "configuration",
                Said::Ill(&fault::CONFIG, super::words(&error)),
            );
            return report;
        }
    };
    let read = path.map_or("the defaults".to_owned(), |path| path.display().to_string());
    report.say("configuration", Said::Well(read));
    look(&mut report, &config, machine);
    report
}

fn look(report: &mut Report, config: &Config, machine: &Machine) {
    let data = &config.data;
    let is_running = site::is_running(data);
    report.say("data folder", site::data(data, is_running));
    report.say("disk", machine::disk(data));
    let database = site::database(data);
    let is_whole = !matches!(&database, Said::Ill(is, _) if **is == fault::DATABASE);
    report.say("database", database);
    let identity = Identity::load(data);
    report.say("claim", site::claim(&identity));
    let identity = identity.ok().flatten();
    let models = Models::load(&config.models);
    report.say(
        "models",
        match super::said_of_models(&models) {
            Ok(seen) => Said::Well(seen),
            Err(why) => Said::Ill(&fault::MODELS, why),
        },
    );
    if models.is_ok() {
        report.say(
            "recognition",
            match super::recognition(&config.models, &models).0 {
                Ok(seen) => Said::Well(seen),
                Err(why) => Said::Ill(&fault::RECOGNITION, why),
            },
        );
    }
    report.say("clock", machine::clock(config, is_whole));
    for said in camera(config, models.as_ref().ok(), is_running) {
        report.say("camera", said);
    }
    if config.gpio.is_used() {
        report.say("gpio", gpio(config, is_running));
    }
    if let Some(identity) = &identity {
        line::look(config, identity, is_running, |part, said| {
            report.say(part, said);
        });
        if is_whole && data.join(crate::database::FILE).exists() {
            report.say("roster", site::roster(data));
            report.say("outbox", site::backlog(data, identity));
        }
    }
    report.say("service", machine::service(identity.is_some()));
    report.say("power", machine::power(machine));
    report.say("temperature", machine::temperature(machine));
    report.say("card", machine::card(machine));
}

fn camera(config: &Config, models: Option<&Models>, is_running: bool) -> Vec<Said> {
    let source = &config.camera.source;
    if is_running && source.is_exclusive() {
        return vec![Said::Well(format!(
            "the running terminal has {source}, which is as it should be; what it says of it stands under service"
        ))];
    }
    let seen = match camera::sight(&config.camera, models, config.gate.min_face_px) {
        Ok(seen) => seen,
        Err(SightError::Camera(error)) => {
            let seen = super::words(&error);
            return vec![Said::Ill(of_camera(&error), seen)];
        }
        Err(SightError::Face(error)) => {
            return vec![Said::Ill(&fault::RECOGNITION, super::words(&error))];
        }
    };
    let (width, height) = seen.size;
    let shown = format!("{source} gives pictures of {width} × {height}");
    if seen.problems.is_empty() {
        return vec![Said::Well(match seen.face_px {
            Some(width) => format!("{shown}; a face {width} pixels wide"),
            None => format!("{shown}; nobody stands there"),
        })];
    }
    let problems = seen.problems.into_iter();
    problems
        .map(|problem| Said::Ill(fault::of(problem), shown.clone()))
        .collect()
}

/// The lines are looked at, never taken.
fn gpio(config: &Config, is_running: bool) -> Said {
    let wanted: Vec<_> = config.gpio.parts().collect();
    let (chip, held) = match gpio::look(&config.gpio) {
        Ok(seen) => seen,
        Err(error @ GpioError::Denied(_)) => {
            return Said::Ill(&fault::GPIO_DENIED, super::words(&error));
        }
        Err(error) => return Said::Ill(&fault::GPIO_MISSING, super::words(&error)),
    };
    let (ours, strangers): (Vec<_>, Vec<_>) = held.into_iter().partition(gpio::Holder::is_terminal);
    if let Some(stranger) = strangers.into_iter().next() {
        let seen = super::words(&GpioError::from(stranger));
        return Said::Ill(&fault::GPIO_HELD, seen);
    }
    if is_running && ours.len() < wanted.len() {
        let seen = format!("it has {} of {} lines of {chip}", ours.len(), wanted.len());
        return Said::Ill(&fault::GPIO_NOT_TAKEN, seen);
    }
    let lines: Vec<_> = wanted
        .iter()
        .map(|(part, line)| format!("{part} {line}"))
        .collect();
    let who = if is_running {
        "the running terminal has them"
    } else {
        "free"
    };
    Said::Well(format!("{chip}: {}; {who}", lines.join(", ")))
}

fn of_camera(error: &CameraError) -> &'static Fault {
    use std::io::ErrorKind::{PermissionDenied, ResourceBusy};
    match error {
        CameraError::Device { source, .. } => match source.kind() {
            PermissionDenied => &fault::CAMERA_DENIED,
            ResourceBusy => &fault::CAMERA_BUSY,
            _ => &fault::CAMERA_SILENT,
        },
        CameraError::Missing { .. }
        | CameraError::NotACamera { .. }
        | CameraError::NoRibbonProgram { .. }
        | CameraError::RibbonEnded { .. }
        | CameraError::Folder { .. }
        | CameraError::NoPictures(_)
        | CameraError::NoClip { .. }
        | CameraError::None(_) => &fault::CAMERA_MISSING,
        _ => &fault::CAMERA_SILENT,
    }
}
