//! `/api/v1`: how somebody comes in without a face. For employers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form;
use crate::App;
use crate::seed::ids;
use crate::site::Scope;
use crate::store::ways::{Badge, Changing};
use crate::store::{Account, Person, StoreError};
use crate::ways::{self, NotMade};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(ways_in))
        .routes(routes!(set_pin, remove_pin))
        .routes(routes!(issue_badge))
        .routes(routes!(draw_badge, revoke_badge))
}

impl From<NotMade> for ApiError {
    fn from(error: NotMade) -> Self {
        let words = error.to_string();
        match error {
            NotMade::ReaderText => Self::field(FieldProblem::body("value_error", "reader", words)),
            NotMade::Store(StoreError::BadgeTaken | StoreError::TooMany(_)) => {
                Self::refused(StatusCode::CONFLICT, words)
            }
            NotMade::Store(error) => error.into(),
            NotMade::Vault(error) => error.into(),
            NotMade::Password(error) => error.into(),
            other => Self::internal("making a way in", other),
        }
    }
}

/// How a person comes in without a face.
#[derive(Serialize, ToSchema)]
struct WaysInOf {
    /// What they type before the PIN; none where they never had one.
    #[schema(example = 104)]
    number: Option<u32>,
    /// Whether they have a PIN.
    has_pin: bool,
    /// Their badges, the newest first, the revoked ones too.
    badges: Vec<BadgeRow>,
    /// What was changed, the latest first.
    changes: Vec<ChangeRow>,
}

/// A badge.
#[derive(Serialize, ToSchema)]
struct BadgeRow {
    id: Uuid,
    /// What a reader types; none for a printed code.
    reader: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    issued: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked: Option<Timestamp>,
}

impl From<Badge> for BadgeRow {
    fn from(badge: Badge) -> Self {
        Self {
            id: badge.id,
            reader: (badge.listed != limen_wire::badge::listed(badge.id)).then_some(badge.listed),
            issued: badge.issued,
            revoked: badge.revoked,
        }
    }
}

/// What was changed, and by whom.
#[derive(Serialize, ToSchema)]
struct ChangeRow {
    /// `pin_set`, `pin_removed`, `badge_issued` or `badge_revoked`.
    what: String,
    badge: Option<Uuid>,
    /// The account that did it.
    by: Uuid,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// A new PIN.
#[derive(Serialize, ToSchema)]
struct PinShown {
    /// Stays the person's, also when the PIN changes.
    number: u32,
    /// Shown once.
    #[schema(example = "483920")]
    pin: String,
    /// What they type at a terminal: the number, then the PIN.
    #[schema(example = "104483920")]
    typed: String,
}

/// A badge to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Issuing {
    /// What a badge reader types for it, without its line's end. None: a new code to be printed.
    #[schema(example = "0012345678")]
    reader: Option<String>,
}

fn unknown() -> ApiError {
    ApiError::not_found("Employee not found")
}

/// The person of that id, if they are the caller's.
async fn theirs(app: &App, account: &Account, id: &str) -> ApiResult<(Person, Changing)> {
    let id = ids::account(id).ok_or_else(unknown)?;
    let person = app.store.person(account.tenant, id).await?;
    let scope = Scope::of(app, account).await?;
    let is_seen = scope.knows_person(app, account.tenant, id).await?;
    let person = person.filter(|_| is_seen);
    let changing = Changing {
        tenant: account.tenant,
        person: id,
        by: account.id,
        at: app.now(),
    };
    Ok((person.ok_or_else(unknown)?, changing))
}

fn no_badge() -> ApiError {
    ApiError::not_found("Badge not found")
}

/// How a person comes in without a face, and who changed that.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/ways", tag = "ways in",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    responses(
        (status = 200, body = WaysInOf),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn ways_in(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Json<WaysInOf>> {
    let (person, _) = theirs(&app, &account, &id).await?;
    let found = app.store.ways_in(account.tenant, person.id).await?;
    let found = found.ok_or_else(unknown)?;
    let changes = found.changes.into_iter().map(|change| ChangeRow {
        what: change.what,
        badge: change.badge,
        by: change.by.0,
        at: change.at,
    });
    Ok(Json(WaysInOf {
        number: found.number,
        has_pin: found.has_pin,
        badges: found.badges.into_iter().map(BadgeRow::from).collect(),
        changes: changes.collect(),
    }))
}

/// Draw a new PIN for a person, in the place of the one before. It is shown in this answer and never again.
#[utoipa::path(
    post, path = "/api/v1/people/{id}/pin", tag = "ways in",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    responses(
        (status = 201, body = PinShown),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn set_pin(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<(StatusCode, Json<PinShown>)> {
    let (_, changing) = theirs(&app, &account, &id).await?;
    let made = ways::new_pin(&app, changing).await?;
    let shown = PinShown {
        typed: format!("{}{}", made.number, made.pin),
        number: made.number,
        pin: made.pin,
    };
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Take a person's PIN back.
#[utoipa::path(
    delete, path = "/api/v1/people/{id}/pin", tag = "ways in",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    responses(
        (status = 204, description = "They have none now"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn remove_pin(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let (_, changing) = theirs(&app, &account, &id).await?;
    ways::remove_pin(&app, changing).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a person a badge: one that a reader reads, or a new code to be printed.
#[utoipa::path(
    post, path = "/api/v1/people/{id}/badges", tag = "ways in",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    request_body = Issuing,
    responses(
        (status = 201, body = BadgeRow),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
        (status = 409, body = Detail, description = "It is somebody's, or they have as many as there may be"),
        (status = 422, body = FieldProblems),
    )
)]
async fn issue_badge(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    issuing: ApiResult<form::Json<Issuing>>,
) -> ApiResult<(StatusCode, Json<BadgeRow>)> {
    let (_, changing) = theirs(&app, &account, &id).await?;
    let form::Json(Issuing { reader }) = issuing?;
    let badge = BadgeRow {
        id: ways::issue(&app, changing, reader.clone()).await?,
        reader,
        issued: changing.at,
        revoked: None,
    };
    Ok((StatusCode::CREATED, Json(badge)))
}

/// A printed badge, as a picture.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/badges/{badge}", tag = "ways in",
    security(("bearer" = []), ("cookie" = [])),
    params(
        ("id" = String, Path, description = "one of the caller's employees"),
        ("badge" = String, Path, description = "one of their badges"),
    ),
    responses(
        (status = 200, content_type = "image/svg+xml", description = "The code, black on white"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`, `Badge not found`"),
    )
)]
async fn draw_badge(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path((id, badge)): Path<(String, String)>,
) -> ApiResult<Response> {
    let (person, _) = theirs(&app, &account, &id).await?;
    let badge = Uuid::parse_str(&badge).map_err(|_| no_badge())?;
    let found = app.store.ways_in(account.tenant, person.id).await?;
    let badges = found.ok_or_else(unknown)?.badges.into_iter();
    // What a reader types is printed on it already, and what was revoked is to be printed no more.
    let is_printable = |row: &BadgeRow| row.reader.is_none() && row.revoked.is_none();
    badges
        .map(BadgeRow::from)
        .find(|row| row.id == badge && is_printable(row))
        .ok_or_else(no_badge)?;
    let svg = ways::drawn(&app, account.tenant, person.site, badge).await?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

/// Revoke a badge.
#[utoipa::path(
    delete, path = "/api/v1/people/{id}/badges/{badge}", tag = "ways in",
    security(("bearer" = []), ("cookie" = [])),
    params(
        ("id" = String, Path, description = "one of the caller's employees"),
        ("badge" = String, Path, description = "one of their badges"),
    ),
    responses(
        (status = 204, description = "It holds no more"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`, `Badge not found`"),
    )
)]
async fn revoke_badge(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path((id, badge)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let (_, changing) = theirs(&app, &account, &id).await?;
    let badge = Uuid::parse_str(&badge).map_err(|_| no_badge())?;
    match ways::revoke(&app, changing, badge).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_badge()),
    }
}
