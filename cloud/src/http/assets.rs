//! The page: its files, compiled in, under a policy that allows nothing inline and nothing from elsewhere.
//!
//! The built page is committed beside its source, so that a checkout builds without Node. Where it is
//! missing, a plain page says so and the rest works.

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::Embed;

use super::error::ApiError;

#[derive(Embed)]
#[folder = "dashboard/dist"]
#[allow_missing = true]
struct Dist;

/// What the page may load and do.
pub(super) const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Limen</title>\
     <h1>The page is not built in</h1>\
     <p>This program was compiled without cloud/dashboard/dist. Build the page (npm ci and npm run build \
     in cloud/dashboard) and compile again. The programming interface works: see \
     <a href=\"/openapi.json\">/openapi.json</a>.</p>";

/// Whether the caller is a browser that wants to show something.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|kind| {
            kind.split(';')
                .next()
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
        })
}

/// The page itself.
pub(super) fn page(headers: &HeaderMap) -> Response {
    file("index.html", headers).unwrap_or_else(|| {
        let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
        with_policy((kind, NOT_BUILT).into_response())
    })
}

/// What matches no route: a file of the page, or 404.
pub(super) async fn other(uri: Uri, headers: HeaderMap) -> Response {
    file(uri.path().trim_start_matches('/'), &headers)
        .unwrap_or_else(|| ApiError::not_found("Not Found").into_response())
}

/// A browser opens a link: of the set-up, or of a letter.
pub(super) async fn by_link(headers: HeaderMap) -> Response {
    page(&headers)
}

fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let file = Dist::get(path)?;
    let tag = format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash())
    );
    let held = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains(&tag));
    let tag = HeaderValue::from_str(&tag).ok()?;
    // The names carry no hash, so browsers ask each time; an unchanged file costs no body.
    let fresh = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_TYPE, HeaderValue::from_static(kind(path))),
    ];
    Some(with_policy(if held {
        (StatusCode::NOT_MODIFIED, fresh).into_response()
    } else {
        (fresh, file.data.into_owned()).into_response()
    }))
}

fn with_policy(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(PAGE_POLICY),
    );
    response
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))])
    }

    #[test]
    fn browsers_get_the_page_and_programs_do_not() {
        assert!(wants_page(&accepting(
            "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
        )));
        assert!(!wants_page(&accepting("*/*")));
        assert!(!wants_page(&accepting("application/json")));
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn a_path_never_leaves_the_page() {
        for path in [
            "../Cargo.toml",
            "assets/../../src/lib.rs",
            "",
            "/etc/passwd",
        ] {
            assert!(file(path, &HeaderMap::new()).is_none(), "{path}");
        }
    }
}
