//! Settings that add or take time: breaks, early clipping, rounding. All are off by default, and each says what it
//! does.

use limen_payroll::{Break, PayRules, Rules, RulesError, Setting, Zone};
use rstest::rstest;

use crate::clerk::{ANNA, Row, clock_face, row};

/// The paid stretches of a row, and what each setting did to it: `Mon 08:00-12:00 4.0000, rounding -0.0833`.
fn paid(row: &Row) -> String {
    let (worked, _) = row.worked();
    let mut words: Vec<String> = worked
        .pieces
        .iter()
        .map(|piece| {
            let what = if piece.paid_break { " break" } else { "" };
            let to = row.wall(piece.to());
            let to = to.rsplit_once(' ').unwrap().1;
            format!(
                "{}-{to}{what} {}",
                row.wall(piece.from),
                limen_payroll::hours(piece.seconds)
            )
        })
        .collect();
    for effect in &worked.effects {
        let name = match effect.setting {
            Setting::Rounding => "rounding",
            Setting::ClipEarly => "clip",
            Setting::PaidBreak => "break",
            Setting::BreakDeduction => "deduction",
        };
        words.push(format!("{name} {:+} min", effect.seconds / 60));
    }
    words.join(", ")
}

fn lunch(seconds: u64, paid: bool, deduct_after_s: Option<u64>) -> Break {
    Break {
        from: clock_face("11:30"),
        to: clock_face("13:30"),
        seconds,
        paid,
        deduct_after_s,
    }
}

/// An unpaid lunch of half an hour between 11:30 and 13:30 that nothing deducts.
#[rstest]
#[case::punched(
    "Mon 08:00 in, Mon 12:00 out, Mon 12:30 in, Mon 16:30 out",
    "Mon 08:00-12:00 4.0000, Mon 12:30-16:30 4.0000"
)]
#[case::not_punched_is_work("Mon 08:00 in, Mon 16:30 out", "Mon 08:00-16:30 8.5000")]
fn unpaid_break(#[case] punches: &str, #[case] outcome: &str) {
    let row = row("Europe/Berlin", punches).shift("08:00-16:30", |shift| {
        shift.breaks = vec![lunch(1_800, false, None)]
    });
    assert_eq!(paid(&row), outcome);
}

/// A paid break of a quarter of an hour in the same window: what was punched of it is paid, up to its length.
#[rstest]
#[case::ten_minutes(
    "Mon 08:00 in, Mon 12:00 out, Mon 12:10 in, Mon 16:00 out",
    "Mon 08:00-12:00 4.0000, Mon 12:00-12:10 break 0.1667, Mon 12:10-16:00 3.8333, break +10 min"
)]
#[case::half_an_hour(
    "Mon 08:00 in, Mon 12:00 out, Mon 12:30 in, Mon 16:00 out",
    "Mon 08:00-12:00 4.0000, Mon 12:00-12:15 break 0.2500, Mon 12:30-16:00 3.5000, break +15 min"
)]
#[case::two_short_ones(
    "Mon 08:00 in, Mon 12:00 out, Mon 12:10 in, Mon 13:00 out, Mon 13:10 in, Mon 16:00 out",
    "Mon 08:00-12:00 4.0000, Mon 12:00-12:10 break 0.1667, Mon 12:10-13:00 0.8333, Mon 13:00-13:05 break 0.0833, \
     Mon 13:10-16:00 2.8333, break +10 min, break +5 min"
)]
#[case::outside_its_window(
    "Mon 08:00 in, Mon 10:00 out, Mon 10:10 in, Mon 16:00 out",
    "Mon 08:00-10:00 2.0000, Mon 10:10-16:00 5.8333"
)]
#[case::begun_before_the_window(
    "Mon 08:00 in, Mon 11:20 out, Mon 11:35 in, Mon 16:00 out",
    "Mon 08:00-11:20 3.3333, Mon 11:30-11:35 break 0.0833, Mon 11:35-16:00 4.4167, break +5 min"
)]
fn paid_break(#[case] punches: &str, #[case] outcome: &str) {
    let row = row("Europe/Berlin", punches).shift("08:00-16:00", |shift| {
        shift.breaks = vec![lunch(900, true, None)]
    });
    assert_eq!(paid(&row), outcome);
}

/// Deduction is on: half an hour, once more than six hours were worked. What was punched counts first.
#[rstest]
#[case::nothing_punched(
    "Mon 08:00 in, Mon 16:30 out",
    "Mon 08:00-11:30 3.5000, Mon 12:00-16:30 4.5000, deduction -30 min",
    "break_deducted 1800"
)]
#[case::all_of_it_punched(
    "Mon 08:00 in, Mon 12:00 out, Mon 12:30 in, Mon 16:30 out",
    "Mon 08:00-12:00 4.0000, Mon 12:30-16:30 4.0000",
    ""
)]
#[case::twenty_minutes_punched_ten_deducted(
    "Mon 08:00 in, Mon 12:00 out, Mon 12:20 in, Mon 16:30 out",
    "Mon 08:00-11:30 3.5000, Mon 11:40-12:00 0.3333, Mon 12:20-16:30 4.1667, deduction -10 min",
    "break_deducted 600"
)]
#[case::six_hours_are_not_more_than_six(
    "Mon 08:00 in, Mon 14:00 out",
    "Mon 08:00-14:00 6.0000",
    ""
)]
#[case::only_time_that_was_worked_in_the_window(
    "Mon 05:00 in, Mon 11:40 out",
    "Mon 05:00-11:30 6.5000, deduction -10 min",
    "break_deducted 600"
)]
fn deduction(#[case] punches: &str, #[case] outcome: &str, #[case] warning: &str) {
    let row = row("Europe/Berlin", punches).shift("08:00-16:30", |shift| {
        shift.breaks = vec![lunch(1_800, false, Some(6 * 3_600))]
    });
    assert_eq!(paid(&row), outcome);
    let warned = row
        .worked()
        .1
        .iter()
        .map(|a| match a.kind {
            limen_payroll::Kind::BreakDeducted { seconds } => {
                format!("{} {seconds}", a.kind.name())
            }
            other => other.name().to_owned(),
        })
        .collect::<Vec<_>>();
    assert_eq!(warned.join(", "), warning);
}

/// Time before the shift at 08:00: work, unless the employer has said otherwise, and then somebody is warned.
#[rstest]
#[case::off_by_default(false, "Mon 07:30 in, Mon 16:00 out", "Mon 07:30-16:00 8.5000", "")]
#[case::on(
    true,
    "Mon 07:30 in, Mon 16:00 out",
    "Mon 08:00-16:00 8.0000, clip -30 min",
    "clipped_early"
)]
#[case::late_arrival_has_nothing_to_clip(
    true,
    "Mon 08:30 in, Mon 16:00 out",
    "Mon 08:30-16:00 7.5000",
    ""
)]
#[case::a_session_before_the_shift_goes_whole(
    true,
    "Mon 07:00 in, Mon 07:30 out, Mon 08:00 in, Mon 16:00 out",
    "Mon 08:00-16:00 8.0000, clip -30 min",
    "clipped_early"
)]
fn early(#[case] clip: bool, #[case] punches: &str, #[case] outcome: &str, #[case] warning: &str) {
    let row = row("Europe/Berlin", punches)
        .shift("08:00-16:00", |_| {})
        .with(|rules| rules.pay.clip_early = clip);
    assert_eq!(paid(&row), outcome);
    let warned: Vec<_> = row.worked().1.iter().map(|a| a.kind.name()).collect();
    assert_eq!(warned.join(", "), warning);
}

/// To the nearest quarter of an hour, the way in like the way out.
#[rstest]
#[case::off("Mon 08:07 in, Mon 16:07 out", None, "Mon 08:07-16:07 8.0000")]
#[case::down_at_both_ends("Mon 08:07 in, Mon 16:07 out", Some(900), "Mon 08:00-16:00 8.0000")]
#[case::in_the_employee_s_favour(
    "Mon 08:05 in, Mon 16:10 out",
    Some(900),
    "Mon 08:00-16:15 8.2500, rounding +10 min"
)]
#[case::against_the_employee(
    "Mon 07:53 in, Mon 15:52 out",
    Some(900),
    "Mon 08:00-15:45 7.7500, rounding -14 min"
)]
#[case::exactly_half_is_the_later_one(
    "Mon 08:07:30 in, Mon 16:07:30 out",
    Some(900),
    "Mon 08:15-16:15 8.0000"
)]
#[case::a_visit_of_a_minute_may_vanish("Mon 08:01 in, Mon 08:02 out", Some(900), "rounding -1 min")]
fn rounding(#[case] punches: &str, #[case] step: Option<u32>, #[case] outcome: &str) {
    let row = row("Europe/Berlin", punches).with(|rules| rules.pay.round_to_s = step);
    assert_eq!(paid(&row), outcome);
}

/// What rounding came to over a week is there for each person, so that nobody has to add it up to see a bias.
#[test]
fn rounding_shows_its_cumulative_effect() {
    let row = row(
        "Europe/Berlin",
        "Mon 08:05 in, Mon 16:10 out, Tue 07:53 in, Tue 15:52 out, Wed 08:06 in, Wed 16:00 out",
    )
    .with(|rules| rules.pay.round_to_s = Some(900));
    let (worked, _) = row.worked();
    assert_eq!(
        worked.cumulative()[&(ANNA, Setting::Rounding)],
        (10 - 14 + 6) * 60
    );
}

/// A zone three quarters of an hour off the hour rounds what its own clock shows.
#[test]
fn rounding_reads_the_clock_on_the_wall() {
    let row = row("Asia/Kathmandu", "Mon 08:10 in, Mon 16:10 out")
        .with(|rules| rules.pay.round_to_s = Some(1_800));
    assert_eq!(paid(&row), "Mon 08:00-16:00 8.0000");
}

#[rstest]
#[case::no_divisor_of_an_hour(PayRules { round_to_s: Some(700), ..PayRules::default() }, "divisor of 3600")]
#[case::nothing(PayRules { round_to_s: Some(0), ..PayRules::default() }, "divisor of 3600")]
fn settings_that_cannot_be_are_refused_in_words(#[case] pay: PayRules, #[case] words: &str) {
    let rules = Rules {
        pay,
        ..Rules::new(1, Zone::utc())
    };
    let refused = limen_payroll::Rulebook::new(rules).unwrap_err();
    assert!(
        matches!(&refused, RulesError::Pay(said) if said.contains(words)),
        "{refused}"
    );
}
