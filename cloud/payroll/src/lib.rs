//! From punches to pay, as pure functions.
//!
//! A **punch** is a fact: this person stood at that terminal at that instant. **Attendance** is a
//! conclusion. Facts are never changed; whenever one is added, the conclusions are computed again
//! from all of them:
//!
//! ```text
//! punches + amendments + corrections + clock marks + rules + plan  →  timesheet (+ anomalies)
//! timesheet + plan + rules                                         →  paid time (+ effects, anomalies)
//! paid time + rates + rules + plan                                 →  statement (+ anomalies)
//! statement + pay runs before                                      →  pay run, adjustments
//! timesheet + paid time + statement                                →  explanation
//! timesheet + now                                                  →  who is in
//! ```
//!
//! 1. [`timesheet()`] takes out duplicates, finds the time of each punch (a terminal's clock may
//!    never have been set), applies what was amended at the screen and what corrections were
//!    approved, pairs what is left into sessions, and adds up days. Where work is planned (a
//!    [`Plan`]), [`timesheet_planned`] puts each punch to the shift that it is about.
//! 2. [`worked`] makes paid time of sessions: rounding, early clipping, breaks. All are off by
//!    default, and what they add or take is an [`Effect`] each. [`compare()`] says who was late,
//!    early, short or absent; that changes no pay.
//! 3. [`statement`](statement()) turns paid time into money: hours at their rate, premiums, what
//!    overtime adds, paid leave. A line is one multiplication of whole seconds, rounded once; the
//!    sum of the lines is the total. [`payout()`] is the same where nothing but a rate is agreed.
//! 4. A [`PayRun`] pays the lines that are due in a [`Period`]. Once locked it never changes; what
//!    is learned later is an [`Adjustment`] in the next one.
//! 5. [`explain()`] returns every second and every cent with its punches, rules and rate;
//!    [`status_now`] says who is in, since when, and how much it is today.
//! 6. [`Conclusions`] keeps all of that and computes only the employee-days again that new facts
//!    touch.
//!
//! Bad data is not an error. What can't be believed or paired becomes an [`Anomaly`] that names
//! the facts it comes from. An *exception* withholds the time until a person settles it, and an
//! hour is never invented; a *flag* counts, and somebody should look.
//!
//! Elapsed time is the difference of two instants, so a night on which the clocks change is as
//! long as it was. Zones decide only which day it is.
//!
//! The crate knows no clock, no files, no network and no floating point. `now` is an argument,
//! and the zone data is compiled in: the same facts give the same cents on every machine.
//!
//! # Pairing
//!
//! | Before | Punch | What follows |
//! |---|---|---|
//! | any | the same direction or `auto`, sooner than the re-punch interval | kept and ignored |
//! | out | in, or `auto` | a session begins |
//! | in | out, or `auto` | the session is closed |
//! | in | in | the first is a [`Kind::MissingOut`], unpaid; a second one begins |
//! | out | out | a [`Kind::MissingIn`], unpaid |
//! | in, for longer than the longest session | any | the session is [`Kind::Forgotten`], unpaid; the punch is read as if the person were out |
//!
//! A stated direction always wins, even within the re-punch interval when it is the other one. An
//! open pair may cross the beginning of the next working day.
//! With [`Pairing::FirstInLastOut`] every `auto` after the first punch of a working day is an
//! out, and the last one counts.
//!
//! # Example
//!
//! ```
//! use jiff::civil::date;
//! use limen_payroll::{
//!     Clock, Direction, Facts, Method, Punch, PunchId, Rate, Rulebook, Rules, Zone, payout, timesheet,
//! };
//! use uuid::Uuid;
//!
//! let (anna, terminal) = (Uuid::from_u128(1), Uuid::from_u128(2));
//! let punch = |seq, at: &str, direction| Punch {
//!     id: PunchId { outbox: terminal, seq },
//!     person: anna,
//!     site: None,
//!     terminal,
//!     at: at.parse().unwrap(),
//!     received: at.parse().unwrap(),
//!     live: true,
//!     clock: Clock::Synced,
//!     boot: Uuid::nil(),
//!     uptime_ms: 60_000 * seq,
//!     direction,
//!     method: Method::Face,
//! };
//! // The night on which the clocks go forward: from 22:00 to 06:00 is seven hours.
//! let punches = [
//!     punch(1, "2026-03-28T22:00+01:00", Direction::In),
//!     punch(2, "2026-03-29T06:00+02:00", Direction::Out),
//! ];
//! let rules = Rulebook::new(Rules::new(1, Zone::named("Europe/Berlin")?))?;
//! let facts = Facts { punches: &punches, ..Facts::default() };
//! let (sheet, anomalies) = timesheet(&facts, &rules, "2026-03-29T12:00Z".parse()?);
//! assert!(anomalies.is_empty());
//! assert_eq!(sheet.days[0].date, date(2026, 3, 28));
//! assert_eq!(sheet.days[0].hours().to_string(), "7.0000");
//!
//! let rate =
//!     Rate { person: anna, from: date(2026, 1, 1), per_hour: "15.50".parse()?, currency: "EUR".parse()? };
//! let (payout, _) = payout(&sheet, &rules, &[rate]);
//! assert_eq!(payout.lines[0].earnings().to_string(), "108.50");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(clippy::float_arithmetic)]

mod absence;
pub mod adjust;
pub mod anomaly;
mod clock;
pub mod compare;
pub mod correction;
pub mod explain;
mod facts;
pub mod figures;
pub mod ics;
pub mod leave;
pub mod live;
pub mod money;
pub mod overtime;
mod pair;
pub mod pay;
pub mod period;
pub mod plan;
pub mod policy;
mod premium;
mod price;
pub mod punch;
pub mod recompute;
pub mod rules;
pub mod run;
pub mod shift;
pub mod statement;
pub mod timesheet;
pub mod work;
pub mod zone;

pub use adjust::{Adjustment, Difference, adjustments};
pub use anomaly::{Anomaly, Kind, Severity};
pub use compare::{Compared, Synced, compare, watermark};
pub use correction::{Decision, History, Proposal, Verdict, corrections, histories};
pub use explain::{ExplainedDay, Explanation, explain};
pub use facts::{ReadAs, Reading};
pub use figures::{Figures, figures};
pub use leave::{Accrual, Away, Balance, LeaveRequest, LeaveType, Standing, balance, granted};
pub use live::{Status, status_now};
pub use money::{Currency, HourlyRate, LineRounding, Minor, MoneyError, Rate};
pub use overtime::{By, OvertimeApproval};
pub use pair::{Session, Stamp, State};
pub use pay::{Line, Payout, Total, payout};
pub use period::{Period, Periods};
pub use plan::{Plan, PlanError, Planned};
pub use policy::{
    Dates, Extra, Factor, FactorError, Overtime, OvertimeRate, PayRules, Premium, RestDay,
    Stacking, Tier, Weekday,
};
pub use price::statement;
pub use punch::{
    Amend, Amendment, Change, Clock, ClockStep, Correction, Direction, Facts, Method, Punch,
    PunchId, SyncMark, When,
};
pub use recompute::{Conclusions, EmployeeDay};
pub use rules::{Midnight, Pairing, Rulebook, Rules, RulesError};
pub use run::{PayRun, RunError, RunState, Scope, Step};
pub use shift::{Assignment, Break, Holiday, Hours, Override, Shift};
pub use statement::{Component, PayLine, PayTerms, Statement};
pub use timesheet::{Day, Timesheet, hours, timesheet, timesheet_planned};
pub use work::{Effect, Piece, Setting, Worked, worked};
pub use zone::{LocalTime, UnknownZone, Zone};
