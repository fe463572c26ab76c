//! Links that are sent by e-mail: a forgotten password, and an e-mail that is read by its holder.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Address;
use super::auth::{Allowed, OwnPage};
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use super::form;
use super::register::check_password;
use crate::App;
use crate::accounts::founding::NoPlace;
use crate::accounts::links;
use crate::accounts::throttle::Attempt;
use crate::store::StoreError;
use crate::tokens;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(forgotten))
        .routes(routes!(reset))
        .routes(routes!(ask_to_verify))
        .routes(routes!(verified))
}

/// Whose password was forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Forgotten {
    email: String,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Resetting {
    /// From the link.
    token: String,
    /// 12 characters at least, 72 bytes at most.
    password: String,
}

/// A link's secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ByLink {
    /// From the link.
    token: String,
}

/// Whether a letter goes out.
#[derive(Serialize, ToSchema)]
struct Letter {
    sent: bool,
}

/// What is tried with a link's secret: whoever guesses is slowed down.
pub(super) async fn tried<T>(
    app: &App,
    address: IpAddr,
    work: impl Future<Output = Result<T, NoPlace>>,
) -> ApiResult<T> {
    let attempt = Attempt::new("link", address);
    app.throttle
        .check(attempt, app.now())
        .map_err(|seconds| ApiError::Throttled { seconds })?;
    work.await.map_err(|error| {
        if matches!(error, NoPlace::Store(StoreError::NoSuchToken)) {
            app.throttle.failed(attempt, app.now());
        }
        error.into()
    })
}

/// Ask for a link to a new password. The answer is the same whether there is such an account or not.
#[utoipa::path(
    post, path = "/api/v1/password/forgotten", tag = "session", request_body = Forgotten,
    responses(
        (status = 202, description = "If there is such an account, a letter goes out"),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
        (status = 503, body = Detail, description = "No letters go out here: [mail] is not configured"),
    )
)]
async fn forgotten(
    State(app): State<Arc<App>>,
    _own: OwnPage,
    Address(address): Address,
    form::Json(Forgotten { email }): form::Json<Forgotten>,
) -> ApiResult<StatusCode> {
    if app.mail.is_none() {
        let words = "No letters go out from here; ask whoever runs this server";
        return Err(ApiError::refused(StatusCode::SERVICE_UNAVAILABLE, words));
    }
    // Each is counted as a failure: nobody's letter box is filled by this.
    let key = format!("forgotten {}", email.trim().to_lowercase());
    let attempt = Attempt::new(&key, address);
    app.throttle
        .check(attempt, app.now())
        .map_err(|seconds| ApiError::Throttled { seconds })?;
    app.throttle.failed(attempt, app.now());
    links::forgotten(&app, email).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Choose a new password by the link of a letter. All sessions of the account are closed.
#[utoipa::path(
    post, path = "/api/v1/password/reset", tag = "session", request_body = Resetting,
    responses(
        (status = 204, description = "It holds now"),
        (status = 403, body = Detail, description = "the link is unknown, used or expired"),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn reset(
    State(app): State<Arc<App>>,
    _own: OwnPage,
    Address(address): Address,
    form::Json(Resetting { token, password }): form::Json<Resetting>,
) -> ApiResult<StatusCode> {
    check_password(&password, "", "")?;
    tried(&app, address, links::reset(&app, &token, password)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Have a letter sent that asks whether the own e-mail is read.
#[utoipa::path(
    post, path = "/api/v1/email", tag = "session", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 202, body = Letter, description = "Whether one goes out: not where [mail] is not configured"),
        (status = 401, body = Detail),
        (status = 429, body = Detail),
    )
)]
async fn ask_to_verify(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Address(address): Address,
) -> ApiResult<(StatusCode, Json<Letter>)> {
    let key = format!("verify {}", account.id.0);
    let attempt = Attempt::new(&key, address);
    app.throttle
        .check(attempt, app.now())
        .map_err(|seconds| ApiError::Throttled { seconds })?;
    app.throttle.failed(attempt, app.now());
    let sent = links::ask_to_verify(&app, &account).await?;
    Ok((StatusCode::ACCEPTED, Json(Letter { sent })))
}

/// Say by the link of a letter that an account's e-mail is read.
#[utoipa::path(
    post, path = "/api/v1/email/verified", tag = "session", request_body = ByLink,
    responses(
        (status = 204, description = "It is kept"),
        (status = 403, body = Detail, description = "the link is unknown, used or expired"),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn verified(
    State(app): State<Arc<App>>,
    Address(address): Address,
    form::Json(ByLink { token }): form::Json<ByLink>,
) -> ApiResult<StatusCode> {
    let token_hash = tokens::hash(token.as_bytes());
    let kept = async {
        app.store.verify_email(token_hash, app.now()).await?;
        Ok(())
    };
    tried(&app, address, kept).await?;
    Ok(StatusCode::NO_CONTENT)
}
