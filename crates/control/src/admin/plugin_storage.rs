//! What a plugin keeps, over HTTP: listed, shown and removed. Of a gateway that stands alone; edges keep theirs
//! themselves.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Id, IdAndKey, Query};
use super::state::{AdminState, deleted_at_once};
use super::types::{count, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sidegate_api::error::{ErrorCode, Problem};
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_api::storage::{
    StorageEntryAttributes, StorageList, StorageMeta, StorageQuery, StorageValueAttributes,
};
use sidegate_model::clock::now_millis;
use sidegate_model::kv::{MAX_KEYS, MAX_TOTAL_BYTES, check};
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_store::{KeptEntry, KeptFilter, Page};

/// The plugin, where what it keeps is here.
async fn keeper(state: &AdminState, id: u32) -> Result<Plugin, ApiError> {
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    if state.edges.is_some() {
        let detail = "plugins keep their storage on each edge by itself, and a control plane has none of it: \
                      there is nothing to show here";
        return Err(ApiError::new(ErrorCode::Conflict, detail));
    }
    Ok(plugin)
}

fn checked(key: &str) -> Result<(), ApiError> {
    check(key, b"").map_err(|problem| vec![Problem::at("key", problem)].into())
}

fn no_entry(plugin: &Plugin) -> ApiError {
    let name = &plugin.draft.name;
    ApiError::not_found(format!("plugin {name:?} keeps nothing under this key, or no more"))
}

fn shape(entry: KeptEntry) -> StorageEntryAttributes {
    StorageEntryAttributes {
        key: entry.key,
        value_bytes: entry.value_bytes,
        updated_at: time_text(entry.updated_at),
        expires_at: entry.expires_at.map(time_text),
    }
}

/// `GET /plugins/{id}/storage`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Id(id): Id,
    Query(query): Query<StorageQuery>,
) -> Result<Response, ApiError> {
    let (filter, size) = query.settle(|StorageQuery { prefix, after, limit }| {
        let page = Page::new(1, limit.unwrap_or(Page::default().size()));
        let size = page.map_err(|_| {
            vec![Problem::at("limit", format!("give 1 to {} entries", Page::MAX_SIZE))]
        })?;
        let filter =
            KeptFilter { prefix: prefix.unwrap_or_default(), after: after.unwrap_or_default() };
        Ok((filter, size.size()))
    })?;
    let plugin = keeper(&state, id).await?;
    let page = state.control.view().kept_entries(plugin.id, &filter, size, now_millis()).await?;
    let next_after = page.entries.last().filter(|_| page.has_more).map(|last| last.key.clone());
    let entries = page.entries.into_iter().map(|entry| {
        let key = entry.key.clone();
        resource(ResourceType::StorageEntry, key, shape(entry))
    });
    let meta = StorageMeta {
        next_after,
        total_keys: page.keys,
        total_bytes: page.bytes,
        most_keys: count(MAX_KEYS),
        most_bytes: count(MAX_TOTAL_BYTES),
    };
    Ok(Json(StorageList { data: entries.collect(), meta }).into_response())
}

/// `GET /plugins/{id}/storage/{key}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    IdAndKey(id, key): IdAndKey,
) -> Result<Response, ApiError> {
    checked(&key)?;
    let plugin = keeper(&state, id).await?;
    let found = state.control.view().kept_entry(plugin.id, &key, now_millis()).await?;
    let (entry, value) = found.ok_or_else(|| no_entry(&plugin))?;
    let attributes = StorageValueAttributes {
        entry: shape(entry),
        value_base64: STANDARD.encode(&value),
        text: String::from_utf8(value).ok(),
    };
    Ok(Json(Shown { data: resource(ResourceType::StorageEntry, key, attributes) }).into_response())
}

/// `DELETE /plugins/{id}/storage/{key}`
pub(crate) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    IdAndKey(id, key): IdAndKey,
) -> Result<Response, ApiError> {
    checked(&key)?;
    let plugin = keeper(&state, id).await?;
    let store = state.control.store().by(caller.context());
    match store.remove_kept_entry(&plugin, &key).await? {
        true => Ok(deleted_at_once()),
        false => Err(no_entry(&plugin)),
    }
}
