//! Who is calling: extractors over a bearer token or the browser's session cookie.
//!
//! A cookie comes by itself, so a request that changes something and carries one must come from our own
//! page. A token must be put there by whoever holds it, and needs no such check.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use super::error::ApiError;
use super::rights::{self, Who};
use crate::App;
use crate::site::Scope;
use crate::store::{Account, Hash, StoreError};
use crate::tokens;

/// Name of the session cookie where TLS ends in front of us: browsers then insist on `Secure` and `Path=/`.
const COOKIE_TLS: &str = "__Host-limen";
/// Name of the session cookie on loopback.
const COOKIE_PLAIN: &str = "limen";

/// The name of the session cookie.
pub(super) fn cookie_name(app: &App) -> &'static str {
    if app.config.http.behind_tls_proxy {
        COOKIE_TLS
    } else {
        COOKIE_PLAIN
    }
}

/// Who is calling, whichever kind of account.
#[derive(Clone)]
pub struct Caller {
    /// The account.
    pub account: Account,
    /// The session that it came by, to be closed at log-out.
    pub session: Hash,
}

/// An account that [`rights`] lets ask this route.
pub struct Allowed(pub Account);

/// Why nobody is known to be calling.
#[derive(Debug, thiserror::Error)]
pub enum NotLetIn {
    /// Neither token nor cookie.
    #[error("no token and no session cookie")]
    Missing,
    /// A token or cookie that is unknown, expired, revoked or forged.
    #[error("the token or session is not valid")]
    Invalid,
    /// A cookie with a request that another site's page made.
    #[error("the request was made by another site's page")]
    OtherSite,
    /// It can't be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NotLetIn> for ApiError {
    fn from(why: NotLetIn) -> Self {
        match why {
            NotLetIn::Missing => Self::NotAuthenticated("Not authenticated"),
            NotLetIn::Invalid => Self::NotAuthenticated("Invalid authentication credentials"),
            NotLetIn::OtherSite => Self::forbidden("Requests from other sites are refused"),
            NotLetIn::Store(error) => error.into(),
        }
    }
}

/// Whether the `Authorization` header may hold a token without the word `Bearer` before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BareToken {
    /// As an old client sends it.
    Taken,
    /// As the standard says.
    Refused,
}

/// Finds out who is calling.
///
/// # Errors
/// [`NotLetIn`] where nobody can be named.
pub async fn caller(app: &App, parts: &Parts, bare: BareToken) -> Result<Caller, NotLetIn> {
    if let Some(token) = token(&parts.headers, bare) {
        let claims = app
            .tokens
            .read(token, app.now())
            .map_err(|_| NotLetIn::Invalid)?;
        let session = tokens::hash(claims.jti.as_bytes());
        let account = app.store.session_account(session, app.now()).await?;
        return account
            .filter(|account| account.id.0 == claims.sub && account.kind.as_str() == claims.kind)
            .map(|account| Caller { account, session })
            .ok_or(NotLetIn::Invalid);
    }
    let cookie = cookie(&parts.headers, cookie_name(app)).ok_or(NotLetIn::Missing)?;
    if changes_something(&parts.method) && !from_own_page(&parts.headers) {
        return Err(NotLetIn::OtherSite);
    }
    let session = tokens::hash(cookie.as_bytes());
    let account = app.store.session_account(session, app.now()).await?;
    account
        .map(|account| Caller { account, session })
        .ok_or(NotLetIn::Invalid)
}

fn token(headers: &HeaderMap, bare: BareToken) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Some(token.trim()).filter(|token| !token.is_empty())
        }
        None if bare == BareToken::Taken && !value.eq_ignore_ascii_case("bearer") => {
            Some(value).filter(|token| !token.is_empty())
        }
        _ => None,
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value)
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the request was not made by another site's page. Browsers say it in `Sec-Fetch-Site`, older ones
/// in `Origin`; where neither is there, no browser made it.
pub(super) fn from_own_page(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let origin = origin.to_str().ok().and_then(|o| o.split_once("://"));
    matches!((origin, host), (Some((_, origin)), Some(host)) if origin.eq_ignore_ascii_case(host))
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = caller(app, parts, BareToken::Refused).await?;
        let route = parts.extensions.get::<MatchedPath>();
        let who = route.and_then(|route| rights::of(&parts.method, route.as_str()));
        if !who.is_some_and(|who| who.lets(caller.account.role)) {
            return Err(ApiError::forbidden("Access forbidden"));
        }
        let knows_sites = who == Some(Who::Themselves)
            || route.is_some_and(|route| rights::knows_sites(&parts.method, route.as_str()));
        if !knows_sites && !Scope::of(app, &caller.account).await?.is_all() {
            let why = "This is for managers of all sites; you are the manager of some";
            return Err(ApiError::forbidden(why));
        }
        Ok(caller)
    }
}

impl FromRequestParts<Arc<App>> for Allowed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        Ok(Self(caller.account))
    }
}

/// Refuses what another site's page asks for: for routes that hand a cookie out.
pub(super) struct OwnPage;

impl FromRequestParts<Arc<App>> for OwnPage {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        if from_own_page(&parts.headers) {
            Ok(Self)
        } else {
            Err(NotLetIn::OtherSite.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    header::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[rstest]
    #[case::not_a_browser(&[], true)]
    #[case::own_page(&[("sec-fetch-site", "same-origin")], true)]
    #[case::typed_by_hand(&[("sec-fetch-site", "none")], true)]
    #[case::other_site(&[("sec-fetch-site", "cross-site")], false)]
    #[case::neighbour(&[("sec-fetch-site", "same-site")], false)]
    #[case::old_browser(&[("origin", "https://clock.example"), ("host", "clock.example")], true)]
    #[case::old_browser_elsewhere(&[("origin", "https://evil.example"), ("host", "clock.example")], false)]
    #[case::opaque(&[("origin", "null"), ("host", "clock.example")], false)]
    fn only_our_own_page_changes_things_with_a_cookie(
        #[case] pairs: &[(&'static str, &'static str)],
        #[case] own: bool,
    ) {
        assert_eq!(from_own_page(&headers(pairs)), own);
    }

    #[test]
    fn a_token_is_read_with_and_without_its_word() {
        let with = headers(&[("authorization", "bearer abc")]);
        assert_eq!(token(&with, BareToken::Refused), Some("abc"));
        let bare = headers(&[("authorization", "abc")]);
        assert_eq!(token(&bare, BareToken::Refused), None);
        assert_eq!(token(&bare, BareToken::Taken), Some("abc"));
        let basic = headers(&[("authorization", "Basic abc")]);
        assert_eq!(token(&basic, BareToken::Taken), None);
        let nothing = headers(&[("authorization", "Bearer ")]);
        assert_eq!(token(&nothing, BareToken::Taken), None);
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let jar = headers(&[("cookie", "a=1; limen=secret; b=2")]);
        assert_eq!(cookie(&jar, "limen"), Some("secret"));
        assert_eq!(cookie(&jar, "lim"), None);
    }
}
