//! Changes that others may make at the same time: conditions on a version, and merge patches.

use crate::harness::{ADMIN_TOKEN, Admin, Answer, send};
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::plugin::PluginId;
use std::collections::BTreeSet;

const MERGE: &str = "application/merge-patch+json";

impl Admin {
    async fn change(&self, path: &str, (name, value): (&str, &str), body: Value) -> Answer {
        let kind = if name == "content-type" { value } else { "application/json" };
        let mut request = self.request(Method::PATCH, path).bearer_auth(ADMIN_TOKEN);
        if name != "content-type" {
            request = request.header(name, value);
        }
        send(request.header("content-type", kind).body(body.to_string())).await
    }

    pub(crate) async fn merge(&self, path: &str, body: Value) -> Answer {
        self.change(path, ("content-type", MERGE), body).await
    }

    async fn with_condition(&self, method: Method, path: &str, version: &str) -> Answer {
        let mut request = self.request(method.clone(), path).bearer_auth(ADMIN_TOKEN);
        if path.ends_with("grant") || path.ends_with("revoke") {
            request = request.json(&json!({"scope": "kv.readwrite"}));
        }
        if path.ends_with("rotate") {
            request = request.json(&json!({}));
        }
        if path.ends_with("approve-scopes") {
            request = request.json(&json!({"approved": false}));
        }
        send(request.header("if-match", version)).await
    }
}

async fn with_things() -> Admin {
    let admin = Admin::start().await;
    let plugin = json!({
        "name": "p", "slug": "p", "command": "file:///p", "description": "d",
        "config": {"a": 1, "db": {"host": "h", "port": 1}, "webhook_secret": "s3"},
        "options": {"pass_token": "true", "env.MODE": "m0"},
        "service_scopes": ["apps.read"],
    });
    admin.post("/api/v1/plugins", plugin).await.expect(201);
    let app = json!({
        "name": "a", "owner_email": "o@example.com", "rate_limit": 60, "description": "d",
        "metadata": {"team": "blue", "deep": {"x": 1, "y": 2}},
    });
    admin.post("/api/v1/apps", app).await.expect(201);
    admin.post("/api/v1/tokens", json!({"app_id": 1})).await.expect(201);
    admin
}

#[tokio::test]
async fn every_thing_has_a_strong_version_that_changes_with_its_content_only() {
    let admin = with_things().await;
    let mut seen = BTreeSet::new();
    for path in ["/api/v1/plugins/1", "/api/v1/apps/1", "/api/v1/tokens/1"] {
        let shown = admin.get(path).await.expect(200);
        let version = shown.header("etag");
        assert!(version.starts_with('"') && version.ends_with('"') && version.len() > 2);
        assert_eq!(admin.get(path).await.header("etag"), version);
    }
    for round in 0..20 {
        for path in ["/api/v1/plugins/1", "/api/v1/apps/1"] {
            let change = json!({"description": format!("d{round}")});
            let changed = admin.patch(path, change.clone()).await.expect(200);
            let version = changed.header("etag").to_owned();
            assert!(seen.insert((path, version.clone())), "{path} {version}");
            assert_eq!(admin.get(path).await.header("etag"), version);
            assert_eq!(admin.patch(path, change).await.header("etag"), version, "equal content");
        }
        let reloaded = admin.call(Method::POST, "/api/v1/plugins/1/reload", None).await;
        assert!(seen.insert(("/api/v1/plugins/1", reloaded.header("etag").to_owned())));
    }
    let created = json!({"name": "q", "command": "file:///q"});
    let created = admin.post("/api/v1/plugins", created).await.expect(201);
    let shown = admin.get("/api/v1/plugins/2").await;
    assert_eq!(created.header("etag"), shown.header("etag"));
}

#[tokio::test]
async fn a_change_on_the_condition_of_an_old_version_is_412_and_changes_nothing() {
    let admin = with_things().await;
    let plugin = admin.get("/api/v1/plugins/1").await.header("etag").to_owned();
    let app = admin.get("/api/v1/apps/1").await.header("etag").to_owned();
    let newer = json!({"description": "newer"});
    for (path, version) in [("/api/v1/plugins/1", &plugin), ("/api/v1/apps/1", &app)] {
        let both = format!("\"x\", {version}");
        admin.change(path, ("if-match", &both), newer.clone()).await.expect(200);
        let late = admin.change(path, ("if-match", version), json!({"description": "late"})).await;
        let late = late.expect(412);
        assert_eq!(late.json["errors"][0]["code"], "changed_meanwhile");
        assert!(late.details()[0].contains("read it again"), "{:?}", late.details());
        let weak = format!("W/{}", admin.get(path).await.header("etag"));
        admin.change(path, ("if-match", &weak), json!({"description": "late"})).await.expect(412);
        admin.change(path, ("if-match", "x"), json!({"description": "late"})).await.expect(400);
        assert_eq!(admin.get(path).await.attributes()["description"], "newer");
        admin.change(path, ("if-match", "*"), newer.clone()).await.expect(200);
    }
    let revision = admin.snapshot().revision;
    for (method, path) in [
        (Method::POST, "/api/v1/plugins/1/reload"),
        (Method::POST, "/api/v1/plugins/1/grant"),
        (Method::POST, "/api/v1/plugins/1/revoke"),
        (Method::POST, "/api/v1/plugins/1/approve-scopes"),
        (Method::DELETE, "/api/v1/plugins/1"),
        (Method::DELETE, "/api/v1/apps/1"),
        (Method::POST, "/api/v1/tokens/1/rotate"),
        (Method::DELETE, "/api/v1/tokens/1"),
    ] {
        admin.with_condition(method.clone(), path, "\"old\"").await.expect(412);
        assert_eq!(admin.snapshot().revision, revision, "{method} {path}");
    }
    admin.with_condition(Method::DELETE, "/api/v1/plugins/9", "\"old\"").await.expect(404);
    let version = admin.get("/api/v1/tokens/1").await.header("etag").to_owned();
    admin.with_condition(Method::DELETE, "/api/v1/tokens/1", &version).await.expect(204);
}

#[tokio::test]
async fn a_merge_changes_what_it_names_and_null_removes() {
    let admin = with_things().await;
    let patch = json!({
        "config": {"a": null, "db": {"port": 2}, "new": [1, null]},
        "options": {"env.MODE": null, "env.OTHER": "o"}, "description": null,
    });
    let merged = admin.merge("/api/v1/plugins/1", patch).await.expect(200);
    let attributes = merged.attributes();
    let expected = json!({
        "slug": "p", "db": {"host": "h", "port": 2}, "new": [1, null],
        "webhook_secret": {"$secret": "set"},
    });
    assert_eq!(attributes["config"], expected);
    let expected = json!({"pass_token": "true", "env.OTHER": {"$secret": "set"}});
    assert_eq!(attributes["options"], expected);
    assert_eq!((&attributes["description"], &attributes["name"]), (&json!(""), &json!("p")));
    assert_eq!(attributes["service_scopes"], json!(["apps.read"]));
    let stored = admin.store.plugin(PluginId(1)).await.unwrap();
    assert_eq!(stored.draft.config["webhook_secret"], "s3");

    let wrapped = json!({"data": {"type": "app", "attributes": {
        "metadata": {"team": null, "deep": {"x": 3}}, "rate_limit_rpm": 5,
    }}});
    let merged = admin.merge("/api/v1/apps/1", wrapped).await.expect(200);
    assert_eq!(merged.attributes()["metadata"], json!({"deep": {"x": 3, "y": 2}}));
    assert_eq!(merged.attributes()["rate_limit"], 5);
    let merged = admin.merge("/api/v1/apps/1", json!({"rate_limit": null, "metadata": null})).await;
    assert_eq!(merged.expect(200).attributes()["metadata"], json!({}));

    let plain = json!({"config": {"b": 2}, "description": null});
    let replaced = admin.patch("/api/v1/plugins/1", plain).await.expect(200);
    assert_eq!(replaced.attributes()["config"], json!({"b": 2}), "plain JSON replaces");
}

#[tokio::test]
async fn a_merge_can_move_and_remove_the_slug() {
    let admin = with_things().await;
    let slug = async |patch: Value| {
        let merged = admin.merge("/api/v1/plugins/1", patch).await.expect(200);
        merged.attributes()["slug"].clone()
    };
    assert_eq!(slug(json!({"slug": "q"})).await, "q");
    assert_eq!(slug(json!({"config": {"slug": "r"}})).await, "r");
    assert_eq!(slug(json!({"slug": null})).await, Value::Null);
    assert_eq!(slug(json!({"slug": "s"})).await, "s");
    assert_eq!(slug(json!({"slug": ""})).await, Value::Null);
    let both = json!({"slug": "a", "config": {"slug": "b"}});
    let refused = admin.merge("/api/v1/plugins/1", both).await.expect(400);
    assert!(refused.details()[0].contains("two different things"), "{:?}", refused.details());
}

#[tokio::test]
async fn a_merge_that_breaks_a_rule_is_refused_and_changes_nothing() {
    let admin = with_things().await;
    let before = admin.snapshot().revision;
    for (path, patch, said) in [
        ("plugins", json!({"name": null}), "name: "),
        ("plugins", json!({"command": null}), "command: "),
        ("plugins", json!({"status": {}}), "status: "),
        ("plugins", json!({"nonsense": 1}), "nonsense: "),
        ("plugins", json!({"config": [1]}), "config: "),
        ("plugins", json!({"options": {"pass_token": true}}), "options.pass_token: "),
        ("plugins", json!({"options": {"nonsense": "1"}}), "options: "),
        ("apps", json!({"owner_email": null}), "owner_email: "),
        ("apps", json!({"metadata": "x"}), "metadata: "),
        ("apps", json!({"rate_limit": 1, "rate_limit_rpm": 1}), "rate_limit_rpm: "),
    ] {
        let refused = admin.merge(&format!("/api/v1/{path}/1"), patch.clone()).await.expect(400);
        assert!(refused.details()[0].starts_with(said), "{patch}: {:?}", refused.details());
    }
    let kind = admin.change("/api/v1/apps/1", ("content-type", "text/plain"), json!({})).await;
    assert!(kind.expect(415).details()[0].contains(MERGE), "it says what it takes");
    assert_eq!(admin.snapshot().revision, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merges_at_the_same_time_lose_nothing() {
    let admin = std::sync::Arc::new(with_things().await);
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..20 {
        let admin = admin.clone();
        clients.spawn(async move {
            let key = format!("k{number}");
            let plugin = json!({"config": {&key: number}, "options": {format!("env.{key}"): "x"}});
            admin.merge("/api/v1/plugins/1", plugin).await.expect(200);
            admin.merge("/api/v1/apps/1", json!({"metadata": {key: number}})).await.expect(200);
        });
    }
    clients.join_all().await;
    let plugin = admin.get("/api/v1/plugins/1").await;
    let app = admin.get("/api/v1/apps/1").await;
    for number in 0..20 {
        let key = format!("k{number}");
        assert_eq!(plugin.attributes()["config"][&key], number);
        assert_eq!(plugin.attributes()["options"][format!("env.{key}")], json!({"$secret": "set"}));
        assert_eq!(app.attributes()["metadata"][&key], number);
    }
}
