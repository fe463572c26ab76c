//! `limen-daemon test-io`: every line that is configured, one after the other, before a technician's eyes and ears.

use std::time::{Duration, Instant};

use super::answers::{Answer, Levels, Player, Said};
use super::lines::{Button, GpioError, Outputs};
use crate::config::{Gpio, Part};
use crate::stop::Stop;

/// For how long a lamp shines.
const LIT: Duration = Duration::from_secs(2);

/// How long the button is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two tones that mean something else.
const SILENCE: Duration = Duration::from_secs(1);

/// What the buzzer says, in words.
const SOUNDS: [(Answer, &str); 5] = [
    (Answer::In, "IN: one short tone"),
    (Answer::Out, "OUT: two short tones"),
    (Answer::Again, "in or out already: three very short tones"),
    (Answer::Refused, "refused: one long tone"),
    (
        Answer::NotRecorded,
        "not kept, the disk is full for instance: two long tones",
    ),
];

/// Goes through lamp, buzzer, relay and button, and tells each step by `say`, a line each. Whether every line did what
/// it was told and the button was pressed: what shone and sounded is for whoever looks. Ends early, with everything
/// off, when `stop` is set.
///
/// # Errors
/// [`GpioError`] when the lines can't be had, because the terminal runs for instance: then nothing was switched.
pub fn trial(config: &Gpio, stop: &Stop, mut say: impl FnMut(&str)) -> Result<bool, GpioError> {
    let (mut outputs, button) = (Outputs::open(config)?, Button::open(config)?);
    let mut is_well = true;
    for (part, line) in config.parts() {
        let name = format!("{:<6}  line {line:<3}", part.to_string());
        if stop.is_set() {
            break;
        }
        match (part, &mut outputs, &button) {
            (Part::Button, _, Some(button)) => {
                say(&format!(
                    "{name}  press it, within {} s",
                    PATIENCE.as_secs()
                ));
                match await_press(button, stop)? {
                    true => say(&format!("{name}  was pressed")),
                    false => {
                        is_well = false;
                        say(&format!(
                            "{name}  FAILED: was not pressed. Look at its wires, and at gpio.active_low"
                        ));
                    }
                }
            }
            (Part::Buzzer, Some(outputs), _) => {
                for (answer, words) in SOUNDS {
                    say(&format!("{name}  listen: {words}"));
                    sound(outputs, answer, config, stop)?;
                }
            }
            (_, Some(outputs), _) => {
                let (time, question) = match part {
                    Part::Relay => (config.relay(), "does the door open?".to_owned()),
                    part => (
                        LIT,
                        format!("does the lamp shine {part}, and in no other colour?"),
                    ),
                };
                say(&format!(
                    "{name}  on for {} s. Look: {question}",
                    time.as_secs_f64()
                ));
                is_well &= shine(outputs, part, line, time, stop, |wrong| {
                    say(&format!("{name}  FAILED: {wrong}"))
                })?;
                say(&format!("{name}  off again"));
            }
            _ => {}
        }
    }
    Ok(is_well && !stop.is_set())
}

/// Whether the chip itself says that it was on.
fn shine(
    outputs: &mut Outputs,
    part: Part,
    line: u32,
    time: Duration,
    stop: &Stop,
    say: impl FnOnce(&str),
) -> Result<bool, GpioError> {
    outputs.set(Levels::only(part))?;
    let is_on = outputs.is_on(line)?;
    if !is_on {
        say("the chip says that the line stayed off; something pulls it there");
    }
    stop.wait(time);
    outputs.set(Levels::default())?;
    Ok(is_on)
}

/// Plays what the buzzer says for an answer, and nothing else of it.
fn sound(
    outputs: &mut Outputs,
    answer: Answer,
    config: &Gpio,
    stop: &Stop,
) -> Result<(), GpioError> {
    let began = Instant::now();
    let mut player = Player::new(config);
    player.tell(Said::Answer(answer), Duration::ZERO);
    loop {
        let now = began.elapsed();
        let (levels, next) = player.at(now);
        outputs.set(match levels.of(Part::Buzzer) {
            true => Levels::only(Part::Buzzer),
            false => Levels::default(),
        })?;
        match next {
            Some(next) if !player.is_silent(now) => stop.wait(next.saturating_sub(now)),
            _ => break,
        };
    }
    stop.wait(SILENCE);
    Ok(())
}

fn await_press(button: &Button, stop: &Stop) -> Result<bool, GpioError> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE && !stop.is_set() {
        if button.pressed(Duration::from_millis(200))? {
            return Ok(true);
        }
    }
    Ok(false)
}
