//! What of a configuration is left to admins: neither a plugin nor an operator changes it, whoever told the schema.

use crate::harness::Admin;
use reqwest::Method;
use serde_json::{Map, Value, json};
use sidegate_control::PluginChanges;
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::own_changes::{
    ChangingPlugin, ConfigWish, NotChanged, OwnChanges, SavedConfig,
};
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_page::ToldByPlugin;
use sidegate_model::role::Role;
use std::sync::Arc;

const PLUGIN: PluginId = PluginId(1);

/// A plugin of this name, which says how nodes tell its schema.
async fn with_plugin(name: &str) -> Admin {
    let admin = Admin::start().await;
    let config =
        json!({"limit": 1, "url": "u", "api_token": "t-4711", "db": {"dsn": "d", "pool": 1}});
    let body = json!({"name": name, "slug": "p", "command": "file:///p", "config": config});
    admin.post("/api/v1/plugins", body).await.expect(201);
    admin
}

/// Its process beside the console tells this schema, or none.
fn tells(admin: &Admin, schema: Option<Value>) {
    let spec = admin.snapshot().plugins[&PLUGIN].clone();
    let schema =
        schema.and_then(|schema| ConfigSchema::parse(&schema.to_string()).expect("a schema"));
    let config_schema = schema.map(Arc::new);
    let told = ToldByPlugin {
        manifest: None,
        config_schema,
        is_schema_known: true,
        stands_in_because: None,
    };
    admin.plane.beside.note(spec, told);
}

fn marked() -> Value {
    json!({"properties": {
        "limit": {"x-admin": true}, "db": {"properties": {"dsn": {"x-admin": true}}},
    }})
}

/// What comes of it that the plugin sends this.
async fn saved(admin: &Admin, members: Value) -> Result<SavedConfig, NotChanged> {
    saved_if(admin, members, json!({})).await
}

/// The same where it expects this to be stored.
async fn saved_if(
    admin: &Admin,
    members: Value,
    expected: Value,
) -> Result<SavedConfig, NotChanged> {
    let changes =
        PluginChanges::new(admin.control.clone(), admin.plane.clone(), admin.plane.beside.clone());
    let members: Map<String, Value> = serde_json::from_value(members).expect("members");
    let expected: Map<String, Value> = serde_json::from_value(expected).expect("members");
    let plugin = ChangingPlugin { id: PLUGIN, for_whom: None };
    changes.update_config(plugin, ConfigWish { members, expected }).await
}

#[tokio::test]
async fn a_plugin_whose_schema_nobody_knows_changes_nothing() {
    let admin = with_plugin("silent").await;
    let refused = saved(&admin, json!({"limit": 2})).await;
    let Err(NotChanged::Unavailable(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("unavailable") && why.contains("schema"), "{why}");
    // Another program may have told another one.
    tells(&admin, None);
    admin.patch("/api/v1/plugins/1", json!({"command": "file:///q"})).await.expect(200);
    let refused = saved(&admin, json!({"limit": 2})).await;
    assert!(matches!(refused, Err(NotChanged::Unavailable(_))), "{refused:?}");
    // That it has none is something to know.
    tells(&admin, None);
    assert!(saved(&admin, json!({"limit": 1})).await.unwrap().serves);
}

#[tokio::test]
async fn what_is_not_as_expected_any_more_is_not_changed() {
    let admin = with_plugin("silent").await;
    tells(&admin, None);
    for expected in [json!({"url": "w"}), json!({"url": null}), json!({"url": "u", "gone": 1})] {
        let refused = saved_if(&admin, json!({"url": "v"}), expected.clone()).await;
        let is_told = matches!(refused, Err(NotChanged::ChangedMeanwhile(_)));
        assert!(is_told, "{expected}: {refused:?}");
    }
    assert_eq!(admin.snapshot().plugins[&PLUGIN].config["url"], "u");
    let expected = json!({"url": "u", "limit": "1", "gone": null});
    assert!(saved_if(&admin, json!({"limit": 1}), expected).await.unwrap().serves);
}

#[tokio::test]
async fn what_only_the_process_beside_the_console_leaves_to_admins_is_theirs() {
    for name in ["silent", "has-schema"] {
        let admin = with_plugin(name).await;
        tells(&admin, Some(marked()));
        for wish in [
            json!({"limit": 2}),
            json!({"limit": null}),
            json!({"db": {"dsn": "evil"}}),
            json!({"db": "{\"pool\":1,\"dsn\":\"evil\"}"}),
        ] {
            let refused = saved(&admin, wish.clone()).await;
            assert!(matches!(refused, Err(NotChanged::Denied(_))), "{name} {wish}: {refused:?}");
        }
        assert!(saved(&admin, json!({"limit": "1", "url": "u"})).await.unwrap().serves);
    }
}

#[tokio::test]
async fn a_plugin_that_sends_what_is_shown_for_a_secret_keeps_it() {
    let admin = with_plugin("silent").await;
    tells(&admin, None);
    let mark = json!({"$secret": "set"});
    assert!(saved(&admin, json!({"api_token": mark})).await.unwrap().serves);
    assert_eq!(admin.snapshot().plugins[&PLUGIN].config["api_token"], "t-4711");
    let refused = saved(&admin, json!({"url": mark})).await;
    let Err(NotChanged::Invalid(why)) = refused else { panic!("{refused:?}") };
    assert!(why.starts_with("config.url: "), "{why}");
}

#[tokio::test]
async fn an_operator_changes_nothing_that_the_schema_leaves_to_admins() {
    let admin = with_plugin("silent").await;
    tells(&admin, Some(marked()));
    let operator = admin.admin_token("o", Role::Operator).await;
    let patch = async |query: &str, config: Value| {
        let (path, body) = (format!("/api/v1/plugins/1{query}"), json!({"config": config}));
        admin.call_as(&operator, Method::PATCH, &path, Some(body)).await
    };
    for query in ["", "?schema=ignore", "?dry_run=true"] {
        for (config, field) in [
            (json!({"limit": 2}), "config.limit"),
            (json!({"limit": null}), "config.limit"),
            (json!({"db": {"dsn": "evil"}}), "config.db.dsn"),
            (json!({"db": "{\"dsn\":\"evil\"}"}), "config.db.dsn"),
        ] {
            let refused = patch(query, config).await.expect(403);
            assert_eq!(refused.json["code"], "insufficient_role");
            assert!(refused.json["errors"].to_string().contains(field), "{:?}", refused.json);
        }
    }
    patch("", json!({"limit": 1, "url": "v", "db": {"pool": 2}})).await.expect(200);
    admin.patch("/api/v1/plugins/1", json!({"config": {"limit": 2}})).await.expect(200);
}
