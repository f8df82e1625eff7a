//! Requests that are only thought of: what is asked of a node, and what is refused before.

use crate::harness::Admin;
use reqwest::Method;
use serde_json::json;
use sidegate_model::role::Role;

#[tokio::test]
async fn a_node_is_asked_about_the_request_as_it_would_be_sent() {
    let admin = Admin::start().await;
    let ask = json!({"method": "POST", "path": "/plugins/p/a?b=1", "token": "t",
        "headers": {"X-A": "1"}, "client": "192.0.2.1"});
    let told = admin.post("/api/v1/explain", ask).await.expect(200);
    let told = told.attributes();
    assert_eq!((&told["node"], &told["status"]), (&json!("node-1"), &json!(404)));
    let detail = told["checks"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("POST /plugins/p/a?b=1 "), "{detail}");
    assert!(detail.contains("Bearer t") && detail.contains("X-A"), "{detail}");
}

#[tokio::test]
async fn all_that_is_wrong_with_a_request_to_explain_is_told_at_once() {
    let admin = Admin::start().await;
    let ask = json!({"method": "G T", "path": "plugins", "client": "here", "headers": {"a b": ""},
        "token": "x\ny"});
    let refused = admin.post("/api/v1/explain", ask).await.expect(400);
    assert_eq!(refused.details().len(), 5, "{refused:?}");
    let elsewhere = json!({"path": "/", "node": "elsewhere"});
    let refused = admin.post("/api/v1/explain", elsewhere).await.expect(404);
    assert!(refused.details()[0].contains("there are node-1"), "{refused:?}");
    admin.post("/api/v1/explain", json!({})).await.expect(400);
}

#[tokio::test]
async fn each_node_says_where_it_listens_for_clients() {
    let admin = Admin::start().await;
    let viewer = admin.admin_token("eve", Role::Viewer).await;
    let answer = admin.call_as(&viewer, Method::GET, "/api/v1/nodes", None).await.expect(200);
    let node = &answer.json["data"][0];
    assert_eq!((&node["type"], &node["id"]), (&json!("node"), &json!("node-1")));
    let told = &node["attributes"];
    assert_eq!(
        (&told["client_url"], &told["is_own"]),
        (&json!("http://0.0.0.0:8081"), &json!(true))
    );
    assert_eq!(answer.json["meta"]["total_count"], 1);
}
