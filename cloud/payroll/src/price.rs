//! The computation of a statement's lines.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};
use uuid::Uuid;

use crate::{
    anomaly::{Anomaly, Kind},
    compare::rules_on,
    money::{Currency, HourlyRate},
    overtime::{Over, Slice, overtime},
    pay::Rates,
    policy::{Extra, Factor, OvertimeRate},
    premium::applied,
    rules::Rules,
    statement::{Component, PayLine, PayTerms, Statement},
    work::{Piece, Worked, after},
};

/// What paid time, leave and holidays come to. Leave and holidays are paid until a date, included.
///
/// Time without a rate is not paid and is an exception; so is what overtime adds where it waits for approval.
#[must_use]
pub fn statement(paid: &Worked, terms: &PayTerms<'_>, until: Date) -> (Statement, Vec<Anomaly>) {
    let rates = Rates::new(terms.rates);
    let mut made = Made {
        terms,
        rates: &rates,
        lines: Vec::new(),
        anomalies: Vec::new(),
    };
    for pieces in paid.pieces.chunk_by(|a, b| a.person == b.person) {
        let slices: Vec<_> = pieces.iter().flat_map(|piece| made.slices(piece)).collect();
        made.person(&slices);
    }
    made.leave(until);
    made.anomalies.sort_unstable();
    (Statement::new(made.lines), made.anomalies)
}

struct Made<'a> {
    terms: &'a PayTerms<'a>,
    rates: &'a Rates,
    lines: Vec<PayLine>,
    anomalies: Vec<Anomaly>,
}

impl<'a> Made<'a> {
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
                week: rules.pay.overtime.week_start.week_of(piece.day),
            }
        });
        cut.filter(|slice| slice.seconds > 0).collect()
    }

    fn person(&mut self, slices: &[Slice<'a>]) {
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
                self.terms.plan,
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
        let mut approved: BTreeMap<Date, u64> = BTreeMap::new();
        for approval in self.terms.approvals {
            if slices
                .first()
                .is_some_and(|s| s.piece.person == approval.person)
                && approval.by != approval.person
            {
                *approved.entry(approval.day).or_default() += approval.seconds;
            }
        }
        for over in overtime(slices, self.terms.plan) {
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
                let left = approved.entry(slice.piece.day).or_default();
                seconds = seconds.min(*left);
                *left -= seconds;
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
        self.anomalies.push(Anomaly {
            person: Some(slice.piece.person),
            at: Some(slice.from),
            kind,
            punches: vec![slice.piece.check_in, slice.piece.check_out],
        });
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
        self.lines.push(PayLine {
            person: slice.piece.person,
            day: slice.piece.day,
            due,
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

    /// Paid leave, and holidays that took a shift: the hours that were due.
    fn leave(&mut self, until: Date) {
        let plan = self.terms.plan;
        for away in plan
            .all_away()
            .filter(|away| away.paid && away.date <= until)
        {
            let component = Component::Leave { kind: away.kind };
            self.absence(away.person, away.date, component, away.portion);
        }
        let dates: BTreeSet<Date> = plan
            .all_holidays()
            .map(|h| h.date)
            .filter(|date| *date <= until)
            .collect();
        for date in dates {
            let rules = rules_on(self.terms.rules, date);
            if !rules.pay.holiday_pay {
                continue;
            }
            for person in plan.people() {
                let taken = plan
                    .scheduled(person, date, rules)
                    .filter(|planned| !planned.shift.on_holidays);
                let Some(holiday) = taken.and_then(|planned| plan.holiday(planned.site, date))
                else {
                    continue;
                };
                let component = Component::Holiday {
                    name: holiday.name.clone(),
                };
                self.absence(person, date, component, Factor::ONE);
            }
        }
    }

    fn absence(&mut self, person: Uuid, date: Date, component: Component, portion: Factor) {
        let rules: &Rules = rules_on(self.terms.rules, date);
        let Some(planned) = self.terms.plan.scheduled(person, date, rules) else {
            return;
        };
        let rates = self.rates.of(person);
        let rate = rates
            .partition_point(|rate| rate.from <= date)
            .checked_sub(1)
            .map(|n| rates[n]);
        let seconds = planned.due_s;
        let line = rate.and_then(|rate| {
            let amount =
                rate.per_hour
                    .amount(seconds, portion, rate.currency, rules.pay.line_rounding)?;
            Some(PayLine {
                person,
                day: date,
                due: date,
                component,
                from: planned.start,
                to: planned.end,
                seconds,
                per_hour: rate.per_hour,
                factor: portion,
                currency: rate.currency,
                amount,
                rules: rules.version,
                shift: Some((planned.shift.id, planned.shift.from)),
                punches: Vec::new(),
            })
        });
        match line {
            Some(line) => self.lines.push(line),
            None => self.anomalies.push(Anomaly {
                person: Some(person),
                at: Some(planned.start),
                kind: Kind::NoRate { seconds },
                punches: Vec::new(),
            }),
        }
    }
}

/// In millionths of millionths of the currency's major unit, times a second.
fn worth(seconds: u64, per_hour: HourlyRate, factor: Factor) -> i128 {
    i128::from(seconds)
        .saturating_mul(i128::from(per_hour.millionths()))
        .saturating_mul(i128::from(factor.millionths()))
}
