//! From an admitted HTTP request to the message a plugin receives.

use super::context::RequestContext;
use super::headers;
use super::sanity;
use crate::identity::admit::Permit;
use crate::identity::authenticate::unescape;
use crate::instance::Instance;
use crate::route::lookup::Match;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use sidegate_model::token::TokenHash;
use sidegate_wire::plugin as wire;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// A request that may pass.
pub struct Admitted {
    /// Where it goes.
    pub matched: Match,
    /// That it may.
    pub permit: Permit,
    /// Who answers.
    pub instance: Arc<Instance>,
}

/// A message for a plugin, with the proof that it may be sent.
pub struct Question {
    /// The proof.
    pub permit: Permit,
    /// The message.
    pub message: wire::EndpointRequest,
}

/// Builds the plugin's message, and tells for whom it is.
pub fn build(
    context: &RequestContext,
    admitted: Admitted,
    head: Parts,
    body: Bytes,
) -> (Question, Arc<Instance>) {
    let Admitted { matched, permit, instance } = admitted;
    let features = instance.features();
    let host = sanity::host(&head);
    let mut header_map = head.headers;
    let mut query = head.uri.query().unwrap_or_default().to_owned();
    let remote_addr = remote_addr(context, &header_map);
    if !matched.mount.plugin.options.pass_token {
        remove_token(&permit, &mut header_map, &mut query);
    }
    let (path, relative_path, path_segments) = matched.path.into_parts();
    let app = permit.app();
    let message = wire::EndpointRequest {
        method: matched.method.as_str().to_owned(),
        path,
        relative_path,
        path_segments,
        headers: headers::request_map(&header_map),
        body,
        query_string: query,
        remote_addr,
        host,
        protocol: "http".to_owned(),
        context: Some(plugin_context(context, &header_map)),
        authenticated: app.is_some(),
        app: app.map(|known| known.identity.message.clone()),
        scopes: app.map(|known| known.token.scopes.clone()).unwrap_or_default(),
        header_list: if features.header_list { headers::request_list(&header_map) } else { vec![] },
        raw_path: if features.raw_path {
            Bytes::copy_from_slice(head.uri.path().as_bytes())
        } else {
            Bytes::new()
        },
    };
    (Question { permit, message }, instance)
}

/// Removes the token that the gateway consumed, from wherever the client put it.
fn remove_token(permit: &Permit, headers: &mut HeaderMap, query: &mut String) {
    let Some(known) = permit.app() else { return };
    let is_token = |text: &str| TokenHash::of(text) == known.token.hash;
    let credentials = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if credentials.is_some_and(|value| value.split_ascii_whitespace().any(is_token)) {
        headers.remove(header::AUTHORIZATION);
    }
    let holds_token = |part: &str| {
        let value = part.split_once('=').map_or(part, |(_, value)| value);
        unescape(value).is_some_and(|value| is_token(&value))
    };
    if query.split('&').any(holds_token) {
        let kept: Vec<_> = query.split('&').filter(|part| !holds_token(part)).collect();
        *query = kept.join("&");
    }
}

/// The client's address: the peer's, or what a trusted proxy says.
fn remote_addr(context: &RequestContext, headers: &HeaderMap) -> String {
    let trusted = |ip: IpAddr| context.edge.trusted_proxies.iter().any(|net| net.contains(ip));
    if !trusted(context.connection.peer.ip()) {
        return context.connection.peer_text.clone();
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().rev();
    let hops = forwarded.filter_map(|v| v.to_str().ok()).flat_map(|line| line.rsplit(','));
    let mut nearest = None;
    for hop in hops {
        let Ok(ip) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        nearest = Some(ip.to_canonical());
        if !trusted(ip) {
            break;
        }
    }
    let real = || headers.get("x-real-ip")?.to_str().ok()?.trim().parse::<IpAddr>().ok();
    let address = nearest.or_else(real).map(|ip| ip.to_string());
    address.unwrap_or_else(|| context.connection.peer_text.clone())
}

fn plugin_context(context: &RequestContext, headers: &HeaderMap) -> wire::PluginContext {
    let mut metadata = HashMap::new();
    metadata.insert("edge_id".to_owned(), context.edge.edge_id.clone());
    metadata.insert("edge_namespace".to_owned(), context.edge.edge_namespace.clone());
    let trace = ["traceparent", "tracestate"].into_iter().filter_map(|name| {
        let value = headers.get(name).map(HeaderValue::to_str)?.ok()?;
        Some((name.to_owned(), value.to_owned()))
    });
    wire::PluginContext {
        request_id: context.id.clone(),
        metadata,
        trace_context: trace.collect(),
        ..Default::default()
    }
}
