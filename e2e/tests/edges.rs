//! An edge: it serves by what a control plane published, and needs it for nothing but news.

mod control_plane;
mod of_tomorrow;

use control_plane::{ControlPlane, DATA_KEY};
use serde_json::{Value, json};
use sidegate_e2e::{
    Answer, Cli, Connection, Gateway, GatewayBuilder, Issuer, Version, check_edge, eventually,
    program, search_path, story,
};
use sidegate_model::app::{App, AppId};
use sidegate_model::issuer::{Issuer as KnownIssuer, IssuerDraft, IssuerId};
use sidegate_model::plugin::{PluginId, PluginSpec, Slug};
use sidegate_model::sealing::SealingKey;
use sidegate_model::snapshot::Snapshot;
use sidegate_model::token::{Token, TokenHash, TokenId};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const TOKEN: &str = "sgt_the-stories-own-token-0123456789012345678901234";

/// The plugin `lab` below these slugs, and a token.
fn snapshot(slugs: &[&str]) -> Snapshot {
    let token = Token {
        id: TokenId(1),
        app_id: AppId(1),
        name: String::new(),
        hash: TokenHash::of(TOKEN),
        hint: "sgt_the-".to_owned(),
        scopes: vec![],
        expires_at: None,
        created_at: 0,
        updated_at: 0,
        replaced_by: None,
        last_used: <_>::default(),
    };
    let app = App {
        id: AppId(1),
        namespace: <_>::default(),
        name: "somebody".to_owned(),
        description: String::new(),
        owner_email: "a@b".to_owned(),
        is_active: true,
        monthly_budget: 0.0,
        rate_limit: 0,
        metadata: <_>::default(),
        max_staleness: None,
        managed_by: String::new(),
        made_for: None,
        created_at: 0,
        updated_at: 0,
    };
    let mut all = Snapshot { tokens: [token].into_iter().collect(), ..Snapshot::default() };
    all = all.with_app(AppId(1), Some(app));
    for (number, slug) in (1..).zip(slugs) {
        all = all.with_plugin(PluginId(number), Some(lab(number, slug)));
    }
    all
}

fn lab(number: u32, slug: &str) -> PluginSpec {
    let command = format!("file://{}", program("sidegate-plugin-lab").display());
    let mut spec = PluginSpec::new(PluginId(number), slug, &command);
    spec.slug = Some(Slug::parse(slug).unwrap());
    spec.config.insert("slug".to_owned(), json!(slug));
    spec.config.insert("require_auth".to_owned(), json!((slug != "open").to_string()));
    spec
}

fn edge(control: &ControlPlane, namespace: &str) -> GatewayBuilder {
    let token = control.token("berlin-1", namespace);
    Gateway::builder().edge(&control.url()).env("SIDEGATE_JOIN_TOKEN", token)
}

/// Waits until a path is answered so, and gives the answer.
async fn answers(gateway: &Gateway, path: &str, token: Option<&str>, status: u16) -> Answer {
    eventually(&format!("{path} is answered with {status}"), async || {
        let request = gateway.get(path);
        let request = match token {
            Some(token) => request.bearer(token),
            None => request,
        };
        Some(request.send().await).filter(|answer| answer.status.as_u16() == status)
    })
    .await
}

async fn status(gateway: &Gateway) -> Value {
    for path in ["/api/v1/status", "/ready", "/api/v1/health"] {
        let connection = Connection::open(gateway.admin().addr(), Version::Http1).await;
        let answer = connection.request("GET", path).send().await;
        check_edge(path, answer.status, &answer.json());
    }
    gateway.cli().json(&["status"]).await
}

/// What the edge says of when it knew that nothing newer is published, as if it were long ago.
fn age_by(gateway: &Gateway, seconds: i64) {
    let file = gateway.data_dir().join("edge/last-contact");
    let then: i64 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    std::fs::write(file, format!("{}\n", then - seconds * 1000)).unwrap();
}

#[test]
fn an_edge_joins_serves_what_is_published_and_tells_how_it_is_doing() {
    story(async {
        let control = ControlPlane::start();
        control.publish("", 7, &snapshot(&["lab"]));
        let gateway = edge(&control, "").start().await;
        answers(&gateway, "/plugins/lab/pid", Some(TOKEN), 200).await;
        gateway.get("/plugins/lab/pid").send().await.expect(401);
        gateway.get("/plugins/lab/pid").bearer("sgt_other").send().await.expect(401);
        let ready = answers(&gateway, "/ready", None, 200).await.json();
        assert_eq!(ready["status"], "fresh", "{ready}");
        let position = json!({"namespace": "", "lineage": 1, "revision": 7});
        assert_eq!((&ready["positions"], &ready["revision"]), (&json!([position]), &json!(7)));
        let told = status(&gateway).await;
        assert_eq!(told["edge"], "berlin-1");
        assert_eq!(told["connected"], true);
        assert_eq!(told["positions"][0], position);
        assert_eq!(told["plugins"][0]["state"], "ready");
        assert!(told["certificate_expires_at"].is_string(), "{told}");
        let metrics = gateway.get("/metrics").send().await;
        for line in ["sidegate_snapshot_revision{namespace=\"\"} 7", "sidegate_control_connected 1"]
        {
            assert!(metrics.text().contains(line), "{line}");
        }
        // The next one.
        control.publish("", 8, &snapshot(&["lab", "open"]));
        answers(&gateway, "/plugins/open/pid", None, 200).await;
        control.publish("", 9, &snapshot(&["other"]));
        answers(&gateway, "/plugins/lab/pid", None, 404).await;
    });
}

#[test]
fn an_edge_verifies_jwts_without_its_control_plane() {
    story(async {
        let (mut control, issuer) = (ControlPlane::start(), Issuer::start().await);
        let url = issuer.url();
        let published = |client: &str| {
            let draft = IssuerDraft {
                audiences: vec!["https://gw/plugins/{slug}".to_owned()],
                clients: [(client.to_owned(), "somebody".to_owned())].into(),
                allow_private: true,
                ..IssuerDraft::new("corp", &url)
            };
            let known = KnownIssuer { id: IssuerId(1), draft, created_at: 1, updated_at: 1 };
            let mut spec = lab(1, "lab");
            spec.options.policy.issuers.insert("corp".to_owned());
            let all = snapshot(&[]).with_issuer(IssuerId(1), Some(known));
            all.with_plugin(PluginId(1), Some(spec))
        };
        control.publish("", 1, &published("svc"));
        let mut gateway = edge(&control, "").start().await;
        let token = |client| issuer.token(client, "https://gw/plugins/lab").sign();
        answers(&gateway, "/plugins/lab/pid", Some(&token("svc")), 200).await;
        gateway.get("/plugins/lab/pid").bearer(&token("new")).send().await.expect(401);
        control.publish("", 2, &published("new"));
        answers(&gateway, "/plugins/lab/pid", Some(&token("new")), 200).await;
        gateway.get("/plugins/lab/pid").bearer(&token("svc")).send().await.expect(401);
        control.go_away();
        gateway.stop();
        let gateway = gateway.start_again().await;
        answers(&gateway, "/plugins/lab/pid", Some(&token("new")), 200).await;
        gateway.get("/plugins/lab/pid").bearer(&token("svc")).send().await.expect(401);
    });
}

#[test]
fn an_edge_lives_and_is_not_ready_until_its_first_snapshot_arrives() {
    story(async {
        let control = ControlPlane::start();
        control.publish("", 1, &snapshot(&["open"]));
        let gateway = edge(&control, "shop").start().await;
        gateway.get("/health").send().await.expect(200);
        // Something of the global namespace is there, and nothing of its own yet.
        answers(&gateway, "/plugins/open/pid", None, 200).await;
        let unready = gateway.get("/ready").send().await.expect(503).json();
        assert_eq!(unready["status"], "not ready");
        assert!(unready["reason"].as_str().unwrap().starts_with("no snapshot yet"), "{unready}");
        let unknown = gateway.get("/plugins/lab/pid").send().await;
        unknown.is_error(503, "plugin_unavailable", "plugin");
        let lab = Snapshot::default().with_plugin(PluginId(9), Some(lab(9, "lab")));
        control.publish("shop", 2, &lab);
        answers(&gateway, "/plugins/lab/pid", Some(TOKEN), 200).await;
        let ready = answers(&gateway, "/ready", None, 200).await.json();
        assert_eq!(ready["status"], "fresh");
        gateway.get("/plugins/none/pid").send().await.expect(404);
    });
}

#[test]
fn an_edge_starts_and_serves_tokens_without_its_control_plane_until_it_knows_too_little() {
    story(async {
        let mut control = ControlPlane::start();
        control.publish("", 1, &snapshot(&["lab", "open"]));
        let mut gateway = edge(&control, "").env("SIDEGATE_MAX_STALENESS", "1h").start().await;
        answers(&gateway, "/ready", None, 200).await;
        answers(&gateway, "/plugins/lab/pid", Some(TOKEN), 200).await;
        control.go_away();
        gateway.stop();
        let mut gateway = gateway.start_again().await;
        answers(&gateway, "/plugins/lab/pid", Some(TOKEN), 200).await;
        gateway.get("/plugins/lab/pid").bearer("sgt_other").send().await.expect(401);
        gateway.stop();
        age_by(&gateway, 600);
        let mut gateway = gateway.start_again().await;
        answers(&gateway, "/plugins/lab/pid", Some(TOKEN), 200).await;
        let stale = gateway.get("/ready").send().await.expect(200).json();
        assert_eq!(stale["status"], "stale", "{stale}");
        assert!(stale["staleness_seconds"].as_u64().unwrap() >= 600, "{stale}");
        gateway.logged("no contact to the control plane for").await;
        gateway.stop();
        age_by(&gateway, 3600);
        let gateway = gateway.start_again().await;
        answers(&gateway, "/plugins/open/pid", None, 200).await;
        for token in [TOKEN, "sgt_other"] {
            let undecided = gateway.get("/plugins/lab/pid").bearer(token).send().await;
            undecided.is_error(503, "identity_unavailable", "gateway");
        }
        control.come_back();
        answers(&gateway, "/plugins/lab/pid", Some(TOKEN), 200).await;
        assert_eq!(gateway.get("/ready").send().await.json()["status"], "fresh");
    });
}

#[test]
fn where_offline_tokens_are_denied_they_are_undecided_soon_and_good_again_with_the_contact() {
    story(async {
        let mut control = ControlPlane::start();
        control.publish("", 1, &snapshot(&["lab", "open"]));
        let mut gateway = edge(&control, "").env("SIDEGATE_OFFLINE_AUTH", "deny").start().await;
        answers(&gateway, "/ready", None, 200).await;
        control.go_away();
        gateway.stop();
        age_by(&gateway, 60);
        let gateway = gateway.start_again().await;
        answers(&gateway, "/plugins/open/pid", None, 200).await;
        let undecided = gateway.get("/plugins/lab/pid").bearer(TOKEN).send().await;
        undecided.is_error(503, "identity_unavailable", "gateway");
        control.come_back();
        answers(&gateway, "/plugins/lab/pid", Some(TOKEN), 200).await;
    });
}

#[test]
fn a_damaged_snapshot_is_named_and_the_one_before_is_served() {
    story(async {
        let mut control = ControlPlane::start();
        control.publish("", 1, &snapshot(&["one"]));
        let mut gateway = edge(&control, "").start().await;
        answers(&gateway, "/plugins/one/pid", Some(TOKEN), 200).await;
        control.publish("", 2, &snapshot(&["one", "two"]));
        answers(&gateway, "/plugins/two/pid", Some(TOKEN), 200).await;
        control.go_away();
        gateway.stop();
        let current = gateway.data_dir().join("edge/snapshots/_global/current");
        let mut bytes = std::fs::read(&current).unwrap();
        bytes[60] ^= 1;
        std::fs::write(&current, bytes).unwrap();
        let gateway = gateway.start_again().await;
        answers(&gateway, "/plugins/one/pid", Some(TOKEN), 200).await;
        gateway.get("/plugins/two/pid").send().await.expect(404);
        let log = gateway.logged("is damaged and not used").await;
        assert!(log.contains("_global/current"), "{log}");
        control.come_back();
        answers(&gateway, "/plugins/two/pid", Some(TOKEN), 200).await;
    });
}

#[test]
fn a_new_edge_begins_with_a_bootstrap_file_and_joins_later() {
    story(async {
        let mut control = ControlPlane::start();
        control.publish("", 1, &snapshot(&["lab"]));
        control.publish("shop", 1, &Snapshot::default());
        let file = control.bootstrap_file();
        let builder = edge(&control, "shop").env("EDGE_NAMESPACE", "shop");
        control.go_away();
        let (snapshot_file, keys) = (builder.folder().join("boot"), builder.folder().join("keys"));
        std::fs::write(&snapshot_file, file).unwrap();
        let key = SealingKey::new(DATA_KEY).reveal();
        std::fs::write(&keys, format!("_global {key}\nshop {key}\n")).unwrap();
        std::fs::set_permissions(&keys, Permissions::from_mode(0o600)).unwrap();
        let gateway = builder
            .env("SIDEGATE_BOOTSTRAP_SNAPSHOT", &snapshot_file)
            .env("SIDEGATE_BOOTSTRAP_SIGNER", control.signer())
            .env("SIDEGATE_BOOTSTRAP_KEY_FILE", &keys)
            .start()
            .await;
        answers(&gateway, "/plugins/lab/pid", Some(TOKEN), 200).await;
        assert_eq!(status(&gateway).await["connected"], false);
        control.come_back();
        control.publish(
            "shop",
            2,
            &Snapshot::default().with_plugin(PluginId(9), Some(lab(9, "new"))),
        );
        answers(&gateway, "/plugins/new/pid", Some(TOKEN), 200).await;
    });
}

/// `sidegate serve --role edge` with these settings, which must not start; gives what it says.
async fn refused(folder: &Path, code: i32, settings: &[(&str, &str)]) -> String {
    let (data, path) = (folder.join("data"), search_path());
    let mut all = vec![
        ("PATH", path.to_str().unwrap()),
        ("DATA_DIR", data.to_str().unwrap()),
        ("SIDEGATE_ROLE", "edge"),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
        ("ADMIN_PORT", "0"),
    ];
    all.extend(settings);
    Cli::with(&all).fails(code, &["serve"]).await
}

#[test]
fn an_edge_that_cannot_be_one_says_why_and_what_to_do() {
    story(async {
        let control = ControlPlane::start();
        let folder = tempfile::TempDir::new().unwrap();
        let url = control.url();
        let control_url = ("SIDEGATE_CONTROL_URL", url.as_str());
        let said = refused(folder.path(), 2, &[]).await;
        assert!(said.contains("SIDEGATE_CONTROL_URL"), "{said}");
        let said = refused(folder.path(), 2, &[control_url]).await;
        assert!(said.contains("no join token") && said.contains("sidegate edge create"), "{said}");
        let unknown = control.unknown_token();
        let token = ("SIDEGATE_JOIN_TOKEN", unknown.as_str());
        let said = refused(folder.path(), 6, &[control_url, token]).await;
        assert!(said.contains("the edge has not joined"), "{said}");
        assert!(!said.contains(&unknown), "{said}");
        let boot = ("SIDEGATE_BOOTSTRAP_SNAPSHOT", "/nowhere");
        let said = refused(folder.path(), 2, &[control_url, boot]).await;
        assert!(said.contains("BOOTSTRAP_SIGNER") && said.contains("BOOTSTRAP_KEY_FILE"), "{said}");
        let dsn = ("DATABASE_DSN", "postgres://me:hunter2@db/sidegate");
        let said = refused(folder.path(), 2, &[control_url, dsn]).await;
        assert!(said.contains("an edge has no database") && !said.contains("hunter2"), "{said}");
    });
}

#[test]
fn an_edge_that_is_killed_at_any_time_starts_with_one_published_revision() {
    story(async {
        let control = ControlPlane::start();
        control.publish("", 1, &snapshot(&["s1"]));
        let mut gateway = edge(&control, "").start().await;
        for revision in 2..8_u64 {
            let slug = format!("s{revision}");
            control.publish("", revision, &snapshot(&[&slug]));
            // Each time a little later.
            for _ in 0..revision {
                gateway.get("/health").send().await.expect(200);
            }
            gateway.kill();
            gateway = gateway.start_again().await;
            let position = eventually("it serves by something", async || {
                let ready = gateway.get("/ready").send().await.json();
                ready["positions"][0]["revision"].as_u64()
            });
            let position = position.await;
            assert!((revision - 1..=revision).contains(&position), "{position} of {revision}");
            answers(&gateway, &format!("/plugins/{slug}/pid"), Some(TOKEN), 200).await;
        }
    });
}

#[test]
fn another_process_takes_over_an_edge_with_its_link() {
    story(async {
        let control = ControlPlane::start();
        control.publish("", 1, &snapshot(&["lab"]));
        let mut gateway = edge(&control, "").start().await;
        answers(&gateway, "/plugins/lab/pid", Some(TOKEN), 200).await;
        let old = gateway.take_over().await;
        gateway.get("/plugins/lab/pid").bearer(TOKEN).send().await.expect(200);
        control.publish("", 2, &snapshot(&["lab", "next"]));
        answers(&gateway, "/plugins/next/pid", Some(TOKEN), 200).await;
        old.ended().await;
        assert_eq!(status(&gateway).await["connected"], true);
    });
}

#[test]
fn on_its_own_machine_an_edge_tells_and_takes_no_orders() {
    story(async {
        let control = ControlPlane::start();
        control.publish("", 1, &snapshot(&["lab"]));
        let gateway = edge(&control, "").start().await;
        let asked = async |method: &str, path: &str| {
            let connection = Connection::open(gateway.admin().addr(), Version::Http1).await;
            connection.request(method, path).send().await
        };
        asked("GET", "/health").await.expect(200);
        asked("GET", "/metrics").await.expect(200);
        for path in ["/api/v1/plugins", "/api/v1/tokens", "/api/v1/session", "/console/", "/"] {
            let refused = asked("GET", path).await.expect(404).json();
            assert!(refused["error"].as_str().unwrap().contains("control plane"), "{refused}");
        }
        let said = gateway.cli().fails(4, &["plugin", "list"]).await;
        assert!(said.contains("this is an edge"), "{said}");
        assert!(gateway.cli().ok(&["status"]).await.contains("berlin-1"));
        assert!(!gateway.data_dir().join("sidegate.db").exists());
        assert!(!gateway.data_dir().join("admin.token").exists());
    });
}
