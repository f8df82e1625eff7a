//! Paths and routes: what a method and a path name, against the plain definition; however a path is
//! read, nobody gets by a token.
//!
//! An input is a text: the first line is `METHOD PATH`, each other one an endpoint, as in
//! `GET,POST /files/* auth` or `GET /files/* a,b`, which demands a token with two scopes.

pub mod literal;

use crate::verdict::{Outcome, Verdict, ensure, same};
use literal::{Demand, LiteralPath, LiteralTable};
use sidegate_gateway::fuzzing::{Found, Miss, lookup};
use sidegate_model::endpoint::{EndpointTable, SCOPES_REQUIRED};
use sidegate_model::path::PluginPath;
use sidegate_model::plugin::{PluginId, PluginSpec, Slug};
use sidegate_model::snapshot::Snapshot;
use sidegate_plugins::{Generation, Mount, Target};
use sidegate_wire::plugin::EndpointRegistration;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Words that belong into paths and routes.
pub const WORDS: &[&[u8]] = &[
    b"/plugins/s",
    b"/plugins/s/",
    b"\nGET /*",
    b"\nGET /a/*",
    b"\nGET /a/b auth",
    b"\nHEAD /a",
    b" auth",
    b" x",
    b" x,y",
    b"/a",
    b"/b",
    b"/../",
    b"/./",
    b"//",
    b"%2F",
    b"%2f",
    b"%2e",
    b"%25",
    b"%00",
    b"%c3%a4",
    b"%ff",
    b"\xc3\xa4",
    b"GET",
    b"HEAD",
    b"OPTIONS",
    b"POST,PUT",
    b"/*",
];

/// The reader of paths that is tried.
pub type PathReader = fn(&str) -> Option<PluginPath>;

/// Tries the gateway's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(|raw| PluginPath::parse(raw).ok(), input)
}

/// Tries a reader.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(read: PathReader, input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let (method, raw) = lines.next().unwrap_or_default().split_once(' ').unwrap_or_default();
    let literal = LiteralPath::read(raw);
    let path = read(raw);
    same("that it is a path of a plugin", &path.is_some(), &literal.is_some())?;
    let (Some(path), Some(literal)) = (path, literal) else {
        return Ok(Outcome::of(
            &raw.chars().filter(|c| "%/.".contains(*c)).take(9).collect::<String>(),
        ));
    };
    let said = LiteralPath {
        slug: path.slug().to_owned(),
        full: path.full().to_owned(),
        relative: path.relative().to_owned(),
        segments: path.segments().map(str::to_owned).collect(),
    };
    same("a path", &said, &literal)?;
    ensure(path.segment_key().is_none() || literal.by_segments() != literal.relative, || {
        "a second reading that is the first".into()
    })?;
    let registrations: Vec<_> = lines.filter_map(registration).take(12).collect();
    let named = check_lookup(method, path, &literal, registrations)?;
    Ok(Outcome::of(&(method, literal.segments.len(), named)))
}

fn registration(line: &str) -> Option<EndpointRegistration> {
    let mut words = line.split(' ');
    let (methods, path) = (words.next()?, words.next()?);
    let mut registration = EndpointRegistration {
        path: path.to_owned(),
        methods: methods.split(',').map(str::to_owned).collect(),
        ..EndpointRegistration::default()
    };
    match words.next() {
        None => {}
        Some("auth") => registration.require_auth = true,
        Some(scopes) => {
            registration.metadata.insert(SCOPES_REQUIRED.to_owned(), scopes.to_owned());
        }
    }
    Some(registration)
}

/// Finds what is named, and answers its name.
fn check_lookup(
    method: &str,
    path: PluginPath,
    literal: &LiteralPath,
    registrations: Vec<EndpointRegistration>,
) -> Result<String, String> {
    let Ok(slug) = Slug::parse(path.slug()) else { return Ok("no slug".into()) };
    let table = LiteralTable::new(&registrations);
    let generation = generation(slug, registrations);
    let by_path = table.named(method, &literal.relative);
    let by_segments = table.named(method, &literal.by_segments());
    match lookup(&generation, method, path) {
        Ok(Found::Match(found)) => {
            let endpoint = &found.endpoint;
            same("an endpoint", &Some(endpoint.path.as_str()), &by_path.map(|e| &*e.path))?;
            let by_path = table.demand(method, &literal.relative);
            let by_segments = table.demand(method, &literal.by_segments());
            let scopes = found.scopes.iter().flat_map(|scopes| scopes.iter().cloned()).collect();
            let demand = Demand { token: found.require_auth, scopes };
            same("what is demanded", &demand, &by_path)?;
            let is_met = by_segments.scopes.is_subset(&demand.scopes);
            ensure(is_met && (demand.token || !by_segments.token), || {
                format!("{} gets by {by_segments:?}", endpoint.path)
            })?;
            Ok(endpoint.path.clone())
        }
        Ok(Found::Options(..)) => {
            ensure(by_path.is_none(), || "OPTIONS is answered though it is registered".into())?;
            Ok("OPTIONS".into())
        }
        Err(Miss::Ambiguous) => {
            let readings = (by_path.map(|e| &e.path), by_segments.map(|e| &e.path));
            let differ = literal.relative != literal.by_segments();
            ensure(differ, || format!("two readings that are one: {readings:?}"))?;
            Ok("ambiguous".into())
        }
        Err(miss) => {
            ensure(by_path.is_none(), || format!("{by_path:?} is not found"))?;
            Ok(if matches!(miss, Miss::MethodNotAllowed(_)) { "method" } else { "nothing" }.into())
        }
    }
}

/// One plugin with these endpoints.
fn generation(slug: Slug, registrations: Vec<EndpointRegistration>) -> Arc<Generation> {
    let spec =
        PluginSpec { slug: Some(slug.clone()), ..PluginSpec::new(PluginId(1), "p", "file:///p") };
    let mount = Mount {
        plugin: Arc::new(spec),
        slug,
        endpoints: Arc::new(EndpointTable::build(registrations)),
        target: Target::Unavailable,
        waiting: Arc::new(Semaphore::new(1)),
        limits: Arc::default(),
    };
    Arc::new(Generation::new(&Snapshot::default(), vec![mount]))
}
