//! What operators try out on a plugin, and what it published: who may, what is refused before, and what is noted.

use crate::harness::Admin;
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::role::Role;

const TRY: &str = "/api/v1/plugins/1/try";

async fn with_plugin(slug: Option<&str>) -> Admin {
    let admin = Admin::start().await;
    let body = json!({"name": "p", "slug": slug, "command": "file:///p"});
    admin.post("/api/v1/plugins", body).await.expect(201);
    admin
}

#[tokio::test]
async fn a_request_is_made_below_where_the_plugin_is_mounted_and_its_answer_shown_whatever_it_is() {
    let admin = with_plugin(Some("files")).await;
    let operator = admin.admin_token("op", Role::Operator).await;
    let body = json!({
        "method": "POST", "path": "/a/b?c=hunter1", "token": "sgt_hunter2", "body": "hunter3",
        "headers": {"x-a": "hunter4"},
    });
    let answer = admin.call_as(&operator, Method::POST, TRY, Some(body)).await.expect(200);
    let told = answer.attributes();
    assert_eq!((&told["status"], &told["end"]), (&json!(404), &json!("whole")));
    assert_eq!((&told["request_id"], &told["duration_ms"]), (&json!("r-1"), &json!(7)));
    assert_eq!(told["path"], "/plugins/files/a/b?c=hunter1");
    let made: Value = serde_json::from_str(told["text"].as_str().unwrap()).unwrap();
    assert_eq!((&made["method"], &made["body"]), (&json!("POST"), &json!("hunter3")));
    assert_eq!(made["target"], "/plugins/files/a/b?c=hunter1");
    let headers = json!([["x-a", "hunter4"], ["authorization", "Bearer sgt_hunter2"]]);
    assert_eq!(made["headers"], headers);
    let broken = admin.post(TRY, json!({"path": "/broken"})).await.expect(200);
    let told = broken.attributes();
    assert_eq!((&told["end"], &told["why"]), (&json!("broken"), &json!("cut")));

    let log = admin.get("/api/v1/audit?kind=plugin").await.expect(200).json;
    let entry = &log["data"][1]["attributes"];
    assert_eq!((&entry["operation"], &entry["actor"]), (&json!("try_plugin"), &json!("op")));
    assert_eq!(entry["detail"], "POST /plugins/files/a/b was tried out on it");
    assert!(!log.to_string().contains("hunter"), "{log}");
}

#[tokio::test]
async fn who_only_views_makes_no_request_and_what_cannot_be_sent_is_told_at_once() {
    let admin = with_plugin(Some("files")).await;
    let viewer = admin.admin_token("eve", Role::Viewer).await;
    let body = json!({"path": "/"});
    admin.call_as(&viewer, Method::POST, TRY, Some(body)).await.expect(403);
    let body = json!({
        "method": "A B", "path": "a", "token": "x", "body": "x", "body_base64": "eA==",
        "headers": {"Host": "other", "Transfer-Encoding": "chunked", "authorization": "y"},
    });
    let answer = admin.post(TRY, body).await.expect(400);
    let fields: Vec<_> =
        answer.json["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(fields, ["method", "path", "token", "headers", "headers", "body_base64"]);
    let long = json!({"path": "/", "body": "x".repeat(256 * 1024 + 1)});
    assert!(admin.post(TRY, long).await.expect(400).details()[0].contains("262144 are the most"));
    let most = json!({"path": "/", "body": "x".repeat(256 * 1024)});
    admin.post(TRY, most).await.expect(200);
    admin.post("/api/v1/plugins/9/try", json!({"path": "/"})).await.expect(404);
}

#[tokio::test]
async fn a_plugin_that_is_not_mounted_is_not_asked() {
    let admin = with_plugin(None).await;
    let answer = admin.post(TRY, json!({"path": "/"})).await.expect(409);
    assert!(answer.details()[0].contains("no slug"), "{:?}", answer.details());
}

#[tokio::test]
async fn what_a_plugin_published_is_for_operators_and_what_was_in_it_for_admins() {
    let admin = with_plugin(Some("files")).await;
    let path = "/api/v1/plugins/1/events";
    let viewer = admin.admin_token("eve", Role::Viewer).await;
    admin.call_as(&viewer, Method::GET, path, None).await.expect(403);
    let operator = admin.admin_token("op", Role::Operator).await;
    let list = admin.call_as(&operator, Method::GET, path, None).await.expect(200).json;
    assert!(!list.to_string().contains("123"), "{list}");
    let all = admin.get(path).await.expect(200).json;
    let event = &all["data"][0];
    assert_eq!((&event["type"], &event["id"]), (&json!("plugin-event"), &json!("b")));
    let told = json!({
        "node": "node-1", "at": "2023-11-14T22:13:21.000Z", "topic": "orders", "direction": "up",
        "payload_bytes": 9, "payload": "{\"n\":123}", "reached": 2, "lost": 1,
    });
    assert_eq!(event["attributes"], told);
    let meta = &all["meta"];
    assert_eq!((&meta["total_published"], &meta["most_kept"]), (&json!(7), &json!(50)));
    assert_eq!(meta["nodes"][0]["answered"], true);
    admin.get("/api/v1/plugins/9/events").await.expect(404);
}
