//! Routes 8 and 9, and the timesheet of one person: what an employer sees and pays.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use jiff::Timestamp;
use limen_payroll::{Anomaly, Severity, State as Standing, hours};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::{self, Allowed, BareToken, NotLetIn};
use super::error::{ApiError, ApiResult, Detail};
use super::number::Number;
use super::rights::OFFICE;
use crate::App;
use crate::attendance::{Attendance, AttendanceError};
use crate::payrun;
use crate::seed::ids;
use crate::site::Scope;
use crate::store::Account;

/// These routes.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(employees))
        .routes(routes!(pay))
}

/// These routes of `/api/v1`.
pub fn v1() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(timesheet))
}

impl From<AttendanceError> for ApiError {
    fn from(error: AttendanceError) -> Self {
        match error {
            AttendanceError::Store(error) => error.into(),
            other => Self::internal("computing hours", other),
        }
    }
}

/// One of the caller's employees.
#[derive(Serialize, ToSchema)]
struct EmployeeRow {
    /// As clients of the earlier backend know it, where it comes from there.
    id: String,
    username: String,
    email: String,
    /// Currency units an hour, as of now.
    hourly_rate: Number,
    /// `Working` or `Not Working`.
    #[schema(example = "Working")]
    status: &'static str,
    /// Since when somebody who works is in.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_check_in: Option<Timestamp>,
    /// Of closed sessions that are not paid yet, in currency units.
    total_unpaid_earnings: Number,
}

/// The caller's employees: who works, and what each is owed.
#[utoipa::path(
    get, path = "/employer/employees", tag = "hours", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Vec<EmployeeRow>),
        (status = 401, body = Detail),
        (status = 403, body = Detail, description = "`Access forbidden`"),
    )
)]
async fn employees(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<EmployeeRow>>> {
    let paid = app.store.paid_sessions(account.tenant, None).await?;
    let locked = payrun::runs::locked_scopes(&app, account.tenant).await?;
    let attendance = Attendance::of(&app, account.tenant, None, app.now()).await?;
    let status = attendance.status();
    let rows = attendance.people.iter().map(|person| {
        let inside = status.get(&person.id).filter(|status| status.inside);
        let due = payrun::due(&attendance, (&paid, &locked), person.id);
        let rate = person
            .rates
            .iter()
            .rfind(|(from, _)| *from <= attendance.now);
        EmployeeRow {
            id: ids::shown(person.id.0),
            username: person.name.clone(),
            email: person.email.clone(),
            hourly_rate: Number(rate.map(|(_, rate)| *rate).unwrap_or_default()),
            status: if inside.is_some() {
                "Working"
            } else {
                "Not Working"
            },
            last_check_in: inside.and_then(|status| status.last_check_in),
            total_unpaid_earnings: Number(attendance.units(payrun::sum(&due))),
        }
    });
    Ok(Json(rows.collect()))
}

/// The employer who pays; old clients send the token with or without the word `Bearer`.
struct Payer(Account);

impl FromRequestParts<Arc<App>> for Payer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match auth::caller(app, parts, BareToken::Taken).await {
            Err(NotLetIn::Missing) => Err(ApiError::forbidden("Authorization token missing")),
            Err(other) => Err(other.into()),
            Ok(caller) if !OFFICE.lets(caller.account.role) => {
                Err(ApiError::forbidden("Only employers can mark payment"))
            }
            Ok(caller) => Ok(Self(caller.account)),
        }
    }
}

/// What was done.
#[derive(Serialize, ToSchema)]
struct Paid {
    #[schema(example = "3 sessions marked as paid.")]
    message: String,
}

/// Mark the closed sessions of an employee as paid. An open session never is.
#[utoipa::path(
    post, path = "/employer/pay_employee/{employee_id}", tag = "hours",
    security(("bearer" = []), ("cookie" = [])),
    params(("employee_id" = String, Path, description = "one of the caller's employees")),
    responses(
        (status = 200, body = Paid),
        (status = 401, body = Detail),
        (status = 403, body = Detail, description = "`Authorization token missing`, `Only employers can mark payment`"),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn pay(
    State(app): State<Arc<App>>,
    Payer(account): Payer,
    Path(employee): Path<String>,
) -> ApiResult<Json<Paid>> {
    let unknown = || ApiError::not_found("Employee not found");
    let person = ids::account(&employee).ok_or_else(unknown)?;
    let marked = payrun::pay(&app, account.tenant, person, account.id, app.now()).await?;
    let marked = marked.ok_or_else(unknown)?;
    Ok(Json(Paid {
        message: format!("{marked} sessions marked as paid."),
    }))
}

/// The hours of one person.
#[derive(Serialize, ToSchema)]
struct TimesheetOf {
    id: Uuid,
    name: String,
    /// The instant for which it holds.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// IANA zone of the site.
    zone: String,
    /// ISO 4217.
    currency: String,
    /// Earliest first.
    sessions: Vec<SessionRow>,
    /// What is questionable.
    anomalies: Vec<AnomalyRow>,
}

/// A stretch of work.
#[derive(Serialize, ToSchema)]
struct SessionRow {
    /// The working day on which it began.
    #[schema(value_type = String, format = Date)]
    day: jiff::civil::Date,
    #[schema(value_type = String, format = DateTime)]
    check_in: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    check_out: Option<Timestamp>,
    /// `open`, `closed`, `forgotten` or `missing_out`.
    #[schema(example = "closed")]
    state: &'static str,
    /// Whole seconds that count; 0 unless it is closed.
    seconds: u64,
    /// The same in hours, with four decimal places at most.
    hours: Number,
    /// Currency units.
    earnings: Number,
    /// Whether it was paid.
    paid: bool,
}

/// What somebody has to look at.
#[derive(Serialize, ToSchema)]
pub(super) struct AnomalyRow {
    /// One word for it.
    #[schema(example = "forgotten")]
    kind: &'static str,
    /// Whether time is withheld until it is settled.
    exception: bool,
    /// When, where that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// A sentence.
    message: String,
}

impl From<&Anomaly> for AnomalyRow {
    fn from(anomaly: &Anomaly) -> Self {
        Self {
            kind: anomaly.kind.name(),
            exception: anomaly.severity() == Severity::Exception,
            at: anomaly.at,
            message: anomaly.to_string(),
        }
    }
}

pub(super) fn word(state: Standing) -> &'static str {
    match state {
        Standing::Open => "open",
        Standing::Closed => "closed",
        Standing::Forgotten => "forgotten",
        Standing::MissingOut => "missing_out",
    }
}

/// The sessions of one person, with hours, earnings and what is questionable.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/timesheet", tag = "hours",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    responses(
        (status = 200, body = TimesheetOf),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn timesheet(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Json<TimesheetOf>> {
    let unknown = || ApiError::not_found("Employee not found");
    let id = ids::account(&id).ok_or_else(unknown)?;
    let paid = app.store.paid_sessions(account.tenant, Some(id)).await?;
    let mut attendance = Attendance::of(&app, account.tenant, Some(id), app.now()).await?;
    let scope = Scope::of(&app, &account).await?;
    if !scope.is_all() {
        attendance.narrow(&scope, &app.store.ties(account.tenant).await?);
    }
    let person = attendance.people.first().ok_or_else(unknown)?;
    let sessions = attendance.sessions(id).map(|worked| {
        let session = worked.session;
        let key = attendance.punch_key(session.check_in.punch);
        SessionRow {
            day: session.day,
            check_in: session.check_in.at,
            check_out: session.check_out.map(|out| out.at),
            state: word(session.state),
            seconds: session.seconds(),
            hours: Number(hours(session.seconds())),
            earnings: Number(attendance.units(worked.amount)),
            paid: paid.iter().any(|paid| Some(paid.opened_by) == key),
        }
    });
    Ok(Json(TimesheetOf {
        id: id.0,
        name: person.name.clone(),
        as_of: attendance.now,
        zone: attendance.tenant.site.zone.clone(),
        currency: attendance.tenant.currency.clone(),
        sessions: sessions.collect(),
        anomalies: attendance.anomalies_of(id).map(AnomalyRow::from).collect(),
    }))
}
