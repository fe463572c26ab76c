//! New facts touch some employee-days; computing those again is computing everything again.

use jiff::{SignedDuration, Timestamp, civil::date};
use limen_payroll::{
    Assignment, Conclusions, Dates, Extra, Facts, Overtime, OvertimeApproval, OvertimeRate,
    PayTerms, Plan, Premium, Rate, RestDay, Rulebook, Rules, Shift, Tier, statement,
    timesheet_planned, worked,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    clerk::{ANNA, CLERK, MONDAY, clock_face, row},
    pay::{factor, ten},
    properties::{World, end, rates, rules, world},
};

/// Overtime by day and week on the regular rate, seventh days, night premiums; one of three people has a night shift.
fn terms(mut rules: Rules) -> (Rulebook, Plan) {
    let tier = |hours: u64, multiplier| Tier {
        over_s: hours * 3_600,
        multiplier: factor(multiplier),
    };
    rules.pay.overtime = Overtime {
        daily: vec![tier(8, "1.5")],
        weekly: vec![tier(30, "1.5")],
        rest_day: Some(RestDay::SeventhInARow),
        rest_tiers: vec![tier(0, "2")],
        rate: OvertimeRate::Regular,
        ..Overtime::default()
    };
    rules.pay.premiums = vec![Premium {
        name: "night".into(),
        dates: Dates::Every,
        from: clock_face("22:00"),
        to: clock_face("06:00"),
        extra: Extra::Factor(factor("0.25")),
        in_regular: true,
    }];
    let night = Shift::fixed(
        Uuid::from_u128(5),
        date(2000, 1, 1),
        "night",
        clock_face("22:00"),
        clock_face("06:00"),
    );
    let assignment = Assignment {
        person: Uuid::from_u128(1),
        from: date(2000, 1, 1),
        site: None,
        anchor: MONDAY,
        cycle: vec![Some(night.id)],
    };
    let mut later = rules.clone();
    later.version = 2;
    later.pay.overtime.week_start = limen_payroll::Weekday::Thursday;
    let begin = end() - SignedDuration::from_hours(80 * 24);
    let book = Rulebook::new(rules).unwrap().with(begin, later).unwrap();
    (
        book,
        Plan::new(vec![night], vec![assignment], &[], Vec::new()).unwrap(),
    )
}

proptest! {

    /// Facts come in batches, in any order, and time goes on: what is kept up to date is what is computed anew.
    #[test]
    fn the_parts_are_the_whole(
        world in world(),
        rules in rules(),
        rates in rates(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 80),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        hours in prop::collection::vec(0_i64..3_000, 6),
    ) {
        let (book, plan) = terms(rules);
        let terms = PayTerms { rules: &book, plan: &plan, rates: &rates, approvals: &[] };
        let mut arrived = world.punches.clone();
        for (n, other) in order.iter().enumerate().take(arrived.len()) {
            let other = other.index(arrived.len());
            arrived.swap(n, other);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(arrived.len() + 1)).collect();
        cuts.push(arrived.len());
        cuts.sort_unstable();
        let mut kept = Conclusions::of(&Facts::default(), &terms, Timestamp::UNIX_EPOCH);
        let mut before = kept.timesheet(&terms).0;
        for (cut, hours) in cuts.into_iter().zip(hours) {
            let so_far = World { punches: arrived[..cut].to_vec(), ..world.clone() };
            let as_of = end() - SignedDuration::from_hours(hours);
            let touched = kept.learn(&so_far.facts(), &terms, as_of);
            let (sheet, found) = timesheet_planned(&so_far.facts(), &book, &plan, as_of);
            let (paid, warned) = worked(&sheet, &book, &plan);
            let (stated, unpaid) = statement(&paid, &terms, date(2027, 1, 1));
            prop_assert_eq!(kept.timesheet(&terms), (sheet.clone(), found));
            prop_assert_eq!(kept.worked(), (paid, warned));
            prop_assert_eq!(kept.statement(&terms, date(2027, 1, 1)), (stated, unpaid));
            // And what wasn't touched is what it was.
            let untouched = |sheet: &limen_payroll::Timesheet| {
                let sessions = sheet.sessions.iter().filter(|s| !touched.contains(&(s.person, s.day)));
                sessions.cloned().collect::<Vec<_>>()
            };
            prop_assert_eq!(untouched(&before), untouched(&sheet));
            before = sheet;
        }
    }
}

/// A year of days from eight to four. One check-out was forgotten and comes late: only its day is computed again.
#[test]
fn a_late_punch_touches_its_day() {
    let mut row = row("Europe/Berlin", "");
    let mut day = date(2026, 1, 1);
    for _ in 0..365 {
        for (hour, direction) in [
            (8, limen_payroll::Direction::In),
            (16, limen_payroll::Direction::Out),
        ] {
            let at = row.zone.instant(day.at(hour, 0, 0, 0)).0;
            row.punch(at, direction);
        }
        day = day.tomorrow().unwrap();
    }
    row.as_of = "2027-01-02T00:00Z".parse().unwrap();
    let all = row.punches.clone();
    let late = row.punches.remove(301);
    let rates: Vec<Rate> = ten();
    let (book, plan) = (row.book(), row.plan());
    let terms = PayTerms {
        rules: &book,
        plan: &plan,
        rates: &rates,
        approvals: &[],
    };
    let mut kept = Conclusions::of(&row.facts(), &terms, row.as_of);
    row.punches = all;
    let touched = kept.learn(&row.facts(), &terms, row.as_of);
    assert_eq!(
        touched.into_iter().collect::<Vec<_>>(),
        [(late.person, date(2026, 5, 31))]
    );
    assert!(
        kept.learn(&row.facts(), &terms, row.as_of).is_empty(),
        "nothing new touches nothing"
    );
}

/// Three hours of overtime are approved, and the rate of the next day is raised: those days are paid again, and the
/// result is the one that paying everything again has.
#[test]
fn an_approval_touches_its_day() {
    let mut row = row("Europe/Berlin", &crate::pay::week(&[11, 11, 8, 8, 8]));
    row.rules.pay.overtime = Overtime {
        daily: vec![Tier {
            over_s: 8 * 3_600,
            multiplier: factor("1.5"),
        }],
        approval: true,
        ..Overtime::default()
    };
    let (book, plan, first) = (row.book(), row.plan(), ten());
    let terms = PayTerms {
        rules: &book,
        plan: &plan,
        rates: &first,
        approvals: &[],
    };
    let mut kept = Conclusions::of(&row.facts(), &terms, row.as_of);
    let before = kept.statement(&terms, date(2026, 6, 30));
    let approvals = [OvertimeApproval {
        person: ANNA,
        day: MONDAY,
        seconds: 3 * 3_600,
        by: CLERK,
    }];
    let mut rates = first.clone();
    rates.push(Rate {
        from: date(2026, 6, 2),
        per_hour: "20".parse().unwrap(),
        ..first[0]
    });
    rates.push(Rate {
        from: date(2026, 6, 3),
        ..first[0]
    });
    let terms = PayTerms {
        rates: &rates,
        approvals: &approvals,
        ..terms
    };
    kept.reprice(&[(ANNA, MONDAY), (ANNA, date(2026, 6, 2))].into(), &terms);
    let after = kept.statement(&terms, date(2026, 6, 30));
    assert_ne!(before, after);
    assert_eq!(
        after,
        statement(&kept.worked().0, &terms, date(2026, 6, 30))
    );
}
