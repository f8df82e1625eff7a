//! What is known of a plugin's processes: what ran, and why it died. Read only. Lines hold whatever
//! the plugin printed, so only admins see them.

use super::error::ApiError;
use super::extract::{Id, Query};
use super::state::AdminState;
use super::types::{Document, Resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sidegate_model::clock::now_millis;
use sidegate_model::plugin::PluginId;
use sidegate_model::record::{InstanceRecord, LoggedLine, ProcessExit};
use std::time::Duration;

/// Most lines of one process that can be asked for; more are not kept.
const MAX_LINES: usize = 200;

/// One process of a plugin.
#[derive(Serialize)]
pub(crate) struct RecordAttributes {
    pid: Option<u32>,
    sha256: Option<String>,
    running: bool,
    started_at: String,
    ready_at: Option<String>,
    start_duration_ms: Option<u64>,
    uptime_ms: u64,
    ended_at: Option<String>,
    /// Why it ended, in words for an operator.
    reason: Option<String>,
    /// Whether the gateway ended it because it was replaced, removed or disabled.
    in_order: Option<bool>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    signal_name: Option<&'static str>,
    out_of_memory: Option<String>,
    /// Requests that broke off with it.
    in_flight: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<LineAttributes>>,
}

#[derive(Serialize)]
struct LineAttributes {
    number: u64,
    at: String,
    stream: &'static str,
    level: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// An object; a text where it was too long to be kept whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Value>,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A record without its lines.
pub(crate) fn summary(record: &InstanceRecord) -> RecordAttributes {
    let end = record.end.as_ref();
    let exit = end.and_then(|end| end.exit);
    let (exit_code, signal) = match exit {
        Some(ProcessExit::Code(code)) => (Some(code), None),
        Some(ProcessExit::Signal(number)) => (None, Some(number)),
        None => (None, None),
    };
    RecordAttributes {
        pid: record.pid,
        sha256: record.sha256.clone(),
        running: end.is_none(),
        started_at: time_text(record.started_at),
        ready_at: record.ready_at.map(time_text),
        start_duration_ms: record.start_duration().map(millis),
        uptime_ms: millis(record.uptime(now_millis())),
        ended_at: end.map(|end| time_text(end.at)),
        reason: end.map(|end| end.reason.clone()),
        in_order: end.map(|end| end.in_order),
        exit_code,
        signal,
        signal_name: exit.and_then(ProcessExit::signal_name),
        out_of_memory: end.and_then(|end| end.out_of_memory.clone()),
        in_flight: end.map(|end| end.in_flight),
        lines: None,
    }
}

fn shape(id: PluginId, record: &InstanceRecord) -> Resource<RecordAttributes> {
    let lines = record.lines.iter().map(shape_line).collect();
    let attributes = RecordAttributes { lines: Some(lines), ..summary(record) };
    Resource::new("plugin-records", format!("{id}-{}", record.started_at), attributes)
}

fn shape_line(line: &LoggedLine) -> LineAttributes {
    let fields = line
        .fields
        .as_ref()
        .map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())));
    LineAttributes {
        number: line.number,
        at: time_text(line.at),
        stream: line.stream,
        level: line.level,
        message: line.message.clone(),
        module: line.module.clone(),
        request_id: line.request_id.clone(),
        trace_id: line.trace_id.clone(),
        fields,
    }
}

/// How much to tell.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordQuery {
    lines: Option<usize>,
    /// Only lines with a greater number.
    after: Option<u64>,
}

#[derive(Serialize)]
struct Count {
    total_count: usize,
}

/// `GET /plugins/{id}/records`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Id(id): Id,
    Query(query): Query<RecordQuery>,
) -> Result<Response, ApiError> {
    let lines = query.lines.unwrap_or(MAX_LINES);
    if lines > MAX_LINES {
        let detail = format!("lines: {lines} is too many, at most {MAX_LINES} are kept");
        return Err(ApiError::bad_request(detail));
    }
    let plugin = state.control.store().plugin(PluginId(id)).await?;
    let mut records = state.plane.records(plugin.id, lines);
    if let Some(after) = query.after {
        records.iter_mut().for_each(|record| record.lines.retain(|line| line.number > after));
    }
    let data: Vec<_> = records.iter().map(|record| shape(plugin.id, record)).collect();
    let meta = Some(Count { total_count: data.len() });
    Ok(Json(Document { data, meta }).into_response())
}
