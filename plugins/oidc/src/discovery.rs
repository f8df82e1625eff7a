//! What the provider says of itself, and its keys.

use std::sync::Arc;

use serde_json::{Value, json};
use sidegate_sdk::{Request, Response};

use crate::provider::Provider;
use crate::site::Site;

/// Read again by clients after so long; keys are published longer before they sign.
const CACHED: &str = "public, max-age=3600";

/// `GET /.well-known/openid-configuration`, which is the metadata of RFC 8414 as well.
pub(crate) async fn metadata(req: Request, provider: Arc<Provider>) -> Response {
    match Site::of(&provider.settings, &req) {
        Ok(site) => Response::json(&about(&site, &provider)).header("Cache-Control", CACHED),
        Err(error) => error.to_response(),
    }
}

/// `GET /jwks`
pub(crate) async fn jwks(_: Request, provider: Arc<Provider>) -> Response {
    let ring = provider.keys.ring().await;
    Response::json(&ring.public()).header("Cache-Control", CACHED)
}

fn about(site: &Site, provider: &Provider) -> Value {
    let secrets = ["client_secret_basic", "client_secret_post"];
    let scopes: Vec<&String> = provider.settings.scopes.keys().collect();
    let mut about = json!({
        "issuer": site.issuer,
        "authorization_endpoint": site.endpoint("authorize"),
        "token_endpoint": site.endpoint("token"),
        "userinfo_endpoint": site.endpoint("userinfo"),
        "jwks_uri": site.endpoint("jwks"),
        "introspection_endpoint": site.endpoint("introspect"),
        "revocation_endpoint": site.endpoint("revoke"),
        "end_session_endpoint": site.endpoint("end-session"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", secrets[0], secrets[1]],
        "introspection_endpoint_auth_methods_supported": secrets,
        "revocation_endpoint_auth_methods_supported": ["none", secrets[0], secrets[1]],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "amr",
            "preferred_username", "name", "email", "email_verified", "groups",
        ],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
    });
    if provider.settings.registration {
        about["registration_endpoint"] = site.endpoint("register").into();
    }
    if provider.settings.documents.is_some() {
        about["client_id_metadata_document_supported"] = true.into();
    }
    about
}
