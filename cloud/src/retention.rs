//! What is kept of people, and for how long: by each organisation's own rules, done by itself every hour.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::erasure;
use crate::store::audit::Deed;
use crate::store::consents::Why;
use crate::store::leaving::{Bounds, Overdue};
use crate::store::ways::Changing;
use crate::store::{Account, AccountId, StoreError, TenantId};

/// The key of the tenant's setting.
const SETTING: &str = "retention";
/// How often it is looked.
const EVERY: Duration = Duration::from_secs(3600);
/// The program itself, in the log of what was done.
pub const PROGRAM: AccountId = AccountId(Uuid::nil());

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Days of a month and of a year, on the long side: what may be kept is kept until it must go.
const MONTH_DAYS: i32 = 31;
const YEAR_DAYS: i32 = 366;

/// How long things are kept. What is left out has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Days for which a template may stay after its person left, 0 to 365; 0, the default: it goes at once.
    #[schema(maximum = 365)]
    pub template_days_after_leaving: u16,
    /// Months, 1 to 60, after which a template goes that nobody was recognised by; none: it stays.
    #[schema(minimum = 1, maximum = 60)]
    pub unused_template_months: Option<u16>,
    /// Years, 1 to 50, after which punches go, for which the law of the place decides; none, the default: they stay.
    #[schema(minimum = 1, maximum = 50)]
    pub punch_years: Option<u16>,
}

impl Rules {
    /// The first field that can't stand, and why.
    ///
    /// # Errors
    /// The field's name, and a sentence about it.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.template_days_after_leaving > 365 {
            return Err(("template_days_after_leaving", "should be 0 to 365"));
        }
        let within =
            |value: Option<u16>, most| value.is_none_or(|value| (1..=most).contains(&value));
        if !within(self.unused_template_months, 60) {
            return Err(("unused_template_months", "should be 1 to 60, or left out"));
        }
        if !within(self.punch_years, 50) {
            return Err(("punch_years", "should be 1 to 50, or left out"));
        }
        Ok(())
    }

    fn bounds(&self, now: Timestamp) -> Bounds {
        let ago = |days: i32| now.checked_sub(DAY * days).unwrap_or(Timestamp::MIN);
        Bounds {
            left: ago(i32::from(self.template_days_after_leaving)),
            unused: self
                .unused_template_months
                .map(|months| ago(i32::from(months) * MONTH_DAYS)),
            punches: self
                .punch_years
                .map(|years| ago(i32::from(years) * YEAR_DAYS)),
        }
    }
}

/// What an organisation decided.
///
/// # Errors
/// When the database refuses, or what is stored can't be read.
pub async fn rules(app: &App, tenant: TenantId) -> Result<Rules, StoreError> {
    match app.store.setting(tenant, SETTING).await? {
        None => Ok(Rules::default()),
        Some(json) => {
            serde_json::from_str(&json).map_err(|_| StoreError::Damaged("setting `retention`"))
        }
    }
}

/// Keeps what an organisation decided. It has been checked.
///
/// # Errors
/// When the database refuses.
pub async fn set_rules(app: &App, by: &Account, rules: &Rules) -> Result<(), StoreError> {
    let json = serde_json::to_string(rules);
    let json = json.map_err(|_| StoreError::Damaged("setting `retention`"))?;
    let deed = Deed::new(by.id, app.now(), "retention_set", None);
    app.store
        .set_setting(by.tenant, SETTING, json, Some(deed))
        .await
}

/// What the rules would have deleted now.
///
/// # Errors
/// When the database refuses.
pub async fn due(app: &App, tenant: TenantId, rules: &Rules) -> Result<Overdue, StoreError> {
    app.store.overdue(tenant, rules.bounds(app.now())).await
}

/// Deletes what the rules of an organisation say, and writes it down; what that was.
///
/// # Errors
/// When the database refuses.
pub async fn keep_to(app: &App, tenant: TenantId) -> Result<Overdue, StoreError> {
    let rules = rules(app, tenant).await?;
    let due = due(app, tenant, &rules).await?;
    let at = app.now();
    let whose =
        |people: &[AccountId], why| people.iter().map(move |person| (*person, why)).collect();
    let left: Vec<(AccountId, Why)> = whose(&due.left, Why::Left);
    let unused: Vec<(AccountId, Why)> = whose(&due.unused, Why::Unused);
    for (person, why) in left.into_iter().chain(unused) {
        let changing = Changing {
            tenant,
            person,
            by: PROGRAM,
            at,
        };
        erasure::erase(app, changing, why).await?;
    }
    if due.punches > 0
        && let Some(bound) = rules.bounds(at).punches
    {
        app.store.delete_punches(tenant, bound, PROGRAM, at).await?;
        let _nobody_listens = app.changed.send(tenant);
    }
    Ok(due)
}

/// Keeps to every organisation's rules, once an hour, until the end.
///
/// # Errors
/// Never; the type is that of everything that serves.
pub async fn serve(app: Arc<App>) -> io::Result<()> {
    let mut hours = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return Ok(()),
            _ = hours.tick() => {}
        }
        match app.store.tenants().await {
            Err(error) => tracing::error!(%error, "nobody's rules of keeping could be read"),
            Ok(tenants) => {
                for tenant in tenants {
                    report(tenant.id, keep_to(&app, tenant.id).await);
                }
            }
        }
    }
}

fn report(tenant: TenantId, done: Result<Overdue, StoreError>) {
    match done {
        Ok(done) if done == Overdue::default() => {}
        Ok(done) => tracing::info!(
            tenant = %tenant.0, left = done.left.len(), unused = done.unused.len(), punches = done.punches,
            "what was kept long enough is deleted"
        ),
        Err(error) => tracing::error!(
            tenant = %tenant.0, %error, "what was kept long enough could not be deleted; it is tried again in an hour"
        ),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_it_comes("{}", None)]
    #[case::strict(
        r#"{"template_days_after_leaving": 14, "unused_template_months": 6, "punch_years": 10}"#,
        None
    )]
    #[case::for_long(
        r#"{"template_days_after_leaving": 366}"#,
        Some("template_days_after_leaving")
    )]
    #[case::never_used(r#"{"unused_template_months": 0}"#, Some("unused_template_months"))]
    #[case::no_past(r#"{"punch_years": 0}"#, Some("punch_years"))]
    fn what_can_stand(#[case] json: &str, #[case] wrong: Option<&str>) {
        let rules: Rules = serde_json::from_str(json).unwrap();
        assert_eq!(rules.check().err().map(|(field, _)| field), wrong);
    }
}
