//! The pipeline on whole pictures: the golden files of dlib and onnxruntime, files that are refused, and, where a
//! collection of real faces is at hand, those.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "the pictures are files, and variables say where some lie"
)]

mod golden;
mod quality;
mod real_faces;
mod routes;
mod standing;
mod support;
mod zoo;
