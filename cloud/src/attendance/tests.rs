use limen_wire::event::{
    Amend, Change, Clock, Direction, Event, Grade, Method, Punch, Rejection, What,
};

use super::*;
use crate::store::{Site, ledger};
use limen_payroll::{Kind, State};
use terms::Settings;

pub(crate) const ANNA: AccountId = AccountId(Uuid::from_u128(0xa));
pub(crate) const DOOR: Uuid = Uuid::from_u128(0xd);
const OUTBOX: Uuid = Uuid::from_u128(0xb0);
const BOOT: Uuid = Uuid::from_u128(0xb007);

/// A tenant's facts, written as its terminal would.
pub(crate) struct Book {
    pub facts: Vec<Fact>,
    pub marks: Vec<ledger::SyncMark>,
    pub settings: Settings,
    pub rates: Vec<(Timestamp, Decimal)>,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Anna earns 15.50 an hour since the beginning of the year.
pub(crate) fn book() -> Book {
    Book {
        facts: Vec::new(),
        marks: Vec::new(),
        settings: Settings::default(),
        rates: vec![(at("2026-01-01T00:00Z"), "15.50".parse().unwrap())],
    }
}

impl Book {
    pub fn says(mut self, when: &str, what: What) -> Self {
        let seq = u64::try_from(self.facts.len()).unwrap() + 1;
        let at = at(when);
        let amends = match &what {
            What::Amend(amend) => Some(amend.of),
            _ => None,
        };
        let event = Event {
            at,
            clock: Clock::Synced,
            boot: BOOT,
            uptime_ms: seq,
            what,
        };
        self.facts.push(Fact {
            key: PunchKey {
                terminal: DOOR,
                outbox: OUTBOX,
                seq,
            },
            kind: "punch".to_owned(),
            at,
            received: at,
            person: Some(ANNA),
            amends,
            body: serde_json::to_string(&event).unwrap(),
        });
        self
    }

    pub fn punch(self, when: &str, direction: Direction) -> Self {
        self.says(
            when,
            What::Punch(Punch {
                person: ANNA.0,
                direction,
                method: Method::Face,
                grade: Grade::Clear,
                frames: 3,
                model: "m".to_owned(),
            }),
        )
    }

    /// What the last event said of its clock, and when it was received.
    fn last(mut self, change: impl FnOnce(&mut Event), received: &str) -> Self {
        let fact = self.facts.last_mut().unwrap();
        let mut event: Event = serde_json::from_str(&fact.body).unwrap();
        change(&mut event);
        (fact.at, fact.received) = (event.at, at(received));
        fact.body = serde_json::to_string(&event).unwrap();
        self
    }

    pub fn concluded(&self, now: &str) -> Attendance {
        let site = Uuid::from_u128(0x51);
        let tenant = Tenant {
            id: TenantId(Uuid::from_u128(1)),
            name: "Ada".to_owned(),
            currency: "EUR".to_owned(),
            site: Site {
                id: site,
                name: "Site".to_owned(),
                zone: "Europe/Berlin".to_owned(),
                signing_sealed: Vec::new(),
                sealing_sealed: Vec::new(),
            },
        };
        let anna = Person {
            id: ANNA,
            site,
            name: "Anna".to_owned(),
            email: "anna@example.org".to_owned(),
            rates: self.rates.clone(),
        };
        let zone = limen_payroll::Zone::named(&tenant.site.zone).unwrap();
        let people = vec![anna];
        let terms = Terms::new(
            &tenant,
            &people,
            self.settings.rules(zone, 60),
            Agreed::default(),
        )
        .unwrap();
        let read = Read::of(&self.facts, &self.marks);
        Attendance::conclude(tenant, people, terms, read, at(now))
    }
}

/// `08:00-16:30 8.5000 131.75` for each of Anna's sessions, in UTC.
fn outcome(attendance: &Attendance) -> String {
    let clock = |at: Timestamp| at.strftime("%H:%M").to_string();
    let sessions = attendance.sessions(ANNA).map(|worked| {
        let out = worked
            .session
            .check_out
            .map(|out| clock(out.at))
            .unwrap_or_default();
        let hours = limen_payroll::hours(worked.session.seconds());
        format!(
            "{}-{out} {hours} {}",
            clock(worked.session.check_in.at),
            attendance.units(worked.amount)
        )
    });
    let kinds = attendance
        .anomalies
        .iter()
        .map(|a| a.kind.name().to_owned());
    sessions.chain(kinds).collect::<Vec<_>>().join(", ")
}

#[test]
fn stored_punches_become_hours_and_pay() {
    let day = book()
        .punch("2026-06-01T06:00Z", Direction::In)
        .punch("2026-06-01T14:30Z", Direction::Out)
        .punch("2026-06-01T15:00Z", Direction::Auto);
    let attendance = day.concluded("2026-06-01T16:00Z");
    assert_eq!(
        outcome(&attendance),
        "06:00-14:30 8.5000 131.75, 15:00- 0.0000 0.00"
    );
    let status = &attendance.status()[&ANNA];
    assert!(status.inside);
    assert_eq!(status.seconds_today, 9 * 3_600 + 1_800);
    assert_eq!(attendance.earned_today(status).to_string(), "147.25");
    let opened_by = attendance.sheet.sessions[0].check_in.punch;
    let key = PunchKey {
        terminal: DOOR,
        outbox: OUTBOX,
        seq: 1,
    };
    assert_eq!(attendance.punch_key(opened_by), Some(key));
}

#[test]
fn buttons_of_the_screen_count() {
    let not_me = What::Amend(Amend {
        of: 2,
        change: Change::NotMe,
    });
    let out = What::Amend(Amend {
        of: 4,
        change: Change::Direction(Direction::Out),
    });
    let day = book()
        .punch("2026-06-01T06:00Z", Direction::In)
        .punch("2026-06-01T09:00Z", Direction::Out)
        .says("2026-06-01T09:00:05Z", not_me)
        .punch("2026-06-01T14:00Z", Direction::In)
        .says("2026-06-01T14:00:05Z", out);
    let attendance = day.concluded("2026-06-01T16:00Z");
    assert_eq!(outcome(&attendance), "06:00-14:00 8.0000 124.00, not_me");
    assert_eq!(attendance.exceptions().count(), 1);
}

#[test]
fn a_clock_that_was_not_set_is_placed_by_what_its_boot_said_later() {
    let unset = |event: &mut Event| {
        (event.clock, event.at) = (Clock::Unsynced, Timestamp::UNIX_EPOCH);
        event.uptime_ms = 3_600_000;
    };
    let mut day = book()
        .punch("1970-01-01T01:00Z", Direction::In)
        .last(unset, "2026-06-01T06:01Z")
        .punch("2026-06-01T14:00Z", Direction::Out)
        .last(|event| event.boot = Uuid::from_u128(2), "2026-06-01T14:00Z");
    assert!(!Read::of(&day.facts, &[]).clocks_were_set());
    let attendance = day.concluded("2026-06-01T16:00Z");
    assert_eq!(outcome(&attendance), "no_time, missing_in");
    // Two hours after that boot it was 07:00; so it was 06:00 one hour after it.
    day.marks.push(ledger::SyncMark {
        terminal: DOOR,
        boot: BOOT,
        uptime_ms: 7_200_000,
        at: at("2026-06-01T07:00Z"),
    });
    assert_eq!(
        outcome(&day.concluded("2026-06-01T16:00Z")),
        "06:00-14:00 8.0000 124.00"
    );
}

#[test]
fn an_event_that_says_that_the_clock_was_set_is_such_a_mark() {
    let unset = |event: &mut Event| {
        (event.clock, event.at) = (Clock::Unsynced, Timestamp::UNIX_EPOCH);
        event.uptime_ms = 3_600_000;
    };
    let set = What::Clock {
        from: Timestamp::UNIX_EPOCH,
        to: at("2026-06-01T07:00Z"),
    };
    let day = book()
        .punch("1970-01-01T01:00Z", Direction::In)
        .last(unset, "2026-06-01T07:00Z")
        .says("2026-06-01T07:00Z", set)
        .last(|event| event.uptime_ms = 7_200_000, "2026-06-01T07:00Z");
    let attendance = day.concluded("2026-06-01T08:00Z");
    assert_eq!(
        attendance.sheet.sessions[0].check_in.at,
        at("2026-06-01T06:00Z")
    );
}

#[test]
fn what_comes_from_a_backlog_is_not_flagged_and_what_comes_too_early_is() {
    let backlog = book()
        .punch("2026-06-01T06:00Z", Direction::In)
        .last(|_| {}, "2026-06-09T00:00Z");
    assert_eq!(backlog.concluded("2026-06-01T08:00Z").anomalies, []);
    let early = book()
        .punch("2026-06-01T06:00Z", Direction::In)
        .last(|_| {}, "2026-06-01T05:00Z");
    let flagged = early.concluded("2026-06-01T08:00Z").anomalies;
    assert!(matches!(flagged[0].kind, Kind::ClockDisagrees { .. }));
}

#[test]
fn what_cannot_be_read_is_left_out_and_the_rest_counts() {
    let mut day = book()
        .punch("2026-06-01T06:00Z", Direction::In)
        .punch("2026-06-01T14:00Z", Direction::Out)
        .punch("2026-06-01T15:00Z", Direction::In);
    day.facts[2].body = r#"{"kind":"punch"}"#.to_owned();
    assert_eq!(
        outcome(&day.concluded("2026-06-01T16:00Z")),
        "06:00-14:00 8.0000 124.00"
    );
}

#[test]
fn refusals_name_nobody_and_are_by_time() {
    let day = book()
        .says(
            "2026-06-01T09:00Z",
            What::Rejected {
                why: Rejection::Unknown,
            },
        )
        .says(
            "2026-06-01T08:00Z",
            What::Rejected {
                why: Rejection::Ambiguous,
            },
        );
    let rejected = day.concluded("2026-06-01T16:00Z").rejected;
    assert_eq!(
        rejected.iter().map(|r| r.why).collect::<Vec<_>>(),
        [Rejection::Ambiguous, Rejection::Unknown]
    );
}

#[test]
fn a_rate_holds_from_the_beginning_of_its_day_at_the_site() {
    let mut day = book()
        .punch("2026-06-01T20:00Z", Direction::In)
        .punch("2026-06-02T04:00Z", Direction::Out);
    // 23:00 in UTC is one o'clock of the next day in Berlin, whose midnight is 22:00 in UTC.
    day.rates
        .push((at("2026-06-01T23:00Z"), "31".parse().unwrap()));
    let attendance = day.concluded("2026-06-03T00:00Z");
    assert_eq!(outcome(&attendance), "20:00-04:00 8.0000 217.00");
    assert_eq!(attendance.payout.lines.len(), 2);
}

#[test]
fn time_before_the_first_rate_is_an_exception() {
    let mut day = book()
        .punch("2026-06-01T06:00Z", Direction::In)
        .punch("2026-06-01T14:00Z", Direction::Out);
    day.rates.clear();
    let attendance = day.concluded("2026-06-03T00:00Z");
    assert_eq!(outcome(&attendance), "06:00-14:00 8.0000 0.00, no_rate");
    assert_eq!(attendance.sessions(ANNA).next().unwrap().priced_s, 0);
}

#[test]
fn settings_are_read_by_name_and_a_slip_is_refused() {
    let json = r#"{"repunch_s":2,"day_start":"05:30:00","pairing":"first_in_last_out","midnight":"split"}"#;
    let settings: Settings = serde_json::from_str(json).unwrap();
    let rules = settings.rules(limen_payroll::Zone::utc(), 60);
    assert_eq!((rules.repunch_s, rules.max_session_s), (2, 57_600));
    assert_eq!(rules.day_start, jiff::civil::time(5, 30, 0, 0));
    assert_eq!(
        Settings::default()
            .rules(limen_payroll::Zone::utc(), 7)
            .repunch_s,
        7
    );
    assert!(serde_json::from_str::<Settings>(r#"{"repunch":2}"#).is_err());
}

#[test]
fn a_working_day_is_that_of_the_terminals_site() {
    let tokyo = Uuid::from_u128(0x52);
    let mut day = book()
        .punch("2026-06-01T18:30Z", Direction::In)
        .punch("2026-06-01T21:00Z", Direction::Out);
    day.settings.day_start = Some(jiff::civil::time(4, 0, 0, 0));
    let place = |id, zone: &str, day_start: Option<&str>| crate::store::places::Place {
        id,
        name: String::new(),
        zone: zone.to_owned(),
        day_start: day_start.map(str::to_owned),
        doors: None,
    };
    let at_site = |places: crate::store::places::Placements, day_start| {
        let first = day.concluded("2026-06-02T00:00Z");
        let mut rules = first.terms.book.at(first.now).clone();
        let site = first.tenant.site.id;
        let sites = [
            place(site, "Europe/Berlin", None),
            place(tokyo, "Asia/Tokyo", day_start),
        ];
        terms::sited(&mut rules, &sites).unwrap();
        let terms = Terms::new(
            &first.tenant,
            &first.people,
            rules,
            first.terms.agreed.clone(),
        )
        .unwrap();
        let read = Read::of(&day.facts, &[]).at_sites(&places);
        let told = Attendance::conclude(first.tenant, first.people, terms, read, first.now);
        (
            told.sheet.sessions[0].day.to_string(),
            told.sheet.sessions[0].site,
        )
    };
    let here = Uuid::from_u128(0x51);
    let places = |rows| crate::store::places::Placements::new(here, rows);
    // Half past eight in the evening in Berlin is half past three of the next day in Tokyo, where the day begins
    // at four.
    let berlin = ("2026-06-01".to_owned(), Some(here));
    assert_eq!(at_site(places(vec![]), None), berlin);
    let moved = vec![(DOOR, at("2026-01-01T00:00Z"), tokyo)];
    let last = ("2026-06-01".to_owned(), Some(tokyo));
    assert_eq!(at_site(places(moved.clone()), None), last);
    let next = ("2026-06-02".to_owned(), Some(tokyo));
    assert_eq!(at_site(places(moved.clone()), Some("03:00:00")), next);
    // A terminal that moved later leaves the day where it was.
    let mut later = moved;
    later.push((DOOR, at("2026-06-01T22:00Z"), here));
    assert_eq!(at_site(places(later), Some("03:00:00")), next);
}

#[test]
fn a_double_read_at_the_terminal_is_kept_and_ignored() {
    let day = book()
        .punch("2026-06-01T06:00:00Z", Direction::Auto)
        .punch("2026-06-01T06:00:40Z", Direction::Auto);
    let attendance = day.concluded("2026-06-01T08:00Z");
    assert_eq!(attendance.sheet.sessions[0].state, State::Open);
    assert_eq!(attendance.sheet.readings.len(), 2);
}

/// Weeks of work with and without directions; what the last ones say is what all of them say.
#[test]
fn the_last_weeks_say_what_all_weeks_say() {
    let mut long = book();
    for day in 1..=28 {
        let way = |direction| {
            if day % 3 == 0 {
                Direction::Auto
            } else {
                direction
            }
        };
        long = long
            .punch(&format!("2026-06-{day:02}T06:00Z"), way(Direction::In))
            .punch(&format!("2026-06-{day:02}T10:00Z"), way(Direction::Out))
            .punch(&format!("2026-06-{day:02}T11:00Z"), way(Direction::In));
        // Every fifth day the check-out is forgotten.
        if day % 5 != 0 {
            long = long.punch(&format!("2026-06-{day:02}T13:00Z"), way(Direction::Out));
        }
    }
    let now = at("2026-06-28T12:00Z");
    let all = long.concluded("2026-06-28T12:00Z");
    let quiet = all.terms.quiet(now);
    // Wherever the cut falls, also in the middle of a session.
    for hour in 0..48 {
        let since = at("2026-06-19T00:00Z") + SignedDuration::from_hours(hour);
        let came: Vec<Fact> = long
            .facts
            .iter()
            .filter(|f| f.received >= since)
            .cloned()
            .collect();
        let (read, restless) = Read::of(&came, &[])
            .from_a_quiet_time(since, quiet)
            .unwrap();
        assert_eq!(restless, []);
        let begin = read.punches.iter().map(|p| p.at).min().unwrap();
        let part = Attendance::conclude(
            all.tenant.clone(),
            all.people.clone(),
            all.terms.clone(),
            read,
            now,
        );
        assert_eq!(part.status()[&ANNA].inside, all.status()[&ANNA].inside);
        assert_eq!(
            part.status()[&ANNA].seconds_today,
            all.status()[&ANNA].seconds_today
        );
        let of_part = all.sheet.sessions.iter().filter(|s| s.check_in.at >= begin);
        assert_eq!(
            part.sheet.sessions.iter().collect::<Vec<_>>(),
            of_part.collect::<Vec<_>>()
        );
        let of_part = all.anomalies.iter().filter(|a| a.at >= Some(begin));
        assert_eq!(
            part.anomalies.iter().collect::<Vec<_>>(),
            of_part.collect::<Vec<_>>()
        );
    }
}

#[test]
fn who_was_never_away_is_named_and_a_clock_that_was_not_set_needs_all_facts() {
    let mut busy = book();
    for hour in 0..23 {
        busy = busy.punch(&format!("2026-06-01T{hour:02}:00Z"), Direction::Auto);
    }
    let since = at("2026-05-31T23:30Z");
    let quiet = SignedDuration::from_hours(16);
    let read = Read::of(&busy.facts, &[]).from_a_quiet_time(since, quiet);
    let (read, restless) = read.unwrap();
    assert_eq!((read.punches.len(), restless), (0, vec![ANNA]));
    let unset = book()
        .punch("1970-01-01T01:00Z", Direction::In)
        .last(|event| event.clock = Clock::Unsynced, "2026-06-01T06:01Z");
    assert!(
        Read::of(&unset.facts, &[])
            .from_a_quiet_time(since, quiet)
            .is_none()
    );
}
