//! One measured curve: how near is near enough, and how often its owner is that near, by FMR.

/// A row of a calibration file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// Natural logarithm of the FMR.
    pub(crate) fmr: f64,
    /// The largest distance or score that is a match at that FMR.
    pub(crate) limit: f64,
    /// The natural logarithm of the share of genuine comparisons that are refused by it.
    refused: f64,
}

/// A share that was measured as 0 in four decimals may be half of the last one.
const LEAST_REFUSED: f64 = 5e-5;

/// Steps of the sum over a person's own distances.
const STEPS: u32 = 60;

impl Point {
    pub(crate) fn new(fmr: f64, limit: f64, accepted: f64) -> Self {
        let refused = (1.0 - accepted).clamp(LEAST_REFUSED, 1.0);
        Self {
            fmr: fmr.ln(),
            limit,
            refused: refused.ln(),
        }
    }
}

/// From the highest FMR to the lowest. Straight between two measurements, in the logarithms of the rates.
#[derive(Debug, Default)]
pub(crate) struct Curve(Vec<Point>);

impl Curve {
    pub(crate) fn push(&mut self, point: Point) {
        let at = self.0.partition_point(|known| known.fmr > point.fmr);
        self.0.insert(at, point);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The lowest FMR that was measured, as a logarithm.
    pub(crate) fn end(&self) -> f64 {
        self.0.last().map_or(0.0, |point| point.fmr)
    }

    /// The loosest limit that was measured.
    pub(crate) fn loosest(&self) -> f64 {
        self.0.first().map_or(0.0, |point| point.limit)
    }

    /// The limit for an FMR, given as a logarithm: never looser than the loosest that was measured, and beyond
    /// the strictest on as steeply as the steeper of the last two stretches.
    pub(crate) fn limit(&self, fmr: f64) -> f64 {
        match &self.0[..] {
            [] => 0.0,
            [only] => only.limit,
            [first, ..] if fmr >= first.fmr => first.limit,
            [.., last] if fmr < last.fmr => last.limit + self.slope() * (fmr - last.fmr),
            points => {
                let to = points.partition_point(|point| point.fmr > fmr);
                between(points[to - 1], points[to], fmr, |point| point.limit)
            }
        }
    }

    /// The share of genuine comparisons that pass at an FMR, given as a logarithm.
    pub(crate) fn accepted(&self, fmr: f64) -> f64 {
        1.0 - self.refused(fmr)
    }

    fn refused(&self, fmr: f64) -> f64 {
        let logarithm = match &self.0[..] {
            [] => 0.0,
            [only] => only.refused,
            [first, ..] if fmr >= first.fmr => first.refused,
            [.., a, b] if fmr < b.fmr => between(*a, *b, fmr, |point| point.refused),
            points => {
                let to = points.partition_point(|point| point.fmr > fmr);
                between(points[to - 1], points[to], fmr, |point| point.refused)
            }
        };
        logarithm.min(0.0).exp()
    }

    /// How much the limit shrinks while the logarithm of the FMR falls by 1, at the strict end.
    fn slope(&self) -> f64 {
        let slopes = self
            .0
            .windows(2)
            .rev()
            .take(2)
            .map(|pair| (pair[0].limit - pair[1].limit) / (pair[0].fmr - pair[1].fmr));
        slopes.fold(0.0, f64::max)
    }

    /// The logarithm of the FMR that a limit has.
    pub(crate) fn fmr(&self, limit: f64) -> f64 {
        match &self.0[..] {
            [] => 0.0,
            [only] => only.fmr,
            [first, ..] if limit >= first.limit => first.fmr,
            [.., last] if limit < last.limit => {
                last.fmr + (limit - last.limit) / self.slope().max(f64::MIN_POSITIVE)
            }
            points => {
                let to = points.partition_point(|point| point.limit > limit);
                let (a, b) = (points[to - 1], points[to]);
                a.fmr + (b.fmr - a.fmr) * (limit - a.limit) / (b.limit - a.limit)
            }
        }
    }

    /// The smallest lead over the second person with which somebody of the gallery is named in place of another at
    /// no more than `rate` of the visits, where `limit` is a match and a probe has so many `chances` to be near
    /// to somebody else. One's own distance and that to the others are taken to be independent, which people who
    /// resemble each other are not: those are told apart by other means.
    pub(crate) fn margin(&self, chances: f64, limit: f64, rate: f64) -> f64 {
        let most = self.spread();
        let (mut low, mut high) = (0.0, most);
        if self.misnamed(chances, limit, low) <= rate {
            return low;
        }
        for _ in 0..10 {
            let middle = (low + high) / 2.0;
            if self.misnamed(chances, limit, middle) <= rate {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// More than any margin.
    pub(crate) fn spread(&self) -> f64 {
        self.loosest() - self.0.last().map_or(0.0, |point| point.limit)
    }

    /// The share of visits at which another person is named.
    fn misnamed(&self, chances: f64, limit: f64, margin: f64) -> f64 {
        let spread = self.spread();
        let (from, to) = (self.loosest() - 2.0 * spread, self.loosest());
        let step = (to - from) / f64::from(STEPS);
        let another = |own: f64| {
            let rate = self.fmr(limit.min(own - margin)).exp();
            (chances * rate).min(1.0)
        };
        let mut sum = 0.0;
        let mut farther = self.refused(self.fmr(from));
        for one in 1..=STEPS {
            let own = from + step * f64::from(one);
            let left = self.refused(self.fmr(own)).min(farther);
            sum += (farther - left) * another(own);
            farther = left;
        }
        sum + farther * another(f64::INFINITY)
    }
}

/// Straight between two points, and on beyond them.
fn between(a: Point, b: Point, fmr: f64, of: impl Fn(&Point) -> f64) -> f64 {
    of(&a) + (of(&b) - of(&a)) * (fmr - a.fmr) / (b.fmr - a.fmr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> Curve {
        let mut curve = Curve::default();
        for (fmr, limit, accepted) in [
            (1e-3, 0.36, 0.98),
            (1e-1, 0.50, 1.0),
            (1e-4, 0.33, 0.95),
            (1e-2, 0.41, 0.99),
        ] {
            curve.push(Point::new(fmr, limit, accepted));
        }
        curve
    }

    #[test]
    fn rows_are_met_and_the_way_between_them_is_straight() {
        let curve = curve();
        for (fmr, limit) in [(1e-1, 0.50), (1e-2, 0.41), (1e-4, 0.33), (1.0, 0.50)] {
            assert!((curve.limit(f64::ln(fmr)) - limit).abs() < 1e-12);
        }
        assert!((curve.limit(f64::ln(1e-2) / 2.0 + f64::ln(1e-3) / 2.0) - 0.385).abs() < 1e-12);
        assert!((curve.fmr(0.385).exp() - 10_f64.powf(-2.5)).abs() < 1e-12);
    }

    #[test]
    fn beyond_the_strict_end_it_goes_on_as_steeply_as_before() {
        let curve = curve();
        assert!((curve.limit(f64::ln(1e-5)) - 0.28).abs() < 1e-12);
        assert!((curve.fmr(0.28) - f64::ln(1e-5)).abs() < 1e-9);
        assert!((curve.accepted(f64::ln(1e-5)) - 0.875).abs() < 1e-9);
    }

    #[test]
    fn the_margin_grows_with_the_chances_and_keeps_the_rate() {
        let curve = curve();
        let mut before = 0.0;
        for chances in [1.0, 10.0, 100.0] {
            let limit = curve.limit(f64::ln(1e-3 / chances));
            let margin = curve.margin(chances, limit, 1e-5);
            assert!(margin > before, "{chances}: {margin}");
            assert!(curve.misnamed(chances, limit, margin) <= 1e-5);
            assert!(curve.misnamed(chances, limit, margin * 0.9) > 1e-5);
            before = margin;
        }
        assert_eq!(curve.margin(1.0, curve.limit(f64::ln(1e-3)), 1e-2), 0.0);
    }
}
