//! Pay the slow way: every minute of the year is looked at on the wall's clock. It shares no code with the library
//! and reads the same plain numbers.

use std::collections::BTreeMap;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};
use limen_payroll::Direction;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::people::{Person, Site, decimal, holidays};

/// A minute that is paid.
#[derive(Clone, Copy)]
struct Minute {
    at: Timestamp,
    wall: DateTime,
    day: Date,
    /// Which stretch of paid time, so that lines are rounded where the library rounds them.
    piece: usize,
    pause: bool,
}

/// What is compared: seconds and cents of each kind of line, and how many there are.
pub type Sums = BTreeMap<String, (u64, Decimal, u64)>;

struct Slow<'a> {
    site: &'a Site,
    person: &'a Person,
    tz: TimeZone,
    holidays: Vec<Date>,
    pieces: usize,
}

pub fn pay(site: &Site, person: &Person) -> Sums {
    let mut slow = Slow {
        site,
        person,
        tz: crate::people::tz(site),
        holidays: holidays(),
        pieces: 0,
    };
    let mut days: BTreeMap<Date, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    for (day, from, to) in slow.sessions() {
        days.entry(day).or_default().push((from, to));
    }
    let minutes: Vec<Minute> = days
        .into_iter()
        .flat_map(|(day, sessions)| slow.day(day, &sessions))
        .collect();
    slow.price(&minutes)
}

impl Slow<'_> {
    fn wall(&self, at: Timestamp) -> DateTime {
        self.tz.to_datetime(at)
    }

    /// (beginning, end) on the wall's clock of the shift of a date.
    fn shift(&self, date: Date) -> Option<(DateTime, DateTime)> {
        let n = i64::from((date - self.person.anchor).get_days())
            .rem_euclid(i64::try_from(self.site.cycle.len()).unwrap());
        let (start, end) = self.site.cycle[usize::try_from(n).unwrap()]?;
        let last = if end <= start {
            date.tomorrow().unwrap()
        } else {
            date
        };
        Some((date.at(start, 0, 0, 0), last.at(end, 0, 0, 0)))
    }

    /// The date of the shift that has the punch within four hours of it; without one, the date at four in the morning.
    fn day_of(&self, at: Timestamp) -> Date {
        let wall = self.wall(at);
        let today = wall.date();
        let distance = |from: DateTime, to: DateTime| {
            if wall < from {
                wall.duration_until(from)
            } else if wall > to {
                to.duration_until(wall)
            } else {
                SignedDuration::ZERO
            }
        };
        let mut best: Option<(SignedDuration, Date)> = None;
        for date in [today.yesterday().unwrap(), today, today.tomorrow().unwrap()] {
            if let Some((from, to)) = self.shift(date) {
                let far = distance(from, to);
                if far <= SignedDuration::from_hours(4) && best.is_none_or(|(least, _)| far < least)
                {
                    best = Some((far, date));
                }
            }
        }
        match best {
            Some((_, date)) => date,
            None if wall.hour() < 4 => today.yesterday().unwrap(),
            None => today,
        }
    }

    fn sessions(&self) -> Vec<(Date, Timestamp, Timestamp)> {
        let mut sessions = Vec::new();
        let mut inside: Option<Timestamp> = None;
        let mut last: Option<(Timestamp, Direction)> = None;
        for punch in &self.person.punches {
            let soon = last.is_some_and(|(at, way)| {
                punch.at.duration_since(at).as_secs() < 60
                    && (punch.direction == Direction::Auto || punch.direction == way)
            });
            if soon {
                continue;
            }
            if inside.is_some_and(|at| punch.at.duration_since(at) > SignedDuration::from_hours(16))
            {
                inside = None;
            }
            let goes_in = match punch.direction {
                Direction::In => true,
                Direction::Out => false,
                Direction::Auto => inside.is_none(),
            };
            last = Some((
                punch.at,
                if goes_in {
                    Direction::In
                } else {
                    Direction::Out
                },
            ));
            if goes_in {
                inside = Some(punch.at);
            } else if let Some(from) = inside.take() {
                sessions.push((self.day_of(from), from, punch.at));
            }
        }
        sessions
    }

    /// To the nearest quarter of an hour, or whatever the site says.
    fn rounded(&self, at: Timestamp) -> Timestamp {
        let step = i64::from(self.site.round_minutes);
        if step == 0 {
            return at;
        }
        let minute = i64::from(self.wall(at).minute());
        let nearest = (2 * minute + step) / (2 * step) * step;
        at + SignedDuration::from_mins(nearest - minute)
    }

    /// The paid minutes of a day.
    fn day(&mut self, day: Date, sessions: &[(Timestamp, Timestamp)]) -> Vec<Minute> {
        let shift = self.shift(day);
        let mut minutes = Vec::new();
        // Which minutes were lunch, by the clock on the wall.
        let lunch = |wall: DateTime| {
            shift.is_some() && wall.date() == day && (12..14).contains(&wall.hour())
        };
        let (length, paid, deduct) = self.site.lunch;
        let mut taken = 0;
        let mut gone: Option<Timestamp> = None;
        for &(from, to) in sessions {
            // What was read twice ends some seconds after the minute; whole seconds are paid, and all are whole minutes.
            let (from, to) = (self.rounded(from), self.rounded(to));
            if let Some(mut at) = gone {
                self.pieces += 1;
                while at < from {
                    let wall = self.wall(at);
                    if lunch(wall) {
                        taken += 1;
                        if paid && taken <= length {
                            minutes.push(Minute {
                                at,
                                wall,
                                day,
                                piece: self.pieces,
                                pause: true,
                            });
                        }
                    }
                    at += SignedDuration::from_mins(1);
                }
            }
            self.pieces += 1;
            let mut at = from;
            while at < to {
                let wall = self.wall(at);
                if !self.site.clip || shift.is_none_or(|(start, _)| wall >= start) {
                    minutes.push(Minute {
                        at,
                        wall,
                        day,
                        piece: self.pieces,
                        pause: false,
                    });
                }
                at += SignedDuration::from_mins(1);
            }
            gone = Some(to);
        }
        if let Some(least) = deduct
            && !paid
            && u64::try_from(minutes.len()).unwrap() > least
            && taken < length
        {
            let mut missing = length - taken;
            minutes.retain(|minute| {
                let out = missing > 0 && lunch(minute.wall);
                missing -= u64::from(out);
                !out
            });
        }
        minutes
    }

    fn price(&self, minutes: &[Minute]) -> Sums {
        // Each minute: its rate, its version of the rules, its premiums and its overtime.
        let mut per_day: BTreeMap<Date, u64> = BTreeMap::new();
        let mut per_week: BTreeMap<Date, u64> = BTreeMap::new();
        for minute in minutes {
            per_day.insert(minute.day, 0);
        }
        let worked: Vec<Date> = per_day.keys().copied().collect();
        // The week of each day, and whether it is the last one of seven that were worked on.
        let weeks: BTreeMap<Date, (Date, bool)> = worked
            .iter()
            .map(|&day| {
                let week = self.week(day);
                let of_week = |n: i64| week.saturating_add(jiff::Span::new().days(n));
                let seventh = (0..7).all(|n| worked.contains(&of_week(n))) && day == of_week(6);
                (day, (week, seventh))
            })
            .collect();
        let mut earned: BTreeMap<Date, (Decimal, Decimal)> = BTreeMap::new();
        let mut runs = Runs::default();
        for minute in minutes {
            let rate = self.rate(minute.wall.date());
            let version = if minute.wall.date().month() < 7 { 1 } else { 2 };
            let base = (minute.piece, rate, version);
            runs.add(
                (if minute.pause { "break" } else { "work" }, Decimal::ZERO),
                base,
                minute.at,
                (rate, Decimal::ONE),
            );
            let week = weeks[&minute.day].0;
            let sums = earned.entry(week).or_default();
            sums.0 += rate;
            sums.1 += Decimal::ONE;
            for (name, per_hour, factor) in self.premiums(minute.wall, rate, version) {
                sums.0 += per_hour * factor;
                runs.add((name, Decimal::ZERO), base, minute.at, (per_hour, factor));
            }
        }
        let mut regular: BTreeMap<Date, Decimal> = BTreeMap::new();
        for minute in minutes {
            let rate = self.rate(minute.wall.date());
            let version = if minute.wall.date().month() < 7 { 1 } else { 2 };
            let (week, seventh) = weeks[&minute.day];
            let day = per_day.get_mut(&minute.day).unwrap();
            let straight = per_week.entry(week).or_default();
            let mut rest = Decimal::ONE;
            if !self.site.seventh.is_empty() && seventh {
                rest = tier(self.site.seventh, *day);
            } else if self.site.seventh.is_empty() && minute.day.weekday() == Weekday::Sunday {
                rest = tier(self.site.sunday, *day);
            }
            let by_day = tier(self.site.daily, *day);
            let by_week = tier(self.site.weekly, *straight);
            *day += 1;
            if rest == Decimal::ONE && by_day == Decimal::ONE {
                *straight += 1;
            }
            let highest = rest.max(by_day).max(by_week);
            if highest > Decimal::ONE {
                let name = if rest == highest {
                    "rest"
                } else if by_day == highest {
                    "day"
                } else {
                    "week"
                };
                let per_hour = if self.site.regular {
                    *regular.entry(week).or_insert_with(|| {
                        let (sum, count) = earned[&week];
                        let rate = sum / count;
                        rate.round_dp_with_strategy(6, RoundingStrategy::MidpointNearestEven)
                    })
                } else {
                    rate
                };
                let base = (minute.piece, rate, version);
                runs.add(
                    (name, highest),
                    base,
                    minute.at,
                    (per_hour, highest - Decimal::ONE),
                );
            }
        }
        runs.sums()
    }

    fn rate(&self, date: Date) -> Decimal {
        let [first, raise] = [self.person.rates[0], self.person.rates[1]];
        if date >= raise.from {
            raise.per_hour.decimal()
        } else {
            first.per_hour.decimal()
        }
    }

    fn week(&self, day: Date) -> Date {
        let mut first = day;
        while limen_payroll::Weekday::of(first) != self.site.week_start {
            first = first.yesterday().unwrap();
        }
        first
    }

    fn premiums(
        &self,
        wall: DateTime,
        rate: Decimal,
        version: u32,
    ) -> Vec<(&'static str, Decimal, Decimal)> {
        let mut all = Vec::new();
        let night = if version == 1 {
            self.site.night.0
        } else {
            self.site.night.1
        };
        if wall.hour() >= 22 || wall.hour() < 6 {
            all.push(("night", rate, decimal(night)));
        }
        if wall.date().weekday() == Weekday::Sunday {
            all.push(("sunday", rate, decimal(self.site.sunday_more)));
        }
        if self.holidays.contains(&wall.date()) {
            all.push(("holiday", rate, decimal(self.site.holiday_more)));
        }
        if wall.date().weekday() == Weekday::Saturday && wall.hour() >= 12 {
            all.push(("saturday", decimal(self.site.saturday_amount), Decimal::ONE));
        }
        if self.site.highest && all.len() > 1 {
            let most = all
                .iter()
                .map(|(_, per_hour, factor)| per_hour * factor)
                .max()
                .unwrap();
            let first = all
                .iter()
                .position(|(_, per_hour, factor)| per_hour * factor == most)
                .unwrap();
            all = vec![all[first]];
        }
        all
    }
}

fn tier(tiers: &[(u64, &str)], minutes: u64) -> Decimal {
    let reached = tiers.iter().rfind(|(over, _)| minutes >= *over);
    reached.map_or(Decimal::ONE, |(_, multiplier)| decimal(multiplier))
}

/// Stretch of paid time, rate, version of the rules.
type Base = (usize, Decimal, u32);
/// What kind of line, and for overtime its multiplier.
type Name = (&'static str, Decimal);
/// What it belongs to, when its next minute would be, minutes, rate and factor.
type Run = (Base, Timestamp, u64, (Decimal, Decimal));

/// Minutes that follow one another and are alike are a line, which is rounded once.
#[derive(Default)]
struct Runs {
    open: BTreeMap<Name, Run>,
    sums: Sums,
}

impl Runs {
    fn add(
        &mut self,
        name: (&'static str, Decimal),
        base: Base,
        at: Timestamp,
        price: (Decimal, Decimal),
    ) {
        let next = at + SignedDuration::from_mins(1);
        if let Some(run) = self.open.get_mut(&name)
            && (run.0, run.1, run.3) == (base, at, price)
        {
            (run.1, run.2) = (next, run.2 + 1);
            return;
        }
        if let Some(done) = self.open.insert(name, (base, next, 1, price)) {
            self.close(name, done);
        }
    }

    fn close(&mut self, (name, multiplier): Name, (_, _, minutes, (per_hour, factor)): Run) {
        let exact = Decimal::from(minutes) * per_hour * factor / Decimal::from(60);
        let cents = exact.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven);
        let name = if multiplier.is_zero() {
            name.to_owned()
        } else {
            format!("{name} {multiplier}")
        };
        let sum = self.sums.entry(name).or_default();
        *sum = (sum.0 + minutes * 60, sum.1 + cents, sum.2 + 1);
    }

    fn sums(mut self) -> Sums {
        for (name, run) in std::mem::take(&mut self.open) {
            self.close(name, run);
        }
        self.sums
    }
}
