//! What must survive (`docs/reliability.md`): a real uplink of the terminal, a real cloud, and between and below
//! them whatever goes wrong. Both are in this process, so that faults can be had by the thousand; what needs a
//! process of its own, `kill -9` above all, is in `story`. A test's module says which fault of the table it is.
//!
//! `LIMEN_FAULTS` scales the counts: 1 is all that is promised, 0.1 a tenth of it; where it is not set each
//! test runs the few rounds that belong into every run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test should stop where it failed; what was measured is said"
)]

mod checker;
#[path = "../store/database.rs"]
#[expect(dead_code, reason = "another test makes more of it")]
mod database;
mod door;
mod f10_broker;
mod f13_clone;
mod f15_restore;
mod f5_line;
mod f6_backlog;
mod f7_disk;
mod f8_bits;
mod f9_clocks;
mod hostile;
#[path = "../listener/house.rs"]
#[expect(dead_code, reason = "the same house as the listener's tests have")]
mod house;
mod proxy;
#[path = "../../../daemon/tests/disk/small.rs"]
mod small_disk;
mod staff;
#[path = "../listener/terminal.rs"]
#[expect(
    dead_code,
    reason = "what the house claims; the terminal here is the real one"
)]
mod terminal;

/// How many rounds of a fault: `full` by the share that `LIMEN_FAULTS` says, `small` where it says nothing, and
/// never fewer.
pub fn count(small: usize, full: usize) -> usize {
    let share: f64 = std::env::var("LIMEN_FAULTS").map_or(0.0, |share| share.parse().unwrap());
    small.max((full as f64 * share) as usize)
}
