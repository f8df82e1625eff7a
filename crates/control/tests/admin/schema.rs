//! What a plugin says of its configuration: shown, and held against what is saved.

use crate::harness::{ADMIN_TOKEN, Admin, Answer, send};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

async fn with_schema() -> Admin {
    with_plugin("has-schema").await
}

async fn with_plugin(name: &str) -> Admin {
    let admin = Admin::start().await;
    let plugin = json!({"name": name, "slug": "p", "command": "file:///p", "config": {"url": "u"}});
    admin.post("/api/v1/plugins", plugin).await.expect(201);
    admin
}

#[tokio::test]
async fn a_schema_is_shown_and_a_plugin_without_one_has_an_empty_one() {
    let admin = with_schema().await;
    let shown = admin.get("/api/v1/plugins/1/config-schema").await.expect(200);
    assert_eq!(shown.json["data"]["type"], "plugin-config-schema");
    assert_eq!(shown.attributes()["schema"]["required"], json!(["url"]));
    admin.post("/api/v1/plugins", json!({"name": "q", "command": "file:///q"})).await.expect(201);
    let shown = admin.get("/api/v1/plugins/2/config-schema").await.expect(200);
    assert_eq!(shown.attributes()["schema"], json!({}));
    admin.get("/api/v1/plugins/9/config-schema").await.expect(404);
}

#[tokio::test]
async fn a_configuration_that_breaks_the_schema_is_refused_with_every_path() {
    let admin = with_schema().await;
    let secret = json!({"config": {"url": "u", "api_secret": "short"}});
    let refused = admin.patch("/api/v1/plugins/1", secret).await.expect(400);
    assert_eq!(refused.details(), ["config.api_secret: use at least 8 characters"]);
    let wrong = json!({"config": {"port": 70000, "other": 1}});
    let refused = admin.patch("/api/v1/plugins/1", wrong.clone()).await.expect(400);
    let expected = [
        "config: url is missing",
        "config.other: there is no such setting",
        "config.port: use at most 65535",
    ];
    assert_eq!(refused.details(), expected);
    assert_eq!(admin.get("/api/v1/plugins/1").await.attributes()["config"]["url"], "u");
    // A text is what the plugin gets in any case, and the slug is ours.
    let good = json!({"config": {"url": "u", "port": "8080", "slug": "p"}});
    admin.patch("/api/v1/plugins/1", good).await.expect(200);
    // What does not touch the configuration is not held up by it, nor is another program.
    admin.patch("/api/v1/plugins/1", json!({"description": "d"})).await.expect(200);
    let mut other = wrong.clone();
    other["command"] = json!("file:///another");
    admin.patch("/api/v1/plugins/1", other).await.expect(200);
    // What is wrong already is no reason to refuse, and there is a way around the schema.
    let same = json!({"config": {"port": 70000, "other": 2}});
    admin.patch("/api/v1/plugins/1", same).await.expect(200);
    let more: Value = json!({"config": {"more": 1}});
    admin.patch("/api/v1/plugins/1", more.clone()).await.expect(400);
    admin.patch("/api/v1/plugins/1?schema=ignore", more).await.expect(200);
}

async fn merge(admin: &Admin, query: &str, config: Value) -> Answer {
    let request = admin.request(Method::PATCH, &format!("/api/v1/plugins/1{query}"));
    let request = request.header("content-type", "application/merge-patch+json");
    let body = json!({ "config": config }).to_string();
    send(request.bearer_auth(ADMIN_TOKEN).body(body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merges_at_the_same_time_lose_nothing_and_are_each_held_against_the_schema() {
    let admin = Arc::new(with_schema().await);
    merge(&admin, "?schema=ignore", json!({"lists": {}})).await.expect(200);
    let mut clients = JoinSet::new();
    for number in 0..10 {
        let admin = admin.clone();
        clients.spawn(async move {
            let key = format!("k{number}");
            merge(&admin, "", json!({"lists": {key: number}})).await.expect(200);
            merge(&admin, "", json!({format!("bad{number}"): 1})).await.expect(400);
        });
    }
    clients.join_all().await;
    let shown = admin.get("/api/v1/plugins/1").await;
    let config = &shown.attributes()["config"];
    let expected: serde_json::Map<_, _> =
        (0..10).map(|number| (format!("k{number}"), json!(number))).collect();
    assert_eq!(config["lists"], json!(expected));
    assert_eq!(config.as_object().unwrap().len(), 3, "{config}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_look_at_a_configuration() {
    let admin = Arc::new(with_plugin("has-endless").await);
    let looked_at = {
        let admin = admin.clone();
        tokio::spawn(async move { merge(&admin, "", json!({"a": 1})).await.expect(200) })
    };
    // Its version is another one afterwards, and the look begins anew.
    merge(&admin, "?schema=ignore", json!({"b": 1})).await.expect(200);
    admin.post("/api/v1/apps", json!({"name": "a", "owner_email": "a@b.c"})).await.expect(201);
    assert!(!looked_at.is_finished(), "what can be looked at for long was not");
    looked_at.await.unwrap();
    let shown = admin.get("/api/v1/plugins/1").await;
    assert_eq!(shown.attributes()["config"], json!({"a": 1, "b": 1, "slug": "p", "url": "u"}));
    let stale = admin.request(Method::PATCH, "/api/v1/plugins/1").header("if-match", "\"old\"");
    let body = json!({"config": {"c": 1}}).to_string();
    let stale = stale.header("content-type", "application/json").bearer_auth(ADMIN_TOKEN);
    send(stale.body(body)).await.expect(412);
}
