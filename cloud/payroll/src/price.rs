//! The computation of a statement's lines.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};
use uuid::Uuid;

use crate::{
    anomaly::{Anomaly, Kind},
    money::{Currency, HourlyRate},
    overtime::{Over, Slice, overtime},
    pay::Rates,
    policy::{Extra, Factor, OvertimeRate},
    premium::applied,
    statement::{Component, PayLine, PayTerms, Statement},
    work::{Piece, Worked, after},
};

/// What paid time, leave and holidays come to. Leave and holidays are paid until a date, included.
///
/// Time without a rate is not paid and is an exception; so is what overtime adds where it waits for approval.
#[must_use]
pub fn statement(paid: &Worked, terms: &PayTerms<'_>, until: Date) -> (Statement, Vec<Anomaly>) {
    let prices = Prices::new(terms);
    let (mut lines, mut anomalies) = prices.absences(until);
    for pieces in paid.pieces.chunk_by(|a, b| a.person == b.person) {
        let pieces: Vec<&Piece> = pieces.iter().collect();
        let days = pieces.iter().map(|piece| piece.day).collect();
        let priced = prices.person(&pieces, &days);
        lines.extend(priced.lines);
        anomalies.extend(priced.anomalies.into_iter().map(|(_, anomaly)| anomaly));
    }
    anomalies.sort_unstable();
    (Statement::new(lines), anomalies)
}

/// Terms, looked up by person.
pub(crate) struct Prices<'a> {
    pub terms: &'a PayTerms<'a>,
    pub rates: Rates,
    /// Seconds of overtime of a person and a day that somebody else has approved.
    approved: BTreeMap<(Uuid, Date), u64>,
}

/// The lines of some weeks of a person, and what is questionable about each day.
#[derive(Debug, Default)]
pub(crate) struct Priced {
    pub lines: Vec<PayLine>,
    pub anomalies: Vec<(Date, Anomaly)>,
}

impl<'a> Prices<'a> {
    pub fn new(terms: &'a PayTerms<'a>) -> Self {
        let mut approved: BTreeMap<_, u64> = BTreeMap::new();
        for approval in terms.approvals.iter().filter(|a| a.by != a.person) {
            let sum = approved.entry((approval.person, approval.day)).or_default();
            *sum = sum.saturating_add(approval.seconds);
        }
        Self {
            terms,
            rates: Rates::new(terms.rates),
            approved,
        }
    }

    /// The lines of whole work weeks of a person's pieces, which are given by time; `worked` are all the days on
    /// which the person worked.
    pub fn person(&self, pieces: &[&'a Piece], worked: &BTreeSet<Date>) -> Priced {
        let slices: Vec<_> = pieces.iter().flat_map(|piece| self.slices(piece)).collect();
        let mut made = Made {
            prices: self,
            priced: Priced::default(),
        };
        made.person(&slices, worked);
        made.priced
    }

    /// The first date of the work week that a piece belongs to.
    pub fn week(&self, piece: &Piece) -> Date {
        let book = self.terms.rules;
        let rules = book
            .version(piece.rules)
            .unwrap_or_else(|| book.at(piece.from));
        rules.pay.overtime.week_start.week_of(piece.day)
    }

    /// A piece, split where another rate or other rules begin.
    fn slices(&self, piece: &'a Piece) -> Vec<Slice<'a>> {
        let book = self.terms.rules;
        let rules = book
            .version(piece.rules)
            .unwrap_or_else(|| book.at(piece.from));
        let zone = rules.zone_of(piece.site);
        let rates = self.rates.of(piece.person);
        let mut borders = vec![piece.from];
        borders.extend(rates.iter().map(|rate| zone.midnight(rate.from)));
        let mut begin = book.next_begin(piece.from);
        while let Some(at) = begin.filter(|at| *at < piece.to()) {
            borders.push(at);
            begin = book.next_begin(at);
        }
        borders.retain(|at| *at >= piece.from && *at < piece.to());
        borders.sort_unstable();
        borders.dedup();
        let ends = borders
            .iter()
            .skip(1)
            .map(|at| piece.seconds_until(*at))
            .chain([piece.seconds]);
        let cut = borders.iter().zip(ends).map(|(&at, end)| {
            let date = zone.local(at).date();
            let begun = piece.seconds_until(at);
            Slice {
                piece,
                from: after(piece.from, begun),
                seconds: end - begun,
                rate: rates
                    .partition_point(|rate| rate.from <= date)
                    .checked_sub(1)
                    .map(|n| rates[n]),
                rules: book.at(at),
                week: self.week(piece),
            }
        });
        cut.filter(|slice| slice.seconds > 0).collect()
    }
}

struct Made<'a> {
    prices: &'a Prices<'a>,
    priced: Priced,
}

impl<'a> Made<'a> {
    fn person(&mut self, slices: &[Slice<'a>], worked: &BTreeSet<Date>) {
        // Per work week and currency: what was earned at straight time, in millionths of millionths, and in how long.
        let mut regular: BTreeMap<(Date, Currency), (i128, u64)> = BTreeMap::new();
        for slice in slices {
            let Some(rate) = slice.rate else {
                self.unpaid(
                    slice,
                    Kind::NoRate {
                        seconds: slice.seconds,
                    },
                );
                continue;
            };
            let component = if slice.piece.paid_break {
                Component::PaidBreak
            } else {
                Component::Work
            };
            self.line(
                slice,
                component,
                (0, slice.seconds),
                (rate.per_hour, Factor::ONE),
            );
            let earned = regular.entry((slice.week, rate.currency)).or_default();
            earned.0 += worth(slice.seconds, rate.per_hour, Factor::ONE);
            earned.1 += slice.seconds;
            let time = (slice.from, slice.seconds);
            for applied in applied(
                slice.rules,
                self.prices.terms.plan,
                slice.piece.site,
                time,
                rate.per_hour,
            ) {
                let (per_hour, factor) = match applied.premium.extra {
                    Extra::Factor(factor) => (rate.per_hour, factor),
                    Extra::PerHour(per_hour) => (per_hour, Factor::ONE),
                };
                let seconds = applied.to_s - applied.from_s;
                if applied.premium.in_regular {
                    earned.0 += worth(seconds, per_hour, factor);
                }
                let component = Component::Premium {
                    name: applied.premium.name.clone(),
                };
                self.line(
                    slice,
                    component,
                    (applied.from_s, seconds),
                    (per_hour, factor),
                );
            }
        }
        let mut used: BTreeMap<Date, u64> = BTreeMap::new();
        for over in overtime(slices, worked, self.prices.terms.plan) {
            let slice = &slices[over.slice];
            let Some(rate) = slice.rate else { continue };
            let settings = &slice.rules.pay.overtime;
            let per_hour = match settings.rate {
                OvertimeRate::Base => Some(rate.per_hour),
                OvertimeRate::Regular => regular
                    .get(&(slice.week, rate.currency))
                    .and_then(|&(earned, seconds)| HourlyRate::average(earned, seconds)),
            };
            let Some(per_hour) = per_hour else {
                self.unpaid(
                    slice,
                    Kind::NoRate {
                        seconds: over.seconds,
                    },
                );
                continue;
            };
            let mut seconds = over.seconds;
            if settings.approval {
                let day = slice.piece.day;
                let approved = self
                    .prices
                    .approved
                    .get(&(slice.piece.person, day))
                    .copied();
                let used = used.entry(day).or_default();
                seconds = seconds.min(approved.unwrap_or(0).saturating_sub(*used));
                *used += seconds;
                if seconds < over.seconds {
                    self.unpaid(
                        slice,
                        Kind::OvertimeUnapproved {
                            seconds: over.seconds - seconds,
                        },
                    );
                }
            }
            if seconds > 0 {
                self.overtime(slice, Over { seconds, ..over }, per_hour);
            }
        }
    }

    fn overtime(&mut self, slice: &Slice<'a>, over: Over, per_hour: HourlyRate) {
        let component = Component::Overtime {
            by: over.by,
            multiplier: over.multiplier,
            rate: slice.rules.pay.overtime.rate,
        };
        self.line(
            slice,
            component,
            (over.from_s, over.seconds),
            (per_hour, over.multiplier.above_one()),
        );
    }

    fn unpaid(&mut self, slice: &Slice<'_>, kind: Kind) {
        let anomaly = Anomaly {
            person: Some(slice.piece.person),
            at: Some(slice.from),
            kind,
            punches: vec![slice.piece.check_in, slice.piece.check_out],
        };
        self.priced.anomalies.push((slice.piece.day, anomaly));
    }

    fn line(
        &mut self,
        slice: &Slice<'_>,
        component: Component,
        (from_s, seconds): (u64, u64),
        (per_hour, factor): (HourlyRate, Factor),
    ) {
        let Some(rate) = slice.rate else { return };
        let Some(amount) = per_hour.amount(
            seconds,
            factor,
            rate.currency,
            slice.rules.pay.line_rounding,
        ) else {
            self.unpaid(slice, Kind::NoRate { seconds });
            return;
        };
        let from = after(slice.from, from_s);
        let due = match component {
            Component::Overtime { .. } => slice.week.saturating_add(6.days()),
            _ => slice.piece.day,
        };
        self.priced.lines.push(PayLine {
            person: slice.piece.person,
            day: slice.piece.day,
            due,
            site: slice.piece.site,
            component,
            from,
            to: after(from, seconds),
            seconds,
            per_hour,
            factor,
            currency: rate.currency,
            amount,
            rules: slice.rules.version,
            shift: slice.piece.shift,
            punches: vec![slice.piece.check_in, slice.piece.check_out],
        });
    }
}

/// In millionths of millionths of the currency's major unit, times a second.
fn worth(seconds: u64, per_hour: HourlyRate, factor: Factor) -> i128 {
    i128::from(seconds)
        .saturating_mul(i128::from(per_hour.millionths()))
        .saturating_mul(i128::from(factor.millionths()))
}
