//! Clopper–Pearson intervals, and the incomplete beta function that they are made of.

/// The Clopper–Pearson interval of a proportion at 95 %: `errors` of `trials`, which need not be whole numbers, so
/// that they may stand for fewer independent trials than were made.
///
/// Source: Clopper and Pearson, Biometrika 26 (1934), as quantiles of the beta distribution.
pub fn clopper_pearson(errors: f64, trials: f64) -> (f64, f64) {
    if trials <= 0.0 {
        return (0.0, 1.0);
    }
    let errors = errors.clamp(0.0, trials);
    let low = if errors > 0.0 {
        beta_quantile(0.025, errors, trials - errors + 1.0)
    } else {
        0.0
    };
    let high = if errors < trials {
        beta_quantile(0.975, errors + 1.0, trials - errors)
    } else {
        1.0
    };
    (low, high)
}

/// The value of Student's t that is exceeded, to either side, in 5 % of cases.
pub(super) fn student_t(degrees: f64) -> f64 {
    // P(|T| > t) = I_x(degrees/2, 1/2) where x = degrees/(degrees + t²).
    let x = beta_quantile(0.05, degrees / 2.0, 0.5);
    (degrees * (1.0 - x) / x).sqrt()
}

/// The x at which the incomplete beta function is `p`. By bisection: it is monotonic, and nobody waits for it.
fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // Halving the exponent too would be quicker; 200 halvings reach the smallest value that matters.
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if regularised_beta(middle, a, b) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (NIST DLMF 8.17.22), evaluated by
/// Lentz's method.
fn regularised_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges quickly on this side of the mean only.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - regularised_beta(1.0 - x, b, a);
    }
    let front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    front.exp() / a * fraction(x, a, b)
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..10_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + coefficient * d);
            c = away_from_zero(1.0 + coefficient / c);
            change = c * d;
            result *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    result
}

/// The logarithm of the gamma function of a positive number: Stirling's series (NIST DLMF 5.11.1), after stepping up
/// to where six of its terms are exact.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut product) = (x, 1.0);
    while x < 12.0 {
        product *= x;
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let terms = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
    ];
    let series = terms
        .iter()
        .rev()
        .fold(0.0, |sum, term| sum * inverse + term)
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn near(found: f64, wanted: f64, within: f64) {
        assert!(
            (found - wanted).abs() <= within,
            "{found} instead of {wanted}"
        );
    }

    // The two ends where nothing or everything failed have a closed form; 8 of 20 and 1 of 10 are in the textbooks.
    #[rstest]
    #[case(0.0, 10.0, 0.0, 0.308_497)]
    #[case(10.0, 10.0, 0.691_503, 1.0)]
    #[case(1.0, 10.0, 0.002_529, 0.445_016)]
    #[case(8.0, 20.0, 0.191_190, 0.639_457)]
    #[case(5.0, 100.0, 0.016_432, 0.112_835)]
    #[case(0.0, 1000.0, 0.0, 0.003_682)]
    #[case(50.0, 100.0, 0.398_321, 0.601_679)]
    fn the_tables_are_met(
        #[case] errors: f64,
        #[case] trials: f64,
        #[case] low: f64,
        #[case] high: f64,
    ) {
        let found = clopper_pearson(errors, trials);
        near(found.0, low, 1e-6);
        near(found.1, high, 1e-6);
    }

    #[test]
    fn nothing_is_known_without_trials() {
        assert_eq!(clopper_pearson(0.0, 0.0), (0.0, 1.0));
    }

    #[test]
    fn the_upper_end_is_where_so_few_errors_are_rare() {
        // P(at most 3 of 500) at the upper end is 2.5 %, counted term by term.
        let (_, high) = clopper_pearson(3.0, 500.0);
        let mut term = (1.0 - high).powi(500);
        let mut sum = term;
        for k in 1..=3 {
            term *= (501.0 - f64::from(k)) / f64::from(k) * high / (1.0 - high);
            sum += term;
        }
        near(sum, 0.025, 1e-9);
    }

    #[rstest]
    #[case(1.0, 12.7062)]
    #[case(4.0, 2.776_45)]
    #[case(10.0, 2.228_14)]
    #[case(47.0, 2.011_74)]
    #[case(1e6, 1.959_966)]
    fn students_table_is_met(#[case] degrees: f64, #[case] wanted: f64) {
        near(student_t(degrees), wanted, 2e-5);
    }

    #[rstest]
    #[case(0.5, 0.572_364_942_924_700_1)]
    #[case(1.0, 0.0)]
    #[case(5.0, 3.178_053_830_347_946)]
    #[case(100.0, 359.134_205_369_575_4)]
    fn factorials_are_met(#[case] x: f64, #[case] wanted: f64) {
        near(ln_gamma(x), wanted, 1e-12 * wanted.max(1.0));
    }
}
