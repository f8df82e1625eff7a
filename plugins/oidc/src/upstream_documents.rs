//! What other providers say of themselves, their keys, and the token that a code is worth.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use url::Url;

use crate::clock;
use crate::oauth_error::OAuthError;
use crate::outbound;
use crate::settings::Settings;
use crate::settings::upstream::{Upstream, is_address};

const MOST_BYTES: usize = 64 * 1024;
/// So long is believed what one says of itself.
const BELIEVED_SECONDS: u64 = 300;
/// So many questions go on at a time.
const AT_ONCE: usize = 16;

/// What of its metadata is read.
#[derive(Clone, Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    jwks_uri: String,
    token_endpoint: String,
    pub(crate) authorization_endpoint: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Until when something is believed, and what, by name.
type Known = HashMap<String, (u64, Arc<Metadata>)>;

/// What is known of other providers.
pub(crate) struct Documents {
    known: Mutex<Known>,
    asking: Semaphore,
}

impl Default for Documents {
    fn default() -> Self {
        Self { known: Mutex::default(), asking: Semaphore::new(AT_ONCE) }
    }
}

impl Documents {
    pub(crate) async fn metadata(
        &self,
        upstream: &Upstream,
        settings: &Settings,
    ) -> Result<Arc<Metadata>, OAuthError> {
        let now = clock::now();
        let known = self.known(|known| known.get(&upstream.name).cloned());
        if let Some((until, metadata)) = known
            && now < until
        {
            return Ok(metadata);
        }
        let issuer = upstream.issuer.trim_end_matches('/');
        let address = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = self.get(&address, settings).await.map_err(away(upstream))?;
        if metadata.issuer != upstream.issuer {
            return Err(away(upstream)("its metadata are those of another issuer".to_owned()));
        }
        let metadata = Arc::new(metadata);
        let kept = (now + BELIEVED_SECONDS, Arc::clone(&metadata));
        self.known(|known| known.insert(upstream.name.clone(), kept));
        Ok(metadata)
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its keys as they are now: a sign-in is seldom.
    pub(crate) async fn keys(
        &self,
        upstream: &Upstream,
        metadata: &Metadata,
        settings: &Settings,
    ) -> Result<JwkSet, OAuthError> {
        self.get(&metadata.jwks_uri, settings).await.map_err(away(upstream))
    }

    /// The ID token for a code; none where it is not taken.
    pub(crate) async fn exchange(
        &self,
        upstream: &Upstream,
        metadata: &Metadata,
        settings: &Settings,
        (code, redirect_uri, verifier): (&str, &str, &str),
    ) -> Result<Option<String>, OAuthError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let basic =
            methods.is_none_or(|all| all.iter().any(|method| method == "client_secret_basic"));
        let coded =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let by_header = upstream.client_secret.as_deref().filter(|_| basic);
        if by_header.is_none() {
            form.push(("client_id", &upstream.client_id));
            form.extend(upstream.client_secret.as_deref().map(|secret| ("client_secret", secret)));
        }
        let asked = async {
            let (url, client) = self.client(&metadata.token_endpoint, settings).await?;
            let _place = self.place()?;
            let mut asking = client.post(url).header("Accept", "application/json");
            let body =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            asking = asking.header("Content-Type", "application/x-www-form-urlencoded").body(body);
            if let Some(secret) = by_header {
                asking = asking.basic_auth(coded(&upstream.client_id), Some(coded(secret)));
            }
            let response =
                asking.send().await.map_err(|error| format!("it cannot be asked: {error}"))?;
            let status = response.status();
            Ok::<_, String>((status, outbound::body(response, MOST_BYTES).await?))
        };
        let (status, body) = asked.await.map_err(away(upstream))?;
        if status.is_success() {
            let tokens = serde_json::from_slice::<Tokens>(&body);
            return Ok(tokens.ok().map(|tokens| tokens.id_token));
        }
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(Refusal { error }) if error == "invalid_grant" => Ok(None),
            _ => Err(away(upstream)(format!("its token endpoint answers {status}"))),
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        address: &str,
        settings: &Settings,
    ) -> Result<T, String> {
        let (url, client) = self.client(address, settings).await?;
        let _place = self.place()?;
        let asked = client.get(url).header("Accept", "application/json").send().await;
        let response = asked.map_err(|error| format!("it cannot be asked: {error}"))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("{address} answers with status {}", response.status()));
        }
        let body = outbound::body(response, MOST_BYTES).await?;
        serde_json::from_slice(&body).map_err(|error| format!("{address}: {error}"))
    }

    async fn client(
        &self,
        address: &str,
        settings: &Settings,
    ) -> Result<(Url, reqwest::Client), String> {
        let url = Url::parse(address).ok().filter(|_| is_address(address));
        let url = url.ok_or_else(|| format!("{address} is not asked: it needs https://"))?;
        let client = outbound::client_for(&url, settings.upstream_near).await?;
        Ok((url, client))
    }

    fn place(&self) -> Result<tokio::sync::SemaphorePermit<'_>, String> {
        self.asking.try_acquire().map_err(|_| "too many sign in there at once".to_owned())
    }
}

/// The log has why.
fn away(upstream: &Upstream) -> impl Fn(String) -> OAuthError {
    let name = upstream.name.clone();
    move |why| OAuthError::temporarily_unavailable(&format!("the provider {name:?}: {why}"))
}
