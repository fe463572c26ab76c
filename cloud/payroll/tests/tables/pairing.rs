//! Which punches make a session.

use limen_payroll::{Amend, Direction, Pairing, ReadAs};
use rstest::rstest;

use crate::clerk::{punch, row};

#[rstest]
#[case::a_day("Mon 08:00 in, Mon 16:30 out", "Mon 08:00-16:30 8.5000")]
#[case::a_punched_break_is_not_work(
    "Mon 08:00 in, Mon 12:00 out, Mon 12:45 in, Mon 16:30 out",
    "Mon 08:00-12:00 4.0000, Mon 12:45-16:30 3.7500"
)]
#[case::no_direction_stated_alternates(
    "Mon 08:00 -, Mon 12:00 -, Mon 13:00 -, Mon 17:00 -",
    "Mon 08:00-12:00 4.0000, Mon 13:00-17:00 4.0000"
)]
#[case::a_stated_way_puts_alternation_right(
    "Mon 08:00 -, Mon 12:00 out, Mon 13:00 -, Mon 17:00 -",
    "Mon 08:00-12:00 4.0000, Mon 13:00-17:00 4.0000"
)]
#[case::in_twice_pays_only_what_has_an_end(
    "Mon 08:00 in, Mon 13:00 in, Mon 17:00 out",
    "Mon 13:00-17:00 4.0000, Mon 08:00 missing_out"
)]
#[case::out_without_in_invents_no_beginning("Mon 17:00 out", "Mon 17:00 missing_in")]
#[case::out_twice(
    "Mon 08:00 in, Mon 12:00 out, Mon 17:00 out",
    "Mon 08:00-12:00 4.0000, Mon 17:00 missing_in"
)]
#[case::forgotten_check_out_is_paid_nothing("Mon 08:00 in", "Mon 08:00 forgotten")]
#[case::forgotten_check_out_does_not_turn_the_next_day_around(
    "Mon 08:00 -, Tue 08:00 -, Tue 16:00 -",
    "Tue 08:00-16:00 8.0000, Mon 08:00 forgotten"
)]
#[case::late_out_after_a_forgotten_one_is_an_out_without_in(
    "Mon 08:00 in, Tue 08:00 out",
    "Mon 08:00 forgotten, Tue 08:00 missing_in"
)]
#[case::sixteen_hours_are_still_a_session("Mon 06:00 in, Mon 22:00 out", "Mon 06:00-22:00 16.0000")]
#[case::one_second_more_is_not(
    "Mon 06:00:00 in, Mon 22:00:01 out",
    "Mon 06:00 forgotten, Mon 22:00:01 missing_in"
)]
#[case::nothing("", "")]
fn every_valid_pair(#[case] punches: &str, #[case] outcome: &str) {
    assert_eq!(row("Europe/Berlin", punches).outcome(), outcome);
}

/// A second reading within 60 s is kept and ignored.
#[rstest]
#[case::read_twice_at_the_door(
    "Mon 08:00:00 -, Mon 08:00:40 -, Mon 16:00 -",
    "Mon 08:00-16:00 8.0000"
)]
#[case::same_way_twice(
    "Mon 08:00:00 in, Mon 08:00:59 in, Mon 16:00 out",
    "Mon 08:00-16:00 8.0000"
)]
#[case::read_twice_at_the_way_out(
    "Mon 08:00 -, Mon 16:00:00 -, Mon 16:00:20 out",
    "Mon 08:00-16:00 8.0000"
)]
#[case::sixty_seconds_are_a_punch_again(
    "Mon 08:00:00 -, Mon 08:01:00 -, Mon 16:00 -",
    "Mon 08:00-08:01 0.0167, Mon 16:00 forgotten"
)]
#[case::the_other_way_was_meant(
    "Mon 08:00:00 in, Mon 08:00:10 out, Mon 09:00 in, Mon 10:00 out",
    "Mon 08:00-08:00:10 0.0028, Mon 09:00-10:00 1.0000"
)]
#[case::an_ignored_one_does_not_begin_the_interval_again(
    "Mon 08:00:00 -, Mon 08:00:50 -, Mon 08:01:10 -",
    "Mon 08:00-08:01:10 0.0194"
)]
fn double_reads(#[case] punches: &str, #[case] outcome: &str) {
    assert_eq!(row("Europe/Berlin", punches).outcome(), outcome);
}

#[test]
fn the_interval_is_a_setting() {
    let punches = "Mon 08:00 -, Mon 08:03 -, Mon 16:00 -";
    let five_minutes = row("Europe/Berlin", punches).with(|rules| rules.repunch_s = 300);
    assert_eq!(five_minutes.outcome(), "Mon 08:00-16:00 8.0000");
    let none =
        row("Europe/Berlin", "Mon 08:00:00 -, Mon 08:00:01 -").with(|rules| rules.repunch_s = 0);
    assert_eq!(none.outcome(), "Mon 08:00-08:00:01 0.0003");
}

#[test]
fn a_double_read_stays_in_the_list_of_punches() {
    let (sheet, _) = row(
        "Europe/Berlin",
        "Mon 08:00:00 -, Mon 08:00:40 -, Mon 16:00 -",
    )
    .sheet();
    let read: Vec<_> = sheet
        .readings
        .iter()
        .map(|reading| reading.read_as)
        .collect();
    assert_eq!(read, [ReadAs::In, ReadAs::Ignored, ReadAs::Out]);
}

/// The first in of a working day with its last out; what is between is work.
#[rstest]
#[case::breaks_are_work(
    "Mon 08:00 in, Mon 12:00 out, Mon 13:00 in, Mon 17:00 out",
    "Mon 08:00-17:00 9.0000"
)]
#[case::the_same_without_directions(
    "Mon 08:00 -, Mon 12:00 -, Mon 12:30 -, Mon 17:00 -",
    "Mon 08:00-17:00 9.0000"
)]
#[case::back_in_and_no_last_out(
    "Mon 08:00 in, Mon 12:00 out, Mon 13:00 in",
    "Mon 08:00-12:00 4.0000, Mon 13:00 forgotten"
)]
#[case::each_day_for_itself(
    "Mon 08:00 in, Mon 16:00 out, Tue 09:00 in, Tue 17:00 out",
    "Mon 08:00-16:00 8.0000, Tue 09:00-17:00 8.0000"
)]
#[case::over_night_too("Mon 22:00 in, Tue 06:00 out", "Mon 22:00-Tue 06:00 8.0000")]
fn first_in_last_out(#[case] punches: &str, #[case] outcome: &str) {
    let row = row("Europe/Berlin", punches).with(|rules| rules.pairing = Pairing::FirstInLastOut);
    assert_eq!(row.outcome(), outcome);
}

/// The buttons on the terminal's screen after a punch.
#[rstest]
#[case::i_am_leaving(
    "Mon 08:00 in, Mon 16:00 in",
    &[(2, Amend::Direction(Direction::Out))],
    "Mon 08:00-16:00 8.0000"
)]
#[case::of_two_the_last_button_counts(
    "Mon 08:00 -, Mon 16:00 -",
    &[(1, Amend::Direction(Direction::Out)), (1, Amend::Direction(Direction::In))],
    "Mon 08:00-16:00 8.0000"
)]
#[case::not_me_takes_the_punch_out_and_calls_somebody(
    "Mon 08:00 -, Mon 11:00 -, Mon 16:00 -",
    &[(2, Amend::NotMe)],
    "Mon 08:00-16:00 8.0000, Mon 11:00 not_me"
)]
#[case::not_me_is_final(
    "Mon 08:00 -, Mon 11:00 -, Mon 16:00 -",
    &[(2, Amend::NotMe), (2, Amend::Direction(Direction::Out))],
    "Mon 08:00-16:00 8.0000, Mon 11:00 not_me"
)]
#[case::of_a_punch_that_nobody_has_seen(
    "Mon 08:00 in, Mon 16:00 out",
    &[(7, Amend::NotMe)],
    "Mon 08:00-16:00 8.0000, amends_nothing"
)]
fn amended_at_the_screen(
    #[case] punches: &str,
    #[case] amends: &[(u64, Amend)],
    #[case] outcome: &str,
) {
    assert_eq!(
        row("Europe/Berlin", punches).amend(amends).outcome(),
        outcome
    );
}

#[test]
fn a_button_of_another_terminal_changes_nothing() {
    let mut row = row("Europe/Berlin", "Mon 08:00 in, Mon 16:00 out").amend(&[(2, Amend::NotMe)]);
    row.amendments[0].id.outbox = uuid::Uuid::from_u128(99);
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000, amends_nothing");
    // Nor does one that was pressed before the punch.
    row.amendments[0].id = punch(1);
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000, amends_nothing");
}

#[test]
fn who_is_still_in_is_open_and_nothing_is_wrong() {
    let row = row("Europe/Berlin", "Mon 08:00 in").seen("Mon 12:00");
    assert_eq!(row.outcome(), "Mon 08:00- open");
    assert_eq!(row.days(), "");
    // At the end of the longest session the exception begins, by itself.
    assert_eq!(row.seen("Tue 00:00:01").outcome(), "Mon 08:00 forgotten");
}

#[test]
fn two_different_records_of_one_number_are_told_and_the_first_received_counts() {
    let mut row = row("Europe/Berlin", "Mon 08:00 in, Mon 16:00 out");
    let mut forged = row.punches[1].clone();
    forged.at = row.instant("Mon 20:00");
    forged.received = row.instant("Tue 09:00");
    row.punches.insert(0, forged);
    assert_eq!(row.outcome(), "Mon 08:00-16:00 8.0000, conflict");
}
