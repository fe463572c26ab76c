//! What holds at this door: the terminal's configuration, and the site's settings over it.

use std::time::Duration;

use limen_wire::{Face, Pad, Settings};

use crate::config;

/// When faces are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// Never.
    Never,
    /// For a moment after a tap, a button or a badge, until somebody was told something.
    Touched,
    /// Always.
    Always,
}

/// When a face becomes a punch.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// When faces are looked at.
    pub looks: Looks,
    /// How long after a touch.
    pub touch: Duration,
    /// Embeddings of one decision.
    pub frames: usize,
    /// Least width of a face that is near, in pixels of a picture whose longer side has 640.
    pub face_px: f32,
    /// Time for which a face is near, alone and frontal before anything is said.
    pub hold: Duration,
    /// Time out of sight that ends a visit.
    pub away: Duration,
    /// Time after a punch in which the person is not punched again.
    pub repunch: Duration,
    /// Time after a punch in which one in the other direction must be asked for.
    pub reverse: Duration,
    /// Share of strangers' visits that may be taken for somebody enrolled.
    pub fpir: f64,
    /// What is done against pictures that are held into the camera.
    pub pad: Pad,
    /// Which way somebody goes who presses no key, by the time of day.
    pub schedule: Vec<config::Scheduled>,
}

impl Rules {
    /// What holds by this configuration, and by the site's settings once they came: whether faces
    /// may be looked at, how certain and how often is for the employer to say.
    pub fn of(gate: &config::Gate, settings: Option<&Settings>) -> Self {
        let looks = match (settings.map(|settings| settings.face), gate.looks) {
            (Some(Face::Off), _) => Looks::Never,
            (_, config::Looks::Touched) => Looks::Touched,
            (_, config::Looks::Always) => Looks::Always,
            // Where a face is the person's own choice, only what they do may begin it.
            (Some(Face::Optional), config::Looks::Site) => Looks::Touched,
            (Some(Face::On) | None, config::Looks::Site) => Looks::Always,
        };
        let repunch = settings.map(|settings| Duration::from_secs(settings.re_punch_s.into()));
        Self {
            looks,
            touch: Duration::from_secs_f64(gate.touch_s),
            frames: gate.frames,
            face_px: gate.min_face_px as f32,
            hold: Duration::from_secs_f64(gate.hold_s),
            away: Duration::from_secs_f64(gate.away_s),
            repunch: repunch.unwrap_or(Duration::from_secs_f64(gate.repunch_s)),
            reverse: Duration::from_secs_f64(gate.reverse_s),
            schedule: gate.schedule.clone(),
            fpir: settings.map_or(gate.fpir, |settings| settings.fpir),
            pad: match gate.pad {
                config::Pad::Site => settings.map_or(Pad::Passive, |settings| settings.pad),
                config::Pad::Off => Pad::Off,
                config::Pad::Challenge => Pad::Challenge,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use limen_wire::{Name, Screen};
    use rstest::rstest;
    use uuid::Uuid;

    use super::*;

    fn settings(face: Face) -> Settings {
        Settings {
            epoch: Uuid::from_u128(1),
            version: 1,
            zone: "Europe/Berlin".into(),
            face,
            fpir: 1e-4,
            pad: Pad::Off,
            re_punch_s: 90,
            open: Vec::new(),
            languages: vec!["de".into()],
            screen: Screen {
                name: Name::First,
                hours: true,
            },
        }
    }

    #[rstest]
    #[case::before_the_settings_came(None, config::Looks::Site, Looks::Always)]
    #[case::a_choice_begins_with_a_touch(Some(Face::Optional), config::Looks::Site, Looks::Touched)]
    #[case::for_everybody(Some(Face::On), config::Looks::Site, Looks::Always)]
    #[case::stricter_here(Some(Face::On), config::Looks::Touched, Looks::Touched)]
    #[case::decided_here(Some(Face::Optional), config::Looks::Always, Looks::Always)]
    #[case::off_is_off(Some(Face::Off), config::Looks::Always, Looks::Never)]
    fn when_faces_are_looked_at(
        #[case] site: Option<Face>,
        #[case] here: config::Looks,
        #[case] looks: Looks,
    ) {
        let gate = config::Gate {
            looks: here,
            ..config::Gate::default()
        };
        let settings = site.map(settings);
        assert_eq!(Rules::of(&gate, settings.as_ref()).looks, looks);
    }

    #[rstest]
    #[case::before_the_settings_came(None, config::Pad::Site, Pad::Passive)]
    #[case::as_the_site_says(Some(Pad::Off), config::Pad::Site, Pad::Off)]
    #[case::more_than_that(Some(Pad::Challenge), config::Pad::Site, Pad::Challenge)]
    #[case::stricter_here(Some(Pad::Off), config::Pad::Challenge, Pad::Challenge)]
    #[case::a_camera_that_moves(Some(Pad::Passive), config::Pad::Off, Pad::Off)]
    fn what_is_done_against_pictures(
        #[case] site: Option<Pad>,
        #[case] here: config::Pad,
        #[case] wanted: Pad,
    ) {
        let gate = config::Gate {
            pad: here,
            ..config::Gate::default()
        };
        let settings = site.map(|pad| Settings {
            pad,
            ..settings(Face::On)
        });
        assert_eq!(Rules::of(&gate, settings.as_ref()).pad, wanted);
    }

    #[test]
    fn the_sites_settings_are_stronger_than_the_configuration() {
        let gate = config::Gate::default();
        let before = Rules::of(&gate, None);
        assert_eq!((before.repunch.as_secs(), before.fpir), (60, 1e-3));
        let after = Rules::of(&gate, Some(&settings(Face::On)));
        assert_eq!((after.repunch.as_secs(), after.fpir), (90, 1e-4));
        assert_eq!(after.hold, before.hold);
    }
}
