//! The story, through the real programs: frames before a camera become hours that a person is paid for.
//!
//! `limen-cloud` and `limen-daemon` run as processes of their own, so that they can be killed as a power cut
//! kills them. A test named `mosquitto` needs that broker; one named `collection` needs the collection of
//! real faces and says loudly where it is not; one named `kill` has `LIMEN_KILLS` rounds, 20 unless told.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

mod broker;
#[path = "../faults/checker.rs"]
mod checker;
mod collection;
#[path = "../store/database.rs"]
#[expect(dead_code, reason = "another test makes more of it")]
mod database;
mod f14_camera;
mod full_disk;
mod house;
mod kills;
mod ledger;
mod process;
mod ways;
mod whole_way;
