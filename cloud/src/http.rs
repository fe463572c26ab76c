//! The web: the routes that existing dashboards speak, `/api/v1`, and the page.
//!
//! Each file gives its routes with their description ([`openapi`] gathers them); what all have in common is
//! here: limits, headers, counting, and the answer where nothing matches.

pub mod auth;
pub mod error;
pub mod form;
pub mod number;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

use crate::App;
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
