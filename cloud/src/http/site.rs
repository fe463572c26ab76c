//! `/api/v1/site`: what an employer decides about the doors of the site.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form;
use crate::App;
use crate::site::{self, Doors};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(doors, set_doors))
}

/// What terminals of the site are told.
#[utoipa::path(
    get, path = "/api/v1/site", tag = "site", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Doors),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
    )
)]
async fn doors(State(app): State<Arc<App>>, Allowed(account): Allowed) -> ApiResult<Json<Doors>> {
    Ok(Json(site::doors(&app, account.tenant).await?))
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
