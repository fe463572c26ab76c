//! Accounts: getting in ([`entry`]), getting a place ([`founding`]), and being slowed down ([`throttle`]).

pub mod entry;
pub mod founding;
pub mod throttle;
