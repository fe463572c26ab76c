//! Who may ask: the page that was served here, on this machine, and no other page of its browser.
//!
//! A page from elsewhere in the same browser reaches loopback too. Its requests say so by `Origin`
//! and `Sec-Fetch-Site`; one that has this address under a name of its own (DNS rebinding) says so
//! by `Host`. What changes something needs all three right.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What the page may load and do.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What every answer says.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    // Nothing of it belongs into the browser's cache on the disk.
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// Lets the terminal's own page through, and nobody else.
pub(super) async fn own_page(
    State(here): State<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match is_own(request.method(), request.headers(), here) {
        true => next.run(request).await,
        false => StatusCode::FORBIDDEN.into_response(),
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a request comes from the page that is served at `here`, or from whoever opens it.
fn is_own(method: &Method, headers: &HeaderMap, here: SocketAddr) -> bool {
    let Some(host) = only(headers, &header::HOST) else {
        return false;
    };
    let names = [here.to_string(), format!("localhost:{}", here.port())];
    if !names.iter().any(|name| name == host) {
        return false;
    }
    let is_origin = match headers.get(header::ORIGIN) {
        // A browser that opens the page or reads from it says none.
        None => method == Method::GET || method == Method::HEAD,
        Some(_) => only(headers, &header::ORIGIN)
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|origin| origin == host),
    };
    let site = HeaderName::from_static("sec-fetch-site");
    let is_site = match headers.get(&site) {
        None => true,
        Some(_) => matches!(only(headers, &site), Some("same-origin" | "none")),
    };
    is_origin && is_site
}

/// A header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HERE: &str = "127.0.0.1:8470";

    #[rstest]
    #[case::the_page_is_opened("GET", &[("host", HERE), ("sec-fetch-site", "none")], true)]
    #[case::it_reads("GET", &[("host", HERE), ("sec-fetch-site", "same-origin")], true)]
    #[case::it_writes("POST", &[("host", HERE), ("origin", "http://127.0.0.1:8470"), ("sec-fetch-site", "same-origin")], true)]
    #[case::by_its_other_name("POST", &[("host", "localhost:8470"), ("origin", "http://localhost:8470")], true)]
    #[case::between_its_names("POST", &[("host", HERE), ("origin", "http://localhost:8470")], false)]
    #[case::no_origin("POST", &[("host", HERE)], false)]
    #[case::another_page("POST", &[("host", HERE), ("origin", "http://example.com")], false)]
    #[case::a_page_of_another_port("POST", &[("host", HERE), ("origin", "http://127.0.0.1:8000"), ("sec-fetch-site", "same-site")], false)]
    #[case::a_sandboxed_page("POST", &[("host", HERE), ("origin", "null")], false)]
    #[case::another_page_reads("GET", &[("host", HERE), ("sec-fetch-site", "cross-site")], false)]
    #[case::a_neighbour_reads("GET", &[("host", HERE), ("sec-fetch-site", "same-site")], false)]
    #[case::rebound_name("GET", &[("host", "example.com:8470"), ("sec-fetch-site", "same-origin")], false)]
    #[case::rebound_name_writes("POST", &[("host", "example.com:8470"), ("origin", "http://example.com:8470")], false)]
    #[case::no_host("GET", &[], false)]
    #[case::two_hosts("GET", &[("host", HERE), ("host", "example.com")], false)]
    #[case::without_its_port("GET", &[("host", "127.0.0.1")], false)]
    fn who_may_ask(#[case] method: &str, #[case] headers: &[(&str, &str)], #[case] may: bool) {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            });
        let method: Method = method.parse().unwrap();
        assert_eq!(is_own(&method, &headers, HERE.parse().unwrap()), may);
    }
}
