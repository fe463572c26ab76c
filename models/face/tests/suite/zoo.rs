//! Model folders that are refused, in words.

use std::fs;
use std::path::Path;

use limen_face::{Calibration, Models, ZooError};

use crate::support::models_folder;

fn refusal(folder: &Path) -> ZooError {
    Models::load(folder).unwrap_err()
}

/// A copy of `zoo.toml` with some text exchanged, and the landmarks beside it.
fn folder(from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(models_folder().join("zoo.toml")).unwrap();
    assert!(text.contains(from));
    fs::write(folder.path().join("zoo.toml"), text.replacen(from, to, 1)).unwrap();
    fs::create_dir(folder.path().join("onnx")).unwrap();
    let landmarks = "onnx/landmarks5.bin";
    fs::copy(
        models_folder().join(landmarks),
        folder.path().join(landmarks),
    )
    .unwrap();
    folder
}

#[test]
fn a_file_that_was_exchanged_is_refused_by_its_hash() {
    let folder = folder("", "");
    let path = folder.path().join("onnx/landmarks5.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[2_000_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = refusal(folder.path());
    assert!(matches!(error, ZooError::Hash { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("landmarks5.bin is not the file that zoo.toml describes"),
        "{message}"
    );
    assert!(message.contains("install it again"), "{message}");
}

#[test]
fn a_missing_file_is_named() {
    let folder = folder("", "");
    // The landmarks are there, the networks are not.
    let message = refusal(folder.path()).to_string();
    assert!(
        message.starts_with("can't read ") && message.ends_with(".onnx"),
        "{message}"
    );
    let empty = tempfile::tempdir().unwrap();
    let message = refusal(empty.path()).to_string();
    assert!(message.ends_with("zoo.toml"), "{message}");
    let message = Calibration::load(empty.path()).unwrap_err().to_string();
    assert!(message.ends_with("calibration.csv"), "{message}");
}

#[test]
fn a_model_of_another_version_is_refused() {
    let error = refusal(folder("dlib-landmarks5", "dlib-landmarks68").path());
    let message = error.to_string();
    assert!(
        message.contains("lists no model \"dlib-landmarks5\""),
        "{message}"
    );
    let error = refusal(folder("input = [1, 3, 256, 256]", "input = [1, 3, 128, 128]").path());
    let message = error.to_string();
    assert!(
        message.contains("input [1, 3, 128, 128], [1, 3, 256, 256] is expected"),
        "{message}"
    );
    let error = refusal(folder("metric = ", "metrics = ").path());
    assert!(matches!(error, ZooError::Describe { .. }), "{error}");
}

#[test]
fn the_models_name_their_embedding() {
    assert_eq!(crate::support::MODELS.embedding_id(), "dlib-resnet34-v1");
}
