//! A year of made-up people at five sites, each with rules of its own. The same number makes the same person.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time, date, time},
    tz::{TimeZone, TimeZoneDatabase},
};
use limen_payroll::{
    Assignment, Break, Clock, Dates, Direction, Extra, Factor, Holiday, HourlyRate, Method,
    Overtime, OvertimeRate, Plan, Premium, Punch, PunchId, Rate, RestDay, Rulebook, Rules, Shift,
    Stacking, Tier, Weekday, Zone,
};
use uuid::Uuid;

pub const YEAR: i16 = 2026;

/// The rules of a site in plain numbers, from which both implementations read.
#[derive(Clone)]
pub struct Site {
    pub zone: &'static str,
    pub week_start: Weekday,
    /// (over so many minutes, multiplier)
    pub daily: &'static [(u64, &'static str)],
    pub weekly: &'static [(u64, &'static str)],
    pub seventh: &'static [(u64, &'static str)],
    pub sunday: &'static [(u64, &'static str)],
    pub regular: bool,
    /// A part of the rate from 22:00 to 06:00, and another one from the first of July on.
    pub night: (&'static str, &'static str),
    /// A part of the rate on Sundays, and on public holidays.
    pub sunday_more: &'static str,
    pub holiday_more: &'static str,
    /// An amount an hour on Saturdays from noon to midnight.
    pub saturday_amount: &'static str,
    pub highest: bool,
    pub round_minutes: u32,
    pub clip: bool,
    /// From noon to two: (minutes, paid, deducted once more than so many minutes were worked)
    pub lunch: (u64, bool, Option<u64>),
    /// (beginning, end) of each shift of the cycle; `None` is a free day.
    pub cycle: &'static [Option<(i8, i8)>],
}

const PLAIN: Site = Site {
    zone: "Europe/Berlin",
    week_start: Weekday::Monday,
    daily: &[],
    weekly: &[(2_400, "1.5")],
    seventh: &[],
    sunday: &[],
    regular: false,
    night: ("0.25", "0.25"),
    sunday_more: "0.5",
    holiday_more: "1",
    saturday_amount: "1.15",
    highest: false,
    round_minutes: 0,
    clip: false,
    lunch: (30, false, None),
    cycle: &[
        Some((8, 16)),
        Some((8, 16)),
        Some((8, 16)),
        Some((8, 16)),
        Some((8, 16)),
        None,
        None,
    ],
};

pub fn sites() -> [Site; 5] {
    const NIGHTS: &[Option<(i8, i8)>] = &[
        Some((22, 6)),
        Some((22, 6)),
        Some((22, 6)),
        Some((22, 6)),
        None,
        Some((14, 22)),
        Some((14, 22)),
        None,
    ];
    [
        Site {
            cycle: NIGHTS,
            ..PLAIN
        },
        Site {
            zone: "America/New_York",
            week_start: Weekday::Sunday,
            daily: &[(480, "1.5"), (720, "2")],
            seventh: &[(0, "1.5"), (480, "2")],
            regular: true,
            highest: true,
            cycle: &[
                Some((7, 16)),
                Some((7, 16)),
                Some((7, 16)),
                Some((7, 16)),
                Some((7, 16)),
                Some((7, 13)),
                Some((9, 13)),
            ],
            ..PLAIN
        },
        Site {
            zone: "Australia/Lord_Howe",
            week_start: Weekday::Thursday,
            weekly: &[(2_280, "1.5"), (2_700, "2")],
            regular: true,
            round_minutes: 15,
            lunch: (20, true, None),
            ..PLAIN
        },
        Site {
            zone: "Asia/Kolkata",
            daily: &[(540, "2")],
            weekly: &[(2_880, "2")],
            sunday: &[(0, "1.5")],
            clip: true,
            lunch: (45, false, Some(360)),
            ..PLAIN
        },
        Site {
            zone: "America/Santiago",
            cycle: NIGHTS,
            night: ("0.2", "0.333333"),
            regular: true,
            ..PLAIN
        },
    ]
}

pub fn decimal(text: &str) -> rust_decimal::Decimal {
    text.parse().unwrap()
}

pub fn tz(site: &Site) -> TimeZone {
    TimeZoneDatabase::bundled().get(site.zone).unwrap()
}

pub fn holidays() -> Vec<Date> {
    [(1, 1), (4, 6), (5, 1), (6, 4), (10, 3), (12, 25), (12, 26)]
        .map(|(month, day)| date(YEAR, month, day))
        .to_vec()
}

fn factor(text: &str) -> Factor {
    text.parse().unwrap()
}

fn premium(name: &str, dates: Dates, (from, to): (i8, i8), extra: Extra) -> Premium {
    let (from, to) = (time(from, 0, 0, 0), time(to, 0, 0, 0));
    Premium {
        name: name.into(),
        dates,
        from,
        to,
        extra,
        in_regular: true,
    }
}

/// The rules as the library has them: a second version from the first of July on.
pub fn book(site: &Site) -> Rulebook {
    let tiers = |tiers: &[(u64, &str)]| {
        tiers
            .iter()
            .map(|&(minutes, m)| Tier {
                over_s: minutes * 60,
                multiplier: factor(m),
            })
            .collect::<Vec<_>>()
    };
    let version = |version, night| {
        let mut rules = Rules::new(version, Zone::named(site.zone).unwrap());
        let rest_day = if site.seventh.is_empty() {
            RestDay::Weekday(Weekday::Sunday)
        } else {
            RestDay::SeventhInARow
        };
        rules.pay.overtime = Overtime {
            week_start: site.week_start,
            daily: tiers(site.daily),
            weekly: tiers(site.weekly),
            rest_day: Some(rest_day),
            rest_tiers: [tiers(site.seventh), tiers(site.sunday)].concat(),
            rate: if site.regular {
                OvertimeRate::Regular
            } else {
                OvertimeRate::Base
            },
            approval: false,
        };
        let weekday = |day| Dates::Weekdays(vec![day]);
        rules.pay.premiums = vec![
            premium("night", Dates::Every, (22, 6), Extra::Factor(factor(night))),
            premium(
                "sunday",
                weekday(Weekday::Sunday),
                (0, 0),
                Extra::Factor(factor(site.sunday_more)),
            ),
            premium(
                "holiday",
                Dates::Holidays,
                (0, 0),
                Extra::Factor(factor(site.holiday_more)),
            ),
            premium(
                "saturday",
                weekday(Weekday::Saturday),
                (12, 0),
                Extra::PerHour(site.saturday_amount.parse().unwrap()),
            ),
        ];
        if site.highest {
            rules.pay.stacking = Stacking::Highest;
        }
        rules.pay.round_to_s = (site.round_minutes > 0).then_some(site.round_minutes * 60);
        rules.pay.clip_early = site.clip;
        rules
    };
    let july = instant(&tz(site), date(YEAR, 7, 1), 0);
    Rulebook::new(version(1, site.night.0))
        .unwrap()
        .with(july, version(2, site.night.1))
        .unwrap()
}

/// The plan as the library has it: everybody begins the cycle on another day.
pub fn plan(site: &Site, people: &[Person]) -> Plan {
    let (minutes, paid, deduct) = site.lunch;
    let id = |(start, end): (i8, i8)| {
        Uuid::from_u128(u128::from(start.unsigned_abs()) * 100 + u128::from(end.unsigned_abs()))
    };
    let mut shifts: Vec<Shift> = Vec::new();
    for &(start, end) in site.cycle.iter().flatten() {
        if shifts.iter().all(|shift| shift.id != id((start, end))) {
            let mut shift = Shift::fixed(
                id((start, end)),
                date(2000, 1, 1),
                "shift",
                time(start, 0, 0, 0),
                time(end, 0, 0, 0),
            );
            shift.breaks = vec![Break {
                from: time(12, 0, 0, 0),
                to: time(14, 0, 0, 0),
                seconds: minutes * 60,
                paid,
                deduct_after_s: deduct.map(|minutes| minutes * 60),
            }];
            shifts.push(shift);
        }
    }
    let assignments = people.iter().map(|person| Assignment {
        person: person.id,
        from: date(2000, 1, 1),
        site: None,
        anchor: person.anchor,
        cycle: site.cycle.iter().map(|shift| shift.map(id)).collect(),
    });
    let holidays = holidays().into_iter().map(|date| Holiday {
        date,
        site: None,
        name: "holiday".into(),
    });
    Plan::new(shifts, assignments.collect(), &[], holidays.collect()).unwrap()
}

pub struct Person {
    pub id: Uuid,
    pub anchor: Date,
    pub punches: Vec<Punch>,
    pub rates: Vec<Rate>,
}

/// Numbers that look like chance and are the same everywhere (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn minutes(&mut self, n: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(2 * n + 1).unwrap())).unwrap() - n
    }
}

pub fn instant(tz: &TimeZone, date: Date, minutes: i64) -> Timestamp {
    let days = minutes.div_euclid(1_440);
    let minutes = i8::try_from(minutes.rem_euclid(1_440) / 60)
        .ok()
        .zip(i8::try_from(minutes.rem_euclid(60)).ok());
    let (hour, minute) = minutes.unwrap();
    let date = date.saturating_add(jiff::Span::new().days(days));
    let at = Time::new(hour, minute, 0, 0).unwrap();
    tz.to_ambiguous_timestamp(date.to_datetime(at))
        .compatible()
        .unwrap()
}

/// The year of a person: late and early, with and without lunch, sometimes without a check-out, sometimes for two
/// shifts, sometimes read twice.
pub fn person(site: &Site, number: u128) -> Person {
    let mut chance = Chance(u64::try_from(number).unwrap());
    let tz = tz(site);
    let id = Uuid::from_u128(number + 1);
    let anchor = date(YEAR, 1, 1 + i8::try_from(chance.below(7)).unwrap());
    let mut ways: Vec<(Timestamp, Direction)> = Vec::new();
    let states = chance.below(3) > 0;
    let mut day = date(YEAR, 1, 2);
    while day < date(YEAR, 12, 30) {
        let place = i64::from((day - anchor).get_days())
            .rem_euclid(i64::try_from(site.cycle.len()).unwrap());
        let shift = site.cycle[usize::try_from(place).unwrap()];
        let (start, end) = shift.unwrap_or((9, 14));
        let works = if shift.is_some() {
            chance.below(20) > 0
        } else {
            chance.below(9) == 0
        };
        if works {
            let begin = i64::from(start) * 60 + chance.minutes(25);
            let length = i64::from(end - start).rem_euclid(24) * 60;
            let over = if chance.below(6) == 0 { 150 } else { 0 };
            let finish = i64::from(start) * 60 + length + chance.minutes(25) + over;
            let mut day_ways = vec![(begin, Direction::In)];
            if start < 12 && end > 13 && chance.below(4) > 0 {
                let from = 12 * 60 + chance.minutes(20);
                day_ways.push((from, Direction::Out));
                day_ways.push((
                    from + 10 + chance.minutes(8) + i64::try_from(chance.below(50)).unwrap(),
                    Direction::In,
                ));
            }
            if chance.below(40) > 0 {
                day_ways.push((finish, Direction::Out));
            }
            ways.extend(
                day_ways
                    .into_iter()
                    .map(|(minutes, way)| (instant(&tz, day, minutes), way)),
            );
        }
        day = day.tomorrow().unwrap();
    }
    ways.sort_unstable_by_key(|(at, _)| *at);
    let mut punches: Vec<Punch> = Vec::new();
    for (at, way) in ways {
        let reads = 1 + i64::from(chance.below(30) == 0);
        for read in 0..reads {
            let at = at + SignedDuration::from_secs(20 * read);
            punches.push(Punch {
                id: PunchId {
                    outbox: id,
                    seq: u64::try_from(punches.len()).unwrap() + 1,
                },
                person: id,
                site: None,
                terminal: Uuid::nil(),
                at,
                received: at,
                live: true,
                clock: Clock::Synced,
                boot: Uuid::nil(),
                uptime_ms: u64::try_from(at.as_millisecond()).unwrap(),
                direction: if states || chance.below(4) > 0 {
                    way
                } else {
                    Direction::Auto
                },
                method: Method::Face,
            });
        }
    }
    let cents = |chance: &mut Chance| {
        let per_hour =
            rust_decimal::Decimal::new(i64::try_from(1_000 + chance.below(3_000)).unwrap(), 2);
        HourlyRate::try_from(per_hour).unwrap()
    };
    let rate = |from, per_hour| Rate {
        person: id,
        from,
        per_hour,
        currency: "USD".parse().unwrap(),
    };
    let raise = date(
        YEAR,
        1 + i8::try_from(chance.below(12)).unwrap(),
        1 + i8::try_from(chance.below(28)).unwrap(),
    );
    let rates = vec![
        rate(date(2000, 1, 1), cents(&mut chance)),
        rate(raise, cents(&mut chance)),
    ];
    Person {
        id,
        anchor,
        punches,
        rates,
    }
}
