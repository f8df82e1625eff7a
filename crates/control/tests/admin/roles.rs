//! What each role may do within an operation: a change of a plugin is refused by what it really changes, and secrets
//! are shown to admins only.

use crate::harness::Admin;
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin::PluginOptions;
use sidegate_model::role::Role::{self, Admin as AdminRole, Operator, Viewer};
use std::collections::BTreeSet;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PLUGIN: &str = "/api/v1/plugins/1";

async fn with_plugin() -> Admin {
    let admin = Admin::start().await;
    let app = json!({"name": "billing", "owner_email": "a@b"});
    admin.post("/api/v1/apps", app).await.expect(201);
    let plugin = json!({
        "name": "p", "slug": "p", "command": "file:///p", "config": {"api_key": "hunter1", "n": 1},
        "options": {
            "env.MODE": "hunter2", "sha256": "ab".repeat(32), "cors.origins": "https://a.example",
            "max_concurrent": "5",
        },
    });
    admin.post("/api/v1/plugins", plugin).await.expect(201);
    admin
}

async fn stored(admin: &Admin) -> Value {
    let draft = admin.store.plugin(PluginId(1)).await.expect("it is stored").draft;
    json!({"config": draft.config, "options": draft.options, "name": draft.name, "command": draft.command})
}

/// A valid value of each option, another than the plugin has, and who may set it.
const OPTIONS: [(&str, &str, Role); 43] = [
    ("optional_auth", "true", Operator),
    ("pass_token", "true", AdminRole),
    ("lenient_done", "true", Operator),
    ("mtls", "true", AdminRole),
    ("sha256", "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", AdminRole),
    ("required", "true", Operator),
    ("drain_deadline", "10s", Operator),
    ("start_timeout", "10s", Operator),
    ("initialize_timeout", "10s", Operator),
    ("ping_interval", "10s", Operator),
    ("ping_timeout", "10s", Operator),
    ("restart.base", "1s", Operator),
    ("restart.max", "10m", Operator),
    ("restart.park_after", "3", Operator),
    ("restart.window", "10m", Operator),
    ("restart.healthy_after", "10m", Operator),
    ("cors.origins", "https://b.example", Operator),
    ("cors.headers", "x-a", Operator),
    ("cors.expose", "x-b", Operator),
    ("cors.credentials", "true", Operator),
    ("cors.max_age", "10m", Operator),
    ("stream_timeout", "10m", Operator),
    ("stream_end", "abort", Operator),
    ("stream_recheck", "true", Operator),
    ("oauth.authorization_servers", "plugin:oidc", Operator),
    ("oauth.resource", "https://api.example.com", Operator),
    ("host", "id.example.com", AdminRole),
    ("secret_settings", "n", Operator),
    ("env.NAME", "x", AdminRole),
    ("require_auth", "true", Operator),
    ("apps", "billing", Operator),
    ("scopes_required", "files.read", Operator),
    ("issuers", "corp", Operator),
    ("query_token", "false", Operator),
    ("allowed_origins", "same", Operator),
    ("timeout", "10s", Operator),
    ("stream_idle_timeout", "10s", Operator),
    ("max_body", "1KiB", Operator),
    ("rate_limit", "60", Operator),
    ("rate_limit_per_client", "6", Operator),
    ("max_concurrent", "6", Operator),
    ("max_concurrent.queue", "6", Operator),
    ("max_concurrent.queue_timeout", "2s", Operator),
];

#[tokio::test]
async fn each_option_is_set_by_the_role_that_may_and_by_no_weaker_one() {
    let listed: BTreeSet<_> = OPTIONS.iter().map(|(name, ..)| *name).collect();
    let known: BTreeSet<_> = PluginOptions::NAMES.iter().copied().collect();
    assert_eq!(listed, known, "each option has a row");
    let admin = with_plugin().await;
    let viewer = admin.admin_token("viewer", Viewer).await;
    let operator = admin.admin_token("operator", Operator).await;
    for (name, value, needed) in OPTIONS {
        let patch = json!({"options": {name: value}});
        let before = stored(&admin).await;
        admin.call_as(&viewer, Method::PATCH, PLUGIN, Some(patch.clone())).await.expect(403);
        let answer = admin.call_as(&operator, Method::PATCH, PLUGIN, Some(patch.clone())).await;
        if Operator.covers(needed) {
            answer.expect(200);
        } else {
            let answer = answer.expect(403);
            assert_eq!(answer.json["code"], "insufficient_role");
            assert_eq!(answer.json["errors"][0]["field"], format!("options.{name}"));
            assert_eq!(stored(&admin).await, before, "{name}: nothing is stored");
            admin
                .call_as(crate::harness::ADMIN_TOKEN, Method::PATCH, PLUGIN, Some(patch))
                .await
                .expect(200);
        }
        assert_eq!(stored(&admin).await["options"][name], value);
        // Whoever may not set it may not remove it either.
        let remove = json!({"options": {name: null}});
        let answer = admin.call_as(&operator, Method::PATCH, PLUGIN, Some(remove.clone())).await;
        if name == "max_concurrent" || name == "cors.origins" {
            answer.expect(200);
            let again = json!({"options": {name: value}});
            admin.call_as(&operator, Method::PATCH, PLUGIN, Some(again)).await.expect(200);
        } else if Operator.covers(needed) {
            answer.expect(200);
        } else {
            answer.expect(403);
            admin.merge(PLUGIN, remove).await.expect(200);
        }
    }
}

#[tokio::test]
async fn each_field_is_changed_by_the_role_that_may_and_nothing_of_a_refused_change_is_stored() {
    let admin = with_plugin().await;
    let operator = admin.admin_token("operator", Operator).await;
    let allowed = [
        json!({"name": "q"}),
        json!({"description": "d"}),
        json!({"slug": "q"}),
        json!({"config": {"n": 2, "api_key": "hunter3"}}),
        json!({"service_scopes": ["kv.readwrite"]}),
        json!({"is_active": false}),
    ];
    for patch in allowed {
        admin.call_as(&operator, Method::PATCH, PLUGIN, Some(patch)).await.expect(200);
    }
    let before = stored(&admin).await;
    for (patch, fields) in [
        (json!({"command": "file:///q", "description": "e"}), &["command"][..]),
        (json!({"hook_type": "auth"}), &["hook_type", "hook_types"]),
        (
            json!({"options": {"env.MODE": "x", "env.B": "y", "max_body": "2KiB"}}),
            &["options.env.B", "options.env.MODE"],
        ),
        (json!({"options": null}), &["options.env.MODE", "options.sha256"]),
    ] {
        let shown = patch.to_string();
        let answer = admin.call_as(&operator, Method::PATCH, PLUGIN, Some(patch)).await.expect(403);
        let told: Vec<_> = answer.json["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        assert_eq!(told, fields, "{shown}");
        assert!(!answer.json.to_string().contains("hunter"));
        assert_eq!(stored(&admin).await, before, "{shown}: nothing is stored");
    }
}

#[tokio::test]
async fn an_operator_may_send_back_what_was_shown() {
    let admin = with_plugin().await;
    let operator = admin.admin_token("operator", Operator).await;
    let shown = admin.call_as(&operator, Method::GET, PLUGIN, None).await.expect(200);
    let (mut config, options) =
        (shown.attributes()["config"].clone(), shown.attributes()["options"].clone());
    config["n"] = json!(7);
    let body = json!({"config": config, "options": options, "command": "file:///p"});
    let request = admin.request(Method::PATCH, PLUGIN).bearer_auth(&operator);
    crate::harness::send(request.json(&body)).await.expect(200);
    let stored = stored(&admin).await;
    assert_eq!(
        (&stored["config"]["n"], &stored["config"]["api_key"]),
        (&json!(7), &json!("hunter1"))
    );
    assert_eq!(stored["options"]["env.MODE"], "hunter2");
}

#[tokio::test]
async fn secrets_are_shown_to_nobody() {
    let admin = with_plugin().await;
    for role in [Viewer, Operator, AdminRole] {
        let token = admin.admin_token(role.as_str(), role).await;
        for path in ["/api/v1/plugins", PLUGIN] {
            let shown = admin.call_as(&token, Method::GET, path, None).await.expect(200);
            assert!(!shown.json.to_string().contains("hunter"), "{role}");
        }
    }
}

#[tokio::test]
async fn what_plugins_print_is_not_for_viewers() {
    let admin = with_plugin().await;
    let viewer = admin.admin_token("viewer", Viewer).await;
    let operator = admin.admin_token("operator", Operator).await;
    let path = format!("{PLUGIN}/records");
    for (query, status) in [("", 200), ("?lines=0", 200), ("?lines=1", 403)] {
        let path = format!("{path}{query}");
        let answer = admin.call_as(&viewer, Method::GET, &path, None).await.expect(status);
        assert!(!answer.json.to_string().contains("line 199"), "{:?}", answer.json);
        let answer = admin.call_as(&operator, Method::GET, &path, None).await.expect(200);
        assert_eq!(answer.json.to_string().contains("line 199"), query != "?lines=0");
    }
}

#[tokio::test]
async fn a_role_that_is_too_weak_is_refused_before_the_body_is_read() {
    let admin = Admin::start().await;
    let viewer = admin.admin_token("viewer", Viewer).await;
    let mut stream = TcpStream::connect(admin.address).await.unwrap();
    let head = format!(
        "POST /api/v1/plugins HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {viewer}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let reading = stream.read_exact(&mut answer);
    tokio::time::timeout(std::time::Duration::from_secs(5), reading).await.unwrap().unwrap();
    assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 403");
}
