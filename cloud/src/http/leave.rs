//! `/api/v1/leave`: kinds of leave, who asks for it, who decides, and what is left.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::civil::{Date, date};
use limen_payroll::{Factor, LeaveRequest, LeaveType, OvertimeApproval, Standing, balance};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::agreed::{agree, agreed, check_date, check_words, person_of, today, wrong};
use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use super::form;
use super::number::Number;
use crate::App;
use crate::agreements::{LeaveDecision, about, about_person};
use crate::attendance::AttendanceError;
use crate::attendance::terms::{self, Terms};
use crate::store::agreements::Topic;
use crate::store::{Account, AccountId, Person, Role};

/// Most requests that one person may have open.
const MOST_OPEN: usize = 50;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(types, set_type))
        .routes(routes!(requests, ask))
        .routes(routes!(decide))
        .routes(routes!(balances))
        .routes(routes!(approve_overtime))
}

/// The kinds of leave.
#[utoipa::path(
    get, path = "/api/v1/leave/types", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<Object>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn types(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<LeaveType>>> {
    Ok(Json(agreed(&app, &account, None).await?.0.leave_types))
}

/// A kind of leave.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetType {
    /// `id` (a new UUID for a new kind), `name`, `paid`, `accrual` (`"unlimited"`, `{"yearly": {"days": "30", "carry":
    /// "5"}}` or `{"monthly": …}`).
    #[schema(value_type = Object)]
    kind: LeaveType,
}

/// State a kind of leave.
#[utoipa::path(
    put, path = "/api/v1/leave/types", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    request_body = SetType,
    responses(
        (status = 204, description = "It can be asked for"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn set_type(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<SetType>>,
) -> ApiResult<StatusCode> {
    let form::Json(SetType { kind }) = body?;
    check_words("name", &kind.name, 80)?;
    if kind.id.is_nil() {
        return Err(wrong("id", "give a UUID that is not nil"));
    }
    let new = about(Topic::LeaveType, kind.id, date(2000, 1, 1), Some(&kind))?;
    agree(&app, &account, "leave_type_set", vec![new]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody's request for leave.
#[derive(Serialize, ToSchema)]
struct RequestRow {
    id: Uuid,
    person: Uuid,
    /// The kind of leave.
    kind: Uuid,
    #[schema(value_type = String, format = Date)]
    first: Date,
    #[schema(value_type = String, format = Date)]
    last: Date,
    /// The part of each day.
    portion: Number,
    /// `waiting`, `granted` or `refused`.
    #[schema(example = "waiting")]
    standing: &'static str,
    /// Who decided, and what they said.
    decided_by: Option<Uuid>,
    note: Option<String>,
}

/// The requests for leave, in the order in which they were asked. An employee sees their own.
#[utoipa::path(
    get, path = "/api/v1/leave", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<RequestRow>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn requests(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<RequestRow>>> {
    let own = (account.role == Role::Employee).then_some(account.id);
    let (agreed, _) = agreed(&app, &account, own).await?;
    let rows = agreed
        .requests
        .into_iter()
        .map(|(request, decision)| RequestRow {
            id: request.id,
            person: request.person,
            kind: request.kind,
            first: request.first,
            last: request.last,
            portion: Number(request.portion.into()),
            standing: match request.standing() {
                Standing::Waiting => "waiting",
                Standing::Granted => "granted",
                Standing::Refused | Standing::OwnApproval => "refused",
            },
            decided_by: decision.as_ref().map(|decision| decision.by),
            note: decision.map(|decision| decision.note),
        });
    Ok(Json(rows.collect()))
}

/// Asking for leave.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Asking {
    /// Who will be away; oneself where it is left out.
    person: Option<Uuid>,
    /// The kind of leave.
    kind: Uuid,
    #[schema(value_type = String, format = Date)]
    first: Date,
    /// The last date, included; at most a year after the first.
    #[schema(value_type = String, format = Date)]
    last: Date,
    /// The part of each day, as a decimal in a string: `"1"` where it is left out, `"0.5"` for half days.
    #[schema(value_type = Option<String>)]
    portion: Option<Factor>,
}

/// What was asked for.
#[derive(Serialize, ToSchema)]
struct Asked {
    id: Uuid,
}

/// Ask for leave. Somebody else decides.
#[utoipa::path(
    post, path = "/api/v1/leave", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    request_body = Asking,
    responses(
        (status = 201, body = Asked),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 409, body = Detail, description = "Too many requests are open"),
        (status = 422, body = FieldProblems),
    )
)]
async fn ask(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<Asking>>,
) -> ApiResult<(StatusCode, Json<Asked>)> {
    let form::Json(said) = body?;
    let whose = said.person.unwrap_or(account.id.0);
    if account.role == Role::Employee && whose != account.id.0 {
        return Err(ApiError::not_found("Employee not found"));
    }
    let person = person_of(&app, &account, &whose.to_string()).await?;
    check_date("first", said.first)?;
    check_date("last", said.last)?;
    if said.first > said.last || (said.last - said.first).get_days() > 366 {
        return Err(wrong(
            "last",
            "give a date from the first one on, at most a year after it",
        ));
    }
    let portion = said.portion.unwrap_or(Factor::ONE);
    if portion > Factor::ONE {
        return Err(wrong("portion", "give a part of a day: at most 1"));
    }
    let (agreed, _) = agreed(&app, &account, Some(person.id)).await?;
    if !agreed.leave_types.iter().any(|kind| kind.id == said.kind) {
        return Err(wrong("kind", "there is no such kind of leave"));
    }
    let open = agreed.requests.iter();
    let open = open.filter(|(request, _)| request.standing() == Standing::Waiting);
    if open.count() >= MOST_OPEN {
        return Err(ApiError::refused(
            StatusCode::CONFLICT,
            format!("{MOST_OPEN} requests are open already: have them decided first"),
        ));
    }
    let request = LeaveRequest {
        id: Uuid::now_v7(),
        person: person.id.0,
        kind: said.kind,
        first: said.first,
        last: said.last,
        portion,
        asked_by: account.id.0,
        decided: None,
    };
    let who = (request.id, person.id);
    let new = about_person(Topic::LeaveRequest, who, said.first, Some(&request))?;
    agree(&app, &account, "leave_asked", vec![new]).await?;
    Ok((StatusCode::CREATED, Json(Asked { id: request.id })))
}

/// Deciding about leave.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Deciding {
    granted: bool,
    /// At most 500 characters.
    note: Option<String>,
}

/// Decide about a request for leave. The first decision is final; nobody decides their own. Whoever asked takes it back
/// by refusing it.
#[utoipa::path(
    post, path = "/api/v1/leave/{id}/decision", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "a request for leave")),
    request_body = Deciding,
    responses(
        (status = 204, description = "It is decided"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 409, body = Detail, description = "It is decided already, or one's own"),
        (status = 422, body = FieldProblems),
    )
)]
async fn decide(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    body: ApiResult<form::Json<Deciding>>,
) -> ApiResult<StatusCode> {
    let own = (account.role == Role::Employee).then_some(account.id);
    let (agreed, _) = agreed(&app, &account, own).await?;
    let unknown = || ApiError::not_found("There is no such request for leave");
    let id = Uuid::parse_str(&id).map_err(|_| unknown())?;
    let (request, _) = agreed
        .requests
        .iter()
        .find(|(request, _)| request.id == id)
        .ok_or_else(unknown)?;
    let form::Json(said) = body?;
    let conflict = |why| ApiError::refused(StatusCode::CONFLICT, why);
    if request.decided.is_some() {
        return Err(conflict("it is decided already"));
    }
    let ones_own = request.person == account.id.0 || request.asked_by == account.id.0;
    if said.granted && ones_own {
        return Err(conflict("nobody grants their own: somebody else decides"));
    }
    let note = said.note.unwrap_or_default();
    if !note.is_empty() {
        check_words("note", &note, 500)?;
    }
    let decision = LeaveDecision {
        request: id,
        granted: said.granted,
        by: account.id.0,
        note,
    };
    let who = (id, AccountId(request.person));
    let day = today(&app, &account).await?;
    let new = about_person(Topic::LeaveDecision, who, day, Some(&decision))?;
    agree(&app, &account, "leave_decided", vec![new]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Days of a kind of leave.
#[derive(Serialize, ToSchema)]
struct BalanceRow {
    kind: Uuid,
    name: String,
    /// None for a kind without limit.
    earned: Option<Number>,
    taken: Option<Number>,
    /// Asked for and not decided.
    asked: Option<Number>,
    lapsed: Option<Number>,
    /// What may still be asked for.
    left: Option<Number>,
}

/// A person's leave as of today. An employee sees their own.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/leave", tag = "plan", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    responses(
        (status = 200, body = Vec<BalanceRow>),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
    )
)]
async fn balances(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<BalanceRow>>> {
    let person = visible(&app, &account, &id).await?;
    let tenant = app.store.tenant(account.tenant).await?;
    let tenant = tenant.ok_or(AttendanceError::NoTenant(account.tenant))?;
    let rules = terms::rules_of(&app, &tenant).await?;
    let (agreed, _) = agreed(&app, &account, Some(person.id)).await?;
    let terms = Terms::new(&tenant, std::slice::from_ref(&person), rules, agreed)?;
    let today = terms.book.at(app.now()).zone.local(app.now()).date();
    let began = terms.rates.iter().map(|rate| rate.from).min();
    let requests = terms.agreed.leave_requests();
    let plan = (&terms.without_leave, &terms.book);
    let rows = terms.agreed.leave_types.iter().map(|kind| {
        let who = (person.id.0, began.unwrap_or(today));
        let balance = balance(kind, who, &requests, plan, today);
        BalanceRow {
            kind: kind.id,
            name: kind.name.clone(),
            earned: balance.map(|b| Number(b.earned)),
            taken: balance.map(|b| Number(b.taken)),
            asked: balance.map(|b| Number(b.asked)),
            lapsed: balance.map(|b| Number(b.lapsed)),
            left: balance.map(|b| Number(b.left())),
        }
    });
    Ok(Json(rows.collect()))
}

/// A person that the caller may look at: an employee is only themselves.
pub(super) async fn visible(app: &App, account: &Account, id: &str) -> ApiResult<Person> {
    if account.role == Role::Employee && id != account.id.0.to_string() {
        return Err(ApiError::not_found("Employee not found"));
    }
    person_of(app, account, id).await
}

/// Overtime that was wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApproveOvertime {
    /// The working day.
    #[schema(value_type = String, format = Date)]
    day: Date,
    /// How much of it, in seconds, up to a day.
    seconds: u64,
}

/// Say that a person's overtime was wanted, where the rules wait for that. Of several for a day the seconds add up.
#[utoipa::path(
    post, path = "/api/v1/people/{id}/overtime", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    request_body = ApproveOvertime,
    responses(
        (status = 204, description = "It is paid"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 409, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn approve_overtime(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    body: ApiResult<form::Json<ApproveOvertime>>,
) -> ApiResult<StatusCode> {
    let person = person_of(&app, &account, &id).await?;
    let form::Json(said) = body?;
    check_date("day", said.day)?;
    if !(1..=86_400).contains(&said.seconds) {
        return Err(wrong("seconds", "give 1 to 86400 seconds"));
    }
    if person.id == account.id {
        return Err(ApiError::refused(
            StatusCode::CONFLICT,
            "nobody approves their own: somebody else decides",
        ));
    }
    let approval = OvertimeApproval {
        person: person.id.0,
        day: said.day,
        seconds: said.seconds,
        by: account.id.0,
    };
    let who = (person.id.0, person.id);
    let new = about_person(Topic::Overtime, who, said.day, Some(&approval))?;
    agree(&app, &account, "overtime_approved", vec![new]).await?;
    Ok(StatusCode::NO_CONTENT)
}
