//! How a gallery of the bundled photographs stands.

use limen_face::policy::{Alike, Scale, standing};
use limen_face::{Calibration, Decision, Embedding, Gallery, Probe, Template, only_face};

use crate::support::{MODELS, models_folder, picture};

fn face(name: &str) -> Embedding {
    let frame = picture(&models_folder().join("pictures").join(name));
    let faces = MODELS.detect(&frame).unwrap();
    MODELS
        .embed(&frame, only_face(&faces, &frame).unwrap())
        .unwrap()
}

fn gallery(people: &[(&'static str, &Embedding)]) -> Gallery<&'static str> {
    let template = |(name, face): &(&'static str, &Embedding)| {
        let photos = std::slice::from_ref(*face);
        (*name, Template::from_photos(photos).unwrap())
    };
    let calibration = Calibration::load(&models_folder()).unwrap();
    Gallery::new(people.iter().map(template).collect(), calibration)
}

#[test]
fn somebody_enrolled_twice_is_found_where_a_door_would_not_know_them() {
    let [first, second, third] = ["obama2.jpg", "obama3.jpg", "obama.jpg"].map(face);
    let (joe, eileen) = (face("biden.jpg"), face("astronaut.png"));
    let probe = |face: &Embedding| Probe::from_frames(std::slice::from_ref(face)).unwrap();

    let before = gallery(&[("barack", &first), ("joe", &joe)]);
    assert_eq!(standing(&before, 1, 1e-3).alike, []);
    let found = |face| {
        let probe = probe(face);
        let known = before.identify(&probe, 1e-3) != Decision::Unknown;
        (known, before.is_among(&probe))
    };
    assert_eq!(found(&second), (false, true));
    assert_eq!(found(&third), (true, true));
    assert_eq!(found(&eileen), (false, false));

    let people = [
        ("barack", &first),
        ("joe", &joe),
        ("eileen", &eileen),
        ("again", &second),
    ];
    let pair = |is_twin| {
        let alike = |id, other| Alike { id, other, is_twin };
        [alike("barack", "again"), alike("again", "barack")]
    };
    let found = standing(&gallery(&people), 1, 1e-3);
    assert_eq!((found.people, found.rules[0].scale), (4, Scale::Distance));
    assert_eq!(found.provisional, ["barack", "joe", "eileen", "again"]);
    assert_eq!(found.alike, pair(false));
    let people = [people[1], people[0], ("again", &third)];
    assert_eq!(standing(&gallery(&people), 1, 1e-3).alike, pair(true));
}
