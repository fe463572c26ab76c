//! Routes 2 to 5: a password or a face for a token.

use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Address;
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use super::form::{Form, PICTURE_FORM_BYTES};
use crate::App;
use crate::accounts::entry::{self, NotIn};
use crate::store::{Account, Kind};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(by_password))
        .routes(routes!(by_face))
        .routes(routes!(by_face_as_employer))
        .routes(routes!(by_face_as_employee))
        .layer(DefaultBodyLimit::max(PICTURE_FORM_BYTES))
}

/// A token and whose it is.
#[derive(Serialize, ToSchema)]
pub(super) struct Entered {
    /// Goes into `Authorization: Bearer …`; good for 30 minutes.
    access_token: String,
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// `employer` or `employee`.
    #[schema(example = "employer")]
    user_type: &'static str,
    username: String,
    email: String,
}

/// Fields of a log-in by password.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct PasswordForm {
    email: String,
    password: String,
}

/// Fields of a log-in by face.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct FaceForm {
    /// A picture with one face.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    image: String,
    /// Whose face it is: then the comparison is 1:1.
    email: Option<String>,
}

async fn entered(app: &App, account: Account) -> ApiResult<Json<Entered>> {
    Ok(Json(Entered {
        access_token: entry::open_token(app, &account).await?,
        token_type: "bearer",
        user_type: account.kind.as_str(),
        username: account.username,
        email: account.email,
    }))
}

/// Log in with e-mail and password.
#[utoipa::path(
    post, path = "/login/password", tag = "log-in",
    request_body(content((PasswordForm = "application/x-www-form-urlencoded"), (PasswordForm = "multipart/form-data"))),
    responses(
        (status = 200, body = Entered),
        (status = 401, body = Detail, description = "`Invalid email or password`"),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn by_password(
    State(app): State<Arc<App>>,
    Address(address): Address,
    form: Form,
) -> ApiResult<Json<Entered>> {
    let (email, password) = form.read(|f| (f.text("email"), f.text("password")))?;
    let account = entry::by_password(&app, &email, password, address).await?;
    entered(&app, account).await
}

async fn face(
    app: &App,
    kind: Option<Kind>,
    address: Address,
    form: &Form,
) -> ApiResult<Json<Entered>> {
    let (email, image) = form.read(|f| (f.optional_text("email"), f.file("image")))?;
    let email = email.as_deref().filter(|email| !email.trim().is_empty());
    match entry::by_face(app, email, kind, image, address.0).await {
        Ok(account) => entered(app, account).await,
        Err(NotIn::Refused) => Err(ApiError::unauthorized("Face not recognized")),
        Err(other) => Err(other.into()),
    }
}

/// Log in with a face, as whatever one is.
#[utoipa::path(
    post, path = "/login/face", tag = "log-in",
    request_body(content = FaceForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Entered),
        (status = 400, body = Detail, description = "`No face detected in the uploaded image.`"),
        (status = 401, body = Detail, description = "`Face not recognized`"),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn by_face(
    State(app): State<Arc<App>>,
    address: Address,
    form: Form,
) -> ApiResult<Json<Entered>> {
    face(&app, None, address, &form).await
}

/// Log in with a face, as an employer.
#[utoipa::path(
    post, path = "/login/face/employer", tag = "log-in",
    request_body(content = FaceForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Entered),
        (status = 400, body = Detail, description = "`No face detected in the uploaded image.`"),
        (status = 401, body = Detail, description = "`Face not recognized`"),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn by_face_as_employer(
    State(app): State<Arc<App>>,
    address: Address,
    form: Form,
) -> ApiResult<Json<Entered>> {
    face(&app, Some(Kind::Employer), address, &form).await
}

/// Log in with a face, as an employee.
#[utoipa::path(
    post, path = "/login/face/employee", tag = "log-in",
    request_body(content = FaceForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Entered),
        (status = 400, body = Detail, description = "`No face detected in the uploaded image.`"),
        (status = 401, body = Detail, description = "`Face not recognized`"),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn by_face_as_employee(
    State(app): State<Arc<App>>,
    address: Address,
    form: Form,
) -> ApiResult<Json<Entered>> {
    face(&app, Some(Kind::Employee), address, &form).await
}
