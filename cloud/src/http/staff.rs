//! `/api/v1/staff`: who helps an owner, and how they come to it.

use std::collections::BTreeMap;
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
use crate::site;
use crate::store::audit::Deed;
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
    /// Of which sites a manager is one; none: of all.
    sites: Vec<Uuid>,
    /// When they proved to read the e-mail.
    #[schema(value_type = Option<String>, format = DateTime)]
    verified: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl MemberRow {
    fn of(member: Member, limits: &mut BTreeMap<AccountId, Vec<Uuid>>) -> Self {
        let sites = limits.remove(&member.id).unwrap_or_default();
        Self {
            sites,
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
    /// Of which sites a manager is to be one. None: of all.
    #[serde(default)]
    #[schema(max_items = 200)]
    sites: Vec<Uuid>,
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
    /// Of which sites a manager is to be one. None: of all.
    #[serde(default)]
    #[schema(max_items = 200)]
    sites: Vec<Uuid>,
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

/// The sites of a manager: the organisation's own, and none for any other role.
async fn sites_of(app: &App, by: &Account, role: Role, sites: Vec<Uuid>) -> ApiResult<Vec<Uuid>> {
    let wrong = |why| ApiError::field(FieldProblem::body("value_error", "sites", why));
    if role != Role::Manager && !sites.is_empty() {
        return Err(wrong("only a manager is one of some sites"));
    }
    let all = app.store.sites(by.tenant).await?;
    match sites
        .iter()
        .all(|site| all.iter().any(|one| one.id == *site))
    {
        true => Ok(site::distinct(sites)),
        false => Err(wrong("there is no such site in this organisation")),
    }
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
    let mut limits = app.store.limits(account.tenant).await?;
    let rows = members
        .into_iter()
        .map(|member| MemberRow::of(member, &mut limits));
    Ok(Json(rows.collect()))
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
    let form::Json(InvitingStaff {
        email,
        role: name,
        sites,
    }) = inviting?;
    let email = email.trim().to_owned();
    check_email(&email)
        .map_err(|why| ApiError::field(FieldProblem::body("value_error", "email", why)))?;
    let role = role(&name)?;
    let sites = sites_of(&app, &account, role, sites).await?;
    let made = links::invite(&app, &account, email, role, sites).await?;
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
    let form::Json(RoleOf { role: name, sites }) = wanted?;
    let role = role(&name)?;
    let sites = sites_of(&app, &account, role, sites).await?;
    // In no moment more is seen than before or afterwards.
    let limit = async |sites| {
        let deed = Deed::new(
            account.id,
            app.now(),
            "manager_sites_set",
            Some(handling.account.0),
        );
        app.store.limit_manager(account.tenant, sites, deed).await
    };
    let is_manager = role == Role::Manager;
    let before = app
        .store
        .limits(account.tenant)
        .await?
        .remove(&handling.account);
    let is_new = before.unwrap_or_default() != sites;
    if is_manager && is_new {
        limit(sites.clone()).await.map_err(not_handled)?;
    }
    let set = app.store.set_role(handling, role).await;
    set.map_err(not_handled)?;
    if !is_manager && is_new {
        limit(sites).await.map_err(not_handled)?;
    }
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
