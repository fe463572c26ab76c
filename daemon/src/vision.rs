//! The thread that looks: a frame becomes a face, a face a person, a person a punch.
//!
//! Only what is needed is computed: no alignment while nobody, or more than one person, is near;
//! an embedding only of the best frame of a moment, and none after the decision of a visit until
//! the person is away. The time is the frames', so a replay gives the same punches at any speed.
//!
//! Frames, face chips and embeddings are in memory only, and a visit's are dropped at its end.

mod codes;
mod guidance;
mod look;
mod touch;
mod visits;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use limen_face::align::Landmarks;
use limen_face::detect::NotOneFace;
use limen_face::pad::{Ask, Challenge, Tier};
use limen_face::policy::{self, Seen};
use limen_face::quality::{Bar, Flaw, Quality};
use limen_face::{
    Chip, Decision, Detection, FaceError, Frame, Gallery, Grade, Models, Probe, SecondFactor, Shot,
    Watch, only_face,
};
use limen_wire::Pad;
use limen_wire::event::{self, Method, Rejection};
use uuid::Uuid;

use crate::camera::Captured;
use crate::door::{Door, Known};
use crate::feedback::{Guide, Red};
use crate::gate::{Looks, Rules};
use crate::heart::{Heart, Stage, TURN};
use crate::mailbox::{Latest, Taken};
use codes::Codes;
use guidance::Guidance;
use look::Look;
pub use touch::Touch;
use visits::{Answer, Step, TRIES, Visits, Wants};

/// Width in pixels of a face that is followed. How near it must be to punch is a setting; of
/// smaller ones embeddings were not measured.
const FOLLOWED_PX: f32 = 45.0;

/// A turn of the head that was asked for, and back, is made within this time.
const TURN_WITHIN: Duration = Duration::from_secs(6);

/// What vision works by and others exchange as a whole.
pub struct Slot<T>(RwLock<Arc<T>>);

/// The gallery that vision looks people up in.
pub type GallerySlot = Slot<Gallery<Uuid>>;

impl<T> Slot<T> {
    /// A slot with this in it.
    pub fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    /// Exchanges it: from now on vision works by this one.
    pub fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }

    /// The present one.
    pub fn get(&self) -> Arc<T> {
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
    /// Where it is told that somebody touched the terminal.
    pub touch: Touch,
    /// Draws by chance to which side a head is to be turned, where the site wants that.
    pub asks: Box<dyn Fn() -> Ask + Send>,
    /// Where whoever is recognised becomes a punch. Of its rules, how many frames, for how long
    /// and out of sight for how long is taken once.
    pub door: Arc<Door>,
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
    /// What holds for the present frame.
    rules: Arc<Rules>,
    /// Where to look at all.
    watch: Watch,
    visits: Visits<(Chip, Quality)>,
    guidance: Guidance,
    codes: Codes,
    /// Touches that were answered, and since when the last one holds.
    touches: u64,
    touched: Option<Duration>,
    /// The time of the last frame.
    at: Duration,
    /// Whether the last frame could not be looked at.
    failing: bool,
}

impl Vision {
    fn new(eyes: Eyes) -> Self {
        let rules = eyes.door.rules();
        Self {
            watch: Watch::new(),
            visits: Visits::new(Wants {
                frames: rules.frames,
                hold: rules.hold,
                away: rules.away,
            }),
            guidance: Guidance::default(),
            codes: Codes::default(),
            touches: 0,
            touched: None,
            at: Duration::ZERO,
            failing: false,
            rules,
            eyes,
        }
    }

    fn look(&mut self, captured: &Captured) {
        (self.rules, self.at) = (self.eyes.door.rules(), captured.at);
        let failed = if self.looks(captured.at) {
            self.see(&captured.frame, captured.at).err()
        } else {
            self.nobody(captured.at);
            None
        };
        if let Some(error) = &failed
            && !self.failing
        {
            tracing::warn!(%error, "a frame cannot be looked at");
        }
        self.failing = failed.is_some();
        // A badge is a way in also where no face is looked at.
        if self.eyes.door.ways().codes {
            for code in self.codes.look(&captured.frame, captured.at) {
                self.eyes.door.code(&code, captured.at);
            }
        }
    }

    /// Whether this frame may be looked at.
    fn looks(&mut self, at: Duration) -> bool {
        let touches = self.eyes.touch.count();
        if touches != self.touches {
            (self.touches, self.touched) = (touches, Some(at));
        }
        let touch = self.rules.touch;
        if !self.eyes.door.admits(Method::Face, at) {
            return false;
        }
        match self.rules.looks {
            Looks::Never => false,
            Looks::Always => true,
            Looks::Touched => self
                .touched
                .is_some_and(|since| at.saturating_sub(since) < touch),
        }
    }

    /// A frame that is not looked at.
    fn nobody(&mut self, at: Duration) {
        let (_, left) = self.visits.follow(at, Vec::new());
        self.reject(at, left);
        self.guide(at, None);
    }

    fn see(&mut self, frame: &Arc<Frame>, at: Duration) -> Result<(), FaceError> {
        let mut faces = self.eyes.models.follow(frame, at, &mut self.watch)?;
        faces.retain(|face| face.bounds.width() >= FOLLOWED_PX);
        // A face is as near in a picture of twice the size.
        let least = self.rules.face_px * frame.width().max(frame.height()) as f32 / 640.0;
        let looks = faces
            .iter()
            .map(|face| (Look::of(frame, face.bounds), face.bounds.width() / least));
        let (near, left) = self.visits.follow(at, looks.collect());
        self.reject(at, left);
        for person in self.visits.people() {
            self.eyes.door.seen(person, at);
        }
        let is_near = |n: &usize| near[*n];
        let near: Vec<usize> = (0..faces.len()).filter(is_near).collect();
        let nearest: Vec<Detection> = near.iter().map(|&n| faces[n].clone()).collect();
        let meant = only_face(&nearest, frame);
        let number = meant
            .ok()
            .and_then(|one| faces.iter().position(|face| face == one));
        let left = self.visits.mean(number);
        self.reject(at, left);
        let widest = |a: &&Detection, b: &&Detection| a.bounds.width().total_cmp(&b.bounds.width());
        let shown = meant.ok().or(faces.iter().max_by(widest));
        let shown = shown.map(|face| &face.bounds);
        self.eyes.door.feedback().sees(frame, shown);
        let guide = match meant {
            Err(NotOneFace::Several) => Some(Guide::OneAtATime),
            Err(NotOneFace::None) if faces.is_empty() => None,
            Err(NotOneFace::None) => Some(Guide::Mend(Flaw::Small)),
            Ok(_) if !self.visits.is_open() => None,
            Ok(face) => {
                let flaw = self.recognise(frame, face, at)?;
                match (flaw, self.visits.asks()) {
                    (None | Some(Flaw::Turned), Some(ask)) => Some(Guide::Turn(ask)),
                    (flaw, _) => flaw.map(Guide::Mend),
                }
            }
        };
        self.guide(at, guide);
        Ok(())
    }

    fn guide(&mut self, at: Duration, guide: Option<Guide>) {
        if let Some(told) = self.guidance.next(at, guide) {
            self.eyes.door.feedback().guide(told);
        }
    }

    /// One more frame for the present visit, and the decision when there are enough. Gives what
    /// is wrong with the frame.
    fn recognise(
        &mut self,
        frame: &Frame,
        face: &Detection,
        at: Duration,
    ) -> Result<Option<Flaw>, FaceError> {
        let bar = Bar::door(FOLLOWED_PX);
        if let Some(flaw) = bar.box_flaw(frame, face) {
            return Ok(Some(self.flawed(flaw, at)));
        }
        let aligned = self.eyes.models.align(frame, face)?;
        if let Some(why) = self.watch(frame, face, &aligned.landmarks, at) {
            self.touched = None;
            self.reject(at, [why]);
            return Ok(None);
        }
        let quality = Quality::of(frame, face, &aligned);
        match quality.flaw(&bar) {
            // Whoever was asked to turn does.
            Some(Flaw::Turned) if self.visits.asks().is_some() => return Ok(Some(Flaw::Turned)),
            Some(flaw) => return Ok(Some(self.flawed(flaw, at))),
            None => {}
        }
        let offered = self
            .visits
            .offer(at, quality.weight(), (aligned.chip, quality));
        let Some((chip, quality)) = offered else {
            return Ok(None);
        };
        let embedding = self.eyes.models.embed_chip(&chip)?;
        match self.visits.add(at, Shot::new(embedding, &quality)) {
            Step::More => {}
            Step::Same(why) => {
                self.touched = None;
                self.eyes.door.feedback().red(Red::Rejected(why));
            }
            Step::Decide(frames) => {
                let usable = |shot| Seen::Usable(Box::new(shot));
                let seen: Vec<Seen> = frames.into_iter().map(usable).collect();
                self.decide(&seen, at);
            }
        }
        Ok(None)
    }

    /// Looks for a picture that is held into the camera, where that is wanted. Gives why somebody
    /// was turned away.
    fn watch(
        &mut self,
        frame: &Frame,
        face: &Detection,
        landmarks: &Landmarks,
        at: Duration,
    ) -> Option<Rejection> {
        let (pad, asks) = (self.rules.pad, &self.eyes.asks);
        let tier = || match pad {
            Pad::Challenge => Tier::Second(Challenge {
                ask: asks(),
                limit: TURN_WITHIN,
            }),
            // No second factor is asked for after a face yet.
            Pad::Off | Pad::Passive | Pad::SecondFactor => Tier::First,
        };
        match pad {
            Pad::Off => None,
            _ => self.visits.watch(at, frame, face, landmarks, tier),
        }
    }

    /// A frame that has this flaw; who stood there for long is told.
    fn flawed(&mut self, flaw: Flaw, at: Duration) -> Flaw {
        if let Some(flaws) = self.visits.flawed(at, flaw) {
            let seen: Vec<Seen> = flaws.into_iter().map(Seen::Flawed).collect();
            self.decide(&seen, at);
        }
        flaw
    }

    fn decide(&mut self, seen: &[Seen], at: Duration) {
        let gallery = self.eyes.gallery.get();
        // The rate is the visit's, whose tries share it.
        let fpir = self.rules.fpir / f64::from(TRIES);
        let answer = match policy::visit(&gallery, seen, fpir) {
            // Nobody asks for a second factor at this door.
            Decision::Ambiguous
            | Decision::Match {
                second_factor: Some(SecondFactor::Twin),
                ..
            } => Answer::Nobody(Rejection::Ambiguous),
            Decision::Match { id, grade, .. } => {
                self.visits.decided(at, Answer::Person(id));
                self.touched = None;
                let known = Known {
                    person: id,
                    method: Method::Face,
                    grade: match grade {
                        Grade::Clear => event::Grade::Clear,
                        Grade::Narrow => event::Grade::Narrow,
                    },
                    frames: u16::try_from(counted(seen)).unwrap_or(u16::MAX),
                    model: self.eyes.models.embedding_id().to_owned(),
                };
                return self.eyes.door.arrived(known, at);
            }
            Decision::Unknown => Answer::Nobody(Rejection::Unknown),
            Decision::PoorQuality(flaw) => {
                // No try was used: they may mend it.
                return self.eyes.door.poor(flaw);
            }
        };
        if let Some(why) = self.visits.decided(at, answer) {
            self.touched = None;
            self.reject(at, [why]);
        }
    }

    /// Tells that visits ended with nobody named.
    fn reject(&self, at: Duration, rejected: impl IntoIterator<Item = Rejection>) {
        for why in rejected {
            self.eyes.door.rejected(Method::Face, why, at);
        }
    }

    /// No more frames: what is under way ends.
    fn end(&mut self) {
        let left = self.visits.end();
        self.reject(self.at, left);
    }
}

/// The frames that a decision rests on, without those that were set aside.
fn counted(seen: &[Seen]) -> usize {
    let shots = seen.iter().filter_map(|one| match one {
        Seen::Usable(shot) => Some(shot.as_ref().clone()),
        Seen::Flawed(_) => None,
    });
    Probe::from_shots(&shots.collect::<Vec<_>>()).map_or(0, |probe| probe.frames())
}
