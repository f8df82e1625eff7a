//! What is known of a plugin's processes, as the admin API tells it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One process of a plugin. Times are UTC, RFC 3339.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordAttributes {
    /// The node on which it runs or ran, as in the setting `EDGE_ID`.
    pub node: String,
    /// Its process id; `null` when no process could be made.
    pub pid: Option<u32>,
    /// SHA-256 of the program in lower-case hex, where it was taken.
    pub sha256: Option<String>,
    /// Whether it runs.
    pub running: bool,
    /// When its start began.
    pub started_at: String,
    /// When it passed every step of its start.
    pub ready_at: Option<String>,
    /// How long its start took.
    pub start_duration_ms: Option<u64>,
    /// How long it has run, or ran.
    pub uptime_ms: u64,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Why it ended, in words for an operator.
    pub reason: Option<String>,
    /// Whether the gateway ended it because it was replaced, removed or disabled.
    pub in_order: Option<bool>,
    /// The code with which it ended by itself.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The name of that signal, for signals that have one.
    pub signal_name: Option<String>,
    /// What shows that memory ran out; `null` says nothing.
    pub out_of_memory: Option<String>,
    /// Requests that broke off with it.
    pub in_flight: Option<u64>,
    /// What it printed last, oldest first; absent where nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineAttributes>>,
}

/// One line that a plugin printed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LineAttributes {
    /// Grows over all lines of a plugin, from one process to the next too.
    pub number: u64,
    /// When it was read; UTC, RFC 3339.
    pub at: String,
    /// Where it was printed.
    #[schemars(extend("enum" = ["stdout", "stderr"]))]
    pub stream: String,
    /// How grave it is.
    #[schemars(extend("enum" = ["trace", "debug", "info", "warn", "error"]))]
    pub level: String,
    /// The text; a long one is cut.
    pub message: String,
    /// Which part of the plugin wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The request it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Other fields that the plugin gave it: an object, or a text where it was too long to be kept whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("type" = ["object", "string"]))]
    pub fields: Option<Value>,
}

/// How much is told of the processes of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordQuery {
    /// How many of each process' last lines, 0 to 200; where nothing is said 200, and 0 for a viewer, who may not ask for
    /// more.
    pub lines: Option<u32>,
    /// Only lines with a greater number.
    pub after: Option<u64>,
    /// Only what is known on this node.
    pub node: Option<String>,
}
