//! One presentation: the frames of a visit, and what is made of them.

use std::time::Duration;

use cpu_time::ThreadTime;
use limen_face::pad::{Answer, Liveness, Tier, Verdict};
use limen_face::quality::Quality;
use limen_face::{Chip, FaceError, Frame, Models, only_face};

use super::clip::FPS;

/// Frames of a visit.
pub const FRAMES: usize = 16;

/// What was made of it.
pub struct Trial {
    pub verdict: Verdict,
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
            Duration::from_secs(number) / FPS,
        );
        let watching = start.elapsed();
        if with_embedding {
            let start = ThreadTime::now();
            models.embed_chip(&aligned.chip)?;
            times.push([watching, start.elapsed()]);
        }
        let turn = Quality::of(frame, face, &aligned).turn;
        chips.push((aligned.chip, turn));
    }
    Ok(Trial {
        verdict: liveness.verdict(),
        challenge: liveness.challenge(),
        faces: chips,
        times,
    })
}

/// Shows them to the first tier.
pub fn first_tier(models: &Models, frames: &[Frame]) -> Result<Trial, FaceError> {
    show(models, Tier::First, frames, false)
}
