//! Tokens over HTTP: list, create, show, rotate, revoke. The text of a token is in the answer to its
//! creation and nowhere else. Knows shapes; what is said of times is read in `token_times`.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Fields, Id, Query};
use super::if_match::IfMatch;
use super::state::{AdminState, shown};
use super::token_times;
use super::types::{Versioned, page_of, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::error::Problem;
use sidegate_api::resource::ResourceType;
use sidegate_api::token::{RotationFields, TokenAttributes, TokenFields, TokenQuery};
use sidegate_model::app::AppId;
use sidegate_model::clock::now_millis;
use sidegate_model::scope;
use sidegate_model::token::{NewToken, Token, TokenId};
use sidegate_store::{NewTokenRow, Rotation, StoreError};
use std::time::Duration;

/// What a new token is to be; `usual` is how long one lasts of which nothing is said.
fn read_row(
    fields: TokenFields,
    secret: &NewToken,
    usual: Option<Duration>,
) -> Result<NewTokenRow, Vec<Problem>> {
    let mut problems = Vec::new();
    if fields.app_id.is_none() {
        problems.push(Problem::at("app_id", "say for which app the token speaks"));
    }
    let (expires_in, expires_at) = (fields.expires_in.as_ref(), fields.expires_at.as_deref());
    let end = token_times::end(expires_in, expires_at, usual, now_millis());
    let name = fields.name.unwrap_or_default();
    if name.chars().count() > 255 || name.chars().any(char::is_control) {
        problems.push(Problem::at("name", "use at most 255 characters and no control characters"));
    }
    let mut scopes: Vec<String> = Vec::new();
    for scope in fields.scopes.unwrap_or_default() {
        problems.extend(scope::check(&scope).err().map(|told| Problem::at("scopes", told)));
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.len() > scope::MAX_SCOPES {
        let told = format!("a token has at most {}", scope::MAX_SCOPES);
        problems.push(Problem::at("scopes", told));
    }
    let expires_at = end.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let app_id = AppId(fields.app_id.unwrap_or_default());
    let (hash, hint) = (secret.hash(), secret.hint());
    Ok(NewTokenRow { app_id, name, hash, hint, scopes, expires_at })
}

fn shape(token: Token, text: Option<String>) -> Versioned<TokenAttributes> {
    let version = token.version();
    let attributes = TokenAttributes {
        app_id: token.app_id.0,
        is_expired: token.is_expired(now_millis()),
        name: token.name,
        hint: token.hint,
        scopes: token.scopes,
        expires_at: token.expires_at.map(time_text),
        last_used_at: token.last_used.time().map(time_text),
        replaced_by: token.replaced_by.map(|successor| successor.0),
        created_at: time_text(token.created_at),
        token: text,
    };
    Versioned { data: resource(ResourceType::Token, token.id, attributes), version }
}

/// `GET /tokens`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<TokenQuery>,
) -> Result<Response, ApiError> {
    let (page, filter) = query.settle(|query| token_times::filter(query, now_millis()))?;
    let listing = state.control.view().list_tokens(&filter, page).await?;
    Ok(Json(page_of(listing, |token| shape(token, None))).into_response())
}

/// `POST /tokens`
pub(crate) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<TokenFields>,
) -> Result<Response, ApiError> {
    let secret = NewToken::generate().map_err(ApiError::internal)?;
    let usual = state.settings.token_expiry;
    let row = fields.settle(|fields| read_row(fields, &secret, usual))?;
    let control = state.control.by(caller.context());
    let published = control.create_token(row).await.map_err(|error| match error {
        // The app is part of the request, not the thing that was asked for.
        StoreError::NotFound { .. } => ApiError::bad_request(format!("app_id: {error}")),
        error => error.into(),
    })?;
    let (token, text) = (published.value, secret.reveal().to_owned());
    Ok(state.created(published.revision, "tokens", || shape(token, Some(text))).await)
}

/// `GET /tokens/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let token = state.control.view().token(TokenId(id)).await?;
    Ok(shown(shape(token, None)))
}

/// `POST /tokens/{id}/rotate`
pub(crate) async fn rotate(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    Fields(fields): Fields<RotationFields>,
) -> Result<Response, ApiError> {
    let (end, overlap) = fields.settle(|fields| token_times::rotation(&fields, now_millis()))?;
    let secret = NewToken::generate().map_err(ApiError::internal)?;
    let (hash, hint) = (secret.hash(), secret.hint());
    let rotation = Rotation { hash, hint, end, overlap };
    let control = state.control.by(caller.context());
    let published = control.rotate_token(TokenId(id), rotation, precondition).await?;
    let (token, text) = (published.value.new, secret.reveal().to_owned());
    Ok(state.created(published.revision, "tokens", || shape(token, Some(text))).await)
}

/// `DELETE /tokens/{id}`
pub(crate) async fn revoke(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let control = state.control.by(caller.context());
    let published = control.revoke_token(TokenId(id), precondition).await?;
    Ok(state.deleted(published).await)
}
