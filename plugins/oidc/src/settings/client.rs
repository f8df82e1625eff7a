//! Applications that people sign in to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sidegate_sdk::{Error, Result};

use crate::redirect_uri;
use crate::secret_text;

/// What the hash of a secret begins with.
const HASH_PREFIX: &str = "sha256:";

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AuthMethod {
    /// It cannot: it runs where others can read it.
    #[serde(rename = "none")]
    None,
    #[serde(rename = "client_secret_basic")]
    Basic,
    #[serde(rename = "client_secret_post")]
    Post,
}

/// How tokens are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantType {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

/// With what the ID tokens of a client are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum SigningAlgorithm {
    /// What clients expect that were told nothing.
    #[default]
    RS256,
    ES256,
}

/// A client as it stands in the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Configured {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    secret_hash: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    #[serde(default)]
    grants: Option<Vec<GrantType>>,
    #[serde(default)]
    scopes: Option<BTreeSet<String>>,
    #[serde(default)]
    token_endpoint_auth_method: Option<AuthMethod>,
    #[serde(default)]
    id_token_signed_response_alg: SigningAlgorithm,
    #[serde(default)]
    introspects: Vec<String>,
    #[serde(default)]
    first_party: bool,
}

/// A client as it registered itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Registered {
    pub(crate) name: Option<String>,
    pub(crate) secret_digest: Option<String>,
    pub(crate) auth_method: AuthMethod,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    pub(crate) grants: Vec<GrantType>,
    pub(crate) id_token_alg: SigningAlgorithm,
}

/// An application.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) id: String,
    /// What people read on the consent page.
    pub(crate) name: String,
    /// Of its secret; none of a public client.
    secret_digest: Option<String>,
    pub(crate) auth_method: AuthMethod,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    pub(crate) grants: Vec<GrantType>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) id_token_alg: SigningAlgorithm,
    /// Resources that it serves: it may ask about their tokens.
    pub(crate) introspects: Vec<String>,
    /// Of the operator's own: nobody is asked for consent where its address proves whose it is.
    pub(crate) first_party: bool,
    /// By the operator. Anybody can be another one, under any name.
    pub(crate) is_configured: bool,
}

impl Client {
    pub(super) fn checked(
        read: Configured,
        scopes: &BTreeMap<String, String>,
        resources: &[String],
    ) -> Result<Self> {
        let id = read.id;
        let wrong = |what: String| Error::new(format!("`clients`: {id:?}: {what}"));
        if id.is_empty() || id.len() > 256 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("an id has 1 to 256 printable ASCII characters".to_owned()));
        }
        let secret_digest = match read.secret_hash.as_deref().map(digest_in) {
            None => None,
            Some(Some(digest)) => Some(digest),
            Some(None) => return Err(wrong(
                "its `secret_hash` is none; make a secret with `sidegate-plugin-oidc new-secret`"
                    .to_owned(),
            )),
        };
        let usual = if secret_digest.is_some() { AuthMethod::Basic } else { AuthMethod::None };
        let auth_method = read.token_endpoint_auth_method.unwrap_or(usual);
        if (auth_method == AuthMethod::None) != secret_digest.is_none() {
            return Err(wrong(
                "a secret goes with basic or post, and no secret with none".to_owned(),
            ));
        }
        for uri in read.redirect_uris.iter().chain(&read.post_logout_redirect_uris) {
            redirect_uri::check(uri)
                .map_err(|what| wrong(format!("the redirect address {uri:?} {what}")))?;
        }
        let usual = || vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
        let grants = read.grants.unwrap_or_else(usual);
        if grants.contains(&GrantType::ClientCredentials) && secret_digest.is_none() {
            return Err(wrong("client_credentials is for clients with a secret".to_owned()));
        }
        if let Some(unknown) =
            read.scopes.iter().flatten().find(|scope| !scopes.contains_key(*scope))
        {
            return Err(wrong(format!("there is no scope {unknown:?}; add it to `scopes`")));
        }
        if let Some(unknown) = read.introspects.iter().find(|uri| !resources.contains(uri)) {
            return Err(wrong(format!("{unknown:?} of `introspects` is not among `resources`")));
        }
        Ok(Self {
            name: read.name.unwrap_or_else(|| id.clone()),
            id,
            secret_digest,
            auth_method,
            redirect_uris: read.redirect_uris,
            post_logout_redirect_uris: read.post_logout_redirect_uris,
            grants,
            scopes: read.scopes.unwrap_or_else(|| scopes.keys().cloned().collect()),
            id_token_alg: read.id_token_signed_response_alg,
            introspects: read.introspects,
            first_party: read.first_party,
            is_configured: true,
        })
    }

    /// One that registered itself: it may ask for all scopes, and the user for whom decides.
    pub(crate) fn registered(id: &str, read: Registered, scopes: BTreeSet<String>) -> Self {
        Self {
            name: read.name.unwrap_or_else(|| id.to_owned()),
            id: id.to_owned(),
            secret_digest: read.secret_digest,
            auth_method: read.auth_method,
            redirect_uris: read.redirect_uris,
            post_logout_redirect_uris: read.post_logout_redirect_uris,
            grants: read.grants,
            scopes,
            id_token_alg: read.id_token_alg,
            introspects: Vec::new(),
            first_party: false,
            is_configured: false,
        }
    }

    /// Whether others can read what it has.
    pub(crate) fn is_public(&self) -> bool {
        self.secret_digest.is_none()
    }

    /// Whether this is its secret.
    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        let given = secret_text::digest(secret);
        self.secret_digest.as_deref().is_some_and(|kept| secret_text::same(kept, &given))
    }

    pub(crate) fn may(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant)
    }
}

/// What is configured of a secret.
pub(crate) fn secret_hash(secret: &str) -> String {
    format!("{HASH_PREFIX}{}", secret_text::digest(secret))
}

fn digest_in(hash: &str) -> Option<String> {
    let digest = hash.strip_prefix(HASH_PREFIX)?;
    (secret_text::from_base64url(digest)?.len() == 32).then(|| digest.to_owned())
}
