//! `/api/v1/staff`: who helps an owner, and how they come to it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Address;
use super::auth::{Allowed, OwnPage};
use super::error::{ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form::{self, check_email, check_name};
use super::links::tried;
use super::register::check_password;
use super::session::logged_in;
use crate::App;
use crate::accounts::links;
use crate::store::staff::{Handling, Member};
use crate::store::{Account, AccountId, Role, StoreError};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(staff, invite))
        .routes(routes!(set_role, dismiss))
        .routes(routes!(join))
}

/// Somebody of the staff.
#[derive(Serialize, ToSchema)]
struct MemberRow {
    id: Uuid,
    username: String,
    email: String,
    /// `owner`, `hr`, `manager`, `auditor` or `technician`.
    #[schema(example = "hr")]
    role: &'static str,
    /// When they proved to read the e-mail.
    #[schema(value_type = Option<String>, format = DateTime)]
    verified: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl From<Member> for MemberRow {
    fn from(member: Member) -> Self {
        Self {
            id: member.id.0,
            username: member.username,
            email: member.email,
            role: member.role.as_str(),
            verified: member.verified,
            since: member.created,
        }
    }
}

/// Who is to help.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InvitingStaff {
    email: String,
    /// `owner`, `hr`, `manager`, `auditor` or `technician`.
    #[schema(example = "hr")]
    role: String,
}

/// An invitation.
#[derive(Serialize, ToSchema)]
struct InvitedStaff {
    /// Where it is opened on this server: where no letter goes out, pass it on to nobody else. None where a letter
    /// brings it.
    link: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
}

/// What somebody is to be allowed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleOf {
    /// `owner`, `hr`, `manager`, `auditor` or `technician`.
    #[schema(example = "auditor")]
    role: String,
}

/// Fields of whoever was invited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Joining {
    /// From the link.
    token: String,
    username: String,
    /// 12 characters at least, 72 bytes at most.
    password: String,
}

/// How somebody logs in.
#[derive(Serialize, ToSchema)]
struct Joined {
    email: String,
}

/// The role of staff of that word.
fn role(name: &str) -> ApiResult<Role> {
    Role::from_name(name)
        .filter(|role| *role != Role::Employee)
        .ok_or_else(|| {
            let why = "Input should be 'owner', 'hr', 'manager', 'auditor' or 'technician'";
            ApiError::field(FieldProblem::body("enum", "role", why))
        })
}

fn unknown() -> ApiError {
    ApiError::not_found("Nobody of the staff is that")
}

fn handling(app: &App, by: &Account, id: &str) -> ApiResult<Handling> {
    let account = Uuid::parse_str(id).map(AccountId).map_err(|_| unknown())?;
    Ok(Handling {
        tenant: by.tenant,
        account,
        by: by.id,
        at: app.now(),
    })
}

fn not_handled(error: StoreError) -> ApiError {
    match error {
        StoreError::Missing(_) => unknown(),
        StoreError::LastOwner => {
            ApiError::refused(StatusCode::CONFLICT, StoreError::LastOwner.to_string())
        }
        error => error.into(),
    }
}

/// Everybody who is more than an employee.
#[utoipa::path(
    get, path = "/api/v1/staff", tag = "staff", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Vec<MemberRow>),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
    )
)]
async fn staff(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<MemberRow>>> {
    let members = app.store.staff(account.tenant).await?;
    Ok(Json(members.into_iter().map(MemberRow::from).collect()))
}

/// Invite somebody to the staff: a letter brings the link, good for seven days.
#[utoipa::path(
    post, path = "/api/v1/staff", tag = "staff", security(("bearer" = []), ("cookie" = [])),
    request_body = InvitingStaff,
    responses(
        (status = 201, body = InvitedStaff),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 409, body = Detail, description = "Somebody has the e-mail"),
        (status = 422, body = FieldProblems),
    )
)]
async fn invite(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    inviting: ApiResult<form::Json<InvitingStaff>>,
) -> ApiResult<(StatusCode, Json<InvitedStaff>)> {
    let form::Json(InvitingStaff { email, role: name }) = inviting?;
    let email = email.trim().to_owned();
    check_email(&email)
        .map_err(|why| ApiError::field(FieldProblem::body("value_error", "email", why)))?;
    let role = role(&name)?;
    let made = links::invite(&app, &account, email, role).await?;
    let links::Inviting { link, expires } = made;
    Ok((StatusCode::CREATED, Json(InvitedStaff { link, expires })))
}

/// Give somebody of the staff another role.
#[utoipa::path(
    put, path = "/api/v1/staff/{id}", tag = "staff", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "somebody of the staff")),
    request_body = RoleOf,
    responses(
        (status = 204, description = "They have it now"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
        (status = 409, body = Detail, description = "They are the only owner"),
        (status = 422, body = FieldProblems),
    )
)]
async fn set_role(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    wanted: ApiResult<form::Json<RoleOf>>,
) -> ApiResult<StatusCode> {
    let handling = handling(&app, &account, &id)?;
    // Whoever is of another organisation is nobody here, whatever the body says.
    let members = app.store.staff(account.tenant).await?;
    members
        .iter()
        .find(|member| member.id == handling.account)
        .ok_or_else(unknown)?;
    let form::Json(RoleOf { role: name }) = wanted?;
    let role = role(&name)?;
    let set = app.store.set_role(handling, role).await;
    set.map_err(not_handled)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take somebody out of the staff: they are logged out at once, and log in no more.
#[utoipa::path(
    delete, path = "/api/v1/staff/{id}", tag = "staff", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "somebody of the staff")),
    responses(
        (status = 204, description = "They are out"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
        (status = 409, body = Detail, description = "They are the only owner"),
    )
)]
async fn dismiss(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let handling = handling(&app, &account, &id)?;
    app.store.dismiss(handling).await.map_err(not_handled)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Join the staff by the link of an invitation; the answer logs in.
#[utoipa::path(
    post, path = "/api/v1/staff/join", tag = "staff", request_body = Joining,
    responses(
        (status = 201, body = Joined),
        (status = 403, body = Detail, description = "the link is unknown, used or expired"),
        (status = 409, body = Detail, description = "Somebody has the e-mail meanwhile"),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn join(
    State(app): State<Arc<App>>,
    _own: OwnPage,
    Address(address): Address,
    form::Json(joining): form::Json<Joining>,
) -> ApiResult<(StatusCode, HeaderMap, Json<Joined>)> {
    let Joining {
        token,
        username,
        password,
    } = joining;
    let username = username.trim().to_owned();
    check_name(&username)
        .map_err(|why| ApiError::field(FieldProblem::body("value_error", "username", why)))?;
    check_password(&password, &username, "")?;
    let email = tried(&app, address, links::join(&app, &token, username, password)).await?;
    let cookie = logged_in(&app, &email).await?;
    Ok((StatusCode::CREATED, cookie, Json(Joined { email })))
}
