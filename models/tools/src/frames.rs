//! Pictures from files and folders.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use limen_face::Frame;

/// Endings of files that are taken from a folder.
const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "bmp", "webp"];

/// A picture file, read and not yet decoded.
pub struct Picture {
    /// Where it is.
    pub path: PathBuf,
    bytes: Vec<u8>,
    is_jpeg: bool,
}

impl Picture {
    /// As a camera's frame where it is a JPEG, else as an uploaded file.
    pub fn decode(&self) -> anyhow::Result<Frame> {
        let frame = if self.is_jpeg {
            Frame::from_mjpeg(&self.bytes)
        } else {
            Frame::decode(&self.bytes)
        };
        frame.with_context(|| format!("can't decode {}", self.path.display()))
    }
}

/// Reads every picture of `paths`: files as they are named, folders one level deep in the order of their names.
pub fn pictures(paths: &[PathBuf]) -> anyhow::Result<Vec<Picture>> {
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
    files.into_iter().map(picture).collect()
}

/// The pictures of a folder, by name.
pub fn inside(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
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

fn picture(path: PathBuf) -> anyhow::Result<Picture> {
    let bytes = std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
    Ok(Picture {
        is_jpeg: bytes.starts_with(&[0xff, 0xd8]),
        path,
        bytes,
    })
}
