//! One slot between two threads: the newest value wins, nothing queues.
//!
//! A camera gives frames faster than a small computer looks at them. A queue would make the
//! person at the door wait for pictures of the past; one slot shows the present, always.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The slot; clones are the same slot.
pub struct Latest<T>(Arc<Shared<T>>);

struct Shared<T> {
    slot: Mutex<Slot<T>>,
    changed: Condvar,
}

struct Slot<T> {
    value: Option<T>,
    closed: bool,
}

/// What [`Latest::take_within`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<T> {
    /// This.
    Value(T),
    /// Nothing was laid into it in that time.
    Nothing,
    /// It is closed and empty.
    Closed,
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Latest<T> {
    /// An empty slot.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            slot: Mutex::new(Slot {
                value: None,
                closed: false,
            }),
            changed: Condvar::new(),
        }))
    }

    /// Lays `value` into the slot in the place of one that nobody took. A closed slot drops it.
    pub fn put(&self, value: T) {
        let mut slot = self.lock();
        if !slot.closed {
            slot.value = Some(value);
            self.0.changed.notify_all();
        }
    }

    /// Waits until the slot is empty, then lays `value` into it: no value is lost, and the giver
    /// is never more than one ahead. Says whether it did; `false` when the slot was closed.
    pub fn put_when_empty(&self, value: T) -> bool {
        let mut slot = self
            .0
            .changed
            .wait_while(self.lock(), |slot| slot.value.is_some() && !slot.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if slot.closed {
            return false;
        }
        slot.value = Some(value);
        self.0.changed.notify_all();
        true
    }

    /// Waits for a value and takes it. `None` when the slot is closed and empty: what lay in it
    /// at the closing is still given out.
    pub fn take(&self) -> Option<T> {
        loop {
            match self.take_within(Duration::MAX) {
                Taken::Value(value) => return Some(value),
                Taken::Nothing => {}
                Taken::Closed => return None,
            }
        }
    }

    /// The same, but waits no longer than `time`.
    pub fn take_within(&self, time: Duration) -> Taken<T> {
        let (mut slot, _) = self
            .0
            .changed
            .wait_timeout_while(self.lock(), time, |slot| {
                slot.value.is_none() && !slot.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        let taken = match slot.value.take() {
            Some(value) => Taken::Value(value),
            None if slot.closed => Taken::Closed,
            None => return Taken::Nothing,
        };
        self.0.changed.notify_all();
        taken
    }

    /// Ends it: every waiting thread wakes, nothing more is accepted.
    pub fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.0.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread::spawn;

    use super::*;

    #[test]
    fn the_newest_wins_and_nothing_queues() {
        let slot = Latest::new();
        for n in 1..=5 {
            slot.put(n);
        }
        assert_eq!(slot.take(), Some(5));
        assert_eq!(slot.take_within(Duration::ZERO), Taken::Nothing);
        slot.close();
        assert_eq!(slot.take(), None);
    }

    #[test]
    fn what_lies_in_it_when_it_is_closed_is_still_given_out() {
        let slot = Latest::new();
        slot.put(1);
        slot.close();
        slot.put(2);
        assert!(!slot.put_when_empty(3));
        assert_eq!(slot.take_within(Duration::MAX), Taken::Value(1));
        assert_eq!(slot.take_within(Duration::MAX), Taken::Closed);
        assert_eq!(slot.take(), None);
    }

    #[test]
    fn closing_wakes_taker_and_giver() {
        let slot = Latest::<u8>::new();
        let taker = spawn({
            let slot = slot.clone();
            move || slot.take()
        });
        slot.close();
        assert_eq!(taker.join().unwrap(), None);

        let slot = Latest::new();
        slot.put(1);
        let giver = spawn({
            let slot = slot.clone();
            move || slot.put_when_empty(2)
        });
        slot.close();
        assert!(!giver.join().unwrap());
        assert_eq!(slot.take(), Some(1));
    }

    #[test]
    fn a_patient_giver_loses_nothing() {
        let slot = Latest::new();
        let giver = spawn({
            let slot = slot.clone();
            move || {
                for n in 0..1000 {
                    assert!(slot.put_when_empty(n));
                }
                slot.close();
            }
        });
        let taken: Vec<i32> = std::iter::from_fn(|| slot.take()).collect();
        assert_eq!(taken, (0..1000).collect::<Vec<_>>());
        giver.join().unwrap();
    }
}
