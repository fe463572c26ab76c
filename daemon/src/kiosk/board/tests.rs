use rstest::rstest;

use super::*;

fn at(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

fn punched(seq: u64) -> View {
    View::Punched(Punched {
        seq,
        whom: Whom {
            name: Some("Ada".into()),
            language: None,
        },
        direction: Direction::In,
        at: Timestamp::UNIX_EPOCH,
        minutes: Some(5),
        amended: None,
    })
}

const REFUSED: View = View::Refused {
    why: Why::Rejected(Rejection::Unknown),
};

#[rstest]
#[case::a_punch(punched(1), 10.0)]
#[case::a_refusal(REFUSED, 5.0)]
fn an_answer_ends_by_itself(#[case] view: View, #[case] lasts: f64) {
    let mut board = Board::default();
    board.answer(at(100.0), view.clone());
    assert!(!board.tick(at(100.0 + lasts - 0.01)));
    assert_eq!(board.view(), &view);
    assert!(board.tick(at(100.0 + lasts)));
    assert_eq!(board.view(), &View::Idle);
    assert!(!board.tick(at(200.0)));
}

#[test]
fn the_same_answer_twice_is_two() {
    let mut board = Board::default();
    board.answer(at(0.0), REFUSED);
    let first = board.number();
    board.answer(at(1.0), REFUSED);
    assert_ne!(board.number(), first);
    assert!(!board.tick(at(5.0)));
    assert!(board.tick(at(6.0)));
}

#[test]
fn what_to_do_waits_until_the_answer_is_read() {
    let mut board = Board::default();
    board.answer(at(0.0), punched(1));
    board.guide(at(2.0), Some(Hint::Small));
    assert_eq!(board.view(), &punched(1));
    board.guide(at(2.5), None);
    assert_eq!(board.view(), &punched(1));
    board.guide(at(3.0), Some(Hint::Small));
    let guide = View::Guide { guide: Hint::Small };
    assert_eq!(board.view(), &guide);
    assert!(!board.tick(at(100.0)), "as long as it is so");
    board.guide(at(101.0), None);
    assert_eq!(board.view(), &View::Idle);
}

#[test]
fn what_was_changed_is_shown_with_the_punch() {
    let mut board = Board::default();
    board.answer(at(0.0), punched(1));
    let first = board.number();
    board.amended(at(1.0), 1, Change::Direction(Direction::Out));
    let shown = board.punched_mut().unwrap().clone();
    assert_eq!(
        (shown.direction, shown.amended),
        (Direction::Out, Some(Amended::Direction))
    );
    assert_ne!(board.number(), first);
    assert_eq!(board.left(at(1.0)), Some(at(9.0)), "no longer than before");
    board.amended(at(3.0), 1, Change::NotMe);
    let shown = board.punched_mut().unwrap().clone();
    assert_eq!(
        (shown.amended, shown.whom.name, shown.minutes),
        (Some(Amended::NotMe), None, None)
    );
    assert!(board.tick(at(8.0)));
}

#[test]
fn a_change_that_comes_late_changes_nobody_elses_punch() {
    let mut board = Board::default();
    board.answer(at(0.0), punched(1));
    board.answer(at(9.9), punched(2));
    board.amended(at(10.0), 1, Change::NotMe);
    assert_eq!(board.view(), &punched(2));
    board.answer(at(11.0), REFUSED);
    board.amended(at(12.0), 2, Change::NotMe);
    assert_eq!(board.view(), &REFUSED);
}

#[test]
fn the_page_reads_this() {
    let json = |view: &View| serde_json::to_string(view).unwrap();
    assert_eq!(json(&View::Idle), r#"{"kind":"idle"}"#);
    assert_eq!(json(&REFUSED), r#"{"kind":"refused","why":"unknown"}"#);
    let not_kept = View::Refused {
        why: Why::Trouble(Trouble::NotRecorded),
    };
    assert_eq!(
        json(&not_kept),
        r#"{"kind":"refused","why":"not_recorded"}"#
    );
    assert_eq!(
        json(&punched(7)),
        r#"{"kind":"punched","seq":7,"name":"Ada","language":null,"direction":"in","at":"1970-01-01T00:00:00Z","minutes":5,"amended":null}"#
    );
    let again = View::Again {
        whom: Whom::default(),
        stands: Some(Stands {
            is_in: true,
            since: None,
        }),
    };
    assert_eq!(
        json(&again),
        r#"{"kind":"again","name":null,"language":null,"in":true,"since":null}"#
    );
}
