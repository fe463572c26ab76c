//! What hours are computed under: rules, rates and currency of a tenant.

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use limen_payroll::{
    Currency, HourlyRate, Midnight, Pairing, PayTerms, Plan, Rate, Rulebook, Rules, Zone, granted,
};
use serde::{Deserialize, Serialize};

use super::AttendanceError;
use crate::App;
use crate::agreements::{Agreed, House};
use crate::store::places::Place;
use crate::store::{Person, Tenant};

/// The key of the tenant's setting.
pub const SETTING: &str = "attendance";

/// What a tenant sets otherwise than by default. What is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A second punch sooner than this is a double read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repunch_s: Option<u32>,
    /// The longest session there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_s: Option<u32>,
    /// The local time at which a working day begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_start: Option<Time>,
    /// How punches become sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairing: Option<Pairing>,
    /// To which day a session over midnight belongs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub midnight: Option<Midnight>,
}

impl Settings {
    /// The rules that they make in a zone.
    #[must_use]
    pub fn rules(&self, zone: Zone, repunch_s: u32) -> Rules {
        let mut rules = Rules::new(1, zone);
        rules.repunch_s = self.repunch_s.unwrap_or(repunch_s);
        rules.max_session_s = self.max_session_s.unwrap_or(rules.max_session_s);
        rules.day_start = self.day_start.unwrap_or(rules.day_start);
        rules.pairing = self.pairing.unwrap_or(rules.pairing);
        rules.midnight = self.midnight.unwrap_or(rules.midnight);
        rules
    }
}

/// What hours are computed under.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The rules in all their versions.
    pub book: Rulebook,
    /// Everybody's rates.
    pub rates: Vec<Rate>,
    /// The tenant's.
    pub currency: Currency,
    /// Who is to work when, with the leave that was granted.
    pub plan: Plan,
    /// The same without leave: what a request for leave is counted against.
    pub without_leave: Plan,
    /// What was agreed, as it was said.
    pub agreed: Agreed,
}

fn refused(
    what: &'static str,
) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> AttendanceError {
    move |source| AttendanceError::Terms { what, source }
}

/// The rules of a tenant: the zone and the day start of each of its sites, and its settings.
///
/// # Errors
/// When the zone or the settings can't be read.
pub async fn rules_of(app: &App, tenant: &Tenant) -> Result<Rules, AttendanceError> {
    let settings = match app.store.setting(tenant.id, SETTING).await? {
        None => Settings::default(),
        Some(json) => serde_json::from_str(&json)
            .map_err(|cause| refused("setting `attendance`")(cause.into()))?,
    };
    let zone = Zone::named(&tenant.site.zone).map_err(|cause| refused("zone")(cause.into()))?;
    let mut rules = settings.rules(zone, app.config.repunch_s);
    sited(&mut rules, &app.store.sites(tenant.id).await?)?;
    Ok(rules)
}

/// Puts each site's own zone and day start into rules. What is of no site is of the first.
pub(super) fn sited(rules: &mut Rules, sites: &[Place]) -> Result<(), AttendanceError> {
    for (n, site) in sites.iter().enumerate() {
        let zone = Zone::named(&site.zone).map_err(|cause| refused("site's zone")(cause.into()))?;
        rules.site_zones.insert(site.id, zone);
        if let Some(text) = &site.day_start {
            let time: Time = text
                .parse()
                .map_err(|cause: jiff::Error| refused("site's day start")(cause.into()))?;
            rules.site_day_starts.insert(site.id, time);
            if n == 0 {
                rules.day_start = time;
            }
        }
    }
    Ok(())
}

impl House {
    /// The rules that they make, where `base` holds for what is left out.
    #[must_use]
    pub fn rules(&self, version: u32, base: &Rules) -> Rules {
        Rules {
            version,
            repunch_s: self.repunch_s.unwrap_or(base.repunch_s),
            max_session_s: self.max_session_s.unwrap_or(base.max_session_s),
            day_start: self.day_start.unwrap_or(base.day_start),
            pairing: self.pairing.unwrap_or(base.pairing),
            midnight: self.midnight.unwrap_or(base.midnight),
            pay: self.pay.clone(),
            ..base.clone()
        }
    }
}

impl Terms {
    /// Of these people: what holds before anything was agreed, and then what was agreed. A rate that is stored with
    /// an instant holds from the beginning of that day at the site, until a contract begins.
    ///
    /// # Errors
    /// When the rules, the currency, a rate or the plan can't stand.
    pub fn new(
        tenant: &Tenant,
        people: &[Person],
        first: Rules,
        agreed: Agreed,
    ) -> Result<Self, AttendanceError> {
        let currency: Currency = tenant
            .currency
            .parse()
            .map_err(|cause| refused("currency")(Box::new(cause)))?;
        let mut rates = Vec::new();
        for person in people {
            for &(from, per_hour) in &person.rates {
                let per_hour = HourlyRate::try_from(per_hour)
                    .map_err(|cause| refused("hourly rate")(cause.into()))?;
                let from = first.zone.local(from).date();
                rates.push(Rate {
                    person: person.id.0,
                    from,
                    per_hour,
                    currency,
                });
            }
            let contracts = agreed.contracts.get(&person.id.0);
            rates.extend(
                contracts
                    .into_iter()
                    .flatten()
                    .map(|(from, contract)| Rate {
                        person: person.id.0,
                        from: *from,
                        per_hour: contract.per_hour,
                        currency: contract.currency.unwrap_or(currency),
                    }),
            );
        }
        let mut book =
            Rulebook::new(first.clone()).map_err(|cause| refused("rules")(cause.into()))?;
        for version in &agreed.rules {
            let rules = version.house.rules(version.number, &first);
            let from = rules.zone.day_begin(version.from, rules.day_start);
            book = book
                .with(from, rules)
                .map_err(|cause| refused("rules")(cause.into()))?;
        }
        let without_leave = Plan::new(
            agreed.shifts.clone(),
            agreed.assignments.clone(),
            &agreed.overrides,
            agreed.holidays.clone(),
        )
        .map_err(|cause| refused("plan")(cause.into()))?;
        let away = granted(
            &agreed.leave_requests(),
            &agreed.leave_types,
            &without_leave,
            &book,
        );
        Ok(Self {
            plan: without_leave.clone().with_leave(away),
            without_leave,
            book,
            rates,
            currency,
            agreed,
        })
    }

    /// What a statement is made by.
    #[must_use]
    pub fn pay_terms(&self) -> PayTerms<'_> {
        PayTerms {
            rules: &self.book,
            plan: &self.plan,
            rates: &self.rates,
            approvals: &self.agreed.approvals,
        }
    }

    /// Who has made no punch for longer than this has no session going on, and no double read.
    #[must_use]
    pub fn quiet(&self, now: Timestamp) -> SignedDuration {
        let rules = self.book.at(now);
        SignedDuration::from_secs(i64::from(rules.max_session_s.max(rules.repunch_s)))
    }
}
