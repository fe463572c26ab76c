//! Terminals at the cloud's door: the built-in listener, ingest, claims, TLS and a real mosquitto, with a
//! client made of rumqttc and limen-wire as the terminal.

#![expect(
    clippy::unwrap_used,
    reason = "a failed test should stop where it failed"
)]

mod broker;
mod claims;
#[path = "../store/database.rs"]
#[expect(dead_code, reason = "another test makes more of it")]
mod database;
mod down;
mod erased;
mod events;
mod forks;
mod house;
mod impersonation;
mod keeping;
mod line;
mod terminal;
mod tls;
