//! One presentation: the frames of a visit, and what is made of them.

use std::time::Duration;

use cpu_time::ThreadTime;
use limen_face::pad::{Answer, Liveness, Tier, Verdict};
use limen_face::quality::Quality;
use limen_face::{Chip, FaceError, Frame, Models, only_face};

use super::clip::FPS;

/// Frames of a visit, after which the door decides whatever was seen,
pub const FRAMES: usize = 16;
/// and those before which it doesn't: the time that a punch wants somebody to stand there.
pub const HOLD: usize = 8;

/// What was made of it.
pub struct Trial {
    /// The first that was said once enough frames for a punch were there.
    pub verdict: Verdict,
    /// Whether that was at once.
    pub at_once: bool,
    pub challenge: Option<Answer>,
    /// The upright faces, and how far each is turned.
    pub faces: Vec<(Chip, f32)>,
    /// Of each frame in turn: what watching took, and what an embedding takes.
    pub times: Vec<[Duration; 2]>,
}

/// Shows these frames at the pace of a terminal's camera. Embeddings are made only to compare times with.
pub fn show<'a>(
    models: &Models,
    tier: Tier,
    frames: impl IntoIterator<Item = &'a Frame>,
    with_embedding: bool,
) -> Result<Trial, FaceError> {
    let mut liveness = Liveness::new(tier);
    let (mut chips, mut times) = (Vec::new(), Vec::new());
    let (mut verdict, mut at_once) = (Verdict::NotEnough, false);
    for (frame, number) in frames.into_iter().zip(0..) {
        let faces = models.detect(frame)?;
        let Ok(face) = only_face(&faces, frame) else {
            continue;
        };
        let Ok(aligned) = models.align(frame, face) else {
            continue;
        };
        let start = ThreadTime::now();
        liveness.see(
            frame,
            face,
            &aligned.landmarks,
            Duration::from_secs(number as u64) / FPS,
        );
        let watching = start.elapsed();
        if verdict == Verdict::NotEnough && number + 1 >= HOLD {
            verdict = liveness.verdict();
            at_once = verdict != Verdict::NotEnough && number + 1 == HOLD;
        }
        if with_embedding {
            let start = ThreadTime::now();
            models.embed_chip(&aligned.chip)?;
            times.push([watching, start.elapsed()]);
        }
        let turn = Quality::of(frame, face, &aligned).turn;
        chips.push((aligned.chip, turn));
    }
    Ok(Trial {
        verdict,
        at_once,
        challenge: liveness.challenge(),
        faces: chips,
        times,
    })
}

/// Shows them to the first tier.
pub fn first_tier(models: &Models, frames: &[Frame]) -> Result<Trial, FaceError> {
    show(models, Tier::First, frames, false)
}
