//! Sessions of the console over HTTP: one's own, all there are, and links that begin one. How one begins by itself is told
//! in `sign_in`.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Id, Query};
use super::session_cookie;
use super::state::{AdminState, deleted_at_once};
use super::types::{PageQuery, Versioned, page_of, resource, time_text};
use crate::console::root_fingerprint;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{HOST, SET_COOKIE};
use sidegate_api::resource::{Resource, ResourceType, Shown};
use sidegate_api::session::{
    ConsoleLinkAttributes, SessionAttributes, SessionQuery, SignOutQuery, Via,
};
use sidegate_model::actor::Who;
use sidegate_model::admin_token::USER_PREFIX;
use sidegate_model::clock::now_millis;
use sidegate_model::console_session::{ConsoleSession, ConsoleSessionId, LINK_LIFE, SignedInVia};
use sidegate_model::token::NewToken;
use sidegate_store::{NewConsoleLink, SessionHolder};

/// How a session began, in words of the API.
pub(super) fn via(via: SignedInVia) -> Via {
    match via {
        SignedInVia::Password => Via::Password,
        SignedInVia::AdminToken => Via::AdminToken,
        SignedInVia::Link => Via::Link,
        SignedInVia::Oidc => Via::Oidc,
    }
}

/// A session as answers show it; `own` is the one that asks.
pub(super) fn shape(
    state: &AdminState,
    session: &ConsoleSession,
    own: Option<ConsoleSessionId>,
) -> Resource<SessionAttributes> {
    let settings = &state.settings.console;
    let actor = session.who.name();
    let attributes = SessionAttributes {
        user: match session.who {
            Who::User { .. } => actor.trim_start_matches(USER_PREFIX).to_owned(),
            _ => actor.to_owned(),
        },
        actor: actor.to_owned(),
        user_id: session.who.user().map(|id| id.0),
        admin_token_id: session.who.admin_token().map(|id| id.0),
        role: session.role.into(),
        via: via(session.via),
        current: own == Some(session.id),
        read_only: settings.read_only,
        peer: session.peer.map(|peer| peer.to_string()),
        created_at: time_text(session.created_at),
        last_used_at: time_text(session.last_used_at),
        idle_expires_at: time_text(session.idle_expires_at(settings.idle_millis())),
        expires_at: time_text(session.ends_at()),
        key: None,
    };
    resource(ResourceType::Session, session.id, attributes)
}

fn own(caller: &Caller) -> Result<&ConsoleSession, ApiError> {
    caller.session().ok_or_else(|| {
        ApiError::not_found("you came with a token and have no session; `whoami` says who you are")
    })
}

/// `GET /session`
pub(crate) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let session = own(&caller)?;
    Ok(Json(Shown { data: shape(&state, session, Some(session.id)) }).into_response())
}

/// `DELETE /session`
pub(crate) async fn sign_out(
    State(state): State<AdminState>,
    caller: Caller,
    Query(query): Query<SignOutQuery>,
) -> Result<Response, ApiError> {
    let everywhere = query.settle(|query| Ok(query.everywhere.unwrap_or(false)))?;
    let id = own(&caller)?.id;
    let control = state.control.by(caller.context());
    if everywhere {
        control.end_sessions_like(id).await?;
    } else {
        control.end_session(id).await?;
    }
    Ok(([(SET_COOKIE, session_cookie::taken_back())], deleted_at_once()).into_response())
}

/// `GET /sessions`
pub(crate) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Query(query): Query<SessionQuery>,
) -> Result<Response, ApiError> {
    let page = query.settle(|SessionQuery { page, limit, page_size }| {
        PageQuery { page, limit, page_size }.read()
    })?;
    let now = now_millis();
    let idle_since = now.saturating_sub(state.settings.console.idle_millis());
    let listing = state.control.view().list_console_sessions(now, idle_since, page).await?;
    let own = caller.session().map(|session| session.id);
    let shape = |session: ConsoleSession| {
        let data = shape(&state, &session, own);
        Versioned { data, version: String::new() }
    };
    Ok(Json(page_of(listing, shape)).into_response())
}

/// `DELETE /sessions/{id}`
pub(crate) async fn end(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, ApiError> {
    state.control.by(caller.context()).end_session(ConsoleSessionId(id)).await?;
    Ok(deleted_at_once())
}

/// `POST /console-links`
pub(crate) async fn create_link(
    State(state): State<AdminState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let secret = NewToken::generate_console().map_err(ApiError::internal)?;
    let expires_at = now_millis().saturating_add(LINK_LIFE);
    let holder = match caller.who() {
        Who::User { id, .. } => SessionHolder::User(*id),
        Who::AdminToken { id, .. } => SessionHolder::AdminToken(*id),
        Who::Root => SessionHolder::Root(root_fingerprint(&state.settings.admin_token)),
        Who::System | Who::Plugin { .. } => {
            return Err(ApiError::internal("a link was asked for by nobody who can use it"));
        }
    };
    let who = caller.who().clone();
    // Or a session could make itself one successor after the other.
    let session_ends_at = caller.session().map(ConsoleSession::ends_at);
    let new = NewConsoleLink { hash: secret.hash(), holder, who, expires_at, session_ends_at };
    state.control.by(caller.context()).create_console_link(&new).await?;
    // After the `#`, so that it stands in no log and no Referer.
    let url = format!("{}/console/sign-in#link={}", address(&state, &headers), secret.reveal());
    let attributes = ConsoleLinkAttributes { url, expires_at: time_text(expires_at) };
    let data = resource(ResourceType::ConsoleLink, 1, attributes);
    Ok(Json(Shown { data }).into_response())
}

/// Where the admin port is found, as whoever asks has found it.
fn address(state: &AdminState, headers: &HeaderMap) -> String {
    if let Some(origin) = &state.settings.console.origin {
        return origin.clone();
    }
    let scheme = if state.settings.tls.is_some() { "https" } else { "http" };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost:8080");
    format!("{scheme}://{host}")
}
