//! Makes of what happens, and of what is known of it, what is shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use limen_wire::Settings;
use limen_wire::event::{Camera, Change, Clock as Worth};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use super::board::{Board, Punched, Stands, Trouble, View, Whom, Why};
use super::known::{self, Here};
use super::sight::Sight;
use super::{Happened, http};
use crate::clock::Clock;
use crate::config;
use crate::door::Door;
use crate::feedback::Accepted;
use crate::gate::Looks;
use crate::health::Vitals;
use crate::roster::Roster;

/// What was looked at for the last time so long ago is shown no more.
const BLIND: Duration = Duration::from_secs(2);

/// Everything that the page shows at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Shown {
    /// Counts the views.
    number: u64,
    view: View,
    /// How long the view is still shown; without an end where there is none.
    left_ms: Option<u64>,
    #[serde(flatten)]
    standing: Standing,
}

/// What holds at the door for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Standing {
    /// The site's IANA zone.
    zone: String,
    /// BCP 47, the site's own first.
    languages: Vec<String>,
    /// When faces are looked at.
    looks: &'static str,
    /// Whether they are now.
    is_looking: bool,
    preview: bool,
    sounds: bool,
    /// No line to the cloud.
    is_offline: bool,
    /// Nobody vouches for the clock.
    is_clock_unsure: bool,
    /// The camera gives no pictures.
    is_camera_lost: bool,
    /// No punch is taken for want of room on the disk.
    is_disk_full: bool,
}

/// What the kiosk's thread knows.
pub(super) struct Desk {
    pub(super) board: Board,
    pub(super) here: Here,
    /// Whose punch is shown.
    pub(super) person: Option<Uuid>,
    /// The site's, as they were read last.
    pub(super) settings: Option<Settings>,
    /// The last frame that was looked at, and when that was noticed.
    pub(super) seen: (u64, Instant),
    /// What the board's times count from.
    pub(super) began: Instant,
    pub(super) config: config::Kiosk,
    pub(super) roster: Arc<Roster>,
    pub(super) clock: Arc<Clock>,
    pub(super) vitals: Arc<Vitals>,
    pub(super) door: Arc<Door>,
    pub(super) sights: watch::Sender<Sight>,
}

impl Desk {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Something happened.
    pub(super) fn take(&mut self, happened: Happened) {
        let now = self.now();
        match happened {
            Happened::Punched(accepted, at) => self.punched(now, &accepted, at),
            Happened::Again(person) => {
                let (whom, stands) = (self.whom(person), self.stands(person));
                self.board.answer(now, View::Again { whom, stands });
            }
            Happened::Reverses(person) => {
                let (whom, stands) = (self.whom(person), self.stands(person));
                self.board.answer(now, View::Reverses { whom, stands });
            }
            Happened::Refused(Why::Trouble(Trouble::NotRecorded)) if self.vitals.is_full() => {
                let why = Why::Trouble(Trouble::DiskFull);
                self.board.answer(now, View::Refused { why });
            }
            Happened::Refused(why) => self.board.answer(now, View::Refused { why }),
            Happened::Guide(guide) => self.board.guide(now, guide),
            Happened::Amended(seq, change) => self.amended(now, seq, change),
        }
    }

    fn punched(&mut self, now: Duration, accepted: &Accepted, at: Timestamp) {
        let Accepted {
            person,
            durable,
            toward,
            ..
        } = *accepted;
        let punched = Punched {
            seq: durable.seq,
            whom: self.whom(person),
            direction: toward,
            at,
            minutes: self.minutes(person, at),
            amended: None,
        };
        self.here.punched(person, toward, at);
        self.person = Some(person);
        self.board.answer(now, View::Punched(punched));
    }

    fn amended(&mut self, now: Duration, seq: u64, change: Change) {
        self.board.amended(now, seq, change);
        let Some((person, punched)) = self.person.zip(self.board.punched_mut()) else {
            return;
        };
        if punched.seq != seq {
            return;
        }
        match change {
            Change::Direction(direction) => self.here.punched(person, direction, punched.at),
            Change::NotMe => self.here.not_them(person),
        }
    }

    /// Looks at what changes by itself.
    pub(super) fn look(&mut self) {
        let now = self.now();
        self.board.tick(now);
        match self.roster.settings() {
            Ok(settings) => self.settings = settings,
            Err(error) => {
                tracing::debug!(%error, "the settings can't be read; the screen keeps those of before")
            }
        }
        let number = self.sights.borrow().number;
        if number != self.seen.0 {
            self.seen = (number, Instant::now());
        } else if self.seen.1.elapsed() >= BLIND && self.sights.borrow().frame.is_some() {
            self.sights.send_modify(|sight| {
                sight.number += 1;
                (sight.frame, sight.face) = (None, None);
            });
            self.seen.0 = number + 1;
        }
        // The cloud counted it meanwhile.
        if let Some(person) = self.person
            && let Some(at) = self.board.punched_mut().map(|punched| punched.at)
            && let Some(state) = self.roster.state(person)
            && Here::is_told(&state, at)
        {
            let minutes = self.minutes(person, Timestamp::now());
            if let Some(punched) = self.board.punched_mut()
                && punched.amended.is_none()
            {
                punched.minutes = minutes;
            }
        }
    }

    fn whom(&self, person: Uuid) -> Whom {
        let card = self.roster.card(person).unwrap_or_else(|error| {
            tracing::error!(%person, %error, "somebody can't be greeted by name");
            None
        });
        let screen = self.settings.as_ref().map(|settings| settings.screen);
        known::whom(card.as_ref(), screen)
    }

    fn stands(&self, person: Uuid) -> Option<Stands> {
        self.here.stands(person, self.roster.state(person).as_ref())
    }

    fn minutes(&self, person: Uuid, at: Timestamp) -> Option<u32> {
        let settings = self.settings.as_ref()?;
        let zone = TimeZone::get(&settings.zone).ok()?;
        let is_sure = self.clock.read().ok()?.clock != Worth::Unsynced;
        let state = self.roster.state(person);
        (settings.screen.hours && is_sure)
            .then(|| self.here.minutes(person, state.as_ref(), at, &zone))
            .flatten()
    }

    /// Tells the page, where there is something new. Gives when what is shown ends by itself.
    pub(super) fn publish(&self, shown: &watch::Sender<Shown>) -> Option<Duration> {
        let now = self.now();
        let standing = self.standing();
        shown.send_if_modified(|shown| {
            let is_new = shown.number != self.board.number()
                || shown.view != *self.board.view()
                || shown.standing != standing;
            if is_new {
                *shown = Shown {
                    number: self.board.number(),
                    view: self.board.view().clone(),
                    left_ms: self.board.left(now).map(|left| left.as_millis() as u64),
                    standing,
                };
            }
            is_new
        });
        self.board.left(now)
    }

    fn standing(&self) -> Standing {
        let settings = self.settings.as_ref();
        Standing {
            zone: settings.map_or_else(|| "UTC".to_owned(), |settings| settings.zone.clone()),
            languages: http::languages(settings.map_or(&[], |settings| &settings.languages)),
            looks: match self.door.rules().looks {
                Looks::Never => "never",
                Looks::Touched => "touched",
                Looks::Always => "always",
            },
            is_looking: self.sights.borrow().frame.is_some(),
            preview: self.config.preview,
            sounds: self.config.sounds,
            is_offline: !self.vitals.is_linked(),
            is_clock_unsure: self
                .clock
                .read()
                .is_ok_and(|reading| reading.clock == Worth::Unsynced),
            is_camera_lost: self
                .vitals
                .camera_state()
                .is_some_and(|state| state != Camera::Ok),
            is_disk_full: self.vitals.is_full(),
        }
    }
}
