//! Route 1 and `/healthz`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::assets;
use super::error::{ApiError, ApiResult, Detail};
use crate::App;

/// Route 1.
pub(super) fn root() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(greet))
}

/// The rest.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(health))
}

/// A greeting.
#[derive(Serialize, ToSchema)]
struct Greeting {
    message: &'static str,
}

/// Whether it is well.
#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Greets programs; browsers that ask for `text/html` get the page.
#[utoipa::path(
    get, path = "/", tag = "house",
    responses((status = 200, content((Greeting = "application/json"), (String = "text/html"))))
)]
async fn greet(headers: HeaderMap) -> Response {
    let mut response = if assets::wants_page(&headers) {
        assets::page(&headers)
    } else {
        let message = "Limen is here";
        Json(Greeting { message }).into_response()
    };
    response
        .headers_mut()
        .append(header::VARY, header::HeaderValue::from_static("accept"));
    response
}

/// Whether requests can be answered and events come: asks the database, and whether the broker, where there is
/// one, gives through what terminals send.
#[utoipa::path(
    get, path = "/healthz", tag = "house",
    responses((status = 200, body = Health), (status = 503, body = Detail))
)]
async fn health(State(app): State<Arc<App>>) -> ApiResult<Json<Health>> {
    match app.store.epoch().await {
        Ok(_) if !*app.linked.borrow() => Err(ApiError::refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "The broker gives nothing through yet",
        )),
        Ok(_) => Ok(Json(Health { status: "ok" })),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            Err(ApiError::refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database does not answer",
            ))
        }
    }
}
