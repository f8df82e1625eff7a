//! The page itself: its manifest, its files, and what it may ask.

use crate::plugin::Plugin;
use serde_json::{Value, json};
use sidegate_wire::plugin as wire;
use sidegate_wire::studio;
use std::future::pending;
use std::sync::atomic::Ordering;

pub(crate) const MANIFEST: &str = r#"{
  "id": "com.example.page", "version": "1.0.0", "name": "Page",
  "capabilities": {"hooks": ["custom_endpoint", "studio_ui"], "primary_hook": "custom_endpoint"},
  "permissions": {"services": ["plugins.write", "kv.readwrite", "plugins.read"]},
  "ui": {"slots": [{"slot": "sidebar.section", "label": "Page", "icon": "/ui/icon.svg", "items": [
    {"type": "route", "path": "/admin/page", "title": "Editor",
     "mount": {"kind": "webc", "tag": "e2e-page", "entry": "/ui/page.js", "props": {"n": 1}}}
  ]}]}
}"#;

pub(crate) const SCHEMA: &str = r#"{"type": "object", "properties": {
  "content": {"type": "string", "maxLength": 40}, "beside": {"type": "string"},
  "limit": {"type": "integer", "x-admin": true}, "api_token": {"type": "string", "x-secret": true}
}}"#;

const STUDIO: &str = "/ai_studio_management.AIStudioManagementService";

pub(crate) async fn asset(path: &str) -> wire::GetAssetResponse {
    let file = match path {
        "/ui/page.js" => Some((script(), "text/javascript")),
        "/ui/page.html" => Some(("<script>alert(1)</script>".to_owned(), "text/html")),
        // As large as one may be.
        "/ui/full" => Some(("x".repeat(8 << 20), "text/plain")),
        "/ui/large" => Some(("x".repeat(10 << 20), "text/plain")),
        "/ui/hang" => pending().await,
        _ => None,
    };
    match file {
        Some((content, mime_type)) => wire::GetAssetResponse {
            success: true,
            content: content.into(),
            mime_type: mime_type.to_owned(),
            ..Default::default()
        },
        None => wire::GetAssetResponse {
            error_message: format!("asset not found: {path}"),
            ..Default::default()
        },
    }
}

/// What the element does, where a variable names no file that says it.
#[expect(clippy::disallowed_methods, reason = "the test says it in a variable")]
fn script() -> String {
    let file = std::env::var_os("PAGE_FILE").map(std::fs::read_to_string);
    let does_nothing = || "customElements.define('e2e-page', class extends HTMLElement {});".into();
    file.and_then(Result::ok).unwrap_or_else(does_nothing)
}

/// What a question of the page gets.
pub(crate) async fn answer(plugin: &Plugin, method: &str, payload: &str) -> Result<String, String> {
    let said: Value = serde_json::from_str(payload).unwrap_or_default();
    let id = plugin.setting("plugin_id").parse().unwrap_or_default();
    match method {
        "get_config" => Ok(json!({
            "content": plugin.setting("content"),
            "runtime": plugin.runtime,
            "pid": std::process::id(),
            "asked_for_endpoints": plugin.was_asked_for_endpoints.load(Ordering::Relaxed),
            "keys": [plugin.setting("plugin_id"), plugin.setting("service_broker_id"), plugin.setting("has_service_api")],
        })
        .to_string()),
        "save_config" => save(plugin, id, payload).await,
        "save_after_a_while" => {
            let work = pending::<()>();
            let _ = tokio::time::timeout(std::time::Duration::from_millis(1500), work).await;
            save(plugin, id, payload).await
        }
        "save_other" => save(plugin, id + 1, payload).await,
        "set" => {
            let request = studio::WritePluginKvRequest {
                key: "k".to_owned(),
                value: said["value"].as_str().unwrap_or_default().to_owned().into(),
                ..Default::default()
            };
            let path = format!("{STUDIO}/WritePluginKV");
            let written = plugin.host.ask::<studio::WritePluginKvResponse>(&path, &request).await?;
            Ok(json!({"created": written.created}).to_string())
        }
        "get" => {
            let request = studio::ReadPluginKvRequest { key: "k".to_owned(), ..Default::default() };
            let path = format!("{STUDIO}/ReadPluginKV");
            let read = plugin.host.ask::<studio::ReadPluginKvResponse>(&path, &request).await?;
            Ok(json!({"value": String::from_utf8_lossy(&read.value)}).to_string())
        }
        "plugins" => {
            let path = format!("{STUDIO}/ListPlugins");
            let request = studio::ListPluginsRequest::default();
            let listed = plugin.host.ask::<studio::ListPluginsResponse>(&path, &request).await?;
            let names: Vec<_> = listed.plugins.into_iter().map(|plugin| plugin.name).collect();
            Ok(json!(names).to_string())
        }
        "tools" => {
            let path = format!("{STUDIO}/ListTools");
            let request = studio::ListPluginsRequest::default();
            plugin.host.ask::<studio::ListPluginsResponse>(&path, &request).await?;
            Ok(String::new())
        }
        "fail" => Err("slug is required".to_owned()),
        "text" => Ok("no json".to_owned()),
        "large" => Ok(format!("\"{}\"", "x".repeat(10 << 20))),
        "hang" => pending().await,
        other => Err(format!("unknown method {other}")),
    }
}

async fn save(plugin: &Plugin, plugin_id: u32, config: &str) -> Result<String, String> {
    let config_json = config.to_owned();
    let request =
        studio::UpdatePluginConfigRequest { plugin_id, config_json, ..Default::default() };
    let path = format!("{STUDIO}/UpdatePluginConfig");
    let saved = plugin.host.ask::<studio::UpdatePluginConfigResponse>(&path, &request).await?;
    Ok(json!({"success": saved.success, "message": saved.message}).to_string())
}
