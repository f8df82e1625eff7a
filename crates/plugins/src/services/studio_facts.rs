//! What a snapshot tells a plugin's process beside the console of plugins and apps: those that its nodes could know, which are
//! in its own namespace or the global one. Pure.

use super::facts::{positive, timestamp, within_a_message};
use sidegate_model::app::{App, AppId};
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::snapshot::Snapshot;
use sidegate_wire::studio as wire;
use std::sync::Arc;
use tonic::Status;

/// Things on a page where the plugin does not say.
const DEFAULT_PAGE: usize = 10;
/// Most on a page.
const MAX_PAGE: usize = 1000;

/// Whether a plugin may know of what is in this namespace.
fn is_seen(snapshot: &Snapshot, plugin: PluginId, namespace: &Namespace) -> bool {
    namespace.is_global() || snapshot.namespace_of(plugin) == *namespace
}

/// One page of something.
fn page<T>(all: Vec<T>, page: i32, limit: i32) -> impl Iterator<Item = T> {
    let limit = positive(limit).unwrap_or(DEFAULT_PAGE).min(MAX_PAGE);
    let start = (positive(page).unwrap_or(1) - 1).saturating_mul(limit);
    all.into_iter().skip(start).take(limit)
}

/// One page of the plugins that run, in the order of their numbers.
pub(super) fn list_plugins(
    snapshot: &Snapshot,
    asks: PluginId,
    request: &wire::ListPluginsRequest,
) -> wire::ListPluginsResponse {
    let wanted = |spec: &&Arc<PluginSpec>| {
        is_seen(snapshot, asks, &spec.namespace)
            && (request.hook_type.is_empty() || spec.hook_types.contains(&request.hook_type))
            && (request.namespace.is_empty() || spec.namespace.as_str() == request.namespace)
            // What is switched off is not known here.
            && request.is_active != Some(false)
    };
    let all: Vec<_> = snapshot.plugins.values().filter(wanted).collect();
    let limit = positive(request.limit).unwrap_or(DEFAULT_PAGE).min(MAX_PAGE);
    let (total, pages) = (all.len(), all.len().div_ceil(limit));
    let plugins = page(all, request.page, request.limit);
    wire::ListPluginsResponse {
        plugins: plugins.map(|spec| plugin(snapshot, asks, spec)).collect(),
        total_count: i64::try_from(total).unwrap_or(i64::MAX),
        total_pages: i32::try_from(pages).unwrap_or(i32::MAX),
    }
}

/// A plugin by its number, if the plugin that asks may know of it.
pub(super) fn get_plugin(
    snapshot: &Snapshot,
    asks: PluginId,
    id: u32,
) -> Result<wire::GetPluginResponse, Status> {
    let spec = snapshot.plugins.get(&PluginId(id));
    let spec = spec.filter(|spec| is_seen(snapshot, asks, &spec.namespace));
    let spec = spec.ok_or_else(|| Status::not_found("plugin not found"))?;
    Ok(wire::GetPluginResponse { plugin: Some(plugin(snapshot, asks, spec)) })
}

/// The configuration of others may hold their secrets, and what they run is not its business.
fn plugin(snapshot: &Snapshot, asks: PluginId, spec: &PluginSpec) -> wire::PluginInfo {
    let is_own = spec.id == asks;
    let config = is_own.then(|| serde_json::to_string(&spec.config).unwrap_or_default());
    let created_at = snapshot.registered.get(&spec.id).map(|at| timestamp(*at));
    wire::PluginInfo {
        id: spec.id.0,
        name: spec.name.clone(),
        command: if is_own { spec.command.clone() } else { String::new() },
        config_json: config.unwrap_or_else(|| "{}".to_owned()),
        hook_type: spec.hook_types.first().cloned().unwrap_or_default(),
        is_active: true,
        namespace: spec.namespace.as_str().to_owned(),
        hook_types: spec.hook_types.clone(),
        service_access_authorized: !spec.service_scopes.is_empty(),
        service_scopes: spec.service_scopes.iter().cloned().collect(),
        created_at,
        ..wire::PluginInfo::default()
    }
}

/// One page of the apps, in the order of their numbers.
pub(super) fn list_apps(
    snapshot: &Snapshot,
    asks: PluginId,
    request: &wire::ListAppsRequest,
) -> Result<wire::ListAppsResponse, Status> {
    let is_active = request.is_active.unwrap_or(true);
    let wanted = |app: &&Arc<App>| {
        app.is_active == is_active
            && is_seen(snapshot, asks, &app.namespace)
            && (request.namespace.is_empty() || app.namespace.as_str() == request.namespace)
    };
    let mut all: Vec<_> = snapshot.apps.iter().filter(wanted).collect();
    all.sort_unstable_by_key(|app| app.id);
    let total_count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let apps = page(all, request.page, request.limit);
    Ok(wire::ListAppsResponse { apps: within_a_message(apps, app)?, total_count })
}

/// An app by its number, if the plugin may know of it.
pub(super) fn find_app(snapshot: &Snapshot, asks: PluginId, id: u32) -> Result<&App, Status> {
    let app = snapshot.apps.get(&AppId(id));
    let app = app.filter(|app| is_seen(snapshot, asks, &app.namespace));
    app.map(Arc::as_ref).ok_or_else(|| Status::not_found("app not found"))
}

/// As plugins get it.
pub(super) fn app(app: &App) -> wire::AppInfo {
    wire::AppInfo {
        id: app.id.0,
        name: app.name.clone(),
        description: app.description.clone(),
        is_active: app.is_active,
        namespace: app.namespace.as_str().to_owned(),
        monthly_budget: (app.monthly_budget > 0.0).then_some(app.monthly_budget),
        created_at: Some(timestamp(app.created_at)),
        updated_at: Some(timestamp(app.updated_at)),
        owner_email: app.owner_email.clone(),
        metadata: serde_json::to_string(&app.metadata).unwrap_or_default(),
        ..wire::AppInfo::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (id, namespace) in [(1, ""), (2, "berlin"), (3, "oslo")] {
            let (id, namespace) = (PluginId(id), Namespace::parse(namespace).unwrap());
            let mut spec = PluginSpec::new(id, &format!("p{id}"), "file:///p");
            spec.namespace = namespace.clone();
            spec.config.insert("token".to_owned(), json!("secret"));
            spec.hook_types = vec!["studio_ui".to_owned()];
            snapshot = snapshot
                .with_plugin(id, Some(spec))
                .with_registered(id, Some(1500))
                .with_namespace(id, &namespace);
        }
        snapshot
    }

    #[test]
    fn a_plugin_sees_its_neighbours_and_never_their_configuration() {
        let snapshot = snapshot();
        let all = wire::ListPluginsRequest::default();
        let listed = list_plugins(&snapshot, PluginId(2), &all);
        let seen: Vec<_> = listed.plugins.iter().map(|p| (p.id, &*p.config_json)).collect();
        assert_eq!(seen, [(1, "{}"), (2, r#"{"token":"secret"}"#)]);
        assert_eq!((listed.total_count, listed.total_pages), (2, 1));
        assert_eq!(listed.plugins[0].command, "");
        assert!(get_plugin(&snapshot, PluginId(2), 3).is_err());
        assert!(get_plugin(&snapshot, PluginId(3), 3).is_ok());
        let one = wire::ListPluginsRequest { page: 2, limit: 1, ..all.clone() };
        let listed = list_plugins(&snapshot, PluginId(2), &one);
        assert_eq!((listed.plugins.len(), listed.plugins[0].id, listed.total_pages), (1, 2, 2));
        let none = wire::ListPluginsRequest { hook_type: "auth".to_owned(), ..all };
        assert_eq!(list_plugins(&snapshot, PluginId(2), &none).total_count, 0);
    }
}
