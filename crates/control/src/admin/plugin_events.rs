//! What a plugin published last, over HTTP: asked of the nodes, which remember it in memory. Payloads are for admins.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::Id;
use super::open_requests::nodes_of;
use super::state::AdminState;
use super::types::{count, time_text};
use crate::fleet::{asked, told};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::plugin_event::{
    EventDirection, PluginEventAttributes, PluginEventList, PluginEventsMeta,
};
use sidegate_api::resource::{Resource, ResourceType};
use sidegate_model::node::NodeId;
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_event::{KEPT_EVENTS, PluginEvent, PluginEvents};
use sidegate_model::role::Role;

/// `GET /plugins/{id}/events`
pub(crate) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let plugin = state.control.view().plugin(PluginId(id)).await?.id;
    let with_payload = caller.role().covers(Role::Admin);
    let mut nodes = nodes_of(&state);
    if !state.fleet.is_own() {
        // An edge has nothing to say of a plugin that it does not see.
        let seen = state.fleet.nodes().into_iter();
        let seen = seen.filter(|node| node.plugins.iter().any(|status| status.id == plugin));
        nodes = seen.map(|node| node.id).collect();
        nodes.sort();
    }
    let answers = asked(&nodes, |node| state.fleet.events(node, plugin, with_payload)).await;
    let nodes = answers.iter().map(|(node, answer)| told(node, answer)).collect();
    let (mut all, mut total_published) = (Vec::new(), 0);
    for (node, answer) in answers {
        let PluginEvents { newest, published } = answer.unwrap_or_default();
        total_published += published;
        all.extend(newest.into_iter().take(KEPT_EVENTS).map(|event| (node, event)));
    }
    all.sort_by_key(|(_, event)| std::cmp::Reverse(event.at));
    let data = all.into_iter().map(|(node, event)| shape(node, event, with_payload)).collect();
    let meta = PluginEventsMeta { total_published, most_kept: count(KEPT_EVENTS), nodes };
    Ok(Json(PluginEventList { data, meta }).into_response())
}

fn shape(node: &NodeId, event: PluginEvent, with_payload: bool) -> Resource<PluginEventAttributes> {
    let attributes = PluginEventAttributes {
        node: node.to_string(),
        at: time_text(event.at),
        topic: event.topic,
        direction: EventDirection::of(event.direction),
        payload_bytes: event.payload_bytes,
        // Whatever a node sends.
        payload: event.payload.filter(|_| with_payload),
        reached: event.reached,
        lost: event.lost,
    };
    Resource { kind: ResourceType::PluginEvent, id: event.id, attributes }
}
