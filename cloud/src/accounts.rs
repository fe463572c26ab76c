//! Accounts: getting in ([`entry`]), getting a place ([`founding`]), links by e-mail ([`links`]), and being slowed
//! down ([`throttle`]).

pub mod entry;
pub mod founding;
pub mod links;
pub mod throttle;
