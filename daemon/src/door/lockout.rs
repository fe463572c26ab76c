//! Failures in a row: a pause after five, and no faces after fifty until a person looked.
//!
//! Pure: the time is passed in. After NIST SP 800-63B-4 (at most five failures in a row, then
//! thirty seconds; another way always): each way has a row of its own, so that whoever holds
//! pictures into the camera closes neither the PIN pad nor the badge reader to others. A typed
//! number also has a row for each person it was tried for, whose pauses double, since a success
//! of somebody else must not open it again.

use std::collections::HashMap;
use std::time::Duration;

use limen_wire::event::Method;
use uuid::Uuid;

/// Failures in a row until a pause, and again until the next.
pub(super) const ROW: u32 = 5;

/// A way's pause, and a person's first.
pub(super) const PAUSE: Duration = Duration::from_secs(30);

/// Failures in a row after which no face is looked at.
pub(super) const FACE_OFF: u32 = 50;

/// A person's longest pause: about a hundred numbers a day.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Failures of a way, in a row.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    failures: u32,
    until: Duration,
}

/// The rows of a terminal.
#[derive(Debug, Default)]
pub(super) struct Lockout {
    face: Row,
    pin: Row,
    badge: Row,
    people: HashMap<Uuid, Row>,
    face_is_off: bool,
}

/// What a failure led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Another try is free.
    Free,
    /// The way rests.
    Paused,
    /// No face is looked at until a person looked.
    FaceOff,
}

impl Lockout {
    /// As it is after a start; `face_is_off` as it was left.
    pub(super) fn new(face_is_off: bool) -> Self {
        Self {
            face_is_off,
            ..Self::default()
        }
    }

    /// Whether this way may be tried at `now`.
    pub(super) fn admits(&self, method: Method, now: Duration) -> bool {
        let is_off = self.face_is_off && method == Method::Face;
        !is_off && now >= self.row(method).until
    }

    /// Whether a number may be tried for this person at `now`.
    pub(super) fn admits_person(&self, person: Uuid, now: Duration) -> bool {
        self.people.get(&person).is_none_or(|row| now >= row.until)
    }

    /// Nobody was known, or not for sure.
    pub(super) fn failed(&mut self, method: Method, now: Duration) -> Outcome {
        let face_was_off = self.face_is_off;
        let row = self.row_mut(method);
        row.failures = row.failures.saturating_add(1);
        if !row.failures.is_multiple_of(ROW) {
            return Outcome::Free;
        }
        row.until = now + PAUSE;
        if method == Method::Face && row.failures >= FACE_OFF && !face_was_off {
            self.face_is_off = true;
            return Outcome::FaceOff;
        }
        Outcome::Paused
    }

    /// The number was not this person's.
    pub(super) fn failed_person(&mut self, person: Uuid, now: Duration) {
        let row = self.people.entry(person).or_default();
        row.failures = row.failures.saturating_add(1);
        if let Some(beyond) = row.failures.checked_sub(ROW) {
            // 30 s × 2⁵ is past the longest already.
            row.until = now + (PAUSE * 2_u32.pow(beyond.min(5))).min(LONGEST);
        }
    }

    /// Somebody was known.
    pub(super) fn succeeded(&mut self, method: Method, person: Uuid) {
        *self.row_mut(method) = Row::default();
        if method == Method::Pin {
            self.people.remove(&person);
        }
    }

    /// A person looked: faces are looked at again.
    pub(super) fn unlock(&mut self) {
        (self.face, self.face_is_off) = (Row::default(), false);
    }

    /// Whether no face is looked at until a person looked.
    pub(super) fn face_is_off(&self) -> bool {
        self.face_is_off
    }

    fn row(&self, method: Method) -> &Row {
        match method {
            Method::Face | Method::Upload => &self.face,
            Method::Pin => &self.pin,
            Method::Badge | Method::Qr => &self.badge,
        }
    }

    fn row_mut(&mut self, method: Method) -> &mut Row {
        match method {
            Method::Face | Method::Upload => &mut self.face,
            Method::Pin => &mut self.pin,
            Method::Badge | Method::Qr => &mut self.badge,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const ADA: Uuid = Uuid::from_u128(0xada);
    const BOB: Uuid = Uuid::from_u128(0xb0b);

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    /// So many failures of a way, one a second from second 1 on; then what may be tried when.
    #[rstest]
    #[case::four(Method::Face, 4, Method::Face, 4, true)]
    #[case::five_rest(Method::Face, 5, Method::Face, 5, false)]
    #[case::almost_thirty_seconds(Method::Face, 5, Method::Face, 34, false)]
    #[case::thirty_seconds(Method::Face, 5, Method::Face, 35, true)]
    #[case::pin_stays(Method::Face, 5, Method::Pin, 5, true)]
    #[case::badge_stays(Method::Face, 5, Method::Qr, 5, true)]
    #[case::badge_and_code_are_one(Method::Qr, 5, Method::Badge, 5, false)]
    #[case::pin_rests(Method::Pin, 5, Method::Pin, 6, false)]
    #[case::face_stays(Method::Pin, 5, Method::Face, 6, true)]
    #[case::fifty_and_no_more_faces(Method::Face, 50, Method::Face, 1_000_000, false)]
    #[case::fifty_and_pin_stays(Method::Face, 50, Method::Pin, 50, true)]
    #[case::fifty_and_badge_stays(Method::Face, 50, Method::Badge, 50, true)]
    #[case::fifty_pins_only_pause(Method::Pin, 50, Method::Pin, 80, true)]
    fn what_may_be_tried(
        #[case] failing: Method,
        #[case] failures: u64,
        #[case] tried: Method,
        #[case] when: u64,
        #[case] admitted: bool,
    ) {
        let mut lockout = Lockout::new(false);
        for second in 1..=failures {
            lockout.failed(failing, at(second));
        }
        assert_eq!(lockout.admits(tried, at(when)), admitted);
    }

    /// Failures of one person's number, then the second at which it may be tried again, the last
    /// failure being at 0.
    #[rstest]
    #[case(4, 0)]
    #[case(5, 30)]
    #[case(6, 60)]
    #[case(7, 120)]
    #[case(9, 480)]
    #[case(10, 900)]
    #[case(1000, 900)]
    fn a_persons_pauses_double(#[case] failures: u32, #[case] free: u64) {
        let mut lockout = Lockout::new(false);
        for _ in 0..failures {
            lockout.failed_person(ADA, at(0));
        }
        assert!(lockout.admits_person(ADA, at(free)));
        assert!(free == 0 || !lockout.admits_person(ADA, at(free - 1)));
        assert!(lockout.admits_person(BOB, at(0)));
    }

    #[test]
    fn a_success_ends_the_row_of_its_way_and_of_nobody_else() {
        let mut lockout = Lockout::new(false);
        for _ in 0..4 {
            lockout.failed(Method::Pin, at(0));
            lockout.failed(Method::Face, at(0));
        }
        for _ in 0..5 {
            lockout.failed_person(ADA, at(0));
        }
        lockout.succeeded(Method::Pin, BOB);
        assert_eq!(lockout.failed(Method::Pin, at(0)), Outcome::Free);
        assert_eq!(lockout.failed(Method::Face, at(0)), Outcome::Paused);
        assert!(!lockout.admits_person(ADA, at(1)));
        lockout.succeeded(Method::Pin, ADA);
        assert!(lockout.admits_person(ADA, at(1)));
    }

    #[test]
    fn faces_come_back_when_a_person_looked_and_not_by_a_success_or_a_start() {
        let mut lockout = Lockout::new(false);
        let outcomes: Vec<_> = (0..51)
            .map(|_| lockout.failed(Method::Face, at(0)))
            .collect();
        let off = |outcome: &&Outcome| **outcome == Outcome::FaceOff;
        assert_eq!(outcomes.iter().filter(off).count(), 1);
        assert_eq!(outcomes[49], Outcome::FaceOff);
        lockout.succeeded(Method::Face, ADA);
        assert!(!lockout.admits(Method::Face, at(100)));
        let mut lockout = Lockout::new(lockout.face_is_off());
        assert!(!lockout.admits(Method::Face, at(0)));
        lockout.unlock();
        assert!(lockout.admits(Method::Face, at(0)));
    }

    proptest! {
        /// However tries and waits are mixed: within any thirty seconds no more than five fail,
        /// and whoever waits thirty seconds may try again.
        #[test]
        fn no_more_than_five_in_thirty_seconds_and_nobody_waits_longer(
            waits in prop::collection::vec(0_u64..20, 1..200),
        ) {
            let mut lockout = Lockout::new(false);
            let mut now = 0;
            let mut failed = Vec::new();
            for wait in waits {
                now += wait;
                prop_assert!(lockout.admits(Method::Pin, at(now + 30)));
                if lockout.admits(Method::Pin, at(now)) {
                    lockout.failed(Method::Pin, at(now));
                    failed.push(now);
                }
            }
            for six in failed.windows(ROW as usize + 1) {
                prop_assert!(six[ROW as usize] - six[0] >= 30);
            }
        }
    }
}
