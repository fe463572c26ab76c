use rstest::rstest;

use super::*;

fn at(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// Ten seconds for a look, five for the disk, and so on.
fn limit(stage: Stage) -> Duration {
    at(match stage {
        Stage::Vision => 10,
        Stage::Outbox => 5,
        _ => 30,
    })
}

fn stuck(stage: Stage, lasts: u64) -> Option<Hang> {
    Some(Hang {
        stage,
        lasts: at(lasts),
        how: How::Stuck(limit(stage)),
    })
}

enum Act {
    In(char, Stage),
    Out(char),
    On(Stage),
    End(Stage),
}

use Act::{End, In, On, Out};

/// What happened so far, at which second; what hangs at a second.
#[rstest]
#[case::nothing_was_ever_done(&[], 1000, None)]
#[case::at_work(&[(0, In('v', Stage::Vision))], 9, None)]
#[case::at_its_limit(&[(0, In('v', Stage::Vision))], 10, None)]
#[case::over_its_limit(&[(0, In('v', Stage::Vision))], 11, stuck(Stage::Vision, 11))]
#[case::through(&[(0, In('v', Stage::Vision)), (9, Out('v'))], 1000, None)]
#[case::a_new_turn_begins_anew(
    &[(0, In('v', Stage::Vision)), (9, Out('v')), (9, In('v', Stage::Vision))], 18, None)]
#[case::the_inner_stage_is_to_blame(
    &[(0, In('v', Stage::Vision)), (9, In('v', Stage::Outbox))], 15, stuck(Stage::Outbox, 6))]
#[case::within_the_inner_stage_the_outer_one_stands_still(
    &[(0, In('v', Stage::Vision)), (9, In('v', Stage::Outbox))], 14, None)]
#[case::and_goes_on_after_it(
    &[(0, In('v', Stage::Vision)), (9, In('v', Stage::Outbox)), (13, Out('v'))], 14, None)]
#[case::with_what_it_had_used_up(
    &[(0, In('v', Stage::Vision)), (9, In('v', Stage::Outbox)), (13, Out('v'))], 15, stuck(Stage::Vision, 11))]
#[case::three_deep(
    &[(0, In('u', Stage::Uplink)), (1, In('u', Stage::Roster)), (2, In('u', Stage::Outbox)), (4, Out('u')),
      (5, Out('u'))], 36, stuck(Stage::Uplink, 32))]
#[case::who_waits_behind_the_disk_waits_for_the_disk(
    &[(0, In('u', Stage::Uplink)), (0, In('u', Stage::Outbox)), (3, In('v', Stage::Vision)), (3, In('v', Stage::Outbox))],
    20, stuck(Stage::Outbox, 20))]
#[case::furthest_over_its_limit(
    &[(0, In('c', Stage::Camera)), (20, In('v', Stage::Outbox))], 40, stuck(Stage::Outbox, 20))]
#[case::one_of_two_threads_is_through(
    &[(0, In('v', Stage::Outbox)), (2, In('u', Stage::Outbox)), (3, Out('v'))], 8, stuck(Stage::Outbox, 6))]
#[case::progress_is_no_hang(
    &[(0, In('u', Stage::Outbox)), (4, On(Stage::Outbox)), (8, On(Stage::Outbox))], 13, None)]
#[case::not_even_for_who_waits(
    &[(0, In('u', Stage::Outbox)), (1, In('v', Stage::Outbox)), (8, On(Stage::Outbox))], 13, None)]
#[case::progress_of_another_stage_does_not_count(
    &[(0, In('v', Stage::Vision)), (8, On(Stage::Outbox))], 11, stuck(Stage::Vision, 11))]
#[case::a_thread_that_ended(
    &[(3, End(Stage::Vision))], 4, Some(Hang { stage: Stage::Vision, lasts: at(1), how: How::Ended }))]
#[case::ends_before_anything_else(
    &[(0, In('c', Stage::Camera)), (50, End(Stage::Vision))], 60,
    Some(Hang { stage: Stage::Vision, lasts: at(10), how: How::Ended }))]
fn hangs(#[case] acts: &[(u64, Act)], #[case] now: u64, #[case] hang: Option<Hang>) {
    let mut beats = Beats::default();
    for (second, act) in acts {
        match *act {
            In(thread, stage) => beats.enter(thread, stage, at(*second)),
            Out(thread) => beats.leave(thread, at(*second)),
            On(stage) => beats.progress(stage, at(*second)),
            End(stage) => beats.ended(stage, at(*second)),
        }
    }
    assert_eq!(beats.hang(at(now), limit), hang);
}

#[test]
fn a_hang_is_said_in_words() {
    let said = |hang: Option<Hang>| hang.unwrap().to_string();
    assert_eq!(
        said(stuck(Stage::Vision, 11)),
        "vision hangs: at one thing for more than 10 s"
    );
    let ended = Hang {
        stage: Stage::Uplink,
        lasts: at(2),
        how: How::Ended,
    };
    assert_eq!(ended.to_string(), "uplink hangs: its thread has ended");
}

#[test]
fn a_thread_that_panics_is_missed_and_its_guards_are_gone() {
    let heart = Heart::default();
    let none = Watchdog {
        vision_s: 0.0,
        ..Watchdog::default()
    };
    let panics = heart.clone();
    let thread = thread::spawn(move || {
        let life = panics.life(Stage::Vision);
        let _work = panics.enter(Stage::Vision);
        if panics.hang(&Watchdog::default()).is_none() {
            panic!("as it should");
        }
        life.done();
    });
    assert!(thread.join().is_err());
    let hang = heart.hang(&none).unwrap();
    assert_eq!((hang.stage, hang.how), (Stage::Vision, How::Ended));
    assert!(heart.beats().turns.is_empty());
}

#[test]
fn a_thread_that_is_done_is_not_missed() {
    let heart = Heart::default();
    let ends = heart.clone();
    let thread = thread::spawn(move || ends.life(Stage::Camera).done());
    thread.join().unwrap();
    assert_eq!(heart.hang(&Watchdog::default()), None);
}
