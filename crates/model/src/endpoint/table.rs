//! Which endpoint of a plugin a method and path name.

use super::{Endpoint, Method, MethodSet};
use sidegate_wire::plugin as wire;
use std::collections::HashMap;
use std::sync::Arc;

/// What a method and path name.
#[derive(Debug, Clone)]
pub enum Resolution {
    /// An endpoint. `via_get` says that a HEAD is served by it as a GET.
    Endpoint {
        /// The endpoint.
        endpoint: Arc<Endpoint>,
        /// HEAD through GET.
        via_get: bool,
    },
    /// An OPTIONS nobody registered: answered with these methods.
    Options(MethodSet),
    /// The path is known, the method is not.
    MethodNotAllowed(MethodSet),
    /// No endpoint has this path.
    NotFound,
}

impl PartialEq for Resolution {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Endpoint { endpoint: a, .. }, Self::Endpoint { endpoint: b, .. }) => {
                Arc::ptr_eq(a, b)
            }
            (Self::Options(a), Self::Options(b))
            | (Self::MethodNotAllowed(a), Self::MethodNotAllowed(b)) => a == b,
            (Self::NotFound, Self::NotFound) => true,
            _ => false,
        }
    }
}

type ByMethod = [Option<Arc<Endpoint>>; Method::ALL.len()];

/// The endpoints of one plugin, ready for lookup.
#[derive(Debug, Default)]
pub struct EndpointTable {
    exact: HashMap<Box<str>, ByMethod>,
    /// Keys end in `/`; `/*` has the key `/`.
    prefixes: HashMap<Box<str>, ByMethod>,
    /// Slashes in the deepest prefix: deeper cuts of a path need no look.
    deepest: usize,
    endpoints: Vec<Arc<Endpoint>>,
    problems: Vec<String>,
}

impl EndpointTable {
    /// Takes a plugin's registrations. What is invalid is left out and told in
    /// [`EndpointTable::problems`]; of two registrations for one method and path the first counts.
    pub fn build(registrations: Vec<wire::EndpointRegistration>) -> Self {
        let mut table = Self::default();
        for registration in registrations {
            table.add(registration);
        }
        table
    }

    fn add(&mut self, registration: wire::EndpointRegistration) {
        let path = registration.path;
        if let Err(reason) = check_path(&path) {
            self.problems.push(format!("endpoint {path:?} skipped: {reason}"));
            return;
        }
        let mut methods = MethodSet::default();
        for name in &registration.methods {
            match Method::parse(name) {
                Some(method) => methods.insert(method),
                None => self
                    .problems
                    .push(format!("endpoint {path:?}: unknown method {name:?} ignored")),
            }
        }
        if methods.is_empty() {
            self.problems.push(format!("endpoint {path:?} skipped: it names no known method"));
            return;
        }
        let endpoint = Arc::new(Endpoint {
            methods,
            description: registration.description,
            require_auth: registration.require_auth,
            stream_response: registration.stream_response,
            metadata: registration.metadata.into_iter().collect(),
            path,
        });
        if self.mount(&endpoint) {
            self.endpoints.push(endpoint);
        }
    }

    fn mount(&mut self, endpoint: &Arc<Endpoint>) -> bool {
        let slots = match endpoint.path.strip_suffix('*') {
            Some(prefix) => {
                self.deepest = self.deepest.max(prefix.matches('/').count());
                self.prefixes.entry(prefix.into()).or_default()
            }
            None => self.exact.entry(endpoint.path.as_str().into()).or_default(),
        };
        let mut mounted = false;
        for method in endpoint.methods.iter() {
            let slot = &mut slots[method as usize];
            if slot.is_some() {
                let path = &endpoint.path;
                self.problems.push(format!(
                    "endpoint {path:?}: {} is registered twice, the first one counts",
                    method.as_str()
                ));
            } else {
                *slot = Some(endpoint.clone());
                mounted = true;
            }
        }
        mounted
    }

    /// The endpoints that are mounted, in the plugin's order.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// What was wrong with the registrations, for the plugin's status.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Finds what `method` on `path` (relative to the slug, starting with `/`) names: exact before
    /// wildcard, longer wildcard before shorter, each for the method itself first.
    pub fn resolve(&self, method: Option<Method>, path: &str) -> Resolution {
        let find = |wanted: Method| self.candidates(path).find_map(|m| m[wanted as usize].clone());
        if let Some(endpoint) = method.and_then(find) {
            return Resolution::Endpoint { endpoint, via_get: false };
        }
        if method == Some(Method::Head)
            && let Some(endpoint) = find(Method::Get)
        {
            return Resolution::Endpoint { endpoint, via_get: true };
        }
        let allow = self.allow(path);
        match method {
            _ if allow.is_empty() => Resolution::NotFound,
            Some(Method::Options) => Resolution::Options(allow.with_implied()),
            _ => Resolution::MethodNotAllowed(allow.with_implied()),
        }
    }

    fn allow(&self, path: &str) -> MethodSet {
        let mut allow = MethodSet::default();
        for by_method in self.candidates(path) {
            for endpoint in by_method.iter().flatten() {
                allow = allow.union(endpoint.methods);
            }
        }
        allow
    }

    fn candidates<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a ByMethod> {
        let is_slash = |byte: &u8| *byte == b'/';
        let slashes = path.as_bytes().iter().filter(|byte| is_slash(byte)).count();
        let mut left = path.len();
        let cuts = std::iter::from_fn(move || {
            left = path.as_bytes()[..left].iter().rposition(is_slash)?;
            Some(left + 1)
        });
        let cuts = cuts.skip(slashes.saturating_sub(self.deepest));
        let prefixes = cuts.filter_map(|end| self.prefixes.get(&path[..end]));
        // Lazily: mostly the first one is what is asked for.
        self.exact.get(path).into_iter().chain(prefixes)
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("a path starts with '/'");
    }
    if path.split('/').any(|segment| segment == "..") {
        return Err("a path has no '..' segment");
    }
    if path.contains('\0') {
        return Err("a path has no NUL character");
    }
    let literal = path.strip_suffix("/*").unwrap_or(path);
    if literal.contains('*') {
        return Err("'*' stands only for the last segment, as in '/files/*'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn registration(path: &str, methods: &[&str]) -> wire::EndpointRegistration {
        wire::EndpointRegistration {
            path: path.into(),
            methods: methods.iter().map(|m| (*m).to_owned()).collect(),
            ..Default::default()
        }
    }

    fn table(entries: &[(&str, &[&str])]) -> EndpointTable {
        EndpointTable::build(entries.iter().map(|(p, m)| registration(p, m)).collect())
    }

    fn found(table: &EndpointTable, method: Method, path: &str) -> Option<String> {
        match table.resolve(Some(method), path) {
            Resolution::Endpoint { endpoint, .. } => Some(endpoint.path.clone()),
            _ => None,
        }
    }

    #[test]
    fn exact_comes_before_the_longest_wildcard() {
        let t = table(&[("/*", &["GET"]), ("/files/*", &["GET"]), ("/files/a", &["get"])]);
        assert_eq!(found(&t, Method::Get, "/files/a").as_deref(), Some("/files/a"));
        assert_eq!(found(&t, Method::Get, "/files/b").as_deref(), Some("/files/*"));
        assert_eq!(found(&t, Method::Get, "/files/").as_deref(), Some("/files/*"));
        assert_eq!(found(&t, Method::Get, "/files").as_deref(), Some("/*"));
        assert_eq!(found(&t, Method::Get, "/").as_deref(), Some("/*"));
    }

    #[test]
    fn an_exact_path_of_another_method_falls_through_to_the_wildcard() {
        let t = table(&[("/x", &["POST"]), ("/*", &["GET"])]);
        assert_eq!(found(&t, Method::Get, "/x").as_deref(), Some("/*"));
    }

    #[test]
    fn head_is_served_by_get_unless_registered() {
        let t = table(&[("/a", &["GET"]), ("/b", &["GET"]), ("/b", &["HEAD"])]);
        let via = |path| match t.resolve(Some(Method::Head), path) {
            Resolution::Endpoint { via_get, .. } => via_get,
            other => panic!("{other:?}"),
        };
        assert!(via("/a"));
        assert!(!via("/b"));
    }

    #[test]
    fn a_known_path_with_another_method_names_the_allowed_ones() {
        let t = table(&[("/a", &["GET", "POST"])]);
        let Resolution::MethodNotAllowed(allow) = t.resolve(Some(Method::Put), "/a") else {
            panic!("expected 405");
        };
        assert_eq!(allow.to_string(), "GET, HEAD, POST, OPTIONS");
        assert!(matches!(t.resolve(None, "/a"), Resolution::MethodNotAllowed(_)));
        assert!(matches!(t.resolve(Some(Method::Options), "/a"), Resolution::Options(_)));
        assert_eq!(t.resolve(Some(Method::Options), "/b"), Resolution::NotFound);
    }

    #[test]
    fn invalid_registrations_are_skipped_with_a_reason() {
        let t = table(&[
            ("", &["GET"]),
            ("x", &["GET"]),
            ("/a/../b", &["GET"]),
            ("/a*b", &["GET"]),
            ("/c", &["BREW"]),
            ("/a..b", &["GET", "BREW"]),
            ("/a..b", &["GET"]),
        ]);
        assert_eq!(t.endpoints().len(), 1);
        assert_eq!(t.problems().len(), 8, "{:#?}", t.problems());
    }

    proptest! {
        #[test]
        fn lookup_agrees_with_the_plain_definition(
            paths in proptest::collection::vec("(/[ab]{0,2}){1,3}(/\\*)?", 1..8),
            asked in "(/[ab]{0,2}){1,4}",
        ) {
            let entries: Vec<_> = paths.iter().map(|p| registration(p, &["GET"])).collect();
            let t = EndpointTable::build(entries);
            let expected = paths
                .iter()
                .filter(|p| match p.strip_suffix('*') {
                    Some(prefix) => asked.starts_with(prefix),
                    None => **p == asked,
                })
                .max_by_key(|p| (!p.ends_with('*'), p.len()));
            prop_assert_eq!(found(&t, Method::Get, &asked), expected.cloned());
        }
    }
}
