//! Secrets of plugins: hidden in every answer, kept when what was shown is sent back, and never
//! replaced by what stands in their place.

use crate::harness::{Admin, send};
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::plugin::PluginId;

async fn with_secrets() -> Admin {
    let admin = Admin::start().await;
    let plugin = json!({
        "name": "p", "slug": "p", "command": "file:///p",
        "config": {
            "webhook_secret": "hunter1", "region": "eu",
            "users": [{"name": "a", "password": "hunter2"}, {"name": "b", "password": "hunter3"}],
        },
        "options": {"env.MODE": "hunter4", "pass_token": "true"},
    });
    let created = admin.post("/api/v1/plugins", plugin).await.expect(201);
    assert!(!created.json.to_string().contains("hunter"), "{}", created.json);
    admin
}

async fn stored(admin: &Admin) -> Value {
    let draft = admin.store.plugin(PluginId(1)).await.expect("it is stored").draft;
    json!({"config": draft.config, "options": draft.options})
}

#[tokio::test]
async fn no_answer_has_a_secret_whatever_is_asked() {
    let admin = with_secrets().await;
    let answers = [
        admin.get("/api/v1/plugins").await,
        admin.get("/api/v1/plugins?name=p").await,
        admin.get("/api/v1/plugins/1").await,
        admin.get("/api/v1/plugins/1/status").await,
        admin.get("/api/v1/plugins/1/records").await,
        admin.patch("/api/v1/plugins/1", json!({"description": "d"})).await,
        admin.call(Method::POST, "/api/v1/plugins/1/reload", None).await,
        admin.post("/api/v1/plugins/1/grant", json!({"scope": "apps.read"})).await,
        admin.post("/api/v1/plugins/1/revoke", json!({"scope": "apps.read"})).await,
        admin.post("/api/v1/plugins/1/approve-scopes", json!({"approved": true})).await,
    ];
    for answer in answers {
        let answer = answer.expect(200);
        assert!(!answer.json.to_string().contains("hunter"), "{}", answer.json);
    }
    for path in ["plugins?secrets=show", "plugins/1?secrets=show"] {
        let refused = admin.get(&format!("/api/v1/{path}")).await.expect(400);
        assert_eq!(refused.details(), ["query: secrets: this parameter is unknown here"]);
    }
}

#[tokio::test]
async fn what_is_once_called_a_secret_is_hidden_and_kept_whatever_is_said_later() {
    let admin = with_secrets().await;
    let called_so = json!({"options": {"secret_settings": "region, users.*.name"}});
    let shown = admin.merge("/api/v1/plugins/1", called_so).await.expect(200);
    let set = json!({"$secret": "set"});
    let hidden = shown.attributes()["config"].clone();
    assert_eq!((&hidden["region"], &hidden["users"][1]["name"]), (&set, &set));
    assert_eq!(hidden["slug"], "p");
    let taken_back = json!({"options": {"secret_settings": null}, "config": {"more": 1}});
    let shown = admin.merge("/api/v1/plugins/1", taken_back).await.expect(200);
    assert_eq!(shown.attributes()["config"]["region"], set);
    let back = json!({"config": hidden});
    let shown = admin.patch("/api/v1/plugins/1", back).await.expect(200);
    assert_eq!(shown.attributes()["config"], hidden);
    assert_eq!(stored(&admin).await["config"]["region"], "eu");
    let unknown = json!({"options": {"secret_settings": "a..b"}});
    let refused = admin.merge("/api/v1/plugins/1", unknown).await.expect(400);
    assert!(refused.details()[0].contains("\"a..b\" names no setting"), "{:?}", refused.details());
}

#[tokio::test]
async fn that_a_secret_became_another_one_is_told_and_nothing_else_of_it() {
    let admin = with_secrets().await;
    let version = async |change: Value| {
        let shown = admin.merge("/api/v1/plugins/1", change).await.expect(200);
        shown.attributes()["secrets_version"].clone()
    };
    let first = version(json!({"description": "d"})).await;
    assert!(first.is_string());
    assert_eq!(version(json!({"config": {"region": "us"}})).await, first);
    assert_eq!(version(json!({"config": {"webhook_secret": "hunter1"}})).await, first);
    let second = version(json!({"config": {"webhook_secret": "hunter9"}})).await;
    assert_ne!(second, first);
    assert_ne!(version(json!({"options": {"env.MODE": "hunter9"}})).await, second);
    let none =
        json!({"config": {"webhook_secret": null, "users": null}, "options": {"env.MODE": null}});
    assert_eq!(version(none).await, Value::Null);
}

#[tokio::test]
async fn what_was_shown_can_be_sent_back_in_every_way_and_keeps_every_secret() {
    let admin = with_secrets().await;
    let before = stored(&admin).await;
    let shown = admin.get("/api/v1/plugins/1").await;
    let (config, options) = (&shown.attributes()["config"], &shown.attributes()["options"]);
    assert_eq!(config["webhook_secret"], json!({"$secret": "set"}));
    assert_eq!(options["env.MODE"], json!({"$secret": "set"}));
    let revision = admin.snapshot().revision;
    let all = json!({"config": config, "options": options});
    admin.patch("/api/v1/plugins/1", all.clone()).await.expect(200);
    let merge = admin.request(Method::PATCH, "/api/v1/plugins/1");
    let merge = merge.bearer_auth(crate::harness::ADMIN_TOKEN).body(all.to_string());
    send(merge.header("content-type", "application/merge-patch+json")).await.expect(200);
    assert_eq!(admin.snapshot().revision, revision, "nothing became different");
    assert_eq!(stored(&admin).await, before);

    let mut changed = config.clone();
    changed["region"] = json!("us");
    changed["users"][1]["password"] = json!("hunter5");
    admin.patch("/api/v1/plugins/1", json!({"config": changed})).await.expect(200);
    let after = stored(&admin).await;
    assert_eq!(after["config"]["webhook_secret"], "hunter1");
    assert_eq!(after["config"]["users"][0]["password"], "hunter2");
    assert_eq!(after["config"]["users"][1]["password"], "hunter5");
    assert_eq!(after["config"]["region"], "us");
}

#[tokio::test]
async fn what_stands_in_the_place_of_a_secret_is_never_taken_for_one() {
    let admin = with_secrets().await;
    let before = stored(&admin).await;
    let set = json!({"$secret": "set"});
    for (body, path) in [
        (json!({"config": {"other_secret": set}}), "config.other_secret: "),
        (json!({"config": {"region": set}}), "config.region: "),
        (json!({"config": {"users": [{"password": set}]}}), "config.users[0].password: "),
        (json!({"config": {"webhook_secret": "…"}}), "config.webhook_secret: "),
        (json!({"config": {"webhook_secret": set.to_string()}}), "config.webhook_secret: "),
        (json!({"config": {"webhook_secret": {"$secret": 1}}}), "config.webhook_secret: "),
        (json!({"options": {"env.OTHER": set}}), "options.env.OTHER: "),
        (json!({"options": {"pass_token": set}}), "options.pass_token: "),
        (json!({"options": {"env.MODE": "…"}}), "options.env.MODE: "),
    ] {
        let refused = admin.patch("/api/v1/plugins/1", body.clone()).await.expect(400);
        assert!(refused.details()[0].starts_with(path), "{body}: {:?}", refused.details());
        let merge = admin.request(Method::PATCH, "/api/v1/plugins/1");
        let merge = merge.bearer_auth(crate::harness::ADMIN_TOKEN).body(body.to_string());
        let merge = merge.header("content-type", "application/merge-patch+json");
        let refused = send(merge).await.expect(400);
        assert!(refused.details()[0].starts_with(path), "{body}: {:?}", refused.details());
        let mut new = body.clone();
        new["name"] = json!("new");
        new["command"] = json!("file:///p");
        let refused = admin.post("/api/v1/plugins", new).await.expect(400);
        assert!(refused.details()[0].starts_with(path), "{body}: {:?}", refused.details());
    }
    assert_eq!(stored(&admin).await, before);
}
