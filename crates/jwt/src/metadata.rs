//! What an issuer says of itself in its metadata, and its keys by way of them.

use crate::fetch::{FetchError, get};
use crate::key_set::KeySet;
use http::StatusCode;
use serde::Deserialize;
use tokio::time::Instant;

/// What of an issuer's metadata is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    /// Who says it: compared with whom was asked.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Where people sign in.
    pub authorization_endpoint: Option<String>,
    /// Where codes become tokens.
    pub token_endpoint: Option<String>,
    /// What it tells of whoever has a token.
    pub userinfo_endpoint: Option<String>,
    /// How clients may prove who they are.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether it says in each answer who it is (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// The keys of an issuer as they are now: at `jwks_uri`, or else where its metadata say.
///
/// # Errors
/// [`FetchError`].
pub async fn fetch_keys(
    issuer: &str,
    jwks_uri: Option<&str>,
    allow_private: bool,
) -> Result<KeySet, FetchError> {
    let uri = match jwks_uri {
        Some(uri) => uri.to_owned(),
        None => discover(issuer, allow_private).await?.jwks_uri,
    };
    // The moment before: what is told later may be older than it seems.
    let begun = Instant::now();
    let document = get(&uri, allow_private).await?;
    KeySet::read(&document, begun).map_err(|problem| FetchError::Document(uri, problem))
}

/// The metadata of an issuer.
///
/// # Errors
/// [`FetchError`].
pub async fn discover(issuer: &str, allow_private: bool) -> Result<Metadata, FetchError> {
    let [openid, oauth] = metadata_addresses(issuer);
    let (uri, document) = match get(&openid, allow_private).await {
        Err(FetchError::Status(_, StatusCode::NOT_FOUND)) => {
            let document = get(&oauth, allow_private).await?;
            (oauth, document)
        }
        other => (openid, other?),
    };
    let metadata: Metadata = serde_json::from_slice(&document).map_err(|error| {
        FetchError::Document(uri.clone(), format!("it is no metadata of an issuer: {error}"))
    })?;
    if metadata.issuer != issuer {
        let problem = "it is the metadata of another issuer".to_owned();
        return Err(FetchError::Document(uri, problem));
    }
    Ok(metadata)
}

/// Where metadata are: after the path (OpenID Connect), or before it (RFC 8414).
fn metadata_addresses(issuer: &str) -> [String; 2] {
    let issuer = issuer.trim_end_matches('/');
    let from = issuer.find("://").map_or(0, |at| at + 3);
    let path = issuer[from..].find('/').map_or(issuer.len(), |at| from + at);
    let (origin, path) = issuer.split_at(path);
    [
        format!("{issuer}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_looked_for_where_both_standards_say() {
        let of = |issuer| metadata_addresses(issuer);
        let [openid, oauth] = of("https://id.example/realms/a/");
        assert_eq!(openid, "https://id.example/realms/a/.well-known/openid-configuration");
        assert_eq!(oauth, "https://id.example/.well-known/oauth-authorization-server/realms/a");
        let [openid, oauth] = of("https://id.example");
        assert_eq!(openid, "https://id.example/.well-known/openid-configuration");
        assert_eq!(oauth, "https://id.example/.well-known/oauth-authorization-server");
    }
}
