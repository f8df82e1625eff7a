//! A whole fleet, as real processes: one database, two control planes on it, and edges in two namespaces.

use serde_json::{Value, json};
use sidegate_api::app::AppAttributes;
use sidegate_api::plugin::PluginAttributes;
use sidegate_api::token::TokenAttributes;
use sidegate_e2e::{
    ControlPlane, Gateway, GatewayBuilder, Need, Postgres, eventually, long_story, program, within,
};
use std::time::Duration;

/// How long a change may take to be everywhere.
const EVERYWHERE: Duration = Duration::from_secs(2);
/// How long a story with many processes may take.
const LIMIT: Duration = Duration::from_secs(120);

/// The plugin `lab` below a slug, for a namespace.
fn lab(slug: &str, namespace: &str) -> Value {
    let command = format!("file://{}", program("sidegate-plugin-lab").display());
    let config = json!({"slug": slug, "require_auth": "true"});
    json!({"name": slug, "command": command, "config": config, "namespace": namespace})
}

async fn save(control: &ControlPlane, plugin: &Value) -> u32 {
    let saved = control.admin().create::<PluginAttributes>("plugins", plugin).await;
    saved.id.parse().unwrap()
}

/// An app of a namespace, and a token of it: its number and its text.
async fn token(control: &ControlPlane, name: &str, namespace: &str) -> (String, String) {
    let new = json!({"name": name, "owner_email": "a@b", "namespace": namespace});
    let app = control.admin().create::<AppAttributes>("apps", &new).await;
    let new = json!({"app_id": app.id.parse::<u32>().unwrap()});
    let token = control.admin().create::<TokenAttributes>("tokens", &new).await;
    let text = token.attributes.token.expect("its making shows it");
    control.admin().keep_secret(&text);
    (token.id, text)
}

/// Waits until all of these are answered so: an edge, a slug, a token, a status.
async fn all_answer(within_time: Duration, asked: &[(&Gateway, &str, &str, u16)]) {
    for (edge, slug, token, status) in asked {
        let what = format!("{slug} is {status}");
        let answered = eventually(&what, async || {
            let answer = edge.get(&format!("/plugins/{slug}/pid")).bearer(token).send().await;
            (answer.status.as_u16() == *status).then_some(())
        });
        within(within_time, &what, answered).await;
    }
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

#[test]
fn what_is_saved_at_one_control_plane_is_served_by_exactly_the_right_edges_of_all() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    long_story(LIMIT, async {
        let dsn = server.schema();
        let fleet = Fleet::start(&dsn).await;
        let (everywhere, everybody) = token(&fleet.a, "everybody", "").await;
        let (_, northern) = token(&fleet.a, "northern", "north").await;
        fleet.ready().await;
        let Fleet { a, b, north, south, global } = &fleet;

        // One of a namespace, then one for all; each saved at A, two edges listen at B.
        save(a, &lab("only-north", "north")).await;
        let asked = [
            (north, "only-north", everybody.as_str(), 200),
            (north, "only-north", &northern, 200),
            (south, "only-north", &everybody, 404),
            (global, "only-north", &everybody, 404),
        ];
        all_answer(EVERYWHERE, &asked).await;
        let shared = save(a, &lab("shared", "")).await;
        let asked = [
            (north, "shared", everybody.as_str(), 200),
            (south, "shared", &everybody, 200),
            (global, "shared", &everybody, 200),
            (north, "shared", &northern, 200),
            (south, "shared", &northern, 401),
            (global, "shared", &northern, 401),
        ];
        all_answer(EVERYWHERE, &asked).await;

        // Names that one edge would see twice are refused; those that none sees twice are not.
        let (status, refused) =
            a.admin().call("POST", "plugins", Some(&lab("only-north", ""))).await;
        assert_eq!(status, 409, "{refused}");
        assert!(refused["error"].as_str().unwrap().contains("north"), "{refused}");
        save(b, &lab("only-north", "south")).await;
        all_answer(EVERYWHERE, &[(south, "only-north", &everybody, 200)]).await;

        // Changed at B, looked at and taken back at A.
        let newest = a.cli().json(&["history", "list", "--limit", "1"]).await;
        let before = newest[0]["id"].as_str().unwrap().to_owned();
        let path = format!("plugins/{shared}");
        let change = json!({"is_active": false, "description": "switched off"});
        b.admin().call("PATCH", &path, Some(&change)).await;
        let asked = [north, south, global].map(|edge| (edge, "shared", everybody.as_str(), 404));
        all_answer(EVERYWHERE, &asked).await;
        let diff = a.cli().ok(&["history", "diff", &before]).await;
        assert!(diff.contains("shared") && diff.contains("switched off"), "{diff}");
        assert!(!diff.contains("only-north"), "{diff}");
        a.cli().ok(&["history", "rollback", &before, "--namespace", ""]).await;
        let asked = [north, south, global].map(|edge| (edge, "shared", everybody.as_str(), 200));
        all_answer(EVERYWHERE, &asked).await;

        // Refused everywhere.
        b.admin().call("DELETE", &format!("tokens/{everywhere}"), None).await;
        let asked = [north, south, global].map(|edge| (edge, "shared", everybody.as_str(), 401));
        all_answer(EVERYWHERE, &asked).await;
    });
}

/// What a new edge starts from without its control plane.
struct Bootstrap {
    namespace: &'static str,
    file: String,
    keys: String,
    signer: String,
}

impl Bootstrap {
    async fn of(control: &ControlPlane, namespace: &'static str) -> Self {
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

    fn edge(&self, control_url: &str) -> GatewayBuilder {
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
        let mut fleet = Fleet::start(&dsn).await;
        let (_, everybody) = token(&fleet.a, "everybody", "").await;
        save(&fleet.a, &lab("one", "")).await;
        fleet.ready().await;
        let text = everybody.as_str();
        all_answer(
            EVERYWHERE,
            &[(&fleet.north, "one", text, 200), (&fleet.global, "one", text, 200)],
        )
        .await;
        let bootstrap = Bootstrap::of(&fleet.a, "north").await;

        // One of the two is enough.
        fleet.a.kill();
        save(&fleet.b, &lab("two", "")).await;
        let Fleet { north, south, global, .. } = &fleet;
        let moved = Duration::from_secs(20);
        all_answer(
            moved,
            &[(north, "two", text, 200), (south, "two", text, 200), (global, "two", text, 200)],
        )
        .await;

        // None of them, and no database.
        fleet.b.kill();
        server.stop();
        for edge in [&fleet.north, &fleet.south, &fleet.global] {
            edge.get("/plugins/two/pid").bearer(text).send().await.expect(200);
            edge.get("/plugins/two/pid").send().await.expect(401);
        }
        fleet.north.kill();
        let north = fleet.north;
        let north = north.start_again().await;
        all_answer(moved, &[(&north, "two", text, 200)]).await;
        let new = bootstrap.edge(&fleet.a.url()).start().await;
        all_answer(moved, &[(&new, "one", text, 200)]).await;

        // All come back, in whatever order; nobody does anything.
        server.start_again();
        fleet.b.start_again().await;
        fleet.a.start_again().await;
        save(&fleet.a, &lab("three", "")).await;
        all_answer(
            moved,
            &[
                (&north, "three", text, 200),
                (&fleet.south, "three", text, 200),
                (&fleet.global, "three", text, 200),
            ],
        )
        .await;
    });
}

#[test]
fn edges_follow_a_database_that_was_restored_with_no_operator_action() {
    long_story(LIMIT, async {
        let mut control = ControlPlane::start_with(None, &[]).await;
        let edge = control.edge("edge-1", "").await.start().await;
        let (_, everybody) = token(&control, "everybody", "").await;
        let text = everybody.as_str();
        save(&control, &lab("kept", "")).await;
        all_answer(Duration::from_secs(10), &[(&edge, "kept", text, 200)]).await;
        control.stop();
        let data = control.data_dir();
        let backup = control.folder().join("backup");
        copy_database(&data, &backup);
        control.start_again().await;
        save(&control, &lab("later", "")).await;
        save(&control, &lab("latest", "")).await;
        all_answer(Duration::from_secs(20), &[(&edge, "latest", text, 200)]).await;
        control.stop();
        copy_database(&backup, &data);
        control.start_again().await;
        let restored =
            [(&edge, "later", text, 404), (&edge, "latest", text, 404), (&edge, "kept", text, 200)];
        all_answer(Duration::from_secs(20), &restored).await;
        // And what is saved from now on is served again.
        save(&control, &lab("after", "")).await;
        all_answer(Duration::from_secs(10), &[(&edge, "after", text, 200)]).await;
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
