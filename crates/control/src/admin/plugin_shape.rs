//! Plugins as answers show them: what is stored of them, without its secrets, and how they are doing.
//! Asks nobody and changes nothing.

use super::records::{NodeRecord, summary};
use super::routes::{names, raised};
use super::types::{Versioned, count, resource, time_text};
use crate::fleet::Overview;
use serde_json::{Map, Value};
use sidegate_api::plugin::{
    NodeStatus, PluginAttributes, Secrets, StatusAttributes, WholeStatusAttributes,
};
use sidegate_api::resource::ResourceType;
use sidegate_api::route::EndpointAttributes;
use sidegate_model::clock::now_millis;
use sidegate_model::endpoint::{Endpoint, Raised};
use sidegate_model::plugin::Plugin;
use sidegate_model::secret::{hide_config, hide_options};
use sidegate_model::status::{PluginState, PluginStatus};
use std::sync::Arc;

fn slug_of(plugin: &Plugin) -> Option<String> {
    plugin.draft.slug().ok().flatten().map(|slug| slug.to_string())
}

/// A plugin as answers show it.
pub(super) fn shape(
    plugin: Plugin,
    overview: &Overview,
    secrets: Secrets,
) -> Versioned<PluginAttributes> {
    let (status, version) = (status_of(&plugin, overview), plugin.version());
    let slug = slug_of(&plugin);
    let mut draft = plugin.draft;
    let text = |(name, text): (String, String)| (name, Value::String(text));
    let mut options: Map<_, _> = draft.options.into_iter().map(text).collect();
    if secrets == Secrets::Hide {
        hide_config(&mut draft.config);
        hide_options(&mut options);
    }
    let attributes = PluginAttributes {
        name: draft.name,
        description: draft.description,
        slug,
        command: draft.command,
        config: draft.config,
        options,
        hook_type: draft.hook_type,
        hook_types: draft.hook_types,
        service_scopes: draft.service_scopes,
        is_active: draft.is_active,
        reloads: plugin.reloads,
        status,
        created_at: time_text(plugin.created_at),
        updated_at: time_text(plugin.updated_at),
    };
    Versioned { data: resource(ResourceType::Plugin, plugin.id, attributes), version }
}

/// How a plugin is doing with all that is known of it; its processes are told newest first.
pub(super) fn whole_status(
    plugin: &Plugin,
    overview: &Overview,
    records: &[NodeRecord],
) -> WholeStatusAttributes {
    let own = overview.summary(plugin.id);
    let endpoints = own.map_or(&[][..], |status| &status.endpoints);
    let raised = own.map_or(&[][..], |status| &status.raised);
    let pid = own.and_then(|status| status.pid);
    let serves = records.iter().find(|(_, record)| record.end.is_none() && record.pid == pid);
    let failed = |(_, record): &&NodeRecord| record.end.as_ref().is_some_and(|end| !end.in_order);
    WholeStatusAttributes {
        name: plugin.draft.name.clone(),
        slug: slug_of(plugin),
        is_active: plugin.draft.is_active,
        service_scopes: plugin.draft.service_scopes.clone(),
        summary: status_of(plugin, overview),
        required: own.is_some_and(|status| status.required),
        in_flight: own.map_or(0, |status| count(status.in_flight)),
        instance: serves.filter(|_| pid.is_some()).map(summary),
        last_failure: records.iter().find(failed).map(summary),
        endpoints: endpoints.iter().map(|endpoint| shape_endpoint(endpoint, raised)).collect(),
    }
}

/// The summary over all nodes, and what each of them says.
fn status_of(plugin: &Plugin, overview: &Overview) -> StatusAttributes {
    let own = overview.summary(plugin.id);
    let worst = node_status(plugin, "", own);
    let on_each = overview.on_each(plugin.id);
    StatusAttributes {
        state: worst.state,
        reason: worst.reason,
        warnings: worst.warnings,
        pid: worst.pid,
        restarts: worst.restarts,
        next_start_in_ms: worst.next_start_in_ms,
        ready_since: worst.ready_since,
        hooks: own.map_or_else(Vec::new, |status| status.hooks.clone()),
        requested_scopes: own.map_or_else(Vec::new, |status| status.requested_scopes.clone()),
        nodes: on_each.map(|(node, status)| node_status(plugin, node.as_str(), status)).collect(),
    }
}

fn node_status(plugin: &Plugin, node: &str, status: Option<&PluginStatus>) -> NodeStatus {
    let node = node.to_owned();
    let Some(status) = status else {
        let (state, reason) = if plugin.draft.is_active {
            (PluginState::Starting, "the data plane has not taken it up yet")
        } else {
            (PluginState::Stopped, "it is not active")
        };
        let reason = Some(reason.to_owned());
        return NodeStatus { node, state: state.into(), reason, ..NodeStatus::default() };
    };
    let remaining = |at: i64| u64::try_from(at.saturating_sub(now_millis())).unwrap_or_default();
    NodeStatus {
        node,
        state: status.state.into(),
        reason: status.reason.clone(),
        warnings: status.warnings.clone(),
        pid: status.pid,
        restarts: status.restarts,
        next_start_in_ms: status.next_start_at.map(remaining),
        ready_since: status.ready_since.map(time_text),
    }
}

fn shape_endpoint(endpoint: &Arc<Endpoint>, all_raised: &[Raised]) -> EndpointAttributes {
    EndpointAttributes {
        path: endpoint.path.clone(),
        methods: names(endpoint.methods),
        require_auth: endpoint.require_auth,
        raised: raised(all_raised, endpoint, ""),
        stream_response: endpoint.stream_response,
        description: endpoint.description.clone(),
        metadata: endpoint.metadata.clone(),
    }
}
