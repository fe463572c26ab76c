//! What is counted, and the listener that tells it: Prometheus text on loopback, apart from the web.
//!
//! No name, address, score or path with an id is a label: a label has few values, all known here.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::App;

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The route with its placeholders; `other` where none matched.
    pub route: String,
    /// The status.
    pub status: u16,
}

/// How somebody tried to get in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LogIn {
    /// By what.
    pub by: By,
    /// Whether it worked.
    pub outcome: Outcome,
}

/// By what somebody tried to get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "the names say it")]
pub enum By {
    Password,
    Face,
    SetUp,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Outcome {
    Accepted,
    Refused,
    Throttled,
}

/// What terminals' events became.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Event {
    /// `stored`, `duplicate`, `fork`, `quarantined` or `refused`.
    pub outcome: &'static str,
}

/// What is counted.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Requests that were answered.
    pub requests: Family<Request, Counter>,
    /// How long answering took, in seconds.
    pub seconds: Histogram,
    /// Attempts to get in.
    pub log_ins: Family<LogIn, Counter>,
    /// Pictures that were looked at for a face.
    pub pictures: Counter,
    /// Events of terminals by what became of them.
    pub events: Family<Event, Counter>,
    /// Terminals that are connected.
    pub terminals: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("limen");
        let requests = Family::default();
        let seconds = Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let log_ins = Family::default();
        let pictures = Counter::default();
        let events = Family::default();
        let terminals = Gauge::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_seconds",
            "Time to answer a request",
            seconds.clone(),
        );
        registry.register("log_ins", "Attempts to get in", log_ins.clone());
        registry.register("pictures", "Pictures looked at", pictures.clone());
        registry.register("events", "Events of terminals", events.clone());
        registry.register("terminals", "Terminals connected", terminals.clone());
        Self {
            registry: Mutex::new(registry),
            requests,
            seconds,
            log_ins,
            pictures,
            events,
            terminals,
        }
    }
}

impl Metrics {
    /// Counts an attempt to get in.
    pub fn log_in(&self, by: By, outcome: Outcome) {
        self.log_ins.get_or_create(&LogIn { by, outcome }).inc();
    }

    /// Counts an event of a terminal.
    pub fn event(&self, outcome: &'static str) {
        self.events.get_or_create(&Event { outcome }).inc();
    }

    /// All of it as text.
    ///
    /// # Errors
    /// Never, as text is written to memory; the encoder's type says otherwise.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// Serves `/metrics` until `stop`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let tell = move || {
        let app = Arc::clone(&app);
        async move { answer(&app.metrics) }
    };
    axum::serve(listener, axum::Router::new().route("/metrics", get(tell)))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

fn answer(metrics: &Metrics) -> Response {
    match metrics.text() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_as_text() {
        let metrics = Metrics::default();
        metrics.log_in(By::Password, Outcome::Refused);
        metrics.event("stored");
        let text = metrics.text().unwrap();
        assert!(
            text.contains(r#"limen_log_ins_total{by="Password",outcome="Refused"} 1"#),
            "{text}"
        );
        assert!(
            text.contains(r#"limen_events_total{outcome="stored"} 1"#),
            "{text}"
        );
    }
}
