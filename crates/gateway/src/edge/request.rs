//! From an admitted HTTP request to the message a plugin receives.

use super::context::RequestContext;
use super::error::EdgeError;
use super::fields::{Fields, Passing};
use super::{own_tokens, sanity};
use crate::identity::admit::Permit;
use crate::route::lookup::Match;
use bytes::Bytes;
use http::request::Parts;
use sidegate_plugins::{Features, Instance};
use sidegate_transport::codec::{Encoded, RequestParts};
use sidegate_wire::ErrorCode;
use std::sync::Arc;

/// A request that may pass.
pub(crate) struct Admitted {
    /// Where it goes.
    pub matched: Match,
    /// That it may.
    pub permit: Permit,
    /// Who answers.
    pub instance: Arc<Instance>,
}

/// What a plugin is asked, with the proof that it may be.
pub(crate) struct Question<'a> {
    /// The proof.
    pub permit: Permit,
    /// Where it goes.
    pub matched: Match,
    head: &'a Parts,
    body: Bytes,
    fields: Fields<'a>,
    /// The scheme, the client and the host it named, as `Forwarded` tells them.
    forwarded: Option<String>,
    /// The query, where it is not the one that was sent.
    query: Option<String>,
}

/// Makes of a request what its plugin may know, and tells who is asked.
pub(crate) fn build<'a>(
    context: &RequestContext,
    admitted: Admitted,
    head: &'a Parts,
    body: Bytes,
) -> (Question<'a>, Arc<Instance>) {
    let Admitted { matched, permit, instance } = admitted;
    let tokens = matched.mount.plugin.options.pass_token;
    let passing = Passing { is_proxy: context.connection.is_proxy, tokens };
    let fields = passing.of(&head.headers);
    let query = head.uri.query().filter(|_| !tokens).and_then(own_tokens::removed_from_query);
    let forwarded = fields.forwarded.then(|| forwarded(context, head));
    (Question { permit, matched, head, body, fields, forwarded, query }, instance)
}

impl Question<'_> {
    /// The message for a plugin with these features.
    ///
    /// # Errors
    /// 413 for what no message can hold.
    pub(crate) fn encode(
        &self,
        context: &RequestContext,
        features: Features,
    ) -> Result<Encoded, EdgeError> {
        let (app, path, uri) = (self.permit.app(), &self.matched.path, &self.head.uri);
        let (client, scheme) = (context.client(), context.origin.scheme);
        let own_host = sanity::host(self.head);
        let added = [
            ("X-Forwarded-For", client.as_bytes()),
            ("X-Forwarded-Host", context.origin.host.as_deref().unwrap_or(own_host)),
            ("X-Forwarded-Proto", scheme.as_str().as_bytes()),
            ("X-Real-Ip", if self.fields.real_ip { client.as_bytes() } else { b"" }),
            ("Forwarded", self.forwarded.as_deref().unwrap_or_default().as_bytes()),
        ];
        let parts = RequestParts {
            method: self.matched.method.as_str(),
            path: path.full(),
            relative_path: path.relative(),
            path_segments: path.segments(),
            headers: &self.fields.all,
            withheld: self.fields.withheld,
            added: &added,
            header_list: features.header_list,
            body: &self.body,
            query_string: self.query.as_deref().or(uri.query()).unwrap_or_default(),
            remote_addr: client,
            host: own_host,
            protocol: "http",
            request_id: context.id.as_str(),
            facts: context.edge.facts.of(scheme),
            app: app.map(|known| &*known.identity.encoded),
            scopes: app.map_or(&[], |known| &known.token.scopes),
            raw_path: if features.raw_path { uri.path() } else { "" },
        };
        parts.encode().map_err(|e| EdgeError::public(ErrorCode::BodyTooLarge, e.to_string()))
    }
}

/// Where a request comes from, in the words of RFC 7239.
fn forwarded(context: &RequestContext, head: &Parts) -> String {
    let (client, scheme) = (context.client(), context.origin.scheme.as_str());
    let client = if client.contains(':') { format!("\"[{client}]\"") } else { client.to_owned() };
    let host = context.origin.host.as_deref().unwrap_or_else(|| sanity::host(head));
    let host = match host {
        b"" => String::new(),
        host => format!("host=\"{}\";", String::from_utf8_lossy(host)),
    };
    format!("for={client};{host}proto={scheme}")
}
