//! A folder of pictures that stands in for a camera.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use limen_face::Frame;

use super::{CameraError, FrameSource};
use crate::config;

/// Files with other endings are not tried: a README may lie beside the pictures.
const ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];

/// A larger file is no picture that a camera would give.
const LARGEST: u64 = 64 << 20;

/// The pictures of a folder by name, each for its dwell time.
pub(super) struct Folder {
    path: PathBuf,
    looping: bool,
    pace: Duration,
    /// Frames for which each picture stands.
    stands: u32,
    ahead: VecDeque<PathBuf>,
    shown: Option<(Arc<Frame>, u32)>,
    /// Named once, then skipped in silence at every round.
    bad: HashSet<PathBuf>,
    last_bad: Option<String>,
    any_good: bool,
}

impl Folder {
    /// Lists the folder and decodes its first good picture.
    pub(super) fn open(path: &Path, camera: &config::Camera) -> Result<Self, CameraError> {
        let pace = Duration::from_secs_f64(1.0 / camera.fps);
        let dwell = Duration::from_millis(camera.dwell_ms);
        let mut folder = Self {
            path: path.into(),
            looping: camera.looping,
            pace,
            stands: dwell.div_duration_f64(pace).round().max(1.0) as u32,
            ahead: pictures(path)?,
            shown: None,
            bad: HashSet::new(),
            last_bad: None,
            any_good: false,
        };
        folder.advance()?;
        Ok(folder)
    }

    /// Makes the next good picture the one that is shown, or none at the end.
    fn advance(&mut self) -> Result<(), CameraError> {
        self.shown = None;
        loop {
            while let Some(file) = self.ahead.pop_front() {
                match decode(&file) {
                    Ok(frame) => {
                        self.any_good = true;
                        self.shown = Some((Arc::new(frame), self.stands));
                        return Ok(());
                    }
                    Err(why) => self.skip(file, &why),
                }
            }
            if !self.any_good {
                return Err(CameraError::OnlyBadPictures {
                    folder: self.path.clone(),
                    count: self.bad.len(),
                    last: self.last_bad.clone().unwrap_or_default(),
                });
            }
            if !self.looping {
                return Ok(());
            }
            // Listed anew at every round: pictures may have come or gone.
            self.ahead = pictures(&self.path)?;
            self.any_good = false;
        }
    }

    fn skip(&mut self, file: PathBuf, why: &str) {
        self.last_bad = Some(format!("{}: {why}", file.display()));
        if self.bad.insert(file.clone()) {
            tracing::warn!(picture = %file.display(), why, "a picture cannot be read and is skipped");
        }
    }
}

impl FrameSource for Folder {
    fn next_frame(&mut self) -> Result<Option<Arc<Frame>>, CameraError> {
        if matches!(self.shown, Some((_, 0))) {
            self.advance()?;
        }
        Ok(self.shown.as_mut().map(|(frame, left)| {
            *left -= 1;
            Arc::clone(frame)
        }))
    }

    fn pace(&self) -> Option<Duration> {
        Some(self.pace)
    }
}

fn pictures(folder: &Path) -> Result<VecDeque<PathBuf>, CameraError> {
    let failed = |source| CameraError::Folder {
        folder: folder.into(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(|e| e.to_str());
        if ending.is_some_and(|e| ENDINGS.contains(&e.to_ascii_lowercase().as_str())) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(CameraError::NoPictures(folder.into()));
    }
    files.sort();
    Ok(files.into())
}

fn decode(file: &Path) -> Result<Frame, String> {
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|f| f.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|e| e.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("larger than {} MiB", LARGEST >> 20));
    }
    Frame::decode(&bytes).map_err(|e| e.to_string())
}
