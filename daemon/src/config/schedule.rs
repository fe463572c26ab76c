//! Which way somebody goes at which time of day, where they press no key.

use jiff::civil::Time;
use limen_wire::event::Direction;
use serde::Deserialize;

/// One `[[gate.schedule]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// From this time of day on, in the site's zone.
    pub from: Time,
    /// Until before this one; past midnight where it is not after `from`.
    pub to: Time,
    /// `in` or `out`.
    pub direction: Direction,
}

impl Scheduled {
    fn holds(&self, now: Time) -> bool {
        match self.from < self.to {
            true => (self.from..self.to).contains(&now),
            false => now >= self.from || now < self.to,
        }
    }

    /// Which way a schedule says at `now`, of several the first; `None` where it says nothing.
    pub fn way(schedule: &[Self], now: Time) -> Option<Direction> {
        let holds = schedule.iter().find(|scheduled| scheduled.holds(now))?;
        (holds.direction != Direction::Auto).then_some(holds.direction)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::super::Config;
    use super::*;

    const TEXT: &str = r#"
        [[gate.schedule]]
        from = "05:30:00"
        to = "10:00:00"
        direction = "in"
        [[gate.schedule]]
        from = "22:00:00"
        to = "02:00:00"
        direction = "out"
    "#;

    #[rstest]
    #[case("05:29:59", None)]
    #[case("05:30:00", Some(Direction::In))]
    #[case("09:59:59", Some(Direction::In))]
    #[case("10:00:00", None)]
    #[case("22:00:00", Some(Direction::Out))]
    #[case("00:00:00", Some(Direction::Out))]
    #[case("02:00:00", None)]
    fn the_time_of_day_says_which_way(#[case] now: Time, #[case] way: Option<Direction>) {
        let config = Config::parse(TEXT, Path::new("terminal.toml")).unwrap();
        assert_eq!(Scheduled::way(&config.gate.schedule, now), way);
    }

    #[test]
    fn a_terminal_for_one_way_says_so_all_day() {
        let text = "[[gate.schedule]]\nfrom = \"00:00\"\nto = \"00:00\"\ndirection = \"out\"\n";
        let config = Config::parse(text, Path::new("terminal.toml")).unwrap();
        for hour in 0..24 {
            let now = Time::constant(hour, 30, 0, 0);
            let way = Scheduled::way(&config.gate.schedule, now);
            assert_eq!(way, Some(Direction::Out));
        }
    }
}
