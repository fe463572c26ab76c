//! What happens to every answer: it is counted, logged, and gets the headers that all have.
//!
//! The log has the route with its placeholders, never the query: the set-up link's token is in one.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::App;
use crate::metrics;

/// What an answer that is not the page may do where somebody opens it in a browser: nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

pub(super) async fn answered(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let mut response = next.run(request).await;
    add_headers(&mut response, app.config.http.behind_tls_proxy);
    let status = response.status().as_u16();
    let took = begun.elapsed();
    app.metrics.seconds.observe(took.as_secs_f64());
    let known = matches!(
        method.as_str(),
        "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH"
    );
    let method = if known { method.as_str() } else { "other" };
    app.metrics
        .requests
        .get_or_create(&metrics::Request {
            method: method.to_owned(),
            route: route.clone(),
            status,
        })
        .inc();
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(method, route, status, took_ms, "answered");
    response
}

fn add_headers(response: &mut Response, behind_tls_proxy: bool) {
    let headers = response.headers_mut();
    let mut add = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(header::REFERRER_POLICY, "no-referrer");
    add(header::X_FRAME_OPTIONS, "DENY");
    add(header::CONTENT_SECURITY_POLICY, NOTHING);
    add(header::CACHE_CONTROL, "no-store");
    add(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    if behind_tls_proxy {
        add(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}
