//! The issuer: whose JWT access tokens are taken beside the gateway's own, and for which apps they speak. It holds no
//! secret: keys of issuers are public, and are fetched by whoever verifies.

pub mod newcomers;

use crate::UnixMillis;
use crate::authorization::named_plugin;
use crate::client_certificate;
pub use crate::issuer_id::IssuerId;
use crate::managed_by;
use crate::name::{NUMBER_AS_NAME, reads_as_number, shortened};
use crate::namespace::Namespace;
use crate::own_host::OwnHost;
use crate::scope;
use crate::slug::Slug;
use newcomers::Newcomers;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How a JWT may be signed. What is not in here is never taken: neither `none` nor anything with a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// RSA with PKCS 1 padding and SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Every one that is known.
    pub const ALL: [Self; 5] = [Self::Es256, Self::Es384, Self::Rs256, Self::Ps256, Self::EdDsa];

    /// As the head of a JWT spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads such a word, which has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

/// Somebody whose JWT access tokens are taken, where a plugin takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// Number, given by the store.
    pub id: IssuerId,
    /// What a person chose of it.
    #[serde(flatten)]
    pub draft: IssuerDraft,
    /// Set once by the store.
    pub created_at: UnixMillis,
    /// When it was last changed; grows with every change, also where the clock does not.
    pub updated_at: UnixMillis,
}

/// The fields of an issuer that a person chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerDraft {
    /// Which edges get it; never changes.
    pub namespace: Namespace,
    /// Unique display name, 1 to 255 characters, not digits only. Plugins name it so.
    pub name: String,
    /// Its `iss`, compared character by character; `plugin:` and the slug of a plugin here that is the issuer; or `tls:` and a
    /// name where its callers prove themselves with client certificates.
    pub url: String,
    /// Where its keys are; `None` is what its metadata say.
    pub jwks_uri: Option<String>,
    /// A JWT must be for one of these. `{slug}` in one stands for the slug of the plugin that is called, `/*` at
    /// its end for all that is below, too.
    pub audiences: Vec<String>,
    /// How its JWTs may be signed.
    pub algorithms: Vec<Algorithm>,
    /// The claims that may name the client, of which the first that is there counts.
    pub client_claims: Vec<String>,
    /// What the `typ` of a JWT may be, without `application/`.
    pub token_types: Vec<String>,
    /// The scopes that its JWTs may carry; others in them count for nothing. Empty is all. Of certificates, which carry none,
    /// they are those that whoever shows one has.
    pub scopes: Vec<String>,
    /// For which app each of its clients speaks, by name.
    pub clients: BTreeMap<String, String>,
    /// Whether apps are made for clients that are bound to none, on first sight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newcomers: Option<Newcomers>,
    /// An inactive issuer's JWTs are refused.
    pub is_active: bool,
    /// Its keys may be at a private or loopback address, and at such a one be fetched without TLS where that is this
    /// machine.
    pub allow_private: bool,
    /// How far clocks may differ, in milliseconds.
    pub leeway: u64,
    /// How long its keys are good after they were last fetched, in milliseconds, where it does not answer any more.
    pub keys_max_age: u64,
    /// Who looks after it; empty for nobody in particular.
    pub managed_by: String,
}

impl Issuer {
    /// Another text for every other content, whatever was changed and however quickly.
    pub fn version(&self) -> String {
        format!("{:x}", self.updated_at)
    }

    /// Whether a JWT for one of `audiences` is for the plugin with this slug.
    /// Where that has a host of its own, what stands for it by its path stands for that host as well.
    pub fn is_for(&self, audiences: &[String], slug: &str, host: Option<&OwnHost>) -> bool {
        let is_meant = |own: &String| match own.contains(SLUG) {
            true => {
                let at_host = host.and_then(|host| at_own_host(own, host));
                is_among(audiences, &own.replace(SLUG, slug))
                    || at_host.is_some_and(|own| is_among(audiences, &own))
            }
            false => is_among(audiences, own),
        };
        self.draft.audiences.iter().any(is_meant)
    }
}

/// What an audience that stands for plugins by their paths is at the own host of one; `None` for any other.
fn at_own_host(audience: &str, host: &OwnHost) -> Option<String> {
    let (base, below) = audience.split_once("/plugins/{slug}")?;
    let is_base = base.split_once("://").is_some_and(|(_, authority)| !authority.contains('/'));
    let is_below = below.is_empty() || below.starts_with('/');
    (is_base && is_below).then(|| format!("{}{below}", host.in_place_of(base)))
}

/// Whether one of `audiences` is the one that is meant, or below it where that ends in `/*`.
fn is_among(audiences: &[String], meant: &str) -> bool {
    let Some(above) = meant.strip_suffix(BELOW) else {
        return audiences.iter().any(|it| it == meant);
    };
    let is_below = |it: &String| {
        it.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    audiences.iter().any(is_below)
}

/// At the end of an audience: it, and all that is below it.
const BELOW: &str = "/*";
/// What stands for the slug of a plugin in an audience.
const SLUG: &str = "{slug}";

/// Why a draft of an issuer cannot be accepted. The text names the field and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidIssuer {
    /// The name of the field, as the admin API spells it.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// Longest text of an address or claim, in bytes.
const MAX_TEXT: usize = 1024;
/// Most members of a list.
const MAX_LIST: usize = 32;
/// Most clients of one issuer.
pub const MAX_CLIENTS: usize = 1000;
/// How far clocks may differ where nothing is said.
pub const LEEWAY_MILLIS: u64 = 30_000;
/// Most that clocks may differ.
pub const MAX_LEEWAY_MILLIS: u64 = 300_000;
/// How long keys are good of an issuer that is away, where nothing is said.
pub const KEYS_MAX_AGE_MILLIS: u64 = 3_600_000;
/// Most of that: a week.
pub const MAX_KEYS_MAX_AGE_MILLIS: u64 = 7 * 24 * 3_600_000;

impl IssuerDraft {
    /// An active one of which nothing else is said: it lacks audiences.
    pub fn new(name: &str, url: &str) -> Self {
        Self {
            namespace: Namespace::global(),
            name: name.to_owned(),
            url: url.to_owned(),
            jwks_uri: None,
            audiences: Vec::new(),
            algorithms: vec![Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa],
            client_claims: vec!["client_id".to_owned(), "azp".to_owned()],
            token_types: vec!["at+jwt".to_owned()],
            scopes: Vec::new(),
            clients: BTreeMap::new(),
            newcomers: None,
            is_active: true,
            allow_private: false,
            leeway: LEEWAY_MILLIS,
            keys_max_age: KEYS_MAX_AGE_MILLIS,
            managed_by: String::new(),
        }
    }

    /// Checks every field and reports all that is wrong at once.
    ///
    /// # Errors
    /// One [`InvalidIssuer`] for each field that breaks its rule.
    pub fn validate(&self) -> Result<(), Vec<InvalidIssuer>> {
        let mut problems = Vec::new();
        let mut check = |field, outcome: Result<(), String>| {
            problems.extend(outcome.err().map(|problem| InvalidIssuer { field, problem }));
        };
        check("name", name(&self.name));
        check("url", self.check_url());
        let jwks_uri = self.jwks_uri.as_deref();
        check("jwks_uri", jwks_uri.map_or(Ok(()), |uri| self.check_jwks_uri(uri)));
        check("audiences", self.check_audiences());
        check("algorithms", distinct(&self.algorithms));
        check("client_claims", texts(&self.client_claims));
        check("token_types", texts(&self.token_types));
        check("scopes", scopes(&self.scopes));
        check("clients", self.check_clients());
        check("leeway", within(self.leeway, MAX_LEEWAY_MILLIS, "5m"));
        check("keys_max_age", within(self.keys_max_age, MAX_KEYS_MAX_AGE_MILLIS, "7d"));
        check("managed_by", managed_by::check(&self.managed_by));
        problems.extend(self.newcomers.iter().flat_map(|said| said.problems(self)));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

impl IssuerDraft {
    /// The slug of the plugin here that it is, if it is one.
    pub fn plugin(&self) -> Option<Slug> {
        named_plugin(&self.url)
    }

    /// Whether its callers prove themselves with client certificates.
    pub fn is_of_certificates(&self) -> bool {
        client_certificate::is_of_certificates(&self.url)
    }

    fn check_audiences(&self) -> Result<(), String> {
        match self.is_of_certificates() {
            false => texts(&self.audiences),
            true if self.audiences.is_empty() => Ok(()),
            true => Err("leave them out: a certificate is for whoever asks for it".to_owned()),
        }
    }

    fn check_clients(&self) -> Result<(), String> {
        clients(&self.clients)?;
        let mut names = self.clients.keys().filter(|_| self.is_of_certificates());
        names.try_for_each(|client| client_certificate::check_client(client))
    }

    fn check_url(&self) -> Result<(), String> {
        if let Some(checked) = client_certificate::check_issuer(&self.url) {
            return checked;
        }
        match self.url.strip_prefix("plugin:") {
            Some(slug) => Slug::parse(slug).map(drop).map_err(|error| error.to_string()),
            None => check_address(&self.url, self.allow_private),
        }
    }

    fn check_jwks_uri(&self, uri: &str) -> Result<(), String> {
        match self.plugin() {
            None if self.is_of_certificates() => {
                Err("leave it out: certificates need no keys of an issuer".to_owned())
            }
            None => check_address(uri, self.allow_private),
            Some(slug) => {
                Err(format!("leave it out: plugin {slug} is asked for its keys inside the gateway"))
            }
        }
    }
}

fn name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.chars().count() > 255 {
        return Err("give a name of 1 to 255 characters".to_owned());
    }
    if reads_as_number(name) {
        return Err(format!("{name:?} reads as a number: {NUMBER_AS_NAME}"));
    }
    // Options of plugins name issuers with commas between them.
    if name.chars().any(|c| c.is_control() || c == ',') || name.trim() != name {
        return Err("leave out commas, control characters and blanks around it".to_owned());
    }
    Ok(())
}

/// An address that keys can be fetched from: `https`, or `http` on this machine where that is allowed.
///
/// # Errors
/// What would be right.
pub fn check_address(text: &str, allow_private: bool) -> Result<(), String> {
    let shown = shortened(text);
    let is_plain = text.len() <= MAX_TEXT && text.bytes().all(|b| b.is_ascii_graphic());
    if !is_plain || text.contains(['#', '?', '@', '\\', '"']) {
        return Err(format!(
            "{shown:?} is no address: write https://host/path, without a query, fragment or user"
        ));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let host = host_of(authority).ok_or_else(|| format!("{shown:?} names no host and port"))?;
    match scheme {
        "https" => Ok(()),
        "http" if is_loopback(host) && allow_private => Ok(()),
        "http" if is_loopback(host) => {
            Err("http:// on this machine needs allow_private: everybody on it can answer there"
                .to_owned())
        }
        _ => Err(format!("{shown:?} is not fetched: use https://")),
    }
}

/// The host of an authority whose port, if any, is one.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some("443"))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "443")),
    };
    let is_port = !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0);
    (!host.is_empty() && is_port).then_some(host)
}

/// Whether a host is this machine, by its very name.
fn is_loopback(host: &str) -> bool {
    let is_address = |ip: std::net::IpAddr| ip.is_loopback();
    host == "localhost" || host.parse().is_ok_and(is_address)
}

fn texts(texts: &[String]) -> Result<(), String> {
    if texts.iter().any(|text| text.is_empty() || !is_text(text)) {
        return Err(format!("give texts of 1 to {MAX_TEXT} characters"));
    }
    distinct(texts)
}

fn is_text(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

fn distinct<T: Ord>(items: &[T]) -> Result<(), String> {
    if items.is_empty() || items.len() > MAX_LIST {
        return Err(format!("name 1 to {MAX_LIST} of them"));
    }
    match items.iter().collect::<BTreeSet<_>>().len() == items.len() {
        true => Ok(()),
        false => Err("name each once".to_owned()),
    }
}

fn scopes(scopes: &[String]) -> Result<(), String> {
    scopes.iter().try_for_each(|scope| scope::check(scope))?;
    if scopes.is_empty() { Ok(()) } else { distinct(scopes) }
}

fn clients(clients: &BTreeMap<String, String>) -> Result<(), String> {
    if clients.len() > MAX_CLIENTS {
        return Err(format!("name at most {MAX_CLIENTS} clients"));
    }
    let is_wrong = |(client, app): (&String, &String)| {
        client.is_empty() || app.is_empty() || !is_text(client) || !is_text(app)
    };
    match clients.iter().find(|pair| is_wrong(*pair)) {
        None => Ok(()),
        Some((client, _)) => Err(format!("{:?}: name a client and its app", shortened(client))),
    }
}

fn within(millis: u64, most: u64, told: &str) -> Result<(), String> {
    if millis <= most { Ok(()) } else { Err(format!("give at most {told}")) }
}

#[cfg(test)]
mod tests;
