//! Tokens over HTTP: list, create, show, revoke. The text of a token is in the answer to its
//! creation and nowhere else. Knows shapes and the two ways to say when a token ends.

use super::error::ApiError;
use super::extract::{Attributes, Id, Named, Query};
use super::if_match::IfMatch;
use super::state::{AdminState, shown};
use super::types::{Resource, page_document, read_page, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sidegate_model::UnixMillis;
use sidegate_model::app::AppId;
use sidegate_model::clock::now_millis;
use sidegate_model::duration::parse_duration;
use sidegate_model::scope;
use sidegate_model::token::{NewToken, Token, TokenId};
use sidegate_store::{NewTokenRow, StoreError, TokenFilter};
use std::time::Duration;

/// What a client may say about a new token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenFields {
    app_id: Option<u32>,
    name: Option<String>,
    scopes: Option<Vec<String>>,
    expires_in: Option<ExpiresIn>,
    expires_at: Option<String>,
}

impl Named for TokenFields {
    const TYPE: &'static str = "token";
}

/// A duration as text, or the nanoseconds that existing clients send.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "write a duration in quotes, as in \"24h\", \"30d\" or \"1h30m\"")]
enum ExpiresIn {
    Text(String),
    Nanoseconds(i64),
}

impl ExpiresIn {
    fn read(&self) -> Result<Duration, String> {
        match self {
            Self::Text(text) => match parse_duration(text) {
                Ok(Duration::ZERO) => {
                    Err("a token must last; leave this out for one without end".to_owned())
                }
                Ok(duration) => Ok(duration),
                Err(error) => Err(error.to_string()),
            },
            Self::Nanoseconds(nanos) => match u64::try_from(*nanos).map(Duration::from_nanos) {
                Ok(duration) if duration >= Duration::from_secs(1) => Ok(duration),
                _ => Err(format!(
                    "a bare number means nanoseconds, and {nanos} of them are less than a second: \
                     write a duration in quotes, as in \"{nanos}s\" or \"24h\", or leave this out \
                     for a token without end"
                )),
            },
        }
    }
}

impl TokenFields {
    fn read(self, secret: &NewToken, now: UnixMillis) -> Result<NewTokenRow, ApiError> {
        let mut problems = Vec::new();
        if self.app_id.is_none() {
            problems.push("app_id: say for which app the token speaks".to_owned());
        }
        let name = self.name.unwrap_or_default();
        if name.chars().count() > 255 || name.chars().any(char::is_control) {
            problems.push("name: use at most 255 characters and no control characters".to_owned());
        }
        let mut scopes: Vec<String> = Vec::new();
        for (index, scope) in self.scopes.unwrap_or_default().into_iter().enumerate() {
            if let Err(problem) = scope::check(&scope) {
                problems.push(format!("scopes[{index}]: {problem}"));
            }
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        if scopes.len() > scope::MAX_SCOPES {
            problems.push(format!("scopes: a token has at most {}", scope::MAX_SCOPES));
        }
        let end = read_end(self.expires_in.as_ref(), self.expires_at.as_deref(), now);
        let expires_at = end.unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        if let Some(error) = ApiError::all_of(problems) {
            return Err(error);
        }
        let app_id = AppId(self.app_id.unwrap_or_default());
        let (hash, hint) = (secret.hash(), secret.hint());
        Ok(NewTokenRow { app_id, name, hash, hint, scopes, expires_at })
    }
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
            let lasting = expires_in.read().map_err(|problem| format!("expires_in: {problem}"))?;
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

#[derive(Serialize)]
struct TokenAttributes {
    app_id: u32,
    name: String,
    hint: String,
    scopes: Vec<String>,
    expires_at: Option<String>,
    is_expired: bool,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

fn shape(token: Token, text: Option<String>) -> Resource<TokenAttributes> {
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
    Resource::new("token", token.id, attributes).with_version(version)
}

/// How to narrow a list of tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenQuery {
    page: Option<u32>,
    #[serde(alias = "page_size")]
    limit: Option<u32>,
    app_id: Option<u32>,
    name: Option<String>,
}

/// `GET /tokens`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<TokenQuery>,
) -> Result<Response, ApiError> {
    let page = read_page(query.page, query.limit)?;
    let filter = TokenFilter { app: query.app_id.map(AppId), name: query.name };
    let listing = state.control.store().list_tokens(&filter, page).await?;
    Ok(Json(page_document(listing, |token| shape(token, None))).into_response())
}

/// `POST /tokens`
pub(crate) async fn create(
    State(state): State<AdminState>,
    Attributes(fields): Attributes<TokenFields>,
) -> Result<Response, ApiError> {
    let secret = NewToken::generate().map_err(ApiError::internal)?;
    let row = fields.read(&secret, now_millis())?;
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
    let token = state.control.store().token(TokenId(id)).await?;
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
