//! `/api/v1`: who leaves, and how long things are kept.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Allowed;
use super::consents::ever;
use super::error::{ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form;
use crate::App;
use crate::retention::{self, Rules};
use crate::store::StoreError;
use crate::store::leaving::Overdue;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(keeping, set_keeping))
        .routes(routes!(former))
        .routes(routes!(leave))
}

/// What would be deleted now.
#[derive(Serialize, ToSchema)]
struct Due {
    /// Accounts whose templates would go since their holder left.
    left: Vec<Uuid>,
    /// People whose templates would go since nobody was recognised by them.
    unused: Vec<Uuid>,
    /// How many punches would go.
    punches: u64,
}

impl From<Overdue> for Due {
    fn from(due: Overdue) -> Self {
        let ids =
            |people: Vec<crate::store::AccountId>| people.into_iter().map(|id| id.0).collect();
        Self {
            left: ids(due.left),
            unused: ids(due.unused),
            punches: due.punches,
        }
    }
}

/// How long things are kept.
#[derive(Serialize, ToSchema)]
struct Keeping {
    rules: Rules,
    /// What these rules would delete now. It is done once an hour.
    due: Due,
}

/// How long things are kept, and what would be deleted now.
#[utoipa::path(
    get, path = "/api/v1/retention", tag = "consent", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Keeping), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn keeping(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Keeping>> {
    let rules = retention::rules(&app, account.tenant).await?;
    let due = retention::due(&app, account.tenant, &rules).await?;
    Ok(Json(Keeping {
        rules,
        due: due.into(),
    }))
}

/// Rules to try or to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Setting {
    rules: Rules,
    /// Whether to say only what they would delete, and to change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Decide how long things are kept; with `dry_run` only hear what that would delete.
#[utoipa::path(
    put, path = "/api/v1/retention", tag = "consent", security(("bearer" = []), ("cookie" = [])),
    request_body = Setting,
    responses(
        (status = 200, body = Keeping, description = "What these rules would delete now"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn set_keeping(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    form::Json(Setting { rules, dry_run }): form::Json<Setting>,
) -> ApiResult<Json<Keeping>> {
    if let Err((field, why)) = rules.check() {
        return Err(ApiError::field(FieldProblem::body(
            "value_error",
            field,
            why,
        )));
    }
    let due = retention::due(&app, account.tenant, &rules).await?;
    if !dry_run {
        retention::set_rules(&app, &account, &rules).await?;
    }
    Ok(Json(Keeping {
        rules,
        due: due.into(),
    }))
}

/// Somebody who left.
#[derive(Serialize, ToSchema)]
struct FormerRow {
    id: Uuid,
    name: String,
    email: String,
    #[schema(value_type = String, format = DateTime)]
    left: Timestamp,
}

/// Who left, the latest first.
#[utoipa::path(
    get, path = "/api/v1/former-people", tag = "people", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<FormerRow>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn former(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<FormerRow>>> {
    let rows = app.store.former(account.tenant).await?;
    let row = |one: crate::store::leaving::Former| FormerRow {
        id: one.id.0,
        name: one.name,
        email: one.email,
        left: one.left,
    };
    Ok(Json(rows.into_iter().map(row).collect()))
}

/// That somebody leaves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LeavingNow {
    /// `true`; so that nobody is sent off by an empty request.
    leaves: bool,
}

/// A person leaves: they log in no more, no PIN and no badge lets them in, and their templates go when the rules of
/// keeping say so, by default at once. Hours and pay stay. Their e-mail is free for an account to come.
#[utoipa::path(
    post, path = "/api/v1/people/{id}/leave", tag = "people", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    request_body = LeavingNow,
    responses(
        (status = 204, description = "They have left"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
        (status = 422, body = FieldProblems),
    )
)]
async fn leave(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    leaving: ApiResult<form::Json<LeavingNow>>,
) -> ApiResult<StatusCode> {
    let changing = ever(&app, &account, &id).await?;
    let form::Json(LeavingNow { leaves }) = leaving?;
    if !leaves {
        let words = "Input should be true";
        return Err(ApiError::field(FieldProblem::body(
            "value_error",
            "leaves",
            words,
        )));
    }
    app.store
        .leave(changing)
        .await
        .map_err(|error| match error {
            StoreError::Missing(_) => ApiError::not_found("Employee not found"),
            other => other.into(),
        })?;
    let _nobody_listens = app.changed.send(account.tenant);
    retention::keep_to(&app, account.tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}
