//! From sessions to gross pay, line by line. A line says what it comes from and is rounded once;
//! the sum of the lines is the total.

use std::{collections::BTreeMap, fmt};

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    anomaly::{Anomaly, Kind},
    money::{Currency, HourlyRate, Minor, Rate},
    pair::Session,
    punch::PunchId,
    rules::Rulebook,
    timesheet::{Timesheet, hours, rules_of},
    zone::Zone,
};

/// Time at one rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Whose.
    pub person: Uuid,
    /// The working day of the session.
    pub day: Date,
    /// The punch that the session begins with.
    pub check_in: PunchId,
    /// The punch that it ends with.
    pub check_out: PunchId,
    /// The beginning of this part of the session.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Whole seconds; those of a session's lines add up to the session's.
    pub seconds: u64,
    /// At which rate.
    pub per_hour: HourlyRate,
    /// In which currency.
    pub currency: Currency,
    /// seconds × rate ÷ 3600, rounded once, half to even.
    pub amount: Minor,
    /// The version of the rules by which the session was computed.
    pub rules: u32,
}

/// What a person gets in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Who.
    pub person: Uuid,
    /// In which currency.
    pub currency: Currency,
    /// Of all the lines.
    pub seconds: u64,
    /// The sum of the lines.
    pub amount: Minor,
}

/// Gross pay: no taxes, no deductions, not a payslip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Payout {
    /// By person and time.
    pub lines: Vec<Line>,
    /// By person and currency.
    pub totals: Vec<Total>,
}

impl Line {
    /// [`seconds`](Self::seconds) in hours, for display.
    #[must_use]
    pub fn hours(&self) -> Decimal {
        hours(self.seconds)
    }

    /// The amount in the currency's major unit.
    #[must_use]
    pub fn earnings(&self) -> Decimal {
        self.amount.major(self.currency)
    }
}

/// The whole computation in a sentence.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from,
            to,
            seconds,
            per_hour,
            currency,
            rules,
            check_in,
            check_out,
            ..
        } = self;
        write!(
            f,
            "{from} to {to}: {seconds} s at {per_hour} {currency} an hour, {seconds} × {per_hour} ÷ 3600 = {} {currency}, \
             rules {rules}, in {}/{}, out {}/{}",
            self.earnings(),
            check_in.outbox,
            check_in.seq,
            check_out.outbox,
            check_out.seq,
        )
    }
}

/// What the closed sessions of a timesheet come to. The rules must be those of the timesheet.
///
/// A rate that begins inside a session splits it there, if it differs from the one before. Time
/// for which there is no rate is not paid and is an exception.
#[must_use]
pub fn payout(sheet: &Timesheet, rules: &Rulebook, rates: &[Rate]) -> (Payout, Vec<Anomaly>) {
    let rates = Rates::new(rates);
    let mut payout = Payout::default();
    let mut anomalies = Vec::new();
    for session in &sheet.sessions {
        if let Some(out) = session.check_out {
            let zone = rules_of(session, rules).zone_of(session.site);
            payout.lines.extend(rates.lines(
                session,
                zone,
                out.punch,
                (session.check_in.at, out.at),
                &mut anomalies,
            ));
        }
    }
    let mut totals: BTreeMap<(Uuid, Currency), (u64, Minor)> = BTreeMap::new();
    for line in &payout.lines {
        let total = totals.entry((line.person, line.currency)).or_default();
        *total = (
            total.0 + line.seconds,
            [total.1, line.amount].into_iter().sum(),
        );
    }
    payout.totals = totals
        .into_iter()
        .map(|((person, currency), (seconds, amount))| Total {
            person,
            currency,
            seconds,
            amount,
        })
        .collect();
    (payout, anomalies)
}

/// Everybody's rates, by person and date, each different from the one before it.
pub(crate) struct Rates(Vec<Rate>);

impl Rates {
    pub fn new(rates: &[Rate]) -> Self {
        let mut sorted: Vec<Rate> = rates.to_vec();
        // Stable, and then backwards, so that of equal dates the one given last stays.
        sorted.sort_by_key(|rate| (rate.person, rate.from));
        sorted.reverse();
        sorted.dedup_by_key(|rate| (rate.person, rate.from));
        sorted.reverse();
        sorted.dedup_by_key(|rate| (rate.person, rate.per_hour, rate.currency));
        Self(sorted)
    }

    pub fn of(&self, person: Uuid) -> &[Rate] {
        let begin = self.0.partition_point(|rate| rate.person < person);
        let end = self.0.partition_point(|rate| rate.person <= person);
        &self.0[begin..end]
    }

    /// The lines of a session between two instants of it.
    pub fn lines(
        &self,
        session: &Session,
        zone: &Zone,
        check_out: PunchId,
        (from, to): (Timestamp, Timestamp),
        anomalies: &mut Vec<Anomaly>,
    ) -> Vec<Line> {
        let mut lines = Vec::new();
        let rates = self.of(session.person);
        let first_date = zone.local(from).date();
        let mut next = rates.partition_point(|rate| rate.from <= first_date);
        let mut from = from;
        loop {
            let rate = next.checked_sub(1).map(|n| rates[n]);
            let end = rates
                .get(next)
                .map_or(to, |rate| zone.midnight(rate.from).clamp(from, to));
            let seconds = session
                .seconds_until(end)
                .saturating_sub(session.seconds_until(from));
            let pay =
                rate.and_then(|rate| Some((rate, rate.per_hour.pay(seconds, rate.currency)?)));
            if let Some((rate, amount)) = pay.filter(|_| seconds > 0) {
                lines.push(Line {
                    person: session.person,
                    day: session.day,
                    check_in: session.check_in.punch,
                    check_out,
                    from,
                    to: end,
                    seconds,
                    per_hour: rate.per_hour,
                    currency: rate.currency,
                    amount,
                    rules: session.rules,
                });
            } else if seconds > 0 {
                anomalies.push(Anomaly {
                    person: Some(session.person),
                    at: Some(from),
                    kind: Kind::NoRate { seconds },
                    punches: vec![session.check_in.punch, check_out],
                });
            }
            if end >= to {
                return lines;
            }
            from = end;
            next += 1;
        }
    }
}
