//! Who may call: what the operator demands and what the plugin demands, together, live, and for streams
//! that are open already.

use serde_json::{Value, json};
use sidegate_api::plugin::PluginAttributes;
use sidegate_api::route::{DemandedBy, RouteAttributes};
use sidegate_e2e::{App, Gateway, Plugin, Stream, Version, eventually, story, within};
use std::time::Duration;

/// What is promised, with room for a busy machine.
const SOON: Duration = Duration::from_secs(6);

/// A gateway with a plugin, and everybody who may want to call it.
struct Scene {
    gateway: Gateway,
    plugin: Plugin,
    one: App,
    /// Nobody; a token of app `two` with all scopes; one of app `one` without them; one with them.
    callers: [Option<String>; 4],
}

impl Scene {
    async fn new() -> Self {
        let gateway = Gateway::start().await;
        let (one, two) = (gateway.app("one").create().await, gateway.app("two").create().await);
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        let all = ["files.read", "team.a"];
        let callers = [
            None,
            Some(two.token().scopes(&all).create().await),
            Some(one.token().scopes(&["other"]).create().await),
            Some(one.token().scopes(&all).create().await),
        ];
        Self { gateway, plugin, one, callers }
    }

    async fn options(&self, options: &Value) {
        self.plugin.change(&json!({ "options": options })).await;
    }

    async fn open(&self, path: &str, caller: usize, version: Version) -> Stream {
        let request = self.gateway.get(&format!("/plugins/r{path}")).version(version);
        match &self.callers[caller] {
            Some(token) => request.bearer(token).open().await,
            None => request.open().await,
        }
    }

    /// How each caller fares on a path, over both versions of HTTP.
    async fn fare(&self, path: &str) -> [u16; 4] {
        let [first, second] = self.fare_by_version(path).await;
        assert_eq!(first, second, "{path}");
        first
    }

    /// The same, each version for itself.
    async fn fare_by_version(&self, path: &str) -> [[u16; 4]; 2] {
        let mut statuses = [[0; 4]; 2];
        for (statuses, version) in statuses.iter_mut().zip([Version::Http1, Version::Http2]) {
            for (caller, status) in statuses.iter_mut().enumerate() {
                *status = self.open(path, caller, version).await.status.as_u16();
            }
        }
        statuses
    }

    /// Streams of all callers that get one.
    async fn streams(&self, path: &str) -> [Option<Stream>; 4] {
        let mut streams = [None, None, None, None];
        for (caller, place) in streams.iter_mut().enumerate() {
            let mut stream = self.open(path, caller, Version::Http2).await;
            if stream.status == 200 {
                stream.read_until("begun").await;
                *place = Some(stream);
            }
        }
        streams
    }
}

/// The streams of these callers are cut.
async fn are_cut(streams: &mut [Option<Stream>; 4], callers: &[usize], what: &str) {
    for caller in callers {
        let mut stream = streams[*caller].take().expect("it was open");
        within(SOON, what, stream.rest()).await.expect_err("a clean end");
    }
}

/// What is demanded, and how everybody fares: nobody, app `two`, app `one` without scopes, with them.
struct Row {
    options: Value,
    public: [u16; 4],
    scoped: [u16; 4],
}

#[test]
fn every_demand_of_operator_and_plugin_counts_for_single_answers_and_streams_alike() {
    story(async {
        let scene = Scene::new().await;
        let number = scene.one.id.to_string();
        let everybody = [200; 4];
        let any_token = [401, 200, 200, 200];
        let scope = [401, 200, 403, 200];
        let app = [401, 403, 200, 200];
        let both = [401, 403, 403, 200];
        let row = |options, public, scoped| Row { options, public, scoped };
        let rows = [
            row(json!({}), everybody, scope),
            row(json!({"optional_auth": "true"}), everybody, scope),
            row(json!({"apps": "*"}), everybody, scope),
            row(json!({"require_auth": "true"}), any_token, scope),
            row(json!({"require_auth": "true", "optional_auth": "true"}), any_token, scope),
            row(json!({"apps": "one"}), app, both),
            row(json!({ "apps": number }), app, both),
            row(json!({ "apps": format!("two, {number}") }), any_token, scope),
            row(json!({"scopes_required": "team.a"}), scope, scope),
            row(
                json!({"scopes_required": "team.a other"}),
                [401, 403, 403, 403],
                [401, 403, 403, 403],
            ),
            row(json!({"scopes_required": "team.a", "apps": "one"}), both, both),
        ];
        for row in rows {
            scene.options(&row.options).await;
            for (unary, stream, expected) in
                [("/exact", "/stream", row.public), ("/scoped", "/scoped-stream", row.scoped)]
            {
                assert_eq!(scene.fare(unary).await, expected, "{unary} {}", row.options);
                assert_eq!(scene.fare(stream).await, expected, "{stream} {}", row.options);
            }
        }
    });
}

#[test]
fn a_refused_caller_learns_which_scopes_it_needs_and_of_apps_only_that_it_may_not() {
    story(async {
        let scene = Scene::new().await;
        scene.options(&json!({"scopes_required": "team.a,files.read"})).await;
        let get = |caller: usize| {
            let token = scene.callers[caller].as_deref().unwrap();
            scene.gateway.get("/plugins/r/scoped").bearer(token)
        };
        let answer = get(2).send().await;
        answer.is_error(403, "insufficient_scope", "client");
        let challenge =
            "Bearer realm=\"sidegate\", error=\"insufficient_scope\", scope=\"files.read team.a\"";
        assert_eq!(answer.header("www-authenticate"), Some(challenge));
        scene.options(&json!({"apps": "one", "scopes_required": "team.a"})).await;
        let answer = get(1).send().await;
        answer.is_error(403, "forbidden", "client");
        assert_eq!(answer.header("www-authenticate"), None);
        assert_eq!(answer.error().text, "this app may not call this plugin");
        // The token itself comes first.
        scene.gateway.get("/plugins/r/scoped").send().await.is_error(401, "unauthorized", "client");
    });
}

#[test]
fn no_method_gets_by_the_scopes_that_get_demands_on_the_same_path() {
    story(async {
        let scene = Scene::new().await;
        for (method, path, statuses) in [
            ("GET", "/plugins/r/wide/app", [401, 200, 403, 200]),
            ("HEAD", "/plugins/r/wide/app", [401, 200, 403, 200]),
            ("POST", "/plugins/r/wide/app", [401, 200, 403, 200]),
            ("POST", "/plugins/r/wide/other", [200; 4]),
        ] {
            for (caller, status) in scene.callers.iter().zip(statuses) {
                let request = scene.gateway.request(method, path);
                let request = match caller {
                    Some(token) => request.bearer(token),
                    None => request,
                };
                assert_eq!(request.send().await.status, status, "{method} {path}");
            }
        }
        // Read by its segments it is another path, which demands something else.
        let bare = scene.callers[2].as_deref().unwrap();
        for path in ["/plugins/r/wide/app/", "/plugins/r/wide%2Fapp"] {
            let answer = scene.gateway.get(path).bearer(bare).send().await;
            answer.is_error(400, "invalid_request", "client");
        }
    });
}

#[test]
fn open_streams_end_soon_once_their_callers_would_not_be_let_in_and_nobody_elses_do() {
    story(async {
        let scene = Scene::new().await;
        let rows = [
            (json!({"require_auth": "true"}), vec![0]),
            (json!({"apps": "one"}), vec![0, 1]),
            (json!({"scopes_required": "team.a"}), vec![0, 2]),
        ];
        for (options, cut) in rows {
            scene.options(&json!({"optional_auth": "true"})).await;
            let mut streams = scene.streams("/stream").await;
            scene.options(&options).await;
            are_cut(&mut streams, &cut, &format!("the end of streams after {options}")).await;
            let left = streams.iter().flatten().count() as u64;
            assert_eq!(left, 4 - cut.len() as u64, "{options}");
            let token = scene.callers[3].as_deref().unwrap();
            eventually("the plugin hears of these ends and of no others", async || {
                let counts = scene.gateway.get("/plugins/r/counts").bearer(token);
                let counts = counts.send().await.json();
                let open = counts["opened"].as_u64()? - counts["closed"].as_u64()?;
                (open == left).then_some(())
            })
            .await;
        }
        let log = scene.gateway.logged("the caller may not call this any more").await;
        assert!(log.contains("forbidden"), "{log}");
    });
}

#[test]
fn a_stream_ends_soon_when_the_apps_name_is_taken_from_it_or_another_process_demands_more() {
    story(async {
        let scene = Scene::new().await;
        scene.options(&json!({"apps": "one"})).await;
        let mut streams = scene.streams("/stream").await;
        assert!(streams[0].is_none() && streams[1].is_none());
        scene.one.change(&json!({"name": "renamed"})).await;
        are_cut(&mut streams, &[2, 3], "the end of streams of an app that is called otherwise")
            .await;
        scene.options(&json!({"optional_auth": "true"})).await;
        let mut streams = scene.streams("/changing").await;
        scene.plugin.change(&json!({"config": {"slug": "r", "scopes": "files.read"}})).await;
        are_cut(&mut streams, &[0, 2], "the end of streams whose route demands a scope now").await;
        assert_eq!(scene.fare("/changing").await, [401, 200, 403, 200]);
    });
}

#[test]
fn a_stricter_policy_does_not_wait_for_a_process_that_never_comes() {
    story(async {
        let scene = Scene::new().await;
        let change = json!({"command": "file:///nowhere/at/all", "options": {"apps": "one"}});
        scene.plugin.change(&change).await;
        eventually("the old process serves under the new policy", async || {
            (scene.fare("/exact").await == [401, 403, 200, 200]).then_some(())
        })
        .await;
    });
}

#[test]
fn a_stricter_policy_that_comes_with_another_process_counts_once_it_is_answered() {
    story(async {
        let scene = Scene::new().await;
        for number in 0..5 {
            scene.plugin.change(&json!({"options": {"env.NUMBER": number.to_string()}})).await;
            let strict = json!({"env.NUMBER": format!("{number}b"), "require_auth": "true"});
            scene.plugin.change(&json!({ "options": strict })).await;
            let answer = scene.gateway.get("/plugins/r/exact").send().await;
            answer.is_error(401, "unauthorized", "client");
        }
    });
}

#[test]
fn a_list_of_scopes_that_cannot_be_read_lets_nobody_in_and_is_a_warning() {
    story(async {
        let scene = Scene::new().await;
        scene.plugin.change(&json!({"config": {"slug": "r", "scopes": "a\\b"}})).await;
        eventually("nobody is let in", async || {
            (scene.fare_by_version("/changing").await == [[401, 403, 403, 403]; 2]).then_some(())
        })
        .await;
        let warnings = scene.plugin.status().await.summary.warnings;
        let told = "endpoint \"/changing\" lets nobody in: metadata scopes_required: ";
        assert!(warnings.iter().any(|warning| warning.starts_with(told)), "{warnings:?}");
    });
}

#[test]
fn what_does_not_fit_is_refused_when_it_is_saved_and_what_is_gone_later_is_a_warning() {
    story(async {
        let scene = Scene::new().await;
        let path = format!("plugins/{}", scene.plugin.id);
        for (options, told) in [
            (json!({"require_auth": "false"}), "require_auth"),
            (json!({"apps": "one,"}), "option apps"),
            (json!({"scopes_required": "\""}), "scopes_required"),
            (json!({"apps": "one,nobody,4711"}), "there is no app 4711 or \"nobody\""),
        ] {
            let body = json!({ "options": options });
            let (status, said) = scene.gateway.admin().refused("PATCH", &path, &body).await;
            assert!(status == 400 && said.contains(told), "{options}: {status} {said}");
        }
        let new = scene.gateway.plugin("new").program("e2e-plugin-routes").option("apps", "nobody");
        let (status, said) = new.refused().await;
        assert!(status == 400 && said.contains("there is no app \"nobody\""), "{status} {said}");
        scene.options(&json!({ "apps": format!("one,{}", scene.one.id) })).await;
        let warnings = async || -> Vec<String> {
            let plugin = scene.gateway.admin().show::<PluginAttributes>(&path).await;
            let all = plugin.attributes.status.summary.warnings;
            all.into_iter().filter(|warning| warning.starts_with("option apps names ")).collect()
        };
        assert_eq!(warnings().await, [""; 0]);
        scene.one.change(&json!({"name": "renamed"})).await;
        let told = warnings().await;
        assert!(told.len() == 1 && told[0].contains("\"one\", which does not exist"), "{told:?}");
        // The number still lets it in, and what was accepted once is in the way of no other change.
        assert_eq!(scene.fare("/exact").await, [401, 403, 200, 200]);
        scene.plugin.change(&json!({"description": "x"})).await;
        scene.one.delete().await;
        let told = warnings().await;
        assert!(told[0].contains(&format!("{} or \"one\"", scene.one.id)), "{told:?}");
    });
}

#[test]
fn what_is_really_demanded_is_shown_with_who_demands_it() {
    story(async {
        let scene = Scene::new().await;
        let routes = async || scene.gateway.admin().list::<RouteAttributes>("routes").await;
        let find = async |path: &str| {
            let found = routes().await.into_iter().find(|route| route.attributes.path == path);
            let route = found.unwrap().attributes;
            (route.require_auth, route.scopes_required.join(" "), route.demanded_by)
        };
        assert_eq!(find("/plugins/r/exact").await, (false, String::new(), vec![]));
        let by_plugin = (true, "files.read".to_owned(), vec![DemandedBy::Plugin]);
        assert_eq!(find("/plugins/r/scoped").await, by_plugin);
        scene.options(&json!({"scopes_required": "team.a"})).await;
        let by_policy = (true, "team.a".to_owned(), vec![DemandedBy::Policy]);
        assert_eq!(find("/plugins/r/exact").await, by_policy);
        let by = vec![DemandedBy::Plugin, DemandedBy::Policy];
        assert_eq!(find("/plugins/r/scoped").await, (true, "files.read team.a".to_owned(), by));
        let status = scene.plugin.status().await;
        let wide = status.endpoints.iter().find(|endpoint| endpoint.path == "/wide/*").unwrap();
        assert_eq!(wide.raised[0].path, "/wide/app");
        assert_eq!(wide.raised[0].scopes_required, ["files.read", "team.a"]);
        let shown = scene.gateway.cli().ok(&["plugin", "show", "r"]).await;
        let line = "GET /plugins/r/exact  (needs a token with team.a by policy)";
        assert!(shown.contains(line), "{shown}");
        let table = scene.gateway.cli().ok(&["routes"]).await;
        assert!(table.contains("required by policy"), "{table}");
        assert!(table.contains("files.read, team.a on /plugins/r/wide/app"), "{table}");
    });
}
