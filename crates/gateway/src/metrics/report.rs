//! The counts of all shards added up, and their text.

use super::exposition::{announce, escape};
use super::route_meter::{BORDERS, RouteMeter, RouteName};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The counts of one route on all shards.
#[derive(Default)]
struct Sums {
    statuses: BTreeMap<u16, u64>,
    durations: [u64; BORDERS.len() + 1],
    nanos: u64,
    sent_bytes: u64,
    received_bytes: u64,
    aborted: u64,
}

/// All counts by route, and errors by plugin.
#[derive(Default)]
pub(super) struct Report<'a> {
    routes: BTreeMap<RouteName<'a>, Sums>,
    errors: BTreeMap<(&'a str, &'static str), u64>,
    refusals: BTreeMap<(&'a str, &'static str), u64>,
}

/// A family with one value for each route: name, help, value.
type Family = (&'static str, &'static str, fn(&Sums) -> u64);

const FAMILIES: [Family; 3] = [
    ("sidegate_response_body_bytes", "Bytes of answers' bodies", |sums| sums.sent_bytes),
    ("sidegate_request_body_bytes", "Bytes of requests' bodies that were read", |sums| {
        sums.received_bytes
    }),
    ("sidegate_aborted_streams", "Answers cut before their end", |sums| sums.aborted),
];

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

impl<'a> Report<'a> {
    /// Adds the counts of one shard's route, if it has any.
    pub(super) fn add(&mut self, meter: &'a RouteMeter) {
        let durations = meter.durations.each_ref().map(read);
        let received = read(&meter.received_bytes);
        if received == 0 && durations.iter().all(|n| *n == 0) {
            return;
        }
        let sums = self.routes.entry(meter.name()).or_default();
        for (status, n) in meter.statuses.read() {
            *sums.statuses.entry(status).or_default() += n;
        }
        for (sum, n) in sums.durations.iter_mut().zip(durations) {
            *sum += n;
        }
        sums.nanos += read(&meter.nanos);
        sums.sent_bytes += read(&meter.sent_bytes);
        sums.received_bytes += received;
        sums.aborted += read(&meter.aborted);
    }

    /// Adds the errors of one shard's route, and the limits that were exceeded there.
    pub(super) fn add_errors(&mut self, meter: &'a RouteMeter) {
        for (code, n) in meter.errors() {
            *self.errors.entry((meter.name().plugin, code.as_str())).or_default() += n;
        }
        for (limit, n) in meter.refusals() {
            *self.refusals.entry((meter.name().plugin, limit.as_str())).or_default() += n;
        }
    }

    /// Writes all of it. Writing to a text cannot fail.
    pub(super) fn write(&self, out: &mut String) {
        let routes: Vec<_> = self.routes.iter().map(|(name, sums)| (labels(*name), sums)).collect();
        announce(out, "sidegate_requests", "counter", "Requests answered");
        for (labels, sums) in &routes {
            for (status, n) in &sums.statuses {
                let _ =
                    writeln!(out, "sidegate_requests_total{{{labels},status=\"{status}\"}} {n}");
            }
        }
        let help = "From the request's head to the answer's last byte";
        announce(out, "sidegate_request_duration_seconds", "histogram", help);
        for (labels, sums) in &routes {
            write_durations(out, labels, sums);
        }
        for (family, help, value) in FAMILIES {
            announce(out, family, "counter", help);
            for (labels, sums) in &routes {
                let _ = writeln!(out, "{family}_total{{{labels}}} {}", value(sums));
            }
        }
        announce(out, "sidegate_errors", "counter", "Errors by code");
        for ((plugin, code), n) in &self.errors {
            let plugin = escape(plugin);
            let labels = format_args!("{{plugin=\"{plugin}\",code=\"{code}\"}}");
            let _ = writeln!(out, "sidegate_errors_total{labels} {n}");
        }
        let help = "Requests that exceeded a limit that an operator has set";
        announce(out, "sidegate_policy_refusals", "counter", help);
        for ((plugin, limit), n) in &self.refusals {
            let plugin = escape(plugin);
            let labels = format_args!("{{plugin=\"{plugin}\",limit=\"{limit}\"}}");
            let _ = writeln!(out, "sidegate_policy_refusals_total{labels} {n}");
        }
    }
}

fn labels(name: RouteName<'_>) -> String {
    let (plugin, route) = (escape(name.plugin), escape(name.route));
    format!("plugin=\"{plugin}\",route=\"{route}\",method=\"{}\"", name.method)
}

fn write_durations(out: &mut String, labels: &str, sums: &Sums) {
    const NAME: &str = "sidegate_request_duration_seconds";
    let seconds = Duration::from_nanos(sums.nanos).as_secs_f64();
    let count: u64 = sums.durations.iter().sum();
    let _ = writeln!(out, "{NAME}_sum{{{labels}}} {seconds}\n{NAME}_count{{{labels}}} {count}");
    let mut below = 0;
    for (border, n) in BORDERS.iter().zip(&sums.durations) {
        below += n;
        let border = border.as_secs_f64();
        let _ = writeln!(out, "{NAME}_bucket{{le=\"{border:?}\",{labels}}} {below}");
    }
    let _ = writeln!(out, "{NAME}_bucket{{le=\"+Inf\",{labels}}} {count}");
}
