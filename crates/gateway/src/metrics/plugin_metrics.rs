//! What is told of plugins in the Prometheus text format: their states, and what their processes use.
//!
//! Read when it is asked for, so that a plugin that is gone leaves no figures behind.

use super::exposition::{announce, escape};
use sidegate_model::status::{PluginState, PluginStatus};
use sidegate_plugins::{ConcurrencyFigures, ProcessFigures};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One plugin with what its process uses.
struct Row<'a> {
    /// As it stands in a label.
    name: String,
    status: &'a PluginStatus,
    figures: Option<ProcessFigures>,
}

/// A family of one value for each plugin: name, type, help, value. Counters end in `_total` where
/// their values stand.
type Family = (&'static str, &'static str, &'static str, fn(&Row<'_>) -> Option<f64>);

const FAMILIES: [Family; 8] = [
    ("ready", "gauge", "1 while the plugin serves", |row| {
        Some(f64::from(u8::from(row.status.state == PluginState::Ready)))
    }),
    ("restarts", "counter", "Starts after an instance ended by itself", |row| {
        Some(f64::from(row.status.restarts))
    }),
    ("start_duration_seconds", "gauge", "How long the latest good start took", |row| {
        row.status.start_duration.map(|took| took.as_secs_f64())
    }),
    ("requests_in_flight", "gauge", "Requests open on all processes of the plugin", |row| {
        Some(number(u64::try_from(row.status.in_flight).unwrap_or(u64::MAX)))
    }),
    ("resident_memory_bytes", "gauge", "Resident memory of the process that serves", |row| {
        row.figures.map(|figures| number(figures.resident_bytes))
    }),
    ("cpu_seconds", "counter", "Processor time of the process that serves", |row| {
        row.figures.map(|figures| figures.cpu_seconds)
    }),
    ("open_files", "gauge", "Open files of the process that serves", |row| {
        row.figures.map(|figures| number(figures.open_files))
    }),
    ("threads", "gauge", "Threads of the process that serves", |row| {
        row.figures.map(|figures| number(figures.threads))
    }),
];

/// Adds what there is to tell. `figures` knows what a process uses.
pub(super) fn write(
    out: &mut String,
    plugins: &[PluginStatus],
    figures: impl Fn(u32) -> Option<ProcessFigures>,
) {
    // A name is unique but for a plugin that was removed and still drains; the newer one counts.
    let by_name: BTreeMap<_, _> = plugins.iter().map(|status| (&status.name, status)).collect();
    let rows = by_name.into_values().map(|status| Row {
        name: escape(&status.name),
        status,
        figures: status.pid.and_then(&figures),
    });
    let rows: Vec<_> = rows.collect();
    write_states(out, &rows);
    for (family, kind, help, value) in FAMILIES {
        announce(out, &format!("sidegate_plugin_{family}"), kind, help);
        let ending = if kind == "counter" { "_total" } else { "" };
        for row in &rows {
            if let Some(value) = value(row) {
                let name = &row.name;
                // Writing to a text cannot fail.
                let _ =
                    writeln!(out, "sidegate_plugin_{family}{ending}{{plugin=\"{name}\"}} {value}");
            }
        }
    }
}

/// The calls of a plugin that takes only so many at one time.
#[derive(Debug, Clone)]
pub(crate) struct CallFigures {
    /// Its name.
    pub plugin: String,
    /// As they are now.
    pub now: ConcurrencyFigures,
}

/// A family of one value for each such plugin.
type CallFamily = (&'static str, &'static str, &'static str, fn(ConcurrencyFigures) -> f64);

const CALL_FAMILIES: [CallFamily; 4] = [
    ("concurrent_requests", "gauge", "Requests that have a place within max_concurrent", |now| {
        f64::from(now.inside)
    }),
    ("queued_requests", "gauge", "Requests that wait for a place", |now| {
        number(u64::try_from(now.waiting).unwrap_or(u64::MAX))
    }),
    ("queue_waits", "counter", "Requests that got a place after waiting for it", |now| {
        number(now.waits)
    }),
    ("queue_wait_seconds", "counter", "How long those waited", |now| now.waited.as_secs_f64()),
];

/// Adds what there is to tell of plugins whose calls at one time are limited.
pub(super) fn write_calls(out: &mut String, calls: &[CallFigures]) {
    let by_name: BTreeMap<_, _> = calls.iter().map(|of| (&of.plugin, of.now)).collect();
    for (family, kind, help, value) in CALL_FAMILIES {
        announce(out, &format!("sidegate_plugin_{family}"), kind, help);
        let ending = if kind == "counter" { "_total" } else { "" };
        for (plugin, now) in &by_name {
            let (name, value) = (escape(plugin), value(*now));
            // Writing to a text cannot fail.
            let _ = writeln!(out, "sidegate_plugin_{family}{ending}{{plugin=\"{name}\"}} {value}");
        }
    }
}

fn write_states(out: &mut String, rows: &[Row<'_>]) {
    announce(out, "sidegate_plugin_state", "gauge", "1 for the state a plugin is in");
    for row in rows {
        for state in PluginState::ALL {
            let on = u8::from(state == row.status.state);
            let (name, state) = (&row.name, state.as_str());
            let _ =
                writeln!(out, "sidegate_plugin_state{{plugin=\"{name}\",state=\"{state}\"}} {on}");
        }
    }
}

/// Exact up to 2⁵³, which is more bytes than any machine has.
#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
fn number(value: u64) -> f64 {
    value as f64
}
