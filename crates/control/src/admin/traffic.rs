//! Requests of clients as they end, as events. Nodes look for those that are wanted and drop what comes faster than it is
//! read; here it is only put into words.

use super::error::ApiError;
use super::event_stream::{Event, EventReader};
use super::extract::Query;
use super::open_requests::{name_of, nodes_of};
use super::state::AdminState;
use super::types::time_text;
use crate::fleet::told;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream::{self, StreamExt as _};
use sidegate_api::error::Problem;
use sidegate_api::live::{DroppedRequests, EndedRequest, TrafficHello, TrafficQuery};
use sidegate_model::node::NodeId;
use sidegate_model::traffic::{self, TrafficFilter, TrafficItem, read_statuses};
use std::future::ready;
use std::time::Duration;

/// `GET /traffic`
pub(crate) async fn watch(
    State(state): State<AdminState>,
    Query(query): Query<TrafficQuery>,
    reader: EventReader,
) -> Result<Response, ApiError> {
    let (plugin, filter) = query.settle(|query| {
        let TrafficQuery { plugin, app, status, path_prefix, min_duration_ms } = query;
        let statuses = status.as_deref().map(|text| read_statuses(text).ok_or(()));
        let Ok(statuses) = statuses.transpose() else {
            let expected = "give a status, as in 404, or a class of them, as in 5xx";
            return Err(vec![Problem::at("status", expected)]);
        };
        let min_duration = Duration::from_millis(min_duration_ms.unwrap_or_default());
        Ok((plugin, TrafficFilter { plugin: None, app, statuses, path_prefix, min_duration }))
    })?;
    let filter = TrafficFilter { plugin: name_of(&state, plugin).await?, ..filter };
    let mut nodes = Vec::new();
    let mut all = Vec::new();
    for node in nodes_of(&state) {
        let answer = state.fleet.traffic(&node, filter.clone());
        nodes.push(told(&node, &answer));
        all.extend(answer.map(|items| {
            let ended = stream::once(ready(None));
            items.map(move |item| event(&node, item)).chain(ended).boxed()
        }));
    }
    if all.is_empty() {
        // Nothing will come, which the first event says.
        all.push(stream::pending().boxed());
    }
    let hello = Event::named("hello", &TrafficHello { nodes }).ok();
    // When one node tells no more, whoever watches begins anew and hears of it.
    let items = stream::select_all(all);
    let items = items.take_while(|event| ready(event.is_some())).filter_map(ready);
    Ok(reader.answer(stream::iter(hello).chain(items)))
}

/// As it is told; everything there can be said in JSON.
fn event(node: &NodeId, item: TrafficItem) -> Option<Event> {
    match item {
        TrafficItem::Ended(ended) => Event::named("request", &shape(node, *ended)).ok(),
        TrafficItem::Dropped(count) => Event::named("dropped", &DroppedRequests { count }).ok(),
    }
}

fn shape(node: &NodeId, ended: traffic::EndedRequest) -> EndedRequest {
    let (plugin, route) = ended.route.map(|found| (found.plugin, found.route)).unzip();
    EndedRequest {
        at: time_text(ended.at),
        node: node.to_string(),
        request_id: ended.request_id,
        client: ended.client,
        method: ended.method,
        path: ended.path,
        route,
        plugin,
        app: ended.app,
        status: ended.status,
        error_code: ended.error_code.map(Into::into),
        aborted: ended.aborted.map(Into::into),
        // Whole microseconds.
        duration_ms: (ended.duration.as_secs_f64() * 1e6).round() / 1e3,
        bytes_out: ended.bytes_out,
    }
}
