//! What may be said of a person: by the site's settings, by what the cloud concluded, and by what
//! happened here since.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use limen_wire::event::Direction;
use limen_wire::{Name, Screen, State};
use uuid::Uuid;

use super::board::{Stands, Whom};
use crate::roster::Card;

/// The screen hears of a punch so long after the instant that the event states, at most: later ones
/// are others.
const HEARD: SignedDuration = SignedDuration::from_secs(2);

/// How a person is greeted whose card this is. Before the site said how, nobody is named.
pub fn whom(card: Option<&Card>, screen: Option<Screen>) -> Whom {
    let Some(card) = card else {
        return Whom::default();
    };
    let name = match screen.map_or(Name::None, |screen| screen.name) {
        Name::Full => Some(card.name.trim()),
        Name::First => card.name.split_whitespace().next(),
        Name::None => None,
    };
    Whom {
        name: name.filter(|name| !name.is_empty()).map(str::to_owned),
        language: Some(card.language.clone()).filter(|language| !language.is_empty()),
    }
}

/// The punches that were shown here, the last of each person: without a line to the cloud nobody
/// else knows of them.
#[derive(Debug, Default)]
pub struct Here(HashMap<Uuid, Stands>);

impl Here {
    /// A punch was shown, or changed. Without a direction nothing is known any more.
    pub fn punched(&mut self, person: Uuid, direction: Direction, at: Timestamp) {
        let is_in = match direction {
            Direction::In => true,
            Direction::Out => false,
            Direction::Auto => return self.not_them(person),
        };
        self.0.insert(
            person,
            Stands {
                is_in,
                since: Some(at),
            },
        );
    }

    /// It was somebody else.
    pub fn not_them(&mut self, person: Uuid) {
        self.0.remove(&person);
    }

    /// Where the person stands, by the later of what the cloud says and what was shown here.
    pub fn stands(&self, person: Uuid, state: Option<&State>) -> Option<Stands> {
        let said = state.map(|state| Stands {
            is_in: state.is_in,
            since: state.since,
        });
        match (self.0.get(&person).copied(), said) {
            // What was changed here a moment ago, the cloud concludes anew a moment later.
            (Some(here), Some(said))
                if is_later(here.since, said.since)
                    || (here.is_in != said.is_in && !is_later(said.since, here.since)) =>
            {
                Some(here)
            }
            (here, said) => said.or(here),
        }
    }

    /// Whether the cloud's conclusion is older than what was shown here.
    fn knows_more(&self, person: Uuid, state: &State) -> bool {
        self.0
            .get(&person)
            .is_some_and(|here| is_later(here.since, state.since))
    }

    /// Whether the cloud heard of the punch that was shown `at`.
    pub fn is_told(state: &State, at: Timestamp) -> bool {
        !is_later(Some(at), state.since)
    }

    /// Minutes that the person worked today, at `now`, in the site's `zone`; `None` where the
    /// conclusion is of another day, or of before a punch here.
    pub fn minutes(
        &self,
        person: Uuid,
        state: Option<&State>,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Option<u32> {
        let state = state?;
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        if day(state.as_of) != day(now) || self.knows_more(person, state) {
            return None;
        }
        let since = match state.is_in {
            true => now.duration_since(state.as_of).as_mins().max(0),
            false => 0,
        };
        state.minutes_today.checked_add(u32::try_from(since).ok()?)
    }
}

/// Whether what was shown at `here` is another punch than that of `said`, and later.
fn is_later(here: Option<Timestamp>, said: Option<Timestamp>) -> bool {
    match (here, said) {
        (Some(here), Some(said)) => here.duration_since(said) > HEARD,
        (here, _) => here.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ADA: Uuid = Uuid::from_u128(0xada);

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}:00Z").parse().unwrap()
    }

    fn state(is_in: bool, since: &str, minutes_today: u32, as_of: &str) -> State {
        State {
            person: ADA,
            is_in,
            since: Some(at(since)),
            minutes_today,
            as_of: at(as_of),
        }
    }

    fn card(name: &str, language: &str) -> Card {
        Card {
            name: name.into(),
            language: language.into(),
            number: None,
            pin_verifier: None,
            badges: Vec::new(),
            second_factor_with: Vec::new(),
        }
    }

    #[rstest]
    #[case::whole("Ada King Lovelace", Some(Name::Full), Some("Ada King Lovelace"))]
    #[case::first("  Ada King", Some(Name::First), Some("Ada"))]
    #[case::unnamed("Ada King", Some(Name::None), None)]
    #[case::before_the_site_said_so("Ada King", None, None)]
    #[case::empty(" ", Some(Name::First), None)]
    fn is_greeted_as(#[case] name: &str, #[case] by: Option<Name>, #[case] greeted: Option<&str>) {
        let screen = by.map(|name| Screen { name, hours: true });
        let shown = whom(Some(&card(name, "de")), screen);
        assert_eq!(shown.name.as_deref(), greeted);
        assert_eq!(shown.language.as_deref(), Some("de"));
        assert_eq!(whom(Some(&card(name, "")), screen).language, None);
    }

    #[test]
    fn the_later_of_cloud_and_door_is_said() {
        let mut here = Here::default();
        assert_eq!(here.stands(ADA, None), None);
        let morning = state(true, "25T07:00", 0, "25T07:01");
        assert!(here.stands(ADA, Some(&morning)).unwrap().is_in);
        // Out by this door, and the line is cut.
        here.punched(ADA, Direction::Out, at("25T11:00"));
        let stands = here.stands(ADA, Some(&morning)).unwrap();
        assert_eq!((stands.is_in, stands.since), (false, Some(at("25T11:00"))));
        // The cloud heard of it, and of another door.
        let noon = state(true, "25T11:30", 240, "25T11:30");
        assert!(here.stands(ADA, Some(&noon)).unwrap().is_in);
        here.punched(ADA, Direction::Out, at("25T11:30"));
        assert!(!here.stands(ADA, Some(&noon)).unwrap().is_in, "changed");
        here.not_them(ADA);
        assert!(here.stands(ADA, Some(&morning)).unwrap().is_in);
    }

    #[rstest]
    #[case::still_in(state(true, "25T07:00", 10, "25T07:10"), "25T09:00", Some(120))]
    #[case::out(state(false, "25T09:00", 120, "25T09:00"), "25T10:00", Some(120))]
    #[case::yesterdays(state(false, "24T16:00", 480, "24T16:00"), "25T07:00", None)]
    // 23:30 UTC is past midnight in Berlin.
    #[case::todays_there(state(false, "24T23:30", 5, "24T23:30"), "25T07:00", Some(5))]
    #[case::the_clock_went_back(state(true, "25T07:00", 10, "25T07:10"), "25T07:00", Some(10))]
    fn hours(#[case] state: State, #[case] now: &str, #[case] minutes: Option<u32>) {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let here = Here::default();
        assert_eq!(here.minutes(ADA, Some(&state), at(now), &zone), minutes);
    }

    #[test]
    fn hours_of_before_a_punch_here_are_not_said() {
        let mut here = Here::default();
        here.punched(ADA, Direction::Out, at("25T11:00"));
        let morning = state(true, "25T07:00", 0, "25T07:01");
        let minutes = |state| here.minutes(ADA, Some(state), at("25T12:00"), &TimeZone::UTC);
        assert_eq!(minutes(&morning), None);
        // The event was written a moment before it was shown.
        let mut noon = state(false, "25T11:00", 240, "25T11:00");
        noon.since = Some(at("25T11:00") - SignedDuration::from_millis(40));
        assert_eq!(minutes(&noon), Some(240));
    }
}
