//! What an application asks for when it sends somebody here, checked. Until its address is known to be registered
//! nothing is sent there, not even that something is wrong.

use std::sync::Arc;

use sidegate_sdk::Response;

use crate::oauth_error::OAuthError;
use crate::params::{Params, with_query};
use crate::provider::Provider;
use crate::redirect_uri;
use crate::secret_text;
use crate::settings::client::{Client, GrantType};
use crate::site::Site;

/// No state or nonce is longer; both come back or are kept.
const MOST_BYTES: usize = 2048;

/// Where the answer goes.
#[derive(Debug, Clone)]
pub(crate) struct ReturnTo {
    pub(crate) redirect_uri: String,
    state: Option<String>,
    /// Whether the operator knows whose it is.
    pub(crate) is_configured: bool,
}

impl ReturnTo {
    /// The answer, which names who gives it (RFC 9207): no other provider's is taken for it.
    pub(crate) fn answer(&self, site: &Site, pairs: &[(&str, &str)]) -> Response {
        let mut all = pairs.to_vec();
        if let Some(state) = &self.state {
            all.push(("state", state));
        }
        all.push(("iss", &site.issuer));
        let location = with_query(&self.redirect_uri, &all);
        // Whatever was sent here is not sent again there.
        let response = Response::redirect(&location).with_status(303);
        response.header("Cache-Control", "no-store").header("Referrer-Policy", "no-referrer")
    }

    pub(crate) fn refuse(&self, site: &Site, error: &OAuthError) -> Response {
        self.answer(site, &[("error", error.code), ("error_description", &error.text)])
    }
}

/// How a request is refused.
pub(crate) enum Refused {
    /// To whoever is in front of the browser.
    Here(OAuthError),
    /// To the application.
    There(ReturnTo, OAuthError),
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        Self::Here(error)
    }
}

/// What is to be asked of the user, or must not be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Prompt {
    pub(crate) none: bool,
    pub(crate) login: bool,
    pub(crate) consent: bool,
}

/// A request that is sound.
pub(crate) struct AuthorizationRequest {
    pub(crate) client: Arc<Client>,
    pub(crate) return_to: ReturnTo,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: String,
    pub(crate) prompt: Prompt,
    pub(crate) max_age: Option<u64>,
    pub(crate) login_hint: Option<String>,
    /// As it came, for forms to bring it back.
    pub(crate) params: Params,
}

impl AuthorizationRequest {
    pub(crate) async fn read(
        provider: &Provider,
        params: Params,
        caller: &str,
    ) -> Result<Self, Refused> {
        let here = |text: &str| OAuthError::invalid_request(text);
        let client = provider.client(params.required("client_id")?, caller).await?;
        let client = client.ok_or_else(|| here("the application is not known here"))?;
        let redirect_uri = params.required("redirect_uri")?.to_owned();
        if !redirect_uri::is_registered(&client.redirect_uris, &redirect_uri) {
            return Err(here("the application's address is not registered").into());
        }
        let state = params.one("state").map_err(Refused::Here)?.map(str::to_owned);
        let return_to = ReturnTo { redirect_uri, state, is_configured: client.is_configured };
        Self::of_known(provider, client, &return_to, params)
            .map_err(|error| Refused::There(return_to, error))
    }

    fn of_known(
        provider: &Provider,
        client: Arc<Client>,
        return_to: &ReturnTo,
        params: Params,
    ) -> Result<Self, OAuthError> {
        refuse_unsupported(&client, &params)?;
        let nonce = params.one("nonce")?.map(str::to_owned);
        let too_long =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > MOST_BYTES);
        if too_long(&nonce) || too_long(&return_to.state) {
            return Err(OAuthError::invalid_request("`nonce` or `state` is too long"));
        }
        Ok(Self {
            scopes: scopes(provider, &client, &params)?,
            resources: resources(provider, &params)?,
            challenge: challenge(&params)?,
            prompt: prompt(&params)?,
            max_age: max_age(&params)?,
            login_hint: params.one("login_hint")?.map(str::to_owned),
            return_to: return_to.clone(),
            nonce,
            client,
            params,
        })
    }
}

fn refuse_unsupported(client: &Client, params: &Params) -> Result<(), OAuthError> {
    for (name, code) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ] {
        if params.all(name).next().is_some() {
            return Err(OAuthError::new(code, format!("`{name}` is not supported")));
        }
    }
    if params.required("response_type")? != "code" {
        let text = "the one `response_type` here is code";
        return Err(OAuthError::new("unsupported_response_type", text));
    }
    if !client.may(GrantType::AuthorizationCode) {
        return Err(OAuthError::new("unauthorized_client", "the client may not ask for codes"));
    }
    match params.one("response_mode")? {
        None | Some("query") => Ok(()),
        _ => Err(OAuthError::invalid_request("the one `response_mode` here is query")),
    }
}

/// Those of what is asked that there are; the client must be allowed each of them.
fn scopes(
    provider: &Provider,
    client: &Client,
    params: &Params,
) -> Result<Vec<String>, OAuthError> {
    let mut scopes = params.words("scope")?;
    scopes.retain(|scope| provider.settings.scopes.contains_key(scope));
    if !client.may(GrantType::RefreshToken) {
        scopes.retain(|scope| scope != "offline_access");
    }
    let invalid = |text: String| OAuthError::new("invalid_scope", text);
    if let Some(scope) = scopes.iter().find(|scope| !client.scopes.contains(*scope)) {
        return Err(invalid(format!("the client may not ask for {scope}")));
    }
    if scopes.is_empty() {
        return Err(invalid("there is no scope among `scope` that is known here".to_owned()));
    }
    Ok(scopes)
}

/// Whether a resource is the one that is configured, or below it where that ends in `/*`.
fn is_within(resource: &str, configured: &str) -> bool {
    let Some(above) = configured.strip_suffix("/*") else { return resource == configured };
    // What two readers could take for another address is none.
    let is_plain = |rest: &str| {
        !rest.contains(['%', '?', '#', '\\'])
            && !rest.split('/').any(|part| matches!(part, "." | ".."))
    };
    let below = resource.strip_prefix(above);
    below.is_some_and(|rest| rest.is_empty() || (rest.starts_with('/') && is_plain(rest)))
}

/// Whether tokens may be for it.
pub(crate) fn is_configured(provider: &Provider, resource: &str) -> bool {
    provider.settings.resources.iter().any(|known| is_within(resource, known))
}

/// What the tokens are to be for (RFC 8707).
pub(crate) fn resources(provider: &Provider, params: &Params) -> Result<Vec<String>, OAuthError> {
    let mut resources: Vec<String> = Vec::new();
    for resource in params.all("resource") {
        if !is_configured(provider, resource) {
            return Err(OAuthError::invalid_target(resource));
        }
        if !resources.iter().any(|known| known == resource) {
            resources.push(resource.to_owned());
        }
    }
    Ok(resources)
}

/// Of PKCE, which everybody needs, by S256.
fn challenge(params: &Params) -> Result<String, OAuthError> {
    let challenge = params.required("code_challenge")?;
    if params.one("code_challenge_method")? != Some("S256") {
        return Err(OAuthError::invalid_request("the one `code_challenge_method` here is S256"));
    }
    let bytes = secret_text::from_base64url(challenge);
    if bytes.is_none_or(|bytes| bytes.len() != 32) {
        return Err(OAuthError::invalid_request("`code_challenge` is no SHA-256 in base64url"));
    }
    Ok(challenge.to_owned())
}

fn prompt(params: &Params) -> Result<Prompt, OAuthError> {
    let mut prompt = Prompt::default();
    for word in params.words("prompt")? {
        match word.as_str() {
            "none" => prompt.none = true,
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => return Err(OAuthError::invalid_request(format!("there is no prompt {word:?}"))),
        }
    }
    if prompt.none && (prompt.login || prompt.consent) {
        return Err(OAuthError::invalid_request("`prompt` is none and something else"));
    }
    Ok(prompt)
}

fn max_age(params: &Params) -> Result<Option<u64>, OAuthError> {
    let read = |text: &str| text.parse();
    let read = params.one("max_age")?.map(read).transpose();
    read.map_err(|_| OAuthError::invalid_request("`max_age` is no number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_the_configured_one_or_below_it_where_that_is_said() {
        let all = "https://gw.example.com/plugins/files/*";
        for (resource, configured, is_meant) in [
            ("https://gw.example.com/plugins/files/mcp", all, true),
            ("https://gw.example.com/plugins/files", all, true),
            ("https://gw.example.com/plugins/files2/mcp", all, false),
            ("https://gw.example.com/plugins/files/../other", all, false),
            ("https://gw.example.com/plugins/files/%2e%2e/other", all, false),
            ("https://gw.example.com/plugins/files/mcp?a=b", all, false),
            ("https://gw.example.com/mcp", "https://gw.example.com/mcp", true),
            ("https://gw.example.com/mcp/x", "https://gw.example.com/mcp", false),
        ] {
            assert_eq!(is_within(resource, configured), is_meant, "{resource}");
        }
    }
}
