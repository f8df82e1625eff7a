//! Which handler answers a method and path, by the rules of the gateway.
//!
//! The gateway has matched the route already; this finds the function behind it. Knows nothing of
//! what the functions do.

use std::collections::HashMap;

use sidegate_wire::plugin::EndpointRegistration;
use sidegate_wire::routing::{METHODS, PathTable, check_path};

use crate::endpoints::Answerer;

/// The endpoints of an initialized plugin.
pub(crate) struct Routes {
    registrations: Vec<EndpointRegistration>,
    answerers: Vec<Answerer>,
    /// For each path by method the index into `answerers`.
    by_path: PathTable<HashMap<String, usize>>,
}

/// What a method and path name.
pub(crate) enum Match<'a> {
    Found(&'a Answerer),
    /// The path is known; these are its methods, for an `Allow` header.
    OtherMethods(String),
    Unknown,
}

impl Routes {
    /// Takes endpoints whose registrations are sound, see [`check`].
    pub(crate) fn new(endpoints: Vec<(EndpointRegistration, Answerer)>) -> Self {
        let (registrations, answerers): (Vec<_>, Vec<_>) = endpoints.into_iter().unzip();
        let mut by_path: PathTable<HashMap<String, usize>> = PathTable::default();
        for (index, registration) in registrations.iter().enumerate() {
            let methods = registration.methods.iter().map(|method| (method.clone(), index));
            by_path.entry(&registration.path).extend(methods);
        }
        Self { registrations, answerers, by_path }
    }

    pub(crate) fn registrations(&self) -> &[EndpointRegistration] {
        &self.registrations
    }

    /// Exact before wildcard, longer wildcard before shorter; HEAD is served by GET where it is not
    /// registered as specifically.
    pub(crate) fn find(&self, method: &str, path: &str) -> Match<'_> {
        if let Some(index) = self.lookup(method, path) {
            return Match::Found(&self.answerers[index]);
        }
        let known = |method: &&&str| self.lookup(method, path).is_some();
        let allowed: Vec<&str> = METHODS.iter().filter(known).copied().collect();
        if allowed.is_empty() { Match::Unknown } else { Match::OtherMethods(allowed.join(", ")) }
    }

    fn lookup(&self, method: &str, path: &str) -> Option<usize> {
        let methods: &[&str] = if method == "HEAD" { &["HEAD", "GET"] } else { &[method] };
        let of = |by_method: &HashMap<String, usize>| {
            methods.iter().find_map(|method| by_method.get(*method)).copied()
        };
        self.by_path.matching(path).find_map(of)
    }
}

/// Everything that is wrong with what a plugin is about to announce; the host would skip it.
pub(crate) fn check(registrations: &[EndpointRegistration]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for EndpointRegistration { path, methods, .. } in registrations {
        if let Err(reason) = check_path(path) {
            problems.push(format!("endpoint \"{path}\": {reason}"));
        }
        for method in methods {
            if !METHODS.contains(&method.as_str()) {
                problems
                    .push(format!("endpoint \"{path}\": the gateway serves no method {method}"));
            } else if !seen.insert((path, method)) {
                problems.push(format!("endpoint \"{path}\": {method} has two handlers"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::response::Response;

    fn registration(path: &str, methods: &[&str]) -> EndpointRegistration {
        let methods = methods.iter().map(|&method| method.to_owned()).collect();
        EndpointRegistration { path: path.to_owned(), methods, ..Default::default() }
    }

    fn routes(entries: &[(&str, &[&str])]) -> Routes {
        let answerer = || Answerer::Whole(Box::new(|_| Box::pin(async { Ok(Response::empty()) })));
        Routes::new(entries.iter().map(|(p, m)| (registration(p, m), answerer())).collect())
    }

    fn found(routes: &Routes, method: &str, path: &str) -> Option<String> {
        match routes.find(method, path) {
            Match::Found(answerer) => {
                let at = routes.answerers.iter().position(|known| std::ptr::eq(known, answerer));
                Some(routes.registrations[at.unwrap()].path.clone())
            }
            _ => None,
        }
    }

    #[test]
    fn exact_comes_before_the_longest_wildcard_and_head_falls_to_get() {
        let routes =
            routes(&[("/*", &["GET"]), ("/a/*", &["GET"]), ("/a/b", &["GET"]), ("/x", &["POST"])]);
        assert_eq!(found(&routes, "GET", "/a/b").as_deref(), Some("/a/b"));
        assert_eq!(found(&routes, "HEAD", "/a/c").as_deref(), Some("/a/*"));
        assert_eq!(found(&routes, "GET", "/a").as_deref(), Some("/*"));
        let below =
            self::routes(&[("/*", &["HEAD"]), ("/a", &["GET"]), ("/b/*", &["HEAD", "GET"])]);
        assert_eq!(found(&below, "HEAD", "/a").as_deref(), Some("/a"));
        assert_eq!(found(&below, "HEAD", "/b/c").as_deref(), Some("/b/*"));
        assert_eq!(found(&routes, "GET", "/x").as_deref(), Some("/*"));
        assert!(
            matches!(routes.find("PUT", "/x"), Match::OtherMethods(m) if m == "GET, HEAD, POST")
        );
    }

    #[test]
    fn every_fault_of_a_registration_is_told() {
        let faulty = [
            registration("x", &["GET"]),
            registration("/a*", &["GET"]),
            registration("/../b", &["GET"]),
            registration("/c", &["BREW"]),
            registration("/d", &["GET", "POST"]),
            registration("/d", &["POST"]),
        ];
        assert_eq!(check(&faulty).len(), 5, "{:?}", check(&faulty));
        assert_eq!(
            check(&[registration("/*", &["GET"]), registration("/a..b", &["GET"])]),
            [""; 0]
        );
    }

    proptest! {
        #[test]
        fn lookup_agrees_with_the_plain_definition(
            paths in prop::collection::hash_set("(/[ab]{0,2}){1,3}(/\\*)?", 1..8),
            asked in "(/[ab]{0,2}){1,4}",
        ) {
            let entries: Vec<_> = paths.iter().map(|path| (path.as_str(), &["GET"][..])).collect();
            let expected = paths
                .iter()
                .filter(|path| match path.strip_suffix('*') {
                    Some(prefix) => asked.starts_with(prefix),
                    None => **path == asked,
                })
                .max_by_key(|path| (!path.ends_with('*'), path.len()));
            prop_assert_eq!(found(&routes(&entries), "GET", &asked), expected.cloned());
        }
    }
}
