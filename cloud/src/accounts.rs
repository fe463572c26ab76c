//! Accounts: getting in, getting a place, and getting out.

pub mod throttle;
