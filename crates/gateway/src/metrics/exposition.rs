//! The Prometheus text format (OpenMetrics): how a family is announced and a label is written.
//!
//! Knows no figure.

use std::fmt::Write as _;

/// Announces a family; `help` without its full stop.
pub(super) fn announce(out: &mut String, family: &str, kind: &str, help: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(out, "# HELP {family} {help}.\n# TYPE {family} {kind}");
}

/// A text as it stands between the quotes of a label.
pub(super) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
