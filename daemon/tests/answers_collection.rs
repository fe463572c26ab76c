//! Every answer of the policy, by the program itself: real people are enrolled and shown, and what stands in the
//! terminal's outbox afterwards is what the library says of the same pictures. The collection is not part of the
//! project; without it the test says so and passes.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use limen_daemon::clock::Clock;
use limen_daemon::config::Trust;
use limen_daemon::database;
use limen_daemon::keys::Identity;
use limen_daemon::outbox::{self, Author, Outbox};
use limen_daemon::roster::{Roster, Vault};
use limen_face::policy::{Seen, visit};
use limen_face::quality::{Bar, Flaw, Quality};
use limen_face::{
    Calibration, Decision, Embedding, Frame, Gallery, Grade, Models, SecondFactor, Shot, Template,
    Watch, only_face,
};
use limen_wire::event::{self, Rejection, What};
use limen_wire::jws::{self, Expected};
use limen_wire::roster::Change;
use limen_wire::topic::{Topic, Up};
use limen_wire::{Blob, Event, Person, RosterPage};
use tempfile::TempDir;
use uuid::Uuid;

#[path = "vision/bmp.rs"]
mod bmp;
#[path = "claimed/identity.rs"]
mod identity;

/// Photos of each person that are enrolled; the others may be shown.
const ENROLLED: usize = 3;
/// Of the site, and what is left of it for each of a visit's three tries.
const FPIR: f64 = 1e-3;
const OF_A_TRY: f64 = FPIR / 3.0;

/// What came of somebody's being there, as far as it is kept and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Punched(Uuid, event::Grade),
    Rejected(Rejection),
}

/// Somebody who is shown, and what the library says of that picture.
#[derive(Clone)]
struct Shown {
    what: String,
    picture: Frame,
    answer: Decision<Uuid>,
}

impl Shown {
    /// What a door makes of it. Nobody asks for a second factor there.
    fn outcome(&self) -> Outcome {
        match self.answer {
            Decision::Ambiguous
            | Decision::Match {
                second_factor: Some(SecondFactor::Twin),
                ..
            } => Outcome::Rejected(Rejection::Ambiguous),
            Decision::Match { id, grade, .. } => Outcome::Punched(
                id,
                match grade {
                    Grade::Clear => event::Grade::Clear,
                    Grade::Narrow => event::Grade::Narrow,
                },
            ),
            Decision::Unknown => Outcome::Rejected(Rejection::Unknown),
            Decision::PoorQuality(_) => Outcome::Rejected(Rejection::Quality),
        }
    }
}

fn collection() -> Option<PathBuf> {
    let folder = std::env::var_os("LIMEN_FACES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    folder.join("manifest.csv").exists().then_some(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn picture(path: &Path) -> Frame {
    Frame::decode(&fs::read(path).unwrap()).unwrap()
}

/// The library, and who is enrolled.
struct Library {
    models: Models,
    gallery: Gallery<Uuid>,
    roster: Vec<Change>,
    /// Photos of theirs that are not enrolled.
    others: Vec<Frame>,
}

impl Library {
    fn new(collection: &Path) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let mut library = Self {
            models: Models::load(&folder).unwrap(),
            gallery: Gallery::new(Vec::new(), Calibration::load(&folder).unwrap()),
            roster: Vec::new(),
            others: Vec::new(),
        };
        let mut templates = Vec::new();
        for folder in files(&collection.join("faces/lfw")) {
            let photos: Vec<(Frame, Embedding)> = files(&folder)
                .iter()
                .map(|path| picture(path))
                .filter_map(|photo| match library.seen(&photo)?.swap_remove(0) {
                    Seen::Usable(shot) => Some((photo, shot.embedding)),
                    Seen::Flawed(_) => None,
                })
                .collect();
            // Of whom there are many photos two colleagues are made, as twins are: nobody can tell them apart.
            let enrolled = if photos.len() > 2 * ENROLLED { 2 } else { 1 };
            for photos in photos.chunks(ENROLLED).take(enrolled) {
                let id = Uuid::from_u128(templates.len() as u128 + 1);
                let photos: Vec<Embedding> =
                    photos.iter().map(|(_, photo)| photo.clone()).collect();
                templates.push((id, Template::from_photos(&photos).unwrap()));
            }
            let rest = photos.into_iter().skip(enrolled * ENROLLED);
            library.others.extend(rest.map(|(photo, _)| photo));
        }
        library.roster = templates
            .iter()
            .map(|(id, template)| library.entry(*id, template))
            .collect();
        library.gallery = Gallery::new(templates, Calibration::load(&folder).unwrap());
        library
    }

    fn entry(&self, id: Uuid, template: &Template) -> Change {
        Change::Put(Box::new(Person {
            id,
            name: format!("Person {id}"),
            language: String::new(),
            templates: vec![Blob(template.to_bytes())],
            model: self.models.embedding_id().to_owned(),
            number: None,
            pin_verifier: None,
            badges: Vec::new(),
            second_factor_with: Vec::new(),
        }))
    }

    /// What a door sees in a picture with one person who is near, frame by frame: each is looked at around the face
    /// of the one before, and all of it again after a second. Two that are good enough suffice.
    fn seen(&self, picture: &Frame) -> Option<Vec<Seen>> {
        let mut watch = Watch::new();
        let mut look = |at| -> Option<Seen> {
            let at = Duration::from_millis(at);
            let faces = self.models.follow(picture, at, &mut watch).unwrap();
            let face = only_face(&faces, picture).ok()?;
            let aligned = self.models.align(picture, face).unwrap();
            let quality = Quality::of(picture, face, &aligned);
            Some(match quality.flaw(&Bar::door(45.0)) {
                Some(flaw) => Seen::Flawed(flaw),
                None => {
                    let embedding = self.models.embed_chip(&aligned.chip).unwrap();
                    Seen::Usable(Box::new(Shot::new(embedding, &quality)))
                }
            })
        };
        let mut seen: Vec<Seen> = Vec::new();
        let usable = |one: &&Seen| matches!(one, Seen::Usable(_));
        for frame in 0..15 {
            seen.push(look(100 * frame)?);
            if seen.iter().filter(usable).count() == 2 {
                break;
            }
        }
        Some(seen)
    }

    /// The policy's answer, where it hangs by no thread.
    fn answer(&self, picture: &Frame) -> Option<Decision<Uuid>> {
        let seen = self.seen(picture)?;
        let rates = [1.0, 0.5, 2.0].map(|times| times * OF_A_TRY);
        let answer = |one: &Seen, fpir| visit(&self.gallery, std::slice::from_ref(one), fpir);
        let mut answers = rates
            .iter()
            .flat_map(|rate| seen.iter().map(|one| answer(one, *rate)));
        let first = answers.next()?;
        answers.all(|other| other == first).then_some(first)
    }

    /// The first two of these pictures to which `wanted` is the answer.
    fn find(
        &self,
        what: &str,
        pictures: impl IntoIterator<Item = Frame>,
        wanted: impl Fn(&Decision<Uuid>) -> bool,
    ) -> Vec<Shown> {
        let shown: Vec<Shown> = pictures
            .into_iter()
            .filter_map(|picture| {
                let answer = self.answer(&picture)?;
                wanted(&answer).then(|| Shown {
                    what: what.to_owned(),
                    picture,
                    answer,
                })
            })
            .take(2)
            .collect();
        assert!(!shown.is_empty(), "no picture of the collection is {what}");
        shown
    }
}

/// A picture each of whose values (colour `2` is blue) is another.
fn altered(picture: &Frame, change: impl Fn(usize, usize, usize, u8) -> u8) -> Frame {
    let row = 3 * picture.width() as usize;
    let values = picture.rgb().iter().enumerate();
    let rgb = values.map(|(at, &value)| change(at % row / 3, at / row, at % 3, value));
    Frame::from_rgb8(picture.width(), picture.height(), rgb.collect()).unwrap()
}

/// Out of focus: each pixel the mean of those around it.
fn blurred(picture: &Frame) -> Frame {
    const REACH: usize = 4;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    altered(picture, |x, y, colour, _| {
        let rows = y.saturating_sub(REACH)..(y + REACH + 1).min(height);
        let columns = x.saturating_sub(REACH)..(x + REACH + 1).min(width);
        let count = (rows.len() * columns.len()) as u32;
        let all = rows.flat_map(|y| columns.clone().map(move |x| 3 * (y * width + x) + colour));
        let sum: u32 = all.map(|at| u32::from(picture.rgb()[at])).sum();
        (sum / count) as u8
    })
}

/// The head on the shoulder: turned by 45° about the middle.
fn leaning(picture: &Frame) -> Frame {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    altered(picture, |x, y, colour, _| {
        let (x, y) = (x as f32 - width / 2.0, y as f32 - height / 2.0);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let from = [(x - y) * half + width / 2.0, (x + y) * half + height / 2.0];
        let x = from[0].clamp(0.0, width - 1.0) as usize;
        let y = from[1].clamp(0.0, height - 1.0) as usize;
        picture.rgb()[3 * (y * picture.width() as usize + x) + colour]
    })
}

/// The left part of a picture, so many of 100: the camera sees half of the face.
fn cut(picture: &Frame, share: u32) -> Frame {
    let width = picture.width() * share / 100;
    let rows = picture.rgb().chunks(3 * picture.width() as usize);
    let rgb = rows.flat_map(|row| row[..3 * width as usize].to_vec());
    Frame::from_rgb8(width, picture.height(), rgb.collect()).unwrap()
}

/// A window behind somebody whose face is in the middle.
fn backlit(picture: &Frame) -> Frame {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let middle = width / 4..width * 3 / 4;
    altered(picture, |x, y, _, value| {
        match middle.contains(&x) && y > height / 5 {
            true => value / 12,
            false => 250,
        }
    })
}

/// Two for each answer of the policy, where there are two; never five failures in a row, after which there is a pause.
fn shown(collection: &Path, library: &Library) -> Vec<Shown> {
    let others = || library.others.iter();
    let of = |set: &str| {
        let folders = files(&collection.join(set)).into_iter();
        let all: Vec<PathBuf> = folders.flat_map(|folder| files(&folder)).collect();
        all.into_iter().map(|path| picture(&path))
    };
    let is_match = |answer: &Decision<Uuid>, wanted: Grade| {
        matches!(answer, Decision::Match { grade, second_factor, .. }
            if *grade == wanted && *second_factor != Some(SecondFactor::Twin))
    };
    let is_twin = |answer: &Decision<Uuid>| {
        let twin = Some(SecondFactor::Twin);
        matches!(answer, Decision::Match { second_factor, .. } if *second_factor == twin)
    };
    let mut all = [
        library.find("a clear match", others().cloned(), |answer| {
            is_match(answer, Grade::Clear)
        }),
        library.find("one of twins", others().cloned(), is_twin),
        library.find("ambiguous", others().cloned(), |answer| {
            *answer == Decision::Ambiguous
        }),
        library.find("a narrow match", others().cloned(), |answer| {
            is_match(answer, Grade::Narrow)
        }),
        library.find("a stranger", of("faces/lfw_strangers"), |answer| {
            *answer == Decision::Unknown
        }),
    ]
    .concat();
    let mut flawed = |flaw: Flaw, pictures: &mut dyn Iterator<Item = Frame>| {
        let is_it = |answer: &Decision<Uuid>| *answer == Decision::PoorQuality(flaw);
        all.extend(library.find(&flaw.to_string(), pictures, is_it));
    };
    let times = |one: &Frame, by: fn(u8) -> u8| altered(one, |_, _, _, value| by(value));
    flawed(
        Flaw::Occluded,
        &mut files(&collection.join("masks/maskdet"))
            .iter()
            .map(|path| picture(path)),
    );
    flawed(
        Flaw::Turned,
        &mut of("faces/azure").chain(of("faces/lfw_strangers")),
    );
    flawed(
        Flaw::Cropped,
        &mut others().flat_map(|one| [38, 42, 46].map(|share| cut(one, share))),
    );
    flawed(Flaw::Leaning, &mut others().map(leaning));
    flawed(Flaw::Blurred, &mut others().map(blurred));
    flawed(Flaw::Backlit, &mut others().map(backlit));
    flawed(
        Flaw::Dark,
        &mut others().map(|one| times(one, |value| value / 20)),
    );
    flawed(
        Flaw::Overexposed,
        &mut others().map(|one| times(one, |value| value.saturating_mul(3))),
    );
    all
}

/// A claimed terminal at a door where these people work and those others pass, each for five seconds, the camera
/// free in between.
struct Terminal(TempDir);

impl Terminal {
    fn new(roster: Vec<Change>, shown: &[Shown], nobody: &Frame) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        identity::claim(&data);
        database::migrate(&data).unwrap();
        let identity = Identity::load(&data).unwrap().unwrap();
        let vault = Vault::new(&identity.keys.roster);
        let page = RosterPage {
            epoch: Uuid::from_u128(1),
            from: 0,
            to: 1,
            page: 1,
            of: 1,
            full: true,
            changes: roster,
        };
        Roster::open(&data, identity.site.site, vault)
            .unwrap()
            .take(page)
            .unwrap();
        let pictures = folder.path().join("pictures");
        fs::create_dir(&pictures).unwrap();
        let each = shown.iter().flat_map(|one| [&one.picture, nobody]);
        for (number, picture) in each.enumerate() {
            let file = pictures.join(format!("{number:03}.bmp"));
            fs::write(file, bmp::bmp(picture)).unwrap();
        }
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let text = format!(
            "models = {models:?}\n\
             [camera]\nsource = \"folder:pictures\"\ndwell_ms = 5000\nloop = false\nevery_frame = true\n\
             [gate]\nlooks = \"always\"\nfpir = {FPIR}\naway_s = 0\nrepunch_s = 0\nreverse_s = 0\n\
             [clock]\ntrust = \"system\"\n"
        );
        fs::write(folder.path().join("terminal.toml"), text).unwrap();
        Self(folder)
    }

    /// Runs the program until the pictures are through; why it said that nobody was recognised.
    fn run(&self) -> Vec<String> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_limen-daemon"))
            .args(["run", "--until-end", "--config"])
            .arg(self.0.path().join("terminal.toml"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        // Nobody takes the events, for which it waits then.
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.contains("ending") {
                let pid = child.id().to_string();
                let sent = Command::new("kill").args(["-TERM", &pid]).status();
                assert!(sent.unwrap().success());
            }
            said.extend(
                line.split_once("not recognised why=")
                    .map(|(_, why)| why.to_owned()),
            );
        }
        assert!(child.wait().unwrap().success());
        said
    }

    /// What stands in the outbox.
    fn outcomes(&self) -> Vec<Outcome> {
        let data = self.0.path().join("data");
        let identity = Arc::new(Identity::load(&data).unwrap().unwrap());
        let expected = Expected {
            topic: Topic::up(identity.site.terminal, Up::Event),
            site: identity.site.site,
            session: None,
        };
        let key = identity.keys.signing.public();
        let session = Uuid::from_u128(3);
        let now = Clock::new(Trust::System, None).unwrap().read().unwrap();
        let author = Author { identity, session };
        let outbox = Outbox::open(&data, author, outbox::hardware(), &now).unwrap();
        let stretches = outbox.stretches().unwrap();
        let events = outbox
            .read(stretches[0].outbox, 1, stretches[0].next - 1, &now)
            .unwrap();
        let what = events.into_iter().map(|(_, compact)| {
            let verified = jws::verify(&compact, &key, &expected).unwrap();
            verified.claims::<Event>().unwrap().what
        });
        what.filter_map(|what| match what {
            What::Punch(punch) => Some(Outcome::Punched(punch.person, punch.grade)),
            What::Rejected { why } => Some(Outcome::Rejected(why)),
            _ => None,
        })
        .collect()
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn the_daemon_gives_every_answer_of_the_policy_to_the_people_who_deserve_it() {
    let Some(collection) = collection() else {
        eprintln!("SKIPPED: no face collection; set LIMEN_FACES to its folder");
        return;
    };
    let library = Library::new(&collection);
    let shown = shown(&collection, &library);
    let nobody = Frame::from_rgb8(250, 250, vec![90; 250 * 250 * 3]).unwrap();
    let roster = library.roster.clone();
    let terminal = Terminal::new(roster, &shown, &nobody);
    let said = terminal.run();
    let outcomes = terminal.outcomes();
    for (one, outcome) in shown.iter().zip(&outcomes) {
        assert_eq!(*outcome, one.outcome(), "{}", one.what);
    }
    assert_eq!(outcomes.len(), shown.len());
    // The screen is told more than is kept.
    let reasons = shown.iter().filter_map(|one| match one.answer {
        Decision::Match { second_factor, .. } if second_factor != Some(SecondFactor::Twin) => None,
        Decision::PoorQuality(flaw) => Some(flaw.to_string()),
        Decision::Unknown => Some("Unknown".to_owned()),
        Decision::Ambiguous | Decision::Match { .. } => Some("Ambiguous".to_owned()),
    });
    assert_eq!(said, reasons.collect::<Vec<_>>());
}
