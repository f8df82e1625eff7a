//! What is known of a plugin's processes: what ran, and why it died. Read only. Lines hold whatever
//! the plugin printed, so only admins see them.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Id, Query};
use super::state::AdminState;
use super::types::{count, list_of, resource, time_text};
use crate::fleet::Overview;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sidegate_api::error::Problem;
use sidegate_api::record::{LineAttributes, RecordAttributes, RecordQuery};
use sidegate_api::resource::{Resource, ResourceType};
use sidegate_model::clock::now_millis;
use sidegate_model::node::NodeId;
use sidegate_model::plugin::PluginId;
use sidegate_model::record::{InstanceRecord, LoggedLine, ProcessExit};
use sidegate_model::role::Role;
use std::cmp::Reverse;
use std::time::Duration;

/// Most lines of one process that can be asked for; more are not kept.
const MAX_LINES: usize = 200;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What is known of one process, and the node on which it is known.
pub type NodeRecord = (NodeId, InstanceRecord);

/// The processes of a plugin on all nodes, newest first, each with at most so many of its last lines.
pub(crate) fn records_of(
    state: &AdminState,
    overview: &Overview,
    plugin: PluginId,
    lines: usize,
) -> Vec<NodeRecord> {
    let of_node = |(node, _): (&NodeId, _)| {
        let records = state.fleet.records(node, plugin, lines).into_iter();
        records.map(|record| (node.clone(), record)).collect::<Vec<_>>()
    };
    let mut records: Vec<_> = overview.on_each(plugin).flat_map(of_node).collect();
    // Stable: what one node tells keeps its order.
    records.sort_by_key(|(_, record)| Reverse(record.started_at));
    records
}

/// A record without its lines.
pub(crate) fn summary((node, record): &NodeRecord) -> RecordAttributes {
    let end = record.end.as_ref();
    let exit = end.and_then(|end| end.exit);
    let (exit_code, signal) = match exit {
        Some(ProcessExit::Code(code)) => (Some(code), None),
        Some(ProcessExit::Signal(number)) => (None, Some(number)),
        None => (None, None),
    };
    RecordAttributes {
        node: node.to_string(),
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
        signal_name: exit.and_then(ProcessExit::signal_name).map(str::to_owned),
        out_of_memory: end.and_then(|end| end.out_of_memory.clone()),
        in_flight: end.map(|end| count(end.in_flight)),
        lines: None,
    }
}

/// A record with its lines, as the admin API tells it.
pub fn told_record(known: &NodeRecord) -> RecordAttributes {
    let lines = known.1.lines.iter().map(told_line).collect();
    RecordAttributes { lines: Some(lines), ..summary(known) }
}

fn shape(id: PluginId, known: &NodeRecord) -> Resource<RecordAttributes> {
    let attributes = told_record(known);
    let id = format!("{id}-{}", known.1.started_at);
    resource(ResourceType::PluginRecord, id, attributes)
}

/// A line, as the admin API tells it.
pub fn told_line(line: &LoggedLine) -> LineAttributes {
    let fields = line
        .fields
        .as_ref()
        .map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())));
    LineAttributes {
        number: line.number,
        at: time_text(line.at),
        stream: line.stream.to_owned(),
        level: line.level.to_owned(),
        message: line.message.clone(),
        module: line.module.clone(),
        request_id: line.request_id.clone(),
        trace_id: line.trace_id.clone(),
        fields,
    }
}

/// `GET /plugins/{id}/records`
pub(crate) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    Query(query): Query<RecordQuery>,
) -> Result<Response, ApiError> {
    // What plugins print may hold secrets.
    let usual = if caller.role().covers(Role::Operator) { MAX_LINES } else { 0 };
    let (lines, after) = query.settle(|RecordQuery { lines, after }| {
        let lines = lines.map_or(usual, |lines| usize::try_from(lines).unwrap_or(usize::MAX));
        if lines <= MAX_LINES {
            return Ok((lines, after));
        }
        let problem = format!("{lines} is too many, at most {MAX_LINES} are kept");
        Err(vec![Problem::at("lines", problem)])
    })?;
    if lines > 0 {
        caller.require(Role::Operator, "what plugins printed (lines; 0 shows none)")?;
    }
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let mut records = records_of(&state, &state.overview(), plugin.id, lines);
    if let Some(after) = after {
        let newer = |line: &LoggedLine| line.number > after;
        records.iter_mut().for_each(|(_, record)| record.lines.retain(newer));
    }
    let data = records.iter().map(|record| shape(plugin.id, record)).collect();
    Ok(Json(list_of(data)).into_response())
}
