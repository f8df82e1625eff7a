//! `echo`, the example to start from: shows the request as JSON, and a text from its
//! configuration, which a page of its own in the console changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sidegate_sdk::{
    App, Config, Endpoint, Host, Manifest, Page, Plugin, Request, Response, Result,
};

const DEFAULT_CONTENT: &str = "Hello from the echo plugin";
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What is left of the configuration, and whom to ask for another one.
struct Echo {
    slug: String,
    custom_content: String,
    host: Host,
}

/// What the page shows.
#[derive(Serialize)]
struct Shown {
    slug: String,
    content: String,
}

/// What the page saves.
#[derive(Deserialize)]
struct Change {
    content: String,
}

#[derive(Serialize)]
struct Saved {
    success: bool,
    message: String,
}

#[tokio::main]
async fn main() -> sidegate_sdk::Result<()> {
    plugin().serve().await
}

fn plugin() -> Plugin<Echo> {
    let everything = Endpoint::new("/*").methods(METHODS).description("The request as JSON");
    Plugin::new("echo", env!("CARGO_PKG_VERSION"))
        .description("Shows the request it got, and a text from its configuration")
        .manifest(manifest())
        .asset("/ui/editor.js", "text/javascript", include_bytes!("../ui/editor.js"))
        .config_schema(include_str!("../config.schema.json"))
        .initialize(async |config: Config| {
            Ok(Echo {
                slug: config.slug().unwrap_or_default().to_owned(),
                custom_content: config.get("custom_content").unwrap_or(DEFAULT_CONTENT).to_owned(),
                host: config.host().clone(),
            })
        })
        .endpoint(everything, echo)
        .rpc("get_config", get_config)
        .rpc("save_config", save_config)
}

fn manifest() -> Manifest {
    let editor = Page::element("/echo/content", "echo-editor", "/ui/editor.js");
    Manifest::new("com.example.custom-echo-endpoint", "Echo", env!("CARGO_PKG_VERSION"))
        .services(["plugins.write"])
        .page(editor.label("Echo").title("Content of the echo"))
}

/// Called by the page, once it is open.
async fn get_config(_: Value, plugin: Arc<Echo>) -> Result<Shown> {
    Ok(Shown { slug: plugin.slug.clone(), content: plugin.custom_content.clone() })
}

/// Called by the page to save. When the host answers, processes with the new content serve; this one, which
/// only serves the page, is replaced as well.
async fn save_config(change: Change, plugin: Arc<Echo>) -> Result<Saved> {
    let message = plugin.host.update_config(&json!({ "custom_content": change.content })).await?;
    Ok(Saved { success: true, message })
}

async fn echo(req: Request, plugin: Arc<Echo>) -> Response {
    Response::json(&json!({
        "custom_content": plugin.custom_content,
        "method": req.method(),
        "path": req.path(),
        "relative_path": req.relative_path(),
        "path_segments": req.segments(),
        "query_string": req.query_string(),
        "headers": headers(&req),
        "body_size": req.body().len(),
        "remote_addr": req.remote_addr(),
        "host": req.host(),
        "protocol": req.protocol(),
        "request_id": req.request_id(),
        "authenticated": req.authenticated(),
        "app": req.app().map(app),
        "scopes": req.scopes(),
    }))
}

/// Every value of every header, by name.
fn headers(req: &Request) -> BTreeMap<String, Vec<String>> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in req.headers().iter() {
        let values = headers.entry(name.to_ascii_lowercase()).or_default();
        values.push(String::from_utf8_lossy(value).into_owned());
    }
    headers
}

fn app(app: &App) -> Value {
    json!({ "id": app.id, "name": app.name, "metadata": app.metadata })
}

#[cfg(test)]
mod tests {
    use sidegate_sdk::testing::Host;

    use super::*;

    #[tokio::test]
    async fn the_request_comes_back_with_the_configured_content() -> Result<()> {
        let host = Host::start(plugin(), [("custom_content", "Hello World")]).await?;
        let request = Request::builder()
            .method("PUT")
            .path("/a/b?x=1")
            .header("X-A", "1")
            .header("X-A", "2")
            .body("12345");
        let json: Value = host.send(request).await.json();
        assert_eq!(json["custom_content"], "Hello World");
        assert_eq!((&json["method"], &json["body_size"]), (&json!("PUT"), &json!(5)));
        assert_eq!(json["path_segments"], json!(["a", "b"]));
        assert_eq!(json["query_string"], "x=1");
        assert_eq!(json["headers"]["x-a"], json!(["1", "2"]));
        assert_eq!((&json["authenticated"], &json["app"]), (&json!(false), &Value::Null));
        Ok(())
    }

    #[tokio::test]
    async fn the_caller_is_shown_and_the_content_has_a_default() -> Result<()> {
        let host = Host::start(plugin(), Config::default()).await?;
        let caller = App { id: 3, name: "shop".to_owned(), ..App::default() };
        let request = Request::builder().app(caller).scopes(["read"]);
        let json: Value = host.send(request).await.json();
        assert_eq!(json["custom_content"], DEFAULT_CONTENT);
        assert_eq!(json["app"], json!({"id": 3, "name": "shop", "metadata": {}}));
        assert_eq!((&json["authenticated"], &json["scopes"]), (&json!(true), &json!(["read"])));
        Ok(())
    }

    #[tokio::test]
    async fn manifest_and_schema_tell_of_the_endpoint_and_of_the_content() -> Result<()> {
        let host = Host::start(plugin(), Config::default()).await?;
        let manifest = host.manifest().await?;
        assert_eq!(manifest["capabilities"]["primary_hook"], "custom_endpoint");
        let page = &manifest["ui"]["slots"][0]["items"][0];
        assert_eq!(
            (&page["path"], &page["mount"]["tag"]),
            (&json!("/echo/content"), &json!("echo-editor"))
        );
        let (mime_type, script) = host.asset("/ui/editor.js").await?;
        let script = String::from_utf8_lossy(&script).into_owned();
        assert!(mime_type == "text/javascript" && script.contains(r#"define("echo-editor""#));
        let schema = host.config_schema().await?;
        assert_eq!(schema["properties"]["custom_content"]["default"], DEFAULT_CONTENT);
        Ok(())
    }

    #[tokio::test]
    async fn the_page_reads_the_content_and_changes_nothing_else() -> Result<()> {
        let config = [("slug", "my-echo"), ("custom_content", "first"), ("secret", "kept")];
        let host = Host::start(plugin(), config).granting(["plugins.write"]).in_console().await?;
        let shown = json!({"slug": "my-echo", "content": "first"});
        assert_eq!(host.call("get_config", json!({})).await?, shown);
        let saved = host.call("save_config", json!({"content": "second"})).await?;
        assert_eq!(saved["success"], true);
        assert_eq!(host.configured("custom_content"), Some(json!("second")));
        assert_eq!(host.configured("secret"), Some(json!("kept")));
        host.revoke("plugins.write");
        let refused =
            host.call("save_config", json!({"content": "third"})).await.expect_err("revoked");
        assert!(refused.to_string().contains("`plugins.write`"), "{refused}");
        Ok(())
    }
}
