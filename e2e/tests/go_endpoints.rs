//! Plugins in Go answer requests like any other, whatever library they are built with and however
//! they are spoken to.

use serde_json::{Value, json};
use sidegate_e2e::{Flavour, Gateway, Go, Plugin, go_story};

/// The plugin on the SDK in every flavour, each mounted under its flavour's name.
pub(crate) async fn all(go: Go, gateway: &Gateway) -> Vec<(Flavour, String, Plugin)> {
    start(go, gateway, "plugin").await
}

/// The plugin without an SDK in every flavour.
pub(crate) async fn all_raw(go: Go, gateway: &Gateway) -> Vec<(Flavour, String, Plugin)> {
    start(go, gateway, "raw").await
}

async fn start(go: Go, gateway: &Gateway, program: &str) -> Vec<(Flavour, String, Plugin)> {
    let mut plugins = Vec::new();
    for flavour in Flavour::ALL {
        let name = format!("{program}-{}", flavour.name());
        let plugin = go.plugin(gateway, program, flavour, &name).add().await;
        plugins.push((flavour, format!("/plugins/{name}"), plugin));
    }
    for (_, _, plugin) in &plugins {
        plugin.wait_ready().await;
    }
    plugins
}

#[test]
fn a_plugin_in_go_is_spoken_to_as_its_operator_wants() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, plugin) in all(go, &gateway).await {
            let counts = gateway.get(&format!("{at}/counts")).send().await.expect(200).json();
            assert_eq!(counts["tls"], flavour.mtls, "{flavour:?}");
            let pid = gateway.get(&format!("{at}/pid")).send().await.expect(200);
            assert_eq!(pid.text(), plugin.pid().await.to_string(), "{flavour:?}");
        }
    });
}

#[test]
fn a_plugin_in_go_sees_every_field_of_a_request() {
    go_story(async |go| {
        let gateway = Gateway::builder().env("EDGE_ID", "edge-7").start().await;
        for (flavour, at, _) in all(go, &gateway).await {
            let request = gateway.request("PUT", &format!("{at}/users/a%2Fb?foo=b%20r&baz"));
            let request = request.header("x-multi", "1").header("X-Multi", "2").body("grüß");
            let answer = request.header("MCP-SESSION-ID", "s").send().await.expect(201);
            assert_eq!(answer.header("x-method"), Some("PUT"), "{flavour:?}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            let seen = answer.json();
            for (field, value) in [
                ("method", json!("PUT")),
                ("path", json!(format!("{at}/users/a/b"))),
                ("raw_path", json!(format!("{at}/users/a%2Fb"))),
                ("relative_path", json!("/users/a/b")),
                ("path_segments", json!(["users", "a/b"])),
                ("query_string", json!("foo=b%20r&baz")),
                ("body", json!("grüß")),
                ("remote_addr", json!("127.0.0.1")),
                ("host", json!(gateway.addr().to_string())),
                ("protocol", json!("http")),
                ("request_id", json!(answer.header("x-request-id").unwrap())),
                ("authenticated", json!(false)),
                ("app", Value::Null),
                ("edge_id", json!("edge-7")),
                ("runtime", json!("gateway")),
                (
                    "features",
                    json!(["header_list", "raw_path", "large_messages", "storage", "sealing"]),
                ),
            ] {
                assert_eq!(seen[field], value, "{field} with {flavour:?}");
            }
            assert_eq!(seen["headers"]["X-Multi"], "1, 2");
            assert_eq!(seen["headers"]["Mcp-Session-Id"], "s");
            assert_eq!(seen["header_values"]["X-Multi"], json!(["1", "2"]));
        }
    });
}

#[test]
fn a_plugin_without_an_sdk_gets_everything_in_the_old_way() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let token = gateway.token().await;
        for (flavour, at, _) in all_raw(go, &gateway).await {
            let request = gateway.post(&format!("{at}/echo?x=1")).header("x-multi", "1");
            let request = request.header("x-multi", "2").header("cookie", "a=1").body("12345");
            let seen = request.header("cookie", "b=2").send().await.expect(200).json();
            for (field, value) in [
                ("method", json!("POST")),
                ("relative_path", json!("/echo")),
                ("path_segments", json!(["echo"])),
                ("query_string", json!("x=1")),
                ("body", json!("12345")),
                ("header_list", json!(0)),
                ("raw_path", json!(0)),
            ] {
                assert_eq!(seen[field], value, "{field} with {flavour:?}");
            }
            assert_eq!(seen["headers"]["X-Multi"], "1, 2");
            assert_eq!(seen["headers"]["Cookie"], "a=1; b=2");
            gateway.get(&format!("{at}/other")).send().await.is_error(404, "not_found", "client");
            let wrong = gateway.request("DELETE", &format!("{at}/echo")).send().await;
            wrong.is_error(405, "method_not_allowed", "client");
            let private = format!("{at}/private");
            gateway.get(&private).send().await.is_error(401, "unauthorized", "client");
            let seen = gateway.get(&private).bearer(&token).send().await.expect(200).json();
            assert_eq!((&seen["authenticated"], &seen["app"]), (&json!(true), &json!("somebody")));
        }
    });
}

#[test]
fn methods_that_a_plugin_in_go_did_not_register_are_405() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, _) in all(go, &gateway).await {
            let answer = gateway.request("PATCH", &format!("{at}/x")).send().await;
            answer.is_error(405, "method_not_allowed", "client");
            let allowed = answer.header("allow").unwrap();
            for method in ["GET", "POST", "PUT", "DELETE"] {
                assert!(allowed.contains(method), "{allowed} with {flavour:?}");
            }
            let nothing = gateway.get("/plugins/go-9-9-plain/x").send().await;
            nothing.is_error(404, "not_found", "client");
        }
    });
}

#[test]
fn a_plugin_in_go_learns_who_calls_and_never_the_token() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let app = gateway.app("shop").rate_limit(600).metadata(json!({"tier": "gold", "n": 3}));
        let app = app.create().await;
        let token = app.token().create().await;
        for (flavour, at, _) in all(go, &gateway).await {
            let private = format!("{at}/private");
            gateway.get(&private).send().await.is_error(401, "unauthorized", "client");
            let seen = gateway.get(&private).bearer(&token).send().await.expect(201).json();
            let expected = json!({
                "id": app.id, "name": "shop", "owner_email": "owner@example.com",
                "is_active": true, "rate_limit": 600, "metadata": {"tier": "gold", "n": "3"},
            });
            assert_eq!(seen["app"], expected, "{flavour:?}");
            assert_eq!((&seen["authenticated"], &seen["app_id"]), (&json!(true), &json!(app.id)));
            assert!(!seen.to_string().contains(&token), "{flavour:?}");
        }
    });
}

#[test]
fn a_plugin_in_go_can_set_two_cookies() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, _) in all(go, &gateway).await {
            let answer = gateway.get(&format!("{at}/cookies")).send().await.expect(200);
            let cookies = answer.header_values("set-cookie");
            assert_eq!(cookies, ["a=1; Path=/", "b=2; Path=/"], "{flavour:?}");
        }
    });
}

#[test]
fn what_a_plugin_in_go_fails_with_stays_inside() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, plugin) in all(go, &gateway).await {
            let pid = plugin.pid().await;
            for path in ["fail", "panic"] {
                let answer = gateway.get(&format!("{at}/{path}")).send().await;
                answer.is_error(502, "plugin_error", "plugin");
                assert!(!answer.text().contains("was asked"), "{flavour:?}");
            }
            // The SDK catches what a handler lets fall.
            assert_eq!(plugin.pid().await, pid, "{flavour:?}");
        }
    });
}

#[test]
fn bodies_larger_than_the_librarys_own_limit_reach_a_plugin_in_go() {
    go_story(async |go| {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_MAX_BODY_SIZE", "8388608");
        let gateway = builder.start().await;
        let body = vec![b'x'; 5 * 1024 * 1024];
        for (flavour, at, _) in all(go, &gateway).await {
            let answer = gateway.post(&format!("{at}/x")).body(body.clone()).send().await;
            assert_eq!(answer.expect(201).json()["body_len"], body.len(), "{flavour:?}");
        }
    });
}

#[test]
fn bytes_of_a_plugin_in_go_that_are_no_utf8_never_cost_it_its_status() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, _) in all(go, &gateway).await {
            let made = gateway.get(&format!("{at}/latin1")).send().await.expect(201);
            let name = made.headers.get("x-name").map(|value| value.as_bytes().to_owned());
            assert_eq!(name.as_deref(), Some(&b"caf\xe9"[..]), "{flavour:?}");
            assert_eq!(made.text(), "made");
            let answer = gateway.get(&format!("{at}/latin1?error")).send().await;
            answer.is_error(404, "plugin_reported", "plugin");
        }
    });
}
