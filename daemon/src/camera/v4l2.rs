//! A V4L2 camera. Only here and in its folder the crate `v4l` is named.

mod devices;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use limen_face::{Frame, PictureError};
use v4l::buffer::{Flags, Type};
use v4l::capability::Flags as Can;
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture;
use v4l::{Device, Format, FourCC};

use super::{CameraError, FrameSource, MOST_BAD, PATIENCE};
use crate::config;

pub use devices::{Found, Offered, found};

/// Buffers that the driver fills in turn.
const BUFFERS: u32 = 4;

/// Up to this many pixels a frame, plain YUYV passes USB 2 at a full rate; above, MJPG is faster.
const PLAIN_UP_TO: u32 = 640 * 480;

const NO_SUCH_DEVICE: i32 = 19;

/// How the camera lays out its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pixels {
    Yuyv,
    Mjpeg,
    Grey,
}

impl Pixels {
    fn of(code: FourCC) -> Option<Self> {
        match &code.repr {
            b"YUYV" => Some(Self::Yuyv),
            b"MJPG" | b"JPEG" => Some(Self::Mjpeg),
            b"GREY" => Some(Self::Grey),
            _ => None,
        }
    }
}

/// A camera that streams.
pub(super) struct V4l2 {
    device: PathBuf,
    /// Only `None` while it is dropped.
    stream: Option<Stream<'static>>,
    layout: Layout,
}

/// What a buffer holds.
#[derive(Debug, Clone, Copy)]
struct Layout {
    pixels: Pixels,
    width: u32,
    height: u32,
    /// Bytes from one row to the next.
    stride: usize,
}

impl V4l2 {
    /// Opens the device, chooses a format and starts to stream.
    pub(super) fn open(path: &Path, camera: &config::Camera) -> Result<Self, CameraError> {
        let failed = |doing, source| device_error(path, doing, source);
        if !path.exists() {
            return Err(CameraError::Missing {
                device: path.into(),
                found: what_there_is(),
            });
        }
        let device = Device::with_path(path).map_err(|e| failed("open", e))?;
        let able = device.query_caps().is_ok_and(|found| {
            found
                .capabilities
                .contains(Can::VIDEO_CAPTURE | Can::STREAMING)
        });
        if !able {
            return Err(CameraError::NotACamera {
                device: path.into(),
                found: what_there_is(),
            });
        }
        let (pixels, format) = choose(&device, path, camera)?;
        let mut stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS)
            .map_err(|e| failed("get buffers from", e))?;
        stream.set_timeout(PATIENCE);
        tracing::info!(
            camera = %path.display(),
            format = %format.fourcc,
            width = format.width,
            height = format.height,
            "the camera streams"
        );
        Ok(Self {
            device: path.into(),
            stream: Some(stream),
            layout: Layout {
                pixels,
                width: format.width,
                height: format.height,
                stride: format.stride as usize,
            },
        })
    }

    /// The next buffer as a frame. `Ok(Err(…))` is a buffer that could not be decoded.
    fn grab(&mut self) -> Result<Result<Frame, String>, CameraError> {
        let Some(stream) = &mut self.stream else {
            return Ok(Err("the camera is being closed".into()));
        };
        let (bytes, about) = match stream.next() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(CameraError::Silent {
                    what: format!("the camera {}", self.device.display()),
                    seconds: PATIENCE.as_secs(),
                });
            }
            // A signal broke the wait off when the buffer was already with the driver, and it must
            // come back before it can be given again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                return match stream.dequeue() {
                    Ok(_) => Ok(Err("a signal came in between".into())),
                    Err(error) => Err(device_error(&self.device, "read from", error)),
                };
            }
            Err(error) => return Err(device_error(&self.device, "read from", error)),
        };
        let used = (about.bytesused as usize).min(bytes.len());
        if about.flags.contains(Flags::ERROR) {
            return Ok(Err("the driver says that it is damaged".into()));
        }
        Ok(self
            .layout
            .decode(&bytes[..used])
            .map_err(|e| e.to_string()))
    }
}

impl Layout {
    fn decode(&self, bytes: &[u8]) -> Result<Frame, PictureError> {
        let (width, height) = (self.width, self.height);
        let packed = |a_pixel| {
            rows(
                bytes,
                self.stride,
                width as usize * a_pixel,
                height as usize,
            )
        };
        match self.pixels {
            Pixels::Yuyv => Frame::from_yuyv(&packed(2), width, height),
            Pixels::Mjpeg => Frame::from_mjpeg(bytes),
            Pixels::Grey => Frame::from_grey(&packed(1), width, height),
        }
    }
}

impl FrameSource for V4l2 {
    fn next_frame(&mut self) -> Result<Option<Arc<Frame>>, CameraError> {
        let mut bad = 0;
        let began = Instant::now();
        loop {
            let why = match self.grab()? {
                Ok(frame) => return Ok(Some(Arc::new(frame))),
                Err(why) => why,
            };
            bad += 1;
            if bad == MOST_BAD || began.elapsed() >= PATIENCE {
                return Err(CameraError::Garbage {
                    device: self.device.clone(),
                    frames: bad,
                    last: why,
                });
            }
            tracing::debug!(camera = %self.device.display(), why, "a frame cannot be used");
        }
    }

    fn pace(&self) -> Option<Duration> {
        None
    }
}

impl Drop for V4l2 {
    fn drop(&mut self) {
        // The crate panics, twice, where a stream can't be stopped for another reason than that
        // the device is gone, and a second panic would end the program. Its buffers are left
        // mapped instead: the rare driver that does so costs some memory.
        if let Some(mut stream) = self.stream.take()
            && stream
                .stop()
                .is_err_and(|e| e.raw_os_error() != Some(NO_SUCH_DEVICE))
        {
            std::mem::forget(stream);
        }
    }
}

/// Sets the first format that the camera has of those that are understood, as near to the wanted
/// size as it goes.
fn choose(
    device: &Device,
    path: &Path,
    camera: &config::Camera,
) -> Result<(Pixels, Format), CameraError> {
    let offered = device
        .enum_formats()
        .map_err(|e| device_error(path, "ask for the formats of", e))?;
    let order = if camera.width * camera.height <= PLAIN_UP_TO {
        [Pixels::Yuyv, Pixels::Mjpeg, Pixels::Grey]
    } else {
        [Pixels::Mjpeg, Pixels::Yuyv, Pixels::Grey]
    };
    for wanted in order {
        for code in offered.iter().map(|o| o.fourcc) {
            if Pixels::of(code) != Some(wanted) {
                continue;
            }
            let format = device
                .set_format(&Format::new(camera.width, camera.height, code))
                .map_err(|e| device_error(path, "set the format of", e))?;
            // A driver answers with what it chose, which may be something else.
            if format.fourcc == code {
                return Ok((wanted, format));
            }
        }
    }
    let names: Vec<String> = offered.iter().map(|o| o.fourcc.to_string()).collect();
    Err(CameraError::Format {
        device: path.into(),
        offered: match names.join(", ") {
            none if none.is_empty() => "no format at all".into(),
            names => format!("only {names}"),
        },
    })
}

/// `height` rows of `row` bytes that begin every `stride` bytes, without what pads them.
fn rows(bytes: &[u8], stride: usize, row: usize, height: usize) -> Cow<'_, [u8]> {
    if stride <= row {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(
        bytes
            .chunks(stride)
            .take(height)
            .flat_map(|padded| &padded[..row.min(padded.len())])
            .copied()
            .collect(),
    )
}

fn device_error(device: &Path, doing: &'static str, source: io::Error) -> CameraError {
    let advice = match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; the user that runs this program must be in the group `video`"
        }
        io::ErrorKind::ResourceBusy => "; another program uses it",
        _ if source.raw_os_error() == Some(NO_SUCH_DEVICE) => "; it was unplugged",
        _ => "",
    };
    CameraError::Device {
        device: device.into(),
        doing,
        source,
        advice,
    }
}

/// The cameras of this machine, for somebody who named another one.
fn what_there_is() -> String {
    let nodes = devices::nodes();
    let names: Vec<String> = nodes
        .iter()
        .map(|node| node.display().to_string())
        .collect();
    if names.is_empty() {
        "this machine shows no camera at all; plug one in, or set camera.source to a folder of \
         pictures"
            .into()
    } else {
        format!(
            "there is {}; set camera.source to one of them",
            names.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &str) -> String {
        let result = V4l2::open(Path::new(path), &config::Camera::default());
        result.err().unwrap().to_string()
    }

    #[test]
    fn a_missing_camera_is_named_with_what_there_is() {
        let said = open("/dev/no-such-camera");
        assert!(
            said.starts_with("there is no camera /dev/no-such-camera: "),
            "{said}"
        );
        assert!(said.contains("camera.source"), "{said}");
    }

    #[test]
    fn what_is_no_camera_is_refused_in_words() {
        let said = open("/dev/null");
        assert!(
            said.starts_with("/dev/null is not a camera that streams"),
            "{said}"
        );
    }

    #[test]
    fn padding_between_rows_is_left_out() {
        let padded = [1, 2, 0, 3, 4, 0];
        assert_eq!(*rows(&padded, 3, 2, 2), [1, 2, 3, 4]);
        assert_eq!(*rows(&padded, 3, 2, 1), [1, 2]);
        assert_eq!(*rows(&padded[..5], 3, 2, 2), [1, 2, 3, 4]);
        assert!(matches!(rows(&padded, 2, 2, 3), Cow::Borrowed(_)));
        // MJPG has no rows.
        assert!(matches!(rows(&padded, 0, 2, 3), Cow::Borrowed(_)));
    }

    #[test]
    fn only_three_layouts_are_understood() {
        assert_eq!(Pixels::of(FourCC::new(b"MJPG")), Some(Pixels::Mjpeg));
        assert_eq!(Pixels::of(FourCC::new(b"H264")), None);
    }
}
