//! Requests of clients that are open now, over HTTP: listed, and ended. The nodes know them; ending one has its entry in
//! the audit log first.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::Query;
use super::state::AdminState;
use super::types::{count, time_text};
use crate::fleet::{asked, told};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use sidegate_api::error::{ErrorCode, Problem};
use sidegate_api::open_request::{
    OpenRequestAttributes, OpenRequestList, OpenRequestQuery, OpenRequestsMeta,
};
use sidegate_api::resource::{Resource, ResourceType};
use sidegate_model::node::NodeId;
use sidegate_model::plugin::PluginId;
use sidegate_model::role::Role;
use sidegate_model::traffic::{OpenRequest, OpenRequestFilter, OpenRequests};
use std::time::Duration;

const USUAL: u32 = 200;
const MOST: u32 = 1000;

/// `GET /requests`
pub(crate) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Query(query): Query<OpenRequestQuery>,
) -> Result<Response, ApiError> {
    let OpenRequestQuery { plugin, min_duration_ms, limit } = query.settle(|query| {
        if query.limit.is_none_or(|limit| (1..=MOST).contains(&limit)) {
            return Ok(query);
        }
        Err(vec![Problem::at("limit", format!("give a number from 1 to {MOST}"))])
    })?;
    let filter = OpenRequestFilter {
        plugin: name_of(&state, plugin).await?,
        min_duration: Duration::from_millis(min_duration_ms.unwrap_or_default()),
        most: usize::try_from(limit.unwrap_or(USUAL)).unwrap_or(usize::MAX),
    };
    let most = filter.most;
    let nodes = nodes_of(&state);
    let answers = asked(&nodes, |node| state.fleet.open_requests(node, filter.clone())).await;
    let nodes = answers.iter().map(|(node, answer)| told(node, answer)).collect();
    let mut total = 0;
    let mut open = Vec::new();
    for (node, answer) in answers {
        let OpenRequests { oldest, count } = answer.unwrap_or_default();
        total += count;
        open.extend(oldest.into_iter().map(|request| (node, request)));
    }
    open.sort_by_key(|(_, open)| std::cmp::Reverse(open.duration));
    // Who called and what exactly is told to those who may watch traffic.
    let sees_all = caller.role().covers(Role::Operator);
    let shown = |(node, open): (&NodeId, OpenRequest)| {
        let told = if sees_all { open } else { without_caller(open) };
        shape(node, told)
    };
    let data = open.into_iter().take(most).map(shown).collect();
    let meta = OpenRequestsMeta { total_count: count(total), nodes };
    Ok(Json(OpenRequestList { data, meta }).into_response())
}

/// `DELETE /requests/{request}`
pub(crate) async fn end(
    State(state): State<AdminState>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    // What cannot be decoded names nothing.
    let id = path.map(|Path(id)| id).unwrap_or_default();
    let gone = || ApiError::not_found(format!("no request {id:?} is open: list them anew"));
    let (node, number) = parse(&id).ok_or_else(gone)?;
    let node = nodes_of(&state).into_iter().find(|known| *known == node).ok_or_else(gone)?;
    let filter = OpenRequestFilter { most: usize::MAX, ..OpenRequestFilter::default() };
    let nodes = [node];
    let open = asked(&nodes, |node| state.fleet.open_requests(node, filter.clone())).await;
    let OpenRequests { oldest, count } = only(open)?;
    let is_whole = oldest.len() >= count;
    let open = oldest.into_iter().find(|request| request.number == number);
    let [node] = &nodes;
    let detail = match open {
        Some(OpenRequest { request_id, method, path, .. }) => {
            format!("{request_id} on {node}: {method} {path}")
        }
        None if is_whole => return Err(gone()),
        // A node with very many tells those that have been open longest.
        None => format!("{id} on {node}"),
    };
    state.control.by(caller.context()).note_done(&detail).await?;
    let ended = asked(&nodes, |node| state.fleet.end_request(node, number)).await;
    // One that has just ended by itself is what was wanted.
    only(ended)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What the one node that was asked says.
fn only<T>(answers: Vec<(&NodeId, Result<T, crate::fleet::Unreached>)>) -> Result<T, ApiError> {
    let answer = answers.into_iter().next().map(|(_, answer)| answer);
    let answer =
        answer.ok_or_else(|| ApiError::internal("one node was asked, and none answered"))?;
    answer.map_err(|unreached| ApiError::new(ErrorCode::Unavailable, unreached.to_string()))
}

/// The names of all nodes.
pub(super) fn nodes_of(state: &AdminState) -> Vec<NodeId> {
    let mut nodes: Vec<_> = state.fleet.nodes().into_iter().map(|report| report.id).collect();
    nodes.sort();
    nodes
}

/// The name by which nodes know a plugin.
///
/// # Errors
/// Where there is no such plugin.
pub(super) async fn name_of(
    state: &AdminState,
    id: Option<u32>,
) -> Result<Option<String>, ApiError> {
    let Some(id) = id.map(PluginId) else { return Ok(None) };
    Ok(Some(state.control.view().plugin(id).await?.draft.name))
}

/// An id is the name of the node and a number of its own.
fn parse(id: &str) -> Option<(NodeId, u64)> {
    let (node, number) = id.rsplit_once('.')?;
    Some((NodeId::new(node), u64::from_str_radix(number, 16).ok()?))
}

/// Without its address, its path and whose token it has; the route stays.
fn without_caller(open: OpenRequest) -> OpenRequest {
    let path = open.route.as_ref().map(|found| found.route.clone()).unwrap_or_default();
    OpenRequest { client: String::new(), path, app: None, ..open }
}

fn shape(node: &NodeId, open: OpenRequest) -> Resource<OpenRequestAttributes> {
    let (plugin, route) = open.route.map(|found| (found.plugin, found.route)).unzip();
    let attributes = OpenRequestAttributes {
        node: node.to_string(),
        request_id: open.request_id,
        client: open.client,
        method: open.method,
        path: open.path,
        route,
        plugin,
        app: open.app,
        started_at: time_text(open.started_at),
        duration_ms: u64::try_from(open.duration.as_millis()).unwrap_or(u64::MAX),
        status: open.status,
        stream: open.is_stream,
    };
    let id = format!("{node}.{:x}", open.number);
    Resource { kind: ResourceType::OpenRequest, id, attributes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_node_whatever_that_is_called() {
        assert_eq!(parse("a.b-1.ff"), Some((NodeId::new("a.b-1"), 255)));
        for wrong in ["", "ff", "a.", "a.xyz", "a.-1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
