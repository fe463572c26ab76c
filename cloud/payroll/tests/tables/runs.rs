//! Pay periods, and pay runs from the draft to the money.

use jiff::{Timestamp, civil::Date};
use limen_payroll::{
    Adjustment, Amend, Anomaly, Change, Correction, Direction, PayRun, PayTerms, Period, Periods,
    Plan, Rate, RunError, RunState, Scope, Statement, Weekday, When, statement, timesheet_planned,
    worked,
};
use rstest::rstest;
use uuid::Uuid;

use proptest::prelude::*;

use crate::{
    clerk::{ANNA, BOB, CLERK, Row, row},
    pay::{stated, ten},
    properties::{World, end, rates, rules, world},
};

fn day(date: &str) -> Date {
    format!("2026-{date}").parse().unwrap()
}

#[rstest]
#[case::weekly(Periods::Weekly { start: Weekday::Monday }, "06-07", "2026-06-01 to 2026-06-07")]
#[case::weekly_from_sunday(Periods::Weekly { start: Weekday::Sunday }, "06-07", "2026-06-07 to 2026-06-13")]
#[case::fortnightly(Periods::Fortnightly { anchor: day("01-05") }, "06-07", "2026-05-25 to 2026-06-07")]
#[case::the_next_fortnight(Periods::Fortnightly { anchor: day("01-05") }, "06-08", "2026-06-08 to 2026-06-21")]
#[case::before_the_anchor(Periods::Fortnightly { anchor: day("06-08") }, "06-07", "2026-05-25 to 2026-06-07")]
#[case::first_half(Periods::HalfMonthly, "02-15", "2026-02-01 to 2026-02-15")]
#[case::second_half_of_a_short_month(Periods::HalfMonthly, "02-16", "2026-02-16 to 2026-02-28")]
#[case::second_half_of_a_long_month(Periods::HalfMonthly, "03-31", "2026-03-16 to 2026-03-31")]
#[case::month(Periods::Monthly { first_day: 1 }, "02-10", "2026-02-01 to 2026-02-28")]
#[case::from_the_26th(Periods::Monthly { first_day: 26 }, "03-25", "2026-02-26 to 2026-03-25")]
#[case::from_the_26th_on(Periods::Monthly { first_day: 26 }, "03-26", "2026-03-26 to 2026-04-25")]
#[case::over_the_year(Periods::Monthly { first_day: 16 }, "12-20", "2026-12-16 to 2027-01-15")]
fn the_period_of_a_date(#[case] periods: Periods, #[case] date: &str, #[case] period: &str) {
    assert_eq!(periods.of(day(date)).to_string(), period);
}

/// Each date of four years is in the period that is said to be its own, and in no other one.
#[rstest]
#[case(Periods::Weekly { start: Weekday::Thursday })]
#[case(Periods::Fortnightly { anchor: day("03-03") })]
#[case(Periods::HalfMonthly)]
#[case(Periods::Monthly { first_day: 1 })]
#[case(Periods::Monthly { first_day: 28 })]
fn periods_cover_the_calendar(#[case] periods: Periods) {
    let mut period = periods.of("2023-12-31".parse().unwrap());
    let mut date = period.first;
    for _ in 0..4 * 366 {
        if !period.contains(date) {
            let next = periods.after(period);
            assert_eq!(next.first, date, "no date between {period} and {next}");
            period = next;
        }
        assert_eq!(periods.of(date), period);
        date = date.tomorrow().unwrap();
    }
}

/// Two weeks of Anna: in the first one she forgot to check out on Tuesday.
fn two_weeks() -> Row {
    row(
        "Europe/Berlin",
        "Mon 08:00 in, Mon 16:00 out, Tue 08:00 in, Wed 08:00 in, Wed 16:00 out, 2026-06-08 08:00 in, 2026-06-08 17:00 out",
    )
}

/// The forgotten check-out is put right afterwards.
fn corrected() -> Row {
    two_weeks().correct(Correction {
        id: Uuid::from_u128(0xc0),
        approved_by: Some(CLERK),
        person: ANNA,
        proposed_by: ANNA,
        reason: "I left at four".into(),
        changes: vec![Change::Add {
            when: When::Local(day("06-02").at(16, 0, 0, 0)),
            direction: Direction::Out,
            site: None,
        }],
    })
}

fn now() -> Timestamp {
    "2026-06-15T12:00Z".parse().unwrap()
}

const FIRST: u128 = 1;
const SECOND: u128 = 2;

fn week(n: u128) -> Period {
    Periods::Weekly {
        start: Weekday::Monday,
    }
    .of(if n == FIRST {
        day("06-01")
    } else {
        day("06-08")
    })
}

/// What a row comes to: the statement, and the anomalies of a week.
fn computed(row: &Row, n: u128) -> (Statement, Vec<Anomaly>) {
    let (statement, unpriced) = stated(row, &ten(), &[]);
    let mut anomalies = row.sheet().1;
    anomalies.extend(unpriced);
    anomalies.retain(|a| {
        a.at.is_none_or(|at| week(n).contains(row.zone.local(at).date()))
    });
    (statement, anomalies)
}

fn draft(row: &Row, n: u128, before: &[PayRun]) -> PayRun {
    let (statement, anomalies) = computed(row, n);
    PayRun::draft(
        Uuid::from_u128(n),
        Scope::everybody(week(n)),
        &statement,
        &anomalies,
        before,
        (CLERK, now()),
    )
}

fn locked(row: &Row, n: u128, before: &[PayRun]) -> PayRun {
    let mut run = draft(row, n, before);
    run.review(CLERK, now()).unwrap();
    let accepted = run.unsettled.clone();
    run.lock(&accepted, CLERK, now()).unwrap();
    run
}

fn paid(run: &PayRun) -> String {
    let totals = run.totals();
    let words = totals.iter().map(|((_, currency), (seconds, amount))| {
        format!(
            "{:.2} h {}",
            rust_decimal::Decimal::from(*seconds) / rust_decimal::Decimal::from(3_600),
            amount.major(*currency)
        )
    });
    words.collect::<Vec<_>>().join(", ")
}

#[test]
fn from_draft_to_paid_and_no_other_way() {
    let mut run = draft(&corrected(), FIRST, &[]);
    assert!(
        run.lock(&[], CLERK, now())
            .unwrap_err()
            .to_string()
            .contains("only a run that is Reviewed can become Locked")
    );
    assert!(run.pay(CLERK, now()).is_err());
    run.review(CLERK, now()).unwrap();
    assert!(run.review(CLERK, now()).is_err());
    run.lock(&[], CLERK, now()).unwrap();
    run.pay(BOB, now()).unwrap();
    assert!(run.pay(BOB, now()).is_err());
    let steps: Vec<_> = run
        .history
        .iter()
        .map(|step| (step.state, step.by))
        .collect();
    assert_eq!(
        steps,
        [
            (RunState::Draft, CLERK),
            (RunState::Reviewed, CLERK),
            (RunState::Locked, CLERK),
            (RunState::Paid, BOB)
        ]
    );
}

/// Nothing is locked at zero silently: each exception is named, and somebody has to say that they have read it.
#[test]
fn locking_names_every_unsettled_exception_and_pays_the_settled_part() {
    let mut run = draft(&two_weeks(), FIRST, &[]);
    run.review(CLERK, now()).unwrap();
    let Err(RunError::Unsettled(open)) = run.lock(&[], CLERK, now()) else {
        panic!("a forgotten check-out was locked away");
    };
    assert_eq!(
        open.iter().map(|a| a.kind.name()).collect::<Vec<_>>(),
        ["forgotten"]
    );
    assert_eq!(run.state, RunState::Reviewed);
    run.lock(&open, CLERK, now()).unwrap();
    assert_eq!(paid(&run), "16.00 h 160.00");
    assert_eq!(run.unsettled, open);
}

#[test]
fn a_locked_run_never_changes() {
    let mut run = locked(&two_weeks(), FIRST, &[]);
    let before = run.clone();
    let (statement, anomalies) = computed(&corrected(), FIRST);
    assert!(
        run.refresh(&statement, &anomalies, &[], (CLERK, now()))
            .is_err()
    );
    assert_eq!(run, before);
}

/// What was reviewed and is other than it was has to be reviewed again.
#[test]
fn late_data_makes_a_reviewed_run_a_draft_again() {
    let mut run = draft(&two_weeks(), FIRST, &[]);
    run.review(CLERK, now()).unwrap();
    let (statement, anomalies) = computed(&two_weeks(), FIRST);
    run.refresh(&statement, &anomalies, &[], (CLERK, now()))
        .unwrap();
    assert_eq!(run.state, RunState::Reviewed);
    let (statement, anomalies) = computed(&corrected(), FIRST);
    run.refresh(&statement, &anomalies, &[], (CLERK, now()))
        .unwrap();
    assert_eq!(
        (run.state, paid(&run).as_str()),
        (RunState::Draft, "24.00 h 240.00")
    );
}

/// The eight hours of Tuesday are learned after the week was paid: they come with the next one, once.
#[test]
fn late_data_is_an_adjustment_in_the_next_run() {
    let first = locked(&two_weeks(), FIRST, &[]);
    let second = locked(&corrected(), SECOND, std::slice::from_ref(&first));
    let adjusted: Vec<_> = second
        .adjustments
        .iter()
        .map(
            |Adjustment {
                 run,
                 day,
                 seconds,
                 amount,
                 ..
             }| (run.as_u128(), day.to_string(), seconds / 3_600, amount.0),
        )
        .collect();
    assert_eq!(adjusted, [(FIRST, "2026-06-02".to_owned(), 8, 80_00)]);
    assert_eq!(paid(&second), "17.00 h 170.00");
    // The third run knows that the second has paid it.
    let (statement, _) = computed(&corrected(), SECOND);
    assert_eq!(
        limen_payroll::adjustments(&[first.clone(), second.clone()], &statement),
        []
    );
    // What both have paid is what all of it comes to.
    let both = first
        .totals()
        .values()
        .chain(second.totals().values())
        .map(|(_, amount)| amount.0)
        .sum::<i64>();
    assert_eq!(both, statement.totals[0].amount.0);
}

/// A punch that was paid turns out to be somebody else's: the next run takes the money back.
#[test]
fn an_adjustment_may_be_less() {
    let first = locked(&corrected(), FIRST, &[]);
    let row = corrected().amend(&[(1, Amend::NotMe), (2, Amend::NotMe)]);
    let second = draft(&row, SECOND, &[first]);
    assert_eq!(second.adjustments[0].amount.0, -80_00);
    assert_eq!(paid(&second), "1.00 h 10.00");
}

/// A draft pays nothing, so there is nothing of it to adjust.
#[test]
fn only_locked_runs_are_adjusted() {
    let first = draft(&two_weeks(), FIRST, &[]);
    assert_eq!(draft(&corrected(), SECOND, &[first]).adjustments, []);
}

#[test]
fn an_open_session_is_never_paid() {
    let row = row("Europe/Berlin", "Mon 08:00 in, Mon 16:00 out, Tue 08:00 in").seen("Tue 12:00");
    let run = draft(&row, FIRST, &[]);
    assert_eq!(paid(&run), "8.00 h 80.00");
    assert_eq!(run.unsettled, []);
}

#[test]
fn the_difference_to_the_run_before() {
    let first = locked(&two_weeks(), FIRST, &[]);
    let second = draft(&two_weeks(), SECOND, std::slice::from_ref(&first));
    let said: Vec<_> = second
        .difference(&first)
        .iter()
        .map(|d| (d.before.0, d.now.0, d.now_s - d.before_s))
        .collect();
    assert_eq!(said, [(16_000, 9_000, -7 * 3_600)]);
    let rate: &[Rate] = &[];
    let nothing = PayRun::draft(
        Uuid::from_u128(3),
        Scope::everybody(week(SECOND)),
        &stated(&two_weeks(), rate, &[]).0,
        &[],
        &[],
        (CLERK, now()),
    );
    assert_eq!(
        nothing.difference(&second)[0].now.0,
        0,
        "who gets nothing any more is there too"
    );
}

/// Anna leaves on Tuesday and is paid at once; the run of the week pays the rest of her week and everybody else's.
#[test]
fn a_run_for_one_person_is_not_paid_again_by_the_run_for_everybody() {
    let row = corrected();
    let (statement, _) = computed(&row, FIRST);
    let until_tuesday = Period {
        first: day("06-01"),
        last: day("06-02"),
    };
    let scope = Scope::one(ANNA, until_tuesday);
    let mut own = PayRun::draft(
        Uuid::from_u128(9),
        scope,
        &statement,
        &[],
        &[],
        (CLERK, now()),
    );
    assert_eq!(paid(&own), "16.00 h 160.00");
    // As long as it is a draft it has paid nothing.
    assert_eq!(
        paid(&draft(&row, FIRST, std::slice::from_ref(&own))),
        "24.00 h 240.00"
    );
    own.review(CLERK, now()).unwrap();
    own.lock(&[], CLERK, now()).unwrap();
    assert_eq!(paid(&draft(&row, FIRST, &[own])), "8.00 h 80.00");
}

/// Bob's run has nothing to do with what is adjusted, or open, for Anna.
#[test]
fn a_run_for_one_person_leaves_others_alone() {
    let first = locked(&two_weeks(), FIRST, &[]);
    let (statement, anomalies) = computed(&two_weeks(), FIRST);
    let corrected = computed(&corrected(), FIRST).0;
    let scope = Scope::one(BOB, week(SECOND));
    let run = PayRun::draft(
        Uuid::from_u128(9),
        scope,
        &corrected,
        &anomalies,
        &[first],
        (CLERK, now()),
    );
    assert_eq!(
        (run.lines, run.adjustments, run.unsettled),
        (vec![], vec![], vec![])
    );
    assert!(!statement.lines.is_empty() && !anomalies.is_empty());
}

/// A locked run is kept as it is: what is written is read again.
#[test]
fn a_run_is_written_and_read_again() {
    let first = locked(&two_weeks(), FIRST, &[]);
    let second = locked(&corrected(), SECOND, std::slice::from_ref(&first));
    assert!(!first.unsettled.is_empty() && !second.adjustments.is_empty());
    for run in [first, second] {
        let json = serde_json::to_string(&run).unwrap();
        assert_eq!(serde_json::from_str::<PayRun>(&json).unwrap(), run);
    }
}

proptest! {
    /// Facts come late, scopes overlap, some runs are for one person: when all is known and everybody has been paid,
    /// all the runs together have paid what all of it comes to, to the cent and for each person.
    #[test]
    fn what_is_due_is_paid_once(
        world in world(),
        rules in rules(),
        rates in rates(),
        steps in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_i64..120, 0_i64..60, prop::option::of(1_u128..4)),
            0..8,
        ),
    ) {
        let book = limen_payroll::Rulebook::new(rules).unwrap();
        let plan = Plan::default();
        let terms = PayTerms { rules: &book, plan: &plan, rates: &rates, approvals: &[] };
        let computed = |known: usize| {
            let so_far = World { punches: world.punches[..known].to_vec(), ..world.clone() };
            let (sheet, mut anomalies) = timesheet_planned(&so_far.facts(), &book, &plan, end());
            let (statement, unpaid) = statement(&worked(&sheet, &book, &plan).0, &terms, day("12-31"));
            anomalies.extend(unpaid);
            (statement, anomalies)
        };
        let after = |first: Date, days: i64| first.saturating_add(jiff::Span::new().days(days));
        let mut runs: Vec<PayRun> = Vec::new();
        let mut pay = |known: usize, scope: Scope| {
            let (statement, anomalies) = computed(known);
            let id = Uuid::from_u128(u128::try_from(runs.len()).unwrap());
            let mut run = PayRun::draft(id, scope, &statement, &anomalies, &runs, (CLERK, now()));
            run.review(CLERK, now()).unwrap();
            let accepted = run.unsettled.clone();
            run.lock(&accepted, CLERK, now()).unwrap();
            runs.push(run);
        };
        for (known, from, days, person) in steps {
            let first = after(day("01-20"), from);
            let period = Period { first, last: after(first, days) };
            let people = person.map(|person| std::iter::once(Uuid::from_u128(person)).collect());
            pay(known.index(world.punches.len() + 1), Scope { period, people });
        }
        let everything = Period { first: day("01-01"), last: day("12-31") };
        pay(world.punches.len(), Scope::everybody(everything));
        let mut paid = std::collections::BTreeMap::new();
        for (key, (seconds, amount)) in runs.iter().flat_map(PayRun::totals) {
            let sum: &mut (i64, i64) = paid.entry(key).or_default();
            *sum = (sum.0 + seconds, sum.1 + amount.0);
        }
        paid.retain(|_, sum| *sum != (0, 0));
        let (statement, _) = computed(world.punches.len());
        let due = statement.totals.iter().map(|t| ((t.person, t.currency), (t.seconds.cast_signed(), t.amount.0)));
        prop_assert_eq!(paid, due.filter(|(_, sum)| *sum != (0, 0)).collect::<std::collections::BTreeMap<_, _>>());
    }
}
