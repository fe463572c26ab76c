//! Errors of `/api/`, as RFC 9457 has them: `application/problem+json`.
//!
//! What an error says is [`super::error`]'s; the routes of the old backend keep its shape, all others get this.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{Content, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::error::{FieldProblem, Said};

/// The media type.
const KIND: &str = "application/problem+json";

/// What went wrong (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
struct Problem {
    /// `about:blank`: the status says all that a program needs.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// What the status is called.
    #[schema(example = "Not Found")]
    title: &'static str,
    #[schema(example = 404)]
    status: u16,
    /// What is wrong, in a sentence.
    detail: String,
    /// Of a 422: each field with what is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldProblem>,
}

impl Problem {
    fn new(status: StatusCode, said: Said) -> Self {
        let (detail, errors) = match said {
            Said::Sentence(detail) => (detail, Vec::new()),
            Said::Fields(errors) => {
                let one = |e: &FieldProblem| {
                    format!("{}: {}", e.loc.last().map_or("field", |f| f), e.msg)
                };
                (
                    errors.iter().map(one).collect::<Vec<_>>().join("; "),
                    errors,
                )
            }
        };
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail,
            errors,
        }
    }
}

/// Gives errors of `/api/` their form.
pub(super) async fn of_api(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Said>() {
        Some(said) if is_api => {
            let status = response.status();
            let (mut head, _) = response.into_parts();
            head.headers.remove(header::CONTENT_LENGTH);
            let (with, body) = Json(Problem::new(status, said))
                .into_response()
                .into_parts();
            head.headers.extend(with.headers);
            head.headers
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(KIND));
            Response::from_parts(head, body)
        }
        _ => response,
    }
}

/// Describes the errors of every route below `/api/` so.
pub(super) fn describe(openapi: &mut utoipa::openapi::OpenApi) {
    let name = Problem::name().into_owned();
    let content = || RefOr::T(Content::new(Some(Ref::from_schema_name(&name))));
    let components = openapi.components.get_or_insert_default();
    components.schemas.insert(name.clone(), Problem::schema());
    let field = FieldProblem::name().into_owned();
    components.schemas.insert(field, FieldProblem::schema());
    for (path, item) in &mut openapi.paths.paths {
        if !path.starts_with("/api/") {
            continue;
        }
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            for (status, response) in &mut operation.responses.responses {
                let is_error = status.starts_with('4') || status.starts_with('5');
                if let (true, RefOr::T(response)) = (is_error, response) {
                    response.content.clear();
                    response.content.insert(KIND.to_owned(), content());
                }
            }
        }
    }
}
