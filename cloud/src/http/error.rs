//! What goes wrong, as an answer: one enum, one [`IntoResponse`].
//!
//! On the routes of the old backend every error is `{"detail": "a sentence"}`; only a missing or malformed field is
//! a list, in the shape that existing clients parse. Below `/api/` `problem` makes of it what RFC 9457 has.
//! Causes are logged here, once, and never sent.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use limen_face::NotOneFace;

use crate::accounts::entry::NotIn;
use crate::accounts::founding::NoPlace;
use crate::enrolment::EnrolmentError;
use crate::passwords::PasswordError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Why a request was not answered as it hoped.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The caller's fault, in words for the caller.
    #[error("{status}: {detail}")]
    Refused {
        /// A 4xx or 503.
        status: StatusCode,
        /// A sentence that holds no secret.
        detail: Cow<'static, str>,
    },
    /// 401 with `WWW-Authenticate: Bearer`.
    #[error("{0}")]
    NotAuthenticated(&'static str),
    /// 422: fields that are missing or malformed.
    #[error("fields are missing or malformed")]
    Fields(Vec<FieldProblem>),
    /// 429: too many attempts.
    #[error("too many attempts; wait for {seconds} s")]
    Throttled {
        /// How long to wait.
        seconds: u64,
    },
    /// 500: our own fault. The cause is logged and not sent.
    #[error("{doing} failed")]
    Internal {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One field that is missing or malformed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// A word for programs: `missing`, `string_type`, `value_error` and so on.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where: `["body", "email"]`.
    pub loc: Vec<String>,
    /// A sentence for people.
    pub msg: Cow<'static, str>,
}

impl FieldProblem {
    /// A problem with a field of the body.
    pub fn body(kind: &'static str, field: &str, msg: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            loc: vec!["body".to_owned(), field.to_owned()],
            msg: msg.into(),
        }
    }

    /// The field is not there.
    #[must_use]
    pub fn missing(field: &str) -> Self {
        Self::body("missing", field, "Field required")
    }
}

/// The body of every error but 422.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detail {
    /// What is wrong, in a sentence.
    pub detail: String,
}

/// The body of a 422.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblems {
    /// Each field with what is wrong with it.
    pub detail: Vec<FieldProblem>,
}

/// What an error says, beside the answer that holds it: for whoever says it in another form.
#[derive(Clone)]
pub(super) enum Said {
    Sentence(String),
    Fields(Vec<FieldProblem>),
}

/// What a handler gives.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A refusal with that status and sentence.
    pub fn refused(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused {
            status,
            detail: detail.into(),
        }
    }

    /// 400 with a sentence.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, detail)
    }

    /// 403 with a sentence.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::FORBIDDEN, detail)
    }

    /// 404 with a sentence.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::NOT_FOUND, detail)
    }

    /// 401 with a sentence, where no token was asked for.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::UNAUTHORIZED, detail)
    }

    /// 422 for one field.
    #[must_use]
    pub fn field(problem: FieldProblem) -> Self {
        Self::Fields(vec![problem])
    }

    /// 422 for one parameter of the query.
    pub fn in_query(name: &str, msg: impl Into<Cow<'static, str>>) -> Self {
        Self::field(FieldProblem {
            kind: "value_error",
            loc: vec!["query".to_owned(), name.to_owned()],
            msg: msg.into(),
        })
    }

    /// 422 for a query that can't be read.
    pub fn query(error: &axum::extract::rejection::QueryRejection) -> Self {
        Self::in_query("query", error.body_text())
    }

    /// 500; the cause is logged.
    pub fn internal(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            doing,
            source: source.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::internal("the database", error)
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        Self::internal("the vault", error)
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Refused(why) => Self::field(FieldProblem::body(
                "value_error",
                "password",
                why.to_string(),
            )),
            PasswordError::Busy => Self::refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many passwords are being checked at the moment; try again shortly",
            ),
            other => Self::internal("checking a password", other),
        }
    }
}

/// For log-ins and check-ins; a registration says everything as `Error processing image`.
impl From<EnrolmentError> for ApiError {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::NotOneFace(NotOneFace::None) => {
                Self::bad_request("No face detected in the uploaded image.")
            }
            EnrolmentError::NotOneFace(NotOneFace::Several) => {
                Self::bad_request("More than one face is near in the uploaded image.")
            }
            other => in_registration(other),
        }
    }
}

/// What is wrong with pictures, as the register routes say it.
pub(super) fn in_registration(error: EnrolmentError) -> ApiError {
    match error {
        error if error.is_about_the_picture() => {
            ApiError::bad_request(format!("Error processing image: {error}"))
        }
        EnrolmentError::Busy => ApiError::refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many pictures are being looked at; try again shortly",
        ),
        other => ApiError::internal("looking at a picture", other),
    }
}

impl From<NotIn> for ApiError {
    fn from(error: NotIn) -> Self {
        match error {
            // Each route has its own words for it; these are for those that have none.
            NotIn::Refused => Self::unauthorized("Invalid email or password"),
            NotIn::Throttled(seconds) => Self::Throttled { seconds },
            NotIn::Password(error) => error.into(),
            NotIn::Face(error) => error.into(),
            NotIn::Store(error) => error.into(),
            NotIn::Vault(error) => error.into(),
            NotIn::Token(error) => Self::internal("signing a token", error),
        }
    }
}

impl From<NoPlace> for ApiError {
    fn from(error: NoPlace) -> Self {
        match error {
            NoPlace::Password(error) => error.into(),
            NoPlace::Store(StoreError::NoSuchToken) => {
                Self::forbidden("The link or invitation is unknown, used or expired")
            }
            NoPlace::Store(StoreError::EmailTaken) => {
                Self::refused(StatusCode::CONFLICT, "Another account has this e-mail")
            }
            NoPlace::Store(error) => error.into(),
            NoPlace::Vault(error) => error.into(),
        }
    }
}

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused { status, detail } => said(status, Said::Sentence(detail.into_owned())),
            Self::NotAuthenticated(detail) => {
                let said = said(StatusCode::UNAUTHORIZED, Said::Sentence(detail.to_owned()));
                with(
                    said,
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer"),
                )
            }
            Self::Fields(detail) => said(StatusCode::UNPROCESSABLE_ENTITY, Said::Fields(detail)),
            Self::Throttled { seconds } => {
                let words = format!("Too many attempts; try again in {seconds} seconds");
                let said = said(StatusCode::TOO_MANY_REQUESTS, Said::Sentence(words));
                with(said, header::RETRY_AFTER, HeaderValue::from(seconds))
            }
            Self::Internal { doing, source } => {
                tracing::error!(
                    doing,
                    cause = with_causes(source.as_ref()),
                    "request failed"
                );
                let words = "Something went wrong here; the log of the server says what";
                said(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    Said::Sentence(words.to_owned()),
                )
            }
        }
    }
}

/// As the old backend says it.
fn said(status: StatusCode, said: Said) -> Response {
    let mut response = match said.clone() {
        Said::Sentence(detail) => (status, Json(Detail { detail })).into_response(),
        Said::Fields(detail) => (status, Json(FieldProblems { detail })).into_response(),
    };
    response.extensions_mut().insert(said);
    response
}

fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body_of(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 4096)
            .await
            .unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_missing_field_has_the_shape_that_clients_parse() {
        let response = ApiError::field(FieldProblem::missing("email")).into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(
            body_of(response).await,
            r#"{"detail":[{"type":"missing","loc":["body","email"],"msg":"Field required"}]}"#
        );
    }

    #[tokio::test]
    async fn causes_are_not_sent() {
        let response = ApiError::from(StoreError::Damaged("accounts.kind")).into_response();
        assert_eq!(response.status(), 500);
        assert!(!body_of(response).await.contains("accounts"));
    }

    #[tokio::test]
    async fn a_throttled_caller_hears_how_long() {
        let response = ApiError::Throttled { seconds: 30 }.into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], "30");
    }
}
