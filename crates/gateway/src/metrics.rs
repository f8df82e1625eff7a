//! What is counted, in the Prometheus text format. Labels come from registrations only, so that no
//! client can invent one.

use crate::plugin_metrics;
use crate::process_figures::ProcessFigures;
use http::StatusCode;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use sidegate_model::status::PluginStatus;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// A label text shared by many values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label(Arc<str>);

impl Label {
    /// A label with this text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

impl AsRef<str> for Label {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        encoder.write_str(&self.0)
    }
}

/// Where a request was routed: registered names only, `-` for what matched nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// Name of the plugin.
    pub plugin: Label,
    /// The registered path.
    pub route: Label,
    /// The method, as far as it is one that can be registered.
    pub method: Label,
}

impl Default for RouteLabels {
    fn default() -> Self {
        let none = Label::new("-");
        Self { plugin: none.clone(), route: none.clone(), method: none }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    plugin: Label,
    route: Label,
    method: Label,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    plugin: Label,
    code: Label,
}

/// The gateway's counts.
pub struct Metrics {
    registry: Registry,
    requests: Family<StatusLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    bytes: Family<RouteLabels, Counter>,
    received: Family<RouteLabels, Counter>,
    aborted: Family<RouteLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    in_flight: Gauge,
    connections: Gauge,
}

const BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 60.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("sidegate"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            bytes: Family::default(),
            received: Family::default(),
            aborted: Family::default(),
            errors: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
        };
        let r = &mut metrics.registry;
        r.register("requests", "Requests answered", metrics.requests.clone());
        r.register(
            "request_duration_seconds",
            "From the request's head to the answer's last byte",
            metrics.seconds.clone(),
        );
        r.register("response_body_bytes", "Bytes of answers' bodies", metrics.bytes.clone());
        let received = metrics.received.clone();
        r.register("request_body_bytes", "Bytes of requests' bodies that were read", received);
        r.register("aborted_streams", "Answers cut before their end", metrics.aborted.clone());
        r.register("errors", "Errors by code", metrics.errors.clone());
        r.register("requests_in_flight", "Requests not yet answered", metrics.in_flight.clone());
        r.register("connections", "Open client connections", metrics.connections.clone());
        metrics
    }
}

impl Metrics {
    /// A request began.
    pub fn request_began(&self) {
        self.in_flight.inc();
    }

    /// A request's last byte is gone.
    pub fn request_ended(
        &self,
        labels: &RouteLabels,
        status: StatusCode,
        took: Duration,
        bytes: u64,
    ) {
        self.in_flight.dec();
        let RouteLabels { plugin, route, method } = labels.clone();
        let status = status.as_u16();
        self.requests.get_or_create(&StatusLabels { plugin, route, method, status }).inc();
        self.seconds.get_or_create(labels).observe(took.as_secs_f64());
        self.bytes.get_or_create(labels).inc_by(bytes);
    }

    /// A request's body was read.
    pub fn request_body(&self, labels: &RouteLabels, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.received.get_or_create(labels).inc_by(bytes);
    }

    /// An answer was an error of the table.
    pub fn error(&self, labels: &RouteLabels, code: &'static str) {
        let labels = ErrorLabels { plugin: labels.plugin.clone(), code: Label::new(code) };
        self.errors.get_or_create(&labels).inc();
    }

    /// An answer was cut.
    pub fn aborted_stream(&self, labels: &RouteLabels) {
        self.aborted.get_or_create(labels).inc();
    }

    /// A client connected.
    pub fn connection_opened(&self) {
        self.connections.inc();
    }

    /// A client's connection ended.
    pub fn connection_closed(&self) {
        self.connections.dec();
    }

    /// Everything in the text format, with the plugins' states as they are now.
    pub fn render(&self, plugins: &[PluginStatus]) -> String {
        let mut out = String::new();
        if encode(&mut out, &self.registry).is_err() {
            return String::new();
        }
        let end = out.rfind("# EOF").unwrap_or(out.len());
        out.truncate(end);
        plugin_metrics::write(&mut out, plugins, ProcessFigures::read);
        out.push_str("# EOF\n");
        out
    }
}

#[cfg(test)]
mod tests;
