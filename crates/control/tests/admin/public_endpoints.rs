//! What plugins offer without a token: shown, approved and revoked over the admin API.

use crate::harness::{Admin, Answer};
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::plugin::PluginId;
use std::sync::atomic::Ordering;

const PLUGIN: &str = "/api/v1/plugins/1";
const PUBLIC: &str = "/api/v1/plugins/1/public-endpoints";
const ALL: [&str; 3] = ["GET /hello", "POST /hooks/*", "PUT /hooks/*"];

/// An API with a plugin that offers [`ALL`] to everybody; whether that needs an approval.
async fn with_plugin(approves: bool) -> Admin {
    let admin = Admin::start().await;
    admin.plane.approves.store(approves, Ordering::Relaxed);
    let body = json!({"name": "open", "slug": "o", "command": "file:///opt/plugins/p"});
    admin.post("/api/v1/plugins", body).await.expect(201);
    admin
}

fn public(answer: &Answer) -> &Value {
    &answer.attributes()["public_endpoints"]
}

/// What is approved, allowed and pending.
fn state(approved: &[&str], allowed: &[&str], pending: &[&str]) -> Value {
    json!({"approved": approved, "allowed": allowed, "pending": pending})
}

async fn warnings(admin: &Admin) -> Vec<String> {
    let plugin = admin.get(PLUGIN).await.expect(200);
    serde_json::from_value(plugin.attributes()["status"]["warnings"].clone()).expect("it is there")
}

#[tokio::test]
async fn where_all_is_allowed_what_is_public_is_shown_and_nothing_waits() {
    let admin = with_plugin(false).await;
    let plugin = admin.get(PLUGIN).await.expect(200);
    assert_eq!(public(&plugin), &state(&[], &ALL, &[]));
    assert_eq!(warnings(&admin).await, ["runs as root"]);
    let status = admin.get(&format!("{PLUGIN}/status")).await.expect(200);
    assert_eq!(public(&status), &state(&[], &ALL, &[]));
    let of_each: Vec<_> = status.attributes()["endpoints"].as_array().unwrap().iter().collect();
    let shown = of_each.iter().map(|it| (it["path"].as_str().unwrap(), &it["public"]));
    let allowed = json!("allowed");
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [("/files/*", &Value::Null), ("/hello", &allowed), ("/hooks/*", &allowed)]
    );
    let routes = admin.get("/api/v1/routes").await.expect(200);
    let routes = routes.json["data"].as_array().unwrap();
    let shown: Vec<_> = routes.iter().map(|route| &route["attributes"]["public"]).collect();
    assert_eq!(shown, [&Value::Null, &allowed, &allowed]);
}

#[tokio::test]
async fn what_waits_for_approval_is_shown_and_approved_without_a_new_process() {
    let admin = with_plugin(true).await;
    assert_eq!(public(&admin.get(PLUGIN).await), &state(&[], &[], &ALL));
    assert_eq!(
        warnings(&admin).await[1],
        "3 public endpoints wait for approval: GET /hello, POST /hooks/*, PUT /hooks/*; \
         `sidegate plugin approve-public open` approves them"
    );
    let before = admin.snapshot();
    let some = json!({"approve": ["GET /hello", "POST /hooks/*"]});
    let answer = admin.post(PUBLIC, some.clone()).await.expect(200);
    assert_eq!(answer.json["meta"]["applied"], true);
    assert_eq!(public(&answer), &state(&ALL[..2], &[], &ALL[2..]));
    let after = admin.snapshot();
    let (before, now) = (&before.plugins[&PluginId(1)], &after.plugins[&PluginId(1)]);
    assert!(before.same_process(now) && before != now);
    let again = admin.post(PUBLIC, some).await.expect(200);
    assert_eq!((&again.json, admin.snapshot().revision), (&answer.json, after.revision));
    let status = admin.get(&format!("{PLUGIN}/status")).await.expect(200);
    let of_each = status.attributes()["endpoints"].as_array().unwrap().iter();
    let shown: Vec<_> = of_each.map(|endpoint| &endpoint["public"]).collect();
    assert_eq!(shown, [&Value::Null, &json!("approved"), &json!("not_approved")]);
    assert!(warnings(&admin).await[1].starts_with("1 public endpoint waits for approval: PUT "));

    // A path alone is every method of it.
    let answer = admin.post(PUBLIC, json!({"approve": ["/hooks/*"]})).await.expect(200);
    assert_eq!(public(&answer), &state(&ALL, &[], &[]));
    assert_eq!(warnings(&admin).await.len(), 1);
    let revoked = admin.post(PUBLIC, json!({"revoke": ["*"]})).await.expect(200);
    assert_eq!(public(&revoked), &state(&[], &[], &ALL));
    let answer = admin.post(PUBLIC, json!({"approve": ["*"]})).await.expect(200);
    assert_eq!(public(&answer), &state(&ALL, &[], &[]));
}

#[tokio::test]
async fn what_an_upgrade_adds_waits_while_the_rest_stays_approved() {
    let admin = with_plugin(true).await;
    admin.post(PUBLIC, json!({"approve": ["*"]})).await.expect(200);
    let reloaded = admin.post(&format!("{PLUGIN}/reload"), json!({})).await.expect(200);
    assert_eq!(public(&reloaded), &state(&ALL, &[], &["GET /new"]));
    let both = json!({"approve": ["GET /new"], "revoke": ["PUT /hooks/*"]});
    let answer = admin.post(PUBLIC, both).await.expect(200);
    let approved = ["GET /hello", "POST /hooks/*", "GET /new"];
    assert_eq!(public(&answer), &state(&approved, &[], &["PUT /hooks/*"]));
}

#[tokio::test]
async fn an_option_that_demands_a_token_leaves_nothing_public() {
    let admin = with_plugin(true).await;
    let options = json!({"options": {"require_auth": "true"}});
    admin.patch(PLUGIN, options).await.expect(200);
    assert_eq!(public(&admin.get(PLUGIN).await), &state(&[], &[], &[]));
    let refused = admin.post(PUBLIC, json!({"approve": ["GET /hello"]})).await.expect(400);
    assert_eq!(
        refused.details(),
        ["approve[0]: \"GET /hello\" names no endpoint that the plugin offers without a token; \
          there are none"]
    );
}

#[tokio::test]
async fn what_the_plugin_does_not_offer_is_refused_with_what_it_does() {
    let admin = with_plugin(true).await;
    let wrong = ["GET /files/*", "POST /hello", "/", "hello", "BREW /hello", "GET /hello "];
    let body = json!({"approve": wrong, "revoke": ["GET /nothing"]});
    let refused = admin.post(PUBLIC, body).await.expect(400);
    let details = refused.details();
    assert_eq!(details.len(), wrong.len() + 1, "{details:?}");
    for detail in &details {
        assert!(
            detail.ends_with("; those are GET /hello, POST /hooks/*, PUT /hooks/*"),
            "{detail}"
        );
    }
    assert!(details[6].starts_with("revoke[0]: \"GET /nothing\" names no "), "{details:?}");
    assert_eq!(refused.json["errors"][1]["field"], "approve[1]");
    let twice = json!({"approve": ["GET /hello"], "revoke": ["/hello"]});
    let refused = admin.post(PUBLIC, twice).await.expect(400);
    assert_eq!(refused.details(), ["revoke: GET /hello is in approve too: name it once"]);
    for nothing in [json!({}), json!({"approve": [], "revoke": null})] {
        let refused = admin.post(PUBLIC, nothing).await.expect(400);
        assert!(refused.details()[0].starts_with("approve: name endpoints, as in "));
    }
    for wrong in [json!({"approve": "GET /hello"}), json!({"allow": ["*"]})] {
        admin.post(PUBLIC, wrong).await.expect(400);
    }
    assert_eq!(public(&admin.get(PLUGIN).await), &state(&[], &[], &ALL));
    let missing = "/api/v1/plugins/9/public-endpoints";
    admin.post(missing, json!({"approve": ["*"]})).await.expect(404);
}

#[tokio::test]
async fn what_is_not_known_is_not_approved_and_what_was_approved_can_be_revoked() {
    let admin = with_plugin(true).await;
    admin.post(PUBLIC, json!({"approve": ["GET /hello"]})).await.expect(200);
    admin.patch(PLUGIN, json!({"is_active": false})).await.expect(200);
    let refused = admin.post(PUBLIC, json!({"approve": ["GET /hello"]})).await.expect(409);
    assert!(refused.details()[0].contains("\"open\" does not run"), "{:?}", refused.details());
    let revoked = admin.post(PUBLIC, json!({"revoke": ["GET /hello"]})).await.expect(200);
    assert_eq!(public(&revoked), &state(&[], &[], &[]));
}

#[tokio::test]
async fn an_approval_can_depend_on_the_version() {
    let admin = with_plugin(true).await;
    let tag = admin.get(PLUGIN).await.header("etag").to_owned();
    let approve = async |route: &str| {
        let request = admin.request(Method::POST, PUBLIC).bearer_auth(crate::harness::ADMIN_TOKEN);
        let request = request.header("if-match", &tag).json(&json!({"approve": [route]}));
        crate::harness::send(request).await
    };
    let changed = approve("GET /hello").await.expect(200);
    assert_ne!(changed.header("etag"), tag);
    approve("POST /hooks/*").await.expect(412);
    assert_eq!(public(&admin.get(PLUGIN).await)["approved"], json!(["GET /hello"]));
}
