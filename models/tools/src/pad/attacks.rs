//! The attacks that are composed.

use limen_face::Frame;

use super::clip::FPS;
use super::compose::{self, Hold, Material, Sheet, Still};
use super::trial::FRAMES;

/// Widths of the face in pixels: three distances.
pub const WIDTHS_PX: [f32; 3] = [60.0, 85.0, 120.0];
/// Where the head of whoever is in the clips is, in pixels: attacks are held before it.
const HEAD: [f32; 2] = [305.0, 140.0];

/// A way to attack.
#[derive(Clone, Copy)]
pub struct Kind {
    /// For the page.
    pub name: &'static str,
    /// What it is shown on.
    pub sheet: Sheet,
    /// How much the hand sways; none where it stands on something.
    sways: f32,
    /// A clip of somebody is shown, not a picture.
    pub replays: bool,
}

/// A picture that a hand holds.
const fn held(name: &'static str, material: Material, size: [f32; 4]) -> Kind {
    let [half_width, above, below, border] = size;
    let sheet = Sheet {
        half_width,
        above,
        below,
        border,
        material,
    };
    Kind {
        name,
        sheet,
        sways: 1.0,
        replays: false,
    }
}

impl Kind {
    /// A clip of somebody in place of the picture.
    const fn replaying(self) -> Self {
        Self {
            replays: true,
            ..self
        }
    }

    /// Nobody holds it.
    const fn standing(self) -> Self {
        Self { sways: 0.0, ..self }
    }
}

const A4: [f32; 4] = [1.1, 1.2, 1.4, 0.1];
const TABLET: [f32; 4] = [1.1, 1.2, 1.3, 0.15];
const MONITOR: [f32; 4] = [2.2, 1.4, 1.6, 0.2];

/// All that are composed.
pub const KINDS: [Kind; 11] = [
    held(
        "print, cut close",
        Material::Paper,
        [0.75, 1.05, 0.95, 0.06],
    ),
    held("print, A4", Material::Paper, A4),
    held("poster", Material::Paper, [1.8, 1.7, 2.4, 0.15]),
    held("telephone", Material::Screen, [0.75, 1.5, 1.4, 0.08]),
    held("tablet", Material::Screen, TABLET),
    held("monitor, carried", Material::Screen, MONITOR),
    held("replay on a tablet", Material::Screen, TABLET).replaying(),
    held("replay on a monitor that stands", Material::Screen, MONITOR)
        .replaying()
        .standing(),
    held("print, A4, held by a stand", Material::Paper, A4).standing(),
    held(
        "poster that fills the view",
        Material::Paper,
        [9.0, 9.0, 9.0, 0.0],
    ),
    held("head cut out of a print", Material::CutOut, [0.0; 4]),
];

impl Kind {
    /// The frames of a visit: held before whoever is in a clip, and replaying the frames of another where it does.
    pub fn before(
        &self,
        scene: &[Frame],
        still: &Still,
        replayed: Option<&[Frame]>,
        number: usize,
        face_px: f32,
    ) -> Vec<Frame> {
        let hold = held_before_head(face_px);
        let frames = scene.iter().take(FRAMES).enumerate();
        let laid = frames.map(|(place, frame)| {
            let hold = hold.swaying(number, place as f32 / FPS as f32, self.sways);
            let seed = place as u64 + 1;
            let shown = replayed.map(|clip| still.showing(&clip[place % clip.len()]));
            compose::lay(
                frame,
                shown.as_ref().unwrap_or(still),
                &self.sheet,
                &hold,
                seed,
            )
        });
        laid.collect()
    }
}

/// Straight before the head of whoever is in the clips.
pub fn held_before_head(face_px: f32) -> Hold {
    Hold::straight([HEAD[0], HEAD[1] + face_px / 2.0], face_px)
}
