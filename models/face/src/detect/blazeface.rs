//! What both networks give, as faces.

use super::{Bounds, Detection};

/// Lowest score of a face.
const MIN_SCORE: f64 = 0.5;
/// Two boxes that share more of their union than this are one face.
const MAX_OVERLAP: f64 = 0.3;
/// Anchors: 16×16 cells with two each, then 8×8 cells with six each.
const LAYERS: [(u32, usize); 2] = [(16, 2), (8, 6)];
/// Number of anchors.
const ANCHORS: usize = 896;
/// Values of a raw box: centre, size and six points.
const BOX_VALUES: usize = 16;

/// Every anchor that scores at least 0.5, in anchor order and in pixels of the input, whose side is given. `None`
/// when there are not as many values as anchors.
pub(super) fn decoded(side: u32, boxes: &[f32], scores: &[f32]) -> Option<Vec<Detection>> {
    if boxes.len() != ANCHORS * BOX_VALUES || scores.len() != ANCHORS {
        return None;
    }
    let found = anchors(side)
        .zip(scores)
        .zip(boxes.chunks_exact(BOX_VALUES))
        .enumerate()
        .filter_map(|(number, ((centre, &raw), values))| {
            // Raw scores reach −5,000.
            let score = 1.0 / (1.0 + (-f64::from(raw).clamp(-100.0, 100.0)).exp());
            (score >= MIN_SCORE).then(|| face(number as u16, centre, score as f32, values))
        });
    Some(found.collect())
}

/// The anchors' centres in pixels of the input, in the network's order.
fn anchors(side: u32) -> impl Iterator<Item = [f32; 2]> {
    LAYERS.into_iter().flat_map(move |(cells, each)| {
        let stride = side / cells;
        let centre = move |cell: u32| (cell as f32 + 0.5) * stride as f32;
        (0..cells * cells).flat_map(move |cell| {
            std::iter::repeat_n([centre(cell % cells), centre(cell / cells)], each)
        })
    })
}

/// A raw box, which is relative to its anchor's centre.
fn face(anchor: u16, centre: [f32; 2], score: f32, values: &[f32]) -> Detection {
    let at = |i: usize| [centre[0] + values[i], centre[1] + values[i + 1]];
    let [x, y] = at(0);
    let (half_width, half_height) = (values[2] / 2.0, values[3] / 2.0);
    Detection {
        bounds: Bounds {
            left: x - half_width,
            top: y - half_height,
            right: x + half_width,
            bottom: y + half_height,
        },
        points: std::array::from_fn(|i| at(4 + 2 * i)),
        score,
        anchor,
    }
}

/// One box for each face: greedily, the highest score first.
pub(super) fn suppressed(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for one in found {
        if kept
            .iter()
            .all(|other| overlap(&one.bounds, &other.bounds) <= MAX_OVERLAP)
        {
            kept.push(one);
        }
    }
    kept
}

/// Intersection over union.
fn overlap(a: &Bounds, b: &Bounds) -> f64 {
    let width = f64::from(a.right.min(b.right)) - f64::from(a.left.max(b.left));
    let height = f64::from(a.bottom.min(b.bottom)) - f64::from(a.top.max(b.top));
    let shared = width.max(0.0) * height.max(0.0);
    let area = |bounds: &Bounds| f64::from(bounds.width()) * f64::from(bounds.height());
    shared / (area(a) + area(b) - shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn box_at(left: f32, width: f32, score: f32) -> Detection {
        face(0, [left + width / 2.0, 60.0], score, &{
            let mut values = [0.0; BOX_VALUES];
            values[2] = width;
            values[3] = width;
            values
        })
    }

    #[test]
    fn anchors_stand_in_the_networks_order() {
        let all: Vec<_> = anchors(256).collect();
        assert_eq!(all.len(), ANCHORS);
        assert_eq!(all[..4], [[8.0, 8.0], [8.0, 8.0], [24.0, 8.0], [24.0, 8.0]]);
        assert_eq!(all[32], [8.0, 24.0]);
        assert_eq!(all[511], [248.0, 248.0]);
        assert_eq!(all[512], [16.0, 16.0]);
        assert_eq!(all[895], [240.0, 240.0]);
        let near: Vec<_> = anchors(128).collect();
        assert!(near.iter().zip(&all).all(|(a, b)| a.map(|v| 2.0 * v) == *b));
    }

    #[test]
    fn boxes_of_one_face_become_one() {
        let kept = suppressed(vec![
            box_at(0.0, 100.0, 0.7),
            box_at(20.0, 100.0, 0.9),
            box_at(200.0, 90.0, 0.6),
        ]);
        let lefts: Vec<f32> = kept.iter().map(|one| one.bounds.left).collect();
        assert_eq!(lefts, [20.0, 200.0]);
    }

    #[test]
    fn other_numbers_of_values_are_refused() {
        assert!(decoded(256, &[0.0; 16], &[0.0; ANCHORS]).is_none());
        assert!(decoded(256, &[0.0; ANCHORS * BOX_VALUES], &[0.0; 1]).is_none());
    }
}
