//! face_recognition on the same frames, in a process of its own that is asked for one frame after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use limen_face::Embedding;
use serde::Deserialize;

use super::asked::Asked;
use super::eyes::{Seen, Span};
use crate::frames::Picture;

/// The other side, running.
pub struct Peer {
    script: Asked,
    about: About,
    peak_rss_mib: f64,
}

/// What it says of itself.
#[derive(Deserialize)]
struct About {
    peer: String,
    dlib: Dlib,
}

#[derive(Deserialize)]
struct Dlib {
    version: String,
    generic_build: bool,
}

/// What it says of a frame.
#[derive(Deserialize)]
struct Answer {
    faces: usize,
    size: String,
    ms: BTreeMap<String, f64>,
    embedding: Vec<f32>,
    peak_rss_mib: f64,
}

impl Peer {
    /// Starts the script with this Python.
    pub fn start(python: &Path, script: &Path) -> anyhow::Result<Self> {
        let mut script = Asked::start(Command::new(python).arg("-B").arg(script).arg("--serve"))?;
        Ok(Self {
            about: script.hear()?,
            script,
            peak_rss_mib: 0.0,
        })
    }

    /// What it sees in a file.
    pub fn look(&mut self, picture: &Picture) -> anyhow::Result<Seen> {
        let answer: Answer = self.script.ask(picture.path.display())?;
        self.peak_rss_mib = answer.peak_rss_mib;
        let span = |stages: &[&str]| {
            let ms: f64 = stages.iter().filter_map(|one| answer.ms.get(*one)).sum();
            // Its clock on the wall is not told.
            Span {
                cpu: Duration::from_secs_f64(ms / 1e3),
                wall: Duration::ZERO,
            }
        };
        Ok(Seen {
            faces: answer.faces,
            size: answer.size,
            spans: [
                span(&["decode"]),
                span(&["detect"]),
                span(&["landmarks"]),
                span(&["embed"]),
                Span::default(),
            ],
            embedding: answer.embedding.try_into().ok().map(Embedding),
        })
    }

    /// Its name, and the version of dlib it runs on.
    pub fn names(&self) -> (&str, &str) {
        (&self.about.peer, &self.about.dlib.version)
    }

    /// Whether its dlib was built without what makes it fast.
    pub fn is_generic(&self) -> bool {
        self.about.dlib.generic_build
    }

    /// The most memory that it had.
    pub fn peak_rss_mib(&self) -> f64 {
        self.peak_rss_mib
    }
}
