//! Which client asks, and whether it is the one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sidegate_sdk::Request;
use url::form_urlencoded;

use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::provider::Provider;
use crate::settings::client::{AuthMethod, Client};

/// The client that sent a form, by the one method that it is registered with.
pub(crate) async fn authenticate(
    req: &Request,
    form: &Params,
    provider: &Provider,
) -> Result<Arc<Client>, OAuthError> {
    let (id, secret, method) = credentials(req, form)?;
    let client =
        provider.client(&id, req.remote_addr()).await?.ok_or_else(OAuthError::invalid_client)?;
    let is_proved = match secret {
        Some(secret) => client.has_secret(&secret),
        None => client.is_public(),
    };
    if !is_proved || client.auth_method != method {
        return Err(OAuthError::invalid_client());
    }
    Ok(client)
}

fn credentials(
    req: &Request,
    form: &Params,
) -> Result<(String, Option<String>, AuthMethod), OAuthError> {
    let id = form.one("client_id")?;
    let secret = form.one("client_secret")?;
    let Some(header) = req.header("Authorization") else {
        let id = id.ok_or_else(OAuthError::invalid_client)?.to_owned();
        let method = if secret.is_some() { AuthMethod::Post } else { AuthMethod::None };
        return Ok((id, secret.map(str::to_owned), method));
    };
    if secret.is_some() {
        return Err(OAuthError::invalid_request("the client proves who it is in two ways"));
    }
    let (basic_id, secret) = basic(header).ok_or_else(OAuthError::invalid_client)?;
    if id.is_some_and(|id| id != basic_id) {
        return Err(OAuthError::invalid_request("the client names itself in two ways"));
    }
    Ok((basic_id, Some(secret), AuthMethod::Basic))
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, text) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

/// Both are encoded as in forms before they become one text (RFC 6749, 2.3.1).
fn form_decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_and_a_secret_may_hold_anything() {
        let header = format!("Basic {}", STANDARD.encode("a%3Ab:s%26+%3D=&x"));
        assert_eq!(basic(&header), Some(("a:b".to_owned(), "s& ==&x".to_owned())));
        assert_eq!(basic("Bearer x"), None);
    }
}
