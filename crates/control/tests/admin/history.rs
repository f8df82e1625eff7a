//! Namespaces and history over HTTP.

use crate::harness::Admin;
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::role::Role;

async fn plugin(admin: &Admin, name: &str, namespace: &str) -> Value {
    let body = json!({
        "name": name, "slug": name, "command": "file:///p", "namespace": namespace,
        "config": {"api_key": "hunter2"}, "managed_by": "git",
    });
    admin.post("/api/v1/plugins", body).await.expect(201).json
}

#[tokio::test]
async fn a_namespace_is_made_shown_and_forgotten_once_nothing_is_in_it() {
    let admin = Admin::start().await;
    let berlin = json!({"name": "berlin", "description": "edges in Berlin"});
    let made = admin.post("/api/v1/namespaces", berlin.clone()).await.expect(201);
    assert_eq!(made.json["data"]["attributes"]["head"], 1);
    admin.post("/api/v1/namespaces", berlin).await.expect(409);
    for name in ["", "Berlin", "../x"] {
        admin.post("/api/v1/namespaces", json!({"name": name})).await.expect(400);
    }
    let made = plugin(&admin, "p", "berlin").await;
    assert_eq!(made["data"]["attributes"]["namespace"], "berlin");
    assert_eq!(made["data"]["attributes"]["managed_by"], "git");
    let shown = admin.get("/api/v1/namespaces/1").await.expect(200);
    assert_eq!(shown.json["data"]["attributes"]["head"], 2);
    admin.call(Method::DELETE, "/api/v1/namespaces/1", None).await.expect(409);
    for (query, expected) in [
        ("namespace=berlin", 1),
        ("namespace=", 0),
        ("managed_by=git", 1),
        ("managed_by=", 0),
        ("namespace=berlin&name=p", 1),
    ] {
        let found = admin.get(&format!("/api/v1/plugins?{query}")).await.expect(200);
        assert_eq!(found.json["meta"]["total_count"], expected, "{query}");
    }
    admin.get("/api/v1/plugins?namespace=Berlin").await.expect(400);
    let other = json!({"namespace": "oslo"});
    let refused = admin.call(Method::PATCH, "/api/v1/plugins/1", Some(other)).await.expect(400);
    assert!(refused.json.to_string().contains("for life"), "{:?}", refused.json);
    let same = json!({"namespace": "berlin", "description": "d"});
    admin.call(Method::PATCH, "/api/v1/plugins/1", Some(same)).await.expect(200);
    admin.call(Method::DELETE, "/api/v1/plugins/1", None).await.expect(204);
    admin.call(Method::DELETE, "/api/v1/namespaces/1", None).await.expect(204);
    admin.get("/api/v1/namespaces/1").await.expect(404);
}

#[tokio::test]
async fn an_app_says_how_old_knowledge_may_be_for_its_tokens() {
    let admin = Admin::start().await;
    let app =
        json!({"name": "a", "owner_email": "a@b", "max_staleness": "90m", "managed_by": "git"});
    let made = admin.post("/api/v1/apps", app).await.expect(201);
    assert_eq!(made.json["data"]["attributes"]["max_staleness"], "1h30m");
    let change = async |body: Value| {
        let answer = admin.call(Method::PATCH, "/api/v1/apps/1", Some(body)).await.expect(200);
        answer.json["data"]["attributes"].clone()
    };
    assert_eq!(change(json!({"rate_limit": 1})).await["max_staleness"], "1h30m");
    assert_eq!(change(json!({"max_staleness": ""})).await["max_staleness"], Value::Null);
    let wrong = json!({"max_staleness": "soon"});
    admin.call(Method::PATCH, "/api/v1/apps/1", Some(wrong)).await.expect(400);
    let found = admin.get("/api/v1/apps?managed_by=git&namespace=").await.expect(200);
    assert_eq!(found.json["meta"]["total_count"], 1);
}

#[tokio::test]
async fn revisions_are_listed_compared_and_gone_back_to_by_admins() {
    let admin = Admin::start().await;
    plugin(&admin, "p", "").await;
    let change = json!({"command": "file:///q", "config": {"slug": "p", "api_key": "hunter3"}});
    admin.call(Method::PATCH, "/api/v1/plugins/1", Some(change)).await.expect(200);
    plugin(&admin, "new", "").await;
    let list = admin.get("/api/v1/revisions?limit=2").await.expect(200).json;
    assert_eq!((&list["data"][0]["id"], &list["meta"]["next_before"]), (&json!("3"), &json!(2)));
    let rest = admin.get("/api/v1/revisions?before=2").await.expect(200).json;
    assert_eq!(rest["data"][1]["attributes"]["operation"], "begin_history");
    let shown = admin.get("/api/v1/revisions/2").await.expect(200).json;
    assert_eq!(shown["data"]["attributes"]["author"], "root");
    assert_eq!(shown["data"]["attributes"]["changes"][0]["change"], "changed");
    admin.get("/api/v1/revisions/99").await.expect(404);

    let diff = admin.get("/api/v1/revisions/diff?from=1").await.expect(200).json;
    let differences = &diff["data"]["attributes"]["differences"];
    let fields: Vec<_> = differences[0]["fields"].as_array().unwrap().iter().collect();
    let named = |name: &str| fields.iter().find(|field| field["field"] == name).copied();
    assert_eq!(named("command").unwrap()["after"], "file:///q");
    let secret = named("config.api_key").unwrap();
    assert_eq!(
        (&secret["after"], &secret["secret_changes"]),
        (&json!({"$secret": "set"}), &json!(true))
    );
    assert_eq!(differences[1]["change"], "created");
    assert!(!diff.to_string().contains("hunter"), "{diff}");
    for query in ["?from=1&to=99", "?from=x", "?from=1&namespace=Oslo"] {
        let status = admin.get(&format!("/api/v1/revisions/diff{query}")).await.status;
        assert!(status.is_client_error(), "{query}: {status}");
    }

    let last = admin.get("/api/v1/revisions/diff").await.expect(200).json;
    assert_eq!(
        (&last["data"]["attributes"]["from"], &last["data"]["id"]),
        (&json!(2), &json!("2..3"))
    );

    let body = json!({"revision": 1});
    let operator = admin.admin_token("otto", Role::Operator).await;
    let path = "/api/v1/revisions/rollback";
    admin.call_as(&operator, Method::POST, path, Some(body.clone())).await.expect(403);
    let plan = json!({"revision": 1, "dry_run": true});
    let planned = admin.post(path, plan).await.expect(200).json;
    assert_eq!(planned["data"]["attributes"]["revision"], 3);
    let done = admin.post(path, body).await.expect(200).json;
    let entry = admin.get("/api/v1/revisions?limit=1&operation=roll_back").await.expect(200).json;
    assert_eq!(entry["data"][0]["attributes"]["rolled_back_to"], 1);
    assert_eq!(
        (&done["data"]["attributes"]["revision"], &done["meta"]["applied"]),
        (&json!(4), &json!(true))
    );
    assert_eq!(
        done["data"]["attributes"]["differences"],
        planned["data"]["attributes"]["differences"]
    );
    let now = admin.get("/api/v1/plugins/1").await.expect(200).json;
    assert_eq!(now["data"]["attributes"]["command"], "file:///p");
    admin.get("/api/v1/plugins/2").await.expect(404);
    admin.post(path, json!({"revision": 99})).await.expect(404);
    admin.post(path, json!({})).await.expect(400);
}
