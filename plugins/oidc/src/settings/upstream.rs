//! Other providers at which people may sign in.

use serde::Deserialize;
use sidegate_sdk::{Error, Result};
use url::Url;

/// Another provider as it stands in the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Configured {
    name: String,
    #[serde(default)]
    title: Option<String>,
    issuer: String,
    client_id: String,
    #[serde(default)]
    client_secret: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
}

/// Another provider, at which this one is a client.
#[derive(Clone)]
pub(crate) struct Upstream {
    /// What it is called in addresses.
    pub(crate) name: String,
    /// What people read.
    pub(crate) title: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    /// Besides `openid`.
    pub(crate) scopes: Vec<String>,
}

impl Upstream {
    pub(super) fn checked(read: Configured) -> Result<Self> {
        let Configured { name, title, issuer, client_id, client_secret, scopes } = read;
        let wrong = |what: &str| Error::new(format!("`upstreams`: {name:?}: {what}"));
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(is_plain) {
            return Err(wrong("a name has 1 to 32 lower-case letters, digits and `-`"));
        }
        if !is_address(&issuer) {
            return Err(wrong("its issuer must begin with https://, but on this machine"));
        }
        if client_id.is_empty() {
            return Err(wrong("say in `client_id` which client this provider is there"));
        }
        let client_secret = client_secret.filter(|secret| !secret.is_empty());
        let title = title.unwrap_or_else(|| name.clone());
        Ok(Self { name, title, issuer, client_id, client_secret, scopes })
    }
}

/// Whether it may be asked, or people sent there: over TLS, or on this machine.
pub(crate) fn is_address(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.username().is_empty() && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}
