//! Tokens over HTTP: list, create, show, revoke. The text of a token is in the answer to its
//! creation and nowhere else. Knows shapes and the two ways to say when a token ends.

use super::error::ApiError;
use super::extract::{Fields, Id, Query};
use super::if_match::IfMatch;
use super::state::{AdminState, shown};
use super::types::{PageQuery, Versioned, page_of, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::error::Problem;
use sidegate_api::resource::ResourceType;
use sidegate_api::token::{ExpiresIn, TokenAttributes, TokenFields, TokenQuery};
use sidegate_model::UnixMillis;
use sidegate_model::app::AppId;
use sidegate_model::clock::now_millis;
use sidegate_model::duration::parse_duration;
use sidegate_model::scope;
use sidegate_model::token::{NewToken, Token, TokenId};
use sidegate_store::{NewTokenRow, StoreError, TokenFilter};
use std::time::Duration;

fn read_duration(said: &ExpiresIn) -> Result<Duration, String> {
    match said {
        ExpiresIn::Text(text) => match parse_duration(text) {
            Ok(Duration::ZERO) => {
                Err("a token must last; leave this out for one without end".to_owned())
            }
            Ok(duration) => Ok(duration),
            Err(error) => Err(error.to_string()),
        },
        ExpiresIn::Nanoseconds(nanos) => match u64::try_from(*nanos).map(Duration::from_nanos) {
            Ok(duration) if duration >= Duration::from_secs(1) => Ok(duration),
            _ => Err(format!(
                "a bare number means nanoseconds, and {nanos} of them are less than a second: \
                 write a duration in quotes, as in \"{nanos}s\" or \"24h\", or leave this out \
                 for a token without end"
            )),
        },
    }
}

fn read_row(
    fields: TokenFields,
    secret: &NewToken,
    now: UnixMillis,
) -> Result<NewTokenRow, Vec<Problem>> {
    let mut problems = Vec::new();
    if fields.app_id.is_none() {
        problems.push(Problem::at("app_id", "say for which app the token speaks"));
    }
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
    let end = read_end(fields.expires_in.as_ref(), fields.expires_at.as_deref(), now);
    let expires_at = end.unwrap_or_else(|problem| {
        problems.push(problem.into());
        None
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let app_id = AppId(fields.app_id.unwrap_or_default());
    let (hash, hint) = (secret.hash(), secret.hint());
    Ok(NewTokenRow { app_id, name, hash, hint, scopes, expires_at })
}

fn read_end(
    expires_in: Option<&ExpiresIn>,
    expires_at: Option<&str>,
    now: UnixMillis,
) -> Result<Option<UnixMillis>, String> {
    match (expires_in, expires_at) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err("expires_in: give this or expires_at, not both".to_owned()),
        (Some(expires_in), None) => {
            let lasting =
                read_duration(expires_in).map_err(|problem| format!("expires_in: {problem}"))?;
            let millis = UnixMillis::try_from(lasting.as_millis()).unwrap_or(UnixMillis::MAX);
            Ok(Some(now.saturating_add(millis)))
        }
        (None, Some(text)) => {
            let end: jiff::Timestamp = text.parse().map_err(|_| {
                format!("expires_at: {text:?} is no time: write it as in 2030-01-31T12:00:00Z")
            })?;
            if end.as_millisecond() <= now {
                return Err(format!("expires_at: {text} is over already"));
            }
            Ok(Some(end.as_millisecond()))
        }
    }
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
    let (page, filter) = query.settle(|query| {
        let TokenQuery { page, limit, page_size, app_id, name } = query;
        let page = PageQuery { page, limit, page_size }.read()?;
        Ok((page, TokenFilter { app: app_id.map(AppId), name, ..TokenFilter::default() }))
    })?;
    let listing = state.control.view().list_tokens(&filter, page).await?;
    Ok(Json(page_of(listing, |token| shape(token, None))).into_response())
}

/// `POST /tokens`
pub(crate) async fn create(
    State(state): State<AdminState>,
    Fields(fields): Fields<TokenFields>,
) -> Result<Response, ApiError> {
    let secret = NewToken::generate().map_err(ApiError::internal)?;
    let row = fields.settle(|fields| read_row(fields, &secret, now_millis()))?;
    let published = state.control.create_token(row).await.map_err(|error| match error {
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

/// `DELETE /tokens/{id}`
pub(crate) async fn revoke(
    State(state): State<AdminState>,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let published = state.control.revoke_token(TokenId(id), precondition).await?;
    Ok(state.deleted(published).await)
}
