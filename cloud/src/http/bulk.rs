//! `/api/v1/people/import`: many people at once.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail};
use crate::App;
use crate::bulk::{self, MOST_BYTES, NoTable, Told};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(import))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
}

impl From<NoTable> for ApiError {
    fn from(error: NoTable) -> Self {
        match error {
            NoTable::Store(error) => error.into(),
            NoTable::Place(error) => error.into(),
            other => Self::refused(StatusCode::UNPROCESSABLE_ENTITY, other.to_string()),
        }
    }
}

/// Whether it is meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meant {
    /// `true` writes; else it is only said what would be.
    #[serde(default)]
    write: bool,
}

/// Add many people out of a table: CSV in UTF-8, separated by commas, semicolons or tabs, with a first line that
/// names the columns `name`, `email`, `hourly_rate`, and if you like `number`, `site` and `currency`. Who is here
/// already, by the e-mail, stays as they are. They come without a password, and get one by the letter of "forgotten
/// password". At most 2 MiB and 5,000 rows.
#[utoipa::path(
    post, path = "/api/v1/people/import", tag = "people", security(("bearer" = []), ("cookie" = [])),
    params(("write" = Option<bool>, Query, description = "`true` writes; else it is only said what would be")),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, body = Told),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 413, body = Detail),
        (status = 422, body = Detail, description = "It is no such table"),
    )
)]
async fn import(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Query(meant): Query<Meant>,
    table: Result<Bytes, BytesRejection>,
) -> ApiResult<Json<Told>> {
    let table = table.map_err(|_| {
        let why = "The table can't be read: it has at most 2 MiB";
        ApiError::refused(StatusCode::PAYLOAD_TOO_LARGE, why)
    })?;
    Ok(Json(
        bulk::people(&app, &account, &table, meant.write).await?,
    ))
}
