//! What the second tier makes of turns.

use std::path::Path;
use std::time::Duration;

use limen_face::pad::{Answer, Ask, Challenge, Tier};
use limen_face::{Frame, Models};

use super::attacks::{KINDS, WIDTHS_PX, held_before_head};
use super::compose;
use super::{collection, trial};

/// The whole time for a turn of the head.
const LIMIT: Duration = Duration::from_secs(4);

/// What the second tier makes of turns.
#[derive(Default)]
pub struct Turns {
    /// Cut-outs turned and tilted by a hand: met, of how many.
    pub cut_outs: [usize; 2],
    /// Living people of whom nothing was asked: met, of how many.
    pub unasked: [usize; 2],
    /// Real pictures of people straight, turned and straight again: met, of how many.
    pub pictures: [usize; 2],
    /// The same when the other side was asked.
    pub other_side: [usize; 2],
}

/// Whether frames meet a challenge.
fn meets<'a>(
    models: &Models,
    ask: Ask,
    frames: impl IntoIterator<Item = &'a Frame>,
) -> anyhow::Result<bool> {
    let tier = Tier::Second(Challenge { ask, limit: LIMIT });
    let trial = trial::show(models, tier, frames, false)?;
    Ok(trial.challenge == Some(Answer::Met))
}

const SIDES: [Ask; 2] = [Ask::TurnLeft, Ask::TurnRight];

impl Turns {
    /// Shows turns to the second tier, or what might pass for one. Clips are by person.
    pub fn measure(
        models: &Models,
        root: &Path,
        clips: &[Vec<Vec<Frame>>],
    ) -> anyhow::Result<Self> {
        let mut turns = Turns::default();
        let count = |of: &mut [usize; 2], met: bool| {
            of[0] += usize::from(met);
            of[1] += 1;
        };
        for frames in clips.iter().flatten() {
            for ask in SIDES {
                count(&mut turns.unasked, meets(models, ask, frames)?);
            }
        }
        let reported = collection::people(root, "lfw", 1)?;
        let cut_out = KINDS[KINDS.len() - 1].sheet;
        for (person, pictures) in reported.iter().step_by(2).enumerate() {
            let Some(still) = collection::still(models, &pictures[0])? else {
                continue;
            };
            for [yaw, pitch] in [[0.8, 0.0], [-0.8, 0.0], [0.0, 0.8], [0.6, 0.6], [-0.6, 0.6]] {
                let face_px = WIDTHS_PX[2];
                let hold = held_before_head(face_px);
                let still = still.shrunk(face_px);
                let scene = clips[1][person % clips[1].len()].iter().cycle();
                let laid = scene.zip(0_u16..25).map(|(frame, number)| {
                    // There within half a second, held, and back.
                    let tenths = f32::from(number.min(24 - number));
                    let part = (0.2 * tenths - 0.8).clamp(0.0, 1.0);
                    let mut hold = hold.swaying(person, f32::from(number) / 10.0, 1.0);
                    hold.yaw += part * yaw;
                    hold.pitch += part * pitch;
                    compose::lay(frame, &still, &cut_out, &hold, u64::from(number) + 1)
                });
                let frames: Vec<_> = laid.collect();
                for ask in SIDES {
                    count(&mut turns.cut_outs, meets(models, ask, &frames)?);
                }
            }
        }
        for pictures in collection::people(root, "lfw", 0)?.iter().chain(&reported) {
            sequences(models, pictures, |frames, toward, other| {
                let met = |ask| meets(models, ask, frames.iter().copied());
                count(&mut turns.pictures, met(toward)?);
                count(&mut turns.other_side, met(other)?);
                Ok(())
            })?;
        }
        Ok(turns)
    }
}

/// Pictures of somebody as the frames of a turn: looking straight ahead, far to a side, and straight again. At most one
/// to each side.
fn sequences(
    models: &Models,
    pictures: &[Frame],
    mut each: impl FnMut(&[&Frame], Ask, Ask) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    /// Turned so far is far; the second tier wants a little less.
    const FAR: f32 = 0.25;
    let mut turned = Vec::new();
    for picture in pictures {
        if let [(_, turn)] = collection::upright(models, std::slice::from_ref(picture))?[..] {
            turned.push((turn, picture));
        }
    }
    turned.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(straight) = turned.iter().min_by(|a, b| a.0.abs().total_cmp(&b.0.abs())) else {
        return Ok(());
    };
    for ((turn, picture), [toward, other]) in [
        (turned[turned.len() - 1], SIDES),
        (turned[0], [Ask::TurnRight, Ask::TurnLeft]),
    ] {
        let by = (turn - straight.0) * if toward == Ask::TurnLeft { 1.0 } else { -1.0 };
        if straight.0.abs() <= 0.15 && by >= FAR {
            let frames = [[straight.1; 3], [picture; 3], [straight.1; 3]];
            each(frames.as_flattened(), toward, other)?;
        }
    }
    Ok(())
}
