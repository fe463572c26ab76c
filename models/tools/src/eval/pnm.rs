//! PGM and PPM pictures, as older collections of faces have them. Nobody sends such a file to a terminal or to the
//! cloud, so limen-face doesn't know them.

use limen_face::{Frame, PictureError};

/// Most digits of a number in the head.
const MAX_DIGITS: usize = 6;

/// Decodes a binary PGM or PPM of 8 bits (`P5`, `P6`); none where it is something else.
pub fn decode(bytes: &[u8]) -> Option<Result<Frame, PictureError>> {
    let channels = match bytes.first_chunk()? {
        b"P5" => 1,
        b"P6" => 3,
        _ => return None,
    };
    let (width, rest) = number(bytes.get(2..)?)?;
    let (height, rest) = number(rest)?;
    let (most, rest) = number(rest)?;
    if most != 255 {
        return None;
    }
    // One white space ends the head; the pixels may look like some, too.
    let pixels = rest.get(1..)?;
    let rgb = if channels == 1 {
        pixels.iter().flat_map(|&grey| [grey; 3]).collect()
    } else {
        pixels.to_vec()
    };
    Some(Frame::from_rgb8(width, height, rgb))
}

/// A number of the head, after white space and comments, and what follows it.
fn number(mut bytes: &[u8]) -> Option<(u32, &[u8])> {
    loop {
        let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
        bytes = &bytes[start..];
        if bytes[0] != b'#' {
            break;
        }
        let end = bytes.iter().position(|&byte| byte == b'\n')?;
        bytes = &bytes[end..];
    }
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits > MAX_DIGITS {
        return None;
    }
    let text = std::str::from_utf8(&bytes[..digits]).ok()?;
    Some((text.parse().ok()?, &bytes[digits..]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn grey_and_colour_are_read() {
        let grey = decode(b"P5 # a comment\n2\t1 255\n\x0a\x20")
            .unwrap()
            .unwrap();
        assert_eq!(
            (grey.width(), grey.height(), grey.rgb()),
            (2, 1, &[10, 10, 10, 32, 32, 32][..])
        );
        let colour = decode(b"P6 1 1 255 abc").unwrap().unwrap();
        assert_eq!(colour.rgb(), b"abc");
    }

    #[rstest]
    #[case(b"")]
    #[case(b"P5")]
    #[case(b"P5 1")]
    #[case(b"P5 # 1 1 255")]
    #[case(b"P5 1 1 65535 ab")]
    #[case(b"P5 99999999999 1 255 a")]
    #[case(b"P2 1 1 255 0")]
    #[case(b"\xff\xd8\xff")]
    fn others_are_not(#[case] bytes: &[u8]) {
        assert!(decode(bytes).is_none());
    }

    #[rstest]
    #[case(b"P5 2 2 255 abc")]
    #[case(b"P5 2 2 255 abcde")]
    #[case(b"P6 0 9 255 ")]
    #[case(b"P5 999999 999999 255 a")]
    fn pixels_must_be_as_many_as_the_head_says(#[case] bytes: &[u8]) {
        assert!(decode(bytes).unwrap().is_err());
    }
}
