//! Whether a living person stands before the camera, or somebody's picture is held into it: presentation attack
//! detection, in tiers that must all agree.
//!
//! The first tier watches a face move. The place around a living face stays where it is; what is around a face on
//! paper or on a screen moves with it ([`Reason::Surroundings`]), or ends in straight edges that do
//! ([`Reason::Edges`]). The second asks for a turn of the head, and watches the landmarks ([`Challenge`]).
//!
//! Both answer in words and never with a number, which a forger could climb. What neither stops: a picture cut out
//! along the head, a mask, a face on a screen that stands still and fills the view, and frames that never came from
//! a camera. docs/presentation-attacks.md says what was measured.
//!
//! ```
//! use limen_face::pad::{Liveness, Tier, Verdict};
//!
//! let liveness = Liveness::new(Tier::First);
//! // Of every frame of a visit: liveness.see(&frame, &detection, &aligned.landmarks, at);
//! assert_eq!(liveness.verdict(), Verdict::NotEnough);
//! ```

mod challenge;
mod edges;
mod evidence;
mod pair;
mod scene;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::Frame;
use crate::align::Landmarks;
use crate::detect::Detection;

pub use challenge::{Answer, Ask, Challenge};

use challenge::Watched;
use evidence::Evidence;
use pair::Place;
use scene::Scene;

/// Frames that follow sooner tell nothing new, and are not looked at.
const SOON: Duration = Duration::from_millis(50);
/// After a pause so long somebody else may stand there.
const PAUSE: Duration = Duration::from_millis(500);
/// So many frames are kept to compare the next with.
const FRAMES: usize = 16;
/// How far a face should have moved between two frames, in its own widths: less is within the errors, and more is
/// seldom without a turn.
const TELLING: f32 = 0.12;

/// What an attempt must withstand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// What can be seen without asking anything of anybody.
    First,
    /// A turn of the head as well; to which side is for the caller to draw by chance.
    Second(Challenge),
}

/// What was seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A living face, as far as this tier can tell.
    Live,
    /// Somebody's picture. Stays, whatever is seen later.
    Attack(Reason),
    /// Neither can be said: the face moved too little, or before nothing that could be seen to stay. Not a reason to
    /// let anybody in.
    NotEnough,
}

/// What gave an attack away, for the log of an auditor: it is not for whoever stands before the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// As in a large print, or on a large screen.
    #[error("what is around the face moves with it")]
    Surroundings,
    /// As those of paper, a telephone or a tablet.
    #[error("straight edges around the face move with it")]
    Edges,
    /// The turn that was asked for did not come in time, or one to the other side came.
    #[error("the head was not turned as was asked")]
    Challenge,
}

/// What is known of the one face of one visit. Holds a visit's last frames in grey; is to be dropped at its end.
pub struct Liveness {
    challenge: Option<Watched>,
    /// The latest frames, oldest first, all of the same face.
    seen: VecDeque<Seen>,
    evidence: Evidence,
    attack: Option<Reason>,
}

/// A frame of a face.
struct Seen {
    scene: Scene,
    /// Of the face, in pixels of the frame.
    place: Place,
    /// Pixels of the frame, across and down, that are one of the scene.
    step: usize,
    /// Of the frame.
    size: [u32; 2],
    at: Duration,
}

/// A visitor's pictures are not for logs, and what was counted is not for forgers.
impl fmt::Debug for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Liveness")
    }
}

impl Liveness {
    /// Nothing was seen yet.
    pub fn new(tier: Tier) -> Self {
        let challenge = match tier {
            Tier::First => None,
            Tier::Second(challenge) => Some(Watched::new(challenge)),
        };
        Self {
            challenge,
            seen: VecDeque::new(),
            evidence: Evidence::default(),
            attack: None,
        }
    }

    /// Looks at the one face of a frame, which came at this monotonic time. Frames in which there is none, or more
    /// than one is near, are not to be given; after half a second without one, or when the face jumps, what spoke for
    /// a living person is forgotten.
    pub fn see(
        &mut self,
        frame: &Frame,
        detection: &Detection,
        landmarks: &Landmarks,
        at: Duration,
    ) {
        let place = Place::of(detection, landmarks);
        let size = [frame.width(), frame.height()];
        if let Some(last) = self.seen.back() {
            let since = at.checked_sub(last.at);
            if since.is_some_and(|since| since < SOON) {
                return;
            }
            let goes_on = since.is_some_and(|since| since < PAUSE);
            if !goes_on || last.size != size || last.place.jumps_to(&place) {
                self.forget();
            }
        }
        if let Some(challenge) = &mut self.challenge {
            challenge.see(landmarks, at);
        }
        // Scenes can be compared only where they are of one scale.
        let step = self.seen.front().map(|first| first.step);
        let step = step.unwrap_or_else(|| Scene::step(place.width));
        let now = Seen {
            scene: Scene::of(frame, step),
            place,
            step,
            size,
            at,
        };
        let then = now.best_of(&self.seen);
        if let Some(signs) = then.and_then(|then| pair::signs(then.in_scene(), now.in_scene())) {
            self.evidence.add(signs);
        }
        if self.seen.len() == FRAMES {
            self.seen.pop_front();
        }
        self.seen.push_back(now);
        self.attack = self.attack.or(self.evidence.attack()).or(self.missed());
    }

    /// What can be said by now.
    pub fn verdict(&self) -> Verdict {
        let met = |answer: Answer| answer == Answer::Met;
        match self.attack {
            Some(reason) => Verdict::Attack(reason),
            None if self.evidence.is_live() && self.challenge().is_none_or(met) => Verdict::Live,
            None => Verdict::NotEnough,
        }
    }

    /// How the challenge goes; none in the first tier.
    pub fn challenge(&self) -> Option<Answer> {
        self.challenge.as_ref().map(Watched::answer)
    }

    /// What is to be asked for on the screen: until it was done, or can't be done any more.
    pub fn asks(&self) -> Option<Ask> {
        let waiting = |watched: &&Watched| watched.answer() == Answer::Waiting;
        self.challenge.as_ref().filter(waiting).map(Watched::ask)
    }

    fn missed(&self) -> Option<Reason> {
        (self.challenge() == Some(Answer::Missed)).then_some(Reason::Challenge)
    }

    fn forget(&mut self) {
        self.seen.clear();
        self.evidence = Evidence::default();
        if let Some(challenge) = &mut self.challenge {
            challenge.interrupt();
        }
    }
}

impl Seen {
    /// The frame before between which and this one the face moved by the most telling distance.
    fn best_of<'a>(&self, before: &'a VecDeque<Self>) -> Option<&'a Self> {
        let moved = before.iter().filter_map(|then| {
            let by = then.in_scene().1.moved_to(&self.in_scene().1)?;
            Some((then, (by - TELLING).abs()))
        });
        let best = moved.min_by(|a, b| a.1.total_cmp(&b.1));
        best.map(|(then, _)| then)
    }

    fn in_scene(&self) -> (&Scene, Place) {
        (&self.scene, self.place.scaled(self.step))
    }
}
