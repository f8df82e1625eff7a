//! What an edge knows, and since when, in the text format.

use super::exposition::{announce, escape};
use crate::freshness::{Knowledge, ServedPosition};
use std::fmt::Write as _;

/// Writes it.
pub(super) fn write(out: &mut String, knowledge: &Knowledge) {
    let mut of_namespaces = |name: &str, help: &str, of: fn(&ServedPosition) -> u64| {
        announce(out, name, "gauge", help);
        for at in &knowledge.positions {
            // Writing to a text cannot fail.
            let _ = writeln!(out, "{name}{{namespace=\"{}\"}} {}", escape(&at.namespace), of(at));
        }
    };
    let help = "The revision of a namespace that is served by";
    of_namespaces("sidegate_snapshot_revision", help, |at| at.revision);
    let help = "The lineage of that revision";
    of_namespaces("sidegate_snapshot_lineage", help, |at| at.lineage);
    let figures = [
        (
            "sidegate_snapshot_staleness_seconds",
            "Since when it is not known that nothing newer is published",
            knowledge.staleness.as_secs(),
        ),
        (
            "sidegate_control_connected",
            "Whether the control plane is connected",
            u64::from(knowledge.is_connected),
        ),
        (
            "sidegate_snapshot_rejected_objects",
            "Objects that are not served by as they were published",
            u64::try_from(knowledge.rejected_objects).unwrap_or(u64::MAX),
        ),
    ];
    for (name, help, value) in figures {
        announce(out, name, "gauge", help);
        let _ = writeln!(out, "{name} {value}");
    }
    if let Some(expiry) = knowledge.certificate_expiry {
        let name = "sidegate_edge_certificate_expiry_timestamp_seconds";
        announce(out, name, "gauge", "When the certificate for the control plane ends");
        let _ = writeln!(out, "{name} {expiry}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn what_an_edge_knows_is_written() {
        let mut out = String::new();
        let at = |namespace: &str, revision| ServedPosition {
            namespace: namespace.to_owned(),
            lineage: 2,
            revision,
        };
        let knowledge = Knowledge {
            positions: vec![at("", 7), at("shop", 9)],
            staleness: std::time::Duration::from_secs(61),
            rejected_objects: 3,
            certificate_expiry: Some(1_900_000_000),
            ..Knowledge::default()
        };
        write(&mut out, &knowledge);
        for line in [
            "sidegate_snapshot_revision{namespace=\"\"} 7",
            "sidegate_snapshot_revision{namespace=\"shop\"} 9",
            "sidegate_snapshot_lineage{namespace=\"shop\"} 2",
            "sidegate_snapshot_staleness_seconds 61",
            "sidegate_control_connected 0",
            "sidegate_snapshot_rejected_objects 3",
            "sidegate_edge_certificate_expiry_timestamp_seconds 1900000000",
        ] {
            assert!(out.lines().any(|written| written == line), "{line}\n{out}");
        }
    }
}
