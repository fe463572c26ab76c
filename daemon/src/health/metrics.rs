//! The same as [`Health`](limen_wire::Health) for a Prometheus on this machine: numbers, and labels of few values that
//! are all known here. No name, no address, no score.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use limen_wire::event::Camera;

use super::{Vitals, free_mib, temperature_c};
use crate::outbox::FIRMWARE;

const STATES: [(Camera, &str); 6] = [
    (Camera::Ok, "ok"),
    (Camera::Missing, "missing"),
    (Camera::Frozen, "frozen"),
    (Camera::Dark, "dark"),
    (Camera::Garbage, "garbage"),
    (Camera::Off, "off"),
];

impl Vitals {
    /// In Prometheus' text format, version 0.0.4. How many people are known and how many events wait is as it was
    /// told last: to systemd each second, to the cloud with each status.
    pub fn metrics(&self) -> String {
        let said = self.said().clone();
        let mut text = String::new();
        let mut tell = |name: &str, kind: &str, help: &str, rows: &[(String, String)]| {
            if rows.is_empty() {
                return;
            }
            // A String takes everything.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for (labels, value) in rows {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let one = |value: u64| [(String::new(), value.to_string())];
        let [people, waiting] = [0, 1].map(|at: usize| self.counted[at].load(Ordering::Relaxed));
        let firmware = [(format!("{{firmware=\"{FIRMWARE}\"}}"), "1".to_owned())];
        let states = STATES.map(|(state, name)| {
            let is_it = u8::from(said.camera == Some(state));
            (format!("{{state=\"{name}\"}}"), is_it.to_string())
        });
        let faults: Vec<_> = said
            .faults
            .iter()
            .map(|(part, _)| (format!("{{part=\"{part}\"}}"), "1".to_owned()))
            .collect();
        tell("limen_terminal_info", "gauge", "The program.", &firmware);
        let help = "Whether the line to the cloud is up.";
        tell(
            "limen_line_up",
            "gauge",
            help,
            &one(self.is_linked().into()),
        );
        tell(
            "limen_camera_state",
            "gauge",
            "What the camera gives.",
            &states,
        );
        let help = "How often the camera was lost since the start.";
        tell(
            "limen_camera_lost_total",
            "counter",
            help,
            &one(said.losses),
        );
        tell(
            "limen_people",
            "gauge",
            "People known by their face.",
            &one(people),
        );
        let help = "Events that the cloud has not acknowledged.";
        tell("limen_events_waiting", "gauge", help, &one(waiting));
        let help = "Parts that a person should look at.";
        tell("limen_fault", "gauge", help, &faults);
        let free = free_mib(&self.data).map(one);
        let help = "Room on the disk of the data folder, in MiB.";
        tell(
            "limen_disk_free_mib",
            "gauge",
            help,
            free.as_ref().map_or(&[], |free| free),
        );
        let warm = temperature_c().map(|degrees| [(String::new(), degrees.to_string())]);
        let help = "Temperature of the processor.";
        tell(
            "limen_temperature_celsius",
            "gauge",
            help,
            warm.as_ref().map_or(&[], |warm| warm),
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_said_is_told_in_numbers_and_without_its_words() {
        let vitals = Vitals::new(Path::new("/"));
        for state in [
            Camera::Ok,
            Camera::Dark,
            Camera::Ok,
            Camera::Missing,
            Camera::Frozen,
        ] {
            vitals.camera(state);
        }
        vitals.fault("camera", "Anna is not to be read here");
        vitals.link(true);
        vitals.line(17, 4);
        let text = vitals.metrics();
        for row in [
            "limen_line_up 1",
            "limen_camera_state{state=\"frozen\"} 1",
            "limen_camera_state{state=\"ok\"} 0",
            "limen_camera_lost_total 2",
            "limen_people 17",
            "limen_events_waiting 4",
            "limen_fault{part=\"camera\"} 1",
        ] {
            assert!(
                text.lines().any(|found| found == row),
                "{row} is not in {text}"
            );
        }
        assert!(!text.contains("Anna"), "{text}");
        // Each row is a comment, or a name, labels and a number.
        for row in text.lines().filter(|row| !row.starts_with("# ")) {
            let (name, value) = row.rsplit_once(' ').unwrap();
            assert!(
                name.starts_with("limen_") && value.parse::<f64>().is_ok(),
                "{row}"
            );
        }
        vitals.well("camera");
        assert!(!vitals.metrics().contains("limen_fault"));
    }
}
