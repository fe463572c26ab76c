use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use limen_wire::SecretKey;
use rstest::rstest;

use super::*;
use crate::config;
use crate::feedback::Guide;

const ADA: Uuid = Uuid::from_u128(0xada);
const BOB: Uuid = Uuid::from_u128(0xb0b);

fn at(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// A door's outbox and light in memory, and a clock that is set by hand.
#[derive(Default)]
struct Kept {
    said: Mutex<Vec<String>>,
    punches: Mutex<Vec<Punch>>,
    amended: Mutex<Vec<(u64, Change)>>,
    lately: Mutex<Option<Lately>>,
    cards: Mutex<Vec<(Uuid, Card)>>,
    is_full: AtomicBool,
    face_off: AtomicBool,
    seconds: AtomicU64,
}

impl Kept {
    fn say(&self, words: String) {
        self.said.lock().unwrap().push(words);
    }

    /// What was said since the last time.
    fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().unwrap())
    }
}

impl Punches for Kept {
    fn punch(&self, punch: Punch) -> Result<Durable, Refused> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Refused("full".into()));
        }
        let mut punches = self.punches.lock().unwrap();
        punches.push(punch);
        self.say("kept".into());
        Ok(Durable {
            outbox: Uuid::nil(),
            seq: punches.len() as u64,
        })
    }

    fn amend(&self, of: Durable, change: Change) -> Result<(), Refused> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Refused("full".into()));
        }
        self.amended.lock().unwrap().push((of.seq, change));
        Ok(())
    }

    fn rejected(&self, why: Rejection) {
        self.say(format!("rejected {why:?}"));
    }

    fn lately(&self, _: Uuid) -> Option<Lately> {
        *self.lately.lock().unwrap()
    }

    fn set_face_off(&self, is_off: bool) {
        self.face_off.store(is_off, Ordering::Relaxed);
    }

    fn face_is_off(&self) -> bool {
        self.face_off.load(Ordering::Relaxed)
    }
}

impl People for Kept {
    fn find(&self, is_theirs: &dyn Fn(&Card) -> bool) -> Result<Option<(Uuid, Card)>, RosterError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(RosterError::StillInLog);
        }
        let cards = self.cards.lock().unwrap();
        Ok(cards.iter().find(|(_, card)| is_theirs(card)).cloned())
    }
}

impl Feedback for Kept {
    fn green(&self, accepted: &Accepted) {
        self.say(format!("green {:?}", accepted.toward));
    }

    fn again(&self, _: Uuid) {
        self.say("again".into());
    }

    fn reverses(&self, _: Uuid) {
        self.say("reverses".into());
    }

    fn red(&self, why: Red<'_>) {
        self.say(match why {
            Red::Rejected(why) => format!("red {why:?}"),
            Red::Poor(flaw) => format!("poor {flaw:?}"),
            Red::NotRecorded(_) => "not recorded".into(),
        });
    }

    fn guide(&self, _: Option<Guide>) {}
}

fn card(number: &str, pin: &str) -> Card {
    Card {
        name: String::new(),
        language: String::new(),
        number: Some(number.into()),
        pin_verifier: Some(bcrypt::hash(pin, 4).unwrap()),
        badges: Vec::new(),
        second_factor_with: Vec::new(),
    }
}

fn site() -> SecretKey {
    SecretKey::from_seed([5; 32])
}

/// Ada's signed badge.
const BADGE: Uuid = Uuid::from_u128(0xba);

/// Ada types 12 111111, Bob 13 222222.
fn door() -> (Door, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let mut ada = card("12", "111111");
    ada.badges = vec![badge::listed(BADGE), "0012345678".into()];
    *kept.cards.lock().unwrap() = vec![(ADA, ada), (BOB, card("13", "222222"))];
    (open(&kept), kept)
}

fn open(kept: &Arc<Kept>) -> Door {
    let clock = Arc::clone(kept);
    Door::new(Parts {
        punches: kept.clone(),
        people: kept.clone(),
        site: site().public(),
        ways: Ways::default(),
        feedback: kept.clone(),
        rules: Arc::new(Slot::new(Rules::of(&config::Gate::default(), None))),
        heart: Heart::default(),
        clock: Box::new(move || at(clock.seconds.load(Ordering::Relaxed))),
        time_of_day: Box::new(|| Some(jiff::civil::time(7, 0, 0, 0))),
    })
}

impl Kept {
    fn at(&self, seconds: u64) -> &Self {
        self.seconds.store(seconds, Ordering::Relaxed);
        self
    }
}

/// Somebody comes; gives what was said.
fn comes(door: &Door, kept: &Kept, method: Method, seconds: u64) -> Vec<String> {
    kept.at(seconds);
    door.arrived(Known::by(method, ADA), at(seconds));
    kept.said()
}

#[rstest]
#[case(Method::Face)]
#[case(Method::Pin)]
#[case(Method::Badge)]
#[case(Method::Qr)]
fn every_way_in_is_equal(#[case] method: Method) {
    let (door, kept) = door();
    assert_eq!(comes(&door, &kept, method, 0), ["kept", "green In"]);
    assert_eq!(comes(&door, &kept, method, 5), ["again"]);
    assert_eq!(comes(&door, &kept, method, 30), ["again"]);
    assert_eq!(comes(&door, &kept, method, 200), ["reverses"]);
    assert_eq!(comes(&door, &kept, method, 4000), ["kept", "green Out"]);
    let punches = kept.punches.lock().unwrap();
    let written: Vec<_> = punches
        .iter()
        .map(|p| (p.person, p.method, p.direction))
        .collect();
    assert_eq!(written, [(ADA, method, Direction::Auto); 2]);
}

#[test]
fn two_ways_that_know_the_same_person_make_one_punch() {
    let (door, kept) = door();
    std::thread::scope(|scope| {
        for method in [Method::Face, Method::Pin, Method::Badge, Method::Qr] {
            let door = &door;
            scope.spawn(move || door.arrived(Known::by(method, ADA), at(0)));
        }
    });
    assert_eq!(kept.punches.lock().unwrap().len(), 1);
}

#[test]
fn nothing_is_green_that_is_not_durable_and_it_may_be_tried_again() {
    let (door, kept) = door();
    kept.is_full.store(true, Ordering::Relaxed);
    assert_eq!(comes(&door, &kept, Method::Pin, 0), ["not recorded"]);
    assert_eq!(door.amend(1, Change::NotMe), Err(NotAmended::TooLate(1)));
    kept.is_full.store(false, Ordering::Relaxed);
    assert_eq!(comes(&door, &kept, Method::Pin, 1), ["kept", "green In"]);
}

/// What the cloud says of the person, in hours ago, and which way a punch without a key is taken
/// for.
#[rstest]
#[case::nothing(None, "green In")]
#[case::is_in(Some((8, Direction::In)), "green Out")]
#[case::is_out(Some((8, Direction::Out)), "green In")]
#[case::forgot_to_leave_yesterday(Some((17, Direction::In)), "green In")]
fn the_way_is_the_other_than_before(#[case] told: Option<(u64, Direction)>, #[case] green: &str) {
    let (door, kept) = door();
    *kept.lately.lock().unwrap() = told.map(|(hours, way)| Lately {
        ago: at(hours * 3600),
        way,
    });
    assert_eq!(comes(&door, &kept, Method::Face, 0), ["kept", green]);
}

#[test]
fn what_this_door_saw_later_is_believed_before_the_clouds_word() {
    let (door, kept) = door();
    comes(&door, &kept, Method::Face, 0);
    *kept.lately.lock().unwrap() = Some(Lately {
        ago: at(9 * 3600),
        way: Direction::Out,
    });
    assert_eq!(
        comes(&door, &kept, Method::Face, 4000),
        ["kept", "green Out"]
    );
    // While offline the cloud says nothing new.
    assert_eq!(
        comes(&door, &kept, Method::Face, 8000),
        ["kept", "green In"]
    );
}

/// A key pressed so many seconds before somebody comes who was punched IN at 0, and what is said.
#[rstest]
#[case::means_it_though_it_undoes(200, 3, Direction::Out, &["kept", "green Out"])]
#[case::means_it_a_moment_later(20, 3, Direction::Out, &["kept", "green Out"])]
#[case::says_the_same_again(20, 3, Direction::In, &["again"])]
#[case::states_the_unexpected(4000, 3, Direction::In, &["kept", "green In"])]
#[case::pressed_by_somebody_before(4000, 10, Direction::In, &["kept", "green Out"])]
fn a_key_states_the_way(
    #[case] comes_at: u64,
    #[case] before: u64,
    #[case] key: Direction,
    #[case] said: &[&str],
) {
    let (door, kept) = door();
    comes(&door, &kept, Method::Pin, 0);
    kept.at(comes_at - before);
    door.state(key);
    assert_eq!(comes(&door, &kept, Method::Face, comes_at), said);
}

#[test]
fn a_key_holds_for_one_person_and_can_be_taken_back() {
    let (door, kept) = door();
    door.state(Direction::Out);
    assert_eq!(comes(&door, &kept, Method::Pin, 1), ["kept", "green Out"]);
    door.arrived(Known::by(Method::Pin, BOB), at(2));
    assert_eq!(kept.said(), ["kept", "green In"]);
    door.state(Direction::Out);
    door.state(Direction::Auto);
    door.arrived(Known::by(Method::Pin, Uuid::from_u128(3)), at(3));
    assert_eq!(kept.said(), ["kept", "green In"]);
}

#[test]
fn who_was_asked_may_answer_for_ten_seconds() {
    let (door, kept) = door();
    comes(&door, &kept, Method::Face, 0);
    assert_eq!(comes(&door, &kept, Method::Face, 100), ["reverses"]);
    kept.at(109);
    door.state(Direction::Out);
    assert_eq!(kept.said(), ["kept", "green Out"]);
    assert_eq!(comes(&door, &kept, Method::Face, 200), ["reverses"]);
    kept.at(210);
    door.state(Direction::In);
    assert_eq!(kept.said(), [""; 0]);
    let last = kept.punches.lock().unwrap().last().cloned().unwrap();
    assert_eq!(
        (last.direction, last.method),
        (Direction::Out, Method::Face)
    );
}

#[test]
fn who_was_asked_is_not_answered_for_by_the_next_one() {
    let (door, kept) = door();
    comes(&door, &kept, Method::Face, 0);
    comes(&door, &kept, Method::Face, 100);
    door.rejected(Method::Face, Rejection::Unknown, at(101));
    kept.said();
    door.state(Direction::Out);
    assert_eq!(kept.said(), [""; 0]);
}

#[test]
fn a_punch_can_be_changed_for_ten_seconds() {
    let (door, kept) = door();
    comes(&door, &kept, Method::Face, 100);
    let out = Change::Direction(Direction::Out);
    kept.at(109);
    assert_eq!(door.amend(1, out), Ok(()));
    assert_eq!(door.amend(1, out), Ok(()));
    assert_eq!(door.amend(2, out), Err(NotAmended::TooLate(2)));
    assert_eq!(*kept.amended.lock().unwrap(), [(1, out)]);
    kept.is_full.store(true, Ordering::Relaxed);
    let refused = NotAmended::Refused(Refused("full".into()));
    assert_eq!(door.amend(1, Change::NotMe), Err(refused));
    kept.is_full.store(false, Ordering::Relaxed);
    kept.at(110);
    assert_eq!(door.amend(1, Change::NotMe), Err(NotAmended::TooLate(1)));
    // The next one goes the other way than what was said.
    assert_eq!(
        comes(&door, &kept, Method::Face, 4000),
        ["kept", "green In"]
    );
}

#[test]
fn who_was_taken_for_somebody_else_keeps_them_out_of_nothing() {
    let (door, kept) = door();
    comes(&door, &kept, Method::Face, 0);
    door.amend(1, Change::NotMe).unwrap();
    assert_eq!(comes(&door, &kept, Method::Pin, 5), ["kept", "green In"]);
}

#[test]
fn five_failures_pause_one_way_and_fifty_put_faces_off_until_a_person_looks() {
    let (door, kept) = door();
    let mut now = 0;
    for n in 1..=50 {
        assert!(door.admits(Method::Face, at(now)), "{n}");
        door.rejected(Method::Face, Rejection::Unknown, at(now));
        if n % 5 == 0 {
            assert!(!door.admits(Method::Face, at(now + 29)));
            now += 30;
        }
    }
    let said = kept.said();
    let paused = said
        .iter()
        .filter(|words| *words == "rejected Paused")
        .count();
    assert_eq!(paused, 10);
    assert!(door.face_is_off() && !door.admits(Method::Face, at(now + 100_000)));
    assert!(door.admits(Method::Pin, at(now)) && door.admits(Method::Qr, at(now)));
    assert_eq!(comes(&door, &kept, Method::Pin, now), ["kept", "green In"]);
    let after_a_start = open(&kept);
    assert!(!after_a_start.admits(Method::Face, at(0)));
    after_a_start.recheck();
    assert!(!after_a_start.admits(Method::Face, at(0)));
    kept.set_face_off(false);
    after_a_start.recheck();
    assert!(after_a_start.admits(Method::Face, at(0)));
    assert!(open(&kept).admits(Method::Face, at(0)));
}

#[test]
fn what_could_not_be_looked_at_is_no_failure() {
    let (door, _kept) = door();
    for _ in 0..100 {
        door.poor(Flaw::Small);
    }
    assert!(door.admits(Method::Face, at(0)));
}

#[test]
fn a_number_with_its_pin_is_a_punch_and_any_other_is_not() {
    let (door, kept) = door();
    door.pin("12 111 111");
    assert_eq!(kept.said(), ["kept", "green In"]);
    for wrong in [
        "12111112", "13111111", "14111111", "111111", "", "12", "xyz",
    ] {
        door.pin(wrong);
        assert_eq!(kept.said()[..2], ["red Pin", "rejected Pin"], "{wrong}");
        kept.at(kept.seconds.load(Ordering::Relaxed) + 30);
    }
    door.pin("13222222");
    assert_eq!(kept.said(), ["kept", "green In"]);
    let punches = kept.punches.lock().unwrap();
    let who: Vec<_> = punches
        .iter()
        .map(|p| (p.person, p.method, p.frames))
        .collect();
    assert_eq!(who, [(ADA, Method::Pin, 0), (BOB, Method::Pin, 0)]);
}

#[test]
fn five_wrong_numbers_and_not_even_the_right_one_counts_for_half_a_minute() {
    let (door, kept) = door();
    for n in 0..5 {
        door.pin(&format!("9911111{n}"));
    }
    assert_eq!(kept.said()[10..], ["red Paused", "rejected Paused"]);
    door.pin("12111111");
    assert_eq!(kept.at(29).said(), ["red Paused"]);
    door.pin("12111111");
    assert_eq!(kept.at(30).said(), ["red Paused"]);
    door.pin("12111111");
    assert_eq!(kept.said(), ["kept", "green In"]);
}

/// A colleague can't guess on by typing their own number in between.
#[test]
fn guesses_at_one_person_are_slowed_whoever_succeeds_in_between() {
    let (door, kept) = door();
    let mut tried = 0;
    for second in 0..24 * 60 * 60_u64 {
        kept.at(second);
        if second % 30 == 0 {
            door.pin("13222222");
        }
        if door.work().lockout.admits_person(ADA, at(second))
            && door.admits(Method::Pin, at(second))
        {
            door.pin("12000000");
            tried += 1;
        }
        kept.said();
    }
    assert!((90..=110).contains(&tried), "{tried}");
    // Other ways in stay open to her meanwhile.
    assert_eq!(
        comes(&door, &kept, Method::Qr, 90_000),
        ["kept", "green In"]
    );
}

#[test]
fn what_cannot_be_looked_up_is_no_guess() {
    let (door, kept) = door();
    kept.is_full.store(true, Ordering::Relaxed);
    for _ in 0..10 {
        door.pin("12111111");
    }
    assert_eq!(kept.said(), ["not recorded"; 10]);
    kept.is_full.store(false, Ordering::Relaxed);
    door.pin("12111111");
    assert_eq!(kept.said(), ["kept", "green In"]);
}

#[test]
fn a_badge_is_a_punch_whatever_read_it() {
    let signed = badge::sign(&site(), BADGE);
    for (by_camera, text, method) in [
        (true, signed.as_str(), Method::Qr),
        (false, &signed, Method::Qr),
        (false, "0012345678", Method::Badge),
    ] {
        let (door, kept) = door();
        if by_camera {
            door.code(text, at(0));
        } else {
            door.badge(text);
        }
        assert_eq!(kept.said(), ["kept", "green In"], "{method:?}");
        let punch = kept.punches.lock().unwrap()[0].clone();
        assert_eq!((punch.person, punch.method), (ADA, method));
    }
}

#[rstest]
#[case::revoked(badge::sign(&site(), Uuid::from_u128(1)), Rejection::Qr)]
#[case::of_another_site(badge::sign(&SecretKey::from_seed([6; 32]), BADGE), Rejection::Qr)]
#[case::its_id_without_a_signature(badge::listed(BADGE), Rejection::Badge)]
#[case::nobodys("0012345679".into(), Rejection::Badge)]
#[case::half_of_one("00123".into(), Rejection::Badge)]
#[case::nothing(String::new(), Rejection::Badge)]
#[case::sql("'; DROP TABLE people; --".into(), Rejection::Badge)]
fn what_is_nobodys_badge_is_no_punch(#[case] text: String, #[case] why: Rejection) {
    let (door, kept) = door();
    door.badge(&text);
    assert_eq!(
        kept.said(),
        [format!("red {why:?}"), format!("rejected {why:?}")]
    );
    for _ in 0..4 {
        door.badge(&text);
    }
    assert!(!door.admits(Method::Badge, at(29)) && door.admits(Method::Badge, at(30)));
    assert!(door.admits(Method::Pin, at(0)));
    kept.said();
    door.badge("0012345678");
    assert_eq!(kept.said(), ["red Paused"]);
}

#[test]
fn a_foreign_code_on_a_shirt_is_nothing() {
    let (door, kept) = door();
    for _ in 0..100 {
        door.code("https://example.org/", at(0));
    }
    assert_eq!(kept.said(), [""; 0]);
    door.code(&badge::sign(&SecretKey::from_seed([6; 32]), BADGE), at(0));
    assert_eq!(kept.said(), ["red Qr", "rejected Qr"]);
}

/// It is seven in the morning, when whoever presses no key comes in.
#[rstest]
#[case::came_this_morning_says_the_clock(None, None, Direction::In, "green In")]
#[case::in_since_yesterday_evening(Some(Direction::In), None, Direction::In, "green In")]
#[case::a_key_is_stronger(Some(Direction::In), Some(Direction::Out), Direction::Out, "green Out")]
fn a_schedule_states_the_way_unless_a_key_does(
    #[case] before: Option<Direction>,
    #[case] key: Option<Direction>,
    #[case] recorded: Direction,
    #[case] green: &str,
) {
    let (door, kept) = door();
    let gate = config::Gate {
        schedule: vec![Scheduled {
            from: jiff::civil::time(5, 0, 0, 0),
            to: jiff::civil::time(10, 0, 0, 0),
            direction: Direction::In,
        }],
        ..config::Gate::default()
    };
    door.parts.rules.set(Rules::of(&gate, None));
    *kept.lately.lock().unwrap() = before.map(|way| Lately {
        ago: at(9 * 3600),
        way,
    });
    if let Some(key) = key {
        door.state(key);
    }
    assert_eq!(comes(&door, &kept, Method::Face, 0), ["kept", green]);
    assert_eq!(kept.punches.lock().unwrap()[0].direction, recorded);
    // It makes no punch of what is none.
    assert_eq!(comes(&door, &kept, Method::Face, 100), ["reverses"]);
}
