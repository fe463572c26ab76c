//! What a technician asks.
//!
//! [`examine`] is the self-test: whether program, models and machine go together. It is the same on every machine, so
//! that two kinds of machine can be compared by it. [`round`] is the doctor's round: everything around the program
//! that can be mended, each fault with what to do. Both change nothing and may be asked beside a working terminal.

use std::fmt;
use std::path::Path;

use limen_face::{
    Calibration, Decision, Embedding, Frame, Gallery, Models, Probe, Template, only_face,
};
use limen_wire::Hash;
use serde::Serialize;

use crate::clock::Clock;
use crate::config::Config;
use crate::database;
use crate::health::free_mib;
use crate::keys::Identity;
use crate::outbox::FIRMWARE;
use crate::{camera, outbox::Outbox};

pub mod fault;
mod line;
mod machine;
mod round;
mod site;

pub use fault::{Fault, Severity};
pub use round::{Check, Machine, Report, round};
pub(crate) use site::is_running;

/// The hash of the `pictures/obama.jpg` that comes with the models.
const SAMPLE: &str = "CTDjqoyuWSAynAyMvGoqtw9HsOZ7Qyh1vqqVy_fnQfY";

/// What was found out about one part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Which part.
    pub part: &'static str,
    /// Whether it works.
    pub ok: bool,
    /// What was seen, in words.
    pub detail: String,
    /// What recognition makes of the sample picture, so that two kinds of machine can be compared.
    /// Only of the picture that comes with the models, byte for byte: an embedding is biometric
    /// data, and of anybody else it stays inside. Not in the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Vec<f32>>,
}

impl Finding {
    fn new(part: &'static str, said: Said) -> Self {
        Self {
            part,
            ok: said.is_ok(),
            detail: said.unwrap_or_else(|wrong| wrong),
            embedding: None,
        }
    }
}

/// What was found out about everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examination {
    /// Whether everything works.
    pub ok: bool,
    /// The program's version.
    pub firmware: &'static str,
    /// Part by part.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Examination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let mark = if finding.ok { "ok    " } else { "FAILED" };
            writeln!(f, "{mark} {:<12} {}", finding.part, finding.detail)?;
        }
        Ok(())
    }
}

/// What a part says: what was seen, or what is wrong.
type Said = Result<String, String>;

/// Looks at every part of the terminal that `config` describes.
pub fn examine(config: &Config) -> Examination {
    let models = Models::load(&config.models);
    let (said, embedding) = recognition(&config.models, &models);
    let findings = vec![
        Finding::new("models", said_of_models(&models)),
        Finding {
            embedding,
            ..Finding::new("recognition", said)
        },
        Finding::new("database", database(&config.data)),
        Finding::new("clock", clock(config)),
        Finding::new("claim", claim(&config.data)),
        Finding::new("camera", camera(config)),
    ];
    Examination {
        ok: findings.iter().all(|finding| finding.ok),
        firmware: FIRMWARE,
        findings,
    }
}

/// An error with its causes.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn said_of_models(models: &Result<Models, limen_face::ZooError>) -> Said {
    match models {
        Ok(models) => Ok(format!(
            "{}: every file has the hash that zoo.toml says",
            models.embedding_id()
        )),
        Err(error) => Err(words(error)),
    }
}

/// Two pictures of one person match, a stranger does not; and the embedding of the sample picture.
fn recognition(
    folder: &Path,
    models: &Result<Models, limen_face::ZooError>,
) -> (Said, Option<Vec<f32>>) {
    let Ok(models) = models else {
        return (Err("not tried: the models can't be used".to_owned()), None);
    };
    let pictures = folder.join("pictures");
    if !pictures.is_dir() {
        let removed = format!(
            "not tried: there is no {}, the sample pictures were removed",
            pictures.display()
        );
        return (Ok(removed), None);
    }
    match embed(models, &pictures.join("obama.jpg")) {
        Ok((known, hash)) => {
            let sample = (hash.to_string() == SAMPLE).then(|| known.0.to_vec());
            (tell_apart(folder, models, known, &pictures), sample)
        }
        Err(wrong) => (Err(wrong), None),
    }
}

fn tell_apart(folder: &Path, models: &Models, known: Embedding, pictures: &Path) -> Said {
    let calibration = Calibration::load(folder).map_err(|error| words(&error))?;
    let [again, stranger] =
        ["obama2.jpg", "biden.jpg"].map(|name| embed(models, &pictures.join(name)));
    let failed = |error: limen_face::TemplateError| words(&error);
    let template = Template::from_photos(&[known]).map_err(failed)?;
    let gallery = Gallery::new(vec![("known", template)], calibration);
    let decide = |embedding| {
        Probe::from_frames(&[embedding])
            .map(|probe| gallery.identify(&probe, 1e-3))
            .map_err(failed)
    };
    match (decide(again?.0)?, decide(stranger?.0)?) {
        (Decision::Match { .. }, Decision::Unknown) => {
            Ok("two pictures of one person match, another person does not".to_owned())
        }
        (Decision::Match { .. }, _) => {
            Err("another person is taken for the one who is known".to_owned())
        }
        _ => Err("two pictures of one person do not match".to_owned()),
    }
}

/// The embedding of the only face, and the file's hash.
fn embed(models: &Models, path: &Path) -> Result<(Embedding, Hash), String> {
    let named = |error: &dyn std::error::Error| format!("{}: {}", path.display(), words(error));
    let bytes = std::fs::read(path).map_err(|error| named(&error))?;
    let frame = Frame::decode(&bytes).map_err(|error| named(&error))?;
    let faces = models.detect(&frame).map_err(|error| named(&error))?;
    let face = only_face(&faces, &frame).map_err(|error| named(&error))?;
    let embedding = models.embed(&frame, face).map_err(|error| named(&error))?;
    Ok((embedding, Hash::of(&bytes)))
}

fn database(data: &Path) -> Said {
    let room = match free_mib(data) {
        Some(mib) => format!("{mib} MiB are free"),
        None => "how much is free can't be told".to_owned(),
    };
    if !data.join(database::FILE).exists() {
        return Ok(format!("there is none yet; {room}"));
    }
    let connection =
        database::connect(data, database::Sync::Full).map_err(|error| words(&error))?;
    let check: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| words(&error))?;
    match check.as_str() {
        "ok" => Ok(format!("whole; {room}")),
        wrong => Err(format!("damaged: {wrong}")),
    }
}

fn clock(config: &Config) -> Said {
    let synced_boot = match config.data.join(database::FILE).exists() {
        true => Outbox::synced_boot(&config.data).unwrap_or_default(),
        false => None,
    };
    let clock = Clock::new(config.clock.trust, synced_boot).map_err(|error| words(&error))?;
    let now = clock.read().map_err(|error| words(&error))?;
    let detail = format!("{:?} at {}", now.clock, now.at);
    match now.clock {
        limen_wire::event::Clock::Unsynced => Err(format!(
            "{detail}: nobody vouches for the clock, so no punch can be paid by its time; set up a time service (clock.trust says how far it is believed)"
        )),
        _ => Ok(detail),
    }
}

fn claim(data: &Path) -> Said {
    match Identity::load(data) {
        Ok(Some(Identity { site, .. })) => Ok(format!(
            "terminal {} of site {}, to {}",
            site.terminal, site.site, site.mqtt
        )),
        Ok(None) => Err(
            "not claimed yet: make a code in the dashboard and run `limen-daemon claim`".to_owned(),
        ),
        Err(error) => Err(words(&error)),
    }
}

fn camera(config: &Config) -> Said {
    let mut source = camera::open(&config.camera).map_err(|error| words(&error))?;
    match source.next_frame() {
        Ok(Some(frame)) => Ok(format!(
            "{} gives pictures of {} × {}",
            config.camera.source,
            frame.width(),
            frame.height()
        )),
        Ok(None) => Err(format!("{} gives no picture", config.camera.source)),
        Err(error) => Err(words(&error)),
    }
}
