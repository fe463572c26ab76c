//! `/api/v1/site`: what an employer decides about the doors of the first site, as long as there is no other.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form;
use crate::App;
use crate::site::{self, Doors, Scope};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(doors, set_doors))
}

/// What terminals of the first site are told.
#[utoipa::path(
    get, path = "/api/v1/site", tag = "site", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Doors),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "The caller is the manager of other sites"),
    )
)]
async fn doors(State(app): State<Arc<App>>, Allowed(account): Allowed) -> ApiResult<Json<Doors>> {
    let first = site::first(&app, account.tenant).await?;
    if !Scope::of(&app, &account).await?.sees(first.id) {
        return Err(ApiError::not_found(
            "Site not found; /api/v1/sites lists yours",
        ));
    }
    Ok(Json(site::doors_of(&first)?))
}

/// Decide anew. What is left out has its default; terminals are told at once, or as soon as they are reached.
#[utoipa::path(
    put, path = "/api/v1/site", tag = "site", security(("bearer" = []), ("cookie" = [])),
    request_body = Doors,
    responses(
        (status = 200, body = Doors, description = "What holds now"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn set_doors(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    doors: ApiResult<form::Json<Doors>>,
) -> ApiResult<Json<Doors>> {
    let form::Json(doors) = doors?;
    doors
        .check()
        .map_err(|(field, why)| ApiError::field(FieldProblem::body("value_error", field, why)))?;
    site::set_doors(&app, &account, &doors).await?;
    tracing::info!(tenant = %account.tenant.0, by = %account.id.0, face = ?doors.face, pad = ?doors.pad, fpir = doors.fpir,
        "the site's doors were decided anew");
    Ok(Json(doors))
}
