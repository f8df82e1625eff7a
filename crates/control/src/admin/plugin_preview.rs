//! What a change of a plugin would do, over HTTP, by the same rules as the change itself; nothing is stored.

use super::auth::Caller;
use super::change::Change;
use super::error::ApiError;
use super::plugin_schema::{Amended, amended, check_beyond, left_to_admins};
use super::state::{AdminState, previewed};
use super::types::{Versioned, resource};
use crate::fleet::Overview;
use axum::response::Response;
use sidegate_api::error::Problem;
use sidegate_api::plugin::PluginFields;
use sidegate_api::plugin_preview::{ChangeEffect, PluginPreviewAttributes, PreviewedChange};
use sidegate_api::resource::ResourceType;
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::diff;
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_model::plugin_effect::Effect;
use sidegate_model::plugin_roles::changes_beyond;
use sidegate_model::status::PluginState;
use sidegate_store::Precondition;
use std::sync::Arc;

/// Says what a change would do to a plugin; with a schema, whether the configuration would newly break it.
pub(super) async fn preview(
    state: &AdminState,
    caller: &Caller,
    (id, precondition): (PluginId, Precondition),
    schema: Option<Arc<ConfigSchema>>,
    change: Change<PluginFields>,
) -> Result<Response, ApiError> {
    let view = state.control.view();
    let (apps, role) = (state.control.apps(), caller.role());
    let left = left_to_admins(state, id, role).await?;
    let (unknown, of_admins) = (left.unknown, left.settings());
    let mut seen: Option<(Plugin, Option<Amended>)> = None;
    let amend = |plugin: &Plugin| {
        seen = Some((plugin.clone(), None));
        let amended = amended(change, plugin, &apps)?;
        let beyond = changes_beyond(role, &plugin.draft, &amended.for_guessers, &of_admins);
        check_beyond(&beyond, unknown)?;
        let draft = amended.draft.clone();
        seen = Some((plugin.clone(), Some(amended)));
        Ok::<_, ApiError>(draft)
    };
    let planned = view.plan_plugin(id, &precondition, amend).await;
    let mut problems = match planned {
        Ok(()) => Vec::new(),
        Err(refusal) => refusal.into_problems_of_content()?,
    };
    let Some((before, amended)) = seen else {
        return Err(ApiError::internal("a change was planned without a plugin"));
    };
    let version = before.version();
    let mut attributes = PluginPreviewAttributes::default();
    if let Some(amended) = amended {
        problems.extend(broken(schema, &before, &amended).await?);
        // A secret that is sent in clear is told as another one, whether it is the stored one or not: nobody finds it by
        // trying what is in no audit log.
        let after = Plugin { draft: amended.for_guessers, ..before.clone() };
        attributes.changes = changes(&before, &after);
        attributes.effect = effect(&before, &after, &state.overview());
    }
    attributes.problems = problems.into_iter().map(Into::into).collect();
    let data = resource(ResourceType::PluginPreview, id, attributes);
    Ok(previewed(Versioned { data, version }))
}

/// What the configuration newly breaks of the schema. Another program may say something else of it.
async fn broken(
    schema: Option<Arc<ConfigSchema>>,
    before: &Plugin,
    Amended { draft, for_guessers }: &Amended,
) -> Result<Vec<Problem>, ApiError> {
    let is_another = before.draft.config != for_guessers.config;
    let is_checked = before.draft.command == draft.command && is_another;
    let Some(schema) = schema.filter(|_| is_checked) else { return Ok(Vec::new()) };
    let (before, after) = (before.draft.config.clone(), draft.config.clone());
    let look = move || schema.new_problems(&before, &after);
    let problems = tokio::task::spawn_blocking(look).await.map_err(ApiError::internal)?;
    Ok(problems.into_iter().map(Problem::from).collect())
}

fn changes(before: &Plugin, after: &Plugin) -> Vec<PreviewedChange> {
    let told = |change: diff::FieldChange| PreviewedChange {
        path: change.field,
        from: change.before,
        to: change.marked,
    };
    diff::fields(Some(before), Some(after)).into_iter().map(told).collect()
}

/// What the nodes would do, as they decide it themselves; where several differ, on those that run it.
fn effect(before: &Plugin, after: &Plugin, overview: &Overview) -> ChangeEffect {
    let of = |plugin: &Plugin| plugin.draft.is_active.then(|| plugin.spec());
    let (before_spec, after_spec) = (of(before), of(after));
    let runs = overview.on_each(before).any(|(_, status)| {
        // One that has not taken it up yet is about to.
        status.is_none_or(|status| match status.state {
            PluginState::Ready | PluginState::Starting => true,
            PluginState::Backoff
            | PluginState::Parked
            | PluginState::Draining
            | PluginState::Stopped => false,
        })
    });
    let runs = before_spec.as_ref().filter(|_| runs);
    Effect::of(before_spec.as_ref(), runs, after_spec.as_ref()).into()
}
