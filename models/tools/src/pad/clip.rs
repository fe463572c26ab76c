//! Frames of a clip, read by ffmpeg.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use limen_face::Frame;

/// Frames a second at which everything is looked at: what a terminal's camera gives.
pub const FPS: u32 = 10;

/// The frames of a clip, [`FPS`] a second.
///
/// # Errors
/// When there is no ffmpeg, or it can't read the clip.
pub fn frames(path: &Path) -> anyhow::Result<Vec<Frame>> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args(["-vf", &format!("fps={FPS}")])
        .args(["-f", "image2pipe", "-c:v", "ppm", "-"])
        .output()
        .context("can't run ffmpeg, which reads the clips: install it")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("ffmpeg can't read {}: {}", path.display(), said.trim());
    }
    split(&output.stdout).with_context(|| format!("ffmpeg gave no pictures of {}", path.display()))
}

/// Pictures one after another, each a binary PPM with the head that ffmpeg writes: `P6`, the size and 255 in a line
/// each.
fn split(mut bytes: &[u8]) -> Option<Vec<Frame>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let mut lines = bytes.splitn(4, |&byte| byte == b'\n');
        let (kind, size, most, rest) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        let (width, height) = std::str::from_utf8(size).ok()?.split_once(' ')?;
        let (width, height): (u32, u32) = (width.parse().ok()?, height.parse().ok()?);
        let pixels = 3 * width as usize * height as usize;
        if kind != b"P6" || most != b"255" || rest.len() < pixels {
            return None;
        }
        frames.push(Frame::from_rgb8(width, height, rest[..pixels].to_vec()).ok()?);
        bytes = &rest[pixels..];
    }
    Some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_taken_apart_by_their_heads() {
        // A pixel may look like the end of a line.
        let two = b"P6\n1 2\n255\n\nbcdefP6\n2 1\n255\nghi\nkl";
        let frames = split(two).unwrap();
        let sizes: Vec<_> = frames
            .iter()
            .map(|frame| (frame.width(), frame.height()))
            .collect();
        assert_eq!(sizes, [(1, 2), (2, 1)]);
        assert_eq!([frames[0].rgb(), frames[1].rgb()], [b"\nbcdef", b"ghi\nkl"]);
        assert!(split(&two[..two.len() - 1]).is_none(), "cut off");
        assert!(split(b"P5\n1 1\n255\na").is_none());
    }
}
