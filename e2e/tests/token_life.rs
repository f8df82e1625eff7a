//! Tokens over time: when they were last used, how one takes another one's place without a gap, and when they end.

use serde_json::{Value, json};
use sidegate_e2e::{Gateway, Need, SmallDisk, eventually, story, within};
use std::time::{Duration, Instant};

/// What is promised of streams, with room for a busy machine.
const SOON: Duration = Duration::from_secs(6);
const PATH: &str = "/plugins/lab/x";

async fn start(settings: &[(&str, &str)]) -> Gateway {
    let mut builder = Gateway::builder();
    for (name, value) in settings {
        builder = builder.env(name, value);
    }
    let gateway = builder.start().await;
    gateway.plugin("lab").config("require_auth", "true").ready().await;
    gateway
}

async fn token(gateway: &Gateway, id: u32) -> Value {
    gateway.admin().get(&format!("tokens/{id}")).await["attributes"].take()
}

async fn is_let_in(gateway: &Gateway, text: &str) -> bool {
    let answer = gateway.get(PATH).bearer(text).send().await;
    if answer.status != 200 {
        answer.is_error(401, "unauthorized", "client");
        return false;
    }
    true
}

async fn last_use(gateway: &Gateway, id: u32) -> Option<String> {
    token(gateway, id).await["last_used_at"].as_str().map(str::to_owned)
}

#[test]
fn the_last_use_of_a_token_is_shown_soon_and_is_no_change_of_it() {
    story(async {
        let gateway = start(&[("SIDEGATE_TOKEN_USE_INTERVAL", "50ms")]).await;
        let app = gateway.app("one").create().await;
        let (text, id) = app.token().create_with_id().await;
        let (_, other) = app.token().create_with_id().await;
        gateway.get(PATH).bearer("sgt_unknown").send().await.is_error(
            401,
            "unauthorized",
            "client",
        );
        assert_eq!(last_use(&gateway, id).await, None);
        let cli = gateway.cli();
        let before = gateway.admin().get(&format!("tokens/{id}")).await;
        assert!(is_let_in(&gateway, &text).await);
        let shown = eventually("it is shown", async || last_use(&gateway, id).await).await;
        assert_eq!(last_use(&gateway, other).await, None, "it is that of one token");
        let mut after = gateway.admin().get(&format!("tokens/{id}")).await;
        after["attributes"]["last_used_at"] = Value::Null;
        assert_eq!(after, before);
        let table = cli.ok(&["token", "list"]).await;
        assert!(table.contains(&shown) && table.contains("LAST USED"), "{table}");
    });
}

#[test]
fn the_last_use_of_a_token_outlives_a_stop_and_a_takeover() {
    story(async {
        let gateway = start(&[("SIDEGATE_TOKEN_USE_INTERVAL", "1h")]).await;
        let app = gateway.app("one").create().await;
        let (first, first_id) = app.token().create_with_id().await;
        let (second, second_id) = app.token().create_with_id().await;
        assert!(is_let_in(&gateway, &first).await);
        assert_eq!(last_use(&gateway, first_id).await, None, "it is written once an hour");
        let mut gateway = gateway.restart().await;
        gateway.plugin_by_id(1).wait_ready().await;
        let kept = last_use(&gateway, first_id).await;
        assert!(kept.is_some());
        assert!(is_let_in(&gateway, &second).await);
        gateway.take_over().await.ended().await;
        assert!(last_use(&gateway, second_id).await.is_some());
        assert_eq!(last_use(&gateway, first_id).await, kept);
    });
}

#[test]
fn a_token_is_rotated_without_a_gap() {
    story(async {
        let gateway = start(&[]).await;
        let (app, cli) = (gateway.app("one").create().await, gateway.cli());
        let create = ["token", "create", "--app", "one", "--name", "ci", "--expires", "30d", "-q"];
        let old = cli.ok(&create).await.trim().to_owned();
        let rotate = ["token", "rotate", "ci", "--overlap", "4s"];
        let begun = Instant::now();
        let new = cli.json(&rotate).await;
        let text = new["attributes"]["token"].as_str().unwrap();
        for secret in [old.as_str(), text] {
            gateway.admin().keep_secret(secret);
        }
        assert_eq!((&new["attributes"]["name"], &new["id"]), (&json!("ci"), &json!("2")));
        assert_eq!(new["attributes"]["app_id"], app.id);
        assert!(is_let_in(&gateway, text).await);
        // A machine that is very busy has slept through the overlap.
        assert!(is_let_in(&gateway, &old).await || begun.elapsed() > Duration::from_secs(4));
        eventually("the old one ends", async || (!is_let_in(&gateway, &old).await).then_some(()))
            .await;
        assert!(begun.elapsed() >= Duration::from_secs(4), "not before its time");
        assert!(is_let_in(&gateway, text).await);
        let said = cli.fails(5, &["token", "rotate", "1"]).await;
        assert!(said.contains("replaced by token 2 already; rotate that one"), "{said}");
        let table = cli.ok(&["token", "list", "--expired", "true"]).await;
        assert!(table.contains("(expired)") && table.contains("REPLACED BY"), "{table}");
        // By name the one is meant that goes on.
        let finished = cli.run(&["token", "rotate", "ci"]).await;
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.stderr.contains("token 2 ("), "{}", finished.stderr);
        assert!(finished.stderr.contains("is valid until"), "{}", finished.stderr);
        assert!(finished.stdout.contains("sgt_"), "{}", finished.stdout);
    });
}

#[test]
fn a_rotation_without_overlap_ends_the_old_one_with_its_streams_at_once() {
    story(async {
        let gateway = start(&[]).await;
        let app = gateway.app("one").create().await;
        let (old, id) = app.token().create_with_id().await;
        let path = "/plugins/lab/sse?n=inf&interval_ms=20";
        let mut stream = gateway.get(path).bearer(&old).open().await;
        stream.read_until("\n\n").await;
        let rotated = format!("tokens/{id}/rotate");
        let new = gateway.admin().post(&rotated, &json!({"overlap": "0"})).await;
        let new = new["attributes"]["token"].as_str().unwrap().to_owned();
        gateway.admin().keep_secret(&new);
        assert!(!is_let_in(&gateway, &old).await, "from the next request on");
        assert!(is_let_in(&gateway, &new).await);
        within(SOON, "the end of its stream", stream.rest()).await.expect_err("a clean end");
    });
}

#[test]
fn new_tokens_end_when_the_operator_usually_wants_it_and_lists_tell_which_end_soon() {
    story(async {
        let gateway = start(&[("SIDEGATE_TOKEN_EXPIRY", "90d")]).await;
        gateway.app("one").create().await;
        let cli = gateway.cli();
        for (name, more) in [
            ("usual", &[][..]),
            ("week", &["--expires", "7d"]),
            ("endless", &["--expires", "never"]),
        ] {
            let create = ["token", "create", "--app", "one", "--name", name, "--quiet"];
            let text = cli.ok(&[&create, more].concat()).await;
            gateway.admin().keep_secret(text.trim());
        }
        assert_eq!(token(&gateway, 3).await["expires_at"], Value::Null);
        for (filter, ids) in [
            (&["--expires-within", "8d"][..], "2\n"),
            (&["--expires-within", "91d", "--app", "one"], "1\n2\n"),
            (&["--expired", "true"], ""),
            (&["--expired", "false", "--name", "endless"], "3\n"),
            (&["--unused-for", "30d"], ""),
            (&["--unused-for", "0s"], "1\n2\n3\n"),
        ] {
            let list = [&["token", "list", "--quiet"], filter].concat();
            assert_eq!(cli.ok(&list).await, ids, "{filter:?}");
        }
        let said = cli.fails(2, &["token", "list", "--unused-for", "1M"]).await;
        assert!(said.contains("minutes"), "{said}");
    });
}

#[test]
fn a_disk_that_fails_holds_up_no_request_and_the_last_use_is_written_after_it() {
    story(async {
        let Some(disk) = Need::Mount.or_skip(SmallDisk::mount(4096)) else { return };
        let data_dir = disk.path().join("data");
        let settings = [("DATA_DIR", data_dir.to_str().unwrap())];
        let gateway =
            start(&[&settings[..], &[("SIDEGATE_TOKEN_USE_INTERVAL", "50ms")]].concat()).await;
        let app = gateway.app("one").create().await;
        let (text, id) = app.token().create_with_id().await;
        let filler = disk.fill();
        let mut number = 0;
        eventually("the disk is full", async || {
            number += 1;
            let app = json!({"name": format!("app-{number}"), "owner_email": "ops@example.com"});
            let (status, _) = gateway.admin().call("POST", "apps", Some(&app)).await;
            (status == 503).then_some(())
        })
        .await;
        assert!(is_let_in(&gateway, &text).await);
        gateway.logged("when tokens were last used is not written for now").await;
        for _ in 0..20 {
            assert!(is_let_in(&gateway, &text).await);
        }
        assert_eq!(last_use(&gateway, id).await, None);
        drop(filler);
        eventually("it is written", async || last_use(&gateway, id).await).await;
        let log = gateway.logged("when tokens were last used is written again").await;
        assert_eq!(log.matches("is not written for now").count(), 1, "it is said once");
    });
}
