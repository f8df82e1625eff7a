//! What the API promises in its document: the document itself, one body for every refusal, all
//! problems at once, and answers to changes that show what is then.

use crate::harness::{Admin, send};
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_control::LogLevels;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

fn fields(answer: &crate::harness::Answer) -> Vec<&str> {
    let errors = answer.json["errors"].as_array().into_iter().flatten();
    errors.map(|error| error["field"].as_str().unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_document_is_served_to_who_has_the_token() {
    let admin = Admin::start().await;
    let answer = admin.get("/api/v1/openapi.json").await.expect(200);
    assert_eq!(answer.json, sidegate_api::document::document());
    assert_eq!(answer.header("content-type"), "application/json");
    send(admin.request(Method::GET, "/api/v1/openapi.json")).await.expect(401);
}

#[tokio::test]
async fn wrong_types_and_broken_rules_of_a_change_are_told_together() {
    let admin = Admin::start().await;
    let body = json!({
        "name": 5, "command": "relative", "is_active": "yes", "hook_types": ["nonsense", 1],
        "options": {"mtls": "maybe", "required": true}, "namespace": "No Name", "nam": 1,
    });
    let answer = admin.post("/api/v1/plugins", body).await.expect(400);
    let expected = [
        "hook_types[1]",
        "is_active",
        "nam",
        "name",
        "options.required",
        "namespace",
        "hook_types",
        "command",
        "options",
    ];
    assert_eq!(fields(&answer), expected, "{:?}", answer.details());

    let body = json!({"name": "12", "owner_email": 1, "rate_limit": -1, "metadata": []});
    let answer = admin.post("/api/v1/apps", body).await.expect(400);
    assert_eq!(fields(&answer), ["metadata", "owner_email", "rate_limit", "name"]);

    let body = json!({"scopes": ["two words", 2], "expires_in": false, "expires_at": "never"});
    let answer = admin.post("/api/v1/tokens", body).await.expect(400);
    let expected = ["expires_in", "scopes[1]", "app_id", "scopes", "expires_at"];
    assert_eq!(fields(&answer), expected, "{:?}", answer.details());
}

#[tokio::test]
async fn all_that_is_wrong_with_a_query_is_told_together() {
    let admin = Admin::start().await;
    let answer = admin.get("/api/v1/tokens?page=0&app_id=x&limt=3").await.expect(400);
    assert_eq!(fields(&answer), ["app_id", "limt", "page"], "{:?}", answer.details());
}

#[tokio::test]
async fn changes_and_patches_tell_all_their_problems_too() {
    let admin = Admin::start().await;
    let plugin = json!({"name": "a", "command": "file:///p", "config": {"slug": "a"}});
    let plugin = admin.post("/api/v1/plugins", plugin).await.expect(201).id();
    let path = format!("/api/v1/plugins/{plugin}");
    let wrong = json!({"name": 1, "slug": "No Slug", "is_active": 2});
    let answer = admin.patch(&path, wrong.clone()).await.expect(400);
    assert_eq!(fields(&answer), ["is_active", "name", "config.slug"]);
    let answer = admin.merge(&path, wrong).await.expect(400);
    assert_eq!(fields(&answer), ["is_active", "name", "config.slug"]);

    let app = json!({"name": "a", "owner_email": "a@b"});
    let app = admin.post("/api/v1/apps", app).await.expect(201).id();
    let path = format!("/api/v1/apps/{app}");
    let wrong = json!({"name": null, "rate_limit": 1, "rate_limit_rpm": 2, "is_active": "x"});
    let answer = admin.merge(&path, wrong).await.expect(400);
    assert_eq!(fields(&answer), ["rate_limit_rpm", "is_active", "name"]);
    assert_eq!(admin.get(&path).await.attributes()["name"], "a", "nothing happened");
}

/// Logs that log whatever they are told.
struct Levels(Mutex<String>);

impl LogLevels for Levels {
    fn levels(&self) -> String {
        self.0.lock().expect("JSON").clone()
    }

    fn set_levels(&self, text: &str) -> Result<(), String> {
        text.clone_into(&mut self.0.lock().expect("JSON"));
        Ok(())
    }
}

#[tokio::test]
async fn every_change_answers_with_what_is_shown_afterwards() {
    let logs = Arc::new(Levels(Mutex::new("info".to_owned())));
    let admin = Admin::start_with(|settings| settings.logs = Some(logs)).await;
    let plugin = json!({"name": "a", "command": "file:///p", "options": {"env.A": "s"}});
    admin.post("/api/v1/plugins", plugin).await.expect(201);
    let app = json!({"name": "a", "owner_email": "a@b"});
    admin.post("/api/v1/apps", app).await.expect(201);
    let rows = [
        ("/api/v1/plugins/{id}", json!({"description": "d", "slug": "s"})),
        ("/api/v1/apps/{id}", json!({"description": "d", "metadata": {"k": "v"}})),
        ("/api/v1/issuers/{id}", json!({"leeway": "1s", "clients": {"svc": "a"}})),
        ("/api/v1/logging", json!({"level": "warn,access=off"})),
        ("/api/v1/users/{id}", json!({"role": "operator", "enabled": false})),
    ];
    admin.post("/api/v1/users", json!({"name": "jane", "role": "viewer"})).await.expect(201);
    let issuer = json!({"name": "corp", "url": "https://id.example", "audiences": ["a"]});
    admin.post("/api/v1/issuers", issuer).await.expect(201);
    let document = sidegate_api::document::document();
    let all: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(path, operations)| operations["patch"].is_object().then_some(path.as_str()))
        .collect();
    assert_eq!(rows.iter().map(|(path, _)| *path).collect::<BTreeSet<_>>(), all);
    for (template, change) in rows {
        let path = template.replace("{id}", "1");
        let operation = &document["paths"][template]["patch"];
        let changed = admin.patch(&path, change.clone()).await.expect(200);
        let shown = admin.get(&path).await.expect(200);
        assert_eq!(changed.json["data"], shown.json["data"], "{path}");
        for (name, value) in change.as_object().unwrap() {
            assert_eq!(changed.attributes()[name], *value, "{path}");
        }
        if operation["responses"]["200"]["headers"]["ETag"].is_object() {
            assert_eq!(changed.header("etag"), shown.header("etag"), "{path}");
        }
        if operation["requestBody"]["content"]["application/merge-patch+json"].is_object() {
            let merged = admin.merge(&path, json!({"managed_by": "e"})).await.expect(200);
            let shown = admin.get(&path).await.expect(200);
            assert_eq!(merged.json["data"], shown.json["data"], "{path}");
            assert_eq!(merged.attributes()["managed_by"], "e", "{path}");
        }
    }
}

#[tokio::test]
async fn a_plugin_tells_how_it_is_doing_on_each_node_beside_the_summary() {
    let admin = Admin::start().await;
    let plugin = json!({"name": "waits", "command": "file:///p"});
    let id = admin.post("/api/v1/plugins", plugin).await.expect(201).id();
    let plugin = admin.get(&format!("/api/v1/plugins/{id}")).await.expect(200);
    let status = admin.get(&format!("/api/v1/plugins/{id}/status")).await.expect(200);
    for summary in [&plugin.attributes()["status"], status.attributes()] {
        let nodes = summary["nodes"].as_array().unwrap();
        assert_eq!((nodes.len(), &nodes[0]["node"]), (1, &json!("node-1")));
        for name in ["state", "reason", "warnings", "pid", "restarts", "ready_since"] {
            assert_eq!(nodes[0][name], summary[name], "{name}");
        }
    }
}

#[tokio::test]
async fn every_kind_of_thing_is_named_in_the_singular_and_bodies_may_say_both() {
    let admin = Admin::start().await;
    let plugin = json!({"name": "a", "command": "file:///p", "slug": "a"});
    for kind in ["plugin", "plugins"] {
        let wrapped = json!({"data": {"type": kind, "attributes": plugin}});
        let made = admin.post("/api/v1/plugins", wrapped).await.expect(201);
        assert_eq!(made.json["data"]["type"], "plugin");
        let path = format!("/api/v1/plugins/{}", made.id());
        let kinds = |answer: crate::harness::Answer| answer.json["data"][0]["type"].clone();
        assert_eq!(kinds(admin.get("/api/v1/routes").await), "route");
        assert_eq!(kinds(admin.get(&format!("{path}/records")).await), "plugin-record");
        admin.delete(&path).await.expect(204);
    }
    assert_eq!(admin.get("/api/v1/plugins").await.json["data"], Value::Array(vec![]));
}

#[tokio::test]
async fn every_example_of_the_document_has_all_that_must_be_said() {
    let admin = Admin::start().await;
    let document = sidegate_api::document::document();
    let (mut asked, mut wrong) = (0, Vec::new());
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let body = &operation["requestBody"]["content"]["application/json"]["example"];
            if body.is_null() {
                continue;
            }
            let path = path
                .replace("{id}", "1")
                .replace("{owner}", "git")
                .replace("{method}", "get_config");
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let answer = admin.call(method, &path, Some(body.clone())).await;
            // What is not there, or not in this state, may be refused; what is said must be right.
            // The program that stands for all of them here names no hook, whatever is said of it.
            let is_program = path.ends_with("/validate-and-load");
            if !is_program && (answer.status == 400 || answer.status == 415) {
                wrong.push(format!("{path}: {body}: {:?}", answer.details()));
            }
            asked += 1;
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(asked > 20, "{asked}");
}
