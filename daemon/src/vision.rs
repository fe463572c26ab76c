//! The thread that looks: a frame becomes a face, a face a person, a person a punch.
//!
//! Only what is needed is computed: no embedding while nobody, or more than one person, is near;
//! none of a face that is turned away or blurred; none after the decision of a visit until the
//! person is away. The time is the frames', so a replay gives the same punches at any speed.
//!
//! Frames, face chips and embeddings are in memory only, and a visit's are dropped at its end.

mod look;
mod visits;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use limen_face::detect::NotOneFace;
use limen_face::quality::{Bar, Quality};
use limen_face::{
    Decision, Detection, FaceError, Frame, Gallery, Grade, Models, Probe, SecondFactor, Shot,
    Watch, only_face,
};
use limen_wire::event::{self, Direction, Method, Punch, Rejection};
use uuid::Uuid;

use crate::camera::Captured;
use crate::config;
use crate::feedback::{Feedback, Red};
use crate::gate::{Gate, Punches, Verdict};
use crate::heart::{Heart, Stage, TURN};
use crate::mailbox::{Latest, Taken};
use look::Look;
use visits::{Answer, Step, Visits};

/// The gallery that vision looks people up in; the roster exchanges it as a whole.
pub struct GallerySlot(RwLock<Arc<Gallery<Uuid>>>);

impl GallerySlot {
    /// A slot with this gallery in it.
    pub fn new(gallery: Gallery<Uuid>) -> Self {
        Self(RwLock::new(Arc::new(gallery)))
    }

    /// Exchanges the gallery: whoever is looked up from now on is looked up in this one.
    pub fn set(&self, gallery: Gallery<Uuid>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(gallery);
    }

    /// The present gallery.
    pub fn get(&self) -> Arc<Gallery<Uuid>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What vision works with.
pub struct Eyes {
    /// Detector, landmarks and embedding.
    pub models: Arc<Models>,
    /// Who is known.
    pub gallery: Arc<GallerySlot>,
    /// Where punches are kept.
    pub punches: Arc<dyn Punches>,
    /// What the person is shown.
    pub feedback: Arc<dyn Feedback>,
    /// When a face becomes a punch.
    pub gate: config::Gate,
    /// Told of every look.
    pub heart: Heart,
}

/// Starts the thread that looks at `frames` until they are closed and used up.
///
/// # Errors
/// When the operating system has no thread to give.
pub fn spawn(eyes: Eyes, frames: Latest<Captured>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("vision".into())
        .spawn(move || run(eyes, &frames))
}

/// Looks at `frames`, on this thread, until they are closed and used up.
pub fn run(eyes: Eyes, frames: &Latest<Captured>) {
    let heart = eyes.heart.clone();
    let life = heart.life(Stage::Vision);
    let mut vision = Vision::new(eyes);
    loop {
        let _turn = heart.enter(Stage::Vision);
        let captured = match frames.take_within(TURN) {
            Taken::Value(captured) => captured,
            Taken::Nothing => continue,
            Taken::Closed => break,
        };
        // One frame that trips a bug must not leave the door without eyes.
        let looked = catch_unwind(AssertUnwindSafe(|| vision.look(&captured)));
        if looked.is_err() {
            tracing::error!("looking at a frame failed; it is left out");
        }
    }
    vision.end();
    life.done();
}

struct Vision {
    eyes: Eyes,
    /// Where to look at all.
    watch: Watch,
    bar: Bar,
    gate: Gate,
    visits: Visits,
    /// Whether the people before the camera were asked to come one at a time.
    asked: bool,
    /// Whether the last frame could not be looked at.
    failing: bool,
}

impl Vision {
    fn new(eyes: Eyes) -> Self {
        let away = Duration::from_secs_f64(eyes.gate.away_s);
        let repunch = Duration::from_secs_f64(eyes.gate.repunch_s);
        Self {
            watch: Watch::new(),
            bar: Bar {
                face_width_px: eyes.gate.min_face_px as f32,
                ..Bar::default()
            },
            gate: Gate::new(away, repunch),
            visits: Visits::new(eyes.gate.frames, away),
            asked: false,
            failing: false,
            eyes,
        }
    }

    fn look(&mut self, captured: &Captured) {
        let failed = self.see(&captured.frame, captured.at).err();
        if let Some(error) = &failed
            && !self.failing
        {
            tracing::warn!(%error, "a frame cannot be looked at");
        }
        self.failing = failed.is_some();
    }

    fn see(&mut self, frame: &Frame, at: Duration) -> Result<(), FaceError> {
        let mut faces = self.eyes.models.follow(frame, at, &mut self.watch)?;
        faces.retain(|face| face.bounds.width() >= self.bar.face_width_px);
        let looks: Vec<Look> = faces.iter().map(|face| Look::of(frame, face)).collect();
        let meant = only_face(&faces, frame);
        let index = meant
            .ok()
            .and_then(|one| faces.iter().position(|face| face == one));

        let left = self.visits.see(at, looks, index);
        self.reject(left);
        if let Some(person) = self.visits.person() {
            self.gate.seen(person, at);
        }
        match meant {
            Err(NotOneFace::Several) => {
                if !self.asked {
                    self.eyes.feedback.one_at_a_time();
                }
                self.asked = true;
                Ok(())
            }
            Err(NotOneFace::None) => {
                self.asked = false;
                Ok(())
            }
            Ok(face) => {
                self.asked = false;
                if self.visits.wants(at) {
                    self.recognise(frame, face, at)?;
                }
                Ok(())
            }
        }
    }

    /// One more embedding for the present visit, and the decision when there are enough.
    fn recognise(
        &mut self,
        frame: &Frame,
        face: &Detection,
        at: Duration,
    ) -> Result<(), FaceError> {
        let aligned = self.eyes.models.align(frame, face)?;
        let quality = Quality::of(frame, face, &aligned);
        if quality.flaw(&self.bar).is_some() {
            return Ok(());
        }
        let embedding = self.eyes.models.embed_chip(&aligned.chip)?;
        let frames = match self.visits.add(at, Shot::new(embedding, &quality)) {
            Step::More => return Ok(()),
            Step::Same(why) => {
                self.eyes.feedback.red(Red::Rejected(why));
                return Ok(());
            }
            Step::Decide(frames) => frames,
        };
        let answer = match Probe::from_shots(&frames) {
            Ok(probe) => {
                let gallery = self.eyes.gallery.get();
                gallery.identify(&probe, self.eyes.gate.fpir)
            }
            // Embeddings of a face always make a probe.
            Err(_) => Decision::Unknown,
        };
        let rejected = match answer {
            // Nobody asks for a second factor at this door.
            Decision::Ambiguous
            | Decision::Match {
                second_factor: Some(SecondFactor::Twin),
                ..
            } => self
                .visits
                .decided(at, Answer::Nobody(Rejection::Ambiguous)),
            Decision::Match { id, grade, .. } => {
                self.visits.decided(at, Answer::Person(id));
                self.punch(id, grade, frames.len(), at);
                None
            }
            Decision::Unknown => self.visits.decided(at, Answer::Nobody(Rejection::Unknown)),
            Decision::PoorQuality(_) => self.visits.decided(at, Answer::Nobody(Rejection::Quality)),
        };
        self.reject(rejected);
        Ok(())
    }

    /// Match → durable → green.
    fn punch(&mut self, person: Uuid, grade: Grade, frames: usize, at: Duration) {
        if self.gate.arrived(person, at) != Verdict::Punch {
            return self.eyes.feedback.again(person);
        }
        let punch = Punch {
            person,
            direction: Direction::Auto,
            method: Method::Face,
            grade: match grade {
                Grade::Clear => event::Grade::Clear,
                Grade::Narrow => event::Grade::Narrow,
            },
            frames: u16::try_from(frames).unwrap_or(u16::MAX),
            model: self.eyes.models.embedding_id().to_owned(),
        };
        match self.eyes.punches.punch(punch) {
            Ok(durable) => {
                self.eyes.feedback.green(person, durable);
                self.gate.punched(person, at);
            }
            Err(refused) => self.eyes.feedback.red(Red::NotRecorded(&refused)),
        }
    }

    /// Tells that a visit ended with nobody named.
    fn reject(&self, why: Option<Rejection>) {
        if let Some(why) = why {
            self.eyes.feedback.red(Red::Rejected(why));
            self.eyes.punches.rejected(why);
        }
    }

    /// No more frames: what is under way ends.
    fn end(&mut self) {
        let left = self.visits.end();
        self.reject(left);
    }
}
