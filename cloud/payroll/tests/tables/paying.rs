//! What holds for the pay of any week at all: time and money are conserved, and an explanation adds up.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::date};
use limen_payroll::{
    Break, Component, Currency, Dates, Extra, Kind, Overtime, OvertimeRate, PayTerms, Period,
    Premium, Rate, RestDay, Rulebook, Session, Setting, Stacking, Statement, Tier, Weekday, Worked,
    explain, payout, statement, worked,
};
use proptest::{prelude::*, sample::select};

use crate::{
    clerk::{ANNA, Row, clock_face, row},
    pay::factor,
};

/// Three weeks around a change of the clocks: pairs of in and out, minutes apart, some of them without an end.
fn punches(zone: &'static str) -> impl Strategy<Value = Row> {
    let step = (
        30_u32..1_500,
        1_u32..700,
        prop::bool::weighted(0.07),
        0_i64..1_000,
    );
    prop::collection::vec(step, 1..45).prop_map(move |steps| {
        let mut row = row(zone, "");
        let mut at: Timestamp = "2026-03-16T05:00Z".parse().unwrap();
        for (free, work, forgotten, millis) in steps {
            at += SignedDuration::from_mins(i64::from(free));
            row.punch(at, limen_payroll::Direction::In);
            at += SignedDuration::from_mins(i64::from(work)) + SignedDuration::from_millis(millis);
            if !forgotten {
                row.punch(at, limen_payroll::Direction::Out);
            }
        }
        row.as_of = at + SignedDuration::from_hours(100);
        row
    })
}

fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    prop::collection::btree_map(0_u64..60, select(vec!["1", "1.25", "1.5", "2", "3"]), 0..3)
        .prop_map(|tiers| {
            tiers
                .into_iter()
                .map(|(h, m)| Tier {
                    over_s: h * 3_600,
                    multiplier: factor(m),
                })
                .collect()
        })
}

fn premium() -> impl Strategy<Value = Premium> {
    let dates = select(vec![
        Dates::Every,
        Dates::Weekdays(vec![Weekday::Saturday, Weekday::Sunday]),
        Dates::Weekdays(vec![Weekday::Wednesday]),
    ]);
    let extra = select(vec![
        Extra::Factor(factor("0.25")),
        Extra::Factor(factor("0.333333")),
        Extra::PerHour("1.75".parse().unwrap()),
    ]);
    let time = || select(vec!["00:00", "02:30", "06:00", "12:00", "20:15", "22:00"]);
    (dates, time(), time(), extra, any::<bool>(), 0..1_000).prop_map(
        |(dates, from, to, extra, in_regular, n)| Premium {
            name: format!("premium {n}"),
            dates,
            from: clock_face(from),
            to: clock_face(to),
            extra,
            in_regular,
        },
    )
}

/// Any week under any rules.
fn any_row() -> impl Strategy<Value = Row> {
    let zones = select(vec![
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
    ]);
    let overtime = (
        tiers(),
        tiers(),
        tiers(),
        select(vec![OvertimeRate::Base, OvertimeRate::Regular]),
        0..4_usize,
    );
    let settings = (
        select(vec![None, Some(300_u32), Some(900)]),
        any::<bool>(),
        select(vec![Stacking::Add, Stacking::Highest]),
        any::<bool>(),
        select(vec![None, Some(4 * 3_600_u64)]),
        any::<bool>(),
    );
    (
        zones.prop_flat_map(punches),
        overtime,
        prop::collection::vec(premium(), 0..4),
        settings,
    )
        .prop_map(
            |(
                row,
                (daily, weekly, rest_tiers, rate, rest),
                premiums,
                (round, clip, stacking, shift, deduct, paid),
            )| {
                let rest_day = [
                    None,
                    Some(RestDay::Weekday(Weekday::Sunday)),
                    Some(RestDay::SeventhInARow),
                    Some(RestDay::Unplanned),
                ];
                let row = row.with(|rules| {
                    rules.pay.overtime = Overtime {
                        daily,
                        weekly,
                        rest_tiers,
                        rate,
                        rest_day: rest_day[rest],
                        ..Overtime::default()
                    };
                    rules.pay.premiums = premiums;
                    (
                        rules.pay.round_to_s,
                        rules.pay.clip_early,
                        rules.pay.stacking,
                    ) = (round, clip, stacking);
                });
                if !shift {
                    return row;
                }
                row.shift("07:00-15:30", |shift| {
                    let (from, to) = (clock_face("11:00"), clock_face("13:00"));
                    shift.breaks = vec![Break {
                        from,
                        to,
                        seconds: 1_800,
                        paid,
                        deduct_after_s: deduct,
                    }];
                })
            },
        )
}

fn rates() -> impl Strategy<Value = Vec<Rate>> {
    let rate = (
        0_i64..25,
        1_i64..90_000_000,
        select(vec!["USD", "USD", "USD", "JPY"]),
    );
    prop::collection::vec(rate, 0..5).prop_map(|rates| {
        rates
            .into_iter()
            .map(|(day, millionths, currency)| Rate {
                person: ANNA,
                from: date(2026, 3, 14).saturating_add(jiff::Span::new().days(day)),
                per_hour: rust_decimal::Decimal::new(millionths, 6)
                    .try_into()
                    .unwrap(),
                currency: currency.parse().unwrap(),
            })
            .collect()
    })
}

fn priced(row: &Row, book: &Rulebook, rates: &[Rate]) -> (Worked, Statement, u64) {
    let plan = row.plan();
    let (paid, _) = worked(&row.sheet().0, book, &plan);
    let terms = PayTerms {
        rules: book,
        plan: &plan,
        rates,
        approvals: &[],
    };
    let (statement, anomalies) = statement(&paid, &terms, date(2026, 12, 31));
    let unpaid = anomalies.iter().map(|a| match a.kind {
        Kind::NoRate { seconds } => seconds,
        _ => 0,
    });
    (paid, statement, unpaid.sum())
}

fn time(statement: &Statement) -> u64 {
    statement
        .lines
        .iter()
        .filter(|line| line.component.is_time())
        .map(|line| line.seconds)
        .sum()
}

proptest! {
    /// Sessions and what settings did to them are what is paid, and nothing of it overlaps.
    #[test]
    fn time_is_conserved(row in any_row(), rates in rates()) {
        let (sheet, _) = row.sheet();
        let (paid, statement, unpaid) = priced(&row, &row.book(), &rates);
        let sessions: u64 = sheet.sessions.iter().map(Session::seconds).sum();
        let effects: i64 = paid.effects.iter().map(|effect| effect.seconds).sum();
        let pieces: u64 = paid.pieces.iter().map(|piece| piece.seconds).sum();
        prop_assert_eq!(sessions.cast_signed() + effects, pieces.cast_signed());
        prop_assert_eq!(time(&statement) + unpaid, pieces);
        let by_date: u64 = paid.by_date(&row.book()).values().sum();
        prop_assert_eq!(by_date, pieces);
        for pair in paid.pieces.windows(2) {
            prop_assert!(pair[0].to() <= pair[1].from, "{:?} and {:?}", &pair[0], &pair[1]);
        }
        for effect in &paid.effects {
            let takes = matches!(effect.setting, Setting::ClipEarly | Setting::BreakDeduction);
            prop_assert!(effect.setting == Setting::Rounding || (effect.seconds < 0) == takes);
        }
    }

    /// Each line is its own multiplication, and the lines are the total; no second has two premiums where only the
    /// highest is paid, and none is overtime twice.
    #[test]
    fn money_is_conserved(row in any_row(), rates in rates()) {
        let (_, statement, _) = priced(&row, &row.book(), &rates);
        let rounding = row.rules.pay.line_rounding;
        let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
        for line in &statement.lines {
            prop_assert_eq!(
                Some(line.amount),
                line.per_hour.amount(line.seconds, line.factor, line.currency, rounding)
            );
            *sums.entry(line.currency).or_default() += line.amount.0;
        }
        let totals = statement.totals.iter().map(|total| (total.currency, total.amount.0));
        prop_assert_eq!(sums, totals.collect::<BTreeMap<_, _>>());

        let once = |kind: fn(&Component) -> bool| {
            let mut spans: Vec<_> =
                statement.lines.iter().filter(|line| kind(&line.component)).map(|line| (line.from, line.to)).collect();
            spans.sort_unstable();
            spans.windows(2).all(|pair| pair[0].1 <= pair[1].0)
        };
        prop_assert!(once(|c| matches!(c, Component::Overtime { .. })), "an hour is overtime twice");
        prop_assert!(once(Component::is_time), "an hour is paid twice");
        if row.rules.pay.stacking == Stacking::Highest {
            prop_assert!(once(|c| matches!(c, Component::Premium { .. })), "an hour has two premiums");
        }
    }

    /// An explanation of all days has every second and every cent, and each day's lines are the day's.
    #[test]
    fn an_explanation_adds_up(row in any_row(), rates in rates()) {
        let (sheet, _) = row.sheet();
        let (paid, statement, unpaid) = priced(&row, &row.book(), &rates);
        let all = Period { first: date(2026, 1, 1), last: date(2026, 12, 31) };
        let explained = explain(&sheet, &paid, &statement, ANNA, all);
        prop_assert_eq!(&explained.totals, &statement.totals);
        let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
        let mut without_rate = 0;
        for day in &explained.days {
            without_rate += day.session_s.cast_signed() + day.effect_s - day.paid_s.cast_signed();
            for (currency, amount) in &day.amounts {
                *sums.entry(*currency).or_default() += amount.0;
                let lines = day.lines.iter().filter(|line| line.currency == *currency);
                prop_assert_eq!(lines.map(|line| line.amount.0).sum::<i64>(), amount.0);
            }
            for line in &day.lines {
                prop_assert!(line.punches.iter().all(|id| day.punches.iter().any(|read| read.punch == *id)));
            }
        }
        prop_assert_eq!(without_rate, unpaid.cast_signed());
        let totals = statement.totals.iter().map(|total| (total.currency, total.amount.0));
        prop_assert_eq!(sums, totals.collect::<BTreeMap<_, _>>());
        // Week by week it is the same as all at once.
        let mut weeks = 0;
        for n in 0..8 {
            let first = date(2026, 3, 9).saturating_add(jiff::Span::new().days(7 * n));
            let week = Period { first, last: first.saturating_add(jiff::Span::new().days(6)) };
            let part = explain(&sheet, &paid, &statement, ANNA, week);
            weeks += part.days.iter().map(|day| day.lines.len()).sum::<usize>();
        }
        prop_assert_eq!(weeks, statement.lines.len());
    }

    /// Where every setting is off, a statement is what hours times rate are.
    #[test]
    fn without_settings_it_is_hours_times_rate(row in punches("Europe/Berlin"), rates in rates()) {
        let (sheet, _) = row.sheet();
        let (paid, statement, _) = priced(&row, &row.book(), &rates);
        prop_assert_eq!(&paid.effects, &[]);
        let (payout, _) = payout(&sheet, &row.book(), &rates);
        prop_assert_eq!(statement.totals, payout.totals);
        let lines = payout.lines.iter().map(|line| (line.seconds, line.per_hour, line.amount));
        prop_assert!(statement.lines.iter().map(|line| (line.seconds, line.per_hour, line.amount)).eq(lines));
    }

    /// A new version of the same rules splits lines and moves no time; what was due before it began is as it was.
    #[test]
    fn a_later_version_changes_nothing_before_it(row in any_row(), rates in rates(), hour in 0_i64..600) {
        let begin = "2026-03-16T05:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour);
        let mut later = row.rules.clone();
        later.version = 2;
        let split = row.book().with(begin, later.clone()).unwrap();
        let (paid, before, _) = priced(&row, &row.book(), &rates);
        let (same, after, _) = priced(&row, &split, &rates);
        prop_assert_eq!(time(&before), time(&after));
        prop_assert_eq!(paid.effects, same.effects);
        // And where it pays other premiums, the lines of the weeks before it are the same.
        later.pay.premiums.clear();
        later.pay.overtime = Overtime::default();
        let other = row.book().with(begin, later).unwrap();
        let (_, changed, _) = priced(&row, &other, &rates);
        let week = |line: &&limen_payroll::PayLine| {
            let next_week = Weekday::Monday.week_of(line.day).saturating_add(jiff::Span::new().days(8));
            row.zone.midnight(next_week) <= begin
        };
        prop_assert!(before.lines.iter().filter(week).eq(changed.lines.iter().filter(week)));
    }
}

/// A line can be checked by hand, and says what its factor is.
#[test]
fn a_line_of_a_statement_explains_itself() {
    let row = row("Europe/Berlin", "Mon 08:00 in, Mon 18:00 out").with(|rules| {
        rules.pay.overtime.daily = vec![Tier {
            over_s: 8 * 3_600,
            multiplier: factor("1.5"),
        }];
        rules.pay.overtime.rate = OvertimeRate::Regular;
    });
    let (statement, _) = crate::pay::stated(&row, &crate::pay::ten(), &[]);
    let said: Vec<_> = statement.lines.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "work, 2026-06-01T06:00:00Z to 2026-06-01T16:00:00Z: 36000 s × 10 × 1 ÷ 3600 = 100.00 USD, rules 1, \
             punch 00000000-0000-0000-0000-00000000000b/1, punch 00000000-0000-0000-0000-00000000000b/2",
            "overtime of the day at 1.5 of the week's regular rate, of which the hours are paid already, \
             2026-06-01T14:00:00Z to 2026-06-01T16:00:00Z: 7200 s × 10 × 0.5 ÷ 3600 = 10.00 USD, rules 1, \
             punch 00000000-0000-0000-0000-00000000000b/1, punch 00000000-0000-0000-0000-00000000000b/2",
        ]
    );
}
