//! What a plugin says of its configuration, over HTTP: shown, and held against what is saved. What a
//! schema means is the model's business, and the plugin itself has the last word.

use super::auth::Caller;
use super::change::Change;
use super::error::ApiError;
use super::extract::Id;
use super::plugin_fields::{Stored, amended_by, merged};
use super::state::AdminState;
use super::types::resource;
use crate::checked_config;
use crate::left_to_admins::{LeftToAdmins, UNREAD};
use crate::named_apps::KnownApps;
use crate::publish::Published;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use sidegate_api::error::Problem;
use sidegate_api::plugin::{PluginFields, SchemaAttributes};
use sidegate_api::read::Reading;
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::plugin::{Plugin, PluginDraft, PluginId};
use sidegate_model::plugin_page::ToldByPlugin;
use sidegate_model::plugin_roles::changes_beyond;
use sidegate_model::role::Role;
use sidegate_model::secret::is_guessed;
use sidegate_model::token::NewToken;
use sidegate_store::Precondition;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// How long a plugin that no node has may take to say it beside the console.
const BESIDE: Duration = Duration::from_secs(5);

/// What a plugin said of its configuration when it was started last; nothing where edges tell different things of it.
pub(super) fn schema_of(state: &AdminState, id: PluginId) -> Option<Arc<ConfigSchema>> {
    state.overview().config_schema(id)
}

/// The settings that anybody leaves to admins, nodes or the process beside the console. Where no node says it now, as of a
/// plugin that is switched off, what was told last counts; where that was never told it is asked beside the console. Of an
/// admin, who may anything, it is not asked.
///
/// # Errors
/// Those of the database.
pub(super) async fn left_to_admins(
    state: &AdminState,
    id: PluginId,
    role: Role,
) -> Result<LeftToAdmins, ApiError> {
    if role.covers(Role::Admin) {
        return Ok(LeftToAdmins::default());
    }
    let mut left = LeftToAdmins::by_nodes(&state.control, &state.overview(), id).await?;
    let beside = match state.pages.told_before(id) {
        None if left.known.is_none() => told_beside(state, id).await,
        told => told,
    };
    if left.known.is_none() && beside.as_ref().is_some_and(|told| !told.is_schema_known) {
        left.unknown = left.unknown.or(Some(UNREAD));
    }
    let beside = beside.and_then(|told| told.config_schema);
    if let Some(schema) = beside {
        left.known.get_or_insert_default().extend(schema.admin_settings());
    }
    Ok(left)
}

/// Refuses what only an admin may, and says why where nobody knows what that is.
///
/// # Errors
/// Names what it is.
pub(super) fn check_beyond(beyond: &[String], unknown: Option<&str>) -> Result<(), ApiError> {
    if beyond.is_empty() {
        return Ok(());
    }
    let refused = ApiError::beyond_role(Role::Admin, beyond);
    let is_all = beyond.iter().any(|field| field == "config.*");
    Err(match unknown.filter(|_| is_all) {
        Some(why) => refused.with(Problem::at("config", why)),
        None => refused,
    })
}

/// What the process beside the console says of a plugin that runs on no node, where it can be asked.
async fn said_beside(state: &AdminState, id: PluginId) -> Option<Arc<ConfigSchema>> {
    told_beside(state, id).await?.config_schema
}

async fn told_beside(state: &AdminState, id: PluginId) -> Option<ToldByPlugin> {
    if !is_unheard_of(state, id) {
        return None;
    }
    let plugin = state.control.view().plugin(id).await.ok().filter(|it| it.draft.is_active)?;
    let told = timeout(BESIDE, state.pages.told(Arc::new(plugin.spec()))).await;
    told.ok()?.ok()
}

/// Changes a plugin, unless the changed configuration newly breaks the schema, or what really changes needs a
/// stronger role than the caller has.
pub(super) async fn change_checked(
    state: &AdminState,
    caller: &Caller,
    target: (PluginId, Precondition),
    schema: Option<Arc<ConfigSchema>>,
    change: Change<PluginFields>,
) -> Result<Published<Plugin>, ApiError> {
    let (control, role) = (state.control.clone(), caller.role());
    let left = left_to_admins(state, target.0, role).await?;
    let (unknown, of_admins) = (left.unknown, left.settings());
    let guessed = Arc::new(AtomicBool::new(false));
    let is_guessed = guessed.clone();
    let amend = move |plugin: &Plugin| {
        let amended = amended(change.clone(), plugin, &control.apps())?;
        let beyond = changes_beyond(role, &plugin.draft, &amended.for_guessers, &of_admins);
        check_beyond(&beyond, unknown)?;
        is_guessed.store(is_guess(&plugin.draft, &amended), Ordering::Relaxed);
        Ok::<_, ApiError>(amended.draft)
    };
    let context = caller.context();
    let published =
        checked_config::change_checked(&state.control, context, target, schema, amend).await?;
    note_guess(state, caller, &published.value, guessed.load(Ordering::Relaxed)).await?;
    Ok(published)
}

/// A save that sends the stored secret changes nothing of it, which tells whoever sent it that it is the one. So that nobody
/// finds a secret by trying without a trace, it is told to the audit log, as one that was another one is as a change. An admin
/// could read it by the program that gets it.
async fn note_guess(
    state: &AdminState,
    caller: &Caller,
    plugin: &Plugin,
    guessed: bool,
) -> Result<(), ApiError> {
    if !guessed || caller.role() == Role::Admin {
        return Ok(());
    }
    let detail = format!("{}: a secret was sent that is the stored one", plugin.draft.name);
    Ok(state.control.by(caller.context()).note_done(&detail).await?)
}

/// What a change makes of what is stored.
pub(super) struct Amended {
    pub(super) draft: PluginDraft,
    /// The same with other secrets in the place of those that were sent in clear. Whoever guesses learns nothing from what
    /// is told of this.
    pub(super) for_guessers: PluginDraft,
}

/// What a change makes of what is stored.
pub(super) fn amended(
    change: Change<PluginFields>,
    plugin: &Plugin,
    apps: &KnownApps,
) -> Result<Amended, ApiError> {
    // As nobody can guess it, nor anything that begins or ends so; a name too, where that is called a secret.
    let other = NewToken::generate().map_err(ApiError::internal)?.hash();
    let other: String = other.0[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let amend = |change, stored| {
        Ok::<_, ApiError>(match change {
            Change::Fields(fields) => {
                Reading::<PluginFields>::settle(fields, |fields| amended_by(fields, stored, apps))?
            }
            Change::Merge(patch) => merged(patch, stored, apps)?,
        })
    };
    let draft = amend(change.clone(), Stored::of(plugin))?;
    let for_guessers = amend(change, Stored::of(plugin).by_other_secrets(&other))?;
    Ok(Amended { draft, for_guessers })
}

/// Whether it sends a secret in clear that is the stored one.
fn is_guess(before: &PluginDraft, Amended { draft, for_guessers }: &Amended) -> bool {
    let options = |draft: &PluginDraft| -> Map<String, Value> {
        let option = |(name, text): (&String, &String)| (name.clone(), text.as_str().into());
        draft.options.iter().map(option).collect()
    };
    is_guessed(&before.config, &draft.config, &for_guessers.config)
        || is_guessed(&options(before), &options(draft), &options(for_guessers))
}

/// Whether no node says anything of a plugin, so that only its process beside the console could.
fn is_unheard_of(state: &AdminState, id: PluginId) -> bool {
    state.overview().said_of(id).next().is_none()
}

/// `GET /plugins/{id}/config-schema`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let known = match schema_of(&state, plugin.id) {
        None => said_beside(&state, plugin.id).await,
        known => known,
    };
    let schema = known.map_or_else(|| json!({}), |schema| schema.as_json().clone());
    let attributes = SchemaAttributes { schema };
    let data = resource(ResourceType::PluginConfigSchema, plugin.id, attributes);
    Ok(Json(Shown { data }).into_response())
}
