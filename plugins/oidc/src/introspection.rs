//! `POST /introspect` (RFC 7662): whether a token counts, for its client and for whoever serves what it is for.

use std::sync::Arc;

use serde_json::{Value, json};
use sidegate_sdk::{Request, Response};

use crate::client_authentication::authenticate;
use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::provider::Provider;
use crate::settings::client::Client;
use crate::site::Site;

pub(crate) async fn introspect(req: Request, provider: Arc<Provider>) -> Response {
    match answered(&req, &provider).await {
        Ok(body) => Response::json(&body).header("Cache-Control", "no-store"),
        Err(error) => error.to_response(),
    }
}

async fn answered(req: &Request, provider: &Provider) -> Result<Value, OAuthError> {
    let form = Params::of_form(req)?;
    let client = authenticate(req, &form, provider).await?;
    // Anybody could be a public client, and try tokens here.
    if client.is_public() {
        return Err(OAuthError::invalid_client());
    }
    let site = Site::of(&provider.settings, req)?;
    let token = form.required("token")?;
    let known = match of_access_token(provider, &site, &client, token).await? {
        Some(known) => Some(known),
        None => of_refresh_token(provider, &site, &client, token).await?,
    };
    // Nobody learns why a token does not count.
    Ok(known.unwrap_or_else(|| json!({ "active": false })))
}

async fn of_access_token(
    provider: &Provider,
    site: &Site,
    client: &Client,
    token: &str,
) -> Result<Option<Value>, OAuthError> {
    let ring = provider.keys.ring().await;
    let Some(claims) = provider.access_token(token, &ring, &site.issuer).await? else {
        return Ok(None);
    };
    let serves = client.introspects.iter().any(|resource| claims.aud.names(resource));
    if claims.client_id != client.id && !serves {
        return Ok(None);
    }
    let user = provider.settings.user_of(&claims.sub).filter(|_| claims.grant_id.is_some());
    let mut body = json!({
        "active": true,
        "token_type": "Bearer",
        "iss": claims.iss,
        "sub": claims.sub,
        "aud": claims.aud,
        "client_id": claims.client_id,
        "scope": claims.scope,
        "iat": claims.iat,
        "exp": claims.exp,
        "jti": claims.jti,
    });
    if let Some(user) = user {
        body["username"] = user.name.clone().into();
    }
    Ok(Some(body))
}

async fn of_refresh_token(
    provider: &Provider,
    site: &Site,
    client: &Client,
    token: &str,
) -> Result<Option<Value>, OAuthError> {
    let ring = provider.keys.ring().await;
    let found = provider.grants.of_refresh_token(token, &ring).await?;
    let Some((granted, true)) = found else { return Ok(None) };
    let grant = &granted.grant;
    if grant.client_id != client.id || !provider.is_live(grant).await? {
        return Ok(None);
    }
    Ok(Some(json!({
        "active": true,
        "iss": site.issuer,
        "sub": grant.sub,
        "client_id": grant.client_id,
        "scope": grant.scopes.join(" "),
    })))
}
