//! What the cloud keeps, by either database: one contract, told apart by nothing that the program can see;
//! what happens when several processes come at once, and when the server goes.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

mod contract;
#[expect(dead_code, reason = "suites that start a cloud make more of it")]
mod database;
mod failures;
mod moving;
mod operations;
mod race;
