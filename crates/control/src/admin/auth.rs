//! Who may use the admin API: the holder of the root token, those of admin tokens, and whoever is signed in to the console,
//! each as far as their role goes. Runs before a body is read. What a role may do is said with the operations.

use super::error::ApiError;
use super::session_cookie::{self, Key, Presented};
use super::state::AdminState;
use crate::console::root_fingerprint;
use crate::sign_ins::Refused;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};
use sidegate_api::error::ErrorCode;
use sidegate_api::operations::OperationId;
use sidegate_model::UnixMillis;
use sidegate_model::actor::{Actor, AuditContext, Who};
use sidegate_model::clock::now_millis;
use sidegate_model::console_session::ConsoleSession;
use sidegate_model::role::Role;
use sidegate_model::token::{ADMIN_TOKEN_PREFIX, TokenHash};
use sidegate_store::StoreError;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// What the audit log calls the attempt to get in.
pub(super) const SIGN_IN: &str = "sign_in";

/// The other end of a connection, in the extensions of each of its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Whoever came with a token or a session that is valid.
#[derive(Debug, Clone)]
struct SignedIn {
    actor: Actor,
    role: Role,
    expires_at: Option<UnixMillis>,
    /// Where they came with one.
    session: Option<ConsoleSession>,
}

/// Why somebody is not let in.
struct NotSignedIn {
    /// Who it was, where their token is known.
    who: Option<Who>,
    code: ErrorCode,
    detail: &'static str,
    /// For the audit log, where it is told more.
    noted: Option<&'static str>,
}

impl From<&'static str> for NotSignedIn {
    fn from(detail: &'static str) -> Self {
        Self { who: None, code: ErrorCode::Unauthorized, detail, noted: None }
    }
}

/// Lets a request pass that carries a valid token; whose it is stands in its extensions then.
pub(super) async fn require_token(
    State(state): State<AdminState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if is_sign_in(&request) {
        return Ok(next.run(request).await);
    }
    let peer = request.extensions().get::<Peer>().map(|Peer(address)| *address);
    let now = now_millis();
    let signed_in = match request.headers().contains_key(AUTHORIZATION) {
        true => by_header(&state, request.headers(), peer, now).await?,
        false => by_session(&state, request.headers(), peer, now).await?,
    };
    match signed_in {
        Ok(signed_in) => {
            if signed_in.session.is_some() && !request.method().is_safe() {
                require_json(request.headers())?;
            }
            request.extensions_mut().insert(signed_in);
            Ok(next.run(request).await)
        }
        Err(NotSignedIn { who, code, detail, noted }) => {
            let noted = noted.unwrap_or(detail).to_owned();
            let refused = Refused { peer, who, operation: SIGN_IN, detail: noted };
            state.control.sign_ins().refused(refused, now);
            Err(ApiError::new(code, detail))
        }
    }
}

/// Whether somebody asks to be let in, or in which ways one is, for which they need nothing yet.
fn is_sign_in(request: &Request) -> bool {
    match request.uri().path() {
        "/api/v1/session" | "/api/v1/session/oidc" => request.method() == Method::POST,
        "/api/v1/session/ways" => request.method() == Method::GET,
        _ => false,
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    if session_cookie::declares_json(headers) {
        return Ok(());
    }
    let detail = "send Content-Type: application/json, also without a body: a session changes nothing without it";
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail))
}

/// Whose token it is. The one of root comes first and needs no database.
///
/// # Errors
/// When it cannot be decided.
async fn by_header(
    state: &AdminState,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    now: UnixMillis,
) -> Result<Result<SignedIn, NotSignedIn>, ApiError> {
    let presented = match presented(headers) {
        Ok(presented) => presented,
        Err(detail) => return Ok(Err(detail.into())),
    };
    let hash = TokenHash::of(presented);
    // Hashes are compared, so even the time tells nothing about the token's text.
    if bool::from(hash.0.ct_eq(&state.settings.admin_token.0)) {
        let actor = Actor { who: Who::Root, peer };
        return Ok(Ok(SignedIn { actor, role: Role::Admin, expires_at: None, session: None }));
    }
    if !presented.starts_with(ADMIN_TOKEN_PREFIX) {
        return Ok(Err("this is no admin token".into()));
    }
    // Asked each time, so that a token that is revoked opens nothing from then on.
    let found = state.control.view().admin_token_by_hash(hash).await;
    let Some(token) = found.map_err(ApiError::unavailable)? else {
        return Ok(Err("this is no admin token, or one that was revoked".into()));
    };
    let who = Who::AdminToken { id: token.id, name: token.name.clone() };
    if token.is_expired(now) {
        let detail = "this admin token has expired";
        return Ok(Err(NotSignedIn { who: Some(who), ..detail.into() }));
    }
    state.control.sign_ins().used(token.id, token.last_used_at, now);
    let actor = Actor { who, peer };
    let (role, expires_at) = (token.role, token.expires_at);
    Ok(Ok(SignedIn { actor, role, expires_at, session: None }))
}

/// Whose session it is. It counts for pages of this very address only, whatever is asked.
///
/// # Errors
/// When it cannot be decided.
async fn by_session(
    state: &AdminState,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    now: UnixMillis,
) -> Result<Result<SignedIn, NotSignedIn>, ApiError> {
    let hash = match session_cookie::presented(headers) {
        Presented::Nothing => return Ok(Err(SEND_TOKEN.into())),
        Presented::Several => return Ok(Err("two cookies of a session came; send one".into())),
        Presented::Secret(hash) => hash,
    };
    let settings = &state.settings.console;
    if let Err(detail) = session_cookie::require_same_origin(headers, settings.origin.as_deref()) {
        return Ok(Err(NotSignedIn { code: ErrorCode::CrossSite, ..detail.into() }));
    }
    // Asked each time, so that who is no more what they were, or signed out elsewhere, is so at once.
    let found = state.control.view().console_session_by_hash(hash).await;
    let Some(session) = found.map_err(ApiError::unavailable)? else {
        return Ok(Err(SIGN_IN_AGAIN.into()));
    };
    let is_of_another_root =
        session.root.is_some_and(|root| root != root_fingerprint(&state.settings.admin_token));
    if is_of_another_root
        || !settings.still_lets_in(&session)
        || session.has_ended(now, settings.idle_millis())
    {
        return Ok(Err(NotSignedIn { who: Some(session.who), ..SIGN_IN_AGAIN.into() }));
    }
    // Whoever has the cookie alone is told what is told of a cookie of nobody.
    let noted = match session_cookie::key(headers, &session.key) {
        Key::Right => None,
        Key::Missing => Some("the cookie of a session came without its key"),
        Key::Wrong => Some("the cookie of a session came with a wrong key"),
    };
    if noted.is_some() {
        return Ok(Err(NotSignedIn { who: Some(session.who), noted, ..SIGN_IN_AGAIN.into() }));
    }
    let is_due = now.saturating_sub(session.last_used_at) >= settings.use_interval();
    if is_due && !session_cookie::is_background(headers) {
        state.control.sign_ins().session_used(session.id, now);
    }
    let actor = Actor { who: session.who.clone(), peer };
    let (role, expires_at) = (session.role, Some(session.ends_at()));
    Ok(Ok(SignedIn { actor, role, expires_at, session: Some(session) }))
}

const SEND_TOKEN: &str = "send an admin token in one header: Authorization: Bearer <token>";
const SIGN_IN_AGAIN: &str =
    "this session is over, or came without its key (X-Sidegate-Session); sign in again";
const SESSION_OVER: &str = "the session is over";

/// The token that a request presents.
fn presented(headers: &HeaderMap) -> Result<&str, &'static str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(SEND_TOKEN);
    };
    value
        .to_str()
        .ok()
        .and_then(bearer)
        .ok_or("the Authorization header is not of the form: Bearer <token>")
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// What an operation needs of whoever asks for it.
#[derive(Clone)]
pub(super) struct Needed {
    pub(super) state: AdminState,
    pub(super) operation: OperationId,
    pub(super) role: Role,
    /// Whether it changes nothing.
    pub(super) reads: bool,
}

/// Lets a request pass whose token has the role that its operation needs, and tells the audit log of every other, also of
/// those that the operation itself refuses for their role.
pub(super) async fn require_role(
    State(needed): State<Needed>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(signed_in) = request.extensions().get::<SignedIn>().cloned() else {
        return ApiError::internal("a request came this far without a token").into_response();
    };
    let is_read_only = signed_in.session.is_some() && needed.state.settings.console.read_only;
    let caller =
        Caller { signed_in, operation: needed.operation, needed: needed.role, is_read_only };
    let allowed = caller.require(needed.role, "this");
    let response = match allowed.and_then(|()| caller.require_writable(needed.reads)) {
        Ok(()) => {
            request.extensions_mut().insert(caller.clone());
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    let refusal = response.extensions().get::<ApiError>();
    if let Some(detail) = refusal.and_then(ApiError::insufficient_role_detail) {
        let Actor { who, peer } = caller.signed_in.actor;
        let operation = caller.operation.as_str();
        let refused = Refused { peer, who: Some(who), operation, detail };
        needed.state.control.sign_ins().refused(refused, now_millis());
    }
    response
}

/// Who asks, and for which operation.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    signed_in: SignedIn,
    operation: OperationId,
    needed: Role,
    is_read_only: bool,
}

impl Caller {
    /// Who it is.
    pub(crate) fn who(&self) -> &Who {
        &self.signed_in.actor.who
    }

    /// What they may do.
    pub(crate) fn role(&self) -> Role {
        self.signed_in.role
    }

    /// The session that they came with, where they did.
    pub(crate) fn session(&self) -> Option<&ConsoleSession> {
        self.signed_in.session.as_ref()
    }

    /// Whether they may only read, whatever their role is.
    pub(crate) fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    fn require_writable(&self, reads: bool) -> Result<(), ApiError> {
        if reads || !self.is_read_only {
            return Ok(());
        }
        let detail = "the console of this gateway only shows (SIDEGATE_CONSOLE_READ_ONLY); change it with `sidegate`, and an admin token";
        Err(ApiError::new(ErrorCode::ReadOnly, detail))
    }

    /// When their token or session ends.
    pub(crate) fn expires_at(&self) -> Option<UnixMillis> {
        self.signed_in.expires_at
    }

    /// Why their token or session opens nothing any more, if so: for answers that outlast the look that let them in.
    pub(super) async fn barred(&self, state: &AdminState) -> Option<&'static str> {
        if self.expires_at().is_some_and(|at| at <= now_millis()) {
            return Some("the admin token or the session has expired");
        }
        if let Some(own) = self.session() {
            let idle = state.settings.console.idle_millis();
            return match state.control.view().console_session(own.id).await {
                Ok(Some(session)) if session.has_ended(now_millis(), idle) => Some(SESSION_OVER),
                Ok(Some(session)) if !session.role.covers(self.needed) => {
                    Some("the role is too weak now")
                }
                Ok(None) => Some(SESSION_OVER),
                // While the database is away nobody is sent away whom it let in.
                Ok(Some(_)) | Err(_) => None,
            };
        }
        let Who::AdminToken { id, .. } = self.who() else { return None };
        match state.control.view().admin_token(*id).await {
            Err(StoreError::NotFound { .. }) => Some("the admin token was revoked"),
            // While the database is away nobody is sent away whom it let in.
            Ok(_) | Err(_) => None,
        }
    }

    /// What the audit log says of what they do.
    pub(crate) fn context(&self) -> AuditContext {
        AuditContext { actor: self.signed_in.actor.clone(), operation: self.operation.as_str() }
    }

    /// Whether their role is as strong as this.
    ///
    /// # Errors
    /// A refusal that says which role `what` needs.
    pub(crate) fn require(&self, needed: Role, what: &str) -> Result<(), ApiError> {
        if self.role().covers(needed) {
            return Ok(());
        }
        let own = self.role();
        let with = if self.session().is_some() { "session" } else { "token" };
        let detail = format!("{what} needs the role {needed}, and this {with} has {own}");
        Err(ApiError::new(ErrorCode::InsufficientRole, detail))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| ApiError::internal("a handler was reached without a caller"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        presented(&headers).ok().map(str::to_owned)
    }

    #[test]
    fn a_token_is_read_from_one_header_of_the_right_form_only() {
        assert_eq!(read(&["Bearer secret"]).as_deref(), Some("secret"));
        assert_eq!(read(&["bEARER  secret "]).as_deref(), Some("secret"));
        for bad in [&[][..], &["secret"], &["Basic secret"], &["Bearer"]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(read(&["Bearer secret", "Bearer secret"]), None);
        assert_eq!(read(&["Bearer secret", "Basic x"]), None);
    }
}
