//! What is paid without work: leave, and shifts that a public holiday took.

use std::collections::BTreeSet;

use jiff::civil::Date;
use uuid::Uuid;

use crate::{
    anomaly::{Anomaly, Kind},
    compare::rules_on,
    policy::Factor,
    price::Prices,
    rules::Rules,
    statement::{Component, PayLine},
};

impl Prices<'_> {
    /// Paid leave, and holidays that took a shift: the hours that were due.
    pub fn absences(&self, until: Date) -> (Vec<PayLine>, Vec<Anomaly>) {
        let mut all = (Vec::new(), Vec::new());
        let plan = self.terms.plan;
        for away in plan
            .all_away()
            .filter(|away| away.paid && away.date <= until)
        {
            let component = Component::Leave { kind: away.kind };
            self.absence((away.person, away.date), component, away.portion, &mut all);
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
                self.absence((person, date), component, Factor::ONE, &mut all);
            }
        }
        all
    }

    fn absence(
        &self,
        (person, date): (Uuid, Date),
        component: Component,
        portion: Factor,
        all: &mut (Vec<PayLine>, Vec<Anomaly>),
    ) {
        let rules: &Rules = rules_on(self.terms.rules, date);
        let Some(planned) = self.terms.plan.scheduled(person, date, rules) else {
            return;
        };
        let rates = self.rates.of(person);
        let rate = rates
            .partition_point(|rate| rate.from <= date)
            .checked_sub(1)
            .map(|n| rates[n]);
        let seconds = portion.of(planned.due_s);
        let line = rate.and_then(|rate| {
            let amount = rate.per_hour.amount(
                seconds,
                Factor::ONE,
                rate.currency,
                rules.pay.line_rounding,
            )?;
            Some(PayLine {
                person,
                day: date,
                due: date,
                site: planned.site,
                component,
                from: planned.start,
                to: planned.end,
                seconds,
                per_hour: rate.per_hour,
                factor: Factor::ONE,
                currency: rate.currency,
                amount,
                rules: rules.version,
                shift: Some((planned.shift.id, planned.shift.from)),
                punches: Vec::new(),
            })
        });
        match line {
            Some(line) => all.0.push(line),
            None => all.1.push(Anomaly {
                person: Some(person),
                at: Some(planned.start),
                kind: Kind::NoRate { seconds },
                punches: Vec::new(),
            }),
        }
    }
}
