//! A program that is started once to see what it is, over HTTP. Nothing is stored but the entry in the audit log.

use super::auth::Caller;
use super::effective::names;
use super::error::ApiError;
use super::extract::Fields;
use super::plugin_fields::created;
use super::records::told_line;
use super::state::AdminState;
use super::types::resource;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use sidegate_api::error::{ErrorCode, Problem};
use sidegate_api::inspection::{InspectedEndpoint, InspectionAttributes};
use sidegate_api::plugin::PluginFields;
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::endpoint::Endpoint;
use sidegate_model::inspection::{Inspection, NotInspected};
use sidegate_model::plugin::{Plugin, PluginDraft, PluginId, PluginSpec};
use sidegate_model::scope::check_service;
use std::sync::Arc;

/// What a plugin is called that has no name yet.
const NAMELESS: &str = "inspected";
/// The number of a plugin that is none; nothing is granted to it and nothing kept for it.
const NUMBER: PluginId = PluginId(u32::MAX);

/// `POST /plugins/inspect`
pub(crate) async fn inspect(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<PluginFields>,
) -> Result<Response, ApiError> {
    let apps = state.control.apps();
    let draft = fields.settle(|mut fields| {
        fields.name.get_or_insert_with(|| NAMELESS.to_owned());
        created(fields, &apps)
    })?;
    let (name, command, config) = (draft.name.clone(), draft.command.clone(), draft.config.clone());
    let prepared = state.inspector.prepare(spec(draft));
    let prepared = prepared.map_err(|refused| refusal(&refused, state.edges.is_some()))?;
    let store = state.control.store().by(caller.context());
    store.note_inspection(&name, &command).await?;
    let attributes = shape(prepared.await, config).await?;
    Ok(Json(Shown { data: resource(ResourceType::Inspection, 1, attributes) }).into_response())
}

/// A plugin that is not registered, as a node would be told of it.
fn spec(draft: PluginDraft) -> PluginSpec {
    let plugin = Plugin {
        id: NUMBER,
        reloads: 0,
        draft,
        public_endpoints: None,
        secret_settings: <_>::default(),
        secrets_version: None,
        created_at: 0,
        updated_at: 0,
    };
    plugin.spec()
}

pub(super) fn refusal(refused: &NotInspected, is_control_plane: bool) -> ApiError {
    match refused {
        NotInspected::Busy(_) => ApiError::new(ErrorCode::TooManyRequests, refused.to_string()),
        NotInspected::Command(why) => {
            let here = if is_control_plane {
                "; a program is inspected on the machine of the control plane, which need not have what edges have"
            } else {
                ""
            };
            vec![Problem::at("command", format!("{why}{here}"))].into()
        }
    }
}

async fn shape(
    seen: Inspection,
    config: Map<String, Value>,
) -> Result<InspectionAttributes, ApiError> {
    let schema = seen.config_schema.clone();
    let (wished_scopes, unknown_scopes) =
        seen.requested_scopes.into_iter().partition(|scope| check_service(scope).is_ok());
    let millis = seen.start_duration.as_millis();
    Ok(InspectionAttributes {
        failure: seen.failure,
        manifest: seen.manifest.filter(Value::is_object).unwrap_or_else(|| json!({})),
        hooks: seen.hooks,
        wished_scopes,
        unknown_scopes,
        endpoints: seen.endpoints.iter().map(endpoint).collect(),
        config_schema: schema.as_ref().map_or_else(|| json!({}), |schema| schema.as_json().clone()),
        secret_settings: secrets(schema.as_deref()),
        config_problems: problems(schema, config).await?.into_iter().map(Into::into).collect(),
        warnings: seen.warnings,
        first_lines: seen.lines.iter().map(told_line).collect(),
        sha256: seen.sha256.map(|sum| sum.to_string()),
        start_duration_ms: u64::try_from(millis).unwrap_or(u64::MAX),
    })
}

fn secrets(schema: Option<&ConfigSchema>) -> Vec<String> {
    let paths = schema.map(ConfigSchema::secrets).unwrap_or_default();
    paths.iter().map(ToString::to_string).collect()
}

/// What of the schema the configuration breaks, looked at on a thread of its own.
async fn problems(
    schema: Option<Arc<ConfigSchema>>,
    config: Map<String, Value>,
) -> Result<Vec<Problem>, ApiError> {
    let Some(schema) = schema else { return Ok(Vec::new()) };
    let look = move || schema.problems(&config);
    let problems = tokio::task::spawn_blocking(look).await.map_err(ApiError::internal)?;
    Ok(problems.into_iter().map(Problem::from).collect())
}

fn endpoint(endpoint: &Arc<Endpoint>) -> InspectedEndpoint {
    InspectedEndpoint {
        path: endpoint.path.clone(),
        methods: names(endpoint.methods),
        require_auth: endpoint.demands_token(),
        scopes_required: endpoint.scopes_required.clone(),
        stream_response: endpoint.stream_response,
        description: endpoint.description.clone(),
        metadata: endpoint.metadata.clone(),
    }
}
