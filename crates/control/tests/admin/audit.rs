//! The audit log over HTTP: who changed what and what was refused, and never a secret.

use crate::harness::{ADMIN_TOKEN, Admin, Answer, send};
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::role::Role;

impl Admin {
    /// The entries that a query finds, newest first.
    async fn audit(&self, query: &str) -> Vec<Value> {
        self.control.write_notes().await.expect("the store works");
        let answer = self.get(&format!("/api/v1/audit{query}")).await.expect(200);
        entries(&answer)
    }
}

fn entries(answer: &Answer) -> Vec<Value> {
    let data = answer.json["data"].as_array().expect("a list");
    data.iter().map(|entry| entry["attributes"].clone()).collect()
}

fn texts(entries: &[Value], name: &str) -> Vec<String> {
    entries.iter().map(|entry| entry[name].as_str().unwrap_or("-").to_owned()).collect()
}

/// What is called in the next test, in its order.
const OF_JANE: [&str; 16] = [
    "create_app",
    "change_app",
    "create_token",
    "rotate_token",
    "revoke_token",
    "create_plugin",
    "change_plugin",
    "grant_plugin_scopes",
    "revoke_plugin_scopes",
    "approve_plugin_scopes",
    "change_public_endpoints",
    "reload_plugin",
    "delete_plugin",
    "delete_app",
    "create_admin_token",
    "revoke_admin_token",
];

#[tokio::test]
async fn every_change_tells_who_did_it_from_where_and_by_which_operation() {
    let admin = Admin::start().await;
    let jane = admin.admin_token("jane", Role::Admin).await;
    let as_jane = async |method: Method, path: &str, body: Option<Value>| {
        let path = format!("/api/v1/{path}");
        let answer = admin.call_as(&jane, method, &path, body).await;
        assert!(answer.status.is_success(), "{path}: {:?}", answer.json);
    };
    let (post, patch, delete) = (Method::POST, Method::PATCH, Method::DELETE);
    let app = json!({"name": "a", "owner_email": "a@b"});
    let plugin = json!({"name": "open", "command": "file:///p", "config": {"api_key": "hunter1"}});
    let scope = Some(json!({"scope": "kv.readwrite"}));
    let new = json!({"name": "joe", "role": "viewer"});
    let calls = [
        (&post, "apps", Some(app)),
        (&patch, "apps/1", Some(json!({"description": "d"}))),
        (&post, "tokens", Some(json!({"app_id": 1}))),
        (&post, "tokens/1/rotate", Some(json!({}))),
        (&delete, "tokens/2", None),
        (&post, "plugins", Some(plugin)),
        (&patch, "plugins/1", Some(json!({"config": {"api_key": "hunter2", "n": 1}}))),
        (&post, "plugins/1/grant", scope.clone()),
        (&post, "plugins/1/revoke", scope),
        (&post, "plugins/1/approve-scopes", Some(json!({"approved": true}))),
        (&post, "plugins/1/public-endpoints", Some(json!({"approve": ["*"]}))),
        (&post, "plugins/1/reload", None),
        (&delete, "plugins/1", None),
        (&delete, "apps/1", None),
        (&post, "admin-tokens", Some(new)),
        (&delete, "admin-tokens/2", None),
    ];
    for (method, path, body) in calls {
        as_jane(method.clone(), path, body).await;
    }
    let mut found = admin.audit("?actor=jane&limit=100").await;
    found.reverse();
    let mut operations = texts(&found, "operation");
    operations.dedup();
    assert_eq!(operations, OF_JANE);
    for entry in &found {
        assert_eq!(entry["peer"], "127.0.0.1");
        assert_eq!((&entry["admin_token_id"], &entry["outcome"]), (&json!(1), &json!("done")));
        let is_counted = !entry["operation"].as_str().unwrap().contains("admin_token");
        assert_eq!(entry["revision"].is_u64(), is_counted, "{entry}");
    }
    let changed = found.iter().find(|entry| entry["operation"] == "change_plugin").unwrap();
    assert_eq!(changed["thing"], json!({"type": "plugin", "id": "1", "name": "open"}));
    assert_eq!(changed["fields"], json!(["config.api_key", "config.n"]));
    assert!(!Value::from(found).to_string().contains("hunter"));
    assert_eq!(texts(&admin.audit("?actor=system").await, "operation"), ["system"], "jane's token");
}

#[tokio::test]
async fn refused_sign_ins_and_roles_are_told_and_the_same_again_is_counted() {
    let admin = Admin::start().await;
    let viewer = admin.admin_token("viewer", Role::Viewer).await;
    let old = admin.admin_token_until("old", Role::Admin, Some(1)).await;
    for _ in 0..3 {
        admin
            .call_as("sga_wrong-0123456789", Method::GET, "/api/v1/plugins", None)
            .await
            .expect(401);
        admin.call_as(&viewer, Method::DELETE, "/api/v1/plugins/1", None).await.expect(403);
    }
    admin.call_as(&old, Method::GET, "/api/v1/plugins", None).await.expect(401);
    send(admin.request(Method::GET, "/api/v1/plugins")).await.expect(401);
    let found = admin.audit("?outcome=refused").await;
    let told = |actor: Value, operation: &str| {
        let is_it = |entry: &&Value| entry["actor"] == actor && entry["operation"] == operation;
        let all: Vec<_> = found.iter().filter(is_it).collect();
        let times: Vec<_> = all.iter().map(|entry| entry["times"].as_u64().unwrap()).collect();
        let details: Vec<_> = all.iter().map(|entry| entry["detail"].to_string()).collect();
        (times, details.concat())
    };
    // A minute may end in between.
    let (times, detail) = told(json!("viewer"), "delete_plugin");
    assert_eq!(times.iter().sum::<u64>(), 3, "{found:?}");
    assert!(detail.contains("needs the role admin, and this token has viewer"), "{detail}");
    let (times, detail) = told(json!("old"), "sign_in");
    assert_eq!((times.iter().sum::<u64>(), detail.contains("expired")), (1, true));
    assert_eq!(told(Value::Null, "sign_in").0.iter().sum::<u64>(), 4, "{found:?}");
    let text = Value::from(found).to_string();
    assert!(!text.contains("sga_") && text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn fields_that_are_refused_are_told_by_name_and_never_by_value() {
    let admin = Admin::start().await;
    let operator = admin.admin_token("operator", Role::Operator).await;
    let plugin = json!({"name": "p", "command": "file:///p", "options": {"env.A": "hunter1"}});
    admin.post("/api/v1/plugins", plugin).await.expect(201);
    let patch = json!({"options": {"env.A": "hunter2"}, "command": "file:///hunter3"});
    admin.call_as(&operator, Method::PATCH, "/api/v1/plugins/1", Some(patch)).await.expect(403);
    let path = "/api/v1/plugins/1/records?lines=1";
    let viewer = admin.admin_token("viewer", Role::Viewer).await;
    admin.call_as(&viewer, Method::GET, path, None).await.expect(403);
    assert_eq!(texts(&admin.audit("?actor=viewer").await, "outcome"), ["refused"]);
    let found = admin.audit("?actor=operator").await;
    assert_eq!(texts(&found, "outcome"), ["refused"]);
    let text = Value::from(found).to_string();
    assert!(text.contains("options.env.A") && text.contains("command"), "{text}");
    assert!(!text.contains("hunter"), "{text}");
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let admin = Admin::start().await;
    for number in 0..5 {
        let app = json!({"name": format!("a{number}"), "owner_email": "a@b"});
        admin.post("/api/v1/apps", app).await.expect(201);
    }
    let mut names = Vec::new();
    let mut path = "/api/v1/audit?kind=app&limit=2".to_owned();
    loop {
        let answer = admin.get(&path).await.expect(200);
        names.extend(entries(&answer).into_iter().map(|entry| entry["thing"]["name"].clone()));
        let late = json!({"name": format!("late {}", names.len()), "owner_email": "a@b"});
        admin.post("/api/v1/apps", late).await.expect(201);
        let Some(before) = answer.json["meta"]["next_before"].as_u64() else { break };
        path = format!("/api/v1/audit?kind=app&limit=2&before={before}");
    }
    assert_eq!(names, ["a4", "a3", "a2", "a1", "a0"]);
}

#[tokio::test]
async fn the_log_is_narrowed_and_all_that_is_wrong_with_a_query_is_told() {
    let admin = Admin::start().await;
    for name in ["a", "b"] {
        let app = json!({"name": name, "owner_email": "a@b"});
        admin.post("/api/v1/apps", app).await.expect(201);
    }
    let one =
        admin.audit("?kind=app&id=2&actor=root&since=2026-01-01T00:00:00Z&outcome=done").await;
    assert_eq!((one.len(), &one[0]["thing"]["name"]), (1, &json!("b")));
    assert_eq!(admin.audit("?until=2026-01-01T00:00:00Z").await, [Value::Null; 0]);
    let wrong = "?since=yesterday&limit=101&kind=thing&outcome=x&page=2&before=-1";
    let answer = admin.get(&format!("/api/v1/audit{wrong}")).await.expect(400);
    let details = answer.details().join("\n");
    for name in ["since", "limit", "kind", "outcome", "page", "before"] {
        assert!(details.contains(name), "{name}: {details}");
    }
    let viewer = admin.admin_token("viewer", Role::Viewer).await;
    admin.call_as(&viewer, Method::GET, "/api/v1/audit", None).await.expect(200);
    send(admin.request(Method::POST, "/api/v1/audit").bearer_auth(ADMIN_TOKEN)).await.expect(405);
}
