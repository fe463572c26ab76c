//! A terminal's seeing half with everything real but the outbox, which is a list here.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use limen_daemon::camera::{self, Change};
use limen_daemon::config::{self, Source};
use limen_daemon::door;
use limen_daemon::feedback::{Accepted, Feedback, Guide, Red};
use limen_daemon::gate::{Durable, Lately, Looks, Punches, Refused, Rules};
use limen_daemon::heart::Heart;
use limen_daemon::mailbox::Latest;
use limen_daemon::roster::{Card, RosterError};
use limen_daemon::stop::Stop;
use limen_daemon::vision::{self, Eyes, GallerySlot, Slot, Touch};
use limen_face::pad::Ask;
use limen_face::quality::Flaw;
use limen_face::{Calibration, Frame, Gallery, Models, Template, only_face};
use limen_wire::event::{Change as Said, Punch, Rejection};
use limen_wire::{SecretKey, badge};
use uuid::Uuid;

pub(crate) const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");

/// The models, loaded once for all tests of this process.
pub(crate) fn models() -> Arc<Models> {
    static MODELS_ONCE: OnceLock<Arc<Models>> = OnceLock::new();
    Arc::clone(MODELS_ONCE.get_or_init(|| Arc::new(Models::load(Path::new(MODELS)).unwrap())))
}

/// A template of photos that show one face each.
pub(crate) fn template(photos: &[Frame]) -> Template {
    let models = models();
    let embeddings: Vec<_> = photos
        .iter()
        .map(|photo| {
            let faces = models.detect(photo).unwrap();
            models
                .embed(photo, only_face(&faces, photo).unwrap())
                .unwrap()
        })
        .collect();
    Template::from_photos(&embeddings).unwrap()
}

/// What the person at the door was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Light {
    Green(Uuid, u64),
    Again(Uuid),
    Reverses(Uuid),
    Red(Rejection),
    Poor(Flaw),
    NotRecorded,
    Guide(Option<Guide>),
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) punches: Vec<Punch>,
    pub(crate) rejected: Vec<Rejection>,
    pub(crate) lights: Vec<Light>,
    pub(crate) changes: Vec<Change>,
}

impl Seen {
    pub(crate) fn people(&self) -> Vec<Uuid> {
        self.punches.iter().map(|punch| punch.person).collect()
    }
}

/// A door, who is enrolled there, and what it keeps.
pub(crate) struct Door {
    people: Vec<(Uuid, Template)>,
    badges: Badges,
    looks: Option<Looks>,
    gate: config::Gate,
    ask: Ask,
    touch: Touch,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    punches: Mutex<Vec<Punch>>,
    rejected: Mutex<Vec<Rejection>>,
    lights: Mutex<Vec<Light>>,
    refusals_left: Mutex<u32>,
}

impl Door {
    pub(crate) fn new(people: Vec<(Uuid, Template)>) -> Self {
        Self {
            people,
            badges: Badges::default(),
            looks: None,
            gate: config::Gate {
                fpir: 0.01,
                ..config::Gate::default()
            },
            ask: Ask::TurnLeft,
            touch: Touch::default(),
            kept: Arc::default(),
        }
    }

    pub(crate) fn with(mut self, gate: config::Gate) -> Self {
        self.gate = gate;
        self
    }

    /// The site uses no faces.
    pub(crate) fn without_faces(mut self) -> Self {
        self.looks = Some(Looks::Never);
        self
    }

    /// Somebody has a badge; gives what is printed on it.
    pub(crate) fn badge(&mut self, person: Uuid) -> String {
        let id = Uuid::from_u128(0xba);
        self.badges.0.push((person, badge::listed(id)));
        badge::sign(&site(), id)
    }

    /// Nothing is done against pictures.
    pub(crate) fn without_pad(mut self) -> Self {
        self.gate.pad = config::Pad::Off;
        self
    }

    /// Everybody is asked to turn their head so.
    pub(crate) fn asking(mut self, ask: Ask) -> Self {
        (self.gate.pad, self.ask) = (config::Pad::Challenge, ask);
        self
    }

    /// Somebody touches the terminal before the first frame.
    pub(crate) fn touched(self) -> Self {
        self.touch.tap();
        self
    }

    /// The first punches can't be recorded.
    pub(crate) fn full_for(self, punches: u32) -> Self {
        *self.kept.refusals_left.lock().unwrap() = punches;
        self
    }

    /// Shows every picture of a folder for `dwell_ms`, in frame time.
    pub(crate) fn watch(self, folder: &Path, fps: f64, dwell_ms: u64) -> Seen {
        self.camera(config::Camera {
            source: Source::Folder(folder.into()),
            fps,
            dwell_ms,
            looping: false,
            every_frame: true,
            ..config::Camera::default()
        })
    }

    /// Looks at all that the camera has to show.
    pub(crate) fn camera(self, camera: config::Camera) -> Seen {
        let frames = Latest::new();
        let changes = Arc::new(Mutex::new(Vec::new()));
        let report = Arc::clone(&changes);
        let heart = Heart::default();
        let (stop, beats) = (Stop::new(), heart.clone());
        let camera = camera::spawn(camera, frames.clone(), stop, beats, move |change| {
            report.lock().unwrap().push(change);
        })
        .unwrap();
        let calibration = Calibration::load(Path::new(MODELS)).unwrap();
        let mut rules = Rules::of(&self.gate, None);
        rules.looks = self.looks.unwrap_or(rules.looks);
        let began = Instant::now();
        let door = door::Door::new(door::Parts {
            punches: self.kept.clone(),
            people: Arc::new(self.badges),
            site: site().public(),
            ways: config::Ways::default(),
            feedback: self.kept.clone(),
            rules: Arc::new(Slot::new(rules)),
            heart: heart.clone(),
            clock: Box::new(move || began.elapsed()),
            time_of_day: Box::new(|| None),
        });
        let eyes = Eyes {
            models: models(),
            gallery: Arc::new(GallerySlot::new(Gallery::new(self.people, calibration))),
            door: Arc::new(door),
            touch: self.touch,
            asks: Box::new(move || self.ask),
            heart,
        };
        vision::spawn(eyes, frames).unwrap().join().unwrap();
        camera.join().unwrap();
        let take = |list: &Mutex<Vec<Change>>| std::mem::take(&mut *list.lock().unwrap());
        Seen {
            punches: std::mem::take(&mut *self.kept.punches.lock().unwrap()),
            rejected: std::mem::take(&mut *self.kept.rejected.lock().unwrap()),
            lights: std::mem::take(&mut *self.kept.lights.lock().unwrap()),
            changes: take(&changes),
        }
    }
}

/// The site, which signs badges.
fn site() -> SecretKey {
    SecretKey::from_seed([5; 32])
}

/// Who has which badge.
#[derive(Default)]
struct Badges(Vec<(Uuid, String)>);

impl door::People for Badges {
    fn find(&self, is_theirs: &dyn Fn(&Card) -> bool) -> Result<Option<(Uuid, Card)>, RosterError> {
        let cards = self.0.iter().map(|(person, badge)| {
            let card = Card {
                name: String::new(),
                language: String::new(),
                number: None,
                pin_verifier: None,
                badges: vec![badge.clone()],
                second_factor_with: Vec::new(),
            };
            (*person, card)
        });
        Ok(cards.into_iter().find(|(_, card)| is_theirs(card)))
    }
}

impl Punches for Kept {
    fn punch(&self, punch: Punch) -> Result<Durable, Refused> {
        let mut left = self.refusals_left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Err(Refused("the disk is full".into()));
        }
        let mut punches = self.punches.lock().unwrap();
        punches.push(punch);
        Ok(Durable {
            outbox: Uuid::nil(),
            seq: punches.len() as u64,
        })
    }

    fn rejected(&self, why: Rejection) {
        self.rejected.lock().unwrap().push(why);
    }

    fn amend(&self, _: Durable, _: Said) -> Result<(), Refused> {
        Err(Refused("nobody presses a key at this door".into()))
    }

    fn lately(&self, _: Uuid) -> Option<Lately> {
        None
    }

    fn set_face_off(&self, _: bool) {}

    fn face_is_off(&self) -> bool {
        false
    }
}

impl Feedback for Kept {
    fn green(&self, accepted: &Accepted) {
        self.lights
            .lock()
            .unwrap()
            .push(Light::Green(accepted.person, accepted.durable.seq));
    }

    fn again(&self, person: Uuid) {
        self.lights.lock().unwrap().push(Light::Again(person));
    }

    fn red(&self, why: Red<'_>) {
        self.lights.lock().unwrap().push(match why {
            Red::Rejected(why) => Light::Red(why),
            Red::Poor(flaw) => Light::Poor(flaw),
            Red::NotRecorded(_) => Light::NotRecorded,
        });
    }

    fn reverses(&self, person: Uuid) {
        self.lights.lock().unwrap().push(Light::Reverses(person));
    }

    fn guide(&self, guide: Option<Guide>) {
        self.lights.lock().unwrap().push(Light::Guide(guide));
    }
}
