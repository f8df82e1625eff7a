//! Who may use the admin API: the holder of the root token, and those of admin tokens, each as far as their role goes.
//! Runs before a body is read. What a role may do is said with the operations.

use super::error::ApiError;
use super::state::AdminState;
use crate::sign_ins::Refused;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use sidegate_api::error::ErrorCode;
use sidegate_api::operations::OperationId;
use sidegate_model::UnixMillis;
use sidegate_model::actor::{Actor, AuditContext, Who};
use sidegate_model::clock::now_millis;
use sidegate_model::role::Role;
use sidegate_model::token::{ADMIN_TOKEN_PREFIX, TokenHash};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// What the audit log calls the attempt to get in.
const SIGN_IN: &str = "sign_in";

/// The other end of a connection, in the extensions of each of its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Whoever came with a token that is valid.
#[derive(Debug, Clone)]
struct SignedIn {
    actor: Actor,
    role: Role,
    expires_at: Option<UnixMillis>,
}

/// Why somebody is not let in.
struct NotSignedIn {
    /// Who it was, where their token is known.
    who: Option<Who>,
    detail: &'static str,
}

impl From<&'static str> for NotSignedIn {
    fn from(detail: &'static str) -> Self {
        Self { who: None, detail }
    }
}

/// Lets a request pass that carries a valid token; whose it is stands in its extensions then.
pub(super) async fn require_token(
    State(state): State<AdminState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let peer = request.extensions().get::<Peer>().map(|Peer(address)| *address);
    let now = now_millis();
    match sign_in(&state, request.headers(), peer, now).await? {
        Ok(signed_in) => {
            request.extensions_mut().insert(signed_in);
            Ok(next.run(request).await)
        }
        Err(NotSignedIn { who, detail }) => {
            let refused = Refused { peer, who, operation: SIGN_IN, detail: detail.to_owned() };
            state.control.sign_ins().refused(refused, now);
            Err(ApiError::new(ErrorCode::Unauthorized, detail))
        }
    }
}

/// Whose token it is. The one of root comes first and needs no database.
///
/// # Errors
/// When it cannot be decided.
async fn sign_in(
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
        return Ok(Ok(SignedIn { actor, role: Role::Admin, expires_at: None }));
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
        return Ok(Err(NotSignedIn { who: Some(who), detail }));
    }
    state.control.sign_ins().used(token.id, token.last_used_at, now);
    let actor = Actor { who, peer };
    Ok(Ok(SignedIn { actor, role: token.role, expires_at: token.expires_at }))
}

/// The token that a request presents.
fn presented(headers: &HeaderMap) -> Result<&str, &'static str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err("send an admin token in one header: Authorization: Bearer <token>");
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
    let caller = Caller { signed_in, operation: needed.operation };
    let response = match caller.require(needed.role, "this") {
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

    /// When their token ends.
    pub(crate) fn expires_at(&self) -> Option<UnixMillis> {
        self.signed_in.expires_at
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
        let detail = format!("{what} needs the role {needed}, and this token has {own}");
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
