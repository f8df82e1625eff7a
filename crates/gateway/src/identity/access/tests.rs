//! Who is let in, by the plugin's word and the operator's, and who may stay.

use super::*;
use crate::freshness::Freshness;
use crate::identity::jwt::Jwts;
use crate::route::lookup::{Found, lookup};
use http::{HeaderValue, header};
use sidegate_model::app::AppId;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::last_use::LastUse;
use sidegate_model::path::PluginPath;
use sidegate_model::plugin::{PluginOptions, PluginSpec};
use sidegate_model::snapshot::Snapshot;
use sidegate_model::token::{TokenHash, TokenId};
use sidegate_plugins::{Mount, Target};
use sidegate_wire::ErrorCode;
use sidegate_wire::plugin::EndpointRegistration;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

fn app(id: u32, name: &str) -> App {
    App {
        id: AppId(id),
        name: name.into(),
        description: String::new(),
        owner_email: "o@example.com".into(),
        is_active: true,
        monthly_budget: 0.0,
        rate_limit: 0,
        metadata: serde_json::Map::new(),
        namespace: <_>::default(),
        max_staleness: None,
        managed_by: String::new(),
        made_for: None,
        created_at: 0,
        updated_at: 0,
    }
}

fn token(id: u32, app: u32, text: &str, scopes: &[&str]) -> Token {
    Token {
        id: TokenId(id),
        app_id: AppId(app),
        name: String::new(),
        hash: TokenHash::of(text),
        hint: String::new(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        expires_at: None,
        created_at: 0,
        updated_at: 0,
        replaced_by: None,
        last_used: LastUse::default(),
    }
}

fn endpoint(path: &str, require_auth: bool, scopes: Option<&str>) -> EndpointRegistration {
    let scopes = scopes.map(|scopes| ("scopes_required".to_owned(), scopes.to_owned()));
    EndpointRegistration {
        path: path.into(),
        methods: vec!["GET".into()],
        require_auth,
        metadata: scopes.into_iter().collect(),
        ..EndpointRegistration::default()
    }
}

/// Options of a plugin by name.
type Options<'a> = &'a [(&'a str, &'a str)];

/// One plugin with these options and endpoints, mounted under `p`.
fn mount(options: &[(&str, &str)], endpoints: Vec<EndpointRegistration>) -> Mount {
    let raw: BTreeMap<_, _> =
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let slug = Slug::parse("p").unwrap();
    let spec = PluginSpec {
        slug: Some(slug.clone()),
        options: PluginOptions::read(&raw).0,
        ..PluginSpec::new(PluginId(1), "p", "file:///p")
    };
    Mount {
        plugin: Arc::new(spec),
        slug,
        endpoints: Arc::new(EndpointTable::build(endpoints)),
        target: Target::Unavailable,
        waiting: Arc::new(Semaphore::new(1)),
        limits: Arc::default(),
    }
}

/// Apps 1 `one` and 2 `two`; app 1 has a token without scopes, `bare`, and one with them, `good`.
fn generation(mounts: Vec<Mount>) -> Generation {
    let tokens = [
        token(1, 1, "bare", &["z"]),
        token(2, 1, "good", &["a", "b", "z"]),
        token(3, 2, "other", &["a", "b", "z"]),
    ];
    let apps = [app(1, "one"), app(2, "two")].into_iter().collect();
    let snapshot = Snapshot { apps, tokens: tokens.into_iter().collect(), ..Snapshot::default() };
    Generation::new(&snapshot, mounts)
}

fn found(generation: &Generation, path: &str) -> Match {
    let path = PluginPath::parse(&format!("/plugins/p{path}")).unwrap();
    match lookup(generation, "GET", path) {
        Ok(Found::Match(matched)) => matched,
        _ => panic!("an endpoint is named"),
    }
}

/// A caller that showed this token.
fn shown(generation: &Generation, text: &str) -> Option<KnownApp> {
    let token = generation.tokens.get(&TokenHash::of(text))?.clone();
    let identity = generation.app(token.app_id)?.clone();
    Some(KnownApp { identity, token, proof: Proof::Token })
}

/// What a request with this token comes to: the app that is let in, 0 for nobody in particular.
fn asked(generation: &Generation, path: &str, token: Option<&str>) -> Result<u32, Refused> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        headers.insert(header::AUTHORIZATION, value);
    }
    let (freshness, jwts) = (&Freshness::own(), &Jwts::default());
    let by = Known { generation, freshness, jwts, newcomers: None, certificate: None };
    let caller = may_call(&by, &found(generation, path), &headers, None, || 0)?;
    Ok(match caller {
        Caller::App(known) => known.identity.app.id.0,
        Caller::Anonymous => 0,
    })
}

/// How the callers fare that there are: nobody, app 1 without the scopes, app 1 with them, app 2.
fn fare(options: &[(&str, &str)], path: &str) -> [&'static str; 4] {
    let endpoints = vec![
        endpoint("/public", false, None),
        endpoint("/token", true, None),
        endpoint("/a", false, Some("a")),
        endpoint("/broken", false, Some("\"")),
    ];
    let generation = generation(vec![mount(options, endpoints)]);
    [None, Some("bare"), Some("good"), Some("other")].map(|token| {
        match asked(&generation, path, token) {
            Ok(0) => "anonymous",
            Ok(_) => "let in",
            Err(Refused::Unidentified(why)) if why.code == ErrorCode::Unauthorized => "unknown",
            Err(Refused::Unidentified(_)) => "undecided",
            Err(Refused::NotAmongApps) => "not this app",
            Err(Refused::LacksScope { .. }) => "lacks scope",
            Err(Refused::NobodyMay) => "nobody",
        }
    })
}

#[test]
fn each_demand_refuses_those_who_do_not_meet_it_and_nobody_else() {
    let (in_, anonymous, unknown) = ("let in", "anonymous", "unknown");
    let (app, scope, nobody) = ("not this app", "lacks scope", "nobody");
    let all_in = [unknown, in_, in_, in_];
    let rows: &[(Options, &str, [&str; 4])] = &[
        (&[], "/public", [anonymous; 4]),
        (&[("optional_auth", "true")], "/public", [anonymous, in_, in_, in_]),
        (&[], "/token", all_in),
        (&[("require_auth", "true")], "/public", all_in),
        (&[("require_auth", "true"), ("optional_auth", "true")], "/public", all_in),
        // What cannot be read is not weaker than what can.
        (&[("require_auth", "false")], "/public", all_in),
        (&[("apps", "*")], "/public", [anonymous; 4]),
        (&[("apps", "one")], "/public", [unknown, in_, in_, app]),
        (&[("apps", "1")], "/public", [unknown, in_, in_, app]),
        (&[("apps", "2")], "/token", [unknown, app, app, in_]),
        (&[("apps", "one,2")], "/token", all_in),
        (&[("apps", "")], "/public", [unknown, app, app, app]),
        (&[("scopes_required", "z")], "/public", all_in),
        (&[("scopes_required", "a b")], "/public", [unknown, scope, in_, in_]),
        (&[("scopes_required", "c")], "/token", [unknown, scope, scope, scope]),
        (&[("scopes_required", "\"")], "/public", [unknown, nobody, nobody, nobody]),
        (&[], "/a", [unknown, scope, in_, in_]),
        (&[("optional_auth", "true")], "/a", [unknown, scope, in_, in_]),
        (&[("apps", "one"), ("scopes_required", "b")], "/a", [unknown, scope, in_, app]),
        (&[], "/broken", [unknown, nobody, nobody, nobody]),
    ];
    for (options, path, expected) in rows {
        assert_eq!(fare(options, path), *expected, "{options:?} {path}");
    }
}

#[test]
fn whoever_lacks_a_scope_is_told_all_that_are_required() {
    let endpoints = vec![endpoint("/x", false, Some("c,a"))];
    let generation = generation(vec![mount(&[("scopes_required", "b a")], endpoints)]);
    let required = ["a", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(asked(&generation, "/x", Some("good")), Err(Refused::LacksScope { required }));
}

/// Why those who were let in under the first options may not stay under the second: nobody in
/// particular, app 1 without the scopes, app 1 with them, app 2.
fn stay(
    before: (&[(&str, &str)], EndpointRegistration),
    after: (&[(&str, &str)], EndpointRegistration),
) -> [Option<Ending>; 4] {
    let path = before.1.path.clone();
    let before = generation(vec![mount(before.0, vec![before.1])]);
    let after = generation(vec![mount(after.0, vec![after.1])]);
    let matched = found(&before, &path);
    [None, Some("bare"), Some("good"), Some("other")].map(|text| {
        let shown = text.map(|text| shown(&before, text).unwrap());
        Standing::of(&matched, shown.as_ref()).ending(&after, PublicMode::Allow, 0)
    })
}

#[test]
fn whoever_would_not_be_let_in_any_more_may_not_stay() {
    let public = || endpoint("/x", false, None);
    let out = Some(Ending::Forbidden);
    let rows: &[(Options, EndpointRegistration, [Option<Ending>; 4])] = &[
        (&[], public(), [None; 4]),
        (&[("pass_token", "true")], public(), [None; 4]),
        (&[("require_auth", "true")], public(), [out, None, None, None]),
        (&[("apps", "1")], public(), [out, None, None, out]),
        (&[("apps", "two")], public(), [out, out, out, None]),
        (&[("scopes_required", "a")], public(), [out, out, None, None]),
        (&[], endpoint("/x", true, None), [out, None, None, None]),
        (&[], endpoint("/x", false, Some("b")), [out, out, None, None]),
        (&[], endpoint("/*", false, Some("b")), [out, out, None, None]),
        // Of one that offers it no more, the drain is the end.
        (&[], endpoint("/y", true, None), [None; 4]),
        (&[("apps", "1")], endpoint("/y", true, None), [out, None, None, out]),
    ];
    for (options, endpoint, expected) in rows {
        let told = stay((&[], public()), (options, endpoint.clone()));
        assert_eq!(told, *expected, "{options:?} {}", endpoint.path);
    }
}

#[test]
fn a_token_that_is_valid_no_more_outweighs_what_it_lacks() {
    let before = generation(vec![mount(&[], vec![endpoint("/x", true, None)])]);
    let matched = found(&before, "/x");
    let standing = Standing::of(&matched, shown(&before, "good").as_ref());
    let mounts = vec![mount(&[("apps", "two")], vec![endpoint("/x", true, None)])];
    let after = Generation::new(&Snapshot::default(), mounts);
    assert_eq!(standing.ending(&after, PublicMode::Allow, 0), Some(Ending::Revoked));
    // Of a plugin that is gone nothing more is demanded.
    assert_eq!(standing.ending(&generation(vec![]), PublicMode::Allow, 0), None);
}
