//! Endpoints that need no token: which ones a plugin offers, which ones an operator approved, and what
//! that comes to. How it is stored and who asks is not known here.

use crate::endpoint::{Endpoint, Method, MethodSet};
use crate::options::PluginOptions;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sidegate_wire::routing::check_path;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Whether endpoints that need no token are served at once, or once an operator approved them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PublicMode {
    /// At once.
    #[default]
    Allow,
    /// Once they are approved.
    Approve,
}

/// Endpoints that need no token, each a method and a path as a plugin registered it; in the order of
/// paths.
///
/// ```
/// use sidegate_model::endpoint::Method;
/// use sidegate_model::public_endpoints::PublicEndpoints;
/// let texts = ["POST /hooks/*", "GET /hello"];
/// let approved: PublicEndpoints = texts.iter().map(|text| PublicEndpoints::parse(text).unwrap()).collect();
/// assert!(approved.contains(Method::Get, "/hello") && !approved.contains(Method::Post, "/hello"));
/// assert_eq!(approved.to_string(), "GET /hello, POST /hooks/*");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicEndpoints(BTreeMap<String, MethodSet>);

/// A text that names no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no endpoint: write a method and a path, as in \"GET /hello\"")]
pub struct InvalidEndpoint(String);

impl PublicEndpoints {
    /// Reads one endpoint, as in `GET /hello`.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] with the text.
    pub fn parse(text: &str) -> Result<(Method, &str), InvalidEndpoint> {
        let wrong = || InvalidEndpoint(text.chars().take(200).collect());
        let (method, path) = text.split_once(' ').ok_or_else(wrong)?;
        let method = Method::parse(method).ok_or_else(wrong)?;
        check_path(path).map_err(|_| wrong())?;
        Ok((method, path))
    }

    /// What a plugin with these endpoints offers to everybody: where neither it nor its operator demands
    /// a token. Of two registrations for one method and path the first counts.
    pub fn offered(endpoints: &[Arc<Endpoint>], options: &PluginOptions) -> Self {
        let mut known: BTreeMap<&str, MethodSet> = BTreeMap::new();
        let mut offered = Self::default();
        if options.policy.demands_token() {
            return offered;
        }
        for endpoint in endpoints {
            let before = known.entry(&endpoint.path).or_default();
            for method in endpoint.methods.iter().filter(|method| !before.contains(*method)) {
                if !endpoint.demands_token() {
                    offered.insert(method, &endpoint.path);
                }
            }
            *before = before.union(endpoint.methods);
        }
        offered
    }

    /// Adds one.
    pub fn insert(&mut self, method: Method, path: &str) {
        match self.0.get_mut(path) {
            Some(methods) => methods.insert(method),
            None => {
                self.0.insert(path.to_owned(), MethodSet::from_iter([method]));
            }
        }
    }

    /// Whether it has this one.
    pub fn contains(&self, method: Method, path: &str) -> bool {
        self.0.get(path).is_some_and(|methods| methods.contains(method))
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Method, &str)> {
        self.0
            .iter()
            .flat_map(|(path, methods)| methods.iter().map(move |method| (method, path.as_str())))
    }

    /// Those of them that are so.
    #[must_use]
    pub fn filtered(&self, is_so: impl Fn(Method, &str) -> bool) -> Self {
        self.iter().filter(|(method, path)| is_so(*method, path)).collect()
    }

    /// All of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// Those that `other` does not have.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.filtered(|method, path| !other.contains(method, path))
    }

    /// Each of them as a text, as in `GET /hello`.
    pub fn texts(&self) -> Vec<String> {
        self.iter().map(|(method, path)| format!("{} {path}", method.as_str())).collect()
    }
}

/// Whether an endpoint that needs no token was approved. Where nobody has decided yet, because the
/// plugin was there before approvals were, everything counts as approved.
pub fn is_approved(decided: Option<&PublicEndpoints>, method: Method, path: &str) -> bool {
    decided.is_none_or(|approved| approved.contains(method, path))
}

impl<'a> FromIterator<(Method, &'a str)> for PublicEndpoints {
    fn from_iter<T: IntoIterator<Item = (Method, &'a str)>>(endpoints: T) -> Self {
        let mut all = Self::default();
        endpoints.into_iter().for_each(|(method, path)| all.insert(method, path));
        all
    }
}

impl fmt::Display for PublicEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().join(", "))
    }
}

impl Serialize for PublicEndpoints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.texts().serialize(serializer)
    }
}

/// What cannot be read is not approved; it hides nothing else.
impl<'de> Deserialize<'de> for PublicEndpoints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        Ok(texts.iter().filter_map(|text| Self::parse(text).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn endpoint(path: &str, methods: &[Method], require_auth: bool) -> Arc<Endpoint> {
        Arc::new(Endpoint {
            path: path.to_owned(),
            methods: methods.iter().copied().collect(),
            description: String::new(),
            require_auth,
            scopes_required: Vec::new(),
            stream_response: false,
            metadata: BTreeMap::new(),
        })
    }

    fn options(pairs: &[(&str, &str)]) -> PluginOptions {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        PluginOptions::read(&pairs.collect()).0
    }

    #[test]
    fn only_what_nobody_demands_a_token_for_is_offered_to_everybody() {
        use Method::{Get, Post};
        let endpoints = [
            endpoint("/b", &[Get], false),
            endpoint("/a/*", &[Post, Get], false),
            endpoint("/c", &[Get], true),
            // The first one counts.
            endpoint("/c", &[Get, Post], false),
        ];
        let offered = |pairs: &[_]| PublicEndpoints::offered(&endpoints, &options(pairs)).texts();
        assert_eq!(offered(&[]), ["GET /a/*", "POST /a/*", "GET /b", "POST /c"]);
        assert_eq!(offered(&[("optional_auth", "true")]).len(), 4, "a token is no condition");
        for demand in [("require_auth", "true"), ("apps", "1"), ("scopes_required", "a")] {
            assert_eq!(offered(&[demand]), [""; 0], "{demand:?}");
        }
    }

    #[test]
    fn an_endpoint_is_approved_with_its_method_and_where_nobody_has_decided() {
        let approved: PublicEndpoints = [(Method::Get, "/a")].into_iter().collect();
        assert!(is_approved(Some(&approved), Method::Get, "/a"));
        assert!(!is_approved(Some(&approved), Method::Post, "/a"));
        assert!(!is_approved(Some(&approved), Method::Get, "/a/*"));
        assert!(is_approved(None, Method::Post, "/a"));
        assert!(!is_approved(Some(&PublicEndpoints::default()), Method::Get, "/a"));
    }

    #[test]
    fn what_cannot_be_read_is_not_approved() {
        let read: PublicEndpoints =
            serde_json::from_str(r#"["GET /a", "BREW /a", "/a", "GET a", "GET ", ""]"#).unwrap();
        assert_eq!(read.texts(), ["GET /a"]);
        assert!(serde_json::from_str::<PublicEndpoints>("{}").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            names in proptest::collection::vec((0_usize..7, "(/[a-z \"]{0,3}){1,3}(/\\*)?"), 0..9),
        ) {
            let named = names.iter().map(|(method, path)| (Method::ALL[*method], path.as_str()));
            let all: PublicEndpoints = named.collect();
            let text = serde_json::to_string(&all).unwrap();
            prop_assert_eq!(&serde_json::from_str::<PublicEndpoints>(&text).unwrap(), &all);
            prop_assert_eq!(all.texts().len(), all.len());
            prop_assert!(all.without(&all).is_empty() && all.union(&all) == all);
        }
    }
}
