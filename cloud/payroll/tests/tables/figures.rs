//! Hours, lateness, absence and cost, by person, team, site and week. Two weeks of Anna and Bob, who are due from
//! 08:00 to 16:00, Monday to Friday, at ten and twenty dollars; over forty hours a week it is time and a half.

use jiff::civil::Date;
use limen_payroll::{
    Compared, Direction, Figures, PayLine, PayTerms, Rate, Synced, Tier, Weekday, compare, figures,
    hours, statement, worked,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    clerk::{ANNA, BOB, DOOR, row},
    pay::{factor, week},
};

/// The lines and the days of the two weeks. Anna works 8, 9, 8, 8, 8 hours and then as Bob does; Bob works five days, is
/// absent on the second Monday, comes an hour late on Tuesday and leaves two hours early on Wednesday.
fn two_weeks() -> (Vec<PayLine>, Vec<Compared>) {
    let mut row = row("Europe/Berlin", &week(&[8, 9, 8, 8, 8])).shift("08:00-16:00", |_| {});
    let bob = [
        (1, 8, 16),
        (2, 8, 16),
        (3, 8, 16),
        (4, 8, 16),
        (5, 8, 16),
        (9, 9, 17),
        (10, 8, 14),
        (11, 8, 16),
        (12, 8, 16),
    ];
    for (person, from) in [(BOB, 0), (ANNA, 5)] {
        for (day, begin, end) in &bob[from..] {
            for (hour, direction) in [(begin, Direction::In), (end, Direction::Out)] {
                let at = row.instant(&format!("2026-06-{day:02} {hour:02}:00"));
                row.punch(at, direction).person = person;
            }
        }
    }
    row.as_of = row.instant("2026-06-15 00:00");
    row.rules.pay.overtime.weekly = vec![Tier {
        over_s: 40 * 3_600,
        multiplier: factor("1.5"),
    }];
    row.assignments = [ANNA, BOB]
        .map(|person| limen_payroll::Assignment {
            person,
            ..assignment(&row)
        })
        .to_vec();
    let (book, plan, (sheet, _)) = (row.book(), row.plan(), row.sheet());
    let (paid, _) = worked(&sheet, &book, &plan);
    let rate = |person, per_hour: &str| Rate {
        person,
        per_hour: per_hour.parse().unwrap(),
        ..crate::pay::ten()[0]
    };
    let rates = [rate(ANNA, "10"), rate(BOB, "20")];
    let terms = PayTerms {
        rules: &book,
        plan: &plan,
        rates: &rates,
        approvals: &[],
    };
    let (statement, _) = statement(&paid, &terms, day("2026-06-14"));
    let told = [Synced {
        terminal: DOOR,
        site: None,
        to: Some(row.as_of),
    }];
    let period = (day("2026-06-01"), day("2026-06-14"));
    let (days, _) = compare(&sheet, &paid, (&book, &plan), &told, period);
    (statement.lines, days)
}

fn assignment(row: &crate::clerk::Row) -> limen_payroll::Assignment {
    let mut cycle = vec![Some(row.shifts[0].id); 5];
    cycle.resize(7, None);
    limen_payroll::Assignment {
        person: ANNA,
        from: day("2000-01-01"),
        site: None,
        anchor: day("2026-06-01"),
        cycle,
    }
}

fn day(date: &str) -> Date {
    date.parse().unwrap()
}

fn said(figures: &Figures) -> String {
    let cost = figures
        .cost
        .iter()
        .map(|(currency, cost)| cost.major(*currency).to_string())
        .collect::<Vec<_>>();
    format!(
        "{} people, due {}, worked {}, overtime {}, late {}× {}, early {}× {}, short {}, absent {}, cost {}",
        figures.people,
        hours(figures.due_s),
        hours(figures.worked_s),
        hours(figures.overtime_s),
        figures.late,
        hours(figures.late_s),
        figures.left_early,
        hours(figures.left_early_s),
        hours(figures.short_s),
        figures.absent,
        cost.join(" + "),
    )
}

#[test]
fn by_person_week_and_all_of_them() {
    let (lines, days) = two_weeks();
    let by_person: Vec<_> = figures(&lines, &days, |person, _, _| person)
        .values()
        .map(said)
        .collect();
    assert_eq!(
        by_person,
        [
            "1 people, due 80.0000, worked 71.0000, overtime 1.0000, late 1× 1.0000, early 1× 2.0000, short 2.0000, \
             absent 1, cost 715.00",
            "1 people, due 80.0000, worked 70.0000, overtime 0.0000, late 1× 1.0000, early 1× 2.0000, short 2.0000, \
             absent 1, cost 1400.00",
        ]
    );
    let by_week = figures(&lines, &days, |_, day, _| Weekday::Monday.week_of(day));
    assert_eq!(
        said(&by_week[&day("2026-06-01")]),
        "2 people, due 80.0000, worked 81.0000, overtime 1.0000, late 0× 0.0000, early 0× 0.0000, short 0.0000, \
         absent 0, cost 1215.00"
    );
    let all = figures(&lines, &days, |_, _, site| site);
    assert_eq!(all.len(), 1, "one site");
    assert_eq!(
        said(&all[&None]),
        "2 people, due 160.0000, worked 141.0000, overtime 1.0000, late 2× 2.0000, early 2× 4.0000, short 4.0000, \
         absent 2, cost 2115.00"
    );
}

proptest! {
    /// However people and days are put into groups, the groups are all of it.
    #[test]
    fn groups_add_up(people in 1_u128..4, dates in 1_i8..9) {
        let (lines, days) = two_weeks();
        let groups = figures(&lines, &days, |person: Uuid, day, _| (person.as_u128() % people, day.day() % dates));
        let mut sum = Figures::default();
        for group in groups.into_values() {
            sum.due_s += group.due_s;
            sum.worked_s += group.worked_s;
            sum.overtime_s += group.overtime_s;
            sum.leave_s += group.leave_s;
            (sum.late, sum.late_s) = (sum.late + group.late, sum.late_s + group.late_s);
            (sum.left_early, sum.left_early_s) =
                (sum.left_early + group.left_early, sum.left_early_s + group.left_early_s);
            (sum.short_s, sum.absent) = (sum.short_s + group.short_s, sum.absent + group.absent);
            for (currency, cost) in group.cost {
                sum.cost.entry(currency).or_default().0 += cost.0;
            }
        }
        let mut all = figures(&lines, &days, |_, _, _| ());
        prop_assert_eq!(Figures { people: 2, ..sum }, all.remove(&()).unwrap());
    }
}
