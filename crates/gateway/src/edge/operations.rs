//! What the gateway answers about itself: `/health`, `/ready`, `/metrics`.

use super::body::EdgeBody;
use super::context::{Edge, RequestContext};
use crate::freshness::{Knowledge, ServedPosition};
use crate::metrics::{CallFigures, NamedKeys, Plugins};
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};
use sidegate_model::issuer_keys::IssuerKeysReport;
use sidegate_model::snapshot::Revision;
use sidegate_model::status::{PluginState, PluginStatus};
use sidegate_plugins::{Generation, Mount};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why nobody comes in by a client certificate, for operators.
const NO_AUTHORITY: &str =
    "no authority vouches for certificates of clients here: set SIDEGATE_TLS_CLIENT_CA_PATH";

/// The media type of [`metrics_text`].
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers an operations path; `None` for every other path or method.
pub(crate) fn answer(
    context: &RequestContext,
    method: &Method,
    path: &str,
) -> Option<Response<EdgeBody>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    match path {
        "/health" => {
            Some(json_answer(StatusCode::OK, &json!({"status": "ok", "service": "sidegate"})))
        }
        "/ready" if context.edge.public_probes => Some(ready(context)),
        "/metrics" if context.edge.public_probes => Some(metrics(context)),
        _ => None,
    }
}

/// The status that an operations path would be answered with; `None` for every other path or method.
pub(crate) fn own_status(edge: &Edge, method: &Method, path: &str) -> Option<StatusCode> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    match path {
        "/health" => Some(StatusCode::OK),
        "/ready" if edge.public_probes => {
            Some(ready_status(readiness(edge, edge.generations.load().revision).0))
        }
        "/metrics" if edge.public_probes => Some(StatusCode::OK),
        _ => None,
    }
}

fn ready_status(is_ready: bool) -> StatusCode {
    if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Ready from the first published generation until the gateway stops, while every required plugin
/// serves; told with the reasons. Any other broken plugin is told, but never makes the node unready. An edge needs
/// something of all of its namespaces first, and says beside how old what it knows is.
pub(crate) fn readiness(edge: &Edge, revision: Revision) -> (bool, Value) {
    let settled = (edge.statuses)();
    let has_generation = settled.is_some();
    let plugins = settled.unwrap_or_default();
    let is_missing = |p: &&PluginStatus| p.required && p.state != PluginState::Ready;
    let missing: Vec<_> = plugins.iter().filter(is_missing).map(|p| p.name.as_str()).collect();
    let knowledge = edge.freshness.knowledge();
    let is_complete = edge.freshness.is_complete();
    let is_ready = has_generation && is_complete && missing.is_empty() && !edge.is_stopping();
    let mut body = json!({
        "status": if is_ready { ready_word(knowledge.as_deref()) } else { "not ready" },
        "service": "sidegate",
        "revision": revision,
        "missing": missing,
        "plugins": plugins.iter().map(plugin).collect::<Vec<_>>(),
    });
    if let (Some(knowledge), Some(body)) = (knowledge, body.as_object_mut()) {
        tell_knowledge(&knowledge, body);
    }
    (is_ready, body)
}

/// What one that is ready calls itself.
fn ready_word(knowledge: Option<&Knowledge>) -> &'static str {
    match knowledge {
        None => "ready",
        Some(knowledge) if knowledge.stale_because.is_none() => "fresh",
        Some(_) => "stale",
    }
}

/// What an edge knows, and since when.
fn tell_knowledge(knowledge: &Knowledge, body: &mut serde_json::Map<String, Value>) {
    let position = |at: &ServedPosition| json!({"namespace": at.namespace, "lineage": at.lineage, "revision": at.revision});
    let positions: Vec<_> = knowledge.positions.iter().map(position).collect();
    let reason = match (knowledge.is_complete, &knowledge.stale_because) {
        (false, Some(stale)) => Some(format!("no snapshot yet: {stale}")),
        (false, None) => Some("no snapshot yet".to_owned()),
        (true, stale) => stale.clone(),
    };
    body.extend([
        // What is counted here begins anew with each process; this is the count of the control plane.
        ("revision".to_owned(), json!(knowledge.newest_revision())),
        ("positions".to_owned(), json!(positions)),
        ("staleness_seconds".to_owned(), json!(knowledge.staleness.as_secs())),
        ("connected".to_owned(), json!(knowledge.is_connected)),
        ("reason".to_owned(), json!(reason)),
    ]);
}

/// Everything that is counted, as a scraper reads it.
pub(crate) fn metrics_text(edge: &Edge) -> String {
    let statuses = (edge.statuses)().unwrap_or_default();
    let calls = call_figures(&edge.generations.load());
    let plugins = Plugins { statuses: &statuses, calls: &calls };
    let knowledge = edge.freshness.knowledge();
    let issuers = issuer_keys(edge);
    edge.metrics.render(plugins, edge.logs.dropped_lines(), &issuers, knowledge.as_deref())
}

/// What is known of the keys of the issuers that plugins name; of those whose callers show certificates, of the authorities
/// that vouch for these.
pub(crate) fn issuer_reports(edge: &Edge) -> Vec<IssuerKeysReport> {
    let (generation, count) = (edge.generations.load(), edge.client_authorities.count());
    let named = generation.mounts().flat_map(|mount| &mount.plugin.options.policy.issuers);
    let named: BTreeSet<_> = named.cloned().collect();
    let of_certificates =
        generation.issuers.of_certificates(&named).map(|known| IssuerKeysReport {
            issuer: Some(known.issuer.id),
            keys: count,
            are_good: count > 0,
            error: (count == 0).then(|| NO_AUTHORITY.to_owned()),
            ..IssuerKeysReport::default()
        });
    edge.jwts.keys.reports().into_iter().chain(of_certificates).collect()
}

/// The keys of the issuers that plugins name, by their names.
fn issuer_keys(edge: &Edge) -> Vec<NamedKeys> {
    let generation = edge.generations.load();
    let name = |id| Some(generation.issuers.get(id)?.issuer.draft.name.clone());
    let reports = issuer_reports(edge).into_iter();
    reports.filter_map(|report| Some((name(report.issuer?)?, report))).collect()
}

/// The calls of plugins that take only so many at one time.
fn call_figures(generation: &Generation) -> Vec<CallFigures> {
    let limited = |mount: &&Arc<Mount>| mount.plugin.options.policy.concurrency.is_some();
    let figures = |mount: &Arc<Mount>| CallFigures {
        plugin: mount.plugin.name.clone(),
        now: mount.limits.concurrency.figures(),
    };
    generation.mounts().filter(limited).map(figures).collect()
}

fn ready(context: &RequestContext) -> Response<EdgeBody> {
    let (is_ready, body) = readiness(&context.edge, context.generation.revision);
    json_answer(ready_status(is_ready), &body)
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
    let mut response = Response::new(EdgeBody::full(metrics_text(&context.edge).into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE));
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
