//! `echo`, the example to start from: shows the request as JSON, and a text from its
//! configuration. Has a manifest and a configuration schema, like any plugin that is shipped.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use sidegate_sdk::{App, Config, Endpoint, Plugin, Request, Response};

const DEFAULT_CONTENT: &str = "Hello from the echo plugin";
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What is left of the configuration.
struct Echo {
    custom_content: String,
}

#[tokio::main]
async fn main() -> sidegate_sdk::Result<()> {
    plugin().serve().await
}

fn plugin() -> Plugin<Echo> {
    let everything = Endpoint::new("/*").methods(METHODS).description("The request as JSON");
    Plugin::new("echo", env!("CARGO_PKG_VERSION"))
        .description("Shows the request it got, and a text from its configuration")
        .manifest(include_str!("../manifest.json"))
        .config_schema(include_str!("../config.schema.json"))
        .initialize(async |config: Config| {
            let content = config.get("custom_content").unwrap_or(DEFAULT_CONTENT);
            Ok(Echo { custom_content: content.to_owned() })
        })
        .endpoint(everything, echo)
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
    use sidegate_sdk::Result;
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
        let schema = host.config_schema().await?;
        assert_eq!(schema["properties"]["custom_content"]["default"], DEFAULT_CONTENT);
        Ok(())
    }
}
