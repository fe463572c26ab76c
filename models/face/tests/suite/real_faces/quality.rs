//! How often a flaw is named where there is none, for everybody and for each group of people; and where there is one.

use std::collections::BTreeMap;
use std::path::Path;

use limen_face::Frame;
use limen_face::quality::{Bar, Flaw, Quality};

use super::video::frames;
use super::{collection, files, middle};
use crate::support::{MODELS, picture};

/// The flaws that light and cover have; the others are as old as the pictures' selection.
const NEW: [Flaw; 4] = [Flaw::Dark, Flaw::Overexposed, Flaw::Backlit, Flaw::Occluded];

/// The quality of the face in the middle; `None` where there is none, or it is too small for the default bar.
fn quality(frame: &Frame) -> Option<Quality> {
    let face = middle(frame)?;
    let aligned = MODELS.align(frame, &face).ok()?;
    let quality = Quality::of(frame, &face, &aligned);
    (quality.face_width_px >= Bar::default().face_width_px).then_some(quality)
}

/// What was said of many pictures.
#[derive(Default)]
struct Told {
    pictures: usize,
    flaws: Vec<Flaw>,
}

impl Told {
    fn add(&mut self, quality: &Quality) {
        self.pictures += 1;
        self.flaws.extend(quality.flaw(&Bar::default()));
    }

    fn count(&self, flaw: Flaw) -> usize {
        self.flaws.iter().filter(|&&one| one == flaw).count()
    }

    fn line(&self) -> String {
        let mut flaws: Vec<String> = self.flaws.iter().map(|flaw| format!("{flaw:?}")).collect();
        flaws.sort();
        format!("{} pictures, {flaws:?}", self.pictures)
    }
}

#[test]
fn hardly_anybody_is_refused_for_the_light_or_for_what_covers_no_face() {
    let Some(collection) = collection() else {
        return;
    };
    let groups = groups(&collection);
    let (mut all, mut by_group) = (Told::default(), BTreeMap::<String, Told>::new());
    for set in [
        "lfw",
        "lfw_strangers",
        "face_recognition",
        "azure",
        "dlib_johns",
    ] {
        let mut told = Told::default();
        for person in files(&collection.join("faces").join(set)) {
            let name = person.file_name().unwrap().to_string_lossy().into_owned();
            for path in files(&person) {
                let Some(quality) = quality(&picture(&path)) else {
                    continue;
                };
                told.add(&quality);
                all.add(&quality);
                if let Some(group) = groups.get(&name) {
                    by_group.entry(group.clone()).or_default().add(&quality);
                }
            }
        }
        eprintln!("quality: {set}: {}", told.line());
    }
    for clips in files(&collection.join("video")) {
        let mut told = Told::default();
        for clip in files(&clips) {
            let Some(frames) = frames(&clip) else {
                return;
            };
            for quality in frames.iter().filter_map(quality) {
                told.add(&quality);
                all.add(&quality);
            }
        }
        eprintln!("quality: {}: {}", clips.display(), told.line());
    }
    for (group, told) in &by_group {
        eprintln!("quality: {group}: {}", told.line());
        // Nobody is refused for the light, whatever their skin.
        for flaw in [Flaw::Dark, Flaw::Overexposed, Flaw::Backlit] {
            assert_eq!(told.count(flaw), 0, "{group}: {flaw}");
        }
    }
    assert!(all.pictures >= 600 && by_group.len() >= 6);
    for flaw in NEW {
        let count = all.count(flaw);
        assert!(
            count * 100 <= all.pictures,
            "{count} of {}: {flaw}",
            all.pictures
        );
    }
}

/// The group of each person of whom one is known.
fn groups(collection: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(collection.join("lfw_groups.csv")).unwrap();
    let rows = text.lines().skip(1).filter_map(|line| line.split_once(','));
    rows.filter(|(_, group)| !group.is_empty())
        .map(|(name, group)| (name.to_owned(), group.to_owned()))
        .collect()
}

#[test]
fn most_masks_are_seen() {
    let Some(collection) = collection() else {
        return;
    };
    let mut told = Told::default();
    for path in files(&collection.join("masks"))
        .iter()
        .flat_map(|folder| files(folder))
    {
        if let Some(quality) = quality(&picture(&path)) {
            told.add(&quality);
        }
    }
    eprintln!("quality: masks: {}", told.line());
    assert!(told.pictures >= 18);
    assert!(told.flaws.len() * 100 >= told.pictures * 80);
    assert!(told.count(Flaw::Occluded) * 100 >= told.pictures * 75);
}

#[test]
fn darkened_pictures_are_dark_below_the_contrast_that_is_wanted() {
    let Some(collection) = collection() else {
        return;
    };
    let strict = Bar {
        contrast: 10.0,
        ..Bar::default()
    };
    let (mut told, mut dark) = (Told::default(), 0);
    for person in files(&collection.join("lowlight_derived")) {
        for path in files(&person) {
            let Some(quality) = quality(&picture(&path)) else {
                continue;
            };
            told.add(&quality);
            let low = quality.light.contrast < strict.contrast;
            assert_eq!(low, quality.flaw(&strict) == Some(Flaw::Dark));
            dark += usize::from(low);
        }
    }
    eprintln!(
        "quality: darkened: {}; {dark} dark at a contrast of {}",
        told.line(),
        strict.contrast
    );
    assert!(told.pictures >= 16 && dark >= 2);
}
