//! `/api/v1`: everything that is kept about a person, for them to take with them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use limen_face::Template;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Allowed;
use super::consents::{self, ConsentsOf, ever};
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use crate::App;
use crate::attendance::Attendance;
use crate::enrolment;
use crate::erasure::Signed;
use crate::store::audit::{Deed, Entry};
use crate::store::{AccountId, SessionKind, TenantId};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(export_person))
        .routes(routes!(own_export))
}

/// Everything that is kept about a person.
#[derive(Serialize, ToSchema)]
struct Export {
    /// The instant for which it holds.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    account: AccountOf,
    /// Of whoever works here or did.
    work: Option<Work>,
    /// What they agreed to, and what is kept of their face.
    face: ConsentsOf,
    /// Only where they asked for it themselves: each template's numbers, photograph by photograph.
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<Vec<Vec<Vec<f32>>>>,
    /// What was erased.
    erasures: Vec<Signed>,
    /// Number, badges, and who changed them.
    ways_in: Value,
    /// Every punch and each change of one, as its terminal signed it.
    punches: Vec<PunchRow>,
    /// What follows from them.
    sessions: Vec<WorkedRow>,
    /// Where they are logged in.
    log_ins: Vec<LogIn>,
    /// What was done about them.
    audit: Vec<Done>,
}

/// An account.
#[derive(Serialize, ToSchema)]
struct AccountOf {
    id: Uuid,
    organisation: Uuid,
    name: String,
    email: String,
    role: String,
    face_login: bool,
    disabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
}

/// Work.
#[derive(Serialize, ToSchema)]
struct Work {
    site: Uuid,
    /// Currency units an hour, each from an instant on.
    rates: Vec<Rate>,
    #[schema(value_type = Option<String>, format = DateTime)]
    left: Option<Timestamp>,
}

/// A rate.
#[derive(Serialize, ToSchema)]
struct Rate {
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// A decimal.
    hourly_rate: String,
}

/// A punch, or a change of one.
#[derive(Serialize, ToSchema)]
struct PunchRow {
    terminal: Uuid,
    outbox: Uuid,
    seq: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    received: Timestamp,
    #[schema(example = "punch")]
    kind: String,
    /// The claims.
    said: Value,
}

/// A stretch of work.
#[derive(Serialize, ToSchema)]
struct WorkedRow {
    #[schema(value_type = String, format = DateTime)]
    check_in: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    check_out: Option<Timestamp>,
    seconds: u64,
    /// Currency units, a decimal.
    earnings: String,
    paid: bool,
}

/// An open session.
#[derive(Serialize, ToSchema)]
struct LogIn {
    /// `cookie` or `token`.
    kind: &'static str,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

/// Something that was done.
#[derive(Serialize, ToSchema)]
struct Done {
    nth: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    by: Uuid,
    what: String,
    before: Option<String>,
    after: Option<String>,
}

impl From<Entry> for Done {
    fn from(entry: Entry) -> Self {
        Self {
            nth: entry.nth,
            at: entry.at,
            by: entry.by,
            what: entry.what,
            before: entry.before,
            after: entry.after,
        }
    }
}

/// Whether the numbers of the templates are wanted.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Whether the numbers of the own templates are wanted too.
    #[serde(default)]
    numbers: bool,
}

fn unknown() -> ApiError {
    ApiError::not_found("Employee not found")
}

async fn gathered(app: &App, tenant: TenantId, id: AccountId) -> ApiResult<Export> {
    let now = app.now();
    let account = app.store.account_ever(tenant, id).await?;
    let account = account.ok_or_else(unknown)?;
    let work = match app.store.person_ever(tenant, id).await? {
        None => None,
        Some(person) => {
            let ever = app.store.ever(tenant, id).await?;
            let rate = |(from, rate): (Timestamp, rust_decimal::Decimal)| Rate {
                from,
                hourly_rate: rate.to_string(),
            };
            Some(Work {
                site: person.site,
                rates: person.rates.into_iter().map(rate).collect(),
                left: ever.and_then(|ever| ever.left),
            })
        }
    };
    let facts = app
        .store
        .facts(tenant, Some(id), Timestamp::MIN, Timestamp::MAX)
        .await?;
    let is_theirs = |kind: &str| kind == "punch" || kind == "amend";
    let punches = facts.into_iter().filter(|fact| is_theirs(&fact.kind));
    let punches = punches.map(|fact| PunchRow {
        terminal: fact.key.terminal,
        outbox: fact.key.outbox,
        seq: fact.key.seq,
        at: fact.at,
        received: fact.received,
        said: serde_json::from_str(&fact.body).unwrap_or(Value::Null),
        kind: fact.kind,
    });
    let log_ins = app.store.sessions(tenant, id, now).await?;
    let log_ins = log_ins.into_iter().map(|session| LogIn {
        kind: match session.kind {
            SessionKind::Token => "token",
            SessionKind::Cookie => "cookie",
        },
        since: session.issued,
        until: session.expires,
    });
    let audit = app.store.audit_about(tenant, id.0).await?;
    Ok(Export {
        as_of: now,
        account: AccountOf {
            id: id.0,
            organisation: tenant.0,
            name: account.name,
            email: account.email,
            role: account.role.as_str().to_owned(),
            face_login: account.face_login,
            disabled: account.disabled,
            created: account.created,
        },
        work,
        face: consents::consents_of(app, tenant, id).await?,
        numbers: None,
        erasures: consents::certificates(app, tenant, id).await?,
        ways_in: ways_in(app, tenant, id).await?,
        punches: punches.collect(),
        sessions: sessions(app, tenant, id, now).await?,
        log_ins: log_ins.collect(),
        audit: audit.into_iter().map(Done::from).collect(),
    })
}

async fn ways_in(app: &App, tenant: TenantId, id: AccountId) -> ApiResult<Value> {
    let Some(found) = app.store.ways_in(tenant, id).await? else {
        return Ok(Value::Null);
    };
    let badge = |badge: &crate::store::ways::Badge| {
        json!({
            "id": badge.id, "listed": badge.listed, "issued": badge.issued, "revoked": badge.revoked
        })
    };
    let change = |change: &crate::store::ways::WayChange| json!({"what": change.what, "badge": change.badge, "by": change.by.0, "at": change.at});
    Ok(json!({
        "number": found.number,
        "has_pin": found.has_pin,
        "badges": found.badges.iter().map(badge).collect::<Vec<_>>(),
        "changes": found.changes.iter().map(change).collect::<Vec<_>>(),
    }))
}

async fn sessions(
    app: &App,
    tenant: TenantId,
    id: AccountId,
    now: Timestamp,
) -> ApiResult<Vec<WorkedRow>> {
    let paid = app.store.paid_sessions(tenant, Some(id)).await?;
    let attendance = Attendance::of(app, tenant, Some(id), now).await?;
    let row = |worked: crate::attendance::Worked<'_>| {
        let session = worked.session;
        let key = attendance.punch_key(session.check_in.punch);
        WorkedRow {
            check_in: session.check_in.at,
            check_out: session.check_out.map(|out| out.at),
            seconds: session.seconds(),
            earnings: attendance.units(worked.amount).to_string(),
            paid: paid.iter().any(|paid| Some(paid.opened_by) == key),
        }
    };
    Ok(attendance.sessions(id).map(row).collect())
}

/// Every template's numbers: for its holder alone.
async fn numbers(app: &App, tenant: TenantId, id: AccountId) -> ApiResult<Vec<Vec<Vec<f32>>>> {
    let mut all = Vec::new();
    for one in app.store.described(tenant, id).await? {
        let Some(stored) = app.store.template(tenant, id, one.model).await? else {
            continue;
        };
        let bytes = enrolment::open(app, tenant, id, &stored)?;
        let template = Template::from_bytes(&bytes)
            .map_err(|error| ApiError::internal("reading a template", error))?;
        let photos = template.embeddings().iter();
        all.push(photos.map(|photo| photo.0.to_vec()).collect());
    }
    Ok(all)
}

/// As a file to be kept.
fn file(id: AccountId, export: Export) -> Response {
    let name = format!("attachment; filename=\"limen-{}.json\"", id.0);
    ([(header::CONTENT_DISPOSITION, name)], Json(export)).into_response()
}

/// Everything that is kept about a person, for them: account, consents, templates without their numbers, punches,
/// hours, and what was done.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/export", tag = "consent",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's people, also one who left")),
    responses(
        (status = 200, body = Export),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn export_person(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Response> {
    let changing = ever(&app, &account, &id).await?;
    let export = gathered(&app, account.tenant, changing.person).await?;
    exported(&app, account.tenant, account.id, changing.person).await?;
    Ok(file(changing.person, export))
}

/// Everything that is kept about the caller; with `numbers=true` also the numbers of their templates.
#[utoipa::path(
    get, path = "/api/v1/me/export", tag = "consent", security(("bearer" = []), ("cookie" = [])),
    params(Wanted),
    responses(
        (status = 200, body = Export),
        (status = 401, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn own_export(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> ApiResult<Response> {
    let Query(wanted) = wanted.map_err(|error| ApiError::query(&error))?;
    let mut export = gathered(&app, account.tenant, account.id).await?;
    if wanted.numbers {
        export.numbers = Some(numbers(&app, account.tenant, account.id).await?);
    }
    exported(&app, account.tenant, account.id, account.id).await?;
    Ok(file(account.id, export))
}

/// That somebody took it with them is written down, too.
async fn exported(app: &App, tenant: TenantId, by: AccountId, whose: AccountId) -> ApiResult<()> {
    let deed = Deed::new(by, app.now(), "person_exported", Some(whose.0));
    Ok(app.store.write_down(tenant, deed).await?)
}
