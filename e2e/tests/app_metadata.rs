//! The app as plugins see it, and access rules made of its metadata.

use serde_json::json;
use sidegate_e2e::{Gateway, story};

async fn protected_lab(gateway: &Gateway) {
    gateway.plugin("lab").config("require_auth", "true").ready().await;
}

#[test]
fn the_whole_app_and_the_scopes_reach_the_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let app = gateway.app("billing").field("description", "sends bills");
        let app = app.field("monthly_budget", 12.5).rate_limit(6000);
        let app = app.metadata(json!({"team": "blue"})).create().await;
        let token = app.token().scopes(&["read", "write:all"]).create().await;
        for bare in [false, true] {
            let request = gateway.get("/plugins/lab/x");
            let request = if bare { request.http2() } else { request };
            let seen = request.bearer(&token).send().await.expect(200).json();
            assert_eq!(seen["authenticated"], true);
            assert_eq!(seen["scopes"], json!(["read", "write:all"]));
            let expected = json!({
                "id": app.id,
                "name": "billing",
                "description": "sends bills",
                "owner_email": "owner@example.com",
                "is_active": true,
                "monthly_budget": 12.5,
                "rate_limit": 6000,
                "metadata": {"team": "blue"},
            });
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(&seen["app"][key], value, "{key}");
            }
        }
    });
}

#[test]
fn metadata_of_any_json_arrives_as_text() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let metadata = json!({
            "text": "as is", "whole": 1_000_000, "part": 0.1, "yes": true, "no": false,
            "nothing": null, "list": ["a", 1], "object": {"b": 1, "a": "<"}, "empty": "",
        });
        let token = gateway.app("a").metadata(metadata).create().await.token().create().await;
        let seen = gateway.get("/plugins/lab/x").bearer(&token).send().await.json();
        let expected = json!({
            "text": "as is", "whole": "1000000", "part": "0.1", "yes": "true", "no": "false",
            "nothing": "", "list": "[\"a\",1]", "empty": "",
        });
        let metadata = &seen["app"]["metadata"];
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&metadata[key], value, "{key}");
        }
        let object: serde_json::Value =
            serde_json::from_str(metadata["object"].as_str().unwrap()).unwrap();
        assert_eq!(object, json!({"a": "<", "b": 1}));
    });
}

#[test]
fn changed_metadata_reaches_the_plugin_with_the_next_request() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let app = gateway.app("a").metadata(json!({"n": 0})).create().await;
        let token = app.token().create().await;
        let connection = gateway.connection(sidegate_e2e::Version::Http1).await;
        for n in 1..=10 {
            app.change(&json!({"metadata": {"n": n}})).await;
            let request = connection.request("GET", "/plugins/lab/x").bearer(&token);
            let seen = request.send().await.expect(200).json();
            assert_eq!(seen["app"]["metadata"], json!({"n": n.to_string()}));
        }
    });
}

#[test]
fn the_access_rules_of_the_page_work_from_the_command_line_on() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        let cli = gateway.cli();
        cli.ok(&["app", "create", "--name", "mcp", "--owner-email", "o@example.com"]).await;
        let token = cli.ok(&["token", "create", "--app", "mcp", "--quiet"]).await;
        let token = token.trim();
        let ask = async |method: &str| {
            let request = gateway.request(method, "/plugins/r/acl/tools").bearer(token);
            request.send().await.status.as_u16()
        };
        gateway.get("/plugins/r/acl/tools").send().await.is_error(401, "unauthorized", "client");
        assert_eq!(ask("GET").await, 403);
        cli.ok(&["app", "update", "mcp", "--metadata", "mcp_access=allowed"]).await;
        assert_eq!((ask("GET").await, ask("DELETE").await), (200, 200));
        cli.ok(&["app", "update", "mcp", "--metadata", "allowed_operations=GET,POST"]).await;
        assert_eq!((ask("GET").await, ask("DELETE").await), (200, 405));
        cli.ok(&["app", "update", "mcp", "--metadata", "mcp_access=denied"]).await;
        assert_eq!(ask("GET").await, 403);
        cli.ok(&["app", "update", "mcp", "--remove-metadata", "mcp_access"]).await;
        assert_eq!(ask("GET").await, 403);
    });
}
