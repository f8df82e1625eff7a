//! Everything of a request comes back, and the configuration decides who may ask.

use serde_json::{Value, json};
use sidegate_sdk::testing::Host;
use sidegate_sdk::{App, Request, Result};

use crate::lab;

#[tokio::test]
async fn every_field_of_a_request_is_shown() -> Result<()> {
    let app = App {
        id: 7,
        name: "shop".to_owned(),
        is_active: true,
        rate_limit: 60,
        metadata: [("mcp_access".to_owned(), "allowed".to_owned())].into(),
        ..App::default()
    };
    let request = Request::builder()
        .method("PUT")
        .path("/a%2Fb/ü?x=1&y")
        .header("x-two", "1")
        .header("X-Two", "2")
        .header("Cookie", "a=1")
        .header("Cookie", "b=2")
        .header("X-Raw", b"\xe4")
        .body("hällo")
        .remote_addr("192.0.2.1")
        .request_id("r-1")
        .app(app)
        .scopes(["read"]);
    let answer = lab().await?.send(request).await;
    assert_eq!(answer.header("X-Lab-Method"), Some("PUT"));
    let expected = json!({
        "method": "PUT",
        "path": "/plugins/test/a/b/ü",
        "raw_path": "/plugins/test/a%2Fb/ü",
        "relative_path": "/a/b/ü",
        "path_segments": ["a/b", "ü"],
        "headers": {"X-Two": "1, 2", "Cookie": "a=1; b=2", "X-Raw": "ä"},
        "header_list": [
            ["x-two", "1"], ["x-two", "2"], ["cookie", "a=1"], ["cookie", "b=2"], ["x-raw", "ä"]
        ],
        "body": "hällo",
        "body_encoding": "utf8",
        "body_len": 6,
        "body_sha256": "0fbc7403536f425ad5498d9cd846497f5371ba8374b1aa583c79d2f0c87501ff",
        "query_string": "x=1&y",
        "remote_addr": "192.0.2.1",
        "host": "localhost",
        "protocol": "http",
        "scheme": "http",
        "request_id": "r-1",
        "authenticated": true,
        "app": {
            "id": 7, "name": "shop", "description": "", "owner_email": "", "is_active": true,
            "monthly_budget": 0.0, "rate_limit": 60, "metadata": {"mcp_access": "allowed"},
        },
        "scopes": ["read"],
    });
    assert_eq!(answer.json::<Value>(), expected);
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_no_text_and_a_caller_without_app_are_shown_as_such() -> Result<()> {
    let json: Value = lab().await?.post("/", &b"\xff\x00"[..]).await.json();
    assert_eq!((&json["body"], &json["body_encoding"]), (&json!("/wA="), &json!("base64")));
    assert_eq!((&json["app"], &json["authenticated"]), (&Value::Null, &json!(false)));
    assert_eq!((&json["path_segments"], &json["relative_path"]), (&json!([]), &json!("/")));
    Ok(())
}

#[tokio::test]
async fn any_method_is_echoed_and_a_registered_head_is_seen_as_head() -> Result<()> {
    let lab = lab().await?;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let answer = lab.send(Request::builder().method(method).path("/x/y")).await;
        assert_eq!(answer.json::<Value>()["method"], method);
    }
    let head = lab.send(Request::builder().method("HEAD").path("/head")).await;
    assert_eq!((head.status(), head.header("X-Lab-Method")), (200, Some("HEAD")));
    Ok(())
}

#[tokio::test]
async fn the_context_shows_what_the_gateway_adds() -> Result<()> {
    let request = Request::builder()
        .path("/context")
        .request_id("r-2")
        .metadata("edge_id", "e")
        .metadata("edge_namespace", "n")
        .header("traceparent", "00-1");
    let expected = json!({
        "request_id": "r-2", "edge_id": "e", "edge_namespace": "n", "traceparent": "00-1",
    });
    assert_eq!(lab().await?.send(request).await.json::<Value>(), expected);
    Ok(())
}

#[tokio::test]
async fn the_configuration_decides_whether_every_path_demands_a_token() -> Result<()> {
    for (value, demanded) in [("true", true), ("false", false), ("", false)] {
        let lab = Host::start(sidegate_plugin_lab::plugin(), [("require_auth", value)]).await?;
        let registrations = lab.registrations().await?;
        assert!(registrations.iter().all(|r| r.require_auth == demanded), "{registrations:?}");
        let streams = registrations.iter().filter(|r| r.stream_response);
        let streams: Vec<_> = streams.map(|r| r.path.as_str()).collect();
        assert_eq!(streams, ["/events/*", "/sse", "/sse-exact", "/stream-bytes/*"]);
    }
    let refused = Host::start(sidegate_plugin_lab::plugin(), [("require_auth", "maybe")]).await;
    let refusal = refused.expect_err("neither true nor false").to_string();
    assert!(refusal.contains("require_auth"), "{refusal}");
    Ok(())
}
