//! What paths and routes mean, as the documentation says it: slow, and shared with nobody.

use percent_encoding::percent_decode_str;
use sidegate_wire::plugin::EndpointRegistration;
use std::collections::BTreeSet;

/// A path below `/plugins/`, in both readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiteralPath {
    /// The plugin's.
    pub slug: String,
    /// All of it, decoded.
    pub full: String,
    /// What follows the slug, decoded; `/` where nothing does.
    pub relative: String,
    /// Cut at its slashes and then decoded, without empty ones at the ends.
    pub segments: Vec<String>,
}

impl LiteralPath {
    /// Reads a path as it was sent; `None` for what is not served.
    pub fn read(raw: &str) -> Option<Self> {
        let parts: Option<Vec<String>> = raw.split('/').map(decoded).collect();
        let parts = parts?;
        let [empty, mount, slug, below @ ..] = parts.as_slice() else { return None };
        if !empty.is_empty() || mount != "plugins" || slug.is_empty() || slug.contains('/') {
            return None;
        }
        let full = parts.join("/");
        let relative = full.strip_prefix("/plugins/")?.strip_prefix(slug.as_str())?.to_owned();
        let dots = relative.split('/').any(|part| part == "." || part == "..");
        if dots || slug == ".." {
            return None;
        }
        let mut segments = below.to_vec();
        while segments.first().is_some_and(String::is_empty) {
            segments.remove(0);
        }
        while segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        let relative = if relative.is_empty() { "/".to_owned() } else { relative };
        Some(Self { slug: slug.clone(), full, relative, segments })
    }

    /// The path of somebody who goes by the segments; a slash within one is no border to him.
    pub fn by_segments(&self) -> String {
        let parts: Vec<String> = self.segments.iter().map(|s| s.replace('/', "\0")).collect();
        format!("/{}", parts.join("/"))
    }
}

fn decoded(part: &str) -> Option<String> {
    let mut escapes = part.split('%').skip(1);
    let sound = escapes.all(|escape| {
        escape.len() >= 2 && escape.bytes().take(2).all(|digit| digit.is_ascii_hexdigit())
    });
    let text = percent_decode_str(part).decode_utf8().ok()?.into_owned();
    (sound && !text.contains('\0')).then_some(text)
}

/// Endpoints in the order of their registration.
#[derive(Debug)]
pub struct LiteralTable(Vec<Endpoint>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// As it was registered.
    pub path: String,
    methods: Vec<String>,
    demand: Demand,
}

/// What is demanded of a caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demand {
    /// A token.
    pub token: bool,
    /// What the token carries; a scope without a name is one that no token carries.
    pub scopes: BTreeSet<String>,
}

impl Demand {
    fn of(registration: &EndpointRegistration) -> Self {
        let scopes = registration.metadata.get("scopes_required").map(|list| scopes_of(list));
        let token = registration.require_auth || scopes.is_some();
        Self { token, scopes: scopes.unwrap_or_default() }
    }

    fn and(mut self, other: &Self) -> Self {
        self.token |= other.token;
        self.scopes.extend(other.scopes.iter().cloned());
        self
    }
}

/// Words between commas and blanks; of 1 to 128 visible characters, 1 to 64 of them.
fn scopes_of(list: &str) -> BTreeSet<String> {
    let words: BTreeSet<&str> = list.split([',', ' ']).filter(|word| !word.is_empty()).collect();
    let is_sound = |word: &&str| {
        word.len() <= 128 && word.chars().all(|c| ('!'..='~').contains(&c) && c != '"' && c != '\\')
    };
    match (1..=64).contains(&words.len()) && words.iter().all(is_sound) {
        true => words.into_iter().map(str::to_owned).collect(),
        false => [String::new()].into(),
    }
}

impl Endpoint {
    /// How specific it is: exact before wildcard, longer before shorter.
    fn rank(&self) -> (bool, usize) {
        (!self.path.ends_with('*'), self.path.len())
    }
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl LiteralTable {
    /// Takes what is valid.
    pub fn new(registrations: &[EndpointRegistration]) -> Self {
        let valid = |registration: &&EndpointRegistration| {
            let path = &registration.path;
            let parts: Vec<&str> = path.split('/').collect();
            let stars = path.matches('*').count();
            path.starts_with('/')
                && !path.contains('\0')
                && !parts.contains(&"..")
                && (stars == 0 || stars == 1 && path.ends_with("/*"))
        };
        let endpoint = |registration: &EndpointRegistration| Endpoint {
            path: registration.path.clone(),
            methods: registration.methods.iter().map(|m| m.to_ascii_uppercase()).collect(),
            demand: Demand::of(registration),
        };
        Self(registrations.iter().filter(valid).map(endpoint).collect())
    }

    /// The endpoint that a method on a path names.
    pub fn named(&self, method: &str, path: &str) -> Option<&Endpoint> {
        let own = self.registered(method, path);
        let get = self.registered("GET", path);
        match (own, get) {
            // HEAD is what GET is, unless it is registered as specifically.
            (Some(own), Some(get)) if method == "HEAD" && get.rank() > own.rank() => Some(get),
            (None, get) if method == "HEAD" => get,
            (own, _) => own,
        }
    }

    /// What a method on a path demands.
    pub fn demand(&self, method: &str, path: &str) -> Demand {
        let Some(named) = self.named(method, path) else { return Demand::default() };
        // Nobody gets by what GET demands with a method that is registered less specifically.
        let get = self.registered("GET", path).filter(|get| get.rank() > named.rank());
        let own = named.demand.clone();
        get.map_or(own.clone(), |get| own.and(&get.demand))
    }

    /// The exact path first, then the longest; of the same path the first that has the method.
    fn registered(&self, method: &str, path: &str) -> Option<&Endpoint> {
        if !METHODS.contains(&method) {
            return None;
        }
        let mut best: Option<&Endpoint> = None;
        for endpoint in &self.0 {
            let matches = match endpoint.path.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == endpoint.path,
            };
            let better = best.is_none_or(|best| endpoint.rank() > best.rank());
            if matches && better && endpoint.methods.iter().any(|known| known == method) {
                best = Some(endpoint);
            }
        }
        best
    }
}
