//! `POST /register` (RFC 7591): an application registers itself. Switched off unless the operator wants it; a token of
//! the operator's can be asked for.

use std::sync::Arc;

use serde_json::{Value, json};
use sidegate_sdk::{Request, Response, tracing};

use crate::client_metadata::Metadata;
use crate::clock;
use crate::limits::Trier;
use crate::oauth_error::OAuthError;
use crate::provider::Provider;
use crate::secret_text;
use crate::settings::client::AuthMethod;

const MOST_BYTES: usize = 16 * 1024;

pub(crate) async fn register(req: Request, provider: Arc<Provider>) -> Response {
    match answered(&req, &provider).await {
        Ok(body) => Response::json(&body).with_status(201).header("Cache-Control", "no-store"),
        Err(error) => error.to_response(),
    }
}

async fn answered(req: &Request, provider: &Provider) -> Result<Value, OAuthError> {
    let settings = &provider.settings;
    if !settings.registration {
        let text = "applications are registered by the operator";
        return Err(OAuthError { status: 404, ..OAuthError::new("access_denied", text) });
    }
    if let Some(digest) = &settings.registration_token {
        let given = req.header("Authorization").and_then(|text| text.strip_prefix("Bearer "));
        let given = secret_text::digest(given.unwrap_or_default());
        if !secret_text::same(digest, &given) {
            let text = "the token for registering is missing or wrong";
            return Err(OAuthError { status: 401, ..OAuthError::new("invalid_token", text) });
        }
    }
    let trier = Trier::new("registration", req.remote_addr());
    if provider.registrations.begin(&trier, clock::now()).is_err() {
        let text = "too many registrations from this address";
        return Err(OAuthError { status: 429, ..OAuthError::new("temporarily_unavailable", text) });
    }
    let metadata = read(req)?;
    kept(metadata, provider).await
}

fn read(req: &Request) -> Result<Metadata, OAuthError> {
    let invalid = |text: String| OAuthError::new("invalid_client_metadata", text);
    if req.body().len() > MOST_BYTES {
        return Err(invalid("that is too long".to_owned()));
    }
    Metadata::read(req.body())
}

async fn kept(metadata: Metadata, provider: &Provider) -> Result<Value, OAuthError> {
    let auth_method = metadata.token_endpoint_auth_method.unwrap_or(AuthMethod::Basic);
    let secret = match auth_method {
        AuthMethod::None => None,
        AuthMethod::Basic | AuthMethod::Post => Some(secret_text::secret()?),
    };
    let digest = secret.as_deref().map(secret_text::digest);
    let client = metadata.into_client(auth_method, digest);
    let mut body = json!({
        "client_id_issued_at": clock::now(),
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "token_endpoint_auth_method": client.auth_method,
        "grant_types": client.grants,
        "response_types": ["code"],
        "id_token_signed_response_alg": client.id_token_alg,
    });
    if let Some(name) = &client.name {
        body["client_name"] = name.clone().into();
    }
    if let Some(secret) = secret {
        body["client_secret"] = secret.into();
        body["client_secret_expires_at"] = 0.into();
    }
    let id = provider.clients.register(client).await?;
    tracing::info!(client = id, "an application registered itself");
    body["client_id"] = id.into();
    Ok(body)
}
