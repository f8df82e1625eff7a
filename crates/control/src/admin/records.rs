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
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_model::record::{InstanceRecord, LoggedLine, ProcessExit};
use sidegate_model::role::Role;
use std::time::Duration;
use tokio::time::timeout;

/// Most lines of one process that can be asked for; more are not kept.
const MAX_LINES: usize = 200;
/// Nodes that are asked where none is named, and how long each may take.
const MOST_NODES: usize = 20;
const ASK_WITHIN: Duration = Duration::from_secs(3);

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What is known of one process, and the node on which it is known.
pub type NodeRecord = (NodeId, InstanceRecord);

/// The processes of a plugin on all nodes, or on one, newest first, each with at most so many of its last lines. A node
/// that cannot be asked has none, unless it is the one that is meant.
///
/// # Errors
/// Why the one that is meant does not tell.
pub(crate) async fn records_of(
    state: &AdminState,
    overview: &Overview,
    plugin: &Plugin,
    (node, lines): (Option<&str>, usize),
) -> Result<Vec<RecordAttributes>, ApiError> {
    if let Some(name) = node {
        let node = NodeId::new(name);
        let asked = timeout(ASK_WITHIN, state.fleet.records(&node, plugin.id, lines)).await;
        let told =
            asked.map_err(|_| ApiError::not_found(format!("node {node} does not answer")))?;
        return told.map_err(|unreached| ApiError::not_found(unreached.to_string()));
    }
    let asked = overview
        .on_each(plugin)
        .take(MOST_NODES)
        .map(|(node, _)| timeout(ASK_WITHIN, state.fleet.records(node, plugin.id, lines)));
    let told = futures_util::future::join_all(asked).await;
    let mut records: Vec<_> = told.into_iter().filter_map(Result::ok).flatten().flatten().collect();
    // Stable: what one node tells keeps its order.
    records.sort_by(|one, other| other.started_at.cmp(&one.started_at));
    Ok(records)
}

/// A record with its lines, as the admin API tells it.
pub fn told_record(known: &NodeRecord) -> RecordAttributes {
    let lines = known.1.lines.iter().map(told_line).collect();
    RecordAttributes { lines: Some(lines), ..summary(known) }
}

/// A record without its lines.
fn summary((node, record): &NodeRecord) -> RecordAttributes {
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

fn shape(id: PluginId, record: RecordAttributes) -> Resource<RecordAttributes> {
    // Their times are unique among those of one plugin, but for other nodes.
    let id = format!("{id}-{}", millis_of(&record.started_at));
    resource(ResourceType::PluginRecord, id, record)
}

/// A time that was told, as a number.
fn millis_of(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond)
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
    let (lines, after, node) = query.settle(|RecordQuery { lines, after, node }| {
        let lines = lines.map_or(usual, |lines| usize::try_from(lines).unwrap_or(usize::MAX));
        if lines <= MAX_LINES {
            return Ok((lines, after, node));
        }
        let problem = format!("{lines} is too many, at most {MAX_LINES} are kept");
        Err(vec![Problem::at("lines", problem)])
    })?;
    if lines > 0 {
        caller.require(Role::Operator, "what plugins printed (lines; 0 shows none)")?;
    }
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let wanted = (node.as_deref(), lines);
    let mut records = records_of(&state, &state.overview(), &plugin, wanted).await?;
    if let Some(after) = after {
        let newer = |line: &LineAttributes| line.number > after;
        records.iter_mut().for_each(|r| r.lines.iter_mut().for_each(|lines| lines.retain(newer)));
    }
    let data = records.into_iter().map(|record| shape(plugin.id, record)).collect();
    Ok(Json(list_of(data)).into_response())
}
