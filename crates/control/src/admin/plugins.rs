//! Plugins over HTTP: list, create, show, change, delete, reload, status. Knows shapes; what a
//! client may say is in `plugin_fields`, granting is in `plugin_scopes`, and running plugins is the data plane's.

use super::change::Change;
use super::error::{ApiError, found};
use super::extract::{Attributes, Id, Query};
use super::if_match::IfMatch;
use super::plugin_fields::PluginFields;
use super::plugin_schema::{Schema, SchemaQuery, change_checked, schema_of};
use super::records::{RecordAttributes, summary};
use super::routes::{self, RaisedAttributes};
use super::state::{AdminState, shown};
use super::types::{Document, Resource, listing_of, page_document, read_page, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sidegate_model::clock::now_millis;
use sidegate_model::endpoint::{Endpoint, Method, Raised};
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_model::record::InstanceRecord;
use sidegate_model::secret::{hide_config, hide_options};
use sidegate_model::status::{PluginState, PluginStatus};
use sidegate_store::PluginFilter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct PluginAttributes {
    name: String,
    description: String,
    slug: Option<String>,
    command: String,
    config: Map<String, Value>,
    options: Map<String, Value>,
    hook_type: String,
    hook_types: Vec<String>,
    service_scopes: BTreeSet<String>,
    is_active: bool,
    reloads: u32,
    status: StatusAttributes,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
struct StatusAttributes {
    state: &'static str,
    reason: Option<String>,
    warnings: Vec<String>,
    pid: Option<u32>,
    restarts: u32,
    /// How long until it is started again after a failure.
    next_start_in_ms: Option<u64>,
    ready_since: Option<String>,
    /// Hooks and scopes that its manifest names.
    hooks: Vec<String>,
    requested_scopes: Vec<String>,
}

#[derive(Serialize)]
struct WholeStatusAttributes {
    name: String,
    slug: Option<String>,
    is_active: bool,
    service_scopes: BTreeSet<String>,
    #[serde(flatten)]
    status: StatusAttributes,
    required: bool,
    in_flight: usize,
    /// The process that serves.
    instance: Option<RecordAttributes>,
    /// The last process that did not end in order.
    last_failure: Option<RecordAttributes>,
    endpoints: Vec<EndpointAttributes>,
}

#[derive(Serialize)]
struct EndpointAttributes {
    path: String,
    methods: Vec<&'static str>,
    require_auth: bool,
    raised: Vec<RaisedAttributes>,
    stream_response: bool,
    description: String,
    metadata: BTreeMap<String, String>,
}

fn slug_of(plugin: &Plugin) -> Option<String> {
    plugin.draft.slug().ok().flatten().map(|slug| slug.to_string())
}

/// Whether secrets are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Secrets {
    #[default]
    #[serde(rename = "hide")]
    Hidden,
    #[serde(rename = "show")]
    Shown,
}

/// What is asked of one plugin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowQuery {
    #[serde(default)]
    secrets: Secrets,
}

/// A plugin as answers show it.
pub(super) fn shape(
    plugin: Plugin,
    statuses: &[PluginStatus],
    secrets: Secrets,
) -> Resource<PluginAttributes> {
    let (status, version) = (status_of(&plugin, statuses), plugin.version());
    let slug = slug_of(&plugin);
    let mut draft = plugin.draft;
    let text = |(name, text): (String, String)| (name, Value::String(text));
    let mut options: Map<_, _> = draft.options.into_iter().map(text).collect();
    if secrets == Secrets::Hidden {
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
    Resource::new("plugins", plugin.id, attributes).with_version(version)
}

fn status_of(plugin: &Plugin, statuses: &[PluginStatus]) -> StatusAttributes {
    if let Some(status) = statuses.iter().find(|status| status.id == plugin.id) {
        return StatusAttributes {
            state: status.state.as_str(),
            reason: status.reason.clone(),
            warnings: status.warnings.clone(),
            pid: status.pid,
            restarts: status.restarts,
            next_start_in_ms: status
                .next_start_at
                .map(|at| u64::try_from(at.saturating_sub(now_millis())).unwrap_or_default()),
            ready_since: status.ready_since.map(time_text),
            hooks: status.hooks.clone(),
            requested_scopes: status.requested_scopes.clone(),
        };
    }
    let (state, reason) = if plugin.draft.is_active {
        (PluginState::Starting, "the data plane has not taken it up yet")
    } else {
        (PluginState::Stopped, "it is not active")
    };
    StatusAttributes {
        state: state.as_str(),
        reason: Some(reason.to_owned()),
        warnings: Vec::new(),
        pid: None,
        restarts: 0,
        next_start_in_ms: None,
        ready_since: None,
        hooks: Vec::new(),
        requested_scopes: Vec::new(),
    }
}

fn shape_endpoint(endpoint: &Arc<Endpoint>, raised: &[Raised]) -> EndpointAttributes {
    EndpointAttributes {
        path: endpoint.path.clone(),
        methods: endpoint.methods.iter().map(Method::as_str).collect(),
        require_auth: endpoint.require_auth,
        raised: routes::raised(raised, endpoint, ""),
        stream_response: endpoint.stream_response,
        description: endpoint.description.clone(),
        metadata: endpoint.metadata.clone(),
    }
}

/// How to narrow a list of plugins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PluginQuery {
    page: Option<u32>,
    #[serde(alias = "page_size")]
    limit: Option<u32>,
    name: Option<String>,
    hook_type: Option<String>,
    is_active: Option<bool>,
    #[serde(default)]
    secrets: Secrets,
}

/// `GET /plugins`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<PluginQuery>,
) -> Result<Response, ApiError> {
    let page = read_page(query.page, query.limit)?;
    let filter = PluginFilter { is_active: query.is_active, hook_type: query.hook_type };
    let store = state.control.store();
    let listing = match query.name {
        Some(name) => {
            let named = found(store.plugin_by_name(&name).await)?;
            listing_of(named.filter(|plugin| passes(plugin, &filter)), page)
        }
        None => store.list_plugins(&filter, page).await?,
    };
    let statuses = state.plane.plugins();
    let shape = |plugin| shape(plugin, &statuses, query.secrets);
    Ok(Json(page_document(listing, shape)).into_response())
}

fn passes(plugin: &Plugin, filter: &PluginFilter) -> bool {
    let draft = &plugin.draft;
    filter.is_active.is_none_or(|wanted| wanted == draft.is_active)
        && filter
            .hook_type
            .as_ref()
            .is_none_or(|hook| *hook == draft.hook_type || draft.hook_types.contains(hook))
}

/// `POST /plugins`
pub(crate) async fn create(
    State(state): State<AdminState>,
    Attributes(fields): Attributes<PluginFields>,
) -> Result<Response, ApiError> {
    let published = state.control.create_plugin(fields.into_draft()?).await?;
    let plugin = published.value;
    let shape = || shape(plugin, &state.plane.plugins(), Secrets::Hidden);
    Ok(state.created(published.revision, "plugins", shape).await)
}

/// `GET /plugins/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
    Query(query): Query<ShowQuery>,
) -> Result<Response, ApiError> {
    let plugin = state.control.store().plugin(PluginId(id)).await?;
    Ok(shown(shape(plugin, &state.plane.plugins(), query.secrets)))
}

/// `PATCH /plugins/{id}`
pub(crate) async fn change(
    State(state): State<AdminState>,
    Id(id): Id,
    Query(query): Query<SchemaQuery>,
    IfMatch(precondition): IfMatch,
    change: Change<PluginFields>,
) -> Result<Response, ApiError> {
    let schema = match query.schema {
        Schema::Check => schema_of(&state, PluginId(id)),
        Schema::Ignore => None,
    };
    let published = change_checked(&state, (PluginId(id), precondition), schema, change).await?;
    let plugin = published.value;
    let shape = || shape(plugin, &state.plane.plugins(), Secrets::Hidden);
    Ok(state.changed(published.revision, shape).await)
}

/// `POST /plugins/{id}/reload`
pub(crate) async fn reload(
    State(state): State<AdminState>,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let published = state.control.reload_plugin(PluginId(id), precondition).await?;
    let plugin = published.value;
    let shape = || shape(plugin, &state.plane.plugins(), Secrets::Hidden);
    Ok(state.changed(published.revision, shape).await)
}

/// `DELETE /plugins/{id}`
pub(crate) async fn delete(
    State(state): State<AdminState>,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let published = state.control.delete_plugin(PluginId(id), precondition).await?;
    Ok(state.deleted(published).await)
}

/// `GET /plugins/{id}/status`
pub(crate) async fn status(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let plugin = state.control.store().plugin(PluginId(id)).await?;
    let statuses = state.plane.plugins();
    let own = statuses.iter().find(|status| status.id == plugin.id);
    let endpoints = own.map_or(&[][..], |status| &status.endpoints);
    let raised = own.map_or(&[][..], |status| &status.raised);
    let records = state.plane.records(plugin.id, 0);
    let pid = own.and_then(|status| status.pid);
    let serves = records.iter().find(|record| record.end.is_none() && record.pid == pid);
    let failed = |record: &&InstanceRecord| record.end.as_ref().is_some_and(|end| !end.in_order);
    let attributes = WholeStatusAttributes {
        slug: slug_of(&plugin),
        is_active: plugin.draft.is_active,
        service_scopes: plugin.draft.service_scopes.clone(),
        status: status_of(&plugin, &statuses),
        required: own.is_some_and(|status| status.required),
        in_flight: own.map_or(0, |status| status.in_flight),
        instance: serves.filter(|_| pid.is_some()).map(summary),
        last_failure: records.iter().find(failed).map(summary),
        endpoints: endpoints.iter().map(|endpoint| shape_endpoint(endpoint, raised)).collect(),
        name: plugin.draft.name,
    };
    let resource = Resource::new("plugin-status", plugin.id, attributes);
    Ok(Json(Document::plain(resource)).into_response())
}
