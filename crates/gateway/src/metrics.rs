//! What is counted, in the Prometheus text format. Labels come from registrations only, so that no
//! client can invent one.
//!
//! Each shard counts for itself and without locks; a scrape adds up.

mod exposition;
mod history;
mod issuer_keys;
mod knowledge;
mod plugin_metrics;
mod policy_limit;
mod removed_series;
mod report;
mod route_meter;
mod tally;

pub(crate) use issuer_keys::NamedKeys;
pub(crate) use plugin_metrics::CallFigures;
pub(crate) use policy_limit::PolicyLimit;
pub(crate) use route_meter::{RouteMeter, RouteName, UNMATCHED};

use crate::freshness::Knowledge;
use exposition::announce;
use history::HistoryKeeper;
use removed_series::RemovedSeries;
use report::Report;
use route_meter::RouteMeters;
use sidegate_model::status::PluginStatus;
use sidegate_plugins::ProcessFigures;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The counts of one shard.
#[derive(Debug)]
pub struct ShardMetrics {
    routes: RouteMeters,
    unmatched: Arc<RouteMeter>,
    in_flight: AtomicI64,
    connections: AtomicI64,
    certificates_shown: AtomicU64,
    certificates_refused: AtomicU64,
}

impl Default for ShardMetrics {
    fn default() -> Self {
        let routes = RouteMeters::default();
        let unmatched = routes.of(UNMATCHED);
        Self {
            routes,
            unmatched,
            in_flight: AtomicI64::new(0),
            connections: AtomicI64::new(0),
            certificates_shown: AtomicU64::new(0),
            certificates_refused: AtomicU64::new(0),
        }
    }
}

impl ShardMetrics {
    /// Its head was read; counts until [`ShardMetrics::request_ended`].
    pub fn request_began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// A request's last byte is gone.
    pub fn request_ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// The counts of a route.
    pub fn route(&self, name: RouteName<'_>) -> Arc<RouteMeter> {
        self.routes.of(name)
    }

    /// The counts of what matched no route.
    pub fn unmatched(&self) -> &Arc<RouteMeter> {
        &self.unmatched
    }

    /// A client connected.
    pub fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A client's connection ended.
    pub fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// A client showed a certificate that an authority vouches for.
    pub fn certificate_shown(&self) {
        self.certificates_shown.fetch_add(1, Ordering::Relaxed);
    }

    /// A client showed a certificate that nobody vouches for, and was sent away.
    pub fn certificate_refused(&self) {
        self.certificates_refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is known of plugins at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plugins<'a> {
    /// What each does.
    pub statuses: &'a [PluginStatus],
    /// Of those whose calls at one time are limited.
    pub calls: &'a [CallFigures],
}

/// The gateway's counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    shards: Box<[Arc<ShardMetrics>]>,
    removed_series: Mutex<RemovedSeries>,
    history: HistoryKeeper,
    /// When the certificate that is shown to clients ends; 0 where there is none.
    certificate_expiry: Arc<AtomicI64>,
}

impl Metrics {
    /// Nothing counted yet, by so many shards.
    pub(crate) fn new(shards: usize) -> Self {
        let shards = (0..shards.max(1)).map(|_| Arc::default()).collect();
        Self {
            shards,
            removed_series: Mutex::default(),
            history: HistoryKeeper::default(),
            certificate_expiry: Arc::default(),
        }
    }

    /// The counts of a shard.
    pub(crate) fn shard(&self, number: usize) -> Arc<ShardMetrics> {
        self.shards[number % self.shards.len()].clone()
    }

    /// Where it is told when the certificate ends that is shown to clients, in seconds since the Unix
    /// epoch.
    pub(crate) fn certificate_expiry(&self) -> &Arc<AtomicI64> {
        &self.certificate_expiry
    }

    /// Everything in the text format, with what is known of plugins, the lines that the log had to
    /// drop, the keys of issuers, and what an edge knows.
    pub(crate) fn render(
        &self,
        plugins: Plugins<'_>,
        dropped_lines: u64,
        issuers: &[NamedKeys],
        knowledge: Option<&Knowledge>,
    ) -> String {
        let mut out = self.render_at(plugins, dropped_lines, Instant::now());
        issuer_keys::write(&mut out, issuers);
        if let Some(knowledge) = knowledge {
            knowledge::write(&mut out, knowledge);
        }
        out.push_str("# EOF\n");
        out
    }

    fn render_at(&self, plugins: Plugins<'_>, dropped_lines: u64, now: Instant) -> String {
        let Plugins { statuses: plugins, calls } = plugins;
        let mut out = String::new();
        let mut report = Report::default();
        let meters = || self.shards.iter().flat_map(|shard| shard.routes.all());
        let mut removed_series = self.removed_series.lock().unwrap_or_else(PoisonError::into_inner);
        removed_series.look(meters().map(RouteMeter::name), plugins, now);
        for meter in meters() {
            if !removed_series.is_route_forgotten(meter.name(), now) {
                report.add(meter);
            }
            // They are told of the plugin as a whole, and a counter never goes back.
            if !removed_series.is_plugin_forgotten(meter.name().plugin, now) {
                report.add_errors(meter);
            }
        }
        report.write(&mut out);
        self.gauge(&mut out, "requests_in_flight", "Requests not yet answered", |s| &s.in_flight);
        self.gauge(&mut out, "connections", "Open client connections", |s| &s.connections);
        let dropped = "sidegate_log_lines_dropped";
        announce(&mut out, dropped, "counter", "Log lines that could not be written in time");
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{dropped}_total {dropped_lines}");
        self.write_certificate_expiry(&mut out);
        self.write_client_certificates(&mut out);
        plugin_metrics::write(&mut out, plugins, ProcessFigures::read);
        plugin_metrics::write_calls(&mut out, calls);
        out
    }

    /// Absent where no certificate is shown, or one that does not say when it ends.
    fn write_certificate_expiry(&self, out: &mut String) {
        const NAME: &str = "sidegate_tls_certificate_expiry_timestamp_seconds";
        let expiry = self.certificate_expiry.load(Ordering::Relaxed);
        if expiry > 0 {
            announce(out, NAME, "gauge", "When the certificate for clients ends");
            let _ = writeln!(out, "{NAME} {expiry}");
        }
    }

    /// Absent until a client shows one.
    fn write_client_certificates(&self, out: &mut String) {
        const NAME: &str = "sidegate_tls_client_certificates";
        let sum = |of: fn(&ShardMetrics) -> &AtomicU64| -> u64 {
            self.shards.iter().map(|shard| of(shard).load(Ordering::Relaxed)).sum()
        };
        let shown = sum(|shard| &shard.certificates_shown);
        let refused = sum(|shard| &shard.certificates_refused);
        if shown + refused == 0 {
            return;
        }
        announce(out, NAME, "counter", "Handshakes in which a client showed a certificate");
        for (outcome, count) in [("accepted", shown), ("refused", refused)] {
            // Writing to a text cannot fail.
            let _ = writeln!(out, "{NAME}_total{{outcome=\"{outcome}\"}} {count}");
        }
    }

    fn gauge(
        &self,
        out: &mut String,
        name: &str,
        help: &str,
        of: impl Fn(&ShardMetrics) -> &AtomicI64,
    ) {
        let family = format!("sidegate_{name}");
        announce(out, &family, "gauge", help);
        let sum: i64 = self.shards.iter().map(|shard| of(shard).load(Ordering::Relaxed)).sum();
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{family} {sum}");
    }
}

#[cfg(test)]
mod tests;
