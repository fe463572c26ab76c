//! A picture in memory, and the ways it gets there: from a camera's buffer or from an uploaded file.

mod camera;
mod upload;

use std::fmt;

/// Most pixels of any picture: 24 million, a large telephone's photo.
pub const MAX_PIXELS: u64 = 24_000_000;

/// A picture that can't be made into a [`Frame`], in words for whoever sent it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// There is nothing to decode.
    #[error("the picture is empty: send a JPEG, PNG, WebP or BMP file")]
    Empty,
    /// The first bytes are those of no format that is read here.
    #[error("this is not a JPEG, PNG, WebP or BMP picture")]
    UnknownFormat,
    /// A format or a variant of one that is not read here.
    #[error("this kind of {format} picture is not supported: send a JPEG, PNG, WebP or BMP file")]
    Unsupported {
        /// What the file says it is.
        format: &'static str,
    },
    /// No pixels.
    #[error("a picture of {width}×{height} pixels shows nothing")]
    NoPixels {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// More pixels than [`MAX_PIXELS`].
    #[error("a picture of {width}×{height} pixels is too large: {} million pixels at most", MAX_PIXELS / 1_000_000)]
    TooManyPixels {
        /// In pixels.
        width: u64,
        /// In pixels.
        height: u64,
    },
    /// Decoding it would take more memory than a picture may.
    #[error("the picture takes too much memory to decode: send it smaller, with 8 bits a colour")]
    TooMuchMemory,
    /// It starts well and is damaged.
    #[error("the {format} picture is damaged")]
    Damaged {
        /// What the file says it is.
        format: &'static str,
        /// What the decoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A camera's buffer whose length is not that of its format.
    #[error("a {format} frame of {width}×{height} has {wanted} bytes, the camera gave {given}")]
    Length {
        /// The pixel format.
        format: &'static str,
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// Bytes that a frame of this size has.
        wanted: u64,
        /// Bytes that were given.
        given: usize,
    },
    /// YUYV keeps two pixels in four bytes.
    #[error("a YUYV frame has an even width, not {width}")]
    OddWidth {
        /// In pixels.
        width: u32,
    },
}

/// A picture: 8-bit RGB (sRGB), row by row from the top, each row from the left, no padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Frame {
    /// Takes pixels that are already in a frame's own layout: R, G, B, row by row from the top.
    ///
    /// # Errors
    /// When there are no pixels, too many, or their number is not `width · height · 3`.
    pub fn from_rgb8(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, PictureError> {
        let pixels = checked_size(width, height)?;
        if rgb.len() as u64 != 3 * pixels {
            return Err(PictureError::Length {
                format: "RGB8",
                width,
                height,
                wanted: 3 * pixels,
                given: rgb.len(),
            });
        }
        Ok(Self { width, height, rgb })
    }

    /// In pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels: R, G, B, row by row from the top, `width · height · 3` bytes.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }
}

/// Faces are not for logs: the size alone is shown.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({}×{})", self.width, self.height)
    }
}

/// The number of pixels, when a frame may have so many.
fn checked_size(width: u32, height: u32) -> Result<u64, PictureError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(PictureError::NoPixels { width, height });
    }
    if pixels > MAX_PIXELS {
        return Err(PictureError::TooManyPixels {
            width: width.into(),
            height: height.into(),
        });
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_as_many_bytes_as_its_size_says() {
        let frame = Frame::from_rgb8(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!((frame.width(), frame.height()), (2, 1));
        assert_eq!(frame.rgb(), [1, 2, 3, 4, 5, 6]);
        let error = Frame::from_rgb8(2, 2, vec![0; 11]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a RGB8 frame of 2×2 has 12 bytes, the camera gave 11"
        );
    }

    #[test]
    fn sizes_without_pixels_or_with_too_many_are_refused() {
        assert!(matches!(
            Frame::from_rgb8(0, 5, Vec::new()),
            Err(PictureError::NoPixels { .. })
        ));
        let error = Frame::from_rgb8(u32::MAX, u32::MAX, Vec::new()).unwrap_err();
        assert!(
            error.to_string().contains("24 million pixels at most"),
            "{error}"
        );
    }

    #[test]
    fn pixels_are_not_printed() {
        let frame = Frame::from_rgb8(1, 1, vec![77, 78, 79]).unwrap();
        assert_eq!(format!("{frame:?}"), "Frame(1×1)");
    }
}
