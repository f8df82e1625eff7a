//! What a plugin says of its configuration: shown, and held against what is saved.

use crate::harness::Admin;
use serde_json::{Value, json};

async fn with_schema() -> Admin {
    let admin = Admin::start().await;
    let plugin = json!({
        "name": "has-schema", "slug": "p", "command": "file:///p", "config": {"url": "u"},
    });
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
