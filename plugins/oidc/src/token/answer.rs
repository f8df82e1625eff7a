//! What a client gets.

use serde_json::{Value, json};
use sidegate_sdk::Result;

use crate::clock;
use crate::grants::{Granted, Grants};
use crate::keys::Ring;
use crate::oauth_error::OAuthError;
use crate::provider::Provider;
use crate::secret_text;
use crate::settings::client::Client;
use crate::tokens::{AccessToken, Audience, IdToken};

/// For what tokens are made.
pub(super) struct Asked<'a> {
    pub(super) provider: &'a Provider,
    pub(super) issuer: &'a str,
    pub(super) ring: &'a Ring,
    pub(super) client: &'a Client,
    pub(super) granted: &'a Granted,
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) nonce: Option<&'a str>,
}

/// Tokens of a user.
pub(super) fn for_grant(asked: &Asked<'_>) -> Result<Value, OAuthError> {
    let grant = &asked.granted.grant;
    let lifetimes = asked.provider.settings.lifetimes;
    let now = clock::now();
    let claims = AccessToken {
        iss: asked.issuer.to_owned(),
        sub: grant.sub.clone(),
        aud: audience(asked.resources.clone(), asked.issuer),
        client_id: asked.client.id.clone(),
        scope: asked.scopes.join(" "),
        iat: now,
        exp: now + lifetimes.access_token.as_secs(),
        jti: secret_text::name()?,
        auth_time: Some(grant.auth_time),
        grant_id: Some(asked.granted.id.clone()),
    };
    let access_token = claims.sign(asked.ring)?;
    let mut body = body_of(&access_token, &claims);
    if asked.scopes.iter().any(|scope| scope == "openid") {
        let id_token = IdToken {
            issuer: asked.issuer,
            sub: &grant.sub,
            client_id: &asked.client.id,
            auth_time: grant.auth_time,
            nonce: asked.nonce,
            session: &grant.session,
            access_token: &access_token,
            now,
            lifetime: lifetimes.id_token.as_secs(),
        };
        body["id_token"] = id_token.sign(asked.ring, asked.client.id_token_alg)?.into();
    }
    if grant.offline {
        body["refresh_token"] = Grants::refresh_token(asked.granted, asked.ring).into();
    }
    Ok(body)
}

/// A token of the client's own.
pub(super) fn for_client(
    provider: &Provider,
    (ring, issuer): (&Ring, &str),
    client: &Client,
    (scopes, resources): (&[String], Vec<String>),
) -> Result<Value, OAuthError> {
    let now = clock::now();
    let claims = AccessToken {
        iss: issuer.to_owned(),
        sub: client.id.clone(),
        aud: audience(resources, issuer),
        client_id: client.id.clone(),
        scope: scopes.join(" "),
        iat: now,
        exp: now + provider.settings.lifetimes.access_token.as_secs(),
        jti: secret_text::name()?,
        auth_time: None,
        grant_id: None,
    };
    Ok(body_of(&claims.sign(ring)?, &claims))
}

/// For the provider itself, where nothing else was named.
fn audience(resources: Vec<String>, issuer: &str) -> Audience {
    Audience::of(if resources.is_empty() { vec![issuer.to_owned()] } else { resources })
}

fn body_of(access_token: &str, claims: &AccessToken) -> Value {
    json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": claims.exp - claims.iat,
        "scope": claims.scope,
    })
}
