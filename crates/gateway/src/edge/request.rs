//! From an admitted HTTP request to the message a plugin receives. Only here is the body read.

use super::context::{Edge, RequestContext};
use super::error::EdgeError;
use super::headers;
use super::sanity;
use crate::identity::admit::Permit;
use crate::identity::authenticate::{Carrier, token_parameter};
use crate::instance::Instance;
use crate::route::lookup::Match;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use sidegate_wire::ErrorCode;
use sidegate_wire::plugin as wire;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::timeout;

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

fn too_slow() -> EdgeError {
    EdgeError::public(ErrorCode::RequestTimeout, "the request body did not arrive in time")
}

fn too_large(edge: &Edge) -> EdgeError {
    let limit = edge.limits.max_body_bytes;
    EdgeError::public(
        ErrorCode::BodyTooLarge,
        format!("the request body is larger than the limit of {limit} bytes"),
    )
}

/// Refuses a body that announces itself as too large, before any of it is read.
///
/// # Errors
/// 413.
pub fn check_announced_size(edge: &Edge, body: &Incoming) -> Result<(), EdgeError> {
    let announced = body.size_hint().lower();
    if announced > edge.limits.max_body_bytes as u64 { Err(too_large(edge)) } else { Ok(()) }
}

/// Reads a whole body.
///
/// # Errors
/// 413 above the limit, 408 for one that does not arrive in time, 400 for a broken one.
pub async fn read_body(edge: &Edge, body: &mut Incoming) -> Result<Bytes, EdgeError> {
    let reading = timeout(edge.limits.body_total_timeout, read_frames(edge, body));
    reading.await.map_err(|_| too_slow())?
}

async fn read_frames(edge: &Edge, body: &mut Incoming) -> Result<Bytes, EdgeError> {
    let limit = edge.limits.max_body_bytes;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let frame = timeout(edge.limits.body_idle_timeout, body.frame());
        let Some(frame) = frame.await.map_err(|_| too_slow())? else {
            break;
        };
        let frame = frame.map_err(|e| {
            EdgeError::public(ErrorCode::InvalidRequest, "the request body is broken")
                .because(e.to_string())
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.len() > limit {
            return Err(too_large(edge));
        }
        if first.is_empty() && rest.is_empty() {
            // A body that comes in one piece is never copied.
            first = data;
            continue;
        }
        if rest.is_empty() {
            let announced = usize::try_from(body.size_hint().lower()).unwrap_or(0);
            rest.reserve((first.len() + data.len() + announced).min(limit));
            rest.extend_from_slice(&first);
            first = Bytes::new();
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Removes the token that the gateway consumed.
fn remove_token(permit: &Permit, headers: &mut HeaderMap, query: &mut String) {
    let Some(known) = permit.app() else { return };
    match known.carrier {
        Carrier::Header => {
            headers.remove(header::AUTHORIZATION);
        }
        Carrier::Query => {
            let kept: Vec<_> = query.split('&').filter(|p| token_parameter(p).is_none()).collect();
            *query = kept.join("&");
        }
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
