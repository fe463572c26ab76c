//! A Raspberry Pi's ribbon camera, read by libcamera's own program `rpicam-vid` as a child process.
//!
//! Its Motion JPEG is taken: one picture ends where the next begins, whatever the sensor's rows are padded to, and a
//! torn one costs only itself.

use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use limen_face::Frame;

use super::child::{Feed, Given};
use super::{CameraError, FrameSource, MOST_BAD, PATIENCE};
use crate::config;

/// As many as a small computer decodes without effort; none waits for a look that takes longer.
const FRAMES_A_SECOND: &str = "15";

/// A picture with more bytes, or so many bytes without a picture, are garbage.
const MOST_BYTES: usize = 4 << 20;

/// The frames of a ribbon camera.
pub(super) struct Rpicam {
    program: PathBuf,
    feed: Feed,
}

impl Rpicam {
    /// Starts the program on the camera with this number.
    pub(super) fn open(number: u32, camera: &config::Camera) -> Result<Self, CameraError> {
        let program = camera.rpicam_program.clone();
        let mut command = Command::new(&program);
        command
            // Its log otherwise says on every start what it found.
            .env("LIBCAMERA_LOG_LEVELS", "*:ERROR")
            .args(["--verbose", "0", "--nopreview", "--timeout", "0"])
            .args(["--camera", &number.to_string()])
            .args(["--width", &camera.width.to_string()])
            .args(["--height", &camera.height.to_string()])
            .args(["--framerate", FRAMES_A_SECOND])
            .args(["--codec", "mjpeg", "--flush", "--output", "-"]);
        let feed = Feed::start(&mut command, read_jpeg).map_err(|source| {
            CameraError::NoRibbonProgram {
                program: program.clone(),
                source,
            }
        })?;
        tracing::info!(program = %program.display(), number, "the ribbon camera is read by a program");
        Ok(Self { program, feed })
    }
}

impl FrameSource for Rpicam {
    fn next_frame(&mut self) -> Result<Option<Arc<Frame>>, CameraError> {
        let mut bad = 0;
        let began = Instant::now();
        loop {
            let why = match self.feed.next(PATIENCE) {
                Ok(Ok(frame)) => return Ok(Some(Arc::new(frame))),
                Ok(Err(why)) => why,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(CameraError::Silent {
                        what: format!("the program {}", self.program.display()),
                        seconds: PATIENCE.as_secs(),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let (_, said) = self.feed.finish();
                    return Err(CameraError::RibbonEnded {
                        program: self.program.clone(),
                        said: match said.as_str() {
                            "" => "it said nothing".to_owned(),
                            _ => said,
                        },
                    });
                }
            };
            bad += 1;
            if bad == MOST_BAD || why == NO_PICTURE || began.elapsed() >= PATIENCE {
                return Err(CameraError::Garbage {
                    device: self.program.clone(),
                    frames: bad,
                    last: why,
                });
            }
        }
    }

    fn pace(&self) -> Option<Duration> {
        None
    }
}

const NO_PICTURE: &str = "four megabytes without a JPEG picture in them";

/// The next JPEG picture of a stream of them.
fn read_jpeg(from: &mut impl BufRead) -> Option<Given> {
    let mut bytes = Vec::new();
    match next_jpeg(from, &mut bytes) {
        Ok(true) => Some(Frame::from_mjpeg(&bytes).map_err(|error| error.to_string())),
        Ok(false) => Some(Err(NO_PICTURE.to_owned())),
        // The end, wherever it was.
        Err(_) => None,
    }
}

/// Puts the next picture into `into`, from its SOI to its EOI (ITU-T T.81, B.1.1.3); `false` where there is none
/// within [`MOST_BYTES`].
fn next_jpeg(from: &mut impl BufRead, into: &mut Vec<u8>) -> io::Result<bool> {
    let mut seen = 0;
    let mut is_inside = false;
    let mut last = 0;
    loop {
        let chunk = from.fill_buf()?;
        if chunk.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut used = 0;
        let mut is_whole = false;
        for &byte in chunk {
            used += 1;
            let marker = (last == 0xff).then_some(byte);
            last = byte;
            if !is_inside {
                if marker == Some(0xd8) {
                    is_inside = true;
                    into.extend([0xff, 0xd8]);
                }
                continue;
            }
            into.push(byte);
            // Within a picture's data 0xff is followed by a zero, and what libcamera writes has no thumbnail.
            if marker == Some(0xd9) {
                is_whole = true;
                break;
            }
        }
        from.consume(used);
        seen += used;
        if is_whole {
            return Ok(true);
        }
        if seen > MOST_BYTES {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn pictures_are_cut_out_of_the_stream_wherever_its_pieces_end() {
        let stream = b"\x01\xff\xd8one\xff\x00\xff\xd9junk\xd8\xff\xd8two\xff\xd9\xff\xd8cut";
        for size in [1, 2, 3, 7, 64] {
            let mut from = BufReader::with_capacity(size, &stream[..]);
            let mut next = || {
                let mut bytes = Vec::new();
                next_jpeg(&mut from, &mut bytes).map(|_| bytes)
            };
            assert_eq!(next().unwrap(), b"\xff\xd8one\xff\x00\xff\xd9", "{size}");
            assert_eq!(next().unwrap(), b"\xff\xd8two\xff\xd9", "{size}");
            assert!(next().is_err(), "what is cut off is the end");
        }
    }

    #[test]
    fn a_stream_without_a_picture_is_garbage_and_one_without_an_end_too() {
        for stream in [
            vec![7; 5 << 20],
            [&[0xff, 0xd8][..], &vec![7; 5 << 20]].concat(),
        ] {
            let mut from = &stream[..];
            let given = read_jpeg(&mut from).unwrap();
            assert_eq!(given.unwrap_err(), NO_PICTURE);
        }
        let given = read_jpeg(&mut &b"\xff\xd8no picture\xff\xd9"[..]).unwrap();
        assert!(given.unwrap_err().contains("MJPEG"));
    }
}
