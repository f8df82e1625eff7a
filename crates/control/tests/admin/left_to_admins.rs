//! What is left to admins where not everybody tells it: where it is damaged, could not be read, or edges tell it.

use crate::harness::{Admin, Answer};
use reqwest::Method;
use serde_json::{Map, Value, json};
use sidegate_control::{PluginChanges, keep_recorded};
use sidegate_e2e::eventually;
use sidegate_model::own_changes::{ChangingPlugin, ConfigWish, NotChanged, OwnChanges};
use sidegate_model::plugin::PluginId;
use sidegate_model::role::Role;
use sidegate_model::secret::SettingPath;
use sidegate_store::damage::damage_admin_settings;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

const PLUGIN: PluginId = PluginId(1);

/// Plugins of these names, each with a configuration.
async fn with_plugins(names: &[&str]) -> Admin {
    let admin = Admin::start().await;
    for name in names {
        let config = json!({"limit": 1, "dsn": "d", "url": "u"});
        let body = json!({"name": name, "slug": name, "command": "file:///p", "config": config});
        admin.post("/api/v1/plugins", body).await.expect(201);
    }
    admin
}

fn paths(texts: &[&str]) -> BTreeSet<SettingPath> {
    texts.iter().map(|text| text.parse().expect("a path")).collect()
}

/// These were left to admins of the plugin when it was told last.
async fn keep(admin: &Admin, texts: &[&str]) {
    let kept = BTreeMap::from([(PLUGIN, paths(texts))]);
    admin.store.keep_admin_settings(&kept).await.expect("it is kept");
}

async fn as_operator(admin: &Admin, body: Value) -> Answer {
    let operator = admin
        .admin_token(
            &format!("o-{body}").replace(|c: char| !c.is_alphanumeric(), "-"),
            Role::Operator,
        )
        .await;
    admin.call_as(&operator, Method::PATCH, "/api/v1/plugins/1", Some(body)).await
}

/// What a plugin that wants this is told.
async fn as_plugin(admin: &Admin, members: Value) -> Option<NotChanged> {
    let changes =
        PluginChanges::new(admin.control.clone(), admin.plane.clone(), admin.plane.beside.clone());
    let members: Map<String, Value> = serde_json::from_value(members).expect("members");
    let wish = ConfigWish { members, ..<_>::default() };
    changes.update_config(ChangingPlugin { id: PLUGIN, for_whom: None }, wish).await.err()
}

#[tokio::test]
async fn what_is_damaged_of_one_plugin_keeps_nothing_from_the_others() {
    let admin = with_plugins(&["a-marked", "b-marked"]).await;
    keep(&admin, &["db"]).await;
    damage_admin_settings(&admin.store, PLUGIN).await.unwrap();
    admin.plane.is_of_edges.store(true, Ordering::Relaxed);
    let recording = tokio::spawn(keep_recorded(admin.control.clone(), admin.plane.clone()));
    eventually("the other one is recorded", async || {
        let of_other = admin.store.view().admin_settings(PluginId(2)).await.unwrap();
        let is_secret = |id| admin.snapshot().plugins[&id].secret_settings == paths(&["dsn"]);
        let is_all = is_secret(PLUGIN) && is_secret(PluginId(2));
        (is_all && of_other == Some(paths(&["limit"]))).then_some(())
    })
    .await;
    assert!(admin.store.view().admin_settings(PLUGIN).await.is_err(), "edges take nothing away");
    recording.abort();
    // The node of this process knows it.
    admin.plane.is_of_edges.store(false, Ordering::Relaxed);
    let recording = tokio::spawn(keep_recorded(admin.control.clone(), admin.plane.clone()));
    eventually("the damage is mended", async || {
        let kept = admin.store.view().admin_settings(PLUGIN).await.ok().flatten();
        (kept == Some(paths(&["limit"]))).then_some(())
    })
    .await;
    recording.abort();
}

#[tokio::test]
async fn what_is_damaged_is_left_to_admins_and_keeps_no_admin_from_anything() {
    let admin = with_plugins(&["silent"]).await;
    keep(&admin, &["db"]).await;
    damage_admin_settings(&admin.store, PLUGIN).await.unwrap();
    admin.patch("/api/v1/plugins/1", json!({"is_active": false})).await.expect(200);
    let refused = as_operator(&admin, json!({"config": {"url": "v"}})).await.expect(403);
    assert_eq!(refused.json["code"], "insufficient_role");
    assert!(refused.json.to_string().contains("damaged"), "{:?}", refused.json);
    let denied = as_plugin(&admin, json!({"url": "v"})).await;
    assert!(matches!(denied, Some(NotChanged::Unavailable(_))), "{denied:?}");
    as_operator(&admin, json!({"description": "d", "slug": "q"})).await.expect(200);
    let all = json!({"config": {"url": "v", "limit": 2}, "is_active": true});
    admin.patch("/api/v1/plugins/1", all).await.expect(200);
}

#[tokio::test]
async fn a_plugin_that_runs_and_whose_schema_could_not_be_read_is_closed_to_operators() {
    let admin = with_plugins(&["p-unread"]).await;
    for body in [json!({"config": {"url": "v"}}), json!({"config": {"new": 1}})] {
        let refused = as_operator(&admin, body).await.expect(403);
        assert_eq!(refused.json["code"], "insufficient_role");
        assert!(refused.json.to_string().contains("could not be read"), "{:?}", refused.json);
    }
    let denied = as_plugin(&admin, json!({"url": "v"})).await;
    assert!(matches!(denied, Some(NotChanged::Unavailable(_))), "{denied:?}");
    as_operator(&admin, json!({"description": "d", "slug": "q"})).await.expect(200);
    let shown = admin.get("/api/v1/plugins/1/config-schema").await.expect(200);
    assert_eq!(shown.attributes()["schema"], json!({}));
    admin.patch("/api/v1/plugins/1", json!({"config": {"url": "v"}})).await.expect(200);
    // That is not what it leaves to admins.
    let recording = tokio::spawn(keep_recorded(admin.control.clone(), admin.plane.clone()));
    tokio::task::yield_now().await;
    assert_eq!(admin.store.view().admin_settings(PLUGIN).await.unwrap(), None);
    recording.abort();
}

#[tokio::test]
async fn an_edge_takes_nothing_from_what_was_left_to_admins() {
    let admin = with_plugins(&["p-marked"]).await;
    keep(&admin, &["url"]).await;
    admin.plane.is_of_edges.store(true, Ordering::Relaxed);
    for (name, value) in [("limit", json!(2)), ("url", json!("v"))] {
        let field = format!("config.{name}");
        let refused = as_operator(&admin, json!({"config": {name: value}})).await.expect(403);
        assert_eq!(refused.json["errors"][0]["field"], field);
        let denied = as_plugin(&admin, json!({name: value})).await;
        assert!(matches!(denied, Some(NotChanged::Denied(_))), "{name}: {denied:?}");
    }
    // What the node of this process says now is what counts.
    admin.plane.is_of_edges.store(false, Ordering::Relaxed);
    as_operator(&admin, json!({"config": {"url": "w"}})).await.expect(200);
}

#[tokio::test]
async fn a_plugin_that_says_it_has_no_schema_leaves_nothing_to_admins_and_one_that_fails_to_say_it_all_it_did()
 {
    let admin = with_plugins(&["p-none", "silent"]).await;
    let other = BTreeMap::from([(PluginId(2), paths(&["url"]))]);
    keep(&admin, &["url"]).await;
    admin.store.keep_admin_settings(&other).await.expect("it is kept");
    // Of edges it takes nothing.
    admin.plane.is_of_edges.store(true, Ordering::Relaxed);
    as_operator(&admin, json!({"config": {"url": "v"}})).await.expect(403);
    admin.plane.is_of_edges.store(false, Ordering::Relaxed);
    let recording = tokio::spawn(keep_recorded(admin.control.clone(), admin.plane.clone()));
    eventually("it is recorded", async || {
        let kept = admin.store.view().admin_settings(PLUGIN).await.unwrap();
        (kept == Some(BTreeSet::new())).then_some(())
    })
    .await;
    recording.abort();
    as_operator(&admin, json!({"config": {"url": "w"}})).await.expect(200);
    let denied = as_plugin(&admin, json!({"url": "w"})).await;
    assert_eq!(denied, None, "it is known what it leaves to admins");
    let shown = admin.get("/api/v1/plugins/1/config-schema").await.expect(200);
    assert_eq!(shown.attributes()["schema"], json!({}));
    assert_eq!(
        admin.store.view().admin_settings(PluginId(2)).await.unwrap(),
        Some(paths(&["url"]))
    );
    let operator = admin.admin_token("of-the-other", Role::Operator).await;
    let change = Some(json!({"config": {"url": "v"}}));
    let refused = admin.call_as(&operator, Method::PATCH, "/api/v1/plugins/2", change).await;
    assert_eq!(refused.expect(403).json["errors"][0]["field"], "config.url");
}

#[tokio::test]
async fn no_way_to_change_a_configuration_passes_by_what_is_left_to_admins() {
    let admin = with_plugins(&["p-marked"]).await;
    let before = admin.store.revision().await.unwrap();
    admin.patch("/api/v1/plugins/1", json!({"config": {"limit": 9, "url": "u"}})).await.expect(200);
    let operator = admin.admin_token("o", Role::Operator).await;
    let call = async |method, path: &str, body: Value| {
        admin.call_as(&operator, method, path, Some(body)).await.expect(403)
    };
    // What `sidegate apply` sends, and every editor.
    let config = json!({"config": {"limit": 1, "url": "u"}});
    let refused = call(Method::PATCH, "/api/v1/plugins/1", config.clone()).await;
    assert_eq!(refused.json["errors"][0]["field"], "config.limit");
    call(Method::PATCH, "/api/v1/plugins/1?schema=ignore", config.clone()).await;
    call(Method::PATCH, "/api/v1/plugins/1?dry_run=true", config).await;
    // Going back is an admin's, whatever it would change, and so are removing it and making it anew.
    let back = json!({"revision": before, "namespace": "default"});
    call(Method::POST, "/api/v1/revisions/rollback", back).await;
    call(Method::DELETE, "/api/v1/plugins/1", json!({})).await;
    let anew = json!({"name": "q", "slug": "q", "command": "file:///p", "config": {"limit": 1}});
    call(Method::POST, "/api/v1/plugins", anew).await;
    let denied = as_plugin(&admin, json!({"limit": 1})).await;
    assert!(matches!(denied, Some(NotChanged::Denied(_))), "{denied:?}");
    assert_eq!(admin.snapshot().plugins[&PLUGIN].config["limit"], json!(9));
}
