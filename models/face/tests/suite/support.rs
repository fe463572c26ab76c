//! Where the files are.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use limen_face::{Frame, Models};

/// The folder with `zoo.toml`, `golden/` and `pictures/`.
pub fn models_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The models, loaded once for all tests of this process.
pub static MODELS: LazyLock<Models> = LazyLock::new(|| Models::load(&models_folder()).unwrap());

/// A picture file as a frame.
pub fn picture(path: &Path) -> Frame {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Frame::decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
