//! `/api/v1/audit`: what was done, and `/api/v1/sessions`: where one is logged in.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::{Allowed, Caller};
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use crate::App;
use crate::store::audit::{Entry, hex};
use crate::store::{Hash, SessionKind};

/// Most entries of a page.
const MOST: u32 = 500;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(audit))
        .routes(routes!(sessions))
        .routes(routes!(close))
}

/// Which page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Page {
    /// The `next` of the page before; from the beginning where it is left out.
    #[param(minimum = 0)]
    after: Option<u64>,
    /// Most entries, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Something that was done.
#[derive(Serialize, ToSchema)]
struct EntryRow {
    nth: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who did it.
    by: Uuid,
    #[schema(example = "role_set")]
    what: String,
    /// To whom or what.
    about: Option<Uuid>,
    /// How it was, as JSON.
    before: Option<String>,
    /// How it is, as JSON.
    after: Option<String>,
    /// SHA-256 of this and the one before.
    hash: String,
}

impl From<Entry> for EntryRow {
    fn from(entry: Entry) -> Self {
        Self {
            nth: entry.nth,
            at: entry.at,
            by: entry.by,
            what: entry.what,
            about: entry.about,
            before: entry.before,
            after: entry.after,
            hash: entry.hash,
        }
    }
}

/// A page of what was done.
#[derive(Serialize, ToSchema)]
struct Entries {
    entries: Vec<EntryRow>,
    /// For the next page; none where this is the last so far.
    next: Option<u64>,
}

/// What was done, the earliest first. `limen-cloud audit verify` shows that nothing of it was changed.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "staff", security(("bearer" = []), ("cookie" = [])), params(Page),
    responses(
        (status = 200, body = Entries),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn audit(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    page: Result<Query<Page>, QueryRejection>,
) -> ApiResult<Json<Entries>> {
    let Query(page) = page.map_err(|error| ApiError::query(&error))?;
    let most = page.limit.unwrap_or(MOST);
    let after = page.after.unwrap_or(0);
    if !(1..=MOST).contains(&most) || i64::try_from(after).is_err() {
        return Err(ApiError::in_query("limit", "Input should be 1 to 500"));
    }
    let entries = app.store.audit(account.tenant, after, most).await?;
    let is_full = entries.len() == most as usize;
    Ok(Json(Entries {
        next: entries.last().filter(|_| is_full).map(|last| last.nth),
        entries: entries.into_iter().map(EntryRow::from).collect(),
    }))
}

/// Where one is logged in.
#[derive(Serialize, ToSchema)]
struct SessionRow {
    /// To close it by.
    id: String,
    /// `cookie` for a browser, `token` for a program.
    #[schema(example = "cookie")]
    kind: &'static str,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Whether it is the one that asks.
    this: bool,
}

/// The name of a session: the hash of its secret, which opens nothing.
fn name(key_hash: &Hash) -> String {
    hex(key_hash)
}

/// Where the caller is logged in, the newest first.
#[utoipa::path(
    get, path = "/api/v1/sessions", tag = "session", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<SessionRow>), (status = 401, body = Detail))
)]
async fn sessions(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Json<Vec<SessionRow>>> {
    let account = &caller.account;
    let open = app
        .store
        .sessions(account.tenant, account.id, app.now())
        .await?;
    let row = |session: crate::store::staff::OpenSession| SessionRow {
        id: name(&session.key_hash),
        kind: match session.kind {
            SessionKind::Token => "token",
            SessionKind::Cookie => "cookie",
        },
        since: session.issued,
        until: session.expires,
        this: session.key_hash == caller.session,
    };
    Ok(Json(open.into_iter().map(row).collect()))
}

/// Log out elsewhere.
#[utoipa::path(
    delete, path = "/api/v1/sessions/{id}", tag = "session", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's sessions")),
    responses(
        (status = 204, description = "It is closed"),
        (status = 401, body = Detail),
        (status = 404, body = Detail),
    )
)]
async fn close(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let account = &caller.account;
    let open = app
        .store
        .sessions(account.tenant, account.id, app.now())
        .await?;
    let meant = open.iter().find(|one| name(&one.key_hash) == id);
    let unknown = || ApiError::not_found("Session not found");
    let key_hash = meant.ok_or_else(unknown)?.key_hash;
    let closed = app
        .store
        .close_own_session(account.tenant, account.id, key_hash)
        .await?;
    match closed {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(unknown()),
    }
}
