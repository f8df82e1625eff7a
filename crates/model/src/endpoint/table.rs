//! Which endpoint of a plugin a method and path name.

use super::{Endpoint, Method, MethodSet};
use sidegate_wire::plugin as wire;
use sidegate_wire::routing::{PathTable, check_path};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The endpoint that a method and path name.
#[derive(Debug, Clone)]
pub struct Named {
    /// The one with the most specific path of those that have the method.
    pub endpoint: Arc<Endpoint>,
    /// A HEAD that is served as a GET.
    pub via_get: bool,
    /// A valid token is demanded: by the endpoint itself, or by the one that GET names here.
    pub require_auth: bool,
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.endpoint, &other.endpoint) && self.require_auth == other.require_auth
    }
}

/// An endpoint that demands no token and yet is reached only with one on some paths, because GET
/// has a more specific endpoint there that does demand one.
#[derive(Debug, Clone, PartialEq)]
pub struct Raised {
    /// The one that demands no token by itself.
    pub endpoint: Arc<Endpoint>,
    /// Where: the path of the endpoint that GET names there.
    pub path: String,
    /// The methods for which a token is demanded there.
    pub methods: MethodSet,
}

/// What a method and path name.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolution {
    /// An endpoint serves it.
    Endpoint(Named),
    /// An OPTIONS nobody registered: answered with these methods.
    Options(MethodSet),
    /// The path is known, the method is not.
    MethodNotAllowed(MethodSet),
    /// No endpoint has this path.
    NotFound,
}

/// What is registered for one path, by method.
type ByMethod = [Option<Arc<Endpoint>>; Method::ALL.len()];

/// What a path comes to whose most specific pattern this is: everything is known beforehand.
#[derive(Debug, Default)]
struct Row {
    named: [Option<Named>; Method::ALL.len()],
    allow: MethodSet,
}

/// The endpoints of one plugin, ready for lookup.
#[derive(Debug, Default)]
pub struct EndpointTable {
    rows: PathTable<Row>,
    endpoints: Vec<Arc<Endpoint>>,
    raised: Vec<Raised>,
    problems: Vec<String>,
}

impl EndpointTable {
    /// Takes a plugin's registrations. What is invalid is left out and told in
    /// [`EndpointTable::problems`]; of two registrations for one method and path the first counts.
    pub fn build(registrations: Vec<wire::EndpointRegistration>) -> Self {
        let mut mounted = Mounted::default();
        for registration in registrations {
            mounted.add(registration);
        }
        mounted.table()
    }

    /// The endpoints that are mounted, in the plugin's order.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// Where endpoints demand a token that do not say so themselves, in the plugin's order.
    pub fn raised(&self) -> &[Raised] {
        &self.raised
    }

    /// What was wrong with the registrations, for the plugin's status.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Finds what `method` on `path` (relative to the slug, starting with `/`) names: exact before
    /// wildcard, longer wildcard before shorter, each for the method itself first. HEAD names what
    /// GET names, unless it is registered on that very pattern or a more specific one. No method
    /// passes without a token where GET needs one, unless it is registered as specifically as GET.
    pub fn resolve(&self, method: Option<Method>, path: &str) -> Resolution {
        let Some(row) = self.rows.most_specific(path) else { return Resolution::NotFound };
        match method.map(|method| (method, &row.named[method as usize])) {
            Some((_, Some(named))) => Resolution::Endpoint(named.clone()),
            Some((Method::Options, None)) => Resolution::Options(row.allow),
            _ => Resolution::MethodNotAllowed(row.allow),
        }
    }

    /// What a client may send to a path; nothing where no endpoint has it.
    pub fn allow(&self, path: &str) -> MethodSet {
        self.rows.most_specific(path).map(|row| row.allow).unwrap_or_default()
    }
}

/// Registrations while they are taken.
#[derive(Default)]
struct Mounted {
    by_path: PathTable<ByMethod>,
    endpoints: Vec<Arc<Endpoint>>,
    problems: Vec<String>,
}

impl Mounted {
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
        let slots = self.by_path.entry(&endpoint.path);
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

    /// Finds out for each pattern what every method names there.
    fn table(self) -> EndpointTable {
        let mut raised = Vec::new();
        let rows = self.by_path.map(|candidates| Row::new(candidates, &mut raised));
        let raised = in_order(raised, &self.endpoints);
        EndpointTable { rows, endpoints: self.endpoints, raised, problems: self.problems }
    }
}

impl Row {
    /// The row of a pattern, from what is registered for it and for all that contain it, the most
    /// specific first. Tells what it has to raise.
    fn new(candidates: &[&ByMethod], raised: &mut Vec<Raised>) -> Self {
        let find = |method: Method| {
            let mut ranked = candidates.iter().enumerate();
            ranked.find_map(|(rank, by_method)| Some((rank, by_method[method as usize].as_ref()?)))
        };
        let mut row = Self::default();
        let get = find(Method::Get);
        for method in Method::ALL {
            let own = find(method);
            let above = get.filter(|(get, _)| own.is_none_or(|(own, _)| *get < own));
            let via_get = method == Method::Head && above.is_some();
            let Some((_, endpoint)) = (if via_get { above } else { own }) else { continue };
            let demanding = above.filter(|(_, get)| get.require_auth && !endpoint.require_auth);
            if let Some((_, get)) = demanding {
                let (endpoint, path) = (endpoint.clone(), get.path.clone());
                let methods = [method].into_iter().collect();
                raised.push(Raised { endpoint, path, methods });
            }
            let require_auth = endpoint.require_auth || demanding.is_some();
            let endpoint = endpoint.clone();
            row.named[method as usize] = Some(Named { endpoint, via_get, require_auth });
        }
        let registered = candidates.iter().flat_map(|by_method| by_method.iter().flatten());
        let methods = registered.flat_map(|endpoint| endpoint.methods.iter());
        row.allow = methods.collect::<MethodSet>().with_implied();
        row
    }
}

/// One entry for each endpoint and path, in the order of the endpoints.
fn in_order(found: Vec<Raised>, endpoints: &[Arc<Endpoint>]) -> Vec<Raised> {
    let place = |raised: &Raised| endpoints.iter().position(|e| Arc::ptr_eq(e, &raised.endpoint));
    let mut merged: BTreeMap<_, Raised> = BTreeMap::new();
    for raised in found {
        let same = merged.entry((place(&raised), raised.path.clone()));
        same.and_modify(|known| known.methods = known.methods.union(raised.methods))
            .or_insert(raised);
    }
    merged.into_values().collect()
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
            Resolution::Endpoint(named) => Some(named.endpoint.path.clone()),
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
            Resolution::Endpoint(named) => named.via_get,
            other => panic!("{other:?}"),
        };
        assert!(via("/a"));
        assert!(!via("/b"));
    }

    /// Endpoints by path, methods, and whether they demand a token.
    fn guarded(entries: &[(&str, &[&str], bool)]) -> EndpointTable {
        let entries =
            entries.iter().map(|(path, methods, require_auth)| wire::EndpointRegistration {
                require_auth: *require_auth,
                ..registration(path, methods)
            });
        EndpointTable::build(entries.collect())
    }

    const ANY: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

    #[test]
    fn a_head_that_is_registered_less_specifically_than_get_is_served_by_get() {
        let t =
            guarded(&[("/app", &["GET"], true), ("/*", ANY, false), ("/open", &["GET"], false)]);
        for (path, endpoint) in [("/app", "/app"), ("/open", "/open")] {
            let Resolution::Endpoint(named) = t.resolve(Some(Method::Head), path) else {
                panic!("{path} is known");
            };
            assert_eq!((named.endpoint.path.as_str(), named.via_get), (endpoint, true));
            assert_eq!(named.require_auth, endpoint == "/app");
        }
    }

    #[test]
    fn what_is_raised_is_told_with_place_and_methods() {
        let entries: [(&str, &[&str], bool); 5] = [
            ("/*", ANY, false),
            ("/app", &["GET"], true),
            ("/team/*", &["GET", "PUT"], true),
            ("/team/open", &["POST"], false),
            ("/same", ANY, true),
        ];
        let table = guarded(&entries);
        let raised = table.raised().iter().map(|raised| {
            format!("{} on {}: {}", raised.endpoint.path, raised.path, raised.methods)
        });
        let told = [
            "/* on /app: POST, PUT, PATCH, DELETE, OPTIONS",
            "/* on /team/*: POST, PATCH, DELETE, OPTIONS",
        ];
        assert_eq!(raised.collect::<Vec<_>>(), told);
        assert!(guarded(&[("/a", ANY, true), ("/b", ANY, false)]).raised().is_empty());
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

    /// One registration: pattern, methods, whether a token is demanded.
    type Entry = (String, Vec<Method>, bool);

    fn entry() -> impl Strategy<Value = Entry> {
        let methods = proptest::sample::subsequence(Method::ALL.to_vec(), 1..=7);
        ("(/[ab]{0,2}){1,3}(/\\*)?", methods, any::<bool>())
    }

    /// How specific a pattern is, where it names the path.
    fn rank(pattern: &str, path: &str) -> Option<(bool, usize)> {
        let names = match pattern.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => pattern == path,
        };
        names.then_some((!pattern.ends_with('*'), pattern.len()))
    }

    /// What precedence alone chooses for a method: the most specific pattern, the first of equals.
    fn chosen<'a>(entries: &'a [Entry], method: Method, path: &str) -> Option<&'a Entry> {
        let mut fitting = entries.iter().filter(|(_, methods, _)| methods.contains(&method));
        let first = fitting.clone().find(|(pattern, ..)| rank(pattern, path).is_some())?;
        fitting.try_fold(first, |best, entry| {
            let better = rank(&entry.0, path) > rank(&best.0, path);
            Some(if better { entry } else { best })
        })
    }

    proptest! {
        #[test]
        fn no_method_passes_without_a_token_where_get_needs_one_unless_it_is_as_specific(
            entries in proptest::collection::vec(entry(), 1..8),
            asked in "(/[ab]{0,2}){1,4}",
        ) {
            let table = EndpointTable::build(entries.iter().map(|(path, methods, auth)| {
                let methods: Vec<_> = methods.iter().map(|m| m.as_str()).collect();
                wire::EndpointRegistration { require_auth: *auth, ..registration(path, &methods) }
            }).collect());
            let get = chosen(&entries, Method::Get, &asked);
            for method in Method::ALL {
                let own = chosen(&entries, method, &asked);
                let rank = |entry: Option<&Entry>| entry.and_then(|e| rank(&e.0, &asked));
                let is_below = rank(own) < rank(get);
                let through_get = method == Method::Head && is_below;
                let expected = if through_get { get } else { own };
                let Some((pattern, _, auth)) = expected else {
                    let found = table.resolve(Some(method), &asked);
                    prop_assert!(!matches!(found, Resolution::Endpoint(_)), "{:?}", found);
                    continue;
                };
                let Resolution::Endpoint(named) = table.resolve(Some(method), &asked) else {
                    return Err(TestCaseError::fail(format!("{method:?} names nothing")));
                };
                prop_assert_eq!(&named.endpoint.path, pattern);
                prop_assert_eq!(named.via_get, through_get);
                // The law, and that nothing is raised beyond it.
                let raised = is_below && get.is_some_and(|(.., auth)| *auth);
                prop_assert_eq!(named.require_auth, *auth || raised, "{:?}", method);
            }
        }
    }
}
