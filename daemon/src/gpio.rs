//! Lamp, buzzer, relay and button on GPIO lines of the machine: the answer for a door without a screen, and beside
//! one for whoever doesn't see it.
//!
//! The door hands an answer over and goes on; a thread switches the lines. Whatever goes wrong with them is logged
//! once, told in the statuses, and mended by trying again: a punch never waits for a lamp. The relay opens for
//! [`Feedback::green`] alone, which has the proof that the punch is durable.

mod answers;
mod lines;
mod trial;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::config::{Gpio, Part};
use crate::feedback::{Accepted, Feedback, Guide, Red};
use crate::health::Vitals;
use crate::stop::Stop;
use crate::vision::Touch;
use answers::{Answer, Player, Said};
use lines::{Button, Outputs};

pub use lines::GpioError;
pub(crate) use lines::{Holder, look};
pub use trial::trial;

/// Between two tries to take lines that can't be had.
const AGAIN: Duration = Duration::from_secs(5);

/// How often a thread with nothing to do looks whether it is to end.
const TURN: Duration = Duration::from_secs(1);

/// More than people and cameras say while a line is switched.
const WAITING: usize = 32;

/// Lamp, buzzer and relay, as the door sees them.
pub struct Lamp(SyncSender<Said>);

impl Lamp {
    fn say(&self, said: Said) {
        // Where the lines hang, the door must not.
        let _ = self.0.try_send(said);
    }
}

impl Feedback for Lamp {
    fn green(&self, accepted: &Accepted) {
        self.say(Said::Answer(Answer::toward(accepted.toward)));
    }

    fn again(&self, _person: Uuid) {
        self.say(Said::Answer(Answer::Again));
    }

    fn reverses(&self, _person: Uuid) {
        self.say(Said::Answer(Answer::Again));
    }

    fn red(&self, why: Red<'_>) {
        self.say(Said::Answer(match why {
            Red::Rejected(_) | Red::Poor(_) => Answer::Refused,
            Red::NotRecorded(_) => Answer::NotRecorded,
        }));
    }

    fn guide(&self, guide: Option<Guide>) {
        self.say(Said::Hint(guide.is_some()));
    }

    fn full(&self, is_full: bool) {
        self.say(Said::Full(is_full));
    }
}

/// Starts what is configured: the lamp to be told, and the threads that end when `stop` is set.
///
/// # Errors
/// When the operating system has no thread to give.
pub fn spawn(
    config: &Gpio,
    touch: Touch,
    vitals: &Arc<Vitals>,
    stop: &Stop,
) -> io::Result<(Option<Lamp>, Vec<JoinHandle<()>>)> {
    let (mut lamp, mut threads) = (None, Vec::new());
    if config.parts().any(|(part, _)| part != Part::Button) {
        let (tell, told) = sync_channel(WAITING);
        let (config, vitals, stop) = (config.clone(), Arc::clone(vitals), stop.clone());
        threads.push(
            Builder::new()
                .name("lamp".into())
                .spawn(move || switch(&config, &told, &vitals, &stop))?,
        );
        lamp = Some(Lamp(tell));
    }
    if config.button.is_some() {
        let (config, vitals, stop) = (config.clone(), Arc::clone(vitals), stop.clone());
        threads.push(
            Builder::new()
                .name("button".into())
                .spawn(move || listen(&config, &touch, &vitals, &stop))?,
        );
    }
    Ok((lamp, threads))
}

/// Says once what is wrong with a part, and once that it is well again.
struct Trouble<'a> {
    part: &'static str,
    vitals: &'a Vitals,
    is_said: bool,
}

impl<'a> Trouble<'a> {
    fn of(part: &'static str, vitals: &'a Vitals) -> Self {
        Self {
            part,
            vitals,
            is_said: false,
        }
    }

    fn failed(&mut self, failed: &GpioError) {
        self.vitals
            .fault(self.part, format!("{}: {failed}", self.part));
        if !self.is_said {
            tracing::error!(part = self.part, %failed, "GPIO lines fail; punches go on without them");
            self.is_said = true;
        }
    }

    fn well(&mut self) {
        self.vitals.well(self.part);
        self.is_said = false;
        tracing::info!(part = self.part, "the GPIO lines are taken");
    }
}

fn switch(config: &Gpio, told: &Receiver<Said>, vitals: &Vitals, stop: &Stop) {
    let began = Instant::now();
    let mut player = Player::new(config);
    let mut trouble = Trouble::of("lamp", vitals);
    let (mut outputs, mut try_at) = (None, Duration::ZERO);
    while !stop.is_set() {
        let now = began.elapsed();
        if outputs.is_none() && now >= try_at {
            match Outputs::open(config) {
                Ok(opened) => {
                    outputs = opened;
                    trouble.well();
                }
                Err(failed) => trouble.failed(&failed),
            }
            try_at = now + AGAIN;
        }
        let (levels, next) = player.at(now);
        let set = outputs
            .as_mut()
            .map(|outputs: &mut Outputs| outputs.set(levels));
        if let Some(Err(failed)) = set {
            trouble.failed(&failed);
            outputs = None;
        }
        let wait = next.map_or(TURN, |next| next.saturating_sub(began.elapsed()).min(TURN));
        match told.recv_timeout(wait) {
            Ok(said) => player.tell(said, began.elapsed()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

fn listen(config: &Gpio, touch: &Touch, vitals: &Vitals, stop: &Stop) {
    let mut trouble = Trouble::of("button", vitals);
    while !stop.is_set() {
        let done = Button::open(config).and_then(|button| {
            trouble.well();
            while let Some(button) = &button
                && !stop.is_set()
            {
                if button.pressed(TURN)? {
                    tracing::debug!("the button was pressed");
                    touch.tap();
                }
            }
            Ok(())
        });
        if let Err(failed) = done {
            trouble.failed(&failed);
            stop.wait(AGAIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use limen_wire::event::{Direction, Method, Rejection};
    use rstest::rstest;

    use super::*;
    use crate::gate::{Durable, Refused};

    fn told(tell: impl Fn(&Lamp)) -> Vec<Said> {
        let (lamp, said) = sync_channel(WAITING);
        tell(&Lamp(lamp));
        said.try_iter().collect()
    }

    #[rstest]
    #[case(Direction::In, Answer::In)]
    #[case(Direction::Out, Answer::Out)]
    fn a_punch_is_answered_by_its_way(#[case] toward: Direction, #[case] answer: Answer) {
        let accepted = Accepted {
            person: Uuid::nil(),
            durable: Durable {
                outbox: Uuid::nil(),
                seq: 1,
            },
            method: Method::Pin,
            direction: Direction::Auto,
            toward,
        };
        assert_eq!(told(|lamp| lamp.green(&accepted)), [Said::Answer(answer)]);
    }

    #[test]
    fn what_is_no_punch_is_answered_otherwise() {
        let again = [Said::Answer(Answer::Again)];
        assert_eq!(told(|lamp| lamp.again(Uuid::nil())), again);
        assert_eq!(told(|lamp| lamp.reverses(Uuid::nil())), again);
        let rejected = Red::Rejected(Rejection::Unknown);
        assert_eq!(
            told(|lamp| lamp.red(rejected)),
            [Said::Answer(Answer::Refused)]
        );
        let full = Refused("the disk is full".into());
        assert_eq!(
            told(|lamp| lamp.red(Red::NotRecorded(&full))),
            [Said::Answer(Answer::NotRecorded)]
        );
        assert_eq!(
            told(|lamp| lamp.guide(Some(Guide::OneAtATime))),
            [Said::Hint(true)]
        );
        assert_eq!(told(|lamp| lamp.guide(None)), [Said::Hint(false)]);
        assert_eq!(told(|lamp| lamp.full(true)), [Said::Full(true)]);
    }

    #[test]
    fn lines_that_hang_hold_up_nobody() {
        let said = told(|lamp| (0..100).for_each(|_| lamp.again(Uuid::nil())));
        assert_eq!(said.len(), WAITING);
    }

    /// No machine has this chip: the fault is told, and the threads end when they are asked to.
    #[test]
    fn a_chip_that_is_not_there_is_told_and_stops_nothing() {
        let config = Gpio {
            chip: "no such chip".to_owned(),
            red: Some(1),
            button: Some(2),
            ..Gpio::default()
        };
        let (vitals, stop) = (Arc::new(Vitals::new(Path::new("/"))), Stop::new());
        let mut changes = vitals.changes();
        let (lamp, threads) = spawn(&config, Touch::default(), &vitals, &stop).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let both = |line: &str| {
            ["lamp: ", "button: "]
                .iter()
                .all(|part| line.contains(part))
        };
        while !both(&vitals.line(0, 0)) {
            runtime.block_on(changes.changed()).unwrap();
        }
        assert!(
            vitals
                .line(0, 0)
                .contains("there is no GPIO chip \"no such chip\"")
        );
        lamp.unwrap().again(Uuid::nil());
        stop.set();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn nothing_is_started_for_what_is_not_configured() {
        let (vitals, stop) = (Arc::new(Vitals::new(Path::new("/"))), Stop::new());
        let (lamp, threads) = spawn(&Gpio::default(), Touch::default(), &vitals, &stop).unwrap();
        assert!(lamp.is_none() && threads.is_empty());
    }
}
