//! Pixels to who: finds faces in a picture, and says whose they are.
//!
//! A picture goes through these stages, each a module of its own:
//!
//! 1. [`frame`]: a camera's buffer or an uploaded file becomes a [`Frame`], 8-bit RGB. Uploads are hostile until
//!    shown otherwise: sizes are limited before anything is decoded.
//! 2. [`detect`]: BlazeFace finds the faces. [`only_face`] says whether exactly one person can be meant. Of a
//!    camera's frames [`watch`] says where to look at all.
//! 3. [`align`]: dlib's five landmarks, and the upright face chip cut by them, the same pixels as dlib cuts.
//! 4. [`quality`]: whether the face is large, lit, frontal, free and sharp enough to be worth the next stage.
//! 5. [`embed`]: dlib's ResNet makes 128 numbers of the chip; the nearer, the more alike.
//! 6. [`gallery`]: several photos of a person are a [`Template`], several frames of a visit a [`Probe`], and the
//!    [`Gallery`] finds who is near.
//! 7. [`policy`]: who it is, or that it is nobody or could be two. How near is near enough comes from
//!    measurements, for a stated rate of strangers let in, never from one tolerance for all.
//! 8. [`pad`]: whether it is a living face that moves there, or somebody's picture that is held into the camera.
//!
//! ```
//! use limen_face::{Calibration, Decision, Frame, Gallery, Models, Probe, Template, only_face};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
//! # let [first, second, visit] = [
//! #     &include_bytes!("../../pictures/obama.jpg")[..],
//! #     &include_bytes!("../../pictures/obama3.jpg")[..],
//! #     &include_bytes!("../../pictures/obama2.jpg")[..],
//! # ];
//! let models = Models::load(folder)?;
//! let embedding = |file: &[u8]| -> Result<_, Box<dyn std::error::Error>> {
//!     let frame = Frame::decode(file)?;
//!     let faces = models.detect(&frame)?;
//!     Ok(models.embed(&frame, only_face(&faces, &frame)?)?)
//! };
//!
//! // Enrolment: some photos of somebody, the more days apart the better.
//! let template = Template::from_photos(&[embedding(first)?, embedding(second)?])?;
//! let gallery = Gallery::new(vec![("barack", template)], Calibration::load(folder)?);
//!
//! // A visit. A stranger may be let in at one visit of a thousand.
//! let probe = Probe::from_frames(&[embedding(visit)?])?;
//! assert!(matches!(gallery.identify(&probe, 1e-3), Decision::Match { id: "barack", .. }));
//! # Ok(())
//! # }
//! ```
//!
//! What it refuses to know: clocks, threads, sockets, databases and configuration. [`zoo`] alone reads files (the
//! models, each checked against its hash) and knows the inference engine. It gives no similarity score away, and
//! nothing here prints a face, an embedding or a template.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that fails may panic")
)]

pub mod align;
pub mod detect;
pub mod embed;
pub mod frame;
pub mod gallery;
pub mod pad;
pub mod policy;
pub mod quality;
pub mod watch;
pub mod zoo;

pub use align::{Aligned, Chip};
pub use detect::{Detection, NotOneFace, only_face};
pub use embed::Embedding;
pub use frame::{Frame, PictureError};
pub use gallery::{Calibration, Gallery, Probe, Shot, Template, TemplateError};
pub use policy::{Decision, Grade, SecondFactor, verification_tolerance, verify};
pub use quality::Quality;
pub use watch::Watch;
pub use zoo::{Models, ZooError};

/// A face that could not be processed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaceError {
    /// The five points fell together: what was found is no face.
    #[error("what was found in the picture has no shape of a face")]
    NoShape,
    /// A network did not run or gave something odd: a bug or a broken machine.
    #[error("the network {id} failed: {why}")]
    Network {
        /// Its id in `zoo.toml`.
        id: &'static str,
        /// What happened.
        why: String,
    },
}
