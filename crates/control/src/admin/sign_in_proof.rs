//! Who comes to sign in, and what their proof came to, whichever way it is.

use super::auth::Peer;
use super::error::ApiError;
use super::session_cookie;
use super::state::AdminState;
use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::ORIGIN;
use http::request::Parts;
use sidegate_api::error::ErrorCode;
use sidegate_model::UnixMillis;
use sidegate_model::actor::Who;
use sidegate_store::{Proof, SessionHolder};
use std::net::IpAddr;

/// Whoever has proved who they are.
pub(super) struct Proved {
    pub(super) holder: SessionHolder,
    pub(super) who: Who,
    pub(super) proof: Proof,
    pub(super) ends_at: Option<UnixMillis>,
}

/// Why somebody has not.
pub(super) struct NotProved {
    pub(super) who: Option<Who>,
    /// For the client.
    pub(super) told: &'static str,
    /// For the audit log.
    pub(super) noted: String,
}

/// From where a request comes, and what it says of that; taken before its body is looked at, where one may sign in.
pub(crate) struct Comes {
    peer: Option<IpAddr>,
    headers: HeaderMap,
}

impl Comes {
    /// From which address.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// With what headers.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl FromRequestParts<AdminState> for Comes {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<Peer>().map(|Peer(address)| *address);
        let comes = Self { peer, headers: parts.headers.clone() };
        let origin = state.settings.console.origin.as_deref();
        require_secure(state.settings.tls.is_some(), origin, &comes)?;
        session_cookie::require_same_origin(&comes.headers, origin)
            .map_err(|told| ApiError::new(ErrorCode::CrossSite, told))?;
        Ok(comes)
    }
}

/// Over plain HTTP everybody between could read what somebody signs in with, and browsers would not keep the cookie.
fn require_secure(has_tls: bool, origin: Option<&str>, comes: &Comes) -> Result<(), ApiError> {
    let is_local = comes.peer.is_none_or(|peer| peer.is_loopback());
    let is_behind_tls = || {
        let given = comes.headers.get(ORIGIN).and_then(|given| given.to_str().ok());
        let is_it = |origin: &str| given.is_some_and(|given| given.eq_ignore_ascii_case(origin));
        origin.is_some_and(|origin| origin.starts_with("https://") && is_it(origin))
    };
    if has_tls || is_local || is_behind_tls() {
        return Ok(());
    }
    let detail = "this came over plain HTTP from another machine, where everybody between could read it. \
         Give the admin port TLS with ADMIN_TLS_CERT_PATH and ADMIN_TLS_KEY_PATH, or come through a tunnel: \
         ssh -L 8080:127.0.0.1:8080 HOST, then http://localhost:8080/console/. Where a proxy speaks TLS, \
         SIDEGATE_CONSOLE_ORIGIN names its address";
    Err(ApiError::new(ErrorCode::InsecureTransport, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_plain_http_only_this_machine_and_pages_of_the_proxy_sign_in() {
        let comes = |peer: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.extend(origin.map(|origin| (ORIGIN, origin.parse().unwrap())));
            Comes { peer: Some(peer.parse().unwrap()), headers }
        };
        let far = comes("192.0.2.1", None);
        for (has_tls, comes) in
            [(true, &far), (false, &comes("127.0.0.1", None)), (false, &comes("::1", None))]
        {
            assert!(require_secure(has_tls, None, comes).is_ok());
        }
        assert!(require_secure(false, None, &far).is_err());
        let proxy = Some("https://a.example");
        assert!(require_secure(false, proxy, &far).is_err(), "it came around the proxy");
        assert!(require_secure(false, proxy, &comes("192.0.2.1", proxy)).is_ok());
        let plain = Some("http://a.example");
        assert!(require_secure(false, plain, &comes("192.0.2.1", plain)).is_err());
    }
}
