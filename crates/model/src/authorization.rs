//! Where clients get tokens for an endpoint, as its plugin says it in a registration's metadata or an operator
//! in options, for the documents that OAuth clients look for (RFC 9728).

use crate::name::shortened;
use crate::slug::Slug;
use std::collections::BTreeMap;
use std::fmt;

/// The metadata in which a registration names the servers that give tokens for it.
pub const AUTHORIZATION_SERVERS: &str = "authorization_servers";
/// The metadata in which a registration says what those tokens are for, where that is not its address.
pub const OAUTH_RESOURCE: &str = "oauth_resource";
/// The option by which an operator names the servers.
pub const SERVERS_OPTION: &str = "oauth.authorization_servers";
/// The option by which an operator says what tokens are for.
pub const RESOURCE_OPTION: &str = "oauth.resource";
/// Most servers that are named for one endpoint.
pub const MAX_SERVERS: usize = 8;
/// Longest address, in bytes.
const MAX_URL_BYTES: usize = 512;
/// Before the slug of a plugin that gives tokens.
const PLUGIN: &str = "plugin:";

/// Who gives tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizationServer {
    /// Somebody at this address, which is the name of the issuer.
    Url(Box<str>),
    /// A plugin of this gateway.
    Plugin(Slug),
}

impl fmt::Display for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Plugin(slug) => write!(f, "{PLUGIN}{slug}"),
        }
    }
}

/// The slug of a plugin of this gateway, where a text names one.
///
/// ```
/// use sidegate_model::authorization::named_plugin;
/// assert_eq!(named_plugin("plugin:oidc").unwrap().as_str(), "oidc");
/// assert_eq!(named_plugin("https://id.example.com"), None);
/// ```
pub fn named_plugin(text: &str) -> Option<Slug> {
    text.strip_prefix(PLUGIN).and_then(|slug| Slug::parse(slug).ok())
}

/// What is wrong with what is said of authorization.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthorization {
    /// Neither an address nor a plugin.
    #[error("{0:?} is no server: use https://… (or http:// on loopback), or plugin:SLUG")]
    Server(String),
    /// Too many of them.
    #[error("name at most {MAX_SERVERS} servers")]
    TooManyServers,
    /// Not what tokens can be for.
    #[error("{0:?} is no resource: use https://… (or http:// on loopback) without '#'")]
    Resource(String),
}

/// Reads a list of servers, separated by commas or blanks.
///
/// # Errors
/// [`InvalidAuthorization`]
pub fn authorization_servers(text: &str) -> Result<Vec<AuthorizationServer>, InvalidAuthorization> {
    let named = text.split([',', ' ']).filter(|item| !item.is_empty());
    let mut servers = Vec::new();
    for item in named {
        let server = match item.starts_with(PLUGIN) {
            true => named_plugin(item).map(AuthorizationServer::Plugin),
            // A query or a fragment has no place in the name of an issuer (RFC 8414, 2).
            false => url(item).filter(|url| !url.contains('?')).map(AuthorizationServer::Url),
        };
        servers.push(server.ok_or_else(|| InvalidAuthorization::Server(shortened(item)))?);
    }
    if servers.len() > MAX_SERVERS {
        return Err(InvalidAuthorization::TooManyServers);
    }
    Ok(servers)
}

/// Reads what tokens are for.
///
/// # Errors
/// [`InvalidAuthorization::Resource`]
pub fn resource(text: &str) -> Result<Box<str>, InvalidAuthorization> {
    url(text).ok_or_else(|| InvalidAuthorization::Resource(shortened(text)))
}

/// An address that nobody between can change: by https, or on this machine.
fn url(text: &str) -> Option<Box<str>> {
    let rest = match text.strip_prefix("https://") {
        Some(rest) => rest,
        None => text.strip_prefix("http://").filter(|rest| is_loopback(rest))?,
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    // A user's name before the host deceives who reads it.
    let is_host = !host.is_empty() && !host.contains('@');
    let is_sound =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'#' | b'<' | b'>');
    (is_host && text.len() <= MAX_URL_BYTES && text.bytes().all(is_sound)).then(|| text.into())
}

fn is_loopback(rest: &str) -> bool {
    ["127.0.0.1", "[::1]", "localhost"].iter().any(|host| {
        rest.strip_prefix(host)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?']))
    })
}

/// What is said of authorization for one endpoint, or for all of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizationOptions {
    /// Who gives tokens, the preferred one first.
    pub servers: Vec<AuthorizationServer>,
    /// What tokens are for, where that is not the address of the endpoint.
    pub resource: Option<Box<str>>,
}

impl AuthorizationOptions {
    /// What a registration says in its metadata; `None` where it says nothing. What cannot be read counts as not said.
    ///
    /// ```
    /// use sidegate_model::authorization::AuthorizationOptions;
    /// let metadata = [("authorization_servers".to_owned(), "plugin:oidc".to_owned())].into();
    /// assert_eq!(AuthorizationOptions::of_metadata(&metadata).unwrap().servers.len(), 1);
    /// assert_eq!(AuthorizationOptions::of_metadata(&<_>::default()), None);
    /// ```
    pub fn of_metadata(metadata: &BTreeMap<String, String>) -> Option<Self> {
        let named = metadata.get(AUTHORIZATION_SERVERS);
        let called = metadata.get(OAUTH_RESOURCE);
        (named.is_some() || called.is_some()).then(|| Self {
            servers: named.and_then(|it| authorization_servers(it).ok()).unwrap_or_default(),
            resource: called.and_then(|it| resource(it).ok()),
        })
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.resource.is_none()
    }

    /// What the operator says, and where that is nothing the plugin's word.
    #[must_use]
    pub fn over(&self, plugins: Self) -> Self {
        Self {
            servers: if self.servers.is_empty() { plugins.servers } else { self.servers.clone() },
            resource: self.resource.clone().or(plugins.resource),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn servers_are_plugins_or_at_addresses_that_nobody_between_can_change() {
        for sound in [
            "https://id.example.com",
            "https://id.example.com:8443/realms/a",
            "http://127.0.0.1:9000/x",
            "http://localhost",
            "http://[::1]:80",
            "plugin:oidc",
        ] {
            let read = authorization_servers(sound).unwrap();
            assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), [sound]);
        }
        for unsound in [
            "http://id.example.com",
            "http://localhost.example.com",
            "http://127.0.0.1@evil.example",
            "https://user@id.example.com",
            "https://",
            "https://id.example.com/?a=b",
            "https://id.example.com/#a",
            "https://id.example.com/\"x",
            "plugin:",
            "plugin:NO/SLUG",
            "oidc",
            "ftp://id.example.com",
        ] {
            let refused = authorization_servers(unsound).unwrap_err();
            assert!(matches!(refused, InvalidAuthorization::Server(_)), "{unsound}");
        }
        assert_eq!(authorization_servers(" ,plugin:a, plugin:b ").unwrap().len(), 2);
        let many = ["plugin:a"; MAX_SERVERS + 1].join(",");
        assert_eq!(authorization_servers(&many), Err(InvalidAuthorization::TooManyServers));
    }

    #[test]
    fn the_operators_word_counts_before_the_plugins() {
        let metadata: BTreeMap<_, _> = [
            (AUTHORIZATION_SERVERS.to_owned(), "plugin:own".to_owned()),
            (OAUTH_RESOURCE.to_owned(), "https://api.example.com".to_owned()),
        ]
        .into();
        let plugins = AuthorizationOptions::of_metadata(&metadata).unwrap();
        let servers = authorization_servers("plugin:other").unwrap();
        let operators = AuthorizationOptions { servers: servers.clone(), resource: None };
        let both = operators.over(plugins.clone());
        assert_eq!((both.servers, both.resource), (servers, plugins.resource.clone()));
        assert_eq!(AuthorizationOptions::default().over(plugins.clone()), plugins);
    }

    proptest! {
        #[test]
        fn whatever_is_read_fits_into_a_header_and_a_document(text in "\\PC{0,60}") {
            for server in authorization_servers(&text).unwrap_or_default() {
                prop_assert!(server.to_string().bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
            }
            if let Ok(resource) = resource(&text) {
                prop_assert!(resource.bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
            }
        }
    }
}
