//! What happens to every answer: it is counted, logged, and gets the headers that all have.
//!
//! The log has the route with its placeholders, never the query: the set-up link's token is in one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;

use crate::App;
use crate::metrics;

/// What an answer that is not the page may do where somebody opens it in a browser: nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Most bytes of a body that are read and forgotten, and how long, so that a refusal is heard.
const REST_BYTES: usize = 32 << 20;
const REST_PATIENCE: Duration = Duration::from_secs(10);

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
    let (request, rest) = shared_body(request);
    let mut response = next.run(request).await;
    if let Some(rest) = rest
        && response.status().is_client_error()
    {
        let _read_or_too_much = tokio::time::timeout(REST_PATIENCE, forget(rest)).await;
    }
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

/// What is left of a body after its handler.
type Rest = Arc<Mutex<BodyDataStream>>;

/// Keeps a hand on the body. A client that still sends while its request is refused would find the line cut and
/// never read why, so the rest is read first; not where it waits to be asked for the body.
fn shared_body(request: Request) -> (Request, Option<Rest>) {
    let (head, body) = request.into_parts();
    if body.is_end_stream() || head.headers.contains_key(header::EXPECT) {
        return (Request::from_parts(head, body), None);
    }
    let rest = Arc::new(Mutex::new(body.into_data_stream()));
    let theirs = Arc::clone(&rest);
    let body = futures_util::stream::poll_fn(move |context| {
        let mut stream = theirs.lock().unwrap_or_else(PoisonError::into_inner);
        stream.poll_next_unpin(context)
    });
    (
        Request::from_parts(head, Body::from_stream(body)),
        Some(rest),
    )
}

async fn forget(rest: Rest) {
    let mut bytes = 0;
    while bytes < REST_BYTES {
        let chunk = futures_util::future::poll_fn(|context| {
            let mut stream = rest.lock().unwrap_or_else(PoisonError::into_inner);
            stream.poll_next_unpin(context)
        });
        match chunk.await {
            Some(Ok(chunk)) => bytes += chunk.len(),
            Some(Err(_)) | None => return,
        }
    }
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
