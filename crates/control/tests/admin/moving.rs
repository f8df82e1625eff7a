//! What moves on nodes that do not tell it: every answer says so, and nothing is made up.

use crate::harness::Admin;
use http::Method;
use serde_json::json;
use sidegate_model::role::Role;

const WHY: &str = "does not tell its control plane";

#[tokio::test]
async fn a_node_that_does_not_tell_is_named_with_the_reason() {
    let admin = Admin::start().await;
    let list = admin.get("/api/v1/requests").await.expect(200).json;
    assert_eq!((&list["data"], &list["meta"]["total_count"]), (&json!([]), &json!(0)));
    let node = &list["meta"]["nodes"][0];
    assert_eq!((&node["name"], &node["answered"]), (&json!("node-1"), &json!(false)));
    assert!(node["why"].as_str().unwrap().contains(WHY), "{node}");

    let history = admin.get("/api/v1/metrics/history?window=6h").await.expect(200);
    let told = history.attributes();
    assert_eq!((&told["step_ms"], &told["nodes"][0]["answered"]), (&json!(120_000), &json!(false)));
    let columns = told["series"].as_object().unwrap().values();
    let mut empty = columns.map(|column| column.as_array().unwrap());
    assert!(
        empty.all(|column| column.len() == 180 && column.iter().all(serde_json::Value::is_null))
    );
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told_so() {
    let admin = Admin::start().await;
    for path in [
        "requests?plugin=7",
        "traffic?plugin=7",
        "metrics/history?plugin=7",
        "metrics/history?node=x",
    ] {
        admin.get(&format!("/api/v1/{path}")).await.expect(404);
    }
    for path in [
        "requests?limit=0",
        "requests?limit=1001",
        "metrics/history?window=1d",
        "traffic?status=6xx",
        "live?x=1",
    ] {
        admin.get(&format!("/api/v1/{path}")).await.expect(400);
    }
    for id in ["x", "node-1.0", "elsewhere.1", "node-1.%20", "%FF"] {
        // The node cannot say which requests it has, another one is not there.
        let answer = admin.delete(&format!("/api/v1/requests/{id}")).await;
        let expected = if id == "node-1.0" { 503 } else { 404 };
        assert_eq!(answer.status, expected, "{id}: {:?}", answer.json);
    }
}

#[tokio::test]
async fn a_viewer_sees_what_is_open_and_neither_ends_it_nor_watches_it() {
    let admin = Admin::start().await;
    let viewer = admin.admin_token("eve", Role::Viewer).await;
    let ask = async |method: Method, path: &str| {
        admin.call_as(&viewer, method, &format!("/api/v1/{path}"), None).await.status.as_u16()
    };
    assert_eq!(ask(Method::GET, "requests").await, 200);
    assert_eq!(ask(Method::GET, "metrics/history").await, 200);
    assert_eq!(ask(Method::GET, "traffic").await, 403);
    assert_eq!(ask(Method::DELETE, "requests/node-1.0").await, 403);
}
