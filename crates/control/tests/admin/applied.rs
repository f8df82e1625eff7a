//! What the files of owners named: kept by owner, paths only.

use crate::harness::{Admin, send};
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::role::Role;

async fn put(admin: &Admin, owner: &str, body: Value) -> crate::harness::Answer {
    admin.call(Method::PUT, &format!("/api/v1/applied/{owner}"), Some(body)).await
}

#[tokio::test]
async fn what_files_named_is_kept_for_their_owner_and_is_no_change_of_anything() {
    let admin = Admin::start().await;
    admin.get("/api/v1/applied/team").await.expect(404);
    let thing = json!({"kind": "plugin", "name": "p", "fields": ["/command", "/config/url"]});
    let kept = put(&admin, "team", json!({"things": [thing]})).await.expect(200);
    let shown = admin.get("/api/v1/applied/team").await.expect(200);
    assert_eq!(kept.json, shown.json);
    assert_eq!(
        (&shown.json["data"]["type"], &shown.json["data"]["id"]),
        (&json!("applied-record"), &json!("team"))
    );
    assert_eq!(shown.attributes()["things"][0]["namespace"], "");
    put(&admin, "a%20b%2Fc", json!({"things": []})).await.expect(200);
    assert_eq!(
        admin.get("/api/v1/applied/a%20b%2Fc").await.expect(200).json["data"]["id"],
        "a b/c"
    );
    assert_eq!(admin.snapshot().revision, 0);
}

#[tokio::test]
async fn what_is_no_path_is_refused_with_its_place() {
    let admin = Admin::start().await;
    let thing = |fields: Value| json!({"kind": "app", "name": "a", "fields": fields});
    for (body, told) in [
        (json!({}), "things: this must be said"),
        (json!({"things": [thing(json!(["hunter2"]))]}), "things[0].fields[0]: write a path"),
        (json!({"things": [thing(json!([5]))]}), "things[0].fields[0]: 5 is not a text"),
        (
            json!({"things": [{"kind": "token", "name": "a", "fields": []}]}),
            "things[0].kind: \"token\" is not one of",
        ),
    ] {
        let refused = put(&admin, "team", body).await.expect(400);
        assert!(refused.details()[0].starts_with(told), "{:?}", refused.json);
    }
    put(&admin, "%0A", json!({"things": []})).await.expect(400);
}

#[tokio::test]
async fn fields_that_only_admins_set_are_neither_named_first_nor_forgotten_by_an_operator() {
    let admin = Admin::start().await;
    let plugin = json!({"name": "p", "slug": "p", "command": "file:///p"});
    admin.post("/api/v1/plugins", plugin).await.expect(201);
    let operator = admin.admin_token("deploy", Role::Operator).await;
    let things =
        |fields: Value| json!({"things": [{"kind": "plugin", "name": "p", "fields": fields}]});
    let put_as = async |token: &str, body: Value| {
        let request = admin.request(Method::PUT, "/api/v1/applied/team");
        send(request.bearer_auth(token).json(&body)).await
    };
    let fields = json!(["/command", "/description"]);
    put_as(&operator, things(fields.clone())).await.expect(403);
    put(&admin, "team", things(fields.clone())).await.expect(200);

    put_as(&operator, things(fields)).await.expect(200);
    put_as(&operator, things(json!(["/command"]))).await.expect(200);
    for forgets in [things(json!(["/description"])), json!({"things": []})] {
        let refused = put_as(&operator, forgets).await.expect(403);
        let told = refused.json.to_string();
        assert!(told.contains("naming /command of plugin p no more"), "{told}");
    }
    let shown = admin.get("/api/v1/applied/team").await.expect(200);
    assert_eq!(shown.attributes()["things"][0]["fields"], json!(["/command"]));
    // Of what is gone nothing is left to be given its default.
    admin.delete("/api/v1/plugins/1").await.expect(204);
    put_as(&operator, json!({"things": []})).await.expect(200);
}
