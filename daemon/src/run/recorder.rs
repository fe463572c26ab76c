//! Writes what happens at the door.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Time;
use limen_wire::event::{self, Amend, Clock as Worth, Direction, Punch, Rejection, What};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Report;
use crate::camera::Change;
use crate::clock::{Clock, ClockError};
use crate::gate::{Durable, Lately, Punches, Refused};
use crate::health::Vitals;
use crate::keys;
use crate::outbox::{self, Outbox, OutboxError};
use crate::roster::Roster;

/// Writes what happens at the door.
pub(super) struct Recorder {
    pub(super) outbox: Arc<Outbox>,
    pub(super) clock: Arc<Clock>,
    pub(super) vitals: Arc<Vitals>,
    pub(super) roster: Arc<Roster>,
    /// Who takes this file away has looked.
    pub(super) face_off: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Clock(#[from] ClockError),
}

pub(super) fn record(
    outbox: &Outbox,
    clock: &Clock,
    what: What,
) -> Result<outbox::Durable, RecordError> {
    Ok(outbox.append(&clock.read()?, &[what])?)
}

/// The file that is there while faces are off.
pub(super) fn face_off(data: &Path) -> PathBuf {
    data.join("face-off")
}

/// Deletes a file; whether it was there.
pub(super) fn forget(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(failed) => Err(failed),
    }
}

impl Recorder {
    fn record(&self, what: What) -> Result<outbox::Durable, RecordError> {
        let done = record(&self.outbox, &self.clock, what);
        match &done {
            Ok(_) => self.vitals.well("outbox"),
            // Said and taken back by whoever looks at the disk.
            Err(RecordError::Outbox(OutboxError::NoRoom { .. })) => {
                self.vitals.room(&self.outbox.keep_room());
            }
            Err(failed) => {
                if let RecordError::Outbox(OutboxError::Database(failed)) = failed {
                    self.vitals.suspect(failed);
                }
                self.vitals.fault("outbox", failed.to_string());
            }
        }
        done
    }

    pub(super) fn camera(&self, change: Change, tell: &mpsc::UnboundedSender<Report>) {
        let (state, report) = match change {
            Change::Lost { state, why } => {
                self.vitals.fault("camera", why.as_str());
                (state, Some(Report::Lost(why)))
            }
            Change::Back => {
                self.vitals.well("camera");
                (event::Camera::Ok, None)
            }
            Change::Ended => (event::Camera::Off, Some(Report::Through)),
        };
        self.vitals.camera(state);
        if let Err(failed) = self.record(What::Camera { state }) {
            tracing::error!(%failed, "a change of the camera could not be recorded");
        }
        if let Some(report) = report {
            // Nobody listens any more when the terminal is about to end.
            let _ = tell.send(report);
        }
    }
}

impl Recorder {
    /// The site's time of day, where the clock is believed and the site's zone came.
    pub(super) fn time_of_day(&self) -> Option<Time> {
        let now = self.clock.read().ok()?;
        if now.clock == Worth::Unsynced {
            return None;
        }
        let zone = self.roster.settings().ok()??.zone;
        Some(now.at.in_tz(&zone).ok()?.time())
    }

    pub(super) fn say_face_off(&self, is_off: bool) {
        if is_off {
            let words = "faces are off after fifty failures in a row, PIN and badge work: look who was there, then `limen-daemon faces-on`";
            self.vitals.fault("face", words);
        } else {
            self.vitals.well("face");
        }
    }
}

impl Punches for Recorder {
    fn punch(&self, punch: Punch) -> Result<Durable, Refused> {
        self.record(What::Punch(punch))
            .map(|durable| Durable {
                outbox: durable.outbox,
                seq: durable.last,
            })
            .map_err(|failed| Refused(failed.to_string()))
    }

    fn amend(&self, of: Durable, change: event::Change) -> Result<(), Refused> {
        if self.outbox.end().borrow().outbox != of.outbox {
            return Err(Refused("another outbox was begun since the punch".into()));
        }
        let amend = Amend { of: of.seq, change };
        self.record(What::Amend(amend))
            .map(|_| ())
            .map_err(|failed| Refused(failed.to_string()))
    }

    fn rejected(&self, why: Rejection) {
        if let Err(failed) = self.record(What::Rejected { why }) {
            tracing::error!(%failed, "that somebody was not recognised could not be recorded");
        }
    }

    fn lately(&self, person: Uuid) -> Option<Lately> {
        let state = self.roster.state(person)?;
        // A clock that nobody vouches for can't say how long ago that was.
        let now = self.clock.read().ok()?;
        if now.clock == Worth::Unsynced {
            return None;
        }
        Some(Lately {
            ago: now.at.duration_since(state.since?).try_into().ok()?,
            way: if state.is_in {
                Direction::In
            } else {
                Direction::Out
            },
        })
    }

    fn set_face_off(&self, is_off: bool) {
        let done = match is_off {
            true => keys::make_private(&self.face_off),
            false => forget(&self.face_off).map(|_| ()),
        };
        if let Err(failed) = done {
            tracing::error!(%failed, "whether faces are off would be forgotten at the next start");
        }
        self.say_face_off(is_off);
    }

    fn face_is_off(&self) -> bool {
        self.face_off.exists()
    }
}
