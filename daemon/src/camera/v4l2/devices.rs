//! Which cameras this machine has.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use v4l::capability::Flags as Can;
use v4l::framesize::FrameSizeEnum;
use v4l::video::Capture;
use v4l::{Device, FourCC};

use super::Pixels;

/// Stages of a Raspberry Pi's picture processing look like cameras, and give frames to whoever feeds them only.
const STAGES: [&str; 4] = ["bcm2835-isp", "bcm2835-codec", "pispbe", "rpi-hevc-dec"];

/// A camera as `limen-daemon camera` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What to name it by: below `/dev/v4l/by-id/` where it has such a name, which it keeps in another socket and
    /// after a new start.
    pub device: PathBuf,
    /// What the maker calls it; empty where it can't be asked.
    pub name: String,
    /// What it offers.
    pub formats: Vec<Offered>,
    /// Why it can't be asked, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A format that a camera offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offered {
    /// V4L2's four letters.
    pub format: String,
    /// Whether a terminal reads it.
    pub is_read: bool,
    /// Sizes in pixels, as `WIDTH×HEIGHT`, or a range of them.
    pub sizes: Vec<String>,
}

/// The nodes of V4L2 devices: the lasting names first, then by number those that have none.
pub(super) fn nodes() -> Vec<PathBuf> {
    nodes_below(Path::new("/dev"))
}

fn nodes_below(dev: &Path) -> Vec<PathBuf> {
    let list = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let mut found = list(dev.join("v4l/by-id"));
    let covered: Vec<_> = found.iter().flat_map(fs::canonicalize).collect();
    let mut numbered: Vec<(u32, PathBuf)> = list(dev.to_owned())
        .into_iter()
        .filter(|path| !fs::canonicalize(path).is_ok_and(|real| covered.contains(&real)))
        .filter_map(|path| {
            let number = path.file_name()?.to_str()?.strip_prefix("video")?;
            Some((number.parse().ok()?, path))
        })
        .collect();
    numbered.sort();
    found.extend(numbered.into_iter().map(|(_, path)| path));
    found
}

/// What every node says of itself that is a camera, or that may be one and can't be asked.
pub fn found() -> Vec<Found> {
    nodes().iter().filter_map(|node| ask(node)).collect()
}

/// `None` where it is no camera, or went away.
fn ask(node: &Path) -> Option<Found> {
    let mut found = Found {
        device: node.to_owned(),
        name: String::new(),
        formats: Vec::new(),
        problem: None,
    };
    let device = match Device::with_path(node) {
        Ok(device) => device,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            found.problem = Some(super::device_error(node, "open", error).to_string());
            return Some(found);
        }
    };
    let caps = device.query_caps().ok()?;
    let streams = Can::VIDEO_CAPTURE | Can::STREAMING;
    if !caps.capabilities.contains(streams) || STAGES.contains(&caps.driver.as_str()) {
        return None;
    }
    found.name = caps.card;
    for offered in device.enum_formats().unwrap_or_default() {
        found.formats.push(Offered {
            format: offered.fourcc.to_string(),
            is_read: Pixels::of(offered.fourcc).is_some(),
            sizes: sizes(&device, offered.fourcc),
        });
    }
    Some(found)
}

fn sizes(device: &Device, format: FourCC) -> Vec<String> {
    let sizes = device.enum_framesizes(format).unwrap_or_default();
    let words = sizes.into_iter().map(|size| match size.size {
        FrameSizeEnum::Discrete(size) => format!("{}×{}", size.width, size.height),
        FrameSizeEnum::Stepwise(range) => format!(
            "{}×{} to {}×{}",
            range.min_width, range.min_height, range.max_width, range.max_height
        ),
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn lasting_names_come_first_and_no_camera_twice() {
        let dev = tempfile::tempdir().unwrap();
        let path = |name: &str| dev.path().join(name);
        assert!(nodes_below(dev.path()).is_empty());
        for name in ["video0", "video2", "video10", "videos", "tty"] {
            fs::write(path(name), "").unwrap();
        }
        fs::create_dir_all(path("v4l/by-id")).unwrap();
        symlink("../../video2", path("v4l/by-id/usb-Cam-index0")).unwrap();
        let found = nodes_below(dev.path());
        let wanted = ["v4l/by-id/usb-Cam-index0", "video0", "video10"];
        assert_eq!(found, wanted.map(path));
    }

    #[test]
    fn what_is_no_video_device_is_no_camera() {
        assert_eq!(ask(Path::new("/dev/null")), None);
        assert_eq!(ask(Path::new("/dev/no-such-camera")), None);
    }
}
