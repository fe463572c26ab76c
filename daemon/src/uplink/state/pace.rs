//! Waits that double, and a little randomness so that a thousand terminals don't speak at once.

use std::time::Duration;

/// A wait that doubles up to a limit, and is shaken by up to a quarter.
#[derive(Debug, Clone)]
pub struct Pace {
    least: Duration,
    most: Duration,
    base: Duration,
    wait: Duration,
}

impl Pace {
    /// Begins at the first and ends at the second.
    pub fn new((least, most): (Duration, Duration)) -> Self {
        Self {
            least,
            most,
            base: least,
            wait: least,
        }
    }

    /// How long to wait now.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// Twice as long next time.
    pub fn slower(&mut self, random: &mut Random) {
        self.base = self.base.saturating_mul(2).min(self.most);
        let quarter = self.base / 4;
        self.wait = self.base - quarter + quarter.mul_f64(2.0 * random.unit());
    }

    /// As short as at the beginning.
    pub fn reset(&mut self) {
        self.base = self.least;
        self.wait = self.least;
    }
}

/// Numbers to shake waits with (splitmix64): no secret, the same from the same seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number in 0..1.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit_and_begin_again() {
        let (least, most) = (Duration::from_secs(5), Duration::from_secs(60));
        let mut pace = Pace::new((least, most));
        let mut random = Random::new(7);
        assert_eq!(pace.wait(), least);
        for expected_s in [10, 20, 40, 60, 60, 60] {
            pace.slower(&mut random);
            let expected = Duration::from_secs(expected_s);
            assert!(pace.wait() >= expected * 3 / 4, "{:?}", pace.wait());
            assert!(pace.wait() <= expected * 5 / 4, "{:?}", pace.wait());
        }
        pace.reset();
        assert_eq!(pace.wait(), least);
    }

    #[test]
    fn two_terminals_do_not_wait_alike() {
        let (mut one, mut two) = (Random::new(1), Random::new(2));
        assert!((0..8).any(|_| (one.unit() - two.unit()).abs() > 0.1));
    }
}
