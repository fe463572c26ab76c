//! `/api/v1`: what was agreed about time and pay: rules, periods, contracts, shifts, plans, holidays.
//!
//! Each statement has the date from which it holds. What is stated is tried on everything that holds before it is
//! kept, so that nothing is kept that hours can't be computed with.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use limen_payroll::{Assignment, Holiday, Override, Periods, Rulebook, Shift, ics};
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
use crate::attendance::reckoning::dates;
use crate::attendance::terms::{self, Terms};
use crate::payrun::runs;
use crate::store::agreements::{Agreement, NewAgreement, Topic};
use crate::store::audit::Deed;
use crate::store::{Account, AccountId, Person};

/// Most statements of one request.
const MOST: usize = 500;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(rules, set_rules))
        .routes(routes!(periods, set_periods))
        .routes(routes!(contracts, set_contract))
        .routes(routes!(shifts, set_shift))
        .routes(routes!(plan, set_plan))
        .routes(routes!(copy_plan))
        .routes(routes!(holidays, set_holiday))
        .routes(routes!(import_holidays))
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
async fn after_locked(app: &App, account: &Account, from: Date) -> ApiResult<()> {
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

/// A shift, from a date on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetShift {
    /// `id` (a new UUID for a new shift), `from`, `name`, `hours` (`{"fixed": {"start": "08:00:00", "end":
    /// "16:30:00"}}` or `{"flexible": {"earliest", "latest", "core", "due_s"}}`), `breaks`, `grace_s`,
    /// `begin_before_s`, `end_after_s`, `on_holidays`.
    #[schema(value_type = Object)]
    shift: Shift,
}

/// The shifts in all their versions.
#[utoipa::path(
    get, path = "/api/v1/shifts", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<Object>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn shifts(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<Shift>>> {
    Ok(Json(agreed(&app, &account, None).await?.0.shifts))
}

/// State a shift, or a version of one from a date on, which can't be in a period that is locked.
#[utoipa::path(
    put, path = "/api/v1/shifts", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    request_body = SetShift,
    responses(
        (status = 204, description = "It can be planned"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn set_shift(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<SetShift>>,
) -> ApiResult<StatusCode> {
    let form::Json(SetShift { shift }) = body?;
    check_date("from", shift.from)?;
    check_words("name", &shift.name, 80)?;
    if shift.breaks.len() > 8 {
        return Err(wrong("breaks", "at most 8 breaks"));
    }
    if shift.id.is_nil() {
        return Err(wrong("id", "give a UUID that is not nil"));
    }
    after_locked(&app, &account, shift.from).await?;
    let new = about(Topic::Shift, shift.id, shift.from, Some(&shift))?;
    agree(&app, &account, "shift_set", vec![new]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which dates.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Dates {
    /// The first date; a week before the last one where it is left out.
    #[param(value_type = Option<String>, format = Date)]
    pub first: Option<Date>,
    /// The last date, included; today where it is left out.
    #[param(value_type = Option<String>, format = Date)]
    pub last: Option<Date>,
}

/// A planned day of a person.
#[derive(Serialize, ToSchema)]
struct PlannedRow {
    person: Uuid,
    name: String,
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// Which shift; none for a free day.
    shift: Option<Uuid>,
    #[schema(example = "early")]
    shift_name: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    start: Option<jiff::Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<jiff::Timestamp>,
    /// The hours due, in seconds, before holidays and leave.
    due_s: u64,
    /// A public holiday that takes the shift.
    holiday: Option<String>,
    /// Whether somebody is on leave, the whole day or a part of it.
    leave: bool,
}

/// Who is to work when. An employee sees what is their own.
#[utoipa::path(
    get, path = "/api/v1/plan", tag = "plan", security(("bearer" = []), ("cookie" = [])), params(Dates),
    responses(
        (status = 200, body = Vec<PlannedRow>),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn plan(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    asked: Result<Query<Dates>, QueryRejection>,
) -> ApiResult<Json<Vec<PlannedRow>>> {
    let Query(asked) = asked.map_err(|error| ApiError::query(&error))?;
    let today = today(&app, &account).await?;
    let period = dates(asked.first, asked.last, (today, 7))
        .map_err(|why| ApiError::in_query("first", why))?;
    let own = (account.role == crate::store::Role::Employee).then_some(account.id);
    let tenant = app.store.tenant(account.tenant).await?;
    let tenant = tenant.ok_or(AttendanceError::NoTenant(account.tenant))?;
    let people = match own {
        None => app.store.people(account.tenant).await?,
        Some(own) => Vec::from_iter(app.store.person(account.tenant, own).await?),
    };
    if people.len() * usize::try_from((period.last - period.first).get_days() + 1).unwrap_or(0)
        > 100_000
    {
        return Err(ApiError::in_query(
            "last",
            "too many people and days at once: ask for fewer days",
        ));
    }
    let rules = terms::rules_of(&app, &tenant).await?;
    let (agreed, _) = agreed(&app, &account, own).await?;
    let terms = Terms::new(&tenant, &people, rules, agreed)?;
    let mut rows = Vec::new();
    for person in people.iter().filter(|p| terms.plan.knows(p.id.0)) {
        let mut date = period.first;
        while date <= period.last {
            let noon = terms
                .book
                .at(limen_payroll::Zone::utc().instant(date.at(12, 0, 0, 0)).0);
            let planned = terms.plan.scheduled(person.id.0, date, noon);
            let takes = planned
                .as_ref()
                .filter(|planned| !planned.shift.on_holidays);
            let holiday = takes.and_then(|planned| terms.plan.holiday(planned.site, date));
            rows.push(PlannedRow {
                person: person.id.0,
                name: person.name.clone(),
                date,
                shift: planned.as_ref().map(|planned| planned.shift.id),
                shift_name: planned.as_ref().map(|planned| planned.shift.name.clone()),
                start: planned.as_ref().map(|planned| planned.start),
                end: planned.as_ref().map(|planned| planned.end),
                due_s: planned.as_ref().map_or(0, |planned| planned.due_s),
                holiday: holiday.map(|holiday| holiday.name.clone()),
                leave: terms.plan.away(person.id.0, date).is_some(),
            });
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
    }
    Ok(Json(rows))
}

/// Who works by which cycle, and the dates that are other than that.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetPlan {
    /// `person`, `from`, `anchor` (a date on which the cycle begins), `cycle` (the shift of each day of it, `null` for a
    /// free day: 7 for a week, 28 for a rotation over four).
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    assignments: Vec<Assignment>,
    /// `person`, `date`, `shift` (`null` for a free day): a swap, a day off, an extra shift.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    overrides: Vec<Override>,
}

/// Plan. All of it is kept, or nothing.
#[utoipa::path(
    put, path = "/api/v1/plan", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    request_body = SetPlan,
    responses(
        (status = 204, description = "It is planned"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn set_plan(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<SetPlan>>,
) -> ApiResult<StatusCode> {
    let form::Json(said) = body?;
    let people = app.store.people(account.tenant).await?;
    let people: BTreeSet<Uuid> = people.iter().map(|person| person.id.0).collect();
    let known = |field: &str, person: Uuid| match people.contains(&person) {
        true => Ok(()),
        false => Err(wrong(field, format!("{person} is none of your people"))),
    };
    let mut new = Vec::new();
    for assignment in &said.assignments {
        known("assignments", assignment.person)?;
        check_date("assignments", assignment.from)?;
        check_date("assignments", assignment.anchor)?;
        if assignment.cycle.len() > 366 {
            return Err(wrong("assignments", "a cycle has at most 366 days"));
        }
        let who = (assignment.person, AccountId(assignment.person));
        let from = assignment.from;
        new.push(about_person(
            Topic::Assignment,
            who,
            from,
            Some(assignment),
        )?);
    }
    for one in &said.overrides {
        known("overrides", one.person)?;
        check_date("overrides", one.date)?;
        let who = (one.person, AccountId(one.person));
        new.push(about_person(Topic::Override, who, one.date, Some(one))?);
    }
    if new.is_empty() {
        return Err(wrong("assignments", "give an assignment or an override"));
    }
    agree(&app, &account, "plan_set", new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which week to copy where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CopyPlan {
    /// The first date of the seven that are copied.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The first date of the seven that they become.
    #[schema(value_type = String, format = Date)]
    to: Date,
    /// Whose; everybody's where it is left out.
    people: Option<Vec<Uuid>>,
}

/// Plan a week as another one was, day by day.
#[utoipa::path(
    post, path = "/api/v1/plan/copy", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    request_body = CopyPlan,
    responses(
        (status = 204, description = "It is planned"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn copy_plan(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<CopyPlan>>,
) -> ApiResult<StatusCode> {
    let form::Json(said) = body?;
    check_date("from", said.from)?;
    check_date("to", said.to)?;
    let tenant = app.store.tenant(account.tenant).await?;
    let tenant = tenant.ok_or(AttendanceError::NoTenant(account.tenant))?;
    let people = app.store.people(account.tenant).await?;
    let rules = terms::rules_of(&app, &tenant).await?;
    let (agreed, _) = agreed(&app, &account, None).await?;
    let terms = Terms::new(&tenant, &people, rules, agreed)?;
    let mut new = Vec::new();
    let wanted = |person: Uuid| said.people.as_ref().is_none_or(|p| p.contains(&person));
    for person in people
        .iter()
        .filter(|p| terms.plan.knows(p.id.0) && wanted(p.id.0))
    {
        for n in 0..7 {
            let (was, date) = (
                said.from.saturating_add(n.days()),
                said.to.saturating_add(n.days()),
            );
            let noon = limen_payroll::Zone::utc().instant(was.at(12, 0, 0, 0)).0;
            let planned = terms.plan.scheduled(person.id.0, was, terms.book.at(noon));
            let one = Override {
                person: person.id.0,
                date,
                shift: planned.map(|planned| planned.shift.id),
            };
            let who = (person.id.0, person.id);
            new.push(about_person(Topic::Override, who, date, Some(&one))?);
        }
    }
    if new.is_empty() {
        return Err(wrong("from", "nobody has a plan in that week"));
    }
    for some in new.chunks(MOST) {
        agree(&app, &account, "plan_copied", some.to_vec()).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A public holiday.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HolidayRow {
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// None takes it back.
    name: Option<String>,
}

/// The public holidays, the earliest first.
#[utoipa::path(
    get, path = "/api/v1/holidays", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<HolidayRow>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn holidays(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<HolidayRow>>> {
    let mut holidays = agreed(&app, &account, None).await?.0.holidays;
    holidays.sort();
    let rows = holidays.into_iter().map(|holiday| HolidayRow {
        date: holiday.date,
        name: Some(holiday.name),
    });
    Ok(Json(rows.collect()))
}

/// State a public holiday, or take one back.
#[utoipa::path(
    put, path = "/api/v1/holidays", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    request_body = HolidayRow,
    responses(
        (status = 204, description = "It holds"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn set_holiday(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<HolidayRow>>,
) -> ApiResult<StatusCode> {
    let form::Json(said) = body?;
    check_date("date", said.date)?;
    let holiday = said.name.map(|name| Holiday {
        date: said.date,
        site: None,
        name,
    });
    if let Some(holiday) = &holiday {
        check_words("name", &holiday.name, 120)?;
    }
    let new = about(Topic::Holiday, Uuid::nil(), said.date, holiday.as_ref())?;
    agree(&app, &account, "holiday_set", vec![new]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A calendar.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Calendar {
    /// An iCalendar file (RFC 5545) of at most 60 KiB: events that last whole days, without rules of repetition.
    calendar: String,
}

/// What a calendar had.
#[derive(Serialize, ToSchema)]
struct Imported {
    holidays: usize,
}

/// Take public holidays from a calendar file. All of it is kept, or nothing.
#[utoipa::path(
    post, path = "/api/v1/holidays/calendar", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    request_body = Calendar,
    responses(
        (status = 200, body = Imported),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn import_holidays(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<Calendar>>,
) -> ApiResult<Json<Imported>> {
    let form::Json(said) = body?;
    let found =
        ics::holidays(&said.calendar, None).map_err(|why| wrong("calendar", why.to_string()))?;
    let mut new = Vec::new();
    for holiday in &found {
        check_date("calendar", holiday.date)?;
        check_words("calendar", &holiday.name, 120)?;
        new.push(about(
            Topic::Holiday,
            Uuid::nil(),
            holiday.date,
            Some(holiday),
        )?);
    }
    if new.is_empty() {
        return Err(wrong("calendar", "the calendar has no event"));
    }
    agree(&app, &account, "holidays_imported", new).await?;
    Ok(Json(Imported {
        holidays: found.len(),
    }))
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
