//! Files as people send them: hostile until shown otherwise.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{Frame, PictureError, checked_size};

/// Most memory that decoding may take, in bytes.
const MAX_DECODED_BYTES: u64 = 96 * 1024 * 1024;

impl Frame {
    /// Decodes an uploaded JPEG, PNG, WebP or BMP file. The format is taken from its bytes, a name is not asked
    /// for; EXIF orientation is applied; of an animation the first picture counts; transparency is dropped.
    ///
    /// The size is looked at before anything is decoded, so that a small file can't ask for much memory.
    ///
    /// # Errors
    /// In words for whoever sent it: not one of these formats, damaged, too large.
    pub fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        if bytes.is_empty() {
            return Err(PictureError::Empty);
        }
        let guessed = image::guess_format(bytes).map_err(|_| PictureError::UnknownFormat)?;
        let format = match guessed {
            ImageFormat::Jpeg => "JPEG",
            ImageFormat::Png => "PNG",
            ImageFormat::WebP => "WebP",
            ImageFormat::Bmp => "BMP",
            _ => return Err(PictureError::UnknownFormat),
        };
        let refused = |error| refusal(format, error);

        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(MAX_DECODED_BYTES);
        let mut reader = ImageReader::with_format(Cursor::new(bytes), guessed);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(refused)?;
        let (width, height) = decoder.dimensions();
        checked_size(width, height)?;
        if decoder.total_bytes() > MAX_DECODED_BYTES {
            return Err(PictureError::TooMuchMemory);
        }
        // A picture with damaged metadata is still a picture.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(refused)?;
        image.apply_orientation(orientation);
        let (width, height) = (image.width(), image.height());
        Self::from_rgb8(width, height, image.into_rgb8().into_raw())
    }
}

fn refusal(format: &'static str, error: ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooMuchMemory,
        ImageError::Unsupported(_) => PictureError::Unsupported { format },
        other => PictureError::Damaged {
            format,
            source: Box::new(other),
        },
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageEncoder, Rgb, RgbImage};
    use rstest::rstest;

    use super::*;

    /// Three pixels wide, two high, every pixel another.
    fn picture() -> RgbImage {
        RgbImage::from_fn(3, 2, |x, y| Rgb([(40 * x) as u8, (90 * y) as u8, 7]))
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[rstest]
    #[case(ImageFormat::Png)]
    #[case(ImageFormat::Bmp)]
    #[case(ImageFormat::WebP)]
    fn lossless_files_come_back_as_they_were(#[case] format: ImageFormat) {
        let frame = Frame::decode(&encoded(format)).unwrap();
        assert_eq!((frame.width(), frame.height()), (3, 2));
        assert_eq!(frame.rgb(), picture().as_raw().as_slice());
    }

    #[test]
    fn a_jpeg_is_read_by_both_ways_alike() {
        let bytes = encoded(ImageFormat::Jpeg);
        assert_eq!(
            Frame::decode(&bytes).unwrap(),
            Frame::from_mjpeg(&bytes).unwrap()
        );
    }

    #[test]
    fn exif_orientation_turns_the_picture() {
        // "Rotate by 90 degrees to the right", in a PNG's eXIf chunk: TIFF header, one entry, tag 0x0112 = 6.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        encoder.set_exif_metadata(exif).unwrap();
        encoder
            .write_image(picture().as_raw(), 3, 2, image::ExtendedColorType::Rgb8)
            .unwrap();
        let frame = Frame::decode(&bytes).unwrap();
        assert_eq!((frame.width(), frame.height()), (2, 3));
        // Above left is now what was below left.
        assert_eq!(&frame.rgb()[..3], [0, 90, 7]);
    }

    #[test]
    fn what_is_no_picture_is_refused_in_words() {
        assert!(matches!(Frame::decode(b""), Err(PictureError::Empty)));
        for bytes in [
            &b"<html></html>"[..],
            b"GIF89a\x01\0\x01\0",
            b"\0",
            &[0xff; 64],
        ] {
            let error = Frame::decode(bytes).unwrap_err();
            assert_eq!(
                error.to_string(),
                "this is not a JPEG, PNG, WebP or BMP picture"
            );
        }
        let cut = &encoded(ImageFormat::Png)[..40];
        assert_eq!(
            Frame::decode(cut).unwrap_err().to_string(),
            "the PNG picture is damaged"
        );
    }

    #[test]
    fn a_header_that_promises_too_much_is_refused_before_decoding() {
        let mut bmp = encoded(ImageFormat::Bmp);
        bmp[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
        bmp[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
        let error = Frame::decode(&bmp).unwrap_err();
        let message = "a picture of 60000×60000 pixels is too large: 24 million pixels at most";
        assert_eq!(error.to_string(), message);
    }
}
