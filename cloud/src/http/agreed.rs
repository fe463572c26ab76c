//! `/api/v1`: what was agreed about time and pay: rules, periods, contracts, columns of exports.
//!
//! Each statement has the date from which it holds. What is stated is tried on everything that holds before it is
//! kept, so that nothing is kept that hours can't be computed with.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use limen_payroll::{Periods, Rulebook};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form;
use crate::App;
use crate::agreements::{Agreed, Columns, Contract, House, PayKind, about, about_person};
use crate::attendance::AttendanceError;
use crate::attendance::terms::{self, Terms};
use crate::payrun::runs;
use crate::store::agreements::{Agreement, NewAgreement, Topic};
use crate::store::audit::Deed;
use crate::store::{Account, AccountId, Person};

/// Most statements of one request.
pub(super) const MOST: usize = 500;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(rules, set_rules))
        .routes(routes!(periods, set_periods))
        .routes(routes!(contracts, set_contract))
        .routes(routes!(columns, set_columns))
}

/// 422 for a field of the body.
pub(super) fn wrong(field: &str, why: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::field(FieldProblem::body("value_error", field, why))
}

/// A date that anything can hold from.
pub(super) fn check_date(field: &str, day: Date) -> ApiResult<()> {
    if (date(2000, 1, 1)..=date(2100, 12, 31)).contains(&day) {
        return Ok(());
    }
    Err(wrong(
        field,
        format!("{day} is out of bounds: give a date from 2000-01-01 to 2100-12-31"),
    ))
}

/// Words that people read.
pub(super) fn check_words(field: &str, words: &str, most: usize) -> ApiResult<()> {
    let length = words.chars().count();
    if length <= most && !words.trim().is_empty() && !words.chars().any(char::is_control) {
        return Ok(());
    }
    Err(wrong(
        field,
        format!("give 1 to {most} characters without control characters"),
    ))
}

/// A person of the caller's tenant.
pub(super) async fn person_of(app: &App, account: &Account, id: &str) -> ApiResult<Person> {
    let unknown = || ApiError::not_found("Employee not found");
    let id = Uuid::parse_str(id).map(AccountId).map_err(|_| unknown())?;
    let found = app.store.person(account.tenant, id).await?;
    found.ok_or_else(unknown)
}

/// What holds in the caller's tenant, with the statements that it comes from.
pub(super) async fn agreed(
    app: &App,
    account: &Account,
    person: Option<AccountId>,
) -> ApiResult<(Agreed, Vec<Agreement>)> {
    let all = app.store.agreements(account.tenant, person).await?;
    Ok((Agreed::of(&all)?, all))
}

/// Keeps statements, if hours can be computed with them and all that holds beside them.
pub(super) async fn agree(
    app: &App,
    account: &Account,
    what: &'static str,
    new: Vec<NewAgreement>,
) -> ApiResult<()> {
    if new.len() > MOST {
        return Err(wrong("", format!("at most {MOST} statements at once")));
    }
    let now = app.now();
    let mut all = app.store.agreements(account.tenant, None).await?;
    let first = all.last().map_or(1, |last| last.nth + 1);
    let stated = new.iter().zip(first..).map(|(said, nth)| Agreement {
        nth,
        said: said.clone(),
        at: now,
        by: account.id,
    });
    all.extend(stated);
    let tenant = app.store.tenant(account.tenant).await?;
    let tenant = tenant.ok_or(AttendanceError::NoTenant(account.tenant))?;
    let people = app.store.people(account.tenant).await?;
    let rules = terms::rules_of(app, &tenant).await?;
    match Terms::new(&tenant, &people, rules, Agreed::of(&all)?) {
        Err(AttendanceError::Terms { what, source }) => {
            return Err(wrong(what, source.to_string()));
        }
        other => other.map(drop)?,
    }
    let mut deed = Deed::new(account.id, now, what, new.first().map(|one| one.subject));
    deed.after = match new.as_slice() {
        [one] => one.body.clone(),
        more => Some(format!("{{\"statements\": {}}}", more.len())),
    };
    app.store.agree(account.tenant, new, deed).await?;
    let _nobody_listens = app.changed.send(account.tenant);
    Ok(())
}

/// What was computed and locked under rules and shifts isn't computed otherwise: they begin after it.
pub(super) async fn after_locked(app: &App, account: &Account, from: Date) -> ApiResult<()> {
    let locked = runs::locked_scopes(app, account.tenant).await?;
    let last = locked.iter().map(|scope| scope.period.last).max();
    match last.filter(|last| from <= *last) {
        None => Ok(()),
        Some(last) => Err(wrong(
            "from",
            format!("pay is locked until {last}: let it begin later"),
        )),
    }
}

/// A version of the rules.
#[derive(Serialize, ToSchema)]
struct RulesRow {
    /// Sessions and lines name it.
    version: u32,
    /// Its first working day; none for what holds before all others.
    #[schema(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// What holds: `day_start`, `repunch_s`, `max_session_s`, `pairing`, `midnight`, `pay` with rounding, overtime and
    /// premiums.
    #[schema(value_type = Object)]
    rules: House,
}

/// Rules from a date on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetRules {
    /// The first working day.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// What is left out has its default.
    #[schema(value_type = Object)]
    rules: House,
}

/// The rules in all their versions, the first one first.
#[utoipa::path(
    get, path = "/api/v1/rules", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<RulesRow>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn rules(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<RulesRow>>> {
    let tenant = app.store.tenant(account.tenant).await?;
    let tenant = tenant.ok_or(AttendanceError::NoTenant(account.tenant))?;
    let first = terms::rules_of(&app, &tenant).await?;
    let mut rows = vec![RulesRow {
        version: 1,
        from: None,
        rules: House {
            day_start: Some(first.day_start),
            repunch_s: Some(first.repunch_s),
            max_session_s: Some(first.max_session_s),
            pairing: Some(first.pairing),
            midnight: Some(first.midnight),
            pay: first.pay,
        },
    }];
    let (agreed, _) = agreed(&app, &account, None).await?;
    rows.extend(agreed.rules.into_iter().map(|version| RulesRow {
        version: version.number,
        from: Some(version.from),
        rules: version.house,
    }));
    Ok(Json(rows))
}

/// Decide rules from a date on. What was worked before is computed as it was; rules can't begin in a period that is
/// locked.
#[utoipa::path(
    put, path = "/api/v1/rules", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    request_body = SetRules,
    responses(
        (status = 204, description = "They hold from that date on"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn set_rules(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<SetRules>>,
) -> ApiResult<StatusCode> {
    let form::Json(said) = body?;
    check_date("from", said.from)?;
    let pay = &said.rules.pay;
    let tiers = [
        &pay.overtime.daily,
        &pay.overtime.weekly,
        &pay.overtime.rest_tiers,
    ];
    if tiers.iter().any(|tiers| tiers.len() > 8) || pay.premiums.len() > 32 {
        return Err(wrong("rules", "at most 8 tiers each and 32 premiums"));
    }
    for premium in &pay.premiums {
        check_words("rules", &premium.name, 80)?;
    }
    after_locked(&app, &account, said.from).await?;
    // Tried alone, so that the words are about these rules.
    let tenant = app.store.tenant(account.tenant).await?;
    let tenant = tenant.ok_or(AttendanceError::NoTenant(account.tenant))?;
    let first = terms::rules_of(&app, &tenant).await?;
    Rulebook::new(said.rules.rules(2, &first)).map_err(|why| wrong("rules", why.to_string()))?;
    let new = about(Topic::Rules, Uuid::nil(), said.from, Some(&said.rules))?;
    agree(&app, &account, "rules_set", vec![new]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pay periods from a date on.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PeriodsFrom {
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// `"half_monthly"`, `{"weekly": {"start": "monday"}}`, `{"fortnightly": {"anchor": "2026-01-05"}}` or
    /// `{"monthly": {"first_day": 1}}`.
    #[schema(value_type = Value)]
    periods: Periods,
}

/// The pay period of a date.
#[derive(Serialize, ToSchema)]
struct PeriodRow {
    #[schema(value_type = String, format = Date)]
    first: Date,
    #[schema(value_type = String, format = Date)]
    last: Date,
}

/// How the calendar is cut, and the periods around today.
#[derive(Serialize, ToSchema)]
struct PeriodsRow {
    /// What was decided, by its date; months where nothing was.
    decided: Vec<PeriodsFrom>,
    /// The three before, the one that today is in, and the next; the earliest first.
    around: Vec<PeriodRow>,
}

/// The pay periods.
#[utoipa::path(
    get, path = "/api/v1/pay-periods", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = PeriodsRow), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn periods(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<PeriodsRow>> {
    let (agreed, _) = agreed(&app, &account, None).await?;
    let today = today(&app, &account).await?;
    let row = |period: limen_payroll::Period| PeriodRow {
        first: period.first,
        last: period.last,
    };
    let mut period = agreed.periods_on(today).of(today);
    let mut around = vec![row(agreed.periods_on(today).after(period)), row(period)];
    for _ in 0..3 {
        let day = period.first.saturating_sub(1.day());
        period = agreed.periods_on(day).of(day);
        around.push(row(period));
    }
    around.reverse();
    let decided = agreed.periods.into_iter();
    Ok(Json(PeriodsRow {
        decided: decided
            .map(|(from, periods)| PeriodsFrom { from, periods })
            .collect(),
        around,
    }))
}

/// The date in the tenant's zone.
pub(super) async fn today(app: &App, account: &Account) -> ApiResult<Date> {
    let tenant = app.store.tenant(account.tenant).await?;
    let tenant = tenant.ok_or(AttendanceError::NoTenant(account.tenant))?;
    let rules = terms::rules_of(app, &tenant).await?;
    Ok(rules.zone.local(app.now()).date())
}

/// Decide how the calendar is cut into pay periods, from a date on.
#[utoipa::path(
    put, path = "/api/v1/pay-periods", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    request_body = PeriodsFrom,
    responses(
        (status = 204, description = "They hold from that date on"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn set_periods(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<PeriodsFrom>>,
) -> ApiResult<StatusCode> {
    let form::Json(said) = body?;
    check_date("from", said.from)?;
    let new = about(Topic::Periods, Uuid::nil(), said.from, Some(&said.periods))?;
    agree(&app, &account, "pay_periods_set", vec![new]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A contract from a date on.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ContractFrom {
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// `pay` (`hourly`, or `hours_only` where pay is somewhere else's), `per_hour` as a decimal in a string with at
    /// most six places, `currency` (the organisation's where it is left out), `weekly_hours`. None takes back the one
    /// that began on that date.
    #[schema(value_type = Option<Object>)]
    contract: Option<Contract>,
}

/// A person's contracts, the earliest first. The rate that somebody was enrolled with is the first.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/contracts", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    responses(
        (status = 200, body = Vec<ContractFrom>),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
    )
)]
async fn contracts(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<ContractFrom>>> {
    let person = person_of(&app, &account, &id).await?;
    let tenant = app.store.tenant(account.tenant).await?;
    let tenant = tenant.ok_or(AttendanceError::NoTenant(account.tenant))?;
    let rules = terms::rules_of(&app, &tenant).await?;
    let (agreed, _) = agreed(&app, &account, Some(person.id)).await?;
    let people = std::slice::from_ref(&person);
    let terms = Terms::new(&tenant, people, rules, agreed)?;
    let stated = terms.agreed.contracts.get(&person.id.0);
    let stated = stated.map_or(&[][..], Vec::as_slice);
    // Rates that no contract has replaced; of one date the contract holds.
    let first = terms
        .rates
        .iter()
        .take(person.rates.len())
        .filter(|rate| stated.iter().all(|(from, _)| *from != rate.from));
    let first = first.map(|rate| ContractFrom {
        from: rate.from,
        contract: Some(Contract {
            pay: PayKind::Hourly,
            per_hour: rate.per_hour,
            currency: Some(rate.currency),
            weekly_hours: None,
        }),
    });
    let later = stated.iter().map(|(from, contract)| ContractFrom {
        from: *from,
        contract: Some(contract.clone()),
    });
    let mut rows: Vec<_> = first.chain(later).collect();
    rows.sort_by_key(|row| row.from);
    Ok(Json(rows))
}

/// State a person's contract from a date on. One that begins in a locked period pays the difference in the next run.
#[utoipa::path(
    put, path = "/api/v1/people/{id}/contracts", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    request_body = ContractFrom,
    responses(
        (status = 204, description = "It holds from that date on"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn set_contract(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    body: ApiResult<form::Json<ContractFrom>>,
) -> ApiResult<StatusCode> {
    let person = person_of(&app, &account, &id).await?;
    let form::Json(said) = body?;
    check_date("from", said.from)?;
    if let Some(contract) = &said.contract {
        let rate = contract.per_hour.decimal();
        form::check_rate(rate).map_err(|why| wrong("per_hour", why))?;
        if contract.pay == PayKind::HoursOnly && !rate.is_zero() {
            return Err(wrong("per_hour", "hours_only is paid elsewhere: give 0"));
        }
        let hours = contract.weekly_hours.unwrap_or_default();
        if !(0..=168).contains(&hours.ceil().try_into().unwrap_or(-1)) {
            return Err(wrong("weekly_hours", "give 0 to 168 hours"));
        }
    }
    let who = (person.id.0, person.id);
    let new = about_person(Topic::Contract, who, said.from, said.contract.as_ref())?;
    agree(&app, &account, "contract_set", vec![new]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The columns of exports.
#[utoipa::path(
    get, path = "/api/v1/export-columns", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<Object>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn columns(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<Columns>>> {
    let (agreed, _) = agreed(&app, &account, None).await?;
    let all = super::exports::built_in().into_iter();
    let own = agreed.columns.into_values();
    Ok(Json(all.chain(own).collect()))
}

/// Columns of an export.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetColumns {
    /// `name` (as in the address: letters, digits, `-`), `rows` (`lines` or `totals`), `columns`: each a `field` and a
    /// `heading`.
    #[schema(value_type = Object)]
    columns: Columns,
}

/// State which columns an export has, and what stands above them: what another program wants to read.
#[utoipa::path(
    put, path = "/api/v1/export-columns", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    request_body = SetColumns,
    responses(
        (status = 204, description = "The export of that name has them"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn set_columns(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<SetColumns>>,
) -> ApiResult<StatusCode> {
    let form::Json(SetColumns { columns }) = body?;
    super::exports::check(&columns)?;
    // Of one name the last one counts: its subject is made of the name.
    let mut subject = [0; 16];
    let hash = <sha2::Sha256 as sha2::Digest>::digest(columns.name.as_bytes());
    subject.copy_from_slice(&hash[..16]);
    let subject = Uuid::from_bytes(subject);
    let new = about(Topic::Columns, subject, date(2000, 1, 1), Some(&columns))?;
    agree(&app, &account, "export_columns_set", vec![new]).await?;
    Ok(StatusCode::NO_CONTENT)
}
