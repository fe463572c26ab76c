//! The pixels of a face chip by place: the eyes, the nose and the mouth are at the same place in every one.

use std::ops::Range;

use crate::align::CHIP_SIDE;

const SIDE: usize = CHIP_SIDE as usize;

/// A column and a row of the chip.
pub(super) type Place = (usize, usize);

/// A chip's pixels, R, G, B, row by row.
#[derive(Clone, Copy)]
pub(super) struct Pixels<'a>(pub(super) &'a [u8]);

impl Pixels<'_> {
    /// R, G, B, 0..255.
    pub(super) fn rgb(&self, (x, y): Place) -> [f32; 3] {
        let start = 3 * (y * SIDE + x);
        [0, 1, 2].map(|channel| f32::from(self.0[start + channel]))
    }

    /// The mean of the three, 0..255.
    pub(super) fn grey(&self, place: Place) -> f32 {
        self.rgb(place).iter().sum::<f32>() / 3.0
    }

    /// How much redder than green, as a natural logarithm. Skin of every colour is redder than green, and coloured
    /// light moves the whole picture alike, so that differences stay.
    pub(super) fn redness(&self, place: Place) -> f32 {
        /// Keeps what is nearly black from having any colour.
        const DARK: f32 = 8.0;
        let [red, green, _] = self.rgb(place);
        ((red + DARK) / (green + DARK)).ln()
    }

    /// The square of how much the grey level changes from the row above to the row below.
    pub(super) fn along_column(&self, (x, y): Place) -> f32 {
        (self.grey((x, y + 1)) - self.grey((x, y - 1))).powi(2)
    }

    /// The same from the column before to the column after.
    pub(super) fn along_row(&self, (x, y): Place) -> f32 {
        (self.grey((x + 1, y)) - self.grey((x - 1, y))).powi(2)
    }
}

/// The places within an upright ellipse around a place, the same on all its four quarters.
pub(super) fn oval(centre: Place, radii: Place) -> impl Iterator<Item = Place> + Clone {
    let across = move |value: usize, axis: usize| {
        let (middle, radius) = ([centre.0, centre.1][axis], [radii.0, radii.1][axis]);
        (value.abs_diff(middle) as f32 / radius as f32).powi(2)
    };
    rectangle(
        centre.0 - radii.0..centre.0 + radii.0 + 1,
        centre.1 - radii.1..centre.1 + radii.1 + 1,
    )
    .filter(move |&(x, y)| across(x, 0) + across(y, 1) <= 1.0)
}

/// The places of some columns and rows.
pub(super) fn rectangle(
    columns: Range<usize>,
    rows: Range<usize>,
) -> impl Iterator<Item = Place> + Clone {
    rows.flat_map(move |y| columns.clone().map(move |x| (x, y)))
}

/// 0 of nothing.
pub(super) fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0_f32);
    for value in values {
        sum += value;
        count += 1.0;
    }
    sum / count.max(1.0)
}

/// The value that a share of 0..1 of them does not reach; 0 of nothing.
pub(super) fn quantile(values: impl Iterator<Item = f32>, share: f32) -> f32 {
    let mut values: Vec<f32> = values.collect();
    if values.is_empty() {
        return 0.0;
    }
    let place = ((values.len() - 1) as f32 * share).round() as usize;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}

/// A chip of one colour a place.
#[cfg(test)]
pub(super) fn painted(colour: impl Fn(Place) -> [u8; 3]) -> Vec<u8> {
    rectangle(0..SIDE, 0..SIDE).flat_map(colour).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn an_oval_is_the_same_on_all_sides() {
        let places: Vec<Place> = oval((74, 78), (36, 46)).collect();
        assert!(places.contains(&(38, 78)) && places.contains(&(74, 124)));
        assert!(!places.contains(&(38, 79)));
        let moment = |axis: fn(&Place) -> f32| places.iter().map(axis).sum::<f32>();
        assert_eq!(moment(|place| place.0 as f32 - 74.0), 0.0);
        assert_eq!(moment(|place| place.1 as f32 - 78.0), 0.0);
    }

    #[rstest]
    #[case(0.0, 1.0)]
    #[case(0.5, 3.0)]
    #[case(1.0, 5.0)]
    fn a_share_of_the_values_is_below(#[case] share: f32, #[case] wanted: f32) {
        let values = [4.0, 1.0, 5.0, 2.0, 3.0];
        assert_eq!(quantile(values.into_iter(), share), wanted);
        assert_eq!(quantile(std::iter::empty(), share), 0.0);
    }

    #[test]
    fn a_place_has_its_own_pixel() {
        let chip = painted(|(x, y)| [x as u8, y as u8, 30]);
        let pixels = Pixels(&chip);
        assert_eq!(pixels.rgb((149, 2)), [149.0, 2.0, 30.0]);
        assert_eq!(pixels.grey((10, 20)), 20.0);
        assert!(pixels.redness((100, 20)) > 0.0 && pixels.redness((20, 100)) < 0.0);
        assert!((pixels.along_column((5, 5)) - 4.0 / 9.0).abs() < 1e-4);
    }
}
