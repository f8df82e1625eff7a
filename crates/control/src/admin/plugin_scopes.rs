//! What plugins may ask of the host, over HTTP: scopes are granted, revoked, and approved as the
//! manifest wishes them. Knows shapes; which scopes there are is the model's.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Fields, Id};
use super::if_match::IfMatch;
use super::state::AdminState;
use axum::extract::State;
use axum::response::Response;
use sidegate_api::error::{ErrorCode, Problem};
use sidegate_api::plugin::{ApprovalFields, ScopeFields};
use sidegate_model::plugin::PluginId;
use sidegate_model::scope::check_service;
use sidegate_store::{Precondition, ScopeChange};
use std::collections::BTreeSet;

fn named(fields: ScopeFields) -> Result<BTreeSet<String>, Vec<Problem>> {
    let mut scopes = fields.scopes.unwrap_or_default();
    scopes.extend(fields.scope);
    if scopes.is_empty() {
        let how = "name one, as in {\"scope\": \"kv.readwrite\"}, or several in scopes";
        return Err(vec![Problem::at("scope", how)]);
    }
    Ok(scopes)
}

/// `POST /plugins/{id}/grant`
pub(crate) async fn grant(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    Fields(fields): Fields<ScopeFields>,
) -> Result<Response, ApiError> {
    let scopes = fields.settle(named)?;
    change(&state, &caller, PluginId(id), ScopeChange::Grant(scopes), precondition).await
}

/// `POST /plugins/{id}/revoke`
pub(crate) async fn revoke(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    Fields(fields): Fields<ScopeFields>,
) -> Result<Response, ApiError> {
    let scopes = fields.settle(named)?;
    change(&state, &caller, PluginId(id), ScopeChange::Revoke(scopes), precondition).await
}

/// `POST /plugins/{id}/approve-scopes`
pub(crate) async fn approve(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    Fields(fields): Fields<ApprovalFields>,
) -> Result<Response, ApiError> {
    let id = PluginId(id);
    let decision = if fields.settle(Ok)?.approved {
        ScopeChange::Grant(known_wishes(&state, id).await?)
    } else {
        ScopeChange::RevokeAll
    };
    change(&state, &caller, id, decision, precondition).await
}

/// What the manifest of a plugin wishes wherever it serves, without what this gateway has no service for. A plugin
/// that has not been started yet has said nothing, which is not the same as wishing nothing.
async fn known_wishes(state: &AdminState, id: PluginId) -> Result<BTreeSet<String>, ApiError> {
    let plugin = state.control.view().plugin(id).await?;
    let Some(wished) = state.overview().wished_scopes(id) else {
        let name = plugin.draft.name;
        let detail = format!(
            "plugin {name:?} does not run, so what it wishes is not known: start it, or grant scopes by name"
        );
        return Err(ApiError::new(ErrorCode::Conflict, detail));
    };
    Ok(wished.into_iter().filter(|scope| check_service(scope).is_ok()).collect())
}

async fn change(
    state: &AdminState,
    caller: &Caller,
    id: PluginId,
    change: ScopeChange,
    precondition: Precondition,
) -> Result<Response, ApiError> {
    let control = state.control.by(caller.context());
    let published = control.change_scopes(id, change, precondition).await?;
    Ok(state.changed_plugin(published.revision, published.value).await)
}
