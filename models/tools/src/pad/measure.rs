//! What is shown to the detector, and what it makes of it.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use limen_face::pad::{Reason, Tier, Verdict};
use limen_face::{Chip, Frame, Models};

use super::attacks::{KINDS, Kind, WIDTHS_PX};
use super::candidates::{CANDIDATES, Candidate};
use super::trial::{self, FRAMES, Trial, first_tier};
use super::turns::Turns;
use super::{collection, compose};
use crate::frames;
use crate::statistics::{Rate, Tally};

/// Every so manyeth person of a half is shown as an attack.
const OF_PEOPLE: [usize; 2] = [4, 2];

/// Verdicts, counted by person.
#[derive(Default)]
pub struct Outcome {
    verdicts: Vec<(usize, Verdict)>,
    /// How many were given away by what surrounds the face, and how many by edges.
    pub reasons: [usize; 2],
    /// Of how many something was said as soon as a punch may be.
    pub at_once: usize,
}

impl Outcome {
    fn add(&mut self, person: usize, trial: &Trial) {
        self.verdicts.push((person, trial.verdict));
        self.at_once += usize::from(trial.at_once);
        match trial.verdict {
            Verdict::Attack(Reason::Surroundings) => self.reasons[0] += 1,
            Verdict::Attack(Reason::Edges) => self.reasons[1] += 1,
            _ => {}
        }
    }

    /// Several together, of the same people.
    pub fn sum(all: &[Self]) -> Self {
        let mut sum = Self::default();
        for one in all {
            sum.verdicts.extend(&one.verdicts);
            sum.at_once += one.at_once;
            for (sum, count) in sum.reasons.iter_mut().zip(one.reasons) {
                *sum += count;
            }
        }
        sum
    }

    /// Share that was taken for living, for an attack, and of which nothing was said.
    pub fn rates(&self) -> [Rate; 3] {
        let is: [fn(Verdict) -> bool; 3] = [
            |verdict| verdict == Verdict::Live,
            |verdict| matches!(verdict, Verdict::Attack(_)),
            |verdict| verdict == Verdict::NotEnough,
        ];
        is.map(|is| self.share(is))
    }

    /// Share that a door lets in which refuses nothing but attacks.
    pub fn let_in(&self) -> Rate {
        self.share(|verdict| !matches!(verdict, Verdict::Attack(_)))
    }

    fn share(&self, is: fn(Verdict) -> bool) -> Rate {
        let mut tally = Tally::default();
        for &(person, verdict) in &self.verdicts {
            tally.add(person, is(verdict));
        }
        tally.rate()
    }
}

/// What one half of the people gave.
#[derive(Default)]
pub struct Half {
    /// By kind and distance.
    pub attacks: Vec<[Outcome; 3]>,
    pub living: Outcome,
    /// The same with a camera's noise added.
    pub living_in_noise: Outcome,
    /// By candidate: living visits or pictures, and attacks.
    signals: Vec<[Vec<f32>; 2]>,
}

/// What a dropped signal does at the threshold that refuses 1 % of the tuning half's living.
pub struct Dropped {
    pub candidate: &'static Candidate,
    /// Living of the reported half that it refuses, and attacks that it takes for living: of how many each.
    pub living: [usize; 2],
    pub attacks: [usize; 2],
    /// The same of the real pictures, where one is enough.
    pub real: Option<[[usize; 2]; 2]>,
}

/// Everything.
pub struct Findings {
    /// The half that constants were chosen on, and the one that is reported.
    pub halves: [Half; 2],
    /// A film with cuts, whose camera moves.
    pub film: Outcome,
    pub dropped: Vec<Dropped>,
    /// Real single pictures: living and attacks.
    pub real: [usize; 2],
    pub turns: Turns,
    /// Median of the ratio to an embedding, and the largest of all frames but one in twenty.
    pub ratio: [f64; 2],
    /// Frames that these are of.
    pub timed: usize,
}

/// Shows everything to the detector. Says on stderr what it is at.
pub fn measure(models: &Models, root: &Path) -> anyhow::Result<Findings> {
    let mut halves = Vec::new();
    let mut clips = Vec::new();
    for (number, person) in ["asl_person_C", "asl_person_D"].into_iter().enumerate() {
        let of_person = collection::clips(&root.join("video").join(person))?;
        halves.push(half(models, root, number, &of_person)?);
        clips.push(of_person);
    }
    let Ok(mut halves): Result<[Half; 2], _> = halves.try_into() else {
        bail!("there are two halves");
    };
    let mut film = Outcome::default();
    for frames in collection::clips(&root.join("video/hamilton"))? {
        for visit in visits(&frames) {
            film.add(0, &first_tier(models, visit)?);
        }
    }
    let real = real(models, root)?;
    let dropped = dropped(&mut halves, &real);
    let mut ratios = Vec::new();
    for frames in &clips[1] {
        let times = trial::show(models, Tier::First, frames, true)?.times;
        let ratio = |[one, other]: [Duration; 2]| one.as_secs_f64() / other.as_secs_f64();
        ratios.extend(times.into_iter().map(ratio));
    }
    ratios.sort_by(f64::total_cmp);
    Ok(Findings {
        turns: Turns::measure(models, root, &clips)?,
        film,
        dropped,
        real: [real[0].len(), real[1].len()],
        ratio: [ratios[ratios.len() / 2], ratios[ratios.len() * 19 / 20]],
        timed: ratios.len(),
        halves,
    })
}

/// The visits that begin at each frame of a clip, and so overlap.
fn visits(frames: &[Frame]) -> impl Iterator<Item = &[Frame]> {
    frames.windows(FRAMES)
}

fn half(models: &Models, root: &Path, number: usize, clips: &[Vec<Frame>]) -> anyhow::Result<Half> {
    let mut half = Half {
        signals: CANDIDATES.map(|_| [Vec::new(), Vec::new()]).into(),
        ..Half::default()
    };
    let people_of_half = collection::people(root, "lfw", number)?;
    for frames in clips {
        for visit in visits(frames) {
            let trial = first_tier(models, visit)?;
            half.living.add(0, &trial);
            half.signal(0, false, &trial.faces);
            let noisy: Vec<_> = visit
                .iter()
                .zip(1..)
                .map(|(frame, seed)| compose::noisy(frame, seed))
                .collect();
            half.living_in_noise.add(0, &first_tier(models, &noisy)?);
        }
    }
    for person in people_of_half
        .iter()
        .chain(&collection::people(root, "lfw_strangers", number)?)
    {
        half.signal(0, true, &collection::upright(models, &person[..1])?);
    }
    for kind in KINDS {
        let of_half = ["tuning half", "reported half"][number];
        eprintln!("{of_half}, {}", kind.name);
        let outcomes = half.attacked(models, &kind, &people_of_half, clips, OF_PEOPLE[number])?;
        half.attacks.push(outcomes);
    }
    Ok(half)
}

impl Half {
    /// Attacks with the picture of every so manyeth person, in turn before each clip.
    fn attacked(
        &mut self,
        models: &Models,
        kind: &Kind,
        people: &[Vec<Frame>],
        clips: &[Vec<Frame>],
        every: usize,
    ) -> anyhow::Result<[Outcome; 3]> {
        let mut outcomes = [(); 3].map(|()| Outcome::default());
        for (person, pictures) in people.iter().step_by(every).enumerate() {
            let scene = &clips[person % clips.len()];
            // What is replayed is another clip than the one that it is held into, and all are of one person.
            let (shown, as_person) = if kind.replays {
                (&clips[(person + 1) % clips.len()], 0)
            } else {
                (pictures, person)
            };
            if kind.replays && person >= clips.len() {
                break;
            }
            let Some(still) = collection::still(models, &shown[0])? else {
                continue;
            };
            for (outcome, face_px) in outcomes.iter_mut().zip(WIDTHS_PX) {
                let replayed = kind.replays.then_some(&shown[..]);
                let frames = kind.before(scene, &still.shrunk(face_px), replayed, person, face_px);
                let trial = first_tier(models, &frames)?;
                outcome.add(as_person, &trial);
                self.signal(1, false, &trial.faces);
                self.signal(1, true, &trial.faces);
            }
        }
        Ok(outcomes)
    }

    /// Keeps what the candidates that one picture is enough for, or those that want a visit, say of these faces.
    fn signal(&mut self, attack: usize, of_one: bool, faces: &[(Chip, f32)]) {
        for (kept, candidate) in self.signals.iter_mut().zip(&CANDIDATES) {
            if candidate.of_one == of_one && faces.len() > usize::from(!of_one) {
                kept[attack].push((candidate.of)(faces));
            }
        }
    }
}

/// The real pictures in which a face is found: living, and attacks.
fn real(models: &Models, root: &Path) -> anyhow::Result<[Vec<(Chip, f32)>; 2]> {
    let mut found = [Vec::new(), Vec::new()];
    for folder in ["spoof/silent", "spoof/vietmoney", "spoof_crops/live_alex"] {
        for file in frames::inside(&root.join(folder))? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            // The names of the sources: image_F1, fake_1 are attacks, image_T1, true_1, real_1 living.
            let attack = name.starts_with("image_F") || name.starts_with("fake");
            let faces =
                collection::upright(models, &collection::pictures(std::slice::from_ref(&file))?)?;
            found[usize::from(attack)].extend(faces);
        }
    }
    Ok(found)
}

fn dropped(halves: &mut [Half; 2], real: &[Vec<(Chip, f32)>; 2]) -> Vec<Dropped> {
    let [tuned, reported] = halves;
    let signals = tuned.signals.iter_mut().zip(&reported.signals);
    let judged = signals
        .zip(&CANDIDATES)
        .map(|(([living, _], [others, attacks]), candidate)| {
            living.sort_by(f32::total_cmp);
            let threshold = living[(living.len() - 1) * 99 / 100];
            let over = |values: &[f32]| values.iter().filter(|&&value| value > threshold).count();
            let single = |faces: &[(Chip, f32)]| {
                let of = |face: &(Chip, f32)| (candidate.of)(std::slice::from_ref(face));
                faces.iter().map(of).collect::<Vec<_>>()
            };
            let counts = |living: &[f32], attacks: &[f32]| {
                [
                    [over(living), living.len()],
                    [attacks.len() - over(attacks), attacks.len()],
                ]
            };
            let [living, attacks] = counts(others, attacks);
            Dropped {
                candidate,
                living,
                attacks,
                real: candidate
                    .of_one
                    .then(|| counts(&single(&real[0]), &single(&real[1]))),
            }
        });
    judged.collect()
}
