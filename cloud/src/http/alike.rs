//! `/api/v1`: two people whose faces are too much alike, for the office to settle.

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
use crate::store::alike::{Pair, Settled};
use crate::store::{AccountId, StoreError};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(alike))
        .routes(routes!(settle))
}

/// Two people.
#[derive(Serialize, ToSchema)]
struct PairRow {
    /// Who was to be enrolled when it was found.
    person: Uuid,
    name: String,
    other: Uuid,
    other_name: String,
    /// `double`: the person was not enrolled, since the other has that face already. `near`: both are, and doors
    /// can't tell them apart well enough.
    #[schema(example = "double")]
    kind: String,
    #[schema(value_type = String, format = DateTime)]
    found: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    settled: Option<Timestamp>,
    settled_by: Option<Uuid>,
    /// `same`, `twins` or `different`.
    settled_as: Option<String>,
}

impl From<Pair> for PairRow {
    fn from(pair: Pair) -> Self {
        Self {
            person: pair.person.0,
            name: pair.name,
            other: pair.other.0,
            other_name: pair.other_name,
            kind: pair.kind,
            found: pair.found,
            settled: pair.settled,
            settled_by: pair.settled_by.map(|by| by.0),
            settled_as: pair.settled_as,
        }
    }
}

/// Whose faces are too much alike, the latest first; what nobody has settled has no `settled`.
#[utoipa::path(
    get, path = "/api/v1/alike", tag = "people", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<PairRow>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn alike(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<PairRow>>> {
    let pairs = app.store.alike(account.tenant).await?;
    Ok(Json(pairs.into_iter().map(PairRow::from).collect()))
}

/// What they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Settling {
    /// The other of the two.
    other: Uuid,
    /// `same`: one person, who is not enrolled twice. `twins`: two, and a face alone lets neither in: a PIN or a badge
    /// does. `different`: two, whom better pictures tell apart.
    #[schema(example = "twins")]
    settled: String,
}

/// Say what two people are whose faces are too much alike. After `twins` or `different` the one who was refused can be
/// enrolled.
#[utoipa::path(
    put, path = "/api/v1/people/{id}/alike", tag = "people", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the two")),
    request_body = Settling,
    responses(
        (status = 204, description = "Terminals are told"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`, `Nothing was found of these two`"),
        (status = 422, body = FieldProblems),
    )
)]
async fn settle(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    settling: ApiResult<form::Json<Settling>>,
) -> ApiResult<StatusCode> {
    let changing = ever(&app, &account, &id).await?;
    let form::Json(Settling { other, settled }) = settling?;
    let settled = Settled::from_name(&settled).ok_or_else(|| {
        let words = "Input should be 'same', 'twins' or 'different'";
        ApiError::field(FieldProblem::body("enum", "settled", words))
    })?;
    let done = app
        .store
        .settle_alike(changing, AccountId(other), settled)
        .await;
    done.map_err(|error| match error {
        StoreError::Missing(_) => ApiError::not_found("Nothing was found of these two"),
        other => other.into(),
    })?;
    let _nobody_listens = app.changed.send(account.tenant);
    Ok(StatusCode::NO_CONTENT)
}
