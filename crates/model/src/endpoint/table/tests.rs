//! Which endpoint a method and a path name, and what is demanded there.

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

fn scoped(path: &str, methods: &[&str], scopes: &str) -> wire::EndpointRegistration {
    let metadata = [(SCOPES_REQUIRED.to_owned(), scopes.to_owned())].into();
    wire::EndpointRegistration { metadata, ..registration(path, methods) }
}

fn named(table: &EndpointTable, method: Method, path: &str) -> Named {
    match table.resolve(Some(method), path) {
        Resolution::Endpoint(named) => named,
        other => panic!("{method:?} {path}: {other:?}"),
    }
}

#[test]
fn a_route_with_scopes_demands_a_token_that_carries_them() {
    let t = EndpointTable::build(vec![
        scoped("/a", &["GET"], "b.write, a.read"),
        registration("/b", &["GET"]),
    ]);
    let scopes = |path| named(&t, Method::Get, path).scopes;
    assert_eq!(scopes("/a").as_deref(), Some(&["a.read".to_owned(), "b.write".to_owned()][..]));
    assert_eq!(scopes("/b"), None);
    assert!(named(&t, Method::Get, "/a").require_auth);
    assert!(!named(&t, Method::Get, "/b").require_auth);
    assert!(t.problems().is_empty(), "{:?}", t.problems());
}

#[test]
fn a_list_of_scopes_that_cannot_be_read_lets_nobody_in() {
    for list in ["", ",", "a\"b"] {
        let t = EndpointTable::build(vec![scoped("/a", &["GET"], list)]);
        let named = named(&t, Method::Get, "/a");
        assert!(named.require_auth, "{list:?}");
        assert_eq!(named.scopes.as_deref(), Some(&[String::new()][..]), "{list:?}");
        assert_eq!(t.problems().len(), 1, "{list:?}: {:?}", t.problems());
        let told = "endpoint \"/a\" lets nobody in: metadata scopes_required: ";
        assert!(t.problems()[0].starts_with(told), "{:?}", t.problems());
    }
}

#[test]
fn scopes_that_get_adds_are_told_with_all_that_is_demanded_there() {
    let t = EndpointTable::build(vec![
        scoped("/*", ANY, "base"),
        scoped("/app", &["GET"], "app"),
        scoped("/same", &["GET"], "base"),
    ]);
    let told = t.raised().iter().map(|r| (r.path.as_str(), r.methods, r.scopes.join(" ")));
    let methods = [Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Options];
    let methods = methods.into_iter().collect();
    assert_eq!(told.collect::<Vec<_>>(), [("/app", methods, "app base".to_owned())]);
    let scopes = |method| named(&t, method, "/app").scopes.unwrap().join(" ");
    assert_eq!((scopes(Method::Get), scopes(Method::Put)), ("app".into(), "app base".into()));
    assert_eq!(scopes(Method::Head), "app");
}

/// Endpoints by path, methods, and whether they demand a token.
fn guarded(entries: &[(&str, &[&str], bool)]) -> EndpointTable {
    let entries = entries.iter().map(|(path, methods, require_auth)| wire::EndpointRegistration {
        require_auth: *require_auth,
        ..registration(path, methods)
    });
    EndpointTable::build(entries.collect())
}

const ANY: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

#[test]
fn a_head_that_is_registered_less_specifically_than_get_is_served_by_get() {
    let t = guarded(&[("/app", &["GET"], true), ("/*", ANY, false), ("/open", &["GET"], false)]);
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
    let raised = table
        .raised()
        .iter()
        .map(|raised| format!("{} on {}: {}", raised.endpoint.path, raised.path, raised.methods));
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

/// One registration: pattern, methods, whether a token is demanded, and which scopes.
type Entry = (String, Vec<Method>, bool, Vec<String>);

fn entry() -> impl Strategy<Value = Entry> {
    let methods = proptest::sample::subsequence(Method::ALL.to_vec(), 1..=7);
    let scopes = ["x", "y", "z"].map(str::to_owned).to_vec();
    let scopes = prop_oneof![
        2 => Just(Vec::new()),
        1 => proptest::sample::subsequence(scopes, 1..=3),
    ];
    ("(/[ab]{0,2}){1,3}(/\\*)?", methods, any::<bool>(), scopes)
}

fn registered((path, methods, require_auth, scopes): &Entry) -> wire::EndpointRegistration {
    let methods: Vec<_> = methods.iter().map(|m| m.as_str()).collect();
    let base = match scopes.as_slice() {
        [] => registration(path, &methods),
        _ => scoped(path, &methods, &scopes.join(",")),
    };
    wire::EndpointRegistration { require_auth: *require_auth, ..base }
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
    let mut fitting = entries.iter().filter(|(_, methods, ..)| methods.contains(&method));
    let first = fitting.clone().find(|(pattern, ..)| rank(pattern, path).is_some())?;
    fitting.try_fold(first, |best, entry| {
        let better = rank(&entry.0, path) > rank(&best.0, path);
        Some(if better { entry } else { best })
    })
}

proptest! {
    #[test]
    fn no_method_passes_without_what_get_needs_unless_it_is_as_specific(
        entries in proptest::collection::vec(entry(), 1..8),
        asked in "(/[ab]{0,2}){1,4}",
    ) {
        let table = EndpointTable::build(entries.iter().map(registered).collect());
        let get = chosen(&entries, Method::Get, &asked);
        for method in Method::ALL {
            let own = chosen(&entries, method, &asked);
            let rank = |entry: Option<&Entry>| entry.and_then(|e| rank(&e.0, &asked));
            let is_below = rank(own) < rank(get);
            let through_get = method == Method::Head && is_below;
            let expected = if through_get { get } else { own };
            let Some(entry @ (pattern, ..)) = expected else {
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
            let demanding: Vec<_> = [entry].into_iter().chain(get.filter(|_| is_below)).collect();
            let auth = demanding.iter().any(|(.., auth, scopes)| *auth || !scopes.is_empty());
            prop_assert_eq!(named.require_auth, auth, "{:?}", method);
            let scopes: BTreeSet<_> = demanding.iter().flat_map(|(.., scopes)| scopes).collect();
            let told: Vec<_> = named.scopes.iter().flat_map(|scopes| scopes.iter()).collect();
            prop_assert_eq!(told, scopes.into_iter().collect::<Vec<_>>(), "{:?}", method);
        }
    }
}
