//! Pictures from files and folders.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use limen_face::Frame;

/// Endings of files that are taken from a folder.
const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "bmp", "webp"];

/// Reads every picture of `paths`: files as they are named, folders one level deep in the order of their names.
pub fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Frame>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(inside(path)?);
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        bail!("no frame: name PNG, JPEG, BMP or WebP files, or folders of them");
    }
    files.iter().map(|file| decode(file)).collect()
}

fn inside(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("can't list {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_lowercase());
        if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn decode(file: &Path) -> anyhow::Result<Frame> {
    let bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    Frame::decode(&bytes).with_context(|| format!("can't decode {}", file.display()))
}
