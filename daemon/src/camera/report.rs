//! What `limen-daemon camera` says: which cameras there are, and what is wrong with what the configured one shows.

use std::fmt;

use limen_face::Models;
use serde::Serialize;

use super::{Found, Problem, Sight, SightError, found, sight};
use crate::config::Config;
use crate::doctor;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// V4L2 cameras of this machine, those with lasting names first.
    pub cameras: Vec<Found>,
    /// `camera.source`.
    pub source: String,
    /// Why the configured one gives no pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Width and height of its pictures in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<(u32, u32)>,
    /// How many come in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_a_second: Option<f64>,
    /// Width in pixels of the face before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face_px: Option<u32>,
    /// What is wrong, and what to do.
    pub problems: Vec<Said>,
}

/// A problem in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Said {
    /// What it is.
    pub problem: &'static str,
    /// What to do.
    pub mend: &'static str,
}

/// Lists the cameras and looks at what the configured one shows. A picture leaves memory nowhere.
pub fn report(config: &Config) -> Report {
    let mut report = Report {
        cameras: found(),
        source: config.camera.source.to_string(),
        failed: None,
        size: None,
        frames_a_second: None,
        face_px: None,
        problems: Vec::new(),
    };
    if doctor::is_running(&config.data) && config.camera.source.is_exclusive() {
        let words = "the running terminal has the camera; stop it for a look (`systemctl stop limen-daemon`)";
        report.failed = Some(words.to_owned());
        return report;
    }
    // Light and focus can be told without them.
    let models = Models::load(&config.models)
        .inspect_err(|error| tracing::warn!(%error, "nothing can be said of faces"))
        .ok();
    match sight(&config.camera, models.as_ref(), config.gate.min_face_px) {
        Ok(seen) => report.show(seen),
        Err(SightError::Camera(error)) => report.failed = Some(error.to_string()),
        Err(SightError::Face(error)) => report.failed = Some(error.to_string()),
    }
    report
}

impl Report {
    fn show(&mut self, seen: Sight) {
        self.size = Some(seen.size);
        self.frames_a_second = seen
            .frames_a_second
            .map(|rate| (rate * 10.0).round() / 10.0);
        self.face_px = seen.face_px;
        let said = |problem: Problem| Said {
            problem: problem.words(),
            mend: problem.mend(),
        };
        self.problems = seen.problems.into_iter().map(said).collect();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cameras.is_empty() {
            writeln!(f, "This machine shows no V4L2 camera.")?;
        }
        for camera in &self.cameras {
            writeln!(f, "{}  {}", camera.device.display(), camera.name)?;
            if let Some(problem) = &camera.problem {
                writeln!(f, "    {problem}")?;
            }
            for offered in &camera.formats {
                let unread = if offered.is_read { "" } else { "  (not read)" };
                let sizes = offered.sizes.join(", ");
                writeln!(f, "    {}  {sizes}{unread}", offered.format)?;
            }
        }
        writeln!(f)?;
        write!(f, "camera.source = \"{}\": ", self.source)?;
        if let Some(failed) = &self.failed {
            return writeln!(f, "{failed}");
        }
        let (width, height) = self.size.unwrap_or_default();
        write!(f, "pictures of {width} × {height}")?;
        if let Some(rate) = self.frames_a_second {
            write!(f, ", {rate} a second")?;
        }
        writeln!(f)?;
        match self.face_px {
            Some(width) => writeln!(f, "Somebody stands there; the face is {width} pixels wide.")?,
            None => writeln!(
                f,
                "Nobody is seen there. Ask again while somebody stands where people will."
            )?,
        }
        for said in &self.problems {
            writeln!(f, "PROBLEM {}.\n        {}.", said.problem, said.mend)?;
        }
        if self.problems.is_empty() {
            writeln!(f, "Light and focus are good.")?;
        }
        Ok(())
    }
}
