//! Which lines are on when: what lamp, buzzer and relay do for each answer.
//!
//! Nothing is told by a colour alone: only green is ever steady, red blinks fast and amber slowly, and the buzzer
//! says each answer by another number or length of tones.
//!
//! Pure: the time is passed in.

use std::time::Duration;

use limen_wire::event::Direction;

use crate::config::{Gpio, Part};

/// What somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A punch that is durable, as IN.
    In,
    /// The same, as OUT.
    Out,
    /// In or out already: no punch.
    Again,
    /// Not recognised, or not admitted now: no punch.
    Refused,
    /// Recognised, but the punch could not be kept.
    NotRecorded,
}

impl Answer {
    /// The answer to a punch that is taken for this direction.
    pub(super) fn toward(direction: Direction) -> Self {
        match direction {
            Direction::Out => Self::Out,
            Direction::In | Direction::Auto => Self::In,
        }
    }

    /// Whether it opens the door.
    fn opens(self) -> bool {
        matches!(self, Self::In | Self::Out)
    }

    /// Milliseconds of tone, silence, tone, ….
    fn tones(self) -> &'static [u64] {
        match self {
            Self::In => &[150],
            Self::Out => &[150, 150, 150],
            Self::Again => &[80, 80, 80, 80, 80],
            Self::Refused => &[900],
            Self::NotRecorded => &[900, 300, 900],
        }
    }

    fn lamp(self) -> Lamp {
        match self {
            Self::In | Self::Out => (Part::Green, STEADY),
            Self::Again => (Part::Amber, SLOW),
            Self::Refused | Self::NotRecorded => (Part::Red, FAST),
        }
    }
}

/// Milliseconds on and off, over and over.
type Rhythm = [u64; 2];
const STEADY: Rhythm = [1, 0];
const FAST: Rhythm = [150, 150];
const SLOW: Rhythm = [500, 500];
/// While the camera asks somebody to do something.
const HINT: Lamp = (Part::Amber, [100, 900]);
/// While the disk has no room for the next punch.
const FULL: Lamp = (Part::Red, [1500, 500]);

type Lamp = (Part, Rhythm);

/// What is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Levels([bool; Part::OUTPUTS.len()]);

impl Levels {
    /// Whether `part` is on.
    pub(super) fn of(self, part: Part) -> bool {
        let mut all = Part::OUTPUTS.into_iter().zip(self.0);
        all.any(|(one, is_on)| one == part && is_on)
    }

    /// Only `part` is on.
    pub(super) fn only(part: Part) -> Self {
        let mut levels = Self::default();
        levels.switch(part, true);
        levels
    }

    fn switch(&mut self, part: Part, is_on: bool) {
        let place = Part::OUTPUTS.into_iter().position(|one| one == part);
        if let Some(place) = place {
            self.0[place] = is_on;
        }
    }
}

/// What is told to whoever stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// This, from now on, in the place of what was told before.
    Answer(Answer),
    /// Whether the camera asks somebody to do something.
    Hint(bool),
    /// Whether the disk has no room for the next punch.
    Full(bool),
}

/// What was told, and until when the door is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Player {
    lamp: Duration,
    relay: Duration,
    has_amber: bool,
    is_hinting: bool,
    is_full: bool,
    answer: Option<(Answer, Duration)>,
    open_until: Duration,
}

impl Player {
    /// Everything is off.
    pub(super) fn new(config: &Gpio) -> Self {
        Self {
            lamp: config.lamp(),
            relay: config.relay(),
            has_amber: config.amber.is_some(),
            is_hinting: false,
            is_full: false,
            answer: None,
            open_until: Duration::ZERO,
        }
    }

    /// Takes in what is told at `now`. An answer that is none to a punch leaves a door open that is open for
    /// somebody else.
    pub(super) fn tell(&mut self, said: Said, now: Duration) {
        match said {
            Said::Answer(answer) => {
                self.answer = Some((answer, now));
                if answer.opens() {
                    self.open_until = now + self.relay;
                }
            }
            Said::Hint(is_hinting) => self.is_hinting = is_hinting,
            Said::Full(is_full) => self.is_full = is_full,
        }
    }

    /// What is on at `now`, and when that changes if nothing is told.
    pub(super) fn at(&self, now: Duration) -> (Levels, Option<Duration>) {
        let mut levels = Levels::default();
        let mut changes = Vec::new();
        if now < self.open_until {
            levels.switch(Part::Relay, true);
            changes.push(self.open_until);
        }
        if let Some((answer, at)) = self.answer {
            let mut edge = at;
            for (place, ms) in answer.tones().iter().enumerate() {
                edge += Duration::from_millis(*ms);
                if now < edge {
                    levels.switch(Part::Buzzer, place % 2 == 0);
                    changes.push(edge);
                    break;
                }
            }
        }
        if let Some(((part, rhythm), since)) = self.shown(now, &mut changes) {
            let [on, off] = rhythm.map(Duration::from_millis);
            if off.is_zero() {
                levels.switch(part, true);
            } else {
                let round = (on + off).as_nanos();
                let within = now.saturating_sub(since).as_nanos() % round;
                let is_on = within < on.as_nanos();
                levels.switch(part, is_on);
                let edge = if is_on { on.as_nanos() } else { round };
                let left = u64::try_from(edge - within).unwrap_or(u64::MAX);
                changes.push(now + Duration::from_nanos(left));
            }
        }
        (levels, changes.into_iter().min())
    }

    /// Whether the buzzer is through with the last answer at `now`.
    pub(super) fn is_silent(&self, now: Duration) -> bool {
        self.answer.is_none_or(|(answer, at)| {
            now >= at + Duration::from_millis(answer.tones().iter().sum())
        })
    }

    /// What the lamp shows, and since when; an answer's end is one of the changes.
    fn shown(&self, now: Duration, changes: &mut Vec<Duration>) -> Option<(Lamp, Duration)> {
        if let Some((answer, at)) = self.answer
            && now < at + self.lamp
        {
            changes.push(at + self.lamp);
            let (part, rhythm) = answer.lamp();
            let part = match part {
                // Its rhythm tells it from a refusal.
                Part::Amber if !self.has_amber => Part::Red,
                part => part,
            };
            return Some(((part, rhythm), at));
        }
        if self.is_full {
            return Some((FULL, Duration::ZERO));
        }
        self.is_hinting.then_some((HINT, Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn player(amber: Option<u32>) -> Player {
        Player::new(&Gpio {
            amber,
            lamp_s: 2.0,
            relay_s: 3.0,
            ..Gpio::default()
        })
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// For how many milliseconds `part` is on, off, on, …, from the first instant that it is on.
    fn pattern(player: &Player, part: Part, begin: Duration, end: Duration) -> Vec<u128> {
        let (mut now, mut is_on, mut edges) = (begin, false, Vec::new());
        loop {
            let (levels, next) = player.at(now);
            if levels.of(part) != is_on {
                is_on = !is_on;
                edges.push(now);
            }
            match next.filter(|next| *next < end) {
                Some(next) => {
                    assert!(next > now, "time must go on");
                    now = next;
                }
                None => break,
            }
        }
        edges.extend(is_on.then_some(end));
        let runs = edges.windows(2);
        runs.map(|run| (run[1] - run[0]).as_millis()).collect()
    }

    #[rstest]
    #[case(Answer::In, &[150])]
    #[case(Answer::Out, &[150, 150, 150])]
    #[case(Answer::Again, &[80, 80, 80, 80, 80])]
    #[case(Answer::Refused, &[900])]
    #[case(Answer::NotRecorded, &[900, 300, 900])]
    fn each_answer_sounds_and_looks_like_no_other(#[case] answer: Answer, #[case] tones: &[u128]) {
        let mut player = player(Some(3));
        player.tell(Said::Answer(answer), ms(70));
        let lit = |part| pattern(&player, part, ms(70), ms(10_000));
        assert_eq!(lit(Part::Buzzer), tones);
        let is_punch = matches!(answer, Answer::In | Answer::Out);
        let green: &[u128] = if is_punch { &[2000] } else { &[] };
        assert_eq!(lit(Part::Green), green);
        let relay: &[u128] = if is_punch { &[3000] } else { &[] };
        assert_eq!(lit(Part::Relay), relay, "only a punch opens the door");
        let (red, amber) = (lit(Part::Red), lit(Part::Amber));
        match answer {
            Answer::In | Answer::Out => assert!(red.is_empty() && amber.is_empty()),
            Answer::Again => assert!(red.is_empty() && amber[..2] == [500, 500], "{amber:?}"),
            _ => assert!(amber.is_empty() && red[..2] == [150, 150], "{red:?}"),
        }
        let (levels, next) = player.at(ms(10_000));
        assert_eq!((levels, next), (Levels::default(), None), "everything ends");
    }

    #[test]
    fn a_refusal_neither_opens_nor_shuts_the_door() {
        let mut player = player(Some(3));
        player.tell(Said::Answer(Answer::Refused), ms(0));
        assert!(!player.at(ms(1)).0.of(Part::Relay));
        player.tell(Said::Answer(Answer::In), ms(1000));
        player.tell(Said::Answer(Answer::Refused), ms(2000));
        assert_eq!(pattern(&player, Part::Relay, ms(2000), ms(9000)), [2000]);
        // Somebody else follows: the door is open for both.
        player.tell(Said::Answer(Answer::Out), ms(3500));
        assert_eq!(pattern(&player, Part::Relay, ms(3500), ms(9000)), [3000]);
    }

    #[test]
    fn a_full_disk_is_red_before_anybody_comes_and_after() {
        let mut player = player(Some(3));
        player.tell(Said::Full(true), ms(0));
        player.tell(Said::Hint(true), ms(0));
        assert!(player.at(ms(0)).0.of(Part::Red));
        assert!(!player.at(ms(0)).0.of(Part::Amber));
        player.tell(Said::Answer(Answer::NotRecorded), ms(4000));
        assert_eq!(
            pattern(&player, Part::Red, ms(4000), ms(4600)),
            [150, 150, 150]
        );
        assert!(player.at(ms(8000)).0.of(Part::Red), "the answer is over");
        player.tell(Said::Full(false), ms(8000));
        assert_eq!(player.at(ms(8000)).0, Levels::only(Part::Amber));
        player.tell(Said::Hint(false), ms(8000));
        assert_eq!(player.at(ms(8000)), (Levels::default(), None));
    }

    #[test]
    fn without_amber_already_in_blinks_red_in_ambers_rhythm() {
        let mut player = player(None);
        player.tell(Said::Answer(Answer::Again), ms(0));
        assert_eq!(
            pattern(&player, Part::Red, ms(0), ms(1500)),
            [500, 500, 500]
        );
    }

    proptest! {
        /// Whatever is told when: the door is open exactly for `relay` after a punch, and one colour is lit at most.
        #[test]
        fn the_door_is_open_after_punches_only(told in prop::collection::vec((0..9, 0..4000_u64), 1..40)) {
            let mut player = player(Some(3));
            let (mut now, mut punch) = (Duration::ZERO, None);
            for (what, wait) in told {
                now += ms(wait);
                let said = match what {
                    0 => Said::Answer(Answer::In),
                    1 => Said::Answer(Answer::Out),
                    2 => Said::Answer(Answer::Again),
                    3 => Said::Answer(Answer::Refused),
                    4 => Said::Answer(Answer::NotRecorded),
                    5 | 6 => Said::Hint(what == 5),
                    _ => Said::Full(what == 7),
                };
                if what < 2 {
                    punch = Some(now);
                }
                player.tell(said, now);
                for later in [0, 1, 149, 150, 2000, 2999, 3000] {
                    let at = now + ms(later);
                    let (levels, next) = player.at(at);
                    let is_open = punch.is_some_and(|punch| at < punch + ms(3000));
                    prop_assert_eq!(levels.of(Part::Relay), is_open);
                    let lamps = [Part::Green, Part::Red, Part::Amber];
                    prop_assert!(lamps.into_iter().filter(|part| levels.of(*part)).count() <= 1);
                    prop_assert!(next.is_none_or(|next| next > at));
                }
            }
        }
    }
}
