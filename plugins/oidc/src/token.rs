//! `POST /token`: a code, a refresh token or the client itself for tokens.

mod answer;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use sidegate_sdk::{Request, Response};

use crate::authorization;
use crate::client_authentication::authenticate;
use crate::grants::{Grant, Granted};
use crate::keys::Ring;
use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::provider::Provider;
use crate::secret_text;
use crate::settings::client::{Client, GrantType};
use crate::site::Site;
use answer::Asked;

pub(crate) async fn token(req: Request, provider: Arc<Provider>) -> Response {
    answered(&req, &provider).await.unwrap_or_else(|error| error.to_response())
}

/// Whoever asks, proved.
struct Caller<'a> {
    provider: &'a Provider,
    site: Site,
    ring: Arc<Ring>,
    client: Arc<Client>,
    form: Params,
}

async fn answered(req: &Request, provider: &Provider) -> Result<Response, OAuthError> {
    let site = Site::of(&provider.settings, req)?;
    let form = Params::of_form(req)?;
    let client = authenticate(req, &form, provider).await?;
    let caller = Caller { provider, site, ring: provider.keys.ring().await, client, form };
    let grant_type = match caller.form.required("grant_type")? {
        "authorization_code" => GrantType::AuthorizationCode,
        "refresh_token" => GrantType::RefreshToken,
        "client_credentials" => GrantType::ClientCredentials,
        _ => {
            let text = "this `grant_type` is not known here";
            return Err(OAuthError::new("unsupported_grant_type", text));
        }
    };
    if !caller.client.may(grant_type) {
        let text = "the client may not use this `grant_type`";
        return Err(OAuthError::new("unauthorized_client", text));
    }
    let body = match grant_type {
        GrantType::AuthorizationCode => for_code(&caller).await?,
        GrantType::RefreshToken => for_refresh_token(&caller).await?,
        GrantType::ClientCredentials => for_itself(&caller)?,
    };
    Ok(Response::json(&body).header("Cache-Control", "no-store"))
}

impl Caller<'_> {
    /// Whether the grant is one of this client's.
    fn owns(&self, grant: &Grant) -> Result<(), OAuthError> {
        if grant.client_id == self.client.id {
            return Ok(());
        }
        // The same words as for one that there is not.
        Err(OAuthError::invalid_grant("the code or token is unknown, expired or used"))
    }

    /// What is left of a grant: the operator may have taken scopes and resources back since. None where that is nothing,
    /// and where a resource is gone, since without it the tokens would be for something else.
    fn left(&self, grant: &Grant) -> Option<Grant> {
        let known = &self.provider.settings.scopes;
        let is_left =
            |scope: &&String| self.client.scopes.contains(*scope) && known.contains_key(*scope);
        let scopes: Vec<String> = grant.scopes.iter().filter(is_left).cloned().collect();
        let mut resources = grant.resources.iter();
        let has_all =
            resources.all(|resource| authorization::is_configured(self.provider, resource));
        let offline = grant.offline && scopes.iter().any(|scope| scope == "offline_access");
        (has_all && !scopes.is_empty()).then(|| Grant { scopes, offline, ..grant.clone() })
    }

    /// The grant with what is left of it; it ends where that is nothing.
    async fn narrowed(&self, granted: Granted) -> Result<Granted, OAuthError> {
        if let Some(grant) = self.left(&granted.grant) {
            return Ok(Granted { grant, ..granted });
        }
        self.provider.grants.end(&granted.id).await?;
        Err(OAuthError::invalid_grant("what was granted is not given any more"))
    }

    /// What the tokens are for now: all that was granted, or less.
    fn resources(&self, granted: &[String]) -> Result<Vec<String>, OAuthError> {
        let asked = authorization::resources(self.provider, &self.form)?;
        if let Some(other) = asked.iter().find(|resource| !granted.contains(resource)) {
            return Err(OAuthError::invalid_target(other));
        }
        Ok(if asked.is_empty() { granted.to_vec() } else { asked })
    }

    /// What the tokens are good for now: all that was granted, or less.
    fn scopes(&self, granted: &[String]) -> Result<Vec<String>, OAuthError> {
        let asked = self.form.words("scope")?;
        if let Some(other) = asked.iter().find(|scope| !granted.contains(scope)) {
            let text = format!("{other:?} was not granted");
            return Err(OAuthError::new("invalid_scope", text));
        }
        Ok(if asked.is_empty() { granted.to_vec() } else { asked })
    }
}

/// Whether it has the length and the characters that make it hard to guess (RFC 7636, 4.1).
fn is_verifier(text: &str) -> bool {
    let is_meant = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(is_meant)
}

async fn for_code(caller: &Caller<'_>) -> Result<serde_json::Value, OAuthError> {
    let Caller { provider, form, .. } = caller;
    let (code, verifier) = (form.required("code")?, form.required("code_verifier")?);
    let redirect_uri = form.required("redirect_uri")?;
    if !is_verifier(verifier) {
        let text = "`code_verifier` must have 43 to 128 letters, digits, and -._~";
        return Err(OAuthError::invalid_grant(text));
    }
    let challenge = secret_text::base64url(&Sha256::digest(verifier.as_bytes()));
    let fits = |grant: &Grant| {
        caller.owns(grant)?;
        if grant.redirect_uri != redirect_uri {
            return Err(OAuthError::invalid_grant("`redirect_uri` is another than before"));
        }
        if !secret_text::same(&grant.challenge, &challenge) {
            return Err(OAuthError::invalid_grant("`code_verifier` does not fit"));
        }
        // Where nothing is left the code is taken, and the grant ends.
        let Some(left) = caller.left(grant) else { return Ok(()) };
        caller.resources(&left.resources).map(drop)
    };
    let granted = provider.grants.redeem(code, fits).await?;
    let granted = caller.narrowed(granted).await?;
    if !provider.is_live(&granted.grant).await? {
        provider.grants.end(&granted.id).await?;
        return Err(OAuthError::invalid_grant("the user is not signed in any more"));
    }
    let grant = &granted.grant;
    answer::for_grant(&Asked {
        provider,
        issuer: &caller.site.issuer,
        ring: &caller.ring,
        client: &caller.client,
        granted: &granted,
        scopes: grant.scopes.clone(),
        resources: caller.resources(&grant.resources)?,
        nonce: grant.nonce.as_deref(),
    })
}

async fn for_refresh_token(caller: &Caller<'_>) -> Result<serde_json::Value, OAuthError> {
    let Caller { provider, form, ring, .. } = caller;
    let fits = |grant: &Grant| {
        caller.owns(grant)?;
        let Some(left) = caller.left(grant).filter(|left| left.offline) else { return Ok(()) };
        caller.resources(&left.resources)?;
        caller.scopes(&left.scopes).map(drop)
    };
    let granted = provider.grants.refresh(form.required("refresh_token")?, ring, fits).await?;
    let granted = caller.narrowed(granted).await?;
    if !provider.is_live(&granted.grant).await? {
        provider.grants.end(&granted.id).await?;
        return Err(OAuthError::invalid_grant("the user is gone or has another password"));
    }
    if !granted.grant.offline {
        provider.grants.end(&granted.id).await?;
        return Err(OAuthError::invalid_grant("the client may not outlive the session any more"));
    }
    let grant = &granted.grant;
    answer::for_grant(&Asked {
        provider,
        issuer: &caller.site.issuer,
        ring,
        client: &caller.client,
        granted: &granted,
        scopes: caller.scopes(&grant.scopes)?,
        resources: caller.resources(&grant.resources)?,
        nonce: None,
    })
}

/// Scopes that are about a user.
const OF_USERS: [&str; 5] = ["openid", "profile", "email", "groups", "offline_access"];

fn for_itself(caller: &Caller<'_>) -> Result<serde_json::Value, OAuthError> {
    let Caller { provider, client, form, .. } = caller;
    let is_own = |scope: &&String| !OF_USERS.contains(&scope.as_str());
    let allowed: Vec<String> = client.scopes.iter().filter(is_own).cloned().collect();
    let scopes = caller.scopes(&allowed)?;
    let resources = authorization::resources(provider, form)?;
    let issuer = &caller.site.issuer;
    answer::for_client(provider, (&caller.ring, issuer), client, (&scopes, resources))
}
