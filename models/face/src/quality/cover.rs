//! Whether something is in front of the face: a mask or a scarf over the mouth, sunglasses, a hand over one side.
//!
//! Each measure compares a part of the face with another part of the same face, so that neither the colour of the
//! skin nor that of the light counts. Where a part can't be compared, as colours can't in a grey picture, the others
//! still tell. A hand over the mouth looks like skin and stays unseen.

use super::pixels::{Pixels, Place, mean, oval, quantile, rectangle};

/// Below that the mouth and the chin are not red as skin is, and less so than the skin beside the nose.
const SKIN_REDNESS: f32 = 0.12;
const LESS_RED: f32 = -0.01;
/// A mouth with so little to see beside the eyes is no mouth.
const FLAT_MOUTH: f32 = -1.1;
/// Half as bright as the skin: tinted glass, not the shadow below the brows.
const DARK_EYES: f32 = -0.7;
/// One eye shows nearly four times as much as the other.
const ONE_EYE: f32 = 1.3;

/// Keeps a logarithm of grey levels from being made of noise.
const DARK: f32 = 8.0;

/// How parts of a face compare. Ratios are natural logarithms, 0 where both are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cover {
    /// Redness, red to green, of the reddest tenth of mouth and chin: a beard and teeth leave lips and some skin.
    pub mouth_redness: f32,
    /// The same less the redness of the skin below the eyes and on the nose.
    pub redness_below: f32,
    /// Steps of grey along the columns, at the mouth to at the eyes.
    pub mouth_edges: f32,
    /// Grey level of the brightest part around the brighter eye to that of the skin.
    pub eyes: f32,
    /// Edges at the eye that shows more to those at the other one: 0 or more.
    pub one_eye: f32,
}

impl Cover {
    pub(super) fn of(chip: Pixels<'_>) -> Self {
        let redness = |places: &mut dyn Iterator<Item = Place>, share| {
            quantile(places.map(|place| chip.redness(place)), share)
        };
        let mouth_redness = redness(&mut oval((74, 108), (30, 18)), 0.9);
        let edges = |columns, rows| {
            let squares = rectangle(columns, rows).map(|place| chip.along_column(place));
            mean(squares).sqrt() + 1.0
        };
        let skin = quantile(skin().map(|place| chip.grey(place)), 0.5) + DARK;
        let eyes = [(47, 48), (101, 48)].map(|centre| oval(centre, (16, 9)));
        let [left, right] = eyes.clone().map(|eye| {
            let brightest = quantile(eye.map(|place| chip.grey(place)), 0.85);
            ((brightest + DARK) / skin).ln()
        });
        let [on_left, on_right] = eyes.map(|eye| {
            let squares = eye.map(|place| chip.along_column(place) + chip.along_row(place));
            mean(squares).sqrt() + 1.0
        });
        Self {
            mouth_redness,
            redness_below: mouth_redness - redness(&mut below_eyes(), 0.5),
            mouth_edges: (edges(54..95, 96..114) / edges(34..115, 38..58)).ln(),
            eyes: left.max(right),
            one_eye: (on_left / on_right).ln().abs(),
        }
    }

    /// Whether any of them tells of something in front of the face.
    pub fn hides(&self) -> bool {
        let not_skin = self.mouth_redness < SKIN_REDNESS && self.redness_below < LESS_RED;
        not_skin || self.mouth_edges < FLAT_MOUTH || self.eyes < DARK_EYES || self.one_eye > ONE_EYE
    }
}

/// Skin that a mask leaves free.
fn below_eyes() -> impl Iterator<Item = Place> {
    rectangle(66..83, 50..66)
        .chain(rectangle(36..58, 57..66))
        .chain(rectangle(90..112, 57..66))
}

/// Skin that glasses leave free: the nose and the cheeks.
fn skin() -> impl Iterator<Item = Place> {
    rectangle(66..83, 52..70)
        .chain(rectangle(36..58, 68..80))
        .chain(rectangle(91..113, 68..80))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::pixels::painted;
    use super::*;

    const LIGHT: [u8; 3] = [220, 175, 150];
    const DARK_BROWN: [u8; 3] = [85, 55, 42];
    const GREY: [u8; 3] = [130, 130, 130];

    type Over = fn(Place) -> Option<[u8; 3]>;

    /// A face of skin with eyes and a mouth, and something over it.
    fn face(skin: [u8; 3], over: Over) -> Vec<u8> {
        let part = |dark: f32, red: f32| {
            let scaled = skin.map(|value| f32::from(value) * dark);
            [scaled[0] * red, scaled[1], scaled[2]].map(|value| value as u8)
        };
        let within = |place: Place, centre: Place, radii: Place| {
            oval(centre, radii).any(|other| other == place)
        };
        painted(|place| {
            if let Some(colour) = over(place) {
                return colour;
            }
            let grey = skin[0] == skin[1];
            if within(place, (47, 48), (8, 4)) || within(place, (101, 48), (8, 4)) {
                part(0.3, 1.0)
            } else if within(place, (74, 105), (20, 5)) {
                part(0.6, if grey { 1.0 } else { 1.3 })
            } else {
                skin
            }
        })
    }

    fn nothing(_: Place) -> Option<[u8; 3]> {
        None
    }

    fn below((_, y): Place, colour: [u8; 3]) -> Option<[u8; 3]> {
        (y >= 72).then_some(colour)
    }

    fn blue_mask(place: Place) -> Option<[u8; 3]> {
        below(place, [150, 190, 215])
    }

    fn black_scarf(place: Place) -> Option<[u8; 3]> {
        below(place, [25, 25, 27])
    }

    fn folded_white_mask(place: Place) -> Option<[u8; 3]> {
        below(place, [if place.1 % 12 < 6 { 235 } else { 190 }; 3])
    }

    fn folded_grey_mask(place: Place) -> Option<[u8; 3]> {
        below(place, [if place.1 % 12 < 6 { 120 } else { 110 }; 3])
    }

    fn sunglasses((_, y): Place) -> Option<[u8; 3]> {
        (36..60).contains(&y).then_some([20, 20, 24])
    }

    fn glasses((x, y): Place) -> Option<[u8; 3]> {
        let frame = y == 38 || y == 58 || ((38..59).contains(&y) && [30, 64, 84, 118].contains(&x));
        frame.then_some([30, 30, 30])
    }

    fn beard((_, y): Place) -> Option<[u8; 3]> {
        ((88..98).contains(&y) || y >= 114).then_some([60, 48, 42])
    }

    fn teeth((x, y): Place) -> Option<[u8; 3]> {
        ((56..93).contains(&x) && (100..112).contains(&y)).then_some([235, 235, 225])
    }

    fn hand_on_one_side((x, _): Place) -> Option<[u8; 3]> {
        (x >= 76).then_some([190, 150, 130])
    }

    #[rstest]
    fn what_belongs_to_a_face_covers_nothing(
        #[values(LIGHT, DARK_BROWN)] skin: [u8; 3],
        #[values(nothing, glasses, beard, teeth)] over: Over,
    ) {
        let cover = Cover::of(Pixels(&face(skin, over)));
        assert!(!cover.hides(), "{cover:?}");
    }

    #[rstest]
    fn what_does_not_is_seen_on_every_skin(
        #[values(LIGHT, DARK_BROWN)] skin: [u8; 3],
        #[values(
            blue_mask,
            black_scarf,
            folded_white_mask,
            sunglasses,
            hand_on_one_side
        )]
        over: Over,
    ) {
        let cover = Cover::of(Pixels(&face(skin, over)));
        assert!(cover.hides(), "{cover:?}");
    }

    #[test]
    fn a_grey_picture_tells_by_edges_alone() {
        let open = Cover::of(Pixels(&face(GREY, nothing)));
        assert!(!open.hides(), "{open:?}");
        assert!(Cover::of(Pixels(&face(GREY, black_scarf))).hides());
        let folded = Cover::of(Pixels(&face(GREY, folded_grey_mask)));
        assert_eq!((folded.mouth_redness, folded.redness_below), (0.0, 0.0));
    }

    #[rstest]
    fn the_colour_of_the_light_covers_nothing(
        #[values([0.75, 1.0, 1.2], [1.1, 0.9, 0.6], [0.85, 1.1, 0.9])] light: [f32; 3],
        #[values(LIGHT, DARK_BROWN)] skin: [u8; 3],
    ) {
        let mut pixels = face(skin, nothing);
        for (at, value) in pixels.iter_mut().enumerate() {
            *value = (f32::from(*value) * light[at % 3]) as u8;
        }
        let cover = Cover::of(Pixels(&pixels));
        assert!(!cover.hides(), "{cover:?}");
    }
}
