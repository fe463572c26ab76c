//! A video file that stands in for a camera, decoded by ffmpeg as a child process.
//!
//! ffmpeg writes each frame as a PPM picture, which is RGB with its own size before it: nothing
//! has to be asked first, and a clip that a phone turned comes upright.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use limen_face::Frame;

use super::child::Feed;
use super::{CameraError, FrameSource};
use crate::config;

/// A frame of a clip never takes so long to decode; a file system that hangs may.
const PATIENCE: Duration = Duration::from_secs(20);

/// A 24-megapixel picture; a larger one is no clip for a terminal.
const MOST_PIXELS: usize = 24_000_000;

/// The frames of a clip.
pub(super) struct Clip {
    path: PathBuf,
    program: PathBuf,
    fps: f64,
    looping: bool,
    child: Feed,
    /// Frames of this round.
    given: u64,
}

impl Clip {
    /// Starts ffmpeg on the file.
    pub(super) fn open(path: &Path, camera: &config::Camera) -> Result<Self, CameraError> {
        Self::open_with(Path::new("ffmpeg"), path, camera)
    }

    fn open_with(
        program: &Path,
        path: &Path,
        camera: &config::Camera,
    ) -> Result<Self, CameraError> {
        // ffmpeg's own words for a file that isn't there are found among many others.
        std::fs::File::open(path).map_err(|source| CameraError::NoClip {
            clip: path.into(),
            source,
        })?;
        Ok(Self {
            child: start(program, path, camera.fps)?,
            path: path.into(),
            program: program.into(),
            fps: camera.fps,
            looping: camera.looping,
            given: 0,
        })
    }
}

impl FrameSource for Clip {
    fn next_frame(&mut self) -> Result<Option<Arc<Frame>>, CameraError> {
        loop {
            match self.child.next(PATIENCE) {
                Ok(Ok(frame)) => {
                    self.given += 1;
                    return Ok(Some(Arc::new(frame)));
                }
                Ok(Err(detail)) => {
                    return Err(CameraError::NotAVideo {
                        clip: self.path.clone(),
                        detail,
                    });
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(CameraError::Silent {
                        what: format!("ffmpeg with the clip {}", self.path.display()),
                        seconds: PATIENCE.as_secs(),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let (ended_well, said) = self.child.finish();
                    if self.given == 0 || !ended_well {
                        return Err(CameraError::NotAVideo {
                            clip: self.path.clone(),
                            detail: if said.is_empty() {
                                "it has no picture".into()
                            } else {
                                said
                            },
                        });
                    }
                    if !self.looping {
                        return Ok(None);
                    }
                    self.child = start(&self.program, &self.path, self.fps)?;
                    self.given = 0;
                }
            }
        }
    }

    fn pace(&self) -> Option<Duration> {
        Some(Duration::from_secs_f64(1.0 / self.fps))
    }
}

fn start(program: &Path, clip: &Path, fps: f64) -> Result<Feed, CameraError> {
    // With `file:` before it, no name of a file is taken for an option or an address.
    let mut input = std::ffi::OsString::from("file:");
    input.push(clip);
    let mut command = Command::new(program);
    command
        .args(["-nostdin", "-hide_banner", "-loglevel", "error"])
        .args(["-protocol_whitelist", "file"])
        .arg("-i")
        .arg(input)
        .args(["-map", "0:v:0", "-vf", &format!("fps={fps}")])
        .args(["-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24"])
        .arg("pipe:1");
    Feed::start(&mut command, |output| read_ppm(output).transpose()).map_err(|source| {
        CameraError::NoDecoder {
            program: program.into(),
            clip: clip.into(),
            source,
        }
    })
}

/// One binary PPM picture of 8 bits a channel; `None` at the end, or where the last picture is
/// cut off, which is what a killed child leaves.
fn read_ppm(from: &mut impl BufRead) -> Result<Option<Frame>, String> {
    let mut header = [0_usize; 3];
    let mut magic = [0; 2];
    if from.read_exact(&mut magic).is_err() {
        return Ok(None);
    }
    if &magic != b"P6" {
        return Err("ffmpeg wrote something that is no PPM picture".into());
    }
    for (at, number) in header.iter_mut().enumerate() {
        match read_number(from) {
            Some(n) => *number = n,
            None => return Err(format!("ffmpeg wrote a PPM header without number {at}")),
        }
    }
    let [width, height, most] = header;
    let pixels = width.saturating_mul(height);
    if most != 255 || pixels == 0 || pixels > MOST_PIXELS {
        return Err(format!(
            "its picture of {width}×{height} is not within 1 and {MOST_PIXELS} pixels"
        ));
    }
    let mut rgb = vec![0; pixels * 3];
    if from.read_exact(&mut rgb).is_err() {
        return Ok(None);
    }
    Frame::from_rgb8(width as u32, height as u32, rgb)
        .map(Some)
        .map_err(|e| e.to_string())
}

/// A decimal number between white space, of which exactly one byte is taken behind it.
fn read_number(from: &mut impl BufRead) -> Option<usize> {
    let mut number: Option<usize> = None;
    for byte in from.bytes() {
        match byte.ok()? {
            digit @ b'0'..=b'9' => {
                let before = number.unwrap_or(0);
                number = Some(
                    before
                        .checked_mul(10)?
                        .checked_add(usize::from(digit - b'0'))?,
                );
            }
            space if space.is_ascii_whitespace() => {
                if number.is_some() {
                    return number;
                }
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ppm(bytes: &[u8]) -> Result<Option<Frame>, String> {
        read_ppm(&mut &bytes[..])
    }

    #[test]
    fn pictures_are_read_one_after_the_other() {
        let stream = b"P6\n2 1\n255\nabcdefP6 1 1 255 xyz";
        let mut from = &stream[..];
        let first = read_ppm(&mut from).unwrap().unwrap();
        assert_eq!((first.width(), first.height()), (2, 1));
        assert_eq!(first.rgb(), b"abcdef");
        assert_eq!(read_ppm(&mut from).unwrap().unwrap().rgb(), b"xyz");
        assert!(read_ppm(&mut from).unwrap().is_none());
    }

    #[test]
    fn what_is_cut_off_is_the_end_and_what_is_odd_is_refused() {
        assert!(ppm(b"P6\n2 1\n255\nabc").unwrap().is_none());
        assert!(ppm(b"").unwrap().is_none());
        assert!(ppm(b"GIF89a").unwrap_err().contains("no PPM picture"));
        assert!(
            ppm(b"P6\n2 x\n255\nabc")
                .unwrap_err()
                .contains("without number 1")
        );
        assert!(
            ppm(b"P6\n99999 99999\n255\n")
                .unwrap_err()
                .contains("99999×99999")
        );
        assert!(ppm(b"P6\n0 1\n255\n").unwrap_err().contains("0×1"));
        let endless = b"P6\n99999999999999999999999 1\n255\n";
        assert!(ppm(endless).unwrap_err().contains("without number 0"));
    }

    #[test]
    fn a_missing_program_is_named_with_what_to_install() {
        let clip = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let opened = Clip::open_with(
            Path::new("/no/such/ffmpeg"),
            clip,
            &config::Camera::default(),
        );
        let said = opened.err().unwrap().to_string();
        assert!(
            said.contains("cannot start /no/such/ffmpeg") && said.contains("apt install ffmpeg"),
            "{said}"
        );
    }

    #[test]
    fn a_clip_that_is_not_there_is_named() {
        let opened = Clip::open(Path::new("/no/such.mp4"), &config::Camera::default());
        let said = opened.err().unwrap().to_string();
        assert!(
            said.starts_with("cannot read the clip /no/such.mp4: "),
            "{said}"
        );
    }
}
