//! `/api/v1`: the browser's session, the set-up, and one's own account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Address;
use super::auth::{Caller, OwnPage, cookie_name};
use super::error::{ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form::{self, check_email, check_name};
use super::register::{check_password, taken};
use crate::App;
use crate::accounts::entry::{self, COOKIE_LIFE};
use crate::accounts::founding::{self, Applicant};
use crate::accounts::throttle::Attempt;
use crate::metrics::{By, Outcome};
use crate::run;
use crate::store::{Account, Founding};
use crate::tokens;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(log_in, log_out, who))
        .routes(routes!(set_up))
        .routes(routes!(set_face_login))
        .routes(routes!(change_password))
}

/// Fields of a log-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    email: String,
    password: String,
}

/// Fields of the set-up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUp {
    /// From the set-up link.
    token: String,
    username: String,
    email: String,
    /// 12 characters at least, 72 bytes at most.
    password: String,
}

/// Whether the own face may be logged in with.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FaceLogin {
    on: bool,
}

/// The old and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    old: String,
    /// 12 characters at least, 72 bytes at most.
    new: String,
}

/// Who is logged in.
#[derive(Serialize, ToSchema)]
struct Who {
    id: Uuid,
    /// `employer` or `employee`.
    #[schema(example = "employer")]
    user_type: &'static str,
    /// `owner`, `hr`, `manager`, `auditor`, `technician` or `employee`.
    #[schema(example = "owner")]
    role: &'static str,
    username: String,
    email: String,
    /// Whether the face may be logged in with.
    face_login: bool,
    /// Whether the e-mail is known to be read by its holder.
    verified: bool,
}

impl From<Account> for Who {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.0,
            user_type: account.kind.as_str(),
            role: account.role.as_str(),
            verified: account.verified,
            username: account.username,
            email: account.email,
            face_login: account.face_login,
        }
    }
}

/// Who was made.
#[derive(Serialize, ToSchema)]
struct Made {
    id: Uuid,
}

/// A `Set-Cookie` that no script reads and no other site's page sends.
fn set_cookie(app: &App, value: &str, seconds: i64) -> ApiResult<HeaderMap> {
    let name = cookie_name(app);
    let secure = if app.config.http.behind_tls_proxy {
        "; Secure"
    } else {
        ""
    };
    let line =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    let mut line = HeaderValue::from_str(&line)
        .map_err(|error| ApiError::internal("writing a cookie", error))?;
    line.set_sensitive(true);
    Ok(HeaderMap::from_iter([(header::SET_COOKIE, line)]))
}

/// Logs in whoever has just got the account of that e-mail.
pub(super) async fn logged_in(app: &App, email: &str) -> ApiResult<HeaderMap> {
    match app.store.account_by_email(email.to_owned()).await? {
        Some(account) => {
            let value = entry::open_cookie(app, &account).await?;
            set_cookie(app, &value, COOKIE_LIFE.as_secs())
        }
        None => Ok(HeaderMap::new()),
    }
}

/// Log in, for a browser: the answer sets the session's cookie.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", request_body = Credentials,
    responses(
        (status = 200, body = Who),
        (status = 401, body = Detail, description = "`Invalid email or password`"),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn log_in(
    State(app): State<Arc<App>>,
    _own: OwnPage,
    Address(address): Address,
    form::Json(credentials): form::Json<Credentials>,
) -> ApiResult<(HeaderMap, Json<Who>)> {
    let Credentials { email, password } = credentials;
    let account = entry::by_password(&app, &email, password, address).await?;
    let value = entry::open_cookie(&app, &account).await?;
    let cookie = set_cookie(&app, &value, COOKIE_LIFE.as_secs())?;
    Ok((cookie, Json(account.into())))
}

/// Log out: ends the session at once, by cookie or token.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session", security(("bearer" = []), ("cookie" = [])),
    responses((status = 204), (status = 401, body = Detail))
)]
async fn log_out(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> ApiResult<(StatusCode, HeaderMap)> {
    app.store.close_session(caller.session).await?;
    Ok((StatusCode::NO_CONTENT, set_cookie(&app, "", 0)?))
}

/// Who is logged in.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Who), (status = 401, body = Detail))
)]
async fn who(caller: Caller) -> Json<Who> {
    Json(caller.account.into())
}

/// Founds the first organisation, by the link that the first start prints. It works once, and logs the owner
/// in.
#[utoipa::path(
    post, path = "/api/v1/setup", tag = "registration", request_body = SetUp,
    responses(
        (status = 201, body = Made),
        (status = 400, body = Detail, description = "`Employer already exists`"),
        (status = 403, body = Detail, description = "the link is unknown or used"),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn set_up(
    State(app): State<Arc<App>>,
    _own: OwnPage,
    Address(address): Address,
    form::Json(wanted): form::Json<SetUp>,
) -> ApiResult<(StatusCode, HeaderMap, Json<Made>)> {
    let attempt = Attempt::new("set-up", address);
    app.throttle.check(attempt, app.now()).map_err(|seconds| {
        app.metrics.log_in(By::SetUp, Outcome::Throttled);
        ApiError::Throttled { seconds }
    })?;
    let username = wanted.username.trim().to_owned();
    let email = wanted.email.trim().to_owned();
    let problem = |field, why| FieldProblem::body("value_error", field, why);
    let problems: Vec<FieldProblem> = [
        check_name(&username).map_err(|why| problem("username", why)),
        check_email(&email).map_err(|why| problem("email", why)),
    ]
    .into_iter()
    .filter_map(Result::err)
    .collect();
    if !problems.is_empty() {
        return Err(ApiError::Fields(problems));
    }
    check_password(&wanted.password, &username, &email)?;
    let applicant = Applicant {
        username,
        email: email.clone(),
        password: wanted.password,
        face: None,
        face_login: false,
    };
    let by = Founding::SetUp(tokens::hash(wanted.token.as_bytes()));
    match founding::found_tenant(&app, applicant, by).await {
        Ok(id) => {
            app.metrics.log_in(By::SetUp, Outcome::Accepted);
            run::forget_setup_link(&app.data);
            let cookie = logged_in(&app, &email).await?;
            Ok((StatusCode::CREATED, cookie, Json(Made { id: id.0 })))
        }
        Err(error) => {
            app.throttle.failed(attempt, app.now());
            app.metrics.log_in(By::SetUp, Outcome::Refused);
            Err(taken(error, "Employer already exists"))
        }
    }
}

/// Confirms that the own face may be logged in with, or withdraws it.
#[utoipa::path(
    put, path = "/api/v1/face-login", tag = "session", request_body = FaceLogin,
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = FaceLogin),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn set_face_login(
    State(app): State<Arc<App>>,
    caller: Caller,
    form::Json(wanted): form::Json<FaceLogin>,
) -> ApiResult<Json<FaceLogin>> {
    let Account { tenant, id, .. } = caller.account;
    app.store
        .set_face_login(tenant, id, wanted.on, app.now())
        .await?;
    Ok(Json(wanted))
}

/// Changes the own password and ends all sessions, this one too.
#[utoipa::path(
    put, path = "/api/v1/password", tag = "session", request_body = NewPassword,
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn change_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    Address(address): Address,
    form::Json(wanted): form::Json<NewPassword>,
) -> ApiResult<(StatusCode, HeaderMap)> {
    let account = entry::by_password(&app, &caller.account.email, wanted.old, address).await?;
    let about = [account.username.as_str(), account.email.as_str()];
    let hash = app
        .passwords
        .hash(wanted.new, &about)
        .await
        .map_err(|error| renamed(error.into()))?;
    app.store
        .set_password_hash(account.tenant, account.id, hash)
        .await?;
    app.store
        .close_sessions_of(account.tenant, account.id)
        .await?;
    Ok((StatusCode::NO_CONTENT, set_cookie(&app, "", 0)?))
}

/// The field is called `new` here.
fn renamed(error: ApiError) -> ApiError {
    match error {
        ApiError::Fields(mut problems) => {
            for problem in &mut problems {
                problem.loc = vec!["body".to_owned(), "new".to_owned()];
            }
            ApiError::Fields(problems)
        }
        other => other,
    }
}
