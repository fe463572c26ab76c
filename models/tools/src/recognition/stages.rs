//! The stages that a frame goes through: what they cost by their shapes, and what they take here.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use cpu_time::ThreadTime;
use limen_face::{Frame, Models};

use super::cost::{self, Cost};
use super::onnx;

/// Runs of each stage; their median counts.
const RUNS: usize = 60;
/// The picture that is looked at, and the size that it is brought to: that of a camera's frame.
const PICTURE: &str = "pictures/astronaut.png";
const SIZE: [u32; 2] = [640, 480];

/// One network.
pub struct Stage {
    pub name: &'static str,
    /// Whether it runs for somebody who stands near.
    pub is_near: bool,
    pub cost: Cost,
    /// CPU time of one thread, with what has to be done before and after the network.
    pub measured: Duration,
}

/// Derives the costs and takes the times.
pub fn measure(folder: &Path, models: &Models) -> anyhow::Result<Vec<Stage>> {
    let frame = frame(folder)?;
    let face = models
        .detect(&frame)?
        .into_iter()
        .next()
        .context("no face in the bundled picture")?;
    let chip = models.align(&frame, &face)?.chip;
    let cost = |file: &str| {
        let path = folder.join("onnx").join(file);
        let bytes =
            std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        cost::of(&onnx::read(&bytes)?)
            .with_context(|| format!("can't tell the cost of {}", path.display()))
    };
    Ok(vec![
        Stage {
            name: "detect, short range, 128×128",
            is_near: true,
            cost: cost("blazeface_short.onnx")?,
            measured: median(|| models.detect_near(&frame).map(drop))?,
        },
        Stage {
            name: "detect, 256×256",
            is_near: false,
            cost: cost("blazeface_back.onnx")?,
            measured: median(|| models.detect(&frame).map(drop))?,
        },
        Stage {
            name: "align",
            is_near: true,
            cost: Cost::default(),
            measured: median(|| models.align(&frame, &face).map(drop))?,
        },
        Stage {
            name: "embed, 150×150",
            is_near: true,
            cost: cost("resnet34.onnx")?,
            measured: median(|| models.embed_chip(&chip).map(drop))?,
        },
    ])
}

fn median<E>(mut run: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    // The first run allocates.
    run()?;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = ThreadTime::now();
        run()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[RUNS / 2])
}

/// The picture with every pixel the nearest one.
fn frame(folder: &Path) -> anyhow::Result<Frame> {
    let path = folder.join(PICTURE);
    let bytes = std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
    let picture = Frame::decode(&bytes)?;
    let [width, height] = SIZE;
    let mut rgb = Vec::with_capacity(3 * (width * height) as usize);
    for y in 0..height {
        for x in 0..width {
            // The shorter side fills the frame, so that the face keeps its shape; beside it the edge goes on.
            let from = |at: u32, side: u32, whole: u32| {
                let centred = i64::from(at) - i64::from(side / 2);
                let scaled = centred * i64::from(picture.height()) / i64::from(height)
                    + i64::from(whole / 2);
                scaled.clamp(0, i64::from(whole) - 1) as usize
            };
            let (column, row) = (
                from(x, width, picture.width()),
                from(y, height, picture.height()),
            );
            let start = 3 * (row * picture.width() as usize + column);
            rgb.extend_from_slice(&picture.rgb()[start..start + 3]);
        }
    }
    Ok(Frame::from_rgb8(width, height, rgb)?)
}
