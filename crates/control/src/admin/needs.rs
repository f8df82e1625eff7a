//! What waits for an operator, over HTTP: gathers what is known; what follows from it is said in `crate::needs`.

use super::auth::Caller;
use super::edges::shapes;
use super::error::ApiError;
use super::plugin_shape::shape;
use super::state::AdminState;
use super::types::{list_of, resource, time_text};
use crate::needs::{Known, KnownIssuers, KnownPlugin, KnownToken, SOON, needs};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sidegate_api::need::NeedAttributes;
use sidegate_api::resource::{Resource, ResourceType};
use sidegate_model::admin_token::AdminToken;
use sidegate_model::clock::now_millis;
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::plugin::Plugin;
use sidegate_model::role::Role;
use sidegate_store::{IssuerFilter, Page, PluginFilter, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most pages of a list that are looked at: needs are for people, and ten thousand plugins are nobody's.
const MOST_PAGES: u32 = 100;

/// `GET /needs`
pub(crate) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let now = now_millis();
    // What is for a stronger role elsewhere is so here.
    let sees = |role: Role| caller.role().covers(role);
    let known = Known {
        now,
        plugins: plugins(&state).await?,
        tokens: tokens(&state, now),
        admin_tokens: if sees(Role::Admin) { admin_tokens(&state).await? } else { Vec::new() },
        certificates: if sees(Role::Operator) { state.certificates.shown() } else { Vec::new() },
        issuers: issuers(&state).await?,
        edges: match &state.edges {
            Some(edges) => shapes(edges, state.control.store(), MOST_PAGES).await?,
            None => Vec::new(),
        },
    };
    let data = needs(&known, time_text).into_iter().map(told).collect();
    Ok(Json(list_of(data)).into_response())
}

/// Its id is that of no thing: it names the kind and what it is about.
fn told(need: NeedAttributes) -> Resource<NeedAttributes> {
    let kind = serde_json::to_value(need.kind).ok();
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
    let id = format!("{kind}-{}", need.thing.id);
    resource(ResourceType::Need, id, need)
}

/// All pages of a list, within the bound.
async fn all_pages<T, F>(mut page_of: impl FnMut(Page) -> F) -> Result<Vec<T>, StoreError>
where
    F: Future<Output = Result<sidegate_store::Listing<T>, StoreError>>,
{
    let mut all = Vec::new();
    for number in 1..=MOST_PAGES {
        let listing = page_of(Page::new(number, Page::MAX_SIZE)?).await?;
        let is_last = listing.items.len() < Page::MAX_SIZE as usize;
        all.extend(listing.items);
        if is_last {
            break;
        }
    }
    Ok(all)
}

async fn plugins(state: &AdminState) -> Result<Vec<KnownPlugin>, ApiError> {
    let filter = PluginFilter { is_active: Some(true), ..PluginFilter::default() };
    let view = state.control.view();
    let plugins = all_pages(|page| view.list_plugins(&filter, page)).await?;
    let overview = state.overview();
    let with_schema: Vec<_> = plugins
        .into_iter()
        .map(|plugin| {
            let schema = overview.summary(plugin.id).and_then(|s| s.config_schema.clone());
            (plugin, schema)
        })
        .collect();
    let checked =
        tokio::task::spawn_blocking(move || with_schema.into_iter().map(checked).collect());
    let checked: Vec<(Plugin, Vec<String>)> = checked.await.map_err(ApiError::internal)?;
    let known = |(plugin, config_problems): (Plugin, Vec<String>)| {
        let data = shape(plugin, &overview).data;
        KnownPlugin { id: data.id, attributes: data.attributes, config_problems }
    };
    Ok(checked.into_iter().map(known).collect())
}

/// Holds a configuration against its schema, which takes its time.
fn checked((plugin, schema): (Plugin, Option<Arc<ConfigSchema>>)) -> (Plugin, Vec<String>) {
    let problems = schema.map(|schema| schema.problems(&plugin.draft.config));
    (plugin, problems.unwrap_or_default())
}

fn tokens(state: &AdminState, now: i64) -> Vec<KnownToken> {
    let desired = state.control.desired();
    let is_soon = |at: i64| at > now && at <= now.saturating_add(SOON);
    let soon = desired.tokens.iter().filter(|token| token.expires_at.is_some_and(is_soon));
    let known = |token: &Arc<sidegate_model::token::Token>| {
        let app = desired.apps.get(&token.app_id).map(|app| app.name.clone());
        KnownToken { token: (**token).clone(), app: app.unwrap_or_default() }
    };
    soon.map(known).collect()
}

async fn issuers(state: &AdminState) -> Result<KnownIssuers, ApiError> {
    let (view, filter) = (state.control.view(), IssuerFilter::default());
    let issuers = all_pages(|page| view.list_issuers(&filter, page)).await?;
    let bound: BTreeSet<_> =
        issuers.iter().flat_map(|issuer| issuer.draft.clients.values()).collect();
    let desired = state.control.desired();
    let apps = desired.apps.iter().map(|app| &app.name).filter(|name| bound.contains(name));
    let apps = apps.cloned().collect();
    let keys = state.fleet.issuer_keys().unwrap_or_default();
    Ok(KnownIssuers { issuers, apps, keys })
}

async fn admin_tokens(state: &AdminState) -> Result<Vec<AdminToken>, ApiError> {
    let view = state.control.view();
    Ok(all_pages(|page| view.list_admin_tokens(page)).await?)
}
