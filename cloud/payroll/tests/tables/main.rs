//! Tables that a payroll clerk can read, `punches → hours`, one row a law or a dispute; and what must hold for
//! any punches at all.
//!
//! How a row is written and read is said in [`clerk`].

#![deny(clippy::float_arithmetic)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod clerk;
mod clocks;
mod corrections;
mod days;
mod figures;
mod holidays;
mod leave;
mod money;
mod overtime;
mod page;
mod pairing;
mod pay;
mod paying;
mod premiums;
mod properties;
mod recompute;
mod runs;
mod settings;
mod shifts;
