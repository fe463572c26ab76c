//! The web of the cloud against the real server: every route, every status and error that a client may meet.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod alike;
mod bulk;
mod canary;
mod consents;
#[path = "../store/database.rs"]
#[expect(dead_code, reason = "another test makes more of it")]
mod database;
mod entry;
mod faces;
mod hostile;
mod house;
mod import;
mod leaving;
mod matrix;
mod old_client;
mod pictures;
mod registration;
mod self_enrolment;
mod server;
mod session;
mod sites;
mod staff;
mod starting;
mod ways;
