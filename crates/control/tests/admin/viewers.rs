//! What viewers are kept from: the last places for streams, who calls, and what ends of those who may change something. And
//! what is told of a reload on one node.

use crate::harness::Admin;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sidegate_model::clock::now_millis;
use sidegate_model::role::Role::{self, Admin as Strongest, Operator, Viewer};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A stream of events that somebody reads, until it is dropped.
async fn stream(admin: &Admin, token: &str) -> Response {
    let request = admin.request(Method::GET, "/api/v1/live").bearer_auth(token);
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn viewers_never_take_the_last_places_for_streams() {
    let admin = Admin::start().await;
    let (viewer, operator) =
        (admin.admin_token("view", Viewer).await, admin.admin_token("op", Operator).await);
    let mut open = Vec::new();
    let refused = loop {
        let answer = stream(&admin, &viewer).await;
        if answer.status() != 200 {
            break answer;
        }
        open.push(answer);
        assert!(open.len() <= 64, "there is a bound");
    };
    assert_eq!((refused.status().as_u16(), open.len()), (503, 48), "a quarter is kept");
    let told = refused.text().await.expect("a body");
    assert!(told.contains("event streams are open here"), "{told}");
    for _ in 0..16 {
        let answer = stream(&admin, &operator).await;
        assert_eq!(answer.status(), 200);
        open.push(answer);
    }
    assert_eq!(stream(&admin, &operator).await.status(), 503, "64 are the most");
    // Those of a viewer that end are nobody's; the place of one is free for whoever comes.
    drop(open.remove(0));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while stream(&admin, &operator).await.status() != 200 {
        assert!(tokio::time::Instant::now() < deadline, "a place is free again");
    }
}

/// What one of a role is told by the list at a path.
async fn told(admin: &Admin, role: Role, path: &str) -> Value {
    let token = admin.admin_token(role.as_str(), role).await;
    admin.call_as(&token, Method::GET, path, None).await.expect(200).json["data"].clone()
}

#[tokio::test]
async fn what_ends_of_admins_is_no_need_that_others_see() {
    let admin = Admin::start().await;
    let app = json!({"name": "billing", "owner_email": "a@b"});
    admin.post("/api/v1/apps", app).await.expect(201);
    let token = json!({"name": "ci", "app_id": 1, "expires_in": "2d"});
    admin.post("/api/v1/tokens", token).await.expect(201);
    let soon = now_millis() + 24 * 60 * 60 * 1000;
    admin.admin_token_until("deploy", Strongest, Some(soon)).await;
    for (role, expected) in [
        (Viewer, &["token_expires-1"][..]),
        (Operator, &["token_expires-1"]),
        (Strongest, &["token_expires-1", "admin_token_expires-1"]),
    ] {
        let needs = told(&admin, role, "/api/v1/needs").await;
        let mut ids: Vec<_> =
            needs.as_array().expect("a list").iter().map(|need| need["id"].clone()).collect();
        ids.sort_by_key(|id| id.as_str() != Some("token_expires-1"));
        assert_eq!(ids, expected, "{role}");
        let is_told = needs.to_string().contains("deploy");
        assert_eq!(is_told, role == Strongest, "{role}");
    }
}

#[tokio::test]
async fn viewers_see_that_requests_are_open_and_not_whose_they_are() {
    let admin = Admin::start().await;
    admin.plane.is_busy.store(true, Ordering::Relaxed);
    let seen = told(&admin, Viewer, "/api/v1/requests").await[0]["attributes"].clone();
    assert_eq!((&seen["client"], &seen["app"]), (&json!(""), &Value::Null));
    assert_eq!((&seen["path"], &seen["route"]), (&json!("/files/*"), &json!("/files/*")));
    assert_eq!((&seen["plugin"], &seen["method"]), (&json!("p"), &json!("GET")));
    assert!(!seen.to_string().contains("jane") && !seen.to_string().contains("192.0.2.7"));
    let seen = told(&admin, Operator, "/api/v1/requests").await[0]["attributes"].clone();
    assert_eq!((&seen["client"], &seen["app"]), (&json!("192.0.2.7"), &json!(3)));
    assert_eq!(seen["path"], "/plugins/p/files/of-jane");
}

#[tokio::test]
async fn a_reload_on_one_node_is_in_the_audit_log_with_the_node_and_who_did_it() {
    let admin = Admin::start().await;
    let plugin = json!({"name": "p", "slug": "p", "command": "file:///p"});
    admin.post("/api/v1/plugins", plugin).await.expect(201);
    let revision = admin.snapshot().revision;
    let operator = admin.admin_token("op", Operator).await;
    let reload = async |node: &str| {
        let path = format!("/api/v1/plugins/1/reload?node={node}");
        admin.call_as(&operator, Method::POST, &path, None).await
    };
    reload("nowhere").await.expect(404);
    reload("node-1").await.expect(200);
    assert_eq!(admin.snapshot().revision, revision, "desired state stays as it is");
    let entries = admin.get("/api/v1/audit").await.expect(200).json["data"].clone();
    let entries: Vec<_> = entries
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["attributes"].clone())
        .filter(|entry| entry["operation"] == "reload_plugin")
        .collect();
    assert_eq!(entries.len(), 1, "where it was not there nothing was done: {entries:?}");
    let entry = &entries[0];
    assert_eq!((&entry["actor"], &entry["outcome"]), (&json!("op"), &json!("done")));
    assert_eq!(entry["detail"], "p on node-1");
}
