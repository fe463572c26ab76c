//! A face leaves no trace: neither its template nor its picture is readable in any file or log.

use std::path::Path;

use limen_face::{Frame, Models, Template, only_face};

use crate::pictures::bundled;
use crate::server::{Server, workspace};

/// The bytes of every file below a folder.
fn everything(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(everything(&path));
        } else {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    bytes
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn neither_template_nor_picture_is_readable_at_rest() {
    let picture = bundled("obama.jpg");
    let models = Models::load(&workspace().join("models")).unwrap();
    let frame = Frame::decode(&picture).unwrap();
    let faces = models.detect(&frame).unwrap();
    let embedding = models
        .embed(&frame, only_face(&faces, &frame).unwrap())
        .unwrap();
    let template = Template::from_photos(std::slice::from_ref(&embedding)).unwrap();
    let plain = template.to_bytes();
    let unit: Vec<u8> = embedding
        .unit()
        .0
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();

    let mut server = Server::open();
    let ada = server.employer("Ada", &picture, true).await;
    let token = server.token("Ada").await;
    server.employee("Carl", &ada, &token, &picture).await;
    let everything = |server: &Server| {
        let mut bytes = everything(&server.data());
        bytes.extend(server.place().dump());
        bytes
    };
    let running = everything(&server);
    assert!(server.terminate().success());
    let ended = everything(&server);
    let log = server.log();
    for (where_, bytes) in [
        ("the data folder", &running),
        ("the data folder after the end", &ended),
        ("the log", &log.into_bytes()),
    ] {
        for (what, secret) in [
            ("template", &plain),
            ("unit vector", &unit),
            ("picture", &picture),
        ] {
            for at in (16..secret.len() - 16).step_by(secret.len() / 7) {
                assert!(
                    !holds(bytes, &secret[at..at + 16]),
                    "a {what} is in {where_}"
                );
            }
        }
    }
    assert!(
        holds(&running, b"ada@example.org"),
        "the search finds what is there"
    );
}
