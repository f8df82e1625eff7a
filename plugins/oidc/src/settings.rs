//! What the operator configured, read once and checked.

pub(crate) mod client;
pub(crate) mod upstream;
pub(crate) mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sidegate_sdk::{Config, Error, Result};
use url::Url;

use crate::secret_text;
use client::Client;
use upstream::Upstream;
use user::User;

/// Scopes that are always there, with what the consent page says of them.
const STANDARD_SCOPES: [(&str, &str); 5] = [
    ("openid", "Know that it is you"),
    ("profile", "Your name"),
    ("email", "Your email address"),
    ("groups", "Which groups you are in"),
    ("offline_access", "Stay signed in for you while you are away"),
];

/// A scope of the operator's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnScope {
    name: String,
    #[serde(default)]
    description: String,
}

/// How long things last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) code: Duration,
    pub(crate) access_token: Duration,
    pub(crate) id_token: Duration,
    /// Without being used.
    pub(crate) refresh_token: Duration,
    pub(crate) session: Duration,
    /// A key signs for so long, and is published longer.
    pub(crate) key: Duration,
    /// A new key is published for so long before it signs: clients look for new keys now and then.
    pub(crate) key_overlap: Duration,
}

/// Which documents of clients are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    /// The hosts; all where none is named.
    pub(crate) hosts: Vec<String>,
    /// Also hosts within private networks.
    pub(crate) private_addresses: bool,
}

/// The configuration as the provider uses it.
pub(crate) struct Settings {
    pub(crate) slug: String,
    /// Where none is configured the request tells.
    pub(crate) issuer: Option<Url>,
    /// By name.
    pub(crate) users: BTreeMap<String, User>,
    /// By id.
    pub(crate) clients: BTreeMap<String, Arc<Client>>,
    /// By name, with a text for people.
    pub(crate) scopes: BTreeMap<String, String>,
    /// What tokens may be for, besides the provider itself.
    pub(crate) resources: Vec<String>,
    pub(crate) lifetimes: Lifetimes,
    /// Whether applications may register themselves.
    pub(crate) registration: bool,
    /// The digest of the token that they need for that, if any.
    pub(crate) registration_token: Option<String>,
    /// Other providers at which people may sign in.
    pub(crate) upstreams: Vec<Upstream>,
    /// Whether those may be near.
    pub(crate) upstream_near: bool,
    /// None where no documents of clients are asked for.
    pub(crate) documents: Option<Documents>,
}

impl Settings {
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let scopes = scopes(config)?;
        let resources: Vec<String> = list(config, "resources")?;
        for resource in &resources {
            check_resource(resource)?;
        }
        let mut clients = BTreeMap::new();
        for read in list::<client::Configured>(config, "clients")? {
            let client = Arc::new(Client::checked(read, &scopes, &resources)?);
            if let Some(twice) = clients.insert(client.id.clone(), client) {
                return Err(Error::new(format!("`clients`: the id {:?} is there twice", twice.id)));
            }
        }
        let mut users = BTreeMap::new();
        let mut subjects = BTreeMap::new();
        let mut identities = BTreeSet::new();
        for read in list::<user::Configured>(config, "users")? {
            let user = User::checked(read)?;
            if let Some(twice) =
                user.identities.iter().find(|one| !identities.insert((*one).clone()))
            {
                let (name, sub) = (&user.name, &twice.sub);
                return Err(Error::new(format!(
                    "`users`: {name:?} is linked to {sub:?}, and somebody else is already"
                )));
            }
            if let Some(other) = subjects.insert(user.sub.clone(), user.name.clone()) {
                let (sub, name) = (&user.sub, &user.name);
                return Err(Error::new(format!(
                    "`users`: {other:?} and {name:?} have one sub: {sub:?}"
                )));
            }
            // Whoever is switched off keeps name and sub, so that nobody else gets them.
            if !user.is_disabled {
                users.insert(user.name.clone(), user);
            }
        }
        if let Some(both) = clients.keys().find(|id| subjects.contains_key(*id)) {
            return Err(Error::new(format!(
                "{both:?} is the id of a client and the sub of a user: nobody could tell their tokens apart"
            )));
        }
        Ok(Self {
            slug: config.require("slug")?.to_owned(),
            issuer: issuer(config)?,
            users,
            clients,
            scopes,
            resources,
            lifetimes: lifetimes(config)?,
            registration: config.flag("registration", false)?,
            registration_token: config
                .get("registration_token")
                .filter(|token| !token.is_empty())
                .map(secret_text::digest),
            upstreams: upstreams(config)?,
            upstream_near: config.flag("upstream_private_addresses", false)?,
            documents: documents(config)?,
        })
    }

    /// The user who is this one at another provider.
    pub(crate) fn user_at(&self, issuer: &str, sub: &str) -> Option<&User> {
        self.users.values().find(|user| user.is_at(issuer, sub))
    }

    /// The user with this subject.
    pub(crate) fn user_of(&self, sub: &str) -> Option<&User> {
        self.users.values().find(|user| user.sub == sub)
    }
}

fn upstreams(config: &Config) -> Result<Vec<Upstream>> {
    let mut upstreams: Vec<Upstream> = Vec::new();
    for read in list::<upstream::Configured>(config, "upstreams")? {
        let upstream = Upstream::checked(read)?;
        let is_it = |one: &Upstream| one.name == upstream.name || one.issuer == upstream.issuer;
        if upstreams.iter().any(is_it) {
            let name = &upstream.name;
            return Err(Error::new(format!(
                "`upstreams`: another one has the name or the issuer of {name:?}"
            )));
        }
        upstreams.push(upstream);
    }
    Ok(upstreams)
}

fn list<T: DeserializeOwned>(config: &Config, key: &str) -> Result<Vec<T>> {
    Ok(config.json(key)?.unwrap_or_default())
}

fn scopes(config: &Config) -> Result<BTreeMap<String, String>> {
    let standard = STANDARD_SCOPES.iter().map(|&(name, text)| (name.to_owned(), text.to_owned()));
    let mut scopes: BTreeMap<String, String> = standard.collect();
    for OwnScope { name, description } in list(config, "scopes")? {
        let is_sound = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if name.is_empty() || !name.bytes().all(is_sound) {
            return Err(Error::new(format!(
                "`scopes`: {name:?} is no name of a scope: printable ASCII without blanks, quotes and backslashes"
            )));
        }
        let text = if description.is_empty() { name.clone() } else { description };
        scopes.insert(name, text);
    }
    Ok(scopes)
}

fn documents(config: &Config) -> Result<Option<Documents>> {
    if !config.flag("client_id_metadata_documents", false)? {
        return Ok(None);
    }
    let hosts = list(config, "client_id_metadata_hosts")?;
    let private_addresses = config.flag("client_id_metadata_private_addresses", false)?;
    Ok(Some(Documents { hosts, private_addresses }))
}

fn check_resource(resource: &str) -> Result<()> {
    match Url::parse(resource) {
        Ok(url) if url.fragment().is_none() => Ok(()),
        _ => Err(Error::new(format!(
            "`resources`: {resource:?} must be an absolute address without a fragment"
        ))),
    }
}

/// Without a slash at its end; with the path of the plugin where it has none.
fn issuer(config: &Config) -> Result<Option<Url>> {
    let Some(text) = config.get("issuer").filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = |what: &str| Error::new(format!("`issuer`: {text:?} {what}"));
    let mut url = Url::parse(text).map_err(|error| wrong(&format!("is no address: {error}")))?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(wrong("must have no query, no fragment and no user"));
    }
    let host = url.host_str().unwrap_or_default();
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
        return Err(wrong("must begin with https://, but on this machine"));
    }
    let path = match url.path().trim_end_matches('/') {
        "" => format!("/plugins/{}", config.require("slug")?),
        path => path.to_owned(),
    };
    url.set_path(&path);
    Ok(Some(url))
}

fn lifetimes(config: &Config) -> Result<Lifetimes> {
    const DAY: u64 = 24 * 60 * 60;
    let read = |key: &str, otherwise: u64, most: u64| -> Result<Duration> {
        match config.parse(key)?.unwrap_or(otherwise) {
            seconds if (1..=most).contains(&seconds) => Ok(Duration::from_secs(seconds)),
            _ => Err(Error::new(format!("`{key}` must be from 1 to {most} seconds"))),
        }
    };
    Ok(Lifetimes {
        code: read("code_lifetime", 60, 600)?,
        access_token: read("access_token_lifetime", 600, DAY)?,
        id_token: read("id_token_lifetime", 600, DAY)?,
        refresh_token: read("refresh_token_lifetime", 30 * DAY, 365 * DAY)?,
        session: read("session_lifetime", DAY / 2, 30 * DAY)?,
        key: read("key_lifetime", 90 * DAY, 3650 * DAY)?,
        key_overlap: read("key_overlap", DAY, 30 * DAY)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings> {
        let pairs = pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let all = [("slug".to_owned(), "id".to_owned())].into_iter().chain(pairs);
        Settings::read(&all.collect())
    }

    #[test]
    fn an_issuer_is_secure_or_here_and_has_the_path_of_the_plugin() {
        for (text, expected) in [
            ("https://login.example.com", "https://login.example.com/plugins/id"),
            ("https://login.example.com/", "https://login.example.com/plugins/id"),
            ("https://example.com/sso/", "https://example.com/sso"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081/plugins/id"),
        ] {
            let settings = read(&[("issuer", text)]).unwrap();
            assert_eq!(settings.issuer.unwrap().as_str(), expected, "{text}");
        }
        for text in ["http://example.com", "https://a/?x", "https://a/#x", "https://u@a", "a"] {
            assert!(read(&[("issuer", text)]).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_is_repeated() {
        let hash = "$argon2id$v=19$m=8,t=1,p=1$c2lkZWdhdGUtbm9ib2R5IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let twins = format!(
            r#"[{{"name":"a","password_hash":"{hash}","sub":"1"}},{{"name":"b","password_hash":"{hash}","sub":"1"}}]"#
        );
        for (key, value, expected) in [
            ("access_token_lifetime", "0", "from 1 to 86400"),
            ("scopes", r#"[{"name":"a b"}]"#, "no name of a scope"),
            ("resources", r#"["/mcp"]"#, "absolute address"),
            ("users", r#"[{"name":"ann","password_hash":"s3cret"}]"#, "hash-password"),
            ("users", twins.as_str(), "one sub"),
            ("clients", r#"[{"id":"a","redirect_uris":["javascript:alert(1)"]}]"#, "redirect"),
            ("clients", r#"[{"id":"a","secret_hash":"s3cret"}]"#, "new-secret"),
        ] {
            let refused = read(&[(key, value)]).err().expect(value).to_string();
            assert!(refused.contains(expected) && refused.contains(key), "{refused}");
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }
}
