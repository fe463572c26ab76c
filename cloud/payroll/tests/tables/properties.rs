//! What holds for any punches at all.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use limen_payroll::{
    Amend, Amendment, Anomaly, Clock, Direction, Facts, Kind, Method, Midnight, Pairing, Punch,
    PunchId, Rate, Rulebook, Rules, Severity, SyncMark, Timesheet, Zone, payout, status_now,
    timesheet,
};
use proptest::{prelude::*, sample::select};
use uuid::Uuid;

/// Half a year that has a change of the clocks in it.
const BEGIN_S: i64 = 1_769_900_400;
const DAYS: i64 = 90;

#[derive(Clone, Debug, Default)]
pub struct World {
    pub punches: Vec<Punch>,
    pub amendments: Vec<Amendment>,
    pub marks: Vec<SyncMark>,
}

impl World {
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            punches: &self.punches,
            amendments: &self.amendments,
            corrections: &[],
            marks: &self.marks,
            steps: &[],
        }
    }

    fn sheet(&self, book: &Rulebook) -> (Timesheet, Vec<Anomaly>) {
        timesheet(&self.facts(), book, end())
    }
}

pub fn end() -> Timestamp {
    Timestamp::from_second(BEGIN_S + (DAYS + 30) * 86_400).unwrap()
}

fn direction() -> impl Strategy<Value = Direction> {
    select(vec![Direction::In, Direction::Out, Direction::Auto])
}

/// One terminal's outbox: punches of three people, in the order in which they happened.
fn outbox(id: u128) -> impl Strategy<Value = World> {
    let step = prop_oneof![3 => 0_i64..120, 5 => 600_i64..36_000, 1 => 36_000_i64..400_000];
    let clock = prop_oneof![8 => Just(Clock::Synced), 1 => Just(Clock::Holdover), 1 => Just(Clock::Unsynced)];
    let punch = (
        step,
        1_u128..4,
        direction(),
        clock,
        prop::bool::weighted(0.1),
        0_i64..1_000_000_000,
    );
    let amend = (
        any::<prop::sample::Index>(),
        prop_oneof![direction().prop_map(Amend::Direction), Just(Amend::NotMe),],
    );
    (
        prop::collection::vec(punch, 0..40),
        prop::collection::vec(amend, 0..4),
    )
        .prop_map(move |(punches, amends)| {
            let (outbox, terminal) = (Uuid::from_u128(id), Uuid::from_u128(id + 100));
            let mut world = World::default();
            let mut true_time = Timestamp::from_second(BEGIN_S).unwrap();
            let (mut boot, mut booted) = (0_u128, true_time);
            for (seq, (step_s, person, direction, clock, reboot, nanos)) in (1..).zip(punches) {
                true_time += SignedDuration::new(step_s, 0) + SignedDuration::from_nanos(nanos);
                if true_time >= end() {
                    break;
                }
                if reboot {
                    boot += 1;
                    booted = true_time;
                }
                let up = true_time.duration_since(booted);
                world.punches.push(Punch {
                    id: PunchId { outbox, seq },
                    person: Uuid::from_u128(person),
                    site: None,
                    terminal,
                    at: if clock == Clock::Unsynced {
                        Timestamp::UNIX_EPOCH + up
                    } else {
                        true_time
                    },
                    received: true_time,
                    live: true,
                    clock,
                    boot: Uuid::from_u128(boot),
                    uptime_ms: u64::try_from(up.as_millis()).unwrap(),
                    direction,
                    method: Method::Face,
                });
            }
            if !world.punches.is_empty() {
                for (seq, (of, amend)) in (1_000..).zip(amends) {
                    let of = of.get(&world.punches).id;
                    world.amendments.push(Amendment {
                        id: PunchId { outbox, seq },
                        of,
                        amend,
                    });
                }
            }
            world
        })
}

pub fn world() -> impl Strategy<Value = World> {
    (outbox(1), outbox(2)).prop_map(|(mut one, two)| {
        one.punches.extend(two.punches);
        one.amendments.extend(two.amendments);
        one
    })
}

pub fn rules() -> impl Strategy<Value = Rules> {
    (
        select(vec![
            "Europe/Berlin",
            "America/New_York",
            "UTC",
            "Asia/Kathmandu",
        ]),
        select(vec![0_u32, 60, 300]),
        select(vec![6 * 3_600_u32, 16 * 3_600]),
        select(vec![Pairing::EveryValidPair, Pairing::FirstInLastOut]),
        select(vec![Midnight::DayOfStart, Midnight::Split]),
    )
        .prop_map(|(zone, repunch_s, max_session_s, pairing, midnight)| {
            let mut rules = Rules::new(1, Zone::named(zone).unwrap());
            (rules.repunch_s, rules.max_session_s) = (repunch_s, max_session_s);
            (rules.pairing, rules.midnight) = (pairing, midnight);
            rules
        })
}

fn book() -> impl Strategy<Value = Rulebook> {
    rules().prop_map(|rules| Rulebook::new(rules).unwrap())
}

pub fn rates() -> impl Strategy<Value = Vec<Rate>> {
    let rate = (
        1_u128..4,
        0_i64..DAYS,
        0_i64..100_000_000,
        select(vec!["USD", "JPY", "KWD"]),
    );
    prop::collection::vec(rate, 0..10).prop_map(|rates| {
        let begin = Zone::utc()
            .local(Timestamp::from_second(BEGIN_S).unwrap())
            .date();
        rates
            .into_iter()
            .map(|(person, day, millionths, currency)| Rate {
                person: Uuid::from_u128(person),
                from: begin.saturating_add(jiff::Span::new().days(day)),
                per_hour: rust_decimal::Decimal::new(millionths, 6)
                    .try_into()
                    .unwrap(),
                currency: currency.parse().unwrap(),
            })
            .collect()
    })
}

proptest! {
    /// Terminals send again and out of order; the cloud answers the same.
    #[test]
    fn the_order_of_arrival_and_duplicates_change_nothing(
        world in world(),
        book in book(),
        order in any::<prop::sample::Index>(),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mut shuffled = world.clone();
        shuffled.punches.reverse();
        shuffled.amendments.reverse();
        if !world.punches.is_empty() {
            shuffled.punches.rotate_left(order.index(world.punches.len()));
            for again in again {
                let mut copy = again.get(&world.punches).clone();
                copy.received += SignedDuration::from_hours(5);
                copy.live = false;
                shuffled.punches.insert(order.index(shuffled.punches.len()), copy);
            }
        }
        shuffled.amendments.extend(world.amendments.clone());
        prop_assert_eq!(shuffled.sheet(&book), world.sheet(&book));
    }

    /// No cent appears or is lost between the lines, the totals and the hours.
    #[test]
    fn money_and_time_are_conserved(world in world(), book in book(), rates in rates()) {
        let (sheet, _) = world.sheet(&book);
        let (payout, anomalies) = payout(&sheet, &book, &rates);
        let mut totals: BTreeMap<_, (u64, i64)> = BTreeMap::new();
        for line in &payout.lines {
            prop_assert_eq!(Some(line.amount), line.per_hour.pay(line.seconds, line.currency));
            let total = totals.entry((line.person, line.currency)).or_default();
            *total = (total.0 + line.seconds, total.1 + line.amount.0);
        }
        let stated = payout.totals.iter().map(|t| ((t.person, t.currency), (t.seconds, t.amount.0)));
        prop_assert_eq!(BTreeMap::from_iter(stated), totals);

        let worked: u64 = sheet.sessions.iter().map(limen_payroll::Session::seconds).sum();
        let unpaid: u64 = anomalies.iter().map(|a| match a.kind {
            Kind::NoRate { seconds } => seconds,
            _ => 0,
        }).sum();
        prop_assert_eq!(payout.lines.iter().map(|l| l.seconds).sum::<u64>() + unpaid, worked);
        prop_assert_eq!(sheet.days.iter().map(|d| d.seconds).sum::<u64>(), worked);
    }

    /// Nobody is paid for more than the time between the first and the last punch, for a second twice, or for
    /// longer than the longest session; what isn't closed is paid nothing.
    #[test]
    fn no_hour_is_invented(world in world(), book in book()) {
        let (sheet, anomalies) = world.sheet(&book);
        for sessions in sheet.sessions.chunk_by(|a, b| a.person == b.person) {
            let person = sessions[0].person;
            let times: Vec<_> = sheet.readings.iter().filter(|r| r.person == person).filter_map(|r| r.at).collect();
            let span = times.iter().max().unwrap().duration_since(*times.iter().min().unwrap());
            let paid: u64 = sessions.iter().map(limen_payroll::Session::seconds).sum();
            prop_assert!(i64::try_from(paid).unwrap() <= span.as_secs());
            let longest = u64::from(book.at(end()).max_session_s);
            let mut free_from = Timestamp::MIN;
            for session in sessions {
                prop_assert!(session.seconds() <= longest);
                prop_assert!(session.check_in.at >= free_from, "two sessions at once");
                free_from = session.check_out.map_or(session.check_in.at, |out| out.at);
                let excepted = anomalies.iter().any(|a| {
                    a.severity() == Severity::Exception && a.punches.first() == Some(&session.check_in.punch)
                });
                prop_assert_eq!(session.check_out.is_none(), excepted || session.state == limen_payroll::State::Open);
            }
        }
        // Each punch became something, once.
        prop_assert_eq!(sheet.readings.len(), world.punches.len());
    }

    /// Computing one person anew, with every terminal's sync marks, gives what computing everybody gives.
    #[test]
    fn one_person_anew_equals_everybody_anew(world in world(), book in book(), person in 1_u128..4) {
        let person = Uuid::from_u128(person);
        let (full, _) = world.sheet(&book);
        let own = World {
            punches: world.punches.iter().filter(|p| p.person == person).cloned().collect(),
            amendments: world.amendments.clone(),
            marks: world.punches.iter().filter(|p| p.clock == Clock::Synced).map(|p| SyncMark {
                terminal: p.terminal, boot: p.boot, uptime_ms: p.uptime_ms, at: p.at,
            }).collect(),
        };
        let (part, _) = own.sheet(&book);
        prop_assert_eq!(part.sessions, full.sessions.into_iter().filter(|s| s.person == person).collect::<Vec<_>>());
        prop_assert_eq!(part.days, full.days.into_iter().filter(|d| d.person == person).collect::<Vec<_>>());
        prop_assert_eq!(part.readings, full.readings.into_iter().filter(|r| r.person == person).collect::<Vec<_>>());
    }

    /// What came before a quiet week needs no new computation: old sessions and new ones, one after the other,
    /// are all sessions.
    #[test]
    fn what_is_new_after_a_quiet_week_changes_nothing_before_it(
        before in outbox(1),
        after in outbox(2),
        book in book(),
    ) {
        let last = before.punches.iter().map(|p| p.received).max().unwrap_or_default();
        let first = after.punches.first().map_or(last, |p| p.received);
        let shift = last.duration_since(first) + SignedDuration::from_hours(7 * 24);
        let mut after = after;
        for punch in &mut after.punches {
            punch.received += shift;
            if punch.clock != Clock::Unsynced {
                punch.at += shift;
            }
        }
        let late = end() + SignedDuration::from_hours(365 * 24);
        let (old, _) = timesheet(&before.facts(), &book, late);
        let (new, _) = timesheet(&after.facts(), &book, late);
        let mut all = before.clone();
        all.punches.extend(after.punches);
        all.amendments.extend(after.amendments);
        let (full, _) = timesheet(&all.facts(), &book, late);
        let mut parts = [old.sessions, new.sessions].concat();
        parts.sort_by_key(|s| (s.person, s.check_in));
        prop_assert_eq!(full.sessions, parts);
    }

    /// Who is in has an open session, and today's time is not longer than today.
    #[test]
    fn who_is_in(world in world(), book in book(), rates in rates(), hour in 0_i64..DAYS * 24) {
        let now = Timestamp::from_second(BEGIN_S + hour * 3_600).unwrap();
        let so_far = World {
            punches: world.punches.iter().filter(|p| p.received <= now).cloned().collect(),
            ..world
        };
        let (sheet, _) = timesheet(&so_far.facts(), &book, now);
        for (person, status) in status_now(&sheet, &book, &rates, now) {
            let open = sheet.sessions.iter().any(|s| s.person == person && s.state == limen_payroll::State::Open);
            prop_assert_eq!(status.inside, open);
            prop_assert!(status.seconds_today <= 25 * 3_600);
            prop_assert!(status.since <= Some(now));
        }
    }
}
