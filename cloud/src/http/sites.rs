//! `/api/v1/sites`: the sites of an organisation, what hangs at each, and whose doors know whom.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
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
use crate::site::{self, Doors, Scope, Wanted};
use crate::store::StoreError;
use crate::store::places::Place;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(sites, add))
        .routes(routes!(change))
        .routes(routes!(hang))
        .routes(routes!(known_at, tie))
}

/// A site.
#[derive(Serialize, ToSchema)]
struct SiteRow {
    id: Uuid,
    #[schema(example = "Harbour")]
    name: String,
    /// IANA.
    #[schema(example = "Europe/Berlin")]
    zone: String,
    /// The local time at which a working day begins there; `null`: as the organisation has it.
    #[schema(example = "05:30:00")]
    day_start: Option<String>,
    doors: Doors,
}

/// A site to be, or how one is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SiteOf {
    /// 1 to 64 characters.
    #[schema(example = "Harbour")]
    name: String,
    /// IANA.
    #[schema(example = "Europe/Berlin")]
    zone: String,
    /// The local time at which a working day begins there. None: as the organisation has it.
    #[schema(example = "05:30")]
    day_start: Option<String>,
    /// None: as they are; of a new site the defaults.
    doors: Option<Doors>,
}

/// Where a terminal is to hang.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Hanging {
    site: Uuid,
}

/// Whose doors know a person.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KnownAt {
    /// None: all sites' doors do.
    #[schema(max_items = 200)]
    sites: Vec<Uuid>,
}

fn row(place: Place) -> ApiResult<SiteRow> {
    Ok(SiteRow {
        doors: site::doors_of(&place)?,
        id: place.id,
        name: place.name,
        zone: place.zone,
        day_start: place.day_start,
    })
}

fn unknown() -> ApiError {
    ApiError::not_found("Site not found")
}

/// A refusal of the store in the words of these routes.
fn missing(error: StoreError) -> ApiError {
    match error {
        StoreError::Missing("site") => {
            let why = "there is no such site in this organisation; GET /api/v1/sites lists them";
            ApiError::field(FieldProblem::body("value_error", "site", why))
        }
        StoreError::Missing("person") => ApiError::not_found("Employee not found"),
        StoreError::Missing("terminal") => ApiError::not_found("Terminal not found"),
        error @ StoreError::TooMany(_) => {
            ApiError::refused(StatusCode::CONFLICT, error.to_string())
        }
        error => error.into(),
    }
}

fn wanted(of: SiteOf) -> ApiResult<Wanted> {
    let SiteOf {
        name,
        zone,
        day_start,
        doors,
    } = of;
    Wanted::check(name, zone, day_start, doors)
        .map_err(|(field, why)| ApiError::field(FieldProblem::body("value_error", field, why)))
}

/// The sites of one's own organisation; a manager of some sees those.
#[utoipa::path(
    get, path = "/api/v1/sites", tag = "site", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Vec<SiteRow>),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
    )
)]
async fn sites(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<SiteRow>>> {
    let scope = Scope::of(&app, &account).await?;
    let sites = app.store.sites(account.tenant).await?.into_iter();
    let seen = sites.filter(|site| scope.sees(site.id)).map(row);
    Ok(Json(seen.collect::<ApiResult<_>>()?))
}

/// Add a site.
#[utoipa::path(
    post, path = "/api/v1/sites", tag = "site", security(("bearer" = []), ("cookie" = [])),
    request_body = SiteOf,
    responses(
        (status = 201, body = SiteRow),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 409, body = Detail, description = "There are 200 sites"),
        (status = 422, body = FieldProblems),
    )
)]
async fn add(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    of: ApiResult<form::Json<SiteOf>>,
) -> ApiResult<(StatusCode, Json<SiteRow>)> {
    let form::Json(of) = of?;
    let place = site::add(&app, &account, wanted(of)?)
        .await
        .map_err(missing)?;
    Ok((StatusCode::CREATED, Json(row(place)?)))
}

/// Change a site. Its terminals are told at once, or as soon as they are reached; working days of the past are
/// counted by the new zone and day start too, hours stay.
#[utoipa::path(
    put, path = "/api/v1/sites/{id}", tag = "site", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "One of the organisation's sites")),
    request_body = SiteOf,
    responses(
        (status = 200, body = SiteRow),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn change(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    of: ApiResult<form::Json<SiteOf>>,
) -> ApiResult<Json<SiteRow>> {
    let sites = app.store.sites(account.tenant).await?;
    let before = Uuid::parse_str(&id).ok();
    let before = before.and_then(|id| sites.into_iter().find(|site| site.id == id));
    let before = before.ok_or_else(unknown)?;
    let form::Json(of) = of?;
    let place = site::change(&app, &account, before, wanted(of)?)
        .await
        .map_err(missing)?;
    Ok(Json(row(place)?))
}

/// Hang a terminal at another site: it gets that site's people and settings, and its punches from now on count
/// there.
#[utoipa::path(
    put, path = "/api/v1/terminals/{id}/site", tag = "terminals",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "The terminal")),
    request_body = Hanging,
    responses(
        (status = 204, description = "It belongs there now"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn hang(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    hanging: ApiResult<form::Json<Hanging>>,
) -> ApiResult<StatusCode> {
    let no_terminal = || ApiError::not_found("Terminal not found");
    let id = Uuid::parse_str(&id).map_err(|_| no_terminal())?;
    // Whatever the body says, another organisation's terminal is none.
    let terminal = app.store.terminal(id).await?;
    terminal
        .filter(|terminal| terminal.tenant == account.tenant && terminal.revoked.is_none())
        .ok_or_else(no_terminal)?;
    let form::Json(Hanging { site }) = hanging?;
    site::hang(&app, &account, id, site)
        .await
        .map_err(missing)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose doors know a person.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/sites", tag = "people", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    responses(
        (status = 200, body = KnownAt),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
    )
)]
async fn known_at(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Json<KnownAt>> {
    let no_person = || ApiError::not_found("Employee not found");
    let id = ids::account(&id).ok_or_else(no_person)?;
    let scope = Scope::of(&app, &account).await?;
    app.store
        .person(account.tenant, id)
        .await?
        .ok_or_else(no_person)?;
    let mut ties = app.store.ties(account.tenant).await?;
    let sites = ties.remove(&id).unwrap_or_default();
    match scope.knows(&sites) {
        true => Ok(Json(KnownAt { sites })),
        false => Err(no_person()),
    }
}

/// Say whose doors are to know a person. The others forget them.
#[utoipa::path(
    put, path = "/api/v1/people/{id}/sites", tag = "people", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    request_body = KnownAt,
    responses(
        (status = 200, body = KnownAt),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn tie(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    known: ApiResult<form::Json<KnownAt>>,
) -> ApiResult<Json<KnownAt>> {
    let no_person = || ApiError::not_found("Employee not found");
    let id = ids::account(&id).ok_or_else(no_person)?;
    app.store
        .person(account.tenant, id)
        .await?
        .ok_or_else(no_person)?;
    let form::Json(KnownAt { sites }) = known?;
    let sites = site::distinct(sites);
    site::tie(&app, &account, id, sites.clone())
        .await
        .map_err(missing)?;
    Ok(Json(KnownAt { sites }))
}
