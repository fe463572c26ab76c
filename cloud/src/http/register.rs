//! Routes 6, 7, 10 and 11: employers and employees come in, and read who they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::{Allowed, Caller};
use super::error::{self, ApiError, ApiResult, Detail, FieldProblems};
use super::form::{Form, PICTURE_FORM_BYTES};
use super::number::Number;
use super::rights::OFFICE;
use crate::App;
use crate::accounts::founding::{self, Applicant, NoPlace};
use crate::config::Registration;
use crate::enrolment;
use crate::passwords;
use crate::seed::ids;
use crate::store::{Adding, Founding, Kind, StoreError};
use crate::tokens;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(register_employer))
        .routes(routes!(employer_details))
        .routes(routes!(employee_details))
        .routes(routes!(register_employee))
        .layer(DefaultBodyLimit::max(PICTURE_FORM_BYTES))
}

/// Who came in.
#[derive(Serialize, ToSchema)]
pub(super) struct Registered {
    message: &'static str,
    id: Uuid,
}

/// Fields of an employer's registration.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct EmployerForm {
    username: String,
    email: String,
    /// 12 characters at least, 72 bytes at most.
    password: String,
    /// A picture with one face.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    image: String,
    /// Whether the face may be logged in with.
    face_login: Option<bool>,
    /// A single-use invitation, where registration is by invitation.
    invitation: Option<String>,
}

/// Fields of an employee's registration.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct EmployeeForm {
    username: String,
    email: String,
    /// 12 characters at least, 72 bytes at most.
    password: String,
    employer_id: String,
    /// Currency units an hour, six decimal places at most.
    hourly_rate: f64,
    /// A picture with one face.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    image: String,
    /// Attests that the person agrees to log in with the face.
    face_login: Option<bool>,
    /// A single-use invitation, in the place of the employer's token.
    invitation: Option<String>,
}

/// An employer.
#[derive(Serialize, ToSchema)]
pub(super) struct EmployerDetails {
    username: String,
    email: String,
    /// As clients of the earlier backend know it, where it comes from there.
    id: String,
}

/// An employee.
#[derive(Serialize, ToSchema)]
pub(super) struct EmployeeDetails {
    username: String,
    email: String,
    /// Currency units an hour, as of now.
    hourly_rate: Number,
    /// As clients of the earlier backend know it, where it comes from there.
    id: String,
}

/// Checks a password before pictures are looked at, which costs more.
pub(super) fn check_password(password: &str, username: &str, email: &str) -> ApiResult<()> {
    passwords::accept(password, &[username, email])
        .map_err(|why| passwords::PasswordError::from(why).into())
}

/// A taken e-mail in the words of the route.
pub(super) fn taken(error: NoPlace, words: &'static str) -> ApiError {
    match error {
        NoPlace::Store(StoreError::EmailTaken) => ApiError::bad_request(words),
        other => other.into(),
    }
}

/// Register as an employer: founds an organisation.
#[utoipa::path(
    post, path = "/employer/register", tag = "registration",
    request_body(content = EmployerForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, body = Registered),
        (status = 400, body = Detail, description = "`Employer already exists`, `Face already registered`, `Error processing image: …`"),
        (status = 403, body = Detail, description = "registration is closed or by invitation"),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn register_employer(
    State(app): State<Arc<App>>,
    form: Form,
) -> ApiResult<(StatusCode, Json<Registered>)> {
    if app.config.registration == Registration::Closed {
        return Err(ApiError::forbidden("Registration is closed"));
    }
    let (username, email, password, image, face_login, invitation) = form.read(|f| {
        (
            f.name("username"),
            f.email("email"),
            f.text("password"),
            f.file("image"),
            f.flag("face_login"),
            f.optional_text("invitation"),
        )
    })?;
    check_password(&password, &username, &email)?;
    let by = match (app.config.registration, invitation) {
        (_, Some(token)) => Founding::Invited(tokens::hash(token.as_bytes())),
        (Registration::Open, None) => Founding::Open,
        _ => return Err(ApiError::forbidden("Registration is by invitation")),
    };
    if let Founding::Invited(hash) = &by {
        let invitation = app.store.invitation(*hash, app.now()).await?;
        if invitation.is_none_or(|invitation| invitation.kind != Kind::Employer) {
            return Err(NoPlace::Store(StoreError::NoSuchToken).into());
        }
    }
    if app.store.account_by_email(email.clone()).await?.is_some() {
        return Err(ApiError::bad_request("Employer already exists"));
    }
    let face = enrolment::template_from_uploads(&app, vec![image])
        .await
        .map_err(error::in_registration)?;
    let employers = app
        .store
        .employer_templates(app.faces.model().to_owned())
        .await?;
    if enrolment::is_among(&app, &employers, face.probe.clone()).await? {
        return Err(ApiError::bad_request("Face already registered"));
    }
    let applicant = Applicant {
        username,
        email,
        password,
        face: Some(face),
        face_login,
    };
    let id = founding::found_tenant(&app, applicant, by)
        .await
        .map_err(|error| taken(error, "Employer already exists"))?;
    let message = "Employer registered successfully";
    Ok((StatusCode::CREATED, Json(Registered { message, id: id.0 })))
}

/// Who the caller is, as an employer.
#[utoipa::path(
    get, path = "/employer/details", tag = "accounts", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = EmployerDetails),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employer not found`"),
    )
)]
async fn employer_details(Allowed(account): Allowed) -> Json<EmployerDetails> {
    Json(EmployerDetails {
        username: account.username,
        email: account.email,
        id: ids::shown(account.id.0),
    })
}

/// Who the caller is, as an employee.
#[utoipa::path(
    get, path = "/employee/details", tag = "accounts", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = EmployeeDetails),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn employee_details(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<EmployeeDetails>> {
    let person = app.store.person(account.tenant, account.id).await?;
    let person = person.ok_or_else(|| ApiError::not_found("Employee not found"))?;
    let now = app.now();
    let rate = person.rates.iter().rfind(|(from, _)| *from <= now);
    Ok(Json(EmployeeDetails {
        username: account.username,
        email: account.email,
        hourly_rate: Number(rate.map(|(_, rate)| *rate).unwrap_or_default()),
        id: ids::shown(account.id.0),
    }))
}

/// Register an employee: by the employer who is logged in, or by a single-use invitation.
#[utoipa::path(
    post, path = "/employee/register", tag = "registration", security(("bearer" = []), ("cookie" = []), ()),
    request_body(content = EmployeeForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, body = Registered),
        (status = 400, body = Detail, description = "`Employee already exists`, `Error processing image: …`"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn register_employee(
    State(app): State<Arc<App>>,
    caller: Result<Caller, ApiError>,
    form: Form,
) -> ApiResult<(StatusCode, Json<Registered>)> {
    let invitation = form.read(|f| f.optional_text("invitation"))?;
    let invited_by = invitation.map(|token| tokens::hash(token.as_bytes()));
    // Whoever may not come in hears that before what is wrong with the form.
    let caller = match invited_by {
        Some(_) => None,
        None => Some(caller?.account),
    };
    if caller
        .as_ref()
        .is_some_and(|caller| !OFFICE.lets(caller.role))
    {
        return Err(ApiError::forbidden("Access forbidden"));
    }
    let (username, email, password, employer_id, hourly_rate, image, face_login) =
        form.read(|f| {
            (
                f.name("username"),
                f.email("email"),
                f.text("password"),
                f.text("employer_id"),
                f.hourly_rate("hourly_rate"),
                f.file("image"),
                f.flag("face_login"),
            )
        })?;
    check_password(&password, &username, &email)?;
    let (by, attested_by, tenant) = match (caller, invited_by) {
        (Some(employer), _) => (
            Adding::Employer(employer.tenant),
            employer.id,
            employer.tenant,
        ),
        (None, Some(hash)) => {
            let invitation = app.store.invitation(hash, app.now()).await?;
            let invitation = invitation
                .filter(|invitation| invitation.kind == Kind::Employee)
                .ok_or(NoPlace::Store(StoreError::NoSuchToken))?;
            if invitation
                .hourly_rate
                .is_some_and(|rate| rate != hourly_rate)
            {
                return Err(ApiError::forbidden(
                    "The invitation is for another hourly rate",
                ));
            }
            let tenant = invitation.tenant;
            (Adding::Invited(tenant, hash), invitation.created_by, tenant)
        }
        (None, None) => return Err(ApiError::NotAuthenticated("Not authenticated")),
    };
    // The employer of the form must be one of the same organisation.
    let named = match ids::account(&employer_id) {
        Some(id) => app.store.account(tenant, id).await?,
        None => None,
    };
    if named.is_none_or(|named| named.kind != Kind::Employer) {
        return Err(ApiError::forbidden("Access forbidden"));
    }
    if app.store.account_by_email(email.clone()).await?.is_some() {
        return Err(ApiError::bad_request("Employee already exists"));
    }
    let face = enrolment::template_from_uploads(&app, vec![image])
        .await
        .map_err(error::in_registration)?;
    let applicant = Applicant {
        username,
        email,
        password,
        face: Some(face),
        face_login,
    };
    let id = founding::add_person(&app, applicant, hourly_rate, attested_by, by)
        .await
        .map_err(|error| taken(error, "Employee already exists"))?;
    let message = "Employee registered successfully";
    Ok((StatusCode::CREATED, Json(Registered { message, id: id.0 })))
}
