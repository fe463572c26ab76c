//! Buffers as cameras give them.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Frame, PictureError, checked_size};

/// Longest side that a camera's JPEG may have, in pixels.
const MAX_SIDE: usize = 8192;

impl Frame {
    /// From V4L2's `YUYV` (4:2:2, Y₀ U Y₁ V, ITU-R BT.601 with limited range, as UVC cameras give it), rows
    /// without padding. Bytes behind the last row are left alone.
    ///
    /// # Errors
    /// When the width is odd, the buffer is too short, or there are no pixels or too many.
    pub fn from_yuyv(bytes: &[u8], width: u32, height: u32) -> Result<Self, PictureError> {
        let pixels = checked_size(width, height)?;
        if !width.is_multiple_of(2) {
            return Err(PictureError::OddWidth { width });
        }
        let bytes = whole("YUYV", bytes, width, height, 2 * pixels)?;
        let mut rgb = vec![0; 3 * pixels as usize];
        for (pair, out) in bytes.chunks_exact(4).zip(rgb.chunks_exact_mut(6)) {
            let (u, v) = (i32::from(pair[1]) - 128, i32::from(pair[3]) - 128);
            for (luma, out) in [pair[0], pair[2]].into_iter().zip(out.chunks_exact_mut(3)) {
                let y = 298 * (i32::from(luma) - 16) + 128;
                out[0] = clipped(y + 409 * v);
                out[1] = clipped(y - 100 * u - 208 * v);
                out[2] = clipped(y + 516 * u);
            }
        }
        Self::from_rgb8(width, height, rgb)
    }

    /// From V4L2's `GREY`, one byte a pixel, as infrared cameras give it. Bytes behind the last row are left
    /// alone.
    ///
    /// # Errors
    /// When the buffer is too short, or there are no pixels or too many.
    pub fn from_grey(bytes: &[u8], width: u32, height: u32) -> Result<Self, PictureError> {
        let pixels = checked_size(width, height)?;
        let bytes = whole("GREY", bytes, width, height, pixels)?;
        let rgb = bytes.iter().flat_map(|&value| [value; 3]).collect();
        Self::from_rgb8(width, height, rgb)
    }

    /// From one picture of an `MJPG` stream. Such pictures may lack their Huffman tables (the standard's are
    /// meant) and carry no orientation.
    ///
    /// # Errors
    /// When it is no JPEG, or a damaged one that gives no whole picture, or has too many pixels.
    pub fn from_mjpeg(bytes: &[u8]) -> Result<Self, PictureError> {
        if bytes.is_empty() {
            return Err(PictureError::Empty);
        }
        let damaged = |source| PictureError::Damaged {
            format: "MJPEG",
            source: Box::new(source),
        };
        let options = DecoderOptions::default()
            .set_max_width(MAX_SIDE)
            .set_max_height(MAX_SIDE)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(damaged)?;
        let (width, height) = decoder.dimensions().unwrap_or((0, 0));
        // MAX_SIDE is far below 2³².
        let (width, height) = (width as u32, height as u32);
        checked_size(width, height)?;
        let rgb = decoder.decode().map_err(damaged)?;
        Self::from_rgb8(width, height, rgb)
    }
}

/// The bytes of the picture itself, when there are that many.
fn whole<'a>(
    format: &'static str,
    bytes: &'a [u8],
    width: u32,
    height: u32,
    wanted: u64,
) -> Result<&'a [u8], PictureError> {
    let short = PictureError::Length {
        format,
        width,
        height,
        wanted,
        given: bytes.len(),
    };
    bytes.get(..wanted as usize).ok_or(short)
}

/// A value of 8 fractional bits as a byte.
fn clipped(value: i32) -> u8 {
    (value >> 8).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // BT.601, limited range: the primaries of a colour bar.
    #[rstest]
    #[case([16, 128, 128], [0, 0, 0])]
    #[case([235, 128, 128], [255, 255, 255])]
    #[case([126, 128, 128], [128, 128, 128])]
    #[case([81, 90, 240], [255, 0, 0])]
    #[case([145, 54, 34], [0, 255, 1])]
    #[case([41, 240, 110], [0, 0, 255])]
    fn yuyv_is_read_as_bt601(#[case] yuv: [u8; 3], #[case] rgb: [i16; 3]) {
        let [y, u, v] = yuv;
        let frame = Frame::from_yuyv(&[y, u, y, v], 2, 1).unwrap();
        for (found, wanted) in frame.rgb().iter().zip([rgb, rgb].concat()) {
            assert!(
                (i16::from(*found) - wanted).abs() <= 1,
                "{:?} for {yuv:?}",
                frame.rgb()
            );
        }
    }

    #[test]
    fn yuyv_keeps_its_pixels_in_order() {
        let frame = Frame::from_yuyv(&[16, 128, 235, 128, 235, 128, 16, 128, 9, 9], 2, 2).unwrap();
        let first: Vec<u8> = frame.rgb().chunks_exact(3).map(|pixel| pixel[0]).collect();
        assert_eq!(first, [0, 255, 255, 0]);
    }

    #[test]
    fn buffers_that_are_too_short_are_refused_in_words() {
        let error = Frame::from_yuyv(&[0; 7], 2, 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a YUYV frame of 2×2 has 8 bytes, the camera gave 7"
        );
        let error = Frame::from_grey(&[0; 3], 2, 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a GREY frame of 2×2 has 4 bytes, the camera gave 3"
        );
        let error = Frame::from_yuyv(&[0; 12], 3, 2).unwrap_err();
        assert_eq!(error.to_string(), "a YUYV frame has an even width, not 3");
    }

    #[test]
    fn grey_becomes_three_equal_colours() {
        let frame = Frame::from_grey(&[7, 8], 2, 1).unwrap();
        assert_eq!(frame.rgb(), [7, 7, 7, 8, 8, 8]);
    }

    #[test]
    fn garbage_is_no_mjpeg() {
        assert!(matches!(Frame::from_mjpeg(&[]), Err(PictureError::Empty)));
        let error = Frame::from_mjpeg(&[0x5a; 4096]).unwrap_err();
        assert_eq!(error.to_string(), "the MJPEG picture is damaged");
    }
}
