//! What would happen to a request, over HTTP: a node is asked, nothing is executed or stored.

use super::error::ApiError;
use super::extract::Fields;
use super::state::AdminState;
use super::types::resource;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, Uri};
use sidegate_api::error::Problem;
use sidegate_api::explain::ExplainFields;
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_model::explain::ImaginedRequest;
use sidegate_model::name::shortened;
use sidegate_model::node::NodeId;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A node answers from memory; one that cannot be reached must not hold anybody up.
const EXPLAIN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// More of them no gateway takes.
const MAX_HEADERS: usize = 1000;

/// `POST /explain`
pub(crate) async fn explain(
    State(state): State<AdminState>,
    Fields(fields): Fields<ExplainFields>,
) -> Result<Response, ApiError> {
    let (node, request) = fields.settle(imagined)?;
    let node = node_of(&state, node)?;
    let asked = tokio::time::timeout(EXPLAIN_TIMEOUT, state.fleet.explain(&node, request));
    let attributes = match asked.await {
        Ok(Ok(explanation)) => explanation,
        Ok(Err(unreached)) => return Err(ApiError::not_found(unreached.to_string())),
        Err(_) => return Err(ApiError::not_found(format!("node {node} cannot be asked now"))),
    };
    Ok(Json(Shown { data: resource(ResourceType::Explanation, 1, attributes) }).into_response())
}

/// The node that is meant.
fn node_of(state: &AdminState, named: Option<String>) -> Result<NodeId, ApiError> {
    let nodes: Vec<_> = state.fleet.nodes().into_iter().map(|report| report.id).collect();
    let known = || nodes.iter().map(NodeId::as_str).collect::<Vec<_>>().join(", ");
    match named {
        Some(name) => nodes.iter().find(|node| node.as_str() == name).cloned().ok_or_else(|| {
            ApiError::not_found(format!("there is no node {name:?}: there are {}", known()))
        }),
        None if nodes.len() == 1 => Ok(nodes[0].clone()),
        None => Err(ApiError::bad_request(format!("node: say which one: there are {}", known()))),
    }
}

/// The node that was named and the request.
///
/// # Errors
/// All that is wrong.
fn imagined(fields: ExplainFields) -> Result<(Option<String>, ImaginedRequest), Vec<Problem>> {
    let ExplainFields { method, path, token, headers, client, node } = fields;
    let mut problems = Vec::new();
    let method = method.unwrap_or_else(|| "GET".to_owned());
    if Method::from_bytes(method.as_bytes()).is_err() {
        problems.push(Problem::at("method", "give the name of a method, as in GET"));
    }
    let target = path.unwrap_or_default();
    if target.contains('#') {
        let told =
            "leave out the fragment: browsers keep it for themselves, and nobody else may send one";
        problems.push(Problem::at("path", told));
    }
    if !target.starts_with('/') || target.parse::<Uri>().is_err() {
        let told = "give the path as it would be sent, from / on, as in /plugins/echo/hello?a=1";
        problems.push(Problem::at("path", told));
    }
    let all = checked_headers(headers, token, &mut problems);
    let address = client.as_deref().map(str::parse::<IpAddr>).transpose();
    if address.is_err() {
        problems.push(Problem::at("client", "give an IP address, without a port"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let client = address.ok().flatten();
    Ok((node, ImaginedRequest { method, target, headers: all, client }))
}

/// The headers of a request, with the token as one of them; what is wrong with them is added to the problems.
pub(super) fn checked_headers(
    headers: Option<BTreeMap<String, String>>,
    token: Option<String>,
    problems: &mut Vec<Problem>,
) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = headers.unwrap_or_default().into_iter().collect();
    if all.len() > MAX_HEADERS {
        problems.push(Problem::at("headers", format!("name at most {MAX_HEADERS}")));
    }
    for (name, value) in all.iter().take(MAX_HEADERS) {
        let fits = name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok();
        if !fits {
            let told = format!("{:?} is no header that can be sent", shortened(name));
            problems.push(Problem::at("headers", told));
        }
    }
    if let Some(token) = token {
        let value = format!("Bearer {token}");
        if value.parse::<HeaderValue>().is_err() {
            problems.push(Problem::at("token", "it holds what no header can"));
        } else if all.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            let told = "headers have Authorization already: say it once";
            problems.push(Problem::at("token", told));
        }
        all.push(("authorization".to_owned(), value));
    }
    all
}
