//! What counts can show: intervals by person, tolerances at a rate, and how far down a rate can be claimed at all.

mod curve;
mod interval;
mod normal;
mod tally;

pub use curve::{Curve, Point, RATES, TarAt};
pub use normal::probit;
pub use tally::{Rate, Tally};

/// Trials without an error that are needed before a rate is claimed: with 3/rate of them, none of which failed, the
/// rate is below the one claimed at 95 % ("rule of 3").
pub const RULE_OF: f64 = 3.0;
