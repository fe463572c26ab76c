//! What people say about somebody's punches: it counts once somebody else has approved it, and the original
//! stays.

use jiff::civil::date;
use limen_payroll::{Amend, Change, Correction, Direction, ReadAs, When};
use rstest::rstest;
use uuid::Uuid;

use crate::clerk::{ANNA, BOB, CLERK, punch, row};

const BOSS: Uuid = Uuid::from_u128(0xb055);

fn add(hour: i8, direction: Direction) -> Change {
    let when = When::Local(date(2026, 6, 1).at(hour, 0, 0, 0));
    Change::Add {
        when,
        direction,
        site: None,
    }
}

fn remove(seq: u64) -> Change {
    Change::Remove { punch: punch(seq) }
}

/// Anna proposes.
fn correction(approved_by: Option<Uuid>, changes: &[Change]) -> Correction {
    Correction {
        id: Uuid::from_u128(0xc0),
        approved_by,
        person: ANNA,
        proposed_by: ANNA,
        reason: "I forgot to check out".into(),
        changes: changes.to_vec(),
    }
}

#[rstest]
#[case::until_it_is_approved_nothing_is_paid(
    "Mon 08:00 in",
    None,
    &[add(16, Direction::Out)],
    "correction_pending, Mon 08:00 forgotten"
)]
#[case::approved_by_another(
    "Mon 08:00 in",
    Some(BOSS),
    &[add(16, Direction::Out)],
    "Mon 08:00-16:00 8.0000"
)]
#[case::nobody_approves_their_own(
    "Mon 08:00 in",
    Some(ANNA),
    &[add(16, Direction::Out)],
    "correction_own_approval, Mon 08:00 forgotten"
)]
#[case::a_whole_day_that_no_machine_saw(
    "",
    Some(BOSS),
    &[add(8, Direction::In), add(16, Direction::Out)],
    "Mon 08:00-16:00 8.0000"
)]
#[case::a_wrong_punch_is_replaced(
    "Mon 08:00 in, Mon 18:00 out",
    Some(BOSS),
    &[remove(2), add(16, Direction::Out)],
    "Mon 08:00-16:00 8.0000"
)]
#[case::a_punch_that_is_not_known_spoils_all_of_it(
    "Mon 08:00 in",
    Some(BOSS),
    &[remove(9), add(16, Direction::Out)],
    "correction_misses, Mon 08:00 forgotten"
)]
fn corrected(
    #[case] punches: &str,
    #[case] approved_by: Option<Uuid>,
    #[case] changes: &[Change],
    #[case] outcome: &str,
) {
    let row = row("Europe/Berlin", punches)
        .correct(correction(approved_by, changes))
        .seen("Sun 00:00");
    assert_eq!(row.outcome(), outcome);
}

#[test]
fn who_proposed_it_does_not_approve_it_either() {
    let mut own = correction(Some(CLERK), &[add(16, Direction::Out)]);
    own.proposed_by = CLERK;
    let row = row("Europe/Berlin", "Mon 08:00 in").correct(own);
    assert_eq!(
        row.outcome(),
        "correction_own_approval, Mon 08:00 forgotten"
    );
}

#[test]
fn another_persons_punch_is_not_taken_out() {
    let mut row = row("Europe/Berlin", "Mon 08:00 in, Mon 16:00 out")
        .correct(correction(Some(BOSS), &[remove(2)]));
    row.corrections[0].person = BOB;
    row.corrections[0].proposed_by = BOB;
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000, correction_misses");
}

#[test]
fn the_original_stays_in_the_list_of_punches() {
    let row = row("Europe/Berlin", "Mon 08:00 in, Mon 18:00 out").correct(correction(
        Some(BOSS),
        &[remove(2), add(16, Direction::Out)],
    ));
    let (sheet, _) = row.sheet();
    let read: Vec<_> = sheet
        .readings
        .iter()
        .map(|r| (r.punch.seq, r.read_as))
        .collect();
    assert_eq!(
        read,
        [(1, ReadAs::In), (1, ReadAs::Out), (2, ReadAs::Removed)]
    );
    assert_eq!(
        sheet.sessions[0].check_out.unwrap().punch.outbox,
        Uuid::from_u128(0xc0)
    );
}

#[test]
fn not_me_is_settled_by_taking_the_punch_out() {
    let row = row(
        "Europe/Berlin",
        "Mon 08:00 in, Mon 11:00 out, Mon 16:00 out",
    )
    .amend(&[(2, Amend::NotMe)]);
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000, Mon 11:00 not_me");
    let row = row.correct(correction(Some(BOSS), &[remove(2)]));
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000");
}

/// A time of the clock on the wall on the nights on which it is changed.
#[rstest]
#[case::skipped((3, 29), "2026-03-28 22:00-2026-03-29 03:30 4.5000, 2026-03-29 03:30 skipped_local_time")]
#[case::came_twice((10, 25), "2026-10-24 22:00-2026-10-25 02:30 4.5000, 2026-10-25 02:30 repeated_local_time")]
fn half_past_two(#[case] (month, day): (i8, i8), #[case] outcome: &str) {
    let morning = date(2026, month, day);
    let evening = morning.yesterday().unwrap();
    let at = |day: jiff::civil::Date, hour, minute, direction| Change::Add {
        when: When::Local(day.at(hour, minute, 0, 0)),
        direction,
        site: None,
    };
    let changes = [
        at(evening, 22, 0, Direction::In),
        at(morning, 2, 30, Direction::Out),
    ];
    let row = row("Europe/Berlin", "")
        .correct(correction(Some(BOSS), &changes))
        .seen("2026-12-01 00:00");
    assert_eq!(row.outcome(), outcome);
}

/// Proposals and decisions are facts of their own; what follows from them is the correction.
mod decided {
    use jiff::Timestamp;
    use limen_payroll::{Decision, Facts, Proposal, Verdict, corrections, histories, timesheet};

    use super::*;

    fn at(hour: i64) -> Timestamp {
        "2026-06-02T00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_hours(hour)
    }

    fn proposal() -> Proposal {
        Proposal {
            id: Uuid::from_u128(0xc0),
            person: ANNA,
            by: ANNA,
            at: at(0),
            reason: "I forgot to check out".into(),
            changes: vec![remove(2), add(16, Direction::Out)],
        }
    }

    fn decision(hour: i64, by: Uuid, verdict: Verdict) -> Decision {
        Decision {
            at: at(hour),
            of: Uuid::from_u128(0xc0),
            by,
            verdict,
            note: String::new(),
        }
    }

    #[rstest]
    #[case::waits(&[], "Mon 08:00-18:00 10.0000, correction_pending")]
    #[case::approved(&[(1, BOSS, Verdict::Approved)], "Mon 08:00-16:00 8.0000")]
    #[case::refused(&[(1, BOSS, Verdict::Refused)], "Mon 08:00-18:00 10.0000")]
    #[case::withdrawn(&[(1, ANNA, Verdict::Withdrawn)], "Mon 08:00-18:00 10.0000")]
    #[case::one_s_own_approval_is_told(
        &[(1, ANNA, Verdict::Approved)],
        "Mon 08:00-18:00 10.0000, correction_own_approval"
    )]
    #[case::and_somebody_else_s_counts_after_it(
        &[(1, ANNA, Verdict::Approved), (2, BOSS, Verdict::Approved)],
        "Mon 08:00-16:00 8.0000"
    )]
    #[case::the_first_that_counts_is_final(
        &[(1, BOSS, Verdict::Refused), (2, CLERK, Verdict::Approved)],
        "Mon 08:00-18:00 10.0000"
    )]
    #[case::nobody_refuses_their_own(&[(1, ANNA, Verdict::Refused)], "Mon 08:00-18:00 10.0000, correction_pending")]
    #[case::nobody_else_withdraws_it(
        &[(1, BOSS, Verdict::Withdrawn)],
        "Mon 08:00-18:00 10.0000, correction_pending"
    )]
    fn who_decided_what(#[case] decisions: &[(i64, Uuid, Verdict)], #[case] outcome: &str) {
        let mut decisions: Vec<_> = decisions
            .iter()
            .map(|&(h, by, verdict)| decision(h, by, verdict))
            .collect();
        // The order in which they arrive makes no difference, nor does a copy.
        decisions.extend(decisions.clone());
        decisions.reverse();
        let mut row = row("Europe/Berlin", "Mon 08:00 in, Mon 18:00 out").seen("Sun 00:00");
        row.corrections = corrections(&[proposal(), proposal()], &decisions);
        assert_eq!(row.outcome(), outcome);
    }

    /// The history says who asked for what and why, who decided, and what the machines had written.
    #[test]
    fn history() {
        let row = row("Europe/Berlin", "Mon 08:00 in, Mon 18:00 out");
        let decisions = [
            decision(2, BOSS, Verdict::Approved),
            decision(1, ANNA, Verdict::Approved),
        ];
        let histories = histories(&[proposal()], &decisions, &row.punches);
        let history = &histories[0];
        assert_eq!(history.proposal.reason, "I forgot to check out");
        assert_eq!(history.verdict, Some(Verdict::Approved));
        assert_eq!(history.originals, [row.punches[1].clone()]);
        let said: Vec<_> = history
            .decisions
            .iter()
            .map(|(d, counts)| (d.by, *counts))
            .collect();
        assert_eq!(said, [(ANNA, false), (BOSS, true)]);
        // And the original is still a fact.
        let facts = Facts {
            corrections: &corrections(&[proposal()], &decisions),
            ..row.facts()
        };
        let (sheet, _) = timesheet(&facts, &row.book(), row.as_of);
        assert!(
            sheet
                .readings
                .iter()
                .any(|r| r.punch == punch(2) && r.read_as == ReadAs::Removed)
        );
    }
}
