//! `/api/v1`: enrolling people from several photographs, and inviting them.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Allowed;
use super::error::{self, ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form::{self, Form, PICTURES_FORM_BYTES};
use super::register::{check_password, taken};
use crate::App;
use crate::accounts::founding::{self, Applicant};
use crate::enrolment::{self, Enrolment, MOST_PICTURES};
use crate::store::{Account, Adding, Kind};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(enrol))
        .layer(DefaultBodyLimit::max(PICTURES_FORM_BYTES))
        .routes(routes!(invite))
}

/// Fields of an enrolment.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct EnrolmentForm {
    username: String,
    email: String,
    /// 12 characters at least, 72 bytes at most.
    password: String,
    /// Currency units an hour, six decimal places at most.
    hourly_rate: f64,
    /// Up to ten pictures with one face each, best of different days. None: the person comes in without a face.
    #[schema(max_items = 10)]
    image: Option<Vec<String>>,
    /// Attests that the person agrees to log in with the face.
    face_login: Option<bool>,
}

/// Who was enrolled.
#[derive(Serialize, ToSchema)]
struct Enrolled {
    id: Uuid,
}

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Inviting {
    /// `employee`, or `employer` for a new organisation (the owner's right).
    #[schema(example = "employee")]
    kind: String,
    /// An employee's pay per hour, as a decimal, which the invitation holds for; an employer has none.
    #[schema(value_type = Option<String>, example = "21.50")]
    hourly_rate: Option<Decimal>,
}

/// An invitation.
#[derive(Serialize, ToSchema)]
struct Invited {
    /// To be given to the invited person: goes into the field `invitation`. Shown once, works once.
    invitation: String,
    /// Until when.
    expires: String,
}

/// Enrol a person of one's own organisation, from pictures or without any.
#[utoipa::path(
    post, path = "/api/v1/employees", tag = "people", security(("bearer" = []), ("cookie" = [])),
    request_body(content = EnrolmentForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, body = Enrolled),
        (status = 400, body = Detail, description = "`Employee already exists`, `Face already registered`, `Error processing image: …`"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn enrol(
    State(app): State<Arc<App>>,
    Allowed(employer): Allowed,
    form: Form,
) -> ApiResult<(StatusCode, Json<Enrolled>)> {
    let (username, email, password, hourly_rate, images, face_login) = form.read(|f| {
        (
            f.name("username"),
            f.email("email"),
            f.text("password"),
            f.hourly_rate("hourly_rate"),
            f.optional_files("image"),
            f.flag("face_login"),
        )
    })?;
    if images.len() > MOST_PICTURES {
        return Err(ApiError::field(FieldProblem::body(
            "too_long",
            "image",
            format!("At most {MOST_PICTURES} pictures make one template"),
        )));
    }
    check_password(&password, &username, &email)?;
    if app.store.account_by_email(email.clone()).await?.is_some() {
        return Err(ApiError::bad_request("Employee already exists"));
    }
    // Whoever gives none comes in by a PIN or a badge.
    let face = match images.is_empty() {
        true => None,
        false => Some(new_face(&app, &employer, images).await?),
    };
    let applicant = Applicant {
        username,
        email,
        password,
        face,
        face_login,
    };
    let by = Adding::Employer(employer.tenant);
    let id = founding::add_person(&app, applicant, hourly_rate, employer.id, by)
        .await
        .map_err(|error| taken(error, "Employee already exists"))?;
    Ok((StatusCode::CREATED, Json(Enrolled { id: id.0 })))
}

/// The template of somebody who is nobody's double among the employer's people: two with one face could never be
/// told apart at a door.
async fn new_face(app: &Arc<App>, employer: &Account, images: Vec<Bytes>) -> ApiResult<Enrolment> {
    let face = enrolment::template_from_uploads(app, images)
        .await
        .map_err(error::in_registration)?;
    let colleagues = app
        .store
        .templates(employer.tenant, app.faces.model().to_owned())
        .await?;
    if enrolment::is_among(app, &colleagues, face.probe.clone()).await? {
        return Err(ApiError::bad_request("Face already registered"));
    }
    Ok(face)
}

/// Make a single-use invitation, good for seven days.
#[utoipa::path(
    post, path = "/api/v1/invitations", tag = "people", security(("bearer" = []), ("cookie" = [])),
    request_body = Inviting,
    responses(
        (status = 201, body = Invited),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn invite(
    State(app): State<Arc<App>>,
    Allowed(employer): Allowed,
    form::Json(inviting): form::Json<Inviting>,
) -> ApiResult<(StatusCode, Json<Invited>)> {
    let kind = Kind::from_name(&inviting.kind).ok_or_else(|| {
        ApiError::field(FieldProblem::body(
            "enum",
            "kind",
            "Input should be 'employee' or 'employer'",
        ))
    })?;
    if kind == Kind::Employer && !employer.owner {
        return Err(ApiError::forbidden("Only the owner invites employers"));
    }
    // Without one, whoever is invited would say what they earn.
    if kind == Kind::Employee && inviting.hourly_rate.is_none() {
        return Err(ApiError::field(FieldProblem::missing("hourly_rate")));
    }
    if let Some(rate) = inviting.hourly_rate
        && let Err(why) = form::check_rate(rate)
    {
        return Err(ApiError::field(FieldProblem::body(
            "value_error",
            "hourly_rate",
            why,
        )));
    }
    let (invitation, expires) =
        founding::invite(&app, &employer, kind, inviting.hourly_rate).await?;
    Ok((
        StatusCode::CREATED,
        Json(Invited {
            invitation,
            expires: expires.to_string(),
        }),
    ))
}
