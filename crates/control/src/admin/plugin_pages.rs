//! The pages that plugins bring, over HTTP: of one plugin for our console, and of all of them in the shapes of the existing
//! system. What a manifest means is the model's business.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Fields, Id};
use super::plugin_inspect;
use super::plugin_rpc::refusal;
use super::state::AdminState;
use super::types::{list_of, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sidegate_api::error::ErrorCode;
use sidegate_api::plugin_page::{
    MenuItem, MenuSection, MetadataStatus, MountConfig, PageKind, PluginMetadataAttributes,
    PluginPage, SidebarMenu, UiRegistry, UiRegistryRow, ValidateFields,
};
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_model::clock::now_millis;
use sidegate_model::inspection::Inspection;
use sidegate_model::plugin::{Plugin, PluginId, PluginSpec};
use sidegate_model::plugin_page::{PageFailure, STUDIO_UI, ToldByPlugin, pages_of};
use sidegate_model::role::Role;
use sidegate_model::scope::check_service;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a list of all pages waits for plugins that nobody has asked yet.
const LIST_WAITS: Duration = Duration::from_secs(8);
/// The same for the pages of one plugin.
const PAGES_WAIT: Duration = Duration::from_secs(15);
/// Why they are closed then.
const STARTS: &str = "its process is still being started; try again in a moment";
/// Why the pages of a plugin that does not run are closed.
const SWITCHED_OFF: &str = "the plugin is switched off: enable it to open its page";
/// Why, for viewers, where its process has said it.
const UNTOLD: &str = "its process beside the console failed; why is shown to operators";
/// The slot whose pages are in the menu.
const MENU: &str = "sidebar.section";

fn pages(told: &ToldByPlugin) -> Vec<PluginPage> {
    let manifest = told.manifest.as_ref();
    manifest.map(pages_of).unwrap_or_default().into_iter().map(PluginPage::from).collect()
}

/// Why somebody is not let do anything on pages of plugins.
fn closed_to(caller: &Caller) -> Option<String> {
    let role = caller.role();
    if !role.covers(Role::Operator) {
        let needed = Role::Operator;
        return Some(format!(
            "the page of a plugin can change things: it needs the role {needed}, and you have {role}"
        ));
    }
    caller.is_read_only().then(|| {
        "the console of this gateway only shows, and the page of a plugin could change things"
            .to_owned()
    })
}

/// Why the pages of a plugin cannot be opened. What its process said is for those who may read what plugins print.
fn why_closed(state: &AdminState, caller: &Caller, failure: PageFailure) -> String {
    if caller.role().covers(Role::Operator) {
        return refusal(state, failure).detail();
    }
    match failure {
        PageFailure::NotHere(_)
        | PageFailure::Busy(_)
        | PageFailure::TooMany(_)
        | PageFailure::Late(_) => refusal(state, failure).detail(),
        PageFailure::NotStarted { .. }
        | PageFailure::Ended(_)
        | PageFailure::Unusable(_)
        | PageFailure::NoSuchAsset(_)
        | PageFailure::Said(_) => UNTOLD.to_owned(),
    }
}

/// That the page is answered by another configuration than the one that is stored. What its process said is for those who
/// may read what plugins print.
fn notice(told: &ToldByPlugin, caller: &Caller) -> Option<String> {
    let why = told.stands_in_because.as_ref()?;
    let why = if caller.role().covers(Role::Operator) { why } else { UNTOLD };
    Some(format!(
        "the plugin does not start here by the configuration that is stored, so its page is answered by the one before it, and \
         may show that one: save what the plugin takes, or go back to what was stored before ({why})"
    ))
}

/// `GET /plugins/{id}/pages`
pub(crate) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let told = match plugin.draft.is_active {
        true => {
            let told = timeout(PAGES_WAIT, state.pages.told(Arc::new(plugin.spec()))).await;
            told.unwrap_or_else(|_| Err(PageFailure::Busy(STARTS.to_owned())))
        }
        false => Err(PageFailure::NotHere(SWITCHED_OFF.to_owned())),
    };
    let (pages, closed, notice) = match told {
        Ok(told) => (pages(&told), closed_to(&caller), notice(&told, &caller)),
        Err(failure) => {
            let why = why_closed(&state, &caller, failure);
            (unknown(&state, &plugin).into_iter().collect(), Some(why), None)
        }
    };
    let shown = pages.into_iter().map(|page| {
        let id = format!("{}{}", plugin.id, page.path);
        let (closed, notice) = (closed.clone(), notice.clone());
        resource(ResourceType::PluginPage, id, PluginPage { closed, notice, ..page })
    });
    Ok(Json(list_of(shown.collect())).into_response())
}

/// The page of a plugin that cannot be asked for its pages, where it has some.
fn unknown(state: &AdminState, plugin: &Plugin) -> Option<PluginPage> {
    let overview = state.overview();
    let mut told = overview.said_of(plugin.id);
    let has_some = has_hook(&plugin.draft.hook_types) || told.any(|status| has_hook(&status.hooks));
    let name = &plugin.draft.name;
    has_some.then(|| PluginPage {
        slot: MENU.to_owned(),
        label: name.clone(),
        title: name.clone(),
        path: "/page".to_owned(),
        ..PluginPage::default()
    })
}

fn has_hook(hooks: &[String]) -> bool {
    hooks.iter().any(|hook| hook == STUDIO_UI)
}

/// The pages of all plugins that have some and can be asked, in the order of their numbers.
async fn all(state: &AdminState) -> Vec<(Arc<PluginSpec>, Vec<PluginPage>)> {
    let overview = state.overview();
    let told = overview.all().filter(|(_, status)| has_hook(&status.hooks));
    let told: BTreeSet<_> = told.map(|(_, status)| status.id).collect();
    let desired = state.control.desired();
    let asked = desired
        .plugins
        .values()
        .filter(|spec| has_hook(&spec.hook_types) || told.contains(&spec.id))
        .map(|spec| async move {
            // Who cannot be asked now has no pages now; the next look may find some.
            let told = timeout(LIST_WAITS, state.pages.told(spec.clone())).await;
            let pages = told.ok()?.ok().map(|told| pages(&told))?;
            Some((spec.clone(), pages))
        });
    join_all(asked).await.into_iter().flatten().collect()
}

/// `GET /plugins/ui-registry`
pub(crate) async fn registry(State(state): State<AdminState>) -> Response {
    let all = all(&state).await;
    let pages = all.iter().flat_map(|(spec, pages)| pages.iter().map(move |page| (spec, page)));
    let row = |(id, (spec, page)): (u32, (&Arc<PluginSpec>, &PluginPage))| UiRegistryRow {
        id,
        plugin_id: spec.id.0,
        plugin_name: spec.name.clone(),
        slot_type: page.slot.clone(),
        route_pattern: page.path.clone(),
        component_tag: page.tag.clone(),
        entry_point: page.entry.clone(),
        mount_config: MountConfig::from(page),
        is_active: true,
        load_priority: 0,
        scope: "admin".to_owned(),
        allowed_groups: Vec::new(),
    };
    Json(UiRegistry { data: (1..).zip(pages).map(row).collect() }).into_response()
}

/// `GET /plugins/sidebar-menu`
pub(crate) async fn menu(State(state): State<AdminState>) -> Response {
    let section = |(spec, pages): (Arc<PluginSpec>, Vec<PluginPage>)| {
        let pages: Vec<_> = pages.into_iter().filter(|page| page.slot == MENU).collect();
        let first = pages.first()?.clone();
        let id = format!("plugin_{}", spec.id);
        let item = |page: &PluginPage| MenuItem {
            id: match page.kind {
                PageKind::Component => format!("{id}_{}", page.tag),
                PageKind::Document => format!("{id}_{}", page.path),
            },
            text: page.title.clone(),
            path: page.path.clone(),
            component_tag: page.tag.clone(),
            entry_point: page.entry.clone(),
            mount_config: MountConfig::from(page),
        };
        Some(MenuSection {
            sub_items: pages.iter().map(item).collect(),
            label: if first.label.is_empty() { spec.name.clone() } else { first.label },
            icon: first.icon,
            plugin_id: spec.id.0,
            plugin_name: spec.name.clone(),
            id,
        })
    };
    let data = all(&state).await.into_iter().filter_map(section).collect();
    Json(SidebarMenu { data }).into_response()
}

/// `POST /plugins/{id}/validate-and-load`
pub(crate) async fn validate(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    Fields(fields): Fields<ValidateFields>,
) -> Result<Response, ApiError> {
    let ValidateFields { command } = fields.settle(Ok)?;
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let command = command.unwrap_or_else(|| plugin.draft.command.clone());
    let spec = PluginSpec { command: command.clone(), ..plugin.spec() };
    let prepared = state.inspector.prepare(spec);
    let prepared =
        prepared.map_err(|refused| plugin_inspect::refusal(&refused, state.edges.is_some()))?;
    let store = state.control.store().by(caller.context());
    store.note_inspection(&plugin.draft.name, &command).await?;
    let attributes = metadata(&plugin, command, prepared.await)?;
    let data = resource(ResourceType::PluginMetadata, plugin.id, attributes);
    Ok(Json(Shown { data }).into_response())
}

fn metadata(
    plugin: &Plugin,
    command: String,
    seen: Inspection,
) -> Result<PluginMetadataAttributes, ApiError> {
    if let (Some(why), None) = (&seen.failure, &seen.manifest) {
        return Err(ApiError::new(ErrorCode::PluginFailed, why.clone()));
    }
    let manifest = seen.manifest.filter(Value::is_object).unwrap_or_else(|| json!({}));
    let first = seen.hooks.first().cloned().ok_or_else(|| {
        ApiError::bad_request(
            "the manifest of this program names no hook, and one is needed at least",
        )
    })?;
    let primary = manifest["capabilities"]["primary_hook"].as_str().map(str::to_owned);
    let is_missing = |scope: &String| {
        check_service(scope).is_ok() && !plugin.draft.service_scopes.contains(scope)
    };
    let status = match seen.requested_scopes.iter().any(is_missing) {
        true => MetadataStatus::ScopesPending,
        false => MetadataStatus::Ready,
    };
    let schema = seen.config_schema.map_or_else(|| json!({}), |schema| schema.as_json().clone());
    Ok(PluginMetadataAttributes {
        command,
        hook_types: seen.hooks,
        primary_hook: primary.unwrap_or(first),
        config_schema: schema,
        manifest,
        scopes: seen.requested_scopes,
        status,
        loaded_at: time_text(now_millis()),
    })
}
