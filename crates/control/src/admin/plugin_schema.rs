//! What a plugin says of its configuration, over HTTP: shown, and held against what is saved. What a
//! schema means is the model's business, and the plugin itself has the last word.

use super::auth::Caller;
use super::change::Change;
use super::error::ApiError;
use super::extract::Id;
use super::plugin_fields::{Stored, amended_by, merged};
use super::state::AdminState;
use super::types::resource;
use crate::named_apps::KnownApps;
use crate::publish::Published;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use sidegate_api::error::Problem;
use sidegate_api::plugin::{PluginFields, SchemaAttributes};
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::plugin::{Plugin, PluginDraft, PluginId};
use sidegate_model::plugin_roles::changes_beyond;
use sidegate_model::role::Role;
use sidegate_store::{Precondition, StoreError};
use std::sync::Arc;

/// How often a configuration is looked at anew because it was changed while it was looked at.
const MAX_ATTEMPTS: usize = 100;

/// What a plugin said of its configuration when it was started last.
pub(super) fn schema_of(state: &AdminState, id: PluginId) -> Option<Arc<ConfigSchema>> {
    state.overview().summary(id)?.config_schema.clone()
}

/// Changes a plugin, unless the changed configuration newly breaks the schema, or what really changes needs a
/// stronger role than the caller has.
///
/// Looking takes its time, which no other change has to wait for: it is done outside the transaction,
/// for what was found in it, and counts only while that is still so. Nothing else is held up either,
/// for it is done on a thread of its own.
pub(super) async fn change_checked(
    state: &AdminState,
    caller: &Caller,
    (id, precondition): (PluginId, Precondition),
    schema: Option<Arc<ConfigSchema>>,
    change: Change<PluginFields>,
) -> Result<Published<Plugin>, ApiError> {
    let mut answer = None;
    for _ in 0..MAX_ATTEMPTS {
        let (change, is_checked, known) = (change.clone(), schema.is_some(), answer.take());
        let (apps, role) = (state.control.apps(), caller.role());
        let amend = move |plugin: &Plugin| {
            let draft = amended(change, plugin, &apps).map_err(Refusal::Certain)?;
            let beyond = changes_beyond(role, &plugin.draft, &draft);
            if !beyond.is_empty() {
                return Err(Refusal::Certain(ApiError::beyond_role(Role::Admin, &beyond)));
            }
            // Another program may say something else of the configuration.
            let is_same_program = plugin.draft.command == draft.command;
            if is_checked && is_same_program && plugin.draft.config != draft.config {
                Answer::take(known, &plugin.draft.config, &draft.config)?;
            }
            Ok(draft)
        };
        let control = state.control.by(caller.context());
        match (control.update_plugin(id, precondition.clone(), amend).await, &schema) {
            (Ok(published), _) => return Ok(published),
            (Err(Refusal::Open(question)), Some(schema)) => {
                answer = Some(question.asked(schema.clone()).await?);
            }
            (Err(Refusal::Open(_)), None) => break,
            (Err(Refusal::Certain(error)), _) => return Err(error),
        }
    }
    Err(ApiError::unavailable("the configuration became another one whenever it was looked at"))
}

fn amended(
    change: Change<PluginFields>,
    plugin: &Plugin,
    apps: &KnownApps,
) -> Result<PluginDraft, ApiError> {
    let stored = Stored::of(plugin);
    Ok(match change {
        Change::Fields(fields) => fields.settle(|fields| amended_by(fields, stored, apps))?,
        Change::Merge(patch) => merged(patch, stored, apps)?,
    })
}

/// Why a change was not made.
enum Refusal {
    Certain(ApiError),
    /// It was not held against the schema yet.
    Open(Box<Question>),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Certain(error.into())
    }
}

/// A configuration, and what it shall become.
#[derive(PartialEq)]
struct Question {
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Question {
    async fn asked(self, schema: Arc<ConfigSchema>) -> Result<Answer, ApiError> {
        let look = move || {
            let problems = schema.new_problems(&self.before, &self.after);
            let problems = problems.into_iter().map(Problem::from).collect();
            Answer { question: self, problems }
        };
        tokio::task::spawn_blocking(look).await.map_err(ApiError::internal)
    }
}

/// What a change of the configuration newly breaks.
struct Answer {
    question: Question,
    problems: Vec<Problem>,
}

impl Answer {
    /// Takes an answer that is known, if it is one to what is asked now.
    fn take(
        known: Option<Self>,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let question = Question { before: before.clone(), after: after.clone() };
        match known.filter(|known| known.question == question) {
            Some(known) if known.problems.is_empty() => Ok(()),
            Some(known) => Err(Refusal::Certain(known.problems.into())),
            None => Err(Refusal::Open(Box::new(question))),
        }
    }
}

/// `GET /plugins/{id}/config-schema`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let known = schema_of(&state, plugin.id);
    let schema = known.map_or_else(|| json!({}), |schema| schema.as_json().clone());
    let attributes = SchemaAttributes { schema };
    let data = resource(ResourceType::PluginConfigSchema, plugin.id, attributes);
    Ok(Json(Shown { data }).into_response())
}
