//! What plugins print, as it comes: the events of a stream of the admin API.

use crate::event_stream::MESSAGE_EVENT;
use crate::operation::Shape;
use crate::record::{LineAttributes, RecordAttributes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of an event that tells of a process: it began, or it ended. Its data is a [`RecordAttributes`].
pub const PROCESS_EVENT: &str = "process";
/// The name of an event that tells of what is not seen. Its data is a [`LogNote`].
pub const NOTE_EVENT: &str = "note";

/// All of them.
pub const LOG_EVENTS: &[(&str, Shape)] = &[
    (MESSAGE_EVENT, Shape::of::<LogLine>()),
    (PROCESS_EVENT, Shape::of::<RecordAttributes>()),
    (NOTE_EVENT, Shape::of::<LogNote>()),
];

/// One line that a plugin printed, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// When it was read; UTC, RFC 3339.
    pub at: String,
    /// The node on which it was printed.
    pub node: String,
    /// The id of the process that printed it.
    pub process: Option<u32>,
    /// When the start of that process began, which tells it from all others of the node.
    pub process_started_at: String,
    /// Where it was printed.
    #[schemars(extend("enum" = ["stdout", "stderr"]))]
    pub stream: String,
    /// How grave it is.
    #[schemars(extend("enum" = ["trace", "debug", "info", "warn", "error"]))]
    pub level: String,
    /// The text; a long one is cut.
    pub text: String,
    /// Grows over all lines of a plugin on one node, from one process to the next too.
    pub number: u64,
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

impl LogLine {
    /// A line of a process.
    pub fn of(process: &RecordAttributes, line: LineAttributes) -> Self {
        Self {
            at: line.at,
            node: process.node.clone(),
            process: process.pid,
            process_started_at: process.started_at.clone(),
            stream: line.stream,
            level: line.level,
            text: line.message,
            number: line.number,
            module: line.module,
            request_id: line.request_id,
            trace_id: line.trace_id,
            fields: line.fields,
        }
    }
}

impl From<LogLine> for LineAttributes {
    fn from(line: LogLine) -> Self {
        Self {
            number: line.number,
            at: line.at,
            stream: line.stream,
            level: line.level,
            message: line.text,
            module: line.module,
            request_id: line.request_id,
            trace_id: line.trace_id,
            fields: line.fields,
        }
    }
}

/// Something of the log that is not seen, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogNote {
    /// The node it is about; `null` is all of them.
    pub node: Option<String>,
    /// In words for people.
    pub text: String,
}

/// One event of the log of a plugin, as nodes tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogEvent {
    /// A line.
    Line(LogLine),
    /// A process began or ended.
    Process(RecordAttributes),
    /// Something is not seen.
    Note(LogNote),
    /// What was there at the beginning is told, up to the line with this number. For whoever goes on later, not for
    /// readers.
    Position(u64),
}

/// Which lines are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// How many of the last lines of each node come first, 0 to 200; 10 where nothing is said.
    pub tail: Option<u32>,
    /// Only what is printed on this node.
    pub node: Option<String>,
}
