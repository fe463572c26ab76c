//! Routes 12 to 15: an employee's own hours, and checking in and out with a picture.

use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use limen_payroll::{Minor, hours};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Address;
use super::auth::{self, Allowed, BareToken, NotLetIn};
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use super::form::{Form, PICTURE_FORM_BYTES};
use super::number::Number;
use crate::App;
use crate::accounts::throttle::Attempt;
use crate::attendance::Attendance;
use crate::attendance::upload::{self, NotRecorded, Recorded, Way};
use crate::enrolment::{self, Purpose};
use crate::store::{Account, Kind};

/// These routes.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(summary))
        .routes(routes!(history))
        .routes(routes!(check_in))
        .routes(routes!(check_out))
        .layer(DefaultBodyLimit::max(PICTURE_FORM_BYTES))
}

/// An employee's own hours, all together.
#[derive(Serialize, ToSchema)]
struct Summary {
    /// Of closed sessions, with four decimal places at most.
    total_hours_worked: Number,
    /// Of closed sessions, in currency units.
    total_earnings: Number,
    currently_working: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_check_in: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_check_out: Option<Timestamp>,
}

/// The caller's hours and earnings, all together.
#[utoipa::path(
    get, path = "/employee/attendance/summary", tag = "hours",
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Summary),
        (status = 401, body = Detail),
        (status = 403, body = Detail, description = "`Access forbidden`"),
    )
)]
async fn summary(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Summary>> {
    let attendance = Attendance::of(&app, account.tenant, Some(account.id), app.now()).await?;
    let status = attendance.status().remove(&account.id).unwrap_or_default();
    let seconds = attendance
        .sessions(account.id)
        .map(|worked| worked.session.seconds())
        .sum();
    let earned: Minor = attendance
        .sessions(account.id)
        .map(|worked| worked.amount)
        .sum();
    Ok(Json(Summary {
        total_hours_worked: Number(hours(seconds)),
        total_earnings: Number(attendance.units(earned)),
        currently_working: status.inside,
        last_check_in: status.last_check_in,
        last_check_out: status.last_check_out,
    }))
}

/// One session.
#[derive(Serialize, ToSchema)]
struct HistoryRow {
    #[schema(value_type = String, format = DateTime)]
    check_in: Timestamp,
    /// `null` while the session is open, and where the check-out was forgotten.
    #[schema(value_type = Option<String>, format = DateTime)]
    check_out: Option<Timestamp>,
    /// 0 without a check-out.
    hours_worked: Number,
    /// 0 without a check-out.
    earnings: Number,
}

/// The caller's sessions, earliest first.
#[utoipa::path(
    get, path = "/employee/attendance/history", tag = "hours",
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Vec<HistoryRow>),
        (status = 401, body = Detail),
        (status = 403, body = Detail, description = "`Access forbidden`"),
    )
)]
async fn history(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<HistoryRow>>> {
    let attendance = Attendance::of(&app, account.tenant, Some(account.id), app.now()).await?;
    let rows = attendance.sessions(account.id).map(|worked| HistoryRow {
        check_in: worked.session.check_in.at,
        check_out: worked.session.check_out.map(|out| out.at),
        hours_worked: Number(hours(worked.session.seconds())),
        earnings: Number(attendance.units(worked.amount)),
    });
    Ok(Json(rows.collect()))
}

/// Who checks in or out.
struct Worker(Account);

impl FromRequestParts<Arc<App>> for Worker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match auth::caller(app, parts, BareToken::Refused).await {
            Err(NotLetIn::Missing) => Err(ApiError::forbidden(
                "Invalid or missing authorization token",
            )),
            Err(other) => Err(other.into()),
            Ok(caller) if caller.account.kind != Kind::Employee => Err(no_such_user()),
            Ok(caller) => Ok(Self(caller.account)),
        }
    }
}

fn no_such_user() -> ApiError {
    ApiError::not_found("User not found")
}

impl From<NotRecorded> for ApiError {
    fn from(error: NotRecorded) -> Self {
        match error {
            NotRecorded::AlreadyIn => Self::bad_request("Already checked in"),
            NotRecorded::NotIn => Self::not_found("No active check-in found"),
            NotRecorded::NoPerson => no_such_user(),
            NotRecorded::Crowded => Self::refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many people are checking in at once; try again shortly",
            ),
            NotRecorded::Attendance(error) => error.into(),
            NotRecorded::Store(error) => error.into(),
            NotRecorded::Vault(error) => error.into(),
            other => Self::internal("recording a punch", other),
        }
    }
}

/// The picture of a check-in or check-out.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct PictureForm {
    /// A picture with the caller's face.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    image: String,
}

/// What was recorded.
#[derive(Serialize, ToSchema)]
struct CheckedIn {
    #[schema(example = "Check-in successful")]
    message: &'static str,
    #[schema(value_type = String, format = DateTime)]
    check_in: Timestamp,
}

/// What was recorded, and what the session comes to.
#[derive(Serialize, ToSchema)]
struct CheckedOut {
    #[schema(example = "Check-out successful")]
    message: &'static str,
    /// With four decimal places at most.
    hours_worked: Number,
    /// Currency units.
    earnings: Number,
    #[schema(value_type = String, format = DateTime)]
    check_out: Timestamp,
}

/// Looks at the picture, compares it with the caller's own face (1:1), and records. Who holds a colleague's
/// token may not try pictures until one is taken for them.
async fn recorded(
    app: &App,
    account: &Account,
    address: Address,
    form: &Form,
    way: Way,
) -> ApiResult<Recorded> {
    let image = form.read(|f| f.file("image"))?;
    let attempt = Attempt::new(&format!("face of {}", account.id.0), address.0);
    let wait = |seconds| ApiError::Throttled { seconds };
    app.throttle.check(attempt, app.now()).map_err(wait)?;
    let probe = enrolment::probe_from_upload(app, image).await?;
    // Only the comparison is a guess: own pictures that are looked at together don't wait for each other.
    let trial = app.throttle.begin(attempt, app.now()).map_err(wait)?;
    if !enrolment::verify(app, account, &probe, Purpose::Attendance).await? {
        trial.failed();
        return Err(ApiError::unauthorized("Face not recognized"));
    }
    trial.succeeded();
    Ok(upload::record(app, account.tenant, account.id, way).await?)
}

/// Check in with a picture of one's own face.
#[utoipa::path(
    post, path = "/attendance/checkin", tag = "hours", security(("bearer" = []), ("cookie" = [])),
    request_body(content = PictureForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = CheckedIn),
        (status = 400, body = Detail, description = "`Already checked in`, `No face detected in the uploaded image.`"),
        (status = 401, body = Detail, description = "`Face not recognized`"),
        (status = 403, body = Detail, description = "`Invalid or missing authorization token`"),
        (status = 404, body = Detail, description = "`User not found`"),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn check_in(
    State(app): State<Arc<App>>,
    Worker(account): Worker,
    address: Address,
    form: Form,
) -> ApiResult<Json<CheckedIn>> {
    let recorded = recorded(&app, &account, address, &form, Way::In).await?;
    Ok(Json(CheckedIn {
        message: "Check-in successful",
        check_in: recorded.at,
    }))
}

/// Check out with a picture of one's own face.
#[utoipa::path(
    post, path = "/attendance/checkout", tag = "hours", security(("bearer" = []), ("cookie" = [])),
    request_body(content = PictureForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = CheckedOut),
        (status = 400, body = Detail, description = "`No face detected in the uploaded image.`"),
        (status = 401, body = Detail, description = "`Face not recognized`"),
        (status = 403, body = Detail, description = "`Invalid or missing authorization token`"),
        (status = 404, body = Detail, description = "`No active check-in found`, `User not found`"),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn check_out(
    State(app): State<Arc<App>>,
    Worker(account): Worker,
    address: Address,
    form: Form,
) -> ApiResult<Json<CheckedOut>> {
    let recorded = recorded(&app, &account, address, &form, Way::Out).await?;
    Ok(Json(CheckedOut {
        message: "Check-out successful",
        hours_worked: Number(hours(recorded.seconds)),
        earnings: Number(recorded.earnings),
        check_out: recorded.at,
    }))
}
