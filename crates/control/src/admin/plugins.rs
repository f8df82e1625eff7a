//! Plugins over HTTP: list, create, show, change, delete, reload, status. What a client may say is in
//! `plugin_fields`, how a plugin is shown in `plugin_shape`, granting in `plugin_scopes`; running them is the nodes'.

use super::auth::Caller;
use super::change::Change;
use super::error::ApiError;
use super::extract::{Fields, Id, Query};
use super::if_match::IfMatch;
use super::namespaces;
use super::plugin_fields::created;
use super::plugin_preview::preview;
use super::plugin_schema::{change_checked, schema_of};
use super::plugin_shape::{shape, whole_status};
use super::records::records_of;
use super::state::{AdminState, changed_at_once, shown};
use super::target::Target;
use super::types::{PageQuery, page_of, resource};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::error::ErrorCode;
use sidegate_api::plugin::{ChangeQuery, PluginFields, PluginQuery, ReloadQuery, SchemaCheck};
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_model::node::NodeId;
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_model::snapshot::Revision;
use sidegate_store::PluginFilter;

impl AdminState {
    /// 200 with a plugin that was changed, as it is once the change is live.
    pub(super) async fn changed_plugin(&self, revision: Revision, plugin: Plugin) -> Response {
        let shape = || shape(plugin, &self.overview());
        self.changed(revision, shape).await
    }
}

/// `GET /plugins`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<PluginQuery>,
) -> Result<Response, ApiError> {
    let (page, filter) = query.settle(|query| {
        let PluginQuery { page, limit, page_size, .. } = query;
        let PluginQuery { is_active, hook_type, name, namespace, managed_by, .. } = query;
        let mut problems = Vec::new();
        let namespace = namespaces::said(namespace.as_deref(), &mut problems);
        let filter = PluginFilter { name, namespace, managed_by, is_active, hook_type };
        Ok((PageQuery { page, limit, page_size }.read_with(problems)?, filter))
    })?;
    let listing = state.control.view().list_plugins(&filter, page).await?;
    let overview = state.overview();
    let shape = |plugin| shape(plugin, &overview);
    Ok(Json(page_of(listing, shape)).into_response())
}

/// `POST /plugins`
pub(crate) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<PluginFields>,
) -> Result<Response, ApiError> {
    let apps = state.control.apps();
    let draft = fields.settle(|fields| created(fields, &apps))?;
    let published = state.control.by(caller.context()).create_plugin(draft).await?;
    let plugin = published.value;
    let shape = || shape(plugin, &state.overview());
    Ok(state.created(published.revision, "plugins", shape).await)
}

/// `GET /plugins/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let overview = state.overview();
    Ok(shown(shape(plugin, &overview)))
}

/// `PATCH /plugins/{id}`
pub(crate) async fn change(
    State(state): State<AdminState>,
    caller: Caller,
    Target { id, precondition }: Target,
    Query(query): Query<ChangeQuery>,
    change: Change<PluginFields>,
) -> Result<Response, ApiError> {
    let ChangeQuery { schema, dry_run } = query.settle(Ok)?;
    let schema = match schema.unwrap_or_default() {
        SchemaCheck::Check => schema_of(&state, PluginId(id)),
        SchemaCheck::Ignore => None,
    };
    let target = (PluginId(id), precondition);
    if dry_run.unwrap_or_default() {
        return preview(&state, &caller, target, schema, change).await;
    }
    let published = change_checked(&state, &caller, target, schema, change).await?;
    Ok(state.changed_plugin(published.revision, published.value).await)
}

/// `POST /plugins/{id}/reload`
pub(crate) async fn reload(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    Query(query): Query<ReloadQuery>,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    if let Some(node) = query.settle(Ok)?.node {
        return reload_there(&state, &caller, PluginId(id), &NodeId::new(node)).await;
    }
    let control = state.control.by(caller.context());
    let published = control.reload_plugin(PluginId(id), precondition).await?;
    Ok(state.changed_plugin(published.revision, published.value).await)
}

/// A new process on one node. Desired state stays as it is.
async fn reload_there(
    state: &AdminState,
    caller: &Caller,
    id: PluginId,
    node: &NodeId,
) -> Result<Response, ApiError> {
    let plugin = state.control.view().plugin(id).await?;
    let reached = state.fleet.reach(node).await;
    reached.map_err(|unreached| ApiError::not_found(unreached.to_string()))?;
    let detail = format!("{} on {node}", plugin.draft.name);
    state.control.by(caller.context()).note_done(&detail).await?;
    tracing::info!(plugin = plugin.draft.name, %node, who = ?caller.who(), "a plugin is reloaded on one node");
    let reloaded = state.fleet.reload(node, id).await;
    reloaded.map_err(|why| ApiError::new(ErrorCode::Conflict, why.to_string()))?;
    Ok(changed_at_once(shape(plugin, &state.overview())))
}

/// `DELETE /plugins/{id}`
pub(crate) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let control = state.control.by(caller.context());
    let published = control.delete_plugin(PluginId(id), precondition).await?;
    Ok(state.deleted(published).await)
}

/// `GET /plugins/{id}/status`
pub(crate) async fn status(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let overview = state.overview();
    let records = records_of(&state, &overview, &plugin, (None, 0)).await?;
    let attributes = whole_status(&plugin, &overview, &records);
    let data = resource(ResourceType::PluginStatus, plugin.id, attributes);
    Ok(Json(Shown { data }).into_response())
}
