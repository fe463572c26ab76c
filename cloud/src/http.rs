//! The web: the routes that existing dashboards speak, `/api/v1`, and the page.
//!
//! Each file gives its routes with their description; [`router`] gathers the ones and [`openapi`] the others. What all have in common is here: who may call from elsewhere, headers, counting, and the answer
//! where nothing matches.

mod agreed;
mod alike;
mod answered;
mod assets;
pub mod attendance;
mod audit;
pub mod auth;
mod bulk;
mod consents;
pub mod employees;
mod enrolment_link;
pub mod error;
mod export;
mod exports;
pub mod form;
mod house;
mod inspection;
mod keeping;
mod leave;
mod links;
pub mod live;
mod login;
pub mod number;
mod payruns;
mod people;
mod plan;
mod problem;
mod register;
pub mod rights;
mod session;
mod site;
mod sites;
mod staff;
mod statements;
mod timesheets;
mod ways;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router, middleware};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use crate::{App, terminals};
use error::ApiError;

/// The address that a request comes from: the peer's, or what the proxy in front says where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub IpAddr);

impl FromRequestParts<Arc<App>> for Address {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        if !app.config.http.behind_tls_proxy {
            return Ok(Self(peer));
        }
        // The proxy appends the address that it saw; what stands before it anybody may have written.
        let said = parts
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .next_back()
            .and_then(|line| line.to_str().ok())
            .and_then(|line| line.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        Ok(Self(said.unwrap_or(peer)))
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Limen",
        description = "A face-recognition time clock: people, hours and pay.\n\nErrors below `/api/` are \
            `application/problem+json` (RFC 9457); of a 422, `errors` names each field. On the other routes they are \
            `{\"detail\": \"a sentence\"}`, and a missing or malformed field is 422 with a list."
    ),
    modifiers(&Schemes)
)]
struct Described;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("limen"));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// The routes that existing dashboards speak.
fn seed() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(house::root())
        .merge(login::routes())
        .merge(register::routes())
        .merge(employees::routes())
        .merge(attendance::routes())
}

/// Our own programming interface.
fn v1() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(session::routes())
        .merge(site::routes())
        .merge(sites::routes())
        .merge(staff::routes())
        .merge(links::routes())
        .merge(audit::routes())
        .merge(people::routes())
        .merge(bulk::routes())
        .merge(employees::v1())
        .merge(agreed::routes())
        .merge(plan::routes())
        .merge(leave::routes())
        .merge(timesheets::routes())
        .merge(payruns::routes())
        .merge(inspection::routes())
        .merge(statements::routes())
        .merge(ways::routes())
        .merge(alike::routes())
        .merge(consents::routes())
        .merge(enrolment_link::routes())
        .merge(keeping::routes())
        .merge(export::routes())
        .merge(live::routes())
        .merge(terminals::routes())
        .merge(house::routes())
}

/// Pages of the configured origins may call; no cookie goes with it.
fn from_elsewhere(origins: &[String]) -> CorsLayer {
    let origins = origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER])
}

/// The description of all routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut openapi = OpenApiRouter::with_openapi(Described::openapi())
        .merge(seed())
        .merge(v1())
        .into_openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut openapi.info.version);
    problem::describe(&mut openapi);
    rights::describe(&mut openapi);
    openapi
}

async fn wrong_method() -> ApiError {
    ApiError::refused(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}

/// Everything that the web listener answers.
pub fn router(app: Arc<App>) -> Router {
    let openapi = Arc::new(openapi());
    let (seed, _) = seed().split_for_parts();
    // A preflight is a method that no route has: the layer must lie around the answer to those too.
    let seed = seed.method_not_allowed_fallback(wrong_method);
    let seed = match app.config.cors_origins.as_slice() {
        [] => seed,
        origins => seed.layer(from_elsewhere(origins)),
    };
    let (v1, _) = v1().split_for_parts();
    v1.route(
        "/openapi.json",
        get(async move || Json(openapi.as_ref()).into_response()),
    )
    .route("/setup", get(assets::by_link))
    .route("/join", get(assets::by_link))
    .route("/reset", get(assets::by_link))
    .route("/verify", get(assets::by_link))
    .route("/enrol", get(assets::by_link))
    .method_not_allowed_fallback(wrong_method)
    .merge(seed)
    .fallback(assets::other)
    .layer(middleware::from_fn(problem::of_api))
    .layer(middleware::from_fn_with_state(
        Arc::clone(&app),
        answered::answered,
    ))
    .with_state(app)
}
