//! What a plugin says of its configuration, over HTTP: shown, and held against what is saved. What a
//! schema means is the model's business, and the plugin itself has the last word.

use super::error::ApiError;
use super::extract::Id;
use super::state::AdminState;
use super::types::{Document, Resource};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::plugin::{PluginDraft, PluginId};
use std::sync::Arc;

/// Whether a configuration is held against the schema before it is saved.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Schema {
    #[default]
    Check,
    /// The schema is that of the process that runs, which may be about to be replaced by another.
    Ignore,
}

/// What is asked of a change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemaQuery {
    #[serde(default)]
    pub(crate) schema: Schema,
}

#[derive(Serialize)]
struct SchemaAttributes {
    schema: Value,
}

/// What a plugin said of its configuration when it was started last.
pub(super) fn schema_of(state: &AdminState, id: PluginId) -> Option<Arc<ConfigSchema>> {
    state.plane.plugins().into_iter().find(|status| status.id == id)?.config_schema
}

/// Refuses a changed configuration for what it newly breaks. Another program may say something else
/// of it, so nothing is refused where the command changes too.
pub(super) fn fits(
    schema: Option<&ConfigSchema>,
    before: &PluginDraft,
    after: &PluginDraft,
) -> Result<(), ApiError> {
    let Some(schema) = schema else { return Ok(()) };
    if before.config == after.config || before.command != after.command {
        return Ok(());
    }
    let problems = schema.new_problems(&before.config, &after.config);
    ApiError::all_of(problems).map_or(Ok(()), Err)
}

/// `GET /plugins/{id}/config-schema`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let plugin = state.control.store().plugin(PluginId(id)).await?;
    let known = schema_of(&state, plugin.id);
    let schema = known.map_or_else(|| json!({}), |schema| schema.as_json().clone());
    let resource = Resource::new("plugin-config-schema", plugin.id, SchemaAttributes { schema });
    Ok(Json(Document::plain(resource)).into_response())
}
