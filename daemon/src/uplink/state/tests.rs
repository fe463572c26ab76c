use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const ONE: Uuid = Uuid::from_u128(1);
const TWO: Uuid = Uuid::from_u128(2);
const EPOCH: Uuid = Uuid::from_u128(0xe1);
const OTHER_EPOCH: Uuid = Uuid::from_u128(0xe2);
const STATUS: Duration = Duration::from_secs(60);

fn s(seconds: u64) -> Time {
    Time::from_secs(seconds)
}

fn stretch(outbox: Uuid, oldest: u64, next: u64, through: u64) -> Stretch {
    Stretch {
        outbox,
        oldest,
        next,
        through,
    }
}

fn uplink(outboxes: &[Stretch]) -> Uplink {
    Uplink::new(outboxes, vec![EPOCH], STATUS, 7)
}

fn ack(outbox: Uuid, through: u64) -> Input {
    Input::Ack {
        outbox,
        through,
        epoch: EPOCH,
    }
}

fn send(outbox: Uuid, from: u64, to: u64) -> Output {
    Output::Send { outbox, from, to }
}

fn sent(outputs: &[Output]) -> Vec<Output> {
    let is_send = |o: &&Output| matches!(o, Output::Send { .. });
    outputs.iter().filter(is_send).copied().collect()
}

/// Connected at second 1.
fn connected(outboxes: &[Stretch]) -> Uplink {
    let mut up = uplink(outboxes);
    assert_eq!(up.handle(s(0), Input::Tick), [Output::Connect]);
    assert_eq!(up.wake_at(), OPENING, "nothing to do until it is open");
    up.handle(s(1), Input::Opened);
    up
}

#[test]
fn nothing_is_sent_before_the_hello_was_answered() {
    let mut up = uplink(&[stretch(ONE, 1, 4, 0)]);
    assert_eq!(up.handle(s(0), Input::Tick), [Output::Connect]);
    assert_eq!(up.handle(s(1), Input::Opened), [Output::Hello(ONE)]);
    let written = Input::Written {
        outbox: ONE,
        next: 5,
    };
    assert_eq!(up.handle(s(2), written), []);
    assert!(!up.is_answered());
    assert_eq!(
        up.handle(s(2), ack(ONE, 1)),
        [
            Output::Prove,
            Output::Keep {
                outbox: ONE,
                through: 1
            },
            send(ONE, 2, 4),
            Output::Status,
        ]
    );
    assert!(up.is_answered() && !up.is_drained());
    assert_eq!(
        up.handle(s(3), ack(ONE, 4)),
        [Output::Keep {
            outbox: ONE,
            through: 4
        }]
    );
    assert!(up.is_drained());
}

#[test]
fn a_hello_that_nobody_answers_is_said_again_ever_slower() {
    let mut up = connected(&[stretch(ONE, 1, 1, 0)]);
    assert_eq!(up.wake_at(), s(6));
    assert_eq!(up.handle(s(5), Input::Tick), []);
    assert_eq!(up.handle(s(6), Input::Tick), [Output::Hello(ONE)]);
    let second = up.wake_at() - s(6);
    assert!(second > Time::from_secs_f64(7.4) && second < Time::from_secs_f64(12.6));
}

#[test]
fn a_window_of_the_backlog_is_under_way_and_moves_with_the_mark() {
    let mut up = connected(&[stretch(ONE, 1, 1001, 0)]);
    let out = up.handle(s(2), ack(ONE, 0));
    assert_eq!(sent(&out), [send(ONE, 1, WINDOW)]);
    let out = up.handle(s(3), ack(ONE, 100));
    assert_eq!(sent(&out), [send(ONE, WINDOW + 1, WINDOW + 100)]);
}

#[test]
fn a_new_punch_goes_out_at_once_beside_the_backlog_and_only_once() {
    let mut up = connected(&[stretch(ONE, 1, 1001, 0)]);
    up.handle(s(2), ack(ONE, 0));
    let written = Input::Written {
        outbox: ONE,
        next: 1002,
    };
    assert_eq!(up.handle(s(3), written), [send(ONE, 1001, 1001)]);
    let mut through = 0;
    let mut later = Vec::new();
    while through < 1000 {
        through = (through + WINDOW).min(1000);
        later.extend(sent(&up.handle(s(4), ack(ONE, through))));
    }
    assert!(
        later
            .iter()
            .all(|o| matches!(o, Output::Send { to, .. } if *to <= 1000)),
        "{later:?}"
    );
    up.handle(s(5), ack(ONE, 1001));
    assert!(up.is_drained());
}

#[test]
fn what_is_not_acknowledged_is_sent_again_from_the_mark_after_5_s_doubling_to_60() {
    let mut up = connected(&[stretch(ONE, 1, 4, 0)]);
    up.handle(s(2), ack(ONE, 0));
    assert_eq!(up.wake_at(), s(7));
    assert_eq!(sent(&up.handle(s(6), Input::Tick)), []);
    let mut now = s(7);
    for expected_s in [10.0, 20.0, 40.0, 60.0, 60.0_f64] {
        let out = up.handle(now, Input::Tick);
        assert_eq!(sent(&out), [send(ONE, 1, 3)], "at {now:?}");
        // Statuses keep their own time; the wait that was begun here is asked for.
        let wait = up.lanes[0].again.wait().as_secs_f64();
        assert!((wait / expected_s - 1.0).abs() <= 0.25, "{wait}");
        now += Time::from_secs_f64(wait);
    }
    // The mark moves: from now on it is patient for 5 s again.
    up.handle(now, ack(ONE, 1));
    assert_eq!(sent(&up.handle(now + s(4), Input::Tick)), []);
    assert_eq!(sent(&up.handle(now + s(5), Input::Tick)), [send(ONE, 2, 3)]);
}

#[test]
fn a_cloud_that_forgot_is_sent_again_what_is_kept() {
    for (kept, through, lowered) in [(1, 5, 5), (3, 0, 2), (7, 5, 6)] {
        let mut up = connected(&[stretch(ONE, kept, 10, 9)]);
        let out = up.handle(s(2), ack(ONE, through));
        let lower = Output::Lower {
            outbox: ONE,
            through: lowered,
        };
        assert!(out.contains(&lower), "{out:?}");
        assert_eq!(sent(&out), [send(ONE, lowered + 1, 9)]);
    }
}

#[test]
fn a_cloud_that_does_not_know_yet_what_is_to_be_sent_forgot_nothing() {
    let mut up = connected(&[stretch(ONE, 1, 12, 9)]);
    let out = up.handle(s(2), ack(ONE, 0));
    assert_eq!(sent(&out), [send(ONE, 10, 11)]);
    assert_eq!(up.handle(s(3), ack(ONE, 0)), [], "a hello may come twice");
    // What it says of events that came is another thing.
    let out = up.handle(s(4), ack(ONE, 4));
    assert_eq!(sent(&out), [send(ONE, 5, 11)]);
}

#[test]
fn a_cloud_that_holds_nothing_for_good_is_sent_everything() {
    let mut up = connected(&[stretch(ONE, 4, 12, 9)]);
    up.handle(s(2), ack(ONE, 0));
    let mut first = 10;
    for second in 3..120 {
        let out = sent(&up.handle(s(second), Input::Tick));
        if let [Output::Send { from, .. }] = out[..] {
            first = from;
        }
        up.handle(s(second), ack(ONE, 0));
    }
    assert_eq!(first, 4);
}

#[test]
fn a_lower_mark_is_believed_in_a_new_epoch() {
    let mut up = connected(&[stretch(ONE, 3, 10, 9)]);
    up.handle(s(2), ack(ONE, 9));
    let lower = Input::Ack {
        outbox: ONE,
        through: 5,
        epoch: OTHER_EPOCH,
    };
    assert_eq!(
        up.handle(s(3), lower),
        [
            Output::Epoch(OTHER_EPOCH),
            Output::Keep {
                outbox: ONE,
                through: 5
            },
            send(ONE, 6, 9)
        ]
    );
    assert_eq!(
        up.handle(s(4), ack(ONE, 9)),
        [],
        "an epoch that was left behind says nothing any more"
    );
    assert!(!up.is_drained());
}

#[test]
fn in_a_new_epoch_everything_that_is_kept_goes_out_again_also_of_old_outboxes() {
    let mut up = connected(&[stretch(ONE, 3, 10, 9), stretch(TWO, 1, 3, 2)]);
    let forgotten = Input::Ack {
        outbox: TWO,
        through: 0,
        epoch: OTHER_EPOCH,
    };
    let out = up.handle(s(2), forgotten);
    assert!(out.contains(&Output::Hello(ONE)), "{out:?}");
    let answer = Input::Ack {
        outbox: ONE,
        through: 0,
        epoch: OTHER_EPOCH,
    };
    let out = up.handle(s(3), answer);
    assert_eq!(sent(&out), [send(ONE, 3, 9)], "as far back as it is kept");
}

#[test]
fn old_outboxes_go_out_first_and_new_punches_beside_them() {
    let mut up = uplink(&[stretch(ONE, 1, 500, 0), stretch(TWO, 1, 2, 0)]);
    up.handle(s(0), Input::Tick);
    assert_eq!(
        up.handle(s(1), Input::Opened),
        [Output::Hello(ONE), Output::Hello(TWO)]
    );
    up.handle(s(2), ack(TWO, 0));
    let out = up.handle(s(2), ack(ONE, 0));
    assert_eq!(sent(&out), [send(ONE, 1, WINDOW)]);
    let written = Input::Written {
        outbox: TWO,
        next: 3,
    };
    assert_eq!(up.handle(s(3), written), [send(TWO, 2, 2)]);
    // Nothing moves: the new punch is sent again too, although the backlog is not through.
    let out = up.handle(s(9), Input::Tick);
    assert_eq!(sent(&out), [send(TWO, 1, 2), send(ONE, 1, WINDOW)]);
    up.handle(s(10), ack(ONE, WINDOW));
    let out = up.handle(s(10), ack(ONE, 499));
    assert_eq!(sent(&out), [], "everything is under way");
    up.handle(s(11), ack(TWO, 2));
    assert!(up.is_drained());
}

#[test]
fn a_cloud_that_holds_more_than_was_written_makes_a_new_outbox_begin() {
    // The card was put back to event 50; three were written since; the cloud holds 80.
    let mut up = connected(&[stretch(ONE, 1, 54, 50)]);
    let out = up.handle(s(2), ack(ONE, 80));
    let begin = Output::Begin {
        old: ONE,
        after: 50,
    };
    assert_eq!(out[..2], [Output::Prove, begin]);
    assert!(!up.is_drained());
    let began = Input::Began {
        old: stretch(ONE, 1, 51, 50),
        new: stretch(TWO, 1, 5, 0),
    };
    assert_eq!(up.handle(s(2), began), [Output::Hello(TWO)]);
    let out = up.handle(s(4), ack(TWO, 0));
    assert_eq!(sent(&out), [send(TWO, 1, 4)]);
    assert_eq!(up.handle(s(4), ack(ONE, 80)), [], "it is left already");
    up.handle(s(5), ack(TWO, 4));
    assert!(up.is_drained());
}

#[test]
fn a_fork_makes_a_new_outbox_begin_where_both_agree_or_before() {
    // 53 is not acknowledged: it is said again, whatever the cloud thinks of it.
    for (after, expected) in [(51, 51), (52, 52), (53, 52)] {
        let mut up = connected(&[stretch(ONE, 1, 54, 50)]);
        up.handle(s(2), ack(ONE, 52));
        let forked = Input::Forked { outbox: ONE, after };
        let begin = Output::Begin {
            old: ONE,
            after: expected,
        };
        assert_eq!(up.handle(s(3), forked), [begin]);
        assert_eq!(
            up.handle(s(3), forked),
            [],
            "said again, it changes nothing"
        );
        let began = Input::Began {
            old: stretch(ONE, 1, expected + 1, expected),
            new: stretch(TWO, 1, 5, 0),
        };
        assert_eq!(up.handle(s(3), began), [Output::Hello(TWO)]);
        assert_eq!(up.handle(s(4), forked), [], "it is left already");
    }
}

#[test]
fn an_outbox_that_could_not_be_begun_is_tried_again() {
    let mut up = connected(&[stretch(ONE, 1, 3, 2)]);
    let begin = Output::Begin { old: ONE, after: 2 };
    assert!(up.handle(s(2), ack(ONE, 9)).contains(&begin));
    assert!(!up.is_drained());
    assert!(up.handle(s(62), Input::Tick).contains(&begin));
}

#[test]
fn a_line_that_is_lost_is_opened_again_ever_slower_until_a_cloud_answers() {
    let mut up = uplink(&[stretch(ONE, 1, 2, 0)]);
    assert_eq!(up.handle(s(0), Input::Tick), [Output::Connect]);
    let mut waits = Vec::new();
    let mut now = s(0);
    for _ in 0..12 {
        assert_eq!(up.handle(now, Input::Lost), []);
        waits.push((up.wake_at() - now).as_secs_f64());
        now = up.wake_at();
        assert_eq!(up.handle(now, Input::Tick), [Output::Connect]);
    }
    assert!((waits[0] - 0.5).abs() < 1e-9, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 75.0), "{waits:?}");
    assert!(waits[10] >= 45.0, "{waits:?}");
    up.handle(now, Input::Opened);
    up.handle(now, ack(ONE, 0));
    up.handle(now, Input::Lost);
    assert_eq!(up.wake_at() - now, CONNECT.0);
}

#[test]
fn a_line_that_neither_opens_nor_fails_is_given_up() {
    let mut up = uplink(&[stretch(ONE, 1, 2, 0)]);
    assert_eq!(up.handle(s(0), Input::Tick), [Output::Connect]);
    assert_eq!(up.wake_at(), OPENING);
    assert_eq!(up.handle(s(59), Input::Tick), []);
    assert_eq!(up.handle(s(60), Input::Tick), []);
    let again = up.wake_at();
    assert!(again > s(60) && again < s(62), "{again:?}");
    assert_eq!(up.handle(again, Input::Tick), [Output::Connect]);
    // One that opens at the last moment is as good as another.
    assert_eq!(up.handle(s(70), Input::Opened), [Output::Hello(ONE)]);
}

#[test]
fn a_new_session_begins_from_the_mark() {
    let mut up = connected(&[stretch(ONE, 1, 4, 0)]);
    up.handle(s(2), ack(ONE, 0));
    up.handle(s(3), ack(ONE, 1));
    up.handle(s(4), Input::Lost);
    let written = Input::Written {
        outbox: ONE,
        next: 6,
    };
    up.handle(s(4), written);
    up.handle(s(5), Input::Tick);
    assert_eq!(up.handle(s(6), Input::Opened), [Output::Hello(ONE)]);
    let out = up.handle(s(7), ack(ONE, 1));
    assert_eq!(sent(&out), [send(ONE, 2, 5)]);
}

#[test]
fn statuses_come_every_minute_and_on_a_change() {
    let mut up = connected(&[stretch(ONE, 1, 1, 0)]);
    assert_eq!(up.handle(s(1), Input::Changed), [], "nobody answered yet");
    let out = up.handle(s(2), ack(ONE, 0));
    assert_eq!(out, [Output::Prove, Output::Status]);
    assert_eq!(up.wake_at(), s(62));
    assert_eq!(up.handle(s(10), Input::Changed), [Output::Status]);
    assert_eq!(up.handle(s(69), Input::Tick), []);
    assert_eq!(up.handle(s(70), Input::Tick), [Output::Status]);
}

#[test]
fn a_page_that_does_not_fit_makes_a_hello_but_no_storm_of_them() {
    let mut up = connected(&[stretch(ONE, 1, 1, 0)]);
    up.handle(s(2), ack(ONE, 0));
    assert_eq!(up.handle(s(3), Input::Misfit), []);
    assert_eq!(up.handle(s(6), Input::Tick), [Output::Hello(ONE)]);
    let mut hellos = 0;
    for second in 7..600 {
        let out = up.handle(s(second), Input::Misfit);
        hellos += out.iter().filter(|o| matches!(o, Output::Hello(_))).count();
    }
    assert!((5..20).contains(&hellos), "{hellos}");
}

/// A postman who loses, doubles and reorders, and a cloud that keeps what it is brought.
#[derive(Debug, Clone)]
enum Step {
    Write(u64),
    Deliver(usize),
    Repeat(usize),
    Lose(usize),
    Answer(usize),
    Cut,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop_oneof![
            3 => (1u64..6).prop_map(Step::Write),
            8 => any::<usize>().prop_map(Step::Deliver),
            1 => any::<usize>().prop_map(Step::Repeat),
            2 => any::<usize>().prop_map(Step::Lose),
            4 => any::<usize>().prop_map(Step::Answer),
            1 => Just(Step::Cut),
            3 => (1u64..30).prop_map(Step::Wait),
        ],
        1..200,
    )
}

#[derive(Debug, Clone, Copy)]
enum Up {
    Hello,
    Event(u64),
}

struct World {
    up: Uplink,
    now: Time,
    next: u64,
    kept: u64,
    up_post: Vec<Up>,
    down_post: Vec<u64>,
    cloud: BTreeSet<u64>,
}

impl World {
    fn through(&self) -> u64 {
        (1..).take_while(|seq| self.cloud.contains(seq)).count() as u64
    }

    fn tell(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for output in self.up.handle(self.now, input) {
                match output {
                    Output::Connect => inputs.push(Input::Opened),
                    Output::Hello(_) => self.up_post.push(Up::Hello),
                    Output::Send { from, to, .. } => {
                        assert!(from <= to && to < self.next, "sends what was not written");
                        assert!(from > self.kept, "sends what was acknowledged");
                        self.up_post.extend((from..=to).map(Up::Event));
                    }
                    Output::Keep { through, .. } => {
                        assert!(through > self.kept && through <= self.through());
                        self.kept = through;
                    }
                    Output::Prove | Output::Status => {}
                    other => panic!("{other:?} in a world without forks"),
                }
            }
        }
    }

    fn deliver(&mut self, which: usize, keeps: bool) {
        if self.up_post.is_empty() {
            return;
        }
        let which = which % self.up_post.len();
        let letter = match keeps {
            true => self.up_post[which],
            false => self.up_post.remove(which),
        };
        if let Up::Event(seq) = letter {
            self.cloud.insert(seq);
        }
        self.down_post.push(self.through());
    }
}

proptest! {
    /// Whatever the postman does: nothing is acknowledged that the cloud does not hold, nothing is
    /// sent that was not written, and once the postman behaves everything arrives.
    #[test]
    fn everything_arrives_whatever_the_postman_does(steps in steps()) {
        let mut world = World {
            up: Uplink::new(&[stretch(ONE, 1, 1, 0)], vec![EPOCH], STATUS, 1),
            now: s(0),
            next: 1,
            kept: 0,
            up_post: Vec::new(),
            down_post: Vec::new(),
            cloud: BTreeSet::new(),
        };
        world.tell(Input::Tick);
        for step in steps {
            match step {
                Step::Write(count) => {
                    world.next += count;
                    let next = world.next;
                    world.tell(Input::Written { outbox: ONE, next });
                }
                Step::Deliver(which) => world.deliver(which, false),
                Step::Repeat(which) => world.deliver(which, true),
                Step::Lose(which) if !world.up_post.is_empty() => {
                    let which = which % world.up_post.len();
                    world.up_post.remove(which);
                }
                Step::Lose(_) => {}
                Step::Answer(which) if !world.down_post.is_empty() => {
                    let which = which % world.down_post.len();
                    let through = world.down_post.remove(which);
                    world.tell(ack(ONE, through));
                }
                Step::Answer(_) => {}
                Step::Cut => {
                    world.up_post.clear();
                    world.down_post.clear();
                    world.tell(Input::Lost);
                }
                Step::Wait(seconds) => {
                    world.now += s(seconds);
                    world.tell(Input::Tick);
                }
            }
        }
        for _ in 0..400 {
            while !world.up_post.is_empty() {
                world.deliver(0, false);
            }
            while !world.down_post.is_empty() {
                let through = world.down_post.remove(0);
                world.tell(ack(ONE, through));
            }
            if world.up.is_drained() {
                break;
            }
            prop_assert!(world.up.wake_at() < Time::MAX, "asleep with work to do");
            world.now = world.now.max(world.up.wake_at());
            world.tell(Input::Tick);
        }
        prop_assert!(world.up.is_drained());
        prop_assert_eq!(world.through(), world.next - 1);
        prop_assert_eq!(world.kept, world.next - 1);
    }

    /// Ticks alone never make work: whenever it asks to be woken, waking it there does something
    /// or moves the next time on.
    #[test]
    fn it_never_spins(seed in any::<u64>(), backlog in 0u64..600) {
        let mut up = Uplink::new(&[stretch(ONE, 1, backlog + 1, 0)], vec![EPOCH], STATUS, seed);
        up.handle(s(0), Input::Tick);
        up.handle(s(0), Input::Opened);
        up.handle(s(0), ack(ONE, 0));
        let mut at = BTreeMap::new();
        let mut now = s(0);
        for _ in 0..100 {
            now = now.max(up.wake_at());
            let out = up.handle(now, Input::Tick);
            *at.entry(now).or_insert(0) += 1;
            prop_assert!(!out.is_empty());
        }
        prop_assert!(at.values().all(|times| *times <= 2), "{at:?}");
    }
}
