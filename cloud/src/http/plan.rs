//! `/api/v1`: who is to work when: shifts, plans, public holidays.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use jiff::ToSpan;
use jiff::civil::Date;
use limen_payroll::{Assignment, Holiday, Override, Shift, ics};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::agreed::{MOST, after_locked, agree, agreed, check_date, check_words, today, wrong};
use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use super::form;
use crate::App;
use crate::agreements::{about, about_person};
use crate::attendance::AttendanceError;
use crate::attendance::reckoning::dates;
use crate::attendance::terms::{self, Terms};
use crate::store::AccountId;
use crate::store::agreements::Topic;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(shifts, set_shift))
        .routes(routes!(plan, set_plan))
        .routes(routes!(copy_plan))
        .routes(routes!(holidays, set_holiday))
        .routes(routes!(import_holidays))
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
