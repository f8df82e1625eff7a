//! What plugins may ask of the host, granted and revoked over the admin API.

use crate::harness::Admin;
use futures_util::future::join_all;
use serde_json::json;
use sidegate_model::plugin::PluginId;
use sidegate_model::scope::SERVICE_SCOPES;
use std::collections::BTreeSet;

const PLUGIN: &str = "/api/v1/plugins/1";

async fn with_plugin(granted: &[&str]) -> Admin {
    let admin = Admin::start().await;
    let mut body = json!({"name": "files", "slug": "f", "command": "file:///opt/plugins/p"});
    if !granted.is_empty() {
        body["service_scopes"] = json!(granted);
    }
    admin.post("/api/v1/plugins", body).await.expect(201);
    admin
}

fn published(admin: &Admin) -> BTreeSet<String> {
    admin.snapshot().plugins[&PluginId(1)].service_scopes.clone()
}

#[tokio::test]
async fn what_is_granted_and_what_is_wished_are_shown_beside_each_other() {
    let admin = with_plugin(&["apps.read"]).await;
    let plugin = admin.get(PLUGIN).await.expect(200);
    let attributes = plugin.attributes();
    assert_eq!(attributes["service_scopes"], json!(["apps.read"]));
    let wishes = json!(["kv.readwrite", "apps.read", "analytics.read"]);
    assert_eq!(attributes["status"]["requested_scopes"], wishes);
    assert_eq!(attributes["missing_scopes"], json!(["kv.readwrite"]), "what could be granted");
    assert_eq!(attributes["status"]["hooks"], json!(["custom_endpoint"]));
    let status = admin.get(&format!("{PLUGIN}/status")).await.expect(200);
    let attributes = status.attributes();
    assert_eq!(attributes["service_scopes"], json!(["apps.read"]));
    assert_eq!(
        (&attributes["requested_scopes"], &attributes["hooks"][0]),
        (&wishes, &json!("custom_endpoint"))
    );

    admin.patch(PLUGIN, json!({"is_active": false})).await.expect(200);
    let stopped = admin.get(PLUGIN).await.expect(200);
    assert_eq!(stopped.attributes()["status"]["requested_scopes"], json!([]));
    assert_eq!(stopped.attributes()["service_scopes"], json!(["apps.read"]));
}

#[tokio::test]
async fn nothing_is_granted_by_itself() {
    let admin = with_plugin(&[]).await;
    assert_eq!(admin.get(PLUGIN).await.attributes()["service_scopes"], json!([]));
    assert!(published(&admin).is_empty());
}

#[tokio::test]
async fn a_grant_is_published_and_needs_no_new_process() {
    let admin = with_plugin(&[]).await;
    let before = admin.snapshot();
    let grant = format!("{PLUGIN}/grant");
    let answer = admin.post(&grant, json!({"scope": "kv.readwrite"})).await.expect(200);
    assert_eq!(answer.json["meta"]["applied"], true);
    assert_eq!(answer.attributes()["service_scopes"], json!(["kv.readwrite"]));
    let after = admin.snapshot();
    assert_eq!(after.revision, before.revision + 1);
    let (before, after) = (&before.plugins[&PluginId(1)], &after.plugins[&PluginId(1)]);
    assert!(
        after.service_scopes.contains("kv.readwrite")
            && !before.service_scopes.contains("kv.readwrite")
    );
    assert!(before.same_process(after));
    let again = admin.post(&grant, json!({"scope": "kv.readwrite"})).await.expect(200);
    assert_eq!(again.json, answer.json);
    assert_eq!(admin.snapshot().revision, 2, "the same again changes nothing");

    let more =
        json!({"data": {"type": "plugin", "attributes": {"scopes": ["apps.read", "llms.read"]}}});
    let answer = admin.post(&grant, more).await.expect(200);
    assert_eq!(
        answer.attributes()["service_scopes"],
        json!(["apps.read", "kv.readwrite", "llms.read"])
    );
    let revoke = format!("{PLUGIN}/revoke");
    for _ in 0..2 {
        let answer = admin.post(&revoke, json!({"scope": "kv.readwrite"})).await.expect(200);
        assert_eq!(answer.attributes()["service_scopes"], json!(["apps.read", "llms.read"]));
    }
    assert_eq!(published(&admin).len(), 2);
    assert_eq!(admin.snapshot().plugins[&PluginId(1)].reloads, 0);
}

#[tokio::test]
async fn a_change_replaces_the_list_and_leaves_it_alone_where_it_is_not_named() {
    let admin = with_plugin(&["apps.read", "llms.read"]).await;
    admin.patch(PLUGIN, json!({"description": "d"})).await.expect(200);
    assert_eq!(published(&admin).len(), 2);
    let answer = admin.patch(PLUGIN, json!({"service_scopes": ["kv.readwrite"]})).await.expect(200);
    assert_eq!(answer.attributes()["service_scopes"], json!(["kv.readwrite"]));
    admin.patch(PLUGIN, json!({"service_scopes": []})).await.expect(200);
    assert!(published(&admin).is_empty());
}

#[tokio::test]
async fn an_unknown_scope_is_refused_with_the_known_ones() {
    let admin = with_plugin(&[]).await;
    let one = json!({"scope": "kv.write"});
    let several = json!({"scopes": ["kv.readwrite", "kv.write"]});
    let fields = json!({"service_scopes": ["kv.readwrite", "kv.write"]});
    let answers = [
        admin.post(&format!("{PLUGIN}/grant"), one.clone()).await,
        admin.post(&format!("{PLUGIN}/grant"), several).await,
        admin.post(&format!("{PLUGIN}/revoke"), one).await,
        admin.patch(PLUGIN, fields).await,
    ];
    for answer in answers {
        let answer = answer.expect(400);
        let detail = answer.details()[0];
        assert!(detail.contains("\"kv.write\" is unknown"), "{detail}");
        assert!(SERVICE_SCOPES.iter().all(|known| detail.contains(known)), "{detail}");
    }
    assert!(published(&admin).is_empty());
    for body in [json!({}), json!({"scopes": []}), json!({"name": "kv.readwrite"})] {
        admin.post(&format!("{PLUGIN}/grant"), body).await.expect(400);
    }
    admin.post("/api/v1/plugins/9/grant", json!({"scope": "kv.readwrite"})).await.expect(404);
    admin.post("/api/v1/plugins/9/approve-scopes", json!({"approved": true})).await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn grants_at_the_same_time_lose_nothing() {
    let admin = with_plugin(&[]).await;
    let grant = async |scope: &str| {
        admin.post(&format!("{PLUGIN}/grant"), json!({"scope": scope})).await.expect(200);
    };
    join_all(SERVICE_SCOPES.iter().map(|scope| grant(scope))).await;
    assert_eq!(published(&admin).len(), SERVICE_SCOPES.len());
}

#[tokio::test]
async fn approval_grants_the_wishes_that_are_known_and_denial_takes_all_back() {
    let admin = with_plugin(&["llms.read"]).await;
    let approve = format!("{PLUGIN}/approve-scopes");
    let answer = admin.post(&approve, json!({"approved": true})).await.expect(200);
    let granted = json!(["apps.read", "kv.readwrite", "llms.read"]);
    assert_eq!(answer.attributes()["service_scopes"], granted);
    let answer = admin.post(&approve, json!({"approved": false})).await.expect(200);
    assert_eq!(answer.attributes()["service_scopes"], json!([]));
    assert!(published(&admin).is_empty());
    for body in [json!({}), json!({"approved": "yes"}), json!({"approved": true, "scopes": []})] {
        admin.post(&approve, body).await.expect(400);
    }
}

#[tokio::test]
async fn wishes_of_a_plugin_that_has_said_nothing_yet_cannot_be_approved() {
    let admin = with_plugin(&[]).await;
    let approve = format!("{PLUGIN}/approve-scopes");
    for change in [json!({"name": "waits"}), json!({"name": "files", "is_active": false})] {
        admin.patch(PLUGIN, change).await.expect(200);
        let answer = admin.post(&approve, json!({"approved": true})).await.expect(409);
        assert!(answer.details()[0].contains("grant scopes by name"), "{:?}", answer.details());
        admin.post(&approve, json!({"approved": false})).await.expect(200);
    }
}
