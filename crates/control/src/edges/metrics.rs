//! What a control plane tells whoever watches it: whether it is ready, and what is counted.

use super::{Edges, coverage};
use crate::fleet::NodeProbes;
use serde_json::{Value, json};
use sidegate_api::operations::METRICS_TYPE;
use sidegate_model::snapshot::Revision;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bounds of the times from a save to the last connected edge, in seconds.
const BOUNDS: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
/// Saves that are looked after at one time; older ones are given up.
const MOST_PENDING: usize = 64;
/// A save that takes longer is not timed.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(120);

/// How long saves took to reach every connected edge.
#[derive(Default)]
pub(super) struct Timings(Mutex<Histogram>);

#[derive(Debug, Clone, Copy, Default)]
struct Histogram {
    /// How many took at most so long; the last has all.
    buckets: [u64; BOUNDS.len() + 1],
    sum: f64,
}

impl Timings {
    fn observe(&self, took: Duration) {
        let mut histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = took.as_secs_f64();
        for (bound, bucket) in BOUNDS.iter().zip(&mut histogram.buckets) {
            *bucket += u64::from(seconds <= *bound);
        }
        histogram.buckets[BOUNDS.len()] += 1;
        histogram.sum += seconds;
    }

    fn write(&self, out: &mut String) {
        let histogram = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        const NAME: &str = "sidegate_control_save_applied_seconds";
        let _ = writeln!(out, "# TYPE {NAME} histogram");
        let _ =
            writeln!(out, "# HELP {NAME} From a save to the last connected edge that it concerns.");
        let bounds = BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, bucket) in bounds.zip(histogram.buckets) {
            let _ = writeln!(out, "{NAME}_bucket{{le=\"{bound}\"}} {bucket}");
        }
        let _ = writeln!(out, "{NAME}_count {}", histogram.buckets[BOUNDS.len()]);
        let _ = writeln!(out, "{NAME}_sum {}", histogram.sum);
    }
}

impl Edges {
    /// Times saves until it is dropped.
    pub(super) async fn keep_timed(self) {
        let mut desired = self.control().publisher().subscribe();
        let mut changes = self.0.table.changes();
        let mut published = self.0.published.subscribe();
        let mut pending: VecDeque<(Revision, Instant)> = VecDeque::new();
        let mut last = desired.borrow_and_update().revision;
        loop {
            tokio::select! {
                changed = desired.changed() => if changed.is_err() { return },
                changed = changes.changed() => if changed.is_err() { return },
                changed = published.changed() => if changed.is_err() { return },
            }
            let revision = desired.borrow_and_update().revision;
            if std::mem::replace(&mut last, revision) != revision {
                pending.push_back((revision, Instant::now()));
                if pending.len() > MOST_PENDING {
                    pending.pop_front();
                }
            }
            let until = *published.borrow_and_update();
            pending.retain(|(revision, since)| {
                if until < *revision {
                    return since.elapsed() < GIVEN_UP_AFTER;
                }
                let covered = coverage::of(*revision, &self.0.heads, &self.0.table);
                if covered.connected > 0 && covered.is_complete() {
                    self.0.timings.observe(since.elapsed());
                }
                !covered.is_complete() && since.elapsed() < GIVEN_UP_AFTER
            });
        }
    }
}

impl NodeProbes for Edges {
    fn readiness(&self) -> (bool, Value) {
        let positions = self.0.heads.positions();
        let broken = self.control().ended().reason();
        // While some of it is published and some is not yet, it is told by neither.
        let is_ready = *self.0.begun.borrow() && broken.is_none();
        let published = *self.0.published.borrow();
        // Where something could not be published from the start.
        let newest = positions.values().map(|(at, _)| at.revision).max().unwrap_or_default();
        let revision = if published > 0 { published } else { newest };
        let mut body = json!({
            "status": if is_ready { "ready" } else { "not ready" },
            "service": "sidegate",
            "revision": revision,
            "missing": [],
            "plugins": [],
        });
        if let Some(reason) = broken {
            body["reason"] = reason.into();
        }
        (is_ready, body)
    }

    fn metrics(&self) -> (&'static str, String) {
        let mut out = String::new();
        let counted = self.0.counts.now();
        let mut one = |name: &str, kind: &str, help: &str, value: u64| {
            let _ = writeln!(out, "# TYPE {name} {kind}\n# HELP {name} {help}");
            let suffix = if kind == "counter" { "_total" } else { "" };
            let _ = writeln!(out, "{name}{suffix} {value}");
        };
        let here = self.0.table.connected_here() as u64;
        one(
            "sidegate_control_edges_connected",
            "gauge",
            "Edges that are connected to this process.",
            here,
        );
        let known = self.0.table.edges().len() as u64;
        one("sidegate_control_edges_known", "gauge", "Edges that there are.", known);
        let uptime = self.0.started.elapsed().as_secs();
        one("sidegate_control_uptime_seconds", "gauge", "How long this process runs.", uptime);
        one(
            "sidegate_control_manifests",
            "counter",
            "Manifests that this process made.",
            counted.manifests_made,
        );
        one(
            "sidegate_control_blobs",
            "counter",
            "Blobs that this process stored.",
            counted.blobs_stored,
        );
        one(
            "sidegate_control_restores",
            "counter",
            "Restored databases that this process noticed.",
            counted.restores,
        );
        one(
            "sidegate_control_publish_failures",
            "counter",
            "Attempts to publish that failed.",
            counted.failures,
        );
        for (name, help) in [
            (
                "sidegate_control_head_revision",
                "The revision of the newest manifest of each namespace.",
            ),
            ("sidegate_control_head_lineage", "Its lineage."),
        ] {
            let _ = writeln!(out, "# TYPE {name} gauge\n# HELP {name} {help}");
            for (namespace, (position, _)) in self.0.heads.positions() {
                let is_lineage = name.ends_with("lineage");
                let value = if is_lineage { position.lineage } else { position.revision };
                let _ = writeln!(out, "{name}{{namespace=\"{}\"}} {value}", namespace.as_str());
            }
        }
        self.0.timings.write(&mut out);
        out.push_str("# EOF\n");
        (METRICS_TYPE, out)
    }
}
