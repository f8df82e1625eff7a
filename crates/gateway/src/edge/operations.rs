//! What the gateway answers about itself: `/health`, `/ready`, `/metrics`.

use super::body::EdgeBody;
use super::context::RequestContext;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};
use sidegate_model::status::{PluginState, PluginStatus};

/// Answers an operations path; `None` for every other path or method.
pub fn answer(context: &RequestContext, method: &Method, path: &str) -> Option<Response<EdgeBody>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    match path {
        "/health" => {
            Some(json_answer(StatusCode::OK, &json!({"status": "ok", "service": "sidegate"})))
        }
        "/ready" => Some(ready(context)),
        "/metrics" => Some(metrics(context)),
        _ => None,
    }
}

/// Ready from the first published generation until the gateway stops, while every required plugin
/// serves. Any other broken plugin is told, but never makes the node unready.
fn ready(context: &RequestContext) -> Response<EdgeBody> {
    let settled = (context.edge.statuses)();
    let has_generation = settled.is_some();
    let plugins = settled.unwrap_or_default();
    let is_missing = |p: &&PluginStatus| p.required && p.state != PluginState::Ready;
    let missing: Vec<_> = plugins.iter().filter(is_missing).map(|p| p.name.as_str()).collect();
    let is_ready = has_generation && missing.is_empty() && !context.edge.is_stopping();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": if is_ready { "ready" } else { "not ready" },
        "service": "sidegate",
        "revision": context.generation.revision,
        "missing": missing,
        "plugins": plugins.iter().map(plugin).collect::<Vec<_>>(),
    });
    json_answer(status, &body)
}

fn plugin(status: &PluginStatus) -> Value {
    json!({
        "id": status.id.0,
        "name": status.name,
        "slug": status.slug.as_ref().map(ToString::to_string),
        "state": status.state.as_str(),
        "required": status.required,
    })
}

fn metrics(context: &RequestContext) -> Response<EdgeBody> {
    let edge = &context.edge;
    let plugins = (edge.statuses)().unwrap_or_default();
    let text = edge.metrics.render(&plugins, edge.logs.dropped_lines());
    let mut response = Response::new(EdgeBody::full(text.into()));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json_answer(status: StatusCode, body: &Value) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::full(body.to_string().into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
