//! From an admitted HTTP request to the message a plugin receives.

use super::context::RequestContext;
use super::error::EdgeError;
use super::sanity;
use crate::identity::admit::Permit;
use crate::identity::authenticate::unescape;
use crate::instance::{Features, Instance};
use crate::route::lookup::Match;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use sidegate_model::token::TokenHash;
use sidegate_transport::codec::{Encoded, RequestParts};
use sidegate_wire::ErrorCode;
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

/// What a plugin is asked, with the proof that it may be.
pub struct Question {
    /// The proof.
    pub permit: Permit,
    matched: Match,
    head: Parts,
    body: Bytes,
    /// The query, where it is not the one that was sent.
    query: Option<String>,
    /// The client's address, where it is not the peer's.
    forwarded_for: Option<String>,
}

/// Request headers that plugins do not see as headers: framing, and what has a field of its own.
const WITHHELD: [HeaderName; 3] = [header::HOST, header::TRANSFER_ENCODING, header::TRAILER];

/// Makes of a request what its plugin may know, and tells who is asked.
pub fn build(
    context: &RequestContext,
    admitted: Admitted,
    mut head: Parts,
    body: Bytes,
) -> (Question, Arc<Instance>) {
    let Admitted { matched, permit, instance } = admitted;
    let forwarded_for = forwarded_for(context, &head.headers);
    let query = if matched.mount.plugin.options.pass_token {
        None
    } else {
        remove_token(&permit, &mut head)
    };
    (Question { permit, matched, head, body, query, forwarded_for }, instance)
}

impl Question {
    /// The message for a plugin with these features.
    ///
    /// # Errors
    /// 413 for what no message can hold.
    pub fn encode(
        &self,
        context: &RequestContext,
        features: Features,
    ) -> Result<Encoded, EdgeError> {
        let (app, path, uri) = (self.permit.app(), &self.matched.path, &self.head.uri);
        let parts = RequestParts {
            method: self.matched.method.as_str(),
            path: path.full(),
            relative_path: path.relative(),
            path_segments: path.segments(),
            headers: &self.head.headers,
            withheld: &WITHHELD,
            header_list: features.header_list,
            body: &self.body,
            query_string: self.query.as_deref().or(uri.query()).unwrap_or_default(),
            remote_addr: self.forwarded_for.as_ref().unwrap_or(&context.connection.peer_text),
            host: sanity::host(&self.head),
            protocol: "http",
            request_id: context.id.as_str(),
            facts: &context.edge.facts,
            app: app.map(|known| &*known.identity.encoded),
            scopes: app.map_or(&[], |known| &known.token.scopes),
            raw_path: if features.raw_path { uri.path() } else { "" },
        };
        parts.encode().map_err(|e| EdgeError::public(ErrorCode::BodyTooLarge, e.to_string()))
    }
}

/// Removes the token that the gateway consumed from the headers, and gives the query without it if
/// it was there: a client may put it into both.
fn remove_token(permit: &Permit, head: &mut Parts) -> Option<String> {
    let known = permit.app()?;
    let is_token = |text: &str| TokenHash::of(text) == known.token.hash;
    let credentials = head.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    if credentials.is_some_and(|value| value.split_ascii_whitespace().any(is_token)) {
        head.headers.remove(header::AUTHORIZATION);
    }
    let holds_token = |part: &str| {
        let value = part.split_once('=').map_or(part, |(_, value)| value);
        unescape(value).is_some_and(|value| is_token(&value))
    };
    let query = head.uri.query()?;
    query.split('&').any(holds_token).then(|| {
        let kept: Vec<_> = query.split('&').filter(|part| !holds_token(part)).collect();
        kept.join("&")
    })
}

/// The client's address as a trusted proxy tells it.
fn forwarded_for(context: &RequestContext, headers: &HeaderMap) -> Option<String> {
    let trusted = |ip: IpAddr| context.edge.trusted_proxies.iter().any(|net| net.contains(ip));
    if !trusted(context.connection.peer.ip()) {
        return None;
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
    nearest.or_else(real).map(|ip| ip.to_string())
}
