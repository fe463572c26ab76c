//! Hours and pay through the real server: routes 8, 9 and 12 to 15, the timesheet and the live page.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod agreed;
mod checkins;
mod clerk;
#[path = "../store/database.rs"]
#[expect(dead_code, reason = "another test makes more of it")]
mod database;
mod live;
mod moved;
mod past;
mod pay;
#[path = "../seed_api/pictures.rs"]
mod pictures;
#[path = "../seed_api/server.rs"]
#[expect(dead_code, reason = "another test makes more of it")]
mod server;
