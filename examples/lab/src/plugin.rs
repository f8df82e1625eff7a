//! What the lab tells of itself, and which paths are streams. Knows no answer.

use std::sync::Arc;

use sidegate_sdk::{Config, Endpoint, Endpoints, Plugin, Request, Response};

use crate::dispatch::dispatch;
use crate::stats::Lab;
use crate::{asks, exact, streams};

/// HEAD is left out on purpose: so a test can watch how the gateway serves it through GET.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const SCHEMA: &str = r#"{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "properties": {
    "require_auth": {
      "type": "string",
      "enum": ["true", "false"],
      "default": "false",
      "description": "Whether every path demands a token."
    }
  }
}"#;

/// The plugin, ready to serve or to test.
pub fn plugin() -> Plugin<Lab> {
    Plugin::new("lab", env!("CARGO_PKG_VERSION"))
        .description("Shows requests, answers as told, streams as told, and counts")
        .config_schema(SCHEMA)
        .initialize(async |config: Config| Ok(Lab::new(config.flag("require_auth", false)?)))
        .endpoints(endpoints)
}

fn endpoints(lab: &Lab) -> Endpoints<Lab> {
    let at = |path: &str, about: &str| {
        Endpoint::new(path).description(about).require_auth(lab.require_auth())
    };
    let all = at("/*", "The request as JSON, and answers made to order").methods(METHODS);
    let events = at("/sse", "Server-sent events made to order").method("GET");
    let oddities = at("/sse-exact", "Odd but valid event-stream bytes").method("GET");
    let flood = at("/stream-bytes/*", "As many bytes as asked for, streamed").method("GET");
    let told = at("/events/*", "The events of a topic, as they are published").method("GET");
    Endpoints::new()
        .endpoint(all, dispatch)
        .stream(told, asks::events)
        .post(at("/method-only", "POST and nothing else"), dispatch)
        .endpoint(at("/head", "HEAD that is registered").method("HEAD"), head)
        .stream(events, streams::sse)
        .stream(oddities, exact::stream)
        .stream(flood, streams::bytes)
}

/// Says that the plugin itself saw the HEAD.
async fn head(req: Request, lab: Arc<Lab>) -> Response {
    lab.saw(&req);
    Response::new(200).header("X-Lab-Method", req.method())
}
