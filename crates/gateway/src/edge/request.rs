//! From an admitted HTTP request to the question for its plugin.

use super::context::RequestContext;
use super::fields::{Fields, Passing};
use super::{own_tokens, sanity};
use crate::identity::admit::Permit;
use crate::identity::authenticate::{Proof, has_jwt, is_jwt_parameter};
use crate::route::lookup::Match;
use http::request::Parts;
use sidegate_plugins::{Instance, Question, RequestFields};
use sidegate_transport::codec::encode_facts;
use std::sync::Arc;

/// By which a plugin is told that it is asked at a host of its own, and at which.
pub(crate) const OWN_HOST_FACT: &str = "own_host";

/// A request that may pass.
pub(crate) struct Admitted {
    /// Where it goes.
    pub matched: Match,
    /// That it may.
    pub permit: Permit,
    /// Who answers.
    pub instance: Arc<Instance>,
}

/// What a plugin may know of a request, with the proof that it may be asked.
pub(crate) struct PluginRequest<'a> {
    /// The proof.
    pub permit: Permit,
    /// Where it goes.
    pub matched: Match,
    head: &'a Parts,
    fields: Fields<'a>,
    /// The scheme, the client and the host it named, as `Forwarded` tells them.
    forwarded: Option<String>,
    /// The query, where it is not the one that was sent.
    query: Option<String>,
    /// What is known of the caller and of the plugin's own host, where it is asked there.
    #[expect(
        clippy::box_collection,
        reason = "hardly any request has it, and each takes the room"
    )]
    facts: Option<Box<Vec<u8>>>,
}

/// The fields that the gateway adds, by name.
type Added<'a> = [(&'static str, &'a [u8]); 5];

/// Makes of a request what its plugin may know, and tells who is asked.
pub(crate) fn build<'a>(
    context: &RequestContext,
    admitted: Admitted,
    head: &'a Parts,
) -> (PluginRequest<'a>, Arc<Instance>) {
    let Admitted { matched, permit, instance } = admitted;
    let tokens = matched.mount.plugin.options.pass_token;
    let passing = Passing { is_proxy: context.connection.is_proxy, tokens };
    let mut fields = passing.of(&head.headers);
    // It was meant for the gateway, also where that has not taken it.
    let takes_jwts = !tokens && !matched.mount.plugin.options.policy.issuers.is_empty();
    // Whoever is known was read from the same credentials before.
    let is_jwt = || {
        let known = permit.app().map(|app| matches!(app.proof, Proof::Jwt(_)));
        known.unwrap_or_else(|| has_jwt(&head.headers))
    };
    if takes_jwts && is_jwt() {
        fields.withhold_credentials();
    }
    let query = head.uri.query().filter(|_| !tokens).and_then(|sent| {
        let left = own_tokens::removed_from_query(sent);
        match takes_jwts {
            true => without_jwts(left.as_deref().unwrap_or(sent)).or(left),
            false => left,
        }
    });
    let forwarded = fields.forwarded.then(|| forwarded(context, head));
    let facts = context.own_host.as_ref().map(|host| {
        let caller = permit.app().map(|known| known.proof.facts());
        let own = encode_facts([(OWN_HOST_FACT, host.as_str())]);
        Box::new([caller.unwrap_or_default(), &own].concat())
    });
    (PluginRequest { permit, matched, head, fields, forwarded, query, facts }, instance)
}

/// What is left of a query without JWTs as tokens; `None` where there are none.
fn without_jwts(query: &str) -> Option<String> {
    let kept: Vec<_> = query.split('&').filter(|part| !is_jwt_parameter(part)).collect();
    (kept.len() < query.split('&').count()).then(|| kept.join("&"))
}

impl PluginRequest<'_> {
    /// The fields that tell where the request comes from.
    pub(crate) fn added<'s>(&'s self, context: &'s RequestContext) -> Added<'s> {
        let client = context.client().as_bytes();
        let host = context.origin.host.as_deref().unwrap_or_else(|| sanity::host(self.head));
        [
            ("X-Forwarded-For", client),
            ("X-Forwarded-Host", host),
            ("X-Forwarded-Proto", context.origin.scheme.as_str().as_bytes()),
            ("X-Real-Ip", if self.fields.real_ip { client } else { b"" }),
            ("Forwarded", self.forwarded.as_deref().unwrap_or_default().as_bytes()),
        ]
    }

    /// The question for whichever process answers.
    pub(crate) fn question<'s>(
        &'s self,
        context: &'s RequestContext,
        added: &'s Added<'s>,
    ) -> Question<'s> {
        let (app, uri) = (self.permit.app(), &self.head.uri);
        let Fields { all, withheld, .. } = &self.fields;
        Question {
            method: self.matched.method.as_str(),
            path: &self.matched.path,
            raw_path: uri.path(),
            query: self.query.as_deref().or(uri.query()).unwrap_or_default(),
            fields: RequestFields { all, withheld: *withheld, added },
            client: context.client(),
            scheme: context.origin.scheme,
            host: sanity::host(self.head),
            request_id: context.id.as_str(),
            plugin: &self.matched.mount.plugin,
            facts: &context.edge.facts,
            caller_facts: match &self.facts {
                Some(facts) => facts,
                None => app.map_or(&[], |known| known.proof.facts()),
            },
            app: app.map(|known| &*known.identity),
            scopes: app.map_or(&[], |known| &known.token.scopes),
            streams: self.matched.endpoint.stream_response,
            ticket: self.permit.ticket(),
        }
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
