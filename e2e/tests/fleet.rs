//! A whole fleet, as real processes: one database, two control planes on it, and edges in two namespaces.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sidegate_api::app::AppAttributes;
use sidegate_api::plugin::PluginAttributes;
use sidegate_api::token::TokenAttributes;
use sidegate_e2e::{
    ControlPlane, DeafDatabase, Deafness, Gateway, GatewayBuilder, Load, Need, PATIENCE, Postgres,
    Version, eventually, lone_story, long_story, program, within,
};
use std::time::{Duration, Instant};

/// How long a change may take to be everywhere.
const EVERYWHERE: Duration = Duration::from_secs(2);
/// How long a story with many processes may take.
const LIMIT: Duration = Duration::from_secs(120);

/// The plugin `lab` below a slug, for a namespace.
pub(crate) fn lab(slug: &str, namespace: &str) -> Value {
    let command = format!("file://{}", program("sidegate-plugin-lab").display());
    let config = json!({"slug": slug, "require_auth": "true"});
    json!({"name": slug, "command": command, "config": config, "namespace": namespace})
}

pub(crate) async fn save(control: &ControlPlane, plugin: &Value) -> u32 {
    let saved = control.admin().create::<PluginAttributes>("plugins", plugin).await;
    saved.id.parse().unwrap()
}

/// An app of a namespace, and a token of it: its number and its text.
pub(crate) async fn token(control: &ControlPlane, name: &str, namespace: &str) -> (String, String) {
    let new = json!({"name": name, "owner_email": "a@b", "namespace": namespace});
    let app = control.admin().create::<AppAttributes>("apps", &new).await;
    let new = json!({"app_id": app.id.parse::<u32>().unwrap()});
    let token = control.admin().create::<TokenAttributes>("tokens", &new).await;
    let text = token.attributes.token.expect("its making shows it");
    control.admin().keep_secret(&text);
    (token.id, text)
}

/// What an edge answers below a slug to a token: an edge, a slug, a token, a status.
type Asked<'a> = (&'a Gateway, &'a str, &'a str, u16);

async fn status(&(edge, slug, token, _): &Asked<'_>) -> u16 {
    edge.get(&format!("/plugins/{slug}/pid")).bearer(token).send().await.status.as_u16()
}

/// Waits until all of these are answered so, each at any time within one bound.
async fn all_answer(bound: Duration, asked: &[Asked<'_>]) {
    let answered = asked.iter().map(async |one| {
        let what = format!("{} is {}", one.1, one.3);
        let comes_true = async || (status(one).await == one.3).then_some(());
        within(bound, &what, eventually(&what, comes_true)).await;
    });
    join_all(answered).await;
}

/// Changes something; everything is answered so within [`EVERYWHERE`] of the moment in which that was begun.
async fn everywhere<T>(change: impl Future<Output = T>, asked: &[Asked<'_>]) -> T {
    let begun = Instant::now();
    let changed = change.await;
    all_answer(EVERYWHERE.saturating_sub(begun.elapsed()), asked).await;
    changed
}

struct Fleet {
    a: ControlPlane,
    b: ControlPlane,
    north: Gateway,
    south: Gateway,
    global: Gateway,
}

impl Fleet {
    /// Edges know both control planes.
    async fn start(dsn: &str) -> Self {
        let (a, b) = (ControlPlane::start(dsn).await, ControlPlane::start(dsn).await);
        for namespace in ["north", "south"] {
            a.admin().post("namespaces", &json!({"name": namespace})).await;
        }
        let both = format!("{},{}", a.url(), b.url());
        let turned = format!("{},{}", b.url(), a.url());
        let edge = async |control: &ControlPlane, name: &str, namespace: &str, urls: &str| {
            control.edge(name, namespace).await.env("SIDEGATE_CONTROL_URL", urls).start().await
        };
        let north = edge(&a, "north-1", "north", &both).await;
        let south = edge(&b, "south-1", "south", &turned).await;
        let global = edge(&b, "global-1", "", &turned).await;
        Self { a, b, north, south, global }
    }

    /// Waits until every edge serves by what it is to serve by.
    async fn ready(&self) {
        for edge in [&self.north, &self.south, &self.global] {
            let fresh = async || {
                let ready = edge.get("/ready").send().await;
                (ready.status == 200 && ready.json()["status"] == "fresh").then_some(())
            };
            eventually("an edge is fresh", fresh).await;
        }
    }
}

/// The nodes that a plugin is told of.
async fn nodes(control: &ControlPlane, plugin: u32) -> Vec<String> {
    let shown = control.admin().get(&format!("plugins/{plugin}")).await;
    let nodes = shown["attributes"]["status"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["node"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_saved_at_one_control_plane_is_served_by_exactly_the_right_edges_of_all() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    lone_story(LIMIT, async {
        let dsn = server.schema();
        let fleet = Fleet::start(&dsn).await;
        let (token_of_everybody, everybody) = token(&fleet.a, "everybody", "").await;
        let (_, northern) = token(&fleet.a, "northern", "north").await;
        fleet.ready().await;
        let Fleet { a, b, north, south, global } = &fleet;

        // One of a namespace, then one for all; each saved at A, two edges listen at B.
        let asked =
            [(north, "only-north", everybody.as_str(), 200), (north, "only-north", &northern, 200)];
        let only_north = everywhere(save(a, &lab("only-north", "north")), &asked).await;
        let text = everybody.as_str();
        let asked = [
            (north, "shared", everybody.as_str(), 200),
            (south, "shared", &everybody, 200),
            (global, "shared", &everybody, 200),
            (north, "shared", &northern, 200),
            (south, "shared", &northern, 401),
            (global, "shared", &northern, 401),
        ];
        let shared = everywhere(save(a, &lab("shared", "")), &asked).await;
        // What came before it would be there by now.
        for elsewhere in [south, global] {
            assert_eq!(status(&(elsewhere, "only-north", text, 404)).await, 404);
        }

        // An edge where it never comes is no node of it, which would not come up for ever.
        let all = async || (nodes(a, shared).await.len() == 3).then_some(());
        eventually("all edges have told of what is for all", all).await;
        assert_eq!(nodes(a, only_north).await, ["north-1"]);

        // Names that one edge would see twice are refused; those that none sees twice are not.
        let (status, refused) =
            a.admin().call("POST", "plugins", Some(&lab("only-north", ""))).await;
        assert_eq!(status, 409, "{refused}");
        assert!(refused["error"].as_str().unwrap().contains("north"), "{refused}");
        let asked = [(south, "only-north", text, 200)];
        everywhere(save(b, &lab("only-north", "south")), &asked).await;

        // Changed at B, looked at and taken back at A.
        let newest = a.cli().json(&["history", "list", "--limit", "1"]).await;
        let before = newest[0]["id"].as_str().unwrap().to_owned();
        let path = format!("plugins/{shared}");
        let change = json!({"is_active": false, "description": "switched off"});
        let asked = |status| [north, south, global].map(|edge| (edge, "shared", text, status));
        let changed = b.admin().call("PATCH", &path, Some(&change));
        assert_eq!(everywhere(changed, &asked(404)).await.0, 200);
        let diff = a.cli().ok(&["history", "diff", &before]).await;
        assert!(diff.contains("shared") && diff.contains("switched off"), "{diff}");
        assert!(!diff.contains("only-north"), "{diff}");
        let cli = a.cli();
        let rollback = ["history", "rollback", &before, "--namespace", ""];
        everywhere(cli.ok(&rollback), &asked(200)).await;

        // Refused everywhere.
        let path = format!("tokens/{token_of_everybody}");
        let (status, _) = everywhere(b.admin().call("DELETE", &path, None), &asked(401)).await;
        assert_eq!(status, 204);
    });
}

/// What a new edge starts from without its control plane.
pub(crate) struct Bootstrap {
    namespace: &'static str,
    file: String,
    keys: String,
    signer: String,
}

impl Bootstrap {
    pub(crate) async fn of(control: &ControlPlane, namespace: &'static str) -> Self {
        let path = |name: &str| control.folder().join(name).to_str().unwrap().to_owned();
        let (file, keys, cli) = (path("bootstrap"), path("keys"), control.cli());
        let of = ["--namespace", namespace, "--out"];
        let made = [&["control", "bootstrap-file"], &of[..], &[&file]].concat();
        let made = cli.run(&made).await;
        let signer = made.stderr.split_once("SIDEGATE_BOOTSTRAP_SIGNER=");
        let signer = signer.unwrap_or_else(|| panic!("a signer in {made:?}")).1;
        let signer = signer.lines().next().unwrap().to_owned();
        cli.ok(&[&["control", "namespace-key"], &of[..], &[&keys]].concat()).await;
        Self { namespace, file, keys, signer }
    }

    pub(crate) fn edge(&self, control_url: &str) -> GatewayBuilder {
        let edge = Gateway::builder().edge(control_url).env("EDGE_NAMESPACE", self.namespace);
        edge.env("SIDEGATE_BOOTSTRAP_SNAPSHOT", &self.file)
            .env("SIDEGATE_BOOTSTRAP_SIGNER", &self.signer)
            .env("SIDEGATE_BOOTSTRAP_KEY_FILE", &self.keys)
    }
}

#[test]
fn edges_serve_start_and_join_the_fleet_again_whatever_of_the_control_plane_is_gone() {
    let Some(mut server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    long_story(LIMIT, async {
        let dsn = server.dsn("postgres");
        let fleet = Fleet::start(&dsn).await;
        let (_, everybody) = token(&fleet.a, "everybody", "").await;
        save(&fleet.a, &lab("one", "")).await;
        fleet.ready().await;
        let text = everybody.as_str();
        let first = [&fleet.north, &fleet.global].map(|edge| (edge, "one", text, 200));
        all_answer(PATIENCE, &first).await;
        let bootstrap = Bootstrap::of(&fleet.a, "north").await;
        let Fleet { mut a, mut b, mut north, south, global } = fleet;
        // For one that joins at a time when nobody is there to let it in.
        let new = a.join_token("new-1", "north").await;
        let path = format!("/plugins/one/pid?token={text}");
        let mut load = Load::begin(&south, Version::Http1, 1, &path).await;
        load.add(&global, Version::Http1, 1, &path).await;
        load.answers(1).await;

        // One of the two is enough, whichever it is.
        a.kill();
        save(&b, &lab("two", "")).await;
        let all = [&north, &south, &global];
        let asked = |slug| all.map(|edge| (edge, slug, text, 200));
        all_answer(PATIENCE, &asked("two")).await;
        a.start_again().await;
        b.kill();
        save(&a, &lab("three", "")).await;
        all_answer(PATIENCE, &asked("three")).await;

        // None of them; then no database either.
        a.kill();
        for edge in all {
            edge.get("/plugins/three/pid").bearer(text).send().await.expect(200);
        }
        server.stop();
        for edge in all {
            edge.get("/plugins/three/pid").bearer(text).send().await.expect(200);
            edge.get("/plugins/three/pid").send().await.expect(401);
        }
        north.kill();
        let north = north.start_again().await;
        all_answer(PATIENCE, &[(&north, "three", text, 200)]).await;
        let new = bootstrap.edge(&a.url()).env("SIDEGATE_JOIN_TOKEN", &new).start().await;
        all_answer(PATIENCE, &[(&new, "one", text, 200)]).await;

        // All come back, in whatever order; nobody does anything.
        server.start_again();
        b.start_again().await;
        a.start_again().await;
        save(&a, &lab("four", "")).await;
        let all = [&north, &south, &global, &new].map(|edge| (edge, "four", text, 200));
        all_answer(PATIENCE, &all).await;
        // Those that never stopped have served all the time.
        load.answers(10).await;
        load.end().await.lost_nothing(100);
    });
}

#[test]
fn edges_follow_a_database_that_was_restored_with_no_operator_action() {
    long_story(LIMIT, async {
        let mut control = ControlPlane::start_with(None, &[]).await;
        control.admin().post("namespaces", &json!({"name": "north"})).await;
        let global = control.edge("global-1", "").await.start().await;
        let north = control.edge("north-1", "north").await.start().await;
        let mut away = control.edge("north-2", "north").await.start().await;
        let (_, everybody) = token(&control, "everybody", "").await;
        let text = everybody.as_str();
        save(&control, &lab("kept", "")).await;
        all_answer(PATIENCE, &[&global, &north, &away].map(|edge| (edge, "kept", text, 200))).await;
        control.stop();
        let data = control.data_dir();
        let backup = control.folder().join("backup");
        copy_database(&data, &backup);
        control.start_again().await;
        save(&control, &lab("later", "")).await;
        save(&control, &lab("latest", "north")).await;
        let both = [
            (&global, "later", text, 200),
            (&north, "latest", text, 200),
            (&away, "latest", text, 200),
        ];
        all_answer(PATIENCE, &both).await;
        away.kill();
        control.stop();
        copy_database(&backup, &data);
        control.start_again().await;
        let away = away.start_again().await;
        for edge in [&global, &north, &away] {
            let restored = [
                (edge, "later", text, 404),
                (edge, "latest", text, 404),
                (edge, "kept", text, 200),
            ];
            all_answer(PATIENCE, &restored).await;
        }
        // And what is saved from now on is served again.
        save(&control, &lab("after", "")).await;
        all_answer(PATIENCE, &[&global, &north, &away].map(|edge| (edge, "after", text, 200)))
            .await;
    });
}

/// Backed up with the tools of the server while it was used, and restored under a control plane that runs.
#[test]
fn edges_follow_a_postgresql_database_that_was_restored_under_a_running_control_plane() {
    let Some(server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    long_story(LIMIT, async {
        server.tell("CREATE DATABASE live");
        let control = ControlPlane::start(&server.dsn("live")).await;
        let edge = control.edge("edge-1", "").await.start().await;
        let (_, everybody) = token(&control, "everybody", "").await;
        let text = everybody.as_str();
        save(&control, &lab("kept", "")).await;
        all_answer(PATIENCE, &[(&edge, "kept", text, 200)]).await;
        let backup = server.back_up("live");
        save(&control, &lab("later", "")).await;
        save(&control, &lab("latest", "")).await;
        all_answer(PATIENCE, &[(&edge, "latest", text, 200)]).await;

        server.restore("live", &backup);
        let restored =
            [(&edge, "later", text, 404), (&edge, "latest", text, 404), (&edge, "kept", text, 200)];
        all_answer(PATIENCE, &restored).await;
        save(&control, &lab("after", "")).await;
        all_answer(PATIENCE, &[(&edge, "after", text, 200)]).await;
    });
}

#[test]
fn what_is_saved_is_served_within_seconds_also_where_no_notification_arrives() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    lone_story(LIMIT, async {
        let dsn = server.schema();
        let a = ControlPlane::start(&dsn).await;
        for (deafness, name) in [(Deafness::Swallows, "swallows"), (Deafness::Cuts, "cuts")] {
            let database = DeafDatabase::before(&dsn, deafness).await;
            let b = ControlPlane::start(database.dsn()).await;
            let edge = b.edge(name, "").await.start().await;
            let (_, everybody) = token(&a, name, "").await;
            save(&a, &lab(&format!("first-{name}"), "")).await;
            let first = format!("first-{name}");
            all_answer(PATIENCE, &[(&edge, &first, &everybody, 200)]).await;
            // It is connected and up to date: nothing tells it of the next one.
            let next = format!("next-{name}");
            let begun = Instant::now();
            save(&a, &lab(&next, "")).await;
            let bound = Duration::from_secs(5).saturating_sub(begun.elapsed());
            all_answer(bound, &[(&edge, &next, &everybody, 200)]).await;
            let is_kept_back = async || (database.kept_back() > 0).then_some(());
            eventually("something was kept from it", is_kept_back).await;
            if deafness == Deafness::Swallows {
                let said = "notifications of the database do not arrive";
                let is_said = async || b.log().contains(said).then_some(());
                eventually("the log says that nothing arrives", is_said).await;
            }
        }
    });
}

/// The files of the database, as whoever backs up a stopped server copies them.
fn copy_database(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["sidegate.db", "sidegate.db-wal", "sidegate.db-shm"] {
        let _ = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// `lab` below another slug, and with a setting that is a secret.
fn with_secret(slug: &str) -> Value {
    let config = json!({"slug": slug, "require_auth": "true", "api_key": "open-sesame"});
    json!({"config": config})
}

/// Waits until an edge is fresh, and is shown in this version.
async fn is_fresh_as(control: &ControlPlane, edge: &Gateway, name: &str, version: &str) {
    let shown = async || {
        let ready = edge.get("/ready").send().await;
        let shown = control.cli().json(&["edge", "show", name]).await;
        let is_so = ready.json()["status"] == "fresh" && shown["attributes"]["version"] == version;
        is_so.then_some(())
    };
    eventually("an edge is fresh in its version", shown).await;
}

#[test]
fn an_older_edge_rejects_exactly_what_it_does_not_know_and_a_newer_one_works_as_any() {
    long_story(LIMIT, async {
        let control = ControlPlane::start_with(None, &[]).await;
        control.admin().keep_secret("open-sesame");
        // One minor version older, which does not know that settings can be sealed; and one newer, which knows more.
        let of = async |name: &str, version: &str| {
            control.edge(name, "").await.env("SIDEGATE_STORY_VERSION", version).start().await
        };
        let older = of("older", "0.3.0 max_staleness").await;
        let newer = of("newer", "0.5.0 max_staleness sealed_settings of_tomorrow").await;
        let (_, everybody) = token(&control, "everybody", "").await;
        let text = everybody.as_str();
        let sealed = save(&control, &lab("before", "")).await;
        save(&control, &lab("neighbour", "")).await;
        let both = |slug: &'static str| [(&older, slug, text, 200), (&newer, slug, text, 200)];
        all_answer(PATIENCE, &both("before")).await;
        all_answer(PATIENCE, &both("neighbour")).await;
        is_fresh_as(&control, &older, "older", "0.3.0").await;
        is_fresh_as(&control, &newer, "newer", "0.5.0").await;

        let path = format!("plugins/{sealed}");
        let (status, saved) =
            control.admin().call("PATCH", &path, Some(&with_secret("after"))).await;
        assert_eq!(status, 200, "{saved}");
        all_answer(
            Duration::from_secs(20),
            &[
                (&newer, "after", text, 200),
                (&newer, "before", text, 404),
                // Its last good version, and nothing of the new one.
                (&older, "before", text, 200),
                (&older, "after", text, 404),
            ],
        )
        .await;

        // The control plane shows it: exactly this one, and why.
        let rejected = async || {
            let shown = control.cli().json(&["edge", "show", "older"]).await;
            let rejected = shown["attributes"]["positions"][0]["rejected"].clone();
            (rejected.as_array().is_some_and(|all| !all.is_empty())).then_some(rejected)
        };
        let rejected = eventually("the control plane shows what is rejected", rejected).await;
        let [only] = rejected.as_array().unwrap().as_slice() else { panic!("{rejected}") };
        assert_eq!(only["object"], format!("plugin/{sealed}"), "{rejected}");
        assert_eq!(only["keeps_last_good"], true, "{rejected}");
        let reason = only["reason"].as_str().unwrap();
        assert!(
            reason.contains("sealed_settings") && reason.contains("upgrade the edge"),
            "{reason}"
        );
        let shown = control.cli().json(&["edge", "show", "newer"]).await;
        assert_eq!(shown["attributes"]["positions"][0]["rejected"], json!([]), "{shown}");

        // Everything else goes on, at both.
        save(&control, &lab("later", "")).await;
        all_answer(PATIENCE, &both("later")).await;
        all_answer(PATIENCE, &both("neighbour")).await;
        is_fresh_as(&control, &older, "older", "0.3.0").await;
        is_fresh_as(&control, &newer, "newer", "0.5.0").await;
    });
}

#[test]
fn a_control_plane_that_lost_its_database_keeps_no_edge_fresh() {
    let Some(mut server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    long_story(LIMIT, async {
        let control = ControlPlane::start(&server.dsn("postgres")).await;
        let edge = control.edge("edge-1", "").await.start().await;
        let (_, everybody) = token(&control, "everybody", "").await;
        let text = everybody.as_str();
        save(&control, &lab("one", "")).await;
        all_answer(PATIENCE, &[(&edge, "one", text, 200)]).await;
        is_fresh_as(&control, &edge, "edge-1", env!("CARGO_PKG_VERSION")).await;
        server.stop();
        // Still connected, it hears nothing of what may be published elsewhere.
        let is = async |what: &str, is_so: &dyn Fn(&Value) -> bool| {
            let told = async || {
                let ready = edge.get("/ready").send().await.json();
                is_so(&ready).then_some(ready)
            };
            eventually(what, told).await
        };
        let age = |ready: &Value| ready["staleness_seconds"].as_u64().unwrap_or_default();
        is("it grows old", &|ready| age(ready) >= 15).await;
        let stale = is("it is stale", &|ready| ready["status"] == "stale").await;
        assert_eq!(stale["connected"], true, "{stale}");
        edge.get("/plugins/one/pid").bearer(text).send().await.expect(200);
        server.start_again();
        is("it is fresh again", &|ready| ready["status"] == "fresh" && age(ready) < 10).await;
    });
}
