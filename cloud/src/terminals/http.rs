//! `/api/v1`: claim codes and terminals for the page, and the claim itself for terminals.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use limen_wire::claim::{BeginAnswer, BeginRequest, FinishAnswer, FinishRequest};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{ClaimCode, NotClaimed, Shown};
use crate::App;
use crate::accounts::throttle::Attempt;
use crate::http::Address;
use crate::http::auth::Allowed;
use crate::http::error::{ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use crate::http::form;
use crate::site::Scope;

/// These routes.
#[must_use]
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(make_claim))
        .routes(routes!(terminals))
        .routes(routes!(revoke))
        .routes(routes!(begin))
        .routes(routes!(finish))
}

impl From<NotClaimed> for ApiError {
    fn from(error: NotClaimed) -> Self {
        let status = match error {
            NotClaimed::Unknown => StatusCode::NOT_FOUND,
            NotClaimed::Used => StatusCode::CONFLICT,
            NotClaimed::Expired => StatusCode::GONE,
            NotClaimed::Proof(_) => StatusCode::FORBIDDEN,
            NotClaimed::NoAddress => StatusCode::SERVICE_UNAVAILABLE,
            NotClaimed::Name => {
                return Self::field(FieldProblem::body("value_error", "name", error.to_string()));
            }
            NotClaimed::NoSite => {
                return Self::field(FieldProblem::body("value_error", "site", error.to_string()));
            }
            NotClaimed::Store(error) => return error.into(),
            NotClaimed::Vault(error) => return error.into(),
            other => return Self::internal("claiming a terminal", other),
        };
        Self::refused(status, error.to_string())
    }
}

/// What the terminal is to be called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Naming {
    /// 1 to 64 characters.
    #[schema(example = "Front door")]
    name: String,
    /// Where it will hang. None: at the first site.
    site: Option<Uuid>,
}

/// The address of this cloud, as whoever asks reaches it.
fn own_address(app: &App, headers: &HeaderMap) -> String {
    let scheme = if app.config.http.behind_tls_proxy {
        "https"
    } else {
        "http"
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .map_or_else(|| app.config.http.listen.to_string(), str::to_owned);
    format!("{scheme}://{host}")
}

/// Make a claim code, with which one terminal can be added within 15 minutes.
#[utoipa::path(
    post, path = "/api/v1/claims", tag = "terminals", security(("bearer" = []), ("cookie" = [])),
    request_body = Naming,
    responses(
        (status = 201, body = ClaimCode),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn make_claim(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    headers: HeaderMap,
    form::Json(naming): form::Json<Naming>,
) -> ApiResult<(StatusCode, Json<ClaimCode>)> {
    let cloud = own_address(&app, &headers);
    let code = super::new_claim(
        &app,
        account.tenant,
        account.id,
        &naming.name,
        naming.site,
        &cloud,
    )
    .await?;
    Ok((StatusCode::CREATED, Json(code)))
}

/// The terminals of one's own organisation.
#[utoipa::path(
    get, path = "/api/v1/terminals", tag = "terminals", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Vec<Shown>),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
    )
)]
async fn terminals(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<Shown>>> {
    let scope = Scope::of(&app, &account).await?;
    Ok(Json(super::list(&app, account.tenant, &scope).await?))
}

/// Revoke a terminal: it is cut off at once, and what it signs from then on is set aside.
#[utoipa::path(
    delete, path = "/api/v1/terminals/{id}", tag = "terminals",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = Uuid, Path, description = "The terminal")),
    responses(
        (status = 204, description = "It is revoked"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
    )
)]
async fn revoke(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let revoked = match Uuid::try_parse(&id) {
        Ok(id) => super::revoke(&app, &account, id).await?,
        Err(_) => false,
    };
    if revoked {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found("Terminal not found"))
    }
}

/// A claim's JSON, as `limen-wire` has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for the OpenAPI file")]
struct ClaimMessage {
    /// Which code.
    claim: Uuid,
}

/// A terminal begins with a claim code. For terminals; the exchange is described in the developer's pages.
#[utoipa::path(
    post, path = "/api/v1/claim/begin", tag = "terminals", request_body = ClaimMessage,
    responses(
        (status = 200, description = "What the site proves"),
        (status = 403, body = Detail, description = "The secret is not proved"),
        (status = 404, body = Detail, description = "No such code"),
        (status = 409, body = Detail, description = "The code was used"),
        (status = 410, body = Detail, description = "The code has expired"),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn begin(
    State(app): State<Arc<App>>,
    Address(address): Address,
    form::Json(request): form::Json<BeginRequest>,
) -> ApiResult<Json<BeginAnswer>> {
    let attempt = Attempt::new(&request.claim.to_string(), address);
    app.throttle
        .check(attempt, app.now())
        .map_err(|seconds| ApiError::Throttled { seconds })?;
    let answer = super::begin(&app, request).await;
    if let Err(NotClaimed::Unknown | NotClaimed::Proof(_)) = &answer {
        app.throttle.failed(attempt, app.now());
    }
    Ok(Json(answer?))
}

/// A terminal ends its claim, and is given its certificate. For terminals.
#[utoipa::path(
    post, path = "/api/v1/claim/finish", tag = "terminals", request_body = ClaimMessage,
    responses(
        (status = 200, description = "What the terminal is given"),
        (status = 403, body = Detail, description = "Something is not proved"),
        (status = 404, body = Detail, description = "No such code"),
        (status = 409, body = Detail, description = "The code was used"),
        (status = 410, body = Detail, description = "The code has expired"),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn finish(
    State(app): State<Arc<App>>,
    Address(address): Address,
    form::Json(request): form::Json<FinishRequest>,
) -> ApiResult<Json<FinishAnswer>> {
    let attempt = Attempt::new(&request.claim.to_string(), address);
    app.throttle
        .check(attempt, app.now())
        .map_err(|seconds| ApiError::Throttled { seconds })?;
    let answer = super::finish(&app, &request).await;
    // A wrong proof is no guess here: who began has proved the secret, and another may have begun since.
    if let Err(NotClaimed::Unknown) = &answer {
        app.throttle.failed(attempt, app.now());
    }
    Ok(Json(answer?))
}
