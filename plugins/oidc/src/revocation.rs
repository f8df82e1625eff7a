//! `POST /revoke` (RFC 7009): a client gives tokens back. With a refresh token the whole grant ends.

use std::sync::Arc;

use sidegate_sdk::{Request, Response};

use crate::client_authentication::authenticate;
use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::provider::Provider;
use crate::site::Site;

pub(crate) async fn revoke(req: Request, provider: Arc<Provider>) -> Response {
    match answered(&req, &provider).await {
        Ok(()) => Response::new(200).header("Cache-Control", "no-store"),
        Err(error) => error.to_response(),
    }
}

async fn answered(req: &Request, provider: &Provider) -> Result<(), OAuthError> {
    let form = Params::of_form(req)?;
    let client = authenticate(req, &form, provider).await?;
    let site = Site::of(&provider.settings, req)?;
    let ring = provider.keys.ring().await;
    let token = form.required("token")?;
    let of_another = || OAuthError::invalid_grant("the token is another client's");
    // Also one that is not good any more: whoever has it says that it is over.
    if let Some((granted, _)) = provider.grants.of_refresh_token(token, &ring).await? {
        if granted.grant.client_id != client.id {
            return Err(of_another());
        }
        return provider.grants.end(&granted.id).await;
    }
    match provider.access_token(token, &ring, &site.issuer).await? {
        Some(claims) if claims.client_id != client.id => Err(of_another()),
        Some(claims) => provider.revoke(&claims).await,
        // What does not count needs no revocation, and what is unknown neither.
        None => Ok(()),
    }
}
