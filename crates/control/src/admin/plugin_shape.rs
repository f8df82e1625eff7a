//! Plugins as answers show them: what is stored of them, without its secrets, and how they are doing.
//! Asks nobody and changes nothing.

use super::effective::{Effective, names};
use super::plugin_public::PublicOffer;
use super::types::{Versioned, count, resource, time_text};
use crate::fleet::Overview;
use serde_json::{Map, Value};
use sidegate_api::plugin::{
    ManifestSummary, NodeStatus, PluginAttributes, StatusAttributes, StatusSummary,
    WholeStatusAttributes,
};
use sidegate_api::record::RecordAttributes;
use sidegate_api::resource::ResourceType;
use sidegate_api::route::EndpointAttributes;
use sidegate_model::clock::now_millis;
use sidegate_model::endpoint::Endpoint;
use sidegate_model::node::NodeId;
use sidegate_model::plugin::Plugin;
use sidegate_model::scope::check_service;
use sidegate_model::secret::{hide_config, hide_options};
use sidegate_model::status::{PluginState, PluginStatus};
use std::sync::Arc;

fn slug_of(plugin: &Plugin) -> Option<String> {
    plugin.draft.slug().ok().flatten().map(|slug| slug.to_string())
}

/// A plugin as answers show it.
pub(super) fn shape(plugin: Plugin, overview: &Overview) -> Versioned<PluginAttributes> {
    let places = plugin.secret_places();
    let (status, version) = (status_of(&plugin, overview), plugin.version());
    let public_endpoints = PublicOffer::of(&plugin, overview).shape();
    let missing_scopes = missing_scopes(&plugin, &status.manifest);
    let slug = slug_of(&plugin);
    let mut draft = plugin.draft;
    let text = |(name, text): (String, String)| (name, Value::String(text));
    let mut options: Map<_, _> = draft.options.into_iter().map(text).collect();
    hide_config(&mut draft.config, &places);
    hide_options(&mut options);
    let attributes = PluginAttributes {
        name: draft.name,
        description: draft.description,
        slug,
        command: draft.command,
        config: draft.config,
        options,
        secrets_version: plugin.secrets_version,
        hook_type: draft.hook_type,
        hook_types: draft.hook_types,
        service_scopes: draft.service_scopes,
        missing_scopes,
        public_endpoints,
        is_active: draft.is_active,
        reloads: plugin.reloads,
        namespace: draft.namespace.as_str().to_owned(),
        managed_by: draft.managed_by,
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
    records: &[RecordAttributes],
) -> WholeStatusAttributes {
    let own = overview.summary(plugin.id);
    let pid = own.and_then(|status| status.pid);
    let serves = records.iter().find(|record| record.running && record.pid == pid);
    let summary = |record: &RecordAttributes| RecordAttributes { lines: None, ..record.clone() };
    let failed = |record: &&RecordAttributes| record.in_order == Some(false);
    let status = status_of(plugin, overview);
    let public = PublicOffer::of(plugin, overview);
    let endpoints = own.into_iter().flat_map(|status| {
        let shape = |endpoint| shape_endpoint(status, endpoint, &public);
        status.endpoints.iter().map(shape).collect::<Vec<_>>()
    });
    WholeStatusAttributes {
        name: plugin.draft.name.clone(),
        slug: slug_of(plugin),
        is_active: plugin.draft.is_active,
        service_scopes: plugin.draft.service_scopes.clone(),
        missing_scopes: missing_scopes(plugin, &status.manifest),
        public_endpoints: public.shape(),
        summary: status.summary,
        manifest: status.manifest,
        nodes: status.nodes,
        required: own.is_some_and(|status| status.required),
        in_flight: own.map_or(0, |status| count(status.in_flight)),
        instance: serves.filter(|_| pid.is_some()).map(summary),
        last_failure: records.iter().find(failed).map(summary),
        endpoints: endpoints.collect(),
    }
}

/// The summary over all nodes, and what each of them says.
fn status_of(plugin: &Plugin, overview: &Overview) -> StatusAttributes {
    let own = overview.summary(plugin.id);
    let manifest = |status: &PluginStatus| ManifestSummary {
        hooks: status.hooks.clone(),
        requested_scopes: status.requested_scopes.clone(),
    };
    let on_node = |(node, status): (&NodeId, Option<&PluginStatus>)| NodeStatus {
        node: node.as_str().to_owned(),
        summary: summary_of(plugin, status),
    };
    let mut summary = summary_of(plugin, own);
    summary
        .warnings
        .extend(overview.apps().warning(&plugin.draft.namespace, &plugin.draft.options));
    let public = PublicOffer::of(plugin, overview);
    summary.warnings.extend(public.warning(plugin.id, &plugin.draft.name));
    StatusAttributes {
        summary,
        manifest: own.map(manifest).unwrap_or_default(),
        nodes: overview.on_each(plugin).map(on_node).collect(),
    }
}

/// A status in short; that of a plugin nobody has taken up yet where there is none.
fn summary_of(plugin: &Plugin, status: Option<&PluginStatus>) -> StatusSummary {
    let Some(status) = status else {
        let (state, reason) = if plugin.draft.is_active {
            (PluginState::Starting, "the data plane has not taken it up yet")
        } else {
            (PluginState::Stopped, "it is not active")
        };
        let reason = Some(reason.to_owned());
        return StatusSummary { state: state.into(), reason, ..StatusSummary::default() };
    };
    let remaining = |at: i64| u64::try_from(at.saturating_sub(now_millis())).unwrap_or_default();
    StatusSummary {
        state: status.state.into(),
        reason: status.reason.clone(),
        warnings: status.warnings.clone(),
        reload_failure: status.reload_failure.clone(),
        pid: status.pid,
        restarts: status.restarts,
        next_start_in_ms: status.next_start_at.map(remaining),
        ready_since: status.ready_since.map(time_text),
    }
}

/// What a manifest wishes, could be granted and is not.
fn missing_scopes(plugin: &Plugin, manifest: &ManifestSummary) -> Vec<String> {
    let granted = &plugin.draft.service_scopes;
    let is_missing = |scope: &&String| !granted.contains(*scope) && check_service(scope).is_ok();
    manifest.requested_scopes.iter().filter(is_missing).cloned().collect()
}

fn shape_endpoint(
    status: &PluginStatus,
    endpoint: &Arc<Endpoint>,
    public: &PublicOffer<'_>,
) -> EndpointAttributes {
    let effective = Effective::of(status, endpoint, "");
    EndpointAttributes {
        path: endpoint.path.clone(),
        methods: names(endpoint.methods),
        require_auth: effective.require_auth,
        scopes_required: effective.scopes_required,
        demanded_by: effective.demanded_by,
        raised: effective.raised,
        public: public.of_endpoint(endpoint),
        stream_response: endpoint.stream_response,
        description: endpoint.description.clone(),
        metadata: endpoint.metadata.clone(),
    }
}
