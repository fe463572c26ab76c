//! What is read of the collection.

use std::path::{Path, PathBuf};

use anyhow::Context;
use limen_face::quality::Quality;
use limen_face::{Chip, Frame, Models, only_face};

use super::clip;
use super::compose::Still;
use crate::frames;

/// The clips of a folder.
pub fn clips(folder: &Path) -> anyhow::Result<Vec<Vec<Frame>>> {
    let clips: Vec<_> = listed(folder)?;
    clips.iter().map(|clip| clip::frames(clip)).collect()
}

fn listed(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("can't list {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(failed)?;
    let paths = entries.map(|entry| Ok(entry.with_context(failed)?.path()));
    let mut paths = paths.collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The pictures of every second person of a set, beginning with the first or the second.
pub fn people(root: &Path, set: &str, half: usize) -> anyhow::Result<Vec<Vec<Frame>>> {
    let people = listed(&root.join("faces").join(set))?;
    let of_half = people.iter().skip(half).step_by(2);
    let mut people = of_half
        .map(|person| pictures(&frames::inside(person)?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    people.retain(|pictures| !pictures.is_empty());
    Ok(people)
}

/// Files as frames.
pub fn pictures(files: &[PathBuf]) -> anyhow::Result<Vec<Frame>> {
    let picture = |file: &PathBuf| {
        let bytes =
            std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
        Frame::decode(&bytes).with_context(|| format!("can't decode {}", file.display()))
    };
    files.iter().map(picture).collect()
}

/// A picture of somebody; none where not one face is in it.
pub fn still(models: &Models, picture: &Frame) -> anyhow::Result<Option<Still>> {
    let faces = models.detect(picture)?;
    Ok(only_face(&faces, picture).ok().map(|face| {
        let bounds = &face.bounds;
        let middle = [bounds.left + bounds.right, bounds.top + bounds.bottom].map(|sum| sum / 2.0);
        Still::new(picture, [middle[0], middle[1], bounds.width()])
    }))
}

/// The upright faces of pictures, and how far each is turned.
pub fn upright(models: &Models, pictures: &[Frame]) -> anyhow::Result<Vec<(Chip, f32)>> {
    let mut upright = Vec::new();
    for picture in pictures {
        let faces = models.detect(picture)?;
        let Ok(face) = only_face(&faces, picture) else {
            continue;
        };
        if let Ok(aligned) = models.align(picture, face) {
            let turn = Quality::of(picture, face, &aligned).turn;
            upright.push((aligned.chip, turn));
        }
    }
    Ok(upright)
}
